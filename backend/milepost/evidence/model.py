"""Facts: what is known to have happened, with the evidence it rests on. Pure (DESIGN §3, Evidence)."""

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from milepost.errors import Invalid

SOURCES = ("rfid", "gnss", "gate", "phone", "scan", "person", "partner")
MAX_SNAPSHOT_BYTES = 4096
CERTAIN = 0.999  # from this confidence on a single sensor is grade B
_SENSORS = frozenset({"rfid", "gnss", "gate", "phone"})
_NAMESPACE = uuid.UUID("6f3f2c0e-6d1b-5a39-9f5e-2f9d1f0f4a11")


@dataclass(frozen=True, slots=True)
class Author:
    """Who says so: role (of access, or device, timer, partner), id, and the branch they acted for."""

    role: str
    id: str
    branch: str | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact. Times are UTC ms: `at` when it happened, `recorded_at` when its author wrote it down, `received_at`
    when it reached us. `subjects` maps a kind (vehicle, door, unit, order, site, trip) to an id. `source` is the
    leading one of its sources (body.sources names all where there are several). `confidence` lies in 0…1."""

    id: str
    kind: str
    at: int
    by: Author
    subjects: Mapping[str, str]
    rev: int = 0
    recorded_at: int | None = None
    received_at: int | None = None
    clock: str = "ntp"
    source: str = "person"
    body: Mapping[str, Any] = field(default_factory=dict[str, Any])
    confidence: float = 1.0
    grade: str | None = None
    inputs: tuple[str, ...] = ()
    snapshot: Mapping[str, Any] | None = None
    rule: str | None = None

    def __post_init__(self) -> None:
        if self.recorded_at is None:
            object.__setattr__(self, "recorded_at", self.at)
        if self.received_at is None:
            object.__setattr__(self, "received_at", self.recorded_at)
        if self.source not in SOURCES:
            raise Invalid(f"source {self.source!r}: one of {', '.join(SOURCES)}")
        if not 0 <= self.confidence <= 1:
            raise Invalid(f"confidence {self.confidence} lies outside 0 to 1")


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and no blanks, in UTF-8: the same value is always the same bytes."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=dict, allow_nan=False)
    return text.encode()


def fact_id(kind: str, subjects: Mapping[str, str], inputs: Sequence[str]) -> str:
    """uuid5 over kind, subjects and inputs: the same evidence gives the same fact, whatever rule reads it."""
    return str(uuid.uuid5(_NAMESPACE, canonical([kind, dict(subjects), list(inputs)]).decode()))


def grade(sources: Iterable[str], confidence: float, *, presence: bool = False, presence_due: bool = False) -> str:
    """How well evidence proves (DESIGN §3).

    A: two independent sources, or a person's act with presence. B: one sensor of at least 0.999, a scan, or an
    authenticated person. C: a sensor below that, a partner's word, a person without presence where it is due.
    D: nothing but inference (no source).

    `presence`: the person was there (a phone's position, or the vehicle's); `presence_due`: the act needs it.
    """
    given = set(sources)
    unknown = given - set(SOURCES)
    if unknown:
        raise Invalid(f"unknown sources {sorted(unknown)}")
    if not given:
        return "D"
    solid = given - {"partner"}
    if len(solid) >= 2 or ("person" in given and presence):
        return "A"
    if "scan" in given or (given & _SENSORS and confidence >= CERTAIN):
        return "B"
    if "person" in given and not presence_due:
        return "B"
    return "C"
