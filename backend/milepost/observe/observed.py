"""What a running process is made of, as far as operators look at it: the source of figures and checks."""

import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from milepost.clocks import repository as clocks
from milepost.db import Database, revision
from milepost.ingest.foreign.intake import Intake
from milepost.ingest.service import Ingest
from milepost.ingest.spool import Spool
from milepost.live.feed import Feed
from milepost.live.hub import LiveHub
from milepost.notify import repository as notices
from milepost.observe.question import Question
from milepost.periodic import Periodic
from milepost.settings import Settings
from milepost.telemetry.model import TelemetryStore
from milepost.times import now_ms

EVERY_S = 2.0  # between two questions
HANGS_S = 8.0  # longer than any busy database takes
_SPOOL_BUSY_S = 2.0
_READ_ONLY = text("SHOW transaction_read_only")


@dataclass(frozen=True, slots=True)
class DatabaseAnswer:
    """What the SQL database said when it was asked last."""

    revision: str | None  # of its schema
    overdue_ms: int  # how long the longest overdue clock or order has been waiting for its round
    notices: dict[str, int]  # messages by state: queued, failed


@dataclass(frozen=True, slots=True)
class SpoolAnswer:
    """What lay in the spool when it was looked at last."""

    bytes: int
    open_letters: dict[str, int]  # by reason
    behind: dict[str, tuple[int, int]]  # by sink: items that wait for it, and since when the oldest does (ms)


@dataclass
class Observed:
    """The parts of one process. `start` once they run, `stop` before they end."""

    kind: str  # serve, ingest or web
    settings: Settings
    db: Database
    store: TelemetryStore
    living: Callable[[], list[threading.Thread]]  # the threads of all parts
    rounds: Callable[[], list[Periodic]] = list  # what is done again and again
    ingest: Ingest | None = None
    hub: LiveHub | None = None
    feed: Feed | None = None
    foreign: Intake | None = None

    def __post_init__(self) -> None:
        self.database = Question("database", self._ask_database, EVERY_S, HANGS_S)
        self.telemetry = Question("telemetry store", self._ask_store, EVERY_S, HANGS_S)
        self.spool = None if self.ingest is None else Question("spool", self._ask_spool, EVERY_S, HANGS_S)

    @property
    def questions(self) -> list[Question]:
        """What is asked in the background."""
        return [each for each in (self.database, self.telemetry, self.spool) if each is not None]

    @property
    def threads(self) -> list[threading.Thread]:
        """What must be alive while this runs."""
        return [thread for each in self.questions for thread in each.threads]

    def start(self) -> None:
        """Begin to ask."""
        for each in self.questions:
            each.start()

    def stop(self) -> None:
        """End."""
        for each in self.questions:
            each.stop()

    def _ask_database(self) -> DatabaseAnswer:
        with self.db.tx() as conn:  # takes SQLite's lock of writers and lets go of it: who cannot write is not ready
            if conn.dialect.name == "postgresql" and conn.execute(_READ_ONLY).scalar_one() == "on":
                raise OSError("the database takes no writes; is it a replica?")
            now = now_ms()
            since = clocks.overdue_since(conn, now)
            return DatabaseAnswer(revision(conn), 0 if since is None else now - since, notices.unsent(conn))

    def _ask_store(self) -> None:
        # A question as the history puts it, of a device that cannot be: it goes to the server, and finds nothing.
        self.store.fixes("?", 0, 1)

    def _ask_spool(self) -> SpoolAnswer:
        assert self.ingest is not None
        spool = self.ingest.spool
        _write_nothing(spool.path)
        conn = spool.connection()
        return SpoolAnswer(
            spool.used(),
            dict(conn.execute("SELECT reason, count(*) FROM dead_letter WHERE state = 'open' GROUP BY reason")),
            {runner.sink.name: _behind(spool, runner.position) for runner in self.ingest.runners},
        )


def _write_nothing(path: Path) -> None:
    """Write something that changes nothing, and sync it; raises when that is impossible or somebody else holds on."""
    conn = sqlite3.connect(path, isolation_level=None, timeout=_SPOOL_BUSY_S)
    try:
        conn.execute("PRAGMA synchronous=FULL")
        conn.execute("UPDATE identity SET key = key")
    finally:
        conn.close()


def _behind(spool: Spool, position: int) -> tuple[int, int]:
    count = spool.backlog(position)
    oldest = spool.after(position, 1) if count else []
    return count, oldest[0].received_ms if oldest else 0
