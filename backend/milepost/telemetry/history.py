"""What the store knows about a stretch of time, made ready to look at: tracks and completeness."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from milepost.telemetry.model import EventBody, FixBody, Judged, Reading, TelemetryStore
from milepost.times import to_rfc3339

GAP_MS = 300_000  # silence longer than this is shown as a gap
_LATE_MS = 60_000
_HOUR_MS = 3_600_000


Span = tuple[str, int, int]  # device, from_ms, to_ms


def track_geojson(store: TelemetryStore, spans: Sequence[Span], max_points: int) -> dict[str, Any]:
    """A way as a GeoJSON FeatureCollection (RFC 7946).

    `spans`: which device to read from when; one for a device, several for a vehicle that changed its tracker.
    One LineString per unbroken stretch of good fixes; per point, in lists of the same length, time, speed, course and
    clock. Quarantined fixes come as Points with their reason, silences longer than 5 minutes in `gaps`.
    `max_points` bounds the good points of all stretches together: thinned evenly, ends of stretches kept.
    """
    judged: list[Judged] = []
    for device, from_ms, to_ms in spans:
        judged += store.judged(device, from_ms, to_ms, kind="fix")[0]
    judged.sort(key=lambda each: each.reading.at)
    good = [each.reading for each in judged if each.reason is None]
    pieces = stretches(good)
    features = [_line(thinned(piece, max(2, max_points * len(piece) // max(1, len(good))))) for piece in pieces]
    features += [_point(each) for each in judged if each.reason is not None]
    gaps = [{"from": to_rfc3339(one[-1].at), "to": to_rfc3339(other[0].at)} for one, other in pairwise(pieces)]
    return {
        "type": "FeatureCollection",
        "features": features,
        "properties": {
            "devices": sorted({device for device, _, _ in spans}),
            "points": len(good),
            "quarantined": len(judged) - len(good),
            "gaps": gaps,
        },
    }


def stretches(fixes: list[Reading]) -> list[list[Reading]]:
    """Fixes in order of time, cut where the device was silent for more than 5 minutes."""
    pieces: list[list[Reading]] = []
    for fix in fixes:
        if pieces and fix.at - pieces[-1][-1].at <= GAP_MS:
            pieces[-1].append(fix)
        else:
            pieces.append([fix])
    return pieces


def thinned(piece: list[Reading], most: int) -> list[Reading]:
    """At most `most` (≥ 2) of the readings, evenly, with the first and the last."""
    if len(piece) <= most:
        return piece
    step = (len(piece) - 1) / (most - 1)
    return [piece[round(n * step)] for n in range(most)]


@dataclass(slots=True)
class Hour:
    """How complete one hour of a device is, in records."""

    start_ms: int
    received: int = 0
    missing: int = 0
    dropped: int = 0
    late: int = 0


def completeness(store: TelemetryStore, device: str, from_ms: int, to_ms: int) -> list[Hour]:
    """Records per hour of their own time: received; missing (holes in the numbering, counted in the hour of the record
    behind the hole); dropped (holes that the device itself named in gap records); late (received more than a minute
    after they were made). What was received and could not be decoded counts as missing here; it lies in the dead
    letters."""
    hours: dict[int, Hour] = {}
    gaps: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for event in _all(store, device, from_ms, to_ms, "event"):
        body = event.body
        if isinstance(body, EventBody) and body.code == "gap":
            first, last = body.args.get("first_seq"), body.args.get("last_seq")
            if isinstance(first, int) and isinstance(last, int):
                gaps[event.stream].append((first, last))
    previous: dict[int, int] = {}
    for reading in sorted(_all(store, device, from_ms, to_ms, None), key=lambda each: (each.stream, each.seq)):
        start = reading.at // _HOUR_MS * _HOUR_MS
        hour = hours.setdefault(start, Hour(start))
        hour.received += 1
        hour.late += reading.received_at - reading.at > _LATE_MS
        before = previous.get(reading.stream)
        if before is not None and reading.seq > before + 1:
            hole = (before + 1, reading.seq - 1)
            named = sum(max(0, min(hole[1], last) - max(hole[0], first) + 1) for first, last in gaps[reading.stream])
            hour.dropped += named
            hour.missing += max(0, hole[1] - hole[0] + 1 - named)
        previous[reading.stream] = reading.seq
    return [hours[start] for start in sorted(hours)]


def _all(store: TelemetryStore, device: str, from_ms: int, to_ms: int, kind: str | None) -> list[Reading]:
    found: list[Reading] = []
    cursor: str | None = ""
    while cursor is not None:
        page, cursor = store.judged(device, from_ms, to_ms, kind=kind, limit=50_000, after=cursor)
        found += [each.reading for each in page]
    return found


def _line(piece: list[Reading]) -> dict[str, Any]:
    bodies = [each.body for each in piece if isinstance(each.body, FixBody)]
    places = [[body.lon, body.lat] for body in bodies]
    if len(places) == 1:  # a LineString has two ends
        places = places * 2
    return {
        "type": "Feature",
        "geometry": {"type": "LineString", "coordinates": places},
        "properties": {
            "quality": "good",
            "times": [to_rfc3339(each.at) for each in piece],
            "speeds_mps": [body.speed_mps for body in bodies],
            "courses_deg": [body.course_deg for body in bodies],
            "clocks": [each.clock for each in piece],
        },
    }


def _point(judged: Judged) -> dict[str, Any]:
    body = judged.reading.body
    assert isinstance(body, FixBody)
    placed = judged.reason != "range"  # out of range there is nothing that GeoJSON could hold
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [body.lon, body.lat]} if placed else None,
        "properties": {
            "quality": judged.reason,
            "time": to_rfc3339(judged.reading.at),
            "speed_mps": body.speed_mps,
            "seq": judged.reading.seq,
        },
    }
