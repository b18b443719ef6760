"""A line of points with a run behind it is the list of all these points, whatever piece of it is taken."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milepost.evidence import geofence, vehicles
from milepost.evidence.geofence import State
from milepost.evidence.line import Line
from milepost.evidence.steady import Point, Steady, steadied

from ..ingest.runs import run_of
from .test_shortcuts import drive, fences


def line_of(seed: int, steps: int, cut: int) -> tuple[Line, list[Point]]:
    """Some fixes of a drive: the first `cut` as points, the others as a run; and all of them as points."""
    way = drive(seed, steps)
    run = run_of(way[cut:]) if cut < steps else None
    assert cut >= steps or run is not None
    points = [vehicles.point_of(each) for each in way]
    return Line(points[:cut], run), points


PLACES = st.integers(-45, 45) | st.none()


@given(st.integers(0, 40), st.integers(0, 40), st.lists(st.tuples(PLACES, PLACES), max_size=3))
def test_any_piece_of_a_line_is_that_piece_of_its_points(steps: int, cut: int, pieces: list) -> None:
    line, points = line_of(3, steps, cut)
    new = min(cut, steps)  # place of the first of the run
    for begin, end in [(None, None), *pieces]:
        new = min(max(0, new - range(len(points))[begin:end].start), len(points[begin:end]))
        line, points = line[begin:end], points[begin:end]
        assert list(line) == points
        assert len(line) == len(points)
        assert [line[place] for place in range(-len(points), len(points))] == points * 2
        assert line.at == [each.at for each in points]
        assert line.lat == [each.lat for each in points]
        assert line.lon == [each.lon for each in points]
        assert line.speed_mps == [each.speed_mps for each in points]
        assert list(line.fixes()) == [(each.at, each.lat, each.lon, each.speed_mps) for each in points]
        assert line.seams() == points[: new + 1]


def test_a_line_ends_and_has_no_holes() -> None:
    line, _ = line_of(1, 9, 4)
    with pytest.raises(IndexError):
        line[9]
    with pytest.raises(ValueError, match="without holes"):
        line[::2]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 300), st.integers(0, 300))
def test_a_drive_by_columns_is_the_drive_fix_by_fix(seed: int, cut: int, pause: int) -> None:
    line, points = line_of(seed, 300, cut)
    near = fences(seed)
    state, seen = State(), []
    for point in points:
        state, new = geofence.step(state, point, near)
        seen += new
    half, first = geofence.run(State(), line[:pause], near)
    whole, second = geofence.run(half, line[pause:], near)
    assert (whole, first + second) == (state, seen)
    assert geofence.run(half, points[pause:], near) == (whole, second)  # and the state before is as it was


@given(st.lists(st.sampled_from([None, 0.0, 0.99, 1.0, 20.0]), min_size=1, max_size=9), st.integers(0, 10_000))
def test_who_moves_on_passes_as_he_is(speeds: list[float | None], seed: int) -> None:
    points = [vehicles.point_of(each) for each in drive(seed, 100)]
    state = Steady()
    steadied(state, points[: seed % 90])
    ahead = [Point(each.at, each.id, each.lat, each.lon, speed, each.clock)
             for each, speed in zip(points[90:], speeds, strict=False)]  # fmt: skip
    before = state.copy()
    if state.moves_on(speeds):
        assert steadied(state, ahead) == ahead
        assert state == before
