"""Arrivals, departures and stops at a fence (requirement F3; cases F01, F03)."""

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, Polygon
from shapely import Point as Spot

from milepost.evidence.geofence import Point, State, run, step
from milepost.evidence.geometry import M_PER_DEG, FenceIndex, fence_of

LAT, LON = 31.2304, 121.4737
EAST = M_PER_DEG * math.cos(math.radians(LAT))
T0 = 1_772_416_800_000  # 2026-03-02T02:00:00Z


def at_m(x: float, y: float = 0.0) -> tuple[float, float]:
    """The position so many metres east and north of the square."""
    return LAT + y / M_PER_DEG, LON + x / EAST


def track(*rows: tuple[float, float], speed: float | None = None) -> list[Point]:
    """(seconds after T0, metres east) to fixes."""
    return [
        Point(T0 + round(second * 1000), f"gps/1/{number}", *at_m(x), speed, "gnss")
        for number, (second, x) in enumerate(rows, 1)
    ]


def circle(site: str, x: float, radius_m: float, dwell_s: int = 60):
    lat, lon = at_m(x)
    return fence_of(site, {"type": "circle", "lat": lat, "lon": lon, "radius_m": radius_m}, dwell_s)


def seen(points, *fences) -> list[tuple[str, str, float]]:
    """(kind, site, seconds after T0) in the order of telling."""
    return [(each.kind, each.site, (each.at - T0) / 1000) for each in run(State(), points, FenceIndex(fences))[1]]


def test_F01_one_step_from_yard_to_yard_leaves_first_and_is_never_in_two():
    standing = [(-1200 + 60 * minute, 0.0) for minute in range(20)]
    points = track(*standing, (0, 20), (30, 420), *[(60 + 30 * n, 430) for n in range(6)])
    told = seen(points, circle("A", 0, 150), circle("B", 400, 150))
    assert [(kind, site) for kind, site, _ in told] == [
        ("stopped", "A"), ("left", "A"), ("entered", "B"), ("stopped", "B")
    ]  # fmt: skip
    left, entered = told[1][2], told[2][2]
    assert 0 < left < entered <= 30
    assert left == pytest.approx(10.7, abs=0.1)  # 150 of the 420 m from where it stood
    assert entered == pytest.approx(17.9, abs=0.1)  # 250 of the 420 m


def test_F03_a_strip_between_two_fixes_is_crossed_once_and_nobody_arrives():
    strip = {"type": "polygon", "points": [at_m(-50, -30), at_m(50, -30), at_m(50, 30), at_m(-50, 30)]}
    points = [Point(T0 + 30_000 * n, f"gps/1/{n}", *at_m(0, 750 * (n - 3.5)), None, "gnss") for n in range(8)]
    (told,) = run(State(), points, FenceIndex([fence_of("P", strip, 60)]))[1]
    assert told.kind == "passed"
    assert (told.at + told.until) / 2 == pytest.approx(T0 + 105_000, abs=50)
    assert told.until - told.at == pytest.approx(60 / 25 * 1000, abs=50)


def test_F03_driving_by_through_a_fence_is_a_pass_of_8_seconds():
    points = track(*[(n, 17 * (n - 15)) for n in range(31)])
    (told,) = run(State(), points, FenceIndex([circle("Q", 0, 68)]))[1]
    assert told.kind == "passed"
    assert told.until - told.at == pytest.approx(8000, abs=100)


def test_stopping_inside_is_an_arrival_at_the_crossing_and_a_stop_when_standing_began():
    """These fixes say no speed: standing begins within 20 m of where it stands."""
    drive = [(n, -300 + 10 * n) for n in range(30)]
    stand = [(29 + n, -10) for n in range(1, 90)]
    told = seen(track(*drive, *stand), circle("A", 0, 150, 60))
    assert [(kind, round(second)) for kind, _, second in told] == [("entered", 15), ("stopped", 29)]


def test_a_stop_shorter_than_the_dwell_time_is_none():
    drive = [(n, -300 + 10 * n) for n in range(30)]
    stand = [(29 + n, -10) for n in range(1, 40)]
    away = [(68 + n, -10 + 10 * n) for n in range(1, 40)]
    told = seen(track(*drive, *stand, *away), circle("A", 0, 150, 60))
    assert [kind for kind, _, _ in told] == ["entered", "left"]


def test_every_new_stop_of_a_stay_is_told():
    way = [*((n, -300 + 10 * n, 10.0) for n in range(30)), *((30 + n, 0, 0.0) for n in range(70))]
    way += [*((100 + n, 5 * n, 5.0) for n in range(10)), *((110 + n, 45, 0.0) for n in range(70))]
    points = [track((second, x), speed=mps)[0] for second, x, mps in way]
    told = seen(points, circle("A", 0, 150, 60))
    assert [kind for kind, _, _ in told] == ["entered", "stopped", "stopped"]


@settings(max_examples=200)
@given(st.lists(st.floats(-28, 28), min_size=20, max_size=120))
def test_any_jitter_at_the_line_never_flaps(noise):
    """A vehicle stands on the fence; its fixes lie up to 28 m to either side: at most one arrival, no departure."""
    points = track(*[(n, 150 + wander) for n, wander in enumerate(noise)], speed=0.2)
    kinds = [kind for kind, _, _ in seen(points, circle("A", 0, 150, 10))]
    assert kinds.count("left") == 0
    assert kinds.count("entered") <= 1
    assert kinds.count("stopped") <= 1


