"""The units' physical register: picked, loaded, passed back, unloaded, seen (T9, T13, T15, F3.4)."""

from milepost.evidence.model import Fact
from milepost.orders.fold import astray
from milepost.orders.fold.grades import Mark, grade_of
from milepost.orders.fold.registers import Order, Trip, Unit, World
from milepost.orders.model import LEVEL, SIGNED

_ON_THE_ROAD = ("in_transit", "out_for_delivery")


def physical(order: Order, fact: Fact) -> None:
    """Say that goods moved on an order that no person has confirmed (ORDERS.md §1.5)."""
    if order.desk != "confirmed":
        order.trouble("out_of_sequence", "physical", fact, said=fact.kind, was=order.desk)


def picked(w: World, fact: Fact, unit: Unit) -> None:
    """T9 for one unit."""
    if "picked" in unit.marks:
        unit.marks["picked"].add(fact)
    else:
        unit.marks["picked"] = Mark(fact)
    if unit.order is not None:
        order = w.order(unit.order)
        physical(order, fact)
        tell_ready(order, fact)


def tell_ready(order: Order, fact: Fact) -> None:
    """T9: the goods are ready once everything that was to be picked has been (A: a device may say so alone)."""
    if order.ready_told or not order.units or order.type == "consignment":
        return
    for unit in order.counting():
        mark = unit.marks.get("picked")
        if mark is None or mark.inferred:
            return
    order.ready_told = True
    order.note("ready", fact)


def loaded(w: World, fact: Fact, unit: Unit) -> None:
    """T13: a read outward, or a scan, onto a vehicle."""
    vehicle = fact.subjects["vehicle"]
    if unit.aboard not in (None, vehicle):
        if fact.source != "scan" and (fact.source != "person" or (unit.frozen is None and proven(unit.loaded_by))):
            _two_trucks(w, fact, unit, vehicle)
            return
        leave_vehicle(w, unit, fact.at)  # a person looked: it lies where the scan says
    if unit.frozen is not None:
        if fact.source not in ("scan", "person"):
            return
        thaw(w, unit, fact.at)
    load(w, unit, fact, vehicle, fact.subjects.get("site"), None)


def proven(fact: Fact | None) -> bool:
    """True for what two sensors saw, or one that is as good as certain: a bare assertion does not outweigh it."""
    return fact is not None and fact.by.role == "device" and grade_of(fact) in ("A", "B")


def load(w: World, unit: Unit, fact: Fact, vehicle: str, site: str | None, trip: Trip | None) -> None:
    """Put a unit aboard and judge whether it belongs there."""
    if unit.aboard is None:
        unit.departed = False
    unit.aboard, unit.last_vehicle, unit.loaded_by = vehicle, vehicle, fact
    unit.site = site or unit.site
    w.aboard.setdefault(vehicle, {})[unit.id] = unit
    if unit.order is not None:
        physical(w.order(unit.order), fact)
        astray.found(w.order(unit.order), unit, fact.at)
        if unit.phys in ("at_hub", "at_terminal"):
            w.order(unit.order).note("reloaded", fact, unit.id)
        judge(w, unit, fact, fact.at, trip)


def judge(w: World, unit: Unit, load_fact: Fact, at: int, known: Trip | None = None) -> None:
    """Decide whether the unit belongs on the vehicle it lies on: counted, or `wrong_truck` and not counted.

    `at`: the instant of judging (UTC ms): that of the load, or of the list that changed.
    """
    order = w.order(unit.order or "")
    trip, right = (known, True) if known else _trip_for(w, unit, load_fact.at)
    if not right:
        unit.wrong = True
        if unit.phys == "loaded":
            _unload_mark(unit)
        order.trouble(
            "wrong_truck",
            unit.id,
            load_fact,
            "EX-22",
            unit=unit.id,
            no=unit.no,
            vehicle=unit.aboard,
            door=load_fact.subjects.get("door"),
            site=load_fact.subjects.get("site"),
            trip=trip.id if trip else None,
        )
        return
    if unit.wrong:
        unit.wrong = False
        order.settle("wrong_truck", at, unit.id)
    unit.trip = trip.id if trip else unit.trip
    if trip:
        order.trips[trip.id] = None
        if trip.kind == "pickup":
            return
    if unit.phys in (None, "waybilled", "loaded"):
        unit.phys = "loaded"
        order.note("loaded", load_fact, unit.id)
        unit.released = None if unit.released == "short" else unit.released
        mark = unit.marks.get("loaded")
        if mark is None:
            unit.marks["loaded"] = Mark(load_fact)
        else:
            mark.add(load_fact, moves=True)
        infer_picked(order, unit, load_fact)
    if order.open:
        for name in ("short", "departed_incomplete"):
            review(w, order, name, at)


