"""What the light gates name: who was heard when the second beam was broken."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost.evidence.dock.beams import gated
from milepost.evidence.dock.files import Edge
from milepost.evidence.dock.model import INNER, OUTER
from milepost.evidence.dock.moments import moments
from milepost.evidence.dock.store import BIN_S, DoorLog

sys.path.insert(0, str(Path(__file__).parent))
import hand


def log(rows: list[tuple[float, int, float]], edges: list[Edge]) -> DoorLog:
    """rows: seconds from the start, subject, level; edges: as hand.gates makes them."""
    door = DoorLog()
    for t, subject, level in rows:
        door.add(hand.START_S + t, subject, INNER, level, 0)
    for t, _, side, state in edges:
        door.add_edge(t, side, state)
    door.settle()
    return door


def edge(t: float, side: int, state: int) -> Edge:
    return (hand.START_S + t, "D1", side, state)


def test_the_second_beam_is_the_passage_either_way() -> None:
    out, back = hand.gates(40, speed_mps=1.0), hand.gates(90, speed_mps=1.0, out=False)
    assert log([], out + back).second_beams - hand.START_S == pytest.approx([39.7, 90.1])  # its front is 0.6 m ahead


@pytest.mark.parametrize(
    ("edges", "found"),
    [
        ([edge(40, INNER, 1), edge(43, INNER, 0)], 0),  # backed out before the second beam
        ([edge(40, INNER, 1), edge(41, INNER, 0), edge(50, OUTER, 1), edge(51, OUTER, 0)], 0),  # two people
        ([edge(40, INNER, 1), edge(75, OUTER, 1), edge(76, OUTER, 0), edge(77, INNER, 0)], 1),  # halted in the door
        ([edge(40, INNER, 1), edge(55, INNER, 0), edge(120, OUTER, 1), edge(121, OUTER, 0)], 0),  # long freed
        ([edge(40, INNER, 1), edge(40.5, OUTER, 1), edge(41, OUTER, 0), edge(41.2, OUTER, 1), edge(42, OUTER, 0)], 1),
    ],
)
def test_what_is_no_passage(edges: list[Edge], found: int) -> None:
    assert len(log([], edges).second_beams) == found


@pytest.mark.parametrize("inner", [[edge(40, INNER, 1)], []])
def test_the_other_gate_alone_tells_while_one_is_stuck_or_dead(inner: list[Edge]) -> None:
    outer = [edge(t + n, OUTER, 1 - n // 2) for t in (1000, 1060) for n in (0, 2)]
    assert (log([], inner + outer).second_beams - hand.START_S)[-1] == pytest.approx(1060)


def test_a_unit_that_is_loudest_where_it_stands_aboard_is_found_at_the_gates() -> None:
    rows = [(t, 1, -70.0) for t in np.arange(10, 38, 0.5)] + [(t, 1, -60.0) for t in np.arange(39.6, 41, 0.2)]
    rows += [(41.0 + n / 2, 1, -57.0 + 3 * n) for n in range(4)]
    rows += [(t, 1, -45.0) for t in np.arange(43, 60, 0.5)]  # right before the outer antenna
    door = log(rows, hand.gates(40))
    bin_ = int((hand.START_S + 40) // BIN_S)
    peaks = [each.bin for each in moments(door, [], bin_ - 100, bin_ + 100)]
    assert not any(abs(each - bin_) <= 3 for each in peaks), "the case no longer is one"
    assert [each.subject for each in gated(door, [], bin_ - 4, bin_ + 4)] == [1]


def test_only_what_was_heard_in_those_seconds_is_named_but_also_what_stood_louder_before() -> None:
    rows = [(t, 1, -50.0) for t in np.arange(10, 38, 0.5)] + [(t, 1, -58.0) for t in np.arange(38, 60, 0.5)]
    rows += [(t, 2, -50.0) for t in np.arange(10, 35, 0.5)]
    bin_ = int((hand.START_S + 40) // BIN_S)
    assert [each.subject for each in gated(log(rows, hand.gates(40)), [], bin_ - 10, bin_ + 10)] == [1]


def test_a_tag_that_another_door_hears_far_louder_is_named_there() -> None:
    here = log([(t, 1, -65.0) for t in np.arange(38, 42, 0.2)], hand.gates(40))
    there = log([(t, 1, -50.0) for t in np.arange(38, 42, 0.2)], [])
    bin_ = int((hand.START_S + 40) // BIN_S)
    assert gated(here, [there], bin_ - 10, bin_ + 10) == []
    assert len(gated(here, [], bin_ - 10, bin_ + 10)) == 1


@given(st.lists(st.tuples(st.floats(0, 60), st.integers(0, 3), st.integers(-75, -45)), max_size=60), st.floats(5, 55))
def test_a_named_moment_never_depends_on_what_comes_after_it_is_ready(
    rows: list[tuple[float, int, int]], at_s: float
) -> None:
    edges = hand.gates(at_s)
    whole = log(rows, edges)
    first = int(hand.START_S // BIN_S)
    for each in gated(whole, [], first, first + 200):
        until = each.ready_s - hand.START_S
        known = log(
            [row for row in rows if row[0] < until],
            [one for one in edges if one[0] - hand.START_S < until],
        )
        assert each in gated(known, [], first, first + 200)
