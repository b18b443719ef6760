"""Who is on stage: units with their tags, carriers, trucks, and the marks they use."""

from dataclasses import dataclass, field

import numpy as np

from milepost_tools.sim.dock.codes import Codes
from milepost_tools.sim.dock.ranges import draw
from milepost_tools.sim.dock.site import Door, Site
from milepost_tools.sim.dock.world import UNIT_LENGTH_M, UNIT_WIDTH_M, Body, Tag, Unit, Way, World

SLOTS = 20
_FAR_Y_M = -16.0


@dataclass(slots=True)
class Carrier:
    """A forklift, pallet truck or person with a cage; it stays on the hall's side of its load by gap_m, negative: on
    the truck's, and pulls it in."""

    way: Way
    speed_mps: float
    gap_m: float


@dataclass(slots=True)
class Truck:
    """A truck at a door. aboard: units in it, in the order they came; residents: those it came with."""

    door: Door
    trip: int | str
    vehicle: int | str
    arrived_s: float
    residents: list[Unit] = field(default_factory=list)
    aboard: list[Unit] = field(default_factory=list)
    slots: int = 0

    def slot(self) -> tuple[float, float]:
        """The next free place, from the far end to the door."""
        row, side = divmod(min(self.slots, SLOTS - 1), 2)
        self.slots += 1
        return self.door.x_m + (0.55 if side else -0.55), 12.6 - row * 1.25


