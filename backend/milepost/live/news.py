"""Reads what is announced (live/announce.py) for the boards of this process, each event exactly once.

Ids come from a sequence, so a transaction that commits late shows an id below one that was read already: the cursor
(sequence.py) asks for it again.
"""

import json
from collections.abc import Callable
from typing import Any

from sqlalchemy import Row, delete, func, or_, select

from milepost.db import Database
from milepost.live.tables import live_event
from milepost.sequence import Cursor
from milepost.times import now_ms

POLL_S = 0.25
KEPT_MS = 86_400_000
SHOWN_AT_START = 100
_AT_ONCE = 2_000

Tell = Callable[[str, dict[str, Any], str | None], None]


class News:
    """Polls the announcements and tells them to a hub; call `poll` four times a second."""

    def __init__(self, db: Database, tell: Tell) -> None:
        """`tell(kind, data, vehicle)`: what the hub does with one."""
        self._db = db
        self._tell = tell
        self._cursor: Cursor | None = None

    def poll(self) -> int:
        """Tell what is new; returns how many. The first time: the latest ones, for those who open a board now."""
        with self._db.read() as conn:
            if self._cursor is None:
                newest = select(live_event.c.id).order_by(live_event.c.id.desc()).limit(SHOWN_AT_START)
                self._cursor = Cursor(min(conn.scalars(newest), default=1) - 1)
            cursor = self._cursor
            gaps = list(cursor.gaps)
            where = live_event.c.id > cursor.last
            if gaps:
                where = or_(where, live_event.c.id.in_(gaps))
            statement = select(live_event).where(where).order_by(live_event.c.id).limit(_AT_ONCE)
            found = {row.id: row for row in conn.execute(statement)}
        fresh = cursor.take(found, now_ms())
        for each in fresh:
            self._tell(*_told(found[each]))
        return len(fresh)


def forget(db: Database, now: int | None = None) -> int:
    """Delete announcements older than a day, never the newest ones; returns how many. `now`: UTC ms."""
    before = (now_ms() if now is None else now) - KEPT_MS
    with db.read() as conn:
        newest = conn.execute(select(func.max(live_event.c.id))).scalar() or 0
        old = (live_event.c.at < before, live_event.c.id <= newest - SHOWN_AT_START)
        if conn.execute(select(live_event.c.id).where(*old).limit(1)).first() is None:
            return 0  # the writers' lock is not taken for nothing
    with db.tx() as conn:
        return conn.execute(delete(live_event).where(*old)).rowcount


def _told(row: Row[Any]) -> tuple[str, dict[str, Any], str | None]:
    # The id lets a viewer that goes from one process to another know an event again.
    return row.kind, {"id": row.id, **json.loads(row.data)}, row.vehicle
