"""Clocks follow the fold: every refold of an order judges its clocks in the same transaction, tells each breach once
and keeps what was judged anew."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from milepost.clocks import ledger, versions
from milepost.clocks.desk import audit_of, desk, figures, local_day, of_order
from milepost.clocks.model import ClockState
from milepost.clocks.wake import wake
from milepost.orders import projector
from milepost.orders.fold import Moment
from milepost.orders.model import OrderState
from milepost.orders.projector import Change

__all__ = [
    "ClockChange",
    "audit_of",
    "desk",
    "figures",
    "install",
    "local_day",
    "of_order",
    "on_changes",
    "subscribe",
    "use",
    "wake",
]


@dataclass(frozen=True, slots=True)
class ClockChange:
    """The clocks of an order have changed, or the order has, or facts came in that bear on it.

    `chronicle`: of its story; `breached`: clocks that are late for the first time; `rejudged`: (before, after) of those
    whose verdict, or whose due instant by another calendar, is not what was said. A clock whose start is no longer true
    is void.
    """

    order_id: str
    number: str
    state: OrderState
    chronicle: list[Moment]
    clocks: list[ClockState]
    breached: list[ClockState]
    rejudged: list[tuple[ClockState | None, ClockState]]
    at: int


Listener = Callable[[Connection, Sequence[ClockChange]], None]
_listeners: list[Listener] = []


def install() -> None:
    """Judge the clocks of an order in the transaction of each of its refolds (twice is once)."""
    projector.subscribe(on_changes)


def use() -> None:
    """Let the fold take its limits from the policies of the database."""
    projector.use_limits(versions.limits)


def subscribe(listener: Listener) -> None:
    """Call `listener` in the transaction in which the clocks of orders, or the orders themselves, changed, or facts
    came in about them; with those that were folded together at once (twice is once)."""
    if listener not in _listeners:
        _listeners.append(listener)


def on_changes(conn: Connection, changes: Sequence[Change]) -> None:
    """Judge orders that were folded anew; of one where only time went by and nothing differs nobody is told."""
    told = [
        ClockChange(
            change.order_id, change.number, change.state, change.story.chronicle, entry.clocks, entry.breached,
            entry.rejudged, change.at,
        )
        for change, entry in zip(changes, ledger.enter(conn, changes), strict=True)
        if entry.differs or not change.by_clock
    ]  # fmt: skip
    if told:
        for listener in _listeners:
            listener(conn, told)
