"""Light gates: a beam across the door is interrupted while a machine, its load or a person stands in it."""

import numpy as np

from milepost_tools.sim.otherdock.site import DOOR_HALF_M, Door
from milepost_tools.sim.otherdock.world import Body, Day

_STEP_S = 0.05


def edges(day: Day, rng: np.random.Generator) -> list[tuple[float, Door, str, int]]:
    """Every change of every gate on the site's clock: time, door, gate, state. Some are missed."""
    found: list[tuple[float, Door, str, int]] = []
    for door in day.site.doors:
        for gate, y in door.gates.items():
            if y is None:
                continue
            for start, end in _merged([span for body in day.bodies for span in _broken(body, door.x_m, y)]):
                for when, state in ((start, 1), (end, 0)):
                    if rng.random() >= day.site.faults.gate_missed:
                        found.append((when, door, gate, state))
    return sorted(found, key=lambda edge: (edge[0], str(edge[1].door), edge[2], edge[3]))


def _broken(body: Body, door_x: float, y: float) -> list[tuple[float, float]]:
    """Spans in which a body's line from its front to its rear lies across a beam."""
    t = np.arange(body.from_t, body.to_t, _STEP_S)
    if not len(t):
        return []
    px, py, hx, hy = body.track.at(t)
    front_y, rear_y = py + body.ahead_m * hy, py - body.behind_m * hy
    half = 0.1 + 0.4 * np.abs(hx)  # what drives along the wall is as wide as a pallet
    across = (np.maximum(front_y, rear_y) + half > y) & (np.minimum(front_y, rear_y) - half < y)
    across &= np.abs(px - door_x) < DOOR_HALF_M + 0.4
    if not across.any():
        return []
    steps = np.flatnonzero(np.diff(np.concatenate([[False], across, [False]]).astype(int)))
    return [(float(t[a]), float(t[b - 1]) + _STEP_S) for a, b in zip(steps[::2], steps[1::2], strict=True)]


def _merged(spans: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Overlapping spans as one."""
    joined: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined
