"""What the rule of `legs` takes, remembers and tells. Plain data."""

import math
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Any

from milepost.ingest.reading import record
from milepost.telemetry.ways import M_PER_DEGREE

Fix = tuple[int, float, float, float | None]  # UTC ms, degrees WGS-84, m/s or None


@record
class Rule:
    """What counts as standing, stop and jam."""

    slot_ms: int = 10_000
    least_ms: int = 180_000  # shorter is traffic
    stand_ms: int = 60_000
    step_m: float = 20.0  # shorter steps are noise until they add up
    radius_m: float = 75.0  # a parked receiver under a roof wanders by 30 m and jumps farther
    blind_radius_m: float = 45.0  # where fixes say no speed, or approach and departure would count as standing
    standing_mps: float = 1.0  # a jam rolls slower than a walk
    depart_mps: float = 5.0  # so fast it came from where it stood to the first fix elsewhere
    quiet_ms: int = 60_000  # over a longer silence, two fixes at one place say that it stood there
    yard_m: float = 250.0
    yard_way_m: float = 800.0
    yard_ms: int = 600_000
    jam_ms: int = 420_000
    jam_mps: float = 3.5
    jam_window_ms: int = 150_000
    rest_mps: float = 1.1  # 200 m in 3 minutes: slower progress over a silence is none
    unseen_ms: int = 3_600_000


TRUCK = Rule()
# Drivers who deliver on foot: fixes every few seconds, halts of half a minute at a kerb.
COURIER = Rule(slot_ms=5_000, least_ms=20_000, stand_ms=20_000, blind_radius_m=25.0, yard_m=0.0, jam_ms=0)


@dataclass(frozen=True, slots=True)
class Leg:
    """A piece of a vehicle's time. `kind`: trip, stop or unseen; times UTC ms; places degrees WGS-84."""

    kind: str
    from_ms: int
    to_ms: int
    lat: float  # where it began; of a stop, where it stood
    lon: float
    to_lat: float
    to_lon: float
    distance_m: float = 0.0  # sum of its steps; of an unseen stretch, as the crow flies
    gaps: int = 0  # silences of more than 5 minutes
    gap_ms: int = 0  # all together
    ended_by: str | None = None  # stop, departure, silence, contact; None: it goes on


@dataclass(slots=True)
class Stand:
    first: int
    last: int
    lat: float
    lon: float
    n: int = 1
    joined: bool = False  # it is part of the stay


@dataclass(slots=True)
class Stay:
    """One stand or several of a yard, until it is decided whether that was a stop."""

    first: int
    last: int
    lat: float  # of its longest stand
    lon: float
    longest_ms: int
    before_mps: float  # while moving; 99 where too little of it was seen
    home: tuple[float, float]  # of its first stand: it does not wander off
    inner_m: float = 0.0
    since_m: float = 0.0
    since_gaps: int = 0
    since_gap_ms: int = 0
    after_ms: int = 0  # of moving behind it, as far as the jam window reaches
    after_m: float = 0.0


@dataclass(slots=True)
class State:
    """What the rule remembers of a vehicle between two fixes."""

    slot: int = -1
    before: Fix | None = None  # the last fix, which counts if a silence follows
    last: Fix | None = None  # that counted
    begin: tuple[int, float, float] | None = None  # of the open trip
    way_m: float = 0.0  # of it, up to the stay
    gaps: int = 0
    gap_ms: int = 0
    vertex: tuple[int, float, float] | None = None
    stand: Stand | None = None
    out: Fix | None = None  # one fix elsewhere while standing: noise, or the first of the way
    stay: Stay | None = None
    recent: list[tuple[int, float]] = field(default_factory=list)  # (ms, m) of the last steps

    def copy(self) -> "State":
        """Another one that may be fed without changing this."""
        same = State(*_values(self))  # dataclasses.replace takes four times as long
        same.stand = replace(self.stand) if self.stand else None
        same.stay = replace(self.stay) if self.stay else None
        same.recent = list(self.recent)
        return same

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values, tuples among them."""
        return {
            **{name: getattr(self, name) for name in self.__slots__},
            "stand": None if self.stand is None else {name: getattr(self.stand, name) for name in Stand.__slots__},
            "stay": None if self.stay is None else {name: getattr(self.stay, name) for name in Stay.__slots__},
            "recent": list(self.recent),
        }

    @staticmethod
    def from_json(value: dict[str, Any]) -> "State":
        """The reverse of as_json."""
        given = dict(value)
        for name in ("before", "last", "begin", "vertex", "out"):
            given[name] = None if given[name] is None else tuple(given[name])
        given["stand"] = None if given["stand"] is None else Stand(**given["stand"])
        given["stay"] = None if given["stay"] is None else Stay(**given["stay"])
        if given["stay"]:
            lat, lon = given["stay"].home
            given["stay"].home = (lat, lon)
        given["recent"] = [tuple(step) for step in given["recent"]]
        return State(**given)


_values = attrgetter(*State.__slots__)


def metres(lat: float, lon: float, to_lat: float, to_lon: float) -> float:
    """Distance on the flat; within 0.5 % up to a few hundred km, which no step of a vehicle exceeds."""
    east_deg = (to_lon - lon + 180.0) % 360.0 - 180.0
    flat = math.cos(math.radians((lat + to_lat) / 2))
    return math.hypot(east_deg * flat, to_lat - lat) * M_PER_DEGREE
