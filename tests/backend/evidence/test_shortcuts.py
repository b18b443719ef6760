"""What is left out to be fast changes nothing: far fences, judgements that stand, states of many targets at once."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milepost.db import Database
from milepost.evidence import geofence, repository, sink, vehicles
from milepost.evidence.geofence import Point, State
from milepost.evidence.geometry import M_PER_DEG, Fence, FenceIndex
from milepost.evidence.line import Line
from milepost.evidence.states import States
from milepost.evidence.steady import Steady
from milepost.ingest.reading import FixBody, Reading
from milepost.ingest.run import Run
from milepost.telemetry.quality import judge

from ..ingest.runs import run_of

T0 = 1_777_800_000_000
HOME = (31.23, 121.47)


def reading(n: int, lat: float, lon: float, speed_mps: float | None = 10.0) -> Reading:
    return Reading("truck-1", 7, n + 1, "fix", T0 + n * 1000, "gnss", T0 + n * 1000, FixBody(lat, lon, None, speed_mps))


def walk(seed: int, steps: int) -> list[Reading]:
    """A drive among the fences with jumps of the receiver, and of the vehicle, in it."""
    rng = random.Random(seed)
    lat, lon, found, ferry = *HOME, [], 0.0
    for n in range(steps):
        if rng.random() < 0.06:  # a way that nobody saw: bad until the next fix agrees
            ferry = 0.02 - ferry
        lat += rng.choice((0.0, 0.0, 2e-4, -1e-4))
        lon += rng.choice((0.0, 0.0, 2e-4, -1e-4))
        jump = rng.choice((0.2, -0.2)) if rng.random() < 0.08 else 0.0
        found.append(reading(n, round(lat + jump + ferry, 6), round(lon, 6), rng.choice((0.0, 0.5, 12.0))))
    return found


def drive(seed: int, steps: int) -> list[Reading]:
    """Ways at one speed to and fro among the fences and past them, and stands between."""
    rng = random.Random(seed)
    lat, lon, found = *HOME, []
    while len(found) < steps:
        far = rng.choice((4e-3, 2e-2))
        north, east = (HOME[n] + rng.uniform(-far, far) - here for n, here in enumerate((lat, lon)))
        legs = max(1, round(max(abs(north), abs(east)) / 2e-4))
        for _ in range(legs):
            lat, lon = round(lat + north / legs, 6), round(lon + east / legs, 6)
            found.append(reading(len(found), lat, lon, None if rng.random() < 0.003 else 22.0))
        found += [reading(len(found) + n, lat, lon, rng.choice((0.0, 0.6))) for n in range(rng.choice((0, 8, 90)))]
    return found[:steps]


def fences(seed: int) -> FenceIndex:
    rng = random.Random(seed)
    made = []
    for n in range(12):
        lat, lon = HOME[0] + rng.uniform(-4e-3, 4e-3), HOME[1] + rng.uniform(-4e-3, 4e-3)
        square = ((-80.0, -80.0), (-80.0, 80.0), (80.0, 80.0), (80.0, -80.0)) if n % 3 == 0 else ()
        made.append(Fence(f"s{n}", 5_000, lat, lon, radius_m=0.0 if square else rng.uniform(20, 200), corners=square))
    return FenceIndex(made)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_a_fence_farther_than_the_way_is_long_sees_nothing(seed: int) -> None:
    points = [vehicles.point_of(each) for each in walk(seed, 150)]
    near = fences(seed)
    fast = geofence.run(State(), points, near)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(geofence, "way_at_most_m", lambda *_: float("inf"))
        patch.setattr(FenceIndex, "away", lambda *_: False)
        assert geofence.run(State(), points, near) == fast


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 60), st.integers(1, 40))
def test_a_track_away_from_every_fence_is_one(seed: int, start: int, count: int) -> None:
    """Also in short pieces, most of which have nothing near."""
    points = [vehicles.point_of(each) for each in walk(seed, 100)][start : start + count]
    near = fences(seed)
    state, seen = State(), []
    for point in points:
        state, new = geofence.step(state, point, near)
        seen += new
    assert geofence.run(State(), points, near) == (state, seen)
    if near.away([point.lat for point in points], [point.lon for point in points]):
        assert all(fence.distance_m((point.lat, point.lon)) > 0 for point in points for fence in near.by_site.values())


def test_being_away_is_the_rule_and_being_inside_is_never_away() -> None:
    near = FenceIndex([Fence("s", 0, *HOME, radius_m=100)])
    lat, lon = HOME
    assert near.away([lat + 0.002, lat + 0.002], [lon, lon + 0.01])
    assert not near.away([lat], [lon])
    assert not near.away([lat - 0.01, lat + 0.01], [lon, lon])


OFFSET = st.floats(-0.05, 0.05)


@given(st.tuples(st.floats(-80, 80), st.floats(-180, 179.9)), OFFSET, OFFSET, OFFSET)
def test_no_way_is_longer_than_is_said(start: tuple[float, float], north: float, east: float, off: float) -> None:
    end = (start[0] + north, start[1] + east)
    fence = Fence("s", 0, start[0] + off, start[1] - off, radius_m=10)
    (ax, ay), (bx, by) = fence.plane(start), fence.plane(end)
    assert ((ax - bx) ** 2 + (ay - by) ** 2) ** 0.5 <= geofence.way_at_most_m(start, end)
    assert geofence.way_at_most_m(start, start) < 1
    assert geofence.way_at_most_m((0.0, 0.0), (1.0, 0.0)) >= M_PER_DEG


@pytest.mark.parametrize(
    ("seed", "way", "sizes"),
    [*((seed, walk(seed, 120), (1, 1, 3, 30)) for seed in range(4)),
     *((seed, drive(seed, 900), (1, 20, 90, 200)) for seed in range(4))],
    ids=[*("walk",) * 4, *("drive",) * 4],
)  # fmt: skip
def test_a_judgement_that_stands_is_the_one_made_anew(
    db: Database, seed: int, way: list[Reading], sizes: Sequence[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fixes one by one, in groups, some late: the window and its facts are those of judging all of it every time."""
    passes: list[object] = []  # the sites of this test are in no table that a pass could refer to
    monkeypatch.setattr(repository, "add_pass", lambda _, row: passes.append(tuple(row.items())))
    monkeypatch.setattr(repository, "drop_pass", lambda _, key: passes.append(key))
    rng = random.Random(seed)
    near = fences(seed)
    groups: list[list[Reading]] = []
    rest = way
    while rest:
        groups.append(rest[: (size := rng.choice(sizes))])
        rest = rest[size:]
    for place in range(0, len(groups) - 1, 3):
        groups[place], groups[place + 1] = groups[place + 1], groups[place]

    def told(forget: Callable[[dict], None], made: Callable[[list], Sequence[Reading]] = list) -> list[object]:
        found: list[object] = []
        with db.engine.connect() as conn:
            begun = conn.execution_options(milepost_write=True).begin()
            for group in groups:
                states = States(conn, vehicles.DETECTOR, ["v"])
                facts, late = vehicles.observe(conn, states, "v", made(group), near, waiting=False, now=T0)
                states.keep()
                window = repository.load_state(conn, vehicles.DETECTOR, "v")
                assert window is not None
                last, there = window["base"]["last"], [row[0] for row in window["points"]]
                assert last is None or all(last["at"] < at for at in there)
                found.append(
                    ([(each.id, each.kind, each.at, each.rev) for each in facts], late, dict(window), passes[:])
                )
                passes.clear()
                forget(window)
                repository.save_state(conn, vehicles.DETECTOR, "v", window)
            begun.rollback()
        return found

    standing = told(lambda _: None)
    assert standing == told(lambda window: window.pop("bad"))
    assert standing == told(lambda _: None, lambda group: run_of(group) or group)
    monkeypatch.setattr(Steady, "moves_on", lambda *_: False)
    monkeypatch.setattr(FenceIndex, "away", lambda *_: False)
    assert standing == told(lambda _: None)
    assert any(window["bad" if sizes[-1] == 30 else "told"] for _, _, window, _ in standing)  # type: ignore[misc]


