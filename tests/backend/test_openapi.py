"""The OpenAPI document is true: whatever is sent by whomever, no endpoint fails, and none answers what it does not
document. Schemathesis makes the requests, over a house in which orders stand at every step."""

import contextlib
import random
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from milepost.db import Database
from milepost.live.hub import LiveHub
from milepost.live.targets import FleetTargets
from milepost.telemetry.sqlite import SqliteTelemetry

CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
FENCE = {"type": "circle", "lat": 31.23, "lon": 121.47, "radius_m": 100}
# Ends the session that asks; tried in tests/backend/access.
_LEFT_OUT = {("POST", "/api/v1/auth/logout")}
_TRIES = {"admin": 2}
Clients = Callable[..., TestClient]


class House:
    """A company with orders at every step, and the ids by which requests can hit something."""

    def __init__(self, client_of: Clients) -> None:
        self.client_of = client_of
        self.admin = client_of("admin")
        self.api: Any = self.admin.app
        self.ids: dict[str, list[str]] = {}
        self.add("branch", self.post("/branches", id="b1", name_zh="一部", name_en="One", region="南", big_region="东",
                                     lat=31.2, lng=121.4)["id"])  # fmt: skip
        self.add("customer", self.post("/customers", id="c1", name="客")["id"])
        self.add("sku", self.post("/goods", sku="CUP", name_zh="杯", name_en="Cup")["sku"])
        for code, kind in (("Y", "origin"), ("S", "consignee"), ("H", "hub"), ("T", "terminal")):
            site = self.post("/sites", code=code, name_zh=code, name_en=code, kind=kind, shape=FENCE)["id"]
            self.add("site", site)
        self.add("door", self.post("/doors", site=self.ids["site"][0], number="1")["id"])
        for plate in ("沪A11111", "沪A22222"):
            self.add("vehicle", self.post("/vehicles", plate=plate)["id"])
        person = {"login": "someone", "name": "S", "password": "correct horse battery", "grants": []}
        self.add("person", self.post("/people", **person)["id"])
        for step in range(9):
            self.order(step)
        self.ids["ref"] = self.ids["order"]
        for name, of in (("person_id", "person"), ("vehicle_id", "vehicle"), ("site_id", "site"), ("door_id", "door"),
                         ("trip_id", "trip"), ("to_branch", "branch"), ("terminal", "site")):  # fmt: skip
            self.ids[name] = self.ids[of]
        alerts = self.admin.get("/api/v1/alerts").json()["items"]
        self.ids["alert_id"] = [each["id"] for each in alerts] or ["none"]
        self.ids["key"] = ["b1", "c1", "CUP"]

    def add(self, name: str, found: str) -> str:
        """Remember an id."""
        self.ids.setdefault(name, []).append(found)
        return found

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        """POST as the administrator; must succeed."""
        answer = self.admin.post(f"/api/v1{path}", json={name.rstrip("_"): value for name, value in body.items()})
        assert answer.is_success, (path, answer.text)
        return answer.json()

    def order(self, steps: int) -> None:
        """An order that has come as far as `steps` of the way."""
        yard, shop = self.ids["site"][:2]
        type_ = "consignment" if steps % 3 == 2 else "goods"
        lines = [{"sku": "CUP", "qty": 2}]
        order = self.post("/orders", type=type_, customer="c1", lines=lines, from_={"site": yard}, to={"site": shop},
                          contact={"name": "shop"}, dates={"ship": "2026-03-02"})["id"]  # fmt: skip
        self.add("order", order)
        talk = {"with": "shop", "about": "order", "result": "ships"}
        way: list[tuple[str, dict[str, Any]]] = [
            ("submit", {}), ("assign", {"branch": "b1"}), ("contact", talk), ("accept", {"branch": "b1"}),
            ("note-printed", {"paper": "A5", "branch": "b1"}), ("confirm", {}),
            ("units", {"units": [{"no": n, "epc": secrets.token_hex(12).upper()} for n in (1, 2)]}),
        ]  # fmt: skip
        for name, body in way[:steps]:
            answer = self.admin.post(f"/api/v1/orders/{order}/{name}", json=body)
            if name == "units" and answer.is_success:
                self.ids.setdefault("unit", []).extend(unit["id"] for unit in answer.json()["units"])
        if steps == 7:
            trip = self.post("/trips", number=f"T{steps}", kind="direct", stops=[{"site": yard}, {"site": shop}])["id"]
            self.add("trip", trip)
            self.post(f"/trips/{trip}/vehicle", vehicle=self.ids["vehicle"][0])
            self.admin.post(f"/api/v1/trips/{trip}/expected", json={"order": order})


@pytest.fixture
def house(client_of: Clients, db: Database, tmp_path: Path) -> Iterator[House]:
    """A house of its own for each test, with its store of readings and its live board."""
    made = House(client_of)
    store = SqliteTelemetry(tmp_path / "telemetry.db")
    made.api.state.telemetry = store
    made.api.state.live = LiveHub(FleetTargets(db), spool_end=0)
    yield made
    store.close()


