"""What facts can settle they settle (REQUIREMENTS C): the order went on all the same, was answered, or has ended."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from milepost.evidence.model import Author, Fact, fact_id
from milepost.orders.fold import fold
from milepost.orders.model import Calendar, Policy
from milepost.orders.vocabulary import KINDS, SUBJECT_KEYS, validate

_ROLES = ("device", "desk", "dispatcher", "keeper", "driver", "call_centre", "branch_manager", "customer", "claims")


class Day:
    """Facts of order o1, one a minute from 08:00 on Monday 2026-03-02."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []

    def say(self, kind: str, /, *, by: str | None = None, source: str = "person", **fields: Any) -> "Day":
        start = round(datetime(2026, 3, 2, 8, tzinfo=ZoneInfo("Asia/Shanghai")).timestamp() * 1000)
        given = {name.rstrip("_"): value for name, value in fields.items()}
        if any(field.name == "order" for field in KINDS[kind].fields) and "vehicle" not in given:
            given.setdefault("order", "o1")
        subjects = {name: given.pop(name) for name in list(given) if name in SUBJECT_KEYS}
        role = by or next((role for role in _ROLES if role in KINDS[kind].authors), "admin")
        inputs = (f"k{len(self.facts)}",)
        fact = Fact(
            id=fact_id(kind, subjects, inputs), kind=kind, at=start + len(self.facts) * 60_000, source=source,
            by=Author(role, f"some-{role}"), subjects=subjects, body=given, inputs=inputs,
        )  # fmt: skip
        validate(fact)
        self.facts.append(fact)
        return self

    def submitted(self, branch: str | None = "b1", **more: Any) -> "Day":
        told: dict[str, Any] = {
            "type": "goods", "customer": "c1", "class_": "standard", "channel": "web", "online": False,
            "lines": [{"line": "1", "qty": 2}], "from_": {"site": "yard"}, "to": {"site": "shop"},
            "contact": {"name": "someone"}, "dates": {"ship": "2026-03-02"}, "pickup": "none", **more,
        }  # fmt: skip
        return self.say("order.submitted", by="customer", **told, **({"branch": branch} if branch else {}))

    def confirmed(self, **more: Any) -> "Day":
        self.submitted(**more).say("contact.logged", with_="shop", about="order", result="ships")
        self.say("order.accepted", branch="b1").say("note.printed", paper="A5", branch="b1")
        return self.say("order.confirmed", checked=True)

    def aboard(self, leave_out: int = 0, **more: Any) -> "Day":
        """Two units, waybilled; all but `leave_out` aboard v1."""
        self.confirmed(**more).say("order.units", units=[{"unit": u, "no": u[1:], "pieces": 1} for u in ("u1", "u2")])
        self.say("pick.issued", list="P1").say("order.readied", reason="all there")
        self.say("goods.weighed", kg=10, max_piece_kg=5).say("waybill.issued", waybill="W1", pieces=2, kg=10)
        self.say("trip.planned", trip="t1", kind="direct", stops=[{"site": "shop"}])
        self.say("trip.vehicle", trip="t1", vehicle="v1", from_=0).say("trip.expected", trip="t1")
        for unit in ("u1", "u2")[: 2 - leave_out]:
            self.say("unit.loaded", source="rfid", unit=unit, vehicle="v1", site="yard")
        return self

    def gone(self, **more: Any) -> "Day":
        self.aboard(**more).say("load.signed", trip="t1", pieces=2, cautions=[])
        return self.say("vehicle.left", source="gnss", vehicle="v1", site="yard")

    def raised(self, ex: str) -> "Day":
        return self.say("exception.raised", by="desk", ex=ex, cause="c", stage="s")

    def found(self, kind: str) -> list[dict[str, Any]]:
        """The exceptions of a kind, by their opening."""
        state = fold(self.facts, Policy(), Calendar(), self.facts[-1].at)["o1"]
        return [each for each in state.exceptions if each["kind"] == kind]

    def settled_at(self, kind: str) -> int | None:
        [trouble] = self.found(kind)
        return trouble["closed_at"]


def settles(day: Day, kind: str, fact: str, /, **fields: Any) -> None:
    """It is open until this fact, and this fact ends it."""
    assert day.settled_at(kind) is None
    day.say(fact, **fields)
    assert day.settled_at(kind) == day.facts[-1].at


