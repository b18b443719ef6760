"""Every guard against every cell in which its command is legal: where it stands the command is refused with its
reason, where it does not the command goes on (REQUIREMENTS F2, docs/orders.md). Pure."""

from dataclasses import replace
from typing import Any

import pytest

from milepost.errors import IllegalStep
from milepost.orders import guards, transitions
from milepost.orders.guards import GUARDS, Case
from milepost.orders.model import STAGES
from milepost.orders.transitions import STEPS, Step

DAY = 86_400_000
D0_MS = 1_772_409_600_000  # 2026-03-02T08:00+08:00
NIGHT = D0_MS + 15 * 3_600_000 + 1800_000  # 23:30 of that day
UNIT = {"no": "1", "counts": True, "state": "waybilled", "kg": 5}
LOADED = {**UNIT, "state": "loaded"}
ASKED = {"kind": "cancel_requested", "closed_at": None, "data": {"roles": ["desk"], "persons": ["other"]}}

# An order, and a command upon it, against which no guard has anything.
GOOD: dict[str, Any] = {
    "type": "goods",
    "branch": "b1",
    "customer": "c1",
    "d0": "2026-03-02",
    "acts": {"assigned": D0_MS, "contacted": D0_MS, "printed": D0_MS, "weighed": D0_MS},
    "flags": [],
    "counters": {"edits": 0, "weighed_kg": 5},
    "tally": {"pieces": 1},
    "units": [UNIT],
    "exceptions": [],
    "open_claims": ["k1"],
    "disposition": "return",
    "mode": "collect",
    "stages": [{"key": key, "done": False} for key in STAGES],
}
FIELDS: dict[str, Any] = {
    "branch": "b1",
    "to_branch": "b2",
    "to": "2026-03-04",
    "asked_by": "customer",
    "pieces": 1,
    "kg": 5,
    "complaint": "k1",
}
_CONFIRMED = [{"key": key, "done": True} for key in STAGES[:3]]
_CONSIGNMENT_OPEN = (
    "requested",
    "submitted",
    "assigned",
    "accepted",
    "confirmed",
    "postponed",
    "pickup_due",
    "picked_up",
)


def case(step: Step, state: str, roles: frozenset[str], **change: Any) -> Case:
    """The good case in one cell; what `change` names of the order or (`fields`) of the command is otherwise."""
    projection, fields = dict(GOOD), dict(FIELDS)
    if "closed" in step.guards:
        projection["open_claims"] = []
    if "unlocked" in step.guards and state not in ("requested", "submitted", "assigned", "accepted", "postponed"):
        projection["type"] = "consignment"
    if "there" in step.guards and state in ("in_transit", "out_for_delivery"):
        projection["flags"] = ["stale_position"]
    at = change.pop("at", D0_MS + 3_600_000)
    fields.update(change.pop("fields", {}))
    for name, value in change.items():
        projection[name] = value
    return Case(state, projection, roles, at, "me", fields)


# guard → what makes it stand, each with the words of its reason; a word of the state or the role where it does not.
_NO_ACTS = {"acts": {}}
_WRONG: dict[str, list[tuple[dict[str, Any], str]]] = {
    "own_branch": [({"branch": "b9"}, "at branch b9")],
    "in_time": [({"type": "consignment", "at": NIGHT}, "N-10")],
    "contact": [(_NO_ACTS, "spoken with the customer")],
    "other_branch": [({"branch": "b2"}, "at branch b2 already")],
    "override": [({"counters": {"edits": 2}}, "override_by")],
    "unlocked": [
        ({"type": "goods", "stages": _CONFIRMED}, "supplementary"),
        ({"type": "consignment"}, "waybill is issued"),
    ],
    "no_hold": [({"flags": ["hold:payment"]}, "hold (payment)")],
    "printed": [({"type": "consignment", **_NO_ACTS}, "not printed")],
    "within_days": [({"fields": {"to": "2026-03-06"}}, "N-04")],
    "nothing_loaded": [({"units": [UNIT, LOADED]}, "loaded already")],
    "asked_for": [
        (_NO_ACTS, "no talk"),
        ({"fields": {"asked_by": "sales"}}, "nobody cancels alone"),
        ({"fields": {"asked_by": "sales"}, "exceptions": [{**ASKED, "data": {"persons": ["me"]}}]}, "cancels alone"),
        ({"fields": {"asked_by": "sales"}, "exceptions": [{**ASKED, "closed_at": 1}]}, "cancels alone"),
    ],
    "weighed": [({"type": "consignment", **_NO_ACTS}, "not weighed")],
    "same_data": [({"fields": {"pieces": 2}}, "EO-15"), ({"fields": {"kg": 9}}, "EO-15")],
    "there": [({"mode": "own", "flags": []}, "")],
    "disposed": [({"disposition": None}, "decided yet"), ({"disposition": "redeliver"}, "decided yet")],
    "closed": [({"open_claims": ["k1"]}, "k1 is still open")],
    "open_case": [({"open_claims": ["k2"]}, "k1 is no open case")],
}
# What lifts it again without the order being other than it stands.
_LIFTED: dict[str, list[dict[str, Any]]] = {
    "contact": [{**_NO_ACTS, "fields": {"contact": {"with": "c"}}}],
    "override": [{"counters": {"edits": 2}, "fields": {"override_by": "boss"}}],
    "asked_for": [
        {**_NO_ACTS, "fields": {"contact": {"with": "c"}}},
        {"fields": {"asked_by": "sales"}, "exceptions": [ASKED]},
        {**_NO_ACTS, "exceptions": [{**ASKED, "data": {"roles": ["customer"]}}]},
    ],
    "same_data": [{"fields": {"pieces": 2, "irregular": True}}],
    "within_days": [{"fields": {"to": "2026-03-05"}}, {"d0": None, "fields": {"to": "2026-04-01"}}],
    "in_time": [{"type": "goods", "at": NIGHT}],
    "printed": [{"type": "goods", **_NO_ACTS}],
    "weighed": [{"type": "goods", **_NO_ACTS}],
    "nothing_loaded": [{"units": [{**LOADED, "counts": False}]}],
}


