"""Where one record is: in the spools, the dead letters, the account of what arrived, the store, the evidence.

Reads only, beside a running service or without one. A record is named by (device, stream, seq), as evidence cites it.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from milepost.access.model import SYSTEM
from milepost.access.scope import readable
from milepost.db import Database
from milepost.evidence.tables import fact
from milepost.ingest import ranges
from milepost.ingest.decode import readings
from milepost.ingest.files import spool_files
from milepost.ingest.foreign import is_numbered
from milepost.ingest.foreign.model import EPOCH_MS
from milepost.ingest.model import UP, SpoolItem
from milepost.ingest.tables import completeness_hour, completeness_stream, sink_position
from milepost.telemetry.model import Judged, TelemetryStore
from milepost.times import now_ms, to_rfc3339
from milepost_device.wire import WireError, header

_HOUR_MS = 3_600_000
_ACCOUNTS = ("placed", "unreadable", "unplaced", "dropped")


@dataclass
class Story:
    """What is known of one record, part by part; empty where a part knows nothing."""

    device: str
    stream: int
    seq: int
    spool: list[dict[str, Any]] = field(default_factory=list)  # items that hold it, and who has had them
    held: list[str] = field(default_factory=list)  # workers in whose spool it waits for its clock
    dead_letters: list[dict[str, Any]] = field(default_factory=list)
    unreadable_letters: int = 0  # of the device, of which nobody can tell what they held
    watermarks: dict[str, int] = field(default_factory=dict)  # by worker
    account: list[str] = field(default_factory=list)  # of _ACCOUNTS
    telemetry: dict[str, Any] | None = None
    facts: list[dict[str, Any]] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """The whole of it in one sentence."""
        if self.telemetry is not None:
            reason = self.telemetry["quarantine"]
            where = "in the store" + (f", in quarantine ({reason})" if reason else "")
            return f"{where}; {len(self.facts)} facts rest on it"
        if self.held:
            return "waits in the spool for the clock of its device, at most ten minutes"
        if self.dead_letters:
            return "in the dead letters; see the reason there"
        if self.spool:
            return "in the spool, on its way into the store"
        if "dropped" in self.account:
            return "the device had to drop it, and said so"
        if "unreadable" in self.account:
            return "it arrived, and could not be read"
        if "placed" in self.account:
            return "it arrived; the store no longer holds it (older than it keeps, or lost with it)"
        if any(mark >= self.seq for mark in self.watermarks.values()):
            return "below the watermark, and not here: the device no longer had it when it first spoke to this spool"
        return "never arrived: look at the device, which still holds it or never made it"

    @property
    def found(self) -> bool:
        """Whether the record is anywhere."""
        return bool(self.telemetry or self.held or self.dead_letters or self.spool)


def trace(folder: Path, db: Database, store: TelemetryStore, device: str, stream: int, seq: int) -> Story:
    """Look for a record everywhere. `folder`: data_dir, whose spools are of workers on this host.

    Raises OSError or what the database raises where one of them is away.
    """
    story = Story(device, stream, seq)
    times: list[int] = []
    with db.read() as conn:
        positions = {row.name: row.position for row in conn.execute(select(sink_position))}
        times += _account(conn, story)
        story.facts = _facts(conn, f"{device}/{stream}/{seq}")
    for worker, path in spool_files(folder).items():
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as spool:
            times += _look_into(spool, worker or "-", positions, story)
    found = _stored(store, story, times)
    if found is not None:
        each = found.reading
        story.telemetry = {
            "kind": each.kind, "at": to_rfc3339(each.at), "clock": each.clock,
            "received_at": to_rfc3339(each.received_at), "quarantine": found.reason,
        }  # fmt: skip
    return story


def _look_into(conn: sqlite3.Connection, worker: str, positions: dict[str, int], story: Story) -> list[int]:
    """What one spool file knows; returns times that the record may have."""
    times: list[int] = []
    (key,) = conn.execute("SELECT key FROM identity").fetchone()
    mark = conn.execute(
        "SELECT watermark FROM stream_state WHERE device = ? AND stream = ?", (story.device, story.stream)
    ).fetchone()
    if mark is not None:
        story.watermarks[worker] = mark[0]
    named = (story.device, story.stream, story.seq)
    if conn.execute("SELECT 1 FROM held WHERE device = ? AND stream = ? AND seq = ?", named).fetchone():
        story.held.append(worker)
    sinks = {name.partition("@")[0]: at for name, at in positions.items() if name.partition("@")[2] == key}
    sinks |= dict(conn.execute("SELECT name, position FROM cursor"))
    rows = conn.execute(
        "SELECT id, device, channel, received_ms, payload FROM item WHERE device = ? ORDER BY id", (story.device,)
    )
    for item in (SpoolItem(*row) for row in rows):
        at = [each.at for each in readings(item) if (each.stream, each.seq) == (story.stream, story.seq)]
        if not at and not _spans(item.channel, item.payload, story):
            continue
        times += at
        had = sorted(name for name, position in sinks.items() if position >= item.id)
        waits = sorted(name for name, position in sinks.items() if position < item.id)
        story.spool.append(
            {"worker": worker, "item": item.id, "channel": item.channel, "received_at": to_rfc3339(item.received_ms),
             "sinks_had_it": had, "sinks_wait": waits}
        )  # fmt: skip
    letters = "SELECT id, channel, reason, detail, at, state, payload FROM dead_letter WHERE device = ?"
    for letter, channel, reason, detail, at, state, payload in conn.execute(letters, (story.device,)):
        if _spans(channel, payload, story):
            story.dead_letters.append(
                {"worker": worker, "id": letter, "reason": reason, "detail": detail, "at": to_rfc3339(at),
                 "state": state}
            )  # fmt: skip
        elif channel == UP and _spans(channel, payload, None) is None:
            story.unreadable_letters += 1
    return times


def _spans(channel: str, payload: bytes, story: Story | None) -> bool | None:
    """Whether a batch says that it holds the record; None where its header cannot be trusted."""
    if channel != UP:
        return False
    try:
        _, count, stream, first, *_ = header(payload)
    except WireError:
        return None
    return story is not None and stream == story.stream and first <= story.seq < first + count


def _account(conn: Connection, story: Story) -> list[int]:
    """What the account of arrivals says; returns the hour in which the record was made, where that is known."""
    streams, hours = completeness_stream, completeness_hour
    row = conn.execute(
        select(streams).where(streams.c.device == story.device, streams.c.stream == story.stream)
    ).first()
    if row is not None:
        story.account = [name for name in _ACCOUNTS if _has(row._mapping[name], story.seq)]
    rows = conn.execute(
        select(hours.c.first_ms, hours.c.last_ms, hours.c.received).where(
            hours.c.device == story.device, hours.c.stream == story.stream
        )
    )
    times = [at for row in rows if _has(row.received, story.seq) for at in (row.first_ms, row.last_ms)]
    return times or ([] if is_numbered(story.stream) else [EPOCH_MS + story.seq * 1000])


def _has(text: str, seq: int) -> bool:
    return any(low <= seq <= high for low, high in ranges.decode(text))


def _stored(store: TelemetryStore, story: Story, times: list[int]) -> Judged | None:
    """The record in the store: near the times it may have, else anywhere."""
    spans = [(min(times) - 1, max(times) + 1_000)] if times else []
    for from_ms, to_ms in (*spans, (0, now_ms() + _HOUR_MS)):
        for each in _pages(store, story.device, from_ms, to_ms):
            if (each.reading.stream, each.reading.seq) == (story.stream, story.seq):
                return each
        if "placed" in story.account and spans:
            return None  # the account knows when it was made, and there it is not
    return None


def _pages(store: TelemetryStore, device: str, from_ms: int, to_ms: int) -> Iterator[Judged]:
    cursor: str | None = ""
    while cursor is not None:
        page, cursor = store.judged(device, from_ms, to_ms, limit=20_000, after=cursor)
        yield from page


def _facts(conn: Connection, name: str) -> list[dict[str, Any]]:
    statement = readable(SYSTEM, fact, fact.c.id, fact.c.rev, fact.c.kind, fact.c.at, fact.c.rule).where(
        fact.c.inputs.contains(f'"{name}"', autoescape=True)
    )
    return [
        {"id": row.id, "rev": row.rev, "kind": row.kind, "at": to_rfc3339(row.at), "rule": row.rule}
        for row in conn.execute(statement.order_by(fact.c.seq))
    ]