LATE = {"to": "2026-03-09", "asked_by": "customer"}


@pytest.mark.requirement("EX-14", "N-04")
@pytest.mark.parametrize(
    ("fact", "fields"),
    [
        ("order.postponed", {"to": "2026-03-04", "asked_by": "customer"}),
        ("order.cancelled", {"asked_by": "customer", "reason": "no need"}),
        ("waybill.issued", {"waybill": "W1", "pieces": 2, "kg": 10}),
    ],
)
def test_EX14_is_over_when_it_is_put_off_less_or_cancelled_or_ships_after_all(fact: str, fields: dict[str, Any]):
    settles(Day().confirmed().say("order.postponed", **LATE), "postponed_too_far", fact, **fields)


@pytest.mark.requirement("EX-14")
def test_EX14_goods_that_have_left_are_postponed_no_more():
    day = Day().aboard()
    day.facts.insert(5, Day().say("order.postponed", **LATE).facts[0])  # at 08:00: before all that follows
    assert day.settled_at("postponed_too_far") is not None
    refused = {"command": "postpone", "body": {"to": "2026-03-09"}, "code": "EX-14"}
    settles(
        Day().aboard().say("command.refused", by="service", **refused), "postponed_too_far",
        "vehicle.left", vehicle="v1", site="yard", source="gnss",
    )  # fmt: skip


@pytest.mark.requirement("EX-14")
def test_EX14_another_wish_beyond_the_limit_settles_nothing():
    day = Day().confirmed().say("order.postponed", **LATE).say("order.postponed", to="2026-03-10", asked_by="customer")
    assert [each["closed_at"] for each in day.found("postponed_too_far")] == [None, None]


@pytest.mark.requirement("EX-14")
@pytest.mark.parametrize("fact", ["pickup.done", "goods.handed_in", "order.cancelled"])
def test_EX14_a_pickup_that_was_agreed_too_late_is_over_once_the_goods_are_here(fact: str):
    late = round(datetime(2026, 3, 9, tzinfo=ZoneInfo("Asia/Shanghai")).timestamp() * 1000)
    day = Day().confirmed(type="consignment").say("pickup.agreed", from_=late, to=late)
    bodies: dict[str, dict[str, Any]] = {
        "pickup.done": {"pieces": 2, "packing": "ok", "signers": ["driver", "customer"]},
        "goods.handed_in": {"branch": "b1", "pieces": 2},
        "order.cancelled": {"asked_by": "customer"},
    }
    settles(day, "pickup_too_far", fact, **bodies[fact])


@pytest.mark.requirement("EX-4", "EX-7")
def test_a_cancelled_order_waits_for_no_release_and_no_acceptance():
    day = Day().submitted().say("hold.set", by="desk", hold="data", reason="unit wrong")
    settles(day, "hold", "order.cancelled", asked_by="customer")
    day = Day().submitted().say("contact.logged", with_="shop", about="order", result="ships")
    day.say("order.accepted", branch="b1").say("order.rerouted", to_branch="b2")
    settles(day, "rerouted", "order.cancelled", asked_by="customer")


@pytest.mark.requirement("EX-22", "OT-7")
def test_EX22_what_was_missing_at_departure_and_is_signed_for_is_missing_no_more():
    day = Day().aboard(leave_out=1).say("load.signed", trip="t1", pieces=1, cautions=[])
    day.say("vehicle.left", vehicle="v1", site="yard", source="gnss")
    day.say("vehicle.stopped", vehicle="v1", site="shop", source="gnss")
    day.say("order.signed", by="driver", signer="x", pieces=1, units=["u1"])
    settles(day, "departed_incomplete", "order.signed", by="driver", signer="x", pieces=1, units=["u2"])


@pytest.mark.requirement("EX-15", "EX-22")
def test_an_outcome_ends_what_was_asked_of_the_road():
    day = Day().aboard().say("vehicle.left", vehicle="v1", site="yard", source="gnss")
    day.say("cancel.requested", by="customer", asked_by="c1")
    day.say("load.signed", trip="t1", pieces=1, cautions=[])
    for kind in ("cancel_requested", "load_count"):
        assert day.settled_at(kind) is None
    day.say("order.signed", by="driver", signer="x", pieces=1, units=["u1"])
    assert day.settled_at("cancel_requested") is None, "one of two is not the order"
    settles(day, "cancel_requested", "order.signed", by="driver", signer="x", pieces=1, units=["u2"])
    assert day.settled_at("load_count") == day.facts[-1].at


