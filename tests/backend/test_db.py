"""Who writes into SQLite, and when: the threads of a process by turns, other processes as SQLite has it."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError

from milepost import db as db_module
from milepost.db import Database, is_passing


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A database whose patience ends after a fifth of a second."""
    monkeypatch.setattr(db_module, "_BUSY_TIMEOUT_MS", 200)
    database = Database(f"sqlite:///{tmp_path / 'one.db'}")
    with database.tx() as conn:
        conn.execute(text("CREATE TABLE one (n INTEGER)"))
    yield database
    database.close()


def numbers(database: Database) -> list[int]:
    with database.read() as conn:
        return list(conn.execute(text("SELECT n FROM one ORDER BY n")).scalars())


class Holding:
    """A thread that has a transaction open until it is told to end it."""

    def __init__(self, database: Database) -> None:
        self._has_it, self._go_on = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._hold, args=(database,))
        self._thread.start()
        assert self._has_it.wait(5)

    def _hold(self, database: Database) -> None:
        with database.tx() as conn:
            conn.execute(text("INSERT INTO one VALUES (1)"))
            self._has_it.set()
            self._go_on.wait(10)

    def end(self) -> None:
        self._go_on.set()
        self._thread.join()


def test_a_thread_does_not_even_ask_sqlite_before_its_turn(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'one.db'}")
    with database.tx() as conn:
        conn.execute(text("CREATE TABLE one (n INTEGER)"))
    begun: list[str] = []
    event.listen(database.engine, "begin", lambda _: begun.append(threading.current_thread().name), insert=True)
    holding = Holding(database)

    def write(n: int) -> None:
        with database.tx() as conn:
            conn.execute(text("INSERT INTO one VALUES (:n)"), {"n": n})

    others = [threading.Thread(target=write, args=(n,), name=f"other-{n}") for n in range(2, 6)]
    for each in others:
        each.start()
    threading.Event().wait(0.1)
    assert not [each for each in begun if each.startswith("other")]
    assert numbers(database) == []  # readers wait for nobody
    holding.end()
    for each in others:
        each.join(5)
    assert numbers(database) == [1, 2, 3, 4, 5]
    database.close()


def test_a_turn_that_does_not_come_is_a_passing_error_and_takes_nobody_elses(made: Database) -> None:
    holding = Holding(made)
    with pytest.raises(OperationalError, match="locked") as caught, made.tx():
        pass
    assert is_passing(caught.value)
    assert made._turn is not None and made._turn.locked()  # it is still the other's
    holding.end()
    with made.tx() as conn:
        conn.execute(text("INSERT INTO one VALUES (2)"))
    assert numbers(made) == [1, 2]


def test_another_process_is_waited_for_as_ever(made: Database) -> None:
    other = sqlite3.connect(str(made.engine.url.database), isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OperationalError, match="locked") as caught, made.tx():
        pass
    assert is_passing(caught.value)
    threading.Timer(0.05, lambda: other.execute("COMMIT")).start()
    with made.tx() as conn:
        conn.execute(text("INSERT INTO one VALUES (3)"))
    assert numbers(made) == [3]
    other.close()


def test_what_fails_is_undone_and_gives_its_turn_back(made: Database) -> None:
    with pytest.raises(ZeroDivisionError), made.tx() as conn:
        conn.execute(text("INSERT INTO one VALUES (8)"))
        _ = 1 / 0
    with made.tx() as conn:
        conn.execute(text("INSERT INTO one VALUES (9)"))
    assert numbers(made) == [9]


def test_many_that_open_a_new_file_at_the_same_moment_all_get_it(tmp_path: Path) -> None:
    """Two processes begin with an empty folder: one makes the file what it is to be, and none is refused."""
    for n in range(25):
        databases = [Database(f"sqlite:///{tmp_path / f'{n}.db'}") for _ in range(4)]
        ready = threading.Barrier(len(databases))
        failed: list[Exception] = []

        def use(database: Database, ready: threading.Barrier = ready, failed: list[Exception] = failed) -> None:
            ready.wait()
            try:
                with database.tx() as conn:
                    conn.execute(text("CREATE TABLE IF NOT EXISTS one (n INTEGER)"))
            except OperationalError as error:
                failed.append(error)

        threads = [threading.Thread(target=use, args=(each,)) for each in databases]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert not failed
        for each in databases:
            each.close()


def test_a_file_that_stays_taken_while_it_is_new_is_a_passing_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db_module, "_BUSY_TIMEOUT_MS", 100)
    other = sqlite3.connect(tmp_path / "one.db", isolation_level=None)
    other.execute("CREATE TABLE one (n INTEGER)")
    other.execute("BEGIN EXCLUSIVE")
    database = Database(f"sqlite:///{tmp_path / 'one.db'}")
    with pytest.raises(OperationalError, match="locked") as caught, database.tx():
        pass
    assert is_passing(caught.value)
    other.execute("COMMIT")
    with database.tx() as conn:
        conn.execute(text("INSERT INTO one VALUES (1)"))
    other.close()
    database.close()
