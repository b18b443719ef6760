"""The desk register: from REQUESTED to CONFIRMED, POSTPONED, CANCELLED; holds, edits, late contradictions."""

import heapq
from collections.abc import Callable
from datetime import date
from typing import Any

from milepost.evidence.model import Fact
from milepost.orders.fold.grades import Mark
from milepost.orders.fold.registers import DESK_LEVEL, Moment, Order, World
from milepost.orders.fold.values import fields, number, objects, texts
from milepost.orders.model import LEVEL, SIGNED, d0, too_late
from milepost.orders.vocabulary import field_of

# Which mark a desk state gives when it is reached.
_MARK = {"submitted": "requested", "accepted": "entered", "confirmed": "confirmed"}
_STEPS = ("requested", "submitted", "assigned", "accepted", "confirmed")


def describe(order: Order, fact: Fact) -> None:
    """Take over what a request or a submission says of the order."""
    body = fact.body
    order.type = body.get("type") or order.type
    order.customer = body.get("customer") or order.customer
    order.channel = body.get("channel") or order.channel
    order.klass = body.get("class") or order.klass
    if "lines" in body:
        order.lines = _clean(body["lines"])
    for side, name in (("from", "from_site"), ("to", "to_site")):
        site = fields(body.get(side)).get("site")
        if isinstance(site, str):
            setattr(order, name, site)


def _clean(lines: Any) -> list[dict[str, Any]]:
    """Lines as objects; a quantity that is no number is unknown."""
    return [{**line, "qty": number(line.get("qty"))} for line in objects(lines)]


def requested(w: World, fact: Fact, order: Order) -> None:
    """REQUESTED."""
    describe(order, fact)
    _forward(w, order, "requested", fact)


def submitted(w: World, fact: Fact, order: Order) -> None:
    """T1, and T2 when the customer named a branch."""
    describe(order, fact)
    _forward(w, order, "submitted", fact)
    if isinstance(branch := fact.body.get("branch"), str) and order.desk == "submitted":
        order.branch = branch
        _forward(w, order, "assigned", fact)


def assigned(w: World, fact: Fact, order: Order) -> None:
    """T2; once accepted, naming another branch is a re-routing at the wrong place."""
    branch = fact.body.get("branch")
    if order.desk in ("accepted", "confirmed") and branch != order.branch and not _inferred(order, "entered"):
        order.trouble("out_of_sequence", fact.kind, fact, said="assigned", was=order.desk)
        _back_to_assigned(order)
    moved = order.desk == "assigned" and branch != order.branch
    order.branch = branch or order.branch
    _forward(w, order, "assigned", fact)
    if moved:
        order.note("assigned", fact, data=order.branch)


def accepted(w: World, fact: Fact, order: Order) -> None:
    """T3."""
    order.branch = fact.body.get("branch") or order.branch
    _forward(w, order, "accepted", fact)


def rerouted(w: World, fact: Fact, order: Order) -> None:
    """T4: back to ASSIGNED at another branch; undoes stage 2."""
    if _contradicts_outcome(order, fact):
        return
    if order.desk != "accepted":
        order.trouble("out_of_sequence", fact.kind, fact, said="rerouted", was=order.desk)
        if order.desk == "cancelled":
            return
    order.branch = fact.body.get("to_branch") or order.branch
    if order.first_assigned is None:
        order.first_assigned = fact.at
    order.note("rerouted", fact, data=order.branch)
    _back_to_assigned(order)
    order.note("assigned", fact, data=order.branch)


def confirmed(w: World, fact: Fact, order: Order) -> None:
    """T5; what stood waiting for it shows from now on (ORDERS.md §1.5)."""
    if order.holds:
        order.trouble("out_of_sequence", fact.kind, fact, said="confirmed", was="hold")
    _forward(w, order, "confirmed", fact)
    if order.desk == "confirmed":
        order.settle("out_of_sequence", fact.at, "physical")


def postponed(w: World, fact: Fact, order: Order) -> None:
    """T6: the one guard of the fold that declines is N-04; else POSTPONED until 08:00 of the new day."""
    if _contradicts_outcome(order, fact) or order.desk == "cancelled":
        return
    try:
        to = date.fromisoformat(str(fact.body.get("to")))
    except ValueError:
        order.trouble("out_of_sequence", fact.kind, fact, said="postponed", was="no date")
        return
    if order.first_assigned is not None:
        limits = w.limits(order, fact.at)
        day0 = d0(order.first_assigned, limits, w.calendar)
        if too_late(to, day0, limits.postpone_max_days):
            order.note("postpone_declined", fact, data=to)
            order.trouble("postponed_too_far", to.isoformat(), fact, "EX-14", to=to.isoformat(), d0=day0.isoformat())
            return
    _after_loading(order, fact)
    if order.desk not in ("accepted", "confirmed", "postponed"):
        order.trouble("out_of_sequence", fact.kind, fact, said="postponed", was=order.desk)
    if order.desk != "postponed":
        order.resume = order.desk
        order.desk = "postponed"
    order.wake_at = w.calendar.instant(to, w.limits(order, fact.at).wake_at)
    heapq.heappush(w.wakes, (order.wake_at, fact.id, order.id))
    order.note("postponed", fact, data=to)


