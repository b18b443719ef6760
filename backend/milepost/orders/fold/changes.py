"""What changes or stops an order beside its way: edits, cancellation, holds, exceptions of people, claims (X-5, X-6,
X-17)."""

from collections.abc import Callable, Mapping
from typing import Any

from milepost.evidence.model import Fact
from milepost.orders.fold.registers import Order, World
from milepost.orders.fold.values import fields, number, objects
from milepost.orders.model import LEVEL, SIGNED
from milepost.orders.vocabulary import field_of

# What a hold is about decides which exception of section C it is.
_HOLD_EX = {"data": "EX-4", "payment": "EX-5", "price": "EX-16"}
_THE_CUSTOMER = "customer"


def describe(order: Order, body: Mapping[str, Any]) -> None:
    """Take over what a request, a submission or an edit says of the order."""
    order.asked.update(body)
    order.type = body.get("type") or order.type
    order.customer = body.get("customer") or order.customer
    order.channel = body.get("channel") or order.channel
    order.klass = body.get("class") or order.klass
    if "lines" in body:
        order.lines = _clean(body["lines"])
    if isinstance(site := fields(body.get("from")).get("site"), str):
        order.from_site = site
    if isinstance(site := fields(body.get("to")).get("site"), str):
        order.to_site = site


def _clean(lines: Any) -> list[dict[str, Any]]:
    """Lines as objects; a quantity that is no number is unknown."""
    return [{**line, "qty": number(line.get("qty"))} for line in objects(lines)]


def edited(w: World, fact: Fact, order: Order) -> None:
    """The customer's or the desk's change of what is wanted (X-6)."""
    if contradicts_outcome(order, fact):
        return
    after_loading(order, fact)
    changes = fields(fact.body.get("changes"))
    if locked(order):
        order.trouble("edited_after_lock", fact.id, fact, "EX-12", changes=sorted(changes))
    if fact.by.role != "customer":
        count_edit(w, order, fact)
    describe(order, changes)


def locked(order: Order) -> bool:
    """True once an order may no longer be edited: goods when confirmed, consignments with their waybill (X-6)."""
    if order.type == "consignment":
        return order.papers == "waybilled"
    return order.desk == "confirmed" or (order.desk == "postponed" and order.resume == "confirmed")


def count_edit(w: World, order: Order, fact: Fact) -> None:
    """N-06: what changes after the first acceptance counts; beyond the limit the first branch is liable."""
    if order.first_accepted is None:
        return
    order.edits += 1
    if order.edits > w.limits(order, fact.at).edit_max:
        order.trouble("edited_too_often", "order", fact, "EX-7", edits=order.edits, liability=order.first_accepted)


def cancelled(w: World, fact: Fact, order: Order) -> None:
    """T7. After loading it keeps its effect and the units stay tracked; after an outcome it has none."""
    if contradicts_outcome(order, fact):
        return
    after_loading(order, fact)
    if order.papers in ("picked_up", "waybilled") and order.type == "consignment":
        order.trouble("return_to_shipper", "goods", fact)
    if not by_the_customer(fact.body, order.customer) and not order.cancel_asked.keys() - {fact.by.id}:
        order.trouble("cancelled_alone", "order", fact, "EX-5", asked_by=fact.body.get("asked_by"))
    order.settle("cancel_requested", fact.at)
    order.desk, order.wake_at = "cancelled", None
    order.note("cancelled", fact)


def by_the_customer(body: Mapping[str, Any], customer: str | None) -> bool:
    """True when a cancellation says that the customer wished it; else it takes two persons (X-17)."""
    asked_by = body.get("asked_by")
    return asked_by == _THE_CUSTOMER or (asked_by is not None and asked_by == customer)


def cancel_requested(w: World, fact: Fact, order: Order) -> None:
    """Somebody wants the order cancelled who may not do it alone (EX-5), or whose order it is (EX-15)."""
    order.cancel_asked[fact.by.id] = fact.by.role
    if order.desk != "cancelled":
        ex = "EX-15" if fact.by.role == "customer" else "EX-5"
        data = {name: fact.body.get(name) for name in ("asked_by", "reason")}
        roles = sorted(set(order.cancel_asked.values()))
        order.trouble("cancel_requested", "order", fact, ex, roles=roles, persons=sorted(order.cancel_asked), **data)


def hold_set(w: World, fact: Fact, order: Order) -> None:
    """A hold of finance, data or dispatch: a flag upon the state."""
    hold = str(fact.body.get("hold"))
    order.holds[hold] = None
    order.trouble("hold", hold, fact, _HOLD_EX.get(hold), reason=fact.body.get("reason"))


def hold_released(w: World, fact: Fact, order: Order) -> None:
    """The hold is over."""
    hold = str(fact.body.get("hold"))
    order.holds.pop(hold, None)
    order.settle("hold", fact.at, hold)


def raised(w: World, fact: Fact, order: Order) -> None:
    """Somebody reports trouble (section C)."""
    body = fact.body
    data = {k: v for k in ("stage", "unit", "trip", "eta") if (v := field_of(fact, k)) is not None}
    order.trouble(
        "raised", f"{body.get('ex')}:{body.get('cause')}", fact, body.get("ex"), cause=body.get("cause"), **data
    )


def closed(w: World, fact: Fact, order: Order) -> None:
    """Somebody closes trouble: one raised by people, or one of the fold's by its kind and key."""
    ex, cause = str(fact.body.get("ex")), str(fact.body.get("cause"))
    order.settle("raised", fact.at, f"{ex}:{cause}")
    order.settle(ex, fact.at, cause)


def complaint_opened(w: World, fact: Fact, order: Order) -> None:
    """An open complaint or claim keeps the order out of the file (T28)."""
    order.claims[str(fact.body.get("complaint") or fact.body.get("claim"))] = None


def complaint_settled(w: World, fact: Fact, order: Order) -> None:
    """It is settled."""
    order.claims.pop(str(fact.body.get("complaint") or fact.body.get("claim")), None)


def return_opened(w: World, fact: Fact, order: Order) -> None:
    """Goods on their way back keep the order out of the file too."""
    order.claims["return"] = None


def return_closed(w: World, fact: Fact, order: Order) -> None:
    """The return is done."""
    order.claims.pop("return", None)


def most_advanced(order: Order) -> int:
    """Level of the most advanced unit; cancelling and locks look at it (ORDERS.md §3)."""
    return max(LEVEL[order.state_of(unit)] for unit in order.all_units())


def after_loading(order: Order, fact: Fact) -> None:
    if most_advanced(order) >= LEVEL["loaded"]:
        order.trouble("changed_after_loading", fact.kind, fact, said=fact.kind)


def contradicts_outcome(order: Order, fact: Fact) -> bool:
    """After the last signature or refusal these facts have no effect (ORDERS.md §1.11)."""
    if all(unit.close in (*SIGNED, "refused") for unit in order.counting()):
        order.trouble("contradicts_outcome", fact.kind, fact, said=fact.kind)
        return True
    return False


HANDLERS: dict[str, Callable[[World, Fact, Order], None]] = {
    "order.edited": edited,
    "order.cancelled": cancelled,
    "cancel.requested": cancel_requested,
    "hold.set": hold_set,
    "hold.released": hold_released,
    "exception.raised": raised,
    "exception.closed": closed,
    "complaint.lodged": complaint_opened,
    "complaint.closed": complaint_settled,
    "claim.lodged": complaint_opened,
    "claim.settled": complaint_settled,
    "return.requested": return_opened,
    "return.closed": return_closed,
}