def _does_not_stand(guard: str, change: dict[str, Any], state: str, roles: frozenset[str]) -> bool:
    """Where the rule itself says that the guard has nothing against this state or role (docs/orders.md)."""
    match guard:
        case "in_time":  # the branch manager decides late
            return not roles.isdisjoint({"branch_manager", "admin"})
        case "override":  # the customer's own changes are free
            return roles == {"customer"}
        case "unlocked" if change["type"] == "goods":
            return state in ("requested", "submitted", "assigned", "accepted")
        case "unlocked":
            return state in _CONSIGNMENT_OPEN
        case "there":
            return state in ("at_consignee", "handed_out")
        case "disposed":  # signed for, with its receipt back
            return state == "receipt_returned"
        case _:
            return False


def locked_for_good(step: Step, state: str) -> bool:
    """X-6: with its waybill every order is locked, whatever it is; there this is what an edit is told first."""
    return "unlocked" in step.guards and state not in _CONSIGNMENT_OPEN


CELLS = [
    (guard, step, state, frozenset({role}))
    for step in STEPS.values()
    for guard in step.guards
    if guard in GUARDS
    for state in sorted(step.states)
    for role in sorted(step.roles)
]


def refused(step: Step, given: Case) -> IllegalStep | None:
    try:
        transitions.check(step.command, given.state, given.roles, guards.open_commands(given))
        guards.check(step, given)
    except IllegalStep as error:
        return error
    return None


def test_the_table_speaks_of_every_guard() -> None:
    assert set(_WRONG) == set(GUARDS) == {guard for guard, *_ in CELLS}
    assert len(GUARDS) == 17


@pytest.mark.requirement("T3", "T4", "T5", "T6", "T7", "T12", "T20", "T28", "X-6", "X-17", "N-04", "N-06", "N-10")
@pytest.mark.parametrize("guard", sorted(_WRONG))
def test_where_a_guard_stands_the_command_is_refused_with_its_reason_and_only_there(guard: str) -> None:
    stood = 0
    for name, step, state, roles in CELLS:
        if name != guard:
            continue
        for change, words in _WRONG[guard]:
            given = case(step, state, roles, **change)
            error = refused(step, given)
            if _does_not_stand(guard, change, state, roles):
                assert error is None or error.problem()["guard"] != guard, (step.command, state, roles)
                continue
            stood += 1
            assert error is not None, (step.command, state, roles, change)
            problem = error.problem()
            assert problem["state"] == state
            assert problem["guard"] == ("unlocked" if locked_for_good(step, state) else guard)
            assert words in problem["detail"] or locked_for_good(step, state)
            assert problem["allowed"] == guards.open_commands(given)
    assert stood


@pytest.mark.parametrize("guard", sorted(_WRONG))
def test_where_it_does_not_stand_the_command_goes_on(guard: str) -> None:
    for name, step, state, roles in CELLS:
        if name == guard and not locked_for_good(step, state):
            for change in ({}, *_LIFTED.get(guard, ())):
                error = refused(step, case(step, state, roles, **change))
                assert error is None, (step.command, state, roles, change, str(error))


def test_what_the_order_alone_decides_shortens_what_is_offered() -> None:
    """A command that a standing guard refuses is not among those offered, in any cell."""
    for guard, step, state, roles in CELLS:
        for change, _ in _WRONG[guard]:
            given = case(step, state, roles, **change)
            error = refused(step, given)
            if error is not None and guard in guards._STANDING:  # pyright: ignore[reportPrivateUsage]
                assert step.command not in error.problem()["allowed"]


def test_a_guard_reads_the_limits_of_the_order() -> None:
    step, cell = STEPS["reroute"], case(STEPS["reroute"], "accepted", frozenset({"desk"}), counters={"edits": 2})
    assert refused(step, cell) is not None
    assert refused(step, replace(cell, limits=replace(cell.limits, edit_max=3))) is None
