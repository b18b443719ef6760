"""Ways cut into legs on the steps of the simulation."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from milepost_tools.sim.dock.world import Way

STEP_S = 0.05


@dataclass(frozen=True, slots=True)
class Leg:
    """Steps [first, last) of a way. course: rad; x, y at each step, or one value where it stands."""

    first: int
    last: int
    course: float
    x: np.ndarray
    y: np.ndarray

    @property
    def stands(self) -> bool:
        """True when it does not move."""
        return len(self.x) == 1


def legs(way: Way, start_s: float, steps: int, course: float = np.pi / 2) -> Iterator[Leg]:
    """The legs of a way between start_s and start_s + steps * STEP_S; standing, it keeps its last course."""
    here = course
    for n in range(len(way.t) - 1):
        dx, dy = way.x[n + 1] - way.x[n], way.y[n + 1] - way.y[n]
        first = max(0, int(np.ceil((way.t[n] - start_s) / STEP_S)))
        last = min(steps, int(np.ceil((way.t[n + 1] - start_s) / STEP_S)))
        moves = abs(dx) + abs(dy) > 1e-9
        if moves:
            # Carried backwards it keeps looking forwards: pallets face the truck they go into or come out of.
            here = np.pi / 2 if abs(dy) >= abs(dx) else (0.0 if dx > 0 else np.pi)
        if first >= last:
            continue
        if not moves:
            yield Leg(first, last, here, np.array([way.x[n]]), np.array([way.y[n]]))
            continue
        share = (start_s + np.arange(first, last) * STEP_S - way.t[n]) / (way.t[n + 1] - way.t[n])
        yield Leg(first, last, here, way.x[n] + share * dx, way.y[n] + share * dy)
