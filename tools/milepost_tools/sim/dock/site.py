"""A site: its doors, antennas, readers, gates and the habits of its radio waves, drawn once per seed."""

from dataclasses import dataclass, field

import numpy as np

from milepost_tools.sim.dock.ranges import draw

INNER, OUTER = "inner", "outer"
DOOR_HALF_M = 1.35
LAWS = ("log", "rays")
HELDOUT_LAW = "spline"
READ_MODELS = ("share", "rounds")


@dataclass(frozen=True, slots=True)
class Antenna:
    """Where an antenna hangs and where it looks. x along the wall, y out of the hall into the truck, metres.

    aim_rad: direction of its main lobe, 0 along x, counted towards y; offset_db: its own gain against the site's.
    """

    ant: int | str
    role: str
    x_m: float
    y_m: float
    height_m: float
    aim_rad: float
    offset_db: float


@dataclass(frozen=True, slots=True)
class Reader:
    """A reader with the antennas it steps through.

    dwell_steps: steps of the simulation on one antenna; switch: share of time lost by stepping; clock: seconds that
    it is ahead at the start of the day and parts per million that it gains; jump: (from, to, seconds) of a wrong hour.
    """

    antennas: tuple[Antenna, ...]
    model: str
    rate_hz: float
    crowd_gain: float
    round_base_s: float
    round_tag_s: float
    capture: float
    dwell_steps: int
    switch: float
    clock_offset_s: float
    clock_drift_ppm: float


@dataclass(frozen=True, slots=True)
class Door:
    """A dock door. gates: y of each light gate that it has."""

    name: int | str
    index: int
    x_m: float
    readers: tuple[Reader, ...]
    gates: dict[str, float]
    gate_offset_s: float


@dataclass(frozen=True, slots=True)
class Site:
    """Everything that stays the same for a day."""

    profile: str
    heldout: bool
    law: str
    level_1m_dbm: float
    slope_db: float
    rays_exponent: float
    reflection: float
    place_sd_db: float
    place_length_m: float
    hop_sd_db: float
    noise_sd_db: float
    tag_sd_db: float
    threshold_dbm: float
    threshold_soft_db: float
    beam_rad: float
    back_lobe_db: float
    truck_wall_db: float
    truck_guide_db: float
    phase_sd_rad: float | None
    channels_hz: tuple[float, ...]
    channel_given: bool
    hop_period_s: float
    step_db: float
    persistence_s: float
    report_hold_s: float
    only_with_truck: bool
    idle_duty: float
    dead_tag: float
    wet_share: float
    tags_a_unit: int
    identity: str
    doors: tuple[Door, ...] = field(repr=False)


def draw_site(rng: np.random.Generator, profile: str, doors: int, heldout: bool) -> Site:
    """A site of one of the profiles: recommended, weak or mixed hardware. doors: 1 or more, side by side."""
    weak = profile == "weak" or (profile == "mixed" and rng.random() < 0.4)
    laws = (*LAWS, HELDOUT_LAW) if heldout else LAWS
    europe = rng.random() < 0.5
    plan = (865.7e6, 866.3e6, 866.9e6, 867.5e6) if europe else tuple(902.75e6 + 0.5e6 * n for n in range(50))
    names = [n + 1 for n in range(doors)] if rng.random() < 0.5 else [f"D{n + 1}" for n in range(doors)]
    has = _gates(rng, profile)
    layout = _Layout(rng, profile, weak)
    pitch_m = draw(rng, "pitch_m")
    phase = not weak and rng.random() < 0.7
    level_1m_dbm = draw(rng, "level_1m_dbm")
    # Whoever mounts it turns the power up until a tag in the middle of the door is heard with something to spare.
    spare_db = 14.0 if profile == "recommended" else 11.0
    slow = heldout and profile != "recommended" and rng.random() < 0.3
    return Site(
        profile=profile,
        heldout=heldout,
        law=str(rng.choice(laws)),
        level_1m_dbm=level_1m_dbm,
        slope_db=draw(rng, "slope_db"),
        rays_exponent=draw(rng, "rays_exponent"),
        reflection=draw(rng, "reflection"),
        place_sd_db=draw(rng, "place_sd_db"),
        place_length_m=draw(rng, "place_length_m"),
        hop_sd_db=draw(rng, "hop_sd_db"),
        noise_sd_db=draw(rng, "noise_sd_db"),
        tag_sd_db=draw(rng, "tag_sd_db"),
        threshold_dbm=min(draw(rng, "threshold_dbm", (0.5, 1.0)), level_1m_dbm - spare_db),
        threshold_soft_db=draw(rng, "threshold_soft_db"),
        beam_rad=float(np.radians(draw(rng, "beam_deg"))),
        back_lobe_db=draw(rng, "back_lobe_db"),
        truck_wall_db=draw(rng, "truck_wall_db"),
        truck_guide_db=draw(rng, "truck_guide_db"),
        phase_sd_rad=draw(rng, "phase_sd_rad") if phase else None,
        channels_hz=plan,
        channel_given=phase or rng.random() < 0.5,
        hop_period_s=draw(rng, "hop_period_s"),
        step_db=float(rng.choice((0.5, 1.0))) if not weak else 1.0,
        persistence_s=draw(rng, "persistence_s") if slow else 0.0,
        report_hold_s=draw(rng, "report_hold_s") if rng.random() < 0.25 else 0.0,
        only_with_truck=bool(rng.random() < 0.6),
        idle_duty=draw(rng, "idle_duty") if has and rng.random() < 0.4 else 1.0,
        dead_tag=draw(rng, "dead_tag", (0.0, 0.5) if profile == "recommended" else (0.0, 1.0)),
        wet_share=float(rng.uniform(0.4, 0.8) if weak else rng.uniform(0.0, 0.25)),
        tags_a_unit=1 if weak else 2,
        identity=str(rng.choice(("one", "two"))),
        doors=tuple(layout.door(rng, n, names[n], n * pitch_m, has) for n in range(doors)),
    )


