"""Each exception of section C, raised or seen: the right people are told, in both languages, and one item arises."""

import re
from typing import Any

import pytest
from sqlalchemy import insert

from milepost.access.model import Principal
from milepost.fleet.tables import site, vehicle
from milepost.masterdata.tables import branch

# Whom section C names (REQUIREMENTS C), as roles.
NAMED = {
    "EX-1": "customer", "EX-2": "customer", "EX-3": "customer branch_manager", "EX-4": "finance", "EX-5": "desk",
    "EX-6": "call_centre", "EX-7": "desk call_centre", "EX-8": "call_centre branch_manager", "EX-9": "customer",
    "EX-10": "admin", "EX-11": "customer", "EX-12": "customer desk", "EX-13": "desk customer", "EX-14": "desk",
    "EX-15": "desk", "EX-16": "customer", "EX-17": "customer desk", "EX-18": "branch_manager", "EX-19": "desk",
    "EX-20": "keeper", "EX-21": "branch_manager", "EX-22": "dispatcher keeper", "EX-23": "branch_manager",
    "EX-24": "customer dispatcher", "EX-25": "customer", "EX-26": "customer", "EX-27": "driver",
    "EX-28": "regional_manager desk dispatcher", "EX-29": "call_centre", "EX-30": "desk branch_manager",
    "EX-31": "dispatcher", "EX-32": "customer carrier", "EX-33": "driver dispatcher", "EX-34": "desk",
    "EX-35": "customer desk", "EX-36": "customer", "EX-37": "desk", "EX-38": "customer driver", "EX-39": "desk",
    "EX-40": "branch_manager regional_manager claims", "EX-41": "desk", "EX-42": "branch_manager",
    "EX-43": "desk driver customer", "EX-44": "desk branch_manager",
}  # fmt: skip


def number(ex: str) -> int:
    return int(ex.removeprefix("EX-"))


SCOPES = {"customer": ("customer", "c1"), "carrier": ("carrier", "k1"), "driver": ("vehicle", "v1")}
ROLES = ("dispatcher", "desk", "branch_manager", "regional_manager", "keeper", "claims", "finance", "customer",
         "carrier", "driver")  # fmt: skip


ACCOUNTS: dict[str, list[Any]] = {role: [role] for role in ("admin", "call_centre", "engineer")}
for _role in ROLES:
    _kind, _scope = SCOPES.get(_role, ("branch", "b1"))
    ACCOUNTS[_role] = [(_role, _kind, _scope)]
    ACCOUNTS[f"{_role}2"] = [(_role, _kind, _scope[:-1] + "2")]


@pytest.fixture
def staffed(house: Any) -> Any:
    """One holder of every role for the order of branch b1, one for that of another branch."""
    house.staff(ACCOUNTS)
    return house


@pytest.fixture(scope="module")
def road(shared_house: Any) -> Any:
    """The same for all rows of section C: each is a cause of its own."""
    shared_house.staff(ACCOUNTS)
    on_the_road(shared_house)
    return shared_house


def on_the_road(house: Any) -> None:
    """An order with a vehicle and a carrier, so that there is somebody of every kind to tell."""
    house.order()
    house.say("trip.planned", "08:01", trip="t1", kind="direct", stops=[{"site": "shop"}])
    house.say("trip.vehicle", "08:01", trip="t1", vehicle="v1", from_=house.now)
    house.say("trip.expected", "08:01", trip="t1", order="o1")
    house.say("handout.done", "08:02", order="o1", carrier="k1", phone="1", outside_no="K-1")


def told_of(house: Any, cause: str) -> dict[str, dict[str, Any]]:
    """Login → the message about a cause, of everybody who has one."""
    found: dict[str, dict[str, Any]] = {}
    for name, who in house.people.items():
        for message in house.messages(who):
            if message["cause"].startswith(cause):
                assert name not in found, "told twice of the same thing"
                found[name] = message
    return found


def item_of(house: Any, cause: str) -> dict[str, Any]:
    [item] = [item for item in house.inbox() if item["cause"].startswith(cause)]
    return item


def in_both_languages(message: dict[str, Any]) -> bool:
    text = message["text"]
    return "N-o1" in text["zh"] and "N-o1" in text["en"] and not re.search(r"[\u4e00-\u9fff]", text["en"])


@pytest.mark.requirement("OT-10", "CC-9", "US-5")
@pytest.mark.parametrize("ex", sorted(NAMED, key=number))
def test_what_somebody_raises_reaches_those_whom_section_C_names_and_nobody_elses(road: Any, ex: str):
    road.say("exception.raised", "09:00", by="driver", order="o1", ex=ex, cause="accident", stage="in_transit")
    told = told_of(road, f"raised:{ex}:")
    assert set(NAMED[ex].split()) <= set(told)
    assert not any(name.endswith("2") for name in told)
    assert all(in_both_languages(message) for message in told.values())
    item = item_of(road, f"raised:{ex}:")
    assert item["ex"] == ex and item["state"] == "open" and item["owner"] is None
    assert item["task"]["role"] and item["task"]["zh"] and item["task"]["en"] and item["next"]["en"]
    assert {person["name"] for each in item["told"] for person in each["people"]} == {
        road.people[name].name for name in told
    }
    road.say("exception.closed", "10:00", by="driver", order="o1", ex=ex, cause="accident")
    assert not [i for i in road.inbox() if i["cause"].startswith(f"raised:{ex}:")]


def customers_message(house: Any, template: str) -> dict[str, Any]:
    [message] = [m for m in house.messages(house.people["customer"]) if m["template"] == template]
    assert in_both_languages(message)
    return message


def to_confirmed(house: Any, type: str = "goods") -> None:
    house.order(type=type)
    house.say("contact.logged", "08:04", order="o1", with_="shop", about="order", result="ships")
    house.say("order.accepted", "08:05", order="o1", branch="b1")
    if type == "consignment":
        house.say("note.printed", "08:05", order="o1", paper="A5", branch="b1")
    house.say("order.confirmed", "08:06", order="o1", checked=True)


def to_shop(house: Any, units: int = 2, leave_out: int = 0) -> None:
    """Confirmed, waybilled, loaded (all but `leave_out`), and gone."""
    to_confirmed(house)
    names = [f"u{n}" for n in range(units)]
    house.say("order.units", "08:07", order="o1", units=[{"unit": u, "no": u[1:], "pieces": 1} for u in names])
    house.say("pick.issued", "08:08", order="o1", list="P1")
    house.say("order.readied", "08:09", order="o1", reason="all there")
    house.say("goods.weighed", "08:09", order="o1", kg=10, max_piece_kg=5)
    house.say("waybill.issued", "08:10", order="o1", waybill="WB1", pieces=units, kg=10)
    house.say("trip.planned", "08:11", trip="t1", kind="direct", stops=[{"site": "shop"}])
    house.say("trip.vehicle", "08:11", trip="t1", vehicle="v1", from_=house.now)
    house.say("trip.expected", "08:11", trip="t1", order="o1")
    for unit in names[leave_out:]:
        house.say("unit.loaded", "08:20", source="rfid", unit=unit, vehicle="v1", site="yard")
    house.say("load.signed", "08:25", trip="t1", pieces=units - leave_out, cautions=[])
    house.say("vehicle.left", "08:30", source="gnss", vehicle="v1", site="yard")


def arrive(house: Any) -> None:
    house.say("vehicle.entered", "10:00", source="gnss", vehicle="v1", site="shop")
    house.say("vehicle.stopped", "10:01", source="gnss", vehicle="v1", site="shop")


def signed(house: Any, pieces: int = 2, **more: Any) -> None:
    house.say("order.signed", "10:05", by="driver", order="o1", signer="the shop", pieces=pieces, trip="t1", **more)


