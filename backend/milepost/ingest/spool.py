"""The durable spool: one SQLite file between the broker and everything that reads (DESIGN: The way of the data).

WAL with synchronous=FULL: when a commit returns, its messages survive a power cut. Whoever acknowledges anything,
does it after that. Files: items (the queue), what is known of each stream, dead letters, and the screen's own state.
"""

import json
import logging
import secrets
import sqlite3
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from milepost.ingest import dead_letters, watermark
from milepost.ingest.decode import batch_of
from milepost.ingest.model import STATE, UP, SpoolItem
from milepost.ingest.reading import record
from milepost.ingest.watermark import Coverage
from milepost.logs import Sparing, about
from milepost.times import now_ms
from milepost_device import wire

_SCHEMA = """
CREATE TABLE IF NOT EXISTS item (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    device TEXT NOT NULL, channel TEXT NOT NULL, received_ms INTEGER NOT NULL, payload BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS stream_state (
    device TEXT NOT NULL, stream INTEGER NOT NULL,
    received TEXT NOT NULL, excused TEXT NOT NULL, watermark INTEGER NOT NULL, tail INTEGER NOT NULL,
    records INTEGER NOT NULL, duplicates INTEGER NOT NULL, dropped INTEGER NOT NULL, updated_ms INTEGER NOT NULL,
    PRIMARY KEY (device, stream)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS identity (one INTEGER PRIMARY KEY CHECK (one = 1), key TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS cursor (name TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS held (
    device TEXT NOT NULL, stream INTEGER NOT NULL, seq INTEGER NOT NULL,
    boot INTEGER NOT NULL, uptime_ms INTEGER NOT NULL,
    batch_boot INTEGER NOT NULL, batch_uptime_ms INTEGER NOT NULL, received_ms INTEGER NOT NULL, record BLOB NOT NULL,
    PRIMARY KEY (device, stream, seq)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS held_age ON held (received_ms);
CREATE TABLE IF NOT EXISTS clock_step (
    device TEXT NOT NULL, boot INTEGER NOT NULL, utc_ms INTEGER NOT NULL, uptime_ms INTEGER NOT NULL,
    clock TEXT NOT NULL, received_ms INTEGER NOT NULL, PRIMARY KEY (device, boot)) WITHOUT ROWID;
"""
_REMEMBERED_STREAMS = 20_000
_DELETE_AT_ONCE = 2_000
_STATE_BYTES = 8_192
_FLOOD_S = 0.5
_LONG_FLOOD_S = 10.0  # what lasts longer is the load, not a catch-up, and the sinks have to live with it
_SHORT_WAIT_S = 0.05
_TOLD_A_MINUTE = 20  # dead letters that the log names one by one
_log = logging.getLogger(__name__)


@record
class Message:
    """One message as it came from the broker, the device taken from its topic."""

    device: str
    channel: str
    received_ms: int
    payload: bytes


class _Group:
    """What a group of messages means, until it is committed."""

    def __init__(self) -> None:
        self.before: dict[tuple[str, int], Coverage] = {}
        self.now: dict[tuple[str, int], Coverage] = {}
        self.bad: list[tuple[str, str, str]] = []  # device, reason, detail
        self.gaps: list[tuple[str, int, int, int]] = []  # device, stream, first and last seq


