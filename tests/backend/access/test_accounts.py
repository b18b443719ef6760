"""OD-9: administrators query, edit and disable accounts."""

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

pytestmark = pytest.mark.requirement("OD-9")
PASSWORD = "correct horse battery"
Clients = Callable[..., TestClient]


def _made(admin: TestClient, login: str, *roles: str) -> str:
    body = {"login": login, "name": login.title(), "password": PASSWORD, "grants": [{"role": role} for role in roles]}
    return admin.post("/api/v1/people", json=body).json()["id"]


def _sign_in(client: TestClient, login: str, password: str = PASSWORD) -> int:
    return client.post("/api/v1/auth/login", json={"login": login, "password": password}).status_code


def test_OD9_accounts_are_found_by_part_of_name_by_role_and_by_state(client_of: Clients) -> None:
    admin = client_of("admin")
    locked = _made(admin, "zhang.desk", "desk", "keeper")
    _made(admin, "li.desk", "desk")
    assert admin.patch(f"/api/v1/people/{locked}", json={"disabled": True}).json()["disabled"] is True

    def found(query: str) -> list[str]:
        return [row["login"] for row in admin.get(f"/api/v1/people?{query}").json()]

    assert found("q=ZHANG") == found("role=keeper") == found("disabled=true") == ["zhang.desk"]
    assert found("role=desk&disabled=false") == ["li.desk"]
    assert found("q=%25") == []
    assert found("limit=1") == ["li.desk"] and found("after=li.desk") == ["person1", "zhang.desk"]
    shown = admin.get(f"/api/v1/people/{locked}").json()
    assert [grant["role"] for grant in shown["grants"]] == ["desk", "keeper"] and "password_hash" not in shown


def test_OD9_a_locked_account_is_out_at_once_and_comes_back_when_opened(client_of: Clients) -> None:
    admin, anyone = client_of("admin"), client_of()
    person = _made(admin, "wang", "desk")
    token = anyone.post("/api/v1/auth/login", json={"login": "wang", "password": PASSWORD}).json()["token"]
    them = {"Authorization": f"Bearer {token}"}
    assert anyone.get("/api/v1/me", headers=them).status_code == 200
    admin.patch(f"/api/v1/people/{person}", json={"disabled": True})
    assert anyone.get("/api/v1/me", headers=them).status_code == 401
    assert _sign_in(anyone, "wang") == 401
    admin.patch(f"/api/v1/people/{person}", json={"disabled": False})
    assert _sign_in(anyone, "wang") == 200


def test_OD9_an_edit_changes_what_it_names_and_nothing_else(client_of: Clients) -> None:
    admin, anyone = client_of("admin"), client_of()
    person = _made(admin, "wang", "desk")
    before = admin.get(f"/api/v1/people/{person}").json()
    after = admin.patch(f"/api/v1/people/{person}", json={"name": "王", "language": "en"}).json()
    assert after == before | {"name": "王", "language": "en"} and _sign_in(anyone, "wang") == 200
    grants = [{"role": "driver", "scope_kind": "vehicle", "scope_id": "v1"}]
    assert admin.patch(f"/api/v1/people/{person}", json={"grants": grants}).json()["grants"] == grants
    admin.patch(f"/api/v1/people/{person}", json={"password": "another long one"})
    assert (_sign_in(anyone, "wang"), _sign_in(anyone, "wang", "another long one")) == (401, 200)


def test_the_last_administrator_cannot_be_locked_or_demoted(client_of: Clients) -> None:
    admin = client_of("admin")
    me = admin.get("/api/v1/me").json()["id"]
    for change in ({"disabled": True}, {"grants": [{"role": "desk"}]}):
        answer = admin.patch(f"/api/v1/people/{me}", json=change)
        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert admin.get("/api/v1/people").status_code == 200, "nothing of it was kept"
    _made(admin, "second", "admin")
    assert admin.patch(f"/api/v1/people/{me}", json={"disabled": True}).status_code == 200


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"grants": [{"role": "king"}]}, 422),
        ({"grants": [{"role": "desk", "scope_kind": "branch"}]}, 422),
        ({"password": "short"}, 422),
        ({"language": "de"}, 422),
        ({"misspelt": 1}, 422),
        ({"name": "a\x00b"}, 422),
        ({"name": ""}, 422),
    ],
)
def test_odd_changes_are_refused_and_nothing_is_kept(client_of: Clients, change: dict, status: int) -> None:
    admin = client_of("admin")
    person = _made(admin, "wang", "desk")
    before = admin.get(f"/api/v1/people/{person}").json()
    assert admin.patch(f"/api/v1/people/{person}", json=change).status_code == status
    assert admin.get(f"/api/v1/people/{person}").json() == before


def test_only_administrators_see_and_change_accounts(client_of: Clients) -> None:
    admin, desk = client_of("admin"), client_of("desk")
    person = _made(admin, "wang", "desk")
    assert desk.get("/api/v1/people").status_code == 403
    assert desk.get(f"/api/v1/people/{person}").status_code == 403
    assert desk.patch(f"/api/v1/people/{person}", json={"disabled": True}).status_code == 403
    assert admin.get("/api/v1/people/nobody").status_code == 404
