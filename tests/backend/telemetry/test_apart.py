"""What the process of the telemetry sink does differently: hand-overs in parts, and a quick turn at SQLite's lock."""

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from milepost.db import Database
from milepost.ingest.model import SpoolItem
from milepost.telemetry import apart_db
from milepost.telemetry.apart import InParts
from milepost.telemetry.apart_db import Alert
from milepost.telemetry.model import Judged, Reading
from milepost.telemetry.sink import TelemetrySink
from milepost.telemetry.sqlite import SqliteTelemetry

from ..ingest.conftest import drive

HELD_S = 0.6


class Failing(SqliteTelemetry):
    """Fails at the write with one number."""

    def __init__(self, path: Path, at: int = 0) -> None:
        super().__init__(path)
        self.fails_at, self.positions = at, list[int]()

    def write(self, readings: Sequence[Judged | Reading], position: int, spool: str = "") -> None:
        if len(self.positions) + 1 == self.fails_at:
            self.fails_at = 0
            raise OSError("away for a moment")
        super().write(readings, position, spool)
        self.positions.append(position)


@pytest.fixture
def items() -> list[SpoolItem]:
    """Thirty messages of three trucks, in turns."""
    return [SpoolItem(n + 1, f"truck-{n % 3}", "up", 1_800_000_000_000, drive(n // 3 * 20 + 1, 20)) for n in range(30)]


def stored(store: SqliteTelemetry) -> list[Judged]:
    return [each for n in range(3) for each in store.judged(f"truck-{n}", 0, 1 << 50)[0]]


def test_a_hand_over_in_parts_stores_what_it_would_as_a_whole(items: list[SpoolItem], tmp_path: Path) -> None:
    whole, parts = Failing(tmp_path / "whole.db"), Failing(tmp_path / "parts.db")
    TelemetrySink(whole).handle(items)
    sink = InParts(parts, "", part_bytes=7 * len(items[0].payload))
    sink.handle(items)
    assert stored(parts) == stored(whole)
    assert (whole.positions, sink.position(), sink.written) == ([30], 30, 600)
    assert len(parts.positions) == 5
    assert parts.positions == sorted(parts.positions)
    whole.close()
    parts.close()


def test_a_part_that_fails_leaves_the_position_behind_the_last_one_that_did_not(
    items: list[SpoolItem], tmp_path: Path
) -> None:
    store = Failing(tmp_path / "telemetry.db", at=3)
    sink = InParts(store, "", part_bytes=7 * len(items[0].payload))
    with pytest.raises(OSError, match="away for a moment"):
        sink.handle(items)
    stood = sink.position()
    assert stood == store.positions[-1] == store.positions[1]
    sink.handle([each for each in items if each.id > stood])  # as its runner does
    assert sink.position() == 30
    assert [each.reading.seq for each in stored(store)] == list(range(1, 201)) * 3
    store.close()


@pytest.fixture
def alert(tmp_path: Path) -> Iterator[Alert]:
    made = Alert(f"sqlite:///{tmp_path / 'milepost.db'}")
    with made.tx() as conn:
        conn.execute(text("CREATE TABLE one (n INTEGER)"))
    yield made
    made.close()


def held(db: Database, seconds: float) -> threading.Thread:
    """Another process's lock of writers, for so long."""
    holder = sqlite3.connect(str(db.engine.url.database), isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN IMMEDIATE")

    def let_go() -> None:
        time.sleep(seconds)
        holder.execute("COMMIT")
        holder.close()

    thread = threading.Thread(target=let_go)
    thread.start()
    return thread


def test_a_lock_that_others_have_is_waited_for_and_taken_soon(alert: Alert, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    sleep = time.sleep
    monkeypatch.setattr(apart_db.time, "sleep", lambda s: (pauses.append(s), sleep(s)) if s < HELD_S else sleep(s))
    thread = held(alert, HELD_S)
    with alert.tx() as conn:
        conn.execute(text("INSERT INTO one VALUES (7)"))
    thread.join()
    assert len(pauses) > 20
    assert max(pauses) <= 0.005
    with alert.read() as conn:
        assert conn.execute(text("SELECT n FROM one")).scalar() == 7
        assert conn.execute(text("PRAGMA busy_timeout")).scalar() == 10_000


def test_a_lock_that_never_comes_free_is_an_error_as_ever(alert: Alert, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart_db, "_WAIT_MS", 50)
    thread = held(alert, 0.4)
    with pytest.raises(OperationalError, match="locked"), alert.tx():
        pass
    thread.join()
    with pytest.raises(ZeroDivisionError), alert.tx() as conn:  # and what fails is undone
        conn.execute(text("INSERT INTO one VALUES (8)"))
        _ = 1 / 0
    with alert.tx() as conn:
        assert conn.execute(text("SELECT count(*) FROM one")).scalar() == 0
