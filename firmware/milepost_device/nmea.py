"""NMEA 0183 parser: RMC and GGA of any talker, fed by bytes, one epoch out per instant.

Integers only, one preallocated line, nothing allocated on the path of a fix.
A sentence is parsed into locals and committed whole or not at all: an 8-bit XOR lets one corrupt
line in 256 pass, so every field is range-checked and RMC and GGA must agree. There is no date gate
here; whether a date may be believed is the next stage (gnss_time.py).
"""

from micropython import const

_LINE = const(160)  # the standard says 82; receivers with more digits send more
_COMMAS = const(32)
_EMPTY = const(0x3FFFFFFF)
_BAD = const(-0x3FFFFFFF)

_DOLLAR = const(36)
_STAR = const(42)
_COMMA = const(44)
_DOT = const(46)

# States of the frame.
_IDLE = const(0)
_BODY = const(1)
_SUM_HIGH = const(2)
_SUM_LOW = const(3)

_APART_E6 = const(100)  # RMC and GGA of one instant may differ by 11 m (fewer digits), not more
_MAX_MILLIKNOTS = const(1000000)
_DAYS = b"\x1f\x1d\x1f\x1e\x1f\x1e\x1f\x1f\x1e\x1f\x1e\x1f"


class Epoch:
    """What the receiver said about one instant; the parser reuses it, so copy what must stay.

    valid: the receiver claims a position. tod_ms: UTC time of day in ms (a leap second gives
    86 400 000 and more). year, month, day: of the RMC, year 0 without one. lat_e6, lon_e6: 1e-6 deg.
    alt_m, speed_dmps (10 cm/s), course_2deg (0..179), sats, hdop_d (0.1), None = unknown.
    quality: of the GGA (1 GNSS, 2 differential, 4 RTK, 5 float RTK, 6 dead reckoning), from the mode of
    the RMC when there is no GGA. rmc, gga: which sentences it rests on.
    """

    def __init__(self) -> None:
        self.clear(0)

    def clear(self, tod_ms: int) -> None:
        """Start a new instant."""
        self.tod_ms = tod_ms
        self.valid = True
        self.rmc = self.gga = False
        self.year = self.month = self.day = self.quality = 0
        self.lat_e6: int | None = None
        self.lon_e6: int | None = None
        self.alt_m: int | None = None
        self.speed_dmps: int | None = None
        self.course_2deg: int | None = None
        self.sats: int | None = None
        self.hdop_d: int | None = None


