"""Exceptions that the fold sees by itself (REQUIREMENTS C, EO-15, X-6, X-17, X-28; ORDERS.md §1.10-1.11)."""

from typing import Any

import pytest

from milepost.orders.fold import trace
from milepost.orders.model import Calendar, Policy

DAY = 24 * 60


def open_kinds(story: Any, order: str = "o1") -> dict[str, str | None]:
    """Kind of each open exception -> its row of section C."""
    return {e["kind"]: e["ex"] for e in story.state(order).exceptions if e["closed_at"] is None}


def notes(story: Any, what: str) -> list[Any]:
    told = trace(story.facts, Policy(), Calendar(), story.FOREVER)["o1"].chronicle
    return [moment for moment in told if moment.what == what]


@pytest.mark.requirement("T3", "EO-1", "EO-21")
def test_T3_an_acceptance_without_a_talk_is_seen_and_made_good_by_one(story: Any):
    story.to_confirmed()
    talk = next(f for f in story.facts if f.kind == "contact.logged")
    story.facts.remove(talk)
    assert open_kinds(story) == {"step_skipped": None}
    assert story.state().state == "confirmed"
    story.talk()
    assert open_kinds(story) == {}


@pytest.mark.requirement("T5", "T12", "N-09", "X-28", "PU-6")
def test_X28_note_and_weighing_belong_to_consignments_only(story: Any):
    for order, kind in (("o1", "consignment"), ("o2", "goods")):
        story.to_confirmed(order, type=kind)
        story.facts = [f for f in story.facts if f.kind != "note.printed"]
        story.say("waybill.issued", order=order, waybill=f"W{order}", pieces=12, kg=1.0)
    skipped = {e["key"] for e in story.state("o1").exceptions if e["kind"] == "step_skipped"}
    assert skipped == {"note", "weighing"}
    assert open_kinds(story, "o2") == {}


@pytest.mark.requirement("EO-15", "EX-9")
@pytest.mark.parametrize("pieces, kg, wrong", [(12, 100.0, []), (11, 100.0, ["pieces"]), (12, 99.0, ["kg"])])
def test_EO15_a_waybill_says_what_the_order_says(story: Any, pieces: int, kg: float, wrong: list[str]):
    story.to_confirmed(type="consignment")
    story.say("pickup.done", order="o1", pieces=12, packing="ok", signers=["a", "b"])
    story.say("goods.weighed", order="o1", kg=100.0, max_piece_kg=9.0)
    story.say("waybill.issued", order="o1", waybill="W1", pieces=pieces, kg=kg)
    found = [e for e in story.state().exceptions if e["kind"] == "waybill_differs"]
    assert [sorted(e["data"]) for e in found] == ([wrong] if wrong else [])
    assert story.state().state == "waybilled"
    story.say("waybill.issued", order="o1", waybill="W1", pieces=12, kg=100.0)
    assert open_kinds(story) == {}


@pytest.mark.requirement("EO-15")
def test_EO15_an_irregular_waybill_stands_open_until_it_is_filed(story: Any):
    story.to_confirmed()
    story.say("waybill.issued", order="o1", waybill="W1", pieces=12, kg=1.0, irregular=True)
    assert "irregular_waybill" in open_kinds(story)
    story.say("remark.added", order="o1", remark="bill", text="W1 written by hand")
    assert open_kinds(story) == {}


@pytest.mark.requirement("X-6", "EX-12", "OH-5", "LI-6")
def test_X6_goods_lock_when_confirmed_consignments_with_their_waybill(story: Any):
    for order, kind in (("o1", "goods"), ("o2", "consignment")):
        story.to_confirmed(order, type=kind)
        story.say("order.edited", by="customer", order=order, changes={"to": {"site": "elsewhere"}})
        assert story.state(order).to_site == "elsewhere"  # a late fact keeps its effect
    assert open_kinds(story, "o1") == {"edited_after_lock": "EX-12"}
    assert open_kinds(story, "o2") == {}
    story.say("goods.weighed", order="o2", kg=1.0, max_piece_kg=1.0)
    story.say("waybill.issued", order="o2", waybill="W", pieces=1, kg=1.0)
    story.say("order.edited", by="customer", order="o2", changes={"remark": "too late"})
    assert open_kinds(story, "o2") == {"edited_after_lock": "EX-12"}
    story.say("order.linked", order="o1", other="o9", relation="supplementary")
    assert open_kinds(story, "o1") == {}
    assert [(link["other"], link["relation"]) for link in story.state("o1").links] == [("o9", "supplementary")]


