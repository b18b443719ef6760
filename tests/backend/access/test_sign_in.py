"""Signing in: who gets a session, how long it lasts, and what guessing costs."""

import sqlite3
from contextlib import closing

import pytest
from fastapi.testclient import TestClient

from milepost.access import service
from milepost.access.model import Grant
from milepost.errors import Conflict, Invalid, RateLimited, Unauthorized

GOOD = "long enough 1"


def account(conn, login="desk01", **extra):
    values = {"login": login, "name": "Desk 01", "grants": [Grant("desk", "branch", "b1")], "now": 1, **extra}
    return service.create_person(conn, password_hash=service.hash_password(GOOD), **values)


def sign_in(conn, login, password, **times):
    return service.open_session(conn, service.check_password(conn, login, password), **times)


def test_a_session_names_its_person_until_it_expires(db):
    with db.tx() as conn:
        account(conn)
        token = sign_in(conn, "desk01", GOOD, now=1000, life_ms=500)
        assert service.principal_of(conn, token, 1499).grants == {Grant("desk", "branch", "b1")}
        assert service.principal_of(conn, token, 1500) is None
        assert service.principal_of(conn, token + "x", 1001) is None


def test_signing_out_and_disabling_end_the_session(db):
    with db.tx() as conn:
        account(conn)
        first, second = (sign_in(conn, "desk01", GOOD, now=1, life_ms=500) for _ in range(2))
        service.sign_out(conn, first)
        assert service.principal_of(conn, first, 2) is None
        assert service.principal_of(conn, second, 2) is not None
        service.set_disabled(conn, "desk01", True)
        assert service.principal_of(conn, second, 2) is None
        with pytest.raises(Unauthorized):
            sign_in(conn, "desk01", GOOD, now=2, life_ms=500)


@pytest.mark.parametrize("login, password", [("desk01", "wrong password"), ("nobody", GOOD)])
def test_wrong_login_and_wrong_password_get_the_same_answer(db, login, password):
    with db.tx() as conn:
        account(conn)
        with pytest.raises(Unauthorized, match="login and password do not match"):
            sign_in(conn, login, password, now=1, life_ms=500)


def test_five_wrong_passwords_lock_the_login_for_a_minute(db):
    with db.tx() as conn:
        for second in range(5):
            service.check_tries(conn, "desk01", second * 1000)
            service.count_failure(conn, "desk01", second * 1000)
        with pytest.raises(RateLimited, match="try again in"):
            service.check_tries(conn, "desk01", 5000)
        service.check_tries(conn, "desk01", 4000 + 60_000)


@pytest.mark.parametrize(
    "change, error",
    [
        ({"login": "Desk 01"}, Invalid),
        ({"grants": [Grant("boss")]}, Invalid),
        ({"grants": [Grant("desk", "branch", "")]}, Invalid),
        ({"grants": [Grant("desk", "company", "b1")]}, Invalid),
    ],
)
def test_an_account_that_means_nothing_is_refused(db, change, error):
    with db.tx() as conn, pytest.raises(error):
        account(conn, **change)


def test_a_password_has_ten_characters_at_least():
    with pytest.raises(Invalid, match="at least 10"):
        service.hash_password("nine char")
    assert GOOD not in service.hash_password(GOOD)


def test_a_login_belongs_to_one_person(db):
    with db.tx() as conn:
        account(conn)
        with pytest.raises(Conflict):
            account(conn)


def test_the_stored_database_opens_no_session(db):
    with db.tx() as conn:
        account(conn)
        token = sign_in(conn, "desk01", GOOD, now=1, life_ms=500)
    with closing(sqlite3.connect(db.engine.url.database)) as file:
        dump = "".join(file.iterdump())
    assert token not in dump and GOOD not in dump


def test_api_says_who_i_am_and_asks_strangers_to_sign_in(client_of):
    desk: TestClient = client_of(("desk", "branch", "b1"))
    assert desk.get("/api/v1/me").json()["grants"] == [{"role": "desk", "scope_kind": "branch", "scope_id": "b1"}]
    stranger: TestClient = client_of()
    answer = stranger.get("/api/v1/me")
    assert answer.status_code == 401
    assert answer.json()["code"] == "unauthorized"


def test_only_an_administrator_makes_accounts(client_of):
    body = {"login": "new.one", "name": "New", "password": GOOD, "grants": [{"role": "keeper"}]}
    assert client_of("desk").post("/api/v1/people", json=body).status_code == 403
    assert client_of("admin").post("/api/v1/people", json=body).status_code == 201


def test_another_site_cannot_use_the_cookie(client_of):
    client: TestClient = client_of("admin")
    del client.headers["Authorization"]  # only the cookie is left
    assert client.post("/api/v1/auth/logout", headers={"Origin": "https://elsewhere.example"}).status_code == 403
    assert client.get("/api/v1/me").status_code == 200
    assert client.post("/api/v1/auth/logout", headers={"Origin": "http://testserver"}).status_code == 204
    assert client.get("/api/v1/me").status_code == 401


def test_guessing_over_http_is_braked(client_of):
    client: TestClient = client_of()
    answers = [
        client.post("/api/v1/auth/login", json={"login": "admin", "password": f"guess {n} guess"}).status_code
        for n in range(6)
    ]
    assert answers == [401] * 5 + [429]