class Nmea:
    """The parser of one receiver.

    Counters: `good` sentences with a right checksum (any kind), `bad_sum`, `torn` (cut short, overlong,
    or without checksum), `refused` (right checksum, impossible content, or RMC and GGA that
    contradict each other), `again` (a second RMC or GGA of an instant that is already complete).
    """

    def __init__(self, on_epoch) -> None:
        """on_epoch(epoch): called once for every instant, as soon as RMC and GGA of it are in,
        or when the next instant begins, or on flush()."""
        self._on_epoch = on_epoch
        self._line = bytearray(_LINE)
        self._commas = bytearray(_COMMAS)
        self._state = _IDLE
        self._length = self._count = self._xor = self._sum = 0
        self._open = False
        self._told = -1
        self.epoch = Epoch()
        self.good = self.bad_sum = self.torn = self.refused = self.again = 0

    def feed(self, data: bytes | bytearray | memoryview, count: int) -> None:
        """Take the first `count` bytes of `data`, however they are cut. Raises nothing."""
        line = self._line
        commas = self._commas
        state = self._state
        length = self._length
        fields = self._count
        xor = self._xor
        for i in range(count):
            c = data[i]
            if state == _BODY and _COMMA < c < 127:
                if length < _LINE:
                    line[length] = c
                    length += 1
                    xor ^= c
                else:
                    self.torn += 1
                    state = _IDLE
            elif c == _DOLLAR:  # every $ restarts the frame, whatever was under way
                if state != _IDLE:
                    self.torn += 1
                state = _BODY
                length = fields = xor = 0
            elif state == _IDLE:
                pass
            elif state == _BODY:
                if c == _STAR:
                    state = _SUM_HIGH
                elif 32 <= c < 127 and length < _LINE:
                    if c == _COMMA:
                        if fields < _COMMAS:
                            commas[fields] = length
                        fields += 1
                    line[length] = c
                    length += 1
                    xor ^= c
                else:
                    self.torn += 1
                    state = _IDLE
            else:
                digit = c - 48 if 48 <= c <= 57 else ((c | 32) - 87 if 97 <= c | 32 <= 102 else -1)
                if digit < 0:
                    self.torn += 1
                    state = _IDLE
                elif state == _SUM_HIGH:
                    self._sum = digit
                    state = _SUM_LOW
                else:
                    state = _IDLE
                    if self._sum << 4 | digit == xor:
                        self.good += 1
                        if fields < _COMMAS:
                            self._sentence(length, fields)
                    else:
                        self.bad_sum += 1
        self._state = state
        self._length = length
        self._count = fields
        self._xor = xor

    def flush(self) -> None:
        """Close the instant under way: the receiver has been silent, no more of it will come."""
        if self._open:
            self._tell()

    def _sentence(self, length: int, fields: int) -> None:
        line = self._line
        commas = self._commas
        # $PGRMC and its like are the vendors' own: a talker never begins with P
        if fields < 9 or commas[0] != 5 or line[0] == 80:
            return
        a, b, c = line[2], line[3], line[4]
        rmc = a == 82 and b == 77 and c == 67
        if not rmc and not (a == 71 and b == 71 and c == 65):
            return
        commas[fields] = length
        tod = _time(line, 6, commas[1])
        if tod == _EMPTY:
            return  # a cold receiver knows no time yet
        if tod == _BAD or not (self._rmc(tod, fields) if rmc else self._gga(tod)):
            self.refused += 1

    def _begin(self, tod: int, rmc: bool) -> bool:
        """Make the epoch of `tod` the open one; False when it already has this sentence."""
        epoch = self.epoch
        if self._open and epoch.tod_ms != tod:
            self._tell()
        if not self._open:
            if tod == self._told:
                self.again += 1
                return False
            epoch.clear(tod)
            self._open = True
        elif epoch.rmc if rmc else epoch.gga:
            self.again += 1
            return False
        return True

    def _rmc(self, tod: int, fields: int) -> bool:
        line = self._line
        commas = self._commas
        status = line[commas[1] + 1] if commas[2] - commas[1] == 2 else 0
        mode = line[commas[11] + 1] if fields > 11 and commas[12] - commas[11] == 2 else 65
        day = month = year = 0
        start = commas[8] + 1
        end = commas[9]
        if end != start:
            date = _number(line, start, end, 0) if end - start == 6 else _BAD
            if date == _BAD:
                return False
            year = date % 100
            year += 2000 if year < 80 else 1900
            month = date // 100 % 100
            day = date // 10000
            if not 1 <= month <= 12 or not 1 <= day <= _DAYS[month - 1]:
                return False
            if month == 2 and day == 29 and year & 3:
                return False
        lat = lon = speed = course = _EMPTY
        valid = status == 65 and mode != 78  # A; a mode of N takes the A back
        if valid:
            lat = _angle(line, commas[2] + 1, commas[3], 90)
            lon = _angle(line, commas[4] + 1, commas[5], 180)
            speed = _number(line, commas[6] + 1, commas[7], 3)
            course = _number(line, commas[7] + 1, commas[8], 3)
            # compared one by one: a tuple would be garbage
            if lat == _BAD or lon == _BAD or speed == _BAD or course == _BAD:  # noqa: PLR1714
                return False
            if speed != _EMPTY and not 0 <= speed <= _MAX_MILLIKNOTS:
                return False
            if course != _EMPTY and not 0 <= course <= 360000:
                return False
        elif status != 86 and status != 65:  # noqa: PLR1714
            return False
        if not self._begin(tod, True):
            return True
        epoch = self.epoch
        epoch.rmc = True
        epoch.year = year
        epoch.month = month
        epoch.day = day
        if not valid:
            epoch.valid = False
        else:
            if speed != _EMPTY:
                epoch.speed_dmps = (speed * 463 + 45000) // 90000  # 1 kn = 463/90 dm/s exactly
            if course != _EMPTY:
                epoch.course_2deg = (course + 1000) // 2000 % 180
            if not epoch.gga:
                epoch.quality = 2 if mode == 68 else (6 if mode == 69 else 1)
            self._place(lat, lon)
        if epoch.gga:
            self._tell()
        return True

    def _gga(self, tod: int) -> bool:
        line = self._line
        commas = self._commas
        quality = _number(line, commas[5] + 1, commas[6], 0)
        if quality == _EMPTY:
            quality = 0
        if not 0 <= quality <= 9:
            return False
        lat = lon = sats = hdop = alt = _EMPTY
        if quality:
            lat = _angle(line, commas[1] + 1, commas[2], 90)
            lon = _angle(line, commas[3] + 1, commas[4], 180)
            sats = _number(line, commas[6] + 1, commas[7], 0)
            hdop = _number(line, commas[7] + 1, commas[8], 2)
            alt = _number(line, commas[8] + 1, commas[9], 1)
            if lat == _BAD or lon == _BAD or sats == _BAD or hdop == _BAD or alt == _BAD:  # noqa: PLR1714
                return False
            if sats != _EMPTY and not 0 <= sats <= 255:
                return False
            if hdop < 0 or (alt != _EMPTY and not -20000 <= alt <= 600000):
                return False
        if not self._begin(tod, False):
            return True
        epoch = self.epoch
        epoch.gga = True
        if not quality:
            epoch.valid = False
        else:
            epoch.quality = quality
            if sats != _EMPTY:
                epoch.sats = sats
            if hdop != _EMPTY and hdop:
                epoch.hdop_d = (hdop + 5) // 10 if hdop < 9990 else 999
            if alt != _EMPTY:
                epoch.alt_m = (alt + 5) // 10
            self._place(lat, lon)
        if epoch.rmc:
            self._tell()
        return True

    def _place(self, lat: int, lon: int) -> None:
        """Set the position, or refuse the epoch when the other sentence says another place."""
        epoch = self.epoch
        if epoch.lat_e6 is not None and epoch.lon_e6 is not None:
            north = lat - epoch.lat_e6
            east = lon - epoch.lon_e6
            if not (-_APART_E6 <= north <= _APART_E6 and -_APART_E6 <= east <= _APART_E6):
                epoch.valid = False
                self.refused += 1
                return
        epoch.lat_e6 = lat
        epoch.lon_e6 = lon

    def _tell(self) -> None:
        self._open = False
        epoch = self.epoch
        self._told = epoch.tod_ms
        if not epoch.sats and epoch.sats is not None and not epoch.rmc and epoch.quality != 6:
            epoch.valid = False  # a lone GGA that claims a fix from no satellite (gpsd log hemi) is none
        if not epoch.valid:
            epoch.lat_e6 = epoch.lon_e6 = None
            epoch.alt_m = epoch.speed_dmps = epoch.course_2deg = None
        self._on_epoch(epoch)


