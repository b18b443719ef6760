"""Enquiries, complaints, claims (N-50, N-53…N-61) and the working days they count in."""

from datetime import date
from typing import Any

import pytest

from milepost.clocks.calendar import BusinessCalendar, Calendars, parse_calendars, seeded
from milepost.clocks.engine import loose
from milepost.clocks.explain import explain
from milepost.errors import Invalid

Tale = Any
requirement = pytest.mark.requirement


def lodge(tale: Tale, at: str, class_: str, **more: Any) -> None:
    """A complaint."""
    tale.say("complaint.lodged", at, complaint="k", class_=class_, **({"about": "late"} | more))


def claim(tale: Tale, at: str, amount: float, declared: float) -> None:
    """A claim."""
    tale.say("claim.lodged", at, claim="c", amount=amount, declared=declared)


@requirement("K01", "N-57", "N-53", "N-61")
def test_K01_a_working_sunday_before_the_holiday(tale: Tale) -> None:
    tale.submit("2026-09-18 09:00")
    lodge(tale, "2026-09-18 10:00", "2")
    clock = tale.clock("N-57", "2026-09-19 00:00")
    assert clock.due == tale.ms("2026-09-22 24:00") and not clock.inclusive
    assert "Sunday 2026-09-20 is worked (make-up day)" in explain(clock, "en")
    assert "2026-09-20 周日调休上班" in explain(clock, "zh")
    assert tale.verdict("N-57", "2026-09-22 23:59:59.999") == "open"
    assert tale.verdict("N-57", "2026-09-22 24:00") == "late"


@requirement("K01")
@pytest.mark.parametrize(
    ("class_", "name", "due"),
    [
        ("mail", "N-53", "2026-09-20 24:00"),
        ("change", "N-53", "2026-09-20 24:00"),
        ("other", "N-61", "2026-09-29 24:00"),  # the 25th is a holiday
    ],
)
def test_K01_the_other_clocks(tale: Tale, class_: str, name: str, due: str) -> None:
    tale.submit("2026-09-18 09:00")
    lodge(tale, "2026-09-18 10:00", class_)
    assert tale.clock(name, "2026-09-19 00:00").due == tale.ms(due)


@requirement("N-54", "N-56", "N-61")
def test_complaints_by_class(tale: Tale) -> None:
    tale.submit("10:00")
    lodge(tale, "11:00", "1")
    assert tale.clock("N-54").due == tale.ms("2024-03-25 24:00")
    tale.say("complaint.closed", "2024-03-25 23:59:59.999", complaint="k")
    assert tale.verdict("N-54") == "met" and tale.clock("N-54").subject == "k"
    for class_, about in (("3", "late"), ("1", "accident"), ("2", "theft"), ("x", "wetting")):
        other = type(tale)()
        other.submit("10:00")
        lodge(other, "11:00", class_, about=about)
        assert not [c for c in other.judged().clocks if c.clock >= "N-5" and c.clock != "N-79"]


@requirement("N-55")
@pytest.mark.parametrize(("amount", "big"), [(9_999.99, False), (10_000, True)])
def test_N55_a_claim_of_ten_thousand_takes_the_place_of_N54(tale: Tale, amount: float, big: bool) -> None:
    tale.submit("10:00")
    lodge(tale, "11:00", "1")
    claim(tale, "2024-03-05 10:00", amount, 1)
    assert tale.verdict("N-54", "2024-03-06 00:00") == ("void" if big else "open")
    if big:
        clock = tale.clock("N-55")
        assert (clock.start, clock.due) == (tale.ms("11:00"), tale.ms("2024-04-16 24:00"))  # 2 holidays, 1 make-up day
        assert tale.clock("N-54").end == tale.ms("2024-03-05 10:00")
    else:
        assert tale.clocks("N-55") == []


@requirement("G-29", "N-58", "N-59", "N-60", "X-10")
@pytest.mark.parametrize(
    ("amount", "declared", "name", "due"),
    [
        (600, 9_999.99, "N-59", "2024-03-13 24:00"),
        (600, 10_000.00, "N-60", "2024-03-19 24:00"),
        (500.00, 9_999, "N-58", "2024-03-13 24:00"),
        (500.01, 9_999, "N-59", "2024-03-13 24:00"),
    ],
)
def test_G29_proposals_after_the_documents_are_complete(
    tale: Tale, amount: float, declared: float, name: str, due: str
) -> None:
    tale.submit("10:00")
    claim(tale, "2024-03-07 10:00", amount, declared)
    assert not [c for c in tale.judged("2024-03-08 15:00").clocks if c.clock in ("N-58", "N-59", "N-60")]
    tale.say("claim.documents_complete", "2024-03-08 16:00", claim="c")
    found = [c for c in tale.judged("2024-03-08 17:00").clocks if c.clock in ("N-58", "N-59", "N-60")]
    assert [(c.clock, c.due, c.subject) for c in found] == [(name, tale.ms(due), "c")]
    tale.say("claim.proposed", due.replace("24:00", "23:59:59.999"), claim="c", amount=1)
    assert tale.verdict(name) == "met"


def test_complaints_and_claims_outlive_a_cancellation(tale: Tale) -> None:
    tale.submit("10:00")
    lodge(tale, "11:00", "2")
    tale.cancel("12:00")
    assert tale.verdict("N-57", "13:00") == "open"


