"""Messages that could not be used: kept whole, with the reason, until somebody looks or a newer version reads them."""

import hashlib
import sqlite3

from milepost.errors import Conflict, NotFound
from milepost.ingest.decode import batch_of
from milepost.ingest.foreign import adapter_of
from milepost.ingest.model import UP, DeadLetter, SpoolItem
from milepost_device import wire

SCHEMA = """
CREATE TABLE IF NOT EXISTS dead_letter (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    device TEXT NOT NULL, channel TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL, payload BLOB NOT NULL,
    digest BLOB NOT NULL, at INTEGER NOT NULL, last_at INTEGER NOT NULL, times INTEGER NOT NULL, state TEXT NOT NULL,
    UNIQUE (device, channel, digest));
"""
# Never acknowledged to the device, so it still has what it meant to send: of these only the newest are kept.
_NOT_ACKNOWLEDGED = ("short", "magic", "crc", "state", "topic", "escape", "length", "encrypted")
_KEPT_OF_THESE = 500
_COLUMNS = "id, device, channel, reason, detail, at, last_at, times, length(payload), state"


def bury(
    conn: sqlite3.Connection, *, device: str, channel: str, at: int, payload: bytes, reason: str, detail: str
) -> None:
    """Keep a message in the caller's transaction; exactly the same one again is counted, not kept twice.

    One that was run again and comes back here is open again: nobody has it yet.
    """
    digest = hashlib.sha256(payload).digest()
    seen = conn.execute(
        "UPDATE dead_letter SET times = times + 1, last_at = ?, reason = ?, detail = ?, state = 'open'"
        " WHERE device = ? AND channel = ? AND digest = ?",
        (at, reason, detail, device, channel, digest),
    ).rowcount
    if seen:
        return
    conn.execute(
        "INSERT INTO dead_letter (device, channel, reason, detail, payload, digest, at, last_at, times, state)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, 'open')",
        (device, channel, reason, detail, payload, digest, at, at),
    )
    if reason in _NOT_ACKNOWLEDGED:
        marks = ", ".join("?" * len(_NOT_ACKNOWLEDGED))
        conn.execute(
            f"DELETE FROM dead_letter WHERE id IN (SELECT id FROM dead_letter WHERE device = ? AND reason IN ({marks})"
            " ORDER BY id DESC LIMIT -1 OFFSET ?)",
            (device, *_NOT_ACKNOWLEDGED, _KEPT_OF_THESE),
        )


def listed(
    conn: sqlite3.Connection, *, device: str | None = None, state: str | None = None, before: int | None = None,
    limit: int = 100,
) -> list[DeadLetter]:  # fmt: skip
    """Dead letters, newest first; `before` is the id at which the last page ended."""
    rows = conn.execute(
        f"SELECT {_COLUMNS} FROM dead_letter WHERE (?1 IS NULL OR device = ?1) AND (?2 IS NULL OR state = ?2)"
        " AND (?3 IS NULL OR id < ?3) ORDER BY id DESC LIMIT ?4",
        (device, state, before, limit),
    )
    return [DeadLetter(*row) for row in rows]


def state_of(conn: sqlite3.Connection, letter_id: int) -> tuple[str, str] | None:
    """(state, reason) of one, or None."""
    return conn.execute("SELECT state, reason FROM dead_letter WHERE id = ?", (letter_id,)).fetchone()


def payload_of(conn: sqlite3.Connection, letter_id: int) -> bytes:
    """The bytes of one. Raises NotFound."""
    row = conn.execute("SELECT payload FROM dead_letter WHERE id = ?", (letter_id,)).fetchone()
    if row is None:
        raise NotFound(f"no dead letter {letter_id}; GET /api/v1/dead-letters lists them")
    return row[0]


def rerun(conn: sqlite3.Connection, letter_id: int) -> tuple[str, str, int, bytes]:
    """Mark one as run again and return it as a spool row, to be appended in the same transaction.

    Raises NotFound, and Conflict while its bytes still cannot be read (or when its batch was never acknowledged:
    the device sends that one again by itself).
    """
    payload = payload_of(conn, letter_id)
    device, channel, at, reason = conn.execute(
        "SELECT device, channel, at, reason FROM dead_letter WHERE id = ?", (letter_id,)
    ).fetchone()
    if channel == UP or adapter_of(channel) is not None:
        still = unreadable_item(SpoolItem(letter_id, device, channel, at, payload))
        if still is not None:
            raise Conflict(
                f"dead letter {letter_id} still cannot be read ({still[0]}); update the service first", changed=still[0]
            )
    elif reason in _NOT_ACKNOWLEDGED:
        raise Conflict(f"dead letter {letter_id} is no message of a device ({reason})", changed=reason)
    conn.execute("UPDATE dead_letter SET state = 'rerun' WHERE id = ?", (letter_id,))
    return device, channel, at, payload


def unreadable_item(item: SpoolItem) -> tuple[str, str] | None:
    """(reason, detail) when an item of `up` or of a foreign channel cannot be understood; None when all of it can."""
    foreign = adapter_of(item.channel)
    return unreadable(item.payload) if foreign is None else foreign.unreadable(item)


def unreadable(payload: bytes) -> tuple[str, str] | None:
    """(reason, detail) when a batch, or a record of it, cannot be understood; None when all of it can."""
    try:
        batch = batch_of(payload)
    except wire.WireError as error:
        return error.reason, str(error)
    unknown = sorted({record.kind for record in batch.records if isinstance(record, wire.Unknown)})
    if unknown:
        return "kind", f"records of unknown kind {', '.join(map(str, unknown))}; the others are in the store"
    return None
