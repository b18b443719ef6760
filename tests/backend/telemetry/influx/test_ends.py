"""How far each device is stored: asked for thousands of times in a hand-over, read from the books a few times."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection

from milepost.db import Database
from milepost.telemetry import influx_ends, influx_sql
from milepost.telemetry.influx_ends import Ends


class Counted(Database):
    """Counts snapshots."""

    reads = 0

    @contextmanager
    def read(self) -> Iterator[Connection]:
        self.reads += 1
        with super().read() as conn:
            yield conn


@pytest.fixture
def books(db: Database) -> Counted:
    return Counted(db.url)


def enter(db: Database, device: str, at: int) -> None:
    with db.tx() as conn:
        influx_sql.enter_ranges(
            conn, {(device, 1): [[1, 1]], (device, 2): [[1, 1]]}, {(device, 1): at, (device, 2): at - 5}
        )


def test_a_fleet_met_for_the_first_time_costs_a_few_queries(books: Counted, monkeypatch) -> None:
    monkeypatch.setattr(influx_ends, "_LONGEST_S", 60)
    for n in range(50):
        enter(books, f"truck-{n}", 1_000 + n)
    ends = Ends(books)
    for _ in range(3):
        assert [ends.of(f"truck-{n}") for n in range(50)] == [1_000 + n for n in range(50)]
        assert ends.of("truck-50") is None
    assert books.reads == 9


def test_what_was_stored_meanwhile_is_seen_by_the_next_hand_over(books: Counted) -> None:
    ends = Ends(books)
    assert ends.of("truck-1") is None
    enter(books, "truck-1", 7)
    ends.forget()
    assert ends.of("truck-1") == 7


def test_nothing_is_remembered_for_long(books: Counted, monkeypatch) -> None:
    ends = Ends(books)
    assert ends.of("truck-1") is None
    enter(books, "truck-1", 7)
    monkeypatch.setattr(influx_ends, "_LONGEST_S", 0)
    assert ends.of("truck-1") == 7
