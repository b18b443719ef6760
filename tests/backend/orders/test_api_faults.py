"""What the API refuses, and that it says what to do instead: never a 500, never somebody else's order."""

import threading
from typing import Any

import pytest

from milepost.evidence import log
from milepost.times import now_ms, to_rfc3339


def test_a_unit_on_the_wrong_truck_is_in_the_inbox_at_once_and_leaves_it_when_carried_back(field: Any):
    order, units = field.waybilled(1)
    other, _ = field.waybilled(2)
    field.planned(order, field.truck, "T1")
    field.planned(other, field.other_truck, "T2")
    where = {"unit": units[0], "vehicle": field.other_truck, "site": field.yard, "door": field.door}
    field.device("unit.loaded", **where)
    [item] = field.get("/alerts", "dispatcher")["items"]
    assert (item["kind"], item["order_id"], item["state"], item["urgent"]) == ("wrong_truck", order, "open", True)
    assert item["data"]["vehicle"] == field.other_truck and item["data"]["door"] == field.door
    assert field.get(f"/orders/{order}")["tally"]["loaded"] == 0
    acked = field.post("keeper", f"/alerts/{item['id']}/acknowledge")
    assert acked["state"] == "acknowledged"
    field.device("unit.passed_back", **where)
    assert field.get("/alerts", "dispatcher")["items"] == []
    [gone] = field.get(f"/alerts?state=resolved&order={order}", "dispatcher")["items"]
    assert gone["id"] == item["id"] and gone["closed_at"]
    field.post("keeper", f"/alerts/{item['id']}/acknowledge", 409)


def test_the_same_key_with_the_same_body_is_the_same_command(field: Any):
    order = field.requested()
    first = field.post("customer", f"/orders/{order}/submit", key="k-1")
    again = field.post("customer", f"/orders/{order}/submit", key="k-1")
    assert first == again
    assert len([f for f in field.get(f"/orders/{order}/facts") if f["kind"] == "order.submitted"]) == 1
    refused = field.post("customer", f"/orders/{order}/submit", 409, key="k-1", channel="phone")
    assert refused["code"] == "duplicate_key"
    other = field.requested()
    assert field.post("customer", f"/orders/{other}/submit", 409, key="k-1")["code"] == "duplicate_key"


def test_two_people_may_use_the_same_key(field: Any):
    order = field.requested()
    field.post("customer", f"/orders/{order}/submit", key="1")
    assert field.post("call_centre", f"/orders/{order}/assign", key="1", branch="b1")["state"] == "assigned"


def test_creating_twice_with_one_key_makes_one_order(field: Any):
    body = {"type": "goods", "customer": "c1"}
    first = field.post("customer", "/orders", 201, key="new-1", **body)
    assert field.post("customer", "/orders", 201, key="new-1", **body)["id"] == first["id"]
    assert len(field.get("/orders")["items"]) == 1


