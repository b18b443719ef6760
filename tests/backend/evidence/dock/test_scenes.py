"""Each kind of scene by name, laid out by hand: what must be said, and what must not."""

import sys
from pathlib import Path

import pytest

from milepost.evidence.dock.correlate import correlate
from milepost.evidence.dock.model import IN, INNER, OUTER, Decision, Verdict
from milepost.evidence.dock.scoring import Scorer, shipped

sys.path.insert(0, str(Path(__file__).parent))
import hand

SCORERS = [pytest.param(Scorer(), id="plain"), pytest.param(shipped(), id="shipped")]
pytestmark = pytest.mark.parametrize("scorer", SCORERS)


def judged(scorer: Scorer, sessions, orders, reads, edges=()) -> tuple[list[Decision], list[Verdict]]:
    return correlate(list(sessions), list(orders), list(reads), list(edges), scorer=scorer)


def words(decisions: list[Decision], unit: object) -> list[str]:
    return [each.decision for each in decisions if each.unit == unit and each.decision != "STRAY"]


def still(unit: object, x: float, y: float, until_s: float = 300.0, **more) -> list:
    return hand.reads(hand.tag(unit), [(0, x, y), (until_s, x, y)], every_s=0.4, **more)


def test_a_unit_driven_in_is_loaded_within_three_seconds(scorer: Scorer) -> None:
    lines = hand.reads(hand.tag("U1"), hand.through(60))
    said, (verdict,) = judged(scorer, [hand.session()], [hand.order("T1", "U1")], lines, hand.gates(60))
    assert words(said, "U1")[-1] == "LOADED"
    first = next(each for each in said if each.unit == "U1")
    assert first.at_s - hand.START_S - 60 <= 3.0
    assert (verdict.matched, verdict.short, verdict.over, verdict.review) == (["U1"], [], [], [])


def test_without_light_gates_it_is_loaded_too(scorer: Scorer) -> None:
    lines = hand.reads(hand.tag("U1"), hand.through(60))
    said, (verdict,) = judged(scorer, [hand.session()], [hand.order("T1", "U1")], lines)
    assert words(said, "U1")[-1] == "LOADED" and verdict.matched == ["U1"]


def test_an_unload_session_mirrors_it(scorer: Scorer) -> None:
    lines = hand.reads(hand.tag("U1"), hand.turned(hand.through(60)))
    said, (verdict,) = judged(
        scorer, [hand.session(direction=IN)], [hand.order("T1", "U1")], lines, hand.gates(60, out=False)
    )
    if scorer.trained:
        assert words(said, "U1")[-1] == "UNLOADED" and verdict.matched == ["U1"]
    else:  # alone it asks more often
        assert "U1" in {*verdict.matched, *verdict.review}


def test_two_at_once_are_both_loaded(scorer: Scorer) -> None:
    lines = hand.reads(hand.tag("U1"), hand.through(60, x=-0.4)) + hand.reads(hand.tag("U2"), hand.through(60, x=0.5))
    said, (verdict,) = judged(scorer, [hand.session()], [hand.order("T1", "U1", "U2")], lines, hand.gates(60))
    assert verdict.matched == ["U1", "U2"], [each.as_json() for each in said]


def test_a_staged_pallet_of_the_same_order_stays_short(scorer: Scorer) -> None:
    lines = hand.reads(hand.tag("U1"), hand.through(60)) + still("U2", 1.8, -2.6)
    said, (verdict,) = judged(scorer, [hand.session()], [hand.order("T1", "U1", "U2")], lines, hand.gates(60))
    assert words(said, "U1")[-1] == "LOADED"
    assert "LOADED" not in words(said, "U2") and "U2" in {*verdict.short, *verdict.review}


def test_a_pass_by_is_not_counted(scorer: Scorer) -> None:
    way = [(40, -9.0, -2.2), (58, 9.0, -2.2)]
    lines = hand.reads(hand.tag("U1"), hand.through(120)) + hand.reads(hand.tag("P1"), way)
    said, (verdict,) = judged(
        scorer,
        [hand.session()],
        [hand.order("T1", "U1"), hand.order("T9", "P1")],
        lines,
        hand.gates(15, length_m=0.4) + hand.gates(120),
    )
    assert "LOADED" not in words(said, "P1") and verdict.matched == ["U1"] and verdict.over == []


def test_a_turn_around_before_the_door_is_not_counted(scorer: Scorer) -> None:
    way = [(0, 0, -6), (50, 0, -6), (54, 0, -1.8), (57, 0, -1.8), (61, 1.8, -3.5), (290, 1.8, -3.5)]
    lines = hand.reads(hand.tag("U2"), way) + hand.reads(hand.tag("U1"), hand.through(120))
    _, (verdict,) = judged(scorer, [hand.session()], [hand.order("T1", "U1", "U2")], lines, hand.gates(120))
    assert "U2" not in verdict.matched and "U2" in {*verdict.short, *verdict.review}


def test_taken_out_again_it_is_no_longer_counted(scorer: Scorer) -> None:
    way = [*hand.through(60, stay_s=0), (100, 0, 6), (110, 0, -6), (290, 0, -6)]
    edges = hand.gates(60) + hand.gates(105, out=False)
    said, (verdict,) = judged(
        scorer, [hand.session()], [hand.order("T1", "U1")], hand.reads(hand.tag("U1"), way), edges
    )
    assert "LOADED" in words(said, "U1")
    assert words(said, "U1")[-1] in ("PASSED_BACK", "REVIEW") and verdict.matched == []


