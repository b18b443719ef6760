"""What a day is made of: trucks, bodies before the light gates, what really happened."""

from dataclasses import dataclass, field

import numpy as np

from milepost_tools.sim.otherdock.cast import Thing
from milepost_tools.sim.otherdock.motion import Track
from milepost_tools.sim.otherdock.site import DOOR_HALF_M, Door, Site


@dataclass(frozen=True, slots=True)
class Body:
    """What light gates can see: its way between two instants, and how far it reaches before and behind."""

    track: Track
    from_t: float
    to_t: float
    ahead_m: float
    behind_m: float


@dataclass(slots=True)
class Visit:
    """A truck at a door and its dock session.

    from_t, to_t are the session's, there_t and gone_t the truck's; units: listed and brought here, lent: listed, but
    somebody took them to another truck; placed: when units were set down in the truck.
    """

    index: int
    door: Door
    session: int | str
    trip: int | str
    direction: str
    length_m: float
    from_t: float
    units: list[Thing] = field(default_factory=list)
    lent: list[Thing] = field(default_factory=list)
    to_t: float = 0.0
    there_t: float = 0.0
    gone_t: float = 0.0
    placed: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Day:
    """What happened. truth: one entry for each unit and session (see `stage.Stage.tell`); others: the units of trips
    of later days; strays: how many things with tags were about and took no part in a session."""

    seed: int
    site: Site
    start_t: float
    end_t: float
    visits: list[Visit]
    things: list[Thing]
    bodies: list[Body]
    truth: list[dict[str, object]]
    others: list[list[Thing]]
    strays: int


def crossings(track: Track, from_t: float, to_t: float, door_x: float) -> list[tuple[float, str]]:
    """When a way went over a door's line, and which way ("in" or "out"), between two instants."""
    t, x, y = np.array(track.t), np.array(track.x), np.array(track.y)
    found: list[tuple[float, str]] = []
    for i in np.flatnonzero((y[:-1] < 0) != (y[1:] < 0)):
        when = float(t[i] + (t[i + 1] - t[i]) * y[i] / (y[i] - y[i + 1]))
        if abs(x[i] - door_x) < DOOR_HALF_M and from_t <= when <= to_t:
            found.append((when, "in" if y[i] < 0 else "out"))
    return found
