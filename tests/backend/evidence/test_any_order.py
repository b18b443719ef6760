"""A day at a yard is judged the same however its readings came: late, twice, split, one device hours after another.

What is compared: dock sessions, passages, facts that hold of units, vehicles and trips, legs (DESIGN §2.3, §2.4).
"""

import random
import tempfile
from pathlib import Path

import pytest

from milepost.evidence import log, repository, service, trailers, vehicles
from milepost.evidence.sink import DetectorSink
from milepost.fleet import repository as fleet_rows
from milepost.plan import service as plan
from milepost.telemetry.sqlite import SqliteTelemetry

from .conftest import T0, Device, Yard, epc, scratch

MIN = 60_000
LAT, LON, EAST = 31.2304, 121.4737, 0.0105
GIAI = "3414257BF7194E406E8D3F05"


def visits(rng: random.Random) -> dict[str, list[tuple[int, int]]]:
    """When each truck stands in the yard, minutes from T0; at times both at once."""
    first = rng.randrange(5, 20)
    second = first + rng.choice((5, 40))
    return {"a": [(first, first + rng.randrange(15, 30))], "b": [(second, second + rng.randrange(15, 30))]}


def fixes(truck: str, stays: list[tuple[int, int]], rng: random.Random) -> list:
    """Three minutes in from the east, standing, three minutes out, with a bad fix now and then."""
    gps = Device(f"gps-{truck}")
    made = []
    for start, end in stays:
        way = [(start * MIN - n * 15_000, 0.2 * n) for n in range(12, 0, -1)]
        way += [(at * MIN, 0.0) for at in range(start, end)]
        way += [(end * MIN + n * 15_000, 0.2 * n) for n in range(1, 13)]
        for at, km in way:
            if rng.random() > 0.03:
                noise = rng.uniform(-1, 1) * 0.0001
                made.append(gps.fix(T0 + at, round(LAT + noise, 6), round(LON + km * EAST, 6), 13.0 if km else 0.0))
    return made


def reads(door: str, stays: dict[str, list[tuple[int, int]]], rng: random.Random) -> list:
    """Loads that go out and come in while trucks stand there and while none does, strays, at times a trailer's tag."""
    reader = Device(f"reader-{door}")
    made: list = []
    at = 6
    while at < 75:
        units = tuple(epc(n) for n in range(3) if rng.random() < 0.4)
        made += reader.crossing(T0 + at * MIN, rng.choice(("out", "out", "out", "in", "back")), units,
                                level=rng.choice((-48.0, -54.0, -58.0)))  # fmt: skip
        at += rng.randrange(4, 16)
    if rng.random() < 0.5:
        start = T0 + stays["a"][0][0] * MIN + 2 * MIN
        made += reader.stray(GIAI, start, start + 2 * MIN, -50.0, seed=rng.randrange(9))
        made.sort(key=lambda each: each.received_at)
    return made


def deliveries(parts: list[list], rng: random.Random, *, plain: bool) -> list[list]:
    """What arrives, one batch after the other. Plain: by the clock. Else each device by itself, some much later than
    others, in batches of any size, some twice; a tracker's in any order, a reader's oldest first, as an outbox does."""
    if plain:
        every = sorted((each for part in parts for each in part), key=lambda each: each.received_at)
        return [every[n : n + 25] for n in range(0, len(every), 25)]
    queues = []
    for part in parts:
        batches, start = [], 0
        while start < len(part):
            size = rng.choice((3, 10, 40))
            batches.append(part[start : start + size])
            start += size
        if part and part[0].device.startswith("gps"):
            rng.shuffle(batches)
        queues.append(batches)
    found: list[list] = []
    while any(queues):
        queue = rng.choice([each for each in queues if each])
        for _ in range(min(len(queue), rng.choice((1, 2, 50)))):
            found.append(queue.pop(0))
            if rng.random() < 0.2:
                found.append(rng.choice(found[-6:]))
    return found


