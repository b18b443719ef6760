"""Which truck stood at which door: by its tag, by appointment, by its own position, by hand (notes on RFID, section 5).

Reads bind by event time, so whatever is known later moves them to where they belong, and is told as a correction.
"""

import random
from dataclasses import replace

import pytest

from milepost.errors import Conflict, Invalid
from milepost.evidence import docks, log, repository, service, sessions, trailers
from milepost.evidence.docking import Docked, Fixed, Heard, Slot, Stand, docked, how
from milepost.evidence.gather import visits_of
from milepost.evidence.model import Author, Fact
from milepost.fleet import service as fleet
from milepost.plan import service as plan
from milepost.times import now_ms

from .conftest import T0, Device, epc, scratch

E0, E1 = epc(0), epc(1)
GIAI = "3414257BF7194E406E8D3F05"  # GIAI-96 of the example prefix 0614141
MIN = 60_000


def stand(vehicle: str, start: int, end: int | None = None, **more) -> Stand:
    return Stand(**{"vehicle": vehicle, "trip": f"T{vehicle}", "direction": "load", "from_ms": start, "to_ms": end,
                    "proof": f"f{vehicle}", **more})  # fmt: skip


def where(found: list[Docked]) -> list[tuple]:
    return [(each.vehicle, each.door, each.from_ms, each.to_ms, how(each.by)) for each in found]


# what follows from what is known; pure


def test_one_truck_and_one_free_door_belong_together():
    assert where(docked([stand("a", 10, 90)], [], [], [], ["1"])) == [("a", "1", 10, 90, "position")]


def test_two_free_doors_or_two_waiting_trucks_leave_it_to_people():
    assert docked([stand("a", 10)], [], [], [], ["1", "2"]) == []
    assert docked([stand("a", 10), stand("b", 10)], [], [], [], ["1"]) == []


def test_the_second_truck_takes_the_only_door_once_the_first_has_left():
    assert where(docked([stand("a", 10, 50), stand("b", 30)], [], [], [], ["1"])) == [
        ("a", "1", 10, 50, "position"), ("b", "1", 50, None, "position")
    ]  # fmt: skip


def test_an_appointment_names_the_door_and_the_truck_says_when():
    slots = [Slot("s", "2", "Ta", 20, 60)]
    assert where(docked([stand("a", 10, 90)], slots, [], [], ["1", "2"])) == [("a", "2", 20, 90, "appointment")]
    assert where(docked([stand("a", 70, 90)], slots, [], [], ["1", "2"])) == [("a", "2", 70, 90, "appointment")]


def test_a_door_kept_for_another_trip_is_not_free():
    slots = [Slot("s", "1", "Tb", 0, 50)]
    assert where(docked([stand("a", 10, 90)], slots, [], [], ["1"])) == [("a", "1", 50, 90, "position")]


def test_the_tag_of_the_trailer_beats_the_appointment_and_follows_the_truck_from_door_to_door():
    heard = [Heard("a", "1", 20), Heard("a", "3", 50)]
    slots = [Slot("s", "2", "Ta", 0, 60)]
    assert where(docked([stand("a", 10, 90)], slots, heard, [], ["1", "2", "3"])) == [
        ("a", "1", 20, 50, "tag"), ("a", "3", 50, 90, "tag")
    ]  # fmt: skip


def test_what_a_person_said_stands_and_the_rest_gives_way():
    other = [Fixed("b", "1", 40, 60)]
    assert where(docked([stand("a", 10, 90)], [], [], other, ["1"])) == [("a", "1", 10, 40, "position")]
    own_elsewhere = [Fixed("a", "2", 40, 60)]
    assert docked([stand("a", 10, 90)], [], [], own_elsewhere, ["1"]) == []
    own_here = [Fixed("a", "1", 40, 60)]
    assert where(docked([stand("a", 10, 90)], [], [], own_here, ["1"])) == [("a", "1", 10, 40, "position")]


def test_sessions_overlap_neither_at_a_door_nor_for_a_vehicle_and_know_no_order():
    for seed in range(300):
        apart(random.Random(seed))


