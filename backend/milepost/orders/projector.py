"""From the log to the orders' rows: refold what a fact touches, tell who listens, all in one transaction."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from milepost.evidence import carried
from milepost.evidence.model import Fact
from milepost.orders import repository, world
from milepost.orders.fold import Story, trace
from milepost.orders.model import Calendar, Limits, OrderState, Policy
from milepost.times import now_ms


@dataclass(frozen=True, slots=True)
class Change:
    """An order was folded anew: its row as it was, its story, every fact it rests on, and those that are new.

    `changed`: its projection differs from what is stored; a remark, say, moves no state and still stops a clock.
    """

    order_id: str
    number: str
    before: dict[str, Any]
    story: Story
    world: tuple[Fact, ...]
    facts: tuple[Fact, ...]
    at: int
    changed: bool

    @property
    def state(self) -> OrderState:
        """The order as it stands now."""
        return self.story.state

    @property
    def by_clock(self) -> bool:
        """True when only the time of one of its clocks has come: nobody said anything, nobody put it down to be folded
        anew, and it is as its row says."""
        return not (self.facts or self.changed or self.before["next_due"] != self.state.next_due)


Listener = Callable[[Connection, Change], None]
_listeners: list[Listener] = []
_plain = Policy()


def _no_versions(conn: Connection) -> Limits:
    return _plain


_limits: Callable[[Connection], Limits] = _no_versions
_calendar = Calendar()


def use_calendar(calendar: Calendar) -> None:
    """Let the company's days be those of this zone (wired by the composition root)."""
    global _calendar  # noqa: PLW0603  (one installation serves one company)
    _calendar = calendar


def calendar() -> Calendar:
    """The company's local days: those of the fold, the clocks, the reports and every message."""
    return _calendar


def use_limits(limits: Callable[[Connection], Limits]) -> None:
    """Take the limits from here: the versioned policies of the clocks (wired by the composition root)."""
    global _limits  # noqa: PLW0603  (one installation serves one company)
    _limits = limits


def limits(conn: Connection) -> Limits:
    """The limits that hold in this installation."""
    return _limits(conn)


def subscribe(listener: Listener, first: bool = False) -> None:
    """Call `listener` in the transaction of every refold (wired by the composition root; twice is once).

    `first`: ahead of all others, whenever they came.
    """
    if first:
        _listeners[:] = [listener, *(each for each in _listeners if each != listener)]
    elif listener not in _listeners:
        _listeners.append(listener)


def on_facts(conn: Connection, facts: Iterable[Fact]) -> list[str]:
    """Refold the orders that these facts touch; returns the ids of those that changed.

    A pallet that moved took its contents along: what that says of them is appended first (evidence/carried).
    """
    news = list(facts)
    news += carried.follow(conn, news, now_ms())
    ids = repository.known(conn, world.touched(conn, news))
    memory: world.Memory = {}
    return [order_id for order_id in ids if refold(conn, order_id, news, memory=memory)]


def refold(
    conn: Connection,
    order_id: str,
    news: Iterable[Fact],
    now: int | None = None,
    memory: world.Memory | None = None,
) -> bool:
    """Fold one order anew from the log; True when its projection changed.

    `memory`: shared by the orders that are folded after the same facts.
    """
    at = now_ms() if now is None else now
    row = repository.locked(conn, order_id)
    if row is None:
        return False
    facts, links = world.load(conn, order_id)
    repository.set_links(conn, order_id, links)
    beside = world.companions(conn, order_id, facts, {} if memory is None else memory)
    story = trace([*facts, *beside], _limits(conn), _calendar, at, only=order_id).get(order_id)
    if story is None:
        return False
    ahead = [t for f in (*facts, *beside) if (t := max(f.at, f.received_at or f.at)) > at]
    state = _with_due(story.state, ahead)
    projection = json.dumps(state.as_dict(), ensure_ascii=False, separators=(",", ":"))
    changed = projection != row["projection"]
    news = tuple(news)
    if not changed and row["next_due"] != state.next_due:  # it was put off, or put down to be folded anew
        repository.set_due(conn, order_id, state.next_due)
    last = max(news, key=lambda fact: fact.at, default=None)
    by = {} if last is None else {"kind": last.kind, "role": last.by.role, "id": last.by.id, "at": last.at}
    if changed:
        repository.save(conn, row, state, projection, at, by)
    change = Change(order_id, row["number"], row, Story(state, story.chronicle), tuple(facts), news, at, changed)
    for listener in _listeners:
        listener(conn, change)
    return changed


def _with_due(state: OrderState, ahead: list[int]) -> OrderState:
    """A fact whose time has not come shows when it comes."""
    if not ahead:
        return state
    values = state.as_dict()
    values["next_due"] = min(t for t in (state.next_due, *ahead) if t is not None)
    return OrderState(**values)
