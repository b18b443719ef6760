"""Bench `ingest`: what the service takes in durably and end to end, beside its broker and a publisher on one machine.

Everything runs as in an installation: `milepost serve` and a nats-server as processes of their own, real TCP, real
files with full sync; detectors, quality checks, live board and state are on. The publisher is this process.
"""

import random
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from milepost.ingest.model import UP, SpoolItem
from milepost.telemetry.sink import TelemetrySink
from milepost.telemetry.sqlite import SqliteTelemetry
from milepost.times import now_ms
from milepost_device import wire
from milepost_tools.bench.ingest import fleet
from milepost_tools.bench.ingest.fleet import Drive, rounds
from milepost_tools.bench.ingest.house import House
from milepost_tools.bench.ingest.sender import Sender
from milepost_tools.bench.ingest.storm import Blow, Count, Storm, count, laid_out
from milepost_tools.served import until

FIXES = 60  # in a batch: a minute at 1 Hz


class Acks:
    """How far each device was told that its records are safe."""

    def __init__(self) -> None:
        self.marks: dict[str, int] = {}
        self.last_at = 0.0

    def take(self, device: str, stream: int, seq: int) -> None:
        """An end-to-end acknowledgement."""
        if stream == fleet.STREAM:
            self.marks[device] = max(seq, self.marks.get(device, 0))
            self.last_at = time.monotonic()

    def reached(self, drives: list[Drive]) -> bool:
        """True when everything that was sent is safe."""
        return all(self.marks.get(drive.device, 0) >= drive.seq for drive in drives)


@contextmanager
def house(trucks: int) -> Iterator[House]:
    """A running service with a fleet, on a folder that goes away."""
    folder = Path(tempfile.mkdtemp(prefix="milepost-bench-"))
    made = House(folder)
    try:
        made.register(trucks)
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder, ignore_errors=True)


def flood(trucks: int, turns: int, fixes: int) -> dict[str, float]:
    """Send `turns` batches of every truck as fast as they are taken; rates per second, in fixes.

    `durable`: from the first byte sent to the last end-to-end acknowledgement; `stored`: to the moment when every
    sink has everything.
    """
    acks = Acks()
    with house(trucks) as running:
        sender = Sender(running.place, "bench", acks.take)
        sender.connect()
        drives = [Drive(n, fleet.now_s() - turns * fixes) for n in range(trucks)]
        messages = list(rounds(drives, turns, fixes))
        cpu_s = running.cpu_s()
        start = time.monotonic()
        sender.send(messages)
        until(lambda: acks.reached(drives), 300, lambda: f"{sum(acks.marks.values())} fixes acknowledged", 0.01)
        durable_s = acks.last_at - start
        running.drained(600)
        stored_s = time.monotonic() - start
        cpu_s = running.cpu_s() - cpu_s
        sender.close()
    total = trucks * turns * fixes
    return {"durable": total / durable_s, "stored": total / stored_s, "cpu_us_per_fix": cpu_s / total * 1e6}


def catch_up(trucks: int, live_per_s: float, outage_s: float) -> float:
    """How many times the live rate is worked off while the backlog of an outage drains and live goes on.

    The service is killed; its broker keeps what comes. Counted from its return until no sink is behind any more.
    """
    acks = Acks()
    with house(trucks) as running:
        sender = Sender(running.place, "bench", acks.take)
        sender.connect()
        drives = [Drive(n, fleet.now_s() - 3_600) for n in range(trucks)]
        messages = list(rounds(drives, round(live_per_s * (outage_s * 3 + 30) / trucks / FIXES) + 1, FIXES))
        sent = [0]
        stop = threading.Event()

        def live() -> None:
            begun = time.monotonic()
            while not stop.wait(0.05) and sent[0] < len(messages):
                due = min(len(messages), int((time.monotonic() - begun) * live_per_s / FIXES))
                sender.send(messages[sent[0] : due])
                sent[0] = due

        publisher = threading.Thread(target=live, name="live", daemon=True)
        publisher.start()
        time.sleep(2)
        running.drained(60)
        before = sent[0]
        running.kill()
        time.sleep(outage_s)
        running.start()
        start = time.monotonic()
        running.drained(600)
        drained_s = time.monotonic() - start
        worked_off = (sent[0] - before) * FIXES
        stop.set()
        publisher.join()
        sender.close()
    return worked_off / drained_s / live_per_s


