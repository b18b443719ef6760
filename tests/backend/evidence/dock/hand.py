"""Small cases laid out by hand: where a unit stands and goes, and what antennas and gates make of it.

Not the simulator: levels follow from distance alone, reads come at even times, nothing is left to chance.
"""

import math
from collections.abc import Iterable
from itertools import pairwise

from milepost.evidence.dock.files import Edge, Read
from milepost.evidence.dock.model import IN, INNER, OUT, OUTER, Id, Order, Session, Unit

START_S = 1_780_300_800.0
ANTENNAS = (("i1", INNER, -1.4, -0.9), ("i2", INNER, 1.4, -0.9), ("o1", OUTER, -1.4, 0.2), ("o2", OUTER, 1.4, 0.2))
PITCH_M = 3.8
Point = tuple[float, float, float]  # seconds from the start, x along the wall, y into the truck (m)


def session(
    name: Id = "S1",
    door: Id = "D1",
    trip: Id | None = "T1",
    from_s: float = 0.0,
    to_s: float | None = 300.0,
    direction: int = OUT,
    sides: Iterable[int] = (INNER, OUTER),
) -> Session:
    """A session with the antennas of the given sides. Times are seconds from the start."""
    roles = tuple((f"{door}{name_}", side) for name_, side, _, _ in ANTENNAS if side in set(sides))
    return Session(name, door, "V1", trip, START_S + from_s, None if to_s is None else START_S + to_s, direction, roles)


def order(trip: Id = "T1", *units: Id) -> Order:
    """An order whose units carry one tag each, named after them."""
    return Order(trip, f"O{trip}", tuple(Unit(unit, trip, f"O{trip}", (tag(unit),)) for unit in units))


def tag(unit: Id) -> str:
    """The EPC on a unit of these cases."""
    return f"31{int.from_bytes(str(unit).encode()) % 16**22:022X}"


def reads(
    epc: Id,
    way: Iterable[Point],
    doors: Iterable[Id] = ("D1",),
    sides: Iterable[int] = (INNER, OUTER),
    every_s: float = 0.12,
    weaker_db: float = 0.0,
) -> list[Read]:
    """What the doors' antennas read of a tag on its way; doors stand side by side, PITCH_M apart."""
    points, found = list(way), []
    antennas = [each for each in ANTENNAS if each[1] in set(sides)]
    turn, t = 0, points[0][0]
    while t <= points[-1][0]:
        x, y = _at(points, t)
        for n, door in enumerate(doors):
            name, side, ax, ay = antennas[turn % len(antennas)]
            apart = math.dist((x, y), (ax + n * PITCH_M, ay))
            level = -48.0 - 22.0 * math.log10(max(0.5, apart)) - weaker_db
            if (side == OUTER and y < -0.5) or (side == INNER and y > 0.5):
                level -= 6.0  # behind the antenna
            if (x - n * PITCH_M - ax) * ax > 0:
                level -= 12.0  # antennas look at the middle of their own door
            if y > 1.5:
                level -= 8.0  # the truck's walls
            level += 1.5 * math.sin(7.0 * t + ax * 3 + n)  # a little fading
            if level > -75.0:
                found.append((round(START_S + t, 3), door, f"{door}{name}", epc, float(round(level))))
        turn += 1
        t += every_s
    return found


def through(
    at_s: float, speed_mps: float = 1.2, x: float = 0.0, stay_s: float = 60.0, before_s: float = 20.0
) -> list[Point]:
    """From a place in the hall into the truck, over the line at at_s; stands before and after."""
    begin, end = at_s - 6.0 / speed_mps, at_s + 6.0 / speed_mps
    return [(begin - before_s, x, -6.0), (begin, x, -6.0), (end, x, 6.0), (end + stay_s, x, 6.0)]


def turned(way: Iterable[Point]) -> list[Point]:
    """The same way backwards, at the same times."""
    points = list(way)
    return [(t, x, y) for (t, _, _), (_, x, y) in zip(points, reversed(points), strict=True)]


def gates(at_s: float, speed_mps: float = 1.2, length_m: float = 3.2, out: bool = True, door: Id = "D1") -> list[Edge]:
    """Both gates (inner at -0.7 m, outer at +0.3 m) interrupted by something whose front load crosses at at_s."""
    front_m = 0.6
    found: list[Edge] = []
    for side, y in ((INNER, -0.7), (OUTER, 0.3)) if out else ((OUTER, 0.3), (INNER, -0.7)):
        begin = at_s + ((y if out else -y) - front_m) / speed_mps
        found += [(START_S + begin, door, side, 1), (START_S + begin + length_m / speed_mps, door, side, 0)]
    return found


def _at(points: list[Point], t: float) -> tuple[float, float]:
    for (t0, x0, y0), (t1, x1, y1) in pairwise(points):
        if t0 <= t <= t1:
            part = 0.0 if t1 == t0 else (t - t0) / (t1 - t0)
            return x0 + part * (x1 - x0), y0 + part * (y1 - y0)
    return points[-1][1:]


__all__ = ["IN", "OUT", "START_S", "gates", "order", "reads", "session", "tag", "through", "turned"]
