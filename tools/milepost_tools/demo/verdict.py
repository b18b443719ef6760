"""The judgement of a demo run: every mile of every order with its evidence, and the books of the devices.

Pure: takes what the public API answered, returns findings.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from milepost_tools.demo.ledger import Account

STAGES = ("requested", "entered", "confirmed", "picked", "loaded", "in_transit", "arrived", "signed", "filed")
# Where devices may drive alone, a device must have driven: source, and kinds of the proving facts.
DEVICE_STAGES: Mapping[str, tuple[str, frozenset[str]]] = {
    "loaded": ("rfid", frozenset({"unit.loaded"})),
    "in_transit": ("gnss", frozenset({"vehicle.left"})),
    "arrived": ("gnss", frozenset({"vehicle.entered", "vehicle.stopped"})),
}


@dataclass(frozen=True, slots=True)
class Mile:
    """One stage of one order as seen, with what is wrong with it (empty: nothing)."""

    order: str
    n: int
    stage: str
    at: str | None
    grade: str | None
    source: str | None
    facts: int
    wrong: str


@dataclass(frozen=True, slots=True)
class Mishap:
    """The unit that went onto the wrong truck. caught: an exception opened; healed: it is closed again."""

    order: str
    unit: str
    caught: bool
    healed: bool


def miles(order: Mapping, facts: Iterable[Mapping]) -> list[Mile]:
    """Judge the nine stages of an order. order: GET /orders/{id}; facts: GET /orders/{id}/facts."""
    by_id = {fact["id"]: fact for fact in facts}
    seen = {stage["key"]: stage for stage in order["stages"]}
    return [_mile(order["number"], n, key, seen.get(key), by_id) for n, key in enumerate(STAGES, start=1)]


def _mile(number: str, n: int, key: str, stage: Mapping | None, by_id: Mapping[str, Mapping]) -> Mile:
    if stage is None or not stage["done"]:
        return Mile(number, n, key, None, None, None, 0, "not reached")
    wrong = _fault(key, stage, by_id)
    return Mile(
        number, n, key, stage["since"] or stage["at"], stage["grade"], stage["source"], len(stage["facts"]), wrong
    )  # fmt: skip


def _fault(key: str, stage: Mapping, by_id: Mapping[str, Mapping]) -> str:
    if stage["n"] != STAGES.index(key) + 1:
        return f"stands as stage {stage['n']}"
    if stage["inferred"]:
        return "inferred, not proven"
    if not stage["facts"]:
        return "no fact attached"
    missing = [fact for fact in stage["facts"] if fact not in by_id]
    if missing:
        return f"fact {missing[0]} is not in the log"
    if not stage["grade"]:
        return "no grade"
    if key not in DEVICE_STAGES:
        return ""
    source, kinds = DEVICE_STAGES[key]
    if stage["source"] != source:
        return f"source {stage['source']}, not {source}"
    proofs = [by_id[fact] for fact in stage["facts"] if by_id[fact]["kind"] in kinds]
    if not proofs:
        return f"none of its facts is {' or '.join(sorted(kinds))}"
    for fact in proofs:
        if not fact["inputs"]:
            return f"{fact['kind']} names no readings"
        if not fact["snapshot"]:
            return f"{fact['kind']} has no snapshot"
    return ""


def ok(miles_seen: Sequence[Mile], orders: int, mishap: Mishap | None, accounts: Sequence[Account]) -> bool:
    """True when every mile of so many orders is proven, the mishap caught and healed, the books even."""
    return (
        orders >= 3
        and len(miles_seen) == orders * len(STAGES)
        and not any(mile.wrong for mile in miles_seen)
        and mishap is not None
        and mishap.caught
        and mishap.healed
        and bool(accounts)
        and all(account.even and account.sent > 0 for account in accounts)
    )