def _aimed(case: Case, ids: dict[str, list[str]], luck: random.Random) -> Case:
    """Most ids in a request are some that exist: else every answer would be a 404."""

    def aim(value: Any, name: str) -> Any:
        if isinstance(value, dict):
            return {key: aim(each, key) for key, each in value.items()}
        if isinstance(value, list):
            return [aim(each, name.rstrip("s")) for each in value]
        return luck.choice(ids[name]) if isinstance(value, str) and name in ids and luck.random() < 0.8 else value

    case.path_parameters = aim(case.path_parameters or {}, "")
    case.query = aim(case.query or {}, "")
    case.body = aim(case.body, "")
    return case


def _send(case: Case, client: TestClient) -> Any:
    sent = case.as_transport_kwargs(base_url="http://testserver")
    given_ = {name: sent[name] for name in ("params", "cookies", "json") if sent.get(name) is not None}
    if sent.get("data") is not None:
        # A form comes as a mapping, or as pairs when it is meant to be wrong; anything else as it is.
        form = isinstance(sent["data"], dict | list)
        given_["content"] = urlencode(sent["data"], doseq=True) if form else sent["data"]
    headers = {name: value.encode("utf-8", "replace") for name, value in (sent.get("headers") or {}).items()}
    headers.pop("Authorization", None)
    return client.request(sent["method"], sent["url"], headers=headers, **given_)


def _operations(house: House) -> Iterator[Any]:
    schema = schemathesis.openapi.from_dict(house.api.openapi())
    for found in schema.get_all_operations():
        operation = found.ok()
        if (operation.method.upper(), operation.path) not in _LEFT_OUT:
            yield operation


def _try(operation: Any, mode: GenerationMode, house: House, people: list[TestClient], tries: int) -> None:
    negative = mode is GenerationMode.NEGATIVE

    @settings(
        max_examples=tries,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), luck=st.randoms(use_true_random=False))
    def one(case: Case, luck: random.Random) -> None:
        sent = case if negative else _aimed(case, house.ids, luck)
        # The administrator gets furthest; whoever is not let in must be told so as it is documented.
        answer = _send(sent, people[0] if luck.random() < 0.6 else luck.choice(people))
        # The one 5xx that is meant: the part that takes readings in needs a broker, and does not run here.
        assert answer.status_code < 500 or answer.json()["code"] == "unavailable", answer.text
        sent.validate_response(answer, checks=[*CHECKS, negative_data_rejection] if negative else CHECKS)

    # Nothing is wrong about a request that has nothing to be wrong.
    with contextlib.suppress(Unsatisfiable):
        one()


def _fuzz(house: House, tries: int) -> str:
    people = [house.admin, *(house.client_of(*grants) for grants in ROLES)]
    wrong = []
    for operation in _operations(house):
        for mode, share in ((GenerationMode.POSITIVE, 2), (GenerationMode.NEGATIVE, 1)):
            try:
                _try(operation, mode, house, people, tries * share)
            except Exception as error:  # one finding per operation and mode; the next is tried all the same
                wrong.append(f"{operation.method.upper()} {operation.path} ({mode.value}): {_told(error)}")
    return "\n".join(wrong)


def _told(error: BaseException | None) -> str:
    if error is None:
        return ""
    nested = getattr(error, "exceptions", ())
    inner = "; ".join(_told(each) for each in nested) or _told(error.__cause__)
    return f"{type(error).__name__}: {str(error)[:1500]} {inner}".strip()


ROLES: tuple[tuple[Any, ...], ...] = (
    (("desk", "branch", "b1"),),
    (("customer", "customer", "c1"),),
    ("driver", "keeper"),
    (("dispatcher", "branch", "elsewhere"),),
    (),
)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_no_request_fails_or_is_answered_as_it_is_not_documented(house: House) -> None:
    assert not (wrong := _fuzz(house, 1)), wrong


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_so_it_is_for_many_requests(house: House) -> None:
    assert not (wrong := _fuzz(house, 8)), wrong


def test_a_method_that_a_path_does_not_know_is_named_with_those_it_does(house: House) -> None:
    for path, methods in house.api.openapi()["paths"].items():
        url = path.replace("{", "").replace("}", "")
        for method in {"get", "post", "put", "patch", "delete"} - methods.keys():
            answer = house.admin.request(method, url)
            assert answer.status_code == 405, (method, path)
            assert answer.json()["code"] == "method_not_allowed"
            assert answer.headers["content-type"] == "application/problem+json"
            assert {each.strip().lower() for each in answer.headers["allow"].split(",")} <= methods.keys() | {"head"}
    assert house.admin.get("/api/v1/nothing/here").json()["code"] == "not_found"


def test_a_body_of_10_MB_is_refused_wherever_one_is_taken(house: House) -> None:
    huge = b'{"text": "' + b"x" * 10_000_000 + b'"}'
    for path, methods in house.api.openapi()["paths"].items():
        for method, operation in methods.items():
            if "requestBody" in operation:
                url = path.replace("{", "").replace("}", "")
                answer = house.admin.request(method, url, content=huge, headers={"Content-Type": "application/json"})
                assert (answer.status_code, answer.json()["code"]) == (413, "too_large"), (method, path)
