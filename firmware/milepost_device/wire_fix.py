"""Primitives of the wire and the codec of a fix: differences from a linear prediction (see wire.py).

docs/wire.md, sections "Primitives" and "Fix", say the same in words.
"""

from milepost_device.wire_records import CLOCK_GNSS, CLOCK_NONE, Fix, Record, WireError, const

_SMALL = const(0x3FFFFFFF)  # 2^30 - 1
_U32 = const(0xFFFFFFFF)

# Fields of a fix in the order of the wire. LAT and LON share bit 0 of the mask, field i has bit i - 1.
_LAT = const(0)
_LON = const(1)
_T = const(2)
_ALT = const(3)
_SPEED = const(4)
_COURSE = const(5)
_HDOP = const(6)
_SATS = const(7)
_MS = const(8)
_CLOCK = const(9)
_SOURCE = const(10)
_FIELDS = const(11)
_BITS = const(10)
_PAIRS = (_T, _HDOP)  # of (t, alt) and (hdop, sats): they share a byte when both changed a little
_ALWAYS = (_T, _MS, _CLOCK, _SOURCE)  # never unknown
_AS_BEFORE = (_ALT, _SPEED, _COURSE, _HDOP, _SATS, _SOURCE)  # predicted to stay as they are
_NAMES = ("lat_e6", "lon_e6", "t", "alt_m", "speed_dmps", "course_2deg", "hdop_d", "sats", "ms", "clock",
          "source")  # fmt: skip
_LOW = (-90000000, -180000000, 0, -12000, 0, 0, 0, 0, 0, 0, 0)
_HIGH = (90000000, 180000000, _SMALL, 60000, 20000, 179, 999, 255, _SMALL, 3, 255)


def check(value: int, low: int, high: int, what: str) -> int:
    """Return `value` when it is an integer in low..high, else raise WireError("range") naming `what`."""
    if not isinstance(value, int) or not low <= value <= high:
        raise WireError("range", what)
    return value


def put(buf: bytearray, p: int, value: int) -> int:
    """Write an unsigned varint (7 bits a byte, low first, top bit = more); IndexError when full."""
    while value > 127:
        buf[p] = (value & 127) | 128
        value >>= 7
        p += 1
    buf[p] = value
    return p + 1


def zigzag(value: int) -> int:
    """Return the unsigned form of a signed integer: 0, -1, 1, -2 ... become 0, 1, 2, 3 ..."""
    return value * 2 if value >= 0 else -value * 2 - 1


def put_bytes(buf: bytearray, p: int, data: bytes) -> int:
    """Copy `data` to p and return the end; IndexError when full."""
    end = p + len(data)
    if end > len(buf):  # a bytearray would grow instead of failing
        raise IndexError
    buf[p:end] = data
    return end


class In:
    """Reads fields from `data` between `p` and `end`; every method raises WireError beyond the end."""

    def __init__(self, data: bytes | memoryview, p: int, end: int) -> None:
        self.data = data
        self.p = p
        self.end = end

    def u8(self) -> int:
        """Read one byte."""
        p = self.p
        if p >= self.end:
            raise WireError("truncated")
        self.p = p + 1
        return self.data[p]

    def i8(self) -> int:
        """Read one byte in two's complement."""
        value = self.u8()
        return value - 256 if value > 127 else value

    def u16(self) -> int:
        """Read two bytes, little-endian."""
        low = self.u8()
        return low | self.u8() << 8

    def varint(self) -> int:
        """Read an unsigned varint of at most 5 bytes and 32 bits."""
        p = self.p
        if p < self.end and self.data[p] < 128:  # nearly all of them
            self.p = p + 1
            return self.data[p]
        value = shift = 0
        while True:
            byte = self.u8()
            value |= (byte & 127) << shift
            if byte < 128:
                break
            shift += 7
            if shift > 28:
                raise WireError("range", "varint longer than 5 bytes")
        if value > _U32:
            raise WireError("range", "varint beyond 32 bits")
        return value

    def signed(self) -> int:
        """Read a zigzag varint."""
        p = self.p
        if p < self.end and self.data[p] < 128:
            self.p = p + 1
            value = self.data[p]
        else:
            value = self.varint()
        return -(value + 1 >> 1) if value & 1 else value >> 1

    def take(self, count: int) -> bytes:
        """Read `count` bytes."""
        p = self.p
        if count > self.end - p:
            raise WireError("truncated")
        self.p = p + count
        return bytes(self.data[p : p + count])

    def rest(self) -> bytes:
        """Read what is left."""
        return self.take(self.end - self.p)


def check_time(rec: Record) -> None:
    """Raise WireError("range") unless clock, t and ms of a record go together."""
    clock = check(rec.clock, 0, 3, "clock")
    check(rec.t, 0, _SMALL if clock else 0xFFFF, "t" if clock else "boot")
    check(rec.ms, 0, 999 if clock else _SMALL, "ms" if clock else "uptime_ms")


