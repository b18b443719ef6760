"""The SQL database: one metadata, one way to open a transaction.

SQLite runs in WAL mode with full sync; writers take the lock when they begin, so that a transaction that has read
never finds its snapshot outdated when it comes to write.
"""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Column, Connection, Engine, MetaData, String, Table, create_engine, event, inspect, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import QueuePool

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)
_STAMP = Table("alembic_version", MetaData(), Column("version_num", String(32)))
_MIGRATIONS = Path(__file__).parent / "migrations"
# In their order; a file of a revision begins with its number.
REVISIONS = tuple(sorted(each.name[:4] for each in (_MIGRATIONS / "versions").glob("[0-9]*.py")))
_BUSY_TIMEOUT_MS = 10_000
_MIGRATION_LOCK = 0x6D_69_6C_65  # any number that nobody else in this database uses
_POOL, _MORE = 8, 8
# Serialization failure, deadlock, lock not available, statement timeout, idle in transaction, too many connections.
_PASSING = ("40001", "40P01", "55P03", "57014", "25P03", "53300")


class Database:
    """Opens transactions on one SQL database (SQLite ≥ 3.40 or PostgreSQL ≥ 15)."""

    def __init__(self, url: str) -> None:
        self.url = url
        is_sqlite = url.startswith("sqlite")
        self.engine = _sqlite(url) if is_sqlite else _postgres(url)
        self._turn = threading.Lock() if is_sqlite else None

    @contextmanager
    def tx(self) -> Iterator[Connection]:
        """One transaction that may write: committed at the end, rolled back on an exception."""
        with self._my_turn(), self.engine.connect() as plain:
            conn = plain.execution_options(milepost_write=True)
            with conn.begin():
                yield conn

    @contextmanager
    def _my_turn(self) -> Iterator[None]:
        """The threads of a process write into a SQLite file by turns.

        Whoever finds the lock of SQLite taken sleeps and asks again, in the end every 100 ms: in a backlog the sinks of
        one process slept so for half of their time. Other processes are still waited for its way, and where the turn
        does not come SQLite has the last word.
        """
        if self._turn is None:
            yield
            return
        has_it = self._turn.acquire(timeout=_BUSY_TIMEOUT_MS / 1000)
        try:
            yield
        finally:
            if has_it:
                self._turn.release()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent snapshot for reading; nothing is kept of what it writes."""
        with self.engine.connect() as conn, conn.begin() as transaction:
            yield conn
            transaction.rollback()

    def migrate(self) -> None:
        """Bring the schema to the newest revision. Safe to call at every start, by several processes at once."""
        with self.read() as conn:
            if revision(conn) == REVISIONS[-1]:
                return
        from alembic import command  # noqa: PLC0415  (seldom needed, and it costs start time)
        from alembic.config import Config  # noqa: PLC0415

        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS))
        with self._one_migrates() as engine:
            config.attributes["engine"] = engine
            command.upgrade(config, "head")

    @contextmanager
    def _one_migrates(self) -> Iterator[Engine]:
        """An engine for migrations: the others who start meanwhile wait, and a long statement is no error."""
        if self.engine.dialect.name != "postgresql":
            yield self.engine
            return
        engine = _postgres(self.url, statement_ms=0, lock_ms=60_000, idle_ms=0)
        try:
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as guard:
                guard.exec_driver_sql(f"SELECT pg_advisory_lock({_MIGRATION_LOCK})")
                yield engine  # the lock goes with the connection, whatever happens
        finally:
            engine.dispose()

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def revision(conn: Connection) -> str | None:
    """The revision of the schema that a database has, None of one that has none."""
    if not inspect(conn).has_table(_STAMP.name):
        return None
    return conn.execute(select(_STAMP.c.version_num)).scalar()


def _sqlite(url: str) -> Engine:
    path = make_url(url).database
    if path and path != ":memory:":
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    # Kept open: a new connection reads the whole schema before its first query (1 ms of CPU), and whenever the last
    # one is closed SQLite empties and removes its log, with a sync or two. Measured: 13 ms a write, 46 without.
    engine = create_engine(
        url, poolclass=QueuePool, pool_size=_POOL, max_overflow=-1, connect_args={"check_same_thread": False}
    )

    @event.listens_for(engine, "connect")
    def _configure(raw, _record) -> None:  # pyright: ignore[reportUnusedFunction]
        raw.isolation_level = None  # the driver begins nothing by itself
        raw.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}")
        _into_wal(raw)
        raw.execute("PRAGMA synchronous=FULL")
        raw.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def _begin(conn: Connection) -> None:  # pyright: ignore[reportUnusedFunction]
        write = conn.get_execution_options().get("milepost_write")
        conn.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _into_wal(raw: sqlite3.Connection) -> None:
    """Switch to WAL, which a new file needs once. Where several processes open it at the same moment SQLite refuses all
    but one, and does not wait. Raises sqlite3.OperationalError when it cannot be in time."""
    deadline = time.monotonic() + _BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            raw.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if not _is_busy(error) or time.monotonic() >= deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _is_busy(error: sqlite3.OperationalError) -> bool:
    return error.sqlite_errorname.startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))


def _postgres(url: str, *, statement_ms: int = 15_000, lock_ms: int = 5_000, idle_ms: int = 60_000) -> Engine:
    # A query that holds a lock for long must fail, not queue the whole service behind it; a process that is stopped
    # in the middle of a transaction must not keep its locks; a server that is gone must be noticed within seconds.
    options = (
        f"-c statement_timeout={statement_ms} -c lock_timeout={lock_ms}"
        f" -c idle_in_transaction_session_timeout={idle_ms} -c timezone=UTC"
    )
    network = {
        "connect_timeout": 5,
        "keepalives_idle": 10,
        "keepalives_interval": 3,
        "keepalives_count": 3,
        "tcp_user_timeout": 15_000,
    }
    # Threads that write are few (sinks, rounds); requests come from a pool of forty. max_connections of the server:
    # (_POOL + _MORE) a process.
    return create_engine(
        url, pool_size=_POOL, max_overflow=_MORE, pool_pre_ping=True, connect_args={"options": options, **network}
    )


def is_passing(error: BaseException) -> bool:
    """True when the same transaction may well succeed if it is tried again: two that waited for each other, a lock
    that was not to be had in time, a database that was away for a moment."""
    if not isinstance(error, DBAPIError):
        return False
    if isinstance(error.orig, sqlite3.OperationalError):
        return _is_busy(error.orig)
    state = getattr(error.orig, "sqlstate", None)
    if state is None:  # said by the driver: no connection, or one that broke off
        return error.connection_invalidated or isinstance(error, OperationalError)
    return state in _PASSING or state.startswith(("08", "57P"))