@pytest.mark.requirement("EX-4", "EX-5", "EX-16", "OT-3")
@pytest.mark.parametrize("hold, ex", [("data", "EX-4"), ("payment", "EX-5"), ("price", "EX-16"), ("other", None)])
def test_a_hold_is_an_exception_until_it_is_released(story: Any, hold: str, ex: str | None):
    story.to_confirmed()
    story.say("hold.set", order="o1", hold=hold, reason="why")
    assert open_kinds(story) == {"hold": ex} and story.state().flags == [f"hold:{hold}"]
    story.say("hold.released", order="o1", hold=hold, reason="done")
    assert open_kinds(story) == {} and story.state().flags == []


@pytest.mark.requirement("X-17", "EX-5", "EX-15", "T7")
def test_X17_nobody_but_the_customer_cancels_by_one_word(story: Any):
    for n, (asked_by, requester, alone) in enumerate(
        [("customer", None, False), ("sales", None, True), ("sales", "desk", True), ("sales", "customer", False)]
    ):
        order = f"o{n}"
        story.to_confirmed(order)
        if requester:
            story.say("cancel.requested", by=requester, order=order, asked_by="sales", reason="unpaid")
            assert open_kinds(story, order) == {"cancel_requested": "EX-15" if requester == "customer" else "EX-5"}
        story.say("order.cancelled", by="desk", order=order, asked_by=asked_by)
        assert story.state(order).state == "cancelled"
        assert open_kinds(story, order) == ({"cancelled_alone": "EX-5"} if alone else {}), order


@pytest.mark.requirement("EX-14", "N-21", "N-04")
@pytest.mark.parametrize("days, opens", [(3, False), (4, True)])
def test_an_agreed_pickup_beyond_three_days_is_EX14(story: Any, days: int, opens: bool):
    story.to_confirmed(type="consignment", pickup="asap")
    at = story.START + days * DAY * story.MINUTE
    story.say("pickup.agreed", order="o1", from_=at, to=at)
    assert open_kinds(story) == ({"pickup_too_far": "EX-14"} if opens else {})
    story.say("pickup.agreed", order="o1", from_=story.START, to=story.START)
    assert open_kinds(story) == {}


@pytest.mark.requirement("T9", "WH-3")
def test_T9_the_goods_are_ready_once_all_that_was_to_be_picked_is_read(story: Any):
    story.to_confirmed(qty=2)
    units = story.units(count=2)
    story.say("pick.issued", order="o1", list="P")
    story.say("unit.picked", by="dev", unit=units[0])
    assert (story.state().state, notes(story, "ready")) == ("picking", [])
    last = story.say("unit.picked", by="dev", unit=units[1])
    assert story.state().state == "ready"
    assert [moment.fact for moment in notes(story, "ready")] == [last]
    story.say("order.readied", order="o1", reason="said again")
    assert len(notes(story, "ready")) == 1


@pytest.mark.requirement("T9", "EX-1", "OD-2")
def test_T9_by_quantity_and_what_is_short_is_made_good_by_picking_or_by_a_supplementary_order(story: Any):
    story.to_confirmed(qty=5)
    story.say("pick.issued", order="o1", list="P")
    story.say("unit.picked", by="keeper", order="o1", line="1", qty=3)
    story.say("line.short", order="o1", line="1", qty=2)
    assert open_kinds(story) == {"line_short": "EX-1"} and story.state().lines[0]["short"] == 2
    story.say("unit.picked", by="keeper", order="o1", line="1", qty=2)
    assert (story.state().state, open_kinds(story)) == ("ready", {})
    assert len(notes(story, "ready")) == 1


