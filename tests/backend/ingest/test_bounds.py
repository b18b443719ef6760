"""The spool is bounded by the disk: nothing is acknowledged that has no room, nothing is lost, and it heals itself."""

import logging
import os
import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from milepost.ingest import client, receiver, session
from milepost.ingest.model import SpoolItem
from milepost.ingest.service import Ingest
from milepost.ingest.spool import Message, Spool
from milepost.telemetry.sink import TelemetrySink
from milepost.telemetry.sqlite import SqliteTelemetry

from .conftest import STREAM, BrokerHouse, Remember, batch, drive, fix, until

MB = 1 << 20


@pytest.fixture(autouse=True)
def quick_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_LONGEST_PAUSE_S", 0.5)
    monkeypatch.setattr("milepost.ingest.service._CHECK_S", 0.05)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteTelemetry]:
    made = SqliteTelemetry(tmp_path / "telemetry.db")
    yield made
    made.close()


class Gate(TelemetrySink):
    """The telemetry sink behind a gate."""

    def __init__(self, store: SqliteTelemetry) -> None:
        super().__init__(store)
        self.open = threading.Event()

    def handle(self, items: Sequence[SpoolItem]) -> None:
        self.open.wait(60)
        super().handle(items)


def deliver(device, payloads: dict[int, bytes], until_seq: int, timeout_s: float = 60) -> None:
    """What a device does: from its oldest again, until the backend itself says that it has everything."""
    deadline = time.monotonic() + timeout_s
    while not device.acknowledged(until_seq):
        assert time.monotonic() < deadline, f"acknowledged {max(device.acks, default=None)}"
        mark = max((seq for _, seq in device.acks), default=0)
        for last, payload in payloads.items():
            if last > mark:
                device.send(payload, wait=False)
        time.sleep(0.4)


def batches(count: int, size: int = 60) -> dict[int, bytes]:
    """Batches by the last seq of each; the receiver trembles, so that they have some weight."""
    rng = random.Random(4)
    found = {}
    for n in range(count):
        shaken = [
            fix(n * size + k, lat_e6=31_230_400 + rng.randrange(-900, 900), speed_dmps=rng.randrange(200))
            for k in range(1, size + 1)
        ]
        found[(n + 1) * size] = batch(shaken, n * size + 1)
    return found


def test_a_disk_that_fills_up_is_told_once_then_stops_acknowledgements_and_resumes_by_itself(
    house: BrokerHouse,
    ingest_of: Callable[..., Ingest],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    free = [2_000 * MB]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free[0]))
    sink = Remember()
    caplog.set_level(logging.WARNING, logger="milepost.ingest.service")
    ingest = ingest_of(sink)
    device = house.device("truck-1")
    assert (ingest.status()["disk"], ingest.full) == (None, None)
    free[0] = 1_000 * MB
    until(lambda: ingest.status()["disk"])
    device.send(drive(1, 10))
    until(lambda: device.acknowledged(10))  # a warning holds nobody
    free[0] = 200 * MB
    until(lambda: ingest.status()["paused"])
    time.sleep(1.2)  # the receiver has noticed
    device.send(drive(11, 10))
    time.sleep(0.5)
    assert not device.acknowledged(20)
    assert len(sink.items) == 1
    free[0] = 260 * MB  # above the limit by a hair: no to and fro
    time.sleep(0.3)
    assert ingest.status()["paused"]
    free[0] = 2_000 * MB
    until(lambda: device.acknowledged(20))
    assert (ingest.status()["disk"], ingest.full) == (None, None)
    told = [record.message for record in caplog.records if record.message.startswith("disk:")]
    assert len(told) == 2, told
    device.close()


