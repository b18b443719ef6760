"""Order, doubling and portions of the lines change nothing; nothing is said before the data for it are in."""

import random
import sys
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from milepost.evidence.dock import files
from milepost.evidence.dock.correlate import correlate, in_order, rows
from milepost.evidence.dock.engine import Correlator
from milepost.evidence.dock.model import Decision, Verdict

sys.path.insert(0, str(Path(__file__).parent))
import hand

DOORS = ("D1", "D2")
SESSIONS = [hand.session(to_s=150), hand.session("S2", "D2", "T2", to_s=None)]
ORDERS = [hand.order("T1", "U1", "U2", "U3"), hand.order("T2", "W1")]
READS = [
    *hand.reads(hand.tag("U1"), hand.through(40), DOORS),
    *hand.reads(hand.tag("U2"), hand.through(70), DOORS),
    *hand.reads(hand.tag("U3"), [(0, 1.8, -2.6), (160, 1.8, -2.6)], DOORS, every_s=0.5),
    *hand.reads(hand.tag("W1"), hand.through(100), DOORS),
    *hand.reads("35STRANGE", hand.through(125), DOORS),
]
EDGES = [edge for at_s in (40, 70, 100, 125) for edge in hand.gates(at_s)]


def text(decisions: list[Decision], verdicts: list[Verdict]) -> str:
    return "".join(files.as_lines(rows(decisions, verdicts)))


WANTED = text(*correlate(SESSIONS, ORDERS, READS, EDGES))


def in_portions(reads: list[files.Read], edges: list[files.Edge], cuts: list[float]) -> str:
    engine = Correlator(SESSIONS, ORDERS)
    decisions, verdicts = [], []
    for since, until in zip([0.0, *cuts], [*cuts, 1e12], strict=True):
        engine.feed(
            [row for row in reads if since <= row[0] < until], [row for row in edges if since <= row[0] < until]
        )
        if until < 1e12:
            decisions += engine.advance(until)
            engine.prune(until)
    decisions += engine.finish()
    verdicts += engine.verdicts()
    return text(in_order(decisions), sorted(verdicts, key=lambda each: str(each.session)))


def test_the_day_says_something() -> None:
    assert '"LOADED"' in WANTED and "wrong truck" in WANTED


@given(st.randoms(use_true_random=False))
@settings(max_examples=8, deadline=None)
def test_any_order_with_any_doubles_gives_the_same_bytes(luck: random.Random) -> None:
    reads = READS + luck.sample(READS, luck.randint(0, len(READS)))
    edges = EDGES + luck.sample(EDGES, luck.randint(0, len(EDGES)))
    luck.shuffle(reads)
    luck.shuffle(edges)
    sessions, orders = luck.sample(SESSIONS, 2), luck.sample(ORDERS, 2)
    assert text(*correlate(sessions, orders, reads, edges)) == WANTED


@given(st.lists(st.floats(0, 170), max_size=12))
@settings(max_examples=8, deadline=None)
def test_fed_in_any_portions_it_says_the_same(seconds: list[float]) -> None:
    assert in_portions(READS, EDGES, sorted(hand.START_S + each for each in seconds)) == WANTED


@given(st.floats(20, 160))
@settings(max_examples=8, deadline=None)
def test_what_was_said_by_an_instant_does_not_change_with_what_comes_later(second: float) -> None:
    at_s = hand.START_S + second
    whole, _ = correlate(SESSIONS, ORDERS, READS, EDGES)
    engine = Correlator(SESSIONS, ORDERS)
    engine.feed([row for row in READS if row[0] <= at_s], [row for row in EDGES if row[0] <= at_s])
    said = in_order(engine.advance(at_s))
    assert [each.as_json() for each in said] == [each.as_json() for each in whole if each.at_s <= at_s]
