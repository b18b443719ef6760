"""From words that take each other back to what holds of a unit."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from milepost.evidence.dock.model import LOADED, PASSED_BACK, REVIEW, STRAY, Decision
from milepost.evidence.dockside.moves import ASK, BACK, FORWARD, OUTSIDE, Move, moves

LISTED = {("u1", "s1"), ("u1", "s2"), ("u2", "s2")}


def said(word: str, at_s: float, *, unit: str | None = "u1", session: str | None = "s1", passed_s: float | None = None,
         door: str = "d1", epcs: tuple = ("E1",), confidence: float = 0.97) -> Decision:  # fmt: skip
    return Decision(unit, epcs, door, session, None, word, at_s, confidence, False, ("why",), passed_s or at_s - 2)


def holds(*decisions: Decision) -> list[tuple]:
    return [(each.kind, each.unit, each.session, each.doubtful) for each in found(*decisions)]


def found(*decisions: Decision) -> list[Move]:
    return moves(decisions, lambda unit, session: (unit, session) in LISTED)


def test_a_count_is_a_move_at_the_instant_of_the_passage():
    (move,) = found(said(LOADED, 102.0, passed_s=99.75))
    assert (move.kind, move.at_ms, move.said_ms, move.confidence) == (FORWARD, 99_750, 102_000, 0.97)


def test_what_came_back_later_is_a_move_of_its_own():
    assert holds(said(LOADED, 102), said(PASSED_BACK, 150)) == [(FORWARD, "u1", "s1", False), (BACK, "u1", "s1", False)]


def test_what_never_went_after_all_is_no_move():
    assert holds(said(LOADED, 102), said(PASSED_BACK, 300, passed_s=100)) == []


def test_a_way_back_that_was_none_is_gone_when_the_close_counts_the_passage_before_it():
    words = (said(LOADED, 102, passed_s=100), said(PASSED_BACK, 152, passed_s=150), said(LOADED, 500, passed_s=100))
    assert [(each.kind, each.at_ms) for each in found(*words)] == [(FORWARD, 100_000)]


def test_a_question_is_answered_by_a_count_or_taken_back():
    assert holds(said(REVIEW, 102)) == [(ASK, "u1", "s1", True)]
    assert holds(said(REVIEW, 102), said(LOADED, 125, passed_s=100)) == [(FORWARD, "u1", "s1", False)]
    assert holds(said(REVIEW, 102), said(PASSED_BACK, 300, passed_s=100)) == []


def test_a_count_that_is_to_be_asked_about_is_only_a_question():
    words = (said(LOADED, 102), said(PASSED_BACK, 300, passed_s=100), said(REVIEW, 300, passed_s=100))
    assert holds(*words) == [(ASK, "u1", "s1", True)]


def test_a_unit_of_another_list_is_a_doubtful_move_onto_the_truck_that_it_went_into():
    assert holds(said(REVIEW, 102, unit="u2")) == [(FORWARD, "u2", "s1", True)]
    assert holds(said(REVIEW, 102, unit="u2"), said(PASSED_BACK, 300, unit="u2", passed_s=100)) == []


def test_counted_into_two_trucks_it_is_a_doubtful_move_into_both():
    words = (said(LOADED, 102), said(REVIEW, 500, passed_s=498), said(REVIEW, 500, session="s2", door="d2"))
    assert holds(*words) == [(FORWARD, "u1", "s1", True), (FORWARD, "u1", "s2", True)]


def test_outside_every_session_it_is_seen_until_a_session_of_that_time_takes_it():
    outside = said(REVIEW, 102, session=None, passed_s=100)
    assert holds(outside) == [(OUTSIDE, "u1", None, True)]
    assert holds(outside, said(LOADED, 400, passed_s=100)) == [(FORWARD, "u1", "s1", False)]


def test_a_tag_of_nobody_that_went_along_is_a_move_of_no_unit_and_a_passage_without_a_tag_is_none():
    assert holds(said(REVIEW, 300, unit=None)) == [(FORWARD, None, "s1", True)]
    assert holds(said(REVIEW, 300, unit=None, epcs=())) == []


WORDS = st.lists(
    st.builds(
        said,
        st.sampled_from((LOADED, PASSED_BACK, REVIEW, STRAY)),
        st.integers(0, 100).map(float),
        unit=st.sampled_from(("u1", "u2", "u3", None)),
        session=st.sampled_from(("s1", "s2", None)),
    ),
    max_size=12,
).map(lambda each: sorted(each, key=lambda one: one.at_s))


@given(WORDS)
def test_whatever_is_said_ways_in_and_out_take_turns_and_only_a_question_or_a_move_stands_last(words):
    by_case: dict[tuple, list[Move]] = {}
    for each in found(*words):
        by_case.setdefault((each.unit, each.session, each.epcs if each.unit is None else ()), []).append(each)
    for own in by_case.values():
        ways = [each.kind for each in own if each.kind in (FORWARD, BACK)]
        assert all(one != other for one, other in pairwise(ways))
        assert ways[:1] != [BACK]


@given(WORDS, st.data())
def test_units_do_not_touch_one_another(words, data):
    """What holds of a unit follows from its own words."""
    unit = data.draw(st.sampled_from(("u1", "u2", "u3")))
    own = [each for each in words if each.unit == unit]
    assert [each for each in found(*words) if each.unit == unit] == found(*own)
