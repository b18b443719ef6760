"""A truck is loaded: each unit of the list has its scene, units of other lists are mistaken, some are never brought."""

from dataclasses import dataclass

from milepost_tools.sim.otherdock.cast import Thing
from milepost_tools.sim.otherdock.jobs import AWAY, away, draw_pace, inward
from milepost_tools.sim.otherdock.stage import Stage
from milepost_tools.sim.otherdock.world import Visit

_ODDS = {
    "plain": 0.745,
    "halt": 0.09,
    "turn_then_in": 0.05,
    "back_then_in": 0.035,
    "twice": 0.02,
    "not": 0.02,
    "turned_back": 0.015,
    "backed_out": 0.015,
    "in_out": 0.01,
}
_FOREIGN = {"plain": 0.6, "halt": 0.15, "in_out": 0.25}


@dataclass(slots=True)
class Task:
    """One job: its units (two at once on one machine), scene, whether the list names them, and what came of it."""

    units: list[Thing]
    kind: str
    listed: bool
    outcome: str = ""
    turned_t: float | None = None


def slots(visit: Visit) -> list[tuple[float, float]]:
    """Where units stand in the truck, deepest first."""
    rows = int(visit.length_m / 1.1)
    deep = [(row + 0.6) * visit.length_m / rows for row in range(rows)]
    return [(visit.door.x_m + side * 0.6, y) for y in sorted(deep, reverse=True) for side in (-1, 1)]


def residents(stage: Stage, visit: Visit, places: list[tuple[float, float]], most: int) -> list[Thing]:
    """Units of earlier stops that stand in the truck all the time, on no list here; they leave with it."""
    found: list[Thing] = []
    for _ in range(int(stage.rng.integers(0, most + 1))):
        thing = stage.cast.unit()
        stage.stand(thing, stage.start_t, *places.pop(0))
        thing.from_t = thing.set_down = visit.there_t
        thing.truck = visit.index
        visit.placed.append(visit.there_t)
        found.append(thing)
    stage.things.extend(found)
    return found


def load(stage: Stage, visit: Visit, later: list[Visit], others: list[list[Thing]]) -> None:
    """Let a truck be loaded. later: visits whose units may be mistaken for this one's; others: lists of later days."""
    rng = stage.rng
    visit.there_t = visit.from_t - rng.uniform(5, 120)
    t, last_t = visit.from_t + rng.uniform(5, 60), 0.0
    if rng.random() < 0.04:  # somebody forgot to open the session before the first load
        t = visit.from_t - rng.uniform(10, 60)
        visit.there_t = min(visit.there_t, t - 10)
    places = slots(visit)
    aboard = residents(stage, visit, places, 4)
    tasks = _tasks(stage, visit)
    for thing in _foreign(stage, visit, later, others):
        kind = str(rng.choice(list(_FOREIGN), p=list(_FOREIGN.values())))
        tasks.insert(int(rng.integers(0, len(tasks) + 1)), Task([thing], kind, listed=False))
    for task in tasks:
        drop_t, end_t = _play(stage, visit, task, places, t)
        last_t = max(last_t, end_t)
        close = task.kind == "plain" and rng.random() < 0.07  # the next machine follows at once
        t = t + rng.uniform(4, 8) if close else max(drop_t + rng.uniform(-3, 25), t + 5)
    visit.to_t = last_t + rng.uniform(10, 100)
    visit.gone_t = visit.to_t + rng.uniform(5, 60)
    visit.placed.sort()
    aboard += [thing for task in tasks for thing in task.units if thing.truck == visit.index]
    for thing in aboard:
        thing.to_t = visit.gone_t
    for task in tasks:
        for thing in task.units:
            stage.tell(thing, visit, task.outcome, task.kind, task.listed, task.turned_t)
    tried = {id(thing) for task in tasks for thing in task.units}
    for thing in visit.units:
        if id(thing) not in tried:
            stage.tell(thing, visit, "not", "not", True, None)
    for thing in visit.lent:
        stage.tell(thing, visit, "not", "lent", True, None)


