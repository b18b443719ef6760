"""The guards of the commands over HTTP: what is refused, with which advice, and what is warned of."""

import threading
from typing import Any

import pytest

from milepost.orders import guards
from milepost.orders.guards import Case
from milepost.orders.transitions import STEPS
from milepost.times import now_ms, to_rfc3339

DAY_MS = 86_400_000


def assigned(field: Any, **more: Any) -> str:
    order = field.requested(**more)
    field.post("customer", f"/orders/{order}/submit", branch="b1")
    return order


def accepted(field: Any, **more: Any) -> str:
    order = assigned(field, **more)
    field.post("branch_manager", f"/orders/{order}/accept", contact=field.TALK)
    return order


def consignment(field: Any) -> str:
    """A consignment up to PICKED_UP, weighed."""
    order = accepted(field, type="consignment", pickup="asap")
    field.post("desk", f"/orders/{order}/note-printed", paper="A5", branch="b1")
    field.post("desk", f"/orders/{order}/confirm")
    field.post("driver", f"/orders/{order}/pickup-done", pieces=3, packing="ok", signers=["a", "b"])
    return order


@pytest.mark.requirement("T3", "EO-1")
def test_T3_acceptance_needs_a_talk_logged_before_or_with_it(field: Any):
    order = assigned(field)
    problem = field.post("desk", f"/orders/{order}/accept", 409)
    assert "contact" in problem["detail"] and problem["guard"] == "contact" and "contact" in problem["allowed"]
    field.post("desk", f"/orders/{order}/contact", **field.TALK)
    assert field.post("desk", f"/orders/{order}/accept")["branch"] == "b1"
    kinds = [fact["kind"] for fact in field.get(f"/orders/{order}/facts")]
    assert kinds.count("contact.logged") == 1
    other = accepted(field)
    kinds = [fact["kind"] for fact in field.get(f"/orders/{other}/facts")]
    assert kinds[:2] == ["order.accepted", "contact.logged"]  # newest first: the talk comes before
    assert field.get(f"/orders/{other}")["exceptions"] == []


@pytest.mark.requirement("T3", "T4")
def test_T3_a_talk_of_another_branch_does_not_count(field: Any):
    order = accepted(field)
    field.post("desk", f"/orders/{order}/reroute", to_branch="b2")
    assert field.post("desk", f"/orders/{order}/accept", 409)["guard"] == "contact"
    assert field.post("desk", f"/orders/{order}/accept", 409, branch="b1")["guard"] == "own_branch"
    assert field.post("desk", f"/orders/{order}/accept", contact=field.TALK)["branch"] == "b2"
    assert field.post("desk", f"/orders/{order}/reroute", 409, to_branch="b2")["guard"] == "other_branch"


@pytest.mark.requirement("N-10", "T3")
@pytest.mark.parametrize(
    "kind, role, at, refused",
    [
        ("consignment", "desk", 0, False),
        ("consignment", "desk", 1, True),
        ("consignment", "branch_manager", 1, False),
        ("goods", "desk", 1, False),
    ],
)
def test_N10_after_eleven_at_night_the_branch_manager_decides(kind: str, role: str, at: int, refused: bool):
    """Assigned on Monday at 09:00, so that the day is Monday; 23:00 itself is too late (C3)."""
    assigned_at, cutoff = 1_772_413_200_000, 1_772_463_600_000
    projection = {"type": kind, "acts": {"assigned": assigned_at, "contacted": assigned_at}, "d0": "2026-03-02"}
    case = Case("assigned", projection, frozenset({role}), cutoff - 1 + at)
    assert bool(guards.GUARDS["in_time"](case)) == refused
    assert ("accept" in guards.open_commands(case)) != refused


@pytest.mark.requirement("N-06", "X-5", "EO-9")
def test_N06_a_third_change_needs_somebody_who_allows_it(field: Any):
    order = accepted(field)
    for n in range(2):
        field.post("desk", f"/orders/{order}/edit", changes={"remark": str(n)})
    problem = field.post("desk", f"/orders/{order}/edit", 409, changes={"remark": "3"})
    assert problem["guard"] == "override" and "override_by" in problem["detail"]
    assert field.post("customer", f"/orders/{order}/edit", changes={"remark": "mine"})["counters"]["edits"] == 2
    done = field.post("desk", f"/orders/{order}/edit", changes={"remark": "3"}, override_by="Head of branch")
    assert (done["counters"]["edits"], done["counters"]["liability"]) == (3, "b1")
    assert [warned["code"] for warned in done["warnings"]] == ["liability"]


