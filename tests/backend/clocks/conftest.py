"""A small language for tests of clocks: `Tale` writes facts at local times (Asia/Shanghai) and judges them."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from milepost.clocks.calendar import Calendars, seeded
from milepost.clocks.engine import Judged, judge_facts
from milepost.clocks.model import ClockState
from milepost.clocks.policy import PolicySet
from milepost.evidence.model import Author, Fact, fact_id
from milepost.orders.vocabulary import KINDS, SUBJECT_KEYS, validate

ZONE = ZoneInfo("Asia/Shanghai")
DAY = "2024-03-04"  # a Monday
FAR = "2024-05-01 00:00"
_ROLES = ("device", "desk", "dispatcher", "keeper", "driver", "call_centre", "branch_manager", "customer")


def ms(text: str | int) -> int:
    """UTC ms of `2024-03-04 09:15:00.001`, or of a time on 2024-03-04; `24:00` is the midnight that ends the day."""
    if isinstance(text, int):
        return text
    if " " not in text:
        text = f"{DAY} {text}"
    day, clock = text.split(" ")
    if clock == "24:00":
        return int((datetime.fromisoformat(day).replace(tzinfo=ZONE) + timedelta(days=1)).timestamp()) * 1000
    whole, _, fraction = clock.partition(".")
    at = datetime.fromisoformat(f"{day} {whole}").replace(tzinfo=ZONE)
    return int(at.timestamp()) * 1000 + int(fraction.ljust(3, "0") if fraction else 0)


class Tale:
    """Facts of one order (`o1` unless said otherwise), and the clocks they make."""

    ms = staticmethod(ms)

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.policies = PolicySet()
        self.calendars: Calendars = seeded()

    def say(
        self,
        kind: str,
        at: str | int,
        /,
        *,
        by: str | None = None,
        source: str | None = None,
        recorded: str | int | None = None,
        received: str | int | None = None,
        order: str | None = "o1",
        **fields: Any,
    ) -> Fact:
        """Write one fact; `from_` and `class_` stand for `from` and `class`."""
        names = {field.name for field in KINDS[kind].fields}
        fields = {name.rstrip("_"): value for name, value in fields.items()}
        if order is not None and "order" in names:
            fields["order"] = order
        subjects = {name: fields.pop(name) for name in list(fields) if name in SUBJECT_KEYS}
        role = by or next((r for r in _ROLES if r in KINDS[kind].authors), "admin")
        inputs = (f"k{len(self.facts)}",)
        fact = Fact(
            id=fact_id(kind, subjects, inputs),
            kind=kind,
            at=ms(at),
            recorded_at=None if recorded is None else ms(recorded),
            received_at=None if received is None else ms(received),
            by=Author(role, f"some-{role}"),
            source=source or ("gnss" if role == "device" else "person"),
            subjects=subjects,
            body=fields,
            inputs=inputs,
        )
        validate(fact)
        self.facts.append(fact)
        return fact

    def submit(self, at: str | int, /, **more: Any) -> Fact:
        """An online consignment, wanted as soon as possible, at branch A unless said otherwise."""
        given: dict[str, Any] = {
            "type": "consignment",
            "customer": "c1",
            "class_": "standard",
            "channel": "web",
            "online": True,
            "lines": [{"line": "1", "qty": 1}],
            "from_": {"site": "home"},
            "to": {"site": "shop"},
            "contact": {"name": "c"},
            "dates": {},
            "pickup": "none",
            "branch": "A",
        }
        given |= more
        return self.say("order.submitted", at, **{k: v for k, v in given.items() if v is not None})

    def accept(self, at: str | int, branch: str = "A", **more: Any) -> Fact:
        """The branch confirms that it has accepted (T3)."""
        return self.say("order.accepted", at, branch=branch, **more)

    def agree(self, at: str | int, from_: str | int, to: str | int | None = None) -> Fact:
        """A pickup agreed with the customer, for an instant or a window."""
        return self.say("pickup.agreed", at, from_=ms(from_), to=ms(from_ if to is None else to))

    def pick_up(self, at: str | int) -> Fact:
        """The driver has the goods."""
        return self.say("pickup.done", at, pieces=1, packing="ok", signers=["driver", "customer"])

    def waybill(self, at: str | int) -> Fact:
        """The order is billed."""
        return self.say("waybill.issued", at, waybill="W1", pieces=1, kg=3)

    def postpone(self, at: str | int, to: str) -> Fact:
        """Put off to a day."""
        return self.say("order.postponed", at, to=to, asked_by="customer")

    def cancel(self, at: str | int, **more: Any) -> Fact:
        """Called off."""
        return self.say("order.cancelled", at, asked_by="customer", **more)

    def sign(self, at: str | int, **more: Any) -> Fact:
        """Signed for."""
        return self.say("order.signed", at, by="driver", signer="s", pieces=1, **more)

    def judged(self, until: str | int = FAR, order: str = "o1", facts: list[Fact] | None = None) -> Judged:
        """The order as it stood then."""
        return judge_facts(self.facts if facts is None else facts, self.policies, self.calendars, ms(until))[order]

    def clocks(self, name: str, until: str | int = FAR) -> list[ClockState]:
        """All clocks of one name, by their start."""
        return [clock for clock in self.judged(until).clocks if clock.clock == name]

    def clock(self, name: str, until: str | int = FAR, n: int = -1) -> ClockState:
        """The last (or n-th) clock of one name."""
        return self.clocks(name, until)[n]

    def verdict(self, name: str, until: str | int = FAR, n: int = -1) -> str:
        """Its verdict."""
        return self.clock(name, until, n).verdict


@pytest.fixture
def tale() -> Tale:
    """An empty tale."""
    return Tale()


@pytest.fixture(scope="session")
def teller() -> type[Tale]:
    """What tells tales, for tests that need many."""
    return Tale
