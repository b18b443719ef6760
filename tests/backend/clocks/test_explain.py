"""Every clock explains itself in Chinese and English; what comes next is data (docs/clocks.md)."""

import json
import re
from typing import Any

import pytest

from milepost.clocks.explain import duration, explain
from milepost.clocks.key_words import KEY_NAMES, rule_in_words
from milepost.clocks.ladder import ladder
from milepost.clocks.model import shown
from milepost.clocks.policy import KEYS
from milepost.clocks.words import DUTY

Tale = Any


def test_a_deferred_acceptance_in_both_languages(tale: Tale) -> None:
    tale.submit("23:59")
    clock = tale.clock("N-01", "2024-03-05 00:00")
    assert explain(clock, "en") == (
        "accept the order: due 2024-03-05 08:10: the order came in at 2024-03-04 23:59; that is outside 08:00–20:00, "
        "so the clock starts at 08:00 (N-03); within 10 minutes (rule N-01, accept within: 10 minutes)"
    )
    assert explain(clock, "zh") == (
        "应于 2024-03-05 08:10 或之前受理订单：2024-03-04 23:59 下单；"
        "不在 08:00–20:00 之内，顺延至 08:00 起算（N-03）；10 分钟内。规则 N-01（受理时限：10 分钟）"
    )


@pytest.mark.parametrize(
    ("accepted", "en", "zh"),
    [
        ("10:09", "; done 10:09, in time", "。10:09 完成，按时"),
        ("10:09:41.250", "; done 10:09:41, in time", "。10:09:41 完成，按时"),
        ("10:10:00.001", "; done 10:10:00.001, 1 ms late", "。10:10:00.001 完成，超时 1 毫秒"),
        ("11:25:30.5", "; done 11:25:30, 1 h 15 min 30 s late", "。11:25:30 完成，超时 1 小时 15 分钟 30 秒"),
        ("2024-03-05 09:00", "; done 2024-03-05 09:00, 22 h 50 min late", "。2024-03-05 09:00 完成"),
        (None, "; late after 10:10", "。10:10 之后即超时"),
    ],
)
def test_how_it_went(tale: Tale, accepted: str | None, en: str, zh: str) -> None:
    tale.submit("10:00")
    if accepted:
        tale.accept(accepted)
    clock = tale.clock("N-01")
    assert en in explain(clock, "en") and zh in explain(clock, "zh")


def test_the_other_verdicts(tale: Tale) -> None:
    tale.submit("18:30", pickup="appointment", dates={"pickup": tale.ms("2024-03-05 10:00")})
    tale.say("remark.added", "18:31", remark="track", text="x", filed=True)
    tale.accept("18:44")
    tale.pick_up("2024-03-05 08:00")
    assert explain(tale.clock("N-01"), "en").endswith("; excusable")
    assert "before the window" in explain(tale.clock("N-25"), "en")
    assert "nothing to judge" in explain(tale.clock("N-05"), "en")
    assert "; set aside 08:00: the reason is gone" in explain(tale.clock("N-28"), "en")
    tale.say("exempt.verified", "18:50", cause="x")
    assert "免责" in explain(tale.clock("N-01"), "zh")


def test_a_paused_clock_says_so(tale: Tale) -> None:
    tale.submit("10:00")
    tale.accept("10:03")
    tale.say("hold.set", "10:10", hold="h", reason="r")
    clock = tale.clock("N-09", "10:20")
    assert "paused, no due time" in explain(clock, "en") and "自 10:10 起暂停" in explain(clock, "zh")
    tale.say("hold.released", "10:30", hold="h", reason="r")
    assert "held for 20 min, and longer by that" in explain(tale.clock("N-09", "10:31"), "en")


def test_the_midnight_before_which_something_is_due_ends_its_day(tale: Tale) -> None:
    tale.submit("10:00")
    tale.accept("10:03")
    assert "due before 2024-03-04 24:00" in explain(tale.clock("N-11", "11:00"), "en")


