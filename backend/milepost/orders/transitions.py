"""Which command a person may give in which state: T1-T28 as data (REQUIREMENTS F2 with ORDERS.md §2).

`guards` name what beside the state decides (`guards.py` knows them). The table is static, so that every cell of
(state, command, role) can be tested, and docs/orders.md is written from it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from milepost.errors import Forbidden, IllegalStep
from milepost.orders.model import STATES
from milepost.orders.vocabulary import KINDS

_ANY = STATES
_BEFORE_CONFIRMED = ("requested", "submitted", "assigned", "accepted")
_BEFORE_LOADED = (
    *_BEFORE_CONFIRMED,
    "confirmed",
    "postponed",
    "picking",
    "ready",
    "pickup_due",
    "picked_up",
    "waybilled",
)
_OPEN = tuple(state for state in STATES if state not in ("archived", "cancelled"))
_ROAD = ("loaded", "in_transit", "at_hub", "at_terminal", "out_for_delivery", "at_consignee")
_DELIVERY = ("in_transit", "at_terminal", "out_for_delivery", "at_consignee", "delivery_failed", "refused")
# With a silent tracker, or where the customer collects, guard `there` lets these be signed too.
_SIGNABLE = ("at_consignee", "handed_out", "at_terminal", "in_transit", "out_for_delivery")
_ANYONE = frozenset({"dispatcher", "desk", "call_centre", "branch_manager", "keeper", "driver", "carrier", "customer"})
_NOT_PEOPLE = frozenset({"device", "scan", "anyone", "staff", "service", "partner"})
_CARE = frozenset({"call_centre", "desk", "claims"})
_AT_THE_DOOR = frozenset({"driver", "desk"})


@dataclass(frozen=True, slots=True)
class Step:
    """One command: its fact, the states it is legal in, its guards, and who may give it.

    `only`: fewer than the authors of its fact; `scan`: done with a scanner, so that these may give it besides.
    """

    command: str
    kind: str
    states: frozenset[str]
    t: str = ""
    guards: tuple[str, ...] = ()
    only: frozenset[str] = frozenset()
    scan: frozenset[str] = frozenset()

    @property
    def roles(self) -> frozenset[str]:
        """Roles that may give it: the authors of its fact, and the administrator."""
        authors = KINDS[self.kind].authors
        people = self.only or authors - _NOT_PEOPLE
        if "anyone" in authors:
            people |= _ANYONE
        return people | self.scan | {"admin"}


def _step(
    command: str,
    kind: str,
    states: Iterable[str],
    t: str = "",
    *guards: str,
    only: frozenset[str] = frozenset(),
    scan: frozenset[str] = frozenset(),
) -> Step:
    return Step(command, kind, frozenset(states), t, guards, only, scan)


_STEPS = (
    _step("submit", "order.submitted", ("requested",), "T1", "complete"),
    _step("assign", "order.assigned", ("submitted", "assigned"), "T2"),
    _step("accept", "order.accepted", ("assigned",), "T3", "own_branch", "in_time", "contact"),
    _step("reroute", "order.rerouted", ("accepted",), "T4", "other_branch", "override"),
    _step("edit", "order.edited", _OPEN, "", "unlocked", "override"),
    _step("hold", "hold.set", _OPEN),
    _step("release", "hold.released", _OPEN),
    _step("payment", "payment.status", _ANY),
    _step("price", "price.agreed", _BEFORE_LOADED),
    _step("note-printed", "note.printed", _BEFORE_LOADED),
    _step("remark", "remark.added", _ANY),
    _step("exempt", "exempt.verified", _ANY),
    _step("contact", "contact.logged", _ANY),
    _step("confirm", "order.confirmed", ("accepted",), "T5", "no_hold", "printed"),
    _step("postpone", "order.postponed", ("accepted", "confirmed", "pickup_due", "postponed"), "T6", "within_days"),
    _step("cancel-request", "cancel.requested", _BEFORE_LOADED),
    _step("cancel", "order.cancelled", _BEFORE_LOADED, "T7", "nothing_loaded", "asked_for"),
    _step("cancel-reason", "cancel.reason", ("cancelled",)),
    _step("link", "order.linked", _ANY),
    _step("units", "order.units", _BEFORE_LOADED),
    _step("bind-unit", "unit.bound", (*_BEFORE_LOADED, *_ROAD), scan=frozenset({"desk"})),
    _step("unbind-unit", "unit.unbound", (*_BEFORE_LOADED, *_ROAD), scan=frozenset({"desk"})),
    _step("route", "order.routed", tuple(s for s in _OPEN if s not in ("receipt_due", "receipt_returned"))),
    _step("pick-list", "pick.issued", ("confirmed", "picking"), "T8"),
    _step("picked", "unit.picked", ("confirmed", "picking"), "T9"),
    _step("line-short", "line.short", ("confirmed", "picking", "ready")),
    _step("ready", "order.readied", ("picking",), "T9"),
    _step("pickup-agreed", "pickup.agreed", ("accepted", "confirmed", "pickup_due", "postponed"), "T10"),
    _step("pickup-done", "pickup.done", ("pickup_due",), "T11"),
    _step("handed-in", "goods.handed_in", ("pickup_due", "confirmed"), "T11"),
    _step("weighed", "goods.weighed", ("picking", "ready", "picked_up", "waybilled")),
    _step("waybill", "waybill.issued", ("ready", "picked_up"), "T12", "weighed", "same_data", "free_number"),
    _step("load", "unit.loaded", ("waybilled", "loaded", "at_hub", "at_terminal"), "T13"),
    _step("pass-back", "unit.passed_back", (*_BEFORE_LOADED, "loaded"), "T13", scan=_AT_THE_DOOR),
    _step("unload", "unit.unloaded", ("waybilled", *_ROAD, "refused", "delivery_failed"), "T15", scan=_AT_THE_DOOR),
    _step("seen", "unit.seen", (*_BEFORE_LOADED, *_ROAD), "", scan=_AT_THE_DOOR | {"keeper", "dispatcher"}),
    _step("load-override", "load.overridden", ("waybilled",), "T13"),
    _step("split-consented", "split.consented", (*_BEFORE_LOADED, "loaded")),
    _step("handout", "handout.done", ("at_hub", "at_terminal"), "T17"),
    _step("track", "track.entered", ("handed_out", *_ROAD)),
    _step("delivery-agreed", "delivery.agreed", (*_DELIVERY, "at_hub", "loaded"), "T24"),
    _step("sign", "order.signed", _SIGNABLE, "T20, T25", "there"),
    _step("sign-abnormal", "order.signed_abnormal", _SIGNABLE, "T21, T25", "there"),
    _step("refuse", "order.refused", ("at_consignee", "handed_out"), "T22"),
    _step("delivery-failed", "delivery.failed", ("at_consignee", "out_for_delivery", "handed_out"), "T23"),
    _step("disposition", "disposition.decided", ("refused", "delivery_failed", *_ROAD), "T24"),
    _step("receipt-moved", "receipt.moved", ("receipt_due", "receipt_returned")),
    _step("receipt-lost", "receipt.lost", ("receipt_due",)),
    _step("receipt", "receipt.returned", ("receipt_due",), "T27"),
    _step("archive", "order.archived", ("receipt_returned", "refused", "delivery_failed"), "T28", "disposed", "closed"),
    _step("complaint-lodge", "complaint.lodged", _ANY),
    _step("complaint-acknowledge", "complaint.acknowledged", _ANY, "", "open_case", only=_CARE),
    _step("complaint-substantiate", "complaint.substantiated", _ANY, "", only=_CARE),
    _step("complaint-close", "complaint.closed", _ANY, "", "open_case"),
    _step("claim-lodge", "claim.lodged", _ANY),
    _step("claim-documents", "claim.documents_complete", _ANY, "", "open_case"),
    _step("claim-propose", "claim.proposed", _ANY, "", "open_case", only=frozenset({"claims"})),
    _step("claim-settle", "claim.settled", _ANY, "", "open_case", only=frozenset({"claims"})),
    _step("location-request", "location.requested", _OPEN),
    _step("location-answer", "location.answered", _OPEN, only=frozenset({"call_centre", "desk"})),
    _step("raise", "exception.raised", _ANY),
    _step("close-exception", "exception.closed", _ANY),
    _step("retract", "fact.retracted", _ANY),
    _step("correct", "fact.corrected", _ANY),
)
STEPS = {step.command: step for step in _STEPS}
# Commands on a trip; the state of its orders is not asked, the driver signs for what lies aboard.
TRIP_STEPS = {
    "load-sign": "load.signed",
    "load-check": "load.checked",
    "transfer": "trip.transferred",
}
# Commands that make further orders of one: the states, and the authors of the facts they write.
DERIVED_STATES = {"split": frozenset(_OPEN), "append": frozenset(s for s in STATES if s != "requested"),
                  "copy": frozenset(STATES)}  # fmt: skip
DERIVED_ROLES = {
    "split": frozenset({"desk", "admin"}),
    "append": frozenset({"desk", "admin"}),
    "copy": frozenset({"desk", "call_centre", "customer", "admin"}),
}


def allowed(state: str, roles: frozenset[str] | set[str] | None = None) -> list[str]:
    """The commands legal in `state`, in the order of the table; only those of `roles` when given."""
    return [
        step.command for step in _STEPS if state in step.states and (roles is None or not step.roles.isdisjoint(roles))
    ]


def check(command: str, state: str, roles: frozenset[str] | set[str], may: list[str] | None = None) -> Step:
    """The step, if `state` and `roles` allow it (guards aside).

    `may`: what is allowed now, guards counted; default: by the table alone. Raises Forbidden when no role may give
    the command, IllegalStep with the allowed list when the state does not allow it.
    """
    step = STEPS[command]
    if step.roles.isdisjoint(roles):
        need = ", ".join(sorted(step.roles - {"admin"}))
        raise Forbidden(f"{command}: this needs one of the roles {need} over this order")
    if state not in step.states:
        raise illegal(command, state, roles, may=may)
    return step


def illegal(
    command: str,
    state: str,
    roles: frozenset[str] | set[str],
    why: str = "",
    may: list[str] | None = None,
    **extra: object,
) -> IllegalStep:
    """The refusal of a command, with what may be done instead."""
    may = allowed(state, roles) if may is None else may
    reason = why or f"the order is {state}"
    instead = f"; allowed now: {', '.join(may)}" if may else ""
    return IllegalStep(f"{command}: {reason}{instead}", may, state=state, command=command, **extra)
