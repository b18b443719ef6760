"""Whom an act at the door concerns that names no unit, and where the goods are from then on (docs/facts.md)."""

from typing import Any


def outcomes(story: Any) -> dict[str, str | None]:
    """Unit -> how its delivery ended."""
    return {u["id"].removeprefix("o1-"): u["state"] for u in story.state().units}


def test_what_was_refused_aboard_stands_at_the_consignee_and_is_what_a_signature_then_means(story: Any) -> None:
    units = story.to_waybilled(qty=3)
    story.say("order.routed", order="o1", mode="own", terminal="term")
    story.trip()
    story.load(units)
    story.say("vehicle.left", vehicle="v1", site="yard")
    for unit in units[1:]:
        story.say("unit.unloaded", unit=unit, vehicle="v1", site="term")
    story.say("order.refused", order="o1", reason="damaged")
    assert outcomes(story) == dict.fromkeys(("u1", "u2", "u3"), "refused")
    story.say("order.signed", order="o1", signer="shop manager", pieces=3)
    assert outcomes(story) == {"u1": "signed", "u2": "refused", "u3": "refused"}
    difference = next(t for t in story.state().exceptions if t["kind"] == "signed_difference")
    assert (difference["data"]["signed"], difference["data"]["delivered"]) == (3, 1), "a person is told"


def test_a_unit_on_a_wrong_truck_does_not_make_a_signature_mean_it_alone(story: Any) -> None:
    units = story.to_waybilled(qty=2)
    story.trip("t1", "v1", "o1")
    story.trip("t2", "v2", None)
    story.load(units[:1], "v2")
    story.say("order.signed", order="o1", signer="shop manager", pieces=2)
    assert outcomes(story) == {"u1": "signed", "u2": "signed"}


def test_a_failure_says_nothing_of_where_the_goods_are(story: Any) -> None:
    units = story.to_waybilled(qty=2)
    story.trip("t1", "v1", "o1")
    story.trip("t2", "v2", "o1")
    story.load(units[:1], "v1")
    story.load(units[:1], "v2")  # two claims: frozen
    story.say("delivery.failed", order="o1", cause="absent", contact="phoned")
    story.say("order.signed", order="o1", signer="shop manager", pieces=2)
    assert outcomes(story) == {"u1": "signed", "u2": "signed"}


def test_T18_a_delivery_that_leaves_the_terminal_is_out_though_nobody_saw_it_come_in(story: Any) -> None:
    units = story.to_waybilled(qty=1)
    story.say("order.routed", order="o1", mode="own", terminal="term")
    story.trip(kind="delivery")
    story.load(units)
    story.say("vehicle.left", vehicle="v1", site="yard")
    assert story.state().state == "in_transit"
    story.say("vehicle.left", vehicle="v1", site="elsewhere")
    assert story.state().state == "in_transit"
    story.say("vehicle.left", vehicle="v1", site="term")
    assert story.state().state == "out_for_delivery"
