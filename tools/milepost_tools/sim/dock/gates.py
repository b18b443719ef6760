"""Light gates: who interrupts which beam when, and what goes wrong with them."""

from dataclasses import dataclass

import numpy as np

from milepost_tools.sim.dock.site import DOOR_HALF_M, Door
from milepost_tools.sim.dock.world import Body, World

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Edge:
    """A gate changed, true time."""

    t_s: float
    gate: str
    state: int


def spans(bodies: list[Body], door_x_m: float, line_y_m: float) -> list[Span]:
    """When any body interrupts the beam across the door at y = line_y_m: times joined and sorted, seconds."""
    found = [span for body in bodies for span in _of_body(body, door_x_m, line_y_m)]
    return joined(found)


def joined(found: list[Span]) -> list[Span]:
    """Overlapping spans made one."""
    merged: list[Span] = []
    for begin, end in sorted(found):
        if merged and begin <= merged[-1][1] + 1e-9:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged


def _of_body(body: Body, door_x_m: float, line_y_m: float) -> list[Span]:
    way, found = body.way, []
    across = False
    for n in range(len(way.t) - 1):
        dx, dy = way.x[n + 1] - way.x[n], way.y[n + 1] - way.y[n]
        if abs(dx) + abs(dy) > 1e-9:
            across = abs(dx) > abs(dy)
        half_y = (body.width_m if across else body.length_m) / 2
        half_x = (body.length_m if across else body.width_m) / 2
        span = _within(way.t[n], way.t[n + 1], way.y[n] - line_y_m, dy, half_y)
        side = _within(way.t[n], way.t[n + 1], way.x[n] - door_x_m, dx, DOOR_HALF_M + half_x)
        begin, end = max(span[0], side[0]), min(span[1], side[1])
        if begin < end:
            found.append((begin, end))
    return found


def _within(t0: float, t1: float, at: float, by: float, half: float) -> Span:
    """When |at + by * share| < half between t0 and t1; an empty span (1, 0) when never."""
    if abs(by) < 1e-12:
        return (t0, t1) if abs(at) < half else (1.0, 0.0)
    one, other = sorted(((-half - at) / by, (half - at) / by))
    low, high = max(one, 0.0), min(other, 1.0)
    return (t0 + low * (t1 - t0), t0 + high * (t1 - t0)) if low < high else (1.0, 0.0)


def edges(door: Door, world: World, start_s: float, end_s: float, bad: bool, rng: np.random.Generator) -> list[Edge]:
    """All edges of a door's gates, by true time. bad: this door's gates chatter, stick and miss more than others."""
    found: list[Edge] = []
    for gate, line_y_m in door.gates.items():
        blocked = spans(world.bodies, door.x_m, line_y_m)
        stuck = _stuck(start_s, end_s, rng) if bad and rng.random() < 0.3 else None
        if stuck is not None:
            world.count("gate_stuck")
            blocked = joined([*blocked, stuck])
        miss = 0.02 if bad else 0.001
        for begin, end in blocked:
            chatter = rng.random() < (0.1 if bad else 0.02)
            if chatter and end - begin > 1.0:
                world.count("gate_chatter")
                at = float(rng.uniform(begin + 0.2, end - 0.3))
                found += [Edge(at, gate, 0), Edge(at + float(rng.uniform(0.02, 0.2)), gate, 1)]
            for t_s, state in ((begin, 1), (end, 0)):
                if rng.random() < miss:
                    world.count("gate_edge_missed")
                else:
                    found.append(Edge(t_s, gate, state))
    return sorted((each for each in found if start_s <= each.t_s < end_s), key=lambda each: each.t_s)


def _stuck(start_s: float, end_s: float, rng: np.random.Generator) -> Span:
    begin = float(rng.uniform(start_s, end_s))
    return begin, begin + float(rng.uniform(60, 900))


def mask(blocked: list[Span], start_s: float, steps: int, step_s: float, before_s: float = 0.0, after_s: float = 0.0,
         ) -> np.ndarray:  # fmt: skip
    """Steps during which any span (made wider by before and after) holds."""
    found = np.zeros(steps, dtype=bool)
    for begin, end in blocked:
        first = max(0, int((begin - before_s - start_s) / step_s))
        found[first : max(first, int((end + after_s - start_s) / step_s) + 1)] = True
    return found