def apart(rng: random.Random) -> None:

    def span() -> tuple[int, int | None]:
        start = rng.randrange(100)
        return start, rng.choice([None, start + rng.randrange(1, 40)])

    stands, fixed = [], []
    for name in "abcd":
        start = 0
        for _ in range(rng.randrange(3)):
            start += rng.randrange(1, 40)
            end = start + rng.randrange(1, 30)
            stands.append(stand(name, start, end, trip=f"T{name}{start}"))
            start = end
    slots = [Slot(f"s{n}", rng.choice("123"), rng.choice([each.trip for each in stands] or ["-"]), n * 20, n * 20 + 20)
             for n in range(5)]  # fmt: skip
    heard = [Heard(rng.choice("abcd"), rng.choice("123"), rng.randrange(100)) for _ in range(rng.randrange(4))]
    for door in "123":
        start = rng.randrange(100)
        fixed.append(Fixed("axy"[int(door) - 1], door, start, start + rng.randrange(1, 20)))
    found = docked(stands, slots, heard, fixed, ["1", "2", "3"])
    every = [*found, *fixed]
    for n, one in enumerate(every):
        for other in every[n + 1 :]:
            if one.door == other.door or one.vehicle == other.vehicle:
                assert one.to_ms <= other.from_ms or other.to_ms <= one.from_ms, (one, other)
    for each in (stands, slots, heard, fixed):
        rng.shuffle(each)
    assert docked(stands, slots, heard, fixed, ["3", "1", "2"]) == found


def test_a_stay_begins_with_what_was_heard_first_and_ends_with_the_leaving():
    def fact(kind: str, at: int) -> Fact:
        return Fact(id=f"{kind}{at}", kind=f"vehicle.{kind}", at=at, by=Author("device", "d"),
                    subjects={"vehicle": "v", "site": "s"}, source="gnss")  # fmt: skip

    found = visits_of([fact("stopped", 5), fact("left", 9), fact("entered", 20), fact("stopped", 25)])
    assert [(each.from_ms, each.to_ms) for each in found] == [(5, 9), (20, None)]


# through the sink


def arrive(gps: Device, at: int) -> list:
    """Two minutes of way into the yard, then standing there."""
    way = [gps.fix(at - MIN * 2 + n * 10_000, 31.2304, 121.4937 - n * 0.00154, 14.0) for n in range(13)]
    return [*way, *(gps.fix(at + n * 20_000, 31.2304, 121.4737, 0.0) for n in range(1, 16))]


def leave(gps: Device, at: int) -> list:
    return [gps.fix(at + n * 10_000, 31.2304, 121.4737 + n * 0.00154, 14.0) for n in range(1, 13)]


def rows(yard) -> list[tuple]:
    doors = {door: number for number, door in yard.doors.items()}
    names = {vehicle: name for name, vehicle in yard.vehicles.items()}
    with yard.db.read() as conn:
        found = [row for door in yard.doors.values() for row in repository.sessions(conn, door_id=door)]
    return sorted(
        (names[row["vehicle_id"]], doors[row["door_id"]], how(row["opened_by"]), row["to_ms"] is None)
        for row in found
        if row["to_ms"] != row["from_ms"]
    )


@pytest.mark.requirement("T13", "WH-2")
def test_a_truck_that_drives_in_docks_at_the_only_free_door_and_its_reads_are_bound(yard):
    yard.open("2", "truck-b", "truck-b", at=T0 - 3_600_000)
    yard.feed(*arrive(Device("gps-a"), T0))
    assert rows(yard) == [("truck-a", "1", "position", True), ("truck-b", "2", "hand", True)]
    yard.feed(*Device("reader-1").crossing(T0 + 6 * MIN, "out", (E0,)))
    assert yard.facts() == [("unit.loaded", "truck-a")]


def test_reads_that_came_before_the_position_are_bound_by_their_time(yard):
    """The tracker was without network; its fixes come an hour later."""
    yard.open("2", "truck-b", "truck-b", at=T0 - 3_600_000)
    yard.feed(*Device("reader-1").crossing(T0 + 6 * MIN, "out", (E0,)))
    assert yard.facts() == [("unit.seen", None)]
    yard.feed(*arrive(Device("gps-a"), T0))
    assert yard.facts() == [("unit.loaded", "truck-a")]  # and the word of an unknown passage was taken back


def test_leaving_the_site_ends_the_session_and_tells_what_is_short(yard):
    yard.open("2", "truck-b", "truck-b", at=T0 - 3_600_000)
    gps = Device("gps-a")
    yard.feed(*arrive(gps, T0))
    yard.feed(*Device("reader-1").crossing(T0 + 6 * MIN, "out", (E0,)))
    told = yard.feed(*leave(gps, T0 + 10 * MIN))
    (closed,) = [fact for fact in told if fact.kind == "session.closed"]
    assert (closed.by.role, closed.body["short"]) == ("device", sorted(unit.id for unit in yard.units[1:]))
    assert ("truck-a", "1", "position", False) in rows(yard)


def test_a_truck_that_stood_in_the_yard_and_loaded_nothing_here_tells_nothing_at_its_end(yard):
    yard.open("2", "truck-b", "truck-b", at=T0 - 3_600_000)
    gps = Device("gps-a")
    told = [*yard.feed(*arrive(gps, T0)), *yard.feed(*leave(gps, T0 + 10 * MIN))]
    assert "session.closed" not in {fact.kind for fact in told}


def test_a_session_that_a_keeper_forgot_ends_when_the_truck_leaves(yard):
    gps = Device("gps-a")
    yard.feed(*arrive(gps, T0))
    yard.open("1", "truck-a", "truck-a", at=T0 + MIN)
    yard.feed(*leave(gps, T0 + 10 * MIN))
    assert rows(yard) == [("truck-a", "1", "hand", False)]


def test_the_appointment_opens_the_door_of_a_truck_that_came(yard):
    with yard.db.tx() as conn:
        plan.appoint(conn, yard.doors["2"], yard.trips["truck-a"], T0, T0 + 60 * MIN)
    yard.feed(*arrive(Device("gps-a"), T0 + 5 * MIN))
    assert rows(yard) == [("truck-a", "2", "appointment", True)]


def test_a_truck_without_a_tracker_keeps_its_appointment_by_the_clock(yard):
    now = now_ms()
    with yard.db.tx() as conn:
        lorry = fleet.add_vehicle(conn, plate="沪A00003")
        yard.vehicles["lorry"] = lorry
        trip = plan.plan_trip(conn, number="T-lorry", kind="line", stops=[{"site": yard.site}])
        plan.set_vehicle(conn, trip.id, lorry, from_ms=0)
        plan.appoint(conn, yard.doors["1"], trip.id, now - 5 * MIN, now + 60 * MIN)
        plan.expect(conn, trip.id, "order-1")
    yard.sink.tick()
    assert rows(yard) == [("lorry", "1", "appointment", True)]
    with yard.db.tx() as conn:
        docks.reconcile(conn, yard.site, now, now + 61 * MIN)
    assert rows(yard) == [("lorry", "1", "appointment", False)]


@pytest.fixture
def tagged(yard):
    with yard.db.tx() as conn:
        trailers.bind_tag(conn, yard.vehicles["truck-a"], GIAI, 0)
    return yard


def test_the_trailers_tag_says_at_which_of_two_doors_it_docked(tagged):
    tagged.feed(*arrive(Device("gps-a"), T0))
    assert rows(tagged) == []
    tagged.feed(*Device("reader-2").stray(GIAI, T0 + MIN, T0 + 3 * MIN, -50))
    assert rows(tagged) == [("truck-a", "2", "tag", True)]


def test_a_tag_that_drives_by_or_is_as_loud_next_door_opens_nothing(tagged):
    tagged.feed(*arrive(Device("gps-a"), T0))
    tagged.feed(*Device("reader-2").stray(GIAI, T0 + MIN, T0 + MIN + 30_000, -50))
    assert rows(tagged) == []
    tagged.feed(*Device("reader-2", stream=8).stray(GIAI, T0 + 20 * MIN, T0 + 23 * MIN, -50))
    tagged.feed(*Device("reader-1").stray(GIAI, T0 + 20 * MIN, T0 + 23 * MIN, -52))
    assert rows(tagged) == []


def test_only_a_giai_is_the_tag_of_a_vehicle_and_of_one_at_a_time(tagged):
    with tagged.db.tx() as conn:
        with pytest.raises(Invalid, match="GIAI"):
            trailers.bind_tag(conn, tagged.vehicles["truck-b"], E0, 0)
        with pytest.raises(Conflict):
            trailers.bind_tag(conn, tagged.vehicles["truck-b"], GIAI, T0)


# by hand, and corrected


def test_a_corrected_session_gives_its_reads_to_the_truck_that_was_there(yard):
    """Nothing is lost: the old word is withdrawn, the new one stands, both are in the log."""
    session = yard.open("1", "truck-b", "truck-b")
    yard.feed(*Device("reader-1").crossing(T0 + MIN, "out", (E0,)))
    assert yard.facts() == [("unit.loaded", "truck-b")]
    with yard.db.tx() as conn:
        sessions.correct_session(
            conn, session, "k2", vehicle_id=yard.vehicles["truck-a"], trip_id=yard.trips["truck-a"]
        )
    assert yard.facts() == [("unit.loaded", "truck-a")]
    with yard.db.read() as conn:
        kinds = [fact.kind for fact in log.of_subjects(conn, [("unit", yard.units[0].id)])]
    assert sorted(kinds) == ["fact.retracted", "unit.loaded", "unit.loaded"]


