"""What a vehicle's facts do to the units aboard it: leave, enter, stop, fall silent (T14-T16, T18, T19, T24).

They move only units already aboard and prove nothing about others (ORDERS.md §1.6).
"""

from collections.abc import Callable

from milepost.evidence.model import Fact
from milepost.orders.fold.counts import over
from milepost.orders.fold.registers import Order, Trip, Unit, Visit, World
from milepost.orders.fold.units import arrive, check_split, is_missing, mark, physical
from milepost.orders.model import SIGNED

_UNDERWAY = ("loaded", "in_transit", "at_hub", "at_terminal", "out_for_delivery")


def left(w: World, fact: Fact, vehicle: str) -> None:
    """The vehicle left a site with what is aboard."""
    site = fact.subjects.get("site")
    trips = w.trips_of(vehicle, fact.at)
    for unit in _aboard(w, vehicle):
        _leave(w, unit, fact, site)
    if vehicle in w.silent:
        _miss(w, fact, vehicle)
    for trip in trips:
        if trip.kind != "pickup":
            _check_departure(w, trip, fact, site)
    for visit in w.visits.get(vehicle, ()):
        if visit.site == site and visit.left is None:
            visit.left = fact.at


def entered(w: World, fact: Fact, vehicle: str) -> None:
    """The vehicle drove into a site: at a hub or terminal the goods aboard have come in (T15)."""
    site = fact.subjects.get("site")
    visits = w.visits.setdefault(vehicle, [])
    visits.append(Visit(site or "", fact.at))
    for unit in _aboard(w, vehicle):
        order = w.order(unit.order or "")
        role = w.role(site, order)
        if role in ("hub", "terminal") and unit.phys in ("loaded", "in_transit", "at_hub") and unit.close is None:
            if unit.phys == "loaded" and not unit.departed and unit.site == site:
                continue
            arrive(order, unit, fact, f"at_{role}")


def stopped(w: World, fact: Fact, vehicle: str) -> None:
    """The vehicle stands at a site: at the consignee the goods have arrived (T19)."""
    site = fact.subjects.get("site")
    visits = w.visits.setdefault(vehicle, [])
    visit = next((v for v in reversed(visits) if v.site == site and v.left is None), None)
    if visit is None:
        visit = Visit(site or "", fact.at)
        visits.append(visit)
    visit.stop = visit.stop or fact
    visit.last_stop = fact.at
    for unit in _aboard(w, vehicle):
        order = w.order(unit.order or "")
        if w.role(site, order) == "consignee" and unit.close is None:
            order.note("stopped", fact, unit.id)
            if unit.phys in _UNDERWAY:
                arrive(order, unit, fact, "at_consignee")


def silent(w: World, fact: Fact, vehicle: str) -> None:
    """No word from the tracker: a flag on the orders aboard, and trouble on the road (EX-31)."""
    w.silent.setdefault(vehicle, fact.at)
    _miss(w, fact, vehicle)


def heard(w: World, fact: Fact, vehicle: str) -> None:
    """It speaks again."""
    w.silent.pop(vehicle, None)
    for order_id in {unit.order for unit in _aboard(w, vehicle)}:
        w.order(order_id or "").settle("tracker_silent", fact.at, vehicle)


def _miss(w: World, fact: Fact, vehicle: str) -> None:
    """Nobody can say where the goods are that are under way aboard this vehicle."""
    for unit in _aboard(w, vehicle):
        if unit.departed and unit.close is None:
            w.order(unit.order or "").trouble("tracker_silent", vehicle, fact, "EX-31", vehicle=vehicle)


def _aboard(w: World, vehicle: str) -> list[Unit]:
    return [unit for unit in w.aboard.get(vehicle, {}).values() if unit.moves and unit.order is not None]


def _leave(w: World, unit: Unit, fact: Fact, site: str | None) -> None:
    order = w.order(unit.order or "")
    trip = w.trips.get(unit.trip) if unit.trip else None
    kind = trip.kind if trip else "direct"
    if kind == "pickup":
        unit.departed = True
        return
    physical(order, fact)
    if w.role(site, order) == "consignee":
        order.note("left", fact, unit.id)
    agreed = order.agreed_at is not None and order.agreed_at >= unit.close_at
    if unit.close in ("delivery_failed", "refused"):
        if agreed:  # T24: on the road again, no reads needed; undoes 7 and 8
            unit.close = None
            unit.attempt += 1
            unit.marks.pop("arrived", None)
            unit.marks.pop("signed", None)
            unit.phys = "out_for_delivery"
            order.note("departed", fact, unit.id, unit.phys)
            _precalled(order, fact)
        return
    if unit.phys == "at_consignee":
        if w.role(site, order) == "consignee":
            order.trouble("left_without_outcome", unit.trip or "", fact, trip=unit.trip)
        return
    if unit.phys == "at_terminal":
        if kind != "delivery":  # a line trip goes on: 6 is undone (T16)
            unit.marks.pop("in_transit", None)
        unit.phys = "out_for_delivery" if kind == "delivery" else "in_transit"
    else:
        going_out = kind == "delivery" and w.role(site, order) == "terminal"
        # Aboard a delivery that leaves the terminal it is going out, even if nobody saw the vehicle come in there.
        if unit.phys not in ("loaded", "at_hub") and not (unit.phys == "in_transit" and going_out):
            return
        unit.phys = "out_for_delivery" if going_out else "in_transit"
    unit.departed = True
    order.note("departed", fact, unit.id, unit.phys)
    if unit.phys == "out_for_delivery":
        _precalled(order, fact)
    mark(unit, "departed", fact)
    if trip is None or trip.signed_at is None:
        order.trouble("unsigned_load", unit.trip or "", fact, trip=unit.trip, vehicle=unit.aboard)


def _precalled(order: Order, fact: Fact) -> None:
    """T18: the consignee should have been phoned before the goods go out (DL-5)."""
    if "precalled" not in order.acts:
        order.trouble("step_skipped", "precall", fact, said=fact.kind)


def _check_departure(w: World, trip: Trip, fact: Fact, site: str | None) -> None:
    """Who was to be aboard and is not (OT-7, G-28)."""
    over(w, trip)
    for order_id in trip.expected:
        order = w.order(order_id)
        missing = [
            unit
            for unit in order.units.values()
            if trip.expects(unit) and is_missing(w, unit, trip.id) and _belongs(order, unit, site)
        ]
        if missing:
            order.trouble(
                "departed_incomplete",
                trip.id,
                fact,
                "EX-22",
                trip=trip.id,
                vehicle=fact.subjects.get("vehicle"),
                missing=[unit.id for unit in missing],
                nos=[unit.no for unit in missing],
            )
            check_split(order, fact, [unit.id for unit in missing])


def _belongs(order: Order, unit: Unit, site: str | None) -> bool:
    """True when the unit should have boarded at this site."""
    if unit.phys in (None, "waybilled"):
        return order.from_site is None or site in (order.from_site, unit.site)
    return unit.site == site and unit.close not in SIGNED


HANDLERS: dict[str, Callable[[World, Fact, str], None]] = {
    "vehicle.left": left,
    "vehicle.entered": entered,
    "vehicle.stopped": stopped,
    "vehicle.silent": silent,
    "vehicle.heard": heard,
}
