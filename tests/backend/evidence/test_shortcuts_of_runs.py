"""What is decided for a whole run of fixes is what would be decided fix by fix; states come back as they were put."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from milepost.db import Database
from milepost.evidence import geofence, sink, vehicles
from milepost.evidence.states import States
from milepost.evidence.window import merged, note, note_run
from milepost.fleet.repository import Row
from milepost.ingest.reading import EventBody, FixBody, Reading
from milepost.telemetry import legs
from milepost.telemetry.quality import judge, surely_good

from .test_shortcuts import T0, fences, walk

TIMES = st.integers(T0, T0 + 50)
PLACES = st.sampled_from([0.0, 1e-4, -1e-4, 2e-3, 0.2, float("nan")])


def fix(at: int, lat: float = 31.0, lon: float = 121.0, stream: int = 7) -> Reading:
    return Reading("truck-1", stream, at - T0 + 1, "fix", at, "gnss", at, FixBody(lat, lon, None, 10.0))


@given(st.lists(st.tuples(st.integers(0, 40_000), PLACES, PLACES), max_size=12), st.booleans())
def test_a_line_that_is_surely_good_has_nothing_bad_in_it(steps: list[tuple[int, float, float]], first: bool) -> None:
    at, lat, lon, line = T0, 31.0, 121.0, []
    for ms, north, east in steps:
        at, lat, lon = at + ms, lat + north, lon + east
        line.append(fix(at, lat, lon))
    before, rest = (line[0], line[1:]) if first and line else (None, line)
    points = [vehicles.point_of(each) for each in rest]
    if surely_good(vehicles.point_of(before) if before else None, points):
        for place, cur in enumerate(rest):
            behind = rest[place + 1] if place + 1 < len(rest) else None
            assert judge(before, cur, behind) in (None, "range")
            before = cur


def test_a_drive_is_surely_good_and_a_jump_is_not() -> None:
    drive = [vehicles.point_of(fix(T0 + 1000 * n, 31 + n * 1e-4)) for n in range(50)]
    assert surely_good(None, drive)
    assert not surely_good(drive[0], [vehicles.point_of(fix(T0 + 2000, 31.1))])


@given(
    st.lists(st.tuples(TIMES, st.one_of(st.none(), TIMES), st.sampled_from(["vehicle", "door"]), st.text(max_size=1))),
    st.lists(TIMES, min_size=1, max_size=6),
    st.integers(0, 5),
)
def test_the_vehicle_of_all_fixes_is_that_of_each(
    spans: list[tuple[int, int | None, str, str]], at: list[int], odd: int
):
    bindings: list[Row] = [
        {"from_ms": start, "to_ms": end, "target_kind": kind, "target_id": target} for start, end, kind, target in spans
    ]
    found = [fix(each) for each in at]
    if odd < len(found) - 1:
        found[odd] = Reading("truck-1", 7, 1, "event", found[odd].at, "gnss", T0, EventBody("boot", {}))
    vehicle = sink._vehicle_of_all(bindings, found)
    if vehicle is not None:
        assert all(each.kind == "fix" for each in found)
        assert {sink._target(bindings, each.at) for each in found} == {("vehicle", vehicle)}


def test_one_binding_holds_a_whole_run() -> None:
    bindings: list[Row] = [{"from_ms": T0, "to_ms": T0 + 9, "target_kind": "vehicle", "target_id": "v"}]
    assert sink._vehicle_of_all(bindings, [fix(T0), fix(T0 + 8)]) == "v"
    assert sink._vehicle_of_all(bindings, [fix(T0), fix(T0 + 9)]) is None


@given(st.lists(st.integers(1, 40), max_size=30), st.integers(1, 45), st.integers(0, 8))
def test_a_run_of_numbers_is_noted_as_one_by_one(seen: list[int], first: int, more: int) -> None:
    at_once: list[list[int]] = []
    for seq in seen:
        note(at_once, seq)
    one_by_one = [list(each) for each in at_once]
    before = [list(each) for each in at_once]
    if note_run(at_once, first, first + more):
        assert all(note(one_by_one, seq) for seq in range(first, first + more + 1))
        assert at_once == one_by_one
    else:
        assert at_once == before


@given(st.lists(st.integers(0, 20)), st.lists(st.integers(0, 20)))
def test_merged_is_sorted_and_the_later_one_comes_behind_its_equal(old: list[int], new: list[int]) -> None:
    known, late = [(each, 0) for each in sorted(old)], [(each, 1) for each in new]
    assert merged(known, late, key=lambda each: each[0]) == sorted(known + late, key=lambda each: each[0])


def test_states_as_json_are_read_back_the_same() -> None:
    points = [vehicles.point_of(each) for each in walk(3, 200)]
    near, stays, stands = fences(3), 0, 0
    state, way = geofence.State(), legs.State()
    for begin in range(0, 200, 5):
        some = points[begin : begin + 5]
        state, _ = geofence.run(state, some, near)
        way, _ = legs.run(way, [(each.at, each.lat, each.lon, each.speed_mps) for each in some])
        assert geofence.State.from_json(json.loads(json.dumps(state.as_json()))) == state
        assert legs.State.from_json(json.loads(json.dumps(way.as_json()))) == way
        stays, stands = stays + len(state.stays), stands + (way.stand is not None)
    assert stays
    assert stands


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 60), 1 << 60) | st.floats(allow_nan=False) | st.text("aé中\0\"\\ ")
    | st.floats(-180, 180).map(lambda each: round(each, 6)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab/1", max_size=4), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


def test_any_state_comes_back_as_it_was_put(db: Database) -> None:
    with db.tx() as conn:

        @settings(max_examples=150, deadline=None)
        @given(VALUES)
        def check(value: Any) -> None:
            states = States(conn, "x", ["t"])
            states.put("t", value)
            states.keep()
            assert States(conn, "x", ["t"]).get("t") == value

        check()