def test_a_session_that_began_later_after_all_lets_its_early_reads_go(yard):
    session = yard.open("1", "truck-a", "truck-a")
    yard.feed(*Device("reader-1").crossing(T0 + MIN, "out", (E0,)))
    with yard.db.tx() as conn:
        sessions.correct_session(conn, session, "k", from_ms=T0 + 5 * MIN)
    assert yard.facts() == [("unit.seen", None)]
    with yard.db.tx() as conn:
        sessions.correct_session(conn, session, "k", from_ms=T0)
    assert yard.facts() == [("unit.loaded", "truck-a")]


def test_what_was_said_at_the_close_is_said_again_when_late_reads_change_it(yard):
    session = yard.open("1", "truck-a", "truck-a")
    with yard.db.tx() as conn:
        sessions.close_session(conn, session, T0 + 10 * MIN, Author("keeper", "k"))
    yard.feed(*Device("reader-1").crossing(T0 + MIN, "out", (E0,)))
    with yard.db.read() as conn:
        (closed,) = service.standing(log.of_subjects(conn, [("trip", yard.trips["truck-a"])]))
    assert (closed.kind, closed.rev, closed.by.id) == ("session.closed", 1, "k")
    assert closed.body["short"] == sorted(unit.id for unit in yard.units[1:])


def test_a_session_by_hand_may_not_overlap_another_by_hand(yard):
    yard.open("1", "truck-a", "truck-a")
    other = yard.open("2", "truck-b", "truck-b")
    with yard.db.tx() as conn, pytest.raises(Conflict, match="close it first"):
        sessions.correct_session(conn, other, "k", door_id=yard.doors["1"])
    with yard.db.tx() as conn, pytest.raises(Invalid, match="end later"):
        sessions.correct_session(conn, other, "k", to_ms=T0)


def test_the_word_of_a_keeper_replaces_what_was_concluded(yard):
    yard.open("2", "truck-b", "truck-b", at=T0 - 3_600_000)
    yard.feed(*arrive(Device("gps-a"), T0))
    yard.feed(*Device("reader-1").crossing(T0 + 6 * MIN, "out", (E0,)))
    with yard.db.tx() as conn:
        (row,) = repository.sessions(conn, door_id=yard.doors["1"])
        sessions.close_session(conn, row["id"], T0 + 5 * MIN, Author("keeper", "k"))
    assert yard.facts() == [("unit.seen", None)]
    yard.feed(*(replace(each, seq=each.seq + 500) for each in leave(Device("gps-a"), T0 + 10 * MIN)))
    assert ("truck-a", "1", "position", False) in rows(yard)  # and did not open again
    with yard.db.read() as conn:
        (row,) = repository.sessions(conn, door_id=yard.doors["1"])
    assert row["to_ms"] == T0 + 5 * MIN


def test_the_same_day_in_any_order_leaves_the_same_sessions_and_facts(db):
    """Positions late, reads late, the appointment after both: one result."""

    def day(order: list[int]) -> tuple:
        with scratch(db) as yard:
            gps, reader = Device("gps-a"), Device("reader-1")
            parts = [arrive(gps, T0), reader.crossing(T0 + 6 * MIN, "out", (E0,)), leave(gps, T0 + 12 * MIN),
                     reader.crossing(T0 + 7 * MIN, "out", (E1,))]  # fmt: skip
            for n in order:
                if n < len(parts):
                    yard.feed(*parts[n])
                else:
                    with yard.db.tx() as conn:
                        plan.appoint(conn, yard.doors["1"], yard.trips["truck-a"], T0, T0 + 20 * MIN)
                        docks.reconcile(conn, yard.site, T0, now_ms())
            told = [(fact.kind, fact.at) for fact in yard.of_vehicle()]
            return rows(yard), yard.facts(0), yard.facts(1), sorted(told)

    first = day([4, 0, 1, 3, 2])
    assert first[0] == [("truck-a", "1", "appointment", False)]
    assert first[1] == [("unit.loaded", "truck-a")]
    for order in ([0, 1, 2, 3, 4], [3, 2, 1, 0, 4], [1, 3, 0, 4, 2], [2, 4, 0, 3, 1]):
        assert day(order) == first, order
