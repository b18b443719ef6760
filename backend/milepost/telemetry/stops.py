"""Where a vehicle stood and drove, from the columns of its way: the rule of `legs` without a walk over every fix."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from milepost.telemetry.legs import TRUCK, Fix, Leg, Rule, State, flush, run
from milepost.telemetry.ways import Way, blocks


@dataclass(frozen=True, slots=True)
class Stop:
    """A vehicle stood from `from_ms` to `to_ms`."""

    first: int  # index into the way
    last: int
    from_ms: int
    to_ms: int
    lat: float
    lon: float
    lasting: bool  # the way ends here: nobody saw it leave


def stops(way: Way) -> list[Stop]:
    """Stops of a way by time, of at least 3 minutes (docs/evidence.md)."""
    return [
        Stop(
            int(np.searchsorted(way.at, leg.from_ms)),
            int(np.searchsorted(way.at, leg.to_ms, "right")) - 1,
            leg.from_ms,
            leg.to_ms,
            leg.lat,
            leg.lon,
            lasting=leg.ended_by is None,
        )
        for leg in legs(way)
        if leg.kind == "stop"
    ]


def legs(way: Way, now_ms: int | None = None, rule: Rule = TRUCK) -> list[Leg]:
    """Trips, stops and unseen stretches of a way, without a hole between its first fix and its last.

    `now_ms` (UTC): an open trip of which nothing was heard for an hour until then is over.
    """
    state, over = advance(State(), way, rule)
    return over + flush(state, now_ms, rule)


def advance(state: State, way: Way, rule: Rule = TRUCK) -> tuple[State, list[Leg]]:
    """`legs.run` over a way: the state behind it and the legs that are over by it."""
    over: list[Leg] = []
    for part in blocks(len(way)):
        state, ended = run(state, _counting(way, part, rule), rule)
        over += ended
    return state, over


def _counting(way: Way, part: slice, rule: Rule) -> Iterator[Fix]:
    """Of a part of a way the fixes that `run` would look at; nobody else need become a Python object."""
    every_at, every_mps = way.at[part], way.speed_mps[part]
    counts = np.zeros(len(every_at), bool)
    counts[0] = counts[-1] = True
    slots = every_at // rule.slot_ms
    counts[1:] |= slots[1:] != slots[:-1]
    slow = ~(every_mps >= rule.standing_mps)  # NaN is unknown, and says nothing against standing
    turns = slow[1:] != slow[:-1]
    counts[1:] |= turns
    counts[:-1] |= turns | (np.diff(every_at) > rule.quiet_ms)
    which = np.flatnonzero(counts) + part.start
    at, lat, lon, speed = (column[which].tolist() for column in (way.at, way.lat, way.lon, way.speed_mps))
    known = [None if math.isnan(mps) else mps for mps in speed]
    return zip(at, lat, lon, known, strict=True)
