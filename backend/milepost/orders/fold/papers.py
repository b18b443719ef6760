"""Acts on the order between confirmation and loading: units listed, picked, picked up, waybilled (T8-T12)."""

from collections.abc import Callable
from typing import Any

from milepost.evidence.model import Fact
from milepost.orders.fold.changes import contradicts_outcome
from milepost.orders.fold.grades import Mark
from milepost.orders.fold.registers import Order, Trip, Unit, World
from milepost.orders.fold.units import judge, load, physical, tell_ready
from milepost.orders.fold.values import count, number, objects
from milepost.orders.model import LEVEL, differences


def units(w: World, fact: Fact, order: Order) -> None:
    """The handling units of the order: added, or described anew.

    Once all that counts has been signed for or refused, what is listed on top has no effect: no list undoes a
    person's word (ORDERS.md §1.11).
    """
    items = objects(fact.body.get("units"))
    described = order.units or order.pseudo is not None  # else nobody can have signed for anything yet
    if described and any(item.get("unit") not in order.units for item in items) and contradicts_outcome(order, fact):
        items = [item for item in items if item.get("unit") in order.units]
    for item in items:
        if not isinstance(unit_id := item.get("unit"), str):
            continue
        unit = w.unit(unit_id)
        if unit.order not in (None, order.id):
            order.trouble("unit_of_two_orders", unit.id, fact, unit=unit.id, other=unit.order)
            continue
        unit.order = order.id
        order.units[unit.id] = unit
        unit.no = str(item.get("no") or unit.no)
        unit.pieces = count(item.get("pieces"), unit.pieces)
        unit.kg = number(item.get("kg")) or unit.kg
        unit.line = str(item["line"]) if item.get("line") is not None else unit.line
        if unit.loaded_by is not None and unit.aboard is not None:
            judge(w, unit, unit.loaded_by, fact.at)
    tell_ready(order, fact)


def bound(w: World, fact: Fact, unit: Unit) -> None:
    """An EPC was written to the unit's tag and read back."""
    unit.epcs[str(fact.body.get("epc"))] = None


def unbound(w: World, fact: Fact, unit: Unit) -> None:
    """The tag left the unit."""
    unit.epcs.pop(str(fact.body.get("epc")), None)


def pick_issued(w: World, fact: Fact, order: Order) -> None:
    """T8."""
    physical(order, fact)
    if order.papers is None:
        order.papers = "picking"


def picked_line(w: World, fact: Fact, order: Order) -> None:
    """Goods of a line picked by quantity; READY when every line has what was ordered (T9)."""
    physical(order, fact)
    line, qty = str(fact.body.get("line")), fact.body.get("qty")
    if isinstance(qty, int | float):
        order.picked_qty[line] = order.picked_qty.get(line, 0) + qty
    wanted = {str(item.get("line", n)): item.get("qty") or 0 for n, item in enumerate(order.lines, 1)}
    if line in wanted and order.picked_qty.get(line, 0) >= wanted[line]:
        order.settle("line_short", fact.at, line)
    if wanted and all(order.picked_qty.get(n, 0) >= qty for n, qty in wanted.items()):
        _papers(order, "ready", fact)


def line_short(w: World, fact: Fact, order: Order) -> None:
    """EX-1: stock short."""
    line = str(fact.body.get("line"))
    qty = fact.body.get("qty")
    if isinstance(qty, int | float):
        order.short_qty[line] = order.short_qty.get(line, 0) + qty
    order.trouble("line_short", line, fact, "EX-1", line=line, qty=order.short_qty.get(line, 0))


def readied(w: World, fact: Fact, order: Order) -> None:
    """T9 by the keeper."""
    physical(order, fact)
    _papers(order, "ready", fact)


