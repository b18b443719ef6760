"""Was somebody there when it was signed? (EX-42, REQUIREMENTS F3.3, ORDERS.md §3)"""

from milepost.evidence.model import Fact
from milepost.orders.fold.registers import Order, Unit, World
from milepost.orders.fold.values import fields


def check(w: World, order: Order) -> int | None:
    """Grade each signature by presence, and open EX-42 where nothing covers it.

    Returns the instant (UTC ms) at which a signature under a silent tracker becomes suspect, if one is waiting.
    """
    due: int | None = None
    for fact, unit_ids in order.signs:
        units = [u for u in order.all_units() if u.id in unit_ids]
        if not units or any(u.phys == "handed_out" for u in units):
            continue  # T25: an outside carrier's report
        witness = _witness(w, order, fact, units)
        if witness is not None or _phone_there(fact):
            for unit in units:
                _present(unit, fact, witness)
            continue
        for unit in units:
            unit.marks["signed"].grade = "C"
        wait = fact.at + w.limits(order, fact.at).silent_wait_ms
        if _silent(w, order, units, fact.at) and w.until < wait:
            due = wait if due is None else min(due, wait)
        else:
            order.trouble("signed_without_presence", fact.id, fact, "EX-42", signer=fact.body.get("signer"))
    return due


def _present(unit: Unit, fact: Fact, witness: Fact | None) -> None:
    mark = unit.marks["signed"]
    if fact.id in mark.facts:
        mark.grade = "A"
        if witness is not None:
            mark.sources.add(witness.source)
            if witness.id not in mark.facts:
                mark.facts.append(witness.id)


def _witness(w: World, order: Order, fact: Fact, units: list[Unit]) -> Fact | None:
    """A stop of the units' vehicle at the place of signing that covers the instant, give or take the margin."""
    margin = w.limits(order, fact.at).presence_margin_ms
    places = {order.to_site, order.terminal} - {None}
    for vehicle in _vehicles(w, order, units, fact.at):
        for visit in w.visits.get(vehicle, ()):
            right = visit.site in places if places else w.role(visit.site, order) == "consignee"
            if visit.stop is None or not right:
                continue
            if visit.stop.at - margin <= fact.at and (visit.left is None or fact.at <= visit.left + margin):
                return visit.stop
    return None


def _vehicles(w: World, order: Order, units: list[Unit], at: int) -> list[str]:
    found: dict[str, None] = {}
    for unit in units:
        if unit.last_vehicle is not None:
            found[unit.last_vehicle] = None
        trip = w.trips.get(unit.trip) if unit.trip else None
        for start, end, vehicle in trip.vehicles if trip else ():
            if start <= at and (end is None or at < end):
                found[vehicle] = None
    if not found:  # nothing was ever read aboard: any vehicle of a trip that expects them
        for trip in w.trips_for(order):
            if any(trip.expects(unit) for unit in units):
                found.update((v, None) for a, b, v in trip.vehicles if a <= at and (b is None or at < b))
    return list(found)


def _phone_there(fact: Fact) -> bool:
    """The phone's own position was held against the fence by whoever wrote the fact (`pos.at_site`)."""
    return fields(fact.body.get("pos")).get("at_site") is True


def _silent(w: World, order: Order, units: list[Unit], at: int) -> bool:
    return any(w.silent.get(v, at + 1) <= at for v in _vehicles(w, order, units, at))
