"""Where an InfluxDB store keeps its books (decision 32).

SQLite has one writer a file. In a backlog the sinks of the service hold the lock of its database nearly always, and
the telemetry sink, which needs it twice for every part it stores, waited for it a sixth of the time. So beside a SQLite
database the books are a file of their own. PostgreSQL locks rows, and several hosts share it: there they lie in it.
"""

from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, Table, delete, insert, inspect, select
from sqlalchemy.engine import make_url

from milepost.db import Database
from milepost.ingest.tables import sink_position
from milepost.telemetry import tables

_FILE = "telemetry-books.db"
_TABLES = (
    sink_position, tables.telemetry_latest, tables.telemetry_stream, tables.telemetry_touched,
    tables.telemetry_refused, tables.telemetry_pending,
)  # fmt: skip
_OURS = "telemetry@%"  # positions of this sink (ingest/positions.py)


def books_of(db: Database) -> Database:
    """The books beside a SQL database; the caller closes them unless they are `db` itself.

    The first time they are made, with what an earlier version kept in the database itself.
    """
    if db.engine.dialect.name != "sqlite":
        return db
    path = make_url(db.url).database
    assert path, "a service has no database in memory"
    books = Database(f"sqlite:///{Path(path).with_name(_FILE)}")
    with books.read() as conn:
        if inspect(conn).has_table(tables.telemetry_pending.name):
            return books
    with books.tx() as conn:  # one process at a time; the other one finds them made
        if not inspect(conn).has_table(tables.telemetry_pending.name):
            sink_position.metadata.create_all(conn, tables=list(_TABLES))
            with db.read() as old:
                _take_over(old, conn)
    with db.tx() as conn:
        _clear(conn)
    return books


def _take_over(old: Connection, new: Connection) -> None:
    for table in _there(old):
        with closing(old.execute(_kept(table))) as rows:
            for some in rows.mappings().partitions(1_000):
                new.execute(insert(table), [dict(row) for row in some])


def _clear(conn: Connection) -> None:
    """What was taken over and is left in its old place is nobody's any more."""
    for table in _there(conn):
        statement = delete(table)
        conn.execute(statement.where(table.c.name.like(_OURS)) if table is sink_position else statement)


def _there(conn: Connection) -> list[Table]:
    """Those of the tables that the database has; one that was never migrated has none."""
    names = set(inspect(conn).get_table_names())
    return [table for table in _TABLES if table.name in names]


def _kept(table: Table):
    return select(table).where(table.c.name.like(_OURS)) if table is sink_position else select(table)
