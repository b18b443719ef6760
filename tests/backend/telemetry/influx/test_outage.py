"""The server goes away, is killed, comes back: nothing is lost, nothing is doubled, nobody else waits."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from milepost.db import Database
from milepost.ingest.model import SpoolItem
from milepost.ingest.sinks import SinkRunner
from milepost.ingest.spool import Message, Spool
from milepost.telemetry.influx import InfluxTelemetry
from milepost.telemetry.influx_setup import set_up
from milepost.telemetry.sink import TelemetrySink
from milepost.times import now_ms
from milepost_device import wire
from milepost_tools.bench.influxd import ADMIN, Influxd

T0 = now_ms() // 1000 - wire.EPOCH - 40_000
_STREAM = 7


def batch(first: int, count: int = 20) -> bytes:
    writer = wire.BatchWriter(60_000)
    writer.begin(_STREAM, first, 1, 1, 0)
    for seq in range(first, first + count):
        assert writer.add(
            wire.Fix(t=T0 + seq, lat_e6=31_230_400 + 90 * seq, lon_e6=121_473_700, speed_dmps=100, sats=9)
        )
    return bytes(writer.finish())


class Beside:
    """Another sink of the same spool."""

    name = "beside"

    def __init__(self) -> None:
        self.at = 0

    def position(self) -> int:
        return self.at

    def handle(self, items: list[SpoolItem]) -> None:
        self.at = items[-1].id


class World:
    """Spool, telemetry sink on InfluxDB and another sink, each in its thread."""

    def __init__(self, influxd: Influxd, db: Database, folder: Path, bucket: str) -> None:
        self.influxd = influxd
        made = set_up(influxd.url(bucket), ADMIN, raw_days=30, minute_days=400)
        self.spool = Spool(folder / "spool.db")
        self.store = InfluxTelemetry(influxd.url(bucket), made.write_token, made.read_token, db)
        self.telemetry = SinkRunner(TelemetrySink(self.store, self.spool.key), self.spool)
        self.beside = SinkRunner(Beside(), self.spool)
        self.sent = 0
        self.telemetry.start()
        self.beside.start()

    def send(self, batches: int) -> None:
        """Put batches of three devices into the spool, as ingest does."""
        for _ in range(batches):
            now = now_ms()
            self.spool.append([Message(f"truck-{n}", "up", now, batch(self.sent * 20 + 1)) for n in range(3)])
            self.sent += 1

    def caught_up(self, runner: SinkRunner, timeout_s: float) -> bool:
        """Whether a sink has everything in time."""
        deadline = time.monotonic() + timeout_s
        while runner.position < self.spool.last_id() and time.monotonic() < deadline:
            time.sleep(0.02)
        return runner.position >= self.spool.last_id()

    def complete(self) -> bool:
        """Whether every record sent is stored once, and only once, also by the books."""
        wanted = list(range(1, self.sent * 20 + 1))
        for n in range(3):
            found, _ = self.store.judged(f"truck-{n}", 0, 1 << 50)
            counts = self.store.counts(f"truck-{n}", _STREAM)
            if [each.reading.seq for each in found] != wanted or counts.stored != len(wanted):
                return False
        return True

    def close(self) -> None:
        self.telemetry.stop()
        self.beside.stop()
        self.store.close()
        self.spool.close()


@pytest.fixture
def world(influxd: Influxd, db: Database, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    made = World(influxd, db, tmp_path, f"o-{request.node.name}")
    yield made
    influxd.kill()
    influxd.start()  # the next test finds it running
    made.close()


def test_a_server_killed_while_the_sink_writes_loses_and_doubles_nothing(world: World) -> None:
    for _ in range(3):
        world.send(30)
        time.sleep(0.1)  # in the middle of it
        world.influxd.kill()
        world.send(10)
        world.influxd.start()
    assert world.caught_up(world.telemetry, 30)
    assert world.complete()


def test_an_outage_holds_the_sink_alone_and_is_caught_up_with(world: World) -> None:
    world.send(5)
    assert world.caught_up(world.telemetry, 10)
    stood = world.store.position(world.spool.key)
    world.influxd.kill()
    world.send(40)
    assert world.caught_up(world.beside, 5)  # nobody else waits
    assert world.store.position(world.spool.key) == stood
    assert world.store.status()["state"] == "away"
    assert "cannot be reached" in (world.telemetry.error or "")
    world.spool.truncate(world.telemetry.position, keep=0)  # as the keeper does, behind the slowest sink
    assert world.spool.backlog(stood) == 120  # nothing of what the sink has not had is gone
    world.influxd.start()
    assert world.caught_up(world.telemetry, 30)
    assert world.complete()
    assert world.store.status()["state"] == "ok"


def test_a_write_whose_position_was_not_stored_is_repeated_without_doubling(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """InfluxDB has it, the SQL database goes away before it knows: the same items come again."""
    enter, tries = world.store._storing._enter, []

    def broken(*args) -> None:
        tries.append(1)
        if len(tries) < 3:
            raise OSError("the database is away")
        enter(*args)

    monkeypatch.setattr(world.store._storing, "_enter", broken)
    world.send(10)
    assert world.caught_up(world.telemetry, 20)
    assert len(tries) >= 3
    assert world.complete()
    assert {each.seq for each in world.store.latest().values()} == {world.sent * 20}


def test_a_crash_between_influxdb_and_the_books_is_made_good_by_the_next_process(
    influxd: Influxd, db: Database
) -> None:
    made = set_up(influxd.url("crash"), ADMIN, raw_days=30, minute_days=400)

    def open_store() -> InfluxTelemetry:
        return InfluxTelemetry(influxd.url("crash"), made.write_token, made.read_token, db)

    items = [SpoolItem(n, "truck-1", "up", now_ms(), batch(n * 20 + 1)) for n in range(3)]
    first = open_store()
    TelemetrySink(first, "spool").handle(items[:1])

    def dies(*args) -> None:
        raise KeyError("the process ends here")

    first._storing._enter = dies
    with pytest.raises(KeyError):
        TelemetrySink(first, "spool").handle(items[1:])
    first.close()
    second = open_store()
    sink = TelemetrySink(second, "spool")
    assert sink.position() == 0
    sink.handle(items)
    assert (second.counts("truck-1", _STREAM).stored, second.latest()["truck-1"].seq) == (60, 60)
    found, _ = second.judged("truck-1", 0, 1 << 50)
    assert [each.reading.seq for each in found] == list(range(1, 61))
    second.close()


def test_a_device_that_changes_its_worker_and_comes_back_is_judged_with_what_the_other_wrote(
    influxd: Influxd, db: Database
) -> None:
    made = set_up(influxd.url("workers"), ADMIN, raw_days=30, minute_days=400)
    stores = [InfluxTelemetry(influxd.url("workers"), made.write_token, made.read_token, db) for _ in range(2)]
    one, two = (TelemetrySink(store, f"spool-{n}") for n, store in enumerate(stores))
    items = [SpoolItem(n, "truck-1", "up", now_ms(), batch(n * 20 + 1)) for n in range(4)]
    one.handle([items[0]])
    two.handle([items[1]])
    with pytest.raises(OSError, match="another process"):
        one.handle([items[2]])
    one.handle([items[2]])
    one.handle([items[3]])
    found, _ = stores[0].judged("truck-1", 0, 1 << 50)
    assert [each.reading.seq for each in found] == list(range(1, 81))
    for store in stores:
        store.close()
