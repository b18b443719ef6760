"""Was somebody there when it was signed? (EX-42, REQUIREMENTS F3.3, ORDERS.md §3)"""

from math import asin, cos, radians, sin, sqrt

from milepost.evidence.model import Fact
from milepost.orders.fold.registers import Order, Unit, World
from milepost.orders.fold.values import fields, number

_MAX_ACCURACY_M = 200.0


def check(w: World, order: Order) -> int | None:
    """Grade each signature by presence, and open EX-42 where nothing covers it.

    Returns the instant (UTC ms) at which a signature under a silent tracker becomes suspect, if one is waiting.
    """
    due: int | None = None
    for fact, unit_ids in order.signs:
        units = [u for u in order.all_units() if u.id in unit_ids]
        if not units or "handed_out" in [u.phys for u in units]:
            continue  # T25: an outside carrier's report
        witness = _witness(w, order, fact, units)
        if witness is not None or _phone_there(w, order, fact):
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
            mark.sources = mark.solid_sources() | {witness.source}
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


def _phone_there(w: World, order: Order, fact: Fact) -> bool:
    """The phone was inside the fence of the place of signing, as far as its own accuracy goes.

    Where the fence is unknown, whoever wrote the fact may have held the position against it (`pos.at_site`).
    """
    pos = fields(fact.body.get("pos"))
    if pos.get("at_site") is True:
        return True
    lat, lng = number(pos.get("lat")), number(pos.get("lng"))
    if lat is None or lng is None:
        return False
    slack_m = min(number(pos.get("accuracy_m")) or 0.0, _MAX_ACCURACY_M)
    fences = [w.fences[site] for site in (order.to_site, order.terminal) if site in w.fences]
    return any(distance_m(lat, lng, fence[0], fence[1]) <= fence[2] + slack_m for fence in fences)


def distance_m(lat1: float, lng1: float, lat2: float, lng2: float) -> float:
    """Metres between two positions (degrees) on a sphere; right to 0.5 %."""
    a, b = radians(lat1), radians(lat2)
    h = sin((b - a) / 2) ** 2 + cos(a) * cos(b) * sin(radians(lng2 - lng1) / 2) ** 2
    return 2 * 6_371_000 * asin(min(1.0, sqrt(h)))


def _silent(w: World, order: Order, units: list[Unit], at: int) -> bool:
    return any(w.silent.get(v, at + 1) <= at for v in _vehicles(w, order, units, at))
