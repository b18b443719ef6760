"""A parked receiver wanders and jumps; its truck does not. Pure: fixes in, fixes out that stand still while it stands.

A fix that says how fast it was decides by that; the place of a stand is where it began, when the receiver was still
good. Where no speed is said, standing is three quarters of a minute within 60 m of one place. Two fixes of a moving
vehicle end a stand, three without a speed, or a minute of five fixes elsewhere; they are held back until then, so that
a crossing is found where it was. Requirement F3; a receiver's jump of 200 m may claim an accuracy of 2 m, so only
persistence tells.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from milepost.ingest.reading import record
from milepost.telemetry.legs import metres

MOVING_MPS = 1.0
FAR_M = 90.0  # four times the wander of a bad parked receiver
BLIND_M = 60.0  # the same without speeds, before and after it is sure that the vehicle stands
BLIND_FAR_M = 120.0
_BLIND_STAND_MS = 45_000
_MOST_HELD = 5
_ELSEWHERE_MS = 60_000
_SURELY_ELSEWHERE_MS = 240_000  # two fixes will do: parked trackers report every ten minutes


@record
class Point:
    """One good fix of a vehicle. `at` and `received_at` UTC ms; `id` names the reading."""

    at: int
    id: str
    lat: float
    lon: float
    speed_mps: float | None
    clock: str
    received_at: int = 0

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values; dataclasses.asdict copies everything deeply, which cost 200 µs a vehicle and hand-over."""
        return {
            "at": self.at, "id": self.id, "lat": self.lat, "lon": self.lon, "speed_mps": self.speed_mps,
            "clock": self.clock, "received_at": self.received_at,
        }  # fmt: skip


@dataclass(slots=True)
class Steady:
    """Where a vehicle stands, if it does."""

    lat: float | None = None  # None: it moves
    lon: float = 0.0
    since: int = 0  # UTC ms
    n: int = 0  # fixes that the place is the mean of; only where they say no speed
    sure: bool = False
    held: list[Point] = field(default_factory=list)  # elsewhere, in a row
    fresh: bool = True  # the first fixes ever, without speeds, wait until it is known whether it stands
    waiting: list[Point] = field(default_factory=list)

    def copy(self) -> "Steady":
        """Another one that may be fed without changing this."""
        return Steady(
            self.lat, self.lon, self.since, self.n, self.sure, list(self.held), self.fresh, list(self.waiting)
        )

    def moves_on(self, speeds_mps: Sequence[float | None]) -> bool:
        """Whether fixes that say these speeds pass as they are, and change nothing here: it moves, and goes on."""
        if self.lat is not None or self.fresh or None in speeds_mps:
            return False
        return min(cast("Sequence[float]", speeds_mps)) >= MOVING_MPS

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "lat": self.lat, "lon": self.lon, "since": self.since, "n": self.n, "sure": self.sure,
            "held": [each.as_json() for each in self.held], "fresh": self.fresh,
            "waiting": [each.as_json() for each in self.waiting],
        }  # fmt: skip

    @staticmethod
    def from_json(value: dict[str, Any]) -> "Steady":
        """The reverse of as_json."""
        held, waiting = ([Point(**each) for each in value[name]] for name in ("held", "waiting"))
        return Steady(**{**value, "held": held, "waiting": waiting})


def steadied(state: Steady, points: Iterable[Point]) -> list[Point]:
    """The same fixes with the place of the stand where the vehicle stands; those held back come later.

    Changes `state`.
    """
    out: list[Point] = []
    for point in points:
        speed, was_sure = point.speed_mps, state.sure
        if state.lat is None:
            state.fresh = state.fresh and speed is None
            (state.waiting if state.fresh else out).append(point)
            if speed is None or speed < MOVING_MPS:
                _stands(state, point)
        elif _here(state, point):
            if state.sure:
                held = state.held if was_sure else ()  # else they went on already
                out += [_at(state, each) for each in (*state.waiting, *held, point)]
                state.waiting, state.fresh = [], False
            else:
                (state.waiting if state.fresh else out).append(point)
            state.held = []
        elif not state.sure and len(state.held) < 2:
            state.held.append(point)
            (state.waiting if state.fresh else out).append(point)
        else:
            _elsewhere(state, point, out)
    return out


def _stands(state: Steady, point: Point) -> None:
    state.lat, state.lon, state.since, state.n = point.lat, point.lon, point.at, 1
    state.sure = point.speed_mps is not None


def _here(state: Steady, point: Point) -> bool:
    assert state.lat is not None
    speed, away_m = point.speed_mps, metres(state.lat, state.lon, point.lat, point.lon)
    if speed is not None:
        return speed < MOVING_MPS and away_m <= FAR_M
    if away_m > (BLIND_FAR_M if state.sure else BLIND_M):
        return False
    if not state.sure:  # then it is known, and stays
        state.n += 1
        state.lat += (point.lat - state.lat) / state.n
        state.lon += ((point.lon - state.lon + 180.0) % 360.0 - 180.0) / state.n
    if state.n >= 3 and point.at - state.since >= _BLIND_STAND_MS:
        state.sure = True
    return True


def _elsewhere(state: Steady, point: Point, out: list[Point]) -> None:
    held = state.held
    was_sure = state.sure
    held.append(point)
    speeds = [each.speed_mps for each in held]
    moving = len(held) >= 2 and all(speed is not None and speed >= MOVING_MPS for speed in speeds[-2:])
    blind = len(held) >= 3 and all(speed is None for speed in speeds[-3:])
    span_ms = point.at - held[0].at
    long_since = (len(held) >= _MOST_HELD and span_ms >= _ELSEWHERE_MS) or span_ms >= _SURELY_ELSEWHERE_MS
    if not (moving or blind or long_since):
        if len(held) > _MOST_HELD:  # the last ones decide, and the first says since when
            del held[1]
        return
    out += [*state.waiting, *held] if was_sure else [*state.waiting, point]  # the first two went on already
    state.held, state.waiting, state.fresh, state.lat = [], [], False, None
    if point.speed_mps is None or point.speed_mps < MOVING_MPS:
        _stands(state, point)


def _at(state: Steady, point: Point) -> Point:
    assert state.lat is not None
    return Point(point.at, point.id, state.lat, state.lon, point.speed_mps, point.clock, point.received_at)