def test_of_two_people_at_once_one_wins_and_the_other_learns_what_changed(field: Any):
    order = field.requested()
    field.post("customer", f"/orders/{order}/submit")
    field.post("call_centre", f"/orders/{order}/assign", branch="b1")
    clients = [field.client_of("desk"), field.client_of("branch_manager")]
    answers: list[Any] = []
    ready = threading.Barrier(2)

    def accept(client: Any) -> None:
        ready.wait()
        answers.append(client.post(f"/api/v1/orders/{order}/accept", json={"contact": field.TALK}))

    threads = [threading.Thread(target=accept, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    won, lost = sorted(answers, key=lambda answer: answer.status_code)
    assert (won.status_code, lost.status_code) == (200, 409)
    problem = lost.json()
    assert (problem["code"], problem["state"]) == ("illegal_step", "accepted")
    assert "confirm" in problem["allowed"]
    kinds = [fact["kind"] for fact in field.get(f"/orders/{order}/facts")]
    assert kinds.count("order.accepted") == 1 and kinds.count("command.refused") == 1


def test_a_stale_version_is_told_what_changed(field: Any):
    order = field.requested()
    version = field.get(f"/orders/{order}")["version"]
    field.post("customer", f"/orders/{order}/submit")
    answer = field["desk"].post(
        f"/api/v1/orders/{order}/remark", json={"remark": "bill", "text": "x"}, headers={"If-Match": str(version)}
    )
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert answer.json()["changed"]["state"] == "submitted"
    assert answer.json()["changed"]["by"]["kind"] == "order.submitted"


def test_an_illegal_step_names_what_is_allowed_and_is_kept(field: Any):
    order = field.requested()
    problem = field.post("desk", f"/orders/{order}/waybill", 409, waybill="W", pieces=1, kg=1)
    assert problem["code"] == "illegal_step" and "cancel" in problem["allowed"] and "waybill" not in problem["allowed"]
    [kept] = [f for f in field.get(f"/orders/{order}/facts") if f["kind"] == "command.refused"]
    assert kept["body"]["command"] == "waybill" and kept["body"]["code"] == "illegal_step"


def test_postponing_too_far_is_refused_with_a_task_G09(field: Any):
    order = field.confirmed()
    problem = field.post("desk", f"/orders/{order}/postpone", 409, to="2099-01-01", asked_by="customer")
    assert "explain to the customer and cancel" in problem["detail"]
    state = field.get(f"/orders/{order}")
    assert (state["state"], state["exceptions"][0]["ex"]) == ("confirmed", "EX-14")
    assert field.get("/alerts", "desk")["items"][0]["kind"] == "postponed_too_far"


def test_a_hold_stops_the_confirmation(field: Any):
    order = field.requested()
    field.post("customer", f"/orders/{order}/submit", branch="b1")
    field.post("desk", f"/orders/{order}/accept", contact=field.TALK)
    field.post("desk", f"/orders/{order}/hold", hold="payment", reason="unpaid")
    assert "on hold (payment)" in field.post("desk", f"/orders/{order}/confirm", 409)["detail"]
    field.post("desk", f"/orders/{order}/release", hold="payment", reason="paid")
    assert field.post("desk", f"/orders/{order}/confirm")["state"] == "confirmed"


def test_cancelling_looks_at_the_most_advanced_unit(field: Any):
    order, units = field.waybilled(1)
    field.planned(order, field.truck)
    field.device("unit.loaded", unit=units[0], vehicle=field.truck, site=field.yard, door=field.door)
    assert "loaded already" in field.post("desk", f"/orders/{order}/cancel", 409, asked_by="customer")["detail"]


def test_nobody_signs_for_what_has_not_arrived(field: Any):
    order, units = field.waybilled(1)
    trip = field.planned(order, field.truck)
    for unit in units:
        field.device("unit.loaded", unit=unit, vehicle=field.truck, site=field.yard)
    field.post("driver", f"/trips/{trip}/load-sign", pieces=3)
    field.device("vehicle.left", vehicle=field.truck, site=field.yard)
    assert "have not arrived" in field.post("driver", f"/orders/{order}/sign", 409, signer="x", pieces=3)["detail"]
    field.device("vehicle.silent", vehicle=field.truck)
    assert field.post("driver", f"/orders/{order}/sign", signer="x", pieces=3)["state"] == "receipt_due"


def test_a_retraction_by_a_superior_undoes_and_stays_in_the_log(field: Any):
    order = field.confirmed()
    [confirmed] = [f["id"] for f in field.get(f"/orders/{order}/facts") if f["kind"] == "order.confirmed"]
    field.post("desk", f"/orders/{order}/retract", 403, target=confirmed, why="too early")
    after = field.post("branch_manager", f"/orders/{order}/retract", target=confirmed, why="too early")
    assert after["state"] == "accepted"
    assert confirmed in [f["id"] for f in field.get(f"/orders/{order}/facts")]
    other = field.requested()
    problem = field.post("branch_manager", f"/orders/{other}/retract", 422, target=confirmed, why="x")
    assert "none of this order's" in problem["detail"]


def test_somebody_elses_order_does_not_exist(field: Any):
    order = field.confirmed()
    for grant in (("customer", "customer", "c2"), ("desk", "branch", "b2"), ("driver", "vehicle", "v9")):
        stranger = field.client_of(grant)
        for path in ("", "/evidence", "/facts"):
            assert stranger.get(f"/api/v1/orders/{order}{path}").status_code == 404
        assert stranger.get("/api/v1/orders").json()["items"] == []
        answer = stranger.post(f"/api/v1/orders/{order}/remark", json={"remark": "bill", "text": "x"})
        assert answer.status_code == 404 and answer.json()["code"] == "not_found"
    assert field.get(f"/orders/{order}")["state"] == "confirmed"


def test_a_role_counts_only_within_its_scope(field: Any):
    """Who sees the order as a customer is not its desk because they are the desk of another branch."""
    order = field.requested()
    field.post("customer", f"/orders/{order}/submit", branch="b1")
    both = field.client_of(("customer", "customer", "c1"), ("desk", "branch", "b2"))
    assert both.get(f"/api/v1/orders/{order}").status_code == 200
    assert both.post(f"/api/v1/orders/{order}/accept", json={"contact": field.TALK}).status_code == 403
    own = field.client_of(("desk", "branch", "b1"))
    assert own.post(f"/api/v1/orders/{order}/accept", json={"contact": field.TALK}).status_code == 200


def test_a_customer_orders_only_for_their_own_company(field: Any):
    customer = field.client_of(("customer", "customer", "c1"))
    assert customer.post("/api/v1/orders", json={"type": "goods", "customer": "c2"}).status_code == 403
    assert customer.post("/api/v1/orders", json={"type": "goods", "customer": "c1"}).status_code == 201


def test_without_signing_in_there_is_nothing(field: Any):
    assert field.client_of().get("/api/v1/orders").status_code == 401
    assert field.client_of().get("/api/v1/alerts").status_code == 401


BAD_REQUESTS = [
    {"type": "goods"},
    {"type": "ship", "customer": "c1"},
    {"type": "goods", "customer": "c" * 65},
    {"type": "goods", "customer": "c\x00"},
    {"type": "goods", "customer": 7},
    {"type": "goods", "customer": "c1", "lines": [{"qty": 1e308}]},
    {"type": "goods", "customer": "c1", "lines": [{"qty": -1}]},
    {"type": "goods", "customer": "c1", "lines": [{"qty": 1}] * 1001},
    {"type": "goods", "customer": "c1", "lines": {"qty": 1}},
    {"type": "goods", "customer": "c1", "dates": {"ship": "2026-02-30"}},
    {"type": "goods", "customer": "c1", "placed_at": "yesterday"},
    {"type": "goods", "customer": "c1", "placed_at": "2026-03-02T10:00:00"},
    {"type": "goods", "customer": "c1", "from": {"lat": 91}},
    {"type": "goods", "customer": "c1", "number": "../../etc"},
    {"type": "goods", "customer": "c1", "misspelt": 1},
    [],
    "x",
    None,
]


def test_a_malformed_request_is_named(field: Any):
    for body in BAD_REQUESTS:
        answer = field["desk"].post("/api/v1/orders", json=body)
        assert answer.status_code == 422, (body, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "validation"


BAD_BYTES = [
    (b"", 422),
    (b"{", 422),
    (b"\xff\xfe", 422),
    (b'{"type":"goods","customer":"\\ud800"}', 422),
    (b'{"type":"goods","customer":"c1","lines":[{"qty":NaN}]}', 422),
    (b'{"type":"goods","customer":"c1","lines":[{"qty":1' + b"0" * 5000 + b"}]}", 422),
    (b"[" * 100_000 + b"]" * 100_000, 422),
    (b'{"type":"goods","customer":"' + b"x" * 1_100_000 + b'"}', 413),
]


def test_bytes_that_are_no_order_are_refused_not_stumbled_over(field: Any):
    for raw, status in BAD_BYTES:
        answer = field["desk"].post("/api/v1/orders", content=raw, headers={"content-type": "application/json"})
        assert answer.status_code == status, (raw[:60], answer.text[:300])
        assert answer.json()["code"] in ("validation", "too_large")


def test_an_absurd_time_is_refused(field: Any):
    order = field.confirmed()
    absurd = ["", "x", "2026-03-02", "2026-03-02T10:00:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2" * 60]
    for at in absurd:
        problem = field.post("keeper", f"/orders/{order}/pick-list", 422, list="P1", at=at)
        assert problem["code"] == "validation", at


def test_a_step_may_be_told_later_with_its_own_time(field: Any):
    order = field.requested()
    field.post("customer", f"/orders/{order}/submit", branch="b1")
    then = to_rfc3339(now_ms() - 1)
    stage = field.post("desk", f"/orders/{order}/accept", at=then, contact=field.TALK)["stages"][1]
    assert stage["at"] == then and stage["recorded_at"] > then


def test_a_malformed_query_is_refused(field: Any):
    for query in ("cursor=x", "cursor=%00", "limit=0", "limit=x", "stage=10", "q=" + "x" * 65):
        assert field["desk"].get(f"/api/v1/orders?{query}").status_code == 422, query


def test_orders_are_listed_in_pages_and_found_by_what_people_know(field: Any):
    numbers = [field.post("desk", "/orders", 201, type="goods", customer=f"c{n}")["number"] for n in range(5)]
    assert numbers[0][:3] == "SO-" and numbers[4].endswith("-0005")
    seen, cursor = [], ""
    while cursor is not None:
        page = field.get(f"/orders?limit=2&cursor={cursor}" if cursor else "/orders?limit=2")
        seen += [item["number"] for item in page["items"]]
        cursor = page["next"]
    assert seen == numbers[::-1]
    assert [item["number"] for item in field.get("/orders?q=c3")["items"]] == [numbers[3]]
    assert field.get("/orders?q=%25")["items"] == []
    assert field.get(f"/orders/{numbers[2]}")["number"] == numbers[2]
    assert field.get("/orders?state=submitted")["items"] == []


def test_a_units_tag_is_on_one_unit_only(field: Any):
    order = field.confirmed()
    other = field.confirmed()
    field.post("desk", f"/orders/{order}/units", units=[{"epc": "30340000"}])
    assert field.post("desk", f"/orders/{other}/units", 409, units=[{"epc": "30340000"}])["code"] == "conflict"
    assert field.get(f"/orders/{other}")["units"] == []
    assert field.post("desk", f"/orders/{other}/units", 422, units=[{"epc": "no hex"}])["code"] == "validation"


def test_facts_that_name_no_order_of_ours_touch_nothing(field: Any):
    field.confirmed()
    with field.db.read() as conn:
        before = len(log.of_subjects(conn, [("vehicle", field.truck)]))
    fact = field.device("vehicle.left", vehicle=field.truck, site=field.yard)
    with field.db.read() as conn:
        assert len(log.of_subjects(conn, [("vehicle", field.truck)])) == before + 1
    assert all(
        fact.id not in [f["id"] for f in field.get(f"/orders/{o['id']}/facts")] for o in field.get("/orders")["items"]
    )


@pytest.mark.parametrize(
    "dates",
    [
        {"pickup": "tomorrow"},
        {"pickup": ""},
        {"pickup_to": "2026-03-02T10:00:00+08:00"},
        {"pickup": "2026-03-02T10:00:00+08:00", "pickup_to": "2026-03-02T09:00:00+08:00"},
    ],
)
def test_an_appointment_that_is_none_is_refused_and_no_failure_of_ours(field: Any, dates: dict[str, str]):
    order = field.requested()
    problem = field.post("customer", f"/orders/{order}/submit", 422, dates=dates)
    assert problem["code"] == "validation" and "pickup" in problem["detail"]
