"""A truck along a route: it accelerates, slows before corners, and comes to rest at the end."""

import math
import random
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

from milepost_tools.sim.geo import Point, course_deg, distance_m

ACCELERATION_MPS2 = 1.8
BRAKING_MPS2 = 2.0
_STOP_WITHIN_M = 0.4
_CREEP_MPS = 0.6  # so that rounding never leaves a truck standing short of its goal


class Route:
    """A polyline with the speed that each of its corners allows.

    points: at least two, in metres, no two neighbours the same. Raises ValueError otherwise.
    """

    def __init__(self, points: Sequence[Point]) -> None:
        if len(points) < 2:
            raise ValueError(f"a route needs two points or more, not {len(points)}")
        self.points = tuple(points)
        self._at_m = [0.0]
        for one, other in pairwise(points):
            leg_m = distance_m(one, other)
            if leg_m == 0:
                raise ValueError(f"a route names the point {one} twice in a row")
            self._at_m.append(self._at_m[-1] + leg_m)
        self._limits = [(at_m, _corner_mps(*points[i : i + 3])) for i, at_m in enumerate(self._at_m[1:-1])] + [
            (self.length_m, 0.0)
        ]

    @property
    def length_m(self) -> float:
        """Length in metres."""
        return self._at_m[-1]

    def place(self, along_m: float) -> tuple[Point, float]:
        """Point and course (degrees) after `along_m` metres; beyond the ends the nearest end."""
        along_m = min(max(along_m, 0.0), self.length_m)
        leg = min(bisect_right(self._at_m, along_m), len(self._at_m) - 1) - 1
        one, other = self.points[leg], self.points[leg + 1]
        share = (along_m - self._at_m[leg]) / (self._at_m[leg + 1] - self._at_m[leg])
        here = (one[0] + share * (other[0] - one[0]), one[1] + share * (other[1] - one[1]))
        return here, course_deg(one, other)

    def allowed_mps(self, along_m: float) -> float:
        """Greatest speed at this place from which every limit ahead can still be kept by braking."""
        return min(
            (
                math.sqrt(limit_mps**2 + 2 * BRAKING_MPS2 * (at_m - along_m))
                for at_m, limit_mps in self._limits
                if at_m >= along_m
            ),
            default=0.0,
        )

    def reversed(self) -> "Route":
        """The same way back."""
        return Route(self.points[::-1])


def _corner_mps(before: Point, corner: Point, after: Point) -> float:
    turn = abs((course_deg(corner, after) - course_deg(before, corner) + 180) % 360 - 180)
    if turn < 10:
        return math.inf
    return 11.0 if turn < 70 else 7.0


class Truck:
    """Where a truck is and how fast it goes; `step` moves it in time.

    at: metres; course: degrees; seed: of the driver's unevenness; top_mps: cruising speed in m/s.
    """

    def __init__(self, at: Point, course: float, *, seed: int, top_mps: float = 19.0) -> None:
        self.at = at
        self.course = course
        self.speed_mps = 0.0
        self.top_mps = top_mps
        self._route: Route | None = None
        self._along_m = 0.0
        self._rng = random.Random(seed)
        self._mood = 1.0

    @property
    def moving(self) -> bool:
        """True from `go` until it stands at the end of the route."""
        return self._route is not None

    def go(self, route: Route) -> None:
        """Set out along a route, which begins where the truck stands (a truck never jumps).

        Raises ValueError when it stands elsewhere or is still driving.
        """
        if self._route is not None:
            raise ValueError("the truck is still driving; wait until it stands")
        if distance_m(self.at, route.points[0]) > 1.0:
            raise ValueError(f"the route begins at {route.points[0]}, the truck stands at {self.at}")
        self._route, self._along_m = route, 0.0

    def step(self, seconds: float) -> None:
        """Let time pass (at most 0.2 s at a time, so that braking stays smooth)."""
        if self._route is None:
            return
        self._mood += (1.0 - self._mood) * 0.1 * seconds + self._rng.gauss(0, 0.02) * math.sqrt(seconds)
        self._mood = min(1.06, max(0.9, self._mood))
        allowed = min(self._route.allowed_mps(self._along_m), self.top_mps * self._mood)
        faster = self.speed_mps + ACCELERATION_MPS2 * seconds
        slower = self.speed_mps - 1.5 * BRAKING_MPS2 * seconds
        speed = max(min(faster, allowed), slower, 0.0)
        self._along_m += max((self.speed_mps + speed) / 2, _CREEP_MPS) * seconds
        self.speed_mps = speed
        if self._route.length_m - self._along_m < _STOP_WITHIN_M:
            self._along_m = self._route.length_m
            self.speed_mps = 0.0
        self.at, self.course = self._route.place(self._along_m)
        if self.speed_mps == 0.0 and self._along_m == self._route.length_m:
            self._route = None
