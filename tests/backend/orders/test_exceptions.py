"""What goes wrong is said, never mended in silence (ORDERS.md §1.6-1.11, §3; REQUIREMENTS C, F3)."""

from dataclasses import replace
from typing import Any

import pytest


def troubles(story: Any, order: str = "o1", **more: Any) -> dict[str, bool]:
    """Kind of each exception -> is it open."""
    return {t["kind"]: t["closed_at"] is None for t in story.state(order, **more).exceptions}


@pytest.fixture
def loaded(story: Any) -> Any:
    """One unit, loaded, signed for."""
    units = story.to_waybilled(qty=1)
    story.trip()
    story.load(units)
    story.say("load.signed", trip="t1", pieces=1, cautions=[])
    return story


@pytest.fixture
def delivered(loaded: Any) -> Any:
    """The same at its consignee."""
    loaded.say("vehicle.left", vehicle="v1", site="yard")
    loaded.say("vehicle.stopped", vehicle="v1", site="shop")
    return loaded


def test_a_unit_on_the_wrong_truck_is_not_counted_until_it_is_back(story):
    units = story.to_waybilled(qty=2)
    story.to_waybilled("o2", qty=1)
    story.trip("t1", "v1", "o1")
    story.trip("t2", "v2", "o2")
    story.load([units[0]], "v1")
    story.load([units[1]], "v2", door="d9")
    state = story.state()
    [wrong] = state.exceptions
    assert (wrong["kind"], wrong["closed_at"]) == ("wrong_truck", None)
    assert wrong["data"] == {
        "unit": units[1], "no": "2", "vehicle": "v2", "door": "d9", "site": "yard", "trip": "t2",
    }  # fmt: skip
    assert (state.state, state.tally["loaded"]) == ("waybilled", 1)
    assert story.state("o2").state == "waybilled" and story.state("o2").tally["loaded"] == 0
    back = story.say("unit.passed_back", unit=units[1], vehicle="v2", site="yard", door="d9")
    assert story.state().exceptions[0]["closed_at"] == back.at
    story.load([units[1]], "v1")
    assert (story.state().state, troubles(story)) == ("loaded", {"wrong_truck": False})


def test_a_wrong_truck_is_right_once_its_trip_expects_the_unit(story):
    [unit] = story.to_waybilled(qty=1)
    story.trip("t1", "v1", "o1")
    story.trip("t2", "v2", None)
    story.load([unit], "v2")
    loaded_at = story.facts[-1].at
    assert troubles(story) == {"wrong_truck": True}
    story.say("trip.expected", trip="t2", order="o1", units=[unit])
    state = story.state()
    assert (state.state, troubles(story)) == ("loaded", {"wrong_truck": False})
    assert state.stages[4]["at"] == loaded_at


def test_a_wrong_truck_that_leaves_takes_nothing_into_transit(story):
    [unit] = story.to_waybilled(qty=1)
    story.trip("t1", "v1", "o1")
    story.trip("t2", "v2", None)
    story.load([unit], "v2")
    story.say("vehicle.left", vehicle="v2", site="yard")
    assert (story.state().state, troubles(story)) == ("waybilled", {"wrong_truck": True})


def test_a_unit_on_two_trucks_freezes_both_claims(loaded):
    loaded.trip("t2", "v2", "o1")
    loaded.load(["o1-u1"], "v2")
    assert troubles(loaded) == {"two_trucks": True}
    loaded.say("vehicle.left", vehicle="v1", site="yard")
    loaded.say("vehicle.left", vehicle="v2", site="yard")
    state = loaded.state()
    assert (state.state, state.units[0]["frozen"]) == ("loaded", True)
    loaded.say("unit.loaded", by="keeper", source="scan", unit="o1-u1", vehicle="v2", site="hub")
    state = loaded.state()
    assert (troubles(loaded)["two_trucks"], state.units[0]["vehicle"], state.units[0]["frozen"]) == (False, "v2", False)


def test_two_trucks_is_settled_when_one_of_them_gives_the_unit_back(loaded):
    loaded.trip("t2", "v2", "o1")
    loaded.load(["o1-u1"], "v2")
    loaded.say("unit.passed_back", unit="o1-u1", vehicle="v2", site="yard")
    state = loaded.state()
    assert (state.state, state.units[0]["vehicle"], troubles(loaded)) == ("loaded", "v1", {"two_trucks": False})
    loaded.say("vehicle.left", vehicle="v1", site="yard")
    assert loaded.state().state == "in_transit"