def test_EX1_short_stock_is_told_to_the_customer_with_line_and_quantity(staffed: Any):
    to_confirmed(staffed)
    staffed.say("line.short", "09:00", order="o1", line="1", qty=2)
    told = told_of(staffed, "line_short:1")
    assert set(told) == {"customer", "desk"}
    assert "line 1 by 2" in told["customer"]["text"]["en"]
    assert item_of(staffed, "line_short:1")["ex"] == "EX-1"


@pytest.mark.requirement("EO-4")
def test_EX6_an_order_without_a_branch_is_told_to_the_call_centre_at_once(staffed: Any):
    staffed.order(branch=None)
    assert [m["ex"] for m in staffed.messages(staffed.people["call_centre"])] == ["EX-6"]
    assert staffed.messages(staffed.people["desk"]) == []
    staffed.wait("08:11")
    item = item_of(staffed, "clock:N-02:")
    assert (item["ex"], item["task"]["role"], item["urgency"]) == ("EX-6", "call_centre", "now")
    staffed.say("order.assigned", "08:12", order="o1", branch="b1")
    assert staffed.inbox() == []
    assert [m["template"] for m in staffed.messages(staffed.people["desk"])] == ["event.new_order"]


def test_EX7_the_new_branch_and_the_call_centre_are_told_of_a_rerouting(staffed: Any):
    staffed.order()
    staffed.say("contact.logged", "08:04", order="o1", with_="shop", about="order", result="ships")
    staffed.say("order.accepted", "08:05", order="o1", branch="b1")
    staffed.say("order.rerouted", "08:08", order="o1", to_branch="b2")
    assert set(told_of(staffed, "rerouted:")) == {"desk2", "call_centre"}


@pytest.mark.requirement("EO-19", "N-01", "N-07", "N-17")
def test_EX8_a_branch_that_is_silent_for_ten_minutes(staffed: Any):
    staffed.order(when="09:00")
    staffed.wait("09:10")
    assert staffed.inbox() == []  # done at exactly ten minutes is in time
    staffed.wait("09:10:00.001")
    item = item_of(staffed, "clock:N-01:")
    assert [i["id"] for i in staffed.inbox()] == [item["id"]]  # N-07 and N-17 tell, and open nothing of their own
    assert (item["ex"], item["urgency"], item["branch"]) == ("EX-8", "now", "b1")
    assert "due 03-02 09:10" in item["detail"]["en"]
    assert set(told_of(staffed, "clock:N-17")) == {"call_centre"}
    assert set(told_of(staffed, "clock:N-07")) == {"desk"}
    assert set(told_of(staffed, "clock:N-01")) == {"branch_manager"}
    accepted = staffed.say("order.accepted", "09:12", order="o1", branch="b1")
    [gone] = [i for i in staffed.inbox(state="resolved") if i["clock"] == "N-01"]
    assert gone["resolved"] == {"by": None, "fact": accepted.id, "word": None}


@pytest.mark.requirement("N-19", "X-1")
def test_N19_the_regional_manager_of_the_branch_is_told_once_after_fifteen_minutes(staffed: Any):
    staffed.order(when="09:00")
    staffed.wait("09:15")
    assert told_of(staffed, "clock:N-19") == {}
    for when in ("09:15:00.001", "09:15:00.001", "10:00"):
        staffed.wait(when)
        told = told_of(staffed, "clock:N-19")
        assert set(told) == {"regional_manager"}, "of that branch, and nobody else"
    assert len([m for m in staffed.messages(staffed.people["regional_manager"]) if m["clock"] == "N-19"]) == 1
    assert "15" in told["regional_manager"]["text"]["en"] and "15" in told["regional_manager"]["text"]["zh"]
    assert [item["clock"] for item in staffed.inbox()] == ["N-01"], "one cause has one item"


