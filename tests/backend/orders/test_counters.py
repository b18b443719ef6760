"""What the fold counts: changes and liability, attempts and fees, escorts (REQUIREMENTS N-06, N-36…39, X-5; G-26)."""

from typing import Any

import pytest

from milepost.orders.fold import trace
from milepost.orders.model import Calendar, Policy


def counters(story: Any) -> dict[str, Any]:
    return story.state().counters


def kinds(story: Any) -> set[str]:
    return {trouble["kind"] for trouble in story.state().exceptions if trouble["closed_at"] is None}


def accept_at(story: Any, branch: str) -> None:
    story.talk()
    story.say("order.accepted", order="o1", branch=branch)


@pytest.fixture
def accepted(story: Any) -> Any:
    """An order accepted by b1, not confirmed."""
    story.to_confirmed()
    story.facts.pop()
    return story


@pytest.mark.requirement("N-05", "N-06", "G-07", "T4", "EO-8", "EO-9")
def test_G07_a_rerouting_counts_and_the_new_branch_begins_anew(accepted: Any):
    accepted.say("order.rerouted", order="o1", to_branch="b2")
    state = accepted.state()
    assert (state.state, state.branch, state.d0) == ("assigned", "b2", "2026-03-02")
    assert (state.counters["reroutes"], state.counters["edits"], state.counters["liability"]) == (1, 1, None)
    assert "contacted" not in state.acts  # the new branch has spoken with nobody yet
    assert kinds(accepted) == {"rerouted"}
    accept_at(accepted, "b2")
    assert (accepted.state().state, kinds(accepted)) == ("accepted", set())


@pytest.mark.requirement("N-06", "X-5", "EX-7", "EO-9")
def test_X5_the_third_change_takes_effect_and_pins_the_first_branch(accepted: Any):
    accepted.say("order.rerouted", order="o1", to_branch="b2")
    accept_at(accepted, "b2")
    accepted.say("order.edited", by="desk", order="o1", changes={"lines": [{"line": "1", "qty": 5}]})
    assert counters(accepted)["liability"] is None and "edited_too_often" not in kinds(accepted)
    accepted.say("order.rerouted", order="o1", to_branch="b3")
    state = accepted.state()
    assert (state.branch, state.lines[0]["ordered"]) == ("b3", 5)
    assert (state.counters["edits"], state.counters["reroutes"], state.counters["liability"]) == (3, 2, "b1")
    assert "edited_too_often" in kinds(accepted)


@pytest.mark.requirement("X-5")
def test_X5_the_customers_changes_and_those_before_the_acceptance_are_free(story: Any):
    story.to_confirmed()
    accepted = [f for f in story.facts if f.kind == "order.accepted"]
    story.facts = [f for f in story.facts if f.kind not in ("order.accepted", "order.confirmed")]
    story.say("order.edited", by="desk", order="o1", changes={"remark": "x"})
    story.facts += accepted
    for n in range(3):
        story.say("order.edited", by="customer", order="o1", changes={"remark": str(n)})
    assert (counters(story)["edits"], story.state().asked["remark"]) == (1, "2")  # the desk's came after the talk
    story.facts = [f for f in story.facts if f.kind != "order.accepted"]
    assert counters(story)["edits"] == 0


def at_the_door(story: Any, minute: float = 600) -> Any:
    """One unit, 18:10 local, the truck stands at the consignee."""
    units = story.to_waybilled(qty=1)
    story.trip()
    story.load(units)
    story.say("load.signed", trip="t1", pieces=1, cautions=[])
    story.say("vehicle.left", vehicle="v1", site="yard")
    return story.say("vehicle.stopped", vehicle="v1", site="shop", at=minute)


@pytest.mark.requirement("N-38", "N-39", "G-26", "T23", "T24", "DL-3", "DL-4", "EX-35")
@pytest.mark.parametrize("late_ms, state", [(0, "at_consignee"), (1000, "delivery_failed")])
def test_G26_who_can_receive_within_thirty_minutes_is_waited_for(story: Any, late_ms: int, state: str):
    stop = at_the_door(story, 610)
    story.talk(about="delivery", by="driver", at=615, can_receive_at=stop.at + 30 * story.MINUTE + late_ms)
    assert story.state().state == state
    assert counters(story)["attempts"] == 1 and counters(story)["charged_attempts"] == 0
    told = trace(story.facts, Policy(), Calendar(), story.FOREVER)["o1"].chronicle
    assert ("delivery_failed" in {moment.what for moment in told}) == (state == "delivery_failed")
    assert kinds(story) == ({"delivery_failed"} if late_ms else set())


@pytest.mark.requirement("N-38")
def test_N38_the_wait_is_reckoned_from_the_last_stop(story: Any):
    at_the_door(story, 610)
    story.say("vehicle.left", vehicle="v1", site="shop", at=620)
    again = story.say("vehicle.stopped", vehicle="v1", site="shop", at=640)
    story.talk(about="delivery", by="driver", at=641, can_receive_at=again.at + 30 * story.MINUTE)
    assert story.state().state == "at_consignee"


@pytest.mark.requirement("N-38")
def test_N38_a_talk_on_the_way_promises_nothing_about_the_wait(story: Any):
    at_the_door(story, 610)
    early = story.talk(about="delivery", at=500, can_receive_at=story.START + 9000 * story.MINUTE)
    assert early.at < story.START + 610 * story.MINUTE
    assert story.state().state == "at_consignee"


@pytest.mark.requirement("N-39", "G-26", "T24", "DL-4")
def test_G26_the_second_attempt_carries_a_fee_and_the_third_too(story: Any):
    at_the_door(story, 60)
    for attempt in (1, 2):
        minute = 60 + attempt * 100
        story.say("delivery.failed", order="o1", cause="nobody", contact="phone", at=minute)
        assert (counters(story)["attempts"], counters(story)["charged_attempts"]) == (attempt, attempt - 1)
        assert "delivery_failed" in kinds(story)
        story.say("delivery.agreed", order="o1", from_=0, to=0, at=minute + 1)
        assert "delivery_failed" not in kinds(story)
        story.say("vehicle.left", vehicle="v1", site="shop", at=minute + 2)
        assert (story.state().state, counters(story)["charged_attempts"]) == ("out_for_delivery", attempt)
        story.say("vehicle.stopped", vehicle="v1", site="shop", at=minute + 3)
    assert counters(story) | {} == {
        "reroutes": 0, "edits": 0, "liability": None, "attempts": 3, "charged_attempts": 2, "escorts": None,
        "max_piece_kg": None, "weighed_kg": None,
    }  # fmt: skip


@pytest.mark.requirement("N-36", "N-37", "G-26", "DL-2", "X-10")
@pytest.mark.parametrize(
    "kg, upstairs, escorts", [(24.9, True, 1), (25.0, True, 2), (25.0, None, 2), (80.0, False, None)]
)
def test_G26_a_piece_of_25_kg_takes_two_escorts(story: Any, kg: float, upstairs: bool | None, escorts: int | None):
    story.to_confirmed(type="consignment")
    more = {} if upstairs is None else {"upstairs": upstairs}
    story.say("goods.weighed", order="o1", kg=200.0, max_piece_kg=kg, **more)
    assert (counters(story)["escorts"], counters(story)["max_piece_kg"]) == (escorts, kg)
