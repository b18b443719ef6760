"""What crosses a dock door, and onto which truck (requirement F3.1; notes on RFID, section 5)."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from milepost.errors import Conflict
from milepost.evidence import service, sessions
from milepost.evidence.model import Author
from milepost.fleet import repository
from milepost.fleet import service as fleet
from milepost.plan import service as plan

from .conftest import T0, Device, epc, scratch

E0, E1, E2 = epc(0), epc(1), epc(2)
UNKNOWN = epc(99)


@pytest.fixture
def reader() -> Device:
    return Device("reader-1")


def test_a_tag_that_goes_out_through_the_gates_is_loaded_onto_the_docked_truck(yard, reader):
    yard.open("1", "truck-a", "truck-a")
    told = yard.feed(*reader.crossing(T0 + 60_000, "out", (E0,)))
    (fact,) = [each for each in told if each.kind == "unit.loaded"]
    assert fact.subjects == {
        "unit": yard.units[0].id, "vehicle": yard.vehicles["truck-a"], "site": yard.site, "door": yard.doors["1"]
    }  # fmt: skip
    assert fact.at == T0 + 60_500  # it met the outer gate
    assert (fact.grade, fact.rule, fact.source) == ("A", "door/1", "rfid")
    assert fact.body["sources"] == ["rfid", "gate"]
    assert fact.snapshot["rssi"] and len(fact.snapshot["gates"]) == 4
    assert {each.rpartition("/")[0] for each in fact.inputs} == {"reader-1/7"}


def test_the_first_word_comes_with_the_last_gate_or_tag_record_of_the_passage(yard, reader):
    """Within 3 s of the passage: nothing that happens later is waited for."""
    yard.open("1", "truck-a", "truck-a")
    last = T0 + 60_000 + 1600
    words = [(each.at, fact.kind) for each in reader.crossing(T0 + 60_000, "out", (E0,)) for fact in yard.feed(each)]
    told_at = next(at for at, kind in words if kind == "unit.loaded")
    assert told_at <= last + 500


def test_a_tag_that_comes_in_was_unloaded(yard, reader):
    yard.open("1", "truck-a", "truck-a", "unload")
    yard.feed(*reader.crossing(T0 + 60_000, "in", (E0,)))
    assert yard.facts() == [("unit.unloaded", "truck-a")]


def test_what_is_carried_back_out_of_the_truck_has_passed_back(yard, reader):
    yard.open("1", "truck-a", "truck-a")
    yard.feed(*reader.crossing(T0 + 60_000, "out", (E0,)))
    yard.feed(*reader.crossing(T0 + 90_000, "in", (E0,)))
    assert yard.facts() == [("unit.loaded", "truck-a"), ("unit.passed_back", "truck-a")]
    yard.feed(*reader.crossing(T0 + 120_000, "out", (E0,)))
    assert yard.facts()[-1] == ("unit.loaded", "truck-a")


def test_a_forklift_that_turns_in_the_door_has_loaded_nothing(yard, reader):
    yard.open("1", "truck-a", "truck-a")
    yard.feed(*reader.crossing(T0 + 60_000, "back", (E0,)))
    assert yard.facts() == []


def test_an_empty_forklift_coming_back_takes_nothing_off(yard, reader):
    """The tag aboard is heard while it comes, but not louder than where it stands."""
    yard.open("1", "truck-a", "truck-a")
    out = reader.crossing(T0 + 60_000, "out", (E0,))
    aboard = reader.stray(E0, T0 + 62_500, T0 + 66_000, -59)
    back = sorted([*reader.crossing(T0 + 66_000, "in"), *reader.stray(E0, T0 + 66_000, T0 + 69_000, -58)],
                  key=lambda each: each.at)  # fmt: skip
    yard.feed(*out, *aboard, *back)
    assert yard.facts() == [("unit.loaded", "truck-a")]


@pytest.mark.parametrize("level", [-75, -64, -57])
def test_a_stray_beside_the_door_is_not_loaded_with_the_load_that_passes(yard, reader, level):
    yard.open("1", "truck-a", "truck-a")
    readings = [*reader.stray(E1, T0 + 20_000, T0 + 90_000, level), *reader.crossing(T0 + 60_000, "out", (E0,))]
    yard.feed(*sorted(readings, key=lambda each: each.at))
    assert yard.facts(0) == [("unit.loaded", "truck-a")]
    assert "unit.loaded" not in {kind for kind, _ in yard.facts(1)}


def test_a_unit_that_waited_right_at_the_door_is_loaded_once_it_falls_silent(yard, reader):
    yard.open("1", "truck-a", "truck-a")
    waiting = reader.stray(E0, T0 + 20_000, T0 + 59_000, -55)
    yard.feed(*waiting, *reader.crossing(T0 + 60_000, "out", (E0,)))
    assert "unit.loaded" not in {kind for kind, _ in yard.facts()}
    yard.feed(reader.gate(T0 + 70_000, "inner", False))  # any later word of the reader
    assert yard.facts()[-1] == ("unit.loaded", "truck-a")


def test_a_weak_read_at_the_next_door_moves_nothing_there(yard, reader):
    yard.open("1", "truck-a", "truck-a")
    yard.open("2", "truck-b", "truck-b")
    neighbour = Device("reader-2")
    yard.feed(*neighbour.crossing(T0 + 60_000, "out", (E0,), level=-66), *reader.crossing(T0 + 60_200, "out", (E0,)))
    assert yard.facts() == [("unit.loaded", "truck-a")]


def test_a_tag_below_the_floor_of_the_door_moves_nothing(yard, reader):
    yard.open("1", "truck-a", "truck-a")
    yard.feed(*reader.crossing(T0 + 60_000, "out", (E0,), level=-61))
    assert "unit.loaded" not in {kind for kind, _ in yard.facts()}


def test_heard_again_on_the_same_side_is_told_once(yard, reader):
    """The way back was missed, or the gates saw a second load with the tag in reach."""
    yard.open("1", "truck-a", "truck-a")
    yard.feed(*reader.crossing(T0 + 60_000, "out", (E0,)), *reader.crossing(T0 + 90_000, "out", (E0,)))
    assert yard.facts() == [("unit.loaded", "truck-a")]


def test_a_stray_does_not_become_a_passage_when_its_past_is_forgotten(yard, reader):
    """The open window moves on over the time before the crossing."""
    yard.open("1", "truck-a", "truck-a")
    readings = [*reader.stray(E1, T0 + 10_000, T0 + 260_000, -57), *reader.crossing(T0 + 60_000, "out", (E0,))]
    readings.sort(key=lambda each: each.at)
    readings = [replace(each, seq=seq) for seq, each in enumerate(readings, 1)]  # nothing is missing on the way
    for start in range(0, len(readings), 4):
        yard.feed(*readings[start : start + 4])
    assert yard.facts(0) == [("unit.loaded", "truck-a")]
    assert "unit.loaded" not in {kind for kind, _ in yard.facts(1)}


@pytest.mark.parametrize("first", ["1", "2"])
def test_of_two_doors_the_one_that_heard_it_6_db_louder_has_it(yard, reader, first):
    yard.open("1", "truck-a", "truck-a")
    yard.open("2", "truck-b", "truck-b")
    loud = reader.crossing(T0 + 60_200, "out", (E0,), level=-48)
    quiet = Device("reader-2").crossing(T0 + 60_000, "out", (E0,), level=-56)
    for readings in (loud, quiet) if first == "1" else (quiet, loud):
        yard.feed(*readings)
    assert yard.facts() == [("unit.loaded", "truck-a")]


def test_two_doors_equally_sure_are_told_without_certainty(yard, reader):
    yard.open("1", "truck-a", "truck-a")
    yard.open("2", "truck-b", "truck-b")
    yard.feed(*reader.crossing(T0 + 60_200, "out", (E0,), level=-52))
    yard.feed(*Device("reader-2").crossing(T0 + 60_000, "out", (E0,), level=-54))
    assert sorted(yard.facts()) == [("unit.loaded", "truck-a"), ("unit.loaded", "truck-b")]
    for name in ("truck-a", "truck-b"):
        (fact,) = yard.of_vehicle(name)
        assert (fact.grade, fact.confidence) == ("C", 0.5)
        assert "rival_door" in fact.body


def test_an_unknown_tag_is_counted_and_nothing_more(yard, reader):
    yard.open("1", "truck-a", "truck-a")
    assert yard.feed(*reader.crossing(T0 + 60_000, "out", (UNKNOWN,))) == []


def test_a_unit_onto_the_wrong_truck_is_told_with_that_truck(yard, reader):
    """The door tells what happened; whether it should have is for the orders to judge."""
    yard.open("1", "truck-b", "truck-b")
    yard.feed(*reader.crossing(T0 + 60_000, "out", (E0,)))
    assert yard.facts() == [("unit.loaded", "truck-b")]


def test_two_trucks_one_after_the_other_at_the_same_door(yard, reader):
    first = yard.open("1", "truck-a", "truck-a")
    yard.feed(*reader.crossing(T0 + 60_000, "out", (E0,)))
    with yard.db.tx() as conn:
        sessions.close_session(conn, first, T0 + 100_000, Author("keeper", "k"))
    yard.open("1", "truck-b", "truck-b", at=T0 + 100_000)
    yard.feed(*reader.crossing(T0 + 160_000, "out", (E1,)))
    assert (yard.facts(0), yard.facts(1)) == ([("unit.loaded", "truck-a")], [("unit.loaded", "truck-b")])


def test_a_session_opened_late_takes_the_passages_since_its_beginning(yard, reader):
    yard.feed(*reader.crossing(T0 + 60_000, "out", (E0,)))
    assert yard.facts() == [("unit.seen", None)]
    yard.open("1", "truck-a", "truck-a", at=T0)
    assert ("unit.loaded", "truck-a") in yard.facts()


def test_an_epc_bound_late_is_found_by_resettling(yard, reader):
    yard.open("1", "truck-a", "truck-a")
    yard.feed(*reader.crossing(T0 + 60_000, "out", (UNKNOWN,)))
    with yard.db.tx() as conn:
        plan.bind_epc(conn, yard.units[2].id, UNKNOWN, T0)
        service.resettle(conn, yard.doors["1"], T0)
    assert yard.facts(2) == [("unit.loaded", "truck-a")]


def test_two_tags_of_one_unit_are_one_passage(yard, reader):
    with yard.db.tx() as conn:
        plan.bind_epc(conn, yard.units[0].id, UNKNOWN, 0)
    yard.open("1", "truck-a", "truck-a")
    yard.feed(*reader.crossing(T0 + 60_000, "out", (E0, UNKNOWN)))
    assert yard.facts() == [("unit.loaded", "truck-a")]


def test_closing_says_what_is_short_and_what_is_over(yard, reader):
    session = yard.open("1", "truck-a", "truck-a")
    with yard.db.tx() as conn:
        (stranger,) = plan.add_units(conn, "order-2", [{"epcs": [UNKNOWN]}], at_ms=0)
    yard.feed(*reader.crossing(T0 + 60_000, "out", (E0,)), *reader.crossing(T0 + 80_000, "out", (UNKNOWN,)))
    with yard.db.tx() as conn:
        _, facts = sessions.close_session(conn, session, T0 + 100_000, Author("keeper", "k"))
        with pytest.raises(Conflict):
            sessions.close_session(conn, session, T0 + 110_000, Author("keeper", "k"))
    assert facts[-1].kind == "session.closed"
    assert facts[-1].body["short"] == sorted(unit.id for unit in yard.units[1:])
    assert facts[-1].body["over"] == [stranger.id]


def test_goods_of_an_earlier_trip_are_no_matter_of_the_next(yard, reader):
    """They were delivered and signed for; no reader saw them leave the truck."""
    session = yard.open("1", "truck-a", "truck-a")
    yard.feed(*reader.crossing(T0 + 60_000, "out", (E0,)))
    with yard.db.tx() as conn:
        sessions.close_session(conn, session, T0 + 100_000, Author("keeper", "k"))
        plan.end_vehicle(conn, yard.trips["truck-a"], T0 + 200_000)
        later = plan.plan_trip(conn, number="T-later", kind="line", stops=[{"site": yard.site}])
        plan.set_vehicle(conn, later.id, yard.vehicles["truck-a"], from_ms=T0 + 200_000)
        row, _ = sessions.open_session(
            conn, door=yard.doors["1"], vehicle=yard.vehicles["truck-a"], trip=later.id, direction="load",
            from_ms=T0 + 300_000, by="k",
        )  # fmt: skip
        assert service.tally(conn, row) == {"done": [], "short": [], "over": []}


def test_a_door_or_a_truck_is_in_one_session_at_a_time(yard):
    yard.open("1", "truck-a", "truck-a")
    with pytest.raises(Conflict, match="close it first"):
        yard.open("1", "truck-b", "truck-b", at=T0 + 5)
    with pytest.raises(Conflict, match="close it first"):
        yard.open("2", "truck-a", "truck-a", at=T0 + 5)


def test_a_door_without_gates_grades_c(yard, reader):
    with yard.db.tx() as conn:
        bare = fleet.add_door(conn, site_id=yard.site, number="9", gates=False)
        (old,) = repository.bindings(conn, device_id="reader-1")
        fleet.unbind(conn, old["id"], T0)
        fleet.bind(conn, "reader-1", "door", bare, T0)
    yard.doors["9"] = bare
    yard.open("9", "truck-a", "truck-a")
    tags = [each for each in reader.crossing(T0 + 60_000, "out", (E0,)) if each.kind == "tag"]
    yard.feed(*tags, *reader.stray(E1, T0 + 50_000, T0 + 70_000, -57))
    (fact,) = yard.of_vehicle()
    assert (fact.kind, fact.grade, fact.body["sources"]) == ("unit.loaded", "C", ["rfid"])
    assert "unit.loaded" not in {kind for kind, _ in yard.facts(1)}


def _story(reader: Device) -> list:
    """Two loads, a turn in the door, a carry-back and a stray, within two minutes."""
    parts = [
        *reader.crossing(T0 + 10_000, "out", (E0,)),
        *reader.crossing(T0 + 30_000, "back", (E1,)),
        *reader.crossing(T0 + 50_000, "out", (E1,)),
        *reader.crossing(T0 + 80_000, "in", (E0,)),
        *reader.stray(E2, T0 + 5_000, T0 + 90_000, -62),
    ]
    return sorted(parts, key=lambda each: (each.at, each.seq))


def _outcome(db, deliveries) -> list:
    with scratch(db) as yard:
        yard.open("1", "truck-a", "truck-a")
        for readings in deliveries:
            yard.feed(*readings)
        return [[each for each in yard.facts(unit) if each[0] != "unit.seen"] for unit in range(3)]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_order_and_any_repetition_within_the_open_window_gives_the_same_facts(db, data):
    """The promise: kinds, times and subjects of what holds. (Corrections on the way there may differ.)"""
    readings = _story(Device("reader-1"))
    batches = [readings[start : start + 20] for start in range(0, len(readings), 20)]
    shuffled = data.draw(st.permutations(batches))
    shuffled += data.draw(st.lists(st.sampled_from(batches), max_size=3))
    outcome = _outcome(db, shuffled)
    assert outcome == _outcome(db, batches)
    assert outcome == [
        [("unit.loaded", "truck-a"), ("unit.passed_back", "truck-a")],
        [("unit.loaded", "truck-a")],
        [],
    ]