def test_the_wrong_truck_is_told_at_the_door_and_counted_for_nobody(scorer: Scorer) -> None:
    doors = ("D1", "D2")
    sessions = [hand.session(), hand.session("S2", "D2", "T2")]
    lines = hand.reads(hand.tag("U2"), hand.through(60), doors) + hand.reads(hand.tag("U1"), hand.through(120), doors)
    said, (one, two) = judged(
        scorer, sessions, [hand.order("T1", "U1"), hand.order("T2", "U2")], lines, hand.gates(60) + hand.gates(120)
    )
    if not scorer.trained:
        assert "LOADED" not in words(said, "U2")
        return
    alarm = next(each for each in said if (each.unit, each.session, each.decision) == ("U2", "S1", "REVIEW"))
    assert alarm.at_s - hand.START_S - 60 <= 3.0
    assert any("wrong truck" in reason for reason in alarm.reasons)
    assert "LOADED" not in words(said, "U2")
    assert one.matched == ["U1"] and one.over == ["U2"] and "U2" not in two.matched


def test_the_neighbouring_door_hears_it_and_does_not_count_it(scorer: Scorer) -> None:
    doors = ("D1", "D2")
    sessions = [hand.session(), hand.session("S2", "D2", "T2")]
    lines = hand.reads(hand.tag("U1"), hand.through(60), doors)
    said, (one, two) = judged(scorer, sessions, [hand.order("T1", "U1")], lines, hand.gates(60))
    assert one.matched == ["U1"] and two.over == []
    assert all(each.door == "D1" for each in said if each.decision != "STRAY")


def test_a_dead_tag_asks_for_a_manual_scan(scorer: Scorer) -> None:
    units = [f"U{n}" for n in range(6)]
    lines, edges = [], []
    for n, unit in enumerate(units):
        edges += hand.gates(40 + 30 * n)
        if n != 5:
            lines += hand.reads(hand.tag(unit), hand.through(40 + 30 * n, stay_s=5))
    said, (verdict,) = judged(scorer, [hand.session()], [hand.order("T1", *units)], lines, edges)
    asked = [each for each in said if each.unit is None]
    assert len(asked) == 1 and asked[0].decision == "REVIEW" and 0 < asked[0].at_s - hand.START_S - 190 < 8
    assert verdict.short == ["U5"]


def test_an_empty_forklift_asks_for_nothing(scorer: Scorer) -> None:
    units = [f"U{n}" for n in range(6)]
    lines, edges = [], hand.gates(220, length_m=1.8)
    for n, unit in enumerate(units[:5]):
        edges += hand.gates(40 + 30 * n)
        lines += hand.reads(hand.tag(unit), hand.through(40 + 30 * n, stay_s=5))
    said, _ = judged(scorer, [hand.session()], [hand.order("T1", *units)], lines, edges)
    assert [each for each in said if each.unit is None] == []


@pytest.mark.parametrize("side", [INNER, OUTER])
def test_with_the_antennas_of_one_side_missing_nothing_is_lost(scorer: Scorer, side: int) -> None:
    lines = hand.reads(hand.tag("U1"), hand.through(60), sides=(side,))
    _, (verdict,) = judged(scorer, [hand.session(sides=(side,))], [hand.order("T1", "U1")], lines, hand.gates(60))
    assert "U1" in {*verdict.matched, *verdict.review}


def test_a_passage_before_its_session_opened_binds_by_event_time(scorer: Scorer) -> None:
    lines = hand.reads(hand.tag("U1"), hand.through(60))
    said, (verdict,) = judged(scorer, [hand.session(from_s=100)], [hand.order("T1", "U1")], lines, hand.gates(60))
    assert all(each.session is None or each.at_s >= hand.START_S + 100 for each in said)
    if scorer.trained:
        assert words(said, "U1")[-1] == "LOADED" and verdict.matched == ["U1"]
    else:
        assert "U1" in {*verdict.matched, *verdict.review}


def test_a_tag_on_the_wall_is_never_a_passage(scorer: Scorer) -> None:
    units = [f"U{n}" for n in range(5)]
    lines, edges = still("F", 1.3, -0.4), []
    for n, unit in enumerate(units):
        edges += hand.gates(40 + 40 * n)
        lines += hand.reads(hand.tag(unit), hand.through(40 + 40 * n, stay_s=10))
    said, (verdict,) = judged(scorer, [hand.session()], [hand.order("T1", *units)], lines, edges)
    assert verdict.matched == units
    assert [each for each in said if each.unit is None] == []


def test_a_trip_without_units_and_a_log_without_lines(scorer: Scorer) -> None:
    said, (verdict,) = judged(scorer, [hand.session()], [hand.order("T1")], [])
    assert said == [] and verdict.as_json() == {
        "session": "S1", "trip": "T1", "matched": [], "short": [], "over": [], "review": []
    }  # fmt: skip
    said, (verdict,) = judged(scorer, [hand.session()], [hand.order("T1", "U1")], [])
    assert said == [] and verdict.short == ["U1"]


def test_only_a_session_left_open_ends_with_the_data(scorer: Scorer) -> None:
    lines = hand.reads(hand.tag("U1"), hand.through(60))
    _, (verdict,) = judged(scorer, [hand.session(to_s=None)], [hand.order("T1", "U1")], lines, hand.gates(60))
    assert verdict.matched == ["U1"]
