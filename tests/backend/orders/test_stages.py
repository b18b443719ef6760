"""The nine stages by facts (REQUIREMENTS F1, F2; DESIGN: States, stages)."""

from typing import Any

import pytest

STAGES = ("requested", "entered", "confirmed", "picked", "loaded", "in_transit", "arrived", "signed", "filed")


def grades(state: Any) -> str:
    return "".join(stage["grade"] or "-" for stage in state.stages)


def done(state: Any) -> int:
    return sum(stage["done"] for stage in state.stages)


@pytest.mark.requirement("OT-1")
def test_a_goods_order_on_a_direct_trip_passes_the_nine_stages(story):
    seen = []

    def now() -> None:
        state = story.state()
        seen.append((state.state, state.stage, state.current, done(state)))

    story.to_confirmed()
    now()
    units = story.units()
    story.say("pick.issued", order="o1", list="PL-1")
    now()
    story.say("order.readied", order="o1", reason="all there")
    now()
    story.say("waybill.issued", order="o1", waybill="WB-1", pieces=12, kg=100.0)
    now()
    story.trip()
    story.load(units)
    now()
    story.say("load.signed", trip="t1", pieces=12, cautions=["this side up"])
    left = story.say("vehicle.left", vehicle="v1", site="yard")
    now()
    story.say("vehicle.entered", vehicle="v1", site="shop")
    stopped = story.say("vehicle.stopped", vehicle="v1", site="shop")
    now()
    road = story.state().stages[5]
    assert (road["since"], road["at"]) == (left.at, stopped.at)
    story.say("order.signed", by="driver", order="o1", signer="the manager", pieces=12, trip="t1")
    now()
    story.say("vehicle.left", vehicle="v1", site="shop")
    story.say("receipt.returned", order="o1", slip="S1", qualified=True)
    now()
    story.say("order.archived", order="o1")
    now()
    assert seen == [
        ("confirmed", 3, "picked", 3),
        ("picking", 4, "picked", 3),
        ("ready", 4, "loaded", 4),
        ("waybilled", 5, "loaded", 4),
        ("loaded", 5, "in_transit", 5),
        ("in_transit", 6, "in_transit", 5),
        ("at_consignee", 7, "signed", 7),
        ("receipt_due", 9, "filed", 8),
        ("receipt_returned", 9, "filed", 8),
        ("archived", 9, None, 9),
    ]
    state = story.state()
    assert [stage["key"] for stage in state.stages] == list(STAGES)
    assert grades(state) == "BBBBABAAB"  # 5: reader and driver; 7: tracker and customer; 8: signed where it stood
    assert state.outcome == "signed"
    assert all(stage["facts"] and stage["at"] for stage in state.stages)
    assert not any(stage["inferred"] for stage in state.stages)
    assert state.exceptions == []
    assert state.lines[0] | {} == {
        "line": "1",
        "item": "beans",
        "ordered": 12,
        "short": 0,
        "picked": 12,
        "loaded": 12,
        "delivered": 12,
    }


