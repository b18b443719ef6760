"""The place: doors, antennas, gates, readers and the radio of the hall, all drawn from wide ranges.

Axes: x along the wall, y out of the hall (negative) into the truck (positive), z up from the floor, metres.
Levels are relative to a tag one metre before an antenna: "one way" is what reaches the tag, a level read is twice that.
"""

import math
from dataclasses import dataclass

import numpy as np

PROFILES = ("recommended", "weak")
DOOR_HALF_M = 1.3
TRUCK_HALF_M = 1.22


@dataclass(frozen=True, slots=True)
class Antenna:
    """One antenna: `ant` as in the files, place in metres, unit vector of its axis, role, own gain one way in dB."""

    ant: int | str
    role: str
    place: tuple[float, float, float]
    axis: tuple[float, float, float]
    gain_db: float


@dataclass(frozen=True, slots=True)
class Reader:
    """A reader and the antennas it switches between; clock_s is how far its clock is ahead, drift as a ratio."""

    antennas: tuple[int, ...]
    dwell_s: float
    switch_s: float
    clock_s: float
    drift: float


@dataclass(frozen=True, slots=True)
class Door:
    """A door: its id, middle (m), antennas, readers, y of its light gates in m (None: none, or broken)."""

    door: int | str
    x_m: float
    antennas: tuple[Antenna, ...]
    readers: tuple[Reader, ...]
    gates: dict[str, float | None]
    gate_clock_s: float
    placing: str


@dataclass(frozen=True, slots=True)
class Radio:
    """What waves meet in this hall and truck bodies, and what the readers can hear."""

    level_1m_dbm: float
    spare_db: float  # one way, at one metre
    hears_dbm: float
    spread_db: float  # one way, per decade: between the floor and the ceiling a wave spreads in two dimensions
    clutter_db_m: float  # one way, per metre beyond three: racks, goods, people
    floor: float
    steel: float  # amplitude that a truck's side wall throws back
    scatter: float  # amplitude of all scattered waves together
    beam_half_deg: float
    back_db: float
    dipole_floor: float
    wall_db: float  # one way, one truck wall
    fills_m: float  # how far from an antenna its wave fills a truck's body
    guide_db_m: float  # one way, per metre inside the truck
    mast_db: float  # one way, a machine behind its load
    behind_db: float  # one way, per unit set down in front
    noise_db: float
    step_db: float


@dataclass(frozen=True, slots=True)
class Rounds:
    """Times of an inventory round in seconds (Gen2 slots) and the chance that a singulated tag is read well."""

    overhead_s: float
    empty_s: float
    collided_s: float
    read_s: float
    good: float
    persistence_s: float  # session S1: how long a tag stays silent; 0 with S0


@dataclass(frozen=True, slots=True)
class Faults:
    """Shares and seconds by which lines are doubled, lost and late."""

    doubled: float
    late_s: float
    gate_missed: float
    outage: float  # chance per reader and day
    held: float  # chance per reader and day that minutes of lines arrive together


@dataclass(frozen=True, slots=True)
class Site:
    """One site."""

    profile: str
    doors: tuple[Door, ...]
    radio: Radio
    rounds: Rounds
    faults: Faults
    channels_hz: tuple[float, ...]
    hop_s: float
    idle_share: float
    dead: float
    wet: float
    tags_per_unit: int
    two_codes: bool
    case_share: float
    words: bool
    phase_sd: float | None


def _axis(place: tuple[float, float, float], at: tuple[float, float, float]) -> tuple[float, float, float]:
    way = np.subtract(at, place)
    x, y, z = way / np.linalg.norm(way)
    return float(x), float(y), float(z)


def _spots(
    rng: np.random.Generator, placing: str, role: str, count: int, y: float
) -> list[tuple[float, tuple[float, float, float]]]:
    """Side (x from the door's middle) and place of `count` antennas of a role."""
    high = rng.uniform(2.7, 3.2)
    mast = rng.uniform(0.9, 2.2)
    side = rng.uniform(1.35, 1.75)
    first = -1.0 if rng.random() < 0.5 else 1.0
    spots: list[tuple[float, tuple[float, float, float]]] = []
    for index in range(count):
        overhead = placing == "overhead" or (placing == "asymmetrical" and index % 2 == 1)
        if overhead:
            x = (index - (count - 1) / 2) * 1.2 + rng.uniform(-0.2, 0.2)
            spots.append((x, (x, y, high)))
        else:
            x = first * side * (1 if index % 2 == 0 else -1)
            spots.append((x, (x, y, mast + rng.uniform(-0.2, 0.2))))
    return spots if role else []


def _antennas(rng: np.random.Generator, placing: str, per_role: int, x_m: float, names: list[int]) -> list[Antenna]:
    inner_y, outer_y = -rng.uniform(0.5, 1.6), rng.uniform(0.0, 0.45)
    found: list[Antenna] = []
    roles = (("inner", inner_y, -1.0), ("outer", outer_y, 1.0))
    for role, y, out in roles:
        if placing == "only_outer" and role == "inner":
            continue
        tilt = rng.uniform(0.0, 0.9)  # how far the axis looks away from the door's line
        for side, (x, y_m, z) in _spots(rng, placing, role, per_role, y):
            place = (x_m + x, y_m, z)
            aim = (x_m - 0.2 * side, y_m + out * tilt, 1.0)
            found.append(Antenna(names[len(found)], role, place, _axis(place, aim), float(rng.normal(0, 0.6))))
    return found


