"""A track as GeoJSON or CSV, piece by piece, so that the first bytes leave before the last ones are made."""

import json
import math
from collections.abc import Iterable, Iterator
from heapq import merge
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from milepost.cells import safe
from milepost.telemetry.instants import written, written_one
from milepost.telemetry.model import CLOCKS, FixBody, Judged
from milepost.telemetry.stops import Stop
from milepost.telemetry.tracks import Track
from milepost.telemetry.ways import Way

_BLOCK = 4_000
CSV_HEAD = "time,lat,lon,speed_mps,course_deg,clock,device,piece,quality"


def geojson(track: Track, zone: ZoneInfo | None, extra: dict[str, Any]) -> Iterator[str]:
    """The text of a FeatureCollection (RFC 7946); `extra` joins its properties. Times in `zone`, UTC for None.

    One LineString per unbroken piece with lists of the same length: times, speeds, courses, clocks, devices (as
    numbers into the list of devices). A Point per quarantined fix with its reason.
    """
    yield '{"type":"FeatureCollection","properties":' + _json(_properties(track, zone) | extra) + ',"features":['
    before = ""
    for piece in track.pieces:
        yield before
        yield from _line(track.way, piece, zone)
        before = ","
    for each in track.quarantined:
        yield before + _json(_point(each, zone))
        before = ","
    yield "]}"


def _properties(track: Track, zone: ZoneInfo | None) -> dict[str, Any]:
    return {
        "devices": list(track.way.devices),
        "points": len(track.way),
        "shown": track.shown,
        "tolerance_m": math.ceil(track.tolerance_m * 10) / 10,
        "quarantined": len(track.quarantined),
        "quarantined_cut": track.quarantined_cut,
        "gaps": [{"from": written_one(start, zone), "to": written_one(end, zone)} for start, end in track.gaps],
        "stops": [stop_plain(each, zone) for each in track.stops],
    }


def stop_plain(stop: Stop, zone: ZoneInfo | None) -> dict[str, Any]:
    """A stop as JSON values."""
    return {
        "from": written_one(stop.from_ms, zone),
        "to": written_one(stop.to_ms, zone),
        "duration_s": (stop.to_ms - stop.from_ms) // 1000,
        "lat": round(stop.lat, 6),
        "lon": round(stop.lon, 6),
        "lasting": stop.lasting,
    }


def _line(way: Way, piece: np.ndarray, zone: ZoneInfo | None) -> Iterator[str]:
    yield '{"type":"Feature","geometry":{"type":"LineString","coordinates":['
    place = np.column_stack([np.round(way.lon[piece], 6), np.round(way.lat[piece], 6)])
    yield from _listed(place.tolist() * (2 if len(piece) == 1 else 1))  # a LineString has two ends
    yield ']},"properties":{"quality":"good","times":['
    yield from _listed(written(way.at[piece], zone))
    yield '],"speeds_mps":['
    yield from _listed(numbers(way.speed_mps[piece]))
    yield '],"courses_deg":['
    yield from _listed(numbers(way.course_deg[piece]))
    yield '],"clocks":['
    yield from _listed([CLOCKS[number] for number in way.clock[piece].tolist()])
    yield '],"devices":['
    yield from _listed(way.device[piece].tolist())
    yield "]}}"


def _point(judged: Judged, zone: ZoneInfo | None) -> dict[str, Any]:
    reading, body = judged.reading, judged.reading.body
    assert isinstance(body, FixBody)
    return {
        "type": "Feature",
        # Out of range there is nothing that GeoJSON could hold.
        "geometry": {"type": "Point", "coordinates": [body.lon, body.lat]} if judged.reason != "range" else None,
        "properties": {
            "quality": judged.reason,
            "time": written_one(reading.at, zone),
            "speed_mps": _finite(body.speed_mps),
            "device": reading.device,
            "stream": reading.stream,
            "seq": reading.seq,
        },
    }


def csv(track: Track, zone: ZoneInfo | None) -> Iterator[str]:
    """The same as CSV (RFC 4180, UTF-8): a row per drawn fix, `piece` counting from 1, quarantined ones among them.

    Degrees with 6 decimals; an unknown value is empty, `quality` is `good` or the reason of quarantine.
    """
    yield CSV_HEAD + "\r\n"
    good = _good_rows(track, zone)
    rows: Iterable[tuple[int, str]] = merge(good, _bad_rows(track, zone)) if track.quarantined else good
    block: list[str] = []
    for _, row in rows:
        block.append(row)
        if len(block) == _BLOCK:
            yield "".join(block)
            block.clear()
    yield "".join(block)


def _good_rows(track: Track, zone: ZoneInfo | None) -> Iterator[tuple[int, str]]:
    way, names = track.way, [safe(device) for device in track.way.devices]
    for number, piece in enumerate(track.pieces, 1):
        for start in range(0, len(piece), _BLOCK):
            part = piece[start : start + _BLOCK]
            for at, time, lat, lon, speed, course, clock, device in zip(
                way.at[part].tolist(), written(way.at[part], zone), way.lat[part].tolist(), way.lon[part].tolist(),
                cells(way.speed_mps[part]), cells(way.course_deg[part]), way.clock[part].tolist(),
                way.device[part].tolist(), strict=True,
            ):  # fmt: skip
                yield (
                    at,
                    f"{time},{lat:.6f},{lon:.6f},{speed},{course},{CLOCKS[clock]},{names[device]},{number},good\r\n",
                )


def _bad_rows(track: Track, zone: ZoneInfo | None) -> Iterator[tuple[int, str]]:
    for judged in track.quarantined:
        reading, body = judged.reading, judged.reading.body
        assert isinstance(body, FixBody)
        place = ",".join("" if not math.isfinite(degrees) else f"{degrees:.6f}" for degrees in (body.lat, body.lon))
        motion = ",".join("" if value is None else str(value) for value in (body.speed_mps, body.course_deg))
        row = (
            f"{written_one(reading.at, zone)},{place},{motion},{reading.clock},{safe(reading.device)},,{judged.reason}"
        )
        yield reading.at, row + "\r\n"


def numbers(column: np.ndarray) -> list[float | None]:
    """A column of one decimal as JSON numbers; NaN is null."""
    rounded = np.round(column.astype(np.float64), 1)
    if not np.any(np.isnan(rounded)):
        return rounded.tolist()
    return [None if value != value else value for value in rounded.tolist()]  # noqa: PLR0124  (NaN is what differs)


def cells(column: np.ndarray) -> list[str]:
    """The same as cells of a table; NaN is empty."""
    return ["" if value is None else str(value) for value in numbers(column)]


def _listed(values: list[Any]) -> Iterator[str]:
    for start in range(0, len(values), _BLOCK):
        yield ("," if start else "") + _json(values[start : start + _BLOCK])[1:-1]


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
