"""The driver's count of a load against what was read aboard (T14, EX-22).

He signs for the whole load of the trip, so his count is held against the pieces of all its orders together. Where the
two differ nobody knows whose goods it is about: each order of the trip has the exception, until the trip has left or
the counts agree. From then on nothing can be counted any more.
"""

from milepost.evidence.model import Fact
from milepost.orders.fold.registers import Dispute, Trip, Unit, World

_KIND = "load_count"
# What may change the number of pieces aboard while the trip is being loaded.
_BEARS = frozenset(
    {"unit.loaded", "unit.passed_back", "unit.unloaded", "order.units", "trip.expected", "trip.transferred",
     "load.checked"}
)  # fmt: skip


def count(w: World, trip: Trip, signed: Fact) -> None:
    """Hold the count that the driver has just signed against the pieces aboard.

    Goods without tags count with the pieces of their order once a keeper has checked them aboard (`load.checked`);
    where nobody has, or their pieces are unknown, there is nothing to hold it against and it stands as it is.
    """
    over(w, trip)
    aboard: dict[str, int] = {}
    for order_id in trip.expected:
        order = w.order(order_id)
        for unit in order.all_units():
            pieces = _pieces(w, trip, unit)
            if unit.pseudo and not pieces:
                _agreed(w, trip, list(trip.expected), signed.at)
                return
            aboard[unit.id] = pieces or 0
    dispute = Dispute(signed.body.get("pieces"), list(trip.expected), aboard, sum(aboard.values()))
    if dispute.aboard == dispute.said:
        _agreed(w, trip, dispute.orders, signed.at)
        return
    for order_id in dispute.orders:
        data = {"trip": trip.id, "signed": dispute.said, "aboard": dispute.aboard, "orders": len(dispute.orders)}
        w.order(order_id).trouble(_KIND, trip.id, signed, "EX-22", **data)
    w.disputes[trip.id] = dispute


def recount(w: World, fact: Fact) -> None:
    """After a late read or scan, or a change of the list: do the counts that did not agree, agree now?"""
    if fact.kind not in _BEARS:
        return
    touched = _units(w, fact)
    for trip_id, dispute in list(w.disputes.items()):
        trip, before = w.trip(trip_id), dispute.aboard
        for unit in touched:
            if unit.id not in dispute.pieces and unit.trip != trip_id:
                continue
            if fact.kind == "unit.unloaded" and unit.id in dispute.pieces and unit.phys not in (None, "waybilled"):
                over(w, trip)  # goods of it came off elsewhere
                break
            pieces = _pieces(w, trip, unit) or 0
            dispute.aboard += pieces - dispute.pieces.get(unit.id, 0)
            dispute.pieces[unit.id] = pieces
        if trip_id in w.disputes and dispute.aboard != before and dispute.aboard == dispute.said:
            del w.disputes[trip_id]
            _agreed(w, trip, dispute.orders, fact.at)


def over(w: World, trip: Trip) -> None:
    """The count is held against nothing any more: what it says last is written down."""
    dispute = w.disputes.pop(trip.id, None)
    for order_id in dispute.orders if dispute else ():
        for trouble in w.order(order_id).open.get(_KIND, {}).values():
            if dispute and trouble.key == trip.id:
                trouble.data["aboard"] = dispute.aboard


def _agreed(w: World, trip: Trip, orders: list[str], at: int) -> None:
    """The signature is a second witness of what is aboard."""
    for order_id in orders:
        order = w.order(order_id)
        order.settle(_KIND, at, trip.id)
        for unit in order.all_units():
            if trip.signed is not None and unit.trip == trip.id and unit.moves and "loaded" in unit.marks:
                unit.marks["loaded"].add(trip.signed)


def _pieces(w: World, trip: Trip, unit: Unit) -> int | None:
    """The pieces of a unit aboard for this trip; None where they are unknown."""
    if unit.trip != trip.id or not unit.moves:
        return 0
    return w.order(unit.order or "").pieces if unit.pseudo else unit.pieces


def _units(w: World, fact: Fact) -> list[Unit]:
    subjects = fact.subjects
    if unit := subjects.get("unit"):
        return [w.unit(unit)]
    if order := subjects.get("order"):
        return w.order(order).all_units()
    listed = w.trip(subjects.get("trip", "")).expected
    return [unit for order in listed for unit in w.order(order).all_units()]
