"""Trips and stops: what a silence was (case F05), jams, yards, and that nothing is lost between them (F3)."""

import json
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost.telemetry.legs import COURIER, State, flush, legs_of, metres, run
from milepost_tools.sim.road import tracker
from milepost_tools.sim.road.way import day

from .test_geofence import T0, at_m

MINUTE, HOUR = 60_000, 3_600_000


def way(*pieces: tuple[float, float, float], step_s: int = 10, start_m: float = 0.0) -> list:
    """Fixes along a road: each piece is (seconds, m/s, speed said)."""
    fixes, second, x = [], 0, start_m
    for seconds, mps, said in pieces:
        for _ in range(round(seconds / step_s)):
            fixes.append((T0 + second * 1000, *at_m(x), said))
            second, x = second + step_s, x + mps * step_s
    return fixes


def shown(fixes, now_ms=None) -> list[tuple[str, float, float]]:
    """(kind, from, to) in minutes."""
    state, over = run(State(), fixes)
    return [(leg.kind, (leg.from_ms - T0) / MINUTE, (leg.to_ms - T0) / MINUTE) for leg in over + flush(state, now_ms)]


def minutes(mps: float, first: int, last: int, x: float = 0.0) -> list:
    """One fix a minute at a steady speed."""
    return [(T0 + n * MINUTE, *at_m(x + (n - first) * 60 * mps), mps) for n in range(first, last + 1)]


def test_F05_a_trip_without_a_stop_ends_by_the_silence_at_its_last_fix():
    state, over = run(State(), minutes(12.5, 0, 40))
    assert over == []
    assert flush(state, T0 + 40 * MINUTE + HOUR)[-1].ended_by is None
    (trip,) = flush(state, T0 + 340 * MINUTE)
    assert (trip.kind, trip.ended_by, trip.to_ms) == ("trip", "silence", T0 + 40 * MINUTE)
    assert trip.distance_m == pytest.approx(30_000, rel=0.005)


def test_F05_b_a_silence_with_no_progress_was_a_stop():
    fixes = minutes(11.7, 0, 10) + minutes(11.7, 85, 95, 10 * 60 * 11.7 + 220)
    assert shown(fixes) == [("trip", 0, 10), ("stop", 10, 85), ("trip", 85, 95)]


def test_F05_c_a_silence_with_the_progress_of_driving_is_a_gap_of_one_trip():
    state, _ = run(State(), minutes(21.7, 0, 10) + minutes(21.7, 50, 59, 13_020 + 55_000))
    (trip,) = flush(state)
    assert (trip.kind, trip.gaps, trip.gap_ms) == ("trip", 1, 40 * MINUTE)
    assert 78_000 <= trip.distance_m <= 80_000


def test_after_an_hour_unseen_elsewhere_it_is_said_that_nobody_saw_it():
    fixes = minutes(15, 0, 10) + minutes(15, 130, 140, 100_000)
    assert shown(fixes) == [("trip", 0, 10), ("unseen", 10, 130), ("trip", 130, 140)]


def test_a_traffic_light_is_no_stop_and_three_minutes_are():
    assert [kind for kind, *_ in shown(way((600, 12, 12), (150, 0, 0), (600, 12, 12)))] == ["trip"]
    assert shown(way((600, 12, 12), (200, 0, 0), (600, 12, 12)))[1] == ("stop", 10, pytest.approx(13.3, abs=0.2))


def test_a_halt_of_four_minutes_in_a_jam_is_none_and_ten_minutes_are():
    creep = [(40, 2.0, 2.0), (50, 0, 0)] * 5
    assert [kind for kind, *_ in shown(way((600, 15, 15), *creep, (240, 0, 0), *creep, (600, 15, 15)))] == ["trip"]
    kinds = [kind for kind, *_ in shown(way((600, 15, 15), *creep, (600, 0, 0), *creep, (600, 15, 15)))]
    assert kinds == ["trip", "stop", "trip"]


