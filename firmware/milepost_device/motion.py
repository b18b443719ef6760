"""When to report a position, and when a vehicle has arrived or left: pure rules over integer fixes.

Distances on a plane that touches the earth at the fix: right within 1 % up to 100 km and 80 degrees.
"""

import math

from micropython import const

_MOVING_DMPS = const(14)  # 5 km/h: slower counts as standing (Teltonika's limit)
_GOOD_FIXES = const(3)  # in a row before the first one may become an anchor (Meshtastic#11748)
_GOOD_SATS = const(4)
_GOOD_HDOP_D = const(50)
_LEAVE_FIXES = const(3)  # in a row outside the anchor's circle
_FAR = const(900000)  # 1e-6 degrees, 100 km: beyond it products leave +-2^30

# cosine x 1024 for each degree of latitude: no float on the path of a fix
_COS = tuple([int(1024 * math.cos(math.radians(d)) + 0.5) for d in range(91)])


def distance_m(lat1_e6: int, lon1_e6: int, lat2_e6: int, lon2_e6: int) -> int:
    """Metres between two places (degrees x 1e6), integer arithmetic within +-2^30.

    In steps of 1 m up to 2 km, of 10 m up to 100 km; 10 000 000 for anything farther.
    """
    dlat = lat2_e6 - lat1_e6
    dlon = lon2_e6 - lon1_e6
    if dlon > 180000000:
        dlon -= 360000000
    elif dlon < -180000000:
        dlon += 360000000
    if not -_FAR < dlat < _FAR or not -_FAR < dlon < _FAR:
        return 10000000
    y_dm = dlat * 1113 // 1000  # 1e-6 degree of latitude is 1.113 dm
    x_dm = dlon * _COS[abs(lat1_e6) // 1000000] // 1024 * 1113 // 1000
    if abs(y_dm) + abs(x_dm) > 20000:
        y = y_dm // 100
        x = x_dm // 100
        return _root(y * y + x * x) * 10
    return _root(y_dm * y_dm + x_dm * x_dm) // 10


def _root(n: int) -> int:
    """Integer square root of 0..2^31."""
    x = n
    y = (x + 1) // 2
    while y < x:
        x = y
        y = (x + n // x) // 2
    return x


def course_change_deg(a_2deg: int, b_2deg: int) -> int:
    """Angle between two courses (units of 2 degrees), 0..180 degrees."""
    d = abs(a_2deg - b_2deg) * 2
    return 360 - d if d > 180 else d


class SendPolicy:
    """Whether a fix is worth a record: time, distance, course or speed since the last one reported.

    Takes values of the configuration; `now_s` is the uptime in seconds.
    """

    def __init__(self, config: dict) -> None:
        self.configure(config)
        self._at_s = -1000000
        self._lat = self._lon = self._speed = 0
        self._course = None

    def configure(self, config: dict) -> None:
        """Take over thresholds."""
        self._moving_s = config["report_interval_s"]
        self._standing_s = config["stationary_interval_s"]
        self._distance_m = config["min_distance_m"]
        self._course_deg = config["min_course_deg"]
        self._speed_dmps = (config["min_speed_delta_kmh"] * 100 + 18) // 36

    def wants(
        self,
        lat_e6: int,
        lon_e6: int,
        speed_dmps: int | None,
        course_2deg: int | None,
        now_s: int,
        standing: bool,
    ) -> bool:
        """True if this fix is to be reported. `standing`: the vehicle rests at its anchor."""
        age_s = now_s - self._at_s
        if age_s >= (self._standing_s if standing else self._moving_s):
            return True
        if standing:
            return False  # within the anchor's circle every difference is noise
        speed = speed_dmps or 0
        if self._distance_m and distance_m(self._lat, self._lon, lat_e6, lon_e6) >= self._distance_m:
            return True
        if self._speed_dmps and abs(speed - self._speed) >= self._speed_dmps:
            return True
        return bool(
            self._course_deg
            and speed > _MOVING_DMPS
            and course_2deg is not None
            and self._course is not None
            and course_change_deg(course_2deg, self._course) >= self._course_deg
        )

    def reported(self, lat_e6: int, lon_e6: int, speed_dmps: int | None, course_2deg: int | None, now_s: int) -> None:
        """This fix was recorded: the next is compared with it."""
        self._at_s = now_s
        self._lat = lat_e6
        self._lon = lon_e6
        self._speed = speed_dmps or 0
        self._course = course_2deg


NONE, ARRIVED, DEPARTED = 0, 1, 2


class Anchor:
    """Arrival and departure by an anchor with hysteresis.

    Standing for arrive_after_s sets the anchor at the mean place (ARRIVED); three fixes in a row outside
    anchor_radius_m, or faster than 18 km/h outside half of it, lift it (DEPARTED). Ignition off keeps it.
    """

    def __init__(self, config: dict) -> None:
        self.configure(config)
        self._good = 0
        self.standing = False
        self.lat_e6 = self.lon_e6 = 0
        self._still_from_s = -1
        self._n = 0
        self._outside = 0

    def configure(self, config: dict) -> None:
        """Take over thresholds."""
        self._after_s = config["arrive_after_s"]
        self._radius_m = config["anchor_radius_m"]

    def update(
        self,
        lat_e6: int,
        lon_e6: int,
        speed_dmps: int | None,
        sats: int | None,
        hdop_d: int | None,
        now_s: int,
        ignition: bool | None = None,
    ) -> int:
        """Take one fix; NONE, ARRIVED or DEPARTED. ignition: True, False or None (not wired)."""
        good = (sats is None or sats >= _GOOD_SATS) and (hdop_d is None or hdop_d < _GOOD_HDOP_D)
        if not good:
            return NONE
        if self._good < _GOOD_FIXES:
            self._good += 1
            if self._good < _GOOD_FIXES:
                return NONE
        speed = speed_dmps or 0
        if self.standing:
            return self._leave(lat_e6, lon_e6, speed, ignition)
        off_m = 0 if self._still_from_s < 0 else distance_m(self.lat_e6, self.lon_e6, lat_e6, lon_e6)
        if speed > _MOVING_DMPS or off_m > self._radius_m:
            self._still_from_s = -1
            return NONE
        if self._still_from_s < 0:
            self._still_from_s = now_s
            self.lat_e6 = lat_e6
            self.lon_e6 = lon_e6
            self._n = 1
            return NONE
        self._n = min(self._n + 1, 64)
        self.lat_e6 += (lat_e6 - self.lat_e6) // self._n
        self.lon_e6 += (lon_e6 - self.lon_e6) // self._n
        if now_s - self._still_from_s < self._after_s:
            return NONE
        self.standing = True
        self._outside = 0
        return ARRIVED

    def _leave(self, lat_e6: int, lon_e6: int, speed: int, ignition: bool | None) -> int:
        if ignition is False:
            self._outside = 0
            return NONE
        off_m = distance_m(self.lat_e6, self.lon_e6, lat_e6, lon_e6)
        if off_m > self._radius_m or (off_m > self._radius_m // 2 and speed > 50):
            self._outside += 1
        else:
            self._outside = 0
        if self._outside < _LEAVE_FIXES:
            return NONE
        self.standing = False
        self._still_from_s = -1
        return DEPARTED