def outcome(yard: Yard) -> dict:
    doors = {door: number for number, door in yard.doors.items()}
    with yard.db.read() as conn:
        rows = [row for door in yard.doors.values() for row in repository.sessions(conn, door_id=door)]
        passed = [row for door in yard.doors.values() for row in repository.passages(conn, door, 0)]
        subjects = [("unit", unit.id) for unit in yard.units]
        subjects += [(kind, each) for kind, known in (("vehicle", yard.vehicles), ("trip", yard.trips))
                     for each in known.values()]  # fmt: skip
        hold = service.standing(log.of_subjects(conn, subjects))
        legs = [repository.travels(conn, each, 0, 2**53) for each in yard.vehicles.values()]
    return {
        "sessions": sorted((doors[row["door_id"]], row["from_ms"], row["to_ms"], row["opened_by"].partition(":")[0],
                            row["vehicle_id"], row["trip_id"], row["id"])
                           for row in rows if row["to_ms"] != row["from_ms"]),
        "passages": sorted((doors[row["door_id"]], row["at"], row["epc"], row["direction"]) for row in passed),
        "facts": sorted((fact.kind, fact.at, sorted(fact.subjects.items()), fact.body.get("session"),
                         fact.body.get("short"), fact.grade) for fact in hold),
        "legs": [[row["id"] for row in each] for each in legs],
    }  # fmt: skip


def told(db, seed: int, *, plain: bool) -> dict:
    """What holds once everything was delivered."""
    rng, order = random.Random(seed), random.Random(f"order {seed}")
    with scratch(db) as yard, tempfile.TemporaryDirectory() as folder:
        store = SqliteTelemetry(Path(folder) / "t.db")
        yard.sink = DetectorSink(yard.db, lambda _conn, facts: None, store)  # type: ignore[arg-type]
        stays = visits(rng)
        with yard.db.tx() as conn:
            trailers.bind_tag(conn, yard.vehicles["truck-a"], GIAI, 0)
            if rng.random() < 0.5:
                start = T0 + stays["b"][0][0] * MIN
                plan.appoint(conn, yard.doors["1"], yard.trips["truck-b"], start, start + 30 * MIN)
            doors = ["1", "2"]
            if rng.random() < 0.5:  # the other one has no reader
                [bound] = fleet_rows.bindings(conn, target_kind="door", target_id=yard.doors[doors.pop()])
                fleet_rows.end_binding(conn, bound["id"], 1)
        parts = [fixes(truck, stays[truck], rng) for truck in "ab"] + [reads(door, stays, rng) for door in doors]
        for number, batch in enumerate(deliveries(parts, order, plain=plain), 1):
            store.write(batch, number)
            yard.feed(*batch)
            if not plain and order.random() < 0.1:
                yard.sink.tick()
        yard.put_right()
        store.close()
        found = outcome(yard)
        names = {**{v: k for k, v in yard.vehicles.items()}, **{v: k for k, v in yard.trips.items()},
                 **{v: f"door {k}" for k, v in yard.doors.items()}, yard.site: "yard",
                 **{unit.id: f"unit {n}" for n, unit in enumerate(yard.units)}}  # fmt: skip
    return named(found, names, {})


def named(value, names: dict, sessions: dict):
    """The same with names in place of ids, which are new ones in every yard; sessions and legs by first sight."""
    if isinstance(value, dict):
        return {key: named(each, names, sessions) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [named(each, names, sessions) for each in value]
    if isinstance(value, str) and len(value) == 36 and value.count("-") == 4:
        return names.get(value) or sessions.setdefault(value, f"id {len(sessions)}")
    return value


def differs(db, seed: int) -> bool:
    one, other = told(db, seed, plain=True), told(db, seed, plain=False)
    return one != other


@pytest.fixture
def small_window(monkeypatch):
    """A window so small that most late fixes go the long way over the store."""
    monkeypatch.setattr(vehicles, "KEEP", 8)
    monkeypatch.setattr(vehicles, "KEEP_WAITING", 24)


@pytest.mark.long
@pytest.mark.requirement("T13", "WH-3")
def test_a_day_at_the_yard_knows_no_order_of_arrival(db, small_window):
    assert [seed for seed in range(20) if differs(db, seed)] == []


def test_the_days_are_worth_comparing(db):
    """Sessions of every kind, loads, strays and legs are among them."""
    days = [told(db, seed, plain=True) for seed in range(2)]
    assert {session[3] for day in days for session in day["sessions"]} >= {"position", "appointment", "tag"}
    kinds = {fact[0] for day in days for fact in day["facts"]}
    assert {"unit.loaded", "vehicle.entered", "vehicle.left", "session.closed", "unit.seen"} <= kinds


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_the_same_over_1_000_days(db, small_window):
    assert [seed for seed in range(1_000) if differs(db, seed)] == []
