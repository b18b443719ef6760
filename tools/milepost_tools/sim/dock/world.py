"""What moves and stands at the doors: ways over time, units with their tags, carriers, and the log of the truth."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

UNIT_LENGTH_M, UNIT_WIDTH_M = 1.2, 0.9


class Way:
    """A place over time: corners (seconds, metres, metres) with straight lines between them."""

    def __init__(self, t_s: float, x_m: float, y_m: float) -> None:
        self.t = [t_s]
        self.x = [x_m]
        self.y = [y_m]

    @property
    def at(self) -> tuple[float, float]:
        """Where it is last."""
        return self.x[-1], self.y[-1]

    @property
    def until(self) -> float:
        """When it is there."""
        return self.t[-1]

    def wait(self, t_s: float) -> "Way":
        """Stay until t_s; nothing when that is already past."""
        if t_s > self.t[-1]:
            self.t.append(t_s)
            self.x.append(self.x[-1])
            self.y.append(self.y[-1])
        return self

    def go(self, x_m: float, y_m: float, speed_mps: float) -> "Way":
        """Drive straight to a place."""
        way_m = float(np.hypot(x_m - self.x[-1], y_m - self.y[-1]))
        if way_m > 1e-6:
            self.t.append(self.t[-1] + way_m / speed_mps)
            self.x.append(x_m)
            self.y.append(y_m)
        return self

    def moved(self, dx_m: float, dy_m: float) -> "Way":
        """The same way beside this one."""
        other = Way(self.t[0], self.x[0] + dx_m, self.y[0] + dy_m)
        other.t, other.x, other.y = list(self.t), [x + dx_m for x in self.x], [y + dy_m for y in self.y]
        return other

    def place(self, t_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Places at the times t_s, at the nearest end outside."""
        return np.interp(t_s, self.t, self.x), np.interp(t_s, self.t, self.y)


@dataclass(slots=True)
class Tag:
    """A tag on something. dx, dy, height: where on it (metres, dx across and dy along its course).

    offset_db: its own strength; block_db: what the goods take away on the far side; normal: the way it looks
    (across, along); truck: index of the door whose truck it stands in from a moment on, looked up by place.
    """

    epc: str
    way: Way
    dx_m: float
    dy_m: float
    height_m: float
    offset_db: float
    block_db: float
    normal: tuple[float, float]
    dead: bool
    number: int


@dataclass(slots=True)
class Body:
    """Something that breaks a light gate: its way, length along and width across its course, metres."""

    way: Way
    length_m: float
    width_m: float


@dataclass(slots=True)
class Unit:
    """A handling unit. trip: the one it is listed on."""

    unit: int | str
    epcs: list[str]
    trip: int | str | None
    way: Way
    tags: list[Tag]
    spot: tuple[float, float]


@dataclass(slots=True)
class World:
    """Everything that was put on stage so far. kinds: how often each kind of scene or fault took place."""

    tags: list[Tag] = field(default_factory=list)
    bodies: list[Body] = field(default_factory=list)
    units: list[Unit] = field(default_factory=list)
    passages: list[dict[str, Any]] = field(default_factory=list)
    fixtures: list[str] = field(default_factory=list)
    riders: dict[str, Any] = field(default_factory=dict)
    kinds: dict[str, int] = field(default_factory=dict)

    def count(self, kind: str, by: int = 1) -> None:
        """Note that something of this kind took place."""
        self.kinds[kind] = self.kinds.get(kind, 0) + by