def test_EX14_a_postponement_beyond_three_days(staffed: Any):
    to_confirmed(staffed)
    staffed.say("order.postponed", "09:00", order="o1", to="2026-03-09", asked_by="customer")
    assert set(told_of(staffed, "postponed_too_far:")) == {"desk", "branch_manager"}
    assert "2026-03-09" in item_of(staffed, "postponed_too_far:")["detail"]["en"]


@pytest.mark.requirement("N-11", "N-15")
def test_EX15_G11_neither_billed_nor_noted_by_the_end_of_the_day(staffed: Any):
    to_confirmed(staffed, "consignment")
    staffed.wait("23:00")
    assert item_of(staffed, "clock:N-15:")["task"]["role"] == "desk"
    staffed.wait("2026-03-03 00:00")
    assert "branch_manager" in told_of(staffed, "clock:N-11:")
    staffed.say("remark.added", "2026-03-03 08:30", order="o1", remark="track", text="ships tomorrow")
    assert [i["clock"] for i in staffed.inbox() if i["clock"] in ("N-11", "N-15")] == ["N-11"]
    staffed.say("order.cancelled", "2026-03-03 09:00", order="o1", asked_by="customer", reason="no need")
    assert [i for i in staffed.inbox() if i["clock"] == "N-11"] == []


def test_EX19_not_picked_by_the_next_day(staffed: Any):
    to_confirmed(staffed)
    staffed.wait("2026-03-04 00:00:00.001")
    assert {"desk", "call_centre"} <= set(told_of(staffed, "clock:N-79:"))


@pytest.mark.requirement("OT-7")
def test_EX22_a_unit_on_the_wrong_truck_then_off_again(staffed: Any):
    to_shop(staffed, leave_out=1)
    staffed.say("trip.planned", "08:40", trip="t2", kind="line", stops=[{"site": "hub"}])
    staffed.say("trip.vehicle", "08:40", trip="t2", vehicle="v2", from_=staffed.now)
    staffed.say("unit.loaded", "08:45", source="rfid", unit="u0", vehicle="v2", site="yard")
    told = told_of(staffed, "wrong_truck:u0")
    assert set(told) >= {"dispatcher", "driver2"} and "driver" not in told  # it concerns the truck that it is on
    assert item_of(staffed, "wrong_truck:u0")["can"] == ["acknowledge", "assign", "snooze"]  # facts resolve it
    off = staffed.say("unit.passed_back", "08:50", source="rfid", unit="u0", vehicle="v2", site="yard")
    [gone] = [i for i in staffed.inbox(state="resolved") if i["kind"] == "wrong_truck"]
    assert gone["resolved"]["fact"] == off.id


@pytest.mark.requirement("OT-7", "US-8")
def test_EX22_leaving_incomplete_is_told_at_once_with_what_is_missing(staffed: Any):
    to_shop(staffed, leave_out=1)
    told = told_of(staffed, "departed_incomplete:t1")
    assert {"dispatcher", "desk"} <= set(told)
    assert "#0" in told["dispatcher"]["text"]["en"] and "v1" in told["dispatcher"]["text"]["en"]


@pytest.mark.requirement("N-50")
def test_EX25_an_enquiry_not_answered_within_fifteen_minutes(staffed: Any):
    to_shop(staffed)
    staffed.say("location.requested", "09:00", by="customer", order="o1", waybill="WB1")
    staffed.wait("09:15:00.001")
    assert set(told_of(staffed, "clock:N-50:")) == {"call_centre"}
    staffed.say("location.answered", "09:20", by="desk", order="o1", waybill="WB1")
    assert not [i for i in staffed.inbox() if i["clock"] == "N-50"]