def test_loaded_is_undone_by_passing_back_and_by_unloading(loaded):
    loaded.say("unit.passed_back", unit="o1-u1", vehicle="v1", site="yard")
    assert (loaded.state().state, loaded.state().current) == ("waybilled", "loaded")
    loaded.load(["o1-u1"])
    assert loaded.state().stages[4]["at"] == loaded.facts[-1].at  # the last load of the present stay
    loaded.say("unit.unloaded", unit="o1-u1", vehicle="v1", site="yard")
    assert (loaded.state().state, loaded.state().stages[4]["done"]) == ("waybilled", False)


@pytest.mark.requirement("OT-8")
def test_leaving_without_the_drivers_signature_is_told_and_settled_by_it(story):
    units = story.to_waybilled(qty=1)
    story.trip()
    story.load(units)
    story.say("vehicle.left", vehicle="v1", site="yard")
    assert (story.state().state, troubles(story)) == ("in_transit", {"unsigned_load": True})
    story.say("load.signed", trip="t1", pieces=1, cautions=[])
    assert troubles(story) == {"unsigned_load": False}


def test_a_signature_written_offline_before_the_departure_leaves_no_alarm(story):
    """The driver signed at minute 100 without network; it came in after the truck had left at 101."""
    units = story.to_waybilled(qty=1)
    story.trip()
    story.load(units)
    left = story.say("vehicle.left", vehicle="v1", site="yard", at=101)
    assert troubles(story) == {"unsigned_load": True}
    story.say("load.signed", trip="t1", pieces=1, cautions=[], at=100, received=130)
    assert troubles(story, until=left.at + 1) == {"unsigned_load": True}  # what was known then stays known
    assert troubles(story) == {}


def test_the_drivers_count_is_held_against_the_load(story):
    units = story.to_waybilled(qty=2)
    story.trip()
    story.load(units[:1])
    story.say("load.signed", trip="t1", pieces=2, cautions=[])
    assert troubles(story) == {"load_count": True}
    story.load(units[1:])
    assert (troubles(story), story.state().stages[4]["grade"]) == ({"load_count": False}, "A")


def test_departed_incomplete_ends_when_the_rest_is_aboard(story):
    units = story.to_waybilled(qty=2)
    story.trip()
    story.load(units[:1])
    story.say("load.signed", trip="t1", pieces=1, cautions=[])
    story.say("vehicle.left", vehicle="v1", site="yard")
    assert troubles(story) == {"departed_incomplete": True}
    story.say("vehicle.entered", vehicle="v1", site="yard")
    story.load(units[1:])
    assert troubles(story) == {"departed_incomplete": False}


def test_leaving_the_consignee_without_an_outcome_keeps_the_state(delivered):
    delivered.say("vehicle.left", vehicle="v1", site="shop")
    assert (delivered.state().state, troubles(delivered)) == ("at_consignee", {"left_without_outcome": True})
    delivered.say("order.signed", by="driver", order="o1", signer="her", pieces=1)
    assert (delivered.state().state, troubles(delivered)) == ("receipt_due", {"left_without_outcome": False})


def test_an_offline_signature_wins_over_the_desks_failed(delivered):
    """ORDERS.md §1.11: signed at 10:00, the desk's "failed" of 10:05 has no effect."""
    delivered.say("order.signed", by="driver", order="o1", signer="her", pieces=1, at=200, received=260)
    delivered.say("delivery.failed", by="desk", order="o1", cause="no answer", contact="phone", at=205)
    assert delivered.state(until=delivered.START + 206 * delivered.MINUTE).state == "delivery_failed"
    state = delivered.state()
    assert (state.state, state.outcome, troubles(delivered)) == ("receipt_due", "signed", {"contradicts_outcome": True})
    assert (state.stages[7]["at"], state.stages[7]["recorded_at"]) == (delivered.facts[-2].at,) * 2


