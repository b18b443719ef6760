"""Devices of ours that the broker refuses: read off the log of the embedded broker, told with their reason (DESIGN §3).

A broker of your own writes its refusals into a log of its own, which we do not see (docs/operations.md).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, delete, select

from milepost.db import Database
from milepost.fleet import repository
from milepost.ingest.foreign import identities
from milepost.ingest.foreign.tables import foreign_caller
from milepost.ingest.model import DEVICE_ID
from milepost.ingest.tables import device_contact
from milepost.times import now_ms

EVERY_S = 5.0
PROTOCOL = "mqtt"  # under which they stand among those who called
REASONS = ("password", "removed", "unknown", "name", "nobody")
_KEPT_MS = 7 * 86_400_000
_MOST_BYTES = 1_000_000  # of the log in one round; who hammers at the door is in the rest as well
_MOST_NAMES = 200
_NAME = 64
# 127.0.0.1:36463 - mid:6 - "client id" - authentication error - User "name"
_LINE = re.compile(r'- mid:\d+ - "(?P<client>[^"]*)" - authentication error(?: - User "(?P<user>[^"]*)")?\s*$')
_NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Refused:
    """Somebody whom the broker refuses. `why`: one of REASONS; times are UTC ms."""

    name: str
    why: str
    times: int
    first_at: int
    last_at: int


def refusals_in(text: str) -> dict[str, tuple[int, bool]]:
    """The refusals in a piece of the broker's log: name → (times, whether it named a user). Pure.

    Who names no user is known by its client id.
    """
    found: dict[str, tuple[int, bool]] = {}
    for line in text.splitlines():
        said = _LINE.search(line)
        if said is None:
            continue
        name = (said["user"] or said["client"])[:_NAME]
        if name in found or (name and len(found) < _MOST_NAMES):
            found[name] = found.get(name, (0, True))[0] + 1, said["user"] is not None
    return found


class Refusals:
    """Follows the log of the embedded broker. `clock`: UTC ms."""

    def __init__(self, db: Database, log: Path, clock: Callable[[], int] = now_ms) -> None:
        """What the log holds already was read by the process before this one."""
        self._db = db
        self._log = log
        self._clock = clock
        self._read = log.stat().st_size if log.exists() else 0

    def round(self) -> None:
        """Note who was refused since the last call, and forget who has come in or has not tried for a week."""
        found, now = refusals_in(self._news()), self._clock()
        with self._db.read() as conn:
            old = _over(conn, now)
        if not found and not old:
            return
        with self._db.tx() as conn:
            for name in old:
                where = (foreign_caller.c.protocol == PROTOCOL, foreign_caller.c.identifier == name)
                conn.execute(delete(foreign_caller).where(*where))
            calls = {(PROTOCOL, name): (times, now, "" if user else _NOBODY) for name, (times, user) in found.items()}
            identities.note_callers(conn, calls)

    def _news(self) -> str:
        size = self._log.stat().st_size if self._log.exists() else 0
        start = 0 if size < self._read else max(self._read, size - _MOST_BYTES)  # shorter: it was rotated
        if size == start:
            return ""
        with self._log.open("rb") as log:
            log.seek(start)
            data = log.read(size - start)
        whole = data.rfind(b"\n") + 1  # a line that is still being written is read with its end
        self._read = start + whole
        return data[:whole].decode(errors="replace")


def refused(conn: Connection) -> list[Refused]:
    """Whom the broker refuses and who has not come in since, the latest first."""
    columns = (foreign_caller.c.identifier, foreign_caller.c.said, foreign_caller.c.times, foreign_caller.c.first_at,
               foreign_caller.c.last_at, device_contact.c.last_heard_at)  # fmt: skip
    statement = (
        select(*columns)
        .outerjoin(device_contact, device_contact.c.device == foreign_caller.c.identifier)
        .where(foreign_caller.c.protocol == PROTOCOL)
        .order_by(foreign_caller.c.last_at.desc(), foreign_caller.c.identifier)
    )
    rows = [row for row in conn.execute(statement) if (row.last_heard_at or 0) <= row.last_at]
    return [
        Refused(row.identifier, _why(conn, row.identifier, row.said), row.times, row.first_at, row.last_at)
        for row in rows
    ]


def _why(conn: Connection, name: str, said: str) -> str:
    if said == _NOBODY:
        return "nobody"
    if not DEVICE_ID.fullmatch(name):
        return "name"
    known = repository.find_device(conn, name)
    if known is None:
        return "unknown"
    return "password" if known["removed_at"] is None else "removed"


def _over(conn: Connection, now: int) -> list[str]:
    """Those who have come in since, or have not tried for a week."""
    statement = (
        select(foreign_caller.c.identifier, foreign_caller.c.last_at, device_contact.c.last_heard_at)
        .outerjoin(device_contact, device_contact.c.device == foreign_caller.c.identifier)
        .where(foreign_caller.c.protocol == PROTOCOL)
    )
    return [
        row.identifier
        for row in conn.execute(statement)
        if (row.last_heard_at or 0) > row.last_at or row.last_at < now - _KEPT_MS
    ]
