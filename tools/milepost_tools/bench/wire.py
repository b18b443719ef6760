"""Bench `wire`: bytes of payload per fix on a seeded drive, against OwnTracks JSON on the same fixes."""

import json
import math
import random
from collections.abc import Iterator, Sequence

from milepost_device import wire

_METRES_PER_DEGREE = 111_320.0
_START_T = 199_411_200  # 2026-04-27T00:00:00Z in seconds since 2020
_ORIGIN = (31.2304, 121.4737)  # a public square
_HOUR_S = 3600
_BATCH = 60


def drive(seed: int, seconds: int) -> Iterator[wire.Fix]:
    """Yield one fix a second of a synthetic urban drive.

    seed: of the generator; seconds: how long (1 Hz). Streets with lights every 150-600 m, corners of
    90 deg, speeds to 17 m/s, accelerations to 2 m/s2; GNSS errors as receivers show them: a slow
    wander (1.5 m, 60 s) under a white part (0.1 m), altitude wander 2.5 m, satellites that come and go.
    """
    rng = random.Random(seed)
    north_m = east_m = 0.0
    speed_mps, heading_deg = 0.0, rng.uniform(0, 360)
    target_mps, left_m, wait_s, turn_deg = 12.0, 300.0, 0, 0.0
    wander = [0.0, 0.0, 0.0]
    sats = 11
    for second in range(seconds):
        if wait_s:
            wait_s -= 1
        elif left_m <= 0:
            left_m = rng.uniform(150, 600)
            target_mps = rng.uniform(8, 17)
            wait_s = rng.choice([0, 0, rng.randint(5, 45)])
            turn_deg = rng.choice([0.0, 0.0, 90.0, -90.0])
        braking = left_m < speed_mps * speed_mps / 3 + 5
        wanted = 0.0 if wait_s else (max(3.0, speed_mps - 1.8) if braking else target_mps)
        speed_mps += max(-2.0, min(1.5, wanted - speed_mps)) + (rng.gauss(0, 0.12) if speed_mps > 1 else 0)
        speed_mps = max(0.0, speed_mps)
        if turn_deg and speed_mps > 1:
            step = max(-20.0, min(20.0, turn_deg))
            heading_deg += step
            turn_deg -= step
        heading_deg += rng.gauss(0, 0.5) if speed_mps > 1 else 0
        north_m += speed_mps * math.cos(math.radians(heading_deg))
        east_m += speed_mps * math.sin(math.radians(heading_deg))
        left_m -= speed_mps
        for axis, sd_m in enumerate((1.5, 1.5, 2.5)):
            wander[axis] += -wander[axis] / 60 + rng.gauss(0, sd_m * math.sqrt(2 / 60))
        if rng.random() < 0.04:
            sats = max(6, min(14, sats + rng.choice((-1, 1))))
        lat = _ORIGIN[0] + (north_m + wander[0] + rng.gauss(0, 0.1)) / _METRES_PER_DEGREE
        scale = _METRES_PER_DEGREE * math.cos(math.radians(lat))
        lon = _ORIGIN[1] + (east_m + wander[1] + rng.gauss(0, 0.1)) / scale
        seen_mps = max(0.0, speed_mps + rng.gauss(0, 0.05))
        yield wire.Fix(
            t=_START_T + second,
            lat_e6=round(lat * 1e6),
            lon_e6=round(lon * 1e6),
            alt_m=round(12 + wander[2]),
            speed_dmps=round(seen_mps * 10),
            course_2deg=round((heading_deg + rng.gauss(0, 0.5)) / 2) % 180 if seen_mps > 0.5 else None,
            sats=sats,
            hdop_d=18 - sats,
        )


def sampled(fixes: Sequence[wire.Fix]) -> list[wire.Fix]:
    """Return the fixes a tracker reports by its default rule: 10 s, 100 m, 10 deg or 10 km/h apart."""
    kept: list[wire.Fix] = []
    for fix in fixes:
        if not kept or _differs(kept[-1], fix):
            kept.append(fix)
    return kept


def _known(value: int | None) -> int:
    if value is None:
        raise ValueError("a fix of the drive lacks a field that every one of them has")
    return value


def _differs(before: wire.Fix, fix: wire.Fix) -> bool:
    north_m = (_known(fix.lat_e6) - _known(before.lat_e6)) * 0.11132
    east_m = (_known(fix.lon_e6) - _known(before.lon_e6)) * 0.0952
    turn = 0
    if before.course_2deg is not None and fix.course_2deg is not None:
        turn = abs((fix.course_2deg - before.course_2deg + 90) % 180 - 90) * 2
    return (
        fix.t - before.t >= 10
        or math.hypot(north_m, east_m) >= 100
        or turn >= 10
        or abs(_known(fix.speed_dmps) - _known(before.speed_dmps)) >= 28
    )


def payload_bytes(fixes: Sequence[wire.Fix], size: int = _BATCH) -> int:
    """Return the bytes of all batches of `size` fixes, headers and checksums included."""
    writer = wire.BatchWriter(2048)
    total = 0
    for start in range(0, len(fixes), size):
        writer.begin(1, start + 1, 1, 1, 0)
        for fix in fixes[start : start + size]:
            if not writer.add(fix):
                raise RuntimeError(f"a batch of {size} fixes does not fit {2048} bytes")
        total += len(writer.finish())
    return total


def owntracks_bytes(fixes: Sequence[wire.Fix]) -> int:
    """Return the bytes of the same fixes as OwnTracks location messages (one JSON object a fix)."""
    total = 0
    for fix in fixes:
        message = {
            "_type": "location",
            "tid": "01",
            "lat": _known(fix.lat_e6) / 1e6,
            "lon": _known(fix.lon_e6) / 1e6,
            "alt": fix.alt_m,
            "vel": round(_known(fix.speed_dmps) * 0.36),
            "cog": 2 * fix.course_2deg if fix.course_2deg is not None else None,
            "sats": fix.sats,
            "hdop": _known(fix.hdop_d) / 10,
            "tst": wire.EPOCH + fix.t,
        }
        message = {key: value for key, value in message.items() if value is not None}
        total += len(json.dumps(message, separators=(",", ":")))
    return total


def run() -> list[dict]:
    """Measure and return the results of this bench: {metric, value, unit, baseline} each."""
    every_second = [fix for seed in range(4) for fix in drive(seed, _HOUR_S)]
    kept = sampled(every_second)
    results = []
    for metric, fixes in (("payload_bytes_per_fix", kept), ("payload_bytes_per_fix_1hz", every_second)):
        results.append(
            {
                "metric": metric,
                "value": round(payload_bytes(fixes) / len(fixes), 2),
                "unit": "B",
                "baseline": {
                    "name": "OwnTracks JSON",
                    "value": round(owntracks_bytes(fixes) / len(fixes), 1),
                },
            }
        )
    return results
