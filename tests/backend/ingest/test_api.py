"""Dead letters over HTTP."""

from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from milepost.db import Database
from milepost.ingest import dead_letters
from milepost.ingest.contact import StateSink
from milepost.ingest.model import SpoolItem
from milepost.ingest.service import Ingest
from milepost.ingest.session import Broker
from milepost.ingest.spool import Message, Spool
from milepost.ingest.tables import device_contact
from milepost.settings import Settings
from milepost_device import wire

from .conftest import T0, batch, drive, fix


@pytest.fixture
def ingest(spool: Spool, settings: Settings) -> Ingest:
    return Ingest(settings, spool, [], Broker("127.0.0.1", 9, "u", "p"))  # not started: no broker needed


@pytest.fixture
def engineer(client_of: Callable[..., TestClient], ingest: Ingest) -> TestClient:
    client = client_of("engineer")
    client.app.state.ingest = ingest  # pyright: ignore[reportAttributeAccessIssue]
    return client


def test_dead_letters_are_listed_with_their_reason_and_bytes(engineer: TestClient, spool: Spool) -> None:
    spool.append([Message("truck-1", "up", 1_777_800_000_000 + n, b"rubbish %d" % n) for n in range(3)])
    page = engineer.get("/api/v1/dead-letters", params={"limit": 2}).json()
    assert [(each["device"], each["reason"], each["size"], each["state"]) for each in page["items"]] == [
        ("truck-1", "short", 9, "open")
    ] * 2
    rest = engineer.get("/api/v1/dead-letters", params={"limit": 2, "before": page["next"]}).json()
    assert [each["at"] for each in rest["items"]] == ["2026-05-03T09:20:00.000Z"]
    assert rest["next"] is None
    letter = rest["items"][0]["id"]
    assert engineer.get(f"/api/v1/dead-letters/{letter}/payload").content == b"rubbish 0"
    assert engineer.get("/api/v1/dead-letters", params={"device": "other"}).json()["items"] == []


def test_one_is_run_again_only_when_it_can_be_read(
    engineer: TestClient, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    readable = drive(1, 5)
    with spool.tx() as conn:
        for payload in (b"rubbish", readable):
            dead_letters.bury(conn, device="truck-1", channel="up", at=7, payload=payload, reason="version", detail="9")
    rubbish, good = 1, 2
    answer = engineer.post(f"/api/v1/dead-letters/{rubbish}/rerun")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert spool.after(0) == []
    assert engineer.post(f"/api/v1/dead-letters/{good}/rerun").status_code == 202
    assert [(item.device, item.received_ms, item.payload) for item in spool.after(0)] == [("truck-1", 7, readable)]
    states = {each["id"]: each["state"] for each in engineer.get("/api/v1/dead-letters").json()["items"]}
    assert states == {rubbish: "open", good: "rerun"}
    assert engineer.post("/api/v1/dead-letters/99/rerun").status_code == 404


@pytest.mark.parametrize(("role", "status"), [("dispatcher", 200), ("admin", 200), ("driver", 403), ("customer", 403)])
def test_only_those_who_mend_devices_see_them(
    client_of: Callable[..., TestClient], ingest: Ingest, role: str, status: int
) -> None:
    client = client_of(role)
    client.app.state.ingest = ingest  # pyright: ignore[reportAttributeAccessIssue]
    for path in ("/api/v1/dead-letters", "/api/v1/ingest"):
        assert client.get(path).status_code == status


def test_a_process_without_ingest_says_so(client_of: Callable[..., TestClient]) -> None:
    assert client_of("engineer").get("/api/v1/dead-letters").status_code == 503


def test_the_contact_of_a_device_never_goes_back(db: Database, spool: Spool) -> None:
    sink = StateSink(db, spool)
    now = (wire.EPOCH + T0) * 1000
    spool.append([Message("truck-1", "up", now + 60_000, batch([fix(50)], first=50, tail=50))])
    items = spool.after(0)
    sink.handle(items)
    late = SpoolItem(items[-1].id + 1, "truck-1", "up", now + 61_000, batch([fix(3)], first=3))
    broken_clock = SpoolItem(late.id + 1, "truck-1", "up", now + 62_000, batch([fix(60, t=T0 + 10_000_000)], first=60))
    sink.handle([late])
    sink.handle([broken_clock])
    with db.read() as conn:
        row = dict(conn.execute(device_contact.select()).mappings().one())
    assert row["last_record_at"] == now + 50_000
    assert row["last_received_at"] == now + 62_000
    assert row["acknowledged"] == 50
    assert sink.position() == broken_clock.id


def test_states_of_every_shape_are_taken_for_what_they_are(db: Database, spool: Spool, tmp_path: Path) -> None:
    sink = StateSink(db, spool)
    shapes = [b"", b"x", b"[]", b'{"online": 1, "fw": 7, "cfg": "x", "boot": true}', b'{"online": true, "cfg": 1e400}']
    for number, payload in enumerate(shapes, 1):
        sink.handle([SpoolItem(number, f"d{number}", "state", number, payload)])
    with db.read() as conn:
        online = {row.device: row.online for row in conn.execute(device_contact.select())}
    assert online == {"d1": False, "d2": False, "d3": False, "d4": False, "d5": True}
