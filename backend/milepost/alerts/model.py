"""What may be done with an item of the inbox in which state, and what may be said about one of a door. Pure."""

from collections.abc import Mapping
from typing import Any

STATES = ("open", "acknowledged", "assigned", "snoozed", "resolved")
STEPS = ("acknowledge", "assign", "snooze", "resolve")


def can(state: str, by_facts: bool) -> tuple[str, ...]:
    """The steps that an item allows; `by_facts`: only facts resolve it. A resolved one allows none."""
    if state == "resolved":
        return ()
    steps = STEPS if state in ("open", "snoozed") else STEPS[1:]
    return steps[:-1] if by_facts else steps


ABOARD, NOT_ABOARD, OFF, NOT_OFF, NOT_OURS = "aboard", "not_aboard", "off", "not_off", "not_ours"


def answers(kind: str, data: Mapping[str, Any]) -> tuple[str, ...]:
    """What a person can say about an item of this kind, the best first: a unit went aboard the vehicle or did not, came
    off it or did not, or what went through is none of this trip. `data`: of the item."""
    went, stayed = (OFF, NOT_OFF) if data.get("direction") == "unload" else (ABOARD, NOT_ABOARD)
    return {
        "wrong_truck": (NOT_ABOARD,),
        "two_trucks": (ABOARD,),
        "door_unit": (went, stayed),
        "door_tag": (went, NOT_OURS),
        "door_no_tag": (went, NOT_OURS),
        "door_outside": (NOT_OURS,),
    }.get(kind, ())