def on_the_road(story: Any, klass: str = "standard", qty: int = 3, loaded: int = 3) -> list[str]:
    units = story.to_waybilled(qty=qty)
    if klass != "standard":
        submitted = next(f for f in story.facts if f.kind == "order.submitted")
        submitted.body["class"] = klass  # pyright: ignore[reportIndexIssue]
    story.trip(kind="line")
    story.say("order.routed", order="o1", mode="own", terminal="term")
    story.load(units[:loaded])
    story.say("load.signed", trip="t1", pieces=loaded, cautions=[])
    return units


@pytest.mark.requirement("PC-3", "EX-23")
def test_EX23_a_project_customers_goods_are_parted_only_with_consent(story: Any):
    units = on_the_road(story, "project", loaded=2)
    story.say("load.overridden", trip="t1", units=units[2:], reason="no room")
    assert open_kinds(story) == {"split_without_consent": "EX-23"}
    story.say("split.consented", order="o1", units=units[2:], reason="next truck")
    assert open_kinds(story) == {}


@pytest.mark.requirement("PC-3", "EX-23", "EX-22")
def test_EX23_other_customers_are_not_asked_and_leaving_parts_too(story: Any):
    on_the_road(story, loaded=2)
    story.say("vehicle.left", vehicle="v1", site="yard")
    assert open_kinds(story) == {"departed_incomplete": "EX-22"}
    submitted = next(f for f in story.facts if f.kind == "order.submitted")
    submitted.body["class"] = "project"  # pyright: ignore[reportIndexIssue]
    assert open_kinds(story) == {"departed_incomplete": "EX-22", "split_without_consent": "EX-23"}


@pytest.mark.requirement("EX-32", "OD-2")
def test_EX32_what_was_loaded_and_not_unloaded_is_named_and_found_again(story: Any):
    units = on_the_road(story)
    story.say("vehicle.left", vehicle="v1", site="yard")
    story.say("vehicle.entered", vehicle="v1", site="term")
    for unit in units[:2]:
        story.say("unit.unloaded", unit=unit, vehicle="v1", site="term")
    story.say("session.closed", by="keeper", trip="t1", short=units[2:], over=[], direction="unload")
    [lost] = [e for e in story.state().exceptions if e["kind"] == "lost"]
    assert (lost["ex"], lost["data"]["missing"], lost["data"]["nos"]) == ("EX-32", units[2:], ["3"])
    story.say("unit.unloaded", unit=units[2], vehicle="v1", site="term")
    assert open_kinds(story) == {}


@pytest.mark.requirement("T18", "DL-5")
def test_T18_going_out_without_a_call_is_warned_of_until_somebody_calls(story: Any):
    units = on_the_road(story)
    story.say("vehicle.left", vehicle="v1", site="yard")
    for unit in units:
        story.say("unit.unloaded", unit=unit, vehicle="v1", site="term")
    story.trip("d1", "v2", kind="delivery")
    story.load(units, "v2", site="term")
    story.say("load.signed", trip="d1", pieces=3, cautions=[])
    story.say("vehicle.left", vehicle="v2", site="term")
    assert (story.state().state, open_kinds(story)) == ("out_for_delivery", {"step_skipped": None})
    story.talk(about="delivery")
    assert open_kinds(story) == {}


