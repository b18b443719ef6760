"""The rule of the picking bench (T9): stays, pick lists, what was picked when. Pure."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost.evidence.model import Author, Fact
from milepost.evidence.picking import (
    JOIN_MS,
    SEEN_EVERY_MS,
    Heard,
    PickList,
    Stay,
    joined,
    origin,
    pick_lists,
    picks,
    sightings,
    stay_of,
)

FLOOR = -50.0


def heard(at: int, level: float = -40.0, *, span: int = 500, count: int = 8) -> Heard:
    number = at // 100 - round(level)  # what is heard at another level is another reading
    return Heard(at, at + span, f"b-1/7/{number}", level, level - 2, level - 2, count, "ntp", at + 1000)


def stay(start: int, end: int, level: float = -40.0, bench: str = "b") -> Stay:
    return Stay(bench, "E", start, end, heard(start, level), heard(start, level))


def said(kind: str, at: int, **body) -> Fact:
    return Fact(id=f"{kind}-{at}", kind=kind, at=at, by=Author("keeper", "k"), subjects={"order": "o"}, body=body)


reads = st.lists(
    st.builds(heard, st.integers(0, 40).map(lambda n: n * 20_000), st.sampled_from((-48.0, -42.0, -35.0))), max_size=12
)


@given(reads, st.randoms(use_true_random=False), st.integers(0, 12))
def test_stays_are_the_same_in_whatever_order_and_portions_reads_come(found, rng, cut):
    whole = joined(stay_of("b", "E", each) for each in found)
    mixed = [*found, *found[:cut]]
    rng.shuffle(mixed)
    bit_by_bit: list[Stay] = []
    for each in mixed:
        bit_by_bit = joined([*bit_by_bit, stay_of("b", "E", each)])
    assert bit_by_bit == whole
    assert all(b.from_ms - a.to_ms > JOIN_MS for a, b in pairwise(whole))


@pytest.mark.parametrize(
    ("level", "count", "lies"), [(-50.0, 2, True), (-50.1, 9, False), (-40.0, 1, False), (-44.0, 3, True)]
)
def test_what_is_weak_or_heard_once_does_not_lie_on_the_bench(level, count, lies):
    assert heard(0, level, count=count).counts(FLOOR) == lies


def test_a_tag_6_db_above_the_floor_is_certain():
    assert stay(0, 9, -44.0).confidence(FLOOR) == 0.999
    assert stay(0, 9, -44.1).confidence(FLOOR) == 0.97


def test_a_list_is_open_until_the_order_is_ready_has_its_waybill_or_is_cancelled():
    for closer in ("order.readied", "waybill.issued", "order.cancelled"):
        facts = [said(closer, 50), said("pick.issued", 10), said("pick.issued", 20)]
        assert pick_lists(facts) == [PickList("pick.issued-10", 10, 50)]
        again = [*facts, said("pick.issued", 60)]
        assert pick_lists(again) == [PickList("pick.issued-10", 10, 50), PickList("pick.issued-60", 60)]
    assert pick_lists([said("order.readied", 5), said("pick.issued", 5)]) == [PickList("pick.issued-5", 5, 5)]
    assert not PickList("p", 10, 50).open(50)


def test_an_order_is_picked_where_its_last_word_says():
    asked = said("order.requested", 1, **{"from": {"site": "yard"}})
    edited = said("order.edited", 9, changes={"from": {"site": "depot"}})
    assert origin([edited, asked]) == "depot"
    assert origin([asked, said("order.edited", 9, changes={"to": {"site": "shop"}})]) == "yard"
    assert origin([said("order.submitted", 1, **{"from": "somewhere"}), said("order.edited", 2, changes=None)]) is None


@pytest.mark.requirement("T9")
def test_T9_a_unit_is_picked_once_at_the_first_read_of_the_open_list():
    lists = [PickList("p", 1000, 9000)]
    assert [(each.id, at) for each, at, _ in picks([stay(5000, 6000), stay(3000, 3500)], lists)] == [("p", 3000)]


@pytest.mark.requirement("T9")
def test_T9_what_lay_there_already_is_picked_when_the_list_is_issued():
    assert [at for _, at, _ in picks([stay(100, 2000)], [PickList("p", 1000)])] == [1000]
    assert picks([stay(100, 999)], [PickList("p", 1000)]) == []
    assert picks([stay(9000, 9999)], [PickList("p", 1000, 9000)]) == []


def test_what_no_list_asks_for_is_only_seen_once_in_ten_minutes():
    long = stay(5_000, 2 * SEEN_EVERY_MS + 5_000)
    assert [at for at, _ in sightings([long], [], 0).values()] == [5_000, SEEN_EVERY_MS, 2 * SEEN_EVERY_MS]
    assert [at for at, _ in sightings([long], [PickList("p", 0, SEEN_EVERY_MS + 1)], 0).values()] == [2 * SEEN_EVERY_MS]
    assert [at for at, _ in sightings([long], [], SEEN_EVERY_MS).values()] == [SEEN_EVERY_MS, 2 * SEEN_EVERY_MS]
