"""The telemetry store on SQLite: one file of its own, so that its writes never wait for orders, nor these for it.

Fixes lie in pieces (decision 20): a write adds one row per device and hour, upkeep folds the pieces of an hour into
compressed columns. Everything else that devices record lies in rows.
"""

import json
import logging
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import chain
from pathlib import Path

import numpy as np

from milepost.errors import Invalid
from milepost.telemetry import chunks, seen, sqlite_layout
from milepost.telemetry.model import (
    CLOCKS,
    Body,
    Entry,
    EventBody,
    Fixes,
    GateBody,
    HealthBody,
    Judged,
    Reading,
    StoreSize,
    StreamCounts,
    TagBody,
    one_by_one,
)
from milepost.telemetry.rows import TRACK, Gathered, judged_of, keys_of, merged, pack, rows_of
from milepost.telemetry.sqlite_file import HOUR_MS, State, StoreFile
from milepost.telemetry.sqlite_upkeep import DAY_MS, Upkeep

_log = logging.getLogger(__name__)
_BODIES: dict[str, type[Body]] = {"tag": TagBody, "gate": GateBody, "event": EventBody, "health": HealthBody}
KINDS = ("fix", *_BODIES)
_RECORD = "stream, seq, at, clock, received_at, kind, body"
_CLOCK_NUMBER = {name: number for number, name in enumerate(CLOCKS)}
_Fix = tuple[Reading, str | None]


