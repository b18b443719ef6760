"""A whole day: trucks come to doors, units are carried in, out and about, and what really happened is written down."""

import numpy as np

from milepost_tools.sim.otherdock.around import bystanders, unload
from milepost_tools.sim.otherdock.loading import load
from milepost_tools.sim.otherdock.site import PROFILES, draw_site
from milepost_tools.sim.otherdock.stage import Stage
from milepost_tools.sim.otherdock.world import Day, Visit

_DAY_0 = 1_788_220_800  # an arbitrary midnight


def simulate(seed: int, profile: str, *, doors: int | None = None, visits: int | None = None) -> Day:
    """Let a day happen, without any radio.

    seed: 0 or more, the same gives the same day; profile: `recommended` (two antennas a role, both light gates at
    nearly every door, two tags a unit) or `weak` (one antenna a role or only outer ones, R200-class modules, one tag,
    wet goods, gates lacking); doors: 1 to 16; visits: how many trucks come, 1 or more; None draws them.
    Raises ValueError for other profiles and numbers.
    """
    if profile not in PROFILES:
        raise ValueError(f"profile {profile!r}: use one of {', '.join(PROFILES)}")
    rng = np.random.default_rng([seed, 0x0D0C, PROFILES.index(profile)])
    site = draw_site(rng, profile, doors)
    start_t = float(_DAY_0 + 86_400 * (seed % 300) + 6 * 3600)
    stage = Stage(rng, site, start_t)
    others = [[stage.cast.unit() for _ in range(int(rng.integers(4, 9)))] for _ in range(3)]
    planned = _plan(stage, int(rng.integers(3, 9)) if visits is None else visits)
    free = {door.x_m: start_t for door in site.doors}
    for visit in planned:
        visit.from_t = free[visit.door.x_m] + rng.uniform(90, 400)
        later = [v for v in planned if v.index > visit.index and v.direction == "load"]
        if visit.direction == "load":
            load(stage, visit, later, others)
        else:
            unload(stage, visit)
        free[visit.door.x_m] = visit.gone_t + 60
    end_t = max(visit.gone_t for visit in planned) + 60
    strays = bystanders(stage, others, end_t)
    return Day(seed, site, start_t, end_t, planned, stage.things, stage.bodies, stage.truth, others, strays)


def _plan(stage: Stage, count: int) -> list[Visit]:
    """Draw the trucks and what belongs on each."""
    rng, site = stage.rng, stage.site
    order = rng.permutation(len(site.doors))
    found: list[Visit] = []
    for index in range(count):
        door = site.doors[int(order[index % len(order)])]
        session: int | str = f"S{index + 1}" if site.words else 500 + index
        trip: int | str = f"T{index + 1}" if site.words else 9000 + index
        direction = "load" if rng.random() < 0.86 else "unload"
        length = rng.uniform(8.0, 13.6)
        visit = Visit(index, door, session, trip, direction, length, 0.0)
        most = int(length / 1.1) * 2 - 7  # residents and units of others stand there too
        visit.units = [stage.cast.unit() for _ in range(int(rng.integers(5, most + 1)))]
        found.append(visit)
    return found