def test_moving_to_the_door_is_part_of_the_stop():
    yard = way((900, 14, 14), (900, 0, 0), (40, 3, 3), (1800, 0, 0), (900, 14, 14))
    kinds = shown(yard)
    assert [kind for kind, *_ in kinds] == ["trip", "stop", "trip"]
    assert kinds[1][2] - kinds[1][1] == pytest.approx((900 + 40 + 1800) / 60, abs=0.3)


def test_a_parked_tracker_that_sleeps_leaves_no_hole_where_it_drives_off():
    parked = [(T0 + n * 10 * MINUTE, *at_m(0), 0.0) for n in range(7)]
    drives = [(T0 + 65 * MINUTE + n * 10_000, *at_m(100 * (n + 1)), 10.0) for n in range(60)]
    stop, trip = shown(parked + drives)
    assert stop == ("stop", 0, pytest.approx(64.67, abs=0.01))  # 100 m before its first fix
    assert trip[1] == stop[2]


def test_a_courier_on_foot_at_the_kerb_is_a_stop():
    track = [(at, lat, lon, None) for at, lat, lon, _ in way((60, 8, 8), (40, 0.3, 0), (60, 8, 8), step_s=5)]
    assert [leg.kind for leg in legs_of(track, COURIER)] == ["trip", "stop", "trip"]
    assert [leg.kind for leg in legs_of(track)] == ["trip"]


steps = st.lists(
    st.tuples(
        st.sampled_from([1, 9, 30, 70, 400, 4_000]), st.sampled_from([0.0, 5.0, 60.0, 300.0, 20_000.0]),
        st.sampled_from([0.0, 0.6, 4.0, 14.0, None]),
    ),
    min_size=1, max_size=80,
)  # fmt: skip


def walk(given_steps) -> list:
    fixes, second, x = [], 0, 0.0
    for gap_s, move_m, said in given_steps:
        second, x = second + gap_s, x + move_m
        fixes.append((T0 + second * 1000, *at_m(x), said))
    return fixes


@given(steps)
def test_any_track_is_parted_without_hole_or_overlap(given_steps):
    fixes = walk(given_steps)
    legs = legs_of(fixes)
    assert all(one.to_ms == other.from_ms for one, other in pairwise(legs))
    assert all(leg.from_ms < leg.to_ms for leg in legs if leg.kind == "trip")
    if legs:
        assert legs[0].from_ms == fixes[0][0]
        assert legs[-1].to_ms <= fixes[-1][0]
    straight = metres(*fixes[0][1:3], *fixes[-1][1:3])
    assert sum(leg.distance_m for leg in legs) <= 3 * straight + 2_000
    assert all(leg.distance_m == 0 for leg in legs if leg.kind == "stop")


@given(steps, st.integers(0, 80), st.integers(0, 80))
def test_any_splitting_and_a_way_through_json_give_the_same_legs(given_steps, one, other):
    fixes = walk(given_steps)
    whole, over = run(State(), fixes)
    state, found = State(), []
    first, second = sorted((one, other))
    for piece in (fixes[:first], fixes[first:second], fixes[second:]):
        state, more = run(State.from_json(json.loads(json.dumps(state.as_json()))), piece)
        flush(state)  # a look changes nothing
        found += more
    assert found == over
    assert state == whole


@pytest.mark.parametrize("seed", range(3))
def test_a_day_begun_at_one_of_its_stops_goes_on_alike(seed):
    """What a correction of the past rests on: judging may begin where a stop began."""
    fixes = tracker.track(day(seed, 8), seed)
    legs = legs_of(fixes)
    start = random.Random(seed).choice([leg for leg in legs if leg.kind == "stop"][1:-2]).from_ms
    again = legs_of([fix for fix in fixes if fix[0] >= start])
    assert again == [leg for leg in legs if leg.from_ms >= start]
