"""Scenarios of the requirements from facts to figures and proposals, through the whole judge."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from milepost.clocks.calendar import seeded
from milepost.clocks.engine import judge_facts
from milepost.clocks.policy import PolicySet
from milepost.evidence.model import Fact
from milepost.reports.facts_line import to_fact
from milepost.reports.judged import judge_all
from milepost.reports.model import Deeds, deeds_of


class File:
    """Facts as a stranger writes them; times of Shanghai."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        for branch, region in (("A", "R"), ("B", "R2"), ("C", "R2")):
            self.say("branch.defined", "2024-01-01 00:00", "admin", branch=branch, region=region, big_region="E",
                     calendar="A")  # fmt: skip

    def say(self, kind: str, at: str, by: str = "desk", **fields: Any) -> Fact:
        """One line; `from_`, `with_` and `class_` stand for `from`, `with` and `class`."""
        given = {name.rstrip("_"): value for name, value in fields.items()}
        fact = to_fact(
            {"kind": kind, "at": at if at.endswith("Z") else f"{at}+08:00", "by": {"role": by, "id": by}, **given}
        )
        self.facts.append(fact)
        return fact

    def order(self, name: str, at: str, branch: str | None = "A", **more: Any) -> None:
        """A submission."""
        asked: dict[str, Any] = {
            "type": "consignment", "customer": "c", "class": "standard", "channel": "web", "online": True, "lines": [],
            "from": {}, "to": {}, "contact": {}, "dates": {}, "pickup": "none",
        }  # fmt: skip
        named = {} if branch is None else {"branch": branch}
        self.say("order.submitted", at, "customer", order=name, **{**asked, **named, **more})

    def judge(self, until: str) -> dict[str, Any]:
        """The judge's answer at an instant."""
        return judge_all(self.facts, PolicySet(), seeded(), self.ms(until))

    @staticmethod
    def ms(local: str) -> int:
        """UTC ms of a time of Shanghai."""
        return int(datetime.fromisoformat(f"{local}+08:00").timestamp() * 1000)


def clocks(result: dict[str, Any], order: str, name: str) -> list[dict[str, Any]]:
    (found,) = [each for each in result["orders"] if each["order"] == order]
    return [clock for clock in found["clocks"] if clock["clock"] == name]


def who(result: dict[str, Any], *rules: str) -> list[str]:
    return sorted(each["who"]["role"] for each in result["proposals"] if each["rule"] in rules)


def percents(result: dict[str, Any], table: str = "all") -> dict[str, float | None]:
    return {name: ratio["percent"] for name, ratio in result["kpi"][table]["ratios"].items()}


@pytest.mark.requirement("G-01", "N-01", "N-41")
def test_G01_accepted_at_the_last_instant_counts_as_timely():
    file = File()
    file.order("o", "2024-03-04 09:15:00")
    file.say("contact.logged", "2024-03-04 09:20:00", order="o", with_="customer", about="acceptance", result="yes")
    file.say("order.accepted", "2024-03-04 09:25:00", order="o", branch="A")
    result = file.judge("2024-03-04 10:00")
    assert percents(result)["timely"] == 100.0
    assert result["proposals"] == []


@pytest.mark.parametrize("remark", [True, False])
@pytest.mark.requirement("G-05", "N-14", "X-2")
def test_G05_off_hours_lateness_with_and_without_the_remark(remark: bool):
    file = File()
    file.order("o", "2024-03-04 18:30:00")
    file.say("order.accepted", "2024-03-04 18:44:00", order="o", branch="A")
    if remark:
        file.say("remark.added", "2024-03-04 18:50:00", order="o", remark="track", text="shut", filed=True)
    result = file.judge("2024-03-04 20:00")
    (clock,) = clocks(result, "o", "N-01")
    assert (clock["verdict"], clock["due"], clock["excusable"]) == ("late", "2024-03-04T10:40:00.000Z", remark)
    assert percents(result)["timely"] == 0.0
    assert who(result, "FN-1") == ([] if remark else ["branch"])


@pytest.mark.requirement("EO-20", "N-18")
def test_EO20_a_verified_cause_brings_no_proposal():
    file = File()
    file.order("o", "2024-03-04 10:00:00")
    file.say("order.accepted", "2024-03-04 10:30:00", order="o", branch="A")
    assert who(file.judge("2024-03-04 20:00"), "FN-1") == ["branch", "regional_manager"]
    file.say("exempt.verified", "2024-03-04 15:00:00", "engineer", order="o", cause="power cut")
    result = file.judge("2024-03-04 20:00")
    assert who(result, "FN-1") == [] and percents(result)["timely"] == 0.0