class Track:
    """The state that one batch carries from fix to fix; encoder and decoder move it in step."""

    def __init__(self) -> None:
        self.last = [0] * _FIELDS
        self.known = [False] * _FIELDS
        self.pred = [0] * _FIELDS
        self.new: list = [None] * _FIELDS
        self.diff = [0] * _FIELDS
        self.has = [False] * _FIELDS
        self.reset()

    def reset(self) -> None:
        """Forget the fix before, as at the start of a batch."""
        for i in range(_FIELDS):
            self.last[i] = 0
            self.known[i] = i in _ALWAYS
        self.last[_CLOCK] = CLOCK_GNSS
        self.started = False
        self.dt = self.dms = self.dlat = self.dlon = self.speeds = 0

    def _predict_time(self, clock: int) -> None:
        """Predict t and ms; absolute (from 0) at the start and where dates and boot times meet."""
        pred = self.pred
        last = self.last
        self.timed = self.started and (clock == CLOCK_NONE) == (last[_CLOCK] == CLOCK_NONE)
        if not self.timed:
            pred[_T] = pred[_MS] = 0
            return
        t = last[_T] + self.dt
        ms = last[_MS] + self.dms
        if clock != CLOCK_NONE and ms > 999:
            t += 1
            ms -= 1000
        pred[_T] = t
        pred[_MS] = ms

    def _predict_position(self) -> None:
        """Stretch the last step to the time and the mean speed of this one (docs/wire.md, step)."""
        new = self.new
        last = self.last
        dt = dms = 0
        if self.timed:
            dt = new[_T] - last[_T]
            dms = new[_MS] - last[_MS]
            if new[_CLOCK] == CLOCK_NONE:
                if dt:  # another boot: its uptime started anew
                    dt = dms = 0
            elif dms < 0:
                dt -= 1
                dms += 1000
        speeds = 0
        if self.known[_SPEED] and new[_SPEED] is not None:
            speeds = last[_SPEED] + new[_SPEED]
        before = _tenths(self.dt, self.dms)
        now = _tenths(dt, dms)
        self.pred[_LAT] = last[_LAT] + _stretch(self.dlat, before, now, self.speeds, speeds)
        self.pred[_LON] = last[_LON] + _stretch(self.dlon, before, now, self.speeds, speeds)
        self.new_dt = dt
        self.new_dms = dms
        self.new_speeds = speeds

    def _commit(self) -> None:
        last = self.last
        known = self.known
        new = self.new
        self.dlat = self.dlon = 0
        if new[_LAT] is not None and known[_LAT]:
            self.dlat = new[_LAT] - last[_LAT]
            self.dlon = new[_LON] - last[_LON]
        self.dt = self.new_dt
        self.dms = self.new_dms
        self.speeds = self.new_speeds
        for i in range(_FIELDS):
            value = new[i]
            known[i] = value is not None
            if value is not None:
                last[i] = value
        self.started = True

    def encode(self, buf: bytearray, p: int, fix: Fix, limit: int) -> int:
        """Write the body of `fix` at p; return the end, or -1 when it passes `limit` (state unmoved)."""
        new = self.new
        pred = self.pred
        new[_LAT] = fix.lat_e6
        new[_LON] = fix.lon_e6
        new[_T] = fix.t
        new[_ALT] = fix.alt_m
        new[_SPEED] = fix.speed_dmps
        new[_COURSE] = fix.course_2deg
        new[_HDOP] = fix.hdop_d
        new[_SATS] = fix.sats
        new[_MS] = fix.ms
        new[_CLOCK] = fix.clock
        new[_SOURCE] = fix.source
        for i in range(_FIELDS):
            if new[i] is not None or i in _ALWAYS:
                check(new[i], _LOW[i], _HIGH[i], _NAMES[i])
        if (fix.lat_e6 is None) != (fix.lon_e6 is None):
            raise WireError("range", "lat_e6 and lon_e6 are known together or not at all")
        check_time(fix)
        for i in range(_FIELDS):
            pred[i] = self.last[i]
        self._predict_time(fix.clock)
        self._predict_position()
        has = self.has
        diff = self.diff
        mask = 0
        for i in range(_FIELDS):
            value = new[i]
            known = self.known[i]
            d = 0 if value is None else value - pred[i]
            if i == _COURSE:
                d = (d + 90) % 180 - 90
            diff[i] = d
            # "unknown" is the difference 0 of a known field that is marked as changed
            has[i] = known if value is None else (d != 0 or not known)
            if has[i]:
                mask |= 1 << (i - 1 if i else 0)
        has[_LAT] = has[_LON] = mask & 1 != 0
        try:
            if fix.extra:
                more = In(fix.extra, 0, len(fix.extra))
                p = put(buf, p, mask | check(more.varint(), 1, 0x3FFFFF, "extra") << _BITS)
                p = put_bytes(buf, self._put_fields(buf, p), more.rest())
            else:
                p = self._put_fields(buf, put(buf, p, mask))
        except IndexError:
            return -1
        if p > limit:
            return -1
        self._commit()
        return p

    def _put_fields(self, buf: bytearray, p: int) -> int:
        has = self.has
        diff = self.diff
        i = 0
        while i < _FIELDS:
            if i in _PAIRS and has[i] and has[i + 1]:
                a = diff[i]
                b = diff[i + 1]
                if -8 < a < 8 and -8 < b < 8:
                    buf[p] = a + 8 | b + 8 << 4
                    p += 1
                    i += 2
                    continue
                buf[p] = 0
                p += 1
            if has[i]:
                p = put(buf, p, zigzag(diff[i]))
            i += 1
        return p

    def decode(self, source: In) -> Fix:
        """Read the body of a fix from `source` (In) and return it."""
        mask = source.varint()
        self._get_fields(source, mask)
        extra = _later_fields(source, mask >> _BITS) if mask >> _BITS else b""
        last = self.last
        known = self.known
        has = self.has
        new = self.new
        clock = self._marked(_CLOCK, last[_CLOCK]) if has[_CLOCK] else last[_CLOCK]
        clock = clock or 0  # never None: it is one of _ALWAYS
        self._predict_time(clock)
        for i in (_T, _MS):  # predicted: also an unmarked one may leave its range
            new[i] = self._marked(i, self.pred[i]) if has[i] else check(self.pred[i], 0, _SMALL, _NAMES[i])
        new[_CLOCK] = clock
        for i in _AS_BEFORE:
            new[i] = self._marked(i, last[i]) if has[i] else last[i] if known[i] else None
        self._predict_position()
        lat = self._place(_LAT, 90000000)
        lon = self._place(_LON, 180000000)
        fix = Fix(t=new[_T], ms=new[_MS], clock=clock, lat_e6=lat, lon_e6=lon,
                  alt_m=new[_ALT], speed_dmps=new[_SPEED], course_2deg=new[_COURSE], sats=new[_SATS],
                  hdop_d=new[_HDOP], source=new[_SOURCE], extra=extra)  # fmt: skip
        if (lat is None) != (lon is None):
            raise WireError("range", "lat_e6 and lon_e6 are known together or not at all")
        check_time(fix)
        self._commit()
        return fix

    def _get_fields(self, source: In, mask: int) -> None:
        """Read the differences of the marked fields."""
        has = self.has
        diff = self.diff
        has[_LAT] = has[_LON] = mask & 1 != 0
        if mask & 1:
            diff[_LAT] = source.signed()
            diff[_LON] = source.signed()
        i = _T
        mask >>= 1
        while i < _FIELDS:
            has[i] = mask & 1 != 0
            if mask & 1:
                if mask & 2 and i in _PAIRS:
                    pair = source.u8()
                    has[i + 1] = True
                    if pair:
                        diff[i] = (pair & 15) - 8
                        diff[i + 1] = (pair >> 4) - 8
                    else:
                        diff[i] = source.signed()
                        diff[i + 1] = source.signed()
                    i += 2
                    mask >>= 2
                    continue
                diff[i] = source.signed()
            i += 1
            mask >>= 1

    def _place(self, i: int, most: int) -> int | None:
        """Latitude or longitude from prediction and difference; None is unknown."""
        value = None
        if not self.has[i]:
            if self.known[i]:
                value = check(self.pred[i], -most, most, _NAMES[i])
        elif not self.known[i] or self.diff[_LAT] or self.diff[_LON]:
            value = check(self.pred[i] + self.diff[i], -most, most, _NAMES[i])
        self.new[i] = value
        return value

    def _marked(self, i: int, pred: int) -> int | None:
        """Rebuild a marked field i >= _T from its prediction and its difference."""
        if self.diff[i] or not self.known[i]:
            value = pred + self.diff[i]
            return check(value % 180 if i == _COURSE else value, _LOW[i], _HIGH[i], _NAMES[i])
        if i in _ALWAYS:
            raise WireError("range", _NAMES[i] + " cannot be unknown")
        return None


def _tenths(dt: int, dms: int) -> int:
    """Return a step of time in tenths of a second, 0 when it is not within 0.1..60 s."""
    tenths = dt * 10 + dms // 100 if 0 <= dt <= 60 else 0
    return tenths if tenths <= 600 else 0


def _stretch(d: int, before: int, now: int, speeds_before: int, speeds_now: int) -> int:
    """Scale the step `d` (1e-6 deg) by time and mean speed; every product stays below 2^30."""
    if before and now and -1000000 <= d <= 1000000:
        d = d * now // before
    if speeds_before >= 10 and -30000 <= d <= 30000 and speeds_now <= 30000:
        d = d * speeds_now // speeds_before
    return d


def _later_fields(source: In, mask: int) -> bytes:
    """Return the mask and the bytes of appended fields: one varint each, absolute."""
    start = source.p
    head = bytearray(5)
    used = put(head, 0, mask)
    while mask:
        if mask & 1:
            source.varint()
        mask >>= 1
    return bytes(memoryview(head)[:used]) + bytes(memoryview(source.data)[start : source.p])