@pytest.mark.requirement("EX-31")
def test_EX31_a_tracker_that_falls_silent_on_the_road_until_it_is_heard(staffed: Any):
    to_shop(staffed)
    staffed.say("vehicle.silent", "09:00", vehicle="v1")
    told = told_of(staffed, "tracker_silent:v1")
    assert set(told) == {"dispatcher", "engineer"} and "v1" in told["dispatcher"]["text"]["en"]
    assert item_of(staffed, "tracker_silent:v1")["ex"] == "EX-31"
    heard = staffed.say("vehicle.heard", "09:30", vehicle="v1")
    [gone] = [i for i in staffed.inbox(state="resolved") if i["kind"] == "tracker_silent"]
    assert gone["resolved"]["fact"] == heard.id


@pytest.mark.requirement("N-30")
def test_EX30_each_day_without_a_track_is_an_item_of_its_own(staffed: Any):
    to_shop(staffed)
    staffed.say("unit.unloaded", "09:00", source="rfid", unit="u0", site="term")
    staffed.say("handout.done", "09:30", order="o1", carrier="k1", phone="1", outside_no="K-1")
    staffed.wait("2026-03-05 00:00")
    days = {i["data"]["day"] for i in staffed.inbox() if i["clock"] == "N-30"}
    assert days == {"2026-03-03", "2026-03-04"}
    assert {"desk", "branch_manager"} <= {name for name in staffed.people if any(
        m["clock"] == "N-30" for m in staffed.messages(staffed.people[name]))}  # fmt: skip


@pytest.mark.requirement("DL-11")
def test_EX35_a_failed_delivery_asks_the_customer_for_a_new_time(staffed: Any):
    to_shop(staffed)
    arrive(staffed)
    staffed.say("delivery.failed", "10:40", order="o1", cause="nobody there", contact="phoned twice", trip="t1")
    told = told_of(staffed, "delivery_failed:")
    assert {"customer", "desk"} <= set(told)
    assert "agree a new time" in told["customer"]["text"]["en"]
    item = item_of(staffed, "delivery_failed:")
    assert item["ex"] == "EX-35"


@pytest.mark.requirement("US-19")
def test_EX38_a_refusal_asks_the_consignor_to_decide(staffed: Any):
    to_shop(staffed)
    arrive(staffed)
    staffed.say("order.refused", "10:05", by="driver", order="o1", reason="wet", trip="t1")
    told = told_of(staffed, "refused:")
    assert {"customer", "driver", "desk", "claims"} == set(told)
    assert "wet" in told["customer"]["text"]["zh"]


def test_EX40_a_signed_count_that_differs(staffed: Any):
    to_shop(staffed)
    arrive(staffed)
    signed(staffed, pieces=1)
    assert {"branch_manager", "claims"} <= set(told_of(staffed, "signed_difference:"))


def test_EX42_a_sign_off_without_anybody_there_is_reviewed_by_the_branch_manager(staffed: Any):
    to_shop(staffed)
    signed(staffed)
    assert set(told_of(staffed, "signed_without_presence:")) == {"branch_manager"}
    item = item_of(staffed, "signed_without_presence:")
    assert "resolve" in item["can"] and item["task"]["role"] == "branch_manager"


@pytest.mark.requirement("N-40")
def test_EX43_a_receipt_not_back_within_three_days(staffed: Any):
    to_shop(staffed)
    arrive(staffed)
    signed(staffed)
    staffed.wait("2026-03-06 00:00")
    assert {"desk", "branch_manager"} <= set(told_of(staffed, "clock:N-40:"))
    staffed.say("receipt.returned", "2026-03-06 09:00", by="desk", order="o1", slip="S1", qualified=True)
    assert not [i for i in staffed.inbox() if i["clock"] == "N-40"]


def test_EX44_an_unqualified_slip_until_a_good_one_is_back(staffed: Any):
    to_shop(staffed)
    arrive(staffed)
    signed(staffed)
    staffed.say("receipt.returned", "11:00", by="desk", order="o1", slip="S1", qualified=False)
    assert set(told_of(staffed, "receipt_unqualified:")) == {"desk", "branch_manager"}
    staffed.say("receipt.returned", "12:00", by="desk", order="o1", slip="S1", qualified=True)
    assert not [i for i in staffed.inbox() if i["kind"] == "receipt_unqualified"]


