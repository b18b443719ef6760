"""Which of the commands that state and guards allow have something behind them: a hold to release, an open case. Pure.

The table of steps says when a command is legal at all; a page offers only what would also mean something now, and says
of the rest what is missing.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from milepost.orders.transitions import DERIVED_ROLES, DERIVED_STATES, STEPS

Row = Mapping[str, Any]
# A late clock that a verified cause excuses (EO-20).
_EXEMPTABLE = ("N-01", "N-02", "N-07", "N-17", "N-19")
# Steps of the other kind of order: goods are picked in our warehouse, consignments are fetched and have a note (N-09).
_OTHER_KIND = {"goods": ("note-printed", "pickup-agreed", "pickup-done", "handed-in"),
               "consignment": ("pick-list", "picked", "line-short", "ready")}  # fmt: skip
_OVER = ("cancelled", "archived")


@dataclass(frozen=True, slots=True)
class Seen:
    """An order as the page has it. `order`: its projection; `facts`: its evidence, each with kind and body, newest
    first; `clocks`: its clocks as plain values; `last_day`: True when no later day may be named for it (N-04)."""

    order: Row
    facts: Sequence[Row] = ()
    clocks: Sequence[Row] = ()
    last_day: bool = False

    def bodies(self, kind: str) -> list[Row]:
        """What the facts of a kind say."""
        return [fact["body"] for fact in self.facts if fact["kind"] == kind]

    @property
    def units(self) -> list[Row]:
        """The units that are listed."""
        return list(self.order["units"])

    def open_cases(self, what: str) -> list[str]:
        """Open complaints, or claims (`what`), by their ids."""
        lodged = {str(body.get(what)) for body in self.bodies(f"{what}.lodged")}
        return [case for case in self.order["open_claims"] if case in lodged]


def _held(seen: Seen) -> bool:
    return any(flag.startswith("hold:") for flag in seen.order["flags"])


def _trouble(seen: Seen) -> bool:
    return any(each["closed_at"] is None for each in seen.order["exceptions"])


def _asked_where(seen: Seen) -> bool:
    kinds = [fact["kind"] for fact in seen.facts if fact["kind"] in ("location.requested", "location.answered")]
    return bool(kinds) and kinds[0] == "location.requested"


def _no_reason(seen: Seen) -> bool:
    return not seen.bodies("cancel.reason") and not any(b.get("reason") for b in seen.bodies("order.cancelled"))


def _late(seen: Seen) -> bool:
    return any(each["clock"] in _EXEMPTABLE and each["verdict"] == "late" for each in seen.clocks)


def _aboard(seen: Seen) -> bool:
    return any(unit["vehicle"] for unit in seen.units)


def _ashore(seen: Seen) -> bool:
    return any(not unit["vehicle"] and unit["counts"] for unit in seen.units)


def _may_part(seen: Seen) -> bool:
    wished = any(each["kind"] == "split_without_consent" and each["closed_at"] is None
                 for each in seen.order["exceptions"])  # fmt: skip
    return bool(seen.units) and (wished or seen.order["customer_class"] == "project")


def _complaint(seen: Seen) -> bool:
    return bool(seen.open_cases("complaint"))


def _claim(seen: Seen) -> bool:
    return bool(seen.open_cases("claim"))


def _listed(seen: Seen) -> bool:
    return bool(seen.units)


def _tagged(seen: Seen) -> bool:
    return any(unit["epcs"] for unit in seen.units)


def _complained(seen: Seen) -> bool:
    return bool(seen.bodies("complaint.lodged"))


def _day_left(seen: Seen) -> bool:
    return not seen.last_day


# Command → (is there something behind it, the text `behind.…` that says what is missing).
_NEEDS: Mapping[str, tuple[Callable[[Seen], bool], str]] = {
    "release": (_held, "hold"),
    "close-exception": (_trouble, "trouble"),
    "location-answer": (_asked_where, "asked"),
    "cancel-reason": (_no_reason, "reason"),
    "exempt": (_late, "late"),
    "postpone": (_day_left, "day"),
    "load": (_ashore, "units_ashore"),
    "load-override": (_ashore, "units_ashore"),
    "pass-back": (_aboard, "aboard"),
    "unload": (_aboard, "aboard"),
    "seen": (_listed, "units"),
    "bind-unit": (_listed, "units"),
    "unbind-unit": (_tagged, "tags"),
    "split-consented": (_may_part, "project"),
    "complaint-acknowledge": (_complaint, "complaint"),
    "complaint-close": (_complaint, "complaint"),
    "complaint-substantiate": (_complained, "complaint"),
    "claim-documents": (_claim, "claim"),
    "claim-propose": (_claim, "claim"),
    "claim-settle": (_claim, "claim"),
}


def offered(allowed: Iterable[str], seen: Seen) -> list[str]:
    """Of the commands that are allowed now, those that mean something, in their order."""
    other = _OTHER_KIND.get(seen.order["type"] or "", ())
    return [name for name in allowed if name not in other and (name not in _NEEDS or _NEEDS[name][0](seen))]


def not_now(allowed: Collection[str], seen: Seen, roles: Collection[str]) -> list[tuple[str, str]]:
    """(command, key of the text why not) of the steps that somebody in these roles could take in this state, and that
    a guard or the lack of anything to do stands against."""
    other = _OTHER_KIND.get(seen.order["type"] or "", ())
    found: list[tuple[str, str]] = []
    for name, step in STEPS.items():
        if seen.order["state"] not in step.states or step.roles.isdisjoint(roles) or name in other:
            continue
        if name not in allowed:
            if guard := _guard(name, seen.order):
                found.append((name, f"guard.{guard}"))
        elif name in _NEEDS and not _NEEDS[name][0](seen):
            found.append((name, f"behind.{_NEEDS[name][1]}"))
    return found


def _guard(name: str, order: Row) -> str:
    """The guard that stands against a command; where two could, the one that the order shows."""
    match name:
        case "confirm":
            return "no_hold" if any(flag.startswith("hold:") for flag in order["flags"]) else "printed"
        case "archive":
            return "closed" if order["open_claims"] else "disposed"
        case "cancel":
            return "nothing_loaded"
        case "accept":
            return "in_time"
        case _:
            return next(iter(STEPS[name].guards), "")


def derived(seen: Seen, allowed: Collection[str], roles: Collection[str]) -> list[str]:
    """The commands that make further orders of this one (split, append, copy), as far as they are possible now."""
    order = seen.order
    possible = {
        "split": "edit" in allowed and not order["units"] and _divisible(order),
        "append": order["state"] not in _OVER,
        "copy": True,
    }
    return [
        name
        for name, states in DERIVED_STATES.items()
        if possible[name] and order["state"] in states and not DERIVED_ROLES[name].isdisjoint(roles)
    ]


def _divisible(order: Row) -> bool:
    """True when something can go and something can stay."""
    lines = [line for line in order["lines"] if line["ordered"]]
    return len(lines) > 1 or any(line["ordered"] != 1 for line in lines)
