"""Ingest on brokers of your own, run from exactly the files that we ship: a long outage loses nothing and stalls
nothing. What the defaults of a broker would do is tried beside it."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from milepost.ingest import dead_letters, receiver
from milepost.ingest.service import Ingest
from milepost.ingest.spool import Message, Spool
from milepost.parts import own_accounts
from milepost.settings import Settings
from milepost.telemetry.sink import TelemetrySink
from milepost.telemetry.sqlite import SqliteTelemetry
from milepost_device import wire

from .brokers import MosquittoHouse, NatsHouse, OwnBroker
from .conftest import STREAM, Device, drive, fix, until

MANY = 1_500  # messages: more than the 1,000 that Mosquitto queues by default, and than any broker has in flight
SIZE = 2  # records in each
KINDS = [pytest.param(MosquittoHouse, marks=pytest.mark.mosquitto, id="mosquitto"), pytest.param(NatsHouse, id="nats")]


class Backend:
    """Ingest with a telemetry store, started and stopped as often as a test likes."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self.spool, self.store = Spool(folder / "spool.db"), SqliteTelemetry(folder / "telemetry.db")
        self._settings = settings
        self.ingest: Ingest | None = None

    def start(self, house: OwnBroker) -> Ingest:
        self.ingest = Ingest(self._settings, self.spool, [TelemetrySink(self.store)], house.place)
        self.ingest.start()
        assert self.ingest.wait_ready()
        return self.ingest

    def stop(self) -> None:
        if self.ingest is not None:
            self.ingest.stop()

    def stored(self, device: str = "truck-1") -> int:
        return self.store.counts(device, STREAM).stored


@pytest.fixture
def backend(tmp_path: Path, settings: Settings) -> Iterator[Backend]:
    made = Backend(tmp_path, settings)
    yield made
    made.stop()
    made.store.close()
    made.spool.close()


@pytest.fixture
def house_of(tmp_path: Path) -> Iterator[Callable[..., OwnBroker]]:
    made: list[OwnBroker] = []

    def make(kind: type[OwnBroker], *words: object) -> OwnBroker:
        folder = tmp_path / "broker"
        folder.mkdir()
        made.append(kind(folder, *words))  # pyright: ignore[reportCallIssue, reportArgumentType]
        return made[-1]

    yield make
    for each in made:
        each.stop()


def send_many(device: Device) -> None:
    """All of it as quickly as the broker takes it; returns when the broker says that it has it."""
    infos = [device.client.publish(f"mp/v1/{wire.part_of(device.name)}/{device.name}/up", drive(n * SIZE + 1, SIZE), 1)
             for n in range(MANY)]  # fmt: skip
    for info in infos:
        info.wait_for_publish(20)


@pytest.mark.parametrize("kind", KINDS)
def test_an_outage_of_the_backend_with_more_than_the_defaults_hold_loses_nothing(
    kind: type[OwnBroker], house_of: Callable[..., OwnBroker], backend: Backend
) -> None:
    house = house_of(kind)
    backend.start(house)
    device = house.device("truck-1")
    device.send(drive(1, SIZE))
    until(lambda: device.acknowledged(SIZE))
    backend.stop()
    send_many(device)
    began = time.monotonic()
    ingest = backend.start(house)
    until(lambda: device.acknowledged(MANY * SIZE), 20)
    assert time.monotonic() - began < 10, "it stalled"
    assert ingest.drained()
    assert backend.stored() == MANY * SIZE
    groups = dict(ingest.receiver.groups.cumulative())
    assert groups[20] < groups[float("inf")], "never more than 20 in flight"


@pytest.mark.parametrize("kind", KINDS)
def test_what_waits_outlives_a_restart_of_the_broker(
    kind: type[OwnBroker], house_of: Callable[..., OwnBroker], backend: Backend
) -> None:
    house = house_of(kind)
    backend.start(house)
    backend.stop()
    device = house.device("truck-1")
    for n in range(30):
        device.send(drive(n * SIZE + 1, SIZE))
    house.stop()
    house.start()
    until(device.client.is_connected)
    backend.start(house)
    until(lambda: device.acknowledged(30 * SIZE))