def picked_up(w: World, fact: Fact, order: Order) -> None:
    """T11 (also by hand-in at the counter): the driver's stop at the shipper is the second witness."""
    physical(order, fact)
    order.taken = fact.body.get("pieces")
    if order.pieces is None:
        order.pieces = order.taken
    _papers(order, "picked_up", fact)
    stop = _stop_at_shipper(w, order, fact.at)
    order.note("handed_in" if fact.kind == "goods.handed_in" else "picked_up", fact, data=stop)
    if stop is not None and not order.marks["picked"].inferred:
        order.marks["picked"].add(stop)


def waybilled(w: World, fact: Fact, order: Order) -> None:
    """T12: infers that the goods were picked, or picked up; what it says must be what the order says (EO-15)."""
    physical(order, fact)
    if order.type == "consignment" and "weighed" not in order.acts:
        order.trouble("step_skipped", "weighing", fact, said=fact.kind)
    if fact.body.get("irregular") is True:
        order.trouble("irregular_waybill", str(fact.body.get("waybill")), fact, waybill=fact.body.get("waybill"))
    order.settle("waybill_differs", fact.at)
    if wrong := differences(fact.body, known_of(order)):
        order.trouble("waybill_differs", "order", fact, "EX-9", **wrong)
    order.waybill = fact.body.get("waybill") or order.waybill
    order.pieces = fact.body.get("pieces", order.pieces)
    order.marks.setdefault("picked", Mark(fact, inferred=True))
    if "waybilled" in order.marks:
        order.marks["waybilled"].add(fact)
    else:
        order.marks["waybilled"] = Mark(fact)
    order.papers = "waybilled"
    order.note("waybilled", fact)


def known_of(order: Order) -> dict[str, float | None]:
    """What the order itself says of its pieces and its weight; None where it says nothing."""
    pieces = sum(unit.pieces for unit in order.units.values()) if order.units else order.taken
    kg = order.weighed_kg
    if kg is None and order.units and all(unit.kg is not None for unit in order.units.values()):
        kg = sum(unit.kg or 0 for unit in order.units.values())
    return {"pieces": pieces, "kg": kg}


def load_checked(w: World, fact: Fact, trip: Trip) -> None:
    """T13 for goods without tags: the keeper counted them onto the trip's vehicle."""
    vehicle = next((v for a, b, v in trip.vehicles if a <= fact.at and (b is None or fact.at < b)), None)
    named = fact.subjects.get("order")
    for order_id in [named] if named else list(trip.expected):
        order = w.order(order_id)
        if order.units:
            continue
        pieces = fact.body.get("pieces")
        if named and isinstance(pieces, int) and order.pieces is not None and pieces < order.pieces:
            data: dict[str, Any] = {"loaded": pieces, "ordered": order.pieces, "trip": trip.id}
            order.trouble("short", trip.id, fact, "EX-22", **data)
            continue
        unit = order.all_units()[0]
        order.settle("short", fact.at, trip.id)
        load(w, unit, fact, vehicle or f"trip:{trip.id}", None, trip)


def _papers(order: Order, step: str, fact: Fact) -> None:
    mark = order.marks.get("picked")
    if mark is None:
        order.marks["picked"] = Mark(fact)
    else:
        mark.add(fact)
    if order.papers is None or LEVEL[order.papers] < LEVEL[step]:
        order.papers = step
        if step == "ready" and not order.ready_told:
            order.ready_told = True
            order.note("ready", fact)


def _stop_at_shipper(w: World, order: Order, at: int) -> Fact | None:
    for trip in w.trips_for(order):
        if trip.kind != "pickup" or order.id not in trip.expected:
            continue
        for visit in (v for _, _, vehicle in trip.vehicles for v in w.visits.get(vehicle, ())):
            stop = visit.stop
            if stop is None or visit.site != order.from_site or stop.at > at or visit.left is not None:
                continue
            if trip.drives(stop.subjects["vehicle"], at):
                return stop
    return None


HANDLERS: dict[str, Callable[[World, Fact, Order], None]] = {
    "order.units": units,
    "pick.issued": pick_issued,
    "line.short": line_short,
    "order.readied": readied,
    "pickup.done": picked_up,
    "goods.handed_in": picked_up,
    "waybill.issued": waybilled,
}