def bytes_per_fix(devices: int, hours: int) -> float:
    """Bytes on disk of the SQLite store for a fix, once it has folded what is older than a day."""
    folder = Path(tempfile.mkdtemp(prefix="milepost-bench-"))
    try:
        store = SqliteTelemetry(folder / "telemetry.db")
        sink = TelemetrySink(store)
        received_ms = now_ms() - 2 * 86_400_000
        start_s = received_ms // 1000 - wire.EPOCH - hours * 3_600
        drives = [Drive(n, start_s) for n in range(devices)]
        for number, (device, payload) in enumerate(rounds(drives, hours * 60, FIXES), 1):
            sink.handle([SpoolItem(number, device, UP, received_ms, payload)])
        for _ in range(1_000):
            before = store.size()
            store.maintain(now_ms())
            if store.size() == before:
                break
        size = store.size()
        store.close()
        if size.fixes != devices * hours * 3_600:
            raise AssertionError(f"{size.fixes} fixes in the store, {devices * hours * 3_600} were given to it")
        return size.bytes / size.fixes
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def storm(records: int, trucks: int, per_s: float, seed: int) -> Count:
    """Records lost and doubled while service and broker are killed in turns; with the database of one machine, a
    SQLite file, that is all that can die. (tests/chain/test_storm.py does the same with a PostgreSQL.)"""
    with house(trucks) as running:
        made = Storm(running, trucks, records, seed, per_s)

        def service() -> None:
            running.kill()
            running.start()

        kinds = [Blow("service", service), Blow("broker", running.broker.kill)] * 3
        made.run(laid_out(kinds, random.Random(seed)), 120 + records / per_s * 4)
        running.drained(300)
        running.stop()
        store = SqliteTelemetry(running.data / "telemetry.db")
        found: dict[tuple[str, int], list[int]] = {}
        for device in made.trackers:
            after: str | None = ""
            while after is not None:
                page, after = store.judged(device, 0, 1 << 50, limit=20_000, after=after)
                for each in page:
                    found.setdefault((device, each.reading.stream), []).append(each.reading.seq)
        store.close()
    return count(made.trackers, lambda device, stream: found.get((device, stream), []))


def run(quick: bool = False, seed: int = 1) -> list[dict]:
    """Measure everything. `quick`: a tenth of the load or less, for development; its figures prove nothing."""
    part = 10 if quick else 1
    batched = flood(2_000 // part, 10, FIXES)
    single = flood(10_000 // part, 10, 1)
    counted = storm(25_000 if quick else 1_000_000, 200 // part, 2_500 if quick else 12_000, seed)
    rows = [
        ("durable_batched_fixes_per_s", round(batched["durable"]), "fixes/s"),
        ("durable_single_messages_per_s", round(single["durable"]), "msg/s"),
        ("end_to_end_fixes_per_s", round(batched["stored"]), "fixes/s"),
        ("catchup_ratio", round(catch_up(1_000 // part, 4_000, 60 / part), 2), "x"),
        ("lost", counted.lost, "records"),
        ("doubled", counted.doubled, "records"),
        ("bytes_on_disk_per_fix", round(bytes_per_fix(20 // part, 24 // part), 1), "B"),
        ("cpu_us_per_fix_end_to_end", round(batched["cpu_us_per_fix"], 1), "us"),
    ]
    figures = [{"metric": metric, "value": value, "unit": unit, "baseline": None} for metric, value, unit in rows]
    if not quick:  # may have to build Telegraf first
        figures.append(import_module("milepost_tools.bench.ingest_influx").measure())  # it runs on our house and fleet
    return figures
