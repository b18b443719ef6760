"""The inbox follows the facts: one open item per cause, resolved by what closes it (REQUIREMENTS C; US-5)."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from milepost.access.model import Grant, Principal
from milepost.alerts import follow, service
from milepost.db import Database
from milepost.errors import Invalid
from milepost.evidence.model import Author, Fact
from milepost.notify.model import Opening
from milepost.notify.rules import rule_of
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
    kind: str = "wrong_truck", key: str = "u1", opened: int = 10, closed: int | None = None, fact: str = "f1",
    **data: Any,
) -> Opening:  # fmt: skip
    cause = f"{kind}:{key}"
    return Opening(
        "o1", cause, f"{cause}/{fact}", kind, rule_of(kind, "EX-22"), "EX-22", None, opened, closed, None, None,
        (fact,), data,
    )  # fmt: skip


def told(db: Database, *given: Opening, now: int = 100, **more: Any) -> list[dict[str, Any]]:
    with db.tx() as conn:
        follow.follow(conn, [follow.Causes("o1", "N1", "b1", "s1", now, given, **more)], clocks=False)
        return service.listing(conn, COMPANY)["items"]


def gone(db: Database) -> list[dict[str, Any]]:
    with db.read() as conn:
        return service.listing(conn, COMPANY, service.Filter(state="resolved"))["items"]


def test_the_same_exception_told_again_is_one_item_with_the_newest_data(inbox: Database):
    [first] = told(inbox, trouble(vehicle="v1"))
    [again] = told(inbox, trouble(vehicle="v2"))
    assert first["id"] == again["id"] and again["data"] == {"vehicle": "v2"}
    assert (again["state"], again["urgent"], again["opened_at"]) == ("open", True, to_rfc3339(10))


def test_two_causes_are_two_items(inbox: Database):
    assert {i["cause"] for i in told(inbox, trouble(), trouble(key="u2"))} == {"wrong_truck:u1", "wrong_truck:u2"}


def test_a_closed_exception_resolves_its_item_with_the_fact_and_its_time(inbox: Database):
    told(inbox, trouble())
    world = [Fact(id=f"w{n}", kind="unit.passed_back", at=n, by=Author("device", "d"), subjects={}) for n in (49, 50)]
    assert told(inbox, trouble(closed=50), world=world) == []
    [item] = gone(inbox)
    assert item["closed_at"] == to_rfc3339(50)
    assert item["resolved"] == {"by": None, "fact": "w50", "word": None}


def test_an_exception_that_vanishes_with_a_retraction_resolves_its_item(inbox: Database):
    told(inbox, trouble())
    assert told(inbox, now=77) == []
    assert gone(inbox)[0]["closed_at"] == to_rfc3339(77)


def test_an_exception_that_comes_back_is_a_new_item(inbox: Database):
    [first] = told(inbox, trouble())
    told(inbox, trouble(closed=50))
    [second] = told(inbox, trouble(closed=50), trouble(opened=60, fact="f2"))
    assert second["id"] != first["id"] and second["opened_at"] == to_rfc3339(60)


def test_what_closed_and_came_back_between_two_looks_is_a_new_item(inbox: Database):
    [first] = told(inbox, trouble())
    [second] = told(inbox, trouble(closed=50), trouble(opened=60, fact="f2"))
    assert second["id"] != first["id"]
    assert [item["id"] for item in gone(inbox)] == [first["id"]]


def test_late_evidence_of_an_earlier_beginning_keeps_the_item(inbox: Database):
    [first] = told(inbox, trouble(opened=10))
    [again] = told(inbox, trouble(opened=5, fact="f0"))
    assert (again["id"], again["opened_at"], again["facts"]) == (first["id"], to_rfc3339(5), ["f0"])
    assert gone(inbox) == []


def test_the_inbox_keeps_to_scopes_and_is_for_staff(inbox: Database):
    told(inbox, trouble())
    with inbox.read() as conn:
        assert service.listing(conn, BRANCH)["items"] == []
        assert service.listing(conn, CUSTOMER)["items"] == []
        mine = Principal("p4", "d", frozenset({Grant("desk", "branch", "b1")}))
        assert len(service.listing(conn, mine)["items"]) == 1
        assert service.counts(conn, mine)["active"] == 1 and service.counts(conn, BRANCH)["active"] == 0


@pytest.mark.parametrize("sort", ["newest", "urgency"])
def test_pages_join_without_gap_or_double(inbox: Database, sort: str):
    kinds = ["wrong_truck", "receipt_lost", "edited_too_often"]
    told(inbox, *(trouble(kinds[n % 3], key=f"u{n}") for n in range(7)))
    seen: list[tuple[str, str]] = []
    cursor = None
    with inbox.read() as conn:
        while True:
            page = service.listing(conn, COMPANY, sort=sort, cursor=cursor, limit=3)
            seen += [(item["urgency"], item["id"]) for item in page["items"]]
            cursor = page["next"]
            if cursor is None:
                break
        for wrong in ("nonsense", "YTI6bm9uc2Vuc2U"):
            with pytest.raises(Invalid):
                service.listing(conn, COMPANY, sort=sort, cursor=wrong)
    rank = {"now": 0, "shift": 1, "wait": 2}
    assert len(set(seen)) == 7
    by_sort = sorted(seen, key=lambda s: s[1], reverse=True)
    assert seen == (sorted(by_sort, key=lambda s: rank[s[0]]) if sort == "urgency" else by_sort)


def test_taking_on_an_item_over_http(client_of: Callable[..., TestClient]):
    desk = client_of("desk")
    order = desk.post("/api/v1/orders", json={"type": "goods", "customer": "c1"}).json()["id"]
    desk.post(f"/api/v1/orders/{order}/raise", json={"ex": "EX-26", "cause": "accident"})
    [item] = desk.get("/api/v1/alerts").json()["items"]
    path = f"/api/v1/alerts/{item['id']}"
    assert client_of("customer").post(f"{path}/acknowledge").status_code == 403
    assert client_of(("desk", "branch", "b2")).post(f"{path}/acknowledge").status_code == 404
    acked = desk.post(f"{path}/acknowledge").json()
    assert (acked["state"], acked["acked_by"] is not None, acked["can"]) == (
        "acknowledged", True, ["assign", "snooze", "resolve"],
    )  # fmt: skip
    me = desk.get("/api/v1/me").json()
    assert desk.post(f"{path}/assign", json={"to": me["id"]}).json()["owner"] == {"id": me["id"], "name": me["name"]}
    later = to_rfc3339(now_ms() + 60_000)
    assert desk.post(f"{path}/snooze", json={"until": later}).json()["state"] == "snoozed"
    for until in ("2020-01-01T00:00:00Z", "9999-01-01T00:00:00Z", "soon"):
        assert desk.post(f"{path}/snooze", json={"until": until}).status_code == 422
    assert desk.get("/api/v1/alerts?state=asleep").status_code == 422
    done = desk.post(f"{path}/resolve", json={"word": "the truck goes on"}).json()
    assert (done["state"], done["resolved"]["word"], done["resolved"]["by"]["id"]) == (
        "resolved", "the truck goes on", me["id"],
    )  # fmt: skip
    again = desk.post(f"{path}/acknowledge")
    assert (again.status_code, again.json()["code"], again.json()["by"]) == (409, "illegal_step", me["id"])
    kinds = [fact["kind"] for fact in desk.get(f"/api/v1/orders/{order}/facts").json()]
    assert {"inbox.acked", "inbox.assigned", "inbox.snoozed", "exception.closed"} <= set(kinds)
