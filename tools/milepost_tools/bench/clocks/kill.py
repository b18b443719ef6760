"""Exactly once, whatever dies: two workers on one database, killed again and again while clocks run out."""

import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from milepost.db import Database
from milepost.times import now_ms
from milepost_tools.bench.clocks import scene
from milepost_tools.bench.clocks.worker import TOLD

ORDERS = 1_000
KILLS = 40
_SPAN_MS = 40_000
_GIVE_UP_S = 60
_SEED = 13
Progress = Callable[[str], None]


def measure_kills(progress: Progress, orders: int = ORDERS, kills: int = KILLS) -> int:
    """Breaches that were told twice, or never, or without need (the order was accepted in time); on SQLite."""
    with tempfile.TemporaryDirectory() as folder:
        return wrong_after_kills(f"sqlite:///{Path(folder) / 'bench.db'}", orders, kills, _SPAN_MS, progress)


def wrong_after_kills(url: str, orders: int, kills: int, span_ms: int, progress: Progress) -> int:
    """The same on any empty database. `span_ms`: the clocks run out over so long once the orders are entered."""
    rng = random.Random(_SEED)
    db = scene.found(url)
    at_peace = scene.submit(db, "busy", [now_ms() + scene.LIMIT_MS] * kills)
    first = now_ms() + scene.entering_ms(db, orders)
    made = scene.submit(db, "busy", due := [first + rng.randrange(span_ms) for _ in range(orders)])
    time.sleep(max(0, first - now_ms()) / 1000)
    workers = [scene.worker(url), scene.worker(url)]
    try:
        pause_s = span_ms / 1000 / (kills + 1)
        for n in range(kills):
            time.sleep(rng.uniform(0.2, 1.8) * pause_s)  # it shall die at every moment of its work
            victim = rng.randrange(2)
            scene.end(workers[victim])
            workers[victim] = scene.worker(url)
            scene.accept(db, at_peace[n], now_ms())
            progress(f"{n + 1} of {kills} kills, {sum(_told(db).values()):,} breaches told")
        _drain(db, max(due))
    finally:
        for each in workers:
            scene.end(each)
    wanted = {(order_id, clock) for order_id in made for clock in scene.BREAKS}
    told, written = _told(db), _written(db)
    db.close()
    return sum(_wrong(found, wanted) for found in (told, written))


def _wrong(found: Counter[tuple[str, str]], wanted: set[tuple[str, str]]) -> int:
    return sum(abs(found[key] - (key in wanted)) for key in found.keys() | wanted)


def _drain(db: Database, last: int) -> None:
    """Let the workers finish: all has run out by `last` (UTC ms)."""
    end = last + _GIVE_UP_S * 1000
    while (now := now_ms()) <= last or (scene.left(db, now) and now < end):
        time.sleep(0.1)


def _told(db: Database) -> Counter[tuple[str, str]]:
    return _counted(db, f"SELECT order_id, clock FROM {TOLD} WHERE clock IN {scene.BREAKS}")


def _written(db: Database) -> Counter[tuple[str, str]]:
    return _counted(db, f"SELECT order_id, clock FROM breach WHERE clock IN {scene.BREAKS}")


def _counted(db: Database, query: str) -> Counter[tuple[str, str]]:
    with db.read() as conn:
        return Counter((row.order_id, row.clock) for row in conn.exec_driver_sql(query))
