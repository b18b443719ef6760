"""The inbox follows the exceptions of orders: one open item per cause (REQUIREMENTS C; DESIGN §1 alerts)."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from milepost.access.model import Grant, Principal
from milepost.alerts import service
from milepost.db import Database
from milepost.errors import Invalid
from milepost.orders import repository
from milepost.times import now_ms, to_rfc3339

COMPANY = Principal("p1", "desk", frozenset({Grant("desk")}))
BRANCH = Principal("p2", "desk", frozenset({Grant("desk", "branch", "b2")}))
CUSTOMER = Principal("p3", "customer", frozenset({Grant("customer", "customer", "c1")}))


@pytest.fixture
def inbox(db: Database) -> Database:
    """A database with one order."""
    row = {"id": "o1", "number": "N1", "created_at": 0, "request": "{}", "updated_at": 0, "state": "waybilled",
           "stage": 5, "projection": "{}"}  # fmt: skip
    with db.tx() as conn:
        repository.add(conn, row)
    return db


def trouble(
    kind: str = "wrong_truck", key: str = "u1", opened: int = 10, closed: int | None = None, **data: Any
) -> Any:
    return {"kind": kind, "ex": "EX-22", "key": key, "cause": f"{kind}:{key}", "opened_at": opened, "closed_at": closed,
            "facts": ["f1"], "data": data}  # fmt: skip


def told(db: Database, *exceptions: Any, now: int = 100) -> list[dict[str, Any]]:
    with db.tx() as conn:
        service.reconcile(conn, "o1", exceptions, now=now, order_number="N1", branch="b1", site="s1")
        return service.listing(conn, COMPANY)["items"]


def test_the_same_exception_told_again_is_one_item_with_the_newest_data(inbox: Database):
    [first] = told(inbox, trouble(vehicle="v1"))
    [again] = told(inbox, trouble(vehicle="v2"))
    assert first["id"] == again["id"] and again["data"] == {"vehicle": "v2"}
    assert (again["state"], again["urgent"], again["opened_at"]) == ("open", True, to_rfc3339(10))


def test_two_causes_are_two_items(inbox: Database):
    assert {i["cause"] for i in told(inbox, trouble(), trouble(key="u2"))} == {"wrong_truck:u1", "wrong_truck:u2"}


def test_a_closed_exception_resolves_its_item_with_the_time_of_the_fact(inbox: Database):
    told(inbox, trouble())
    assert told(inbox, trouble(closed=50)) == []
    with inbox.read() as conn:
        [gone] = service.listing(conn, COMPANY, state="resolved")["items"]
    assert gone["closed_at"] == to_rfc3339(50)


def test_an_exception_that_vanishes_with_a_retraction_resolves_its_item(inbox: Database):
    told(inbox, trouble())
    assert told(inbox, now=77) == []


def test_an_exception_that_comes_back_is_a_new_item(inbox: Database):
    [first] = told(inbox, trouble())
    told(inbox, trouble(closed=50))
    [second] = told(inbox, trouble(closed=50), trouble(opened=60))
    assert second["id"] != first["id"] and second["opened_at"] == to_rfc3339(60)


def test_the_inbox_keeps_to_scopes_and_is_for_staff(inbox: Database):
    told(inbox, trouble())
    with inbox.read() as conn:
        assert service.listing(conn, BRANCH)["items"] == []
        assert service.listing(conn, CUSTOMER)["items"] == []
        mine = Principal("p4", "d", frozenset({Grant("desk", "branch", "b1")}))
        assert len(service.listing(conn, mine)["items"]) == 1


def test_pages_join_without_gap_or_double(inbox: Database):
    told(inbox, *(trouble(key=f"u{n}") for n in range(7)))
    seen, cursor = [], None
    with inbox.read() as conn:
        while True:
            page = service.listing(conn, COMPANY, cursor=cursor, limit=3)
            seen += [item["cause"] for item in page["items"]]
            cursor = page["next"]
            if cursor is None:
                break
        with pytest.raises(Invalid):
            service.listing(conn, COMPANY, cursor="nonsense")
    assert sorted(seen) == [f"wrong_truck:u{n}" for n in range(7)]


def test_taking_on_an_item_over_http(client_of: Callable[..., TestClient]):
    desk = client_of("desk")
    order = desk.post("/api/v1/orders", json={"type": "goods", "customer": "c1"}).json()["id"]
    desk.post(f"/api/v1/orders/{order}/raise", json={"ex": "EX-26", "cause": "accident"})
    [item] = desk.get("/api/v1/alerts").json()["items"]
    path = f"/api/v1/alerts/{item['id']}"
    assert client_of("customer").post(f"{path}/acknowledge").status_code == 403
    assert client_of(("desk", "branch", "b2")).post(f"{path}/acknowledge").status_code == 404
    acked = desk.post(f"{path}/acknowledge").json()
    assert (acked["state"], acked["acked_by"] is not None) == ("acknowledged", True)
    assert desk.post(f"{path}/assign", json={"to": "p9"}).json()["assigned_to"] == "p9"
    later = to_rfc3339(now_ms() + 60_000)
    assert desk.post(f"{path}/snooze", json={"until": later}).json()["state"] == "snoozed"
    past = desk.post(f"{path}/snooze", json={"until": "2020-01-01T00:00:00Z"}).json()
    assert past["state"] == "open"  # a snooze that is over
    assert desk.post(f"{path}/snooze", json={"until": "soon"}).status_code == 422
    assert desk.get("/api/v1/alerts?state=asleep").status_code == 422
    kinds = [fact["kind"] for fact in desk.get(f"/api/v1/orders/{order}/facts").json()]
    assert sorted(kinds)[1:5] == ["inbox.acked", "inbox.assigned", "inbox.snoozed", "inbox.snoozed"]
