"""What a tracker makes of a true way: how often it reports, how its receiver errs, where it hears nothing."""

import math
import random
from dataclasses import dataclass

from milepost_tools.sim.geo import Ground
from milepost_tools.sim.road.way import Way

T0_MS = 1_772_416_800_000
Fix = tuple[int, float, float, float | None]  # UTC ms, degrees WGS-84, m/s or None


@dataclass(frozen=True, slots=True)
class Habits:
    """How one tracker reports and errs; metres, seconds, chances per fix."""

    driving_s: int
    standing_s: int
    noise_m: float
    wander_m: float  # of a parked receiver, slow
    wander_s: float
    spike: float
    spike_m: float
    says_speed: bool
    speed_noise_mps: float
    wakes_late_s: int  # after driving off, where a motion sensor has to wake it


def habits(rng: random.Random) -> Habits:
    """Those of a tracker, from wide ranges: from the own device at 1 Hz to a foreign one every half minute."""
    return Habits(
        driving_s=rng.choice((1, 1, 2, 5, 10, 15, 30)),
        standing_s=rng.choice((1, 5, 10, 30, 60, 120, 300, 600)),
        noise_m=rng.uniform(1, 8),
        wander_m=rng.uniform(2, 20),
        wander_s=rng.uniform(30, 600),
        spike=rng.choice((0.0, 0.0005, 0.002)),
        spike_m=rng.uniform(60, 250),
        says_speed=rng.random() < 0.85,
        speed_noise_mps=rng.uniform(0.05, 0.5),
        wakes_late_s=rng.choice((0, 0, 5, 20)),
    )


def track(way: Way, seed: int, ground: Ground | None = None) -> list[Fix]:
    """The fixes of a day, in order of time."""
    rng = random.Random(f"tracker/{seed}")
    ground = ground or Ground(rng.uniform(-60, 60), rng.uniform(-180, 180))
    own = habits(rng)
    silent = bytearray(len(way))
    for first, last in way.tunnels:
        for second in range(first, min(last, len(way))):
            silent[second] = 1
    fixes: list[Fix] = []
    due, moving_for = 0, 0
    wander = [0.0, 0.0]
    last = 0
    for second in range(len(way)):
        mps = way.speed[second]
        moving_for = moving_for + 1 if mps > 1.0 else 0
        if moving_for == own.wakes_late_s + 1:
            due = min(due, second)
        if second < due or silent[second]:
            continue
        due = second + (own.driving_s if moving_for > own.wakes_late_s else own.standing_s)
        keep = math.exp(-(second - last) / own.wander_s)
        last = second
        for axis in (0, 1):
            wander[axis] = wander[axis] * keep + rng.gauss(0, own.wander_m) * math.sqrt(1 - keep * keep)
        jump = own.spike_m if rng.random() < own.spike else 0.0
        turn = rng.uniform(0, 2 * math.pi)
        place = (
            way.x[second] + wander[0] + rng.gauss(0, own.noise_m) + jump * math.cos(turn),
            way.y[second] + wander[1] + rng.gauss(0, own.noise_m) + jump * math.sin(turn),
        )
        lat, lon = ground.degrees(place)
        speed = max(0.0, mps + rng.gauss(0, own.speed_noise_mps)) if own.says_speed else None
        fixes.append((T0_MS + second * 1000, lat, (lon + 180) % 360 - 180, speed))
    return fixes