def _trip_for(w: World, unit: Unit, at: int) -> tuple[Trip | None, bool]:
    here = w.trips_of(unit.aboard or "", at)
    for trip in here:
        if trip.expects(unit):
            return trip, True
    ours = w.trips_for(w.order(unit.order)) if unit.order else []
    planned = any(trip.expects(unit) and trip.id not in unit.past_trips for trip in ours)
    listed = any(trip.expected for trip in here)
    # Without any list for this vehicle or this unit there is nothing it could contradict.
    return (here[0] if here else None), not (planned or listed)


def passed_back(w: World, fact: Fact, unit: Unit) -> None:
    """The unit came out of the truck again at the same door: LOADED is undone.

    Of two claims it withdraws one, and the other stands.
    """
    if _off(w, fact, unit):
        return
    unit.site = fact.subjects.get("site") or unit.site
    if unit.phys == "loaded":
        _unload_mark(unit)


def unloaded(w: World, fact: Fact, unit: Unit) -> None:
    """T15: read inward, or scanned, at a site; at its origin this undoes the load."""
    was_aboard, departed, loaded_by = unit.aboard, unit.departed, unit.loaded_by
    if unit.frozen is None and fact.subjects.get("vehicle") not in (None, was_aboard):
        was_aboard = None  # off a vehicle it was not known to be on
    _off(w, fact, unit)
    site = fact.subjects.get("site")
    unit.site = site or unit.site
    if unit.order is None:
        return
    order = w.order(unit.order)
    trip = w.trips.get(unit.trip) if unit.trip else None
    if was_aboard is not None and departed and trip is not None:
        unit.past_trips.add(trip.id)
    if trip is not None and trip.kind == "pickup" and was_aboard is not None:
        return
    physical(order, fact)
    found(order, unit, fact.at)
    role = w.role(site, order)
    if role in ("consignee", "terminal", "hub"):
        astray.found(order, unit, fact.at)
    if role == "consignee":
        arrive(order, unit, fact, "at_consignee")
    elif role in ("terminal", "hub"):
        if unit.close not in SIGNED:
            arrive(order, unit, fact, f"at_{role}")
    elif role == "origin" or (unit.phys == "loaded" and not departed):
        if unit.phys is not None and unit.close is None:
            for key in ("departed", "in_transit", "arrived"):
                unit.marks.pop(key, None)
            _unload_mark(unit)
            if departed:
                astray.brought_back(w, order, unit, fact, was_aboard, loaded_by)
    else:
        astray.put_off(w, order, unit, fact, was_aboard, loaded_by)


def seen(w: World, fact: Fact, unit: Unit) -> None:
    """A read that moves nothing but may contradict what is known (F3.4)."""
    site = fact.subjects.get("site")
    if unit.order is None or site is None:
        return
    order = w.order(unit.order)
    found(order, unit, fact.at)
    if unit.close in SIGNED:
        if site != order.to_site:
            order.trouble("signed_but_seen", unit.id, fact, unit=unit.id, site=site)
    elif unit.phys in _ON_THE_ROAD and unit.aboard is not None:
        here = any(visit.site == site and visit.left is None for visit in w.visits.get(unit.aboard, ()))
        if here:
            astray.still_aboard(w, order, unit, fact)
        else:
            order.trouble("seen_elsewhere", unit.id, fact, unit=unit.id, site=site)
    elif unit.phys == "at_consignee" and unit.close is None and w.role(site, order) != "consignee":
        if not astray.still_aboard(w, order, unit, fact):
            order.trouble("seen_elsewhere", unit.id, fact, unit=unit.id, site=site)
    else:
        unit.site = site
        order.settle("seen_elsewhere", fact.at, unit.id)
        if w.role(site, order) == "consignee":
            astray.found(order, unit, fact.at)


def arrive(order: Order, unit: Unit, fact: Fact, state: str) -> None:
    """The unit is at a hub, a terminal or its consignee; a direct proof fills what lies below it."""
    infer_picked(order, unit, fact)
    if "loaded" not in unit.marks:
        unit.marks["loaded"] = Mark(fact, inferred=True)
    if "departed" not in unit.marks:
        unit.marks["departed"] = Mark(fact, inferred=True)
    if unit.phys == "at_consignee" and state != "at_consignee" and unit.close is None:
        unit.marks.pop("arrived", None)
    unit.phys = state
    order.note(state, fact, unit.id)
    if state == "at_hub":
        unit.marks.pop("in_transit", None)
        return
    mark(unit, "in_transit", fact)
    if state == "at_consignee":
        mark(unit, "arrived", fact)
        order.settle("seen_elsewhere", fact.at, unit.id)