def _gates(rng: np.random.Generator, profile: str) -> tuple[str, ...]:
    """Which light gates a site has."""
    if profile == "recommended":
        return (INNER, OUTER)
    chance = rng.random()
    return (INNER, OUTER) if chance < 0.55 else (INNER,) if chance < 0.7 else (OUTER,) if chance < 0.8 else ()


class _Layout:
    """How the doors of one site are fitted out; all alike but for tolerances."""

    def __init__(self, rng: np.random.Generator, profile: str, weak: bool) -> None:
        few = 1 if weak else 2
        mixed = profile == "mixed" and not weak
        self.count = {role: int(rng.integers(1, 5)) if mixed else few for role in (INNER, OUTER)}
        self.y_m = {INNER: draw(rng, "inner_antenna_m"), OUTER: draw(rng, "outer_antenna_m")}
        self.side_m = draw(rng, "antenna_side_m")
        self.turn = {role: float(np.radians(draw(rng, "antenna_turn_deg"))) for role in (INNER, OUTER)}
        self.sd_db = draw(rng, "antenna_sd_db")
        self.apart = bool(rng.random() < (0.8 if weak else 0.25))  # a reader for each role
        self.model = str(rng.choice(READ_MODELS))
        self.weak = weak
        self.gate_m = {INNER: draw(rng, "inner_gate_m"), OUTER: draw(rng, "outer_gate_m")}
        self.numbered = str(rng.choice(("door", "site", "text")))
        self.wired = bool(rng.random() < 0.6)  # gates on the reader's own inputs

    def door(self, rng: np.random.Generator, index: int, name: int | str, x_m: float, has: tuple[str, ...]) -> Door:
        """One door of the site at x_m."""
        groups: dict[str, list[Antenna]] = {INNER: [], OUTER: []}
        number = 0
        for role in (INNER, OUTER):
            for n in range(self.count[role]):
                number += 1
                groups[role].append(self._antenna(rng, role, n, self._name(index, number), x_m))
        sets = list(groups.values()) if self.apart else [groups[INNER] + groups[OUTER]]
        readers = tuple(self._reader(rng, tuple(_alternate(each))) for each in sets)
        gates = {gate: self.gate_m[gate] + float(rng.normal(0, 0.03)) for gate in has}
        offset_s = readers[0].clock_offset_s if self.wired else draw(rng, "clock_offset_s")
        return Door(name, index, x_m, readers, gates, offset_s)

    def _name(self, index: int, number: int) -> int | str:
        if self.numbered == "door":
            return number
        return index * 8 + number if self.numbered == "site" else f"A{index + 1}-{number}"

    def _antenna(self, rng: np.random.Generator, role: str, n: int, name: int | str, x_m: float) -> Antenna:
        right = n % 2 == 1 if self.count[role] > 1 else bool(rng.random() < 0.5)
        turn = self.turn[role] * (-1 if role == INNER else 1)
        aim = np.pi - turn if right else turn
        return Antenna(
            ant=name,
            role=role,
            x_m=x_m + (self.side_m if right else -self.side_m) + float(rng.normal(0, 0.05)),
            y_m=self.y_m[role] + float(rng.normal(0, 0.05)),
            height_m=draw(rng, "antenna_height_m"),
            aim_rad=float(aim + rng.normal(0, 0.1)),
            offset_db=float(rng.normal(0, self.sd_db)),
        )

    def _reader(self, rng: np.random.Generator, antennas: tuple[Antenna, ...]) -> Reader:
        dwell_s = draw(rng, "dwell_s")
        return Reader(
            antennas=antennas,
            model=self.model,
            rate_hz=draw(rng, "weak_rate_hz") if self.weak else draw(rng, "one_tag_rate_hz"),
            crowd_gain=0.0 if self.weak else draw(rng, "crowd_gain"),
            round_base_s=draw(rng, "round_base_ms") / 1000 * (2.0 if self.weak else 1.0),
            round_tag_s=1 / draw(rng, "weak_rate_hz") if self.weak else draw(rng, "round_tag_ms") / 1000,
            capture=draw(rng, "capture"),
            dwell_steps=max(1, round(dwell_s / 0.05)),
            switch=min(0.5, draw(rng, "switch_ms") / 1000 / dwell_s) if len(antennas) > 1 else 0.0,
            clock_offset_s=draw(rng, "clock_offset_s"),
            clock_drift_ppm=draw(rng, "clock_drift_ppm"),
        )


def _alternate(antennas: list[Antenna]) -> list[Antenna]:
    """Inner and outer in turns, as a reader steps through its ports."""
    inner = [each for each in antennas if each.role == INNER]
    outer = [each for each in antennas if each.role == OUTER]
    longest = max(len(inner), len(outer))
    turns = [group[n] for n in range(longest) for group in (inner, outer) if n < len(group)]
    return turns
