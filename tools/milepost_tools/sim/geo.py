"""A flat piece of ground: metres east and north of an origin, and back to degrees."""

import math
from dataclasses import dataclass

_M_PER_DEG_LAT = 110_574.0  # WGS-84 at 0 deg; the error over a few km lies far below a receiver's noise
_M_PER_DEG_LON = 111_320.0

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Ground:
    """A tangent plane. lat_deg, lon_deg: WGS-84 degrees of its origin."""

    lat_deg: float
    lon_deg: float

    def degrees(self, point: Point) -> tuple[float, float]:
        """(lat, lon) in degrees of a point in metres (east, north)."""
        east_m, north_m = point
        lon_scale = _M_PER_DEG_LON * math.cos(math.radians(self.lat_deg))
        return self.lat_deg + north_m / _M_PER_DEG_LAT, self.lon_deg + east_m / lon_scale


def distance_m(one: Point, other: Point) -> float:
    """Straight distance of two points in metres."""
    return math.hypot(other[0] - one[0], other[1] - one[1])


def course_deg(one: Point, other: Point) -> float:
    """Course from one point to another, degrees clockwise from north, 0 to below 360."""
    return math.degrees(math.atan2(other[0] - one[0], other[1] - one[1])) % 360.0
