"""What carries tags: units, machines, walls; their codes and how the tags sit on them."""

import math
from dataclasses import dataclass, field

import numpy as np

from milepost_tools.sim.epc import sscc96
from milepost_tools.sim.otherdock.motion import Track
from milepost_tools.sim.otherdock.site import Site


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag on a thing.

    ahead_m, aside_m, z_m: its place from the thing's middle; face_rad: where its face looks, against the heading;
    lying: the dipole lies level along the face, else it stands; wakes_db, echo_db: needs more to wake, throws back more
    than the usual tag; block_db: one way through the goods behind it.
    """

    epc: str
    ahead_m: float
    aside_m: float
    z_m: float
    face_rad: float
    lying: bool
    wakes_db: float
    echo_db: float
    block_db: float


@dataclass(slots=True)
class Thing:
    """Something with tags and a way. from_t, to_t: when it is there at all; truck: index of the session whose truck
    it stands in at the end, or None; set_down: when; carried: the spans in which a machine is right behind it."""

    name: int | str | None
    epcs: list[str]
    tags: list[Tag]
    track: Track = field(default_factory=Track)
    from_t: float = -math.inf
    to_t: float = math.inf
    truck: int | None = None
    set_down: float = math.inf
    carried: list[tuple[float, float]] = field(default_factory=list)


class Cast:
    """Draws things with codes that no other thing of this day has."""

    def __init__(self, rng: np.random.Generator, site: Site) -> None:
        """rng: the day's; site: whose habits the units follow."""
        self._rng, self._site = rng, site
        self._serial = int(rng.integers(1, 50_000))
        self._company = str(rng.integers(1_000_000, 9_999_999))
        self._count = 0

    def code(self, scheme: str) -> str:
        """A new EPC in hex: `sscc`, `grai`, `sgtin`, `giai` (96 bits each) or `raw`, which is no GS1 code."""
        self._serial += int(self._rng.integers(1, 9))
        if scheme == "sscc":
            return sscc96(self._company, 3, self._serial).hex().upper()
        if scheme == "raw":
            return self._rng.bytes(12).hex().upper()
        company = int(self._company)  # seven digits: partition 5, 24 bits
        if scheme == "giai":
            value = ((0x34 << 6 | 5) << 24 | company) << 58 | self._serial
        else:
            header = 0x33 if scheme == "grai" else 0x30
            value = (((header << 6 | 5) << 24 | company) << 20 | 40_123) << 38 | self._serial
        return f"{value:024X}"

    def unit(self) -> Thing:
        """A handling unit with its tags; some are dead, some carry cases with tags of their own."""
        rng, site = self._rng, self._site
        self._count += 1
        name: int | str = f"U-{self._count:05d}" if site.words else 70_000 + self._count
        first = self.code("sscc")
        epcs = [first, self.code("grai")] if site.two_codes and site.tags_per_unit == 2 else [first]
        wet = rng.random() < site.wet
        tags: list[Tag] = []
        opposite = rng.random() < 0.5
        start = rng.uniform(-math.pi, math.pi)
        block = rng.uniform(6.0, 11.0) if wet else rng.uniform(0.0, 4.0)
        for index in range(site.tags_per_unit):
            face = start + index * (math.pi if opposite else math.pi / 2)
            face = round(face / (math.pi / 2)) * math.pi / 2
            if rng.random() >= site.dead:
                tags.append(self._tag(epcs[min(index, len(epcs) - 1)], face, block, rng.uniform(0.3, 1.6)))
        if rng.random() < site.case_share:
            for _ in range(int(rng.integers(2, 6))):
                face = float(rng.choice([0.0, math.pi / 2, math.pi, -math.pi / 2]))
                tags.append(self._tag(self.code("sgtin"), face, block, rng.uniform(0.2, 1.8)))
        return Thing(name, epcs, tags)

    def fixture(self, x: float, y: float) -> Thing:
        """A tag on a wall or a post, for ever, with any kind of code."""
        thing = self._bare()
        thing.track.stand(0.0, x, y, -math.pi / 2)
        return thing

    def machine(self) -> Thing:
        """The tag of a forklift or pallet truck, with any kind of code; its way is its machine's."""
        return self._bare()

    def person(self) -> Thing:
        """Somebody without a tag, for the light gates only."""
        return Thing(None, [], [])

    def _bare(self) -> Thing:
        epc = self.code(str(self._rng.choice(["sscc", "grai", "giai", "sgtin", "raw"])))
        return Thing(None, [epc], [self._tag(epc, math.pi, 3.0, self._rng.uniform(0.8, 2.0))])

    def _tag(self, epc: str, face: float, block: float, z: float) -> Tag:
        rng = self._rng
        return Tag(
            epc,
            ahead_m=0.55 * math.cos(face),
            aside_m=0.45 * math.sin(face) + rng.uniform(-0.15, 0.15),
            z_m=z,
            face_rad=face,
            lying=bool(rng.random() < 0.7),
            wakes_db=float(rng.normal(0, 1.2)),
            echo_db=float(rng.normal(0, 2.0)),
            block_db=block,
        )