@pytest.mark.requirement("OT-1", "OT-9")
def test_a_consignment_goes_by_pickup_hub_terminal_and_delivery_trip(story):
    seen = []
    story.to_confirmed(type="consignment", pickup="appointment")
    seen.append(story.state().state)
    story.say("order.routed", order="o1", mode="own", terminal="term", hubs=["hub"])
    units = story.units()
    story.trip("p1", "van", kind="pickup")
    story.say("vehicle.stopped", vehicle="van", site="yard")
    story.say("pickup.done", order="o1", pieces=12, packing="ok", signers=["driver", "shipper"])
    story.load(units, "van", site="yard")
    story.say("vehicle.left", vehicle="van", site="yard")
    seen.append(story.state().state)
    assert story.state().stages[3]["grade"] == "A"  # the driver's word and his tracker at the shipper
    for unit in units:
        story.say("unit.unloaded", unit=unit, vehicle="van", site="branch")
    story.say("goods.weighed", order="o1", kg=100.0, max_piece_kg=9.0)
    story.say("waybill.issued", order="o1", waybill="WB-1", pieces=12, kg=100.0)
    seen.append(story.state().state)
    story.trip("l1", "v1", kind="line")
    story.load(units, "v1", site="branch")
    story.say("load.signed", trip="l1", pieces=12, cautions=[])
    story.say("vehicle.left", vehicle="v1", site="branch")
    seen.append(story.state().state)
    story.say("vehicle.entered", vehicle="v1", site="hub")
    seen.append(story.state().state)
    story.say("vehicle.left", vehicle="v1", site="hub")  # passed without unloading
    seen.append(story.state().state)
    story.say("vehicle.entered", vehicle="v1", site="term")
    for unit in units:
        story.say("unit.unloaded", unit=unit, vehicle="v1", site="term")
    seen.append(story.state().state)
    story.talk(about="delivery")
    story.trip("d1", "v2", kind="delivery")
    story.load(units, "v2", site="term")
    story.say("load.signed", trip="d1", pieces=12, cautions=[])
    story.say("vehicle.left", vehicle="v2", site="term")
    seen.append(story.state().state)
    story.say("vehicle.stopped", vehicle="v2", site="shop")
    seen.append(story.state().state)
    story.say("order.signed", by="driver", order="o1", signer="her", pieces=12)
    seen.append(story.state().state)
    assert seen == [
        "pickup_due",
        "picked_up",
        "waybilled",
        "in_transit",
        "at_hub",
        "in_transit",
        "at_terminal",
        "out_for_delivery",
        "at_consignee",
        "receipt_due",
    ]
    assert story.state().exceptions == []


def test_handed_out_goods_are_signed_by_the_carriers_word(story):
    story.to_waybilled(qty=2)
    story.say("order.routed", order="o1", mode="handout", terminal="term")
    story.trip("l1", "v1", kind="line")
    story.load(["o1-u1", "o1-u2"])
    story.say("load.signed", trip="l1", pieces=2, cautions=[])
    story.say("vehicle.left", vehicle="v1", site="yard")
    story.say("vehicle.entered", vehicle="v1", site="term")
    story.say("handout.done", order="o1", carrier="far-carrier", phone="400", outside_no="F1")
    assert (story.state().state, story.state().carrier) == ("handed_out", "far-carrier")
    story.say("order.signed", by="partner", order="o1", signer="them", pieces=2)
    state = story.state()
    assert state.state == "receipt_due"
    assert (state.stages[6]["grade"], state.stages[6]["inferred"], state.stages[7]["grade"]) == ("D", True, "C")
    assert state.exceptions == []  # T25 needs no presence


def test_eleven_of_twelve_do_not_make_a_loaded_order_G28(story):
    """G-28, OT-7, OD-2: each counted once, the missing and the foreign tag named, difference 1."""
    units = story.to_waybilled()
    story.trip()
    for _ in range(3):
        story.load(units[:11])
    story.say("session.closed", trip="t1", door="d2", short=[units[11]], over=["E2003412FFFF"])
    state = story.state()
    assert state.state == "waybilled"
    assert state.current == "loaded"
    assert state.stages[4]["partial"] == {"done": 11, "total": 12}
    assert state.lines[0]["ordered"] - state.lines[0]["loaded"] == 1
    [short] = state.exceptions
    assert (short["kind"], short["data"]["missing"], short["data"]["over"]) == ("short", [units[11]], ["E2003412FFFF"])
    story.say("vehicle.left", vehicle="v1", site="yard")
    kinds = {e["kind"] for e in story.state().exceptions if e["closed_at"] is None}
    assert kinds == {"short", "departed_incomplete", "unsigned_load"}
    assert story.state().state == "waybilled"
    assert story.state().tally["loaded"] == 11


def test_the_time_of_loading_is_the_last_read_of_the_stay(story):
    """ORDERS.md §3; every read stays as evidence, the unit counts once."""
    units = story.to_waybilled(qty=1)
    story.trip()
    story.load(units)
    story.load(units)
    stage = story.state().stages[4]
    assert stage["at"] == story.facts[-1].at
    assert stage["facts"] == [fact.id for fact in story.facts[-2:]]
    assert story.state().tally["loaded"] == 1


