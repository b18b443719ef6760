"""What a round of the watch of the doors reads: what is new, and nothing of what it knows already."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import delete, event, insert, select, update

from milepost.alerts.door_watch import AGAIN_MS
from milepost.db import Database
from milepost.evidence.dockside.fresh import FreshFacts
from milepost.evidence.tables import fact
from milepost.fleet.tables import door
from milepost.times import now_ms

from .live_doors import A, B, Live


@contextmanager
def statements(db: Database) -> Iterator[list[str]]:
    """The statements that are carried out meanwhile."""
    seen: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_more: object) -> None:
        seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    yield seen
    event.remove(db.engine, "before_cursor_execute", note)


def of_a_round(live: Live) -> int:
    with statements(live.db) as seen:
        live.watch.round()
    return len([each for each in seen if each.startswith("SELECT")])


def test_a_round_in_which_nothing_happened_reads_as_much_however_much_is_asked(live: Live) -> None:
    live.ask(A, 0)
    live.watch.round()
    few = of_a_round(live)
    for plate in (A, B):
        for no in (0, 1):
            live.ask(plate, no, at_s=70 + no)
        live.unread(plate, 90, 110)
        live.stranger(plate, at_s=120)
    assert len(live.asked()) == 8
    live.watch.round()
    assert of_a_round(live) == few <= 12


def test_a_fact_has_only_its_own_session_asked_again(live: Live) -> None:
    for plate in (A, B):
        live.ask(plate, 0)
    live.watch.round()
    quiet = of_a_round(live)
    live.ask(A, 1, at_s=80)
    one = of_a_round(live) - quiet
    live.watch.round()
    for plate in (A, B):
        live.decide(plate, 0, at_s=100)
    assert one > 0 and len(live.asked()) == 1


def test_what_no_fact_tells_of_is_seen_after_a_minute(live: Live) -> None:
    live.ask(A)
    now = now_ms()
    live.watch.round(now)
    with live.db.tx() as conn:
        conn.execute(update(door).where(door.c.id == live.docks.places[A]).values(number="7a"))
    seen: list[str] = []
    for later in (2_000, AGAIN_MS):
        live.watch.round(now + later)
        seen.append(live.items()[0]["data"]["door"])
    assert seen == ["7", "7a"]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_a_fact_whose_transaction_commits_behind_a_later_one_is_seen(
    db: Database, live: Live, order: tuple[int, ...]
) -> None:
    reader = FreshFacts()
    with db.read() as conn:
        reader.look(conn, 0, now_ms())
    units = [live.ask(A, 0), live.ask(A, 1), live.ask(B, 0)]
    with db.tx() as conn:
        rows = [dict(row) for row in conn.execute(select(fact).order_by(fact.c.seq.desc()).limit(3)).mappings()][::-1]
        conn.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        conn.execute(delete(fact).where(fact.c.seq.in_([row["seq"] for row in rows])))
        found: list[str] = []
        for n in order:
            conn.execute(insert(fact), rows[n])
            found += [each.unit for each in reader.look(conn, 0, now_ms())[0]]
        assert reader.look(conn, 0, now_ms())[0] == []
    assert found == [units[n] for n in order]


def test_a_watch_that_failed_looks_again_at_what_it_had_not_dealt_with(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    live.ask(A)
    assert len(live.asked()) == 1
    live.decide(A, 0, at_s=100)

    def broken(*_given: object) -> None:
        raise OSError("the database is gone")

    with monkeypatch.context() as gone:
        gone.setattr("milepost.evidence.dockside.questions.of_session", broken)
        with pytest.raises(OSError, match="gone"):
            live.watch.round()
    assert live.asked() == []