class SqliteTelemetry:
    """Implements `telemetry.model.TelemetryStore`; every method may be called from any thread."""

    def __init__(self, path: Path, *, raw_days: int = 30, minute_days: int = 400) -> None:
        """`raw_days`, `minute_days`: how long readings one by one, and one position a minute, are kept (≥ 1).

        A file of the first layout is brought up to date first, some ten thousand fixes a second. Raises NewerLayout.
        """
        self._file = StoreFile(Path(path))
        self._upkeep = Upkeep(self._file, raw_days=raw_days, minute_days=minute_days)
        if sqlite_layout.is_first(self._file.conn()):
            _log.warning("telemetry file %s has the first layout: its fixes are moved into the present one", path)
            moved = sqlite_layout.move_from_first(self._file.conn(), self)
            _log.warning("telemetry file %s: %d fixes moved", path, moved)

    def close(self) -> None:
        """Close the file; nobody may use it after."""
        self._file.close()

    def generation(self) -> int:
        """Grows whenever another process may have written: what was remembered of the store is then to be read anew."""
        return self._file.look()

    def maintain(self, now_ms: int) -> None:
        """Fold, thin out and drop by age what is due; some seconds of work at most, then the next call goes on."""
        self._upkeep.run(now_ms)

    # --- writing ---

    def write(self, readings: Sequence[Entry], position: int, spool: str = "") -> None:
        """Store readings and the spool position in one synced transaction; a repeat overwrites.

        Raises OSError when the file cannot be written (its disk is full), ValueError for a body that JSON cannot hold.
        """
        fixes: dict[str, dict[tuple[int, int], _Fix]] = {}
        records: dict[str, list[Reading]] = {}
        for each in one_by_one(readings):
            reading, reason = (each.reading, each.reason) if isinstance(each, Judged) else (each, None)
            if reading.kind == "fix":
                fixes.setdefault(reading.device, {})[reading.stream, reading.seq] = reading, reason
            else:
                records.setdefault(reading.device, []).append(reading)
        with self._file.tx() as conn:
            changed: dict[int, State] = {}
            pieces: list[tuple[int, int, int, bytes]] = []
            for device, found in records.items():
                number = self._file.number_for(conn, device)
                changed[number] = self._write_records(conn, number, found)
            for device, found in fixes.items():
                number = self._file.number_for(conn, device)
                changed[number] = state = self._file.state(conn, number)
                pieces += self._pieces(conn, number, state, found)
            conn.executemany("INSERT INTO piece (device, hour, brought, body) VALUES (?, ?, ?, ?)", pieces)
            fresh = {(hour, number) for number, hour, _, _ in pieces} - self._file.marked
            if fresh:
                conn.executemany("INSERT OR IGNORE INTO unfolded VALUES (?, ?)", fresh)
                self._file.marked |= fresh
            for number, state in changed.items():
                if state.stale:
                    state.keep(self._file.newest_good(conn, number))
            self._file.save(conn, changed)
            # A judgement passed again on an earlier fix carries the position of now; it never goes back.
            conn.execute(
                "INSERT INTO sink_position VALUES (?1, ?2)"
                " ON CONFLICT (name) DO UPDATE SET position = max(position, ?2)",
                (spool, position),
            )

    def _pieces(
        self, conn: sqlite3.Connection, number: int, state: State, fixes: dict[tuple[int, int], _Fix]
    ) -> list[tuple[int, int, int, bytes]]:
        """The rows of `piece` that some fixes of a device make; notes them in its state."""
        known = _note(state, fixes)
        if known and state.key is not None and state.key[1:] in fixes:
            state.stale = True  # the newest fix comes again: perhaps quarantined now, perhaps at another time
        by_hour: dict[int, list[bytes]] = {}
        newest, newest_row = (-1 << 62, 0, 0) if state.key is None or state.stale else state.key, None
        for key, (reading, reason) in fixes.items():
            row = pack(reading, self._file.reason_for(conn, reason) if reason else 0)
            hour = reading.at // HOUR_MS
            if hour in by_hour:
                by_hour[hour].append(row)
            else:
                by_hour[hour] = [row]
            if reason is None and reading.at >= newest[0] and (reading.at, *key) > newest:
                newest, newest_row = (reading.at, *key), row
        if newest_row is not None and not state.stale:
            state.keep(newest_row)
        made: list[tuple[int, int, int, bytes]] = []
        for hour, rows in by_hour.items():
            packed = b"".join(rows)
            repeated = self._settle_repeats(conn, number, hour, rows_of(packed), known) if known else 0
            made.append((number, hour, len(rows) - repeated, chunks.from_packed(packed)))
        return made

    def _settle_repeats(
        self, conn: sqlite3.Connection, number: int, hour: int, rows: np.ndarray, known: set[int]
    ) -> int:
        """How many of the rows are in their hour already. One that was stored elsewhere in time is taken out there:
        a later version of a reading replaces the earlier one wherever it stood."""
        repeats = keys_of(rows)
        repeats = repeats[np.isin(repeats, np.fromiter(known, np.int64, len(known)))]
        if not len(repeats):
            return 0
        here = np.isin(repeats, keys_of(self._file.hour(conn, number, hour)))
        moved = repeats[~here]
        if len(moved):
            self._take_out(conn, number, moved)
        return int(here.sum())

    def _take_out(self, conn: sqlite3.Connection, number: int, keys: np.ndarray) -> None:
        for piece, brought, body in conn.execute(
            "SELECT id, brought, body FROM piece WHERE device = ?", (number,)
        ).fetchall():
            try:
                rows = chunks.unfold(body)
            except chunks.Damaged:
                continue  # whoever reads its hour sets it aside
            gone = np.isin(keys_of(rows), keys)
            if gone.all():
                conn.execute("DELETE FROM piece WHERE id = ?", (piece,))
            elif gone.any():
                left = rows[~gone]
                rest = chunks.fold(left) if chunks.is_folded(body) else chunks.from_packed(left.tobytes())
                left_brought = max(0, brought - int(gone.sum()))
                conn.execute("UPDATE piece SET brought = ?, body = ? WHERE id = ?", (left_brought, rest, piece))

    def _write_records(self, conn: sqlite3.Connection, number: int, records: list[Reading]) -> State:
        conn.executemany(
            "INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET at = excluded.at,"
            " clock = excluded.clock, received_at = min(received_at, excluded.received_at), kind = excluded.kind,"
            " body = excluded.body",
            [_record_row(number, reading) for reading in records],
        )
        state = self._file.state(conn, number)
        for reading in records:
            seen.add(state.seen.setdefault(reading.stream, []), reading.seq, reading.seq)
        return state

    # --- reading ---

    def position(self, spool: str = "") -> int:
        """The position of the last write from the spool of this key."""
        row = self._file.conn().execute("SELECT position FROM sink_position WHERE name = ?", (spool,)).fetchone()
        return row[0] if row else 0

    def track(self, device: str, from_ms: int, to_ms: int, limit: int = 100_000) -> list[Reading]:
        """Good fixes of from_ms ≤ at < to_ms by time."""
        found: list[Judged] = []
        reasons = self._file.reasons()
        for rows in self._rows(device, from_ms, to_ms):
            found += judged_of(device, rows[rows["reason"] == 0][: limit - len(found)], reasons)
            if len(found) >= limit:
                break
        return [each.reading for each in found]

    def judged(
        self, device: str, from_ms: int, to_ms: int, *, kind: str | None = None, limit: int = 100_000, after: str = ""
    ) -> tuple[list[Judged], str | None]:
        """Everything of from_ms ≤ at < to_ms by time, with its quality, and the cursor of the next page or None.

        Raises Invalid for a kind or a cursor that is none.
        """
        if kind is not None and kind not in KINDS:
            raise Invalid(f"kind {kind!r}: use one of {', '.join(KINDS)}")
        start = _cursor(after) if after else (from_ms, -1, -1)
        found: list[Judged] = []
        if kind in (None, "fix"):
            reasons = self._file.reasons()
            for rows in self._rows(device, start[0], to_ms):
                fresh = rows[_behind(rows, start)] if rows["at"][0] == start[0] else rows
                found += judged_of(device, fresh[: limit - len(found)], reasons)
                if len(found) >= limit:
                    break
        if kind != "fix":
            rows = self._file.conn().execute(
                f"SELECT {_RECORD} FROM record WHERE device = ?1 AND at >= ?2 AND at < ?3"
                " AND (?8 IS NULL OR kind = ?8) AND (at, stream, seq) > (?4, ?5, ?6)"
                " ORDER BY at, stream, seq LIMIT ?7",
                (self._file.number(device), start[0], to_ms, *start, limit, kind),
            )
            found += [Judged(_record_of(device, row)) for row in rows]
            found.sort(key=_order)
        page = found[:limit]
        more = len(found) >= limit and bool(page)
        return page, ":".join(map(str, _order(page[-1]))) if more else None

    def fixes(self, device: str, from_ms: int, to_ms: int) -> Fixes:
        """Good fixes of from_ms ≤ at < to_ms as columns; where the raw ones have expired, the first of each minute."""
        conn, number = self._file.conn(), self._file.number(device)
        minutes = conn.execute(
            "SELECT body FROM minute WHERE device = ? AND day BETWEEN ? AND ? ORDER BY day",
            (number, from_ms // DAY_MS, to_ms // DAY_MS),
        )
        days = [chunks.columns_of(body, TRACK) for (body,) in minutes]
        # Compressed as they lie there, they are few bytes, and tell how many fixes they are before one is decoded.
        hours = [bodies for _, bodies in self._file.hours(conn, number, from_ms // HOUR_MS, to_ms // HOUR_MS)]
        found = Gathered(sum(len(day["at"]) for day in days) + sum(chunks.count(body) for body in chain(*hours)))
        for day in days:
            found.add(day)
        for bodies in hours:
            if len(bodies) == 1 and chunks.is_folded(bodies[0]):
                columns = chunks.columns_of(bodies[0], (*TRACK, "reason"))
            else:
                rows = merged([chunks.unfold(body) for body in bodies])
                columns = {name: rows[name] for name in (*TRACK, "reason")}
            good = columns.pop("reason") == 0
            found.add(columns if good.all() else {name: column[good] for name, column in columns.items()})
        return found.within(from_ms, to_ms)

    def quarantined(self, device: str, from_ms: int, to_ms: int, limit: int = 1_000) -> list[Judged]:
        """Quarantined fixes of from_ms ≤ at < to_ms by time, the first `limit`; hours without any cost little."""
        conn, number, reasons = self._file.conn(), self._file.number(device), self._file.reasons()
        found: list[Judged] = []
        for _, bodies in self._file.hours(conn, number, from_ms // HOUR_MS, to_ms // HOUR_MS):
            if len(found) >= limit:
                break
            if any(chunks.columns_of(body, ("reason",))["reason"].any() for body in bodies):
                rows = merged([chunks.unfold(body) for body in bodies])
                bad = (rows["reason"] != 0) & (rows["at"] >= from_ms) & (rows["at"] < to_ms)
                found += judged_of(device, rows[bad][: limit - len(found)], reasons)
        return found

    def around(self, device: str, from_ms: int, to_ms: int, count: int) -> tuple[list[Judged], list[Judged]]:
        """The last `count` fixes before from_ms and the first `count` after to_ms, each in order of time."""
        conn, number, reasons = self._file.conn(), self._file.number(device), self._file.reasons()
        before: list[Judged] = []
        for rows in self._file.rows(conn, number, -(1 << 40), from_ms // HOUR_MS, newest_first=True):
            last = rows[rows["at"] < from_ms][-(count - len(before)) :]
            before = judged_of(device, last, reasons) + before
            if len(before) >= count:
                break
        behind: list[Judged] = []
        for rows in self._file.rows(conn, number, to_ms // HOUR_MS, 1 << 40):
            first = rows[rows["at"] > to_ms][: count - len(behind)]
            behind += judged_of(device, first, reasons)
            if len(behind) >= count:
                break
        return before, behind

    def latest(self, devices: Sequence[str] | None = None) -> dict[str, Reading]:
        """The newest good fix of each device (None: of all); it outlives the raw readings."""
        conn = self._file.conn()
        found: Iterable[tuple[str, bytes]]
        if devices is None:
            found = conn.execute(
                "SELECT name, latest FROM state JOIN device ON device.id = state.device"
                " WHERE latest IS NOT NULL ORDER BY name"
            ).fetchall()
        else:
            query = "SELECT latest FROM state WHERE device = ? AND latest IS NOT NULL"
            rows = [(device, conn.execute(query, (self._file.number(device),)).fetchone()) for device in devices]
            found = [(device, row[0]) for device, row in rows if row is not None]
        if not found:
            return {}
        packed = rows_of(b"".join(row for _, row in found))
        readings = judged_of("", packed, self._file.reasons())
        return {device: _named(device, each.reading) for (device, _), each in zip(found, readings, strict=True)}

    def tags(self, device: str, from_ms: int, to_ms: int) -> list[Reading]:
        """Tag readings whose first read lies in from_ms ≤ at < to_ms, by time."""
        rows = self._file.conn().execute(
            f"SELECT {_RECORD} FROM record WHERE device = ? AND at >= ? AND at < ? AND kind = 'tag'"
            " ORDER BY at, stream, seq",
            (self._file.number(device), from_ms, to_ms),
        )
        return [_record_of(device, row) for row in rows]

    def counts(self, device: str, stream: int) -> StreamCounts:
        """What is stored of one stream, each seq once."""
        query = "SELECT seen FROM state WHERE device = ?"
        row = self._file.conn().execute(query, (self._file.number(device),)).fetchone()
        ranges = json.loads(row[0]).get(str(stream), []) if row else []
        return StreamCounts(seen.total(ranges), ranges[0][0], ranges[-1][1]) if ranges else StreamCounts(0, 0, 0)

    def devices(self) -> list[str]:
        """Every device that has something here, sorted."""
        return [name for (name,) in self._file.conn().execute("SELECT name FROM device ORDER BY name")]

    def size(self) -> StoreSize:
        """Bytes of the file and its log on disk, and raw fixes in it."""
        fixes = self._file.conn().execute("SELECT coalesce(sum(brought), 0) FROM piece").fetchone()[0]
        return StoreSize(self._file.bytes_on_disk(), fixes)

    def _rows(self, device: str, from_ms: int, to_ms: int) -> Iterable[np.ndarray]:
        """Fixes of from_ms ≤ at < to_ms by time, an hour at a time, no empty ones."""
        conn, number = self._file.conn(), self._file.number(device)
        for rows in self._file.rows(conn, number, from_ms // HOUR_MS, to_ms // HOUR_MS):
            low, high = np.searchsorted(rows["at"], (from_ms, to_ms))
            if low < high:
                yield rows[low:high]


def _note(state: State, fixes: dict[tuple[int, int], _Fix]) -> set[int]:
    """Note the keys of some fixes as stored; returns those that were, each as one number."""
    known: set[int] = set()
    by_stream: dict[int, list[int]] = {}
    for stream, seq in fixes:
        by_stream.setdefault(stream, []).append(seq)
    for stream, seqs in by_stream.items():
        ranges = state.seen.setdefault(stream, [])
        for low, high in seen.runs(seqs):
            if seen.meets(ranges, low, high):
                known |= {stream << 32 | seq for seq in range(low, high + 1) if seen.meets(ranges, seq, seq)}
            seen.add(ranges, low, high)
    return known


def _behind(rows: np.ndarray, start: tuple[int, int, int]) -> np.ndarray:
    """Which rows come behind a place in the order (at, stream, seq)."""
    at, stream, seq = start
    same = rows["at"] == at
    later = (rows["stream"].astype(np.int64) > stream) | ((rows["stream"] == max(stream, 0)) & (rows["seq"] > seq))
    return (rows["at"] > at) | (same & (later if stream >= 0 else True))


def _order(judged: Judged) -> tuple[int, int, int]:
    return judged.reading.at, judged.reading.stream, judged.reading.seq


def _cursor(text: str) -> tuple[int, int, int]:
    try:
        at, stream, seq = map(int, text.split(":"))
    except ValueError:
        raise Invalid(f"cursor {text!r}: pass `next` of the last page as it came") from None
    if not abs(at) < 1 << 53 or not 0 <= stream < 1 << 32 or not 0 <= seq < 1 << 32:
        raise Invalid(f"cursor {text!r}: pass `next` of the last page as it came")
    return at, stream, seq


def _named(device: str, reading: Reading) -> Reading:
    return Reading(
        device, reading.stream, reading.seq, reading.kind, reading.at, reading.clock, reading.received_at, reading.body
    )


def _record_row(number: int, reading: Reading) -> tuple:
    return (
        number,
        reading.stream,
        reading.seq,
        reading.at,
        _CLOCK_NUMBER[reading.clock],
        reading.received_at,
        reading.kind,
        json.dumps(asdict(reading.body), separators=(",", ":"), allow_nan=False),
    )


def _record_of(device: str, row: tuple) -> Reading:
    stream, seq, at, clock, received_at, kind, body = row
    return Reading(device, stream, seq, kind, at, CLOCKS[clock], received_at, _BODIES[kind](**json.loads(body)))
