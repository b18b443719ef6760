"""Nothing accepted is lost, nothing is doubled, and what cannot be read lies in the dead letters with its reason."""

import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from binascii import crc32
from collections.abc import Callable
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest

from milepost.ingest import dead_letters, session
from milepost.ingest.service import Ingest
from milepost.ingest.session import Broker
from milepost.ingest.spool import Spool
from milepost.settings import Settings
from milepost.telemetry.sink import TelemetrySink
from milepost.telemetry.sqlite import SqliteTelemetry
from milepost_device import wire

from .conftest import STREAM, BrokerHouse, Remember, batch, drive, fix, until


def sealed(payload: bytes) -> bytes:
    """The payload with its CRC made right again."""
    return payload[:-4] + struct.pack("<I", crc32(payload[:-4]))


def of_version(version: int, payload: bytes) -> bytes:
    return sealed(payload[:1] + bytes([version]) + payload[2:])


def letters(spool: Spool) -> list[tuple[str, str, int]]:
    return sorted((each.device, each.reason, each.times) for each in dead_letters.listed(spool.connection()))


@pytest.fixture
def store(tmp_path: Path):
    made = SqliteTelemetry(tmp_path / "telemetry.db")
    yield made
    made.close()


def test_an_unknown_record_kind_costs_only_itself(
    house: BrokerHouse, ingest_of: Callable[..., Ingest], spool: Spool, store: SqliteTelemetry
) -> None:
    ingest_of(TelemetrySink(store))
    device = house.device("truck-1")
    device.send(batch([fix(1), wire.Unknown(77, b"from the future"), fix(3)]))
    until(lambda: device.acknowledged(3))
    until(lambda: letters(spool) == [("truck-1", "kind", 1)])
    until(lambda: store.counts("truck-1", STREAM).stored == 2)
    device.close()


def test_an_unknown_version_is_acknowledged_and_kept(
    house: BrokerHouse, ingest_of: Callable[..., Ingest], spool: Spool
) -> None:
    ingest_of()
    device = house.device("truck-1")
    payload = of_version(9, drive(1, 10))
    device.send(payload)
    until(lambda: device.acknowledged(10))
    until(lambda: letters(spool) == [("truck-1", "version", 1)])
    (letter,) = dead_letters.listed(spool.connection())
    assert dead_letters.payload_of(spool.connection(), letter.id) == payload
    device.send(drive(11, 10))
    until(lambda: device.acknowledged(20))
    device.close()


def test_a_wrong_crc_is_not_acknowledged_and_the_good_repeat_is(
    house: BrokerHouse, ingest_of: Callable[..., Ingest], spool: Spool, store: SqliteTelemetry
) -> None:
    ingest_of(TelemetrySink(store))
    device = house.device("truck-1")
    good = drive(1, 10)
    bad = good[:30] + bytes([good[30] ^ 4]) + good[31:]
    for _ in range(3):
        device.send(bad)
    until(lambda: letters(spool) == [("truck-1", "crc", 3)])
    assert device.acks == []
    device.send(good)
    until(lambda: device.acknowledged(10))
    until(lambda: store.counts("truck-1", STREAM).stored == 10)
    device.close()


def test_records_that_break_off_behind_a_good_header_are_acknowledged_and_kept(
    house: BrokerHouse, ingest_of: Callable[..., Ingest], spool: Spool
) -> None:
    ingest_of()
    device = house.device("truck-1")
    device.send(sealed(drive(1, 10)[:-20] + b"\0\0\0\0"))
    until(lambda: device.acknowledged(10))
    until(lambda: len(letters(spool)) == 1)
    assert letters(spool)[0][1] in ("truncated", "range", "trailing")
    device.close()


def test_M05_torn_payloads_and_300_kB_of_junk_disturb_nobody(
    house: BrokerHouse, ingest_of: Callable[..., Ingest], spool: Spool
) -> None:
    ingest_of()
    device, neighbour = house.device("truck-1"), house.device("truck-2")
    good = drive(1, 10)
    junk = [b"", b"M", good[:5], good[:-1], good + b"x", random.Random(5).randbytes(300_000), b"P1[]"]
    for payload in junk:
        device.send(payload)
    neighbour.send(drive(1, 10))
    device.send(good)
    until(lambda: device.acknowledged(10) and neighbour.acknowledged(10))
    assert device.acks == [(STREAM, 10)]
    assert len(dead_letters.listed(spool.connection(), device="truck-1")) == len(junk)
    assert {each.size for each in dead_letters.listed(spool.connection())} >= {0, 300_000}
    device.close()
    neighbour.close()


