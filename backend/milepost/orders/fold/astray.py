"""Goods that come off, or are read, where they do not belong (F3.4): put off too early, or left on the vehicle.

`misdropped`: a unit came off its vehicle at a site that is not its own, before the vehicle had been at its own stop.
`left_on_vehicle`: the vehicle had been at the unit's own stop and had left it, and a later stop sees the unit. Both
hold until the unit is loaded again, comes off where it belongs, or is signed for. What is neither is `seen_elsewhere`.
"""

from milepost.evidence.model import Fact
from milepost.orders.fold.registers import Order, Unit, World

MISDROPPED, LEFT, ELSEWHERE = "misdropped", "left_on_vehicle", "seen_elsewhere"
_NAMED = (MISDROPPED, LEFT)


def put_off(w: World, order: Order, unit: Unit, fact: Fact, vehicle: str | None, loaded: Fact | None) -> None:
    """A unit was unloaded at a site that is none of its own. `vehicle`: what it was aboard, by `loaded`; None where
    nobody knew."""
    site = fact.subjects.get("site")
    kind = ELSEWHERE
    if vehicle is not None:
        kind = LEFT if passed(w, order, unit, vehicle, loaded, site) else MISDROPPED
    _tell(order, unit, fact, kind, vehicle)


def brought_back(w: World, order: Order, unit: Unit, fact: Fact, vehicle: str | None, loaded: Fact | None) -> None:
    """A unit that had left came off at its origin again: has it been past its own stop, it was left aboard there."""
    if vehicle is not None and passed(w, order, unit, vehicle, loaded, fact.subjects.get("site")):
        _tell(order, unit, fact, LEFT, vehicle)


def still_aboard(w: World, order: Order, unit: Unit, fact: Fact) -> bool:
    """A unit that should be aboard, or at its consignee, was read where its vehicle is now: was it left on there?"""
    vehicle, site = unit.aboard, fact.subjects.get("site")
    if vehicle is None or not any(each.site == site and each.left is None for each in w.visits.get(vehicle, ())):
        return False
    if not passed(w, order, unit, vehicle, unit.loaded_by, site):
        return False
    _tell(order, unit, fact, LEFT, vehicle)
    return True


def passed(w: World, order: Order, unit: Unit, vehicle: str, loaded: Fact | None, site: str | None) -> bool:
    """True when the vehicle has been at the unit's own stop since it was loaded, and is elsewhere now (`site`)."""
    trip = w.trips.get(unit.trip) if unit.trip else None
    own = "terminal" if trip is not None and trip.kind == "line" else "consignee"
    since = loaded.at if loaded is not None else 0
    return any(
        visit.site != site and visit.entered >= since and visit.left is not None and w.role(visit.site, order) == own
        for visit in w.visits.get(vehicle, ())
    )


def found(order: Order, unit: Unit, at: int) -> None:
    """The unit is loaded again, is where it belongs, or was signed for (`at`, UTC ms)."""
    for kind in _NAMED:
        order.settle(kind, at, unit.id)


def _tell(order: Order, unit: Unit, fact: Fact, kind: str, vehicle: str | None) -> None:
    site = fact.subjects.get("site")
    if kind == ELSEWHERE:
        order.trouble(ELSEWHERE, unit.id, fact, unit=unit.id, site=site)
        return
    order.trouble(kind, unit.id, fact, unit=unit.id, no=unit.no, site=site, vehicle=vehicle, trip=unit.trip)