def test_milliseconds_are_told_only_where_they_decide(tale: Tale) -> None:
    tale.submit("10:00:07.417")
    other = type(tale)()
    other.facts = list(tale.facts)
    assert "due 2024-03-04 10:10:07: the order came in at 10:00:07;" in explain(tale.clock("N-01", "10:01"), "en")
    tale.accept("10:10:07.416")
    other.accept("10:10:07.418")
    assert "10:10:07.417" in explain(tale.clock("N-01"), "en") and "done 10:10:07.416, in time" in explain(
        tale.clock("N-01"), "en"
    )
    assert "done 10:10:07.418, 1 ms late" in explain(other.clock("N-01"), "en")


def test_a_limit_that_one_may_not_reach_is_late_since_it(tale: Tale) -> None:
    tale.submit("10:00")
    assert explain(tale.clock("N-10"), "en").endswith("; late since 23:00")


def test_a_start_just_behind_a_limit_keeps_its_milliseconds(tale: Tale) -> None:
    tale.submit("20:00:00.001")
    assert "came in at 2024-03-04 20:00:00.001; that is outside 08:00–20:00" in explain(tale.clock("N-01"), "en")


def test_another_zone_may_be_asked_for(tale: Tale) -> None:
    tale.submit("10:00")
    assert "due 2024-03-04 02:10" in explain(tale.clock("N-01"), "en", "UTC")


def test_every_clock_of_a_long_way_can_be_shown_as_json(tale: Tale) -> None:
    """One order that meets nearly every clock: nothing lacks words, nothing lacks a JSON form."""
    tale.submit("10:00", branch=None, pickup="asap", class_="project")
    tale.say("order.assigned", "10:05", branch="A")
    tale.accept("10:06")
    tale.agree("10:30", "15:00")
    tale.agree("10:40", "14:00", "15:00")
    tale.say("order.units", "10:41", units=[{"unit": "u1"}])
    tale.say("order.routed", "10:42", mode="handout", terminal="term", hubs=["hub"])
    tale.say("hold.set", "11:00", hold="h", reason="r")
    tale.say("hold.released", "11:10", hold="h", reason="r")
    tale.postpone("11:20", "2024-03-05")
    tale.say("order.confirmed", "2024-03-05 08:01", checked=True)
    tale.waybill("2024-03-05 09:00")
    tale.say("unit.unloaded", "2024-03-05 10:00", unit="u1", site="hub")
    tale.say("handout.done", "2024-03-05 11:00", carrier="c", phone="1", outside_no="2")
    tale.say("location.requested", "2024-03-05 12:00", by="customer", waybill="W1")
    tale.sign("2024-03-06 18:00")
    tale.say("complaint.lodged", "2024-03-06 19:00", complaint="k", class_="1", about="broken")
    tale.say("claim.lodged", "2024-03-06 19:00", claim="c", amount=20000, declared=20000)
    tale.say("claim.documents_complete", "2024-03-06 19:10", claim="c")
    other = type(tale)()
    other.submit("10:00", pickup="appointment", dates={"pickup": tale.ms("18:30")})
    other.say("order.routed", "10:01", mode="own", terminal="term")
    other.say("order.confirmed", "10:02", checked=True)
    other.waybill("10:03")
    other.say("unit.unloaded", "11:00", unit="x", site="term")
    other.say("order.units", "10:30", units=[{"unit": "x"}])
    other.say("delivery.failed", "13:00", cause="absent", contact="phone")
    other.say("delivery.agreed", "14:00", from_=tale.ms("15:00"), to=tale.ms("16:00"))
    other.cancel("17:00")
    goods = type(tale)()
    goods.submit("17:30", type="goods", pickup="asap")
    goods.say("order.confirmed", "17:35", checked=True)
    late = type(tale)()
    late.submit("17:30", pickup="asap")
    small = type(tale)()
    for n, (class_, amount, declared) in enumerate((("2", 1, 1), ("mail", 600, 1), ("x", 600, 1))):
        small.say("complaint.lodged", "10:00", complaint=f"k{n}", class_=class_, about="x")
        small.say("claim.lodged", "10:00", claim=f"c{n}", amount=amount, declared=declared)
        small.say("claim.documents_complete", "10:01", claim=f"c{n}")
    clocks = [c for t in (tale, other, goods, late, small) for c in t.judged("2024-03-20 00:00").clocks]
    for clock in clocks:
        given = json.loads(json.dumps(shown(clock), allow_nan=False))
        assert given == shown(clock) and json.loads(json.dumps(clock.as_dict())) == clock.as_dict()
        assert given["key"] == clock.key and given["start"].endswith("Z")
        for text in given["explanation"].values():
            assert clock.clock in text and "{" not in text
    missing = set(DUTY) - {c.clock for c in clocks}
    assert missing == {"N-35", "N-38", "N-31"}


