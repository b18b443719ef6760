"""Files of other versions: which layout a telemetry file has, and how the first one is brought to the present one."""

import math
import sqlite3
from typing import TYPE_CHECKING

from milepost.errors import MilepostError
from milepost.telemetry.model import CLOCKS, FixBody, Judged, Reading

if TYPE_CHECKING:
    from milepost.telemetry.sqlite import SqliteTelemetry

LAYOUT = 2  # in the file's user_version; 0: of before it was written there
_AT_ONCE = 20_000  # fixes moved in one transaction
# The first layout held each fix in a row of its own.
_FIX = (
    "device, stream, seq, at, clock, received_at, quality, lat_e6, lon_e6, alt_m, speed_mps, course_deg, sats, hdop,"
    " source"
)


class NewerLayout(MilepostError):
    """The file was written by a newer version than this one."""


def layout_of(conn: sqlite3.Connection, path: object) -> int:
    """The layout written in a file. Raises NewerLayout for one that this version does not know; nothing was touched."""
    found = conn.execute("PRAGMA user_version").fetchone()[0]
    if found > LAYOUT:
        raise NewerLayout(
            f"telemetry file {path} has layout {found}, this version knows up to {LAYOUT}: install the version that"
            " wrote it, or one newer, or restore a backup of before the update"
        )
    return found


def is_first(conn: sqlite3.Connection) -> bool:
    """True for a file of the first layout that was not, or not wholly, brought up to date."""
    return conn.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'fix'").fetchone() is not None


def move_from_first(conn: sqlite3.Connection, store: "SqliteTelemetry") -> int:
    """Bring a file of the first layout up to date; returns how many fixes were moved.

    `conn`: a connection of its own; `store`: the same file, open with the present tables. May break off anywhere and
    be begun again: rows go only after they have been written, and writing one twice is writing it once.
    """
    try:
        return _move(conn, store)
    except sqlite3.OperationalError:
        if is_first(conn):
            raise
        return 0  # another process, started beside us, was quicker with the rest


def _move(conn: sqlite3.Connection, store: "SqliteTelemetry") -> int:
    names: dict[int, str] = dict(conn.execute("SELECT id, name FROM device").fetchall())
    position = conn.execute("SELECT position FROM sink_position WHERE name = 'telemetry'").fetchone()
    moved = 0
    for number, name in names.items():
        while rows := conn.execute(
            f"SELECT {_FIX} FROM fix WHERE device = ? ORDER BY at, stream, seq LIMIT ?", (number, _AT_ONCE)
        ).fetchall():
            store.write([_fix(name, row) for row in rows], 0)
            conn.execute("BEGIN IMMEDIATE")
            conn.executemany("DELETE FROM fix WHERE device = ? AND stream = ? AND seq = ?", [row[:3] for row in rows])
            conn.execute("COMMIT")
            moved += len(rows)
        # Other records lie as they did; what is known of their numbers was not kept then.
        store.write([each.reading for each in _records(store, name)], 0)
    # Positions had one name for all spools; only the spool without a name was there.
    store.write([], position[0] if position else 0)
    conn.execute("DROP TABLE fix")
    return moved


def _records(store: "SqliteTelemetry", name: str) -> list[Judged]:
    found: list[Judged] = []
    for kind in ("tag", "gate", "event", "health"):
        after: str | None = ""
        while after is not None:
            page, after = store.judged(name, -(1 << 52), 1 << 52, kind=kind, limit=_AT_ONCE, after=after)
            found += page
    return found


def _fix(name: str, row: tuple) -> Judged:
    _, stream, seq, at, clock, received_at, quality, lat_e6, lon_e6, alt_m, speed_mps, course_deg, sats, hdop, src = row
    body = FixBody(
        math.nan if lat_e6 is None else lat_e6 / 1e6,
        math.nan if lon_e6 is None else lon_e6 / 1e6,
        alt_m=alt_m,
        speed_mps=speed_mps,
        course_deg=course_deg,
        sats=sats,
        hdop=hdop,
        source=src,
    )
    return Judged(Reading(name, stream, seq, "fix", at, CLOCKS[clock], received_at, body), quality)
