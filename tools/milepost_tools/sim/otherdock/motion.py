"""Ways over time: legs with a trapezoid of speed, halts, driving backwards, loads picked up and set down."""

import math
from dataclasses import dataclass, field

import numpy as np

STEP_S = 0.1


@dataclass(frozen=True, slots=True)
class Leg:
    """A piece of a carrier's way between two standstills.

    points: corners (x, y) after the present one, metres; speed_mps: top speed; backwards: the machine looks the other
    way; halt_s: how long it stands at the end.
    """

    points: tuple[tuple[float, float], ...]
    speed_mps: float
    backwards: bool = False
    halt_s: float = 0.0


@dataclass(slots=True)
class Track:
    """A way sampled over time: seconds, metres, heading as a unit vector. Before and after it the thing stands."""

    t: list[float] = field(default_factory=list)
    x: list[float] = field(default_factory=list)
    y: list[float] = field(default_factory=list)
    hx: list[float] = field(default_factory=list)
    hy: list[float] = field(default_factory=list)

    def stand(self, t: float, x: float, y: float, heading_rad: float) -> None:
        """Add one sample."""
        self.t.append(t)
        self.x.append(x)
        self.y.append(y)
        self.hx.append(math.cos(heading_rad))
        self.hy.append(math.sin(heading_rad))

    def add(self, other: "Track") -> None:
        """Append a later way."""
        for name in ("t", "x", "y", "hx", "hy"):
            getattr(self, name).extend(getattr(other, name))

    def at(self, t: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """x, y and the heading's two parts at times `t`."""
        hx, hy = np.interp(t, self.t, self.hx), np.interp(t, self.t, self.hy)
        size = np.maximum(np.hypot(hx, hy), 1e-6)
        return np.interp(t, self.t, self.x), np.interp(t, self.t, self.y), hx / size, hy / size

    def cut(self, start: float, end: float, aside_m: float = 0.0, ahead_m: float = 0.0) -> "Track":
        """The part between two instants, moved aside and ahead of the machine's heading."""
        inside = [t for t in self.t if start < t < end]
        t = np.array([start, *inside, end])
        x, y, hx, hy = self.at(t)
        found = Track()
        found.t = [float(v) for v in t]
        found.x = [float(v) for v in x + ahead_m * hx - aside_m * hy]
        found.y = [float(v) for v in y + ahead_m * hy + aside_m * hx]
        found.hx, found.hy = [float(v) for v in hx], [float(v) for v in hy]
        return found


def _times(length: float, top: float, accel: float) -> tuple[np.ndarray, np.ndarray]:
    """Times and distances along a leg that starts and ends at rest."""
    if length < 1e-9:
        return np.array([0.0]), np.array([0.0])
    top = min(top, math.sqrt(length * accel))
    up = top / accel
    cruise = (length - top * up) / top
    t = np.arange(0.0, 2 * up + cruise, STEP_S)
    s = np.where(
        t < up,
        accel * t * t / 2,
        np.where(
            t < up + cruise,
            top * up / 2 + top * (t - up),
            length - accel * np.maximum(2 * up + cruise - t, 0) ** 2 / 2,
        ),
    )
    return np.append(t, 2 * up + cruise), np.append(s, length)


def drive(start: tuple[float, float], t0: float, legs: list[Leg], accel_mps2: float) -> tuple[Track, list[float]]:
    """Drive along legs from a place at an instant: the way and the instants at which each leg's halt begins.

    accel_mps2: how quickly it speeds up and slows down, above 0.
    """
    track, ends = Track(), []
    here, t, heading = start, t0, math.pi / 2
    for leg in legs:
        corners = np.array([here, *leg.points])
        steps = np.hypot(np.diff(corners[:, 0]), np.diff(corners[:, 1]))
        along = np.concatenate([[0.0], np.cumsum(steps)])
        times, way = _times(float(along[-1]), leg.speed_mps, accel_mps2)
        x, y = np.interp(way, along, corners[:, 0]), np.interp(way, along, corners[:, 1])
        which = np.clip(np.searchsorted(along, way, side="right") - 1, 0, len(steps) - 1)
        turns = np.arctan2(np.diff(corners[:, 1]), np.diff(corners[:, 0])) + (math.pi if leg.backwards else 0.0)
        for index in range(len(times)):
            if steps[which[index]] > 1e-9:
                heading = float(turns[which[index]])
            track.stand(t + float(times[index]), float(x[index]), float(y[index]), heading)
        here, t = (float(corners[-1][0]), float(corners[-1][1])), t + float(times[-1])
        ends.append(t)
        if leg.halt_s > 0:
            t += leg.halt_s
            track.stand(t, *here, heading)
    return track, ends
