"""What a carrier does with a load at a door: the legs of its way, and where the load is picked up and set down."""

from dataclasses import dataclass

import numpy as np

from milepost_tools.sim.otherdock.motion import Leg

Point = tuple[float, float]

# Scenes of one job: what the carrier does between the pick-up and the drop.
INWARD = ("plain", "halt", "turn_then_in", "back_then_in")
AWAY = ("turned_back", "backed_out", "in_out")


@dataclass(frozen=True, slots=True)
class Plan:
    """Legs of a job; the load hangs on the machine from the halt of leg `pick` to the halt of leg `drop`."""

    legs: list[Leg]
    pick: int
    drop: int


@dataclass(frozen=True, slots=True)
class Pace:
    """A machine's top speeds: free in the hall, and at and behind the door, m/s."""

    free_mps: float
    door_mps: float


def draw_pace(rng: np.random.Generator) -> tuple[Pace, float, float]:
    """The pace of a machine, its acceleration in m/s² and its length behind the load in m."""
    low, high, length = ((0.9, 1.4, 0.8), (1.0, 2.2, 1.1), (2.0, 3.5, 2.2))[int(rng.choice(3, p=[0.2, 0.45, 0.35]))]
    free = rng.uniform(low, high)
    return Pace(free, free * rng.uniform(0.55, 1.0)), rng.uniform(0.5, 1.4), length * rng.uniform(0.85, 1.2)


def _pick_up(rng: np.random.Generator, pace: Pace, load: Point) -> list[Leg]:
    """Up to the load, and a metre back with it."""
    away = (load[0] + rng.uniform(-0.3, 0.3), load[1] - rng.uniform(0.8, 1.4))
    return [
        Leg((away, load), pace.free_mps, halt_s=rng.uniform(1.5, 4.0)),
        Leg((away,), pace.door_mps * 0.6, backwards=True, halt_s=rng.uniform(0.2, 1.0)),
    ]


def inward(rng: np.random.Generator, pace: Pace, scene: str, load: Point, door_x: float, slot: Point) -> Plan:
    """From where the load stands into the truck.

    scene: one of INWARD; slot: where it is set down; door_x in m. Raises ValueError for other scenes.
    """
    if scene not in INWARD:
        raise ValueError(f"scene {scene!r}: use one of {', '.join(INWARD)}")
    line = door_x + rng.uniform(-0.25, 0.25)
    lane = (line, -rng.uniform(2.2, 3.5))
    legs = _pick_up(rng, pace, load)
    if scene == "turn_then_in":
        legs += _there_and_back(rng, pace, line, -rng.uniform(0.3, 2.2))
    elif scene == "back_then_in":
        legs += _there_and_back(rng, pace, line, rng.uniform(0.5, 3.0))
    elif scene == "halt":
        legs.append(Leg((lane, (line, -rng.uniform(0.1, 1.1))), pace.door_mps, halt_s=rng.uniform(0.8, 14.0)))
    ahead = () if scene == "halt" else (lane,)
    legs.append(Leg((*ahead, (line, 0.4), slot), pace.door_mps, halt_s=rng.uniform(1.5, 4.0)))
    return Plan(legs + _home(rng, pace, line), 0, len(legs) - 1)


def away(rng: np.random.Generator, pace: Pace, scene: str, load: Point, door_x: float, slot: Point, end: Point) -> Plan:
    """From where the load stands towards the truck and back into the hall, where it is set down at `end`.

    scene: one of AWAY: turned before the line, backed out after 0.5 to 3 m, or set down at `slot` and taken out again.
    Raises ValueError for other scenes.
    """
    if scene not in AWAY:
        raise ValueError(f"scene {scene!r}: use one of {', '.join(AWAY)}")
    line = door_x + rng.uniform(-0.25, 0.25)
    legs = _pick_up(rng, pace, load)
    if scene == "turned_back":
        legs += _there_and_back(rng, pace, line, -rng.uniform(0.3, 2.2))
    elif scene == "backed_out":
        legs += _there_and_back(rng, pace, line, rng.uniform(0.5, 3.0))
    else:
        legs.append(Leg(((line, -2.5), (line, 0.4), slot), pace.door_mps, halt_s=rng.uniform(4.0, 40.0)))
        legs.append(Leg(((line, 0.4), (line, -3.5)), pace.door_mps, backwards=True, halt_s=0.8))
    legs.append(Leg((end,), pace.free_mps, halt_s=rng.uniform(1.5, 3.0)))
    drop = len(legs) - 1
    legs.append(Leg(((end[0], end[1] - 2.0),), pace.free_mps, backwards=True))
    return Plan(legs, 0, drop)


def outward(rng: np.random.Generator, pace: Pace, door_x: float, slot: Point, end: Point) -> Plan:
    """Empty into the truck, and out with the unit that stands at `slot`, which is set down at `end`."""
    line = door_x + rng.uniform(-0.25, 0.25)
    before = (slot[0], slot[1] - 1.0)
    legs = [
        Leg(((line, -2.5), (line, 0.4), before, slot), pace.door_mps, halt_s=rng.uniform(1.5, 4.0)),
        Leg((before, (line, 0.4), (line, -3.0)), pace.door_mps, backwards=True, halt_s=rng.uniform(0.3, 2.0)),
        Leg((end,), pace.free_mps, halt_s=rng.uniform(1.5, 3.0)),
        Leg(((end[0], end[1] - 1.5),), pace.free_mps, backwards=True),
    ]
    return Plan(legs, 0, 2)


def past(pace: Pace, from_x: float, to_x: float, y: float) -> Plan:
    """Along the doors with a load and no stop. y: how far from the wall (negative), m."""
    first = from_x + 0.5 * (1 if to_x > from_x else -1)
    return Plan([Leg(((first, y),), pace.free_mps), Leg(((to_x, y),), pace.free_mps)], 0, 1)


def _there_and_back(rng: np.random.Generator, pace: Pace, line: float, depth_y: float) -> list[Leg]:
    return [
        Leg(((line, -3.0), (line, depth_y)), pace.door_mps, halt_s=rng.uniform(0.3, 6.0)),
        Leg(((line, -rng.uniform(2.8, 4.5)),), pace.door_mps, backwards=True, halt_s=rng.uniform(0.5, 9.0)),
    ]


def _home(rng: np.random.Generator, pace: Pace, line: float) -> list[Leg]:
    return [
        Leg(((line, 0.4), (line, -rng.uniform(2.5, 3.5))), pace.door_mps, backwards=True, halt_s=0.4),
        Leg(((line + rng.uniform(-3, 3), -rng.uniform(7.5, 11)),), pace.free_mps),
    ]