def wake(order: Order, at: int) -> None:
    """The wait of a postponed order is over: back to where it came from."""
    if order.desk == "postponed" and order.wake_at is not None and order.wake_at <= at:
        order.desk, order.wake_at = order.resume, None
        order.chronicle.append(Moment(at, "woken", None))
        if order.desk == "confirmed":
            order.settle("out_of_sequence", at, "physical")


def cancelled(w: World, fact: Fact, order: Order) -> None:
    """T7. After loading it keeps its effect and the units stay tracked; after an outcome it has none."""
    if _contradicts_outcome(order, fact):
        return
    _after_loading(order, fact)
    if order.papers in ("picked_up", "waybilled") and order.type == "consignment":
        order.trouble("return_to_shipper", "goods", fact)
    order.desk, order.wake_at = "cancelled", None
    order.note("cancelled", fact)


def edited(w: World, fact: Fact, order: Order) -> None:
    """The customer's or the desk's change of lines and contact (X-6)."""
    if _contradicts_outcome(order, fact):
        return
    _after_loading(order, fact)
    changes = fields(fact.body.get("changes"))
    if "lines" in changes:
        order.lines = _clean(changes["lines"])


def routed(w: World, fact: Fact, order: Order) -> None:
    """By which way the goods go."""
    order.mode = fact.body.get("mode")
    order.terminal = fact.body.get("terminal") or order.terminal
    if "hubs" in fact.body:
        order.hubs = tuple(texts(fact.body["hubs"]))


def hold_set(w: World, fact: Fact, order: Order) -> None:
    """A hold of finance, data or dispatch: a flag upon the state."""
    order.holds[str(fact.body.get("hold"))] = None


def hold_released(w: World, fact: Fact, order: Order) -> None:
    """The hold is over."""
    order.holds.pop(str(fact.body.get("hold")), None)


def refused_command(w: World, fact: Fact, order: Order) -> None:
    """Somebody tried to postpone beyond three days: explain to the customer, cancel (G-09)."""
    if fact.body.get("code") == "EX-14":
        to = fields(fact.body.get("body")).get("to")
        order.trouble("postponed_too_far", str(to), fact, "EX-14", to=to)


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


def _forward(w: World, order: Order, step: str, fact: Fact) -> None:
    """Reach a desk step; the steps below are inferred, a decision already beyond is not taken back."""
    if order.desk == "cancelled":
        order.trouble("out_of_sequence", fact.kind, fact, said=step, was="cancelled")
        return
    level = DESK_LEVEL[step]
    present = order.resume if order.desk == "postponed" else order.desk
    for below in _STEPS[: level - 1]:
        _mark(order, _MARK.get(below), fact, inferred=True)
    if level >= 3 and order.first_assigned is None:
        order.first_assigned = fact.at
    _mark(order, _MARK.get(step), fact)
    if level <= DESK_LEVEL[present]:
        return
    if order.desk == "postponed" and step != "confirmed":
        order.resume = step
    else:
        order.desk, order.wake_at = step, None
    for reached in _STEPS[max(DESK_LEVEL[present], 1) : level]:
        order.note(reached, fact, data=order.branch)


def _mark(order: Order, key: str | None, fact: Fact, inferred: bool = False) -> None:
    if key is None:
        return
    mark = order.marks.get(key)
    if mark is None:
        order.marks[key] = Mark(fact, inferred)
    elif not inferred:
        mark.add(fact)


def _inferred(order: Order, key: str) -> bool:
    return key in order.marks and order.marks[key].inferred


def _back_to_assigned(order: Order) -> None:
    order.desk, order.wake_at = "assigned", None
    order.marks.pop("entered", None)
    order.marks.pop("confirmed", None)


def most_advanced(order: Order) -> int:
    """Level of the most advanced unit; cancelling and locks look at it (ORDERS.md §3)."""
    return max(LEVEL[order.state_of(unit)] for unit in order.all_units())


def _after_loading(order: Order, fact: Fact) -> None:
    if most_advanced(order) >= LEVEL["loaded"]:
        order.trouble("changed_after_loading", fact.kind, fact, said=fact.kind)


def _contradicts_outcome(order: Order, fact: Fact) -> bool:
    """After the last signature or refusal these facts have no effect (ORDERS.md §1.11)."""
    if all(unit.close in (*SIGNED, "refused") for unit in order.counting()):
        order.trouble("contradicts_outcome", fact.kind, fact, said=fact.kind)
        return True
    return False


HANDLERS: dict[str, Callable[[World, Fact, Order], None]] = {
    "order.requested": requested,
    "order.submitted": submitted,
    "order.assigned": assigned,
    "order.accepted": accepted,
    "order.rerouted": rerouted,
    "order.confirmed": confirmed,
    "order.postponed": postponed,
    "order.cancelled": cancelled,
    "order.edited": edited,
    "order.routed": routed,
    "hold.set": hold_set,
    "hold.released": hold_released,
    "command.refused": refused_command,
    "exception.raised": raised,
    "exception.closed": closed,
    "complaint.lodged": complaint_opened,
    "complaint.closed": complaint_settled,
    "claim.lodged": complaint_opened,
    "claim.settled": complaint_settled,
}
