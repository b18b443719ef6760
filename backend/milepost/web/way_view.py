"""A track as coordinates for one SVG picture: lines, silences, stops, quarantined fixes. Pure."""

import math
from itertools import pairwise
from typing import Any

import numpy as np

from milepost.telemetry.model import FixBody
from milepost.telemetry.tracks import Track
from milepost.telemetry.ways import M_PER_DEGREE, unwrapped

WIDTH, HEIGHT = 960, 420
_MARGIN = 28
_LEAST_M = 60.0  # a truck that stood all day still gets a picture with a scale
_BARS_M = (500_000, 200_000, 100_000, 50_000, 20_000, 10_000, 5_000, 2_000, 1_000, 500, 200, 100, 50, 20, 10)


def picture(track: Track) -> dict[str, Any] | None:
    """The picture of a track, to scale; None without a good fix.

    `lines`: points of a polyline per unbroken piece; `gaps`: straight dashes where nothing was heard; `stops` numbered
    from 1; `bad`: quarantined fixes that lie in view.
    """
    way = track.way
    if not len(way):
        return None
    kept = np.concatenate(track.pieces)
    stop_lat, stop_lon = np.array([each.lat for each in track.stops]), np.array([each.lon for each in track.stops])
    bad = [each.reading.body for each in track.quarantined if each.reason != "range"]
    bad_lat = np.array([body.lat for body in bad if isinstance(body, FixBody)])
    bad_lon = np.array([body.lon for body in bad if isinstance(body, FixBody)])
    # One plane for everything: longitudes as turns from the first fix, so that 180° is no edge.
    line_lon = unwrapped(way.lon[kept])
    turned = [line_lon, *(line_lon[0] + (each - line_lon[0] + 180) % 360 - 180 for each in (stop_lon, bad_lon))]
    x, y = _plane(np.concatenate([way.lat[kept], stop_lat, bad_lat]), np.concatenate(turned), line_lon)
    n, stops = len(kept), len(track.stops)
    west, east = float(x[: n + stops].min()), float(x[: n + stops].max())
    south, north = float(y[: n + stops].min()), float(y[: n + stops].max())
    scale = min(
        (WIDTH - 2 * _MARGIN) / max(east - west, _LEAST_M), (HEIGHT - 2 * _MARGIN) / max(north - south, _LEAST_M)
    )
    px = np.round(WIDTH / 2 + (x - (west + east) / 2) * scale, 1)
    py = np.round(HEIGHT / 2 - (y - (south + north) / 2) * scale, 1)
    points = list(zip(px.tolist(), py.tolist(), strict=True))
    ends = np.cumsum([len(piece) for piece in track.pieces]).tolist()
    lines = [points[start:end] for start, end in pairwise([0, *ends])]
    bar_m = next((m for m in _BARS_M if m * scale <= WIDTH / 4), _BARS_M[-1])
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "lines": [" ".join(f"{a},{b}" for a, b in line) for line in lines],
        "gaps": [(*one[-1], *other[0]) for one, other in pairwise(lines)],
        "stops": points[n : n + stops],
        "bad": [(a, b) for a, b in points[n + stops :] if 0 <= a <= WIDTH and 0 <= b <= HEIGHT],
        "first": points[0],
        "last": points[n - 1],
        "bar": round(bar_m * scale, 1),
        "bar_m": bar_m,
    }


def _plane(lat: np.ndarray, lon: np.ndarray, middle_of: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Metres about the middle of the line; `lon` may leave ±180°."""
    middle = (float(middle_of.min()) + float(middle_of.max())) / 2
    flat = math.cos(math.radians(float(np.median(lat))))
    return (lon - middle) * flat * M_PER_DEGREE, lat * M_PER_DEGREE
