"""Devices that knock, on their page: seen by engineers, let in by one form, in both languages."""

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient
from paper_browser import opened
from sqlalchemy import insert

from milepost.db import Database
from milepost.fleet import devices, repository, service
from milepost.ingest.foreign import identities
from milepost.ingest.foreign.tables import foreign_caller
from milepost.ingest.tables import device_contact
from milepost.times import now_ms

Clients = Callable[..., TestClient]
NOW = now_ms()


@pytest.fixture
def knocking(db: Database) -> None:
    """A terminal and a phone that called, and a device of ours that the fleet does not know; one that it knows."""
    with db.tx() as conn:
        seen = {"first_at": NOW - 60_000, "last_at": NOW, "times": 3}
        conn.execute(
            insert(foreign_caller),
            [
                {"protocol": "jt808", "identifier": "013912345678", "said": "maker <b>X</b>", **seen},
                {"protocol": "owntracks", "identifier": "li/phone", "said": "", **seen},
            ],
        )
        contact = {"online": True, "updated_at": NOW, "last_received_at": NOW, "fw": "1.4.0"}
        conn.execute(insert(device_contact), [{"device": name, **contact} for name in ("gps-9", "gps-1")])
        devices.enter_device(conn, device_id="gps-1", role="tracker", name="gps-1")
        service.add_vehicle(conn, plate="沪A12345")


def test_engineers_see_who_knocks(knocking: None, client_of: Clients) -> None:
    engineer = client_of("engineer")
    assert "Devices that knock <b>3</b>" in engineer.get("/fleet?lang=en").text
    page = engineer.get("/adopt?lang=en").text
    for text in ("013912345678", "JT/T 808", "li/phone", "gps-9", "1.4.0", "maker &lt;b&gt;X&lt;/b&gt;"):
        assert text in page, text
    assert "gps-1<" not in page
    chinese = engineer.get("/adopt?lang=zh").text
    assert "来敲门的设备" in chinese and "自家设备" in chinese
    assert client_of("dispatcher").get("/adopt").status_code == 403
    assert "/adopt" not in client_of("dispatcher").get("/fleet?lang=en").text


def test_a_terminal_is_let_in_and_put_on_its_truck(knocking: None, client_of: Clients, db: Database) -> None:
    page = opened(client_of("engineer"), "/adopt?lang=en").send("/adopt", name="Box 7", plate="沪a·12345")
    assert page.status == 200 and "013912345678 is in." in page.html and "auth code when it registers" in page.html
    with db.read() as conn:
        assert [each.device for each in identities.all_of(conn)] == ["013912345678"]
        [binding] = repository.bindings(conn, device_id="013912345678")
        assert binding["target_kind"] == "vehicle"
        found = repository.find_device(conn, "013912345678")
        assert found is not None and found["name"] == "Box 7"
        assert [each.identifier for each in identities.callers(conn)] == ["li/phone"]


def test_a_phone_needs_an_id_and_is_shown_its_secret_this_once(
    knocking: None, client_of: Clients, db: Database
) -> None:
    client = client_of("engineer")
    client.get("/adopt?lang=en")
    body = {"protocol": "owntracks", "identifier": "li/phone", "device": "", "name": "Li"}
    refused = client.post("/adopt", data=body)
    assert refused.status_code == 422 and "Name a device id" in refused.text and 'value="Li"' in refused.text
    page = client.post("/adopt", data=body | {"device": "van-7"}).text
    with db.read() as conn:
        [identity] = identities.all_of(conn)
    secret = page.split("put it into the device: ")[1].split()[0]
    assert identity.proven_by(secret) and not identity.proven_by(secret + "x")
    assert secret not in client.get("/adopt").text
    again = client.post("/adopt", data=body | {"device": "van-8"})
    assert again.status_code == 422 and "It is in already" in again.text
    with db.read() as conn:
        assert repository.find_device(conn, "van-8") is None, "nothing half done"