@pytest.mark.requirement("CM-6", "US-19")
def test_CM6_the_customer_hears_of_departure_arrival_and_sign_off_once_each(staffed: Any):
    to_shop(staffed)
    sent = customers_message(staffed, "event.dispatched")
    assert "2 units, waybill WB1, truck v1" in sent["text"]["en"]
    arrive(staffed)
    staffed.say("unit.unloaded", "10:03", source="rfid", unit="u0", site="shop")
    staffed.say("unit.unloaded", "10:03", source="rfid", unit="u1", site="shop")
    customers_message(staffed, "event.arrived")
    signed(staffed)
    assert "by the shop, 2 pieces" in customers_message(staffed, "event.signed")["text"]["en"]


@pytest.mark.requirement("CC-13")
def test_CC13_changes_travel_both_ways(staffed: Any):
    staffed.order()
    new = {"lines": [{"line": "1", "qty": 5}]}
    staffed.say("order.edited", "08:02", by="customer", order="o1", changes=new)
    [message] = [m for m in staffed.messages(staffed.people["desk"]) if m["template"] == "event.changed_by_customer"]
    assert "goods" in message["text"]["en"] and "货物" in message["text"]["zh"]
    staffed.say("order.edited", "08:03", by="desk", order="o1", changes=new)
    customers_message(staffed, "event.changed")


def test_a_customer_and_a_branch_see_only_what_is_for_them(staffed: Any):
    on_the_road(staffed)
    staffed.say("exception.raised", "09:00", by="driver", order="o1", ex="EX-26", cause="x", stage="in_transit")
    assert staffed.messages(staffed.people["customer2"]) == []
    assert staffed.inbox(staffed.people["customer"]) == []
    assert staffed.messages(staffed.people["desk2"]) == [] and staffed.inbox(staffed.people["desk2"]) == []
    both = Principal("x", "x", staffed.people["keeper"].grants | staffed.people["desk2"].grants)
    assert not [m for m in staffed.messages(both) if m["to_role"] == "desk"]  # desk of b2, keeper of b1: not desk of b1


@pytest.mark.requirement("US-27")
def test_US27_messages_and_items_speak_of_plates_places_and_branches_by_name(staffed: Any):
    with staffed.db.tx() as conn:
        conn.execute(insert(vehicle).values(id="v1", plate="沪A·12345", plate_key="沪A12345", kind="van", created_at=0))
        conn.execute(
            insert(site).values(
                id="shop", code="SHOP", name_zh="人民路店", name_en="Renmin Road", kind="consignee",
                shape='{"type":"circle","lat":31.0,"lon":121.0,"radius_m":100}',
                dwell_s=60, time_zone="Asia/Shanghai", created_at=0,
            )
        )  # fmt: skip
        conn.execute(
            insert(branch).values(
                id="b1", name_zh="浦东网点", name_en="Pudong branch", region="r", big_region="R", updated_at=0
            )
        )
    on_the_road(staffed)
    staffed.say("exception.raised", "08:05", by="driver", order="o1", ex="EX-27", cause="gearbox", stage="in_transit")
    assert "沪A·12345, gearbox" in told_of(staffed, "raised:EX-27")["dispatcher"]["text"]["en"]
    staffed.wait("08:10:00.001")
    assert "Pudong branch, due" in told_of(staffed, "clock:N-17")["call_centre"]["text"]["en"]
    assert "浦东网点" in told_of(staffed, "clock:N-17")["call_centre"]["text"]["zh"]
    assert item_of(staffed, "raised:EX-27")["detail"]["zh"].startswith("沪A·12345，gearbox")
