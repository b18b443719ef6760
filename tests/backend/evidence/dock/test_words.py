"""A question put at the door is answered by what follows; what has no past is asked about."""

import sys
from pathlib import Path

import pytest

from milepost.evidence.dock.correlate import correlate
from milepost.evidence.dock.scoring import Scorer

sys.path.insert(0, str(Path(__file__).parent))
import hand


class Says(Scorer):
    """A judge whose chances are given: for the first look, the later one (and that it came back), and the close."""

    def __init__(self, first: float, late: float, close: float, back: float = 0.001) -> None:
        super().__init__()
        self._chances = first, late, close
        self._back = back

    def first(self, vector) -> float:
        # Only the moment at the line is worth a word: there both gates were interrupted.
        from milepost.evidence.dock.look import INDEX  # noqa: PLC0415

        return self._chances[0] if vector[INDEX["near_times"]] and vector[INDEX["with_session"]] else 0.001

    def late(self, vector) -> float:
        from milepost.evidence.dock.look import INDEX  # noqa: PLC0415

        return self._chances[1] if vector[INDEX["with_session"]] else self._back

    def close(self, vector) -> float:
        return self._chances[2]


def words(first: float, late: float, close: float) -> list[str]:
    lines = hand.reads(hand.tag("U1"), hand.through(60))
    said, _ = correlate(
        [hand.session()], [hand.order("T1", "U1")], lines, hand.gates(60), scorer=Says(first, late, close)
    )
    return [each.decision for each in said]


@pytest.mark.requirement("T17")
@pytest.mark.parametrize(
    ("first", "late", "close", "said"),
    [
        (0.99, 0.99, 0.99, ["LOADED"]),
        (0.99, 0.5, 0.99, ["LOADED"]),
        (0.4, 0.99, 0.99, ["REVIEW", "LOADED"]),
        (0.4, 0.5, 0.99, ["REVIEW", "LOADED"]),
        (0.4, 0.01, 0.1, ["REVIEW", "PASSED_BACK"]),
        (0.4, 0.5, 0.1, ["REVIEW", "PASSED_BACK"]),
        (0.99, 0.5, 0.8, ["LOADED", "PASSED_BACK", "REVIEW"]),
        (0.99, 0.5, 0.1, ["LOADED", "PASSED_BACK"]),
        (0.1, 0.5, 0.8, ["REVIEW"]),
        (0.1, 0.5, 0.3, ["STRAY"]),
    ],
)
def test_a_first_word_is_corrected_by_what_follows(first: float, late: float, close: float, said: list[str]) -> None:
    found = words(first, late, close)
    assert [word for word, before in zip(found, [None, *found], strict=False) if word != before] == said


@pytest.mark.requirement("T17")
@pytest.mark.parametrize(("back", "after_s"), [(0.98, 30.0), (0.9, 200.0)])
def test_what_the_later_look_saw_come_back_is_taken_back_before_the_close(back: float, after_s: float) -> None:
    lines = hand.reads(hand.tag("U1"), hand.through(60))
    judge = Says(0.99, 0.01, 0.01, back)
    said, _ = correlate([hand.session()], [hand.order("T1", "U1")], lines, hand.gates(60), scorer=judge)
    assert [each.decision for each in said] == ["LOADED", "PASSED_BACK"]
    assert after_s - 25.0 < said[-1].at_s - said[0].at_s < after_s + 100.0


def test_what_stands_there_when_the_readings_begin_is_not_counted() -> None:
    lines = hand.reads(hand.tag("U1"), [(0, 1.8, -2.6), (300, 1.8, -2.6)], every_s=0.4)
    said, _ = correlate([hand.session()], [hand.order("T1", "U1")], lines, [], scorer=Says(0.99, 0.99, 0.99))
    assert all(each.at_s > hand.START_S + 5 for each in said if each.decision == "LOADED")
