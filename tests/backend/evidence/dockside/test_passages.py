"""What crosses a door that looks both ways, live: the correlator's words as facts (T13, T15)."""

import pytest

from milepost.evidence import log, repository, sessions, view
from milepost.evidence.dockside import crossed
from milepost.evidence.dockside.moves import Move
from milepost.evidence.model import Author
from milepost.plan import service as plan
from milepost.web.door_disputes import disputes

from ..conftest import epc
from .scene import T0, feed, hand, record

E0, E1, E2 = epc(0), epc(1), epc(2)


def through(code: str, at_s: float, door: str = "1", *, doors=("1", "2"), stay_s: float = 30.0) -> list:
    way = hand.through(at_s, stay_s=stay_s, x=0.0 if door == doors[0] else hand.PITCH_M)
    return hand.reads(code, way, doors)


def staged(code: str, x: float = 1.8, until_s: float = 120.0) -> list:
    return hand.reads(code, [(0, x, -2.6), (until_s, x, -2.6)], ("1", "2"), every_s=0.5)


def moved(yard, unit: int = 0) -> list:
    return [each for each in yard.facts(unit) if each[0] != "unit.seen"]


@pytest.mark.requirement("T13", "WH-2")
def test_T13_a_unit_driven_into_its_truck_is_loaded_within_three_seconds(both_sides):
    both_sides.open("1", "truck-a", "truck-a")
    lines = record(through(E0, 60, stay_s=20), hand.gates(60, door="1"))
    told = [(at, fact) for at, fact in feed(both_sides, lines, 250) if fact.kind == "unit.loaded"]
    [(at, fact)] = told
    assert at - (T0 + 60_000) <= 3_000
    assert fact.subjects == {
        "unit": both_sides.units[0].id,
        "vehicle": both_sides.vehicles["truck-a"],
        "site": both_sides.site,
        "door": both_sides.doors["1"],
    }
    assert abs(fact.at - (T0 + 60_000)) <= 1_500
    assert fact.rule == "dock/2" and fact.by.id == "reader-1" and fact.source == "rfid"
    assert moved(both_sides) == [("unit.loaded", "truck-a")]


def test_a_fact_keeps_the_reads_and_gates_and_reasons_that_justify_it(both_sides):
    both_sides.open("1", "truck-a", "truck-a")
    feed(both_sides, record(through(E0, 60), hand.gates(60, door="1")))
    with both_sides.db.read() as conn:
        (fact,) = [
            each for each in log.of_subjects(conn, [("unit", both_sides.units[0].id)]) if each.kind == "unit.loaded"
        ]
    assert fact.body["sources"] == ["rfid", "gate"]
    assert len(fact.snapshot["rssi"]) >= 8 and len(fact.snapshot["gates"]) == 4
    assert {"reader-1/0", "reader-1/2"} <= set(fact.snapshot["antennas"])
    assert any("on the list" in each for each in fact.snapshot["reasons"])
    assert len(fact.inputs) > 8 and {each.rpartition("/")[0] for each in fact.inputs} == {"reader-1/7"}


def test_a_pallet_that_stands_beside_the_door_is_seen_and_not_loaded(both_sides):
    both_sides.open("1", "truck-a", "truck-a")
    feed(both_sides, record(through(E0, 60) + staged(E1), hand.gates(60, door="1")))
    assert moved(both_sides, 0) == [("unit.loaded", "truck-a")]
    assert both_sides.facts(1) and {kind for kind, _ in both_sides.facts(1)} == {"unit.seen"}


@pytest.mark.requirement("T15")
def test_T15_what_comes_out_of_a_truck_is_unloaded(both_sides):
    both_sides.open("1", "truck-a", "truck-a", "unload")
    lines = hand.reads(E0, hand.turned(hand.through(60, stay_s=30)), ("1", "2"))
    feed(both_sides, record(lines, hand.gates(60, out=False, door="1")))
    both_sides.put_right()
    assert moved(both_sides) == [("unit.unloaded", "truck-a")]


def test_what_is_taken_out_again_has_passed_back(both_sides):
    both_sides.open("1", "truck-a", "truck-a")
    back = [(t + 90, x, y) for t, x, y in hand.turned(hand.through(60, stay_s=30))]
    lines = hand.reads(E0, [*hand.through(60, stay_s=20), *back], ("1", "2"))
    feed(both_sides, record(lines, hand.gates(60, door="1") + hand.gates(150, out=False, door="1")))
    assert moved(both_sides) == [("unit.loaded", "truck-a"), ("unit.passed_back", "truck-a")]


