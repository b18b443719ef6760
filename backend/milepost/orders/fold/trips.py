"""Trips: what is planned, what is expected, who signed for the load, what a dock session found (T13, T14)."""

from collections.abc import Callable, Iterable

from milepost.evidence.model import Fact
from milepost.orders.fold.counts import count
from milepost.orders.fold.papers import load_checked
from milepost.orders.fold.registers import Order, Trip, Unit, World
from milepost.orders.fold.units import check_split, judge, leave_vehicle, load, review
from milepost.orders.fold.values import number, texts
from milepost.orders.vocabulary import field_of

_JOINS = frozenset({"site.defined", "trip.planned", "trip.vehicle"})


def plan(w: World, facts: Iterable[Fact]) -> None:
    """Read sites, trips and vehicles on trips ahead of the walk: joins are looked up at event time, whenever
    they were written down (DESIGN §2.3). A vehicle's interval ends where the trip's next vehicle begins."""
    for fact in facts:
        if fact.kind not in _JOINS:
            continue
        if fact.kind == "site.defined":
            site, body = str(field_of(fact, "site")), fact.body
            w.sites[site] = str(body.get("role"))
            lat, lng = number(body.get("lat")), number(body.get("lng"))
            if lat is not None and lng is not None:
                w.fences[site] = (
                    lat,
                    lng,
                    number(body.get("radius_m")) or w.policy.limits(None, None, fact.at).presence_radius_m,
                )
        elif fact.kind == "trip.planned":
            trip = w.trip(str(field_of(fact, "trip")))
            trip.kind = fact.body.get("kind", trip.kind)
            trip.stops = list(fact.body.get("stops") or ())
        elif fact.kind == "trip.vehicle":
            start = fact.body.get("from", fact.at)
            trip = w.trip(str(field_of(fact, "trip")))
            trip.vehicles.append((start, fact.body.get("to"), str(field_of(fact, "vehicle"))))
    for trip in w.trips.values():
        trip.vehicles.sort(key=lambda v: (v[0], v[2], v[1] or 0))
        spans = trip.vehicles
        for n in range(len(spans) - 1):
            start, end, vehicle = spans[n]
            following = spans[n + 1][0]
            spans[n] = (start, following if end is None or end > following else end, vehicle)
        for vehicle in dict.fromkeys(vehicle for _, _, vehicle in spans):
            w.driven.setdefault(vehicle, []).append(trip)


def expected(w: World, fact: Fact, trip: Trip) -> None:
    """Change the list of a trip, and judge again what lies on its vehicles."""
    order_id = fact.subjects.get("order")
    if order_id is None:
        return
    named = set(texts(fact.body["units"])) if "units" in fact.body else None
    if fact.body.get("remove"):
        listed = trip.expected.get(order_id)
        if named is None or (listed is not None and listed <= named):
            trip.expected.pop(order_id, None)
        elif order_id in trip.expected:
            whole = set(w.order(order_id).units) if listed is None else listed
            trip.expected[order_id] = whole - named
    else:
        listed = trip.expected.get(order_id, set())
        trip.expected[order_id] = None if named is None or listed is None else listed | named
    order = w.order(order_id)
    if order_id in trip.expected:
        order.trips[trip.id] = None
    for unit in order.units.values():
        if unit.loaded_by is not None and unit.frozen is None and not unit.departed and unit.close is None:
            judge(w, unit, unit.loaded_by, fact.at)
    for kind in ("short", "departed_incomplete"):
        review(w, order, kind, fact.at)


def signed(w: World, fact: Fact, trip: Trip) -> None:
    """T14's guard: the driver took the load over."""
    trip.signed, trip.signed_at = fact, fact.at
    for order_id in trip.expected:
        order = w.order(order_id)
        order.settle("unsigned_load", fact.at, trip.id)
    count(w, trip, fact)


def session_closed(w: World, fact: Fact, trip: Trip) -> None:
    """The dock session says what stayed and what was too much (EX-22); it names both (G-28)."""
    short = set(texts(fact.body.get("short")))
    over = texts(fact.body.get("over"))
    unloading = fact.body.get("direction") == "unload"
    for order_id in trip.expected:
        order = w.order(order_id)
        if unloading:
            _lost(order, trip, fact, [u for u in order.units.values() if u.id in short and u.trip == trip.id])
            continue
        missing = [u.id for u in order.units.values() if u.id in short and u.phys in (None, "waybilled")]
        if missing:
            nos = [order.units[u].no for u in missing]
            data = {"trip": trip.id, "door": fact.subjects.get("door"), "missing": missing, "nos": nos, "over": over}
            order.trouble("short", trip.id, fact, "EX-22", **data)
        elif over and not short:
            order.trouble("over", trip.id, fact, "EX-22", trip=trip.id, over=over)


def _lost(order: Order, trip: Trip, fact: Fact, units: list[Unit]) -> None:
    """EX-32: loaded, and not there when the last stop had unloaded (OD-2)."""
    missing = [u for u in units if u.close is None and "loaded" in u.marks and not u.marks["loaded"].inferred]
    if missing:
        data = {"trip": trip.id, "door": fact.subjects.get("door"), "missing": [u.id for u in missing],
                "nos": [u.no for u in missing]}  # fmt: skip
        order.trouble("lost", trip.id, fact, "EX-32", **data)


def overridden(w: World, fact: Fact) -> None:
    """A person lets the trip go without these units: they count no longer."""
    touched: dict[str, Order] = {}
    for unit_id in texts(fact.body.get("units")):
        unit = w.units.get(unit_id)
        if unit is None or unit.order is None or unit.aboard is not None or unit.close is not None:
            continue
        unit.released = "short"
        w.order(unit.order).note("released", fact, unit.id, "short")
        touched[unit.order] = w.order(unit.order)
    for order in touched.values():
        check_split(order, fact, texts(fact.body.get("units")))
        for kind in ("short", "departed_incomplete"):
            review(w, order, kind, fact.at)


def transferred(w: World, fact: Fact, trip: Trip) -> None:
    """The goods of a broken-down vehicle went over to another (EX-27)."""
    to = str(fact.body.get("to"))
    for unit_id in texts(fact.body.get("units")):
        unit = w.units.get(unit_id)
        if unit is None or unit.aboard is None or unit.frozen is not None:
            continue
        departed = unit.departed
        leave_vehicle(w, unit, fact.at)
        load(w, unit, fact, to, None, trip)
        unit.departed = departed


HANDLERS: dict[str, Callable[[World, Fact, Trip], None]] = {
    "trip.expected": expected,
    "trip.transferred": transferred,
    "load.checked": load_checked,
    "load.signed": signed,
    "session.closed": session_closed,
}