@pytest.mark.parametrize("minute, suspect", [(-11, True), (-9, False), (0, False)])
def test_a_signature_needs_somebody_there_within_ten_minutes_EX42(loaded, minute, suspect):
    loaded.say("vehicle.left", vehicle="v1", site="yard")
    stop = loaded.say("vehicle.stopped", vehicle="v1", site="shop", at=200)
    assert stop.at
    loaded.say("order.signed", by="driver", order="o1", signer="her", pieces=1, at=200 + minute)
    state = loaded.state()
    assert state.state == "receipt_due"
    assert troubles(loaded) == ({"signed_without_presence": True} if suspect else {})
    assert state.stages[7]["grade"] == ("C" if suspect else "A")


def test_with_a_silent_tracker_suspicion_waits_a_day(loaded):
    loaded.say("vehicle.left", vehicle="v1", site="yard")
    loaded.say("vehicle.silent", vehicle="v1")
    assert loaded.state().flags == ["stale_position"]
    sign = loaded.say("order.signed", by="driver", order="o1", signer="her", pieces=1)
    day = 24 * 60 * loaded.MINUTE
    early = loaded.state(until=sign.at + day - 1)
    assert (troubles(loaded, until=sign.at + day - 1), early.next_due) == ({"tracker_silent": False}, sign.at + day)
    assert troubles(loaded, until=sign.at + day) == {"tracker_silent": False, "signed_without_presence": True}


@pytest.mark.requirement("EX-31")
def test_EX31_a_silent_tracker_is_trouble_of_the_goods_on_the_road(loaded):
    loaded.say("vehicle.silent", vehicle="v1")
    assert troubles(loaded) == {}  # the truck stands in the yard
    gone = loaded.say("vehicle.left", vehicle="v1", site="yard")
    (trouble,) = loaded.state().exceptions
    assert (trouble["kind"], trouble["ex"], trouble["opened_at"]) == ("tracker_silent", "EX-31", gone.at)
    heard = loaded.say("vehicle.heard", vehicle="v1")
    (trouble,) = loaded.state().exceptions
    assert (trouble["closed_at"], loaded.state().flags) == (heard.at, [])
    loaded.say("vehicle.silent", vehicle="v1")
    assert [t["closed_at"] is None for t in loaded.state().exceptions] == [False, True]


@pytest.mark.requirement("EX-31")
def test_EX31_it_is_no_trouble_of_goods_that_are_off(loaded):
    loaded.say("vehicle.left", vehicle="v1", site="yard")
    loaded.say("vehicle.silent", vehicle="v1")
    assert troubles(loaded) == {"tracker_silent": True}
    unit = loaded.state().units[0]["id"]
    off = loaded.say("unit.unloaded", unit=unit, vehicle="v1", site="hub")
    (trouble,) = [t for t in loaded.state().exceptions if t["kind"] == "tracker_silent"]
    assert trouble["closed_at"] == off.at


def test_signed_and_signed_abnormal_both_abnormal_holds(delivered):
    delivered.say("order.signed", by="driver", order="o1", signer="her", pieces=1)
    delivered.say(
        "order.signed_abnormal", by="driver", order="o1", signer="her", pieces=1, note="wet", photo="p1", short=0,
        damaged=1,
    )  # fmt: skip
    assert delivered.state().outcome == "signed_abnormal"
    assert troubles(delivered)["signatures_differ"]


def test_refused_and_then_signed_signed_wins(delivered):
    delivered.say("order.refused", by="driver", order="o1", reason="late")
    assert (delivered.state().state, delivered.state().outcome) == ("refused", "refused")
    delivered.say("order.signed", by="driver", order="o1", signer="her", pieces=1)
    assert delivered.state().outcome == "signed"


def test_cancelled_after_loading_keeps_its_effect_and_the_units_stay_tracked(loaded):
    loaded.say("order.cancelled", order="o1", asked_by="customer")
    loaded.say("vehicle.left", vehicle="v1", site="yard")
    state = loaded.state()
    assert (state.state, state.units[0]["state"]) == ("cancelled", "in_transit")
    assert troubles(loaded) == {"changed_after_loading": True, "out_of_sequence": True}


def test_cancelled_after_the_signature_changes_nothing(delivered):
    delivered.say("order.signed", by="driver", order="o1", signer="her", pieces=1)
    delivered.say("order.cancelled", order="o1", asked_by="customer")
    assert (delivered.state().state, troubles(delivered)) == ("receipt_due", {"contradicts_outcome": True})