def test_a_batch_on_another_devices_name_arrives_nowhere(
    house: BrokerHouse, ingest_of: Callable[..., Ingest], spool: Spool
) -> None:
    ingest_of()
    thief = house.device("truck-1")
    house.accounts.put("truck-2", "another-password")
    thief.client.publish(f"mp/v1/{wire.part_of('truck-2')}/truck-2/up", drive(1, 10), qos=1).wait_for_publish(5)
    thief.send(drive(1, 10))
    until(lambda: thief.acknowledged(10))
    assert spool.coverage("truck-2", STREAM).watermark == 0
    assert {item.device for item in spool.after(0)} == {"truck-1"}
    thief.close()


def test_M01_what_a_broker_acknowledges_and_throws_away_is_not_acknowledged_end_to_end(
    house: BrokerHouse, ingest_of: Callable[..., Ingest]
) -> None:
    ingest_of()
    device = house.device("truck-1")
    users = house.server.users_file.read_text()
    house.server.users_file.write_text(users.replace(".truck-1.up", ".truck-1.gone"))
    house.server.reload()
    until(device.client.is_connected)
    for n in range(5):
        device.send(drive(n * 10 + 1, 10))  # returns: each gets its PUBACK
    time.sleep(0.5)
    assert device.acks == []
    house.server.users_file.write_text(users)
    house.server.reload()
    until(device.client.is_connected)
    for n in range(5):
        device.send(drive(n * 10 + 1, 10))
    until(lambda: device.acknowledged(50))
    device.close()


@pytest.mark.parametrize("clean", [True, False])
def test_a_device_that_takes_the_client_id_of_ingest_reads_nothing_and_loses_nothing(
    house: BrokerHouse, ingest_of: Callable[..., Ingest], clean: bool
) -> None:
    ingest_of()
    device = house.device("truck-1")
    house.accounts.put("thief", "device-password")
    stolen: list[bytes] = []
    thief = mqtt.Client(
        mqtt.CallbackAPIVersion.VERSION2,
        client_id=f"mp-ingest-{wire.part_of('truck-1')}",
        clean_session=clean,
    )
    thief.username_pw_set("thief", "device-password")
    thief.on_message = lambda _c, _d, message: stolen.append(message.payload)
    thief.connect(house.host, house.port)
    thief.loop_start()
    until(thief.is_connected)
    device.send(drive(1, 10))
    time.sleep(0.3)
    thief.disconnect()
    thief.loop_stop()

    def again() -> bool:  # as after the stall time
        device.send(drive(1, 10), wait=False)
        time.sleep(0.2)
        return device.acknowledged(10)

    until(again)
    assert stolen == []
    device.close()


def test_a_topic_in_a_wrong_part_or_of_no_device_is_not_kept(
    house: BrokerHouse, ingest_of: Callable[..., Ingest], spool: Spool
) -> None:
    """The broker forbids these to devices; a service account by mistake could write them."""
    ingest = ingest_of()
    wrong = next(part for part in "0123456789abcdef" if part != wire.part_of("truck-1"))
    stranger = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="stranger")
    stranger.username_pw_set("mp-ingest", "service-password")
    stranger.connect(house.host, house.port)
    stranger.loop_start()
    for name in ("truck-1", "Truck_1", "a-name-too-long"):
        stranger.publish(f"mp/v1/{wrong}/{name}/up", drive(1, 10), qos=1).wait_for_publish(5)
    stranger.disconnect()
    stranger.loop_stop()
    device = house.device("truck-1")
    device.send(drive(1, 10))
    until(lambda: device.acknowledged(10))
    until(lambda: ingest.status()["messages"] == 4)
    assert [item.device for item in spool.after(0)] == ["truck-1"]
    assert ingest.failure is None
    device.close()


def test_a_broker_killed_between_batches_loses_and_doubles_nothing(
    house: BrokerHouse, ingest_of: Callable[..., Ingest], spool: Spool, store: SqliteTelemetry
) -> None:
    ingest_of(TelemetrySink(store))
    device = house.device("truck-1")
    killer = threading.Timer(0.3, house.server.kill)
    killer.start()
    unacknowledged = {n: drive(n * 10 + 1, 10) for n in range(150)}
    deadline = time.monotonic() + 40
    # What a device does: send from its oldest until the backend itself says that it has it.
    while not device.acknowledged(1500):
        assert time.monotonic() < deadline
        mark = max((seq for _, seq in device.acks), default=0)
        for n, payload in unacknowledged.items():
            if n * 10 + 10 > mark:
                device.send(payload, wait=False)
                time.sleep(0.004)
        time.sleep(0.3)
    killer.join()
    until(lambda: store.counts("truck-1", STREAM).stored == 1500)
    counts = store.counts("truck-1", STREAM)
    assert (counts.first_seq, counts.last_seq) == (1, 1500)
    assert spool.coverage("truck-1", STREAM).records == 1500
    device.close()