def _readers(rng: np.random.Generator, weak: bool, antennas: list[Antenna]) -> tuple[Reader, ...]:
    def reader(own: tuple[int, ...]) -> Reader:
        return Reader(
            own,
            dwell_s=rng.uniform(0.06, 0.25),
            switch_s=rng.uniform(0.004, 0.02),
            clock_s=rng.uniform(-0.4, 0.4),
            drift=rng.uniform(-20e-6, 20e-6),
        )

    every = tuple(range(len(antennas)))
    if weak:  # one module an antenna: it has one port
        return tuple(reader((index,)) for index in every)
    if rng.random() < 0.5:
        return (reader(every),)
    inner = tuple(index for index in every if antennas[index].role == "inner")
    outer = tuple(index for index in every if antennas[index].role == "outer")
    return tuple(reader(own) for own in (inner, outer) if own)


def _gates(rng: np.random.Generator, weak: bool) -> dict[str, float | None]:
    gates: dict[str, float | None] = {"inner": -rng.uniform(0.3, 1.1), "outer": rng.uniform(0.15, 0.8)}
    lot = rng.random()
    if (weak and lot < 0.4) or lot < 0.06:  # one is broken
        gates["inner" if rng.random() < 0.5 else "outer"] = None
    elif weak and lot < 0.6:
        gates = {"inner": None, "outer": None}
    return gates


def draw_site(rng: np.random.Generator, profile: str, doors: int | None = None) -> Site:
    """Draw a site.

    profile: one of PROFILES; doors: 1 to 16, None draws it. Raises ValueError for others.
    """
    if profile not in PROFILES:
        raise ValueError(f"profile {profile!r}: use one of {', '.join(PROFILES)}")
    weak = profile == "weak"
    count = int(rng.choice([1, 2, 3, 4, 5, 6, 8, 12, 16])) if doors is None else doors
    if not 1 <= count <= 16:
        raise ValueError(f"{count} doors: use 1 to 16")
    pitch_m = rng.uniform(3.2, 5.0)
    words = bool(rng.random() < 0.5)
    per_site = bool(rng.random() < 0.4)
    placings = ["only_outer"] if weak and rng.random() < 0.1 else ["overhead", "masts", "asymmetrical"]
    usual = str(rng.choice(placings))
    built: list[Door] = []
    for index in range(count):
        placing = usual if rng.random() < 0.8 else str(rng.choice(placings))
        per_role = 1 if weak else 2
        first = 1 + (index * 4 if per_site else 0)
        antennas = _antennas(rng, placing, per_role, index * pitch_m, list(range(first, first + 4)))
        readers = _readers(rng, weak, antennas)
        built.append(
            Door(
                f"D{index + 1:02d}" if words else index + 1,
                index * pitch_m,
                tuple(antennas),
                readers,
                _gates(rng, weak),
                readers[0].clock_s if rng.random() < 0.6 else rng.uniform(-0.4, 0.4),
                placing,
            )
        )
    radio = Radio(
        level_1m_dbm=rng.uniform(-55.5, -50.0),
        spare_db=rng.uniform(8.5, 10.5) if weak else rng.uniform(9.0, 12.0),
        hears_dbm=rng.uniform(-73.0, -69.0) if weak else rng.uniform(-82.0, -74.0),
        spread_db=rng.uniform(9.0, 11.5),
        clutter_db_m=rng.uniform(0.2, 0.8),
        floor=rng.uniform(0.08, 0.28),
        steel=rng.uniform(0.1, 0.35),
        scatter=rng.uniform(0.16, 0.3),
        beam_half_deg=rng.uniform(32, 50),
        back_db=rng.uniform(6, 9),
        dipole_floor=rng.uniform(0.25, 0.5),
        wall_db=rng.uniform(5, 12),
        fills_m=rng.uniform(2.5, 4.5),
        guide_db_m=rng.uniform(0.2, 0.9),
        mast_db=rng.uniform(1, 4),
        behind_db=rng.uniform(0.3, 1.5),
        noise_db=rng.uniform(0.4, 0.9),
        step_db=1.0 if weak else float(rng.choice([0.5, 1.0])),
    )
    rounds = Rounds(
        overhead_s=rng.uniform(0.016, 0.03) if weak else rng.uniform(0.006, 0.011),
        empty_s=rng.uniform(0.0003, 0.0007),
        collided_s=rng.uniform(0.0015, 0.003),
        read_s=rng.uniform(0.004, 0.008) if weak else rng.uniform(0.0035, 0.0055),
        good=rng.uniform(0.9, 0.99),
        persistence_s=rng.uniform(0.5, 1.5) if weak and rng.random() < 0.05 else 0.0,
    )
    faults = Faults(
        doubled=rng.uniform(0.0, 0.03),
        late_s=rng.uniform(0.2, 30.0),
        gate_missed=rng.uniform(0.0, 0.004),
        outage=0.08,
        held=0.1,
    )
    american = bool(rng.random() < 0.5)
    channels = [902.75e6 + 0.5e6 * n for n in range(50)] if american else [865.7e6 + 0.6e6 * n for n in range(4)]
    return Site(
        profile,
        tuple(built),
        radio,
        rounds,
        faults,
        tuple(channels),
        hop_s=rng.uniform(0.2, 0.4),
        idle_share=float(rng.choice([0.0, 0.15, 0.4])),
        dead=rng.uniform(0.002, 0.02),
        wet=rng.uniform(0.4, 0.9) if weak else rng.uniform(0.0, 0.3),
        tags_per_unit=1 if weak else 2,
        two_codes=bool(rng.random() < 0.5),
        case_share=0.15 if rng.random() < 0.2 else 0.0,
        words=words,
        phase_sd=rng.uniform(0.1, 0.5) if not weak and rng.random() < 0.5 else None,
    )


def wave_number(hz: np.ndarray) -> np.ndarray:
    """Radians per metre of a wave of `hz`."""
    return 2 * math.pi * hz / 299_792_458.0
