"""A day at the doors: trucks come and go, and people do their jobs in the order of time over all doors.

Each door is a generator that acts and then yields when it wants to act next; the earliest one goes on. So a unit that
waits at one door can be taken through another by mistake, as it happens.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from milepost_tools.sim.dock.cast import Carrier, Cast, Truck
from milepost_tools.sim.dock.jobs import Jobs
from milepost_tools.sim.dock.site import Door
from milepost_tools.sim.dock.world import Unit

_GONE_Y_M = 20.0  # a truck that is further out has left


@dataclass(slots=True)
class Session:
    """A dock session as the files tell it, with what the truth adds."""

    row: dict[str, Any]
    truck: Truck
    loaded: list[int | str] = field(default_factory=list)
    residents: list[int | str] = field(default_factory=list)


@dataclass(slots=True)
class _Plan:
    """A trip being loaded: units that wait to be carried in, and where it is."""

    truck: Truck
    waiting: list[Unit]


class Day:
    """Runs the doors of one site. habits: chances of each kind of scene, drawn per day."""

    def __init__(self, cast: Cast) -> None:
        self.cast, self.rng, self.jobs = cast, cast.rng, Jobs(cast)
        self.world, self.site = cast.world, cast.site
        self.sessions: list[Session] = []
        self.orders: list[dict[str, Any]] = []
        self.plans: dict[int, _Plan] = {}
        self.stays: dict[int, list[tuple[float, float]]] = {door.index: [] for door in self.site.doors}
        rng = self.rng
        self.pause_s = float(rng.uniform(1, 9))
        self.hand_share = float(rng.uniform(0.3, 1.5))  # how lively the day is beside the plain loads
        self.pass_by_rate_hz = float(rng.uniform(0.2, 1.5)) / 60 * len(self.site.doors)

    def run(self) -> None:
        """Play the whole day."""
        self.cast.still()
        scripts: list[tuple[float, int, Iterator[float]]] = []
        for n, door in enumerate(self.site.doors):
            scripts.append((self.cast.start_s + float(self.rng.uniform(0, 240)), n, iter(())))
            scripts[-1] = (scripts[-1][0], n, self._door(door, scripts[-1][0]))
        scripts.append((self.cast.start_s, len(scripts), self._traffic()))
        heapq.heapify(scripts)
        while scripts:
            _, n, script = heapq.heappop(scripts)
            at_s = next(script, None)
            if at_s is not None:
                heapq.heappush(scripts, (at_s, n, script))
        # What was begun is played to its end; a day is over when its last passage is.
        self.end_s = max(self.cast.end_s, *(each["t"] + 20.0 for each in self.world.passages))
        for tag in self.world.tags:
            if tag.way.y[-1] < _GONE_Y_M:
                tag.way.wait(self.end_s)
        for body in self.world.bodies:
            body.way.wait(body.way.until + 0.01)
        self._bind()

    # -- traffic along the doors

    def _traffic(self) -> Iterator[float]:
        doors, rng = self.site.doors, self.rng
        pool = [self.cast.unit(None, doors[0].x_m - 15.0, -3.0, self.cast.start_s) for _ in range(4 + 2 * len(doors))]
        t_s = self.cast.start_s
        while t_s < self.cast.end_s:
            t_s += float(rng.exponential(1 / self.pass_by_rate_hz))
            yield t_s
            free = [unit for unit in pool if unit.way.until <= t_s]
            if free:
                self.jobs.pass_by(free[int(rng.integers(0, len(free)))], doors, t_s)

    # -- a door

    def _door(self, door: Door, t_s: float) -> Iterator[float]:
        carriers = [self.cast.carrier(door) for _ in range(int(self.rng.integers(1, 4)))]
        yield t_s
        while t_s < self.cast.end_s - 420:
            script = self._unloading if self.rng.random() < 0.2 else self._loading
            free_s = t_s
            for free_s in script(door, carriers, t_s):
                yield free_s
            t_s = free_s + float(self.rng.uniform(60, 400))
            yield t_s

    def _session(self, truck: Truck, direction: str, from_s: float) -> Session:
        door = truck.door
        antennas = [{"ant": each.ant, "role": each.role} for reader in door.readers for each in reader.antennas]
        row = {
            "session": self.cast.name("session"),
            "door": door.name,
            "vehicle": truck.vehicle,
            "trip": truck.trip,
            "from": from_s,
            "to": None,
            "direction": direction,
            "antennas": antennas,
        }
        session = Session(row, truck, residents=[unit.unit for unit in truck.residents])
        self.sessions.append(session)
        return session

    def _truck(self, door: Door, t_s: float) -> Truck:
        return Truck(door, self.cast.name("trip"), self.cast.name("vehicle"), t_s)

    def _order(self, trip: int | str, units: list[Unit]) -> None:
        rows = [{"unit": unit.unit, "epcs": unit.epcs} for unit in units]
        self.orders.append({"trip": trip, "order": self.cast.name("order"), "units": rows})

    def _residents(self, truck: Truck) -> None:
        """What the truck has on from earlier stops."""
        for _ in range(int(self.rng.integers(1, 6)) if self.rng.random() < 0.4 else 0):
            unit = self.cast.unit(None, *truck.slot(), truck.arrived_s)
            truck.aboard.append(unit)
            truck.residents.append(unit)
            self.world.count("resident")

    def _loading(self, door: Door, carriers: list[Carrier], t_s: float) -> Iterator[float]:
        rng = self.rng
        truck = self._truck(door, t_s)
        self._residents(truck)
        count = int(rng.integers(8, 19 - len(truck.residents)))
        units = [
            self.cast.brought(truck.trip, door, self.cast.beside(door) if n < 6 else self.cast.deep(door), t_s)
            for n in range(count)
        ]
        self._order(truck.trip, units if rng.random() > 0.02 else [])
        if not self.orders[-1]["units"]:
            self.world.count("empty_list")
        waiting = list(units)
        rng.shuffle(waiting)  # type: ignore[arg-type]
        for unit in [unit for unit in units if rng.random() < 0.03]:
            waiting.remove(unit)
            self.world.count("left_behind")
        late, early = rng.random() < 0.06, rng.random() < 0.06
        session = None if late else self._session(truck, "load", t_s + float(rng.uniform(5, 60)))
        plan = self.plans[door.index] = _Plan(truck, waiting)
        t_s += float(rng.uniform(70, 150))
        yield t_s
        done = 0
        while plan.waiting and t_s < self.cast.end_s - 150:
            if late and session is None and done >= 2:
                session = self._session(truck, "load", t_s)
                self.world.count("opened_late")
            if early and session is not None and session.row["to"] is None and len(plan.waiting) <= 2:
                self._close(session, t_s)
                self.world.count("closed_early")
            t_s = self._scene(door, plan, carriers, t_s)
            done += 1
            t_s += float(rng.exponential(self.pause_s)) + (float(rng.uniform(60, 240)) if rng.random() < 0.02 else 0)
            yield t_s
        del self.plans[door.index]
        session = session or self._session(truck, "load", t_s)
        if session.row["to"] is None and t_s < self.cast.end_s - 120:
            t_s += float(rng.uniform(5, 90))
            self._close(session, t_s)
        elif session.row["to"] is None:
            self.world.count("left_open")
            self.stays[door.index].append((truck.arrived_s, self.cast.end_s + 600))
            session.loaded = [unit.unit for unit in truck.aboard if unit not in truck.residents]
            return
        self._leave(truck, t_s + float(rng.uniform(20, 200)))
        yield t_s + 200

    def _close(self, session: Session, t_s: float) -> None:
        session.row["to"] = t_s
        kept = [unit for unit in session.truck.aboard if unit not in session.truck.residents]
        session.loaded = [unit.unit for unit in kept]

    def _leave(self, truck: Truck, t_s: float) -> None:
        """The truck drives off; its load is no longer heard."""
        self.stays[truck.door.index].append((truck.arrived_s, t_s))
        for unit in truck.aboard:
            unit.way.wait(t_s).go(truck.door.x_m, unit.way.y[-1] + 2 * _GONE_Y_M, 3.0)

    def _scene(self, door: Door, plan: _Plan, carriers: list[Carrier], t_s: float) -> float:
        """One scene at a door that is being loaded; returns when the door is free again."""
        rng, jobs, truck, waiting = self.rng, self.jobs, plan.truck, plan.waiting
        carrier = carriers[int(rng.integers(0, len(carriers)))]
        odd = self.hand_share
        rare = float(rng.random())
        for chance, scene in (
            (0.05 * odd, self._back_out), (0.03 * odd, self._turn_around), (0.03 * odd, self._empty),
            (0.03 * odd, self._person), (0.02 * odd, self._restage), (0.02 * odd, self._take_out),
            (0.025 * odd, self._wrong_truck),
            (0.008 * odd, self._over), (0.003, self._untagged),
        ):  # fmt: skip
            if rare < chance:
                end_s = scene(door, plan, carrier, t_s)
                if end_s is not None:
                    return end_s
                break
            rare -= chance
        if len(waiting) >= 2:
            kind = float(rng.random())
            if kind < 0.06:
                pair = [waiting.pop(), waiting.pop()]
                self.world.count("pair")
                return jobs.load(pair, truck, carrier, t_s)
            if self.site.heldout and kind < 0.10:
                stack = [waiting.pop(), waiting.pop()]
                self.world.count("double_deck")
                for tag in stack[1].tags:
                    tag.height_m += 1.0
                return jobs.load(stack, truck, carrier, t_s, stacked=True)
            if self.site.heldout and kind < 0.13:
                row = [waiting.pop() for _ in range(min(len(waiting), 5))]
                return jobs.conveyor(row, truck, t_s)
            if len(carriers) > 1 and kind < 0.28:
                row = [waiting.pop() for _ in range(min(len(waiting), len(carriers)))]
                return jobs.train(row, truck, carriers[: len(row)], t_s)
        return jobs.load([waiting.pop()], truck, carrier, t_s)

    # -- scenes that are no plain load; None when there is nobody to play them

    def _back_out(self, door: Door, plan: _Plan, carrier: Carrier, t_s: float) -> float | None:
        unit = plan.waiting[-1]
        if self.rng.random() < 0.3:
            plan.waiting.pop()  # it stays in the hall: short
        elif self.rng.random() < 0.5:
            plan.waiting.insert(0, plan.waiting.pop())  # its turn comes later
        return self.jobs.back_out(unit, plan.truck, carrier, t_s)

    def _turn_around(self, door: Door, plan: _Plan, carrier: Carrier, t_s: float) -> float | None:
        unit = plan.waiting[-1]
        plan.waiting.insert(0, plan.waiting.pop())
        return self.jobs.turn_around(unit, plan.truck, carrier, t_s)

    def _restage(self, door: Door, plan: _Plan, carrier: Carrier, t_s: float) -> float | None:
        return self.jobs.restage(plan.waiting[0], door, carrier, t_s)

    def _empty(self, door: Door, plan: _Plan, carrier: Carrier, t_s: float) -> float | None:
        return self.jobs.empty_run(plan.truck, carrier, t_s)

    def _person(self, door: Door, plan: _Plan, carrier: Carrier, t_s: float) -> float | None:
        self.jobs.person(door, t_s)
        return t_s + 2.0

    def _take_out(self, door: Door, plan: _Plan, carrier: Carrier, t_s: float) -> float | None:
        inside = [unit for unit in plan.truck.aboard[-2:] if unit not in plan.truck.residents]
        if not inside:
            return None
        unit = inside[-1]
        end_s = self.jobs.unload(unit, plan.truck, carrier, t_s, self.cast.beside(door))
        self._home(unit, plan)
        self.world.count("taken_out")
        return end_s

    def _home(self, unit: Unit, here: _Plan) -> None:
        """A unit that was taken out waits again for its own truck, or stays in the hall."""
        if self.rng.random() < 0.3:
            return
        for plan in self.plans.values():
            if plan.truck.trip == unit.trip:
                plan.waiting.insert(0, unit)
                self.world.count("reloaded" if plan is here else "sent_home")

    def _wrong_truck(self, door: Door, plan: _Plan, carrier: Carrier, t_s: float) -> float | None:
        near = [self.plans[n] for n in (door.index - 1, door.index + 1) if n in self.plans]
        known = [(other, unit) for other in near for unit in other.waiting[:-1] if unit.way.until <= t_s]
        if not known:
            return None
        other, unit = known[int(self.rng.integers(0, len(known)))]
        other.waiting.remove(unit)
        end_s = self.jobs.load([unit], plan.truck, carrier, t_s)
        if self.rng.random() < 0.5:  # somebody notices
            end_s = self.jobs.unload(unit, plan.truck, carrier, end_s, self.cast.beside(other.truck.door))
            self._home(unit, plan)
        return end_s

    def _over(self, door: Door, plan: _Plan, carrier: Carrier, t_s: float) -> float | None:
        """A unit that stands on no list, or on that of a trip of another day, is driven in."""
        unit = self.cast.brought(None, door, self.cast.deep(door), t_s - 30.0)
        unit.way.wait(t_s - 1.0)
        self.world.count("over")
        if self.rng.random() < 0.5:
            unit.trip = self.cast.name("trip")
            self._order(unit.trip, [unit])
            self.world.count("other_day")
        return self.jobs.load([unit], plan.truck, carrier, t_s)

    def _untagged(self, door: Door, plan: _Plan, carrier: Carrier, t_s: float) -> float | None:
        return self.jobs.untagged(plan.truck, carrier, t_s)

    # -- unloading

    def _unloading(self, door: Door, carriers: list[Carrier], t_s: float) -> Iterator[float]:
        rng = self.rng
        truck = self._truck(door, t_s)
        self._residents(truck)
        units = [
            self.cast.unit(truck.trip, *truck.slot(), t_s) for _ in range(int(rng.integers(4, 15)))
        ]  # fmt: skip
        truck.aboard += units
        self._order(truck.trip, units)
        session = self._session(truck, "unload", t_s + float(rng.uniform(5, 60)))
        t_s += float(rng.uniform(70, 150))
        yield t_s
        kept = [unit for unit in units if rng.random() < 0.03]
        queue = [unit for unit in reversed(truck.aboard) if unit in units and unit not in kept]
        self.world.count("left_on_vehicle", len(kept))
        for unit in queue:
            if t_s > self.cast.end_s - 150:
                break
            carrier = carriers[int(rng.integers(0, len(carriers)))]
            staged = rng.random() < 0.4
            spot = self.cast.beside(door) if staged else self.cast.deep(door)
            t_s = self.jobs.unload(unit, truck, carrier, t_s, spot)
            if self._cross_dock(unit, door, t_s):
                continue
            if staged:  # it stands about before somebody takes it to its shelf
                unit.way.wait(t_s + float(rng.uniform(40, 600))).go(*self.cast.deep(door), 1.5)
                self.world.count("inbound_staged")
            if rng.random() < 0.05:
                self.jobs.person(door, t_s)
            t_s += float(rng.exponential(self.pause_s))
            yield t_s
        self._close(session, t_s + float(rng.uniform(5, 90)))
        session.loaded = []  # nothing came aboard, whatever is left
        self._leave(truck, session.row["to"] + float(rng.uniform(20, 200)))
        yield session.row["to"] + 200

    def _cross_dock(self, unit: Unit, door: Door, t_s: float) -> bool:
        """Now and then a unit goes on with a truck at the next door; it stands on that trip's list as well."""
        near = [self.plans[n] for n in (door.index - 1, door.index + 1) if n in self.plans]
        lists = {each["trip"]: each["units"] for each in self.orders}
        near = [plan for plan in near if plan.waiting and lists[plan.truck.trip]]
        if not near or self.rng.random() > 0.15:
            return False
        plan = near[0]
        unit.trip = plan.truck.trip
        lists[unit.trip].append({"unit": unit.unit, "epcs": unit.epcs})
        plan.waiting.insert(0, unit)
        self.world.count("cross_dock")
        return True

    # -- closing the books

    def _bind(self) -> None:
        """Give each passage the session in whose time it falls at its door."""
        by_door: dict[Any, list[Session]] = {}
        for session in self.sessions:
            by_door.setdefault(session.row["door"], []).append(session)
        for passage in self.world.passages:
            for session in by_door.get(passage["door"], ()):
                row = session.row
                if row["from"] <= passage["t"] and (row["to"] is None or passage["t"] < row["to"]):
                    passage["session"] = row["session"]
        self.world.passages.sort(key=lambda each: (each["t"], str(each["unit"]), str(each["door"])))