_BACKEND = """
import os, signal, sys, pathlib, threading
from milepost.ingest import receiver
from milepost.ingest.service import Ingest
from milepost.ingest.session import Broker
from milepost.ingest.spool import Spool
from milepost.settings import Settings
from milepost.telemetry.sink import TelemetrySink
from milepost.telemetry.sqlite import SqliteTelemetry
folder, port, deadly = pathlib.Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "deadly"
class Deadly(Spool):
    groups = 0
    def append(self, group):
        marks = super().append(group)
        Deadly.groups += 1
        if deadly and Deadly.groups == 3:
            os.kill(os.getpid(), signal.SIGKILL)   # durable, and nobody has been told
        return marks
spool = Deadly(folder / "spool.db")
sink = TelemetrySink(SqliteTelemetry(folder / "telemetry.db"))
broker = Broker("127.0.0.1", port, "mp-ingest", "service-password")
ingest = Ingest(Settings(data_dir=folder), spool, [sink], broker)
ingest.start()
print(ingest.wait_ready(), flush=True)
threading.Event().wait()
"""


def test_a_backend_killed_between_sync_and_acknowledgement_loses_and_doubles_nothing(
    house: BrokerHouse, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    def backend(mode: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-c", _BACKEND, str(tmp_path), str(house.port), mode],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        request.addfinalizer(process.kill)
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "True"
        return process

    first = backend("deadly")
    device = house.device("truck-1")
    for n in range(100):
        device.send(drive(n * 10 + 1, 10))
        time.sleep(0.002)
    assert first.wait(20) == -signal.SIGKILL
    told = max((seq for _, seq in device.acks), default=0)
    assert told < 1000
    before = Spool(tmp_path / "spool.db")
    assert before.coverage("truck-1", STREAM).watermark > told  # synced, not acknowledged
    before.close()
    second = backend("calm")
    until(lambda: device.acknowledged(1000))
    store = SqliteTelemetry(tmp_path / "telemetry.db")
    until(lambda: store.counts("truck-1", STREAM).stored == 1000)
    second.kill()
    second.wait(5)
    spool = Spool(tmp_path / "spool.db")
    assert spool.coverage("truck-1", STREAM).records == 1000
    track = store.track("truck-1", 0, 1 << 50)
    assert [each.seq for each in track] == list(range(1, 1001))
    spool.close()
    store.close()
    device.close()


def test_duplicates_and_any_order_end_in_one_complete_track(
    house: BrokerHouse, ingest_of: Callable[..., Ingest], store: SqliteTelemetry
) -> None:
    ingest_of(TelemetrySink(store))
    device = house.device("truck-1")
    pieces = [drive(n * 7 + 1, 7) for n in range(60)] + [drive(n * 11 + 1, 5) for n in range(30)]
    pieces += pieces[:40]
    random.Random(3).shuffle(pieces)
    for payload in pieces:
        device.send(payload, wait=False)
    until(lambda: device.acknowledged(420))
    until(lambda: store.counts("truck-1", STREAM).stored == 420)
    assert [each.seq for each in store.track("truck-1", 0, 1 << 50)] == list(range(1, 421))
    device.close()


def test_an_empty_spool_under_a_full_store_goes_on(house: BrokerHouse, settings: Settings, tmp_path: Path) -> None:
    """The spool is lost (a new disk); devices have freed what was acknowledged; sinks have high positions."""
    store = SqliteTelemetry(tmp_path / "telemetry.db")
    device = house.device("truck-1")
    for n, first in enumerate((1, 101)):
        spool = Spool(tmp_path / f"spool-{n}.db")
        ingest = Ingest(settings, spool, [TelemetrySink(store)], house.place)
        ingest.start()
        assert ingest.wait_ready()
        device.send(drive(first, 100, tail=first))
        until(lambda first=first: device.acknowledged(first + 99))
        until(lambda first=first: store.counts("truck-1", STREAM).stored == first + 99)
        ingest.stop()
        spool.close()
    store.close()
    device.close()


def test_a_refused_subscription_is_fatal_and_said(house: BrokerHouse, settings: Settings, spool: Spool) -> None:
    house.accounts.put("truck-1", "device-password")
    ingest = Ingest(settings, spool, [], Broker(house.host, house.port, "truck-1", "device-password"))
    ingest.start()
    until(lambda: ingest.failure)
    assert "0x80" in (ingest.failure or "")
    assert not ingest.wait_ready(1)
    ingest.stop()


def test_a_wrong_password_is_said_and_tried_again(
    house: BrokerHouse, settings: Settings, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_LONGEST_PAUSE_S", 0.5)
    ingest = Ingest(settings, spool, [], Broker(house.host, house.port, "late", "late-password"))
    ingest.start()
    until(lambda: any("MILEPOST_BROKER_PASSWORD" in each for each in ingest.status()["broker"]))
    assert ingest.failure is None
    house.accounts.service("late", "late-password")
    assert ingest.wait_ready(15)
    assert ingest.status()["broker"] == []
    ingest.stop()


def test_ingest_starts_before_its_broker(settings: Settings, spool: Spool, tmp_path: Path) -> None:
    house = BrokerHouse(tmp_path / "late")
    house.server.stop()
    ingest = Ingest(settings, spool, [], house.place)
    ingest.start()
    until(lambda: any("no connection" in each for each in ingest.status()["broker"]))
    house.server.start()
    assert ingest.wait_ready(20)
    ingest.stop()
    house.server.stop()


def test_a_spool_that_takes_nothing_acknowledges_nothing_and_recovers(
    house: BrokerHouse, ingest_of: Callable[..., Ingest], spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_LONGEST_PAUSE_S", 0.5)
    sink = Remember()
    ingest_of(sink)
    device = house.device("truck-1")
    blocker = spool.connection()
    whole = Spool.append
    failing = threading.Event()
    failing.set()

    def append(self: Spool, group):
        if failing.is_set():
            blocker.execute("SELECT * FROM no_such_table")  # sqlite3.OperationalError, as of a full disk
        return whole(self, group)

    monkeypatch.setattr(Spool, "append", append)
    device.send(drive(1, 10))
    time.sleep(1.5)
    assert device.acks == []
    assert sink.items == []
    failing.clear()
    until(lambda: device.acknowledged(10))
    until(lambda: len(sink.items) == 1)
    device.close()


class Deaf(threading.Thread):
    """A broker that takes connections and answers pings, and loses the first subscription of each session."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.place = Broker("127.0.0.1", self.listener.getsockname()[1], "mp-ingest", "none")
        self.connections = 0
        self.start()

    def run(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(sock, self.connections > 2), daemon=True).start()

    def _serve(self, sock: socket.socket, well: bool) -> None:
        with sock:
            while data := sock.recv(4096):
                if data[0] == 0x10:
                    sock.sendall(b"\x20\x02\x00\x00")
                elif data[0] == 0x82 and well:
                    sock.sendall(b"\x90\x03" + data[2:4] + b"\x01")
                elif data[0] == 0xC0:
                    sock.sendall(b"\xd0\x00")


def test_a_subscription_that_the_broker_loses_is_made_anew(
    spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("milepost.ingest.session._SUBSCRIBE_S", 0.5)
    deaf = Deaf()
    one_part = Settings(data_dir=tmp_path, ingest_parts="a")  # pyright: ignore[reportCallIssue]
    ingest = Ingest(one_part, spool, [], deaf.place)
    ingest.start()
    try:
        until(lambda: any("not answered the subscription" in each for each in ingest.receiver.troubles()))
        assert ingest.wait_ready(10) and deaf.connections == 4  # two sessions, each of them twice
        until(lambda: ingest.receiver.troubles() == [])
    finally:
        ingest.stop()
        deaf.listener.close()


def test_M03_a_broker_that_forgot_everything_is_subscribed_to_again(
    house: BrokerHouse, ingest_of: Callable[..., Ingest]
) -> None:
    ingest_of()
    device = house.device("truck-1")
    device.send(drive(1, 10))
    until(lambda: device.acknowledged(10))
    house.server.stop()
    shutil.rmtree(house.server.folder / "data")
    house.server.start()
    until(device.client.is_connected)

    def again() -> bool:
        device.send(drive(11, 10), wait=False)
        time.sleep(0.2)
        return device.acknowledged(20)

    until(again, 20)
    device.close()


@pytest.mark.parametrize("seed", range(3))
def test_any_bytes_on_the_topic_leave_ingest_alive(
    house: BrokerHouse, ingest_of: Callable[..., Ingest], spool: Spool, seed: int
) -> None:
    rng = random.Random(seed)
    ingest = ingest_of()
    device = house.device("truck-1")
    base = drive(1, 20)
    for _ in range(150):
        damaged = bytearray(base)
        for _ in range(rng.randint(1, 6)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        # A right CRC over wrong bytes reaches the decoder, a wrong one does not.
        device.send(sealed(bytes(damaged)) if rng.random() < 0.7 else bytes(damaged), wait=False)
    device.send(batch([fix(1)], stream=8))
    until(lambda: device.acknowledged(1, stream=8))
    assert ingest.drained()
    assert ingest.failure is None
    assert ingest.status()["sinks"]["screen"]["error"] is None
    device.close()
