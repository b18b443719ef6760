"""One simulated day at a row of dock doors: what was written down, and what was true."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from milepost_tools.sim.dock.cast import Cast
from milepost_tools.sim.dock.day import Day
from milepost_tools.sim.dock.site import Site, draw_site
from milepost_tools.sim.dock.world import World
from milepost_tools.sim.dock.written import Reads, Writer

PROFILES = ("recommended", "weak", "mixed")
EPOCH_S = 1_780_300_800.0  # a midnight; each seed is a day of its own
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Scene:
    """A day: the four files as rows, the truth, and how often each kind of scene and fault took place."""

    site: Site
    reads: Reads
    gates: list[dict[str, Any]]
    sessions: list[dict[str, Any]]
    orders: list[dict[str, Any]]
    truth: dict[str, Any]
    kinds: dict[str, int]


@dataclass(frozen=True, slots=True)
class Stage:
    """A day as it was, before anybody wrote it down. start_s, end_s: seconds since 1970."""

    site: Site
    day: Day
    start_s: float
    end_s: float
    streams: list[np.random.Generator]


def play(
    seed: int, profile: str = "recommended", *, doors: int = 4, hours: float = 2.0, heldout: bool | None = None
) -> Stage:
    """Move everything through a day. Arguments and errors as for `simulate`."""
    if profile not in PROFILES:
        raise ValueError(f"profile {profile!r}: use one of {', '.join(PROFILES)}")
    if seed < 0 or not 1 <= doors <= 32 or not 0.2 <= hours <= 24:
        raise ValueError(f"seed {seed}, doors {doors}, hours {hours}: use 0 or more, 1 to 32, and 0.2 to 24")
    heldout = bool(seed % 2) if heldout is None else heldout
    streams = [np.random.default_rng([seed, PROFILES.index(profile), n]) for n in range(5)]
    site = draw_site(streams[0], profile, doors, heldout)
    start_s = EPOCH_S + seed % 3650 * _DAY_S + 6 * 3600
    day = Day(Cast(site, World(), start_s, start_s + hours * 3600, streams[1]))
    day.run()
    return Stage(site, day, start_s, day.end_s, streams[2:])


def simulate(
    seed: int, profile: str = "recommended", *, doors: int = 4, hours: float = 2.0, heldout: bool | None = None
) -> Scene:
    """Play one day and write it down.

    seed: 0 or more, even for tuning, odd for judging; profile: recommended, weak or mixed; doors: 1 to 32; hours:
    0.2 to 24; heldout: with the scenes and the law of radio that tuning never sees, by default for odd seeds only.
    Raises ValueError for anything else.
    """
    stage = play(seed, profile, doors=doors, hours=hours, heldout=heldout)
    day = stage.day
    writer = Writer(stage.site, day.world, day.stays, stage.start_s, stage.end_s, *stage.streams)
    gate_rows, reads = writer.gates(), writer.reads()
    return Scene(
        site=stage.site,
        reads=reads,
        gates=gate_rows,
        sessions=[_rounded(session.row) for session in day.sessions],
        orders=day.orders,
        truth=_truth(day),
        kinds=dict(sorted(day.world.kinds.items())),
    )


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "from": round(row["from"], 3), "to": None if row["to"] is None else round(row["to"], 3)}


def _truth(day: Day) -> dict[str, Any]:
    world = day.world
    listed = {each["trip"]: [row["unit"] for row in each["units"]] for each in day.orders}
    came_in = [each for each in world.passages if each["what"] in ("loaded", "wrong_truck")]
    within = {(each["unit"], each["session"]) for each in came_in}
    moved = {passage["unit"] for passage in world.passages}
    strays = [epc for unit in world.units if unit.unit not in moved for epc in unit.epcs]
    return {
        "passages": [{**each, "t": round(each["t"], 3)} for each in world.passages],
        "sessions": [
            {
                "session": each.row["session"],
                "trip": each.row["trip"],
                "direction": each.row["direction"],
                "loaded": each.loaded,
                "listed": listed.get(each.row["trip"], []),
                "residents": each.residents,
                "outside": [unit for unit in each.loaded if (unit, each.row["session"]) not in within],
            }
            for each in day.sessions
        ],
        "strays": strays,
        "fixtures": world.fixtures,
        "riders": world.riders,
    }