STOP = ("vehicle.stopped", {"vehicle": "v1", "site": "shop", "source": "gnss"})
SIGN = ("order.signed", {"by": "driver", "signer": "x", "pieces": 2})
CANCEL = ("order.cancelled", {"asked_by": "customer"})
REST = ("order.linked", {"other": "o2", "relation": "supplementary"})
BILL = ("waybill.issued", {"waybill": "W1", "pieces": 2, "kg": 10})
AT_THE_DESK = [
    ("EX-1", REST), ("EX-2", ("order.edited", {"changes": {"contact": {"name": "y"}}})), ("EX-3", REST),
    ("EX-5", CANCEL),
    ("EX-7", ("order.rerouted", {"to_branch": "b2"})), ("EX-9", CANCEL), ("EX-11", CANCEL), ("EX-12", REST),
    ("EX-14", ("order.postponed", {"to": "2026-03-04", "asked_by": "customer"})), ("EX-15", CANCEL), ("EX-15", BILL),
    ("EX-16", ("price.agreed", {"amount": 10, "by_": "customer"})), ("EX-17", REST),
    ("EX-19", ("order.readied", {"reason": "all there"})), ("EX-24", ("pickup.agreed", {"from_": 1, "to": 2})),
    ("EX-24", BILL),
]  # fmt: skip
ON_THE_ROAD = [
    ("EX-23", ("split.consented", {"units": ["u1"], "reason": "agreed"})),
    ("EX-25", ("location.answered", {"order": "o1", "waybill": "W1"})), ("EX-26", STOP), ("EX-26", SIGN),
    ("EX-27", STOP),
    ("EX-28", STOP), ("EX-30", ("track.entered", {"text": "there"})), ("EX-31", STOP), ("EX-35", SIGN),
    ("EX-35", ("delivery.agreed", {"from_": 1, "to": 2})), ("EX-36", STOP), ("EX-37", SIGN), ("EX-39", SIGN),
]  # fmt: skip


@pytest.mark.parametrize(("ex", "fact"), AT_THE_DESK)
def test_what_somebody_raised_at_the_desk_is_settled_by(ex: str, fact: tuple[str, dict[str, Any]]):
    settles(Day().confirmed().raised(ex), "raised", fact[0], **fact[1])


@pytest.mark.requirement("EX-6", "EX-8")
def test_a_branch_and_its_acceptance_settle_what_was_raised_for_them():
    settles(Day().submitted(None).raised("EX-6"), "raised", "order.assigned", branch="b1")
    settles(Day().submitted().raised("EX-8"), "raised", "order.accepted", branch="b1")


@pytest.mark.parametrize(("ex", "fact"), ON_THE_ROAD)
def test_what_somebody_raised_on_the_road_is_settled_by(ex: str, fact: tuple[str, dict[str, Any]]):
    settles(Day().gone().raised(ex), "raised", fact[0], **fact[1])


@pytest.mark.requirement("EX-43", "EX-44")
@pytest.mark.parametrize("ex", ["EX-43", "EX-44"])
def test_a_qualified_receipt_settles_what_was_raised_for_it(ex: str):
    day = Day().gone().say(*STOP[:1], **STOP[1]).say(SIGN[0], **SIGN[1]).raised(ex)
    settles(day, "raised", "receipt.returned", by="desk", slip="W1", qualified=True)


@pytest.mark.requirement("EX-40", "EX-42")
@pytest.mark.parametrize(
    "ex", ["EX-10", "EX-18", "EX-29", "EX-32", "EX-33", "EX-34", "EX-38", "EX-40", "EX-41", "EX-42"]
)
def test_law_money_and_blame_wait_for_a_person(ex: str):
    day = Day().gone().raised(ex).say(STOP[0], **STOP[1]).say(SIGN[0], **SIGN[1])
    day.say("receipt.returned", by="desk", slip="W1", qualified=True)
    assert day.settled_at("raised") is None


def test_what_was_settled_and_is_raised_again_is_a_new_item():
    day = Day().gone().raised("EX-25").say("location.answered", order="o1", waybill="W1").raised("EX-25")
    assert [each["closed_at"] is None for each in day.found("raised")] == [False, True]
