"""Fences in metres: how far a position lies from one, and where a straight way crosses it. Pure.

Each fence measures on a plane that touches the earth at its own middle; within 50 km the error is below 0.1 %.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

M_PER_DEG = 111_319.49  # of latitude, on the WGS-84 equator's sphere
Position = tuple[float, float]  # latitude and longitude, degrees WGS-84
_CELL_DEG = 0.05
_TURN = round(360 / _CELL_DEG)


@dataclass(frozen=True, slots=True)
class Fence:
    """The fence of a site. Exactly one of `radius_m` (circle) and `corners` (polygon, metres) is used."""

    site: str
    dwell_ms: int
    lat: float
    lon: float
    radius_m: float = 0.0
    corners: tuple[tuple[float, float], ...] = ()

    def plane(self, at: Position) -> tuple[float, float]:
        """A position as metres east and north of the fence's middle."""
        east_deg = (at[1] - self.lon + 180.0) % 360.0 - 180.0  # the short way round, also at 180°
        return east_deg * M_PER_DEG * math.cos(math.radians(self.lat)), (at[0] - self.lat) * M_PER_DEG

    def distance_m(self, at: Position) -> float:
        """Metres to the fence, negative inside."""
        x, y = self.plane(at)
        if not self.corners:
            return math.hypot(x, y) - self.radius_m
        nearest = min(_to_edge(x, y, a, b) for a, b in self._edges())
        return -nearest if self._holds(x, y) else nearest

    def crossings(self, start: Position, end: Position) -> list[float]:
        """Where the straight way from `start` to `end` crosses the fence, as parts of the way, ascending in 0…1."""
        a, b = self.plane(start), self.plane(end)
        if not self.corners:
            return _circle_crossings(a, b, self.radius_m)
        found = {round(part, 9) for c, d in self._edges() if (part := _edge_crossing(a, b, c, d)) is not None}
        return sorted(found)

    def _edges(self) -> Iterable[tuple[tuple[float, float], tuple[float, float]]]:
        return zip(self.corners, self.corners[1:] + self.corners[:1], strict=True)

    def _holds(self, x: float, y: float) -> bool:
        inside = False
        for (ax, ay), (bx, by) in self._edges():
            if (ay > y) != (by > y) and x < (bx - ax) * (y - ay) / (by - ay) + ax:
                inside = not inside
        return inside


def fence_of(site: str, shape: Mapping[str, Any], dwell_s: int) -> Fence:
    """The fence of a stored shape (fleet.model.parse_shape)."""
    if shape["type"] == "circle":
        return Fence(site, dwell_s * 1000, shape["lat"], shape["lon"], radius_m=shape["radius_m"])
    points = shape["points"]
    lat = sum(point[0] for point in points) / len(points)
    lon = points[0][1]
    flat = Fence(site, dwell_s * 1000, lat, lon)
    corners = tuple(flat.plane((point[0], point[1])) for point in points)
    return Fence(site, dwell_s * 1000, lat, lon, corners=corners)


