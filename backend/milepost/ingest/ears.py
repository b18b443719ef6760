"""Since when the service has been hearing what devices of each part say, without a break.

Silence proves nothing while nobody listens: after a restart of the service or of the broker, or behind a backlog, all
devices seem silent. Whoever judges silence (live/watch.py) counts it from here, and by this clock.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from milepost.db import Database
from milepost.ingest.tables import ingest_ear
from milepost.times import now_ms

BREAK_MS = 30_000  # a standby takes over within 10 s: that is no break


@dataclass(frozen=True, slots=True)
class Ear:
    """From `since_ms` to `until_ms` (UTC ms) everything was heard, and is in the database."""

    since_ms: int
    until_ms: int


class Ears:
    """Keeps the rows of the parts that this process hears. Call `note` every few seconds."""

    def __init__(
        self, db: Database, listening: Callable[[], Collection[str]], clock: Callable[[], int] = now_ms
    ) -> None:
        """`listening()` names the parts of which everything said until now is in the database."""
        self._db = db
        self._listening = listening
        self._clock = clock

    def note(self) -> None:
        """Say that these parts have been heard until now; after a break, that they are heard again since now."""
        now = self._clock()  # before asking: what arrives after it is not yet promised
        parts = sorted(self._listening())
        if not parts:
            return
        with self._db.tx() as conn:
            known = ears(conn)
            for part in parts:
                old = known.get(part)
                if old is None:
                    conn.execute(insert(ingest_ear).values(part=part, since_ms=now, until_ms=now))
                elif now > old.until_ms:
                    since = old.since_ms if now - old.until_ms <= BREAK_MS else now
                    row = update(ingest_ear).where(ingest_ear.c.part == part)
                    conn.execute(row.values(since_ms=since, until_ms=now))
                elif old.until_ms - now > BREAK_MS:  # the clock of the host was put back
                    row = update(ingest_ear).where(ingest_ear.c.part == part)
                    conn.execute(row.values(since_ms=now, until_ms=now))


def ears(conn: Connection) -> dict[str, Ear]:
    """What is heard of each part; parts that were never heard are not there."""
    rows = conn.execute(select(ingest_ear))
    return {row.part: Ear(row.since_ms, row.until_ms) for row in rows}