def test_only_a_retraction_undoes_a_cancellation(story):
    story.to_confirmed()
    cancelled = story.say("order.cancelled", order="o1", asked_by="customer")
    story.say("order.confirmed", order="o1", checked=True)
    assert (story.state().state, troubles(story)) == ("cancelled", {"out_of_sequence": True})
    story.say("fact.retracted", by="bm", order="o1", target=cancelled.id, why="wrong order")
    assert (story.state().state, troubles(story)) == ("confirmed", {})


def test_a_retraction_cannot_be_retracted(story):
    story.to_confirmed()
    confirmed = story.facts[-1]
    undo = story.say("fact.retracted", by="bm", order="o1", target=confirmed.id, why="not yet")
    story.say("fact.retracted", by="bm", order="o1", target=undo.id, why="changed my mind")
    assert story.state().state == "accepted"


def test_a_detector_takes_back_its_own_word_and_nobody_elses(delivered):
    stop, sign = delivered.facts[-1], delivered.say("order.signed", by="driver", order="o1", signer="her", pieces=1)
    for target in (sign, stop):
        delivered.facts.append(
            replace(stop, id=f"r-{target.id}", kind="fact.retracted", body={"target": target.id, "why": "new rule"})
        )
    state = delivered.state()
    assert (state.state, state.stages[6]["inferred"]) == ("receipt_due", True)
    assert troubles(delivered) == {"signed_without_presence": True}


def test_a_correction_moves_a_fact_in_time(delivered):
    stop = delivered.facts[-1]
    delivered.say("fact.corrected", by="admin", order="o1", target=stop.id, why="clock", fields={"at": stop.at - 5000})
    assert delivered.state().stages[6]["at"] == stop.at - 5000


def test_goods_that_move_before_a_person_confirmed_only_accumulate(story):
    story.to_confirmed(qty=1)
    confirm = story.facts.pop()
    units = story.units(count=1)
    story.trip()
    story.load(units)
    assert (story.state().state, troubles(story)) == ("accepted", {"out_of_sequence": True})
    story.say("order.confirmed", order="o1", checked=True)
    state = story.state()
    assert (state.state, troubles(story)) == ("loaded", {"out_of_sequence": False})
    assert (state.stages[3]["grade"], state.stages[3]["inferred"]) == ("D", True)
    assert state.stages[3]["at"] == state.stages[4]["at"]  # an inferred stage takes the time of what proves it
    assert confirm.kind == "order.confirmed"


def test_a_vehicle_proves_nothing_about_units_it_does_not_carry(story):
    story.to_waybilled(qty=1)
    story.trip()
    story.say("vehicle.left", vehicle="v1", site="yard")
    story.say("vehicle.stopped", vehicle="v1", site="shop")
    assert (story.state().state, troubles(story)) == ("waybilled", {"departed_incomplete": True})


def test_a_signature_infers_the_road_but_never_a_decision(story):
    story.to_waybilled(qty=1)
    story.say("order.signed", by="driver", order="o1", signer="her", pieces=1)
    state = story.state()
    assert state.state == "receipt_due"
    assert [(s["grade"], s["inferred"]) for s in state.stages[4:7]] == [("D", True)] * 3
    assert troubles(story) == {"signed_without_presence": True}


def test_archiving_never_concludes_that_somebody_signed(delivered):
    delivered.say("order.archived", order="o1")
    assert (delivered.state().state, troubles(delivered)) == ("at_consignee", {"out_of_sequence": True})


def test_a_receipt_seen_by_a_reader_is_a_suggestion_only(delivered):
    delivered.say("order.signed", by="driver", order="o1", signer="her", pieces=1)
    delivered.say("receipt.returned", by="dev", order="o1", slip="S1", qualified=True)
    assert delivered.state().state == "receipt_due"
    delivered.say("receipt.returned", by="desk", order="o1", slip="S1", qualified=False)
    assert (delivered.state().state, troubles(delivered)) == ("receipt_due", {"receipt_unqualified": True})
    delivered.say("receipt.returned", by="desk", order="o1", slip="S2", qualified=True)
    assert (delivered.state().state, troubles(delivered)) == ("receipt_returned", {"receipt_unqualified": False})


