"""Policies hold from an instant on and a started clock keeps its own (C8); calendars re-judge what runs (ORDERS §4)."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from milepost.access.model import SYSTEM
from milepost.clocks import editing, versions
from milepost.db import Database
from milepost.errors import Conflict, Invalid
from milepost.orders import projector, repository


@pytest.mark.requirement("C8", "N-01")
def test_C8_a_new_policy_does_not_touch_clocks_that_have_started(company: Any, at_: Callable[..., int]):
    company.order("o1", when="08:00")
    version = company.policy("08:05", values={"accept.limit": "PT15M"})
    company.order("o2", when="08:05")
    with company.db.tx() as conn:
        projector.refold(conn, "o1", ())
    old, new = company.clocks("o1")["N-01"], company.clocks("o2")["N-01"]
    assert (old.due, old.policy, old.rule) == (at_("08:10"), "default", "accept.limit=PT10M")
    assert (new.due, new.policy, new.rule) == (at_("08:20"), version["id"], "accept.limit=PT15M")
    assert company.audit("o1") == []


@pytest.mark.requirement("C8")
def test_C8_the_most_specific_policy_decides(company: Any, at_: Callable[..., int]):
    company.policy("07:00", values={"accept.limit": "PT20M", "print.limit": "PT50M"})
    company.policy("07:00", values={"accept.limit": "PT15M"}, channel="web")
    company.policy("07:00", values={"accept.limit": "PT5M"}, channel="web", klass="vip")
    company.order("o1", when="08:00", **{"class": "vip"})
    company.order("o2", when="08:00", **{"class": "standard"})
    company.order("o3", when="08:00", channel="phone")
    due = {name: company.clocks(name)["N-01"].due for name in ("o1", "o2", "o3")}
    assert due == {"o1": at_("08:05"), "o2": at_("08:15"), "o3": at_("08:20")}
    with company.db.read() as conn:
        keys = {each["key"]: each["value"] for each in editing.effective(conn, "web", "vip")["keys"]}
    assert (keys["accept.limit"], keys["print.limit"]) == ("PT5M", "PT50M")


@pytest.mark.requirement("N-04", "C8")
def test_the_fold_takes_its_limits_from_the_policies(company: Any):
    company.policy("07:00", values={"postpone.max_days": 5})
    company.order(when="08:00")
    company.say("order.accepted", "08:05", order="o1", branch="b1")
    company.say("order.postponed", "08:06", order="o1", to="2026-03-07", asked_by="customer")
    with company.db.read() as conn:
        assert (repository.find(conn, SYSTEM, "o1") or {})["state"] == "postponed"
    assert company.clocks()["N-04"].verdict == "met"


@pytest.mark.requirement("C8")
def test_C8_a_policy_may_not_begin_in_the_past(company: Any):
    company.order(when="08:00")
    with pytest.raises(Invalid, match=r"from: .* lies in the past"):
        company.policy("07:59", values={"accept.limit": "PT15M"})


@pytest.mark.parametrize("values", [{"accept.limit": "ten minutes"}, {"acept.limit": "PT10M"}, {"edit.max": -1},
                                    {"accept.window": "20:00/08:00"}, {"print.limit": True}, {}])  # fmt: skip
def test_a_policy_with_a_wrong_value_is_refused_by_key_and_value(company: Any, values: dict[str, Any]):
    with pytest.raises(Invalid) as refused:
        company.policy("08:00", values=values)
    for name, value in values.items():
        assert name in refused.value.message and (name == "acept.limit" or repr(value) in refused.value.message)
    with company.db.read() as conn:
        assert editing.policies(conn) == []


def test_another_process_goes_by_a_new_version_from_its_next_transaction_on(company: Any, at_: Callable[..., int]):
    other = Database(company.db.url)
    with other.read() as conn:
        assert versions.in_force(conn).policies.at(None, None, at_("09:00")).values["accept.limit"] == "PT10M"
    company.policy("08:00", values={"accept.limit": "PT15M"})
    with other.read() as conn:
        assert versions.in_force(conn).policies.at(None, None, at_("09:00")).values["accept.limit"] == "PT15M"
    other.close()


def test_a_version_that_was_rolled_back_leaves_no_trace(company: Any, at_: Callable[..., int]):
    class Stop(Exception):
        pass

    with pytest.raises(Stop), company.db.tx() as conn:
        editing.add_policy(conn, SYSTEM, {"accept.limit": "PT1M"}, "never", from_ms=at_("08:00"))
        assert versions.in_force(conn).policies.at(None, None, at_("09:00")).values["accept.limit"] == "PT1M"
        raise Stop
    company.policy("08:00", values={"accept.limit": "PT15M"})
    with company.db.read() as conn:
        assert versions.in_force(conn).policies.at(None, None, at_("09:00")).values["accept.limit"] == "PT15M"


def complain(company: Any, when: str = "08:00") -> None:
    company.order(when=when)
    company.say("complaint.lodged", when, order="o1", complaint="k1", **{"class": "2"}, about="delay")


@pytest.mark.requirement("C6", "N-57")
def test_C6_a_new_calendar_judges_running_clocks_anew_and_says_so(company: Any, at_: Callable[..., int]):
    complain(company)
    assert company.clocks()["N-57"].due == at_("2026-03-06 00:00")  # Tuesday, Wednesday, Thursday
    company.told.clear()
    version = company.calendar("A", why="typhoon", holidays=["2026-03-04"])
    assert company.wake("08:01") == 1
    assert company.clocks()["N-57"].due == at_("2026-03-07 00:00")
    [entry] = company.audit()
    assert (entry["clock"], entry["cause"], entry["calendars"], entry["why"]) == (
        "N-57", "calendar", version["version"], "A: typhoon",
    )  # fmt: skip
    assert entry["before"]["due"] != entry["after"]["due"]
    assert [new.clock for change in company.told for _, new in change.rejudged] == ["N-57"]
    assert company.wake("08:02") == 0
    company.wake("2026-03-07 00:00")
    assert [b["late_from"] for b in company.breaches("N-57")] == [at_("2026-03-07 00:00")]


@pytest.mark.requirement("C6")
def test_C6_what_had_ended_keeps_the_calendar_it_ended_by(company: Any, at_: Callable[..., int]):
    complain(company)
    company.wake("2026-03-06 00:00")
    company.say("complaint.closed", "2026-03-06 09:00", order="o1", complaint="k1")
    company.calendar("A", holidays=["2026-03-04"])
    for when in ("2026-03-06 10:00", "2026-03-06 11:00"):
        company.say("remark.added", when, order="o1", remark="track", text="still late")
        clock = company.clocks()["N-57"]
        assert (clock.verdict, clock.due) == ("late", at_("2026-03-06 00:00"))
    assert company.audit() == []


def test_the_same_days_again_make_no_version(company: Any):
    first = company.calendar("A", holidays=["2026-03-04"])
    assert company.calendar("A", holidays=["2026-03-04"])["version"] == first["version"]
    with company.db.read() as conn:
        assert len(editing.calendar_versions(conn, "A")) == 1


def test_two_who_edit_a_calendar_at_once_do_not_overwrite_each_other(company: Any):
    with company.db.tx() as conn:
        first = editing.put_calendar(conn, SYSTEM, "A", {"holidays": ["2026-03-04"]}, "one", versions.SEED)
    with pytest.raises(Conflict) as refused, company.db.tx() as conn:
        editing.put_calendar(conn, SYSTEM, "A", {"holidays": ["2026-03-05"]}, "two", versions.SEED)
    assert refused.value.extra["changed"]["version"] == first["version"]


@pytest.mark.requirement("C6")
def test_seeded_calendars_know_holidays_and_make_up_days(company: Any):
    with company.db.read() as conn:
        shown = {day["date"]: day["workday"] for day in
                 editing.days_of(conn, "A", date(2025, 10, 1), date(2025, 10, 11))}  # fmt: skip
    assert not shown["2025-10-01"] and not shown["2025-10-08"] and shown["2025-10-09"]
    assert shown["2025-10-11"]  # a Saturday that was worked
