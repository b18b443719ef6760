"""Small pictures of evidence as coordinates for SVG: signal strength over time, a piece of track. Pure."""

import math
from typing import Any

WIDTH, HEIGHT = 480, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 12, 20, 30


def rssi(snapshot: dict[str, Any], at: int) -> dict[str, Any] | None:
    """Reads of one tag at a door: rows [first ms, last ms, first dBm, max dBm, last dBm, reads], and the light gates'
    changes [ms, gate, interrupted]. `at`: the moment that was decided, UTC ms. None when there is no trace."""
    rows = snapshot.get("rssi") or []
    if not rows:
        return None
    gates = snapshot.get("gates") or []
    times = [at, *(t for row in rows for t in row[:2]), *(gate[0] for gate in gates)]
    levels = [level for row in rows for level in row[2:5] if level is not None]
    start, end = min(times) - 500, max(times) + 500
    low, high = math.floor(min(levels) / 10) * 10, math.ceil(max(levels) / 10) * 10
    high = max(high, low + 10)

    def x(ms: float) -> float:
        return round(_LEFT + (ms - start) / (end - start) * (WIDTH - _LEFT - _RIGHT), 1)

    def y(dbm: float) -> float:
        return round(_TOP + (high - dbm) / (high - low) * (HEIGHT - _TOP - _BOTTOM), 1)

    reads = []
    for first, last, first_dbm, max_dbm, last_dbm, count in rows:
        weakest = min(level for level in (first_dbm, max_dbm, last_dbm) if level is not None)
        reads.append({"x": x((first + last) / 2), "y": y(max_dbm), "low": y(weakest), "n": count})
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "left": _LEFT,
        "right": WIDTH - _RIGHT,
        "top": _TOP,
        "base": HEIGHT - _BOTTOM,
        "levels": [(dbm, y(dbm)) for dbm in range(low, high + 1, 10)],
        "times": [(round(ms), x(ms)) for ms in _ticks(start, end)],
        "reads": reads,
        "line": " ".join(f"{read['x']},{read['y']}" for read in reads),
        "gates": _spans(gates, end, x),
        "at": x(at),
        "total": sum(row[5] for row in rows),
    }


def _spans(gates: list[list[Any]], end: float, x: Any) -> list[dict[str, Any]]:
    """Interruptions as boxes: from an interruption to the same gate's release, or to the end."""
    open_since: dict[str, int] = {}
    spans = []
    for at, gate, interrupted in sorted(gates):
        if interrupted:
            open_since.setdefault(gate, at)
        elif gate in open_since:
            spans.append((gate, open_since.pop(gate), at))
    spans += [(gate, since, end) for gate, since in open_since.items()]
    return [
        {"gate": gate, "x": x(since), "width": max(1.0, round(x(until) - x(since), 1)), "ms": round(until - since)}
        for gate, since, until in spans
    ]


def _ticks(start: float, end: float) -> list[float]:
    for step in (500, 1000, 2000, 5000, 10_000, 30_000, 60_000, 300_000):
        if (end - start) / step <= 6:
            break
    first = math.ceil(start / step) * step
    return [first + i * step for i in range(int((end - first) // step) + 1)]


def track(snapshot: dict[str, Any], at: int) -> dict[str, Any] | None:
    """Fixes [ms, lat, lon, m/s] around a moment, north up, to scale. None when there are fewer than two."""
    rows = snapshot.get("track") or []
    if len(rows) < 2:
        return None
    middle = math.radians(sum(row[1] for row in rows) / len(rows))
    metres = [(row[0], row[2] * 111_320 * math.cos(middle), row[1] * 110_574) for row in rows]
    west, east = min(m[1] for m in metres), max(m[1] for m in metres)
    south, north = min(m[2] for m in metres), max(m[2] for m in metres)
    scale = min((WIDTH - 40) / max(east - west, 20), (HEIGHT - 40) / max(north - south, 20))

    def place(each: tuple[float, float, float]) -> tuple[float, float]:
        return (
            round(WIDTH / 2 + (each[1] - (west + east) / 2) * scale, 1),
            round(HEIGHT / 2 - (each[2] - (south + north) / 2) * scale, 1),
        )

    points = [place(each) for each in metres]
    nearest = min(range(len(metres)), key=lambda i: abs(metres[i][0] - at))
    bar_m = next((m for m in (5000, 2000, 1000, 500, 200, 100, 50, 20, 10) if m * scale <= WIDTH / 3), 10)
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "points": points,
        "line": " ".join(f"{a},{b}" for a, b in points),
        "at": points[nearest],
        "bar": round(bar_m * scale, 1),
        "bar_m": bar_m,
    }
