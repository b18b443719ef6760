"""Passages without a tag: what is as long as a load, whatever its speed, and where it is worth a question."""

import numpy as np
import pytest

from milepost.evidence.dock.empty import Lengths, Through, ends, through
from milepost.evidence.dock.model import INNER, OUTER
from milepost.evidence.dock.store import DoorLog

APART_M = 1.0


def passage(length_m: float, speed_mps: float, at_s: float = 100.0) -> Through:
    begin, far = at_s, at_s + APART_M / speed_mps
    took = length_m / speed_mps
    found = through(np.array([[begin, begin + took]]), np.array([[far, far + took]]), far + took)
    assert found is not None
    return found


@pytest.mark.parametrize("speed_mps", [0.5, 1.0, 3.0])
def test_the_length_does_not_depend_on_the_speed(speed_mps: float) -> None:
    assert passage(3.4, speed_mps).length == pytest.approx(3.4 / APART_M)


def test_one_as_long_as_loads_is_remarkable_an_empty_forklift_is_not() -> None:
    lengths = Lengths()
    for speed in (1.0, 2.0, 1.5, 0.8, 1.1):
        lengths.add(passage(3.4, speed))
    assert not lengths.remarkable(passage(2.2, 0.6)), "slow, but short"
    assert lengths.remarkable(passage(3.5, 3.0))


def test_where_many_pass_unheard_one_more_says_nothing() -> None:
    lengths = Lengths()
    for _ in range(6):
        lengths.add(passage(3.4, 1.0))
    assert lengths.remarkable(passage(3.4, 1.0))
    assert not lengths.remarkable(passage(3.4, 1.0)), "two of some eight: the readers hear badly here"
    assert not lengths.remarkable(passage(3.4, 1.0))


def test_nothing_is_known_before_some_passed() -> None:
    assert not Lengths().remarkable(passage(3.4, 1.0))


def test_a_way_back_is_no_passage_and_chatter_ends_nothing() -> None:
    door = DoorLog()
    for t, side, state in (
        (100.0, OUTER, 1), (101.0, OUTER, 0), (101.1, OUTER, 1), (104.0, OUTER, 0), (103.0, INNER, 1), (106.0, INNER, 0)
    ):  # fmt: skip
        door.add_edge(t, side, state)
    door.settle()
    near, far = door.blocked
    assert through(near, far, 104.0) is None
    assert ends(far, 0.0, 1000.0) == [104.0]
