"""The file under the SQLite telemetry store: connections, transactions, numbers, pieces and what is known of a device.

A piece is the fixes of one device in one hour of their own time that came in one write. Of several pieces of an hour
the one with the greater id is newer; folding joins them into one that keeps the newest id (`sqlite_upkeep`).
One connection writes, under a lock; every thread reads with a connection of its own.
"""

import json
import logging
import sqlite3
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import numpy as np

from milepost.telemetry import chunks
from milepost.telemetry.quality import REASONS
from milepost.telemetry.rows import ROW, merged
from milepost.telemetry.seen import Ranges
from milepost.telemetry.sqlite_layout import LAYOUT, layout_of
from milepost.times import now_ms

_log = logging.getLogger(__name__)
HOUR_MS = 3_600_000
# With every change of it LAYOUT grows: a file of the present layout is opened without a look at its tables.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS device (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS reason (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS piece (
    id INTEGER PRIMARY KEY, device INTEGER NOT NULL, hour INTEGER NOT NULL, brought INTEGER NOT NULL,
    body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS piece_time ON piece (device, hour, brought);
CREATE TABLE IF NOT EXISTS unfolded (hour INTEGER NOT NULL, device INTEGER NOT NULL, PRIMARY KEY (hour, device))
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS minute (device INTEGER NOT NULL, day INTEGER NOT NULL, body BLOB NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS minute_time ON minute (device, day);
CREATE TABLE IF NOT EXISTS state (device INTEGER PRIMARY KEY, latest BLOB, seen TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS record (
    device INTEGER NOT NULL, stream INTEGER NOT NULL, seq INTEGER NOT NULL,
    at INTEGER NOT NULL, clock INTEGER NOT NULL, received_at INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (device, stream, seq)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS record_time ON record (device, at);
CREATE TABLE IF NOT EXISTS sink_position (name TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS damaged (
    id INTEGER PRIMARY KEY, device INTEGER NOT NULL, hour INTEGER NOT NULL, found_at INTEGER NOT NULL,
    why TEXT NOT NULL, body BLOB NOT NULL);
"""
_REMEMBERED = 50_000
_NOBODY = -1


@dataclass(slots=True)
class State:
    """What is known of a device without looking into its pieces."""

    latest: bytes | None = None  # the newest good fix as a packed row
    key: tuple[int, int, int] | None = None  # its at, stream and seq
    stale: bool = False  # the newest good fix was taken back: the next one must be looked up
    seen: dict[int, Ranges] = field(default_factory=dict)  # stored seqs by stream

    def keep(self, row: bytes | None) -> None:
        """Make a packed row the newest good fix."""
        self.latest, self.key, self.stale = row, None if row is None else key_of(row), False


def key_of(row: bytes) -> tuple[int, int, int]:
    """at, stream and seq of a packed row."""
    at, _, stream, seq = _KEY.unpack_from(row)
    return at, stream, seq


_KEY = struct.Struct("<qqII")


class StoreFile:
    """One telemetry file. Raises OSError where SQLite cannot read or write it."""

    def __init__(self, path: Path) -> None:
        self._path = Path(path)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._local = threading.local()
        self._all: list[sqlite3.Connection] = []
        self._writing = threading.RLock()
        self._numbers: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._reasons: list[str | None] = [None]
        self._reason_numbers: dict[str | None, int] = {None: 0}
        self.states: dict[int, State] = {}
        self.marked: set[tuple[int, int]] = set()  # (hour, device) known to be in `unfolded`
        self._version = 0
        self._writer_thread = 0
        self.generation = 0
        self._writer = self._open()
        layout = layout_of(self._writer, self._path)
        if layout != LAYOUT:
            # Only then: whoever comes to read must not wait for one who writes, and has perhaps been stopped meanwhile.
            with self.tx() as conn:
                for statement in _SCHEMA.split(";"):
                    conn.execute(statement)
                conn.execute(f"PRAGMA user_version = {LAYOUT}")
                conn.executemany("INSERT OR IGNORE INTO reason VALUES (?, ?)", enumerate(REASONS, 1))

    def close(self) -> None:
        """Close the file; nobody may use it after."""
        with self._writing:
            for conn in self._all:
                conn.close()
            self._all.clear()

    @contextmanager
    def tx(self) -> Iterator[sqlite3.Connection]:
        """One transaction that writes: committed and synced at the end, rolled back on an exception."""
        conn = self._writer
        with self._writing:
            try:
                conn.execute("BEGIN IMMEDIATE")
                self._writer_thread = threading.get_ident()
                self._notice_others(conn)
                yield conn
                conn.execute("COMMIT")
            except BaseException as error:
                if conn.in_transaction:
                    conn.execute("ROLLBACK")
                self._forget()
                if isinstance(error, sqlite3.OperationalError):
                    raise OSError(f"telemetry file {self._path}: {error}") from error
                raise

    @contextmanager
    def writer(self) -> Iterator[sqlite3.Connection]:
        """The writing connection outside of a transaction, for pragmas."""
        with self._writing:
            yield self._writer

    def _notice_others(self, conn: sqlite3.Connection) -> None:
        """Forget what is remembered when another process has written since."""
        version = conn.execute("PRAGMA data_version").fetchone()[0]
        if version != self._version:
            self._version = version
            self._forget()

    def look(self) -> int:
        """A number that grows whenever another process may have changed the file."""
        with self._writing:
            self._notice_others(self._writer)
            return self.generation

    def _forget(self) -> None:
        self.generation += 1
        self.states.clear()
        self.marked.clear()
        self._numbers.clear()
        self._reasons, self._reason_numbers = [None], {None: 0}

    def bytes_on_disk(self) -> int:
        """What the file and its log take."""
        return sum(path.stat().st_size for path in (self._path, Path(f"{self._path}-wal")) if path.exists())

    def conn(self) -> sqlite3.Connection:
        """The calling thread's connection for reading."""
        conn = getattr(self._local, "conn", None)
        if conn is None:
            conn = self._local.conn = self._open()
        return conn

    def _open(self) -> sqlite3.Connection:
        conn = sqlite3.connect(self._path, isolation_level=None, timeout=10, check_same_thread=False)
        if conn.execute("PRAGMA page_count").fetchone()[0] == 0:
            conn.execute("PRAGMA auto_vacuum=INCREMENTAL")  # of a file that is there it only takes the writers' lock
        conn.execute("PRAGMA journal_mode=WAL")
        conn.execute("PRAGMA synchronous=FULL")
        conn.execute("PRAGMA cache_size=-16384")
        conn.execute("PRAGMA wal_autocheckpoint=4000")
        conn.execute("PRAGMA journal_size_limit=16777216")
        self._all.append(conn)
        return conn

    # --- small numbers for names ---

    def number(self, device: str) -> int:
        """The small number of a device; -1 for one that has nothing here."""
        number = self._numbers.get(device)
        if number is None:
            row = self.conn().execute("SELECT id FROM device WHERE name = ?", (device,)).fetchone()
            return row[0] if row else _NOBODY
        return number

    def number_for(self, conn: sqlite3.Connection, device: str) -> int:
        """The same within a transaction; a new device gets one."""
        number = self._numbers.get(device)
        if number is None:
            row = conn.execute("SELECT id FROM device WHERE name = ?", (device,)).fetchone()
            if row is None:
                row = conn.execute("INSERT INTO device (name) VALUES (?) RETURNING id", (device,)).fetchone()
            number = self._numbers[device] = row[0]
        return number

    def reason_for(self, conn: sqlite3.Connection, text: str | None) -> int:
        """The number of a reason of quarantine, 0 for none; a new one gets one, up to 255."""
        number = self._reason_numbers.get(text)
        if number is None:
            row = conn.execute("SELECT id FROM reason WHERE text = ?", (text,)).fetchone()
            if row is None:
                row = conn.execute("INSERT INTO reason (text) VALUES (?) RETURNING id", (text,)).fetchone()
            number = self._reason_numbers[text] = row[0]
        return number

    def reasons(self) -> list[str | None]:
        """Reasons by number, None at 0, as long as the greatest number needs."""
        found = dict(self.conn().execute("SELECT id, text FROM reason").fetchall())
        return [None, *(found.get(number) for number in range(1, max(found, default=0) + 1))]

    # --- pieces ---

    def hours(
        self,
        conn: sqlite3.Connection,
        number: int,
        first: int,
        last: int,
        *,
        newest_first: bool = False,
    ) -> Iterator[tuple[int, list[bytes]]]:
        """The bodies of the pieces of a device by hour (first..last, both inside), those of an hour by age."""
        found = conn.execute(
            "SELECT hour, id, body FROM piece WHERE device = ? AND hour BETWEEN ? AND ?"
            f" ORDER BY hour {'DESC' if newest_first else ''}",
            (number, first, last),
        )
        for hour, group in groupby(found, key=lambda row: row[0]):
            yield hour, self._readable(number, hour, sorted(row[1:] for row in group))

    def rows(
        self, conn: sqlite3.Connection, number: int, first: int, last: int, *, newest_first: bool = False
    ) -> Iterator[np.ndarray]:
        """The fixes of a device by hour, within an hour by (at, stream, seq), each key once."""
        for _, bodies in self.hours(conn, number, first, last, newest_first=newest_first):
            yield merged([chunks.unfold(body) for body in bodies])

    def hour(self, conn: sqlite3.Connection, number: int, hour: int) -> np.ndarray:
        """The fixes of one hour."""
        return next(self.rows(conn, number, hour, hour), np.empty(0, ROW))

    def _readable(self, number: int, hour: int, pieces: Sequence[tuple[int, bytes]]) -> list[bytes]:
        """The bodies that are whole; others are set aside, so that one never hides its neighbours."""
        whole: list[bytes] = []
        for piece, body in pieces:
            try:
                chunks.check(body)
            except chunks.Damaged as error:
                self.set_aside(piece, number, hour, str(error))
            else:
                whole.append(body)
        return whole

    def set_aside(self, piece: int, number: int, hour: int, why: str) -> None:
        """Take a damaged piece out of the way, kept whole with the reason in the table `damaged`."""
        _log.error(
            "telemetry file %s: piece %d of device %d is damaged and set aside: %s", self._path, piece, number, why
        )
        if self._writer.in_transaction and self._writer_thread == threading.get_ident():
            _move_to_damaged(self._writer, piece, why)
            return
        try:
            with self.tx() as conn:
                _move_to_damaged(conn, piece, why)
        except OSError:
            _log.exception("piece %d stays where it is for now", piece)  # it is left out of answers all the same

    # --- what is known of a device ---

    def state(self, conn: sqlite3.Connection, number: int) -> State:
        """The state of a device, for changing within a transaction; `save` stores it."""
        known = self.states.get(number)
        if known is None:
            row = conn.execute("SELECT latest, seen FROM state WHERE device = ?", (number,)).fetchone()
            known = State()
            if row is not None:
                known.keep(row[0])
                known.seen = {int(stream): ranges for stream, ranges in json.loads(row[1]).items()}
            if len(self.states) >= _REMEMBERED:
                self.states.clear()
            self.states[number] = known
        return known

    def save(self, conn: sqlite3.Connection, states: dict[int, State]) -> None:
        """Store states in the transaction that changed them."""
        conn.executemany(
            "INSERT OR REPLACE INTO state VALUES (?, ?, ?)",
            [(number, state.latest, _json(state.seen)) for number, state in states.items()],
        )

    def newest_good(self, conn: sqlite3.Connection, number: int) -> bytes | None:
        """Look the newest good fix up in the pieces."""
        for rows in self.rows(conn, number, -(1 << 40), 1 << 40, newest_first=True):
            good = rows[rows["reason"] == 0]
            if len(good):
                return good[-1].tobytes()
        return None


def _move_to_damaged(conn: sqlite3.Connection, piece: int, why: str) -> None:
    conn.execute(
        "INSERT OR IGNORE INTO damaged SELECT id, device, hour, ?, ?, body FROM piece WHERE id = ?",
        (now_ms(), why, piece),
    )
    conn.execute("DELETE FROM piece WHERE id = ?", (piece,))


_json = json.JSONEncoder(separators=(",", ":")).encode
