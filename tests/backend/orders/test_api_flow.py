"""The demo's way over HTTP: people through the API, devices through the evidence log."""

from typing import Any

import pytest


@pytest.mark.requirement("OT-1", "OT-14", "OD-1", "OQ-6")
@pytest.mark.parametrize("db", ["sqlite", "postgresql"], indirect=True)
def test_from_request_to_archive(field: Any):
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


def test_a_trip_that_has_ended_frees_its_vehicle(field: Any):
    order, units = field.waybilled()
    trip = field.planned(order, field.truck)
    for unit in units:
        field.device("unit.loaded", unit=unit, vehicle=field.truck, site=field.yard, door=field.door)
    early = field.post("dispatcher", f"/trips/{trip}/vehicle/end", 422, at="2020-01-01T00:00:00Z")
    assert early["code"] == "validation"
    ended = field.post("dispatcher", f"/trips/{trip}/vehicle/end")
    assert ended["vehicles"][0]["to"] is not None
    assert field.get(f"/orders/{order}")["state"] == "loaded"
    other = field.post("dispatcher", "/trips", 201, number="T2", kind="direct", stops=[{"site": field.yard}])["id"]
    field.post("dispatcher", f"/trips/{other}/vehicle", vehicle=field.truck)
