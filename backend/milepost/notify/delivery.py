"""The round that sends what waits in the outbox: leased, counted, tried again later, set aside when it never works.

An attempt is counted before it is made. So after a crash each message is sent again with the attempt number 2 and
its id: nothing is lost, and whoever receives it can tell a repetition. A message whose turn another worker has taken
over is not touched.
"""

import logging
from collections.abc import Mapping
from typing import Any

from milepost.db import Database
from milepost.ids import new_id
from milepost.notify import repository
from milepost.notify.channels import Channel, Console, Parcel
from milepost.notify.texts import Texts
from milepost.times import now_ms

CHANNELS: dict[str, Channel] = {"console": Console()}
BATCH = 20
LEASE_MS = 60_000
MAX_ATTEMPTS = 8
_FIRST_WAIT_MS = 15_000
_MAX_WAIT_MS = 3_600_000
_MAX_ERROR = 500
_log = logging.getLogger(__name__)


def deliver(db: Database, channels: Mapping[str, Channel] | None = None, now: int | None = None) -> int:
    """Send what is due, in batches, until nothing is; returns how many were sent. Call it every second.

    `channels`: by name, default: those of the house; `now`: UTC ms, for tests.
    """
    ways = CHANNELS if channels is None else channels
    worker = new_id()
    sent = 0
    while (batch := _take(db, worker, now)) is not None:
        rows, texts = batch
        for row in rows:
            sent += _send(db, ways, row, texts, now)
    return sent


def backoff_ms(attempts: int) -> int:
    """How long to wait after that many attempts: 15 s, doubled each time, an hour at most."""
    return min(_FIRST_WAIT_MS * 2 ** (attempts - 1), _MAX_WAIT_MS)


def _take(db: Database, worker: str, now: int | None) -> tuple[list[dict[str, Any]], Texts] | None:
    at = now_ms() if now is None else now
    with db.read() as conn:
        if not repository.any_due(conn, at):
            return None  # the writers' lock is not taken once a second for nothing
    with db.tx() as conn:
        rows = repository.lease(conn, at, at + LEASE_MS, worker, BATCH)
        return (rows, Texts(conn)) if rows else None


def _send(db: Database, ways: Mapping[str, Channel], row: dict[str, Any], texts: Texts, now: int | None) -> int:
    error = None
    way = ways.get(row["channel"])
    try:
        if way is None:
            raise LookupError(f"channel {row['channel']!r} is not set up here")
        way.send(_parcel(row, texts.of(row["template"], repository.loads(row))))
    except Exception as problem:  # whatever one message or channel throws must not hold up the others
        error = f"{type(problem).__name__}: {problem}"
    at = now_ms() if now is None else now
    if error is None:
        values: dict[str, Any] = {"state": "sent", "sent_at": at, "next_at": None, "error": None}
    else:
        last = row["attempts"] >= MAX_ATTEMPTS
        _log.warning("message %s by %s: %s%s", row["id"], row["channel"], error, "; set aside" if last else "")
        values = {"error": error[:_MAX_ERROR], "state": "failed" if last else "queued"}
        values["next_at"] = None if last else at + backoff_ms(row["attempts"])
    with db.tx() as conn:
        kept = repository.settle(conn, row, values)
    return int(kept and error is None)


def _parcel(row: dict[str, Any], text: dict[str, str]) -> Parcel:
    scope = (
        row["to_scope_kind"] if row["to_scope_kind"] == "company" else f"{row['to_scope_kind']}:{row['to_scope_id']}"
    )
    return Parcel(
        row["id"], row["notice_id"], row["attempts"], row["order_number"], row["cause"], row["urgency"],
        row["to_role"], scope, row["person_id"], text, row["at"],
    )  # fmt: skip
