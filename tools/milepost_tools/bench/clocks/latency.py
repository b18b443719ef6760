"""How soon a breach is there for others to see, with 50,000 deadlines open and 2,000 orders late within a minute."""

import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from milepost.db import Database
from milepost.times import now_ms
from milepost_tools.bench.clocks import scene

DEADLINES = 50_000
BURST = 2_000
AT_ONCE = 300  # of the burst: they run out in the same millisecond, as all of a night do in the morning
_SPAN_MS = 60_000
_LEAD_MS = 15_000
_GIVE_UP_S = 60
_SEED = 11
_BREACHES = f"SELECT seq, late_from FROM breach WHERE clock IN {scene.BREAKS}"
Progress = Callable[[str], None]


def measure_latency(
    progress: Progress, deadlines: int = DEADLINES, burst: int = BURST, at_once: int = AT_ONCE
) -> float:
    """Seconds between the instant at which a clock is late and the moment when another process can read its breach,
    at the 99th percentile; infinite when one never came.

    On SQLite with one worker, as `milepost serve` runs it, with every part listening: each of those orders breaks three
    clocks at once, and with its breaches its messages, its item of the inbox and its rows are written. `deadlines`:
    open clocks that are not due; `burst`: orders that become late within a minute, of which `at_once` at the same
    instant.
    """
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'bench.db'}"
        db = scene.found(url)
        _fill(db, deadlines, progress)
        return _p(_latencies(db, url, burst, at_once, progress), 0.99)


def _fill(db: Database, deadlines: int, progress: Progress) -> None:
    there = scene.open_deadlines(db)
    [model] = scene.submit(db, "quiet", [now_ms() + scene.LIMIT_MS])
    each = scene.open_deadlines(db) - there
    progress(f"{deadlines:,} deadlines are entered that stay open")
    scene.multiply(db, model, deadlines // each)
    if scene.open_deadlines(db) < deadlines:
        raise AssertionError(f"only {scene.open_deadlines(db)} of {deadlines} deadlines are open")


def _latencies(db: Database, url: str, burst: int, at_once: int, progress: Progress) -> list[float]:
    rng = random.Random(_SEED)
    # They are entered while their ten minutes run.
    first = now_ms() + _LEAD_MS + scene.entering_ms(db, burst)
    moment = first + _SPAN_MS // 2
    due = [moment] * at_once + [first + rng.randrange(_SPAN_MS) for _ in range(burst - at_once)]
    progress(f"{burst:,} orders are entered that will be late")
    scene.submit(db, "busy", due)
    worker = scene.worker(url)
    try:
        return _watch(db, burst * len(scene.BREAKS), max(due), progress)
    finally:
        scene.end(worker)


def _watch(db: Database, wanted: int, last: int, progress: Progress) -> list[float]:
    seen: list[float] = []
    seq = 0
    while len(seen) < wanted:
        if now_ms() > last + _GIVE_UP_S * 1000:
            return [*seen, *[float("inf")] * (wanted - len(seen))]
        time.sleep(0.05)
        with db.read() as conn:
            rows = conn.exec_driver_sql(f"{_BREACHES} AND seq > {seq} ORDER BY seq").all()
        now = now_ms()
        seen += [(now - row.late_from) / 1000 for row in rows]
        if rows:
            seq = rows[-1].seq
            progress(f"{len(seen):,} of {wanted:,} breaches, the slowest after {max(seen):.1f} s")
    return seen


def _p(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]
