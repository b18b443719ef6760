"""Identities in memory, so that a database that is down never keeps a known device from being heard."""

import logging
import threading

from sqlalchemy.exc import SQLAlchemyError

from milepost.db import Database
from milepost.ingest.foreign import identities
from milepost.ingest.foreign.identities import Identity
from milepost.times import now_ms

_log = logging.getLogger(__name__)
_MOST_WAITING = 1_000  # unknown callers between two flushes


class Directory:
    """Looks identifiers up in memory; `refresh` brings it in line with the database. From any thread."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: dict[tuple[str, str], Identity] | None = None
        self._calls: dict[tuple[str, str], tuple[int, int, str]] = {}
        self._lock = threading.Lock()

    @property
    def ready(self) -> bool:
        """False until the identities could be read once."""
        return self._known is not None

    def find(self, protocol: str, identifier: str) -> Identity | None:
        """Whoever has this identifier (in its stored form), or None."""
        return (self._known or {}).get((protocol, identifier))

    def register(self, protocol: str, identifier: str, hardware: str) -> str | None:
        """See identities.register. Raises SQLAlchemyError or OSError while the database is away."""
        with self._db.tx() as conn:
            code = identities.register(conn, protocol, identifier, hardware, now_ms())
        self.refresh()
        return code

    def unknown(self, protocol: str, identifier: str, said: str) -> None:
        """Somebody unknown called; told to the database with the next refresh."""
        with self._lock:
            times, _, _ = self._calls.get((protocol, identifier), (0, 0, ""))
            if times or len(self._calls) < _MOST_WAITING:
                self._calls[protocol, identifier] = (times + 1, now_ms(), said)

    def refresh(self) -> None:
        """Write down who called, and read who is known. Raises SQLAlchemyError or OSError."""
        with self._lock:
            calls, self._calls = self._calls, {}
        if calls:
            with self._db.tx() as conn:
                identities.note_callers(conn, calls)
        with self._db.read() as conn:
            self._known = {(each.protocol, each.identifier): each for each in identities.all_of(conn)}

    def try_refresh(self) -> None:
        """`refresh`, where a database that is away is nothing but a line in the log."""
        try:
            self.refresh()
        except (SQLAlchemyError, OSError) as error:
            _log.warning("identities of foreign devices could not be read: %s", error)
