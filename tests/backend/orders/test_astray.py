"""Left on the vehicle and put off at the wrong stop, told by their names (notes on RFID, conflict rules; F3.4)."""

from typing import Any

import pytest


def open_of(story: Any, order: str = "o1") -> dict[str, dict[str, Any]]:
    found = {each["kind"]: each["data"] for each in story.state(order).exceptions if each["closed_at"] is None}
    return {kind: data for kind, data in found.items() if kind not in ("left_without_outcome", "step_skipped")}


@pytest.fixture
def road(story: Any) -> Any:
    """Two orders on one truck that has left: o1 for the shop, o2 (unit u2) for the mill behind it."""
    story.to_waybilled("o1", qty=2)
    story.trip("t1", "v1", order="o1")
    story.load(["o1-u1", "o1-u2"], "v1")
    story.say("load.signed", trip="t1", pieces=2, cautions=[])
    story.say("vehicle.left", vehicle="v1", site="yard")
    return story


def at_stop(story: Any, site: str, *off: str) -> None:
    story.say("vehicle.stopped", vehicle="v1", site=site)
    for unit in off:
        story.say("unit.unloaded", unit=unit, vehicle="v1", site=site)


def test_a_unit_put_off_before_its_own_stop_is_misdropped_until_it_is_loaded_again(road: Any) -> None:
    at_stop(road, "mill", "o1-u1")
    said = open_of(road)["misdropped"]
    assert {name: said[name] for name in ("unit", "no", "site", "vehicle", "trip")} == {
        "unit": "o1-u1", "no": "1", "site": "mill", "vehicle": "v1", "trip": "t1",
    }  # fmt: skip
    assert set(open_of(road)) == {"misdropped"}
    road.say("unit.loaded", unit="o1-u1", vehicle="v1", site="mill")
    assert open_of(road) == {}


def test_a_unit_misdropped_and_brought_to_its_consignee_by_whatever_way_is_found(road: Any) -> None:
    at_stop(road, "mill", "o1-u1")
    road.say("unit.unloaded", unit="o1-u1", site="shop")
    assert open_of(road) == {}


@pytest.mark.parametrize("how", ["unit.seen", "unit.unloaded"])
def test_a_unit_that_a_later_stop_sees_was_left_on_the_vehicle(road: Any, how: str) -> None:
    at_stop(road, "shop", "o1-u1")
    road.say("vehicle.left", vehicle="v1", site="shop")
    assert open_of(road) == {}  # nobody read it yet: absence alone is no fact
    road.say("vehicle.stopped", vehicle="v1", site="mill")
    more = {"vehicle": "v1"} if how == "unit.unloaded" else {}
    road.say(how, unit="o1-u2", site="mill", **more)
    assert set(open_of(road)) == {"left_on_vehicle"}
    assert open_of(road)["left_on_vehicle"]["unit"] == "o1-u2"


def test_a_unit_left_on_the_vehicle_that_comes_off_at_home_is_told_so_too(road: Any) -> None:
    at_stop(road, "shop", "o1-u1")
    road.say("vehicle.left", vehicle="v1", site="shop")
    at_stop(road, "yard", "o1-u2")
    assert set(open_of(road)) == {"left_on_vehicle"}
    road.say("unit.loaded", unit="o1-u2", vehicle="v2", site="yard")
    assert "left_on_vehicle" not in open_of(road)


def test_goods_that_come_back_before_they_were_anywhere_were_not_left_on_the_vehicle(road: Any) -> None:
    at_stop(road, "yard", "o1-u2")
    assert open_of(road) == {}


@pytest.mark.requirement("EX-32")
def test_EX32_what_was_lost_at_its_stop_and_is_seen_at_the_next_is_left_on_the_vehicle_instead(road: Any) -> None:
    at_stop(road, "shop", "o1-u1")
    road.say("session.closed", by="keeper", trip="t1", vehicle="v1", site="shop", door="d9", direction="unload",
             short=["o1-u2"], over=[])  # fmt: skip
    assert set(open_of(road)) == {"lost"}
    road.say("vehicle.left", vehicle="v1", site="shop")
    road.say("vehicle.stopped", vehicle="v1", site="mill")
    road.say("unit.seen", unit="o1-u2", site="mill")
    assert set(open_of(road)) == {"left_on_vehicle"}


def test_only_a_signature_for_the_unit_itself_settles_it(road: Any) -> None:
    at_stop(road, "mill", "o1-u1")
    road.say("vehicle.left", vehicle="v1", site="mill")
    road.say("vehicle.stopped", vehicle="v1", site="shop")
    road.say("order.signed", by="driver", order="o1", signer="Li", pieces=1)  # for what stands at the consignee
    assert "misdropped" in open_of(road)
    road.say("order.signed", by="driver", order="o1", signer="Li", pieces=1, units=["o1-u1"])
    assert "misdropped" not in open_of(road)


def test_a_unit_off_a_vehicle_that_nobody_knew_it_on_is_only_seen_elsewhere(road: Any) -> None:
    road.say("unit.unloaded", unit="o1-u1", vehicle="v9", site="mill")
    assert set(open_of(road)) == {"seen_elsewhere"}


def test_any_order_of_arrival_tells_the_same(road: Any) -> None:
    at_stop(road, "mill", "o1-u1")
    road.say("vehicle.left", vehicle="v1", site="mill")
    at_stop(road, "shop")
    road.say("vehicle.left", vehicle="v1", site="shop")
    road.say("vehicle.stopped", vehicle="v1", site="lake")
    road.say("unit.seen", unit="o1-u2", site="lake")
    whole = road.state()
    for turn in range(1, 7):
        mixed = [*road.facts[turn::7], *road.facts[::-1], *road.facts[:turn]]
        assert road.state(facts=mixed) == whole
