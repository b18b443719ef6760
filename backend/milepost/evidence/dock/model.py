"""Plain data of the dock-door decision: sessions, units, what is decided. Times are seconds since 1970, levels dBm."""

from dataclasses import dataclass, field
from typing import Any

Id = str | int
RULE = "dock/2"

LOADED, UNLOADED, PASSED_BACK = "LOADED", "UNLOADED", "PASSED_BACK"
STRAY, REVIEW = "STRAY", "REVIEW"

OUT, IN = 1, -1  # hall to truck, truck to hall
INNER, OUTER, ELSEWHERE = 0, 1, 2  # sides of antennas and gates; an antenna that no session names is ELSEWHERE


def id_key(value: Id) -> tuple[int, int, str]:
    """An order among ids that may be numbers or words: numbers first. 7 and "7" are two ids."""
    return (0, value, "") if isinstance(value, int) else (1, 0, value)


def epc_key(epc: Id) -> Id:
    """What makes two EPCs the same: hexadecimal in either case is one code."""
    return epc.upper() if isinstance(epc, str) else epc


@dataclass(frozen=True, slots=True)
class Session:
    """A vehicle stands at a door for a trip, in [from_s, to_s); to_s None: still open. roles: antenna and its side."""

    session: Id
    door: Id
    vehicle: Id | None
    trip: Id | None
    from_s: float
    to_s: float | None
    direction: int
    roles: tuple[tuple[Id, int], ...] = ()

    def covers(self, at_s: float) -> bool:
        """True when the instant lies within the session."""
        return self.from_s <= at_s and (self.to_s is None or at_s < self.to_s)


@dataclass(frozen=True, slots=True)
class Unit:
    """A handling unit of an order on a trip, and the EPCs on it."""

    unit: Id
    trip: Id
    order: Id
    epcs: tuple[Id, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """An order of a trip; units may be none."""

    trip: Id
    order: Id
    units: tuple[Unit, ...] = ()


@dataclass(slots=True)
class Decision:
    """One line of decisions.jsonl. at_s: when the data up to then allowed it; session None: outside every session."""

    unit: Id | None
    epcs: tuple[Id, ...]
    door: Id
    session: Id | None
    trip: Id | None
    decision: str
    at_s: float
    confidence: float
    inferred: bool = False
    reasons: tuple[str, ...] = ()
    passed_s: float | None = field(default=None, compare=False)  # when it crossed, for who wants the latency

    def as_json(self) -> dict[str, Any]:
        """The object of the line, in the order of the documented fields."""
        return {
            "unit": self.unit,
            "epcs": list(self.epcs),
            "door": self.door,
            "session": self.session,
            "trip": self.trip,
            "decision": self.decision,
            "at": round(self.at_s, 3),
            "confidence": round(self.confidence, 4),
            "inferred": self.inferred,
            "reasons": list(self.reasons),
        }


@dataclass(slots=True)
class Verdict:
    """What a session comes to when it closes."""

    session: Id
    trip: Id | None
    matched: list[Id] = field(default_factory=list)
    short: list[Id] = field(default_factory=list)
    over: list[Id] = field(default_factory=list)
    review: list[Id] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The object of the line; lists sorted, numbers before words."""
        lists = {name: sorted(getattr(self, name), key=id_key) for name in ("matched", "short", "over", "review")}
        return {"session": self.session, "trip": self.trip, **lists}
