"""Clocks follow the fold: every refold of an order judges its clocks in the same transaction, tells each breach once
and keeps what was judged anew."""

from collections.abc import Callable
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
    "on_change",
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


Listener = Callable[[Connection, ClockChange], None]
_listeners: list[Listener] = []


def install() -> None:
    """Judge the clocks of an order in the transaction of each of its refolds (twice is once)."""
    projector.subscribe(on_change)


def use() -> None:
    """Let the fold take its limits from the policies of the database."""
    projector.use_limits(versions.limits)


def subscribe(listener: Listener) -> None:
    """Call `listener` in the transaction in which the clocks of an order, or the order itself, changed, or facts came
    in about it (twice is once)."""
    if listener not in _listeners:
        _listeners.append(listener)


def on_change(conn: Connection, change: Change) -> None:
    """Judge an order that was folded anew; where only time went by and nothing differs nobody is told."""
    entry = ledger.enter(conn, change)
    if change.by_clock and not entry.differs:
        return
    told = ClockChange(
        change.order_id, change.number, change.state, change.story.chronicle, entry.clocks, entry.breached,
        entry.rejudged, change.at,
    )  # fmt: skip
    for listener in _listeners:
        listener(conn, told)