@pytest.mark.requirement("G-30", "N-41", "N-42", "N-43", "N-44", "X-21")
def test_G30_from_facts_to_the_last_digit():
    """50 received: 45 accepted in time, 2 late, 3 never; 8 cancelled, 6 with reason; 41 shipped within 24 h."""
    file = File()
    start = datetime(2024, 3, 4, 9, 0)

    def at(base: datetime, **after: float) -> str:
        return (base + timedelta(**after)).isoformat(sep=" ")

    for n in range(50):
        order, when = f"o{n:02}", start + timedelta(minutes=n)
        file.order(order, at(when), "A" if n % 2 else "B")
        if n < 47:
            took = 11 if n in (45, 46) else 9
            file.say("order.accepted", at(when, minutes=took), order=order, branch="A" if n % 2 else "B")
        if n >= 42:
            reason = {"reason": "changed mind"} if n < 48 else {}
            file.say("order.cancelled", at(when, minutes=30), order=order, asked_by="customer", **reason)
        else:
            file.say("order.confirmed", at(when, minutes=20), order=order, checked=True)
            after = {"seconds": 86_400} if n == 40 else {"seconds": 86_401} if n == 41 else {"hours": 5}
            file.say("waybill.issued", at(when, **after), order=order, waybill=f"W{n}", pieces=1, kg=1.0)
    result = file.judge("2024-03-06 12:00")
    found = percents(result)
    assert (found["timely"], found["timely_received"], found["entry"], found["success"]) == (95.74, 90.0, 75.0, 82.0)
    ratios = result["kpi"]["all"]["ratios"]
    assert [(ratios[name]["numerator"], ratios[name]["denominator"]) for name in
            ("timely", "timely_received", "entry", "success")] == [(45, 47), (45, 50), (6, 8), (41, 50)]  # fmt: skip
    branches = {row["group"]["branch"]: row for row in result["kpi"]["by_branch"]}
    assert sorted(branches) == ["A", "B"]
    assert sum(row["ratios"]["timely"]["numerator"] for row in branches.values()) == 45
    assert "NaN" not in json.dumps(result)


@pytest.mark.requirement("G-13", "X-16", "PN-1", "PN-2")
def test_G13_from_complaints_to_the_ladder():
    file = File()
    said = [("PT-8", "2024-07-02 10:00"), ("PT-9", "2024-07-05 10:00"), ("PT-9", "2024-07-08 10:00"),
            ("PT-9", "2024-07-11 10:00"), ("PT-1", "2024-07-20 10:00")]  # fmt: skip
    file.order("o", "2024-07-01 10:00:00")

    def complain(points: str, at: str) -> None:
        name = f"k{len(file.facts)}"
        file.say(
            "complaint.lodged", "2024-07-01 12:00", "customer", order="o", complaint=name, class_="2", about="delay"
        )
        file.say("complaint.substantiated", at, "claims", order="o", complaint=name, points=points, region="R")

    for points, at in said:
        complain(points, at)
    result = file.judge("2024-07-31 23:59:59")
    region = [each for each in result["proposals"] if each["who"]["region"] == "R" and each["rule"].startswith("TH")]
    current = [each for each in region if each["status"] == "open"]
    assert [(each["rule"], each["score"], each["final"]) for each in current] == [("TH-7", 12, False)]
    assert {each["status"] for each in region if each["rule"] != "TH-7"} == {"superseded"}
    complain("PT-4", "2024-07-31T15:59:59Z")
    complain("PT-4", "2024-07-31T16:00:00Z")
    result = file.judge("2024-08-01 08:00")
    current = [each for each in result["proposals"] if each["who"]["region"] == "R" and each["status"] == "open"]
    found = {(each["period"], each["rule"], each["who"]["role"]) for each in current if each["rule"].startswith("TH")}
    assert found == {
        ("2024-07", "TH-2", "regional_manager"), ("2024-07", "TH-5", "region_director"),
        ("2024-08", "TH-4", "region_director"),
    }  # fmt: skip