@pytest.mark.requirement("EX-22")
def test_EX22_the_wrong_truck_is_told_at_its_door_within_three_seconds_and_counted_by_no_list(both_sides):
    both_sides.open("1", "truck-a", "truck-a")
    session = both_sides.open("2", "truck-b", "truck-b")
    lines = record(through(E0, 60, "2", stay_s=20), hand.gates(60, door="2"))
    told = [(at, fact) for at, fact in feed(both_sides, lines, 250) if fact.kind == "unit.loaded"]
    at, fact = told[0]
    assert at - (T0 + 60_000) <= 3_000
    assert fact.subjects["vehicle"] == both_sides.vehicles["truck-b"] and fact.subjects["door"] == both_sides.doors["2"]
    assert fact.body["review"] is True and fact.grade == "C"
    with both_sides.db.tx() as conn:
        _, facts = sessions.close_session(conn, session, T0 + 100_000, Author("keeper", "k"))
    assert facts[-1].body["over"] == [both_sides.units[0].id]


def test_the_next_door_hears_it_too_and_tells_nothing(both_sides):
    both_sides.open("1", "truck-a", "truck-a")
    both_sides.open("2", "truck-b", "truck-b")
    feed(both_sides, record(through(E0, 60), hand.gates(60, door="1")))
    assert moved(both_sides) == [("unit.loaded", "truck-a")]


def test_outside_every_session_it_is_seen_and_bound_once_a_session_of_that_time_is_told(both_sides):
    feed(both_sides, record(through(E0, 60, stay_s=20), hand.gates(60, door="1")))
    assert {kind for kind, _ in both_sides.facts()} == {"unit.seen"}
    both_sides.open("1", "truck-a", "truck-a", at=T0)
    both_sides.put_right()
    assert moved(both_sides) == [("unit.loaded", "truck-a")]


def test_a_corrected_session_gives_what_it_counted_to_the_truck_that_was_there(both_sides):
    session = both_sides.open("1", "truck-b", "truck-b")
    feed(both_sides, record(through(E0, 60), hand.gates(60, door="1")))
    with both_sides.db.tx() as conn:
        sessions.correct_session(
            conn, session, "k", vehicle_id=both_sides.vehicles["truck-a"], trip_id=both_sides.trips["truck-a"]
        )
    both_sides.put_right()
    assert moved(both_sides) == [("unit.loaded", "truck-a")]


def test_a_passage_without_a_tag_is_asked_about_at_its_door(both_sides):
    """A dead tag: something as long as the loads before goes through, and a unit of the list is missing."""
    with both_sides.db.tx() as conn:
        plan.add_units(conn, "order-1", [{"epcs": [epc(n)]} for n in range(3, 6)], at_ms=0)
    session = both_sides.open("1", "truck-a", "truck-a")
    lines = [line for n in range(5) for line in through(epc(n), 30 + 20 * n, stay_s=4)]
    beams = [edge for n in range(6) for edge in hand.gates(30 + 20 * n, door="1")]
    feed(both_sides, record(lines, beams))
    both_sides.sink.tick()
    with both_sides.db.read() as conn:
        told = view.asked(conn, both_sides.doors["1"])
        row = view.session_view(conn, repository.session(conn, session) or {})
        for unit in (*row["expected"], *row["over"]):
            unit["number"] = "1"
        shown = disputes(conn, row, T0, lambda key, **_given: key)
    assert [each["session"] for each in told] == [session]
    assert "no tag went along" in told[0]["why"]
    assert (None, "door.dispute.no_tag") in [(each["unit"], each["why"]) for each in shown]


def test_a_question_about_a_unit_of_the_list_moves_nothing_and_stands_at_the_door(both_sides):
    """It turned in the door: the readings do not say for sure whether it is aboard."""
    session = both_sides.open("1", "truck-a", "truck-a")
    unit, door = both_sides.units[0].id, both_sides.doors["1"]
    move = Move("ask", unit, (E0,), door, session, T0 + 9_000, T0 + 11_000, 0.4, True, ())
    there = crossed.Session(session, both_sides.vehicles["truck-a"], both_sides.trips["truck-a"], True)
    question = crossed.fact_of(move, there, both_sides.site, gated=True)
    assert (question.kind, question.grade, question.body["review"]) == ("unit.seen", "C", True)
    with both_sides.db.tx() as conn:
        log.append(conn, [question])
        row = view.session_view(conn, repository.session(conn, session) or {})
        for each in row["expected"]:
            each["number"] = "1"
        shown = disputes(conn, row, T0, lambda key, **_given: key)
    assert row["done"] == 0
    assert [(each["unit"], each["why"]) for each in shown] == [(unit, "door.dispute.unsure")]


@pytest.mark.parametrize(
    ("confidence", "gated", "doubtful", "wanted"),
    [(0.97, True, False, "A"), (0.97, False, False, "C"), (0.9995, False, False, "B"), (0.7, True, False, "C"),
     (0.99, True, True, "C")],
)  # fmt: skip
def test_a_count_is_graded_by_its_sensors_only_where_it_is_sure(both_sides, confidence, gated, doubtful, wanted):
    move = Move("forward", "u", (E0,), "d", "s", T0, T0 + 2_000, confidence, doubtful, ())
    assert crossed.fact_of(move, crossed.Session("s", "v", "t", True), "site", gated).grade == wanted
