"""Sessions and lists told while it runs: what passed binds by event time, and what no longer holds is taken back."""

import random
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from milepost.errors import Invalid
from milepost.evidence.dock.engine import Correlator
from milepost.evidence.dock.model import Decision, Order, Session

sys.path.insert(0, str(Path(__file__).parent))
import hand

READS = [
    *hand.reads(hand.tag("U1"), hand.through(40, stay_s=250)),
    *hand.reads(hand.tag("U2"), hand.through(90, stay_s=200)),
]
EDGES = [*hand.gates(40), *hand.gates(90)]
SESSION, ORDER = hand.session(), hand.order("T1", "U1", "U2")


def run(sessions: list[Session], orders: list[Order], told: dict[float, list], until_s: float = 320.0) -> Correlator:
    """Feed in portions of 5 s; told: what to call at which second, before the portion behind it is fed."""
    engine = Correlator(sessions, orders)
    engine.said = []  # type: ignore[attr-defined]
    since = hand.START_S - 60
    while since < hand.START_S + until_s:
        for second in sorted(told):
            if since <= hand.START_S + second < since + 5.0:
                for call, *given in told[second]:
                    getattr(engine, call)(*given)
        portion = (since, since + 5.0)
        engine.feed(
            [row for row in READS if portion[0] <= row[0] < portion[1]],
            [row for row in EDGES if portion[0] <= row[0] < portion[1]],
        )
        engine.said += engine.advance(since + 5.0)  # type: ignore[attr-defined]
        engine.prune(since + 5.0)
        since += 5.0
    return engine


def states(said: list[Decision], session: object = "S1") -> dict[object, list[str]]:
    found: dict[object, list[str]] = {}
    for each in said:
        if each.session == session and each.decision != "STRAY":
            found.setdefault(each.unit, []).append(each.decision)
    return found


def matched(engine: Correlator) -> list[list]:
    return [each.as_json()["matched"] for each in engine.verdicts()]


def test_a_session_opened_behind_its_passages_counts_them() -> None:
    engine = run([], [ORDER], {100: [("open_session", SESSION)]})
    assert states(engine.said)["U1"][-1] == states(engine.said)["U2"][-1] == "LOADED"
    assert all(each.at_s >= hand.START_S + 100 for each in engine.said if each.session == "S1")
    assert matched(engine) == [["U1", "U2"]]


def test_antennas_named_behind_the_passages_are_measured_as_if_named_before() -> None:
    def sides(told: bool) -> dict[int, bytes]:
        engine = Correlator([SESSION] if told else [], [ORDER])
        engine.feed(READS, EDGES)
        engine.advance(hand.START_S + 150)
        if not told:
            engine.open_session(SESSION)
            engine.advance(hand.START_S + 150)
        (case,) = [each for each in engine.looks.cases["S1"].values() if engine.roster.unit(each.subject).unit == "U1"]
        return {each.moment.bin: each.sight.sides.tobytes() for each in case.seen if each.late > 0.5}

    assert sides(told=True) and sides(told=False) == sides(told=True)


def test_a_list_told_behind_the_passages_counts_them_too() -> None:
    engine = run([SESSION], [], {120: [("set_units", ORDER)]})
    assert states(engine.said)["U1"] == states(engine.said)["U2"] == ["LOADED"]
    assert matched(engine) == [["U1", "U2"]]


def test_a_unit_taken_off_the_list_is_no_longer_counted() -> None:
    engine = run([SESSION], [ORDER], {120: [("set_units", hand.order("T1", "U1"))]})
    assert states(engine.said)["U2"][:2] == ["LOADED", "PASSED_BACK"]
    assert matched(engine) == [["U1"]]


def test_a_session_corrected_to_another_door_gives_back_what_it_counted() -> None:
    elsewhere = replace(SESSION, door="D7")
    engine = run([SESSION], [ORDER], {120: [("open_session", elsewhere)]})
    assert states(engine.said)["U1"][:2] == ["LOADED", "PASSED_BACK"]
    (verdict,) = engine.verdicts()
    assert verdict.matched == [] and verdict.as_json()["short"] == ["U1", "U2"]


def test_a_session_closed_late_ends_when_it_ended() -> None:
    open_ = replace(SESSION, to_s=None)
    engine = run([open_], [ORDER], {150: [("close_session", "S1", hand.START_S + 65)]})
    assert states(engine.said)["U2"][:2] == ["LOADED", "PASSED_BACK"], "it passed after the session's end"
    (verdict,) = engine.verdicts()
    assert verdict.matched == ["U1"] and verdict.as_json()["short"] == ["U2"]


def test_a_session_closed_while_it_runs_closes_once() -> None:
    engine = run([replace(SESSION, to_s=None)], [ORDER], {200: [("close_session", "S1", hand.START_S + 205)]})
    assert matched(engine) == [["U1", "U2"]]
    assert states(engine.said) == {"U1": ["LOADED"], "U2": ["LOADED"]}


def test_what_cannot_be_closed_is_refused() -> None:
    engine = Correlator([SESSION], [ORDER])
    with pytest.raises(Invalid, match="never opened"):
        engine.close_session("S9", hand.START_S)
    with pytest.raises(Invalid, match="cannot end"):
        engine.close_session("S1", SESSION.from_s)


def test_restarted_it_is_made_anew_from_the_last_eleven_minutes() -> None:
    whole = run([SESSION], [ORDER], {})
    again = Correlator([SESSION], [ORDER])
    lines = list(READS)
    random.Random(1).shuffle(lines)
    again.feed(lines, EDGES)
    again.advance(hand.START_S + 320)
    assert matched(again) == matched(whole)


def test_what_is_kept_is_bounded() -> None:
    engine = run([SESSION], [ORDER], {})
    engine.prune(hand.START_S + 10_000)
    (door,) = engine.looks.doors.values()
    assert len(door.log.t) == 0 and not door.loose and not engine.looks.cases
