"""Upkeep of the SQLite telemetry store: fold, thin out, drop by age, give space back. Bounded work a call.

Every step is a few short transactions, so that writing never waits for long, and each of them leaves the same fixes
readable as before: it may be broken off at any place, or run twice.
"""

import sqlite3
import time
from collections.abc import Callable, Iterable

import numpy as np

from milepost.telemetry import chunks, seen
from milepost.telemetry.rows import ROW, merged
from milepost.telemetry.sqlite_file import HOUR_MS, StoreFile

DAY_MS = 86_400_000
_MINUTE_MS = 60_000
_SETTLE_MS = 2 * HOUR_MS  # an hour is folded this long after its beginning: by then most of it has come
_HOURS_A_CALL = 3_000
_SECONDS_A_CALL = 5.0
_HOURS_A_TRANSACTION = 16  # 20-40 ms, the longest that a write waits
_SMALL_ROWS = 32
_MANY_SMALL = 48
_RECORDS_AT_ONCE = 2_000
_PAGES_A_CALL = 8_192  # given back to the disk, 32 MB
_PAGES_KEPT = 64
_Job = Callable[[sqlite3.Connection, int, int], None]  # device, hour


class Upkeep:
    """What `maintain` does to one file."""

    def __init__(self, file: StoreFile, *, raw_days: int, minute_days: int) -> None:
        self._file = file
        self._raw_ms = raw_days * DAY_MS
        self._minute_ms = minute_days * DAY_MS
        self._changed = False
        self._dropped_before = -(1 << 60)  # hour up to which everything has been dropped

    def run(self, now_ms: int) -> None:
        """One round at `now_ms`. Raises OSError when the file cannot be written."""
        end = time.monotonic() + _SECONDS_A_CALL
        oldest = (now_ms - self._raw_ms) // HOUR_MS  # the hour from which on raw fixes stay
        if oldest > self._dropped_before and self._drop(oldest, (now_ms - self._minute_ms) // DAY_MS, end):
            self._dropped_before = oldest
        due = (now_ms - _SETTLE_MS) // HOUR_MS
        self._each(self._unfolded(below=oldest), self._expire, end)
        self._each(self._unfolded(below=due), self._fold, end)
        self._each(self._unfolded(from_hour=due), self._gather, end)
        if self._changed:
            self._give_back()

    def _each(self, work: list[tuple[int, int]], job: _Job, end: float) -> None:
        for start in range(0, len(work), _HOURS_A_TRANSACTION):
            if time.monotonic() > end:
                return
            with self._file.tx() as conn:
                for hour, number in work[start : start + _HOURS_A_TRANSACTION]:
                    job(conn, number, hour)
            time.sleep(0.001)  # let go of the lock: whoever waits to write goes first

    def _unfolded(self, below: int = 1 << 60, from_hour: int = -(1 << 60)) -> list[tuple[int, int]]:
        return (
            self._file.conn()
            .execute(
                "SELECT hour, device FROM unfolded WHERE hour >= ? AND hour < ? ORDER BY hour, device LIMIT ?",
                (from_hour, below, _HOURS_A_CALL),
            )
            .fetchall()
        )

    # --- folding ---

    def _fold(self, conn: sqlite3.Connection, number: int, hour: int) -> None:
        """Join the pieces of an hour into one chunk of columns, which keeps the newest id."""
        conn.execute("DELETE FROM unfolded WHERE hour = ? AND device = ?", (hour, number))
        self._file.marked.discard((hour, number))
        self._join(conn, self._pieces(conn, number, hour), chunks.fold)

    def _gather(self, conn: sqlite3.Connection, number: int, hour: int) -> None:
        """Join the newest pieces of a running hour when they are many and small, as live fixes one by one make them."""
        pieces = self._pieces(conn, number, hour)
        start = len(pieces)
        while start and chunks.count(pieces[start - 1][2]) <= _SMALL_ROWS:
            start -= 1
        if len(pieces) - start >= _MANY_SMALL:
            self._join(conn, pieces[start:], lambda rows: chunks.from_packed(rows.tobytes()))

    def _join(
        self, conn: sqlite3.Connection, pieces: list[tuple[int, int, bytes]], form: Callable[[np.ndarray], bytes]
    ) -> None:
        """Replace neighbours by age through one that holds each key once, in its newest version."""
        if not pieces or (len(pieces) == 1 and chunks.is_folded(pieces[0][2])):
            return
        rows = merged([chunks.unfold(body) for _, _, body in pieces])
        newest = pieces[-1][0]
        brought = sum(each[1] for each in pieces)
        self._changed = True
        conn.executemany("DELETE FROM piece WHERE id = ?", [(each[0],) for each in pieces[:-1]])
        conn.execute("UPDATE piece SET brought = ?, body = ? WHERE id = ?", (brought, form(rows), newest))

    def _pieces(self, conn: sqlite3.Connection, number: int, hour: int) -> list[tuple[int, int, bytes]]:
        """id, brought and body of the whole pieces of an hour by age."""
        found = conn.execute(
            "SELECT id, brought, body FROM piece WHERE device = ? AND hour = ? ORDER BY id", (number, hour)
        ).fetchall()
        whole: list[tuple[int, int, bytes]] = []
        for piece in found:
            try:
                chunks.check(piece[2])
            except chunks.Damaged as error:
                self._file.set_aside(piece[0], number, hour, str(error))
            else:
                whole.append(piece)
        return whole

    # --- by age ---

    def _drop(self, oldest: int, oldest_day: int, end: float) -> bool:
        """Drop whatever lies before an hour, device by device; True when nothing is left to do."""
        numbers = [number for (number,) in self._file.conn().execute("SELECT id FROM device")]
        return all(self._drop_device(number, oldest, oldest_day, end) for number in numbers)

    def _drop_device(self, number: int, oldest: int, oldest_day: int, end: float) -> bool:
        conn = self._file.conn()
        hours = [
            (hour, number)
            for (hour,) in conn.execute(
                "SELECT DISTINCT hour FROM piece WHERE device = ? AND hour < ? ORDER BY hour", (number, oldest)
            )
        ]
        self._each(hours, self._expire, end)
        old_records = "SELECT 1 FROM record WHERE device = ? AND at < ? LIMIT 1"
        while conn.execute(old_records, (number, oldest * HOUR_MS)).fetchone():
            if time.monotonic() > end:
                return False
            with self._file.tx() as writing:
                self._drop_records(writing, number, oldest * HOUR_MS)
        if conn.execute("SELECT 1 FROM minute WHERE device = ? AND day < ?", (number, oldest_day)).fetchone():
            with self._file.tx() as writing:
                writing.execute("DELETE FROM minute WHERE device = ? AND day < ?", (number, oldest_day))
        return time.monotonic() <= end

    def _expire(self, conn: sqlite3.Connection, number: int, hour: int) -> None:
        """Keep the first good fix of each minute of an hour, and drop the hour."""
        pieces = self._pieces(conn, number, hour)
        rows = merged([chunks.unfold(body) for _, _, body in pieces])
        good = rows[rows["reason"] == 0]
        if len(good):
            self._keep_minutes(conn, number, hour * HOUR_MS // DAY_MS, good)
        self._changed = True
        conn.executemany("DELETE FROM piece WHERE id = ?", [(each[0],) for each in pieces])
        conn.execute("DELETE FROM unfolded WHERE hour = ? AND device = ?", (hour, number))
        self._file.marked.discard((hour, number))
        self._unsee(conn, number, zip(rows["stream"].tolist(), rows["seq"].tolist(), strict=True))

    def _keep_minutes(self, conn: sqlite3.Connection, number: int, day: int, good: np.ndarray) -> None:
        """Late fixes of a minute that is kept already may only bring an earlier one: any order ends in the same."""
        row = conn.execute("SELECT body FROM minute WHERE device = ? AND day = ?", (number, day)).fetchone()
        try:
            kept = chunks.unfold(row[0]) if row else np.empty(0, ROW)
        except chunks.Damaged:
            kept = np.empty(0, ROW)
        rows = merged([kept, good])
        _, first = np.unique(rows["at"] // _MINUTE_MS, return_index=True)
        conn.execute("INSERT OR REPLACE INTO minute VALUES (?, ?, ?)", (number, day, chunks.fold(rows[first])))

    def _drop_records(self, conn: sqlite3.Connection, number: int, before_ms: int) -> None:
        keys = conn.execute(
            "SELECT stream, seq FROM record WHERE device = ? AND at < ? ORDER BY at LIMIT ?",
            (number, before_ms, _RECORDS_AT_ONCE),
        ).fetchall()
        conn.executemany(
            "DELETE FROM record WHERE device = ? AND stream = ? AND seq = ?", [(number, *key) for key in keys]
        )
        self._unsee(conn, number, keys)

    def _unsee(self, conn: sqlite3.Connection, number: int, keys: Iterable[tuple[int, int]]) -> None:
        """What is dropped is no longer counted."""
        state = self._file.state(conn, number)
        by_stream: dict[int, list[int]] = {}
        for stream, seq in keys:
            by_stream.setdefault(stream, []).append(seq)
        for stream, seqs in by_stream.items():
            ranges = state.seen.get(stream, [])
            for low, high in seen.runs(seqs):
                seen.remove(ranges, low, high)
            if not ranges:
                state.seen.pop(stream, None)
        self._file.save(conn, {number: state})

    # --- space ---

    def _give_back(self) -> None:
        """Give a bounded number of free pages back to the disk, when they are many; the others are used again."""
        self._changed = False
        with self._file.writer() as conn:
            free, pages = (conn.execute(f"PRAGMA {name}").fetchone()[0] for name in ("freelist_count", "page_count"))
            if free > max(_PAGES_KEPT, pages // 10):
                self._changed = free > _PAGES_A_CALL  # then the next call goes on
                # As a script: execute() would step once and free a single page.
                conn.executescript(f"PRAGMA incremental_vacuum({min(free, _PAGES_A_CALL)})")
            conn.execute("PRAGMA busy_timeout=100")
            conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()  # waits for no reader for long; tried each time
            conn.execute("PRAGMA busy_timeout=10000")
