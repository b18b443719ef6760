"""A parked receiver wanders and jumps; its truck does not (requirement F3, cases F01, F03)."""

import math
import random
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost.evidence.geofence import State, run
from milepost.evidence.geometry import FenceIndex
from milepost.evidence.steady import Point, Steady, steadied

from .test_geofence import T0, at_m, circle

INSIDE_M = (5, 10, 20, 40, 80, -5, -10, -20, -40, -80)  # of the fence's line; negative: outside


def parked(seed: int, every_s: int, says_speed: bool, hours: float = 24) -> list[Point]:
    """A parked vehicle at (0, 0): 30 m of noise, and jumps of 200 m that nothing gives away."""
    rng = random.Random(seed)
    points = []
    for second in range(0, round(hours * 3600), every_s):
        x, y = rng.gauss(0, 21), rng.gauss(0, 21)
        if rng.random() < 0.002:
            turn = rng.uniform(0, 2 * math.pi)
            x, y = x + 200 * math.cos(turn), y + 200 * math.sin(turn)
        speed = abs(rng.gauss(0, 0.25)) if says_speed else None
        points.append(Point(T0 + second * 1000, f"gps/1/{second}", *at_m(x, y), speed, "gnss"))
    return points


@pytest.mark.parametrize("says_speed", [True, False])
@pytest.mark.parametrize("every_s", [10, 60])
def test_24_h_parked_beside_the_line_with_noise_and_jumps_show_no_event(every_s: int, says_speed: bool):
    fences = FenceIndex([circle(f"{inside}", 150 - inside, 150) for inside in INSIDE_M])
    _, seen = run(State(), parked(1, every_s, says_speed), fences)
    assert {each.kind for each in seen} <= {"stopped"}  # it does stand there


def feed(points: list[Point]) -> list[Point]:
    return steadied(Steady(), points)


def at(second: int, x: float, speed: float | None) -> Point:
    return Point(T0 + second * 1000, f"gps/1/{second}", *at_m(x), speed, "gnss")


def test_two_moving_fixes_end_a_stand_and_both_lie_where_they_were():
    way = [at(n, 0, 0.0) for n in range(60)] + [at(60 + n, 5 * n, 5.0) for n in range(1, 20)]
    assert feed(way) == way


def test_a_single_fix_that_says_it_moves_is_noise():
    way = [at(n, 0, 0.0) for n in range(60)] + [at(60, 40, 3.0)] + [at(61 + n, 1, 0.0) for n in range(9)]
    placed = feed(way)
    assert [each.id for each in placed] == [each.id for each in way]
    assert {(each.lat, each.lon) for each in placed} == {at_m(0)}


def test_a_truck_that_was_towed_while_silent_is_believed_at_its_second_fix():
    way = [at(600 * n, 0, 0.0) for n in range(4)] + [at(600 * (4 + n), 5_000, 0.0) for n in range(3)]
    assert [(each.lat, each.lon) for each in feed(way)] == [at_m(0)] * 4 + [at_m(5_000)] * 3


readings = st.lists(
    st.tuples(st.integers(1, 700), st.sampled_from([0.0, 10.0, 100.0, 400.0]), st.sampled_from([0.0, 0.4, 3.0, None])),
    max_size=60,
)


@given(readings, st.integers(0, 60))
def test_any_fixes_come_out_in_order_once_and_alike_however_they_are_handed_over(steps, cut):
    points, second = [], 0
    for gap, x, speed in steps:
        second += gap
        points.append(at(second, x, speed))
    whole = Steady()
    out = steadied(whole, points)
    assert [each.at for each in out] == sorted({each.at for each in out})
    state = Steady()
    first = steadied(state, points[:cut])
    state = Steady.from_json(asdict(state))
    assert first + steadied(state, points[cut:]) == out
    assert state == whole
    assert len(state.held) <= 6


def test_feeding_a_copy_leaves_what_it_was_copied_from():
    for speed in (0.0, None):
        state = Steady()
        steadied(state, [at(n, 0, speed) for n in range(60)])
        steadied(state, [at(60, 300, 9.0 if speed == 0.0 else None)])
        before = asdict(state)
        steadied(state.copy(), [at(60 + n, 300 + 9 * n, 9.0 if speed == 0.0 else None) for n in range(1, 9)])
        assert before["held"]
        assert asdict(state) == before
    begin = Steady()
    steadied(begin, [at(0, 0, None)])
    before = asdict(begin)
    steadied(begin.copy(), [at(9, 0, None)])
    assert before["waiting"]
    assert asdict(begin) == before