def _tasks(stage: Stage, visit: Visit) -> list[Task]:
    rng = stage.rng
    tasks: list[Task] = []
    row = 0
    for thing in visit.units:
        kind = str(rng.choice(list(_ODDS), p=list(_ODDS.values())))
        stage.things.append(thing)
        if kind != "not" and rng.random() < 0.15:  # straight from its shelf
            far = rng.random() < 0.5  # or from before another door, along the wall
            aside = rng.choice([-1, 1]) * rng.uniform(6, 16) if far else rng.uniform(-6, 6)
            stage.stand(
                thing, stage.start_t, visit.door.x_m + aside, -(rng.uniform(2, 5) if far else rng.uniform(14, 25))
            )
        else:
            stage.stand(thing, stage.start_t, *stage.spot(visit.door, row))
            row += 1
        if kind == "not":
            continue
        last = tasks[-1] if tasks else None
        if last and kind == last.kind == "plain" and len(last.units) == 1 and rng.random() < 0.1:
            last.units.append(thing)
        else:
            tasks.append(Task([thing], kind, listed=True))
    return tasks


def _foreign(stage: Stage, visit: Visit, later: list[Visit], others: list[list[Thing]]) -> list[Thing]:
    """Units of other lists, or none, that stand between this truck's own and are taken for them."""
    rng = stage.rng
    found: list[Thing] = []
    while rng.random() < 0.25 and len(found) < 3:
        lot = rng.random()
        lenders = [other for other in later if len(other.units) > 4]
        if lot < 0.5 and lenders:
            lender = lenders[int(rng.integers(len(lenders)))]
            thing = lender.units.pop()
            lender.lent.append(thing)
        elif lot < 0.75:
            thing = stage.cast.unit()
            others[int(rng.integers(len(others)))].append(thing)
        else:
            thing = stage.cast.unit()  # on no list at all
        stage.things.append(thing)
        stage.stand(thing, stage.start_t, *stage.spot(visit.door, len(visit.units) + len(found)))
        found.append(thing)
    return found


def _play(
    stage: Stage, visit: Visit, task: Task, places: list[tuple[float, float]], t: float
) -> tuple[float, float]:  # fmt: skip
    """One job; the instants of its last drop and of its end."""
    rng, door = stage.rng, visit.door
    pace, accel, length = draw_pace(rng)
    park = (door.x_m + rng.uniform(-4, 4), -rng.uniform(8, 11))
    offsets = [(0.0, 0.0)]
    if len(task.units) == 2:  # side by side, or one before the other on long forks
        offsets = [(-0.42, 0.0), (0.42, 0.0)] if rng.random() < 0.6 else [(0.0, 0.0), (0.0, 1.2)]
    loads = [(unit, aside, ahead) for unit, (aside, ahead) in zip(task.units, offsets, strict=True)]
    lead = task.units[0].track
    scene = task.kind
    if scene == "twice" or scene in AWAY:
        end = (door.x_m + rng.choice([-1, 1]) * rng.uniform(1.0, 2.4), -rng.uniform(3.5, 7.5))
        trip = away(
            rng, pace, "in_out" if scene == "twice" else scene, (lead.x[-1], lead.y[-1]), door.x_m, places[0], end
        )
        drop_t, end_t = stage.run(door, park, t, trip, accel, length, loads)
        if scene != "twice":
            task.outcome = "taken_out" if scene == "in_out" else scene
            during = [i for i, when in enumerate(lead.t) if t <= when <= end_t]
            task.turned_t = lead.t[max(during, key=lambda i: lead.y[i])]
            return drop_t, end_t
        t, scene = end_t + rng.uniform(5, 90), "plain"
    slot = places.pop(0)
    if len(task.units) == 2 and places:
        other = places.pop(0)
        slot = ((slot[0] + other[0]) / 2, min(slot[1], other[1]))
    plan = inward(rng, pace, scene, (lead.x[-1], lead.y[-1]), door.x_m, slot)
    drop_t, end_t = stage.run(door, park, t, plan, accel, length, loads)
    for unit in task.units:
        unit.truck, unit.set_down = visit.index, drop_t
        visit.placed.append(drop_t)
    task.outcome = "loaded" if task.listed else "wrong_truck"
    return drop_t, end_t
