"""Sanctions as proposals, with the article cited (REQUIREMENTS B7; N-18, N-19, N-29, X-25; C9)."""

from typing import Any

import pytest

from milepost.clocks.policy import PolicySet, PolicyVersion
from milepost.reports.model import Place
from milepost.reports.proposals import propose
from milepost.reports.sanctions import RULES

MINUTE = 60_000
LATER = 1_900_000_000_000
PLACES = {"A": Place("R", "BR")}


def proposed(*figures: Any, until: int = LATER, **more: Any) -> list[tuple[str, str, float | None]]:
    found = propose(figures, until, places=PLACES, **more)
    return sorted((each.rule, each.role, each.amount) for each in found if not each.rule.startswith("TH-"))


def complaint(about: str, name: str = "c1", at: int = 0, points: str | None = "PT-11") -> dict[str, Any]:
    said = [] if points is None else [{"id": points, "at": at, "fact": f"s-{name}", "region": "R"}]
    return {"id": name, "about": about, "at": at, "fact": f"l-{name}", "points": said}


@pytest.mark.parametrize(
    "took, roles",
    [
        (10 * MINUTE, []),
        (10 * MINUTE + 1, ["branch"]),
        (15 * MINUTE, ["branch"]),
        (15 * MINUTE + 1, ["branch", "regional_manager"]),
    ],
)
@pytest.mark.requirement("N-18", "N-19", "PN-3")
def test_N18_N19_more_than_ten_and_more_than_fifteen_minutes(hand: Any, took: int, roles: list[str]):
    verdict = "met" if took <= 10 * MINUTE else "late"
    late = hand.clock("N-01", verdict, end=took)
    found = propose([hand.figure("o1", late)], LATER, places=PLACES)
    assert [each.role for each in sorted(found, key=lambda p: p.role)] == roles
    assert all((p.branch, p.region, p.order, p.evidence) == ("A", "R", "o1", ("f0",)) for p in found)
    assert all(p.as_dict()["article"] == "3.3.1 a" for p in found)


def test_an_acceptance_that_never_came_is_measured_until_now(hand: Any):
    late = hand.clock("N-01", "late")
    assert len(proposed(hand.figure("o1", late), until=11 * MINUTE)) == 1
    assert len(proposed(hand.figure("o1", late), until=16 * MINUTE)) == 2


@pytest.mark.requirement("G-05")
def test_G05_excusable_and_exempt_lateness_bring_no_proposal(hand: Any):
    took = 14 * MINUTE
    assert proposed(hand.figure("o1", hand.clock("N-01", "late", end=took, excusable=True))) == []
    assert proposed(hand.figure("o1", hand.clock("N-01", "excused", end=took))) == []
    assert proposed(hand.figure("o1", hand.clock("N-01", "late", end=took))) == [("FN-1", "branch", None)]


def test_the_thresholds_are_policy(hand: Any):
    late = hand.clock("N-01", "late", end=14 * MINUTE)
    values = {"sanction.accept.dept": "PT14M", "sanction.accept.region": "PT20M"}
    versions = [PolicyVersion("later", 1, values={}), PolicyVersion("wide", 0, klass="standard", values=values)]
    assert proposed(hand.figure("o1", late), policies=PolicySet(versions)) == []
    assert len(proposed(hand.figure("o1", late, klass="project"), policies=PolicySet(versions))) == 1


def test_an_acceptance_counts_for_the_branch_whose_clock_it_was(hand: Any):
    late = hand.clock("N-01", "late", "A", end=11 * MINUTE)
    (found,) = propose([hand.figure("o1", late, branch="B")], LATER, places=PLACES)
    assert (found.branch, found.region) == ("A", "R")


def pickups(hand: Any, *days: tuple[str, str, str | None]) -> list[Any]:
    """Orders with a due pickup on a day, its verdict, and what a complaint is about."""
    made = []
    for n, (day, verdict, about) in enumerate(days):
        due = hand.ms(f"{day}T19:00:00+08:00")
        clock = hand.clock("N-22", verdict, due=due, late_from=due, start_fact=f"f{n}")
        said = () if about is None else (complaint(about, f"c{n}", points=None),)
        made.append(hand.figure(f"o{n}", clock, complaints=said))
    return made


@pytest.mark.parametrize(
    "days, proposals",
    [
        ([("2024-03-04", "late", "late_pickup"), ("2024-03-05", "late", "late_pickup")], 1),
        ([("2024-03-04", "late", "late_pickup"), ("2024-03-05", "late", None)], 0),
        ([("2024-03-04", "late", "late_pickup"), ("2024-03-05", "late", "damage")], 0),
        (
            [("2024-03-04", "late", "late_pickup"), ("2024-03-05", "met", None), ("2024-03-06", "late", "late_pickup")],
            0,
        ),
        (
            [
                ("2024-03-04", "late", "late_pickup"),
                ("2024-03-05", "void", None),
                ("2024-03-06", "late", "late_pickup"),
            ],
            1,
        ),
        ([("2024-03-31", "late", "late_pickup"), ("2024-04-01", "late", "late_pickup")], 0),
        ([("2024-03-04", "late", "late_pickup"), ("2024-03-05", "late", "x"), ("2024-03-06", "late", "x")], 2),
    ],
)
@pytest.mark.requirement("N-29", "X-25")
def test_N29_two_consecutive_due_pickups_in_one_month_with_complaints(
    hand: Any, days: list[tuple[str, str, str | None]], proposals: int
):
    found = proposed(*pickups(hand, *days))
    assert [rule for rule, _, _ in found] == ["N-29"] * proposals
    assert proposed(*reversed(pickups(hand, *days))) == found


def test_N29_how_many_running_is_policy(hand: Any):
    days = [(f"2024-03-0{n}", "late", "late_pickup") for n in range(1, 4)]
    three = PolicySet([PolicyVersion("p", 0, values={"sanction.pickup.consecutive": 3})])
    assert len(proposed(*pickups(hand, *days), policies=three)) == 1
    assert proposed(*pickups(hand, *days[:2]), policies=three) == []


def test_N29_another_branch_breaks_no_row(hand: Any):
    first, other, second = pickups(
        hand, ("2024-03-04", "late", "late_pickup"), ("2024-03-05", "met", None), ("2024-03-06", "late", "late_pickup")
    )
    elsewhere = hand.figure("o1", hand.clock("N-22", "met", "B", due=other.clocks[0].due))
    assert len(proposed(first, elsewhere, second)) == 1


@pytest.mark.requirement("FN-11", "N-40")
def test_FN11_the_slip_late_to_be_signed_again_or_lost(hand: Any):
    late = hand.clock("N-40", "late", late_from=LATER)
    unqualified, lost = ({"what": what, "at": 0, "fact": what} for what in ("unqualified", "lost"))

    def amounts(*clocks: Any, slips: tuple[Any, ...] = ()) -> list[tuple[str, str, float | None]]:
        return proposed(hand.figure("o1", *clocks, slips=slips))

    def both(rule: str, amount: float) -> list[tuple[str, str, float]]:
        return [(rule, "branch_manager", amount), (rule, "clerk", amount)]

    assert amounts(late) == amounts(hand.clock("N-40", "met"), slips=(unqualified,)) == both("FN-11", 20)
    assert amounts(late, slips=(unqualified,)) == both("FN-11b", 30)
    assert amounts(late, slips=(unqualified, lost)) == both("FN-11c", 50)
    assert amounts(hand.clock("N-40", "met")) == []


