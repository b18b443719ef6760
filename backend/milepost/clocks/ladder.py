"""What comes next on an open clock: due, reminders, escalation, the last moment of the day. Pure."""

from typing import Any

from milepost.clocks.calendar import BusinessCalendar
from milepost.clocks.model import CALL_CENTRE, ClockState
from milepost.clocks.policy import Resolved


def ladder(state: ClockState, resolved: Resolved) -> list[dict[str, Any]]:
    """The rungs above a clock in the order of their instants.

    Each is {"at": UTC ms at which it happens if nothing is done, "what": one of due, remind, warn, escalate, overdue,
    cutoff, "to": who hears of it (a branch id or a role), "rule": requirement id}. Empty when the clock is over
    or paused.

    `resolved`: the policy in force at its start.
    """
    if state.verdict not in ("open", "late") or state.end is not None or state.due is None or state.late_from is None:
        return []
    rungs = [_rung(state.due, "due", state.owner, state.clock)]
    if state.clock == "N-01":
        local = BusinessCalendar(zone=state.why["zone"])
        remind, escalate = resolved.duration("accept.remind"), resolved.duration("accept.escalate")
        region = resolved.duration("sanction.accept.region")
        cutoff = local.at(local.day(state.start), resolved.time("day.accept_cutoff"))
        rungs += [
            _rung(state.start + remind + 1, "remind", state.owner, "N-07"),
            _rung(state.start + escalate + 1, "remind", CALL_CENTRE, "N-17"),
            _rung(state.start + region + 1, "escalate", "regional_manager", "N-19"),
            _rung(cutoff, "cutoff", state.owner, "N-10"),
        ]
    elif state.clock == "N-11":
        rungs.append(_rung(state.late_from, "overdue", "branch_manager", "N-11"))
    elif state.clock == "N-20":
        local = BusinessCalendar(zone=state.why["zone"])
        hard = local.at(local.day(state.start), resolved.time("pickup.hard_same"))
        rungs.append(_rung(hard, "overdue", "branch_manager", "N-22"))
    elif state.clock == "N-25":
        rungs.append(_rung(state.due - resolved.duration("pickup.warn_before"), "warn", state.owner, "N-28"))
        rungs.append(_rung(state.late_from, "overdue", "branch_manager", "N-25"))
    elif state.klass in ("obligation", "conditional"):
        rungs.append(_rung(state.late_from, "overdue", "branch_manager", state.clock))
    return sorted(rungs, key=lambda rung: rung["at"])


def _rung(at: int, what: str, to: str | None, rule: str) -> dict[str, Any]:
    return {"at": at, "what": what, "to": to, "rule": rule}