@pytest.mark.requirement("EX-42")
@pytest.mark.parametrize(
    "lat, accuracy, there",
    [(31.2300, 5, True), (31.2309, 5, True), (31.2330, 5, False), (31.2330, 260, True), (31.2400, 5000, False)],
)
def test_EX42_the_phones_place_is_held_against_the_consignees_fence(
    story: Any, lat: float, accuracy: float, there: bool
):
    """A fence of 100 m; 0.001° of latitude are 111 m; no accuracy excuses more than 200 m."""
    story.say("site.defined", site="shop", role="consignee", lat=31.23, lng=121.47, radius_m=150.0)
    on_the_road(story)
    story.say("vehicle.left", vehicle="v1", site="yard")
    pos = {"lat": lat, "lng": 121.47, "accuracy_m": accuracy}
    story.say("order.signed", by="driver", order="o1", signer="her", pieces=3, pos=pos)
    assert ("signed_without_presence" not in open_kinds(story)) == there
    assert story.state().stages[7]["grade"] == ("A" if there else "C")


@pytest.mark.requirement("T28", "OD-10")
def test_T28_complaints_claims_and_returns_keep_an_order_open_and_move_nothing(story: Any):
    units = on_the_road(story)
    before = story.state()
    story.say("complaint.lodged", by="customer", order="o1", complaint="C1", about="late", **{"class": "2"})
    story.say("claim.lodged", by="customer", order="o1", claim="L1", amount=10.0, declared=100.0)
    story.say("return.requested", by="customer", order="o1", kind="refund", lines=[], key="r")
    after = story.state()
    assert (after.state, after.stages, after.units) == (before.state, before.stages, before.units) and units
    assert after.open_claims == ["C1", "L1", "return"]
    story.say("order.signed", by="driver", order="o1", signer="her", pieces=3)
    story.say("receipt.returned", order="o1", slip="S", qualified=True)
    story.say("order.archived", order="o1")
    assert "out_of_sequence" in open_kinds(story)
    for kind, more in (("complaint.closed", {"complaint": "C1"}), ("claim.settled", {"claim": "L1", "amount": 1.0})):
        story.say(kind, by="claims", order="o1", **more)
    story.say("return.closed", by="claims", order="o1", called=True)
    assert story.state().open_claims == []


@pytest.mark.requirement("OT-13", "EX-43", "EX-44", "PC-8")
def test_OT13_who_holds_the_slip_is_known_until_it_is_back(story: Any):
    on_the_road(story)
    story.say("order.signed", by="driver", order="o1", signer="her", pieces=3)
    moved = story.say("receipt.moved", by="driver", order="o1", slip="S1", holder="driver")
    assert story.state().slip == {"slip": "S1", "holder": "driver", "at": moved.at, "returned_at": None}
    story.say("receipt.lost", by="driver", order="o1", slip="S1", holder="driver")
    assert open_kinds(story)["receipt_lost"] == "EX-44"
    back = story.say("receipt.returned", by="desk", order="o1", slip="S2", qualified=True)
    assert story.state().slip["returned_at"] == back.at and "receipt_lost" not in open_kinds(story)


@pytest.mark.requirement("T11", "PU-4")
def test_fetching_goods_is_no_delivery(story: Any):
    story.to_confirmed(type="consignment", pickup="asap")
    units = story.units(count=1)
    story.trip("p1", "van", kind="pickup")
    story.say("vehicle.stopped", vehicle="van", site="yard")
    story.say("pickup.done", order="o1", pieces=1, packing="ok", signers=["a", "b"])
    story.load(units, "van")
    story.say("vehicle.left", vehicle="van", site="yard")
    assert (story.state().state, story.state().deliveries) == ("picked_up", [])


def test_F3_4_a_unit_that_stands_at_the_consignee_and_is_read_elsewhere_contradicts(story: Any):
    """Settled once it is seen where it should be."""
    units = story.to_waybilled(qty=1)
    story.trip()
    story.load(units)
    story.say("load.signed", trip="t1", pieces=1, cautions=[])
    story.say("vehicle.left", vehicle="v1", site="yard")
    story.say("vehicle.stopped", vehicle="v1", site="shop")
    story.say("unit.seen", unit=units[0], site="yard")
    assert open_kinds(story) == {"seen_elsewhere": None}
    assert story.state().state == "at_consignee"
    story.say("unit.seen", unit=units[0], site="shop")
    assert open_kinds(story) == {}
