"""People take items on: one at a time, within their scope, and what facts close stays closed."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from milepost.access import service as access
from milepost.alerts import service
from milepost.errors import Conflict, IllegalStep, Invalid, NotFound

B1 = ("desk", "branch", "b1")


@pytest.fixture
def item(house: Any) -> dict[str, Any]:
    """An accident reported for an order of branch b1."""
    house.staff({"anna": [B1], "bert": [("dispatcher", "branch", "b1")], "cora": [("desk", "branch", "b2")]})
    house.order()
    house.say("exception.raised", "08:05", by="driver", order="o1", ex="EX-26", cause="accident", stage="in_transit")
    [item] = house.inbox()
    return item


def step(house: Any, who: str, item: dict[str, Any], step: str, **more: Any) -> dict[str, Any]:
    return house.do(service.take_on, house.people[who], item["id"], step, **more)


@pytest.mark.parametrize("db", ["sqlite", "postgresql"], indirect=True)
def test_of_two_who_take_it_at_once_one_wins_and_the_other_is_told(house: Any, item: dict[str, Any]):
    start = threading.Barrier(2)
    results: dict[str, Any] = {}

    def take(who: str) -> None:
        start.wait()
        try:
            results[who] = step(house, who, item, "acknowledged")
        except Conflict as conflict:
            results[who] = conflict

    threads = [threading.Thread(target=take, args=(who,)) for who in ("anna", "bert")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [winner] = [who for who, found in results.items() if isinstance(found, dict)]
    [loser] = {"anna", "bert"} - {winner}
    assert results[loser].extra["changed"]["owner"] == house.people[winner].id
    assert results[loser].extra["changed"]["by"] == winner.title()
    [after] = house.inbox()
    assert after["owner"]["id"] == house.people[winner].id and after["version"] == item["version"] + 1


def test_who_has_seen_an_older_version_is_told_what_changed(house: Any, item: dict[str, Any]):
    step(house, "anna", item, "assigned", to=house.people["bert"].id, version=item["version"])
    with pytest.raises(Conflict) as refused:
        step(house, "bert", item, "snoozed", until_ms=house.now + 60_000, version=item["version"])
    assert refused.value.extra["changed"] == {
        "version": item["version"] + 1, "state": "assigned", "owner": house.people["bert"].id, "owner_name": "Bert",
        "by": "Anna",
    }  # fmt: skip


def test_what_another_holds_is_taken_over_only_by_assigning_it(house: Any, item: dict[str, Any]):
    step(house, "anna", item, "acknowledged")
    assert step(house, "anna", item, "acknowledged")["owner"]["name"] == "Anna"  # twice is no conflict
    with pytest.raises(Conflict):
        step(house, "bert", item, "acknowledged")
    assert step(house, "bert", item, "assigned", to=house.people["bert"].id)["owner"]["name"] == "Bert"


def test_it_is_handed_only_to_somebody_who_may_act_there_and_they_are_told(house: Any, item: dict[str, Any]):
    house.staff({"dora": [("desk", "branch", "b1")], "emil": [("customer", "customer", "c1")], "finn": ["auditor"]})
    with house.db.tx() as conn:
        access.set_disabled(conn, "dora", True)
    for who in ("cora", "dora", "emil", "finn"):
        with pytest.raises(Invalid, match="to: "):
            step(house, "anna", item, "assigned", to=house.people[who].id)
    with pytest.raises(Invalid, match="no open account"):
        step(house, "anna", item, "assigned", to="nobody")
    step(house, "anna", item, "assigned", to=house.people["bert"].id)
    [message] = [m for m in house.messages(house.people["bert"]) if m["template"] == "inbox.assigned"]
    assert message["text"]["en"].startswith("Anna handed you an exception: Accident or the like")
    assert not [m for m in house.messages(house.people["anna"]) if m["template"] == "inbox.assigned"]


def test_an_item_of_another_branch_does_not_exist_for_me(house: Any, item: dict[str, Any]):
    for act in (lambda: step(house, "cora", item, "acknowledged"),
                lambda: house.do(service.resolve, house.people["cora"], item["id"], "x"),
                lambda: house.do(service.get, house.people["cora"], item["id"])):  # fmt: skip
        with pytest.raises(NotFound):
            act()


def test_a_snooze_comes_back_by_itself_in_list_and_counts(house: Any, item: dict[str, Any]):
    anna = house.people["anna"]
    house.now = item_at = house.now + 1000
    step(house, "anna", item, "snoozed", until_ms=item_at + 60_000)
    assert house.inbox(state="active") == [] and len(house.inbox(state="snoozed")) == 1
    assert house.do(service.counts, anna)["active"] == 0 and house.do(service.counts, anna)["snoozed"] == 1
    house.now = item_at + 60_000
    [back] = house.inbox(state="open")
    assert back["state"] == "open" and back["can"] == ["acknowledge", "assign", "snooze", "resolve"]
    assert house.inbox(state="snoozed") == []
    assert house.do(service.counts, anna)["active"] == 1 and house.do(service.counts, anna)["snoozed"] == 0
    for until in (house.now, house.now - 1, house.now + 32 * 86_400_000):
        with pytest.raises(Invalid, match="until: "):
            step(house, "anna", item, "snoozed", until_ms=until)


def test_facts_resolve_it_even_asleep_and_then_no_person_acts_on_it(house: Any, item: dict[str, Any]):
    step(house, "anna", item, "snoozed", until_ms=house.now + 60_000)
    closed = house.say("exception.closed", "08:06", by="driver", order="o1", ex="EX-26", cause="accident")
    [gone] = house.inbox(state="resolved")
    assert gone["resolved"] == {"by": None, "fact": closed.id, "word": None} and gone["can"] == []
    for act in (lambda: step(house, "anna", item, "acknowledged"),
                lambda: house.do(service.resolve, house.people["anna"], item["id"], "too late")):  # fmt: skip
        with pytest.raises(IllegalStep) as refused:
            act()
        assert refused.value.extra["fact"] == closed.id


def test_what_is_raised_again_after_its_end_is_a_new_item(house: Any, item: dict[str, Any]):
    house.do(service.resolve, house.people["anna"], item["id"], "goes on")
    assert house.inbox() == []
    house.say("exception.raised", "08:07", by="driver", order="o1", ex="EX-26", cause="accident", stage="in_transit")
    [second] = house.inbox()
    assert second["id"] != item["id"]
    assert len([m for m in house.messages(house.people["anna"]) if m["ex"] == "EX-26"]) == 2  # told of each


@pytest.mark.requirement("EO-13")
def test_EO13_a_late_clock_that_no_fact_ends_is_noted_with_a_word_and_stays_noted(house: Any):
    house.staff({"anna": [B1]})
    house.order(when="09:00")
    house.wait("09:10:00.001")
    [item] = house.inbox()
    noted = house.do(service.resolve, house.people["anna"], item["id"], "customer to be followed up")
    assert noted["resolved"]["word"] == "customer to be followed up" and noted["resolved"]["by"]["name"] == "Anna"
    changes = {"lines": [{"line": "1", "qty": 9}]}
    house.say("order.edited", "09:20", by="customer", order="o1", changes=changes)  # folded anew, still late
    house.wait("09:40")
    assert [i for i in house.inbox() if i["clock"] == "N-01"] == []


def test_what_facts_can_close_is_not_closed_by_a_word(house: Any):
    house.staff({"anna": [B1]})
    house.order()
    house.say("hold.set", "08:05", by="desk", order="o1", hold="data", reason="wrong unit")
    [item] = [i for i in house.inbox() if i["kind"] == "hold"]
    with pytest.raises(IllegalStep, match="facts resolve this alert"):
        house.do(service.resolve, house.people["anna"], item["id"], "fine")
    house.say("hold.released", "08:10", by="desk", order="o1", hold="data", reason="corrected")
    assert not [i for i in house.inbox() if i["kind"] == "hold"]


@pytest.mark.parametrize("db", ["sqlite", "postgresql"], indirect=True)
def test_the_filters_and_their_counts_agree(house: Any):
    house.staff({"anna": [B1], "bert": [B1]})
    anna = house.people["anna"]
    for n in range(1, 4):
        house.order(f"o{n}", type="goods")
        for ex in ("EX-26", "EX-21", "EX-43"):
            house.say("exception.raised", "08:05", by="driver", order=f"o{n}", ex=ex, cause="x", stage="in_transit")
    items = house.inbox(anna, order="o1")
    step(house, "anna", items[0], "acknowledged")
    step(house, "anna", items[1], "assigned", to=house.people["bert"].id)
    step(house, "anna", items[2], "snoozed", until_ms=house.now + 60_000)
    counts = house.do(service.counts, anna)
    assert counts == {"active": 8, "mine": 1, "no_owner": 6, "now": counts["now"], "shift": counts["shift"],
                      "wait": counts["wait"], "snoozed": 1}  # fmt: skip
    assert counts["now"] + counts["shift"] + counts["wait"] == 8
    assert len(house.inbox(anna, state="active")) == counts["active"]
    assert len(house.inbox(anna, state="active", mine=True)) == counts["mine"]
    assert len(house.inbox(anna, state="active", no_owner=True)) == counts["no_owner"]
    for rank, name in enumerate(("now", "shift", "wait")):
        assert len(house.inbox(anna, state="active", urgency=rank)) == counts[name]
    assert len(house.inbox(anna, ex="EX-26")) == 3 == len(house.inbox(anna, kind="raised", ex="EX-26", branch="b1"))
    assert house.inbox(anna, branch="b2") == [] == house.inbox(anna, since=house.now + 1)


def raised(desk: TestClient) -> str:
    order = desk.post("/api/v1/orders", json={"type": "goods", "customer": "c1"}).json()["id"]
    desk.post(f"/api/v1/orders/{order}/raise", json={"ex": "EX-26", "cause": "accident"})
    return f"/api/v1/alerts/{desk.get('/api/v1/alerts').json()['items'][0]['id']}"


def test_the_same_key_twice_is_the_same_answer_and_one_fact(client_of: Callable[..., TestClient]):
    desk, other = client_of("desk"), client_of("desk")
    path = raised(desk)
    first = desk.post(f"{path}/acknowledge", headers={"Idempotency-Key": "k1"})
    again = desk.post(f"{path}/acknowledge", headers={"Idempotency-Key": "k1"})
    assert first.json() == again.json() and first.status_code == 200
    order = first.json()["order_id"]
    facts = [f["kind"] for f in desk.get(f"/api/v1/orders/{order}/facts").json()]
    assert facts.count("inbox.acked") == 1
    wrong = desk.post(f"{path}/resolve", json={"word": "x"}, headers={"Idempotency-Key": "k1"})
    assert (wrong.status_code, wrong.json()["code"]) == (409, "duplicate_key")
    assert other.post(f"{path}/acknowledge", headers={"Idempotency-Key": "k1"}).json()["code"] == "conflict"
    stale = desk.post(f"{path}/resolve", json={"word": "x"}, headers={"If-Match": "1"})
    assert (stale.status_code, stale.json()["code"], stale.json()["changed"]["version"]) == (409, "conflict", 2)


@pytest.mark.parametrize(
    ("way", "body", "status"),
    [
        ("assign", {}, 422), ("assign", {"to": 5}, 422), ("assign", {"to": "x" * 200}, 422),
        ("assign", {"to": "nobody"}, 422), ("assign", {"to": "a", "more": 1}, 422), ("snooze", {"until": None}, 422),
        ("snooze", {"until": "0001-01-01T00:00:00"}, 422), ("snooze", {"until": "2026-13-01T00:00:00Z"}, 422),
        ("resolve", {}, 422), ("resolve", {"word": " "}, 422), ("resolve", {"word": "a\x00b"}, 422),
        ("resolve", {"word": "x" * 10_000_000}, 413),
    ],
)  # fmt: skip
def test_bad_input_is_refused_with_a_problem(
    client_of: Callable[..., TestClient], way: str, body: dict[str, Any], status: int
):
    desk = client_of("desk")
    answer = desk.post(f"{raised(desk)}/{way}", json=body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json" and answer.json()["detail"]


def test_nobody_and_other_roles_are_kept_out(client_of: Callable[..., TestClient]):
    desk = client_of("desk")
    path = raised(desk)
    assert client_of().get("/api/v1/alerts").status_code == 401
    for grant in ("customer", "driver", "carrier", "auditor"):
        assert client_of(grant).post(f"{path}/acknowledge").status_code == 403
    assert client_of(("desk", "branch", "b9")).get(path).status_code == 404
    assert desk.get("/api/v1/alerts/nothing").status_code == 404
    assert desk.get("/api/v1/alerts/counts").json()["active"] >= 1
    for query in ("urgency=soon", "sort=x", "since=yesterday", "limit=0", "mine=maybe", "cursor=%00"):
        assert desk.get(f"/api/v1/alerts?{query}").status_code == 422