class Spool:
    """Append by one receiver, read by many sinks; every method may be called from any thread."""

    def __init__(self, path: Path) -> None:
        """Open or create the file. Item ids continue above every id ever given, even when the file is a fresh one or
        an old copy: they start at the clock, and a sink's stored position never hides new items."""
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._local = threading.local()
        self._all: list[sqlite3.Connection] = []
        self._news = threading.Condition()
        self._woken = 0
        self._flood_since = self._flood_until = 0.0
        self.records = self.duplicates = 0  # in batches, since this object was made
        self.buried: Counter[str] = Counter()  # dead letters by reason, repeats too
        self._telling = Sparing(_TOLD_A_MINUTE)
        self._most_pages: int | None = None
        self._streams: OrderedDict[tuple[str, int], Coverage] = OrderedDict()
        with self.tx() as conn:
            for statement in (_SCHEMA + dead_letters.SCHEMA).split(";"):
                conn.execute(statement)
            row = conn.execute("SELECT seq FROM sqlite_sequence WHERE name = 'item'").fetchone()
            first = max(row[0] if row else 0, now_ms() * 1000)
            conn.execute("DELETE FROM sqlite_sequence WHERE name = 'item'")
            conn.execute("INSERT INTO sqlite_sequence VALUES ('item', ?)", (first,))
            conn.execute("INSERT OR IGNORE INTO identity VALUES (1, ?)", (secrets.token_hex(4),))
            self._first = first  # what is behind it is numbered without a gap: whoever opens this file owns it
            # Names this file wherever a position in it is stored.
            self.key: str = conn.execute("SELECT key FROM identity").fetchone()[0]
        self._last = self.last_id()

    @contextmanager
    def tx(self) -> Iterator[sqlite3.Connection]:
        """One transaction that writes: committed and synced at the end, rolled back on an exception."""
        conn = self.connection()
        conn.execute("BEGIN IMMEDIATE")
        try:
            yield conn
            conn.execute("COMMIT")
        except BaseException:
            if conn.in_transaction:
                conn.execute("ROLLBACK")
            raise

    def connection(self) -> sqlite3.Connection:
        """The calling thread's connection."""
        conn = getattr(self._local, "conn", None)
        if conn is None:
            conn = sqlite3.connect(self.path, isolation_level=None, timeout=10, check_same_thread=False)
            conn.execute("PRAGMA journal_mode=WAL")
            conn.execute("PRAGMA synchronous=FULL")
            conn.execute("PRAGMA wal_autocheckpoint=4000")
            if self._most_pages is not None:
                conn.execute(f"PRAGMA max_page_count={self._most_pages}")
            self._local.conn = conn
            self._all.append(conn)
        return conn

    def limit(self, most_bytes: int) -> None:
        """Let SQLite itself refuse to grow the file beyond this. Call it before the threads that write begin."""
        self._most_pages = max(1, most_bytes // self.connection().execute("PRAGMA page_size").fetchone()[0])
        for conn in self._all:
            conn.execute(f"PRAGMA max_page_count={self._most_pages}")

    def used(self) -> int:
        """Bytes in use: the file never shrinks, what was deleted in it is written again."""
        pages, free, size = (
            self.connection().execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        return (pages - free) * size

    def close(self) -> None:
        """Close the file; nobody may use it after."""
        for conn in self._all:
            conn.close()
        self._all.clear()

    # --- the receiver's side ---

    def append(self, group: Sequence[Message]) -> dict[tuple[str, int], int]:
        """Store a group of messages in one synced transaction.

        A batch that cannot be trusted (short, wrong CRC) goes to the dead letters and is not acknowledged; a batch
        that only repeats what is here is counted and not stored again. Returns the watermark of every (device,
        stream) that a good batch came from, also when it brought nothing new: each of them wants an answer.
        Raises sqlite3.Error when nothing of the group is stored.
        """
        found = _Group()
        rows: list[tuple[str, str, int, bytes]] = []
        last = None
        with self.tx() as conn:
            for message in group:
                if message.channel == STATE:
                    if not _is_state(message.payload):
                        found.bad.append(_bury(conn, message, "state", "not a JSON object of at most 8192 bytes"))
                        continue
                elif message.channel == UP and not self._take_batch(conn, message, found):
                    continue  # foreign channels are stored as they are: nothing numbers what they hold
                rows.append((message.device, message.channel, message.received_ms, message.payload))
            last = put_items(conn, rows)
            now = now_ms()
            conn.executemany(
                "INSERT OR REPLACE INTO stream_state VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [(*key, *_to_row(coverage), now) for key, coverage in found.now.items()],
            )
        self._count(found)
        self._remember(found.now)
        self.announce(last)
        return {key: coverage.watermark for key, coverage in found.now.items()}

    def note_buried(self, device: str, reason: str, detail: str) -> None:
        """Count and tell that a message went to the dead letters; to be called once that is committed."""
        self.buried[reason] += 1
        if self._telling.may():
            _log.warning(
                "a message was put into the dead letters: %s", detail, extra=about(device=device, reason=reason)
            )

    def _count(self, found: _Group) -> None:
        for key, coverage in found.now.items():
            before = found.before[key]
            self.records += coverage.records - before.records
            self.duplicates += coverage.duplicates - before.duplicates
        for each in found.bad:
            self.note_buried(*each)
        for device, stream, first, last in found.gaps:
            if self._telling.may():
                gap = about(device=device, stream=stream, first_seq=first, last_seq=last)
                _log.info("a device had to drop records", extra=gap)

    def _take_batch(self, conn: sqlite3.Connection, message: Message, found: _Group) -> bool:
        """Count a batch in; True when it has to be stored."""
        try:
            _, count, stream, first, tail, _, _ = wire.header(message.payload)
        except wire.WireError as error:
            found.bad.append(_bury(conn, message, error.reason, str(error)))
            return False
        key = (message.device, stream)
        coverage = found.now.get(key)
        if coverage is None:
            coverage = found.before[key] = self._stream(conn, key)
        coverage, is_new = watermark.arrived(coverage, first, count, tail)
        # Decoding costs a thousand times the header. A gap record can only matter while something below is missing.
        if watermark.has_hole_below(coverage, first):
            for low, high, named_by in _gaps(message.payload):
                coverage = watermark.excuse(coverage, low, high, named_by)
                found.gaps.append((*key, low, high))
        found.now[key] = coverage
        return is_new

    def _stream(self, conn: sqlite3.Connection, key: tuple[str, int]) -> Coverage:
        known = self._streams.get(key)
        return known if known is not None else _load(conn, key)

    def _remember(self, touched: dict[tuple[str, int], Coverage]) -> None:
        for key, coverage in touched.items():
            self._streams[key] = coverage
            self._streams.move_to_end(key)
        while len(self._streams) > _REMEMBERED_STREAMS:
            self._streams.popitem(last=False)

    def coverage(self, device: str, stream: int) -> Coverage:
        """What is known of one stream; an empty Coverage for an unknown one."""
        return _load(self.connection(), (device, stream))

    def watermark(self, device: str, stream: int) -> int:
        """How far one stream is safe, from memory when it was heard of lately; 0 for an unknown one."""
        known = self._streams.get((device, stream))
        return known.watermark if known is not None else self.coverage(device, stream).watermark

    def streams(self, device: str) -> dict[int, Coverage]:
        """Everything known of a device's streams."""
        rows = self.connection().execute("SELECT stream FROM stream_state WHERE device = ?", (device,)).fetchall()
        return {stream: self.coverage(device, stream) for (stream,) in rows}

    # --- the sinks' side ---

    def after(self, position: int, limit: int = 256, most_bytes: int = 1 << 40) -> list[SpoolItem]:
        """The next items behind a position, in order: at most `limit`, fewer where their payloads together pass
        `most_bytes`, but always one when there is one."""
        rows = self.connection().execute(
            "SELECT id, device, channel, received_ms, payload FROM item WHERE id > ? ORDER BY id LIMIT ?",
            (position, limit),
        )
        found: list[SpoolItem] = []
        for row in rows:
            found.append(SpoolItem(*row))
            most_bytes -= len(row[4])
            if most_bytes <= 0:
                break
        rows.close()
        return found

    def last_id(self) -> int:
        """The newest id given so far, whether its item is still here or not."""
        return self.connection().execute("SELECT seq FROM sqlite_sequence WHERE name = 'item'").fetchone()[0]

    def backlog(self, position: int) -> int:
        """How many items wait behind a position. Counts only what is older than this object: counting reads every
        payload, and this is asked for every sink again and again while a backlog is large."""
        conn = self.connection()
        ends = "SELECT (SELECT min(id) FROM item), (SELECT max(id) FROM item)"
        oldest, newest = conn.execute(ends).fetchone()
        if newest is None:
            return 0
        behind = max(position, oldest - 1)
        if behind >= self._first:
            return max(0, newest - behind)
        old = "SELECT count(*) FROM item WHERE id > ? AND id <= ?"
        return conn.execute(old, (behind, self._first)).fetchone()[0] + max(0, newest - self._first)

    def announce(self, last: int | None) -> None:
        """Wake the sinks: items up to `last` are committed (None: there were none)."""
        if last is not None:
            with self._news:
                self._last = max(self._last, last)
                self._news.notify_all()

    def wait_beyond(self, position: int, timeout_s: float) -> bool:
        """Wait until there may be something behind `position`; False when the time is over."""
        with self._news:
            woken = self._woken
            self._news.wait_for(lambda: self._last > position or self._woken != woken, timeout_s)
            return self._last > position

    def flooding(self) -> None:
        """The receiver says that more waits at the broker than it can take: sinks shall give way."""
        now = time.monotonic()
        if now > self._flood_until:
            self._flood_since = now
        self._flood_until = now + _FLOOD_S

    def give_way(self, most_s: float) -> None:
        """Wait while a flood lasts, at most `most_s`, and hardly at all when it has lasted for ten seconds.

        Decoding threads and the receiver share one interpreter; during a catch-up what counts is that the devices'
        records get onto disk. Measured with 4,000 waiting batches: 1,100 a second beside two busy sinks.
        """
        now = time.monotonic()
        deadline = now + (most_s if now - self._flood_since < _LONG_FLOOD_S else min(most_s, _SHORT_WAIT_S))
        while (now := time.monotonic()) < min(self._flood_until, deadline):
            time.sleep(min(0.05, deadline - now))

    def wake(self) -> None:
        """End every wait now."""
        with self._news:
            self._woken += 1
            self._news.notify_all()

    def truncate(self, position: int, keep: int) -> int:
        """Delete items up to `position`, but never the newest `keep`; returns how many went."""
        row = self.connection().execute("SELECT id FROM item ORDER BY id DESC LIMIT 1 OFFSET ?", (keep,)).fetchone()
        if row is None:
            return 0
        upto, gone = min(position, row[0]), 0
        while True:
            with self.tx() as conn:  # in pieces: the receiver must not wait for a long delete
                now_gone = conn.execute(
                    "DELETE FROM item WHERE id IN (SELECT id FROM item WHERE id <= ? ORDER BY id LIMIT ?)",
                    (upto, _DELETE_AT_ONCE),
                ).rowcount
            gone += now_gone
            if now_gone < _DELETE_AT_ONCE:
                return gone


def put_items(conn: sqlite3.Connection, rows: list[tuple[str, str, int, bytes]]) -> int | None:
    """Append items (device, channel, received_ms, payload) in the caller's transaction; returns the last id."""
    if not rows:
        return None
    conn.executemany("INSERT INTO item (device, channel, received_ms, payload) VALUES (?, ?, ?, ?)", rows)
    return conn.execute("SELECT last_insert_rowid()").fetchone()[0]


def _bury(conn: sqlite3.Connection, message: Message, reason: str, detail: str) -> tuple[str, str, str]:
    dead_letters.bury(
        conn,
        device=message.device,
        channel=message.channel,
        at=message.received_ms,
        payload=message.payload,
        reason=reason,
        detail=detail,
    )
    return message.device, reason, detail


def _is_state(payload: bytes) -> bool:
    if len(payload) > _STATE_BYTES:
        return False
    try:
        return isinstance(json.loads(payload), dict)
    except (ValueError, RecursionError):
        return False


def _gaps(payload: bytes) -> list[tuple[int, int, int]]:
    """The gap records of a batch: first and last seq, and the seq that says so. One that cannot be decoded is none."""
    try:
        batch = batch_of(payload)
    except wire.WireError:
        return []
    found: list[tuple[int, int, int]] = []
    for seq, each in enumerate(batch.records, batch.first_seq):
        if isinstance(each, wire.Event) and each.code == wire.EV_GAP:
            first, last = each.args.get("first_seq"), each.args.get("last_seq")
            if isinstance(first, int) and isinstance(last, int):
                found.append((first, last, seq))
    return found


def _load(conn: sqlite3.Connection, key: tuple[str, int]) -> Coverage:
    row = conn.execute(
        "SELECT received, excused, watermark, tail, records, duplicates, dropped FROM stream_state"
        " WHERE device = ? AND stream = ?",
        key,
    ).fetchone()
    if row is None:
        return Coverage()
    return Coverage(_ranges(row[0]), _ranges(row[1]), *row[2:])


def _to_row(coverage: Coverage) -> tuple[str, str, int, int, int, int, int]:
    return (
        _text(coverage.received),
        _text(coverage.excused),
        coverage.watermark,
        coverage.tail,
        coverage.records,
        coverage.duplicates,
        coverage.dropped,
    )


def _text(ranges: tuple[tuple[int, int], ...]) -> str:
    """Ranges as JSON; nearly always there is one or none."""
    if not ranges:
        return "[]"
    if len(ranges) == 1:
        return f"[[{ranges[0][0]}, {ranges[0][1]}]]"
    return json.dumps(ranges)


def _ranges(text: str) -> tuple[tuple[int, int], ...]:
    return tuple((low, high) for low, high in json.loads(text))