def test_a_full_spool_waits_for_its_slowest_sink_and_loses_nothing(
    house: BrokerHouse, ingest_of: Callable[..., Ingest], store: SqliteTelemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("milepost.ingest.service._Limits", lambda *_: SimpleNamespace(
        spool_bytes=200_000, warn_bytes=0, stop_bytes=0))  # fmt: skip
    monkeypatch.setattr("milepost.ingest.service._SPOOL_HARD", 10)  # a group is large beside so small a spool
    gate, other = Gate(store), Remember()
    ingest = ingest_of(gate, other)
    device = house.device("truck-1")
    payloads = batches(900)
    for payload in payloads.values():
        device.send(payload, wait=False)
        time.sleep(0.002)
        if ingest.full:
            break
    assert "'telemetry' is behind" in str(ingest.status()["paused"])
    assert not device.acknowledged(900 * 60)
    gate.open.set()
    deliver(device, payloads, 900 * 60)
    until(lambda: store.counts("truck-1", STREAM).stored == 900 * 60)
    assert ingest.spool.coverage("truck-1", STREAM).records == 900 * 60
    until(lambda: ingest.full is None)
    device.close()


def test_a_spool_file_that_sqlite_cannot_grow_in_the_middle_of_a_flood_loses_and_doubles_nothing(
    house: BrokerHouse, ingest_of: Callable[..., Ingest], spool: Spool, store: SqliteTelemetry
) -> None:
    """SQLITE_FULL for real, as on a full disk: no group is half stored, and each comes again."""
    gate = Gate(store)
    ingest = ingest_of(gate)
    spool.limit(200_000)
    device = house.device("truck-1")
    payloads = batches(400)
    for payload in payloads.values():
        device.send(payload, wait=False)
    until(lambda: len(spool.after(0, 10_000)) > 100)
    time.sleep(1.0)
    before = spool.coverage("truck-1", STREAM)
    assert before.watermark < 400 * 60
    assert any("the spool takes nothing" in each for each in ingest.status()["broker"])
    assert before.records == sum(60 for _ in spool.after(0, 10_000))
    gate.open.set()

    def cut() -> None:  # what the keeper does every ten seconds
        spool.truncate(min(runner.position for runner in ingest._runners), 0)

    deadline = time.monotonic() + 60
    while not device.acknowledged(400 * 60):
        assert time.monotonic() < deadline
        cut()
        mark = max((seq for _, seq in device.acks), default=0)
        for last, payload in payloads.items():
            if last > mark:
                device.send(payload, wait=False)
        time.sleep(0.4)
    until(lambda: store.counts("truck-1", STREAM).stored == 400 * 60)
    counts = store.counts("truck-1", STREAM)
    assert (counts.first_seq, counts.last_seq) == (1, 400 * 60)
    assert spool.coverage("truck-1", STREAM).records == 400 * 60
    device.close()


def test_the_room_of_deleted_items_is_used_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s.db")
    for payload in batches(300).values():
        spool.append([Message("truck-1", "up", 1, payload)])
    most = spool.used()
    spool.truncate(spool.last_id(), 0)
    assert spool.used() < most / 2
    assert spool.after(0) == []
    spool.close()


def test_a_slow_disk_leaves_the_flood_at_the_broker(
    house: BrokerHouse, ingest_of: Callable[..., Ingest], spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Back-pressure by withholding acknowledgements: no more is in memory than what one group and one read hold."""
    held: list[int] = []
    running: list[Ingest] = []
    whole = Spool.append

    def slow(self: Spool, group: Sequence[Message]) -> dict[tuple[str, int], int]:
        held.append(len(group) + sum(len(each.receiver._pending) for each in running))
        time.sleep(0.02)
        return whole(self, group)

    monkeypatch.setattr(Spool, "append", slow)
    ingest_of().stop()
    device = house.device("truck-1")
    for n in range(6_000):
        device.send(drive(n + 1, 1), wait=False)
    until(lambda: not device.client._out_messages)  # all of it is at the broker
    running.append(ingest_of())
    until(lambda: device.acknowledged(6_000), 60)
    assert max(held) <= receiver._GROUP + client._READ / 60  # a packet is longer than that
    assert spool.coverage("truck-1", STREAM).records == 6_000
    device.close()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_million_waiting_messages_stay_at_the_broker(
    house: BrokerHouse, ingest_of: Callable[..., Ingest], spool: Spool
) -> None:
    ingest_of().stop()
    device = house.device("truck-1")
    payloads = [drive(n * 60 + 1, 60) for n in range(2_000)]
    for _ in range(500):
        for payload in payloads:
            device.send(payload, wait=False)
        until(lambda: len(device.client._out_messages) < 4_000, 60)
    until(lambda: not device.client._out_messages, 120)
    before = _resident()
    ingest = ingest_of()
    until(lambda: ingest.status()["messages"] >= 1_000_000, 400)
    assert _resident() - before < 150 * MB
    assert spool.coverage("truck-1", STREAM).records == 120_000
    device.close()


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
