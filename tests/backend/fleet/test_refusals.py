"""Devices of ours that the broker refuses: found in its log, told with the reason, gone once they come in."""

import time
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import insert, update

from milepost.broker import EmbeddedBroker
from milepost.db import Database
from milepost.fleet import devices
from milepost.fleet.accounts import NatsFile
from milepost.fleet.refusals import Refusals, refusals_in, refused
from milepost.ingest.tables import device_contact

NOW = 1_790_000_000_000
LINE = '[3350] 2026/11/27 03:59:11.243806 [ERR] 127.0.0.1:36463 - mid:6 - "{0}" - authentication error - User "{0}"\n'
NOBODY = '[3350] 2026/11/27 03:59:14.279007 [ERR] 127.0.0.1:38109 - mid:27 - "anon1" - authentication error\n'
AFTER = '[3350] 2026/11/27 03:59:14.279028 [ERR] 127.0.0.1:38109 - mid:27 - "anon1" - unable to connect: auth error\n'


def test_refusals_are_read_from_the_log_and_counted_once_each() -> None:
    text = LINE.format("mp-0001") * 2 + NOBODY + AFTER + "[1] [INF] Server is ready\n" + LINE.format("AA:BB")
    assert refusals_in(text) == {"mp-0001": (2, True), "anon1": (1, False), "AA:BB": (1, True)}
    assert refusals_in('- mid:1 - "' + "x" * 300 + '" - authentication error\n') == {"x" * 64: (1, False)}
    assert len(refusals_in("".join(LINE.format(f"d{n}") for n in range(5_000)))) <= 200


class Watched:
    """A log file that a test writes, and who stands as refused."""

    def __init__(self, db: Database, log: Path) -> None:
        self.db, self.log, self.now = db, log, NOW
        self.watch = Refusals(db, log, lambda: self.now)

    def told(self, text: str) -> dict[str, str]:
        with self.log.open("a") as log:
            log.write(text)
        self.watch.round()
        with self.db.read() as conn:
            return {each.name: each.why for each in refused(conn)}


@pytest.fixture
def watched(db: Database, tmp_path: Path) -> Watched:
    log = tmp_path / "nats.log"
    log.write_text(LINE.format("mp-old"))  # read by the process before this one
    return Watched(db, log)


def test_each_is_told_with_its_reason(watched: Watched, db: Database) -> None:
    with db.tx() as conn:
        devices.enter_device(conn, device_id="mp-0001", role="tracker", name="x")
        devices.enter_device(conn, device_id="mp-0002", role="tracker", name="x")
        devices.remove_device(conn, "mp-0002", NoAccounts())
    said = "".join(LINE.format(name) for name in ("mp-0001", "mp-0002", "mp-0003", "AA:BB:CC")) + NOBODY
    assert watched.told(said) == {
        "mp-0001": "password", "mp-0002": "removed", "mp-0003": "unknown", "AA:BB:CC": "name", "anon1": "nobody",
    }  # fmt: skip


def test_it_is_over_once_the_device_has_come_in_or_has_not_tried_for_a_week(watched: Watched, db: Database) -> None:
    assert watched.told(LINE.format("mp-0001") + LINE.format("mp-0002")) == {"mp-0001": "unknown", "mp-0002": "unknown"}
    with db.tx() as conn:
        contact = {"device": "mp-0001", "online": True, "updated_at": NOW, "last_heard_at": NOW + 1_000}
        conn.execute(insert(device_contact), [contact])
    assert watched.told("") == {"mp-0002": "unknown"}
    watched.now = NOW + 60_000
    assert set(watched.told(LINE.format("mp-0001"))) == {"mp-0001", "mp-0002"}  # refused again since
    with db.tx() as conn:
        conn.execute(update(device_contact).values(last_heard_at=NOW + 61_000))
    watched.now = NOW + 8 * 86_400_000
    assert watched.told("") == {}


def test_a_line_that_is_still_being_written_is_read_with_its_end_and_a_rotated_log_from_its_start(
    watched: Watched,
) -> None:
    line = LINE.format("mp-0001")
    assert watched.told(line[:60]) == {}
    assert watched.told(line[60:]) == {"mp-0001": "unknown"}
    watched.log.write_text("")
    assert set(watched.told(LINE.format("mp-0002"))) == {"mp-0001", "mp-0002"}


class NoAccounts:
    def put(self, device_id: str, password: str) -> None: ...

    def remove(self, device_id: str) -> None: ...


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[tuple[EmbeddedBroker, NatsFile, int]]:
    made = EmbeddedBroker(tmp_path)
    accounts = NatsFile(made.users_file, made.reload)
    accounts.service("ingest", "s" * 24)
    _, port = made.start()
    yield made, accounts, port
    made.stop()


def test_the_real_broker_writes_what_is_read_here(broker: tuple[EmbeddedBroker, NatsFile, int], db: Database) -> None:
    embedded, accounts, port = broker
    with db.tx() as conn:
        made = devices.register_device(conn, device_id="mp-0001", role="tracker", name="x", accounts=accounts)
    watch = Refusals(db, embedded.log)
    for user, password in (("mp-0001", "wrong"), ("mp-0002", "whatever"), ("mp-0001", made.password)):
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=user, protocol=mqtt.MQTTv311)
        client.username_pw_set(user, password)
        answered: list[object] = []
        client.on_connect = lambda *args, seen=answered: seen.append(args[3])
        client.connect("127.0.0.1", port)
        client.loop_start()
        until = time.monotonic() + 10
        while not answered and time.monotonic() < until:
            time.sleep(0.01)
        client.disconnect()
        client.loop_stop()
        assert answered
    until, found = time.monotonic() + 5, {}
    while len(found) < 2 and time.monotonic() < until:
        watch.round()
        with db.read() as conn:
            found = {each.name: (each.why, each.times) for each in refused(conn)}
    assert found == {"mp-0001": ("password", 1), "mp-0002": ("unknown", 1)}
