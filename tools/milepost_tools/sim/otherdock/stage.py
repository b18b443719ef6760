"""The stage of a day: who is where, machines drive, loads hang on them, what became of a unit is told."""

import math

import numpy as np

from milepost_tools.sim.otherdock.cast import Cast, Thing
from milepost_tools.sim.otherdock.jobs import Plan
from milepost_tools.sim.otherdock.motion import Track, drive
from milepost_tools.sim.otherdock.site import Door, Site
from milepost_tools.sim.otherdock.world import Body, Visit, crossings


class Stage:
    """Everything of one day that the scenes share."""

    def __init__(self, rng: np.random.Generator, site: Site, start_t: float) -> None:
        """rng: the day's; start_t: seconds since 1970 at which everything that is staged stands."""
        self.rng, self.site, self.start_t = rng, site, start_t
        self.cast = Cast(rng, site)
        self.things: list[Thing] = []
        self.bodies: list[Body] = []
        self.truth: list[dict[str, object]] = []
        self._fleets: dict[float, list[tuple[Thing, float]]] = {}

    def spot(self, door: Door, index: int) -> tuple[float, float]:
        """Where the `index`-th unit stands before a door: in two rows beside the lane."""
        rng = self.rng
        x = door.x_m + (-1 if index % 2 else 1) * rng.uniform(1.2, 1.9)
        return x, -2.3 - 1.25 * (index // 2) - rng.uniform(0.0, 0.25)

    def stand(self, thing: Thing, t: float, x: float, y: float) -> None:
        """Let a thing stand at a place from an instant on, turned by chance."""
        thing.track.stand(t, x, y, float(self.rng.choice([0.5, -0.5, 0.0, 1.0])) * math.pi)

    def run(self, door: Door, start: tuple[float, float], t0: float, plan: Plan, accel_mps2: float, length_m: float,
            loads: list[tuple[Thing, float, float]]) -> tuple[float, float]:  # fmt: skip
        """Drive a plan from `start` at `t0` with loads (thing, aside m, ahead m); the instants of drop and end."""
        track, ends = drive(start, t0, plan.legs, accel_mps2)
        pick = ends[plan.pick] + plan.legs[plan.pick].halt_s * 0.7
        drop = ends[plan.drop] + plan.legs[plan.drop].halt_s * 0.5
        for thing, aside, ahead in loads:
            piece = track.cut(pick, drop, aside, ahead)
            if thing.track.t:  # it stands as it stood until it is taken: its heading is the machine's from then on
                last = thing.track
                last.stand(pick - 0.1, last.x[-1], last.y[-1], math.atan2(last.hy[-1], last.hx[-1]))
            thing.track.add(piece)
            thing.carried.append((pick, drop))
        most = max((ahead for _, _, ahead in loads), default=0.0)
        self.bodies.append(Body(track, t0, pick, 0.5, 0.4 + length_m))
        self.bodies.append(Body(track, pick, drop, 0.6 + most, 0.6 + length_m))
        self.bodies.append(Body(track, drop, ends[-1], 0.5, 0.4 + length_m))
        self._tagged(door, track, t0, ends[-1])
        return drop, ends[-1]

    def _tagged(self, door: Door, track: Track, t0: float, t1: float) -> None:
        """Some machines carry a tag of their own; one that is away cannot be used at the same time."""
        fleet = self._fleets.setdefault(door.x_m, [])
        if self.rng.random() > 0.45:
            return
        for index, (machine, busy) in enumerate(fleet):
            if busy < t0:
                machine.track.add(track)
                fleet[index] = (machine, t1)
                return
        machine = self.cast.machine()
        machine.track.add(track)
        fleet.append((machine, t1))
        self.things.append(machine)

    def tell(self, thing: Thing, visit: Visit, outcome: str, kind: str, listed: bool, turned_t: float | None) -> None:
        """Write down what became of a unit in a session.

        outcome: loaded, unloaded, wrong_truck (aboard, not on this list), taken_out, backed_out, turned_back, not
        (listed, never tried) or left_aboard (of an unload list). at: the last crossing of the door's line in the
        outcome's direction, else the turning point, else null; crossings: all of them, on the site's clock.
        """
        over = crossings(thing.track, visit.there_t, visit.gone_t, visit.door.x_m)
        at = over[-1][0] if over else turned_t
        self.truth.append(
            {
                "unit": thing.name,
                "epcs": thing.epcs,
                "door": visit.door.door,
                "session": visit.session,
                "trip": visit.trip,
                "outcome": outcome,
                "at": at,
                "kind": kind,
                "listed": listed,
                "live_tags": sum(1 for tag in thing.tags if tag.epc in thing.epcs),
                "crossings": [[t, way] for t, way in over],
            }
        )