@pytest.mark.requirement("X-6", "LI-6", "EX-12", "OH-5")
def test_X6_what_is_locked_is_refused_with_the_advice_to_append(field: Any):
    goods = field.confirmed()
    problem = field.post("desk", f"/orders/{goods}/edit", 409, changes={"remark": "x"})
    assert (problem["guard"], problem["ex"]) == ("unlocked", "EX-12") and "append" in problem["detail"]
    assert "edit" not in field.get(f"/orders/{goods}")["allowed"]
    order = consignment(field)
    assert field.post("desk", f"/orders/{order}/edit", changes={"remark": "x"})["remark"] == "x"
    field.post("desk", f"/orders/{order}/weighed", kg=9, max_piece_kg=4)
    field.post("desk", f"/orders/{order}/waybill", waybill="W1", pieces=3, kg=9)
    assert field.post("desk", f"/orders/{order}/edit", 409, changes={"remark": "y"})["guard"] == "unlocked"


@pytest.mark.requirement("LI-5", "X-6", "PU-3")
def test_LI5_everything_agreed_may_be_edited_before_the_lock(field: Any):
    order = accepted(field, type="consignment")
    noon = to_rfc3339(now_ms() + DAY_MS)
    changes = {
        "lines": [{"name": "pots", "qty": 7}], "contact": {"name": "her", "phone": "555-1"},
        "from": {"site": field.shop}, "to": {"address": "12 High Street"}, "pickup": "appointment",
        "dates": {"ship": "2026-03-09", "pickup": noon}, "class": "project", "channel": "phone", "remark": "ring twice",
    }  # fmt: skip
    after = field.post("desk", f"/orders/{order}/edit", changes=changes)
    assert (after["lines"][0]["ordered"], after["contact"]["phone"], after["from_site"]) == (7, "555-1", field.shop)
    assert (after["to"], after["pickup"], after["remark"]) == (
        {"address": "12 High Street"},
        "appointment",
        "ring twice",
    )
    assert (after["customer_class"], after["channel"], after["dates"]["ship"]) == ("project", "phone", "2026-03-09")
    wrong = {"dates": {"pickup": noon, "pickup_to": to_rfc3339(now_ms())}}
    assert field.post("desk", f"/orders/{order}/edit", 422, changes=wrong)["code"] == "validation"
    [row] = field.get("/orders?q=555-1")["items"]
    assert (row["id"], row["ship_on"], row["phone"]) == (order, "2026-03-09", "555-1")


@pytest.mark.requirement("X-17", "EX-5", "T7")
def test_X17_cancelling_takes_the_customers_word_or_two_persons(field: Any):
    order = field.requested()
    assert field.post("desk", f"/orders/{order}/cancel", 409, asked_by="customer")["guard"] == "asked_for"
    assert field.post("desk", f"/orders/{order}/cancel", 409, asked_by="sales")["ex"] == "EX-5"
    field.post("desk", f"/orders/{order}/cancel-request", asked_by="sales", reason="unpaid")
    assert field.post("desk", f"/orders/{order}/cancel", 409, asked_by="sales")["guard"] == "asked_for"
    done = field.post("branch_manager", f"/orders/{order}/cancel", asked_by="sales", reason="unpaid")
    assert (done["state"], [e["closed_at"] is not None for e in done["exceptions"]]) == ("cancelled", [True])
    other = field.requested()
    done = field.post("desk", f"/orders/{other}/cancel", asked_by="customer", reason="no need", contact=field.TALK)
    assert done["state"] == "cancelled"
    mine = field.requested()
    field.post("customer", f"/orders/{mine}/cancel-request", asked_by="me")
    assert field.post("desk", f"/orders/{mine}/cancel", asked_by="customer")["state"] == "cancelled"


@pytest.mark.requirement("N-09", "T5", "X-28")
def test_N09_a_consignment_is_confirmed_with_its_note_printed(field: Any):
    order = accepted(field, type="consignment")
    assert field.post("desk", f"/orders/{order}/confirm", 409)["guard"] == "printed"
    field.post("desk", f"/orders/{order}/confirm", 422, checked=False)
    field.post("desk", f"/orders/{order}/note-printed", paper="A5", branch="b1")
    assert field.post("desk", f"/orders/{order}/confirm")["state"] == "pickup_due"