@pytest.mark.mosquitto
def test_a_spool_that_fails_in_the_middle_of_the_backlog_gets_all_of_it_again(
    house_of: Callable[..., OwnBroker], backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = house_of(MosquittoHouse)
    backend.start(house)
    backend.stop()
    device = house.device("truck-1")
    send_many(device)
    whole, calls = Spool.append, [0]

    def append(self: Spool, group: list[Message]) -> dict[tuple[str, int], int]:
        calls[0] += 1
        if calls[0] == 3:
            raise sqlite3.OperationalError("database or disk is full")
        return whole(self, group)

    monkeypatch.setattr(receiver, "_GROUP", 100)
    monkeypatch.setattr(Spool, "append", append)
    ingest = backend.start(house)
    until(lambda: device.acknowledged(MANY * SIZE), 20)
    assert calls[0] > 3
    assert ingest.drained()
    assert backend.stored() == MANY * SIZE == backend.spool.coverage("truck-1", STREAM).records


@pytest.mark.mosquitto
def test_the_defaults_of_mosquitto_would_lose_what_the_shipped_file_keeps(
    house_of: Callable[..., OwnBroker], backend: Backend
) -> None:
    """Why the file is as it is: without this one line the broker drops what it has acknowledged."""
    house = house_of(MosquittoHouse, {"max_queued_messages 0\n": ""})
    backend.start(house)
    backend.stop()
    device = house.device("truck-1")
    send_many(device)
    ingest = backend.start(house)
    until(lambda: ingest.status()["messages"] >= 1_000)
    time.sleep(0.5)
    assert ingest.drained()
    assert 0 < backend.stored() < MANY * SIZE
    assert not device.acknowledged(MANY * SIZE)  # so a device would still have all of it


@pytest.mark.mosquitto
def test_M05_a_backlog_drains_below_a_small_limit_of_the_broker_and_junk_above_it_hurts_nobody_else(
    house_of: Callable[..., OwnBroker], backend: Backend
) -> None:
    house = house_of(MosquittoHouse, {"max_packet_size 1048576": "max_packet_size 2048"})
    ingest = backend.start(house)
    device, thief = house.device("truck-1"), house.device("truck-2")
    connects, ingest_connects = [0], [each.connections for each in ingest.receiver._sessions]
    on_connect = device.client.on_connect

    def connected(*words: object) -> None:
        connects[0] += 1
        on_connect(*words)  # pyright: ignore

    device.client.on_connect = connected
    thief.client.publish(f"mp/v1/{wire.part_of('truck-2')}/truck-2/up", bytes(300_000), qos=1)
    first = 1
    while first <= 28_800:
        writer = wire.BatchWriter(1_900)
        writer.begin(STREAM, first, 1, 1, 0)
        count = 0
        while first + count <= 28_800 and writer.add(fix(first + count)):
            count += 1
        device.send(bytes(writer.finish()), wait=False)
        first += count
    until(lambda: device.acknowledged(28_800), 30)
    assert ingest.drained()
    assert backend.stored() == 28_800
    assert connects == [0]
    assert [each.connections for each in ingest.receiver._sessions] == ingest_connects
    assert not thief.acks
    thief.close()
    device.close()


@pytest.mark.mosquitto
def test_M05_junk_of_300_kB_below_the_limit_is_kept_as_a_dead_letter_and_the_stream_goes_on(
    house_of: Callable[..., OwnBroker], backend: Backend
) -> None:
    house = house_of(MosquittoHouse)
    backend.start(house)
    device = house.device("truck-1")
    device.send(bytes(300_000))
    device.send(drive(1, 10))
    until(lambda: device.acknowledged(10))
    (letter,) = dead_letters.listed(backend.spool.connection(), device="truck-1")
    assert (letter.reason, letter.size) == ("magic", 300_000)
    device.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_device_writes_and_reads_under_its_own_name_alone(
    kind: type[OwnBroker], house_of: Callable[..., OwnBroker], backend: Backend
) -> None:
    house = house_of(kind)
    backend.start(house)
    thief, owner = house.device("truck-1"), house.device("truck-2")
    heard: list[str] = []
    thief.client.message_callback_add("mp/v1/#", lambda _c, _d, message: heard.append(message.topic))
    thief.client.subscribe("mp/v1/+/truck-2/ack", 0)
    thief.client.publish(f"mp/v1/{wire.part_of('truck-2')}/truck-2/up", drive(1, 10), qos=1)
    until(lambda: thief.client.is_connected() or time.sleep(0.05))
    owner.send(drive(11, 10, tail=11))
    until(lambda: owner.acknowledged(20))
    assert backend.spool.coverage("truck-2", STREAM).records == 10, "what another sent in its name has arrived"
    assert not [each for each in heard if "truck-2" in each]
    thief.close()
    owner.close()


@pytest.mark.parametrize("kind", KINDS)
def test_the_service_makes_accounts_on_a_broker_whose_files_are_named(
    kind: type[OwnBroker], house_of: Callable[..., OwnBroker], backend: Backend, tmp_path: Path
) -> None:
    house = house_of(kind)
    folder = tmp_path / "broker"
    (folder / "milepost.pid").write_text(str(house.process.pid if house.process else 0))  # NATS writes it by itself
    files = {
        MosquittoHouse: {"mosquitto_password_file": "milepost.passwords", "mosquitto_acl_file": "milepost.acl",
                         "mosquitto_pid_file": "milepost.pid"},
        NatsHouse: {"nats_users_file": "milepost.users.conf", "nats_pid_file": "milepost.pid"},
    }[kind]  # fmt: skip
    named = {name: folder / file for name, file in files.items()}
    accounts = own_accounts(Settings(data_dir=tmp_path, **named))  # pyright: ignore[reportCallIssue, reportArgumentType]
    assert accounts is not None
    house.accounts = accounts
    backend.start(house)
    device = house.device("truck-9")
    device.send(drive(1, 5))
    until(lambda: device.acknowledged(5))
    device.close()
