"""Thinning keeps shape: what is left out lies within the tolerance that is told, and ends stay."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost.telemetry import simplify
from milepost.telemetry.simplify import thinned
from milepost.telemetry.ways import Plane


class Drawn:
    """Points of a drawing, in metres."""

    def __init__(self, x: np.ndarray, y: np.ndarray) -> None:
        self.points = np.column_stack([x, y])

    def __len__(self) -> int:
        return len(self.points)

    def __getitem__(self, which: np.ndarray) -> np.ndarray:
        return self.points[which]


def distances_m(x: np.ndarray, y: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Distance of every point to the piece of line over it: the slow way, point by point."""
    found = []
    for i in range(len(x)):
        after = next(n for n, k in enumerate(kept) if k >= i)
        a, b = int(kept[max(0, after - 1)]), int(kept[after])
        line = np.array([x[b] - x[a], y[b] - y[a]])
        point = np.array([x[i] - x[a], y[i] - y[a]])
        share = float(np.clip(point @ line / max(line @ line, 1e-12), 0, 1))
        found.append(float(np.hypot(*(point - share * line))))
    return np.array(found)


@given(
    seed=st.integers(0, 10_000),
    n=st.integers(2, 300),
    most=st.integers(2, 60),
    noise_m=st.sampled_from([0.0, 3.0, 900]),
)
def test_any_way_is_thinned_within_the_tolerance_told(seed: int, n: int, most: int, noise_m: float) -> None:
    luck = np.random.default_rng(seed)
    heading = np.cumsum(luck.normal(0, 0.3, n))
    x = np.cumsum(20 * np.cos(heading)) + luck.normal(0, noise_m, n)
    y = np.cumsum(20 * np.sin(heading)) + luck.normal(0, noise_m, n)
    cuts = sorted(luck.choice(np.arange(1, n), size=min(3, n - 1), replace=False).tolist())
    ends = sorted({0, n - 1, *cuts, *(cut - 1 for cut in cuts)})
    kept, tolerance_m = thinned(Drawn(x, y), ends, most)
    assert np.all(np.diff(kept) > 0)
    assert set(ends) <= set(kept.tolist())
    assert len(kept) <= max(most, len(ends))
    assert distances_m(x, y, kept).max() <= tolerance_m + 1e-6


@given(seed=st.integers(0, 10_000), n=st.integers(50, 400), placed=st.integers(17, 100))
def test_how_many_points_are_placed_at_once_changes_nothing(seed: int, n: int, placed: int) -> None:
    luck = np.random.default_rng(seed)
    way = Drawn(np.cumsum(luck.normal(0, 20, n)), np.cumsum(luck.normal(0, 20, n)))
    ends = sorted({0, n - 1, *luck.choice(n, 5, replace=False).tolist()})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simplify, "_AT_ONCE", 16)
        whole = [thinned(way, ends, most) for most in (6, 20, 40)]
        patch.setattr(simplify, "_PLACED", placed)
        in_pieces = [thinned(way, ends, most) for most in (6, 20, 40)]
    for (one, within_m), (other, other_m) in zip(whole, in_pieces, strict=True):
        assert one.tolist() == other.tolist()
        assert within_m == other_m


def test_a_decaying_zigzag_of_sixty_thousand_points_does_not_end_the_process() -> None:
    """The library recurses per point there; unbounded it overflows the stack of a thread."""
    n = 60_000
    x = np.arange(n, dtype=np.float64)
    y = np.where(np.arange(n) % 2 == 0, 1.0, -1.0) * (n - x) * 2
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(len(thinned(Drawn(x, y), [0, n - 1], 2_000)[0])))
    thread.start()
    thread.join()
    assert 2 <= found[0] <= 2_000


def test_few_points_and_points_in_one_place_are_no_trouble() -> None:
    assert thinned(Drawn(np.zeros(1), np.zeros(1)), [0], 2)[0].tolist() == [0]
    kept, tolerance_m = thinned(Drawn(np.zeros(5_000), np.zeros(5_000)), [0, 4_999], 10)
    assert (kept.tolist(), tolerance_m < 1.1) == ([0, 4_999], True)


def test_a_half_hour_of_standing_stays_where_it_was_in_time() -> None:
    """Ends of stops are ends: without them a line through the place would move the truck during its stop."""
    x = np.concatenate([np.arange(1_000) * 10.0, np.full(1_800, 9_990.0), 9_990.0 + np.arange(1_000) * 10.0])
    kept, _ = thinned(Drawn(x, np.zeros_like(x)), [0, 999, 2_800, len(x) - 1], 10)
    assert {999, 2_800} <= set(kept.tolist())


@pytest.mark.parametrize("lat", [0.0, 31.2, 60.0, 80.0])
def test_metres_are_metres_at_any_latitude_and_over_the_antimeridian(lat: float) -> None:
    east = 1 / 111_195 / np.cos(np.radians(lat))  # degrees of a metre
    for lon in (121.4, 180 - 50 * east):
        lons = (lon + np.arange(0, 200) * east + 180) % 360 - 180
        x, y = Plane(np.full(200, lat), lons)[np.arange(200)].T
        assert np.allclose(np.diff(x), 1, atol=0.01)
        assert np.allclose(np.diff(y), 0)
