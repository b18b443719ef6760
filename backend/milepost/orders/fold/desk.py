"""The desk register: from REQUESTED to CONFIRMED, and POSTPONED between."""

import heapq
from collections.abc import Callable
from datetime import date

from milepost.evidence.model import Fact
from milepost.orders.fold.changes import after_loading, contradicts_outcome, count_edit, describe
from milepost.orders.fold.grades import Mark
from milepost.orders.fold.registers import DESK_LEVEL, Order, World
from milepost.orders.fold.values import fields, texts
from milepost.orders.model import d0, too_late

# Which mark a desk state gives when it is reached.
_MARK = {"submitted": "requested", "accepted": "entered", "confirmed": "confirmed"}
_STEPS = ("requested", "submitted", "assigned", "accepted", "confirmed")
_BELOW = {step: tuple(_MARK[below] for below in _STEPS[:n] if below in _MARK) for n, step in enumerate(_STEPS)}


def requested(w: World, fact: Fact, order: Order) -> None:
    """REQUESTED."""
    describe(order, fact.body)
    _forward(w, order, "requested", fact)


def submitted(w: World, fact: Fact, order: Order) -> None:
    """T1, and T2 when the customer named a branch."""
    describe(order, fact.body)
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
        _came(order, fact.at)
        order.note("assigned", fact, data=order.branch)


def accepted(w: World, fact: Fact, order: Order) -> None:
    """T3: the branch takes the order; it should have spoken with the customer first (EO-1)."""
    order.branch = fact.body.get("branch") or order.branch
    if order.first_accepted is None:
        order.first_accepted = order.branch or ""
    if "contacted" not in order.acts and order.desk != "cancelled":
        order.trouble("step_skipped", "contact", fact, said=fact.kind)
    order.settle("rerouted", fact.at)
    _forward(w, order, "accepted", fact)


def rerouted(w: World, fact: Fact, order: Order) -> None:
    """T4: back to ASSIGNED at another branch; undoes stage 2."""
    if contradicts_outcome(order, fact):
        return
    if order.desk != "accepted":
        order.trouble("out_of_sequence", fact.kind, fact, said="rerouted", was=order.desk)
        if order.desk == "cancelled":
            return
    before, order.branch = order.branch, fact.body.get("to_branch") or order.branch
    if order.first_assigned is None:
        order.first_assigned = fact.at
    order.reroutes += 1
    count_edit(w, order, fact)
    order.trouble("rerouted", "order", fact, "EX-7", before=before, branch=order.branch)
    order.note("rerouted", fact, data=order.branch)
    _back_to_assigned(order)
    _came(order, fact.at)
    order.note("assigned", fact, data=order.branch)


def confirmed(w: World, fact: Fact, order: Order) -> None:
    """T5; what stood waiting for it shows from now on (ORDERS.md §1.5)."""
    if order.holds:
        order.trouble("out_of_sequence", fact.kind, fact, said="confirmed", was="hold")
    if order.type == "consignment" and "printed" not in order.acts and order.desk not in ("cancelled", "confirmed"):
        order.trouble("step_skipped", "note", fact, said=fact.kind)  # N-09
    if order.first_accepted is None and order.desk != "cancelled":
        order.first_accepted = order.branch or ""
    _forward(w, order, "confirmed", fact)
    if order.desk == "confirmed":
        order.settle("out_of_sequence", fact.at, "physical")


def postponed(w: World, fact: Fact, order: Order) -> None:
    """T6: the one guard of the fold that declines is N-04; else POSTPONED until 08:00 of the new day."""
    if contradicts_outcome(order, fact) or order.desk == "cancelled":
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
    after_loading(order, fact)
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
        order.noted.append((at, "woken", None, None, None))
        if order.desk == "confirmed":
            order.settle("out_of_sequence", at, "physical")


def _came(order: Order, at: int) -> None:
    """The order is at another branch: it has spoken with nobody yet and printed nothing."""
    order.acts["assigned"] = at
    order.acts.pop("contacted", None)
    order.acts.pop("printed", None)
    order.settle("step_skipped", at, "contact")


def routed(w: World, fact: Fact, order: Order) -> None:
    """By which way the goods go."""
    order.mode = fact.body.get("mode")
    order.terminal = fact.body.get("terminal") or order.terminal
    if "hubs" in fact.body:
        order.hubs = tuple(texts(fact.body["hubs"]))


def refused_command(w: World, fact: Fact, order: Order) -> None:
    """Somebody tried to postpone beyond three days: explain to the customer, cancel (G-09)."""
    if fact.body.get("code") == "EX-14":
        to = fields(fact.body.get("body")).get("to")
        order.trouble("postponed_too_far", str(to), fact, "EX-14", to=to)


def _forward(w: World, order: Order, step: str, fact: Fact) -> None:
    """Reach a desk step; the steps below are inferred, a decision already beyond is not taken back."""
    if order.desk == "cancelled":
        order.trouble("out_of_sequence", fact.kind, fact, said=step, was="cancelled")
        return
    level = DESK_LEVEL[step]
    present = order.resume if order.desk == "postponed" else order.desk
    marks = order.marks
    for key in _BELOW[step]:
        if key not in marks:
            marks[key] = Mark(fact, inferred=True)
    if level >= 3 and order.first_assigned is None:
        order.first_assigned = fact.at
    if (key := _MARK.get(step)) is not None:
        if key in marks:
            marks[key].add(fact)
        else:
            marks[key] = Mark(fact)
    if level <= DESK_LEVEL[present]:
        return
    if order.desk == "postponed" and step != "confirmed":
        order.resume = step
    else:
        order.desk, order.wake_at = step, None
    for reached in _STEPS[max(DESK_LEVEL[present], 1) : level]:
        if reached == "assigned":
            order.acts["assigned"] = fact.at
            if step == "assigned":
                _came(order, fact.at)
        order.note(reached, fact, data=order.branch)


def _inferred(order: Order, key: str) -> bool:
    return key in order.marks and order.marks[key].inferred


def _back_to_assigned(order: Order) -> None:
    order.desk, order.wake_at = "assigned", None
    order.marks.pop("entered", None)
    order.marks.pop("confirmed", None)


HANDLERS: dict[str, Callable[[World, Fact, Order], None]] = {
    "order.requested": requested,
    "order.submitted": submitted,
    "order.assigned": assigned,
    "order.accepted": accepted,
    "order.rerouted": rerouted,
    "order.confirmed": confirmed,
    "order.postponed": postponed,
    "order.routed": routed,
    "command.refused": refused_command,
}
