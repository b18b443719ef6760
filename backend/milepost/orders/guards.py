"""What beside the state decides whether a command is legal (the guards of REQUIREMENTS F2), and what it is warned of.

Pure: a guard reads the order's projection, what the command says, and the limits that hold for the order.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from milepost.errors import IllegalStep, Invalid
from milepost.orders.model import LEVEL, Calendar, Policy, d0, differences, too_late
from milepost.orders.transitions import STEPS, Step, allowed, illegal

_SUPPLEMENTARY = "make a supplementary order instead (append)"


@dataclass(frozen=True, slots=True)
class Case:
    """One command upon one order: who, what, when, and all that is known of the order.

    `projection`: the stored `OrderState`; `fields`: those of the command; `at`: UTC ms at which it happened.
    """

    state: str
    projection: Mapping[str, Any]
    roles: frozenset[str]
    at: int
    person: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict[str, Any])
    limits: Policy = field(default_factory=Policy)
    calendar: Calendar = field(default_factory=Calendar)

    @property
    def acts(self) -> Mapping[str, int]:
        """The acts that guards ask for, with their times."""
        return self.projection.get("acts", {})

    @property
    def consignment(self) -> bool:
        """True for goods fetched from a shipper; stacked kinds (ORDERS.md §2) are for these only."""
        return self.projection.get("type") == "consignment"

    @property
    def counters(self) -> Mapping[str, Any]:
        """The counters of the order."""
        return self.projection.get("counters", {})


def check(step: Step, case: Case) -> None:
    """Raise IllegalStep, with what may be done instead, when a guard of the step stands against it."""
    for name in step.guards:
        guard = GUARDS.get(name)
        if guard is not None and (why := guard(case)):
            extra = {"ex": _EX[name]} if name in _EX else {}
            raise illegal(step.command, case.state, case.roles, why, may=open_commands(case), guard=name, **extra)


def open_commands(case: Case) -> list[str]:
    """The commands that state, roles and the guards that need nothing but the order itself allow now."""
    return [
        command
        for command in allowed(case.state, case.roles)
        if not any(name in _STANDING and GUARDS[name](case) for name in STEPS[command].guards)
    ]


def check_trip(name: str, trip: Any, rows: Sequence[Mapping[str, Any]], held: Sequence[Mapping[str, Any]] = ()) -> None:
    """The driver signs only for what is planned, and for nothing that another truck claims too (T14, EX-22).

    `held`: units that both claim, as `held.claimed_twice` tells them.
    """
    if name == "load-sign" and held:
        named = ", ".join(f"{each['number']} #{each['no']}" for each in held[:10])
        raise IllegalStep(
            f"load-sign: {named}: another truck claims it too; look where it is, and scan it there or pass it back",
            ["load", "pass-back"], state="loading", ex="EX-22", guard="two_trucks",
        )  # fmt: skip
    if name == "load-sign" and not rows:
        raise IllegalStep(
            f"load-sign: trip {trip.number} expects no order; put one on its list first", ["expected"], state="planned"
        )


def _own_branch(case: Case) -> str:
    """The branch that accepts is the one that has the order."""
    here, said = case.projection.get("branch"), case.fields.get("branch")
    return f"the order is at branch {here}, not {said}; assign or re-route it first" if said not in (None, here) else ""


def _in_time(case: Case) -> str:
    """Consignments are accepted before 23:00 of their day (N-10); later it takes the branch manager."""
    start = case.acts.get("assigned")
    if not case.consignment or start is None or not case.roles.isdisjoint({"branch_manager", "admin"}):
        return ""
    day = d0(start, case.limits, case.calendar)
    if known := case.projection.get("d0"):
        day = max(day, date.fromisoformat(known))
    if case.at < case.calendar.instant(day, case.limits.accept_cutoff):
        return ""
    cutoff = case.limits.accept_cutoff.strftime("%H:%M")
    return f"after {cutoff} of {day} the branch manager decides whether it is still accepted (N-10)"


def _contact(case: Case) -> str:
    """Somebody of this branch has spoken with the customer (EO-1)."""
    if "contacted" in case.acts or case.fields.get("contact"):
        return ""
    return "nobody has spoken with the customer yet; log it first (contact), or send `contact` with this command"


def _other_branch(case: Case) -> str:
    """Re-routing leads to another branch."""
    to = case.fields.get("to_branch")
    return f"the order is at branch {to} already" if to == case.projection.get("branch") else ""


def _override(case: Case) -> str:
    """After the first acceptance two changes are free; a third needs somebody who allows it (N-06, X-5)."""
    if case.counters.get("edits", 0) < case.limits.edit_max or case.roles == {"customer"}:
        return ""
    if case.fields.get("override_by"):
        return ""
    return (
        f"it has been changed {case.counters['edits']} times since it was accepted; name who allows another change "
        "(override_by); the first branch is liable then (N-06)"
    )


def _unlocked(case: Case) -> str:
    """Goods orders are locked once confirmed, consignments once they have a waybill (X-6)."""
    if case.consignment:
        before = ("requested", "submitted", "assigned", "accepted", "confirmed", "postponed", "pickup_due", "picked_up")
        return "" if case.state in before else f"its waybill is issued (it is {case.state}); {_SUPPLEMENTARY}"
    done = any(stage["key"] == "confirmed" and stage["done"] for stage in case.projection.get("stages", ()))
    if case.state in ("requested", "submitted", "assigned", "accepted") or (case.state == "postponed" and not done):
        return ""
    return f"the order is confirmed and can no longer be changed; {_SUPPLEMENTARY}"


def _no_hold(case: Case) -> str:
    """Nothing holds the order (data, payment, price)."""
    holds = [flag[5:] for flag in case.projection.get("flags", ()) if flag.startswith("hold:")]
    return f"it is on hold ({', '.join(holds)}); release that first" if holds else ""


def _printed(case: Case) -> str:
    """A consignment's note is printed (N-09, X-28)."""
    if not case.consignment or "printed" in case.acts:
        return ""
    return "the consignment note is not printed yet; print it first (note-printed)"


