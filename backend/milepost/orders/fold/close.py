"""The close register: hand-out, delivery, signature, refusal, receipt, archive (T17, T20-T28)."""

from collections.abc import Callable
from typing import Any

from milepost.evidence.model import Fact
from milepost.orders.fold import astray
from milepost.orders.fold.grades import Mark
from milepost.orders.fold.registers import Order, Unit, World
from milepost.orders.fold.units import infer_picked, leave_vehicle, mark, physical
from milepost.orders.fold.values import texts
from milepost.orders.model import LEVEL, OUTCOMES, SIGNED

_NOT_THERE_YET = ("loaded", "in_transit", "at_hub", "out_for_delivery")


def handed_out(w: World, fact: Fact, order: Order) -> None:
    """T17: to an outside carrier."""
    physical(order, fact)
    order.carrier = fact.body.get("carrier")
    for unit in order.counting():
        if unit.close is None:
            _infer_road(order, unit, fact)
            leave_vehicle(w, unit, fact.at)
            unit.phys = "handed_out"
            order.note("handed_out", fact, unit.id)


def agreed(w: World, fact: Fact, order: Order) -> None:
    """A new appointment, spoken with the consignee: what failed may go out again."""
    order.agreed_at = order.acts["precalled"] = fact.at
    order.settle("step_skipped", fact.at, "precall")
    order.settle("delivery_failed", fact.at)
    for unit in order.counting():
        if unit.close in ("delivery_failed", "refused") and unit.aboard is None and unit.phys == "at_terminal":
            unit.close = None
            unit.attempt += 1
            unit.marks.pop("arrived", None)
            unit.marks.pop("signed", None)


def signed(w: World, fact: Fact, order: Order) -> None:
    """T20/T25 and T21: the customer's act. What lies below it is inferred, for the units it covers."""
    outcome = "signed" if fact.kind == "order.signed" else "signed_abnormal"
    physical(order, fact)
    covered = _covered(w, fact, order)
    if not covered:
        _again(order, fact, outcome)
        return
    for unit in covered:
        handed = unit.phys == "handed_out"
        _infer_road(order, unit, fact)
        _infer_arrival(order, unit, fact)
        unit.close, unit.close_at = outcome, fact.at
        astray.found(order, unit, fact.at)
        order.note(outcome, fact, unit.id)
        unit.marks["signed"] = Mark(fact, grade="C" if handed and fact.source == "partner" else None)
        leave_vehicle(w, unit, fact.at)
    order.signs.append((fact, tuple(unit.id for unit in covered)))
    pieces = fact.body.get("pieces")
    ought = sum(unit.pieces for unit in covered) if order.units else order.pieces
    if outcome == "signed" and isinstance(pieces, int) and ought is not None and pieces != ought:
        order.trouble("signed_difference", fact.id, fact, "EX-40", signed=pieces, delivered=ought)
    if outcome == "signed_abnormal":
        data = {k: fact.body.get(k) for k in ("short", "damaged", "note")}
        order.trouble("signed_abnormal", fact.id, fact, "EX-38", **data)
    for kind in ("left_without_outcome", "refused", "delivery_failed"):
        order.settle(kind, fact.at)
    order.settle("step_skipped", fact.at, "precall")


def refused(w: World, fact: Fact, order: Order) -> None:
    """T22: the goods stay aboard until read back inward."""
    physical(order, fact)
    for unit in _covered(w, fact, order):
        _infer_road(order, unit, fact)
        if unit.phys != "handed_out":
            _infer_arrival(order, unit, fact)
        unit.close, unit.close_at = "refused", fact.at
        order.note("refused", fact, unit.id)
        unit.marks["signed"] = Mark(fact)
    order.trouble("refused", fact.id, fact, "EX-38", reason=fact.body.get("reason"))
    order.settle("left_without_outcome", fact.at)
    order.settle("delivery_failed", fact.at)
    order.settle("step_skipped", fact.at, "precall")


def failed(w: World, fact: Fact, order: Order) -> None:
    """T23: a person's word that the delivery failed; never against an outcome."""
    open_units = [unit for unit in _covered(w, fact, order) if unit.close is None]
    if not open_units:
        order.trouble("contradicts_outcome", fact.kind, fact, said=fact.kind)
        return
    physical(order, fact)
    for unit in open_units:
        _infer_road(order, unit, fact)
    fail(order, open_units, fact, fact.body.get("cause"), fact.body.get("contact"))


def fail(order: Order, units: list[Unit], fact: Fact, cause: Any, contact: Any) -> None:
    """DELIVERY_FAILED for these units; EX-35 stands until a new appointment or another decision."""
    for unit in units:
        unit.close, unit.close_at = "delivery_failed", fact.at
        order.note("delivery_failed", fact, unit.id)
    attempt = max(unit.attempt for unit in units)
    order.trouble("delivery_failed", str(attempt), fact, "EX-35", attempt=attempt, cause=cause, contact=contact)
    order.settle("left_without_outcome", fact.at)
    order.settle("step_skipped", fact.at, "precall")
    order.acts.pop("precalled", None)


