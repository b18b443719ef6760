"""The telemetry store on SQLite: one file of its own, so that its writes never wait for orders, nor these for it."""

import json
import math
import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from milepost.errors import Invalid
from milepost.telemetry.model import (
    Body,
    EventBody,
    FixBody,
    GateBody,
    HealthBody,
    Judged,
    Reading,
    StreamCounts,
    TagBody,
)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS device (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS fix (
    device INTEGER NOT NULL, stream INTEGER NOT NULL, seq INTEGER NOT NULL,
    at INTEGER NOT NULL, clock INTEGER NOT NULL, received_at INTEGER NOT NULL, quality TEXT,
    lat_e6 INTEGER, lon_e6 INTEGER, alt_m REAL, speed_mps REAL, course_deg REAL, sats INTEGER, hdop REAL,
    source INTEGER NOT NULL,
    PRIMARY KEY (device, stream, seq)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS fix_time ON fix (device, at);
CREATE TABLE IF NOT EXISTS record (
    device INTEGER NOT NULL, stream INTEGER NOT NULL, seq INTEGER NOT NULL,
    at INTEGER NOT NULL, clock INTEGER NOT NULL, received_at INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (device, stream, seq)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS record_time ON record (device, at);
CREATE TABLE IF NOT EXISTS sink_position (name TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
"""
_CLOCKS = ("none", "rtc", "ntp", "gnss")
_CLOCK_NUMBER = {name: number for number, name in enumerate(_CLOCKS)}
_BODIES: dict[str, type[Body]] = {"tag": TagBody, "gate": GateBody, "event": EventBody, "health": HealthBody}
KINDS = ("fix", *_BODIES)
_FIX = "stream, seq, at, clock, received_at, quality, lat_e6, lon_e6, alt_m, speed_mps, course_deg, sats, hdop, source"
_RECORD = "stream, seq, at, clock, received_at, kind, body"


class SqliteTelemetry:
    """Implements `telemetry.model.TelemetryStore`; every method may be called from any thread."""

    def __init__(self, path: Path) -> None:
        self._path = Path(path)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._local = threading.local()
        self._all: list[sqlite3.Connection] = []
        self._writing = threading.Lock()
        self._devices: dict[str, int] = {}
        conn = self._conn()
        for statement in _SCHEMA.split(";"):
            conn.execute(statement)

    def close(self) -> None:
        """Close the file; nobody may use it after."""
        for conn in self._all:
            conn.close()
        self._all.clear()

    def write(self, readings: Sequence[Judged | Reading], position: int, spool: str = "") -> None:
        """Store readings and the spool position in one synced transaction; a repeat overwrites."""
        judged = [each if isinstance(each, Judged) else Judged(each) for each in readings]
        conn = self._conn()
        with self._writing:
            conn.execute("BEGIN IMMEDIATE")
            try:
                numbers = self._numbers(conn, {each.reading.device for each in judged})
                conn.executemany(
                    "INSERT OR REPLACE INTO fix VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    [_fix_row(numbers, each) for each in judged if isinstance(each.reading.body, FixBody)],
                )
                conn.executemany(
                    "INSERT OR REPLACE INTO record VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    [_record_row(numbers, each) for each in judged if not isinstance(each.reading.body, FixBody)],
                )
                # A judgement passed again on an earlier fix carries the position of now; it never goes back.
                conn.execute(
                    "INSERT INTO sink_position VALUES (?1, ?2)"
                    " ON CONFLICT (name) DO UPDATE SET position = max(position, ?2)",
                    (spool, position),
                )
                conn.execute("COMMIT")
            except BaseException:
                if conn.in_transaction:
                    conn.execute("ROLLBACK")
                raise
            self._devices.update(numbers)

    def position(self, spool: str = "") -> int:
        """The position of the last write from the spool of this key."""
        row = self._conn().execute("SELECT position FROM sink_position WHERE name = ?", (spool,)).fetchone()
        return row[0] if row else 0

    def track(self, device: str, from_ms: int, to_ms: int, limit: int = 100_000) -> list[Reading]:
        """Good fixes of from_ms ≤ at < to_ms by time."""
        rows = self._conn().execute(
            f"SELECT {_FIX} FROM fix WHERE device = ? AND at >= ? AND at < ? AND quality IS NULL"
            " ORDER BY at, stream, seq LIMIT ?",
            (self._number(device), from_ms, to_ms, limit),
        )
        return [_fix_of(device, row).reading for row in rows]

    def judged(
        self, device: str, from_ms: int, to_ms: int, *, kind: str | None = None, limit: int = 100_000, after: str = ""
    ) -> tuple[list[Judged], str | None]:
        """Everything of from_ms ≤ at < to_ms by time, with its quality, and the cursor of the next page or None.

        Raises Invalid for a kind or a cursor that is none.
        """
        if kind is not None and kind not in KINDS:
            raise Invalid(f"kind {kind!r}: use one of {', '.join(KINDS)}")
        start = _cursor(after) if after else (from_ms, -1, -1)
        number, conn = self._number(device), self._conn()
        found: list[Judged] = []
        keys = "AND (at, stream, seq) > (?, ?, ?) ORDER BY at, stream, seq LIMIT ?"
        if kind in (None, "fix"):
            rows = conn.execute(
                f"SELECT {_FIX} FROM fix WHERE device = ? AND at >= ? AND at < ? {keys}",
                (number, start[0], to_ms, *start, limit),
            )
            found += [_fix_of(device, row) for row in rows]
        if kind != "fix":
            rows = conn.execute(
                f"SELECT {_RECORD} FROM record WHERE device = ?1 AND at >= ?2 AND at < ?3"
                " AND (?8 IS NULL OR kind = ?8) AND (at, stream, seq) > (?4, ?5, ?6)"
                " ORDER BY at, stream, seq LIMIT ?7",
                (number, start[0], to_ms, *start, limit, kind),
            )
            found += [Judged(_record_of(device, row)) for row in rows]
        found.sort(key=_order)
        page = found[:limit]
        more = len(found) >= limit and bool(page)
        return page, ":".join(map(str, _order(page[-1]))) if more else None

    def quarantined(self, device: str, from_ms: int, to_ms: int, limit: int = 1_000) -> list[Judged]:
        """Quarantined fixes of from_ms ≤ at < to_ms by time, the first `limit`."""
        rows = self._conn().execute(
            f"SELECT {_FIX} FROM fix WHERE device = ? AND at >= ? AND at < ? AND quality IS NOT NULL"
            " ORDER BY at, stream, seq LIMIT ?",
            (self._number(device), from_ms, to_ms, limit),
        )
        return [_fix_of(device, row) for row in rows]

    def around(self, device: str, from_ms: int, to_ms: int, count: int) -> tuple[list[Judged], list[Judged]]:
        """The last `count` fixes before from_ms and the first `count` after to_ms, each in order of time."""
        number, conn = self._number(device), self._conn()
        before = conn.execute(
            f"SELECT {_FIX} FROM fix WHERE device = ? AND at < ? ORDER BY at DESC, stream DESC, seq DESC LIMIT ?",
            (number, from_ms, count),
        ).fetchall()
        behind = conn.execute(
            f"SELECT {_FIX} FROM fix WHERE device = ? AND at > ? ORDER BY at, stream, seq LIMIT ?",
            (number, to_ms, count),
        )
        return [_fix_of(device, row) for row in reversed(before)], [_fix_of(device, row) for row in behind]

    def latest(self, devices: Sequence[str] | None = None) -> dict[str, Reading]:
        """The newest good fix of each device (None: of all)."""
        conn = self._conn()
        if devices is None:
            devices = [name for (name,) in conn.execute("SELECT name FROM device")]
        found = {}
        for device in devices:
            row = conn.execute(
                f"SELECT {_FIX} FROM fix WHERE device = ? AND quality IS NULL ORDER BY at DESC, stream DESC, seq DESC"
                " LIMIT 1",
                (self._number(device),),
            ).fetchone()
            if row is not None:
                found[device] = _fix_of(device, row).reading
        return found

    def tags(self, device: str, from_ms: int, to_ms: int) -> list[Reading]:
        """Tag readings whose first read lies in from_ms ≤ at < to_ms, by time."""
        rows = self._conn().execute(
            f"SELECT {_RECORD} FROM record WHERE device = ? AND at >= ? AND at < ? AND kind = 'tag'"
            " ORDER BY at, stream, seq",
            (self._number(device), from_ms, to_ms),
        )
        return [_record_of(device, row) for row in rows]

    def counts(self, device: str, stream: int) -> StreamCounts:
        """What is stored of one stream, each seq once."""
        row = (
            self._conn()
            .execute(
                "SELECT count(*), min(seq), max(seq) FROM (SELECT seq FROM fix WHERE device = ?1 AND stream = ?2"
                " UNION ALL SELECT seq FROM record WHERE device = ?1 AND stream = ?2)",
                (self._number(device), stream),
            )
            .fetchone()
        )
        return StreamCounts(row[0], row[1] or 0, row[2] or 0)

    def _conn(self) -> sqlite3.Connection:
        conn = getattr(self._local, "conn", None)
        if conn is None:
            conn = sqlite3.connect(self._path, isolation_level=None, timeout=10, check_same_thread=False)
            conn.execute("PRAGMA journal_mode=WAL")
            conn.execute("PRAGMA synchronous=FULL")
            conn.execute("PRAGMA cache_size=-65536")  # keyed inserts of many devices touch many pages
            conn.execute("PRAGMA wal_autocheckpoint=4000")
            self._local.conn = conn
            self._all.append(conn)
        return conn

    def _number(self, device: str) -> int:
        """The small number of a device; -1 for one that has nothing here."""
        number = self._devices.get(device)
        if number is None:
            row = self._conn().execute("SELECT id FROM device WHERE name = ?", (device,)).fetchone()
            if row is None:
                return -1
            number = self._devices[device] = row[0]
        return number

    def _numbers(self, conn: sqlite3.Connection, devices: set[str]) -> dict[str, int]:
        numbers: dict[str, int] = {}
        for device in devices:
            number = self._number(device)
            if number < 0:
                number = conn.execute("INSERT INTO device (name) VALUES (?) RETURNING id", (device,)).fetchone()[0]
            numbers[device] = number
        return numbers


def _order(judged: Judged) -> tuple[int, int, int]:
    return judged.reading.at, judged.reading.stream, judged.reading.seq


def _cursor(text: str) -> tuple[int, int, int]:
    try:
        at, stream, seq = map(int, text.split(":"))
    except ValueError:
        raise Invalid(f"cursor {text!r}: pass `next` of the last page as it came") from None
    return at, stream, seq


def _fix_row(numbers: dict[str, int], judged: Judged) -> tuple:
    reading, body = judged.reading, judged.reading.body
    assert isinstance(body, FixBody)
    return (
        numbers[reading.device],
        reading.stream,
        reading.seq,
        reading.at,
        _CLOCK_NUMBER[reading.clock],
        reading.received_at,
        judged.reason,
        _e6(body.lat),
        _e6(body.lon),
        _finite(body.alt_m),
        _finite(body.speed_mps),
        _finite(body.course_deg),
        body.sats,
        _finite(body.hdop),
        body.source,
    )


def _e6(degrees: float) -> int | None:
    return round(degrees * 1e6) if math.isfinite(degrees) else None


def _finite(value: float | None) -> float | None:
    """NaN and infinity are no values (cases.md I03): one of them must not spoil its row, nor an answer in JSON."""
    return value if value is not None and math.isfinite(value) else None


def _record_row(numbers: dict[str, int], judged: Judged) -> tuple:
    reading = judged.reading
    return (
        numbers[reading.device],
        reading.stream,
        reading.seq,
        reading.at,
        _CLOCK_NUMBER[reading.clock],
        reading.received_at,
        reading.kind,
        json.dumps(asdict(reading.body), separators=(",", ":"), allow_nan=False),
    )


def _fix_of(device: str, row: tuple) -> Judged:
    stream, seq, at, clock, received_at, quality, lat_e6, lon_e6, *rest = row
    lat = math.nan if lat_e6 is None else lat_e6 / 1e6
    lon = math.nan if lon_e6 is None else lon_e6 / 1e6
    body = FixBody(lat, lon, *rest)
    return Judged(Reading(device, stream, seq, "fix", at, _CLOCKS[clock], received_at, body), quality)


def _record_of(device: str, row: tuple) -> Reading:
    stream, seq, at, clock, received_at, kind, body = row
    return Reading(device, stream, seq, kind, at, _CLOCKS[clock], received_at, _BODIES[kind](**json.loads(body)))