@pytest.mark.requirement("EO-15", "PU-6", "X-28", "T12")
def test_EO15_a_waybill_comes_only_from_the_order_and_agrees_with_it(field: Any):
    order = consignment(field)
    assert field.post("desk", f"/orders/{order}/waybill", 409, waybill="W1", pieces=3, kg=9)["guard"] == "weighed"
    field.post("desk", f"/orders/{order}/weighed", kg=9, max_piece_kg=4)
    problem = field.post("desk", f"/orders/{order}/waybill", 409, waybill="W1", pieces=2, kg=9.5)
    assert problem["guard"] == "same_data" and "pieces 2 against 3" in problem["detail"] and "kg" in problem["detail"]
    done = field.post("desk", f"/orders/{order}/waybill", waybill="W1", pieces=2, kg=9, irregular=True)
    assert [warned["code"] for warned in done["warnings"]] == ["irregular_waybill"]
    assert {e["kind"] for e in done["exceptions"]} == {"irregular_waybill", "waybill_differs"}


@pytest.mark.requirement("EO-15")
@pytest.mark.parametrize("db", ["sqlite", "postgresql"], indirect=True)
def test_EO15_one_waybill_number_is_for_one_order(field: Any):
    orders = []
    for _ in range(2):
        order = field.confirmed()
        field.post("keeper", f"/orders/{order}/pick-list", list="P1")
        field.post("keeper", f"/orders/{order}/ready", reason="picked")
        orders.append(order)
    answers = at_once(
        field, [(f"/orders/{order}/waybill", {"waybill": "W7", "pieces": 3, "kg": 1}) for order in orders]
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    [won] = [answer.json() for answer in answers if answer.status_code == 200]
    [lost] = [answer.json() for answer in answers if answer.status_code == 409]
    assert (lost["code"], lost["changed"]["order"]) == ("conflict", won["number"])
    [issued] = [f["id"] for f in field.get(f"/orders/{won['id']}/facts") if f["kind"] == "waybill.issued"]
    field.post("branch_manager", f"/orders/{won['id']}/retract", target=issued, why="wrong order")
    [other] = [order for order in orders if order != won["id"]]
    assert field.post("desk", f"/orders/{other}/waybill", waybill="W7", pieces=3, kg=1)["waybill"] == "W7"


def at_once(field: Any, wanted: list[tuple[str, dict[str, Any]]], version: int | None = None) -> list[Any]:
    """Several desks send at the same instant."""
    clients = [field.client_of("desk") for _ in wanted]
    answers: list[Any] = []
    ready = threading.Barrier(len(wanted))
    headers = {} if version is None else {"If-Match": str(version)}

    def send(client: Any, path: str, body: dict[str, Any]) -> None:
        ready.wait()
        answers.append(client.post(f"/api/v1{path}", json=body, headers=headers))

    threads = [threading.Thread(target=send, args=(c, *each)) for c, each in zip(clients, wanted, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.mark.parametrize("db", ["sqlite", "postgresql"], indirect=True)
def test_two_who_saw_the_same_version_one_wins_the_other_is_told_what_changed(field: Any):
    order = accepted(field)
    seen = field.get(f"/orders/{order}")["version"]
    wanted = [(f"/orders/{order}/edit", {"changes": {"remark": text}}) for text in ("one", "two")]
    won, lost = sorted(at_once(field, wanted, seen), key=lambda answer: answer.status_code)
    assert (won.status_code, lost.status_code) == (200, 409)
    problem = lost.json()
    assert (problem["code"], problem["changed"]["by"]["kind"]) == ("conflict", "order.edited")
    assert problem["changed"]["version"] > seen
    kinds = [fact["kind"] for fact in field.get(f"/orders/{order}/facts")]
    assert (kinds.count("order.edited"), kinds.count("command.refused")) == (1, 1)


@pytest.mark.requirement("T28")
def test_T28_nothing_is_filed_while_a_complaint_or_claim_is_open(field: Any):
    order, units = field.waybilled(1)
    trip = field.planned(order, field.truck)
    for unit in units:
        field.device("unit.loaded", unit=unit, vehicle=field.truck, site=field.yard)
    field.post("driver", f"/trips/{trip}/load-sign", pieces=3)
    field.device("vehicle.left", vehicle=field.truck, site=field.yard)
    field.device("vehicle.stopped", vehicle=field.truck, site=field.shop)
    field.post("driver", f"/orders/{order}/sign", signer="her", pieces=3)
    [case] = field.post("customer", f"/orders/{order}/complaint-lodge", about="late", **{"class": "2"})["open_claims"]
    field.post("customer", f"/orders/{order}/claim-lodge", claim="L1", amount=10, declared=100)
    assert field.post("desk", f"/orders/{order}/complaint-close", 409, complaint="no")["guard"] == "open_case"
    field.post("desk", f"/orders/{order}/receipt", slip="S1")
    problem = field.post("desk", f"/orders/{order}/archive", 409)
    assert problem["guard"] == "closed" and case in problem["detail"] and "archive" not in problem["allowed"]
    field.post("claims", f"/orders/{order}/complaint-substantiate", complaint=case, points="PT-3", region="r1")
    field.post("customer", f"/orders/{order}/complaint-substantiate", 403, complaint=case, points="PT-3", region="r1")
    field.post("claims", f"/orders/{order}/complaint-close", complaint=case)
    field.post("customer", f"/orders/{order}/claim-documents", claim="L1")
    field.post("claims", f"/orders/{order}/claim-propose", claim="L1", amount=5)
    field.post("customer", f"/orders/{order}/claim-settle", 403, claim="L1", amount=5)
    field.post("claims", f"/orders/{order}/claim-settle", claim="L1", amount=5)
    assert field.post("desk", f"/orders/{order}/archive")["state"] == "archived"


@pytest.mark.requirement("N-24", "N-37", "EX-14", "DL-2")
def test_what_is_only_unwise_is_done_and_warned_of(field: Any):
    order = accepted(field, type="consignment", pickup="asap")
    at = to_rfc3339((now_ms() // DAY_MS + 9) * DAY_MS + 14 * 3_600_000)  # 22:00 in Shanghai, nine days ahead
    done = field.post("desk", f"/orders/{order}/pickup-agreed", from_=at, to=at)
    assert [warned["code"] for warned in done["warnings"]] == ["pickup_too_far", "pickup_hours"]
    assert {e["kind"] for e in done["exceptions"]} == {"pickup_too_far"}
    assert field.post("desk", f"/orders/{order}/remark", remark="track", text="x")["warnings"] == []


@pytest.mark.requirement("PU-6", "T12")
@pytest.mark.parametrize("role", ["desk", "keeper", "admin"])
def test_PU6_whoever_lists_units_may_say_which_tags_they_carry(field: Any, role: str):
    order = field.confirmed()
    [unit] = field.post(role, f"/orders/{order}/units", units=[{"epc": "3034AA01"}])["units"]
    assert unit["epcs"] == ["3034AA01"]
    field.post(role, f"/orders/{order}/unbind-unit", unit=unit["id"], epc="3034AA01")
    [unit] = field.post(role, f"/orders/{order}/bind-unit", unit=unit["id"], epc="3034AA02")["units"]
    assert unit["epcs"] == ["3034AA02"]
    assert field.post(role, f"/orders/{order}/seen", unit=unit["id"], site=field.yard)["units"][0]["site"] == field.yard
    other = field.confirmed()
    assert field.post(role, f"/orders/{other}/seen", 422, unit=unit["id"], site=field.yard)["code"] == "validation"


@pytest.mark.requirement("OT-8", "T14")
def test_OT8_a_role_counts_for_a_trip_only_within_its_scope_and_refusals_are_kept(field: Any):
    order, units = field.waybilled(1)
    trip = field.planned(order, field.truck)
    stranger = field.client_of(("driver", "vehicle", field.other_truck), ("desk", "branch", "b1"))
    answer = stranger.post(f"/api/v1/trips/{trip}/load-sign", json={"pieces": 3})
    assert answer.status_code in (403, 404)
    for unit in units[:2]:
        field.device("unit.loaded", unit=unit, vehicle=field.truck, site=field.yard)
    own = field.client_of(("driver", "vehicle", field.truck))
    done = own.post(f"/api/v1/trips/{trip}/load-sign", json={"pieces": 3})
    assert done.status_code == 200, done.text
    assert [warned["code"] for warned in done.json()["warnings"]] == ["load_count"]
    assert {e["kind"] for e in field.get(f"/orders/{order}")["exceptions"]} == {"load_count"}
    assert field.post("keeper", f"/trips/{trip}/load-check", 422, pieces=1, order="nobody")["code"] == "validation"


@pytest.mark.requirement("N-50", "GP-2", "EX-25")
def test_N50_a_question_where_the_goods_are_and_its_answer_stand_in_the_log(field: Any):
    order, _ = field.waybilled(4)
    field.post("customer", f"/orders/{order}/location-request")
    field.post("desk", f"/orders/{order}/location-answer", answer="in the yard")
    told = {f["kind"]: f["body"] for f in field.get(f"/orders/{order}/facts")}
    assert told["location.requested"] == {"waybill": "W4"}
    assert told["location.answered"] == {"waybill": "W4", "answer": "in the yard"}


def test_every_guard_named_by_a_step_exists():
    named = {name for step in STEPS.values() for name in step.guards}
    assert named == set(guards.GUARDS) | set(guards.ELSEWHERE)
