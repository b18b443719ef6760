"""What a GNSS receiver makes of a true position: a slow wander, white noise, satellites that come and go."""

import math
import random
from dataclasses import dataclass

from milepost_tools.sim.geo import Ground, Point

_WANDER_SD_M = 1.2
_WANDER_S = 40.0
_WHITE_SD_M = 0.15


@dataclass(frozen=True, slots=True)
class Seen:
    """One epoch as a receiver reports it."""

    lat_deg: float
    lon_deg: float
    alt_m: float
    speed_mps: float
    course_deg: float | None
    sats: int
    hdop: float


class Receiver:
    """A receiver at 1 Hz over a piece of ground; equal seeds give equal errors. height_m: of the ground."""

    def __init__(self, ground: Ground, *, seed: int, height_m: float = 6.0) -> None:
        self._ground = ground
        self._height_m = height_m
        self._rng = random.Random(seed)
        self._wander_m = [self._rng.gauss(0, _WANDER_SD_M) for _ in range(3)]
        self._sats = 11

    def see(self, at: Point, speed_mps: float, course_deg: float) -> Seen:
        """The next epoch, one second after the one before, of a truck at `at` (metres)."""
        rng = self._rng
        push = _WANDER_SD_M * math.sqrt(2 / _WANDER_S)
        self._wander_m = [error - error / _WANDER_S + rng.gauss(0, push) for error in self._wander_m]
        if rng.random() < 0.05:
            self._sats = min(14, max(8, self._sats + rng.choice((-1, 1))))
        east_m, north_m = (
            here + wander + rng.gauss(0, _WHITE_SD_M) for here, wander in zip(at, self._wander_m, strict=False)
        )
        lat_deg, lon_deg = self._ground.degrees((east_m, north_m))
        rolling = speed_mps > 0.5
        return Seen(
            lat_deg,
            lon_deg,
            self._height_m + 1.5 * self._wander_m[2],
            max(0.0, speed_mps + rng.gauss(0, 0.05)) if rolling else abs(rng.gauss(0, 0.04)),
            (course_deg + rng.gauss(0, 0.6)) % 360 if rolling else None,
            self._sats,
            round(1.9 - 0.08 * self._sats, 1),
        )