@pytest.mark.requirement("PN-3", "EO-21")
def test_FN2_FN5_accepted_without_contact_needs_the_complaint_and_the_silence(hand: Any):
    said = (complaint("no_contact"),)
    found = proposed(hand.figure("o1", contacted=False, complaints=said))
    assert [each[:2] for each in found] == [
        ("FN-2", "branch_manager"), ("FN-2", "region_director"), ("FN-2", "regional_manager"),
        ("FN-5", "branch_manager"),
    ]  # fmt: skip
    assert proposed(hand.figure("o1", contacted=True, complaints=said)) == []
    assert proposed(hand.figure("o1", contacted=False)) == []
    assert proposed(hand.figure("o1", contacted=False, complaints=(complaint("no_contact", points=None),))) == []


def test_FN3_FN4_false_reasons_and_untrue_feedback(hand: Any):
    false = (complaint("false_cancel_reason"),)
    assert [r for r, _, _ in proposed(hand.figure("o1", cancelled=True, complaints=false))] == ["FN-3"] * 3
    assert proposed(hand.figure("o1", complaints=false)) == []
    untrue = (complaint("untrue_feedback"),)
    assert proposed(hand.figure("o1", complaints=untrue)) == [("FN-4", "regional_manager", None)]


def test_FN7_attitude_at_project_customers(hand: Any):
    one = hand.figure("o1", klass="project", complaints=(complaint("attitude", "c1", 1),))
    two = hand.figure("o2", klass="project", complaints=(complaint("x", "c2", 2, "PT-8"),))
    money = ("FN-7", "person", 100.0)
    assert proposed(one) == [money]
    assert proposed(one, two) == [money, money, ("FN-7b", "person", None)]
    between = hand.figure("o3", klass="project", complaints=(complaint("delay", "c3", 2),))
    last = hand.figure("o2", klass="project", complaints=(complaint("attitude", "c2", 3),))
    assert proposed(one, between, last) == [money, money]
    more = hand.figure("o5", klass="project", complaints=(complaint("delay", "c5", 4),))
    fifth = hand.figure("o6", klass="project", complaints=(complaint("attitude", "c6", 5),))
    assert ("FN-7b", "person", None) in proposed(one, between, last, more, fifth)
    assert proposed(hand.figure("o1", complaints=(complaint("attitude"),))) == []


def test_FN9_FN12_money_from_losses_and_freight(hand: Any):
    breach = (complaint("operation_breach"),)
    losses = ({"id": "k", "amount": 333.35, "at": 0, "fact": "k1"},)
    figure = hand.figure("o1", klass="project", complaints=breach, losses=losses)
    (found,) = propose([figure], LATER)
    assert (found.rule, found.amount, found.points) == ("FN-9", 100.01, 5)  # 100.005 half up
    over = (complaint("overcharge"),)
    assert proposed(hand.figure("o1", complaints=over, freight=45.1)) == [("FN-12", "branch", 135.3)]
    (unknown,) = propose([hand.figure("o1", complaints=over)], LATER)
    assert (unknown.amount, unknown.flags) == (None, ("freight_unknown",))


def test_FN10_twenty_yuan_per_waybill_of_a_project_customer(hand: Any):
    late = (hand.clock("N-34", "late"), hand.clock("N-33", "late"))
    assert proposed(hand.figure("o1", *late, klass="project")) == [("FN-10", "branch_manager", 20.0)]
    assert proposed(hand.figure("o1", *late)) == []


def test_ids_are_stable_and_say_their_month(hand: Any):
    figure = hand.figure("o1", hand.clock("N-01", "late", end=16 * MINUTE, late_from=hand.ms("2024-03-04T09:00:00Z")))
    first, second = propose([figure], LATER), propose([figure, figure], LATER + 1)
    assert [each.id for each in first] == [each.id for each in second]
    assert len({each.id for each in first}) == 2
    assert all(each.id.startswith("2024-03.FN-1.") for each in first)


def test_every_rule_cites_an_article_in_both_languages():
    assert all(rule.article and rule.zh and rule.en and rule.zh != rule.en for rule in RULES.values())