def test_released_short_units_count_no_longer(story):
    units = story.to_waybilled()
    story.trip()
    story.load(units[:11])
    story.say("session.closed", trip="t1", short=[units[11]], over=[])
    story.say("load.overridden", trip="t1", units=[units[11]], reason="customer agrees")
    state = story.state()
    assert state.state == "loaded"
    assert [e["closed_at"] is not None for e in state.exceptions] == [True]
    assert state.tally["loaded"] == 11 and state.tally["units"] == 12


def test_goods_without_tags_are_loaded_by_the_keepers_count(story):
    story.to_confirmed()
    story.say("pick.issued", order="o1", list="PL-1")
    story.say("unit.picked", by="keeper", order="o1", line="1", qty=5)
    assert story.state().state == "picking"
    story.say("unit.picked", by="keeper", order="o1", line="1", qty=7)
    assert story.state().state == "ready"
    story.say("waybill.issued", order="o1", waybill="WB-1", pieces=12, kg=1.0)
    story.trip()
    story.say("load.checked", order="o1", trip="t1", pieces=11)
    assert (story.state().state, story.state().exceptions[0]["kind"]) == ("waybilled", "short")
    story.say("load.checked", order="o1", trip="t1", pieces=12)
    story.say("load.signed", trip="t1", pieces=12, cautions=[])
    story.say("vehicle.left", vehicle="v1", site="yard")
    assert story.state().state == "in_transit"
    assert story.state().lines[0]["loaded"] == 12


@pytest.mark.requirement("OT-6", "T9")
def test_the_reader_alone_makes_an_order_ready_when_every_unit_is_read(story):
    story.to_confirmed(qty=2)
    units = story.units(count=2)
    story.say("pick.issued", order="o1", list="PL-1")
    story.say("unit.picked", unit=units[0])
    assert story.state().state == "picking"
    story.say("unit.picked", unit=units[1])
    assert story.state().state == "ready"


@pytest.mark.requirement("OT-11")
def test_only_the_stop_at_the_orders_own_consignee_is_arrival(story):
    units = story.to_waybilled(qty=1)
    story.trip()
    story.load(units)
    story.say("load.signed", trip="t1", pieces=1, cautions=[])
    story.say("vehicle.left", vehicle="v1", site="yard")
    story.say("site.defined", by="admin", site="other-shop", role="consignee")
    story.say("vehicle.stopped", vehicle="v1", site="other-shop")
    story.say("vehicle.left", vehicle="v1", site="other-shop")
    assert story.state().state == "in_transit"
    story.say("vehicle.stopped", vehicle="v1", site="shop")
    assert story.state().state == "at_consignee"


def test_a_failed_delivery_goes_out_again_with_a_new_appointment(story):
    """T23, T24: attempt 2, stages 7 and 8 undone, no reads needed while the goods stay aboard."""
    units = story.to_waybilled(qty=1)
    story.trip()
    story.load(units)
    story.say("load.signed", trip="t1", pieces=1, cautions=[])
    story.say("vehicle.left", vehicle="v1", site="yard")
    story.say("vehicle.stopped", vehicle="v1", site="shop")
    story.say("delivery.failed", by="driver", order="o1", cause="nobody there", contact="called twice")
    assert story.state().state == "delivery_failed"
    story.say("vehicle.left", vehicle="v1", site="shop")
    assert story.state().state == "delivery_failed"
    story.say("delivery.agreed", order="o1", from_=story.START, to=story.START + 1)
    story.say("vehicle.left", vehicle="v1", site="yard")
    state = story.state()
    assert (state.state, state.current) == ("out_for_delivery", "arrived")
    assert state.deliveries == [{"trip": "t1", "attempt": 2, "units": 1, "outcome": None, "at": None}]
    story.say("vehicle.stopped", vehicle="v1", site="shop")
    story.say("order.signed", by="driver", order="o1", signer="her", pieces=1)
    assert story.state().deliveries[0]["outcome"] == "signed"


def test_facts_from_after_the_asking_are_not_seen(story):
    story.to_confirmed()
    story.units(count=1)
    late = story.say("pick.issued", order="o1", list="PL", received=500)
    assert story.state(until=late.at + 1).state == "confirmed"
    assert story.state(until=late.received_at).state == "picking"
