"""From the log to the orders' rows: refold what a fact touches, tell who listens, all in one transaction."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from milepost.access.model import SYSTEM
from milepost.evidence.model import Fact
from milepost.orders import repository, world
from milepost.orders.fold import fold
from milepost.orders.model import Calendar, OrderState, Policy
from milepost.times import now_ms

POLICY = Policy()
CALENDAR = Calendar()


@dataclass(frozen=True, slots=True)
class Change:
    """An order's projection has changed: its row as it was, the state as it is, the facts that did it."""

    order_id: str
    number: str
    before: dict[str, Any]
    state: OrderState
    facts: tuple[Fact, ...]
    at: int


Listener = Callable[[Connection, Change], None]
_listeners: list[Listener] = []


def subscribe(listener: Listener) -> None:
    """Call `listener` in the transaction of every change (wired by the composition root; twice is once)."""
    if listener not in _listeners:
        _listeners.append(listener)


def on_facts(conn: Connection, facts: Iterable[Fact]) -> list[str]:
    """Refold the orders that these facts touch; returns the ids of those that changed."""
    news = list(facts)
    ids = repository.known(conn, world.touched(conn, news))
    return [order_id for order_id in ids if refold(conn, order_id, news)]


def wake(conn: Connection, now: int | None = None) -> list[str]:
    """Refold the orders whose own next event has come (a postponed one wakes); the service calls it in turns."""
    at = now_ms() if now is None else now
    return [order_id for order_id in repository.due(conn, at) if refold(conn, order_id, (), at)]


def refold(conn: Connection, order_id: str, news: Iterable[Fact], now: int | None = None) -> bool:
    """Fold one order anew from the log; True when its projection changed."""
    at = now_ms() if now is None else now
    row = repository.find(conn, SYSTEM, order_id, lock=True)
    if row is None:
        return False
    facts, links = world.load(conn, order_id)
    repository.set_links(conn, order_id, links)
    state = fold(facts, POLICY, CALENDAR, at).get(order_id)
    if state is None:
        return False
    ahead = [t for f in facts if (t := max(f.at, f.received_at or f.at)) > at]
    state = _with_due(state, ahead)
    projection = json.dumps(state.as_dict(), ensure_ascii=False, separators=(",", ":"))
    if projection == row["projection"]:
        repository.set_due(conn, order_id, state.next_due)
        return False
    news = tuple(news)
    last = max(news, key=lambda fact: fact.at, default=None)
    by = {} if last is None else {"kind": last.kind, "role": last.by.role, "id": last.by.id, "at": last.at}
    repository.save(conn, row, state, projection, at, by)
    change = Change(order_id, row["number"], row, state, news, at)
    for listener in _listeners:
        listener(conn, change)
    return True


def _with_due(state: OrderState, ahead: list[int]) -> OrderState:
    """A fact whose time has not come shows when it comes."""
    if not ahead:
        return state
    values = state.as_dict()
    values["next_due"] = min(t for t in (state.next_due, *ahead) if t is not None)
    return OrderState(**values)