def disposed(w: World, fact: Fact, order: Order) -> None:
    """What becomes of refused, failed or lost goods."""
    order.disposition = fact.body.get("decision")
    for kind in ("refused", "delivery_failed"):
        order.settle(kind, fact.at)
    if order.disposition == "lost":
        # What is lost out of many counts no longer; lost altogether, the order is filed as lost.
        lost = [unit for unit in order.all_units() if unit.id in texts(fact.body.get("units"))]
        if len(lost) < len(order.all_units()):
            for unit in lost:
                unit.released = "lost"
                order.note("released", fact, unit.id, "lost")
    elif order.disposition == "redeliver":
        order.agreed_at = fact.at


def receipt_returned(w: World, fact: Fact, order: Order) -> None:
    """T27: a device or a scan only suggests; a person of the desk confirms."""
    mark_filed(order, fact)
    if fact.by.role == "device":
        return
    if not fact.body.get("qualified"):
        order.trouble("receipt_unqualified", str(fact.body.get("slip")), fact, "EX-44")
        return
    order.receipt = True
    order.slip = {"slip": fact.body.get("slip"), "holder": None, "at": fact.at, "returned_at": fact.at}
    order.note("receipt_returned", fact)
    order.settle("receipt_unqualified", fact.at)
    order.settle("receipt_lost", fact.at)


def receipt_lost(w: World, fact: Fact, order: Order) -> None:
    """EX-44."""
    order.slip = {"slip": fact.body.get("slip"), "holder": fact.body.get("holder"), "at": fact.at, "returned_at": None}
    order.trouble("receipt_lost", str(fact.body.get("slip")), fact, "EX-44")


def archived(w: World, fact: Fact, order: Order) -> None:
    """T28: files what was signed, or what was disposed of; never concludes that somebody signed."""
    done = all(unit.close in SIGNED for unit in order.counting())
    away = order.disposition in ("return", "dispose", "lost")
    if order.desk != "confirmed" or not (done or away):
        order.trouble("out_of_sequence", fact.kind, fact, said="archived", was="not closed")
        return
    if (done and not order.receipt) or order.claims:
        order.trouble("out_of_sequence", fact.kind, fact, said="archived", was="receipt or claim open")
    order.archived = True
    mark_filed(order, fact)


def mark_filed(order: Order, fact: Fact) -> None:
    """Evidence of stage 9."""
    known = order.marks.get("filed")
    if known is None:
        order.marks["filed"] = Mark(fact)
    else:
        known.add(fact, moves=True)


def _covered(w: World, fact: Fact, order: Order) -> list[Unit]:
    """The units a person's act at delivery speaks of: those named, else of the trip named, else those on the way.

    A refusal or an earlier failure gives way to a signature; a signature to nothing.
    """
    units = [unit for unit in order.counting() if unit.close not in SIGNED]
    if named := texts(fact.body.get("units")):
        return [unit for unit in units if unit.id in named]
    trip_id = fact.subjects.get("trip") or fact.body.get("trip")
    if trip_id and (trip := w.trips.get(trip_id)):
        units = [unit for unit in units if unit.trip == trip.id or (unit.trip is None and trip.expects(unit))]
    moved = [
        unit for unit in units if unit.phys is not None and LEVEL[unit.phys] >= LEVEL["loaded"] and unit.frozen is None
    ]
    there = [unit for unit in moved if unit.phys == "at_consignee"]
    return there or moved or units


def _again(order: Order, fact: Fact, outcome: str) -> None:
    """A second signature: SIGNED and SIGNED_ABNORMAL both, abnormal holds (ORDERS.md §1.11)."""
    for unit in order.counting():
        if unit.close not in SIGNED:
            continue
        unit.marks["signed"].add(fact)
        if unit.close != outcome:
            unit.close = "signed_abnormal"
            order.trouble("signatures_differ", "order", fact, "EX-38")


def _infer_road(order: Order, unit: Unit, fact: Fact) -> None:
    infer_picked(order, unit, fact)
    for key in ("loaded", "departed"):
        if key not in unit.marks:
            mark(unit, key, fact, inferred=True)


def _infer_arrival(order: Order, unit: Unit, fact: Fact) -> None:
    """The act took place where the goods are: stages 6 and 7."""
    if "in_transit" not in unit.marks:
        mark(unit, "in_transit", fact, inferred=True)
    if "arrived" in unit.marks:
        unit.marks["arrived"].add(fact)
    else:
        mark(unit, "arrived", fact, inferred=True)
    if unit.phys in (None, "waybilled", *_NOT_THERE_YET):
        unit.phys = "at_consignee"


def outcome_of(order: Order) -> str | None:
    """The outcome once every counting unit has one; the worst holds for the order."""
    closes = {unit.close for unit in order.counting()}
    if not closes <= set(OUTCOMES):
        return None
    return next(o for o in ("refused", "signed_abnormal", "signed") if o in closes)


HANDLERS: dict[str, Callable[[World, Fact, Order], None]] = {
    "handout.done": handed_out,
    "delivery.agreed": agreed,
    "order.signed": signed,
    "order.signed_abnormal": signed,
    "order.refused": refused,
    "delivery.failed": failed,
    "disposition.decided": disposed,
    "receipt.returned": receipt_returned,
    "receipt.lost": receipt_lost,
    "order.archived": archived,
}
