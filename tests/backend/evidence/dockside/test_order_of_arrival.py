"""The facts of a door follow from what was sent and told, not from when, how often and in which pieces it came."""

import random

import pytest

from milepost.evidence import log, repository, service, sessions
from milepost.evidence.dockside import portions
from milepost.evidence.sink import DetectorSink

from ..conftest import Yard, epc, scratch
from .scene import T0, arrivals, equip, hand, record

E0, E1, E2 = epc(0), epc(1), epc(2)
STRANGER = epc(77)
READS = [
    *hand.reads(E0, hand.through(30, stay_s=45, before_s=15), ("1", "2")),
    *hand.reads(E1, [(5, 1.8, -2.6), (80, 1.8, -2.6)], ("1", "2"), every_s=0.6),
    *hand.reads(E2, hand.through(50, x=hand.PITCH_M, stay_s=20, before_s=10), ("1", "2")),
    *hand.reads(STRANGER, hand.through(66, stay_s=10, before_s=5), ("1", "2")),
]
EDGES = [*hand.gates(30, door="1"), *hand.gates(50, door="2"), *hand.gates(66, door="1")]
LINES = record(READS, EDGES)


def outcome(yard: Yard) -> dict:
    with yard.db.read() as conn:
        subjects = [("unit", unit.id) for unit in yard.units] + [("trip", each) for each in yard.trips.values()]
        hold = service.standing(log.of_subjects(conn, subjects))
        passed = [row for door in yard.doors.values() for row in repository.passages(conn, door, 0)]
    names = {unit.id: f"unit {n}" for n, unit in enumerate(yard.units)}
    names |= {value: key for known in (yard.doors, yard.vehicles, yard.trips) for key, value in known.items()}
    return {
        "facts": sorted(
            (fact.kind, fact.at, sorted(names.get(each, "") for each in fact.subjects.values()), fact.grade,
             bool(fact.body.get("session")), fact.body.get("review"), fact.body.get("why"),
             [names[each] for each in fact.body.get("short", ())])
            for fact in hold
        ),
        "passages": sorted((names[row["door_id"]], row["at"], row["epc"], row["direction"]) for row in passed),
    }  # fmt: skip


def dock(yard: Yard) -> None:
    yard.open("1", "truck-a", "truck-a")
    yard.open("2", "truck-b", "truck-b")


def told(db, deliveries: list[list], *, when_docked: int = 0, restart_every: int = 0) -> dict:
    """What holds after these deliveries, once nothing is left to be judged; the trucks are told after so many."""
    with scratch(db) as yard:
        equip(yard)
        for number, portion in enumerate(deliveries):
            if number == when_docked:
                dock(yard)
            if restart_every and number % restart_every == restart_every - 1:
                yard.sink = DetectorSink(yard.db, lambda _conn, facts: None)  # type: ignore[arg-type]
            yard.feed(*portion)
        if when_docked >= len(deliveries):
            dock(yard)
        yard.put_right()
        return outcome(yard)


def plain() -> list[list]:
    return [portion for _, portion in arrivals(LINES)]


@pytest.fixture(scope="module")
def wanted() -> dict:
    return {}


def the_day(db, wanted: dict) -> dict:
    if not wanted:
        wanted |= told(db, plain())
    return wanted


def test_the_day_is_worth_comparing(db, wanted):
    day = the_day(db, wanted)
    kinds = [(fact[0], fact[5]) for fact in day["facts"]]
    assert kinds.count(("unit.loaded", None)) == 1, "one is counted"
    assert ("unit.loaded", True) in kinds, "one is on the wrong truck"
    assert ("unit.seen", None) in kinds, "one stands there"


@pytest.mark.parametrize("seed", range(3))
def test_portions_in_any_order_doubled_and_split_give_the_same_facts(db, wanted, seed):
    luck = random.Random(seed)
    found: list[list] = []
    for portion in plain():
        cut = luck.randrange(len(portion) + 1)
        found += [part for part in (portion[:cut], portion[cut:]) if part]
    found += luck.sample(found, 10)
    luck.shuffle(found)
    assert told(db, found) == the_day(db, wanted)


def test_a_reader_that_was_cut_off_sends_its_minute_afterwards(db, wanted):
    first = [[each for each in portion if each.device == "reader-2"] for portion in plain()]
    later = [[each for each in portion if each.device == "reader-1"] for portion in plain()]
    assert told(db, [each for each in (*first, *later) if each]) == the_day(db, wanted)


@pytest.mark.parametrize("every", [1, 7])
def test_a_process_killed_between_two_portions_changes_nothing(db, wanted, every):
    deliveries = [portion for _, portion in arrivals(LINES, 1_000 if every > 1 else 8_000)]
    assert told(db, deliveries, restart_every=every) == the_day(db, wanted)


@pytest.mark.parametrize("when", [40, 10_000])
def test_trucks_that_are_told_later_take_what_passed_since_they_came(db, wanted, when):
    assert told(db, plain(), when_docked=when) == the_day(db, wanted)


def test_a_transaction_that_fails_leaves_nothing_behind(db, wanted):
    """What was judged in it is in the memory of the process and not in the database: it is made anew."""
    with scratch(db) as yard:
        equip(yard)
        dock(yard)
        for number, portion in enumerate(plain()):
            if number == 32:
                point = yard.db._conn.begin_nested()  # type: ignore[union-attr]
                yard.feed(*portion)
                point.rollback()
            yard.feed(*portion)
        yard.put_right()
        assert outcome(yard) == the_day(db, wanted)


def test_a_session_corrected_afterwards_gives_what_it_would_have_given_at_once(db):
    def run(*, at_once: bool) -> dict:
        with scratch(db) as yard:
            equip(yard)
            held = yard.open("1", "truck-a" if at_once else "truck-b", "truck-a" if at_once else "truck-b")
            for portion in plain():
                yard.feed(*portion)
            if not at_once:
                with yard.db.tx() as conn:
                    sessions.correct_session(
                        conn, held, "k", vehicle_id=yard.vehicles["truck-a"], trip_id=yard.trips["truck-a"]
                    )
            yard.put_right()
            return outcome(yard)

    assert run(at_once=True) == run(at_once=False)


def test_what_is_kept_of_the_readings_is_bounded(both_sides):
    """Two hours after the trucks have gone nothing of them is kept, and what was said stands."""
    yard = both_sides
    yard.open("1", "truck-a", "truck-a")
    for portion in plain():
        yard.feed(*portion)
    with yard.db.tx() as conn:
        (row,) = repository.sessions(conn, door_id=yard.doors["1"])
        repository.change_session(conn, row["id"], to_ms=T0 + 90_000, closed_by="k")
        service.resettle(conn, yard.doors["1"], T0)
    before = yard.facts()
    for hour in (1, 2, 3, 4):
        later = record(hand.reads(STRANGER, [(0, 1.8, -2.6), (20, 1.8, -2.6)], ("1",)), start_ms=T0 + hour * 3_600_000)
        yard.feed(*(each.__class__(each.device, 8 + hour, each.seq, each.kind, each.at, each.clock, each.received_at,
                                   each.body) for each in later))  # fmt: skip
    with yard.db.read() as conn:
        kept = portions.of_site(conn, yard.site)
    assert min(each.first_ms for each in kept) > T0 + 3_600_000
    assert yard.facts() == before
