"""What is due to be told is a pure function of the facts: the same set tells the same, in any order, never twice."""

import random
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milepost.clocks.calendar import seeded
from milepost.clocks.engine import judge_facts
from milepost.clocks.policy import PolicySet
from milepost.evidence.model import Author, Fact, fact_id
from milepost.notify.model import Notice, notices
from milepost.orders.vocabulary import KINDS, SUBJECT_KEYS, validate
from milepost.reports.judged import judge_all

CALENDARS = seeded(range(2026, 2027))
_ROLES = ("device", "desk", "dispatcher", "keeper", "driver", "call_centre", "branch_manager", "customer", "claims")


def at(text: str) -> int:
    """UTC ms of a local time on Monday 2026-03-02, or with its day."""
    when = text if " " in text else f"2026-03-02 {text}"
    return round(datetime.fromisoformat(when).replace(tzinfo=ZoneInfo("Asia/Shanghai")).timestamp() * 1000)


class Book:
    """Facts of one order o1."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []

    def say(self, kind: str, when: str, /, *, by: str | None = None, source: str = "person", **fields: Any) -> Fact:
        body = {name.rstrip("_"): value for name, value in fields.items()}
        subjects = {name: body.pop(name) for name in list(body) if name in SUBJECT_KEYS}
        role = by or next((role for role in _ROLES if role in KINDS[kind].authors), "admin")
        inputs = (f"k{len(self.facts)}",)
        fact = Fact(
            id=fact_id(kind, subjects, inputs), kind=kind, at=at(when), by=Author(role, f"some-{role}"), source=source,
            subjects=subjects, body=body, inputs=inputs,
        )  # fmt: skip
        validate(fact)
        self.facts.append(fact)
        return fact

    def submitted(self, when: str = "08:00", **more: Any) -> None:
        told: dict[str, Any] = {
            "order": "o1", "type": "goods", "customer": "c1", "class": "standard", "channel": "web", "online": False,
            "lines": [{"line": "1", "qty": 2}], "from": {"site": "yard"}, "to": {"site": "shop"},
            "contact": {"name": "someone"}, "dates": {"ship": "2026-03-02", "required": "2026-03-03"}, "pickup": "none",
            **more,
        }  # fmt: skip
        self.say("order.submitted", when, by="customer", **told)

    def whole(self) -> None:
        """A day of one order: accepted late, re-routed, loaded short, an accident, refused at the door."""
        self.submitted(branch="b1")
        self.say("order.accepted", "08:20", order="o1", branch="b1")
        self.say("order.rerouted", "08:22", order="o1", to_branch="b2")
        self.say("order.accepted", "08:25", order="o1", branch="b2")
        self.say("order.confirmed", "08:30", order="o1", checked=True)
        self.say(
            "order.units", "08:31", order="o1", units=[{"unit": u, "no": u[1:], "pieces": 1} for u in ("u1", "u2")]
        )
        self.say("pick.issued", "08:32", order="o1", list="P1")
        self.say("order.readied", "08:40", order="o1", reason="all there")
        self.say("waybill.issued", "08:45", order="o1", waybill="WB1", pieces=2, kg=10)
        self.say("trip.planned", "08:46", trip="t1", kind="direct", stops=[{"site": "shop"}])
        self.say("trip.vehicle", "08:46", trip="t1", vehicle="v1", from_=at("08:46"))
        self.say("trip.expected", "08:46", trip="t1", order="o1")
        self.say("unit.loaded", "09:00", source="rfid", unit="u1", vehicle="v1", site="yard")
        self.say("vehicle.left", "09:10", source="gnss", vehicle="v1", site="yard")
        self.say("exception.raised", "10:00", by="driver", order="o1", ex="EX-26", cause="accident", stage="in_transit")
        self.say("exception.closed", "11:00", by="driver", order="o1", ex="EX-26", cause="accident")
        self.say("exception.raised", "12:00", by="driver", order="o1", ex="EX-26", cause="accident", stage="in_transit")
        self.say("vehicle.stopped", "13:00", source="gnss", vehicle="v1", site="shop")
        self.say("order.refused", "13:10", by="driver", order="o1", reason="wet", trip="t1")


def due(facts: list[Fact], until: str = "2026-03-02 20:00") -> list[Notice]:
    judged = judge_facts(facts, PolicySet([]), CALENDARS, at(until))
    if "o1" not in judged:
        return []
    story = judged["o1"].story
    return notices(story.state, judged["o1"].clocks, at(until), story.chronicle)


@pytest.fixture(scope="module")
def book() -> Book:
    book = Book()
    book.whole()
    return book


def test_any_order_and_any_duplicates_of_the_facts_tell_the_same(book: Book):
    first = due(book.facts)
    rng = random.Random(7)
    for _ in range(20):
        facts = book.facts + rng.sample(book.facts, 5)
        rng.shuffle(facts)
        assert due(facts) == first


def test_each_recipient_is_told_once_of_each_opening(book: Book):
    found = due(book.facts)
    assert len({notice.id for notice in found}) == len(found) > 20
    accidents = [n for n in found if n.template == "EX-26.customer"]
    assert [n.at for n in accidents] == [at("10:00"), at("12:00")]  # it opened twice
    assert [n.over for n in accidents] == [True, False]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 24 * 60))
def test_what_was_due_by_an_instant_stays_due_later(minute: int):
    book = Book()
    book.whole()
    then = f"2026-03-02 {minute // 60:02}:{minute % 60:02}" if minute < 24 * 60 else "2026-03-03 00:00"
    early, late = due(book.facts, then), due(book.facts, "2026-03-03 12:00")
    assert {n.id for n in early} <= {n.id for n in late}
    assert all(n.at <= at(then) for n in early)


def test_a_branch_is_told_of_what_happened_while_the_order_was_there(book: Book):
    at_b1 = Book()
    at_b1.facts = [*book.facts]
    at_b1.say("exception.raised", "08:21", by="desk", order="o1", ex="EX-16", cause="no price", stage="entered")
    told = {(n.template, n.to_role): n.to_scope_id for n in due(at_b1.facts)}
    assert told["EX-16.staff", "desk"] == "b1"
    assert told["N-01.staff", "branch_manager"] == "b1"  # late at the first branch
    assert told["rerouted.staff", "desk"] == "b2"
    assert told["EX-26.staff", "desk"] == "b2"


def test_late_evidence_of_the_same_trouble_moves_no_recipient(book: Book):
    """Where the order is now changes; who has been told of what stays the same notice."""
    before = {n.id for n in due(book.facts, "10:30")}
    later = [*book.facts]
    moved = Book()
    moved.facts = later
    moved.say("handout.done", "10:20", order="o1", carrier="k9", phone="1", outside_no="K")
    after = {n.id for n in due(moved.facts, "10:30")}
    assert before <= after


def test_nothing_is_due_for_facts_of_the_future(book: Book):
    ahead = [replace(f, received_at=at("2026-03-09 08:00")) for f in book.facts]
    assert due(ahead, "2026-03-02 20:00") == []


def test_without_a_chronicle_events_are_left_out_and_exceptions_stay(book: Book):
    judged = judge_facts(book.facts, PolicySet([]), CALENDARS, at("20:00"))["o1"]
    bare = notices(judged.story.state, judged.clocks, at("20:00"))
    assert bare and not any(n.cause.startswith("event:") for n in bare)
    assert {n.id for n in bare} < {n.id for n in due(book.facts)}


def test_a_notice_is_plain_data():
    book = Book()
    book.whole()
    for notice in due(book.facts):
        shown = notice.as_dict()
        assert shown["id"] == notice.id and isinstance(shown["data"], dict)


@pytest.mark.requirement("CM-6")
def test_CM6_goods_that_leave_on_two_trucks_are_told_of_twice_with_their_day():
    book = Book()
    book.whole()
    book.facts = book.facts[:13]
    book.say("vehicle.left", "09:10", source="gnss", vehicle="v1", site="yard")
    book.say("trip.planned", "09:20", trip="t2", kind="direct", stops=[{"site": "shop"}])
    book.say("trip.vehicle", "09:20", trip="t2", vehicle="v2", from_=at("09:20"))
    book.say("trip.expected", "09:20", trip="t2", order="o1")
    book.say("unit.loaded", "09:30", source="rfid", unit="u2", vehicle="v2", site="yard")
    book.say("vehicle.left", "09:40", source="gnss", vehicle="v2", site="yard")
    sent = [n for n in due(book.facts) if n.template == "event.dispatched"]
    assert [(n.data["plate"], n.data["units"], n.data["expected"]) for n in sent] == [
        ("v1", 1, "2026-03-03"), ("v2", 1, "2026-03-03"),
    ]  # fmt: skip


def test_a_change_without_effect_is_not_told_to_the_customer():
    book = Book()
    book.whole()
    book.say("unit.loaded", "09:05", source="rfid", unit="u2", vehicle="v1", site="yard")  # so all of it was refused
    book.say("order.edited", "14:00", by="desk", order="o1", changes={"remark": "x"})
    assert not [n for n in due(book.facts) if n.template == "event.changed"]


def test_an_accident_before_there_is_a_branch_reaches_those_who_see_the_whole_company():
    book = Book()
    book.submitted()
    book.say("exception.raised", "08:01", by="customer", order="o1", ex="EX-9", cause="typo", stage="entered")
    staff = [n for n in due(book.facts, "08:05") if n.ex == "EX-9" and n.to_role == "desk"]
    assert [(n.to_scope_kind, n.to_scope_id) for n in staff] == [("company", "")]


def test_the_same_read_that_is_wrong_again_after_the_list_changed_twice_is_told_again():
    book = Book()
    book.whole()
    book.facts = book.facts[:12]
    book.say("trip.planned", "08:50", trip="t2", kind="line", stops=[{"site": "hub"}])
    book.say("trip.vehicle", "08:50", trip="t2", vehicle="v2", from_=at("08:50"))
    book.say("unit.loaded", "09:00", source="rfid", unit="u2", vehicle="v2", site="yard")
    book.say("trip.expected", "09:05", trip="t2", order="o1", units=["u2"])
    book.say("trip.expected", "09:10", trip="t2", order="o1", units=["u2"], remove=True)
    wrong = [n for n in due(book.facts) if n.template == "wrong_truck.staff" and n.to_role == "keeper"]
    assert [n.over for n in sorted(wrong, key=lambda n: not n.over)] == [True, False]
    assert len({n.id for n in wrong}) == 2


@pytest.mark.requirement("N-19", "X-1")
def test_N19_a_judged_file_lists_that_the_regional_manager_is_to_be_told():
    book = Book()
    book.submitted(branch="b1")

    def listed(until: str) -> list[dict[str, Any]]:
        [order] = judge_all(book.facts, PolicySet([]), CALENDARS, at(until))["orders"]
        return [each for each in order["notices"] if each["clock"] == "N-19"]

    assert listed("08:15") == []
    [notice] = listed("2026-03-02 12:00")
    assert (notice["to_role"], notice["to_scope_kind"], notice["to_scope_id"]) == ("regional_manager", "branch", "b1")
    assert (notice["at"], notice["over"]) == ("2026-03-02T00:15:00.001Z", False)
    book.say("order.accepted", "12:30", order="o1", branch="b1")
    assert listed("13:00") == [notice | {"over": True}]
