"""What an order records from its request on, what people see of it, and what the desk must do before it goes on
(S1, S18, OD-6, OD-13): over HTTP, as the people of the company use it."""

from typing import Any

import pytest

HEADER = {"payment_term": "30 days", "currency": "CNY"}
LINE = {
    "sku": "CUP", "name": "cup", "qty": 3, "unit": "box", "unit_price": 12.5, "required": "2026-03-05",
    "ship": "2026-03-03", "deliver_to": "back door", "warehouse": "W1", "batch": "B-7",
}  # fmt: skip


@pytest.mark.requirement("OT-2", "OD-13")
def test_OT2_OD13_a_request_records_goods_dates_and_terms_line_by_line(field: Any):
    dates = {"order": "2026-03-01", "ship": "2026-03-02", "required": "2026-03-06"}
    order = field.requested(lines=[LINE], dates=dates, number="PO-2026-1", **HEADER)
    shown = field.get(f"/orders/{order}")
    assert (shown["number"], shown["state"], shown["current"]) == ("PO-2026-1", "requested", "requested")
    assert {name: shown[name] for name in HEADER} == HEADER and shown["dates"] == dates
    assert shown["lines"][0]["ordered"] == 3
    assert {name: shown["lines"][0].get(name) for name in LINE if name != "qty"} == {
        name: value for name, value in LINE.items() if name != "qty"
    }
    field.post("customer", f"/orders/{order}/submit")
    body = next(fact["body"] for fact in field.get(f"/orders/{order}/facts") if fact["kind"] == "order.submitted")
    assert body["lines"][0] == LINE and body["payment_term"] == "30 days"
    assert field.post("customer", "/orders", 422, type="goods", customer="c1", currency="yuan")["code"] == "validation"


@pytest.mark.requirement("OT-4", "EO-12")
def test_OT4_what_was_agreed_is_entered_whole_before_a_note_is_made_of_it(field: Any):
    order = field.post("customer", "/orders", 201, type="consignment", customer="c1")["id"]
    missing = field.post("customer", f"/orders/{order}/submit", 422)
    assert all(name in missing["detail"] for name in ("lines", "from", "to", "contact", "dates"))
    agreed = {"lines": [{"sku": "CUP", "qty": 2}], "to": {"address": "shop"}, "contact": {"name": "shop"},
              "dates": {"ship": "2026-03-02"}}  # fmt: skip
    field.post("customer", f"/orders/{order}/submit", from_={"address": "yard"}, **agreed)
    field.post("call_centre", f"/orders/{order}/assign", branch="b1")
    field.post("desk", f"/orders/{order}/accept", contact={"with": "them", "about": "order", "result": "ships"})
    field.post("desk", f"/orders/{order}/note-printed", paper="N-1", branch="b1")
    note = next(fact for fact in field.get(f"/orders/{order}/facts") if fact["kind"] == "note.printed")
    assert note["body"] == {"paper": "N-1", "branch": "b1"} and note["by"]["role"] == "desk"


@pytest.mark.requirement("OT-5", "OT-6")
def test_OT5_OT6_the_warehouse_gets_an_order_only_after_a_person_has_checked_and_confirmed_it(field: Any):
    order = field.requested()
    field.post("customer", f"/orders/{order}/submit")
    field.post("call_centre", f"/orders/{order}/assign", branch="b1")
    field.post("desk", f"/orders/{order}/accept", contact={"with": "them", "about": "order", "result": "ships"})
    refused = field.post("keeper", f"/orders/{order}/pick-list", 409, list="P1")
    assert "pick-list" not in refused["allowed"]
    assert field["keeper"].post(f"/api/v1/orders/{order}/confirm", json={}).status_code == 403
    confirmed = field.post("desk", f"/orders/{order}/confirm")
    assert confirmed["stages"][2]["done"] and confirmed["stages"][2]["source"] == "person"
    assert field.post("keeper", f"/orders/{order}/pick-list", list="P1")["state"] == "picking"
    assert field.post("keeper", f"/orders/{order}/ready", reason="all there")["state"] == "ready"


@pytest.mark.requirement("OD-6", "OD-1")
def test_OD6_customers_follow_their_own_orders_and_no_others_through_every_stage(field: Any):
    mine, other = field.confirmed(), field.requested(customer="c2")
    me = field.client_of(("customer", "customer", "c1"))
    shown = me.get(f"/api/v1/orders/{mine}").json()
    assert [stage["key"] for stage in shown["stages"] if stage["done"]] == ["requested", "entered", "confirmed"]
    assert all(stage["at"] for stage in shown["stages"][:3]) and shown["current"] == "picked"
    assert [row["id"] for row in me.get("/api/v1/orders").json()["items"]] == [mine]
    assert me.get(f"/api/v1/orders/{other}").status_code == 404
    field.post("keeper", f"/orders/{mine}/pick-list", list="P1")
    assert me.get(f"/api/v1/orders/{mine}").json()["state"] == "picking"


@pytest.mark.requirement("OT-12")
def test_OT12_who_signs_for_another_count_than_was_unloaded_is_told_to_settle_it(field: Any):
    order, units = field.waybilled()
    trip = field.planned(order, field.truck)
    for unit in units:
        field.device("unit.loaded", unit=unit, vehicle=field.truck, site=field.yard, door=field.door)
    field.post("driver", f"/trips/{trip}/load-sign", pieces=3, cautions=[])
    for kind, site in (("vehicle.left", field.yard), ("vehicle.entered", field.shop), ("vehicle.stopped", field.shop)):
        field.device(kind, vehicle=field.truck, site=site)
    signed = field.post("driver", f"/orders/{order}/sign", signer="the shop", pieces=2)
    assert [warning["code"] for warning in signed["warnings"]] == ["count_differs"]
    assert "2 pieces of 3" in signed["warnings"][0]["detail"]


@pytest.mark.requirement("EO-11")
def test_EO11_the_desk_follows_an_order_with_three_kinds_of_remark(field: Any):
    order = field.confirmed()
    for kind in ("accept", "bill", "track"):
        field.post("desk", f"/orders/{order}/remark", remark=kind, text=f"about {kind}")
    told = [fact for fact in field.get(f"/orders/{order}/facts") if fact["kind"] == "remark.added"]
    assert sorted((fact["body"]["remark"], fact["by"]["role"]) for fact in told) == [
        ("accept", "desk"), ("bill", "desk"), ("track", "desk"),
    ]  # fmt: skip
    field.post("desk", f"/orders/{order}/remark", 422, remark="other", text="x")


@pytest.mark.requirement("EO-6", "EO-18")
def test_EO6_EO18_who_does_not_ship_is_cancelled_with_the_reason_in_the_system(field: Any):
    order = field.requested()
    field.post("customer", f"/orders/{order}/submit")
    field.post("call_centre", f"/orders/{order}/assign", branch="b1")
    talk = {"with": "them", "about": "cancel", "result": "does not ship"}
    assert field.post("desk", f"/orders/{order}/cancel", 409, asked_by="customer", reason="x")["ex"] == "EX-5"
    cancelled = field.post(
        "desk", f"/orders/{order}/cancel", asked_by="customer", reason="goods not ready", contact=talk
    )
    assert cancelled["state"] == "cancelled"
    body = next(fact["body"] for fact in field.get(f"/orders/{order}/facts") if fact["kind"] == "order.cancelled")
    assert body == {"asked_by": "customer", "reason": "goods not ready"}
    assert field.post("desk", f"/orders/{order}/accept", 409, contact=talk)