def mark(unit: Unit, key: str, fact: Fact, inferred: bool = False, grade: str | None = None) -> None:
    """Reach a stage for one unit, or add a fact to what proves it."""
    known = unit.marks.get(key)
    if known is None:
        unit.marks[key] = Mark(fact, inferred, grade)
    elif not inferred:
        known.add(fact)


def infer_picked(order: Order, unit: Unit, fact: Fact) -> None:
    """A fact about the unit proves that it had been picked and waybilled (never that a person decided)."""
    if "picked" not in unit.marks and "picked" not in order.marks:
        unit.marks["picked"] = Mark(fact, inferred=True)


def leave_vehicle(w: World, unit: Unit, at: int) -> None:
    """The unit is off its vehicle (`at`, UTC ms); with the last of its order a silent tracker troubles it no longer."""
    if unit.aboard is not None:
        there = w.aboard.get(unit.aboard, {})
        there.pop(unit.id, None)
        if unit.order is not None:
            order = w.order(unit.order)
            # Only where it stands open is it worth to look who is still aboard.
            if "tracker_silent" in order.open and not any(other.id in there for other in order.all_units()):
                order.settle("tracker_silent", at, unit.aboard)
    unit.aboard, unit.departed, unit.loaded_by = None, False, None


def thaw(w: World, unit: Unit, at: int) -> None:
    """The two claims on a unit are resolved."""
    if unit.frozen is None:
        return
    for vehicle in unit.frozen:
        w.aboard.get(vehicle, {}).pop(unit.id, None)
    unit.frozen = None
    if unit.order is not None:
        w.order(unit.order).settle("two_trucks", at, unit.id)


def _two_trucks(w: World, fact: Fact, unit: Unit, vehicle: str) -> None:
    first = unit.frozen[0] if unit.frozen else unit.aboard or ""
    if unit.frozen is None:
        unit.frozen = (first, vehicle)
        w.aboard.setdefault(vehicle, {})[unit.id] = unit
    if unit.order is not None:
        order = w.order(unit.order)
        physical(order, fact)
        order.trouble("two_trucks", unit.id, fact, "EX-22", unit=unit.id, no=unit.no, vehicles=sorted(unit.frozen))


def _off(w: World, fact: Fact, unit: Unit) -> bool:
    """Take the unit off the vehicle a fact names (or off the one it is on), resolving what that resolves.

    True when the unit is on a vehicle all the same.
    """
    off = fact.subjects.get("vehicle")
    if unit.frozen is not None:
        stays = next((vehicle for vehicle in unit.frozen if vehicle != off), None) if off in unit.frozen else None
        thaw(w, unit, fact.at)
        if stays is not None and stays == unit.aboard and fact.kind == "unit.passed_back":
            w.aboard.setdefault(stays, {})[unit.id] = unit
            return True
    elif fact.kind == "unit.passed_back" and off is not None and unit.aboard not in (None, off):
        return True
    leave_vehicle(w, unit, fact.at)
    if unit.wrong:
        unit.wrong = False
        if unit.order is not None:
            w.order(unit.order).settle("wrong_truck", fact.at, unit.id)
    return False


def _unload_mark(unit: Unit) -> None:
    unit.phys = "waybilled"
    unit.marks.pop("loaded", None)


def review(w: World, order: Order, kind: str, at: int) -> None:
    """Close what says that units are missing once none is."""
    for key, trouble in list(order.open.get(kind, {}).items()):
        missing = [u for u in trouble.data.get("missing", ()) if is_missing(w, w.unit(u), key)]
        if not missing and "missing" in trouble.data:
            order.settle(kind, at, key)
        elif missing != trouble.data.get("missing"):
            trouble.data["missing"] = missing


def is_missing(w: World, unit: Unit, trip_id: str) -> bool:
    trip = w.trips.get(trip_id)
    if unit.released or unit.close or (unit.phys is not None and LEVEL[unit.phys] >= LEVEL["loaded"]):
        return False
    return trip is None or trip.expects(unit)


def check_split(order: Order, fact: Fact, units: list[str]) -> None:
    """EX-23: goods of a project customer are loaded apart only with the origin branch's consent (PC-3)."""
    apart = [unit for unit in units if unit in order.units and unit not in order.consented]
    if order.klass == "project" and apart:
        trip = fact.subjects.get("trip")
        order.trouble("split_without_consent", trip or "load", fact, "EX-23", trip=trip, units=apart)


def found(order: Order, unit: Unit, at: int) -> None:
    """A unit that was missing at arrival is there after all (EX-32)."""
    for key, trouble in list(order.open.get("lost", {}).items()):
        if unit.id in trouble.data["missing"]:
            trouble.data["missing"] = [u for u in trouble.data["missing"] if u != unit.id]
            trouble.data["nos"] = [no for no in trouble.data["nos"] if no != unit.no]
            if not trouble.data["missing"]:
                order.settle("lost", at, key)
