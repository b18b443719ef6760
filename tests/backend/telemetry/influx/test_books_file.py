"""Where the books of an InfluxDB store are: beside a SQLite database, within PostgreSQL; none is lost on the way."""

import threading
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from milepost.db import Database
from milepost.ingest.positions import position_of, store_position
from milepost.telemetry import influx_sql
from milepost.telemetry.books import books_of
from milepost.telemetry.model import FixBody, Reading

T0 = 1_777_800_000_000


def fill(db: Database) -> None:
    """What an earlier version has left in the database itself."""
    fix = Reading("truck-1", 7, 9, "fix", T0, "gnss", T0, FixBody(31.0, 121.0))
    with db.tx() as conn:
        influx_sql.enter_ranges(conn, {("truck-1", 7): [[1, 9]], ("truck-2", 8): [[4, 4]]}, {
            ("truck-1", 7): T0, ("truck-2", 8): T0,
        })  # fmt: skip
        influx_sql.enter_latest(conn, {"truck-1": fix}, {})
        influx_sql.touch(conn, [("truck-1", T0)])
        influx_sql.set_aside(conn, [(fix, "fix v=x 1", "why")], T0)
        influx_sql.begin(conn, "spool-a", [["truck-1", "fix", 7, T0, T0, [[1, 9]]]])
        store_position(conn, "telemetry", "spool-a", 77)
        store_position(conn, "evidence", "spool-a", 78)


def kept(db: Database) -> list[object]:
    with db.read() as conn:
        return [
            influx_sql.stored_ranges(conn, [("truck-1", 7), ("truck-2", 8)]), influx_sql.latest(conn),
            influx_sql.due_hours(conn, T0 + 1, 9), influx_sql.refused(conn, None), influx_sql.begun(conn, "spool-a"),
            position_of(conn, "telemetry", "spool-a"), position_of(conn, "evidence", "spool-a"),
        ]  # fmt: skip


@pytest.mark.parametrize("db", ["sqlite"], indirect=True)
def test_what_an_earlier_version_kept_is_taken_over_once(db: Database) -> None:
    fill(db)
    before = kept(db)
    books = books_of(db)
    assert Path(str(books.engine.url.database)).parent == Path(str(db.engine.url.database)).parent
    assert kept(books) == [*before[:-1], 0]
    assert kept(db) == [{}, {}, [], [], None, 0, 78]  # the position of the detectors is no business of theirs
    fill(db)  # whatever comes there later is nobody's
    books.close()
    again = books_of(db)
    with again.tx() as conn:
        store_position(conn, "telemetry", "spool-a", 80)
    again.close()
    third = books_of(db)
    assert kept(third) == [*before[:-2], 80, 0]
    third.close()


@pytest.mark.parametrize("db", ["sqlite"], indirect=True)
def test_two_that_open_them_at_once_have_the_same_books(db: Database) -> None:
    fill(db)
    before = kept(db)
    made: list[Database] = []
    threads = [threading.Thread(target=lambda: made.append(books_of(db))) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert [kept(each) for each in made] == [[*before[:-1], 0]] * 4
    for each in made:
        each.close()


def test_a_database_that_was_never_migrated_has_nothing_to_give(tmp_path: Path) -> None:
    db = Database(f"sqlite:///{tmp_path / 'milepost.db'}")
    books = books_of(db)
    assert kept(books) == [{}, {}, [], [], None, 0, 0]
    with db.read() as conn:
        assert inspect(conn).get_table_names() == []
    books.close()
    db.close()


@pytest.mark.parametrize("db", ["sqlite"], indirect=True)
def test_books_that_broke_off_while_they_were_made_are_made_anew(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    from milepost.telemetry import books as module  # noqa: PLC0415

    fill(db)
    before = kept(db)
    with monkeypatch.context() as patch:
        patch.setattr(module, "_take_over", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            books_of(db)
    books = books_of(db)
    assert kept(books) == [*before[:-1], 0]
    books.close()


@pytest.mark.parametrize("db", ["postgresql"], indirect=True)
def test_with_postgresql_they_lie_in_it(db: Database) -> None:
    fill(db)
    before = kept(db)
    assert books_of(db) is db
    assert kept(db) == before


@pytest.mark.parametrize("db", ["sqlite"], indirect=True)
def test_the_writer_of_the_database_is_not_waited_for(db: Database) -> None:
    books = books_of(db)
    with db.tx() as held:
        held.execute(text("UPDATE sink_position SET position = position"))
        with books.tx() as conn:
            store_position(conn, "telemetry", "spool-a", 1)
    books.close()
