"""Rules that no training can undo: two trucks, a foreign consignment, levels and clocks that are a little off."""

import sys
from pathlib import Path

import numpy as np
import pytest

from milepost.evidence.dock.correlate import correlate
from milepost.evidence.dock.engine import Correlator
from milepost.evidence.dock.measure import measure
from milepost.evidence.dock.model import OUT, OUTER, Decision
from milepost.evidence.dock.store import DoorLog

sys.path.insert(0, str(Path(__file__).parent))
import hand


def finals(said: list[Decision], session: str) -> dict[object, str]:
    return {each.unit: each.decision for each in said if each.session == session and each.decision != "STRAY"}


WAY = hand.through(80, before_s=60)


@pytest.mark.requirement("T17")
def test_a_unit_counted_into_two_trucks_is_counted_for_neither() -> None:
    sessions = [hand.session(), hand.session("S2", "D2", "T2")]
    orders = [hand.order("T1", "U1"), hand.order("T2", "U1")]
    one = hand.reads(hand.tag("U1"), hand.through(40, stay_s=5), ("D1",))
    two = [
        (t, "D2", ant.replace("D1", "D2"), *rest) for t, _, ant, *rest in hand.reads(hand.tag("U1"), hand.through(120))
    ]
    said, verdicts = correlate(sessions, orders, one + two, hand.gates(40) + hand.gates(120, door="D2"))
    assert finals(said, "S1") == finals(said, "S2") == {"U1": "REVIEW"}
    assert [each.matched for each in verdicts] == [[], []] and [each.review for each in verdicts] == [["U1"], ["U1"]]
    assert any("two trucks" in reason for each in said for reason in each.reasons)


def test_half_a_foreign_consignment_puts_the_session_in_doubt() -> None:
    foreign = [f"W{n}" for n in range(5)]
    sessions = [hand.session(), hand.session("S2", "D9", "T2")]
    lines, edges = [], []
    for n, unit in enumerate(foreign[:4]):
        lines += hand.reads(hand.tag(unit), hand.through(40 + 40 * n, stay_s=10))
        edges += hand.gates(40 + 40 * n)
    said, (one, _) = correlate(sessions, [hand.order("T1", "U1"), hand.order("T2", *foreign)], lines, edges)
    assert one.over == foreign[:4] and one.matched == []
    doubts = [each for each in said if any("session or clock wrong" in reason for reason in each.reasons)]
    assert {each.unit for each in doubts} == {"W2", "W3"}, "from the third of five on"


def log(shift_db: float = 0.0, later_s: float = 0.0) -> DoorLog:
    door = DoorLog()
    for t, _, ant, _, level in hand.reads("A", hand.through(40)) + hand.reads("B", [(0, 1.8, -2.6), (100, 1.8, -2.6)]):
        door.add(t + later_s, 1 if level > -200 else 0, OUTER if "o" in ant else 0, level + shift_db, 0)
    door.settle()
    return door


