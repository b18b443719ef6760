"""The outbox: one row per notice and channel, written with the change, read by whom it is for."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from milepost.access.model import SYSTEM, Grant, Principal
from milepost.access.scope import readable
from milepost.db import Database
from milepost.evidence import log
from milepost.notify import service
from milepost.notify.model import Notice
from milepost.notify.tables import message
from milepost.orders import repository

DAY = 86_400_000
NOW = 1_772_416_800_000
DESK = Principal("p1", "Desk", frozenset({Grant("desk", "branch", "b1")}))
OTHER = Principal("p2", "Other", frozenset({Grant("desk", "branch", "b2")}))


@pytest.fixture
def outbox(db: Database) -> Database:
    """A database with one order."""
    row = {"id": "o1", "number": "N1", "created_at": 0, "request": "{}", "updated_at": 0, "state": "waybilled",
           "stage": 5, "projection": "{}"}  # fmt: skip
    with db.tx() as conn:
        repository.add(conn, row)
    return db


def notice(key: str = "n1", **more: Any) -> Notice:
    values: dict[str, Any] = {
        "id": key, "order": "o1", "cause": "raised:EX-26:x", "ex": "EX-26", "clock": None, "template": "EX-26.staff",
        "to_role": "desk", "to_scope_kind": "branch", "to_scope_id": "b1", "urgency": "now", "data": {"cause": "x"},
        "at": NOW,
    }  # fmt: skip
    return Notice(**{**values, **more})


def put(db: Database, *notices: Notice, now: int = NOW) -> int:
    with db.tx() as conn:
        return service.enqueue(conn, [service.Due(notices, "N1", "s1", now)])


def mine(db: Database, who: Principal, **wanted: Any) -> list[dict[str, Any]]:
    with db.read() as conn:
        return service.messages(conn, who, **wanted)["items"]


def test_the_same_notice_is_written_once_however_often_it_is_due(outbox: Database):
    assert put(outbox, notice()) == 1
    assert put(outbox, notice(), notice("n2")) == 1
    assert put(outbox, notice(), notice("n2")) == 0
    with outbox.read() as conn:
        rows = conn.execute(select(message.c.notice_id, message.c.channel, message.c.state)).all()
    assert sorted(map(tuple, rows)) == [
        ("n1", "console", "queued"), ("n1", "inapp", "sent"), ("n2", "console", "queued"), ("n2", "inapp", "sent"),
    ]  # fmt: skip


def test_what_is_over_or_long_past_is_not_told(outbox: Database):
    assert put(outbox, notice(over=True)) == 0
    assert put(outbox, notice("e1", cause="event:dispatched", at=NOW - DAY - 1)) == 0
    assert put(outbox, notice("e2", cause="event:dispatched", at=NOW - DAY)) == 1
    assert put(outbox, notice("n3", at=NOW - 30 * DAY)) == 1  # an old trouble that is still open is news


def test_a_change_that_is_rolled_back_tells_nobody(outbox: Database):
    with pytest.raises(RuntimeError), outbox.tx() as conn:
        service.enqueue(conn, [service.Due([notice()], "N1", None, NOW)])
        raise RuntimeError("the change failed")
    assert mine(outbox, DESK) == []


@pytest.mark.parametrize(
    ("grant", "sees"),
    [
        (Grant("desk"), True), (Grant("desk", "branch", "b1"), True), (Grant("desk", "site", "s1"), True),
        (Grant("desk", "branch", "b2"), False), (Grant("keeper", "branch", "b1"), False),
        (Grant("admin"), False), (Grant("desk", "customer", "c1"), False),
    ],
)  # fmt: skip
def test_a_message_is_for_holders_of_the_role_over_the_scope(outbox: Database, grant: Grant, sees: bool):
    put(outbox, notice())
    assert bool(mine(outbox, Principal("p", "P", frozenset({grant})))) is sees


def test_role_and_scope_must_come_from_one_grant(outbox: Database):
    put(outbox, notice())
    both = Principal("p", "P", frozenset({Grant("desk", "branch", "b2"), Grant("keeper", "branch", "b1")}))
    assert mine(outbox, both) == []


@pytest.mark.parametrize("db", ["sqlite", "postgresql"], indirect=True)
def test_reading_is_each_persons_own_and_the_first_reader_is_kept(outbox: Database):
    put(outbox, notice(), notice("n2", urgency="wait"))
    second = Principal("p9", "Second", DESK.grants)
    first_id = mine(outbox, DESK)[-1]["id"]
    with outbox.tx() as conn:
        assert service.unread(conn, DESK) == {"unread": 2, "now": 1}
        assert service.mark_read(conn, DESK, first_id)["read_at"] is not None
        assert service.mark_read(conn, DESK, first_id)["id"] == first_id  # twice is once
        assert service.unread(conn, DESK) == {"unread": 1, "now": 0}
        assert service.unread(conn, second) == {"unread": 2, "now": 1}
        [told] = [t for t in service.told(conn, ["o1"])["o1", "raised:EX-26:x"] if t["read_at"]]
        assert (told["state"], told["read_by"]) == ("read", "p1")
        assert service.mark_all_read(conn, DESK) == 1 and service.mark_all_read(conn, DESK) == 0
    assert mine(outbox, DESK, unread=True) == [] and len(mine(outbox, DESK, unread=False)) == 2


def test_pages_of_messages_join_without_gap_or_double(outbox: Database):
    put(outbox, *(notice(f"n{n}") for n in range(7)))
    seen: list[str] = []
    cursor = None
    with outbox.read() as conn:
        while True:
            page = service.messages(conn, DESK, cursor=cursor, limit=3)
            seen += [item["id"] for item in page["items"]]
            if (cursor := page["next"]) is None:
                break
    assert len(seen) == len(set(seen)) == 7


@pytest.mark.requirement("TR-5")
def test_TR5_that_a_customer_was_told_is_a_fact_of_the_order(outbox: Database):
    put(outbox, notice(), notice("c1", to_role="customer", to_scope_kind="customer", to_scope_id="c1"))
    with outbox.read() as conn:
        [fact] = log.of_subjects(conn, [("order", "o1")])
        version = conn.execute(readable(SYSTEM, repository.order, repository.order.c.version)).scalar_one()
    assert (fact.kind, fact.by.role, fact.body["to"]) == ("notice.sent", "service", "customer:c1")
    assert version == 0  # telling changes no order


def raised(desk: TestClient) -> dict[str, Any]:
    order = desk.post("/api/v1/orders", json={"type": "goods", "customer": "c1"}).json()
    desk.post(f"/api/v1/orders/{order['id']}/raise", json={"ex": "EX-26", "cause": "accident"})
    return order


@pytest.mark.requirement("CC-9", "TR-5")
def test_CC9_over_http_the_customer_reads_what_concerns_them_and_nobody_elses(client_of: Callable[..., TestClient]):
    desk = client_of("desk")
    order = raised(desk)
    customer, stranger = client_of(("customer", "customer", "c1")), client_of(("customer", "customer", "c2"))
    [told] = customer.get("/api/v1/messages?unread=true").json()["items"]
    assert told["template"] == "EX-26.customer" and order["number"] in told["text"]["zh"]
    assert stranger.get("/api/v1/messages").json()["items"] == []
    assert stranger.post(f"/api/v1/messages/{told['id']}/read").status_code == 404
    assert customer.get("/api/v1/messages/unread").json() == {"unread": 1, "now": 1}
    assert customer.post(f"/api/v1/messages/{told['id']}/read").json()["read_at"]
    assert customer.get("/api/v1/messages/unread").json() == {"unread": 0, "now": 0}
    assert customer.get("/api/v1/messages?unread=true").json()["items"] == []
    assert client_of().get("/api/v1/messages").status_code == 401
    assert customer.get("/api/v1/messages?cursor=xx").status_code == 422


def test_reading_all_twice_with_one_key_is_one_answer(client_of: Callable[..., TestClient]):
    desk = client_of("desk")
    raised(desk)
    first = desk.post("/api/v1/messages/read", json={}, headers={"Idempotency-Key": "k"})
    again = desk.post("/api/v1/messages/read", json={}, headers={"Idempotency-Key": "k"})
    assert first.json() == again.json() and first.json()["read"] >= 1
    assert desk.post("/api/v1/messages/read", json={"upto": "x"}).status_code == 422


@pytest.mark.requirement("OT-17", "US-27")
def test_OT17_an_administrator_says_it_in_other_words(client_of: Callable[..., TestClient]):
    desk, admin = client_of("desk"), client_of("admin")
    order = raised(desk)
    path = "/api/v1/message-templates/EX-26.staff/en"
    changed = admin.put(path, json={"text": "Trouble[: {cause}] with {order}"})
    assert changed.status_code == 200 and changed.json()["changed_by"]

    def said() -> str:
        return next(m for m in desk.get("/api/v1/messages").json()["items"] if m["ex"] == "EX-26")["text"]["en"]

    assert said() == f"Trouble: accident with {order['number']}"
    listed = {(t["name"], t["language"]): t for t in admin.get("/api/v1/message-templates").json()}
    assert listed["EX-26.staff", "en"]["text"] != listed["EX-26.staff", "en"]["default"]
    assert admin.delete(path).json()["changed_at"] is None
    assert said().startswith("Accident or the like")


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("EX-26.staff/en", {"text": ""}, 422), ("EX-26.staff/en", {"text": "{nothing}"}, 422),
        ("EX-26.staff/en", {"text": "a\nb"}, 422), ("EX-26.staff/en", {}, 422), ("EX-26.staff/fr", {"text": "a"}, 422),
        ("EX-99.staff/en", {"text": "a"}, 404), ("EX-26.staff/en", {"text": "x" * 10_000_000}, 413),
        ("EX-26.staff/en", {"text": "\x00"}, 422), ("EX-26.staff/en", {"text": ["a"]}, 422),
    ],
)  # fmt: skip
def test_a_text_that_is_no_good_is_refused(
    client_of: Callable[..., TestClient], path: str, body: dict[str, Any], status: int
):
    answer = client_of("admin").put(f"/api/v1/message-templates/{path}", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_templates_and_what_was_set_aside_are_for_the_administrator(client_of: Callable[..., TestClient]):
    desk = client_of("desk")
    assert desk.get("/api/v1/message-templates").status_code == 403
    assert desk.get("/api/v1/messages/set-aside").status_code == 403
    assert desk.post("/api/v1/messages/x/retry").status_code == 403
    admin = client_of("admin")
    assert admin.get("/api/v1/messages/set-aside").json() == {"items": [], "next": None}
    assert admin.post("/api/v1/messages/x/retry").status_code == 404


def test_telling_of_one_order_asks_the_database_a_fixed_number_of_times(outbox: Database):
    asked = 0

    def count(*_: Any) -> None:
        nonlocal asked
        asked += 1

    from sqlalchemy import event  # noqa: PLC0415

    put(outbox, *(notice(f"n{n}") for n in range(40)))
    event.listen(outbox.engine, "before_cursor_execute", count)
    mine(outbox, DESK, order="N1")
    assert asked <= 3
    with outbox.read() as conn:
        assert conn.execute(select(func.count()).select_from(message)).scalar_one() == 80
