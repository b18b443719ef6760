"""The walk through the facts: `fold` (ORDERS.md §1)."""

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from milepost.evidence.model import Fact
from milepost.orders.fold import acts, changes, close, counts, desk, papers, trips, units, vehicles
from milepost.orders.fold.choose import chosen
from milepost.orders.fold.project import project
from milepost.orders.fold.registers import Moment, World
from milepost.orders.fold.settles import settle_by
from milepost.orders.model import Calendar, Limits, OrderState
from milepost.orders.vocabulary import KINDS, RANK


@dataclass(frozen=True, slots=True)
class Story:
    """One order as it stands, and how it came to that."""

    state: OrderState
    chronicle: list[Moment]


_OF_ORDER = {**desk.HANDLERS, **changes.HANDLERS, **acts.HANDLERS, **papers.HANDLERS, **close.HANDLERS}
_OF_UNIT = {
    "unit.bound": papers.bound,
    "unit.unbound": papers.unbound,
    "unit.picked": units.picked,
    "unit.loaded": units.loaded,
    "unit.passed_back": units.passed_back,
    "unit.unloaded": units.unloaded,
    "unit.seen": units.seen,
}
# What the clocks use but the state does not: such a fact only shows that the order exists.
_PLANS = ("site.defined", "trip.planned", "trip.vehicle")
_WAKE_RANK = RANK["order.postponed"]


def fold(facts: Iterable[Fact], policy: Limits, calendar: Calendar, until: int) -> dict[str, OrderState]:
    """State of every order that `facts` speak of, as it stood at `until` (UTC ms).

    Pure: the same set of facts in any order and with any duplicates gives equal states. Facts of unknown kinds are
    left aside. Expected lists alone make no order.
    """
    w = walked(facts, policy, calendar, until)
    return {order.id: project(w, order) for order in w.orders.values() if order.own}


def trace(
    facts: Iterable[Fact], policy: Limits, calendar: Calendar, until: int, only: str | None = None
) -> dict[str, Story]:
    """The same walk, with each order's chronicle beside its state: what the clocks read. `only`: of this order."""
    w = walked(facts, policy, calendar, until)
    asked = w.orders.values() if only is None else [w.orders[only]] if only in w.orders else []
    return {order.id: Story(project(w, order), order.chronicle()) for order in asked if order.own}


def walked(facts: Iterable[Fact], policy: Limits, calendar: Calendar, until: int) -> World:
    """All visible facts applied in their order, and the synthetic events between them."""
    w = World(policy, calendar, until)
    walk = chosen(facts, until)
    trips.plan(w, walk)
    for fact in walk:
        if w.wakes:
            _wake(w, fact.at, RANK.get(fact.kind, len(RANK)))
        apply(w, fact)
        if w.disputes:
            counts.recount(w, fact)
    _wake(w, until, len(KINDS))
    for trip_id in list(w.disputes):
        counts.over(w, w.trip(trip_id))
    return w


def apply(w: World, fact: Fact) -> None:
    """One fact, in its turn."""
    kind, subjects = fact.kind, fact.subjects
    if of_order := _OF_ORDER.get(kind):
        order_id = subjects.get("order")
        if order_id is not None:
            order = w.orders.get(order_id) or w.order(order_id)
            order.own = True
            order.noted.append((fact.at, "", fact, None, None))
            of_order(w, fact, order)
            if order.open:
                settle_by(order, kind, fact.at)
    elif of_other := _OF_OTHERS.get(kind):
        of_other(w, fact)
    elif kind not in _PLANS and (order_id := subjects.get("order")):
        order = w.order(order_id)
        order.own = True
        order.note("", fact)


def _unit_fact(w: World, fact: Fact) -> None:
    kind = fact.kind
    if unit_id := fact.subjects.get("unit"):
        unit = w.unit(unit_id)
        if kind != "unit.loaded" or "vehicle" in fact.subjects:
            _OF_UNIT[kind](w, fact, unit)
    elif kind == "unit.picked" and (order_id := fact.subjects.get("order")):
        papers.picked_line(w, fact, w.order(order_id))


def _vehicle_fact(w: World, fact: Fact) -> None:
    if vehicle := fact.subjects.get("vehicle"):
        vehicles.HANDLERS[fact.kind](w, fact, vehicle)


def _trip_fact(w: World, fact: Fact) -> None:
    if trip_id := fact.subjects.get("trip"):
        trips.HANDLERS[fact.kind](w, fact, w.trip(trip_id))


_OF_OTHERS: dict[str, Callable[[World, Fact], None]] = {
    **dict.fromkeys(_OF_UNIT, _unit_fact),
    **dict.fromkeys(vehicles.HANDLERS, _vehicle_fact),
    **dict.fromkeys(trips.HANDLERS, _trip_fact),
    "load.overridden": trips.overridden,
}


def _wake(w: World, at: int, rank: int) -> None:
    """Synthetic events up to (at, rank): postponed orders that wake (ORDERS.md §1.1)."""
    while w.wakes and (w.wakes[0][0], _WAKE_RANK) <= (at, rank):
        due, _, order_id = heapq.heappop(w.wakes)
        desk.wake(w.orders[order_id], due)