def _number(line: bytearray, a: int, end: int, decimals: int) -> int:
    """Parse line[a:end] as a number times 10^decimals (further digits are cut); _EMPTY, or _BAD."""
    if a == end:
        return _EMPTY
    negative = line[a] == 45
    if negative:
        a += 1
    if end - a > 12 or a == end:
        return _BAD
    value = 0
    point = False
    while a < end:
        c = line[a] - 48
        if 0 <= c <= 9:
            if not point:
                value = value * 10 + c
                if value > 999999:
                    return _BAD
            elif decimals:
                value = value * 10 + c
                decimals -= 1
        elif c == -2 and not point:
            point = True
        else:
            return _BAD
        a += 1
    while decimals:
        value *= 10
        decimals -= 1
    return -value if negative else value


def _angle(line: bytearray, a: int, end: int, limit: int) -> int:
    """Parse [d]ddmm.mmmm at line[a:end] and the hemisphere behind it into 1e-6 deg, rounded; or _BAD.

    limit: 90 for a latitude, 180 for a longitude.

    The last two digits before the point are minutes, whatever stands before them: some receivers
    leave leading zeros out (case G05).
    """
    if a == end or line[end + 2] != _COMMA:
        return _BAD
    hemi = line[end + 1]
    minus = 83 if limit == 90 else 87  # S, W
    if hemi != minus and hemi != (78 if limit == 90 else 69):  # noqa: PLR1714  N, E; no tuple here
        return _BAD
    value = 0
    while a < end:
        c = line[a] - 48
        a += 1
        if 0 <= c <= 9:
            value = value * 10 + c
            if value > 18000:
                return _BAD
        elif c == -2:
            break
        else:
            return _BAD
    degrees = value // 100
    value -= degrees * 100
    if value > 59:
        return _BAD
    left = 7
    while a < end:
        c = line[a] - 48
        a += 1
        if not 0 <= c <= 9:
            return _BAD
        if left:
            value = value * 10 + c
            left -= 1
    while left:
        value *= 10
        left -= 1
    value = degrees * 1000000 + (value + 300) // 600
    if value > limit * 1000000:
        return _BAD
    return -value if hemi == minus else value


def _time(line: bytearray, a: int, end: int) -> int:
    """Parse hhmmss[.sss] into ms of the day; _EMPTY, or _BAD. Second 60 only at 23:59:60."""
    if a == end:
        return _EMPTY
    if end - a < 6:
        return _BAD
    value = 0
    for i in range(a, a + 6):
        c = line[i] - 48
        if not 0 <= c <= 9:
            return _BAD
        value = value * 10 + c
    second = value % 100
    minute = value // 100 % 100
    hour = value // 10000
    if hour > 23 or minute > 59 or second > 60 or (second == 60 and value != 235960):
        return _BAD
    ms = 0
    if end - a > 6:
        if line[a + 6] != _DOT:
            return _BAD
        weight = 100
        for i in range(a + 7, end):
            c = line[i] - 48
            if not 0 <= c <= 9:
                return _BAD
            ms += c * weight
            weight //= 10
    return ((hour * 60 + minute) * 60 + second) * 1000 + ms
