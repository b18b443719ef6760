"""Tells the viewers what the evidence log gained, so that pages can fetch what changed.

The log is read by its own order of appending: whoever wrote a fact (a detector here, a command in another process),
the viewers hear of it once, after it is committed.
"""

import json

from sqlalchemy import func, select

from milepost.access.model import SYSTEM
from milepost.access.scope import readable
from milepost.db import Database
from milepost.evidence.tables import fact
from milepost.live.hub import LiveHub

_AT_ONCE = 500


class FactFeed:
    """Follows the evidence log; the service calls `round` a few times a second."""

    def __init__(self, db: Database, hub: LiveHub) -> None:
        self._db = db
        self._hub = hub
        with db.read() as conn:
            self._seen = conn.execute(select(func.max(fact.c.seq))).scalar() or 0

    def round(self) -> None:
        """Pass on what is new."""
        columns = (fact.c.seq, fact.c.kind, fact.c.at, fact.c.subjects, fact.c.grade)
        with self._db.read() as conn:
            rows = conn.execute(
                readable(SYSTEM, fact, *columns).where(fact.c.seq > self._seen).order_by(fact.c.seq).limit(_AT_ONCE)
            ).all()
        for seq, kind, at, subjects, grade in rows:
            named = json.loads(subjects)
            self._hub.notify("fact", {"fact": kind, "at": at, "grade": grade, **named}, named.get("vehicle"))
            self._seen = seq
