"""Orders that move are told to the board: once their transaction commits, never before, never after a rollback."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost.db import Database
from milepost.live.announce import announce, news_of, on_changes
from milepost.live.news import KEPT_MS, SHOWN_AT_START, News, forget
from milepost.orders.fold import Story
from milepost.orders.projector import Change
from milepost.sequence import GAP_MS, Cursor
from milepost.times import now_ms


class State:
    """The fields of an order's state that are told."""

    state, stage, current, vehicle = "in_transit", 6, "in_transit", "v1"

    def __init__(self, *exceptions: dict[str, Any]) -> None:
        self.exceptions = list(exceptions)


class Told:
    """What a hub was told."""

    def __init__(self) -> None:
        self.all: list[tuple[str, dict[str, Any], str | None]] = []

    def __call__(self, kind: str, data: dict[str, Any], vehicle: str | None) -> None:
        self.all.append((kind, data, vehicle))

    @property
    def kinds(self) -> list[str]:
        return [kind for kind, _, _ in self.all]

    @property
    def vehicles(self) -> list[str | None]:
        return [vehicle for _, _, vehicle in self.all]

    @property
    def numbers(self) -> list[int]:
        return [data["n"] for _, data, _ in self.all]


def trouble(kind: str, closed_at: int | None = None, **data: Any) -> dict[str, Any]:
    return {
        "kind": kind,
        "ex": "EX-22",
        "cause": f"{kind}:u1",
        "opened_at": 1,
        "closed_at": closed_at,
        "facts": [],
        "data": data,
    }


def change(before: list[dict[str, Any]], *now: dict[str, Any]) -> Change:
    row = {"projection": json.dumps({"exceptions": before})}
    return Change("o1", "SO-1", row, Story(State(*now), []), (), (), 5, True)  # pyright: ignore[reportArgumentType]


def test_an_exception_that_opens_or_closes_is_an_alert_once() -> None:
    opened = list(news_of(change([], trouble("wrong_truck", vehicle="v2"))))
    assert [(kind, data.get("state"), vehicle) for kind, data, vehicle in opened] == [
        ("stage", "in_transit", "v1"),
        ("alert", "open", "v2"),
    ]
    standing = change([trouble("short")], trouble("short"))
    assert [kind for kind, _, _ in news_of(standing)] == ["stage"]
    ended = list(news_of(change([trouble("short")], trouble("short", closed_at=9))))
    assert (ended[1][1]["cause"], ended[1][1]["state"]) == ("short", "closed")


@pytest.mark.parametrize("db", ["sqlite", "postgresql"], indirect=True)
def test_it_is_told_when_the_transaction_commits_and_never_before(db: Database) -> None:
    told = Told()
    news = News(db, told)
    news.poll()
    with db.tx() as conn:
        on_changes(conn, [change([])])
        news.poll()
        assert told.kinds == []
    news.poll()
    assert told.kinds == ["stage"]
    news.poll()
    assert told.kinds == ["stage"]


def test_nothing_is_told_of_what_was_rolled_back(db: Database) -> None:
    told = Told()
    news = News(db, told)
    news.poll()
    with pytest.raises(RuntimeError), db.tx() as conn:
        on_changes(conn, [change([])])
        raise RuntimeError
    assert news.poll() == 0


@pytest.mark.parametrize("db", ["postgresql"], indirect=True)
def test_what_commits_late_under_a_lower_number_is_told_all_the_same(db: Database) -> None:
    told = Told()
    news = News(db, told)
    news.poll()
    with db.tx() as slow:
        announce(slow, [("slow", {}, None)])
        with db.tx() as quick:
            announce(quick, [("quick", {}, "v1")])
        news.poll()
        assert told.kinds == ["quick"]
    news.poll()
    assert told.kinds == ["quick", "slow"]
    assert told.vehicles == ["v1", None]


def test_a_process_that_starts_shows_the_latest_events(db: Database) -> None:
    with db.tx() as conn:
        announce(conn, [("stage", {"n": n}, None) for n in range(SHOWN_AT_START + 20)])
    told = Told()
    assert News(db, told).poll() == SHOWN_AT_START
    assert told.numbers == list(range(20, SHOWN_AT_START + 20))


def test_announcements_are_forgotten_after_a_day_but_never_the_latest(db: Database) -> None:
    with db.tx() as conn:
        announce(conn, [("stage", {"n": n}, None) for n in range(SHOWN_AT_START + 20)])
    assert forget(db, now_ms()) == 0
    assert forget(db, now_ms() + KEPT_MS + 1000) == 20
    assert forget(db, now_ms() + KEPT_MS + 1000) == 0


@given(st.lists(st.integers(1, 40), unique=True), st.data())
def test_whatever_the_order_of_commits_each_id_is_taken_once(ids: list[int], data: st.DataObject) -> None:
    """Each poll sees what has committed so far: all of it above the cursor, and the gaps it asks for."""
    cursor = Cursor(0)
    committed: set[int] = set()
    taken: list[int] = []
    waiting = list(ids)
    while waiting:
        for _ in range(data.draw(st.integers(1, len(waiting)))):
            committed.add(waiting.pop())
        seen = [each for each in committed if each > cursor.last or each in cursor.gaps]
        taken += cursor.take(seen, 0)
    assert sorted(taken) == sorted(ids)


def test_a_gap_is_given_up_when_no_transaction_can_be_that_old() -> None:
    cursor = Cursor(0)
    assert cursor.take([1, 3], 0) == [1, 3]
    assert list(cursor.gaps) == [2]
    cursor.take([], GAP_MS + 1)
    assert cursor.gaps == {}