class Cast:
    """Makes units and carriers for one site. start_s, end_s: the day's edges, seconds since 1970."""

    def __init__(self, site: Site, world: World, start_s: float, end_s: float, rng: np.random.Generator) -> None:
        self.site, self.world, self.rng = site, world, rng
        self.start_s, self.end_s = start_s, end_s
        self.codes = Codes(rng)
        self.tagged_carriers = bool(rng.random() < 0.4)
        self.case_tags = bool(site.heldout and rng.random() < 0.15)
        self.pulling = float(rng.uniform(0, 0.8))  # pallet trucks and cages that are pulled in, not pushed
        self.ends_share = float(rng.uniform(0, 1))  # units with tags fore and aft instead of on the sides
        self._ids = {kind: (bool(rng.random() < 0.5), int(rng.integers(1, 90_000))) for kind in _LETTERS}

    def name(self, kind: str) -> int | str:
        """The next id of a kind: a number at some sites, a word at others."""
        text, number = self._ids[kind]
        self._ids[kind] = (text, number + 1)
        return f"{_LETTERS[kind]}{number:05d}" if text else number

    def brought(self, trip: int | str | None, door: Door, spot: tuple[float, float], by_s: float) -> Unit:
        """A handling unit that came from the depth of the hall to a spot some minutes before by_s."""
        came_s = max(self.start_s, by_s - float(self.rng.uniform(60, 900)))
        unit = self.unit(trip, door.x_m + float(self.rng.uniform(-3, 3)), _FAR_Y_M, came_s)
        unit.way.go(*spot, 1.4)
        return unit

    def unit(self, trip: int | str | None, x_m: float, y_m: float, t_s: float) -> Unit:
        """A handling unit that stands at a place from t_s on."""
        rng, site = self.rng, self.site
        way = Way(t_s, x_m, y_m)
        epcs = [self.codes.sscc()]
        if site.tags_a_unit > 1 and site.identity == "two":
            epcs.append(self.codes.grai())
        block_db = self._block_db()
        ends = rng.random() < self.ends_share
        tags = []
        for n in range(site.tags_a_unit):
            sign = 1 if n % 2 else -1
            at = (0.0, sign * UNIT_LENGTH_M / 2) if ends else (sign * UNIT_WIDTH_M / 2, 0.0)
            tags.append(self._tag(epcs[n % len(epcs)], way, at, block_db))
        unit = Unit(self.name("unit"), epcs, trip, way, tags, (x_m, y_m))
        if self.case_tags:
            for _ in range(int(rng.integers(1, 4))):
                rider = self.codes.sgtin()
                tags.append(self._tag(rider, way, (float(rng.uniform(-0.4, 0.4)), 0.0), block_db))
                self.world.riders[rider] = unit.unit
                self.world.count("case_tag")
        self.world.tags += tags
        self.world.units.append(unit)
        self.world.bodies.append(Body(way, UNIT_LENGTH_M, UNIT_WIDTH_M))
        if all(tag.dead for tag in unit.tags):
            self.world.count("dead_unit")
        return unit

    def _block_db(self) -> float:
        rng = self.rng
        if rng.random() < self.site.wet_share:
            self.world.count("wet_unit")
            return draw(rng, "wet_block_db")
        return draw(rng, "dry_block_db") if rng.random() < 0.25 else float(rng.uniform(0, 3))

    def _tag(self, epc: str, way: Way, at: tuple[float, float], block_db: float) -> Tag:
        rng = self.rng
        length = float(np.hypot(*at)) or 1.0
        dead = bool(rng.random() < self.site.dead_tag)
        if dead:
            self.world.count("dead_tag")
        return Tag(
            epc=epc,
            way=way,
            dx_m=at[0],
            dy_m=at[1],
            height_m=float(rng.uniform(0.3, 1.7)),
            offset_db=float(rng.normal(0, self.site.tag_sd_db)),
            block_db=block_db,
            normal=(at[0] / length, at[1] / length),
            dead=dead,
            number=int(rng.integers(0, 1 << 20)),
        )

    def fixture(self, way: Way) -> None:
        """A tag that belongs to the place or to a machine, with a code of any scheme."""
        epc = self.codes.any()
        tag = self._tag(epc, way, (0.0, 0.0), 0.0)
        self.world.tags.append(tag)
        self.world.fixtures.append(epc)

    def carrier(self, door: Door) -> Carrier:
        """A carrier that waits in the hall behind a door."""
        rng = self.rng
        kind = str(rng.choice(("forklift", "pallet_truck", "walk"), p=(0.45, 0.4, 0.15)))
        self.world.count(kind)
        way = Way(self.start_s, door.x_m + float(rng.uniform(-2, 2)), float(rng.uniform(-12, -8)))
        length_m, width_m = {"forklift": (2.2, 1.1), "pallet_truck": (0.9, 0.8), "walk": (0.5, 0.6)}[kind]
        self.world.bodies.append(Body(way, length_m, width_m))
        if self.tagged_carriers and kind != "walk":
            self.fixture(way)
            self.world.count("tagged_carrier")
        speed_mps = draw(rng, f"{kind}_mps")
        apart_m = (UNIT_LENGTH_M + length_m) / 2 + draw(rng, "fork_gap_m" if kind == "forklift" else "hand_gap_m")
        pulls = kind != "forklift" and rng.random() < self.pulling
        return Carrier(way, speed_mps, -apart_m if pulls else apart_m)

    def beside(self, door: Door) -> tuple[float, float]:
        """A place among the staged pallets of a door, its middle lane left free."""
        rng = self.rng
        away_m = draw(rng, "staged_m")
        side_m = float(rng.uniform(1.0, min(2.0, away_m * 0.8))) * (1 if rng.random() < 0.5 else -1)
        return door.x_m + side_m, -float(np.sqrt(away_m**2 - side_m**2))

    def deep(self, door: Door) -> tuple[float, float]:
        """A place far back in the hall."""
        return door.x_m + float(self.rng.uniform(-3, 3)), float(self.rng.uniform(_FAR_Y_M, -7))

    def still(self) -> None:
        """What never moves: pallets that wait for other days, and tags on walls and door frames."""
        rng = self.rng
        for door in self.site.doors:
            for _ in range(int(rng.integers(2, 8))):
                self.unit(None, *self.beside(door), self.start_s)
                self.world.count("stray")
            if rng.random() < 0.3:  # a stack of empty pallets, each with its own number
                stack = Way(self.start_s, *self.beside(door))
                for _ in range(int(rng.integers(2, 9))):
                    self.fixture(stack)
                self.world.count("pallet_stack")
            for _ in range(int(rng.integers(0, 3)) if rng.random() < 0.5 else 0):
                x_m = door.x_m + float(rng.choice((-1, 1)) * rng.uniform(1.4, 1.9))
                self.fixture(Way(self.start_s, x_m, float(rng.uniform(-0.6, 0.2))))
                self.world.count("wall_tag")


_LETTERS = {"unit": "U", "trip": "T", "session": "S", "vehicle": "V", "order": "O"}
