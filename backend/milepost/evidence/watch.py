"""A vehicle that stands too long or leaves its way: what a dispatcher should phone about (EX-31). Pure."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import shapely

from milepost.evidence.routing import Place
from milepost.telemetry.legs import Fix, Leg, metres
from milepost.telemetry.ways import M_PER_DEGREE

LONG_STOP_MS = 2_700_000  # no rule names a number; a driver's break takes 45 minutes
CORRIDOR_M = 1_000.0
OFF_FIXES = 3
OFF_MS = 120_000


@dataclass(frozen=True, slots=True)
class Off:
    """A vehicle off its way: since when (UTC ms), the first fix back (None: it still is), how far at most."""

    from_ms: int
    to_ms: int | None
    farthest_m: float


def long_stop(
    leg: Leg | None, now_ms: int, planned: Iterable[tuple[Place, float]], limit_ms: int = LONG_STOP_MS
) -> bool:
    """True when a vehicle stands for longer than the limit at none of the planned places, each (place, radius in m).

    `leg`: what it is doing now.
    """
    if leg is None or leg.kind != "stop" or now_ms - leg.from_ms < limit_ms:
        return False
    return all(metres(leg.lat, leg.lon, *place) > radius_m for place, radius_m in planned)


def off_way(fixes: Iterable[Fix], way: Sequence[Place], corridor_m: float = CORRIDOR_M) -> list[Off]:
    """When a vehicle was off its way, in order.

    `way`: at least two places, planned by a router or driven by the house before. Off is who was farther from it than
    the corridor for at least 3 fixes and 2 minutes: a detour round a block, and a jump of the receiver, are not.
    """
    line = shapely.LineString([_plane(place, way[0]) for place in way])
    found: list[Off] = []
    outside: list[tuple[int, float]] = []
    for at, lat, lon, _ in fixes:
        far_m = line.distance(shapely.Point(_plane((lat, lon), way[0])))
        if far_m > corridor_m:
            outside.append((at, far_m))
            continue
        if _is_off(outside):
            found.append(Off(outside[0][0], at, round(max(far for _, far in outside), 1)))
        outside = []
    if _is_off(outside):
        found.append(Off(outside[0][0], None, round(max(far for _, far in outside), 1)))
    return found


def off_every_way(fixes: Iterable[Fix], ways: Iterable[Sequence[Place]], corridor_m: float = CORRIDOR_M) -> list[Off]:
    """When a vehicle was off each of several ways at once, as `off_way`; nothing where no way is known."""
    given = list(fixes)
    each = [off_way(given, way, corridor_m) for way in ways if len(way) >= 2]
    if not each:
        return []
    found: list[Off] = []
    for off in each[0]:
        shared = [[other for other in others if _meet(off, other)] for others in each[1:]]
        if all(shared):
            every = [off, *(other for others in shared for other in others[-1:])]
            ends = [one.to_ms for one in every if one.to_ms is not None]
            found.append(
                Off(
                    max(one.from_ms for one in every), min(ends) if ends else None, min(one.farthest_m for one in every)
                )
            )
    return found


def _meet(one: Off, other: Off) -> bool:
    return (one.to_ms is None or other.from_ms < one.to_ms) and (other.to_ms is None or one.from_ms < other.to_ms)


def _is_off(outside: list[tuple[int, float]]) -> bool:
    return len(outside) >= OFF_FIXES and outside[-1][0] - outside[0][0] >= OFF_MS


def _plane(place: Place, origin: Place) -> tuple[float, float]:
    east_deg = (place[1] - origin[1] + 180.0) % 360.0 - 180.0
    return east_deg * M_PER_DEGREE * math.cos(math.radians(origin[0])), (place[0] - origin[0]) * M_PER_DEGREE