@requirement("N-50", "G-27")
@pytest.mark.parametrize(("answered", "verdict"), [("14:15:00.000", "met"), ("14:15:00.001", "late")])
def test_N50_where_are_my_goods(tale: Tale, answered: str, verdict: str) -> None:
    tale.submit("10:00")
    tale.waybill("11:00")
    tale.say("location.requested", "14:00:00", by="customer", waybill="W1")
    tale.say("location.answered", answered, by="desk", waybill="W2")
    assert tale.verdict("N-50", "15:00") == "late", "the answer was about another waybill"
    tale.say("location.answered", answered, by="desk", waybill="W1")
    clock = tale.clock("N-50", "15:00")
    assert (clock.verdict, clock.owner, clock.due) == (verdict, "A", tale.ms("14:15"))


@requirement("N-50")
def test_N50_of_a_vehicle_belongs_to_no_order(tale: Tale) -> None:
    tale.submit("10:00")
    tale.say("location.requested", "14:00", by="customer", vehicle="v1")
    tale.say("location.requested", "14:01", by="customer", waybill="W1")
    tale.say("location.answered", "14:05", by="desk", vehicle="v1")
    found = loose(tale.facts, tale.policies, tale.calendars, tale.ms("15:00"), waybills=["W1"])
    assert [(c.order, c.subject, c.verdict, c.owner) for c in found] == [("", "v1", "met", "call_centre")]
    assert len(loose(tale.facts, tale.policies, tale.calendars, tale.ms("15:00"))) == 2


# Calendars


@requirement("C6")
def test_the_start_day_is_excluded_and_the_last_ends_at_midnight() -> None:
    calendar = seeded().default
    due, days = calendar.end_of_nth_workday(1_709_884_800_000, 3)  # Fri 2024-03-08 16:00
    assert due == calendar.at(date(2024, 3, 13).toordinal(), 86_400_000)
    assert [(d.day.day, d.counts) for d in days] == [(9, False), (10, False), (11, True), (12, True), (13, True)]


@requirement("C1")
def test_local_days_follow_the_zone_also_where_clocks_change() -> None:
    calendar = BusinessCalendar(zone="Europe/Berlin")
    spring = date(2026, 3, 29).toordinal()
    begin, end = calendar.at(spring, 0), calendar.at(spring, 86_400_000)
    assert end - begin == 23 * 3_600_000
    assert calendar.at(spring, 8 * 3_600_000) == begin + 7 * 3_600_000
    assert (calendar.day(begin - 1), calendar.day(begin), calendar.day(end - 1), calendar.day(end)) == (
        spring - 1, spring, spring, spring + 1,
    )  # fmt: skip


@requirement("N-70", "N-71")
def test_the_seed_knows_both_desks_and_the_make_up_days() -> None:
    calendars = seeded()
    assert calendars.of(None).hours == (("08:30", "17:30"),) and calendars.named["B"].hours == (("08:30", "17:00"),)
    assert calendars.default.is_workday(date(2026, 9, 20)) and not calendars.default.is_workday(date(2026, 10, 6))


def test_branches_keep_their_calendars_and_a_file_may_say_which(tale: Tale) -> None:
    tale.calendars = parse_calendars(
        {"calendars": {"south": {"holidays": ["2024-03-05"], "workdays": ["2024-03-10"]}}, "branches": {"Z": "B"}}
    )
    assert tale.calendars.of("Z").name == "B"
    tale.say("branch.defined", "2024-01-01 00:00", order=None, branch="A", region="r", big_region="b", calendar="south")
    tale.submit("10:00")
    lodge(tale, "11:00", "2")
    assert tale.clock("N-57").due == tale.ms("2024-03-08 24:00")
    assert tale.calendars.named["south"].is_workday(date(2024, 3, 10))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "must be an object"),
        ({"zone": "Mars/Base"}, "'Mars/Base' is not known"),
        ({"days": []}, "'days' is not known"),
        ({"default": "C"}, "'C' is none of"),
        ({"branches": {"b": "C"}}, "branch 'b'"),
        ({"calendars": {"C": {"holidays": ["2026-13-01"]}}}, "calendar 'C': holidays: '2026-13-01'"),
        ({"calendars": {"C": {"holidays": ["2026-01-01"], "workdays": ["2026-01-01"]}}}, "both"),
        ({"calendars": {"C": {"hours": ["17:30/08:30"]}}}, "ends before it begins"),
        ({"calendars": {"C": {"hours": [7]}}}, "no span"),
        ({"calendars": {"C": {"seeded": 1}}}, "true or false"),
        ({"calendars": {"C": {"holidays": "2026-01-01"}}}, "must be a list"),
    ],
)
def test_what_is_wrong_in_a_calendar_is_named(given: Any, said: str) -> None:
    with pytest.raises(Invalid, match="calendar") as error:
        parse_calendars(given)
    assert said in error.value.message


def test_a_calendar_without_working_days_is_refused_not_searched_for_ever() -> None:
    never = frozenset(date.fromordinal(n) for n in range(date(2024, 1, 1).toordinal(), date(2026, 1, 1).toordinal()))
    calendar = BusinessCalendar("never", holidays=never)
    with pytest.raises(Invalid, match="'never' has no working day"):
        Calendars(calendar).of("x").end_of_nth_workday(1_709_884_800_000, 1)