class FenceIndex:
    """Finds the fences near a way without looking at all of them: a grid of 0.05°."""

    def __init__(self, fences: Iterable[Fence]) -> None:
        self.by_site = {fence.site: fence for fence in fences}
        self._cells: dict[tuple[int, int], list[str]] = {}
        self._boxes = {fence.site: _box(fence) for fence in self.by_site.values()}
        for site, box in self._boxes.items():
            for cell in _cells(*box):
                self._cells.setdefault(cell, []).append(site)

    def away(self, lats: Sequence[float], lons: Sequence[float]) -> bool:
        """True when no fence lies within the box around a track: no way between two of its positions meets one.

        One look for a whole window of fixes, which nearly all of a truck's windows pass. False is no statement.
        """
        low_lat, low_lon, high_lat, high_lon = min(lats), min(lons), max(lats), max(lons)
        if high_lat - low_lat > 1 or high_lon - low_lon > 1 or low_lon < -179 or high_lon > 179:
            return False
        for cell in _cells(low_lat, low_lon, high_lat, high_lon):
            for site in self._cells.get(cell, ()):
                south, west, north, east = self._boxes[site]
                if south <= high_lat and north >= low_lat and west <= high_lon and east >= low_lon:
                    return False
        return True

    def near(self, start: Position, end: Position) -> set[str]:
        """Sites whose fence the straight way may touch."""
        cell = (math.floor(start[0] / _CELL_DEG), math.floor(start[1] / _CELL_DEG) % _TURN)
        if cell == (math.floor(end[0] / _CELL_DEG), math.floor(end[1] / _CELL_DEG) % _TURN):  # nearly every step
            return set(self._cells.get(cell, ()))
        low_lat, high_lat = sorted((start[0], end[0]))
        low_lon, high_lon = sorted((start[1], end[1]))
        if high_lat - low_lat > 1 or high_lon - low_lon > 1:  # no way to speak of: look at its ends
            return self.near(start, start) | self.near(end, end)
        return {site for cell in _cells(low_lat, low_lon, high_lat, high_lon) for site in self._cells.get(cell, ())}


def way_at_most_m(start: Position, end: Position) -> float:
    """No shorter than the straight way between two positions on the plane of any fence near them."""
    east_deg = abs((end[1] - start[1] + 180.0) % 360.0 - 180.0)
    return (abs(end[0] - start[0]) + east_deg) * M_PER_DEG + 0.01  # plus rounding


def _box(fence: Fence) -> tuple[float, float, float, float]:
    reach = [(fence.radius_m, fence.radius_m), (-fence.radius_m, -fence.radius_m), *fence.corners]
    east = M_PER_DEG * max(math.cos(math.radians(fence.lat)), 0.01)
    lats = [fence.lat + y / M_PER_DEG for _, y in reach]
    lons = [fence.lon + x / east for x, _ in reach]
    rounding = 1e-7  # 1 cm
    return min(lats) - rounding, min(lons) - rounding, max(lats) + rounding, max(lons) + rounding


def _cells(low_lat: float, low_lon: float, high_lat: float, high_lon: float) -> Iterable[tuple[int, int]]:
    for row in range(math.floor(low_lat / _CELL_DEG), math.floor(high_lat / _CELL_DEG) + 1):
        for column in range(math.floor(low_lon / _CELL_DEG), math.floor(high_lon / _CELL_DEG) + 1):
            yield row, column % _TURN


def _to_edge(x: float, y: float, a: tuple[float, float], b: tuple[float, float]) -> float:
    dx, dy = b[0] - a[0], b[1] - a[1]
    length2 = dx * dx + dy * dy
    part = 0.0 if length2 == 0 else max(0.0, min(1.0, ((x - a[0]) * dx + (y - a[1]) * dy) / length2))
    return math.hypot(x - a[0] - part * dx, y - a[1] - part * dy)


def _circle_crossings(a: tuple[float, float], b: tuple[float, float], radius_m: float) -> list[float]:
    dx, dy = b[0] - a[0], b[1] - a[1]
    square = dx * dx + dy * dy
    half = a[0] * dx + a[1] * dy
    root = half * half - square * (a[0] * a[0] + a[1] * a[1] - radius_m * radius_m)
    if square == 0 or root <= 0:  # standing, or at most touching
        return []
    parts = ((-half - math.sqrt(root)) / square, (-half + math.sqrt(root)) / square)
    return [part for part in parts if 0 <= part <= 1]


def _edge_crossing(
    a: tuple[float, float], b: tuple[float, float], c: tuple[float, float], d: tuple[float, float]
) -> float | None:
    ux, uy, vx, vy = b[0] - a[0], b[1] - a[1], d[0] - c[0], d[1] - c[1]
    cross = ux * vy - uy * vx
    if cross == 0:
        return None
    part = ((c[0] - a[0]) * vy - (c[1] - a[1]) * vx) / cross
    along = ((c[0] - a[0]) * uy - (c[1] - a[1]) * ux) / cross
    return part if 0 <= part <= 1 and 0 <= along < 1 else None