def test_a_point_is_kept_in_the_order_of_its_fields() -> None:
    point = Point(1, "d/7/1", 2.0, 3.0, None, "rtc", 4)
    assert Point(*vehicles._row(point)) == point


def test_states_of_many_targets_are_kept_in_one_go(db: Database) -> None:
    names = [f"t{n}" for n in range(1_200)]
    with db.tx() as conn:
        states = States(conn, "x", names)
        assert states.get("t0") is None
        for name in names:
            states.put(name, {"n": name})
        assert states.get("t7") == {"n": "t7"}
        states.keep()
    with db.tx() as conn:
        states = States(conn, "x", [*names, "new"])
        assert all(states.get(name) == {"n": name} for name in names)
        states.put("t1", [1])
        states.put("new", 2)
        states.keep()
        states.put("t1", [2])
        states.keep()
    with db.read() as conn:
        assert repository.load_state(conn, "x", "t1") == [2]
        assert repository.load_state(conn, "x", "new") == 2
        assert repository.load_state(conn, "x", "t2") == {"n": "t2"}


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([1, 1, 1, 0, -3]), st.sampled_from([1e-4, 0.0, 0.02, -31.0]),
            st.sampled_from([9, 9, 9, 0, None]),
        ),
        min_size=1, max_size=6,
    ),
    st.sampled_from([None, -1, 0, 1, 3]),
)  # fmt: skip
def test_a_usual_run_gives_the_points_of_its_fixes_and_none_of_it_is_late(
    steps: list[tuple[int, float, int | None]], edge_s: int | None
) -> None:
    at, lat, line = T0, 31.0, []
    for n, (seconds, north, sats) in enumerate(steps):
        at, lat = at + seconds * 1000, round(lat + north, 6)
        line.append(
            Reading("truck-1", 7, n + 1, "fix", at, "gnss", T0 + 5000, FixBody(lat, 0.0, None, 9.0, None, sats))
        )
    run, edge = run_of(line), None if edge_s is None else T0 + edge_s * 1000
    if run is not None and vehicles._is_usual(run, edge):
        assert edge is None or min(run.at) > edge
        assert list(Line((), run)) == [vehicles.point_of(each) for each in line]
        assert all(judge(None, each) is None for each in line)
        assert vehicles._in_order(line) == line


def test_a_drive_is_a_usual_run_unless_part_of_it_is_late() -> None:
    line = [reading(n, HOME[0] + n * 1e-5, HOME[1]) for n in range(9)]
    run = run_of([replace(each, body=FixBody(round(each.body.lat, 6), HOME[1], None, 9.0)) for each in line])  # pyright: ignore[reportAttributeAccessIssue]
    assert run is not None
    assert vehicles._is_usual(run, None) and vehicles._is_usual(run, T0 - 1)
    assert not vehicles._is_usual(run, T0)
    assert not vehicles._is_usual(list(run), None)


def test_a_batch_without_records_is_no_news() -> None:
    streams: dict = {}
    empty = Run("truck-1", 7, 5, [], [], [], [], [], [], [], [], [])
    assert [list(each) for each in sink._fresh(streams, empty)] == [[], []]
    assert streams == {}
