"""Dead letters on pages: run again where the button stands, and told there what came of it."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from milepost.db import Database
from milepost.fleet import devices
from milepost.ingest import dead_letters
from milepost.ingest.model import UP, SpoolItem
from milepost.ingest.service import Ingest
from milepost.ingest.session import Broker
from milepost.ingest.spool import Message, Spool
from milepost.settings import Settings
from milepost.times import now_ms
from milepost_device import wire

Clients = Callable[..., TestClient]
NOWHERE = Broker("127.0.0.1", 1, "mp-ingest", "none")  # nobody listens: only what runs behind the spool is of interest


class Sink:
    """Takes items, or fails at those of a device as a sink with a fault in its code does."""

    name = "store"

    def __init__(self) -> None:
        self.had: list[SpoolItem] = []
        self.at = 0
        self.fails_at = ""

    def position(self) -> int:
        return self.at

    def handle(self, items: list[SpoolItem]) -> None:
        for item in items:
            if item.payload and item.device == self.fails_at:
                raise ValueError("a fault in the code")
        self.had += [item for item in items if item.payload]
        self.at = items[-1].id


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    made = Spool(tmp_path / "spool.db")
    yield made
    made.close()


@pytest.fixture
def ingest(tmp_path: Path, spool: Spool, sink: Sink) -> Iterator[Ingest]:
    settings = Settings(data_dir=tmp_path, disk_warn_mb=16, disk_stop_mb=8)  # pyright: ignore[reportCallIssue]
    running = Ingest(settings, spool, [sink], NOWHERE)  # pyright: ignore[reportArgumentType]
    running.start()
    yield running
    running.stop()


@pytest.fixture
def client(client_of: Clients, ingest: Ingest, db: Database) -> TestClient:
    with db.tx() as conn:
        devices.enter_device(conn, device_id="gps-1", role="tracker", name="gps-1")
    found: Any = client_of("engineer")
    found.app.state.ingest = ingest
    return found


def batch(seq: int = 1) -> bytes:
    writer = wire.BatchWriter()
    writer.begin(7, seq, 1, 1, 0)
    writer.add(wire.Health(t=1, ms=0, clock=wire.CLOCK_GNSS, values=[(4, 9)]))
    return bytes(writer.finish())


def letter(spool: Spool, payload: bytes, reason: str = "version") -> int:
    with spool.tx() as conn:
        dead_letters.bury(
            conn, device="gps-1", channel=UP, at=now_ms(), payload=payload, reason=reason, detail="from a newer device"
        )  # fmt: skip
    return dead_letters.listed(spool.connection(), device="gps-1")[0].id


def press(client: TestClient, page: str, letter_id: int) -> str:
    """Press the button of a letter as a browser does, and read the page that comes."""
    form = re.search(rf'<form[^>]*action="(/dead-letters/{letter_id}/rerun)">(.*?)</form>', client.get(page).text)
    assert form is not None
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form[2]))
    answer = client.post(form[1], data=fields)
    assert answer.status_code == 200 and answer.url.path == page.partition("?")[0], "on the same page"
    return answer.text


@pytest.mark.parametrize("page", ["/dead-letters", "/fleet/gps-1"])
def test_a_letter_that_can_be_read_now_reaches_the_sinks_and_the_page_says_so(
    client: TestClient, spool: Spool, sink: Sink, page: str
) -> None:
    number = letter(spool, batch())
    client.get("/live?lang=en")
    text = press(client, page, number)
    assert f"Letter {number} was run again: it was read, and every part has it." in text
    assert [item.payload for item in sink.had] == [batch()]
    assert f'action="/dead-letters/{number}/rerun"' not in text
    assert "读懂了，各环节都已收到" in client.get(f"{page}?lang=zh&letter={number}&result=read").text


def test_one_that_fails_again_is_a_dead_letter_anew_and_the_page_says_why(
    client: TestClient, spool: Spool, sink: Sink
) -> None:
    number = letter(spool, batch(), "sink")
    sink.fails_at = "gps-1"
    client.get("/live?lang=en")
    text = press(client, "/dead-letters", number)
    assert f"Letter {number} was run again and failed again" in text
    assert "a fault in the code" in text
    assert f'action="/dead-letters/{number}/rerun"' in text, "it can be tried once more"
    sink.fails_at = ""  # the update that mends it
    assert "it was read" in press(client, "/dead-letters", number)
    assert len(sink.had) == 1


def test_one_that_still_cannot_be_read_stays_as_it_is(client: TestClient, spool: Spool, sink: Sink) -> None:
    number = letter(spool, b"nonsense", "magic")
    client.get("/live?lang=en")
    assert f"Letter {number} still cannot be read" in press(client, "/fleet/gps-1", number)
    assert sink.had == [] and dead_letters.state_of(spool.connection(), number) == ("open", "magic")
    answer = client.post("/dead-letters/99/rerun", data={})
    assert "There is no letter 99." in answer.text


@pytest.mark.parametrize("back", ["//evil.example/", "https://evil.example", "/settings", "/dead-letters\nX: y"])
def test_nobody_is_sent_elsewhere_and_an_address_puts_no_words_on_the_page(client: TestClient, back: str) -> None:
    answer = client.post("/dead-letters/99/rerun", data={"back": back}, follow_redirects=False)
    assert answer.headers["location"].startswith("/dead-letters?letter=99")
    for letter_id, result in (("<b>1</b>", "read"), ("1", "x"), ("1" * 30, "read")):
        assert 'id="said"' not in client.get("/dead-letters", params={"letter": letter_id, "result": result}).text


def test_a_web_worker_shows_the_letters_of_the_workers_on_its_host(
    client_of: Clients, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client: Any = client_of("engineer")
    monkeypatch.setattr(client.app.state.settings, "data_dir", tmp_path)
    assert "Dead letters lie with the process that ingests" in client.get("/dead-letters?lang=en").text
    first, second = Spool(tmp_path / "spool-a.db"), Spool(tmp_path / "spool-b.db")
    first.append([Message("gps-1", UP, now_ms(), b"nonsense")])
    number = letter(second, batch())
    first.close()
    second.close()
    page = client.get("/dead-letters?worker=b").text
    assert 'href="/dead-letters?worker=a"' in page and f"/dead-letters/{number}/payload?worker=b" in page
    text = press(client, "/dead-letters?worker=b", number)
    assert f"Letter {number} is back in the queue" in text
    assert client.get("/dead-letters?worker=nobody").status_code == 200