@pytest.mark.requirement("X-7", "N-44")
def test_X7_a_postponed_order_fails_literally_and_not_by_the_agreed_date():
    file = File()
    file.order("o", "2024-03-04 10:00:00")
    file.say("order.accepted", "2024-03-04 10:05:00", order="o", branch="A")
    file.say("order.postponed", "2024-03-04 11:00:00", order="o", to="2024-03-06", asked_by="customer")
    file.say("order.confirmed", "2024-03-06 08:30:00", order="o", checked=True)
    bill = {"order": "o", "waybill": "W", "pieces": 1, "kg": 1.0}
    file.say("waybill.issued", "2024-03-07 08:00:00", **bill)
    found = percents(file.judge("2024-03-08 00:00"))
    assert (found["success"], found["success_agreed"]) == (0.0, 100.0)
    file.facts.pop()
    file.say("waybill.issued", "2024-03-07 08:00:00.001", **bill)
    found = percents(file.judge("2024-03-08 00:00"))
    assert (found["success"], found["success_agreed"]) == (0.0, 0.0)


@pytest.mark.requirement("N-29", "X-25", "N-22")
def test_N29_two_late_pickups_running_with_complaints():
    file = File()
    for day in ("04", "05", "06"):
        order = f"o{day}"
        file.order(order, f"2024-03-{day} 10:00:00", pickup="asap")
        file.say("order.accepted", f"2024-03-{day} 10:05:00", order=order, branch="A")
        hour = "18:59:59" if day == "06" else "19:00:00"
        file.say("pickup.done", f"2024-03-{day} {hour}", "driver", order=order, pieces=1, packing="box", signers=["x"])
        file.say("complaint.lodged", f"2024-03-{day} 20:00:00", "customer", order=order, complaint=f"k{day}",
                 class_="2", about="late_pickup")  # fmt: skip
    result = file.judge("2024-03-07 12:00")
    (found,) = [each for each in result["proposals"] if each["rule"] == "N-29"]
    assert (found["who"]["branch"], found["order"], found["clock"]) == ("A", "o05", "N-22")
    ratio = result["kpi"]["all"]["ratios"]["pickup"]
    assert (ratio["numerator"], ratio["denominator"]) == (1, 3)
    assert result["kpi"]["all"]["ratios"]["pickup_target"]["percent"] == 0.0


@pytest.mark.requirement("K01")
def test_K01_a_working_sunday_before_the_holiday():
    """Lodged on Friday 2026-09-18: the Sunday after is worked for National Day."""
    file = File()
    file.order("o", "2026-09-18 09:00:00")
    for name, klass in (("k2", "2"), ("k7", "x"), ("k1", "mail")):
        file.say(
            "complaint.lodged", "2026-09-18 10:00:00", "customer", order="o", complaint=name, class_=klass, about="x"
        )
    result = file.judge("2026-09-21 12:00")
    due = {name: clocks(result, "o", name)[0]["due"] for name in ("N-57", "N-61", "N-53")}
    assert due["N-57"] == "2026-09-22T16:00:00.000Z"  # the end of Tuesday the 22nd
    assert due["N-53"] == "2026-09-20T16:00:00.000Z"
    told = clocks(result, "o", "N-57")[0]["explanation"]
    assert "2026-09-20" in told["en"] and "2026-09-20" in told["zh"]


@pytest.mark.requirement("FN-11", "N-40", "X-26")
def test_FN11_the_slip_of_a_signed_order():
    file = File()
    file.order("o", "2024-03-04 10:00:00")
    file.say("order.accepted", "2024-03-04 10:05:00", order="o", branch="A")
    file.say("order.confirmed", "2024-03-04 10:10:00", order="o", checked=True)
    file.say("order.signed", "2024-03-05 10:00:00", "driver", order="o", signer="s", pieces=1)

    def amounts(until: str) -> list[float]:
        return sorted(each["amount"] for each in file.judge(until)["proposals"] if each["rule"] == "FN-11")

    assert amounts("2024-03-08 23:59:59.999") == []
    assert amounts("2024-03-09 00:00:00") == [20.0, 20.0]
    file.say("receipt.returned", "2024-03-07 10:00:00", order="o", slip="s", qualified=False)
    assert amounts("2024-03-08 12:00:00") == [20.0, 20.0]
    assert amounts("2024-03-09 00:00:00") == [30.0, 30.0]
    file.say("receipt.lost", "2024-03-09 10:00:00", order="o", slip="s", holder="driver")
    assert amounts("2024-03-09 12:00:00") == [50.0, 50.0]


