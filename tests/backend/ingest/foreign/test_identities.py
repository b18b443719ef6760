"""Which device stands behind an identifier: entering, adopting with one call, removing, and who may."""

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from milepost.db import Database
from milepost.ingest.foreign import identities

Clients = Callable[..., TestClient]


@pytest.fixture
def engineer(client_of: Clients) -> TestClient:
    return client_of("engineer")


def call_from(db: Database, protocol: str, identifier: str, times: int = 1, at: int = 1_772_424_306_000) -> None:
    with db.tx() as conn:
        identities.note_callers(conn, {(protocol, identifier): (times, at, "MAKER BOX 7")})


def test_an_unknown_caller_is_adopted_with_one_call(engineer: TestClient, db: Database) -> None:
    call_from(db, "jt808", "013912345678")
    (caller,) = engineer.get("/api/v1/foreign/callers").json()
    assert (caller["said"], caller["device"]) == ("MAKER BOX 7", "013912345678")
    body = {"protocol": caller["protocol"], "identifier": caller["identifier"]}
    made = engineer.post("/api/v1/foreign/adopt", json=body)
    assert made.status_code == 201
    assert made.json() == {**body, "device": "013912345678", "secret": None}  # it gets its code when it registers
    assert engineer.get("/api/v1/foreign/callers").json() == []
    assert engineer.get("/api/v1/devices/013912345678").json()["name"] == "013912345678"
    (held,) = engineer.get("/api/v1/devices/013912345678/identities").json()["items"]
    assert (held["numbered"], held["has_secret"], held["open"]) == (False, False, False)


def test_a_phone_is_given_its_secret_once(engineer: TestClient) -> None:
    body = {"protocol": "owntracks", "identifier": "Wang/vivo", "device": "phone-2", "name": "王的手机"}
    made = engineer.post("/api/v1/foreign/adopt", json=body).json()
    assert len(made["secret"]) == 24
    text = engineer.get("/api/v1/devices/phone-2/identities").text
    assert made["secret"] not in text
    assert engineer.get("/api/v1/devices/phone-2").json()["name"] == "王的手机"


def test_an_identifier_that_is_no_device_id_needs_one(engineer: TestClient) -> None:
    answer = engineer.post("/api/v1/foreign/adopt", json={"protocol": "owntracks", "identifier": "wang/vivo"})
    assert (answer.status_code, answer.json()["code"]) == (422, "validation")


def test_one_device_may_have_several_identities_and_one_identity_only_one_device(engineer: TestClient) -> None:
    for device in ("one", "two"):
        body = {"protocol": "osmand", "identifier": f"osm-{device}", "device": device}
        assert engineer.post("/api/v1/foreign/adopt", json=body).status_code == 201
    path = "/api/v1/devices/one/identities"
    made = engineer.post(path, json={"protocol": "jt808", "identifier": "13912345678"}).json()
    assert made["identifier"] == "013912345678"
    taken = engineer.post(path, json={"protocol": "osmand", "identifier": "osm-two"})
    assert (taken.status_code, taken.json()["changed"]) == (409, "identifier")
    gone = engineer.delete(path, params={"protocol": "jt808", "identifier": "013912345678"})
    assert gone.status_code == 204
    assert [each["identifier"] for each in engineer.get(path).json()["items"]] == ["osm-one"]
    again = engineer.delete(path, params={"protocol": "jt808", "identifier": "013912345678"})
    assert again.status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {"protocol": "gt06", "identifier": "1"},
        {"protocol": "jt808", "identifier": "not a number"},
        {"protocol": "owntracks", "identifier": "no-slash"},
        {"protocol": "osmand", "identifier": "a b"},
        {"protocol": "osmand", "identifier": "a", "secret": "short"},
        {"protocol": "jt808", "identifier": "1", "secret": "密码密码密码"},
    ],
)
def test_what_is_no_identity_is_refused(engineer: TestClient, body: dict[str, str]) -> None:
    answer = engineer.post("/api/v1/foreign/adopt", json={"device": "one", **body})
    assert (answer.status_code, answer.json()["code"]) == (422, "validation")


def test_only_engineers_decide_who_is_who(client_of: Clients) -> None:
    body = {"protocol": "osmand", "identifier": "a", "device": "one"}
    assert client_of("dispatcher").post("/api/v1/foreign/adopt", json=body).status_code == 403
    assert client_of("dispatcher").get("/api/v1/foreign/callers").status_code == 200
    assert client_of("driver").get("/api/v1/foreign/callers").status_code == 403
    assert client_of().get("/api/v1/foreign").status_code == 401


def test_the_promises_of_each_protocol_are_told(engineer: TestClient) -> None:
    found = engineer.get("/api/v1/foreign").json()
    assert {each["protocol"]: each["numbered"] for each in found["protocols"]} == {
        "jt808": False,
        "osmand": False,
        "owntracks": False,
    }
    assert found["running"] is None


def test_the_list_of_unknown_callers_is_bounded_and_keeps_the_latest(db: Database) -> None:
    many = {("osmand", f"id-{n}"): (1, 1_000_000 + n, "") for n in range(identities.MAX_CALLERS + 20)}
    with db.tx() as conn:
        identities.note_callers(conn, many)
    call_from(db, "osmand", f"id-{identities.MAX_CALLERS}", times=4, at=9_000_000)
    with db.read() as conn:
        found = identities.callers(conn)
    assert len(found) == identities.MAX_CALLERS
    assert (found[0].identifier, found[0].times, found[0].first_at) == (f"id-{identities.MAX_CALLERS}", 5, 1_000_500)
    assert found[-1].identifier == "id-20"


@pytest.mark.parametrize("db", ["postgresql"], indirect=True)
def test_so_it_is_on_postgresql(db: Database, engineer: TestClient) -> None:
    call_from(db, "jt808", "013912345678")
    call_from(db, "jt808", "013912345678", times=2)
    assert engineer.get("/api/v1/foreign/callers").json()[0]["times"] == 3
    body = {"protocol": "jt808", "identifier": "013912345678"}
    assert engineer.post("/api/v1/foreign/adopt", json=body).status_code == 201
    with db.tx() as conn:
        assert identities.register(conn, "jt808", "013912345678", "MAKER", 1)
        assert identities.register(conn, "jt808", "013912345678", "OTHER", 1) is None
