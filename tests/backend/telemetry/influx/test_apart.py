"""The telemetry sink in a process of its own, on a real server: what it stores and what it says is as ever."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.core import Metric

from milepost.db import Database
from milepost.ingest.sinks import SinkRunner
from milepost.ingest.spool import Message, Spool
from milepost.observe.figures import _telemetry
from milepost.settings import Settings
from milepost.telemetry.apart import TelemetryApart, is_apart
from milepost.telemetry.influx import InfluxTelemetry
from milepost.telemetry.influx_setup import set_up
from milepost.telemetry.influx_write import InfluxMisconfigured
from milepost.telemetry.sink import TelemetrySink
from milepost.telemetry.stores import open_store
from milepost.times import now_ms
from milepost_device import wire
from milepost_tools.bench.influxd import ADMIN, Influxd

_T0 = now_ms() // 1000 - wire.EPOCH - 40_000
_STREAM = 7


def batch(first: int, count: int = 20, spike: bool = False) -> bytes:
    writer = wire.BatchWriter(60_000)
    writer.begin(_STREAM, first, 1, 1, 0)
    for seq in range(first, first + count):
        lat = 31_230_400 + 90 * seq + (9_000_000 if spike and seq == first + 5 else 0)
        assert writer.add(wire.Fix(t=_T0 + seq, lat_e6=lat, lon_e6=121_473_700, speed_dmps=100, sats=9))
    return bytes(writer.finish())


class World:
    """A spool and the telemetry sink in its process, as the service has them."""

    def __init__(self, influxd: Influxd, db: Database, folder: Path, bucket: str, **given: Any) -> None:
        made = set_up(influxd.url(bucket), ADMIN, raw_days=30, minute_days=400)
        self.url = influxd.url(bucket)
        values = {
            "data_dir": folder, "database_url": db.url, "telemetry_url": self.url,
            "telemetry_token": made.write_token, "telemetry_read_token": made.read_token,
        }  # fmt: skip
        settings = Settings(**(values | given))
        self.spool = Spool(folder / "spool.db")
        self.store = open_store(settings, db)
        self.sink = TelemetryApart(settings, self.spool.key)
        self.runner = SinkRunner(self.sink, self.spool)
        self.sent = 0

    def send(self, batches: int, spike: bool = False) -> None:
        for _ in range(batches):
            payload = batch(self.sent * 20 + 1, spike=spike)
            self.spool.append([Message(f"truck-{n}", "up", now_ms(), payload) for n in range(3)])
            self.sent += 1

    def stored(self, device: str) -> list[tuple[int, str | None]]:
        found, _ = self.store.judged(device, 0, 1 << 50)
        return [(each.reading.seq, each.reason) for each in found]

    def complete(self) -> bool:
        """Whether every record sent is stored, once, also by the books."""
        wanted = list(range(1, self.sent * 20 + 1))
        return all(
            [seq for seq, _ in self.stored(f"truck-{n}")] == wanted
            and self.store.counts(f"truck-{n}", _STREAM).stored == len(wanted)
            for n in range(3)
        )

    def close(self) -> None:
        self.runner.stop()
        self.sink.stop()
        self.store.close()
        self.spool.close()


@pytest.fixture
def world_of(influxd: Influxd, db: Database, tmp_path: Path) -> Iterator[Callable[..., World]]:
    made: list[World] = []

    def make(**given: Any) -> World:
        made.append(World(influxd, db, tmp_path, f"apart-{tmp_path.name}", **given))
        return made[0]

    yield make
    for each in made:
        each.close()


def until(condition: Callable[[], object], timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s} s"
        time.sleep(0.02)


def values(metrics: Iterator[Metric]) -> dict[tuple[str, tuple[str, ...]], float]:
    return {(each.name, tuple(each.labels.values())): each.value for metric in metrics for each in metric.samples}


def test_it_stores_judges_and_counts(world_of: Callable[..., World]) -> None:
    world = world_of()
    world.send(10, spike=True)
    world.runner.start()
    until(lambda: world.runner.position == world.spool.last_id())
    assert world.complete()
    assert [(seq, reason) for seq, reason in world.stored("truck-1") if reason][:2] == [(6, "spike"), (26, "spike")]
    found = values(_telemetry(world.sink))
    assert found["milepost_telemetry_readings_total", ()] >= 600
    assert found["milepost_telemetry_write_seconds_count", ()] == 1
    assert found["milepost_telemetry_quarantined_fixes_total", ("spike",)] == 30


def test_killed_at_random_it_loses_and_doubles_nothing(world_of: Callable[..., World]) -> None:
    world = world_of()
    world.runner.start()
    until(lambda: world.runner.moved_at > 0 and world.sink.pid)
    chance = random.Random(5)
    for _ in range(3):
        world.send(60)
        until(lambda: world.runner._busy_since or world.runner.position == world.spool.last_id())
        time.sleep(chance.random() * 0.1)  # in the middle of it, or just after
        if (pid := world.sink.pid) is not None:
            os.kill(pid, signal.SIGKILL)
    until(lambda: world.runner.position == world.spool.last_id(), 30)
    assert world.sink.starts >= 3
    assert world.complete()


def test_a_token_that_is_refused_holds_the_cursor_and_is_told_in_the_same_words(
    world_of: Callable[..., World], db: Database
) -> None:
    world = world_of(telemetry_token="a-token-of-nobody")
    world.send(2)
    store = InfluxTelemetry(world.url, "a-token-of-nobody", ADMIN, db)
    here = TelemetrySink(store, "another spool")
    assert here.position() == 0
    with pytest.raises(InfluxMisconfigured, match="check bucket and MILEPOST_TELEMETRY_TOKEN") as refused:
        here.handle(world.spool.after(0))
    store.close()
    world.runner.start()
    until(lambda: world.runner.failures > 1)
    assert world.runner.error == f"InfluxMisconfigured: {refused.value}"
    assert (world.runner.position, world.spool.backlog(0), world.sink.starts) == (0, 6, 1)


def test_a_server_that_is_away_is_caught_up_with(world_of: Callable[..., World], influxd: Influxd) -> None:
    world = world_of()
    world.runner.start()
    world.send(2)
    until(lambda: world.runner.position == world.spool.last_id())
    stood = world.runner.position
    influxd.kill()
    try:
        world.send(5)
        until(lambda: world.runner.error)
        assert "InfluxAway" in (world.runner.error or "")
        assert "cannot be reached" in (world.runner.error or "")
        assert world.runner.position == stood
    finally:
        influxd.start()
    until(lambda: world.runner.position == world.spool.last_id(), 40)
    assert (world.complete(), world.sink.starts) == (True, 1)


@pytest.mark.parametrize(
    ("word", "url", "cpus", "apart"),
    [
        ("auto", "influx://host:8086/acme?bucket=b", 2, True),
        ("auto", "influx://host:8086/acme?bucket=b", 1, False),
        ("auto", None, 8, False),
        ("on", None, 1, True),
        ("off", "influx://host:8086/acme?bucket=b", 8, False),
    ],
)
def test_when_it_is_apart(monkeypatch: pytest.MonkeyPatch, word: str, url: str | None, cpus: int, apart: bool) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(cpus)))
    assert is_apart(Settings(telemetry_process=word, telemetry_url=url)) is apart  # pyright: ignore[reportCallIssue]
