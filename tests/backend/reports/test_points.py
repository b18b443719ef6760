"""Points and the ladder (REQUIREMENTS B7, X-16; G-13)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost.errors import Invalid
from milepost.reports.model import Place
from milepost.reports.points import BIG_REGION_LADDER, POINTS, REGION_LADDER, parse_points, tier
from milepost.reports.proposals import Decision, propose

PLACES = {"A": Place("R", "BR"), "B": Place("R2", "BR")}
JULY = "2024-07-10T10:00:00+08:00"


def complaint(hand: Any, name: str, points: str, at: str, region: str = "R") -> dict[str, Any]:
    when = hand.ms(at)
    point = {"id": points, "at": when, "fact": f"s-{name}", "region": region}
    return {"id": name, "about": "delay", "at": when, "fact": f"l-{name}", "points": [point]}


def rules(proposals: Any, status: str = "open") -> list[tuple[str, str]]:
    return sorted((each.rule, each.role) for each in proposals if each.status == status)


@pytest.mark.requirement("G-13", "PN-1", "PN-2", "X-16")
def test_G13_the_ladder_over_a_month(hand: Any):
    until = hand.ms("2024-07-31T23:59:59+08:00")
    said = [complaint(hand, "c0", "PT-11", "2024-07-02T09:00:00+08:00"),
            *(complaint(hand, f"c{n}", "PT-9", f"2024-07-0{n + 2}T09:00:00+08:00") for n in (1, 2, 3)),
            complaint(hand, "c4", "PT-8", "2024-07-09T09:00:00+08:00")]  # fmt: skip
    figures = [hand.figure(f"o{n}", complaints=(each,)) for n, each in enumerate(said)]
    found = propose(figures, until, places=PLACES)
    assert rules(found) == [("TH-4", "region_director"), ("TH-7", "division_manager")]  # big region; region
    current = next(each for each in found if each.rule == "TH-7")
    assert (current.score, current.period, current.region, current.final) == (12, "2024-07", "R", False)
    assert len(current.evidence) == 5
    lower = [each for each in found if each.status == "superseded"]
    assert sorted((each.rule, each.superseded_by) for each in lower) == [("TH-1", current.id), ("TH-4", current.id)]

    last = complaint(hand, "c5", "PT-4", "2024-07-31T15:59:59Z")
    figures.append(hand.figure("o5", complaints=(last,)))
    found = propose(figures, until, places={"A": Place("R")})
    assert rules(found) == [("TH-2", "regional_manager"), ("TH-5", "region_director")]
    assert {each.score for each in found if each.status == "open"} == {17}

    august = complaint(hand, "c6", "PT-4", "2024-07-31T16:00:00Z")
    figures.append(hand.figure("o6", complaints=(august,)))
    found = propose(figures, hand.ms("2024-08-02T00:00:00+08:00"), places={"A": Place("R")})
    by_month = {(each.period, each.rule): each for each in found if each.status == "open"}
    assert {(month, rule) for month, rule in by_month} == {
        ("2024-07", "TH-2"),
        ("2024-07", "TH-5"),
        ("2024-08", "TH-4"),
    }
    assert by_month["2024-07", "TH-2"].final and not by_month["2024-08", "TH-4"].final


@given(st.integers(0, 60))
def test_X16_no_gap_and_one_tier_at_every_score(score: int):
    region = tier(score, REGION_LADDER)
    assert region == (None if score < 2 else 0 if score < 5 else 1 if score < 10 else 2 if score < 15 else
                      3 if score < 20 else 4)  # fmt: skip
    assert tier(score, BIG_REGION_LADDER) == (None if score < 10 else 0 if score < 15 else 1 if score < 20 else 2)


def test_the_big_region_sums_its_regions_and_is_flagged_above_the_ladder(hand: Any):
    figures = [hand.figure(f"o{n}", complaints=(complaint(hand, f"c{n}", "PT-8", JULY, "R" if n < 2 else "R2"),))
               for n in range(4)]  # fmt: skip
    found = propose(figures, hand.ms("2024-07-20T00:00:00Z"), places=PLACES)
    big = [each for each in found if each.region is None and each.status == "open"]
    assert [(each.rule, each.score, each.flags) for each in big] == [("TH-7", 20, ("above_the_ladder",))]


@pytest.mark.parametrize("name", POINTS)
def test_every_PT_takes_what_its_range_says(name: str):
    least, most, zh, en = POINTS[name]
    assert zh and en
    plain = parse_points(name)
    assert (plain.points, plain.open) == (least, least != most)
    for picked in range(least, most + 1):
        assert parse_points(f"{name}:{picked}").points == picked
    for outside in (least - 1, most + 1):
        with pytest.raises(Invalid, match=name):
            parse_points(f"{name}:{outside}")


def test_a_range_without_a_pick_says_so_and_a_later_word_picks(hand: Any):
    said = complaint(hand, "c1", "PT-3", JULY)
    until = hand.ms("2024-07-20T00:00:00Z")
    (found,) = propose([hand.figure(complaints=(said,))], until)
    assert (found.rule, found.score, found.flags) == ("TH-1", 3, ("points_to_pick",))
    picked = {"id": "PT-3:5", "at": hand.ms(JULY) + 60_000, "fact": "s2", "region": "R"}
    said = {**said, "points": [*said["points"], picked]}
    (found,) = propose([hand.figure(complaints=(said,))], until)
    assert (found.rule, found.score, found.flags) == ("TH-4", 5, ())


def test_a_later_pick_does_not_move_the_month(hand: Any):
    said = complaint(hand, "c1", "PT-3", "2024-07-31T23:00:00+08:00")
    picked = {"id": "PT-3:4", "at": hand.ms("2024-08-01T09:00:00+08:00"), "fact": "s2", "region": "R"}
    said = {**said, "points": [*said["points"], picked]}
    (found,) = propose([hand.figure(complaints=(said,))], hand.ms("2024-08-02T00:00:00Z"))
    assert (found.period, found.score, found.final) == ("2024-07", 4, True)


def test_what_cannot_be_counted_counts_nothing(hand: Any):
    assert propose([hand.figure(complaints=(complaint(hand, "c", "PT-77", JULY),))], hand.ms(JULY)) == []


def test_a_decision_stays_with_its_proposal(hand: Any):
    figures = [hand.figure(complaints=(complaint(hand, "c1", "PT-8", JULY),))]
    until = hand.ms("2024-07-20T00:00:00Z")
    (before,) = propose(figures, until)
    (after,) = propose(figures, until, decisions={before.id: Decision("approved", "boss", 5)})
    assert (after.id, after.status, after.as_dict()["decided_by"]) == (before.id, "approved", "boss")
    more = [*figures, hand.figure("o2", complaints=(complaint(hand, "c2", "PT-8", "2024-07-11T10:00:00+08:00"),))]
    found = {each.rule: each for each in propose(more, until, decisions={before.id: Decision("approved", "boss", 5)})}
    assert (found["TH-4"].status, found["TH-7"].status) == ("approved", "open")


@given(order=st.permutations(range(5)))
def test_any_order_of_the_orders_gives_the_same_proposals(hand: Any, order: list[int]):
    figures = [hand.figure(f"o{n}", complaints=(complaint(hand, f"c{n}", "PT-9", f"2024-07-0{n + 1}T10:00:00Z"),))
               for n in range(5)]  # fmt: skip
    until = hand.ms("2024-08-01T00:00:00Z")
    assert propose([figures[n] for n in order], until) == propose(figures, until)
