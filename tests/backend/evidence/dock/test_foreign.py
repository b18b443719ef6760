"""Goods on no list, and units of other lists: what was carried along is told, at the close at the latest."""

import sys
from pathlib import Path

import numpy as np
import pytest

from milepost.evidence.dock.correlate import correlate
from milepost.evidence.dock.files import Edge, Read
from milepost.evidence.dock.look import INDEX
from milepost.evidence.dock.model import Decision, Verdict
from milepost.evidence.dock.scoring import Scorer

sys.path.insert(0, str(Path(__file__).parent))
import hand


class Rises(Scorer):
    """A judge for whom what grew louder while both gates were interrupted passed, the session's way; all else not."""

    def __init__(self, passes: float, close: float) -> None:
        super().__init__()
        self._passes, self._close = passes, close

    def first(self, vector: np.ndarray) -> float:
        rises = vector[INDEX["near_times"]] > 0 and vector[INDEX["rise"]] >= 6.0
        return self._passes if rises and vector[INDEX["with_session"]] else 0.001

    late = first

    def close(self, vector: np.ndarray) -> float:
        return self._close


def nameless(said: list[Decision]) -> list[tuple[str, ...]]:
    return [tuple(map(str, each.epcs)) for each in said if each.unit is None]


def apart(at_s: float) -> list[Edge]:
    """The gates of a load and its carrier, half a second apart: each breaks both beams."""
    return [*hand.gates(at_s, length_m=1.2), *hand.gates(at_s + 1.6, length_m=1.2)]


def loads(*at_s: float) -> tuple[list[str], list[Read], list[Edge]]:
    units = [f"U{n}" for n, _ in enumerate(at_s)]
    lines = [row for unit, t in zip(units, at_s, strict=True) for row in hand.reads(hand.tag(unit), hand.through(t))]
    return units, lines, [row for t in at_s for row in hand.gates(t)]


def test_a_passage_that_the_gates_name_several_times_is_one() -> None:
    """A foreign pallet whose load and carrier break the beams apart is looked at four times, and asked about once."""
    units, lines, edges = loads(40, 80)
    lines += hand.reads(hand.tag("F1"), hand.through(140))
    session = hand.session(to_s=155.0)  # before the later look, which may ask by itself
    said, (verdict,) = correlate([session], [hand.order("T1", *units)], lines, edges + apart(140))
    assert verdict.matched == units
    assert nameless(said) == [(hand.tag("F1"),)]


@pytest.mark.parametrize(("times", "asked"), [((100,), 1), ((100, 150), 1), ((100, 140, 180, 220), 0)])
def test_a_tag_that_goes_to_and_fro_is_no_question(times: tuple[int, ...], asked: int) -> None:
    """A forklift's own tag: it is sure to have passed, and often. Twice is a piece that was brought once more."""
    units, lines, edges = loads(40)
    way = [(float(t + after), 0.2, y) for t in times for after, y in ((-5, -6.0), (5, 6.0), (8, 6.0), (18, -6.0))]
    lines += hand.reads(hand.tag("F1"), way[:-2] if asked else way)
    edges += [row for t in times for row in hand.gates(t)]
    judge = Rises(0.9, 0.99)
    said, _ = correlate([hand.session()], [hand.order("T1", *units)], lines, edges, scorer=judge)
    assert len(nameless(said)) == asked


@pytest.mark.requirement("T17")
@pytest.mark.parametrize(("close", "over"), [(0.99, ["W1"]), (0.22, ["W1"]), (0.15, [])])
def test_an_alarm_is_taken_back_at_the_close_only_where_next_to_nothing_speaks_for_it(close: float, over: list) -> None:
    """A unit of another list was told to have gone in: what is likelier than one in five stays told."""
    lines = hand.reads(hand.tag("W1"), hand.through(60))
    judge = Rises(0.9, close)
    orders = [hand.order("T1", "U1"), hand.order("T2", "W1")]
    said, (verdict,) = correlate([hand.session()], orders, lines, hand.gates(60), scorer=judge)
    words = [each.decision for each in said if each.unit == "W1"]
    assert words == (["REVIEW"] if over else ["REVIEW", "PASSED_BACK"])
    assert verdict.over == over and verdict.matched == []


def late(listed: bool, *foreign: str) -> tuple[list[Decision], Verdict]:
    """People load from second 40 on, with the foreign pieces at 60 and 20 (seconds); the session is told at 100."""
    units, lines, edges = loads(40, 80, 130) if listed else ([], [], [])
    for unit, t in zip(foreign, (60, 20), strict=False):
        lines += hand.reads(hand.tag(unit), hand.through(t))
        edges += hand.gates(t)
    orders = [hand.order("T1", *units), hand.order("T2", "W1")]
    said, (verdict,) = correlate([hand.session(from_s=100.0)], orders, lines, edges, scorer=Rises(0.99, 0.99))
    return said, verdict


@pytest.mark.parametrize(("foreign", "asked"), [("F1", 1), ("W1", 0)])
def test_what_went_along_before_the_session_was_told_is_told_too(foreign: str, asked: int) -> None:
    """Loading had begun: what passed between its units went with them, whether a list knows it or none does."""
    said, verdict = late(True, foreign)
    assert verdict.matched == ["U0", "U1", "U2"]
    assert len([each for each in nameless(said) if hand.tag(foreign) in each]) == asked
    assert verdict.over == ([] if asked else ["W1"])


def test_what_passed_before_the_loading_began_is_no_part_of_it() -> None:
    said, verdict = late(True, "F1", "F2")
    assert [epc for each in nameless(said) for epc in each] == [hand.tag("F1")]
    assert verdict.matched == ["U0", "U1", "U2"]


def test_a_trip_without_a_list_takes_what_passed_before_its_session() -> None:
    said, verdict = late(False, "F1", "F2")
    assert {epc for each in nameless(said) for epc in each} == {hand.tag("F1"), hand.tag("F2")}
    assert verdict.matched == []
