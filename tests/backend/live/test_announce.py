"""Orders that move are told to the board: once their transaction commits, never before, never after a rollback."""

import json
from typing import Any

import pytest
from sqlalchemy import text

from milepost.db import Database
from milepost.live.announce import announcer, news_of
from milepost.orders.fold import Story
from milepost.orders.projector import Change


class State:
    """The fields of an order's state that are told."""

    state, stage, current, vehicle = "in_transit", 6, "in_transit", "v1"

    def __init__(self, *exceptions: dict[str, Any]) -> None:
        self.exceptions = list(exceptions)


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


class Hub:
    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, Any], str | None]] = []

    def notify(self, kind: str, data: dict[str, Any], vehicle: str | None = None) -> None:
        self.told.append((kind, data, vehicle))


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


def test_it_is_told_when_the_transaction_commits(db: Database) -> None:
    hub = Hub()
    listen = announcer(hub)  # pyright: ignore[reportArgumentType]
    with db.tx() as conn:
        conn.execute(text("SELECT 1"))
        listen(conn, change([]))
        assert hub.told == []
    assert [kind for kind, _, _ in hub.told] == ["stage"]


def test_nothing_is_told_of_what_was_rolled_back(db: Database) -> None:
    hub = Hub()
    with pytest.raises(RuntimeError), db.tx() as conn:
        announcer(hub)(conn, change([]))  # pyright: ignore[reportArgumentType]
        raise RuntimeError
    with db.tx() as conn:
        conn.execute(text("SELECT 1"))
    assert hub.told == []