def test_the_ladder_of_an_acceptance(tale: Tale) -> None:
    tale.submit("10:00")
    clock = tale.clock("N-01", "10:01")
    rungs = ladder(clock, tale.policies.at(None, None, clock.start))
    assert [(r["at"], r["what"], r["to"], r["rule"]) for r in rungs] == [
        (tale.ms("10:10"), "due", "A", "N-01"),
        (tale.ms("10:10:00.001"), "remind", "A", "N-07"),
        (tale.ms("10:10:00.001"), "remind", "call_centre", "N-17"),
        (tale.ms("10:15:00.001"), "escalate", "regional_manager", "N-19"),
        (tale.ms("23:00"), "cutoff", "A", "N-10"),
    ]
    tale.accept("10:05")
    assert ladder(tale.clock("N-01"), tale.policies.at(None, None, 0)) == []
    assert ladder(tale.clock("N-11", "12:00"), tale.policies.at(None, None, 0))[-1]["to"] == "branch_manager"


def test_the_ladder_of_a_pickup(tale: Tale) -> None:
    tale.submit("10:00", pickup="asap")
    resolved = tale.policies.at(None, None, 0)
    assert [(r["what"], r["at"]) for r in ladder(tale.clock("N-20", "10:01"), resolved)] == [
        ("due", tale.ms("12:00")),
        ("overdue", tale.ms("19:00")),
    ]
    tale.agree("10:05", "15:00")
    rungs = ladder(tale.clock("N-25", "10:10"), resolved)
    assert [(r["what"], r["at"], r["rule"]) for r in rungs] == [
        ("warn", tale.ms("15:45"), "N-28"),
        ("due", tale.ms("16:00"), "N-25"),
        ("overdue", tale.ms("16:00:00.001"), "N-25"),
    ]
    tale.say("hold.set", "10:20", hold="h", reason="r")
    assert ladder(tale.clock("N-25", "10:30"), resolved) == []


def test_lengths_in_words() -> None:
    assert (
        duration("P1DT2H", 1) == "1 day 2 hours"
        and duration("1wd", 1) == "1 working day"
        and duration("3wd", 0) == "3 个工作日"
    )


def test_every_key_of_the_policies_and_every_default_is_said_in_words() -> None:
    """No code of the policy file (`accept.limit=PT10M`) comes before anybody's eyes."""
    assert set(KEY_NAMES) == set(KEYS)
    code = re.compile(r"[a-z]+[._][a-z]|\bPT?\d|\dwd|=")
    for key in KEYS.values():
        for n in (0, 1):
            told = rule_in_words(f"{key.name}={key.text}", n)
            assert not code.search(told), told
    assert rule_in_words("accept.limit=PT1H30M, edit.max=2", 1) == (
        "accept within: 1 hour 30 minutes; re-routings and edits at most: 2"
    )
    assert rule_in_words("accept.window=08:00/20:00, unbilled.follow_pickup=true", 0) == (
        "受理计时的时段：08:00–20:00；当日不开单的截止随提货时限顺延：是"
    )
