"""What happens besides loading: trucks are unloaded, goods stand about and pass by, people walk, walls have tags."""

from milepost_tools.sim.otherdock.cast import Thing
from milepost_tools.sim.otherdock.jobs import draw_pace, outward, past
from milepost_tools.sim.otherdock.loading import residents, slots
from milepost_tools.sim.otherdock.motion import Leg, drive
from milepost_tools.sim.otherdock.site import Door
from milepost_tools.sim.otherdock.stage import Stage
from milepost_tools.sim.otherdock.world import Body, Visit


def unload(stage: Stage, visit: Visit) -> None:
    """Let a truck be unloaded: units go to the floor of the hall, most of them later to their shelves."""
    rng, door = stage.rng, visit.door
    visit.there_t = visit.from_t - rng.uniform(5, 120)
    places = slots(visit)
    aboard = residents(stage, visit, places, 3)
    for thing in visit.units:
        stage.stand(thing, stage.start_t, *places.pop(0))
        thing.from_t = thing.set_down = visit.there_t
        thing.truck = visit.index
        visit.placed.append(visit.there_t)
        stage.things.append(thing)
    t, last_t = visit.from_t + rng.uniform(5, 60), 0.0
    shelves: list[tuple[float, Thing]] = []
    outcome: dict[int, str] = {}
    for row, thing in enumerate(reversed(visit.units)):
        if rng.random() < 0.03:
            outcome[id(thing)] = "left_aboard"
            continue
        pace, accel, length = draw_pace(rng)
        end = stage.spot(door, row)
        plan = outward(rng, pace, door.x_m, (thing.track.x[-1], thing.track.y[-1]), end)
        park = (door.x_m + rng.uniform(-4, 4), -rng.uniform(8, 11))
        drop_t, end_t = stage.run(door, park, t, plan, accel, length, [(thing, 0.0, 0.0)])
        outcome[id(thing)] = "unloaded"
        thing.truck = None
        last_t = max(last_t, end_t)
        if rng.random() < 0.7:
            shelves.append((drop_t + rng.uniform(40, 400), thing))
        t = max(drop_t + rng.uniform(2, 25), t + 5)
    visit.to_t = max(last_t, t) + rng.uniform(10, 100)
    visit.gone_t = visit.to_t + rng.uniform(5, 60)
    for thing in [*aboard, *visit.units]:
        if thing.truck is not None:
            thing.to_t = visit.gone_t
    for thing in visit.units:
        stage.tell(thing, visit, outcome[id(thing)], outcome[id(thing)], True, None)
    for when, thing in shelves:
        _to_shelf(stage, door, thing, when)


def _to_shelf(stage: Stage, door: Door, thing: Thing, t: float) -> None:
    rng = stage.rng
    pace, accel, _ = draw_pace(rng)
    here = (thing.track.x[-1], thing.track.y[-1])
    track, ends = drive(
        here, t, [Leg(((here[0], -18.0), (door.x_m + rng.uniform(-9, 9), -22.0)), pace.free_mps)], accel
    )
    thing.track.stand(t - 0.1, *here, 0.0)
    thing.track.add(track.cut(t, ends[-1]))
    thing.carried.append((t, ends[-1]))


def bystanders(stage: Stage, others: list[list[Thing]], end_t: float) -> int:
    """Staged goods of other days, tags on walls, pass-bys and people; how many things with tags."""
    rng, doors = stage.rng, stage.site.doors
    count = 0
    for door in doors:
        for _ in range(int(rng.integers(4, 10))):
            thing = stage.cast.unit()
            if rng.random() < 0.5:
                others[int(rng.integers(len(others)))].append(thing)
            side = rng.choice([-1, 1]) * rng.uniform(0.9, 2.3)
            stage.stand(thing, stage.start_t, door.x_m + side, -rng.uniform(2.2, 6.5))
            stage.things.append(thing)
            count += 1
        for _ in range(int(rng.integers(0, 3))):
            side = rng.choice([-1, 1]) * rng.uniform(1.5, 2.0)
            stage.things.append(stage.cast.fixture(door.x_m + side, -rng.uniform(0.05, 0.6)))
            count += 1
    count += _pass_bys(stage, others, end_t)
    for door in doors:
        t = stage.start_t + rng.exponential(400)
        while t < end_t:
            side = door.x_m + rng.uniform(-0.8, 0.8)
            deep = rng.uniform(-0.5, 3.0)
            legs = [Leg(((side, deep),), 1.2, halt_s=rng.uniform(1, 20)), Leg(((side, -4.0),), 1.2)]
            track, ends = drive((side, -4.0), t, legs, 1.5)
            stage.bodies.append(Body(track, t, ends[-1], 0.2, 0.2))
            t += rng.exponential(400)
    return count


def _pass_bys(stage: Stage, others: list[list[Thing]], end_t: float) -> int:
    """Machines with goods on the way along the doors, near and far."""
    rng, doors = stage.rng, stage.site.doors
    t, count = stage.start_t + rng.uniform(10, 60), 0
    while t < end_t:
        pace, accel, length = draw_pace(rng)
        thing = stage.cast.unit()
        if rng.random() < 0.4:
            others[int(rng.integers(len(others)))].append(thing)
        near = doors[int(rng.integers(len(doors)))]
        way = 1 if rng.random() < 0.5 else -1
        y = -rng.uniform(1.1, 5.5)
        start = (near.x_m - way * 12.0, y)
        stage.stand(thing, stage.start_t, *start)
        plan = past(pace, start[0], near.x_m + way * 12.0, y)
        _, end = stage.run(near, start, t, plan, accel, length, [(thing, 0.0, 0.0)])
        thing.from_t, thing.to_t = t, end
        stage.things.append(thing)
        count += 1
        t += rng.uniform(8, 35)
    return count