@pytest.mark.requirement("PN-3", "EO-21")
def test_EO21_accepted_without_a_call_and_the_customer_says_so():
    file = File()
    file.order("o", "2024-03-04 10:00:00")
    file.say("order.accepted", "2024-03-04 10:05:00", order="o", branch="A")
    file.say(
        "complaint.lodged", "2024-03-05 10:00:00", "customer", order="o", complaint="k", class_="2", about="no_contact"
    )
    assert who(file.judge("2024-03-06 10:00"), "FN-2", "FN-5") == []  # not before somebody has looked into it
    file.say(
        "complaint.substantiated", "2024-03-05 15:00:00", "claims", order="o", complaint="k", points="PT-11", region="R"
    )
    result = file.judge("2024-03-06 10:00")
    assert who(result, "FN-2") == ["branch_manager", "region_director", "regional_manager"]
    assert who(result, "FN-5") == ["branch_manager"]
    file.say("contact.logged", "2024-03-04 10:04:00", order="o", with_="customer", about="acceptance", result="yes")
    assert who(file.judge("2024-03-06 10:00"), "FN-2", "FN-5") == []


@pytest.mark.requirement("PN-1")
def test_a_decision_in_the_file_settles_its_proposal():
    file = File()
    file.order("o", "2024-03-04 10:00:00")
    file.say("order.accepted", "2024-03-04 10:12:00", order="o", branch="A")
    (open_,) = file.judge("2024-03-05 00:00")["proposals"]
    file.say("proposal.decided", "2024-03-05 09:00:00", "regional_manager", proposal=open_["id"], verdict="rejected")
    (decided,) = file.judge("2024-03-06 00:00")["proposals"]
    assert (decided["id"], decided["status"], decided["decided_by"]) == (open_["id"], "rejected", "regional_manager")
    assert file.judge("2024-03-05 00:00")["proposals"] == [open_]


@pytest.mark.requirement("N-42")
def test_N42_the_first_reason_counts_and_a_device_says_nothing_of_slips():
    file = File()
    file.order("o", "2024-03-04 10:00:00")
    file.say("order.cancelled", "2024-03-04 12:00:00", order="o", asked_by="customer")
    assert percents(file.judge("2024-03-05 12:00"))["entry"] == 0.0
    file.say("cancel.reason", "2024-03-06 10:00:00", order="o", reason="said later again")
    file.say("cancel.reason", "2024-03-05 10:00:00", order="o", reason="changed mind")
    file.say("receipt.returned", "2024-03-05 10:00:00", "device", order="o", slip="s", qualified=False)
    result = file.judge("2024-03-07 12:00")
    assert percents(result)["entry"] == 100.0 and percents(result)["entry_in_time"] == 0.0
    assert who(result, "FN-11") == []
    (judged,) = judge_facts(file.facts, PolicySet(), seeded(), file.ms("2024-03-07 12:00")).values()
    deeds = deeds_of(judged.story, PolicySet(), seeded().company, "SO-1")
    assert (deeds.reason_at, deeds.slips, deeds.number) == (file.ms("2024-03-05 10:00"), (), "SO-1")
    kept = json.loads(json.dumps(deeds.as_dict()))
    assert json.loads(json.dumps(Deeds.of_dict(kept).as_dict())) == kept


@pytest.mark.requirement("G-27", "N-50")
def test_N50_enquiries_stand_with_their_order_or_loose():
    file = File()
    file.order("o", "2024-03-04 10:00:00")
    file.say("waybill.issued", "2024-03-04 12:00:00", order="o", waybill="W", pieces=1, kg=1.0)
    file.say("location.requested", "2024-03-04 14:00:00", "customer", waybill="W")
    file.say("location.requested", "2024-03-04 14:00:00", "customer", vehicle="v")
    result = file.judge("2024-03-04 15:00")
    assert [clock["due"] for clock in clocks(result, "o", "N-50")] == ["2024-03-04T06:15:00.000Z"]
    assert [(clock["subject"], clock["verdict"]) for clock in result["loose_clocks"]] == [("v", "late")]


@pytest.mark.requirement("N-46")
def test_N46_products_that_nobody_named_have_no_row():
    file = File()
    file.order("o", "2024-03-04 10:00:00")
    assert file.judge("2024-03-04 15:00")["kpi"]["by_product"] == []
    file.order("p", "2024-03-04 10:00:00", product="express")
    (row,) = file.judge("2024-03-04 15:00")["kpi"]["by_product"]
    assert row["group"] == {"product": "express"} and row["ratios"]["delivery"]["target"] == 99.0
