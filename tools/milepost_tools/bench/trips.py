"""Bench `trips`: stops on simulated days and on labelled tracks, and what fences see of a parked truck and of roads.

Days are simulated with seeds that no tuning has seen; beside ours runs the rule that the field knows best: standing is
180 s within 200 m.
"""

import csv
import math
import os
import random
import tarfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from milepost.evidence import geofence
from milepost.evidence.geofence import Point, State
from milepost.evidence.geometry import M_PER_DEG, FenceIndex, fence_of
from milepost.telemetry.legs import COURIER, Fix, legs_of, metres
from milepost_tools.sim.road import tracker
from milepost_tools.sim.road.way import day

_HELD_OUT = 50_000  # seeds from here on are for measuring only
_DAYS = 60
_DRIVES = 400
_Span = tuple[int, int]
_CORPUS = Path(os.environ.get("MILEPOST_CORPUS", "../shared/data")) / "goal-gps.tar.xz"


def run(days: int = _DAYS, seed: int = _HELD_OUT, corpus: Path = _CORPUS) -> list[dict[str, Any]]:
    """All figures. days, seed: how many simulated days, from which seed on."""
    ours, theirs, error_s, distance = stops_simulated(days, seed)
    found, crossed = crossings(seed)
    rows = [
        _row("stop_f1_simulated", ours, "ratio", theirs),
        _row("stop_ends_error_p95", error_s, "s"),
        _row("distance_error_p95", distance, "ratio"),
        _row("false_geofence_events_24h", false_events(seed), "count"),
        _row("crossings_found", found / crossed, "ratio"),
    ]
    return rows + (corpus_figure(corpus) if corpus.exists() else [])


def corpus_figure(archive: Path) -> list[dict[str, Any]]:
    """F1 over the labelled points of goal-gps, on foot against driving."""
    labelled = read_labelled(archive)
    return [_row("stop_f1_goal_gps", _point_f1(labelled, _ours), "ratio", _point_f1(labelled, classic))]


def _row(metric: str, value: float, unit: str, baseline: float | None = None) -> dict[str, Any]:
    beside = None if baseline is None else {"name": "180 s within 200 m (Traccar)", "value": round(baseline, 4)}
    return {"metric": metric, "value": round(value, 4), "unit": unit, "baseline": beside}


def stops_simulated(days: int, seed: int) -> tuple[float, float, float, float]:
    """F1 of our stops and of the well-known rule's, the 95th percentile of the error of our stops' ends in seconds, and
    that of the error of a day's way as a share of it. A stop is found when its span and the true one share half of both
    together."""
    hits = told = classic_hits = classic_told = true = 0
    errors: list[float] = []
    ways: list[float] = []
    for number in range(seed, seed + days):
        way = day(number)
        fixes = tracker.track(way, number)
        legs = legs_of(fixes)
        real = [(tracker.T0_MS + first * 1000, tracker.T0_MS + last * 1000) for first, last in way.stops]
        ours = [(leg.from_ms, leg.to_ms) for leg in legs if leg.kind == "stop"]
        theirs = classic(fixes)
        pairs = matched(real, ours)
        hits, told, true = hits + len(pairs), told + len(ours), true + len(real)
        classic_hits, classic_told = classic_hits + len(matched(real, theirs)), classic_told + len(theirs)
        errors += [abs(a - b) / 1000 for one, other in pairs for a, b in zip(one, other, strict=True)]
        ways.append(abs(sum(leg.distance_m for leg in legs) / way.driven_m - 1))
    ours_f1, theirs_f1 = 2 * hits / (true + told), 2 * classic_hits / (true + classic_told)
    return ours_f1, theirs_f1, _percentile(errors, 95), _percentile(ways, 95)


def matched(real: Sequence[_Span], told: Sequence[_Span]) -> list[tuple[_Span, _Span]]:
    """Pairs of spans that share at least half of what they cover together, each used once."""
    pairs: list[tuple[_Span, _Span]] = []
    left = list(told)
    for one in real:
        for other in left:
            common = min(one[1], other[1]) - max(one[0], other[0])
            if common > 0 and common * 2 >= max(one[1], other[1]) - min(one[0], other[0]):
                pairs.append((one, other))
                left.remove(other)
                break
    return pairs


def classic(fixes: Sequence[Fix]) -> list[_Span]:
    """Spans of at least 180 s in which a vehicle stays within 200 m of where they begin."""
    found: list[_Span] = []
    first = 0
    while first < len(fixes):
        last = first
        while last + 1 < len(fixes) and metres(*fixes[first][1:3], *fixes[last + 1][1:3]) <= 200:
            last += 1
        if fixes[last][0] - fixes[first][0] >= 180_000:
            found.append((fixes[first][0], fixes[last][0]))
            first = last
        first += 1
    return found


