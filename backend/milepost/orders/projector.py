"""From the log to the orders' rows: refold what a fact touches, tell who listens, all in one transaction."""

import json
from collections.abc import Callable, Iterable, Sequence
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


# Hears of the orders that were folded anew together: what it asks of the database it asks for all of them at once.
Listener = Callable[[Connection, Sequence[Change]], None]
TOGETHER = 25  # orders folded in one go: what they rest on is held in memory at the same time
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
    """Call `listener` in the transaction of every refold, with the orders folded together (wired by the composition
    root; twice is once).

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
    return refold_all(conn, ids, news)


def refold(conn: Connection, order_id: str, news: Iterable[Fact], now: int | None = None) -> bool:
    """Fold one order anew from the log; True when its projection changed. `now`: UTC ms, default the host's clock."""
    return bool(refold_all(conn, [order_id], news, now))


def refold_all(conn: Connection, order_ids: Sequence[str], news: Iterable[Fact], now: int | None = None) -> list[str]:
    """Fold orders anew from the log after the same facts; returns the ids of those whose projection changed.

    However many they are up to TOGETHER, they cost the same number of questions to the database: what they rest on is
    read for all, then each is folded, then those who listen hear of all. `now`: UTC ms, default the host's clock.
    """
    told = tuple(news)
    memory: world.Memory = {}
    changed: list[str] = []
    for start in range(0, len(order_ids), TOGETHER):
        changed += _fold(conn, order_ids[start : start + TOGETHER], told, now, memory)
    return changed


def _fold(
    conn: Connection, order_ids: Sequence[str], news: tuple[Fact, ...], now: int | None, memory: world.Memory
) -> list[str]:
    rows = repository.locked(conn, order_ids)
    at = now_ms() if now is None else now  # after the locks are held: an older one would hide what came meanwhile
    ids = [order_id for order_id in order_ids if order_id in rows]
    worlds = world.load_all(conn, ids)
    repository.set_links(conn, {order_id: links for order_id, (_, links) in worlds.items()})
    beside = world.companions(conn, worlds, memory)
    last = max(news, key=lambda fact: fact.at, default=None)
    by = {} if last is None else {"kind": last.kind, "role": last.by.role, "id": last.by.id, "at": last.at}
    changes: list[Change] = []
    for order_id in ids:
        row, facts = rows[order_id], worlds[order_id][0]
        story = trace([*facts, *beside[order_id]], _limits(conn), _calendar, at, only=order_id).get(order_id)
        if story is None:
            continue
        ahead = [t for f in (*facts, *beside[order_id]) if (t := max(f.at, f.received_at or f.at)) > at]
        state = _with_due(story.state, ahead)
        projection = json.dumps(state.as_dict(), ensure_ascii=False, separators=(",", ":"))
        changed = projection != row["projection"]
        if changed:
            repository.save(conn, row, state, projection, at, by)
        elif row["next_due"] != state.next_due:  # it was put off, or put down to be folded anew
            repository.set_due(conn, order_id, state.next_due)
        whole = Story(state, story.chronicle)
        changes.append(Change(order_id, row["number"], row, whole, tuple(facts), news, at, changed))
    if changes:
        for listener in _listeners:
            listener(conn, changes)
    return [change.order_id for change in changes if change.changed]


def _with_due(state: OrderState, ahead: list[int]) -> OrderState:
    """A fact whose time has not come shows when it comes."""
    if not ahead:
        return state
    values = state.as_dict()
    values["next_due"] = min(t for t in (state.next_due, *ahead) if t is not None)
    return OrderState(**values)