def test_one_wild_fix_outside_is_no_departure():
    points = track(*[(n, 400 if n == 30 else 0) for n in range(60)], speed=0.0)
    assert seen(points, circle("A", 0, 150, 20)) == [("stopped", "A", 0)]


def test_one_wild_fix_inside_is_no_arrival():
    points = track(*[(n, 0 if n == 30 else 400) for n in range(60)], speed=0.0)
    assert seen(points, circle("A", 0, 150, 0)) == []


def test_leaving_is_at_the_crossing_whatever_the_margin():
    points = track(*[(n, 0) for n in range(10)], *[(10 + n, 10 * n) for n in range(1, 30)])
    assert seen(points, circle("A", 0, 150)) == [("left", "A", pytest.approx(25, abs=0.1))]


def test_leaving_over_a_long_silence_takes_the_first_fix_outside_and_says_so():
    points = track((0, 0), (60, 0), (4000, 900), (4010, 950), (4020, 990))
    (left,) = [each for each in run(State(), points, FenceIndex([circle("A", 0, 150, 300)]))[1] if each.kind == "left"]
    assert left.at == T0 + 4_000_000
    assert left.gap_ms == 3_940_000


def test_a_neighbouring_fence_within_the_margin_is_left_once_the_other_is_arrived_at():
    """Two yards 10 m apart: never in both."""
    drive = [(n, -100 + 5 * n) for n in range(44)]  # to 115: 15 m beyond A's line, 5 m inside B
    stand = [(44 + n, 118) for n in range(40)]
    told = seen(track(*drive, *stand), circle("A", 0, 100, 20), circle("B", 210, 100, 20))
    assert [(kind, site) for kind, site, _ in told][:2] == [("left", "A"), ("entered", "B")]
    assert told[0][2] < told[1][2]


@settings(max_examples=100)
@given(st.lists(st.tuples(st.floats(-400, 400), st.floats(0, 20)), min_size=2, max_size=80), st.integers(0, 200))
def test_any_track_gives_the_same_in_one_piece_or_in_two_and_through_json(rows, cut):
    points = [Point(T0 + n * 1000, f"gps/1/{n}", *at_m(x), speed, "gnss") for n, (x, speed) in enumerate(rows)]
    fences = FenceIndex([circle("A", 0, 150, 5), circle("B", 250, 60, 5)])
    whole = run(State(), points, fences)
    state, first = run(State(), points[:cut], fences)
    state, second = run(State.from_json(state.as_json()), points[cut:], fences)
    assert (state, first + second) == whole


@settings(max_examples=100)
@given(st.lists(st.floats(-400, 400), min_size=2, max_size=120))
def test_on_any_track_arrivals_and_departures_of_a_fence_alternate_in_time(xs):
    fences = FenceIndex([circle("A", 0, 150, 3)])
    told = [each for each in run(State(), track(*enumerate(xs), speed=0.5), fences)[1]
            if each.kind in ("entered", "left")]  # fmt: skip
    kinds = [each.kind for each in told]
    assert all(a != b for a, b in pairwise(kinds))
    assert [each.at for each in told] == sorted(each.at for each in told)


# To the centimetre: thinner than that, rounding decides what is inside.
coordinates = st.tuples(*[st.floats(-500, 500).map(lambda metres: round(metres, 2))] * 2)


@given(st.lists(coordinates, min_size=3, max_size=8, unique=True), coordinates, coordinates)
def test_distances_and_crossings_agree_with_shapely(corners, start, end):
    outline = Polygon(corners)
    if not outline.is_valid or outline.area < 1:
        return
    shape = {"type": "polygon", "points": [list(at_m(*corner)) for corner in corners]}
    fence = fence_of("P", shape, 60)
    flat = Polygon(fence.corners)
    if not flat.is_valid or flat.minimum_clearance < 0.01:  # rounding has laid one edge upon another
        return
    spot = Spot(fence.plane(at_m(*start)))
    wanted = spot.distance(flat.exterior) * (-1 if flat.contains(spot) else 1)
    assert fence.distance_m(at_m(*start)) == pytest.approx(wanted, abs=1e-3)
    way = LineString([fence.plane(at_m(*start)), fence.plane(at_m(*end))])
    parts = fence.crossings(at_m(*start), at_m(*end))
    for part in parts:
        assert flat.exterior.distance(way.interpolate(part, normalized=True)) < 1e-3
    if flat.exterior.distance(Spot(way.coords[0])) > 1 < flat.exterior.distance(Spot(way.coords[1])):
        sides = flat.contains(Spot(way.coords[0])) != flat.contains(Spot(way.coords[1]))
        assert bool(len(parts) % 2) == sides or _touches_a_corner(flat, way)


def _touches_a_corner(flat: Polygon, way: LineString) -> bool:
    return any(way.distance(Spot(corner)) < 1e-6 for corner in flat.exterior.coords)


def test_the_index_finds_fences_on_both_sides_of_180_degrees():
    fiji = fence_of("F", {"type": "circle", "lat": -17.0, "lon": 179.999, "radius_m": 400}, 60)
    index = FenceIndex([fiji])
    assert index.near((-17.0, -179.9995), (-17.0, -179.9995)) == {"F"}
    assert fiji.distance_m((-17.0, -179.9995)) < 0


def test_a_first_fix_inside_tells_no_arrival():
    state, told = step(State(), track((0, 0), speed=0.0)[0], FenceIndex([circle("A", 0, 150)]))
    assert told == []
    assert state.stays["A"].inside
