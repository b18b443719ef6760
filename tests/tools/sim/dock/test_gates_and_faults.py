"""Light gates see bodies as long as they are; lines get lost, doubled and late as often as they should."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milepost_tools.sim.dock.faults import Net, arrivals, clock, kept
from milepost_tools.sim.dock.gates import joined, mask, spans
from milepost_tools.sim.dock.world import Body, Way


@settings(max_examples=60, deadline=None)
@given(st.floats(0.4, 3.5), st.floats(-1.0, 1.0), st.floats(0.3, 3.0), st.booleans())
def test_any_body_breaks_a_beam_for_its_length(speed: float, line_y_m: float, length_m: float, inwards: bool) -> None:
    way = Way(100.0, 0.2, -5.0 if inwards else 5.0).go(0.2, 5.0 if inwards else -5.0, speed)
    ((begin, end),) = spans([Body(way, length_m, 0.9)], 0.0, line_y_m)
    assert end - begin == pytest.approx(length_m / speed)
    middle_s = 100 + (5 + (line_y_m if inwards else -line_y_m)) / speed
    assert (begin + end) / 2 == pytest.approx(middle_s)


def test_who_passes_along_the_wall_breaks_only_a_beam_that_he_reaches() -> None:
    along = Body(Way(0, -10, -1.0).go(10, -1.0, 1.0), 1.2, 0.9)
    assert spans([along], 0.0, -0.4) == []
    ((begin, end),) = spans([along], 0.0, -0.6)
    assert end - begin == pytest.approx(2 * (1.35 + 0.6))
    assert spans([along], 30.0, -0.6) == []


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0.1, 20)), max_size=12))
def test_joined_spans_cover_the_same_and_never_touch(pairs: list[tuple[float, float]]) -> None:
    found = [(begin, begin + length) for begin, length in pairs]
    merged = joined(found)
    assert all(one[1] < other[0] for one, other in zip(merged, merged[1:], strict=False))  # noqa: RUF007
    for t in np.linspace(0, 121, 50):
        assert any(a <= t <= b for a, b in found) == any(a <= t <= b for a, b in merged)


def test_a_mask_marks_the_steps_of_its_spans() -> None:
    assert mask([(11.0, 12.0)], 10.0, 6, 0.5).tolist() == [False, False, True, True, True, False]
    assert mask([(11.0, 12.0)], 10.0, 6, 0.5, before_s=1.0, after_s=9.0).all()


def net(**changes: float) -> Net:
    return Net(**{"lost": 0.0, "duplicate": 0.0, "reorder_s": 0.0, "reorder_share": 0.0, "offline_a_reader": 0.0,
                  "burst_a_hour": 0.0} | changes)  # fmt: skip


def test_losses_repeats_and_disorder_are_as_frequent_as_said() -> None:
    rng = np.random.default_rng(0)
    t_s = np.sort(rng.uniform(0, 3600, 50_000))
    keep, _ = kept(t_s, 0, 3600, net(lost=0.02), rng)
    assert 0.017 < 1 - keep.mean() < 0.023
    _, bursts = kept(t_s, 0, 3600, net(burst_a_hour=3), rng)
    assert 0 <= bursts < 15
    index, arrive, gaps = arrivals(t_s, 0, 3600, net(duplicate=0.03), rng)
    assert gaps == 0 and 0.025 < len(index) / len(t_s) - 1 < 0.035
    assert set(index) == set(range(len(t_s)))
    assert (arrive >= t_s[index]).all()
    _, arrive, _ = arrivals(t_s, 0, 3600, net(reorder_share=0.02, reorder_s=30.0), rng)
    assert 0.015 < (arrive - t_s > 0.3).mean() < 0.02
    assert 25 < (arrive - t_s).max() < 30.4


def test_lines_of_an_offline_gap_come_after_it_and_none_is_lost() -> None:
    rng = np.random.default_rng(1)
    t_s = np.sort(rng.uniform(0, 3600, 20_000))
    index, arrive, gaps = arrivals(t_s, 0, 3600, net(offline_a_reader=1.0), rng)
    assert gaps == 1 and len(index) == len(t_s)
    waited = t_s[arrive - t_s > 1.0]
    assert len(waited) > 100
    assert arrive[arrive - t_s > 1.0].min() >= waited.max()


def test_a_clock_shows_its_offset_its_drift_and_its_jump() -> None:
    t_s = np.array([1000.0, 4600.0, 8200.0])
    assert clock(t_s, 1000.0, 0.3, 20.0, None) == pytest.approx([1000.3, 4600.372, 8200.444])
    assert clock(t_s, 1000.0, 0.0, 0.0, (4000, 5000, -2.0)) == pytest.approx([1000, 4598, 8200])
