"""Documents to capture, and clients who may."""

from typing import Any

import pytest

from milepost.evidence import log
from milepost.evidence.epc import Epc, encode
from milepost.evidence.model import Author, Fact, fact_id
from milepost.fleet import service as fleet
from milepost.plan import service as plan

CONTEXT = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
T0 = 1_790_000_000_000
FENCE = {"type": "circle", "lat": 31.2304, "lon": 121.4737, "radius_m": 150}
TAG = encode(Epc("sscc", 2, "9521141", "1234567890"))
PALLET = "urn:epc:id:sscc:9521141.1234567890"


class Make:
    """Events and documents that are right; a field set to None is taken out."""

    pallet = PALLET

    def document(self, *events: dict[str, Any], **more: Any) -> dict[str, Any]:
        return _without_none(
            {"@context": [CONTEXT], "type": "EPCISDocument", "schemaVersion": "2.0",
             "creationDate": "2026-03-02T08:00:00+08:00", "epcisBody": {"eventList": list(events)}, **more}
        )  # fmt: skip

    def event(self, **fields: Any) -> dict[str, Any]:
        return _without_none(
            {"type": "ObjectEvent", "eventTime": "2026-05-26T11:00:00Z", "eventTimeZoneOffset": "+02:00",
             "epcList": [PALLET], "action": "OBSERVE", "bizStep": "shipping", "disposition": "in_transit",
             "readPoint": {"id": "urn:epc:id:sgln:9521141.12345.0"}, **fields}
        )  # fmt: skip

    def alone(self, **fields: Any) -> dict[str, Any]:
        return {"@context": [CONTEXT], **self.event(**fields)}

    def packing(self, action: str, children: list[str] | None, time: str = "2026-03-02T07:55:00+08:00",
                **more: Any) -> dict[str, Any]:  # fmt: skip
        return _without_none(
            {"type": "AggregationEvent", "eventTime": time, "eventTimeZoneOffset": "+08:00", "parentID": PALLET,
             "childEPCs": children, "action": action,
             "bizStep": "packing" if action == "ADD" else "unpacking", **more}
        )  # fmt: skip


def _without_none(made: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in made.items() if value is not None}


@pytest.fixture(scope="session")
def make() -> Make:
    return Make()


@pytest.fixture
def admin(client_of):
    return client_of("admin")


@pytest.fixture
def carrier(client_of):
    return client_of(("carrier", "carrier", "k1"))


@pytest.fixture
def listed():
    """The events of a query's answer."""

    def found(answer) -> list[dict[str, Any]]:
        assert answer.status_code == 200, answer.text
        return answer.json()["epcisBody"]["queryResults"]["resultsBody"]["eventList"]

    return found


class House:
    """An order of customer c1 with a tagged unit that was loaded, corrected and seen; a truck that left."""

    def __init__(self, conn, order: str) -> None:
        self.order = order
        self.site = fleet.add_site(conn, code="Y", name_zh="场", name_en="Yard", kind="origin", shape=FENCE)
        self.door = fleet.add_door(conn, site_id=self.site, number="1")
        self.truck = fleet.add_vehicle(conn, plate="沪A00001")
        (unit,) = plan.add_units(conn, self.order, [{"epcs": [TAG]}], customer="c1", at_ms=0)
        (other,) = plan.add_units(conn, "elsewhere", [{}], customer="c2", at_ms=0)
        self.unit, self.other = unit.id, other.id
        here = {"vehicle": self.truck, "site": self.site, "door": self.door}
        load = self._fact("unit.loaded", {"unit": self.unit, **here}, T0)
        self._keep(conn, load)
        gone = Fact(fact_id("fact.retracted", load.subjects, (load.id,)), "fact.retracted", T0, load.by, load.subjects,
                    received_at=T0 + 5_000, source="rfid", body={"target": load.id, "why": "x"})  # fmt: skip
        self._keep(conn, gone)
        self._keep(conn, self._fact("unit.loaded", {"unit": self.other, **here}, T0 + 10_000))
        self._keep(conn, self._fact("vehicle.left", {"vehicle": self.truck, "site": self.site}, T0 + 60_000))

    def _keep(self, conn, fact) -> None:
        assert log.append(conn, [fact])

    def _fact(self, kind, subjects, at) -> Fact:
        return Fact(fact_id(kind, subjects, (str(at),)), kind, at, Author("device", "r"), subjects, source="rfid",
                    received_at=at + 500)  # fmt: skip


@pytest.fixture
def house(db, admin):
    body = {"type": "goods", "customer": "c1", "lines": [{"sku": "CUP", "qty": 1}]}
    order = admin.post("/api/v1/orders", json=body).json()["id"]
    with db.tx() as conn:
        return House(conn, order)
