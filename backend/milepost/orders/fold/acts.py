"""Acts that move nothing and that a guard or a count asks for: talk, print, price, weigh, agree, link."""

from collections.abc import Callable

from milepost.evidence.model import Fact
from milepost.orders.fold.close import fail
from milepost.orders.fold.registers import Order, World
from milepost.orders.fold.settles import made_good
from milepost.orders.fold.values import number, texts
from milepost.orders.model import d0, too_late

# What an order that came out of this one makes good: missing goods, a wish that came too late.
_MAKES_GOOD = ("supplementary", "replacement")


def contacted(w: World, fact: Fact, order: Order) -> None:
    """Somebody spoke with the customer: T3's guard, T18's pre-call (DL-5), the wait at the door (N-38)."""
    order.acts["contacted"] = fact.at
    order.settle("step_skipped", fact.at, "contact")
    if order.papers == "waybilled":
        order.acts["precalled"] = fact.at
        order.settle("step_skipped", fact.at, "precall")
    ready = fact.body.get("can_receive_at")
    if isinstance(ready, int):
        _wait(w, fact, order, ready)


def _wait(w: World, fact: Fact, order: Order, ready: int) -> None:
    """N-38, G-26: who can receive within 30 minutes of the stop is waited for; later, the delivery has failed."""
    there = [u for u in order.counting() if u.phys == "at_consignee" and u.close is None]
    stops = [
        visit.last_stop
        for vehicle in dict.fromkeys(u.aboard or u.last_vehicle for u in there)
        for visit in w.visits.get(vehicle or "", ())
        if visit.last_stop and w.role(visit.site, order) == "consignee"
    ]
    if stops and ready > max(stops) + w.limits(order, max(stops)).delivery_wait_ms:
        fail(order, there, fact, cause="cannot receive in time", contact=fact.body.get("with"))


def printed(w: World, fact: Fact, order: Order) -> None:
    """The consignment note is on paper (N-09)."""
    order.acts["printed"] = fact.at
    order.settle("step_skipped", fact.at, "note")


def priced(w: World, fact: Fact, order: Order) -> None:
    """The customer agreed to a price (EX-16)."""
    order.acts["priced"] = fact.at


def paid(w: World, fact: Fact, order: Order) -> None:
    """What finance says of the payment (OT-3)."""
    status = fact.body.get("status")
    order.payment = status if isinstance(status, str) else order.payment


def remarked(w: World, fact: Fact, order: Order) -> None:
    """A remark; one on the bill files an irregular waybill (EO-15)."""
    if fact.body.get("remark") == "bill":
        order.settle("irregular_waybill", fact.at)


def weighed(w: World, fact: Fact, order: Order) -> None:
    """T12's guard, and how many people carry it (N-36, N-37)."""
    order.acts["weighed"] = fact.at
    order.weighed_kg = number(fact.body.get("kg"))
    order.max_piece_kg = number(fact.body.get("max_piece_kg"))
    upstairs = fact.body.get("upstairs")
    order.upstairs = upstairs if isinstance(upstairs, bool) else order.upstairs
    order.settle("step_skipped", fact.at, "weighing")


def pickup_agreed(w: World, fact: Fact, order: Order) -> None:
    """An appointment at the shipper; more than three days after D0 it is EX-14 (ORDERS.md §4, N-21)."""
    start = fact.body.get("from")
    order.settle("pickup_too_far", fact.at)
    if not isinstance(start, int) or order.first_assigned is None:
        return
    limits = w.limits(order, fact.at)
    day, day0 = w.calendar.local(start).date(), d0(order.first_assigned, limits, w.calendar)
    if too_late(day, day0, limits.postpone_max_days):
        order.trouble("pickup_too_far", day.isoformat(), fact, "EX-14", to=day.isoformat(), d0=day0.isoformat())


def linked(w: World, fact: Fact, order: Order) -> None:
    """Another order belongs to this one (LI-7, OD-3); what it makes good is settled."""
    other, relation = fact.body.get("other"), fact.body.get("relation")
    order.links.append({"other": other, "relation": relation, "at": fact.at})
    if relation in _MAKES_GOOD:
        for kind in ("line_short", "edited_after_lock", "irregular_waybill"):
            order.settle(kind, fact.at)
        made_good(order, fact.at)


def split_consented(w: World, fact: Fact, order: Order) -> None:
    """The origin branch allows that these units travel apart (PC-3, EX-23)."""
    order.consented.update(texts(fact.body.get("units")))
    for key, trouble in list(order.open.get("split_without_consent", {}).items()):
        if order.consented.issuperset(trouble.data["units"]):
            order.settle("split_without_consent", fact.at, key)


def receipt_moved(w: World, fact: Fact, order: Order) -> None:
    """Who holds the signed slip now (OT-13)."""
    order.slip = {"slip": fact.body.get("slip"), "holder": fact.body.get("holder"), "at": fact.at, "returned_at": None}


HANDLERS: dict[str, Callable[[World, Fact, Order], None]] = {
    "contact.logged": contacted,
    "note.printed": printed,
    "price.agreed": priced,
    "payment.status": paid,
    "remark.added": remarked,
    "goods.weighed": weighed,
    "pickup.agreed": pickup_agreed,
    "order.linked": linked,
    "split.consented": split_consented,
    "receipt.moved": receipt_moved,
}
