"""HTTP of the clocks: who sees what, what is answered, and what is refused how."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from milepost.access import service as access
from milepost.access.model import Grant
from milepost.app import create_api
from milepost.clocks import service
from milepost.db import Database
from milepost.orders import projector
from milepost.orders import service as orders
from milepost.settings import Settings
from milepost.times import now_ms

Clients = Callable[..., TestClient]
V1 = "/api/v1"


def get(client: TestClient, path: str, status: int = 200) -> Any:
    answer = client.get(V1 + path)
    assert answer.status_code == status, answer.text
    return answer.json()


@pytest.fixture(scope="module")
def callers(tmp_path_factory: pytest.TempPathFactory, sqlite_with_tables: Path) -> Iterator[dict[str, TestClient]]:
    """An administrator, a customer and somebody without an account before one installation; for what is refused, which
    changes nothing in it."""
    folder = tmp_path_factory.mktemp("callers")
    db = Database(f"sqlite:///{shutil.copy(sqlite_with_tables, folder)}")
    with pytest.MonkeyPatch.context() as patch:
        for module, name in ((projector, "_listeners"), (service, "_listeners")):
            patch.setattr(module, name, [])
        patch.setattr(projector, "_limits", projector._limits)
        api = create_api(db, Settings(data_dir=folder))  # pyright: ignore[reportCallIssue]
        clients = {name: TestClient(api) for name in ("admin", "customer", "nobody")}
        for name, grant in (("admin", Grant("admin")), ("customer", Grant("customer", "customer", "c9"))):
            stored = access.hash_password("correct horse battery")
            with db.tx() as conn:
                access.create_person(conn, login=name, name=name, password_hash=stored, grants=[grant], now=now_ms())
            login = {"login": name, "password": "correct horse battery"}
            token = clients[name].post(f"{V1}/auth/login", json=login).json()["token"]
            clients[name].headers["Authorization"] = f"Bearer {token}"
        yield clients
    db.close()


@pytest.fixture
def desks(company: Any) -> Any:
    """Two branches: b1 is late to accept o1 and has until 08:20 for o2; b2 has o3; o4 has no branch yet."""
    company.order("o1", when="08:00", branch="b1")
    company.order("o3", when="08:06", branch="b2")
    company.order("o2", when="08:10", branch="b1")
    company.order("o4", when="08:11", branch=None)
    company.wake("08:12")
    return company


@pytest.mark.requirement("EO-22")
def test_EO22_the_desk_shows_the_longest_late_first_then_what_runs_out_next(desks: Any, client_of: Clients):
    rows = get(client_of("desk"), "/desk")
    assert [(row["number"], row["clock"], row["verdict"]) for row in rows] == [
        ("N-o1", "N-01", "late"),
        ("N-o3", "N-01", "open"),
        ("N-o2", "N-01", "open"),
        ("N-o4", "N-02", "open"),
    ]
    assert rows[0] == {
        "order_id": "o1", "number": "N-o1", "customer": "c1", "channel": "web", "customer_class": "standard",
        "branch": "b1", "from": "yard", "to": "a shop", "pieces": 3, "kg": None, "clock": "N-01", "klass": "obligation",
        "verdict": "late", "start": "2026-03-02T00:00:00.000Z", "due": "2026-03-02T00:10:00.000Z",
        "late_from": "2026-03-02T00:10:00.001Z", "to_do": "accept", "owner": "b1", "state": "assigned", "version": 1,
        "more": rows[0]["more"],
    }  # fmt: skip
    assert rows[0]["more"] >= 2  # N-10, N-44


@pytest.mark.requirement("EO-22")
def test_a_desk_sees_only_the_rows_of_its_own_branch(desks: Any, client_of: Clients):
    mine = client_of(("desk", "branch", "b1"))
    assert [row["number"] for row in get(mine, "/desk")] == ["N-o1", "N-o2"]
    assert get(mine, "/desk?branch=b2") == []
    assert get(mine, "/desk/figures?day=2026-03-02")["accepted"] == {"on_time": 0, "of": 1, "open": 1}
    assert get(mine, "/orders/N-o3/clocks", 404)["code"] == "not_found"
    assert get(mine, "/orders/o3/clocks/audit", 404)["code"] == "not_found"
    assert get(client_of(("customer", "customer", "c9")), "/orders/o1/clocks", 404)["code"] == "not_found"
    assert get(client_of(("customer", "customer", "c1")), "/orders/o1/clocks")[0]["clock"] == "N-01"


def test_every_filter_of_the_desk(desks: Any, client_of: Clients):
    client = client_of("admin")
    region = {"id": "b2", "name_zh": "二", "name_en": "Two", "region": "east", "big_region": "coast", "calendar": "A"}
    assert client.post(f"{V1}/branches", json=region).status_code == 201
    found = {q: [row["number"] for row in get(client, f"/desk?{q}")] for q in
             ("branch=b2", "channel=phone", "customer_class=standard", "clock=N-02", "limit=1", "region=east",
              "region=coast", "region=west")}  # fmt: skip
    assert found["branch=b2"] == found["region=east"] == found["region=coast"] == ["N-o3"]
    assert found["channel=phone"] == found["region=west"] == []
    assert len(found["customer_class=standard"]) == 4
    assert (found["clock=N-02"], found["limit=1"]) == (["N-o4"], ["N-o1"])
    [row] = get(client, "/desk?clock=N-44&branch=b2")
    assert (row["clock"], row["to_do"]) == ("N-44", "waybill")


@pytest.mark.requirement("EO-10")
def test_EO10_the_six_milestones_are_countdowns_on_each_order(company: Any, client_of: Clients):
    company.order(when="08:00")
    company.say("order.accepted", "08:07", order="o1", branch="b1")
    shown = {each["clock"]: each for each in get(client_of("desk"), "/orders/N-o1/clocks")}
    local = {name: shown[name]["due"] for name in ("N-07", "N-05", "N-09", "N-10", "N-11")}
    assert local == {
        "N-07": "2026-03-02T00:10:00.000Z",
        "N-05": "2026-03-02T00:12:00.000Z",
        "N-09": "2026-03-02T00:37:00.000Z",
        "N-10": "2026-03-02T15:00:00.000Z",
        "N-11": "2026-03-02T16:00:00.000Z",
    }
    assert shown["N-09"]["waiting"] and not shown["N-05"]["waiting"] and not shown["N-10"]["waiting"]
    assert all(each["explanation"]["zh"] and each["explanation"]["en"] for each in shown.values())
    assert shown["N-09"]["to_do"] == "print"


@pytest.mark.requirement("N-50")
def test_N50_a_question_about_an_order_is_to_be_answered_within_a_quarter_of_an_hour(
    company: Any, client_of: Clients, monkeypatch: pytest.MonkeyPatch
):
    """Asked and answered by the commands: their facts name the order."""
    company.order(when="08:00")
    monkeypatch.setattr(orders, "now_ms", lambda: company.now)
    customer, desk = client_of(("customer", "customer", "c1")), client_of("desk")
    asked = customer.post(f"{V1}/orders/o1/location-request", json={})
    assert asked.status_code == 200, asked.text
    [clock] = [each for each in get(desk, "/orders/o1/clocks") if each["clock"] == "N-50"]
    assert (clock["verdict"], clock["due"]) == ("open", "2026-03-02T00:15:00.000Z")
    company.wake("08:15:00.001")
    assert [each["clock"] for each in company.breaches("N-50")] == ["N-50"]
    answered = desk.post(f"{V1}/orders/o1/location-answer", json={"answer": "in the yard"})
    assert answered.status_code == 200, answered.text
    [clock] = [each for each in get(desk, "/orders/o1/clocks") if each["clock"] == "N-50"]
    assert (clock["verdict"], clock["end"]) == ("late", "2026-03-02T00:15:00.001Z")


def test_the_audit_shows_both_values(company: Any, client_of: Clients):
    company.order(when="08:00")
    company.wake("08:11")
    company.say("order.accepted", "08:05", received="08:30", order="o1", branch="b1")
    entries = get(client_of("auditor"), "/orders/o1/clocks/audit")
    entry = next(each for each in entries if each["clock"] == "N-01")
    assert (entry["before"]["verdict"], entry["after"]["verdict"]) == ("late", "met")
    assert (entry["at"], entry["why"]) == ("2026-03-02T00:30:00.000Z", "order.accepted")
    assert get(client_of(("customer", "customer", "c1")), "/orders/o1/clocks/audit", 403)["code"] == "forbidden"


@pytest.mark.requirement("EO-22")
def test_EO22_the_figures_of_a_day(company: Any, client_of: Clients):
    company.order("o1", when="08:00")
    company.order("o2", when="08:00")
    company.order("o3", when="08:30")
    company.order("o4", when="08:30", branch=None)
    company.say("order.accepted", "08:34", order="o3", branch="b1")
    company.say("order.accepted", "08:36", order="o1", branch="b1")
    company.say("order.assigned", "08:38", order="o4", branch="b2")
    company.say("order.rerouted", "08:40", order="o3", to_branch="b2")
    company.say("order.cancelled", "09:00", order="o1", asked_by="customer", reason="sold out")
    company.say("order.postponed", "09:01", order="o3", to="2026-03-04", asked_by="customer")
    company.say("order.cancelled", "09:02", order="o2", asked_by="customer")
    found = get(client_of("desk"), "/desk/figures?day=2026-03-02")
    assert found["assigned"] == {"on_time": 1, "of": 1, "open": 0}
    assert found["accepted"]["on_time"] == 1  # o3; o1 came late, o2 never, o3 and o4 went on to b2
    assert (found["rerouted"], found["postponed"]) == (1, 1)
    assert found["cancelled"] == {"with_reason": 1, "without_reason": 1}
    assert found["median_accept_ms"] == (4 + 36) * 60_000 // 2
    assert found["hours"][8] == {"hour": 8, "received": 4, "accepted": 2}
    assert (found["from"], found["to"]) == ("2026-03-01T16:00:00.000Z", "2026-03-02T16:00:00.000Z")
    assert get(client_of("desk"), "/desk/figures?day=2026-03-03")["accepted"]["of"] == 0


def test_policies_over_http(company: Any, client_of: Clients):
    admin, desk = client_of("admin"), client_of("desk")
    body = {"values": {"accept.limit": "PT15M"}, "why": "summer", "channel": "web"}
    made = [admin.post(f"{V1}/policies", json=body, headers={"Idempotency-Key": "k1"}) for _ in range(2)]
    assert made[0].status_code == 201 and made[0].json() == made[1].json()
    assert get(desk, "/policies") == [made[0].json()]
    keys = {each["key"]: each for each in get(desk, "/policies/effective?channel=web")["keys"]}
    assert (keys["accept.limit"]["value"], keys["accept.limit"]["default"]) == ("PT15M", "PT10M")
    assert get(desk, "/policies/effective")["id"] == "default"
    other = admin.post(f"{V1}/policies", json=body | {"why": "x"}, headers={"Idempotency-Key": "k1"})
    assert (other.status_code, other.json()["code"]) == (409, "duplicate_key")
    assert desk.post(f"{V1}/policies", json=body).status_code == 403


def test_calendars_over_http(company: Any, client_of: Clients):
    admin, desk = client_of("admin"), client_of("desk")
    assert [(each["name"], each["version"]) for each in get(desk, "/calendars")] == [("A", "seeded"), ("B", "seeded")]
    body = {"holidays": ["2026-03-04"], "why": "typhoon", "version": "seeded"}
    made = admin.put(f"{V1}/calendars/A", json=body)
    assert made.status_code == 200 and made.json()["holidays"] == ["2026-03-04"]
    again = admin.put(f"{V1}/calendars/A", json=body | {"holidays": []})
    assert (again.status_code, again.json()["changed"]["version"]) == (409, made.json()["version"])
    days = get(desk, "/calendars/A/days?from=2026-03-03&to=2026-03-04")
    assert days == [{"date": "2026-03-03", "workday": True}, {"date": "2026-03-04", "workday": False}]
    assert [each["why"] for each in get(desk, "/calendars/A/versions")] == ["typhoon"]
    assert admin.put(f"{V1}/calendars/night", json={"hours": ["20:00/23:00"], "why": "new"}).json()["default"] is False
    assert desk.put(f"{V1}/calendars/A", json=body).status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "body", "says"),
    [
        ("GET", "/desk?limit=0", None, "limit"),
        ("GET", "/desk?branch=" + "x" * 200, None, "branch"),
        ("GET", "/desk/figures?day=yesterday", None, "day"),
        ("GET", "/policies/effective?at=2026-03-02", None, "at"),
        ("GET", "/policies/effective?at=2026-03-02T08:00:00", None, "no offset"),
        ("GET", "/calendars/A/days?from=2026-03-02", None, "to"),
        ("GET", "/calendars/A/days?from=2026-03-02&to=2026-03-01", None, "the first one first"),
        ("GET", "/calendars/A/days?from=0001-01-01&to=9999-12-31", None, "at most"),
        ("GET", "/calendars/..", None, None),
        ("GET", "/calendars/nobody", None, "nobody"),
        ("GET", "/calendars/nobody/versions", None, "nobody"),
        ("GET", "/calendars/nobody/days?from=2026-03-02&to=2026-03-02", None, "nobody"),
        ("POST", "/policies", {}, "values"),
        ("POST", "/policies", {"values": {}, "why": "w"}, "values"),
        ("POST", "/policies", {"values": {"accept.limit": "PT10M"}}, "why"),
        ("POST", "/policies", {"values": {"accept.limit": None}, "why": "w"}, "accept.limit"),
        ("POST", "/policies", {"values": {"accept.limit": "soon"}, "why": "w"}, "accept.limit = 'soon'"),
        ("POST", "/policies", {"values": {"edit.max": 1e400}, "why": "w"}, "edit.max"),
        ("POST", "/policies", {"values": {"nonsense": 1}, "why": "w"}, "nonsense"),
        ("POST", "/policies", {"values": {"edit.max": 3}, "why": "w", "from": "2020-01-01T00:00:00Z"}, "past"),
        ("POST", "/policies", {"values": {"edit.max": 3}, "why": "w", "from": "9999-12-31T24:00:00Z"}, "from"),
        ("POST", "/policies", {"values": {"edit.max": 3}, "why": "a\u0000b"}, "why"),
        ("POST", "/policies", {"values": {"edit.max": 3}, "why": "w", "chanel": "web"}, "chanel"),
        ("PUT", "/calendars/A", {"holidays": ["2026-13-01"], "why": "w"}, "holidays"),
        ("PUT", "/calendars/A", {"holidays": ["2026-03-04"], "workdays": ["2026-03-04"], "why": "w"}, "2026-03-04"),
        ("PUT", "/calendars/A", {"hours": ["late"], "why": "w"}, "late"),
        ("PUT", "/calendars/A", {"hours": ["18:00/08:00"], "why": "w"}, "18:00/08:00"),
        ("PUT", "/calendars/A", {}, "why"),
        ("PUT", "/calendars/a b", {"why": "w"}, "name"),
        ("PUT", "/calendars/" + "x" * 100, {"why": "w"}, "name"),
        ("GET", "/orders/nobody/clocks", None, "nobody"),
        ("GET", "/orders/nobody/clocks/audit", None, "nobody"),
    ],
)
def test_what_is_wrong_is_refused_and_named(
    callers: dict[str, TestClient], method: str, path: str, body: Any, says: str | None
):
    content = None if body is None else json.dumps(body)
    headers = {"content-type": "application/json"}
    answer = callers["admin"].request(method, V1 + path, content=content, headers=headers)
    assert answer.status_code in (404, 405, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    if says is not None:
        assert says in answer.json()["detail"]


DAYS = "/calendars/A/days?from=2026-03-02&to=2026-03-02"


@pytest.mark.parametrize("path", ["/desk", "/desk/figures", "/policies", "/policies/effective", "/calendars",
                                  "/calendars/A", "/calendars/A/versions", "/orders/o1/clocks",
                                  "/orders/o1/clocks/audit", DAYS])  # fmt: skip
def test_nobody_in_particular_sees_nothing_and_a_customer_no_desk(callers: dict[str, TestClient], path: str):
    assert get(callers["nobody"], path, 401)["code"] == "unauthorized"
    outsider = callers["customer"].get(V1 + path)
    assert outsider.status_code in (403, 404)


def test_ten_megabytes_are_refused(callers: dict[str, TestClient]):
    answer = callers["admin"].post(f"{V1}/policies", content=b"[" * 10_000_000)
    assert answer.status_code == 413