def _ours(fixes: Sequence[Fix]) -> list[_Span]:
    return [(leg.from_ms, leg.to_ms) for leg in legs_of(fixes, COURIER) if leg.kind == "stop"]


def false_events(seed: int) -> int:
    """Events of ten fences over 24 h beside a parked truck at 1 Hz: 30 m of noise, jumps of 200 m. Half of the fences
    hold it, 5 to 80 m from their line. Its standing inside is no false event; everything else is."""
    rng = random.Random(f"parked/{seed}")
    lat, lon = rng.uniform(-60, 60), rng.uniform(-179, 179)
    fences = FenceIndex(
        fence_of(f"{inside}", {"type": "circle", "lat": lat, "lon": _east(lat, lon, 150 - inside), "radius_m": 150}, 60)
        for inside in (5, 10, 20, 40, 80, -5, -10, -20, -40, -80)
    )
    points = []
    for second in range(86_400):
        x, y = rng.gauss(0, 30 / math.sqrt(2)), rng.gauss(0, 30 / math.sqrt(2))
        if rng.random() < 0.002:
            turn = rng.uniform(0, 2 * math.pi)
            x, y = x + 200 * math.cos(turn), y + 200 * math.sin(turn)
        here = (lat + y / M_PER_DEG, _east(lat, lon, x))
        points.append(Point(tracker.T0_MS + second * 1000, f"p/1/{second}", *here, abs(rng.gauss(0, 0.25)), "gnss"))
    return sum(each.kind != "stopped" for each in geofence.run(State(), points, fences)[1])


def crossings(seed: int) -> tuple[int, int]:
    """(found, driven) passes of straight roads through fences: small ones between two fixes, drive-bys, long ones."""
    rng = random.Random(f"roads/{seed}")
    found = 0
    for number in range(_DRIVES):
        lat, lon = rng.uniform(-60, 60), rng.uniform(-179, 179)
        radius_m, mps, every_s = rng.uniform(25, 400), rng.uniform(6, 30), rng.choice((1, 2, 5, 10, 30))
        beside_m = rng.uniform(-0.8, 0.8) * radius_m
        fence = fence_of("f", {"type": "circle", "lat": lat, "lon": lon, "radius_m": radius_m}, 60)
        length_m = radius_m + 6 * mps * every_s
        count = math.ceil(2 * length_m / (mps * every_s))
        shift_m = rng.uniform(0, mps * every_s)
        points = [
            Point(tracker.T0_MS + n * every_s * 1000, f"{number}/1/{n}", lat + beside_m / M_PER_DEG,
                  _east(lat, lon, shift_m - length_m + n * mps * every_s), mps, "gnss")
            for n in range(count)
        ]  # fmt: skip
        seen = geofence.run(State(), points, FenceIndex([fence]))[1]
        middle = tracker.T0_MS + (length_m - shift_m) / mps * 1000
        found += [each.kind for each in seen] == ["passed"] and seen[0].at <= middle <= (seen[0].until or 0)
    return found, _DRIVES


def read_labelled(archive: Path) -> list[tuple[list[Fix], list[bool]]]:
    """The tracks of goal-gps (Amazon Science, CC BY 4.0; FACNet, IWCTS 2022): fixes and whether the driver was on foot.
    Their metres are laid at the equator."""
    tracks = []
    with tarfile.open(archive) as tar:
        for member in sorted(tar.getmembers(), key=lambda each: each.name):
            file = tar.extractfile(member) if member.name.endswith(".csv") else None
            if file is None:
                continue
            rows = list(csv.DictReader(file.read().decode().splitlines()))
            fixes: list[Fix] = [
                (_ms(row["timestamp"]), float(row["y"]) / M_PER_DEG, float(row["x"]) / M_PER_DEG, None) for row in rows
            ]
            tracks.append((fixes, [row["groundtruth"] == "OnFoot" for row in rows]))
    return tracks


def _point_f1(tracks: list[tuple[list[Fix], list[bool]]], rule: Callable[[Sequence[Fix]], list[_Span]]) -> float:
    hits = wrong = 0
    for fixes, on_foot in tracks:
        spans = rule(fixes)
        for fix, real in zip(fixes, on_foot, strict=True):
            told = any(first <= fix[0] <= last for first, last in spans)
            hits += told and real
            wrong += told != real
    return 2 * hits / (2 * hits + wrong)


def _ms(text: str) -> int:
    return int(datetime.fromisoformat(text[:26]).replace(tzinfo=UTC).timestamp() * 1000)


def _east(lat: float, lon: float, metres_east: float) -> float:
    return lon + metres_east / (M_PER_DEG * math.cos(math.radians(lat)))


def _percentile(values: list[float], percent: int) -> float:
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1]
