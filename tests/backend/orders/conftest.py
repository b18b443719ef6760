"""A small language for facts in tests: `Story` writes them, one minute apart, with the authors they need."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from milepost.db import Database
from milepost.evidence import log
from milepost.evidence.model import Author, Fact, fact_id
from milepost.fleet import service as fleet
from milepost.orders import service
from milepost.orders.fold import fold
from milepost.orders.model import Calendar, OrderState, Policy
from milepost.orders.vocabulary import KINDS, SUBJECT_KEYS, validate
from milepost.times import now_ms

START = 1_772_409_600_000  # 2026-03-02T08:00:00+08:00, a Monday
MINUTE = 60_000
FENCE = {"type": "circle", "lat": 31.23, "lon": 121.47, "radius_m": 100}
FOREVER = 4_102_444_800_000
TALK = {"with": "the customer", "about": "order", "result": "ships today"}

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
        self.talk(order)
        self.say("order.accepted", order=order, branch="b1")
        if type == "consignment":
            self.say("note.printed", order=order, paper="A5", branch="b1")
        self.say("order.confirmed", order=order, checked=True)

    def talk(self, order: str = "o1", about: str = "order", **more: Any) -> Fact:
        """Somebody phones the customer."""
        return self.say("contact.logged", order=order, with_="shop manager", about=about, result="agreed", **more)

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


class Field:
    """A yard, a shop, two trucks, people of every role, and devices that report."""

    TALK = TALK

    def __init__(self, db: Database, client_of: Callable[..., TestClient]) -> None:
        self.db = db
        self.client_of = client_of
        self.people: dict[str, TestClient] = {}
        with db.tx() as conn:
            self.yard = fleet.add_site(conn, code="Y", name_zh="仓", name_en="Yard", kind="origin", shape=FENCE)
            self.shop = fleet.add_site(conn, code="S", name_zh="店", name_en="Shop", kind="consignee", shape=FENCE)
            self.door = fleet.add_door(conn, site_id=self.yard, number="2")
            self.truck = fleet.add_vehicle(conn, plate="沪A12345")
            self.other_truck = fleet.add_vehicle(conn, plate="沪A54321")
        self.count = 0

    def __getitem__(self, role: str) -> TestClient:
        if role not in self.people:
            self.people[role] = self.client_of(role)
        return self.people[role]

    def post(self, role: str, path: str, status: int = 200, key: str | None = None, **body: Any) -> Any:
        """POST as `role`; `from_` is sent as `from`."""
        sent = {name.rstrip("_"): value for name, value in body.items()}
        headers = {"Idempotency-Key": key} if key else {}
        answer = self[role].post(f"/api/v1{path}", json=sent, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json()

    def get(self, path: str, role: str = "admin") -> Any:
        """GET as `role`."""
        answer = self[role].get(f"/api/v1{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def device(self, kind: str, **subjects: str) -> Fact:
        """A detector's fact, now."""
        self.count += 1
        now = now_ms()
        inputs = (f"mp1/7/{self.count}",)
        fact = Fact(
            id=fact_id(kind, subjects, inputs),
            kind=kind,
            at=now,
            recorded_at=now,
            received_at=now,
            clock="gnss",
            by=Author("device", "mp1"),
            source="gnss" if kind.startswith("vehicle.") else "rfid",
            subjects=subjects,
            grade="B",
            inputs=inputs,
            snapshot={"rssi": [-50]},
            rule="door/1",
        )
        with self.db.tx() as conn:
            service.on_facts(conn, log.append(conn, [fact]))
        return fact

    def requested(self, **more: Any) -> str:
        """A customer's request for 3 pieces to the shop."""
        body: dict[str, Any] = {
            "type": "goods",
            "customer": "c1",
            "lines": [{"sku": "CUP", "name": "cup", "qty": 3}],
            "from": {"site": self.yard},
            "to": {"site": self.shop},
            "contact": {"name": "shop"},
            "dates": {"ship": "2026-03-02"},
        }
        return self.post("customer", "/orders", 201, **(body | more))["id"]

    def confirmed(self) -> str:
        """An order up to CONFIRMED."""
        order = self.requested()
        self.post("customer", f"/orders/{order}/submit")
        self.post("call_centre", f"/orders/{order}/assign", branch="b1")
        self.post("desk", f"/orders/{order}/accept", contact=TALK)
        self.post("desk", f"/orders/{order}/confirm")
        return order

    def waybilled(self, serial: int = 0) -> tuple[str, list[str]]:
        """An order up to WAYBILLED with three tagged units."""
        order = self.confirmed()
        units = [{"no": n, "epc": f"3034{serial:016X}{n:04X}", "line": 1} for n in (1, 2, 3)]
        listed = self.post("desk", f"/orders/{order}/units", units=units)["units"]
        self.post("keeper", f"/orders/{order}/pick-list", list="P1")
        self.post("keeper", f"/orders/{order}/ready", reason="picked")
        self.post("desk", f"/orders/{order}/waybill", waybill=f"W{serial}", pieces=3, kg=12.5)
        return order, [unit["id"] for unit in listed]

    def planned(self, order: str, vehicle: str, number: str = "T1") -> str:
        """A direct trip of a vehicle that expects the order."""
        stops = [{"site": self.yard}, {"site": self.shop}]
        trip = self.post("dispatcher", "/trips", 201, number=number, kind="direct", stops=stops)["id"]
        self.post("dispatcher", f"/trips/{trip}/vehicle", vehicle=vehicle)
        self.post("dispatcher", f"/trips/{trip}/expected", order=order)
        return trip


@pytest.fixture
def field(db: Database, client_of: Callable[..., TestClient]) -> Field:
    """A company with a yard, a shop and two trucks."""
    return Field(db, client_of)


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
