"""Contents in time: what lies in what at an instant, whatever order the packings came in (case P03)."""

import random

from hypothesis import given
from hypothesis import strategies as st

from milepost.plan.packing import ADD, DELETE, Contents, Packing, contents_at, ring


def add(at, parent, *children):
    return Packing(f"{at}/{parent}/{'+'.join(children)}", at, parent, ADD, children)


def delete(at, parent, *children):
    return Packing(f"-{at}/{parent}/{'+'.join(children)}", at, parent, DELETE, children)


def test_P03_a_delete_without_children_empties_the_parent():
    rows = [add(10, "pallet", "a", "b"), delete(20, "pallet")]
    assert contents_at(rows, 9).children("pallet") == []
    assert contents_at(rows, 10).children("pallet") == ["a", "b"]
    assert contents_at(rows, 20).children("pallet") == []


def test_a_delete_with_children_takes_out_those_and_only_if_they_lie_there():
    rows = [add(10, "p", "a", "b"), add(11, "q", "c"), delete(20, "p", "a", "c")]
    here = contents_at(rows, 20)
    assert here.children("p") == ["b"]
    assert here.children("q") == ["c"]


def test_what_is_put_elsewhere_has_left_its_place():
    here = contents_at([add(10, "p", "a"), add(20, "q", "a")], 30)
    assert (here.children("p"), here.children("q"), here.parent("a")) == ([], ["a"], "q")


def test_repacked_within_one_instant_it_lies_in_the_new_place():
    here = contents_at([add(1, "p", "a"), add(10, "q", "a"), delete(10, "p", "a")], 10)
    assert here.parent("a") == "q"


def test_emptied_and_filled_anew_within_one_instant_it_holds_what_is_new():
    rows = [add(1, "p", "a"), add(10, "p", "b"), delete(10, "p")]
    assert contents_at(rows, 10).children("p") == ["b"]


def test_depth_upwards_and_downwards():
    here = Contents([add(1, "truck load", "pallet"), add(2, "pallet", "case"), add(3, "case", "cup")])
    assert here.above("cup") == ["case", "pallet", "truck load"]
    assert here.below("truck load") == ["case", "cup", "pallet"]


def test_a_ring_is_seen_at_once_and_when_it_closes_later():
    rows = [add(10, "a", "b"), add(20, "b", "c")]
    assert ring(rows, add(30, "c", "a")) == "a"
    assert ring(rows, add(30, "a", "a")) == "a"
    assert ring(rows, add(30, "a", "d")) is None
    assert ring(rows, delete(30, "a", "b")) is None
    # Told late: at 5 it harms nothing yet, at 20 b would lie in c and c in b.
    assert ring(rows, add(5, "c", "b")) is None  # at 10 b leaves c again
    assert ring([add(20, "b", "c")], add(5, "c", "b")) == "c"
    # Taken out before: no ring.
    assert ring([*rows, delete(25, "b", "c")], add(30, "c", "a")) is None


NAMES = [f"n{n}" for n in range(6)]
PACKINGS = st.lists(
    st.builds(
        lambda number, at, parent, action, children: Packing(
            f"{number}", at, parent, action, tuple(sorted(children)) if action == DELETE or children else ("n0",)
        ),
        st.integers(0, 10**6),
        st.integers(0, 12),
        st.sampled_from(NAMES),
        st.sampled_from([ADD, DELETE]),
        st.sets(st.sampled_from(NAMES), max_size=3),
    ),
    max_size=14,
    unique_by=lambda row: row.id,
)


@given(PACKINGS, st.randoms(use_true_random=False), st.integers(0, 13))
def test_any_order_and_any_duplicates_give_the_same_contents(rows, luck, at):
    shuffled = [*rows, *luck.choices(rows, k=len(rows))] if rows else []
    luck.shuffle(shuffled)
    one, other = contents_at(rows, at), contents_at(shuffled, at)
    assert [one.children(name) for name in NAMES] == [other.children(name) for name in NAMES]


@given(PACKINGS, st.integers(0, 13))
def test_a_thing_lies_in_one_place_at_most_and_never_in_itself(rows, at):
    here = contents_at(rows, at)
    everything = [child for name in NAMES for child in here.children(name)]
    assert len(everything) == len(set(everything))
    for name in NAMES:
        assert name not in here.above(name)
        assert name not in here.below(name)
        assert all(name in here.above(child) for child in here.below(name))


@given(PACKINGS)
def test_where_no_ring_was_refused_nothing_is_passed_over(rows):
    kept: list[Packing] = []
    for row in random.Random(1).sample(rows, len(rows)):
        if ring(kept, row) is None:
            kept.append(row)
    assert Contents(kept).passed_over == set()
