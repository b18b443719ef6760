"""Bench `ingest`: what the service takes in durably and end to end, beside its broker and a publisher on one machine.

Everything runs as in an installation: `milepost serve` and a nats-server as processes of their own, real TCP, real
files with full sync; detectors, quality checks, live board and state are on. The publisher is this process.
"""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from milepost_tools.bench.ingest import fleet
from milepost_tools.bench.ingest.fleet import Drive, rounds
from milepost_tools.bench.ingest.house import House, until
from milepost_tools.bench.ingest.sender import Sender

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


def flood(trucks: int, count: int, fixes: int) -> dict[str, float]:
    """Send `count` batches of every truck as fast as they are taken; rates per second, in fixes.

    `durable`: from the first byte sent to the last end-to-end acknowledgement; `stored`: to the moment when every
    sink has everything.
    """
    acks = Acks()
    with house(trucks) as running:
        sender = Sender(running.place, "bench", acks.take)
        sender.connect()
        drives = [Drive(n, fleet.now_s() - count * fixes) for n in range(trucks)]
        messages = list(rounds(drives, count, fixes))
        cpu = running.cpu_s()
        start = time.monotonic()
        sender.send(messages)
        sent = time.monotonic() - start
        until(lambda: acks.reached(drives), 300, lambda: f"{sum(acks.marks.values())} fixes acknowledged", 0.01)
        durable = acks.last_at - start
        running.drained(600)
        stored = time.monotonic() - start
        total = trucks * count * fixes
        cpu = running.cpu_s() - cpu
        sender.close()
    return {
        "sent": total / sent, "durable": total / durable, "stored": total / stored, "cpu_us_per_fix": cpu / total * 1e6
    }  # fmt: skip
