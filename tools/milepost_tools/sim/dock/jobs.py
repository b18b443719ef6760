"""What people do at a door, one scene after the other: each moves units and carriers and notes the truth."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from milepost_tools.sim.dock.cast import Carrier, Cast, Truck
from milepost_tools.sim.dock.ranges import draw
from milepost_tools.sim.dock.site import Door
from milepost_tools.sim.dock.world import Body, Unit, Way

LINE_Y_M = 0.0  # a unit whose middle is beyond it has crossed the door
_APPROACH_Y_M = -2.1


def crossing_s(way: Way, after_s: float) -> float | None:
    """When the way last crossed the door's line after a moment, or None."""
    for n in range(len(way.t) - 1, 0, -1):
        if way.t[n] < after_s:
            return None
        one, other = way.y[n - 1] - LINE_Y_M, way.y[n] - LINE_Y_M
        if (one < 0) != (other < 0):
            return way.t[n - 1] + (way.t[n] - way.t[n - 1]) * one / (one - other)
    return None


class Jobs:
    """The scenes of one site."""

    def __init__(self, cast: Cast) -> None:
        self.cast, self.world, self.rng = cast, cast.world, cast.rng

    # -- telling the truth

    def note(self, unit: Unit | None, door: Door, trip: int | str | None, t_s: float, what: str) -> None:
        """Write a passage into the truth."""
        entry: dict[str, Any] = {
            "unit": None if unit is None else unit.unit,
            "epcs": [] if unit is None else list(unit.epcs),
            "door": door.name,
            "session": None,
            "trip": trip,
            "t": t_s,
            "what": what,
        }
        self.world.passages.append(entry)
        self.world.count(what)

    def _aboard(self, units: Sequence[Unit], truck: Truck, since_s: float) -> None:
        for unit in units:
            at_s = crossing_s(unit.way, since_s)
            assert at_s is not None, "a unit was set down aboard without crossing the line"
            listed_here = unit.trip == truck.trip
            self.note(unit, truck.door, truck.trip, at_s, "loaded" if listed_here else "wrong_truck")
            truck.aboard.append(unit)

    # -- moving

    def fetch(self, carrier: Carrier, unit: Unit, t_s: float) -> float:
        """Bring a carrier behind a unit; returns when it is there. It sets out before the door is free at t_s."""
        x_m, y_m = unit.way.at
        ahead_s = max(unit.way.until, t_s - 8.0) if unit.way.y[-1] < LINE_Y_M else t_s
        carrier.way.wait(ahead_s).go(x_m, y_m - carrier.gap_m, carrier.speed_mps)
        return max(t_s, carrier.way.until + float(self.rng.uniform(0.5, 3.0)))

    def haul(self, carrier: Carrier | None, units: Sequence[Unit], t_s: float, x_m: float, y_m: float, speed: float,
             ) -> float:  # fmt: skip
        """Carry units (the first leads) to a place, their carrier with them; returns when they are there."""
        lead = units[0].way
        dx_m, dy_m = x_m - lead.x[-1], y_m - lead.y[-1]
        for way in [unit.way for unit in units] + ([] if carrier is None else [carrier.way]):
            way.wait(t_s).go(way.x[-1] + dx_m, way.y[-1] + dy_m, speed)
        return lead.until

    def away(self, carrier: Carrier, door: Door, t_s: float) -> float:
        """Drive a carrier out of the truck and a little back into the hall."""
        carrier.way.wait(t_s).go(door.x_m + self._sway(), -4.0, carrier.speed_mps)
        at_s = carrier.way.until
        carrier.way.go(door.x_m + float(self.rng.uniform(-2, 2)), float(self.rng.uniform(-9, -6)), carrier.speed_mps)
        return at_s

    def _sway(self) -> float:
        return float(np.clip(self.rng.normal(0, 0.15), -0.4, 0.4))

    def _to_line(self, carrier: Carrier | None, units: Sequence[Unit], door: Door, t_s: float, speed: float) -> float:
        return self.haul(carrier, units, t_s, door.x_m + self._sway(), _APPROACH_Y_M, speed)

    # -- scenes

    def load(self, units: Sequence[Unit], truck: Truck, carrier: Carrier, t_s: float, stacked: bool = False) -> float:
        """Carry one unit, or two side by side or stacked, into the truck and come back for the next."""
        since_s = t_s
        t_s = self.fetch(carrier, units[0], t_s)
        beside_m = 0.0 if stacked else 0.95
        for n, unit in enumerate(units[1:], 1):  # brought together first
            x_m, y_m = units[0].way.at
            t_s = max(t_s, self.haul(None, [unit], t_s, x_m + n * beside_m, y_m, 1.0))
        middle_m = truck.door.x_m + self._sway() - beside_m * (len(units) - 1) / 2
        t_s = self.haul(carrier, units, t_s, middle_m, _APPROACH_Y_M, carrier.speed_mps)
        x_m, y_m = truck.slot()
        if len(units) > 1:
            truck.slot()
            x_m = middle_m
        if self.rng.random() < 0.04:
            at_m = float(self.rng.uniform(-1.0, 0.8))
            t_s = self.haul(carrier, units, t_s, middle_m, at_m, carrier.speed_mps) + draw(self.rng, "halt_s")
            self.world.count("halt_in_door")
        t_s = self.haul(carrier, units, t_s, middle_m, 0.9, carrier.speed_mps)
        t_s = self.haul(carrier, units, t_s, x_m, y_m, carrier.speed_mps * 0.8)
        self._aboard(units, truck, since_s)
        return self.away(carrier, truck.door, t_s + float(self.rng.uniform(0.5, 4.0)))

    def train(self, units: Sequence[Unit], truck: Truck, carriers: Sequence[Carrier], t_s: float) -> float:
        """One behind the other, some seconds apart, and out again when all are in."""
        gap_s = draw(self.rng, "train_gap_s")
        speed = min(carrier.speed_mps for carrier in carriers)
        ready = [self.fetch(carrier, unit, t_s) for carrier, unit in zip(carriers, units, strict=True)]
        placed = [
            self.haul(carrier, [unit], at_s, truck.door.x_m + self._sway(), _APPROACH_Y_M - 2.5 * n, speed)
            for n, (carrier, unit, at_s) in enumerate(zip(carriers, units, ready, strict=True))
        ]
        start_s, done = max(placed), []
        for n, (carrier, unit) in enumerate(zip(carriers, units, strict=True)):
            at_s = start_s + max(0.0, n * (gap_s - 2.5 / speed))  # the line moves up meanwhile
            at_s = self.haul(carrier, [unit], at_s, truck.door.x_m + self._sway(), 0.9, speed)
            done.append(self.haul(carrier, [unit], at_s, *truck.slot(), speed))
            self._aboard([unit], truck, t_s)
        out_s = max(done) + float(self.rng.uniform(0.5, 3.0))
        for carrier in reversed(carriers):
            self.away(carrier, truck.door, out_s)
            out_s += gap_s
        self.world.count("train")
        return out_s

    def conveyor(self, units: Sequence[Unit], truck: Truck, t_s: float) -> float:
        """Pushed over rollers without any machine, 3 to 5 seconds apart."""
        gap_s, speed = float(self.rng.uniform(3.0, 5.0)), float(self.rng.uniform(0.4, 0.9))
        for n, unit in enumerate(units):
            at_s = self._to_line(None, [unit], truck.door, t_s, 1.0) + n * gap_s
            at_s = self.haul(None, [unit], at_s, truck.door.x_m + self._sway(), 0.9, speed)
            self.haul(None, [unit], at_s, *truck.slot(), speed)
            self._aboard([unit], truck, t_s)
        self.world.count("conveyor")
        return max(unit.way.until for unit in units)

    def back_out(self, unit: Unit, truck: Truck, carrier: Carrier, t_s: float) -> float:
        """Towards or into the truck, a while there, and back to its place: nothing was loaded."""
        rng = self.rng
        since_s = t_s
        t_s = self._to_line(carrier, [unit], truck.door, self.fetch(carrier, unit, t_s), carrier.speed_mps)
        depth_m = float(rng.uniform(-0.9, 1.0) if rng.random() < 0.4 else rng.uniform(1.0, 9.0))
        x_m = truck.door.x_m + self._sway()
        t_s = self.haul(carrier, [unit], t_s, x_m, depth_m, carrier.speed_mps * float(rng.uniform(0.5, 1.0)))
        turn_s = t_s
        t_s += float(rng.exponential(5.0)) + 0.5
        t_s = self.haul(carrier, [unit], t_s, x_m, _APPROACH_Y_M - 0.5, carrier.speed_mps * 0.7)
        t_s = self.haul(carrier, [unit], t_s, *self.cast.beside(truck.door), carrier.speed_mps * 0.7)
        crossed = crossing_s(unit.way, since_s)
        self.note(unit, truck.door, truck.trip, crossed or turn_s, "passed_back" if crossed else "turned_around")
        return self.away(carrier, truck.door, t_s + 1.0)

    def turn_around(self, unit: Unit, truck: Truck, carrier: Carrier, t_s: float) -> float:
        """Up to the door, and to another place in the hall."""
        rng = self.rng
        t_s = self.fetch(carrier, unit, t_s)
        speed = carrier.speed_mps * 0.8
        near_m = float(rng.uniform(-1.9, -0.95))
        t_s = self._to_line(carrier, [unit], truck.door, t_s, speed)
        t_s = self.haul(carrier, [unit], t_s, truck.door.x_m + float(rng.uniform(-0.8, 0.8)), near_m, speed)
        self.note(unit, truck.door, truck.trip, t_s, "turned_around")
        t_s += float(rng.exponential(3.0)) + 0.3
        t_s = self.haul(carrier, [unit], t_s, truck.door.x_m, _APPROACH_Y_M - 1.0, speed)
        t_s = self.haul(carrier, [unit], t_s, *self.cast.beside(truck.door), speed)
        return self.away(carrier, truck.door, t_s + 1.0)

    def restage(self, unit: Unit, door: Door, carrier: Carrier, t_s: float) -> float:
        """From one place among the staged pallets to another, not to the door."""
        t_s = self.fetch(carrier, unit, t_s)
        t_s = self.haul(carrier, [unit], t_s, *self.cast.beside(door), carrier.speed_mps * 0.8)
        carrier.way.wait(t_s + 1.0).go(door.x_m + self._sway(), -7.0, carrier.speed_mps)
        self.world.count("restaged")
        return carrier.way.until

    def unload(self, unit: Unit, truck: Truck, carrier: Carrier, t_s: float, to: tuple[float, float]) -> float:
        """In with an empty fork, out with a unit, and on to a place in the hall."""
        since_s = t_s
        carrier.way.wait(t_s).go(truck.door.x_m + self._sway(), -4.0, carrier.speed_mps)
        carrier.way.go(truck.door.x_m, 0.0, carrier.speed_mps)
        t_s = self.fetch(carrier, unit, carrier.way.until)
        speed = carrier.speed_mps * 0.8
        t_s = self.haul(carrier, [unit], t_s, truck.door.x_m + self._sway(), 0.9, speed)
        t_s = self.haul(carrier, [unit], t_s, truck.door.x_m + self._sway(), _APPROACH_Y_M - 0.8, speed)
        truck.aboard.remove(unit)
        at_s = crossing_s(unit.way, since_s)
        assert at_s is not None, "a unit came out without crossing the line"
        self.note(unit, truck.door, truck.trip, at_s, "unloaded")
        t_s = self.haul(carrier, [unit], t_s, *to, carrier.speed_mps)
        return self.away(carrier, truck.door, t_s + 1.0)

    def empty_run(self, truck: Truck, carrier: Carrier, t_s: float) -> float:
        """Into the truck and out without a load."""
        carrier.way.wait(t_s).go(truck.door.x_m + self._sway(), -4.0, carrier.speed_mps)
        carrier.way.go(truck.door.x_m + self._sway(), float(self.rng.uniform(1.5, 9)), carrier.speed_mps)
        self.world.count("empty_run")
        return self.away(carrier, truck.door, carrier.way.until + float(self.rng.uniform(1, 15)))

    def untagged(self, truck: Truck, carrier: Carrier, t_s: float) -> float:
        """A load that carries no tag at all goes in."""
        t_s = max(t_s, carrier.way.until)
        way = Way(t_s, truck.door.x_m, -8.0)
        self.world.bodies.append(Body(way, 1.2, 0.9))
        carrier.way.wait(t_s).go(way.x[-1], way.y[-1] - carrier.gap_m, carrier.speed_mps)
        t_s = carrier.way.until + 1.0
        for x_m, y_m in ((truck.door.x_m, _APPROACH_Y_M), truck.slot()):
            dx_m, dy_m = x_m - way.x[-1], y_m - way.y[-1]
            for each in (way, carrier.way):
                each.wait(t_s).go(each.x[-1] + dx_m, each.y[-1] + dy_m, carrier.speed_mps)
            t_s = way.until
        at_s = crossing_s(way, t_s - 60)
        self.note(None, truck.door, truck.trip, at_s or t_s, "loaded")
        self.world.count("untagged")
        return self.away(carrier, truck.door, t_s + 1.0)

    def person(self, door: Door, t_s: float) -> None:
        """Somebody walks through the beams, or only into the first."""
        rng = self.rng
        way = Way(t_s, door.x_m + float(rng.uniform(-1, 1)), -2.5)
        reach_m = float(rng.choice((0.0, 3.0)))
        way.go(way.x[0], reach_m, 1.2).wait(way.until + float(rng.exponential(4.0))).go(way.x[0], -2.5, 1.2)
        self.world.bodies.append(Body(way, 0.4, 0.5))
        self.world.count("person")

    def pass_by(self, unit: Unit, doors: Sequence[Door], t_s: float) -> float:
        """Along the doors without stopping; one entry of the truth for each door that it passes."""
        rng = self.rng
        speed = draw(rng, str(rng.choice(("walk_mps", "pallet_truck_mps", "forklift_mps"))))
        y_m = -float(rng.uniform(1.05, 6.0))
        from_m = unit.way.x[-1]
        left_m, right_m = doors[0].x_m - 15.0, doors[-1].x_m + 15.0
        to_m = right_m if from_m < (left_m + right_m) / 2 else left_m
        t_s = unit.way.wait(t_s).go(from_m, y_m, speed).until
        for door in sorted(doors, key=lambda each: abs(each.x_m - from_m)):
            self.note(unit, door, None, t_s + abs(door.x_m - from_m) / speed, "pass_by")
        return unit.way.go(to_m, y_m, speed).until
