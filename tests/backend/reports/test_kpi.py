"""The figures N-41…N-46a with their denominators (REQUIREMENTS B4, X-7, X-13, X-21; G-30)."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost.reports.kpi import RATIOS, kpi, percent
from milepost.reports.model import Place

PLACES = {"A": Place("R1", "B1"), "B": Place("R2", "B1"), "C": Place("R1", "B1")}


def ratio(row: dict[str, Any], name: str) -> tuple[int, int, float | None]:
    found = row["ratios"][name]
    return found["numerator"], found["denominator"], found["percent"]


@pytest.mark.requirement("G-30", "N-41", "N-42", "N-43", "X-21", "KP-1")
def test_G30_to_the_last_digit(hand: Any):
    figures = []
    for n in range(50):
        clocks = [hand.clock("N-44", "met" if n < 41 else "late" if n < 42 else "void", end=1 if n < 42 else 9)]
        if n < 45:
            clocks.append(hand.clock("N-01", "met"))
        elif n < 47:
            clocks.append(hand.clock("N-01", "late", end=700_000))
        else:
            clocks.append(hand.clock("N-01", "late"))
        cancelled = n >= 42
        reason = hand.ms("2024-03-04T12:00:00+08:00") if cancelled and n < 48 else None
        figures.append(hand.figure(f"o{n}", *clocks, cancelled=cancelled, reason_at=reason))
    empty = hand.figure("none", branch="B", branches=("B",), submitted_at=None)
    (all_,) = kpi(figures)
    assert (all_["received"], all_["accepted"], all_["cancelled"]) == (50, 47, 8)
    assert ratio(all_, "timely") == (45, 47, 95.74)
    assert ratio(all_, "timely_received") == (45, 50, 90.0)
    assert ratio(all_, "entry") == (6, 8, 75.0)
    assert ratio(all_, "success") == (41, 50, 82.0)
    a, b = kpi([*figures, empty], ("branch",))
    assert a["group"] == {"branch": "A"} and ratio(a, "timely") == (45, 47, 95.74)
    assert b["group"] == {"branch": "B"}
    assert {ratio(b, name) for name in RATIOS} == {(0, 0, None)}


def test_no_figures_at_all_are_no_data(hand: Any):
    (all_,) = kpi([])
    assert all(each["percent"] is None for each in all_["ratios"].values())
    assert kpi([], ("branch",)) == []


@given(st.integers(0, 10**6), st.integers(1, 10**6))
def test_per_cent_is_rounded_half_up(numerator: int, denominator: int):
    value = percent(numerator, denominator)
    assert value is not None
    error = value - Decimal(numerator * 100) / Decimal(denominator)
    assert Decimal("-0.005") < error <= Decimal("0.005")
    assert value.as_tuple().exponent == -2


def test_half_a_hundredth_goes_up():
    assert percent(1, 800) == Decimal("0.13")  # 0.125: half to even would be 0.12
    assert percent(1, 0) is None


@pytest.mark.requirement("N-41")
def test_N41_a_branch_counts_its_own_clocks(hand: Any):
    moved = hand.figure(
        "o1", hand.clock("N-01", "met", "A"), hand.clock("N-01", "late", "B", end=700_000),
        branch="B", branches=("A", "B"),
    )  # fmt: skip
    (all_,) = kpi([moved])
    assert ratio(all_, "timely") == (0, 1, 0.0)  # one of its clocks was late
    a, b = kpi([moved], ("branch",))
    assert ratio(a, "timely") == (1, 1, 100.0)
    assert ratio(b, "timely") == (0, 1, 0.0)
    regions = kpi([moved], ("big_region", "region"), PLACES)
    assert [row["group"]["region"] for row in regions] == ["R1", "R2"]
    (big,) = kpi([moved], ("big_region",), PLACES)
    assert ratio(big, "timely") == (0, 1, 0.0)


def test_a_branch_that_passed_it_on_in_time_is_not_charged_with_it(hand: Any):
    moved = hand.figure("o1", hand.clock("N-01", "void", "A", end=5), hand.clock("N-01", "met", "B"),
                        branch="B", branches=("A", "B"))  # fmt: skip
    a, b = kpi([moved], ("branch",))
    assert ratio(a, "timely_received") == (0, 0, None)
    assert ratio(b, "timely_received") == (1, 1, 100.0)


@pytest.mark.parametrize("verdict, end", [("open", None), ("late", None), ("void", 5)])
@pytest.mark.requirement("X-21")
def test_X21_who_never_accepts_shows_only_in_the_honest_figure(hand: Any, verdict: str, end: int | None):
    (all_,) = kpi([hand.figure("o1", hand.clock("N-01", verdict, end=end))])
    assert ratio(all_, "timely") == (0, 0, None)
    assert ratio(all_, "timely_received") == (0, 1, 0.0)


@pytest.mark.parametrize("late", [{"excusable": True}, {"verdict": "excused"}])
@pytest.mark.requirement("G-05")
def test_G05_excusable_is_still_not_timely(hand: Any, late: dict[str, Any]):
    clock = hand.clock("N-01", **{"verdict": "late", "end": 840_000, **late})
    (all_,) = kpi([hand.figure("o1", clock)])
    assert ratio(all_, "timely") == (0, 1, 0.0)


@pytest.mark.requirement("X-7")
def test_X7_postponed_orders_have_a_second_figure_from_the_agreed_ship_date(hand: Any):
    ship = hand.ms("2024-03-06T08:00:00+08:00")
    start = hand.ms("2024-03-04T10:00:00+08:00")
    day = 86_400_000

    def figures(end: int | None, ship_from: int | None = ship, verdict: str = "late") -> tuple[Any, Any]:
        clocks = (hand.clock("N-01", "met"), hand.clock("N-44", verdict, start=start, due=start + day, end=end))
        (row,) = kpi([hand.figure("o1", *clocks, ship_from=ship_from)])
        return ratio(row, "success")[:2], ratio(row, "success_agreed")[:2]

    assert figures(ship + day) == ((0, 1), (1, 1))
    assert figures(ship + day + 1) == ((0, 1), (0, 1))
    assert figures(None) == ((0, 1), (0, 1))
    assert figures(start + day + 1, ship_from=None) == ((0, 1), (0, 1))
    assert figures(start + day, verdict="met") == ((1, 1), (1, 1))


@pytest.mark.requirement("N-43")
def test_N43_shipped_but_never_accepted_is_no_success(hand: Any):
    (row,) = kpi([hand.figure("o1", hand.clock("N-01", "late"), hand.clock("N-44", "met"))])
    assert ratio(row, "success") == (0, 1, 0.0)


@pytest.mark.requirement("N-42")
def test_N42_a_reason_that_came_late_counts_as_entered_and_shows_beside(hand: Any):
    late = hand.figure("o1", hand.clock("N-12", "late", end=9), cancelled=True, reason_at=9)
    none = hand.figure("o2", hand.clock("N-12", "late"), cancelled=True)
    (row,) = kpi([late, none])
    assert ratio(row, "entry") == (1, 2, 50.0)
    assert ratio(row, "entry_in_time") == (0, 2, 0.0)


@pytest.mark.requirement("N-46a", "X-13")
def test_N46a_target_and_hard_limit_stand_apart(hand: Any):
    clocks = [hand.clock("N-20", "late", end=9), hand.clock("N-22", "met")]
    early = hand.figure("o2", hand.clock("N-25", "early"))
    void = hand.figure("o3", hand.clock("N-20", "void", end=1), hand.clock("N-22", "void", end=1))
    (row,) = kpi([hand.figure("o1", *clocks), early, void])
    assert ratio(row, "pickup_target") == (0, 1, 0.0)
    assert ratio(row, "pickup") == (1, 2, 50.0)


@pytest.mark.requirement("N-46")
def test_N46_on_time_per_product(hand: Any):
    figures = [hand.figure(f"o{n}", hand.clock("N-34", "late" if n == 0 else "met"), product="express")
               for n in range(100)]  # fmt: skip
    express, unknown = kpi([*figures, hand.figure("x", hand.clock("N-35", "met"))], ("product",))
    assert express["group"] == {"product": "express"} and unknown["group"] == {"product": None}
    found = express["ratios"]["delivery"]
    assert (found["percent"], found["target"], found["reached"]) == (99.0, 99.0, True)
    assert "target" not in unknown["ratios"]["delivery"]


def test_every_other_clock_counts_where_it_is_judged(hand: Any):
    clocks = [
        hand.clock("N-02", "met", "call_centre"), hand.clock("N-30", "met"), hand.clock("N-30", "late"),
        hand.clock("N-31", "met"), hand.clock("N-35", "late"), hand.clock("N-40", "open"),
    ]  # fmt: skip
    (row,) = kpi([hand.figure("o1", *clocks)])
    assert ratio(row, "assigned") == (1, 1, 100.0)
    assert ratio(row, "tracking") == (1, 2, 50.0)
    assert ratio(row, "signoff") == (1, 1, 100.0)
    assert ratio(row, "delivery") == (0, 1, 0.0)
    assert ratio(row, "receipt") == (0, 0, None)


def test_the_call_centre_counts_with_the_branch_that_has_the_order(hand: Any):
    moved = hand.figure("o1", hand.clock("N-02", "met", "call_centre"), hand.clock("N-01", "met", "B"))
    a, b = kpi([moved], ("branch",))
    assert ratio(a, "assigned") == (1, 1, 100.0)
    assert ratio(b, "assigned") == (0, 0, None)


def test_branches_may_be_counted_as_if_there_were_no_others(hand: Any):
    moved = hand.figure(
        "o1", hand.clock("N-01", "late", "A", end=9), hand.clock("N-01", "met", "B"), branch="B", cancelled=True
    )
    (b,) = kpi([moved], ("branch",), only={"B"})
    assert b["group"] == {"branch": "B"}
    (all_of_b,) = kpi([moved], only={"B"})
    assert ratio(all_of_b, "timely") == (1, 1, 100.0) and all_of_b["cancelled"] == 1
    (all_of_a,) = kpi([moved], only={"A"})
    assert ratio(all_of_a, "timely") == (0, 1, 0.0) and all_of_a["cancelled"] == 0


def test_groups_may_be_combined_and_periods_follow_D0(hand: Any):
    figures = [
        hand.figure("o1", hand.clock("N-01", "met")),
        hand.figure("o2", hand.clock("N-01", "met"), day="2024-04-01", channel="phone"),
        hand.figure("o3", hand.clock("N-01", "met"), klass="project"),
    ]
    rows = kpi(figures, ("period", "channel"))
    assert [row["group"] for row in rows] == [
        {"period": "2024-03", "channel": "web"},
        {"period": "2024-04", "channel": "phone"},
    ]
    assert [row["orders"] for row in rows] == [2, 1]
    assert [row["group"]["class"] for row in kpi(figures, ("class",))] == ["project", "standard"]


def test_exceptions_are_counted_by_kind(hand: Any):
    one = hand.figure("o1", exceptions={"EX-38": [2, 1], "wrong_truck": [1, 0]})
    (row,) = kpi([one, one])
    assert row["exceptions"] == {"EX-38": {"opened": 4, "open": 2}, "wrong_truck": {"opened": 2, "open": 0}}


@given(order=st.permutations(range(6)))
def test_any_order_of_the_figures_gives_the_same(hand: Any, order: list[int]):
    figures = [hand.figure(f"o{n}", hand.clock("N-01", ("met", "late", "void")[n % 3], "AB"[n % 2])) for n in range(6)]
    assert kpi([figures[n] for n in order], ("branch",)) == kpi(figures, ("branch",))
