"""The oracle of the clocks is not hollow: it gives the numbers of the acceptance scenarios, worked out by hand."""

from datetime import date, datetime
from typing import Any

import pytest

from milepost.evidence.model import Author, Fact
from milepost.orders.vocabulary import SUBJECT_KEYS
from milepost_tools.bench.clocks.oracle import answers
from milepost_tools.bench.clocks.oracle_facts import SHANGHAI
from milepost_tools.bench.clocks.oracle_judge import Answer

NEVER = "2024-12-31 00:00:00"


def ms(text: str) -> int:
    """UTC ms of a local time such as `2024-03-04 09:15:00.001` (24:00:00 is the midnight that ends the day)."""
    day, _, clock = text.partition(" ")
    hour, minute, second = clock.split(":")
    begin = datetime.combine(date.fromisoformat(day), datetime.min.time(), SHANGHAI).timestamp()
    return round(begin * 1000) + (int(hour) * 60 + int(minute)) * 60_000 + round(float(second) * 1000)


class Told:
    """Facts told one by one."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []

    def say(self, at: str, kind: str, /, recorded: str | None = None, by: str = "desk", **fields: Any) -> Fact:
        named = {name.rstrip("_"): value for name, value in fields.items()}
        subjects = {name: named.pop(name) for name in list(named) if name in SUBJECT_KEYS} or {"order": "o1"}
        fact = Fact(
            id=f"f{len(self.facts):02}", kind=kind, at=ms(at), by=Author(by, by), subjects=subjects, body=named,
            recorded_at=ms(recorded) if recorded else None,
        )  # fmt: skip
        self.facts.append(fact)
        return fact

    def submit(self, at: str, type: str = "consignment", pickup: str = "none", **more: Any) -> Fact:
        given: dict[str, Any] = {
            "type": type, "customer": "c1", "class": "standard", "channel": "web", "online": True, "lines": [],
            "from": {"site": "yard"}, "to": {"site": "shop"}, "contact": {}, "dates": {}, "pickup": pickup,
            "branch": "a", **{name.rstrip("_"): value for name, value in more.items()},
        }  # fmt: skip
        return self.say(at, "order.submitted", **given)

    def ask(self, clock: str, until: str = NEVER, **more: Any) -> list[Answer]:
        found = answers(self.facts, "o1", ms(until), **more)
        return sorted((a for a in found if a.clock == clock), key=lambda a: a.start)

    def one(self, clock: str, until: str = NEVER, **more: Any) -> Answer:
        found = self.ask(clock, until, **more)
        assert len(found) == 1, found
        return found[0]


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.mark.parametrize(("accepted", "verdict"), [("09:25:00.000", "met"), ("09:25:00.001", "late")])
def test_G01_ten_minutes_are_inclusive(told: Told, accepted: str, verdict: str) -> None:
    told.submit("2024-03-04 09:15:00")
    told.say(f"2024-03-04 {accepted}", "order.accepted", branch="a")
    clock = told.one("N-01")
    assert clock.due == ms("2024-03-04 09:25:00") and clock.late_from == clock.due + 1
    assert clock.verdict == verdict


def test_G03_an_order_of_the_night_belongs_to_the_morning(told: Told) -> None:
    told.submit("2024-03-04 23:59:30")
    clock = told.one("N-01", "2024-03-05 00:09:31")
    assert (clock.start, clock.due) == (ms("2024-03-05 08:00:00"), ms("2024-03-05 08:10:00"))
    assert clock.verdict == "open"
    assert told.one("N-10").due == ms("2024-03-05 23:00:00")  # D0 is the 5th
    assert told.one("N-01").breached_at == ms("2024-03-05 08:10:00.001")


@pytest.mark.parametrize("filed", [True, False])
def test_G05_a_filed_remark_excuses_off_hours(told: Told, filed: bool) -> None:
    told.submit("2024-03-04 18:30:00")
    told.say("2024-03-04 18:44:00", "order.accepted", branch="a")
    if filed:
        told.say("2024-03-04 18:45:00", "remark.added", remark="track", text="x", filed=True)
    clock = told.one("N-01")
    assert (clock.verdict, clock.due, clock.excusable) == ("late", ms("2024-03-04 18:40:00"), filed)


def test_G07_rerouting_and_printing_run_from_the_acceptance(told: Told) -> None:
    told.submit("2024-03-04 10:00:00")
    told.say("2024-03-04 10:03:00", "order.accepted", branch="a")
    told.say("2024-03-04 10:08:00", "order.rerouted", to_branch="b")
    told.say("2024-03-04 10:12:00", "order.accepted", branch="b")
    first, second = told.ask("N-05")
    assert (first.due, first.verdict) == (ms("2024-03-04 10:08:00"), "met")
    assert second.verdict == "lapsed"
    assert [c.due for c in told.ask("N-01")] == [ms("2024-03-04 10:10:00"), ms("2024-03-04 10:18:00")]
    assert [(c.due, c.verdict) for c in told.ask("N-09")] == [
        (ms("2024-03-04 10:33:00"), "void"),
        (ms("2024-03-04 10:42:00"), "late"),
    ]


@pytest.mark.parametrize(("to", "verdict", "woken"), [("2024-03-07", "met", 2), ("2024-03-08", "late", 1)])
def test_G09_three_days_and_no_more(told: Told, to: str, verdict: str, woken: int) -> None:
    told.submit("2024-03-04 10:00:00")
    told.say("2024-03-04 10:05:00", "order.accepted", branch="a")
    told.say("2024-03-04 10:30:00", "order.postponed", to=to, asked_by="customer")
    assert told.one("N-04").verdict == verdict
    assert len(told.ask("N-11")) == woken


def test_G11_neither_billed_nor_explained(told: Told) -> None:
    told.submit("2024-03-04 10:00:00")
    told.say("2024-03-04 10:05:00", "order.accepted", branch="a")
    assert told.one("N-15").late_from == ms("2024-03-04 23:00:00")
    assert told.one("N-15", "2024-03-04 23:00:00").verdict == "late"
    assert told.one("N-15", "2024-03-04 22:59:59.999").verdict == "open"
    assert told.one("N-11").late_from == ms("2024-03-05 00:00:00")
    told.say("2024-03-04 11:00:00", "order.postponed", to="2024-03-06", asked_by="customer")
    assert [told.one(c, "2024-03-06 07:59:59").verdict for c in ("N-11", "N-15")] == ["void", "void"]
    assert [c.due for c in told.ask("N-11")] == [ms("2024-03-05 00:00:00"), ms("2024-03-07 00:00:00")]


def test_G14_an_agreed_window_replaces_target_and_limit(told: Told) -> None:
    told.submit("2024-03-04 10:00:00", pickup="asap")
    assert told.one("N-20").due == ms("2024-03-04 12:00:00")
    assert told.one("N-22").late_from == ms("2024-03-04 19:00:00")
    assert told.one("N-21").due == ms("2024-03-04 11:00:00")
    told.say("2024-03-04 10:59:00", "pickup.agreed", from_=ms("2024-03-04 15:00:00"), to=ms("2024-03-04 15:00:00"))
    told.say("2024-03-04 15:40:00", "pickup.done", pieces=1)
    assert [told.one(c).verdict for c in ("N-20", "N-21", "N-22", "N-25")] == ["void", "met", "void", "met"]
    assert told.one("N-25").due == ms("2024-03-04 16:00:00")


@pytest.mark.parametrize(("ordered", "target"), [("08:20:00", "11:00:00"), ("16:59:59", "18:59:59")])
def test_G16_target_and_hard_limit(told: Told, ordered: str, target: str) -> None:
    told.submit(f"2024-03-04 {ordered}", pickup="asap")
    assert told.one("N-20").due == ms(f"2024-03-04 {target}")
    assert told.one("N-22").late_from == ms("2024-03-04 19:00:00")


def test_G16_from_five_on_the_next_noon(told: Told) -> None:
    told.submit("2024-03-04 17:00:00", pickup="asap")
    assert told.one("N-23").late_from == ms("2024-03-05 12:00:00")
    assert not told.ask("N-20") and not told.ask("N-21") and not told.ask("N-22")


@pytest.mark.parametrize(
    ("picked", "verdict"), [("11:00:00", "met"), ("11:00:01", "late"), ("09:00:00", "met"), ("08:59:59", "early")]
)
def test_G18_an_hour_around_the_appointment(told: Told, picked: str, verdict: str) -> None:
    told.submit("2024-03-03 15:00:00", pickup="appointment", dates={"pickup": ms("2024-03-04 10:00:00")})
    told.say(f"2024-03-04 {picked}", "pickup.done", pieces=1)
    assert told.one("N-25").verdict == verdict


@pytest.mark.parametrize(("agreed", "verdict"), [("14:00:00", "met"), ("14:00:01", "late")])
def test_G18_projects_agree_anew_an_hour_before(told: Told, agreed: str, verdict: str) -> None:
    told.submit(
        "2024-03-04 09:00:00", pickup="appointment", dates={"pickup": "2024-03-04T15:00:00+08:00"}, class_="project"
    )
    later = ms("2024-03-04 17:00:00")
    told.say(f"2024-03-04 {agreed}", "pickup.agreed", from_=later, to=later)
    assert told.ask("N-27")[0].verdict == verdict


def on_the_way(told: Told, came_in: str) -> None:
    told.submit("2024-03-04 10:00:00")
    told.say("2024-03-04 10:05:00", "order.accepted", branch="a")
    told.say("2024-03-04 10:06:00", "order.confirmed", checked=True)
    told.say("2024-03-01 00:00:00", "site.defined", site="term", role="terminal")
    told.say("2024-03-04 11:00:00", "order.units", units=[{"unit": "u1"}, {"unit": "u2"}])
    told.say("2024-03-04 12:00:00", "trip.planned", trip="t1", kind="line", stops=[])
    told.say("2024-03-04 12:00:00", "trip.vehicle", trip="t1", vehicle="v1", from_=ms("2024-03-04 12:00:00"))
    for unit in ("u1", "u2"):
        told.say("2024-03-04 13:00:00", "unit.loaded", unit=unit, vehicle="v1", site="yard", by="device")
    told.say("2024-03-04 14:00:00", "vehicle.left", vehicle="v1", site="yard", by="device")
    told.say("2024-03-05 09:00:00", "unit.unloaded", unit="u1", site="term", by="device")
    told.say(came_in, "unit.unloaded", unit="u2", site="term", by="device")


@pytest.mark.parametrize(
    ("came_in", "clock", "late_from"),
    [
        ("2024-03-05 12:00:00", "N-34", "2024-03-05 20:30:00"),
        ("2024-03-05 12:00:00.001", "N-35", "2024-03-06 12:00:00"),
    ],
)
def test_G20_noon_itself_is_early_enough(told: Told, came_in: str, clock: str, late_from: str) -> None:
    """The last counting unit decides."""
    on_the_way(told, came_in)
    assert (told.one(clock).start, told.one(clock).late_from) == (ms(came_in), ms(late_from))


@pytest.mark.parametrize(("signed", "verdict"), [("20:29:59", "met"), ("20:30:00", "late")])
def test_G20_half_past_eight_is_late(told: Told, signed: str, verdict: str) -> None:
    on_the_way(told, "2024-03-05 11:00:00")
    told.say(f"2024-03-05 {signed}", "order.signed", signer="s", pieces=2)
    assert told.one("N-34").verdict == verdict
    assert told.one("N-40").due == ms("2024-03-09 00:00:00")  # 24:00 of the third day after


@pytest.mark.parametrize(("entered", "verdict"), [("2024-03-05 23:59:59", "met"), ("2024-03-06 00:00:00", "late")])
def test_G22_signed_before_five_entered_the_same_day(told: Told, entered: str, verdict: str) -> None:
    told.submit("2024-03-04 10:00:00")
    told.say("2024-03-05 16:59:59", "order.signed", entered, signer="s", pieces=1)
    assert told.one("N-31").verdict == verdict
    assert not told.ask("N-32")


def test_G24_one_entry_for_each_day_outside(told: Told) -> None:
    told.submit("2024-03-04 10:00:00")
    told.say("2024-03-04 22:00:00", "handout.done", carrier="x", phone="1", outside_no="2")
    told.say("2024-03-05 23:59:59", "track.entered", text="x")
    told.say("2024-03-07 10:00:00", "order.signed", signer="s", pieces=1)
    days = {c.subject: c.verdict for c in told.ask("N-30")}
    assert days == {"2024-03-04": "met", "2024-03-05": "met", "2024-03-06": "late", "2024-03-07": "met"}
    assert told.ask("N-30")[2].breached_at == ms("2024-03-07 00:00:00")


@pytest.mark.parametrize(("can", "failed"), [("18:40:00", False), ("18:40:01", True)])
def test_G26_waiting_half_an_hour(told: Told, can: str, failed: bool) -> None:
    on_the_way(told, "2024-03-05 11:00:00")
    told.say("2024-03-05 12:30:00", "trip.planned", trip="t2", kind="delivery", stops=[])
    told.say("2024-03-05 12:30:00", "trip.vehicle", trip="t2", vehicle="v2", from_=ms("2024-03-05 12:30:00"))
    for unit in ("u1", "u2"):
        told.say("2024-03-05 13:00:00", "unit.loaded", unit=unit, vehicle="v2", site="term", by="device")
    told.say("2024-03-05 14:00:00", "vehicle.left", vehicle="v2", site="term", by="device")
    told.say("2024-03-05 18:10:00", "vehicle.stopped", vehicle="v2", site="shop", by="device")
    told.say("2024-03-05 18:15:00", "contact.logged", with_="c", about="d", result="r",
             can_receive_at=ms(f"2024-03-05 {can}"), by="driver")  # fmt: skip
    assert told.one("N-38").verdict == "met"
    assert told.one("N-34").verdict == ("void" if failed else "late")


def test_G27_an_enquiry_is_answered_in_a_quarter_of_an_hour(told: Told) -> None:
    told.submit("2024-03-04 10:00:00")
    told.say("2024-03-04 11:00:00", "waybill.issued", waybill="w1", pieces=1, kg=1.0)
    told.say("2024-03-04 14:00:00", "location.requested", waybill="w1")
    assert told.one("N-50").due == ms("2024-03-04 14:15:00")


@pytest.mark.parametrize(
    ("amount", "declared", "clock", "due"),
    [
        (600, 9999.99, "N-59", "2024-03-14 00:00:00"),
        (600, 10000.00, "N-60", "2024-03-20 00:00:00"),
        (500.00, 100, "N-58", "2024-03-14 00:00:00"),
        (500.01, 100, "N-59", "2024-03-14 00:00:00"),
    ],
)
def test_G29_claims(told: Told, amount: float, declared: float, clock: str, due: str) -> None:
    told.submit("2024-03-04 10:00:00")
    told.say("2024-03-08 15:00:00", "claim.lodged", claim="l1", amount=amount, declared=declared)
    assert not told.ask(clock)
    told.say("2024-03-08 16:00:00", "claim.documents_complete", claim="l1")
    assert told.one(clock).due == ms(due)


def test_K01_a_worked_sunday_counts(told: Told) -> None:
    told.submit("2026-09-18 09:00:00")
    told.say("2026-09-18 10:00:00", "complaint.lodged", complaint="k1", class_="2", about="attitude")
    asked = {"until": "2026-12-01 00:00:00", "workdays": frozenset({date(2026, 9, 20)})}
    assert told.one("N-57", **asked).due == ms("2026-09-22 24:00:00")
    assert told.one("N-57", until=asked["until"]).due == ms("2026-09-23 24:00:00")


def test_a_hold_stops_what_runs(told: Told) -> None:
    told.submit("2024-03-04 10:00:00", pickup="asap")
    told.say("2024-03-04 10:05:00", "order.accepted", branch="a")
    told.say("2024-03-04 10:10:00", "hold.set", hold="data", reason="x")
    assert told.one("N-09", "2024-03-04 10:20:00").due is None
    told.say("2024-03-04 17:30:00", "hold.released", hold="data", reason="x")
    assert told.one("N-09").due == ms("2024-03-04 17:55:00")
    assert told.one("N-22").due == ms("2024-03-05 12:00:00")  # as if it were ordered at the release


def test_what_is_not_received_is_not_known(told: Told) -> None:
    told.submit("2024-03-04 10:00:00")
    told.say("2024-03-04 10:05:00", "order.accepted", "2024-03-04 12:00:00", branch="a")
    assert told.one("N-01", "2024-03-04 11:00:00").verdict == "late"
    assert told.one("N-01", "2024-03-04 12:00:00").verdict == "met"


def test_a_fact_taken_back_did_not_happen(told: Told) -> None:
    told.submit("2024-03-04 10:00:00")
    accepted = told.say("2024-03-04 10:05:00", "order.accepted", branch="a")
    told.say("2024-03-04 11:00:00", "fact.retracted", target=accepted.id, why="x", by="branch_manager")
    assert told.one("N-01", "2024-03-04 10:59:00").verdict == "met"
    assert told.one("N-01").verdict == "late"
