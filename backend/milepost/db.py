"""The SQL database: one metadata, one way to open a transaction.

SQLite runs in WAL mode with full sync; writers take the lock when they begin, so that a transaction that has read
never finds its snapshot outdated when it comes to write.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, MetaData, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)
_BUSY_TIMEOUT_MS = 10_000


class Database:
    """Opens transactions on one SQL database (SQLite ≥ 3.40 or PostgreSQL ≥ 15)."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = _sqlite(url) if url.startswith("sqlite") else _postgres(url)

    @contextmanager
    def tx(self) -> Iterator[Connection]:
        """One transaction that may write: committed at the end, rolled back on an exception."""
        with self.engine.connect() as plain:
            conn = plain.execution_options(milepost_write=True)
            with conn.begin():
                yield conn

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent snapshot for reading; nothing is kept of what it writes."""
        with self.engine.connect() as conn, conn.begin() as transaction:
            yield conn
            transaction.rollback()

    def migrate(self) -> None:
        """Bring the schema to the newest revision. Safe to call at every start."""
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        config.attributes["engine"] = self.engine
        command.upgrade(config, "head")

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def _sqlite(url: str) -> Engine:
    path = make_url(url).database
    if path and path != ":memory:":
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    # One connection per use: SQLite connections are cheap, and threads never share one.
    engine = create_engine(url, poolclass=NullPool, connect_args={"check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _configure(raw, _record) -> None:  # pyright: ignore[reportUnusedFunction]
        raw.isolation_level = None  # the driver begins nothing by itself
        raw.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}")
        raw.execute("PRAGMA journal_mode=WAL")
        raw.execute("PRAGMA synchronous=FULL")
        raw.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def _begin(conn: Connection) -> None:  # pyright: ignore[reportUnusedFunction]
        write = conn.get_execution_options().get("milepost_write")
        conn.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _postgres(url: str) -> Engine:
    # Timeouts: a query that holds a lock for long must fail, not queue the whole service behind it.
    options = "-c statement_timeout=15000 -c lock_timeout=5000 -c timezone=UTC"
    return create_engine(url, pool_size=8, max_overflow=8, pool_pre_ping=True, connect_args={"options": options})