def _within_days(case: Case) -> str:
    """At most three days after D0 (N-04)."""
    to, day0 = date.fromisoformat(str(case.fields["to"])), case.projection.get("d0")
    if to <= case.calendar.local(case.at).date():
        raise Invalid(f"to: {to} is not ahead; name a later day")
    if day0 is None or not too_late(to, date.fromisoformat(day0), case.limits.postpone_max_days):
        return ""
    return (
        f"{to} lies more than {case.limits.postpone_max_days} days after {day0}; "
        "explain to the customer and cancel (N-04)"
    )


def _nothing_loaded(case: Case) -> str:
    """T7 looks at the most advanced unit (ORDERS.md §3)."""
    gone = [u["no"] for u in case.projection.get("units", ()) if u["counts"] and LEVEL[u["state"]] >= LEVEL["loaded"]]
    return f"units {', '.join(gone[:20])} are loaded already; use the return flow" if gone else ""


def _asked_for(case: Case) -> str:
    """The customer wishes it, said in a recorded talk, or a department asked and somebody else agrees (X-17)."""
    asked_by = case.fields.get("asked_by")
    asked = next((e["data"] for e in _open(case, "cancel_requested")), {})
    if asked_by in ("customer", case.projection.get("customer")):
        if "contacted" in case.acts or case.fields.get("contact") or "customer" in asked.get("roles", ()):
            return ""
        return "that the customer wishes it stands in no talk; log it first (contact), or send `contact` with this"
    if any(person != case.person for person in asked.get("persons", ())):
        return ""
    return "nobody cancels alone (X-17): the department asks first (cancel-request), another person cancels"


def _weighed(case: Case) -> str:
    """A consignment is weighed before its waybill (X-28, PU-6)."""
    if not case.consignment or "weighed" in case.acts:
        return ""
    return "the goods are not weighed yet; weigh them first (weighed)"


def known_of(projection: Mapping[str, Any]) -> dict[str, float | None]:
    """What the order says of its pieces and its weight; None where it says nothing."""
    units = projection.get("units", ())
    kg = projection.get("counters", {}).get("weighed_kg")
    if kg is None and units and all(unit["kg"] is not None for unit in units):
        kg = sum(unit["kg"] for unit in units)
    return {"pieces": projection.get("tally", {}).get("pieces") or None, "kg": kg}


def _same_data(case: Case) -> str:
    """The waybill says what the order says (EO-15)."""
    wrong = differences(case.fields, known_of(case.projection))
    if not wrong or case.fields.get("irregular"):
        return ""
    told = ", ".join(f"{name} {said} against {ought} of the order" for name, (said, ought) in wrong.items())
    return f"the waybill differs from the order: {told}; correct it, or issue it as irregular and file why (EO-15)"


def _there(case: Case) -> str:
    """The goods are where they are signed for: arrived, with an outside carrier, or collected at the terminal.

    With a silent tracker nobody can see the arrival; the signature may still be true (EX-42).
    """
    if case.state in ("at_consignee", "handed_out"):
        return ""
    if case.state == "at_terminal":
        if case.projection.get("mode") == "collect":
            return ""
        return "the goods are at the terminal and not routed for collection by the customer"
    if "stale_position" in case.projection.get("flags", ()):
        return ""
    return f"the goods have not arrived (they are {case.state.replace('_', ' ')})"


def _disposed(case: Case) -> str:
    """What was refused or failed is filed only after somebody decided what becomes of it."""
    if case.state == "receipt_returned" or case.projection.get("disposition") in ("return", "dispose", "lost"):
        return ""
    return "nobody has decided yet what becomes of the goods (disposition)"


def _closed(case: Case) -> str:
    """No complaint, claim or return is open (T28)."""
    cases = case.projection.get("open_claims", ())
    return f"{', '.join(cases)} is still open; close it first" if cases else ""


def _open_case(case: Case) -> str:
    """The complaint or claim named is an open one of this order."""
    name = case.fields.get("complaint") or case.fields.get("claim")
    cases = case.projection.get("open_claims", ())
    if name in cases:
        return ""
    return f"{name} is no open case of this order (open: {', '.join(cases) or 'none'})"


def _open(case: Case, kind: str) -> list[Mapping[str, Any]]:
    return [e for e in case.projection.get("exceptions", ()) if e["kind"] == kind and e["closed_at"] is None]


GUARDS: dict[str, Callable[[Case], str]] = {
    "own_branch": _own_branch,
    "in_time": _in_time,
    "contact": _contact,
    "other_branch": _other_branch,
    "override": _override,
    "unlocked": _unlocked,
    "no_hold": _no_hold,
    "printed": _printed,
    "within_days": _within_days,
    "nothing_loaded": _nothing_loaded,
    "asked_for": _asked_for,
    "weighed": _weighed,
    "same_data": _same_data,
    "there": _there,
    "disposed": _disposed,
    "closed": _closed,
    "open_case": _open_case,
}
# Two that only the service can judge: they need other orders, or the whole request.
ELSEWHERE = {
    "complete": "Lines, dates, both addresses and a contact are there (T1).",
    "free_number": "No other order has this waybill number.",
}
# Those that the order decides alone, whatever the command says: they shorten what is offered.
_STANDING = frozenset(
    {"in_time", "unlocked", "no_hold", "printed", "nothing_loaded", "weighed", "there", "disposed", "closed"}
)
_EX = {"within_days": "EX-14", "unlocked": "EX-12", "asked_for": "EX-5"}