def test_signed_goods_read_in_the_yard_are_a_contradiction(delivered):
    delivered.say("order.signed", by="driver", order="o1", signer="her", pieces=1)
    delivered.say("unit.seen", unit="o1-u1", site="yard")
    assert troubles(delivered) == {"signed_but_seen": True}


@pytest.mark.requirement("EO-7", "EX-14")
@pytest.mark.parametrize("to, state", [("2026-03-05", "postponed"), ("2026-03-06", "confirmed")])
def test_postponing_beyond_three_days_of_d0_changes_nothing_G09(story, to, state):
    """G-09, N-04: D0 is Monday the 2nd; to the 5th is right, to the 6th opens EX-14."""
    story.to_confirmed()
    say = story.say("order.postponed", order="o1", to=to, asked_by="customer")
    seen = story.state(until=say.at)
    assert seen.state == state
    assert [t["ex"] for t in seen.exceptions] == ([] if state == "postponed" else ["EX-14"])


def test_a_postponed_order_wakes_at_eight_into_where_it_was(story):
    story.to_confirmed()
    story.facts.pop()
    say = story.say("order.postponed", order="o1", to="2026-03-04", asked_by="customer")
    wake = story.START + 2 * 24 * 60 * story.MINUTE  # 08:00 local, two days later
    assert (story.state(until=say.at).state, story.state(until=say.at).next_due) == ("postponed", wake)
    assert story.state(until=wake - 1).state == "postponed"
    assert (story.state(until=wake).state, story.state(until=wake).next_due) == ("accepted", None)


def test_an_order_of_the_night_belongs_to_the_next_day_G03(story):
    """G-03, C7: submitted 23:59:30, the clock starts at 08:00 of the next day, which is D0."""
    night = 16 * 60 - 0.5
    for n, kind in enumerate(("order.requested", "order.submitted", "order.assigned")):
        body = {"type": "goods", "customer": "c1"} if n < 2 else {"branch": "b1"}
        more = {"class": "s", "channel": "web", "online": True, "lines": [], "from_": {}, "to": {}, "contact": {},
                "dates": {}, "pickup": "none"} if n == 1 else {}  # fmt: skip
        story.say(kind, order="o1", at=night, **body, **more)
    assert story.state().d0 == "2026-03-03"


def test_a_hold_is_a_flag_and_confirming_under_it_an_exception(story):
    story.to_confirmed()
    confirm = story.facts.pop()
    story.say("hold.set", order="o1", hold="payment", reason="unpaid")
    assert story.state().flags == ["hold:payment"]
    story.say("order.confirmed", order="o1", checked=True)
    assert (story.state().state, troubles(story)) == ("confirmed", {"hold": True, "out_of_sequence": True})
    story.say("hold.released", order="o1", hold="payment", reason="paid")
    assert story.state().flags == [] and confirm.kind == "order.confirmed"
    assert troubles(story)["hold"] is False


def test_rerouting_undoes_the_acceptance(story):
    story.to_confirmed()
    story.facts.pop()
    story.say("order.rerouted", order="o1", to_branch="b2")
    state = story.state()
    assert (state.state, state.branch, state.current) == ("assigned", "b2", "entered")
    assert state.d0 == "2026-03-02"


def test_trouble_raised_by_people_stands_until_they_close_it(delivered):
    delivered.say("exception.raised", by="driver", order="o1", ex="EX-26", cause="accident", stage="in_transit")
    assert (delivered.state().flags, troubles(delivered)) == (["delayed"], {"raised": True})
    delivered.say("exception.closed", by="desk", order="o1", ex="EX-26", cause="accident")
    assert (delivered.state().flags, troubles(delivered)) == ([], {"raised": False})


def test_part_of_an_order_may_be_signed_while_the_rest_waits(story):
    units = story.to_waybilled(qty=3)
    story.trip()
    story.load(units[:2])
    story.say("load.signed", trip="t1", pieces=2, cautions=[])
    story.say("vehicle.left", vehicle="v1", site="yard")
    story.say("vehicle.stopped", vehicle="v1", site="shop")
    story.say("order.signed", by="driver", order="o1", signer="her", pieces=2, trip="t1")
    state = story.state()
    assert (state.state, state.outcome, state.stages[7]["partial"]) == ("waybilled", None, {"done": 2, "total": 3})
    assert state.deliveries[0]["outcome"] == "signed"
