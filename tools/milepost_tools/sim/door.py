"""A dock door: pallets pass an antenna and two light gates; others stand about and are heard as well.

The line through the door: x = 0 in its frame, negative in the hall, positive in the truck; metres. Figures:
RSSI over distance, fading and noise as measured in a real room (-52.7 - 21.6 lg d dBm, sd 3.8 between
places; 2.2 dB by channel, a hop every 0.2 s; 0.6 dB reader noise, 1 dB steps).
"""

import math
import random
from dataclasses import dataclass, field

from milepost_tools.sim.m100 import ROUNDS_PER_S

GATE_M = {"inner": -0.6, "outer": 0.6}
ANTENNA_X_M, ANTENNA_SIDE_M = 0.0, 1.3
PALLET_M = 1.2
FROM_M, TO_M = -2.8, 2.8
ROUND_MS = 1000 // ROUNDS_PER_S

_AT_1_M_DBM, _PER_DECADE_DB = -52.7, -21.6
_PLACE_SD_DB, _CHANNEL_SD_DB, _NOISE_SD_DB = 1.5, 2.2, 0.6
_PLACE_LENGTH_M = 0.35
_SENSITIVITY_DBM = -69.0
_TRUCK_WALL_DB = 18.0
_HOP_MS, _CHANNELS = 200, 16
_MISS = 0.08  # rounds that collide or fade although a tag would answer


@dataclass(frozen=True, slots=True)
class Passage:
    """A pallet carried straight through.

    epc: None is an untagged load; start_ms: UTC ms; inwards: from the hall into the truck.
    """

    epc: bytes | None
    start_ms: int
    inwards: bool
    speed_mps: float

    @property
    def end_ms(self) -> int:
        """When it has left the door's surroundings."""
        return self.start_ms + round((TO_M - FROM_M) / self.speed_mps * 1000)

    def x_m(self, at_ms: int) -> float | None:
        """Where its middle is, or None before and after."""
        if not self.start_ms <= at_ms < self.end_ms:
            return None
        way_m = self.speed_mps * (at_ms - self.start_ms) / 1000
        return FROM_M + way_m if self.inwards else TO_M - way_m


@dataclass
class Door:
    """Everything at one door. seed: of fading, noise and the rounds."""

    seed: int
    passages: list[Passage] = field(default_factory=list)
    staged: dict[bytes, float] = field(default_factory=dict)  # epc to its distance in the hall, m
    aboard: dict[bytes, float] = field(default_factory=dict)  # epc to its distance in the truck, m

    def __post_init__(self) -> None:
        self._rng = random.Random(self.seed)

    def blocked(self, gate: str, at_ms: int) -> bool:
        """True while a load interrupts a light gate ("inner" or "outer")."""
        for passage in self.passages:
            x_m = passage.x_m(at_ms)
            if x_m is not None and abs(x_m - GATE_M[gate]) < PALLET_M / 2:
                return True
        return False

    def round(self, at_ms: int) -> tuple[bytes, int] | None:
        """One inventory round: the tag that answered and its level in dBm, or None."""
        if self._rng.random() < _MISS:
            return None
        heard = [(epc, level) for epc, level in self._levels(at_ms) if level >= _SENSITIVITY_DBM]
        if not heard:
            return None
        # A nearer tag answers more often (capture); weights by amplitude.
        weights = [10 ** (level / 20) for _, level in heard]
        epc, level = self._rng.choices(heard, weights)[0]
        return epc, round(level)

    def _levels(self, at_ms: int) -> list[tuple[bytes, float]]:
        levels: list[tuple[bytes, float]] = []
        for passage in self.passages:
            x_m = passage.x_m(at_ms)
            if x_m is not None and passage.epc is not None:
                levels.append((passage.epc, self._level(passage.epc, x_m, at_ms, 0.0)))
        for epc, away_m in self.staged.items():
            levels.append((epc, self._level(epc, -away_m, at_ms, 0.0)))
        for epc, away_m in self.aboard.items():
            levels.append((epc, self._level(epc, away_m, at_ms, _TRUCK_WALL_DB)))
        return levels

    def _level(self, epc: bytes, x_m: float, at_ms: int, wall_db: float) -> float:
        away_m = max(0.3, math.hypot(x_m - ANTENNA_X_M, ANTENNA_SIDE_M))
        channel = random.Random(at_ms // _HOP_MS * 7 + self.seed).randrange(_CHANNELS)
        # Fading belongs to the place and the channel: the same tag at the same spot fades the same way.
        place = random.Random(f"{self.seed}/{epc.hex()}/{round(x_m / _PLACE_LENGTH_M)}").gauss(0, _PLACE_SD_DB)
        hop = random.Random(f"{self.seed}/{epc.hex()}/{channel}").gauss(0, _CHANNEL_SD_DB)
        noise = self._rng.gauss(0, _NOISE_SD_DB)
        return _AT_1_M_DBM + _PER_DECADE_DB * math.log10(away_m) + place + hop + noise - wall_db
