"""What beside the state decides whether a command is legal (the guards of REQUIREMENTS F2)."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from milepost.errors import IllegalStep
from milepost.orders.model import LEVEL, Policy, too_late
from milepost.orders.transitions import Step, illegal

_POLICY = Policy()


def check(
    step: Step, state: str, projection: Mapping[str, Any], roles: frozenset[str], fields: Mapping[str, Any]
) -> None:
    """Raise IllegalStep when the guard of a step stands against it."""
    if step.command == "postpone":
        _check_date(step, state, projection, roles, fields)
    if state not in step.guarded:
        return
    why = _GUARDS[step.guard or ""](state, projection)
    if why:
        raise illegal(step.command, state, roles, why)


def check_trip(name: str, trip: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    """The driver signs only for what is planned, and not for what the door says is wrong (T14: no open mismatch)."""
    if name != "load-sign":
        return
    if not rows:
        raise IllegalStep(
            f"load-sign: trip {trip.number} expects no order; put one on its list first", ["expected"], state="planned"
        )


def _check_date(
    step: Step, state: str, projection: Mapping[str, Any], roles: frozenset[str], fields: Mapping[str, Any]
) -> None:
    to, day0 = date.fromisoformat(str(fields["to"])), projection.get("d0")
    if day0 is not None and too_late(to, date.fromisoformat(day0), _POLICY.postpone_max_days):
        why = (
            f"{to} lies more than {_POLICY.postpone_max_days} days after {day0}; "
            "explain to the customer and cancel (N-04)"
        )
        raise illegal(step.command, state, roles, why, ex="EX-14")


def _no_hold(_state: str, projection: Mapping[str, Any]) -> str:
    holds = [flag[5:] for flag in projection.get("flags", ()) if flag.startswith("hold:")]
    return f"it is on hold ({', '.join(holds)}); release that first" if holds else ""


def _nothing_loaded(_state: str, projection: Mapping[str, Any]) -> str:
    """T7 looks at the most advanced unit (ORDERS.md §3)."""
    gone = [u["no"] for u in projection.get("units", ()) if u["counts"] and LEVEL[u["state"]] >= LEVEL["loaded"]]
    return f"units {', '.join(gone[:20])} are loaded already; use the return flow" if gone else ""


def _arrived_or_silent(state: str, projection: Mapping[str, Any]) -> str:
    if state == "at_terminal":
        if projection.get("mode") == "collect":
            return ""
        return "the goods are at the terminal and not routed for collection by the customer"
    if "stale_position" in projection.get("flags", ()):
        return ""  # with a silent tracker nobody can see the arrival; the signature may still be true (EX-42)
    return f"the goods have not arrived (they are {state.replace('_', ' ')})"


def _disposed(_state: str, projection: Mapping[str, Any]) -> str:
    if projection.get("disposition") in ("return", "dispose", "lost"):
        return ""
    return "nobody has decided yet what becomes of the goods (disposition)"


_GUARDS = {
    "no_hold": _no_hold,
    "nothing_loaded": _nothing_loaded,
    "arrived_or_silent": _arrived_or_silent,
    "disposed": _disposed,
}
