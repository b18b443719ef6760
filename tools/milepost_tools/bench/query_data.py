"""What the query bench asks about: a fleet of which everything is known now, and one truck with a month at 1 Hz."""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from milepost.telemetry.model import FixBody, Reading
from milepost.telemetry.sqlite import SqliteTelemetry
from milepost_tools.bench.ingest import fleet
from milepost_tools.sim.drive import Route, Truck
from milepost_tools.sim.geo import Ground, Point
from milepost_tools.sim.gnss import Receiver

DAY_S = 86_400
_HOUR_S = 3_600
_STEP_S = 0.2
_STREAM = 9
_GROUND = Ground(31.20, 121.30)
_BATCH_S = 60


def drive(seconds: int, seed: int) -> list[FixBody]:
    """What the receiver of a truck sees once a second: legs of some kilometres with corners, and stands between."""
    rng = random.Random(seed)
    truck, receiver = Truck((0.0, 0.0), 0.0, seed=seed), Receiver(_GROUND, seed=seed)
    seen: list[FixBody] = []
    stand_s = 0
    while len(seen) < seconds:
        if not truck.moving:
            if stand_s > 0:
                stand_s -= 1
            else:
                truck.go(Route(_way(truck.at, rng)))
                stand_s = rng.choice((0, 60, 900, 2_400))
        for _ in range(round(1 / _STEP_S) if truck.moving else 0):
            truck.step(_STEP_S)
        fix = receiver.see(truck.at, truck.speed_mps, truck.course)
        course = None if fix.course_deg is None else round(fix.course_deg / 2) % 180 * 2.0
        speed = round(fix.speed_mps, 1)
        place = round(fix.lat_deg, 6), round(fix.lon_deg, 6)
        seen.append(FixBody(*place, float(round(fix.alt_m)), speed, course, fix.sats, fix.hdop))
    return seen


def _way(start: Point, rng: random.Random) -> list[Point]:
    """A polyline over the ground, not far from its origin."""
    points = [start]
    for _ in range(rng.randint(3, 12)):
        east, north = points[-1]
        leg_m = rng.uniform(200, 2_500)
        across = rng.random() < 0.5
        step = (leg_m if east < rng.uniform(-15_000, 15_000) else -leg_m, rng.uniform(-60, 60))
        points.append((east + step[0], north + step[1]) if across else (east + step[1], north + step[0]))
    return points


def month(device: str, days: int, end_ms: int) -> Iterator[list[Reading]]:
    """`days` of a truck at 1 Hz until `end_ms`, in pieces of an hour; each day as the first, a little elsewhere."""
    one_day = drive(DAY_S, seed=5)
    first_ms = end_ms - days * DAY_S * 1000
    for day in range(days):
        aside = day * 0.003
        for start in range(0, DAY_S, _HOUR_S):
            yield [
                _reading(device, day * DAY_S + second, first_ms, replace(body, lat=round(body.lat + aside, 6)))
                for second, body in enumerate(one_day[start : start + _HOUR_S], start)
            ]


def _reading(device: str, second: int, first_ms: int, body: FixBody) -> Reading:
    received_ms = first_ms + (second // _BATCH_S + 1) * _BATCH_S * 1000
    return Reading(device, _STREAM, second + 1, "fix", first_ms + second * 1000, "gnss", received_ms, body)


def fill(path: Path, trucks: int, days: int, end_ms: int) -> float:
    """Write all of it into a telemetry file, fold it, and return its bytes per fix. Truck 0 has the month."""
    store = SqliteTelemetry(path)
    try:
        for number, piece in enumerate(month(fleet.name(0), days, end_ms)):
            store.write(piece, number)
        rng = random.Random(2)
        store.write(
            [
                _reading(
                    fleet.name(n), 0, end_ms - rng.randrange(60_000), FixBody(31 + rng.random(), 121 + rng.random())
                )
                for n in range(1, trucks)
            ],
            days * 24,
        )
        before = None
        while before != (before := store.size()):
            store.maintain(end_ms + 2 * _HOUR_S * 1000)
        return before.bytes / before.fixes
    finally:
        store.close()
