"""The SQL database as the process of the telemetry sink opens it: its turn to write comes soon after it is free."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from milepost.db import Database

_PAUSE_S = 0.002
_WAIT_MS = 10_000


class Alert(Database):
    """Asks for SQLite's lock of writers every 2 ms while others have it.

    SQLite itself asks ever more seldom, after a quarter of a second every 100 ms. The sinks of the parent leave the
    lock for a few milliseconds between two of their transactions, so that this process, which needs it for 20 ms a
    hand-over, was seen to wait for 1.4 s. A try costs 10 µs.
    """

    @contextmanager
    def tx(self) -> Iterator[Connection]:
        """One transaction that may write: committed at the end, rolled back on an exception."""
        if self.engine.dialect.name != "sqlite":
            with super().tx() as conn:
                yield conn
            return
        with self.engine.connect() as plain:
            conn = plain.execution_options(milepost_write=True)
            self._wait(conn, 0)
            deadline = time.monotonic() + _WAIT_MS / 1000
            try:
                while True:
                    try:
                        begun = conn.begin()
                        break
                    except OperationalError as error:
                        if not _is_busy(error) or time.monotonic() >= deadline:
                            raise
                    time.sleep(_PAUSE_S)
            finally:
                self._wait(conn, _WAIT_MS)
            with begun:
                yield conn

    def _wait(self, conn: Connection, wait_ms: int) -> None:
        raw = conn.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        raw.execute(f"PRAGMA busy_timeout={wait_ms}")


def _is_busy(error: OperationalError) -> bool:
    return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
