"""A small language for facts in tests: `Story` writes them, one minute apart, with the authors they need."""

from typing import Any

import pytest
from argon2 import PasswordHasher

from milepost.access import service as access
from milepost.evidence.model import Author, Fact, fact_id
from milepost.orders.fold import fold
from milepost.orders.model import Calendar, OrderState, Policy
from milepost.orders.vocabulary import KINDS, SUBJECT_KEYS, validate

START = 1_772_409_600_000  # 2026-03-02T08:00:00+08:00, a Monday
MINUTE = 60_000
FOREVER = 4_102_444_800_000

_ROLES = {
    "cc": "call_centre",
    "bm": "branch_manager",
    "dev": "device",
}


class Story:
    """Facts of some orders, written in the order of the calls; `at` minutes after START where it matters."""

    START, MINUTE, FOREVER = START, MINUTE, FOREVER

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.minute = 0

    def say(
        self,
        kind: str,
        /,
        *,
        by: str | None = None,
        at: float | None = None,
        received: float | None = None,
        source: str | None = None,
        key: str | None = None,
        confidence: float = 1.0,
        **fields: Any,
    ) -> Fact:
        """Write one fact; `from_` stands for the field `from`."""
        self.minute += 1
        fields = {name.rstrip("_"): value for name, value in fields.items()}
        subjects = {name: fields.pop(name) for name in list(fields) if name in SUBJECT_KEYS}
        role = _ROLES.get(by or "", by) or _author(kind)
        at_ms = START + int((self.minute if at is None else at) * MINUTE)
        inputs = (key or f"k{len(self.facts)}",)
        fact = Fact(
            id=fact_id(kind, subjects, inputs),
            kind=kind,
            at=at_ms,
            recorded_at=at_ms,
            received_at=at_ms if received is None else START + int(received * MINUTE),
            by=Author(role, f"some-{role}"),
            source=source or _source(kind, role),
            subjects=subjects,
            body=fields,
            confidence=confidence,
            inputs=inputs,
        )
        validate(fact)
        self.facts.append(fact)
        return fact

    def to_confirmed(self, order: str = "o1", *, type: str = "goods", qty: int = 12, pickup: str = "none") -> None:
        """Requested, submitted, assigned, accepted, confirmed."""
        place = {"site": "shop"}
        base: dict[str, Any] = {"order": order, "type": type, "customer": "c1"}
        self.say("order.requested", **base)
        self.say(
            "order.submitted",
            **base,
            **{"class": "standard"},
            channel="web",
            online=True,
            lines=[{"line": "1", "item": "beans", "qty": qty}],
            from_={"site": "yard"},
            to=place,
            contact={"name": "shop manager"},
            dates={"ship": "2026-03-02"},
            pickup=pickup,
        )
        self.say("order.assigned", order=order, branch="b1")
        self.say("order.accepted", order=order, branch="b1")
        self.say("order.confirmed", order=order, checked=True)

    def units(self, order: str = "o1", count: int = 12) -> list[str]:
        """List `count` units of one piece each; returns their ids."""
        names = [f"{order}-u{n}" for n in range(1, count + 1)]
        self.say("order.units", order=order, units=[{"unit": u, "no": str(n), "pieces": 1, "line": "1"}
                                                    for n, u in enumerate(names, 1)])  # fmt: skip
        return names

    def to_waybilled(self, order: str = "o1", *, qty: int = 12) -> list[str]:
        """A goods order up to its waybill, with `qty` units."""
        self.to_confirmed(order, qty=qty)
        names = self.units(order, qty)
        self.say("pick.issued", order=order, list="PL-1")
        self.say("order.readied", order=order, reason="all there")
        self.say("waybill.issued", order=order, waybill=f"WB-{order}", pieces=qty, kg=100.0)
        return names

    def trip(self, trip: str = "t1", vehicle: str = "v1", order: str | None = "o1", kind: str = "direct") -> None:
        """Plan a trip with a vehicle from now on that expects an order whole."""
        self.say("trip.planned", trip=trip, kind=kind, stops=[{"site": "shop"}])
        self.say("trip.vehicle", trip=trip, vehicle=vehicle, from_=START)
        if order:
            self.say("trip.expected", trip=trip, order=order)

    def load(self, units: list[str], vehicle: str = "v1", site: str = "yard", door: str = "d1", **more: Any) -> None:
        """The door reads these units outward onto a vehicle."""
        for unit in units:
            self.say("unit.loaded", unit=unit, vehicle=vehicle, site=site, door=door, **more)

    def state(self, order: str = "o1", until: int = FOREVER, facts: list[Fact] | None = None) -> OrderState:
        """What the fold says now."""
        return fold(self.facts if facts is None else facts, Policy(), Calendar(), until)[order]


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signing in people of eight roles must not take a second each; what it costs is tested with access."""
    monkeypatch.setattr(access, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def story() -> Story:
    """An empty story."""
    return Story()


def _author(kind: str) -> str:
    authors = KINDS[kind].authors
    for role in ("device", "desk", "dispatcher", "keeper", "driver", "call_centre", "branch_manager", "customer"):
        if role in authors and not (role == "device" and "desk" in authors):
            return role
    return "desk" if "anyone" in authors else "admin"


def _source(kind: str, role: str) -> str:
    if role != "device":
        return "partner" if role == "partner" else "person"
    return "gnss" if kind.startswith("vehicle.") else "rfid"