def test_a_device_of_ours_is_entered_and_keeps_its_account(knocking: None, client_of: Clients, db: Database) -> None:
    client = client_of("engineer")
    client.get("/adopt?lang=en")
    body = {"protocol": "own", "identifier": "gps-9", "role": "tracker", "name": "", "plate": "沪Z00000"}
    refused = client.post("/adopt", data=body)
    assert refused.status_code == 422 and "There is no vehicle 沪Z00000" in refused.text
    with db.read() as conn:
        assert repository.find_device(conn, "gps-9") is None
    assert "gps-9 is in." in client.post("/adopt", data=body | {"plate": ""}).text
    with db.read() as conn:
        found = repository.find_device(conn, "gps-9")
    assert found is not None and found["role"] == "tracker"
    assert "Devices that knock <b>2</b>" in client.get("/fleet").text


@pytest.mark.parametrize("body", [{}, {"protocol": "x", "identifier": "y"}, {"protocol": "own", "identifier": "NO!"},
                                  {"protocol": "own", "identifier": "gps-9", "role": "king"}])  # fmt: skip
def test_nonsense_lets_nobody_in(knocking: None, client_of: Clients, db: Database, body: dict[str, str]) -> None:
    assert client_of("engineer").post("/adopt", data=body).status_code == 422
    assert client_of("dispatcher").post("/adopt", data=body).status_code == 403
    with db.read() as conn:
        assert len(repository.devices(conn)) == 1


def test_nobody_knocks(client_of: Clients) -> None:
    assert "Nobody unknown has knocked" in client_of("engineer").get("/adopt?lang=en").text


class Accounts:
    """What the broker was told."""

    def __init__(self) -> None:
        self.put_for: dict[str, str] = {}

    def put(self, device_id: str, password: str) -> None:
        self.put_for[device_id] = password

    def remove(self, device_id: str) -> None: ...


@pytest.fixture
def shut_out(db: Database) -> None:
    """A device of ours with a wrong password, one that nobody registered, and one without a user name."""
    with db.tx() as conn:
        devices.enter_device(conn, device_id="gps-1", role="tracker", name="gps-1")
        calls = {("mqtt", "gps-1"): (7, NOW, ""), ("mqtt", "gps-2"): (1, NOW, ""), ("mqtt", "x"): (1, NOW, "nobody")}
        identities.note_callers(conn, calls)


def test_who_the_broker_refuses_stands_with_the_reason_and_what_to_do(shut_out: None, client_of: Clients) -> None:
    engineer = client_of("engineer")
    assert "Devices that knock <b>3</b>" in engineer.get("/fleet?lang=en").text
    english, chinese = engineer.get("/adopt?lang=en").text, engineer.get("/adopt?lang=zh").text
    for text in ("Wrong password.", "tries: 7", "Not registered.", "It names no user.", "milepost provision"):
        assert text in english, text
    for text in ("密码不对。", "试了 7 次", "没有登记过。", "没有报用户名。", "重新配置"):
        assert text in chinese, text
    assert "Of other makers" not in english


def test_a_refused_device_gets_a_new_password_and_an_unknown_one_is_registered(
    shut_out: None, client_of: Clients, db: Database
) -> None:
    engineer, accounts = client_of("engineer"), Accounts()
    engineer.app.state.accounts = accounts  # pyright: ignore[reportFunctionMemberAccess]
    known, unknown = (form for form in opened(engineer, "/adopt?lang=en").forms if form.action == "/adopt")
    told = engineer.post("/adopt?lang=en", data=dict(known.values)).text
    assert f"Password of gps-1: {accounts.put_for['gps-1']}" in told
    told = engineer.post("/adopt?lang=en", data=dict(unknown.values) | {"role": "reader", "name": "Door 7"}).text
    assert f"Password of gps-2: {accounts.put_for['gps-2']}" in told
    with db.read() as conn:
        found = repository.find_device(conn, "gps-2")
        assert found is not None and (found["role"], found["name"]) == ("reader", "Door 7")


def test_without_accounts_of_ours_the_page_says_where_to_change_it(shut_out: None, client_of: Clients) -> None:
    page = opened(client_of("engineer"), "/adopt?lang=en").send("/adopt")
    assert page.status == 422 and "Accounts are kept on a broker of your own" in page.text
