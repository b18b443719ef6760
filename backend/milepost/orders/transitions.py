"""Which command a person may give in which state: T1-T28 as data (REQUIREMENTS F2 with ORDERS.md §2).

`guard` names what beside the state decides; `service` knows it. The table is static, so that every cell of
(state, command, role) can be tested.
"""

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
_SIGNABLE = ("at_consignee", "handed_out")
_WITH_SILENT_TRACKER = ("in_transit", "out_for_delivery")


@dataclass(frozen=True, slots=True)
class Step:
    """One command: its fact, the states it is legal in, and the guard (if any) with the states that need it."""

    command: str
    kind: str
    states: frozenset[str]
    t: str = ""
    guard: str | None = None
    guarded: frozenset[str] = frozenset()

    @property
    def roles(self) -> frozenset[str]:
        """Roles that may give it: the authors of its fact, and the administrator."""
        authors = KINDS[self.kind].authors
        people = authors - {"device", "scan", "anyone", "staff", "service", "partner"}
        if "anyone" in authors:
            people |= {"dispatcher", "desk", "call_centre", "branch_manager", "keeper", "driver", "carrier", "customer"}
        if "scan" in authors:
            people |= {"driver", "desk"} if self.command in ("pass-back", "unload") else set()
        return people | {"admin"}


def _step(
    command: str, kind: str, states: tuple[str, ...], t: str = "", guard: str | None = None, *guarded: str
) -> Step:
    return Step(command, kind, frozenset(states) | frozenset(guarded), t, guard, frozenset(guarded))


_STEPS = (
    _step("submit", "order.submitted", ("requested",), "T1"),
    _step("assign", "order.assigned", ("submitted", "assigned"), "T2"),
    _step("accept", "order.accepted", ("assigned",), "T3"),
    _step("reroute", "order.rerouted", ("accepted",), "T4"),
    _step("edit", "order.edited", _BEFORE_CONFIRMED),
    _step("hold", "hold.set", _OPEN),
    _step("release", "hold.released", _OPEN),
    _step("payment", "payment.status", _ANY),
    _step("price", "price.agreed", _BEFORE_LOADED),
    _step("note-printed", "note.printed", _BEFORE_LOADED),
    _step("remark", "remark.added", _ANY),
    _step("exempt", "exempt.verified", _ANY),
    _step("contact", "contact.logged", _ANY),
    _step("confirm", "order.confirmed", (), "T5", "no_hold", "accepted"),
    _step("postpone", "order.postponed", ("accepted", "confirmed", "pickup_due", "postponed"), "T6"),
    _step("cancel-request", "cancel.requested", _BEFORE_LOADED),
    _step("cancel", "order.cancelled", (), "T7", "nothing_loaded", *_BEFORE_LOADED),
    _step("cancel-reason", "cancel.reason", ("cancelled",)),
    _step("link", "order.linked", _ANY),
    _step("units", "order.units", _BEFORE_LOADED),
    _step("bind-unit", "unit.bound", (*_BEFORE_LOADED, *_ROAD)),
    _step("unbind-unit", "unit.unbound", (*_BEFORE_LOADED, *_ROAD)),
    _step("route", "order.routed", tuple(s for s in _OPEN if s not in ("receipt_due", "receipt_returned"))),
    _step("pick-list", "pick.issued", ("confirmed", "picking"), "T8"),
    _step("picked", "unit.picked", ("confirmed", "picking"), "T9"),
    _step("line-short", "line.short", ("confirmed", "picking", "ready")),
    _step("ready", "order.readied", ("picking",), "T9"),
    _step("pickup-agreed", "pickup.agreed", ("accepted", "confirmed", "pickup_due")),
    _step("pickup-done", "pickup.done", ("pickup_due",), "T11"),
    _step("handed-in", "goods.handed_in", ("pickup_due", "confirmed"), "T11"),
    _step("weighed", "goods.weighed", ("picking", "ready", "picked_up", "waybilled")),
    _step("waybill", "waybill.issued", ("ready", "picked_up"), "T12"),
    _step("load", "unit.loaded", ("waybilled", "loaded", "at_hub", "at_terminal"), "T13"),
    _step("pass-back", "unit.passed_back", (*_BEFORE_LOADED, "loaded"), "T13"),
    _step("unload", "unit.unloaded", ("waybilled", *_ROAD, "refused", "delivery_failed"), "T15"),
    _step("load-override", "load.overridden", ("waybilled",), "T13"),
    _step("split-consented", "split.consented", (*_BEFORE_LOADED, "loaded")),
    _step("handout", "handout.done", ("at_hub", "at_terminal"), "T17"),
    _step("track", "track.entered", ("handed_out", *_ROAD)),
    _step("delivery-agreed", "delivery.agreed", (*_DELIVERY, "at_hub", "loaded"), "T24"),
    _step("sign", "order.signed", _SIGNABLE, "T20", "arrived_or_silent", "at_terminal", *_WITH_SILENT_TRACKER),
    _step(
        "sign-abnormal", "order.signed_abnormal", _SIGNABLE, "T21", "arrived_or_silent", "at_terminal",
        *_WITH_SILENT_TRACKER,
    ),
    _step("refuse", "order.refused", _SIGNABLE, "T22"),
    _step("delivery-failed", "delivery.failed", ("at_consignee", "out_for_delivery", "handed_out"), "T23"),
    _step("disposition", "disposition.decided", ("refused", "delivery_failed", *_ROAD), "T24"),
    _step("receipt-moved", "receipt.moved", ("receipt_due", "receipt_returned")),
    _step("receipt-lost", "receipt.lost", ("receipt_due",)),
    _step("receipt", "receipt.returned", ("receipt_due",), "T27"),
    _step("archive", "order.archived", ("receipt_returned",), "T28", "disposed", "refused", "delivery_failed"),
    _step("raise", "exception.raised", _ANY),
    _step("close-exception", "exception.closed", _ANY),
    _step("retract", "fact.retracted", _ANY),
    _step("correct", "fact.corrected", _ANY),
)  # fmt: skip
STEPS = {step.command: step for step in _STEPS}
# Commands on a trip; the state of its orders is not asked, the driver signs for what lies aboard.
TRIP_STEPS = {
    "load-sign": "load.signed",
    "load-check": "load.checked",
    "transfer": "trip.transferred",
}


def allowed(state: str, roles: frozenset[str] | set[str] | None = None) -> list[str]:
    """The commands legal in `state`, in the order of the table; only those of `roles` when given."""
    return [
        step.command for step in _STEPS if state in step.states and (roles is None or not step.roles.isdisjoint(roles))
    ]


def check(command: str, state: str, roles: frozenset[str] | set[str]) -> Step:
    """The step, if `state` and `roles` allow it (guards aside).

    Raises Forbidden when no role may give the command, IllegalStep with the allowed list when the state does not
    allow it.
    """
    step = STEPS[command]
    if step.roles.isdisjoint(roles):
        need = ", ".join(sorted(step.roles - {"admin"}))
        raise Forbidden(f"{command}: this needs one of the roles {need} over this order")
    if state not in step.states:
        raise illegal(command, state, roles)
    return step


def illegal(command: str, state: str, roles: frozenset[str] | set[str], why: str = "", **extra: object) -> IllegalStep:
    """The refusal of a command, with what may be done instead."""
    may = allowed(state, roles)
    reason = why or f"the order is {state}"
    instead = f"; allowed now: {', '.join(may)}" if may else ""
    return IllegalStep(f"{command}: {reason}{instead}", may, state=state, command=command, **extra)
