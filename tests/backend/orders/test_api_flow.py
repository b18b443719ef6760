"""The demo's way over HTTP: people through the API, devices through the evidence log."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from milepost.db import Database
from milepost.evidence import log
from milepost.evidence.model import Author, Fact, fact_id
from milepost.fleet import service as fleet
from milepost.orders import service
from milepost.times import now_ms

FENCE = {"type": "circle", "lat": 31.23, "lon": 121.47, "radius_m": 100}


class Field:
    """A yard, a shop, two trucks, people of every role, and devices that report."""

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
        self.post("desk", f"/orders/{order}/accept", branch="b1")
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
    return Field(db, client_of)


def test_from_request_to_archive(field: Field):
    order, units = field.waybilled()
    trip = field.planned(order, field.truck)
    loads = [
        field.device("unit.loaded", unit=unit, vehicle=field.truck, site=field.yard, door=field.door) for unit in units
    ]
    assert field.get(f"/orders/{order}")["state"] == "loaded"
    field.post("driver", f"/trips/{trip}/load-sign", pieces=3, cautions=["this side up"])
    left = field.device("vehicle.left", vehicle=field.truck, site=field.yard)
    assert field.get(f"/orders/{order}")["state"] == "in_transit"
    field.device("vehicle.entered", vehicle=field.truck, site=field.shop)
    stop = field.device("vehicle.stopped", vehicle=field.truck, site=field.shop)
    assert field.get(f"/orders/{order}")["state"] == "at_consignee"
    field.post("driver", f"/orders/{order}/sign", signer="the shop", pieces=3, trip=trip)
    field.post("desk", f"/orders/{order}/receipt", slip="R1", qualified=True)
    done = field.post("desk", f"/orders/{order}/archive")

    assert (done["state"], done["current"], done["outcome"]) == ("archived", None, "signed")
    assert [stage["done"] for stage in done["stages"]] == [True] * 9
    assert "".join(stage["grade"] for stage in done["stages"]) == "BBBBABAAB"
    facts = {fact["id"]: fact for fact in field.get(f"/orders/{order}/facts")}
    assert all(fact in facts for stage in done["stages"] for fact in stage["facts"])
    assert {load.id for load in loads} <= set(done["stages"][4]["facts"])
    assert done["stages"][4]["source"] == "rfid"
    assert left.id in done["stages"][5]["facts"]
    assert stop.id in done["stages"][6]["facts"]
    assert done["lines"][0]["ordered"] == done["lines"][0]["loaded"] == done["lines"][0]["delivered"] == 3
    assert (done["plate"], done["trip_number"]) == ("沪A12345", "T1")
    assert field.get("/alerts")["items"] == []