@pytest.mark.parametrize("shift_db", [-9.0, 12.0])
def test_no_measure_is_a_number_of_dbm(shift_db: float) -> None:
    at = np.array([int((hand.START_S + 40) // 0.5)])
    subject, until = np.array([1]), np.array([hand.START_S + 42.0])
    plain, moved = (measure(each, [], subject, at, until) for each in (log(), log(shift_db)))
    for name in ("both", "sides", "signed"):
        np.testing.assert_allclose(getattr(plain, name), getattr(moved, name), atol=1e-6)


def test_a_moments_measures_do_not_depend_on_what_is_measured_with_it() -> None:
    door = log()
    bins = np.array([int((hand.START_S + t) // 0.5) for t in (12, 39, 40, 41, 77)])
    until = (bins + 4) * 0.5
    subject = np.ones(len(bins), np.int64)
    whole = measure(door, [], subject, bins, until)
    for n in range(len(bins)):
        alone = measure(door, [], subject[n : n + 1], bins[n : n + 1], until[n : n + 1])
        for name in ("both", "sides", "signed"):
            assert getattr(whole, name)[n].tobytes() == getattr(alone, name)[0].tobytes()


def test_a_door_learns_by_how_much_its_clocks_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("milepost.evidence.dock.looks.CERTAIN", 0.5)
    units = [f"U{n}" for n in range(8)]
    lines, edges = [], []
    for n, unit in enumerate(units):
        lines += hand.reads(hand.tag(unit), hand.through(40 + 30 * n, speed_mps=2.0, stay_s=5))
        edges += hand.gates(40 + 30 * n, speed_mps=2.0, length_m=2.0)
    usual = []
    for later_s in (0.0, 0.7):
        shifted = [(t + later_s, *rest) for t, *rest in edges]
        engine = Correlator([hand.session()], [hand.order("T1", *units)])
        engine.feed(lines, shifted)
        engine.finish()
        assert engine.verdicts()[0].matched == units
        usual.append(engine.looks.door("D1").usual[OUT].now[1])
    assert usual[1] - usual[0] == pytest.approx(0.7, abs=0.3)


def test_goods_of_a_trip_without_a_list_are_asked_about_as_they_pass() -> None:
    """One question for one passage, with every tag on it, within three seconds."""
    lines = hand.reads(hand.tag("A1"), hand.through(40)) + hand.reads(hand.tag("A2"), hand.through(40, x=0.4))
    said, _ = correlate([hand.session()], [hand.order("T1")], lines, hand.gates(40))
    (asked,) = [each for each in said if each.unit is None]
    assert asked.decision == "REVIEW" and sorted(asked.epcs) == sorted([hand.tag("A1"), hand.tag("A2")])
    assert 0 < asked.at_s - (hand.START_S + 40) <= 3.0


def test_tags_that_ride_on_a_listed_unit_are_not_asked_about() -> None:
    lines = hand.reads(hand.tag("U1"), hand.through(40)) + hand.reads(hand.tag("C1"), hand.through(40, x=0.3))
    said, (verdict,) = correlate([hand.session()], [hand.order("T1", "U1")], lines, hand.gates(40))
    assert verdict.matched == ["U1"]
    assert not any(each.unit is None for each in said)


def test_where_no_light_gate_saw_it_a_passage_is_asked_about_at_first_and_counted_later() -> None:
    said, (verdict,) = correlate([hand.session()], [hand.order("T1", "U1")], hand.reads(hand.tag("U1"), WAY), [])
    assert [each.decision for each in said if each.unit == "U1"][:2] == ["REVIEW", "LOADED"]
    assert verdict.matched == ["U1"]
    said, _ = correlate([hand.session()], [hand.order("T1", "U1")], hand.reads(hand.tag("U1"), WAY), hand.gates(80))
    assert [each.decision for each in said if each.unit == "U1"] == ["LOADED"]


def test_a_unit_of_another_list_that_draws_near_is_no_alarm_before_a_beam_is_broken() -> None:
    """It comes into the field while nothing passes: an alarm of the wrong truck would be false."""
    sessions = [hand.session(), hand.session("S2", "D2", "T2")]
    near = [(70.0, 0.0, -6.0), (75.0, 0.0, -2.0), (290.0, 0.0, -2.0)]
    lines = hand.reads(hand.tag("U1"), [(0.0, 1.8, -2.6), (20.0, 1.8, -2.6)]) + hand.reads(hand.tag("U2"), near)
    said, _ = correlate(sessions, [hand.order("T1", "U1"), hand.order("T2", "U2")], lines, [])
    assert not any(each.unit == "U2" and each.session == "S1" and each.decision == "REVIEW" for each in said)


def test_what_another_door_saw_as_surely_and_as_loud_is_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two doors, a little nearer to the other one, through the beams of both, and the trees sure of it."""
    monkeypatch.setattr("milepost.evidence.dock.scoring.Scorer.close", lambda _self, _vector: 0.99)
    sessions = [hand.session(), hand.session("S2", "D2", "T2")]
    lines = hand.reads(hand.tag("U1"), hand.through(80, x=hand.PITCH_M * 0.53, before_s=60), ("D1", "D2"))
    said, (one, _) = correlate(
        sessions, [hand.order("T1", "U1"), hand.order("T2", "X")], lines, hand.gates(80) + hand.gates(80, door="D2")
    )
    assert one.matched == [] and one.review == ["U1"]
    assert any("door D2 is as sure of it" in reason for each in said for reason in each.reasons)
