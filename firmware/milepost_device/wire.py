"""The wire of Milepost: records, batches, checksums. Runs unchanged under MicroPython and CPython.

The device defines it, the backend speaks it; docs/wire.md specifies it to the bit and
tests/vectors/*.json are the contract. Integers only; every stored integer fits +-2^30, because an
ESP32 keeps larger ones on the heap (the CRC-32 and an uptime beyond 12 days are the exceptions).
"""

import struct
from binascii import crc32

try:
    from micropython import const
except ImportError:  # CPython

    def const(value):
        """MicroPython's compile-time constant; here the value itself."""
        return value


EPOCH = 1577836800  # unix seconds of 2020-01-01T00:00:00Z
VERSION = 1
MAX_RECORD = 960  # bytes of one encoded record: always fits alone into a batch of 1024 bytes

KIND_FIX, KIND_TAG, KIND_GATE, KIND_EVENT, KIND_HEALTH = 1, 2, 3, 4, 5
CLOCK_NONE, CLOCK_RTC, CLOCK_NTP, CLOCK_GNSS = 0, 1, 2, 3
SOURCE_GNSS, SOURCE_DGNSS, SOURCE_DEAD_RECKONING, SOURCE_CELL = 0, 1, 2, 3
GATE_INNER, GATE_OUTER = 0, 1

EV_BOOT, EV_ARRIVE, EV_DEPART, EV_IGNITION, EV_SUPPLY = 1, 2, 3, 4, 5
EV_COMMAND, EV_CONFIG, EV_CLOCK_STEP, EV_GAP, EV_LOG = 6, 7, 8, 9, 10

_MAGIC = const(0x4D)
_HEAD = const(22)
_CRC = const(4)
_HEAD_FORMAT = "<BBHIIIHI"
_SMALL = const(0x3FFFFFFF)  # 2^30 - 1
_U32 = const(0xFFFFFFFF)

# Fields of a fix: number of the mask bit.
_T, _LAT, _LON, _ALT, _SPEED, _COURSE, _HDOP = (const(0), const(1), const(2), const(3), const(4), const(5), const(6))
_SATS, _MS, _CLOCK, _SOURCE = (const(7), const(8), const(9), const(10))
_FIELDS = const(11)
_ALWAYS = (_T, _MS, _CLOCK, _SOURCE)  # never unknown
_LOW = (0, -90000000, -180000000, -12000, 0, 0, 0, 0, 0, 0, 0)
_HIGH = (_SMALL, 90000000, 180000000, 60000, 20000, 179, 999, 255, _U32, 3, 255)

# Gen2 CRC-16 (ISO/IEC 18000-63): polynomial 0x1021, start 0xFFFF, inverted; one step per nibble.
_GEN2 = (0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50A5, 0x60C6, 0x70E7,
         0x8108, 0x9129, 0xA14A, 0xB16B, 0xC18C, 0xD1AD, 0xE1CE, 0xF1EF)  # fmt: skip


class WireError(ValueError):
    """Bytes or values that the wire format does not allow.

    `reason` is one of: short, magic, version, crc, truncated, range, trailing.
    """

    def __init__(self, reason, text=""):
        ValueError.__init__(self, reason + (": " + text if text else ""))
        self.reason = reason


# --- records -------------------------------------------------------------------------------------


class _Record:
    """Common part: time `t` (s since 2020), `ms` (0..999), `clock`; with CLOCK_NONE boot and uptime_ms.

    `extra` holds the bytes of fields that a newer device appended and this decoder does not know.
    """

    kind = 0
    fields = ()

    def __init__(self, t, ms, clock, extra):
        self.t = t
        self.ms = ms
        self.clock = clock
        self.extra = extra

    def __eq__(self, other):
        if type(self) is not type(other):
            return False
        for name in self.fields:
            if getattr(self, name) != getattr(other, name):
                return False
        return True

    def __repr__(self):
        return type(self).__name__ + "(" + ", ".join([n + "=" + repr(getattr(self, n)) for n in self.fields]) + ")"


class Fix(_Record):
    """One position. Degrees x 1e6, m, 10 cm/s, course in steps of 2 deg (0..179), hdop x 10. None = unknown."""

    kind = KIND_FIX
    fields = ("t", "ms", "clock", "lat_e6", "lon_e6", "alt_m", "speed_dmps", "course_2deg", "sats", "hdop_d",
              "source", "extra")  # fmt: skip

    def __init__(self, *, t, ms=0, clock=CLOCK_GNSS, lat_e6=None, lon_e6=None, alt_m=None, speed_dmps=None,
                 course_2deg=None, sats=None, hdop_d=None, source=SOURCE_GNSS, extra=b""):  # fmt: skip
        _Record.__init__(self, t, ms, clock, extra)
        self.lat_e6 = lat_e6
        self.lon_e6 = lon_e6
        self.alt_m = alt_m
        self.speed_dmps = speed_dmps
        self.course_2deg = course_2deg
        self.sats = sats
        self.hdop_d = hdop_d
        self.source = source


class Tag(_Record):
    """Reads of one tag at one antenna within a window; t/ms is the first read, `span_ms` later the last.

    rssi_* in dBm (-128..127), slope in 0.1 dB/s or None, phase in 1/4096 turn or None, channel or None.
    """

    kind = KIND_TAG
    fields = ("t", "ms", "clock", "epc", "pc", "antenna", "rssi_max", "rssi_first", "rssi_last", "slope", "phase",
              "channel", "span_ms", "count", "extra")  # fmt: skip

    def __init__(self, *, t, ms=0, clock=CLOCK_GNSS, epc, pc, antenna=0, rssi_max, rssi_first, rssi_last, slope=None,
                 phase=None, channel=None, span_ms=0, count=1, extra=b""):  # fmt: skip
        _Record.__init__(self, t, ms, clock, extra)
        self.epc = epc
        self.pc = pc
        self.antenna = antenna
        self.rssi_max = rssi_max
        self.rssi_first = rssi_first
        self.rssi_last = rssi_last
        self.slope = slope
        self.phase = phase
        self.channel = channel
        self.span_ms = span_ms
        self.count = count


class Gate(_Record):
    """A light gate changed: `gate` 0 inner (hall side), 1 outer (truck side); `state` 1 interrupted, 0 free.

    `span_ms` is how long the state before this one lasted (0 = not known).
    """

    kind = KIND_GATE
    fields = ("t", "ms", "clock", "gate", "state", "span_ms", "extra")

    def __init__(self, *, t, ms=0, clock=CLOCK_GNSS, gate, state, span_ms=0, extra=b""):
        _Record.__init__(self, t, ms, clock, extra)
        self.gate = gate
        self.state = state
        self.span_ms = span_ms


class Event(_Record):
    """Something happened: `code` is one of EV_*, `args` a small map of int or str to int, str or bytes."""

    kind = KIND_EVENT
    fields = ("t", "ms", "clock", "code", "args", "extra")

    def __init__(self, *, t, ms=0, clock=CLOCK_GNSS, code, args=None, extra=b""):
        _Record.__init__(self, t, ms, clock, extra)
        self.code = code
        self.args = {} if args is None else args


class Health(_Record):
    """State of the device: `values` is a list of (metric 0..255, int)."""

    kind = KIND_HEALTH
    fields = ("t", "ms", "clock", "values", "extra")

    def __init__(self, *, t, ms=0, clock=CLOCK_GNSS, values=(), extra=b""):
        _Record.__init__(self, t, ms, clock, extra)
        self.values = [(metric, value) for metric, value in values]


class Unknown:
    """A record of a kind that this decoder does not know, kept as bytes (without kind and length)."""

    def __init__(self, kind, body):
        self.kind = kind
        self.body = bytes(body)

    def __eq__(self, other):
        return isinstance(other, Unknown) and self.kind == other.kind and self.body == other.body

    def __repr__(self):
        return "Unknown(kind=%d, body=%r)" % (self.kind, self.body)


class Batch:
    """One decoded batch; record i has the sequence number first_seq + i."""

    def __init__(self, version, stream, first_seq, tail, boot, uptime_ms, records):
        self.version = version
        self.stream = stream
        self.first_seq = first_seq
        self.tail = tail
        self.boot = boot
        self.uptime_ms = uptime_ms
        self.records = records


# --- primitives ----------------------------------------------------------------------------------


def _check(value, low, high, what):
    if not isinstance(value, int) or not low <= value <= high:
        raise WireError("range", what)
    return value


def _put(buf, p, value):
    """Write an unsigned varint (7 bits a byte, low first, top bit = more); IndexError when full."""
    while value > 127:
        buf[p] = (value & 127) | 128
        value >>= 7
        p += 1
    buf[p] = value
    return p + 1


def _zigzag(value):
    return value * 2 if value >= 0 else -value * 2 - 1


def _put_bytes(buf, p, data):
    end = p + len(data)
    if end > len(buf):  # a bytearray would grow instead of failing
        raise IndexError
    buf[p:end] = data
    return end


class _In:
    """Reads fields from `data` between `p` and `end`."""

    def __init__(self, data, p, end):
        self.data = data
        self.p = p
        self.end = end

    def u8(self):
        p = self.p
        if p >= self.end:
            raise WireError("truncated")
        self.p = p + 1
        return self.data[p]

    def i8(self):
        value = self.u8()
        return value - 256 if value > 127 else value

    def u16(self):
        low = self.u8()
        return low | self.u8() << 8

    def varint(self):
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

    def signed(self):
        value = self.varint()
        return -(value + 1 >> 1) if value & 1 else value >> 1

    def take(self, count):
        p = self.p
        if count > self.end - p:
            raise WireError("truncated")
        self.p = p + count
        return bytes(self.data[p : p + count])

    def rest(self):
        return self.take(self.end - self.p)


# --- fix: differences from a linear prediction ---------------------------------------------------


class _Track:
    """The state that one batch carries from fix to fix; encoder and decoder move it in step."""

    def __init__(self):
        self.last = [0] * _FIELDS
        self.known = [False] * _FIELDS
        self.pred = [0] * _FIELDS
        self.new = [None] * _FIELDS
        self.code = [0] * _FIELDS
        self.reset()

    def reset(self):
        for i in range(_FIELDS):
            self.last[i] = 0
            self.known[i] = i in _ALWAYS
        self.last[_CLOCK] = CLOCK_GNSS
        self.started = False
        self.dt = self.dms = self.dlat = self.dlon = 0

    def _timed(self, clock):
        """Whether the time of the fix before is of the same sort (boot and uptime, or date) as this one's."""
        return self.started and (clock == CLOCK_NONE) == (self.last[_CLOCK] == CLOCK_NONE)

    def _predict_time(self, clock):
        pred = self.pred
        if not self._timed(clock):
            pred[_T] = pred[_MS] = 0
            return
        t = self.last[_T] + self.dt
        ms = self.last[_MS] + self.dms
        if clock != CLOCK_NONE and ms > 999:
            t += 1
            ms -= 1000
        pred[_T] = t
        pred[_MS] = ms

    def _elapsed(self, clock, t, ms):
        """Set self.new_dt, self.new_dms: from the fix before to this one (0, 0 when not comparable)."""
        dt = dms = 0
        if self._timed(clock):
            dt = t - self.last[_T]
            dms = ms - self.last[_MS]
            if clock == CLOCK_NONE:
                if dt:  # another boot: its uptime started anew
                    dt = dms = 0
            elif dms < 0:
                dt -= 1
                dms += 1000
        self.new_dt = dt
        self.new_dms = dms

    def _predict_rest(self):
        pred = self.pred
        last = self.last
        for i in range(_LAT, _MS):
            pred[i] = last[i]
        pred[_SOURCE] = last[_SOURCE]
        before = self.dt * 10 + self.dms // 100 if -60 <= self.dt <= 60 else 0
        now = self.new_dt * 10 + self.new_dms // 100 if -60 <= self.new_dt <= 60 else 0
        pred[_LAT] += self._step(self.dlat, before, now)
        pred[_LON] += self._step(self.dlon, before, now)

    def _step(self, d, before, now):
        """The step of the fix before, stretched to the time of this one (tenths of a second, floor)."""
        if before != now and 0 < before <= 600 and 0 < now <= 600 and -1000000 <= d <= 1000000:
            return d * now // before
        return d

    def _commit(self):
        last = self.last
        known = self.known
        new = self.new
        lat = new[_LAT]
        lon = new[_LON]
        self.dlat = lat - last[_LAT] if lat is not None and known[_LAT] else 0
        self.dlon = lon - last[_LON] if lon is not None and known[_LON] else 0
        self.dt = self.new_dt
        self.dms = self.new_dms
        for i in range(_FIELDS):
            value = new[i]
            known[i] = value is not None
            if value is not None:
                last[i] = value
        self.started = True

    def encode(self, buf, p, fix, limit):
        """Write the body of `fix` at p; return the end, or -1 when it passes `limit` (state unmoved)."""
        new = self.new
        pred = self.pred
        code = self.code
        new[_T] = fix.t
        new[_LAT] = fix.lat_e6
        new[_LON] = fix.lon_e6
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
                _check(new[i], _LOW[i], _HIGH[i], Fix.fields[0] if i == _T else "field %d of fix" % i)
        _check_time(fix)
        self._predict_time(fix.clock)
        self._elapsed(fix.clock, fix.t, fix.ms)
        self._predict_rest()
        pred[_CLOCK] = self.last[_CLOCK]
        mask = 0
        for i in range(_FIELDS):
            value = new[i]
            if value is None:
                if self.known[i]:
                    mask |= 1 << i
                    code[i] = 0
                continue
            diff = value - pred[i]
            if i == _COURSE:
                diff = (diff + 90) % 180 - 90
            if diff or not self.known[i]:
                mask |= 1 << i
                code[i] = _zigzag(diff)
        try:
            if fix.extra:
                source = _In(fix.extra, 0, len(fix.extra))
                p = _put(buf, p, mask | source.varint() << _FIELDS)
            else:
                source = None
                p = _put(buf, p, mask)
            for i in range(_FIELDS):
                if mask >> i & 1:
                    p = _put(buf, p, code[i])
            if source is not None:
                p = _put_bytes(buf, p, source.rest())
        except IndexError:
            return -1
        if p > limit:
            return -1
        self._commit()
        return p

    def decode(self, source):
        """Read the body of a fix from `source` (_In) and return it."""
        mask = source.varint()
        code = self.code
        new = self.new
        pred = self.pred
        for i in range(_FIELDS):
            if mask >> i & 1:
                code[i] = source.signed()
        extra = b""
        if mask >> _FIELDS:  # fields of a later version: one varint each
            start = source.p
            rest = mask >> _FIELDS
            head = bytearray(5)
            used = _put(head, 0, rest)
            while rest:
                if rest & 1:
                    source.varint()
                rest >>= 1
            extra = bytes(head[:used]) + bytes(source.data[start : source.p])
        pred[_CLOCK] = self.last[_CLOCK]
        clock = self._value(mask, _CLOCK)
        self._predict_time(clock)
        self._elapsed(clock, self._value(mask, _T), self._value(mask, _MS))
        self._predict_rest()
        for i in range(_LAT, _MS):
            self._value(mask, i)
        self._value(mask, _SOURCE)
        fix = Fix(t=new[_T], ms=new[_MS], clock=clock, lat_e6=new[_LAT], lon_e6=new[_LON], alt_m=new[_ALT],
                  speed_dmps=new[_SPEED], course_2deg=new[_COURSE], sats=new[_SATS], hdop_d=new[_HDOP],
                  source=new[_SOURCE], extra=extra)  # fmt: skip
        _check_time(fix)
        self._commit()
        return fix

    def _value(self, mask, i):
        """Rebuild field i from its prediction and difference, into self.new."""
        value = None
        if not mask >> i & 1:
            if self.known[i]:
                value = self.pred[i]
        elif not self.known[i] or self.code[i]:
            value = self.pred[i] + self.code[i]
        elif i in _ALWAYS:
            raise WireError("range", "field %d of fix cannot be unknown" % i)
        if value is not None:
            if i == _COURSE:
                value %= 180
            _check(value, _LOW[i], _HIGH[i], "field %d of fix" % i)
        self.new[i] = value
        return value


# --- the other kinds -----------------------------------------------------------------------------


def _check_time(rec):
    clock = _check(rec.clock, 0, 3, "clock")
    if clock == CLOCK_NONE:
        _check(rec.t, 0, 0xFFFF, "boot")
        _check(rec.ms, 0, _U32, "uptime_ms")
    else:
        _check(rec.t, 0, _SMALL, "t")
        _check(rec.ms, 0, 999, "ms")


def _put_body(buf, p, rec):
    """Write the body of any record but a fix; return the end."""
    if isinstance(rec, Unknown):
        return _put_bytes(buf, p, rec.body)
    _check_time(rec)
    buf[p] = rec.clock
    p = _put(buf, p + 1, rec.t)
    p = _put(buf, p, rec.ms)
    kind = rec.kind
    if kind == KIND_TAG:
        p = _put_tag(buf, p, rec)
    elif kind == KIND_GATE:
        buf[p] = _check(rec.gate, 0, 255, "gate")
        buf[p + 1] = _check(rec.state, 0, 1, "state")
        p = _put(buf, p + 2, _check(rec.span_ms, 0, _SMALL, "span_ms"))
    elif kind == KIND_EVENT:
        code = _check(rec.code, 0, 0xFFFF, "code")
        buf[p] = code & 255
        buf[p + 1] = code >> 8
        p = _put(buf, p + 2, len(rec.args))
        numbers = sorted([k for k in rec.args if isinstance(k, int)])
        words = sorted([k for k in rec.args if not isinstance(k, int)])
        for key in numbers + words:
            if not isinstance(key, (int, str)):
                raise WireError("range", "key of args")
            p = _put_item(buf, _put_item(buf, p, key), rec.args[key])
    elif kind == KIND_HEALTH:
        p = _put(buf, p, len(rec.values))
        for metric, value in rec.values:
            buf[p] = _check(metric, 0, 255, "metric")
            p = _put(buf, p + 1, _zigzag(_check(value, -_SMALL, _SMALL, "value")))
    else:
        raise WireError("range", "kind")
    return _put_bytes(buf, p, rec.extra)


def _put_tag(buf, p, tag):
    p = _put(buf, p, _check(tag.span_ms, 0, _SMALL, "span_ms"))
    p = _put(buf, p, _check(tag.count, 1, _SMALL, "count"))
    buf[p] = _check(tag.antenna, 0, 255, "antenna")
    buf[p + 1] = _check(tag.rssi_max, -128, 127, "rssi_max") & 255
    buf[p + 2] = _check(tag.rssi_first, -128, 127, "rssi_first") & 255
    buf[p + 3] = _check(tag.rssi_last, -128, 127, "rssi_last") & 255
    pc = _check(tag.pc, 0, 0xFFFF, "pc")
    buf[p + 4] = pc & 255
    buf[p + 5] = pc >> 8
    buf[p + 6] = _check(len(tag.epc), 0, 62, "length of epc")
    p = _put_bytes(buf, p + 7, tag.epc)
    # optional: 0 = unknown, else the value + 1
    p = _put(buf, p, 0 if tag.slope is None else _zigzag(_check(tag.slope, -32768, 32767, "slope")) + 1)
    p = _put(buf, p, 0 if tag.phase is None else _check(tag.phase, 0, 4095, "phase") + 1)
    return _put(buf, p, 0 if tag.channel is None else _check(tag.channel, 0, 65535, "channel") + 1)


def _put_item(buf, p, item):
    """One key or value of an event's map: type u8 (0 int, 1 str, 2 bytes), then varint, then bytes."""
    if isinstance(item, int):
        buf[p] = 0
        return _put(buf, p + 1, _zigzag(_check(int(item), -_SMALL, _SMALL, "args")))
    if isinstance(item, str):
        buf[p] = 1
        item = item.encode()
    elif isinstance(item, (bytes, bytearray, memoryview)):
        buf[p] = 2
    else:
        raise WireError("range", "args hold int, str or bytes")
    return _put_bytes(buf, _put(buf, p + 1, len(item)), item)


def _get_item(source):
    sort = source.u8()
    if sort == 0:
        return source.signed()
    if sort > 2:
        raise WireError("range", "type of an item of args")
    data = source.take(source.varint())
    if sort == 2:
        return data
    try:
        return data.decode()
    except UnicodeError:
        raise WireError("range", "args: text is not UTF-8")


def _get_body(kind, source):
    """Decode the body of a known kind (not fix) from `source`, which ends with the body."""
    clock = source.u8()
    t = source.varint()
    ms = source.varint()
    if kind == KIND_TAG:
        rec = _get_tag(source, t, ms, clock)
    elif kind == KIND_GATE:
        gate = source.u8()
        state = _check(source.u8(), 0, 1, "state")
        rec = Gate(t=t, ms=ms, clock=clock, gate=gate, state=state, span_ms=_check(source.varint(), 0, _SMALL, "span_ms"))
    elif kind == KIND_EVENT:
        code = source.u16()
        args = {}
        for _ in range(source.varint()):
            key = _get_item(source)
            if isinstance(key, bytes) or key in args:
                raise WireError("range", "key of args")
            args[key] = _get_item(source)
        rec = Event(t=t, ms=ms, clock=clock, code=code, args=args)
    else:
        rec = Health(t=t, ms=ms, clock=clock)
        for _ in range(source.varint()):
            metric = source.u8()
            rec.values.append((metric, source.signed()))
    rec.extra = source.rest()
    _check_time(rec)
    return rec


def _get_tag(source, t, ms, clock):
    span_ms = _check(source.varint(), 0, _SMALL, "span_ms")
    count = _check(source.varint(), 1, _SMALL, "count")
    antenna = source.u8()
    rssi_max = source.i8()
    rssi_first = source.i8()
    rssi_last = source.i8()
    pc = source.u16()
    epc = source.take(_check(source.u8(), 0, 62, "length of epc"))
    slope = source.varint()
    if slope:
        slope -= 1
        slope = _check(-(slope + 1 >> 1) if slope & 1 else slope >> 1, -32768, 32767, "slope")
    else:
        slope = None
    phase = _check(source.varint(), 0, 4096, "phase")
    channel = _check(source.varint(), 0, 65536, "channel")
    return Tag(t=t, ms=ms, clock=clock, epc=epc, pc=pc, antenna=antenna, rssi_max=rssi_max, rssi_first=rssi_first,
               rssi_last=rssi_last, slope=slope, phase=phase - 1 if phase else None,
               channel=channel - 1 if channel else None, span_ms=span_ms, count=count)  # fmt: skip


def _put_record(buf, p, rec, track, limit):
    """Write kind, length and body; return the end, or -1 when it passes `limit`."""
    if p + 3 > limit:
        return -1
    if rec.kind == KIND_FIX:
        buf[p] = KIND_FIX
        return track.encode(buf, p + 1, rec, limit)
    buf[p] = _check(rec.kind, 2, 255, "kind")
    try:
        end = _put_body(buf, p + 3, rec)
    except IndexError:
        return -1
    size = end - p - 3
    if size < 128:  # the length takes one byte: close up
        buf[p + 1] = size
        buf[p + 2 : p + 2 + size] = bytes(memoryview(buf)[p + 3 : end])
        end -= 1
    else:
        _put(buf, p + 1, size)
    return end if end <= limit else -1


def _get_record(source, track):
    kind = source.u8()
    if kind == KIND_FIX:
        return track.decode(source)
    size = source.varint()
    if size > source.end - source.p:
        raise WireError("truncated")
    if kind == 0:
        raise WireError("range", "kind 0")
    if kind > KIND_HEALTH:
        return Unknown(kind, source.take(size))
    body = _In(source.data, source.p, source.p + size)
    source.p += size
    return _get_body(kind, body)


# --- public functions ----------------------------------------------------------------------------


def encode_record(rec):
    """Return the standalone form of a record (flash form): it decodes without a previous fix.

    Raises WireError("range") when a value is out of range or the form exceeds MAX_RECORD bytes.
    """
    buf = bytearray(MAX_RECORD + 2)
    end = _put_record(buf, 0, rec, _Track() if rec.kind == KIND_FIX else None, MAX_RECORD)
    if end < 0:
        raise WireError("range", "record longer than %d bytes" % MAX_RECORD)
    return bytes(memoryview(buf)[:end])


def decode_record(data):
    """Return the record of a standalone form. Raises WireError on anything else."""
    source = _In(data, 0, len(data))
    rec = _get_record(source, _Track())
    if source.p != source.end:
        raise WireError("trailing")
    return rec


def header(data):
    """Return (version, count, stream, first_seq, tail, boot, uptime_ms) of a batch of any version.

    Checks length, magic and CRC-32, whose places no version changes. Raises WireError.
    """
    end = len(data) - _CRC
    if end < _HEAD:
        raise WireError("short")
    if data[0] != _MAGIC:
        raise WireError("magic")
    if crc32(memoryview(data)[:end]) & 0xFFFFFFFF != struct.unpack_from("<I", data, end)[0]:
        raise WireError("crc")
    return struct.unpack_from(_HEAD_FORMAT, data, 0)[1:]


def decode(data):
    """Return the Batch held by `data`. Unknown kinds come as Unknown, unknown tails in `extra`.

    Raises WireError and nothing else, whatever the bytes.
    """
    version, count, stream, first_seq, tail, boot, uptime_ms = header(data)
    if version != VERSION:
        raise WireError("version", str(version))
    source = _In(data, _HEAD, len(data) - _CRC)
    track = _Track()
    records = []
    for _ in range(count):
        records.append(_get_record(source, track))
    if source.p != source.end:
        raise WireError("trailing")
    return Batch(version, stream, first_seq, tail, boot, uptime_ms, records)


class BatchWriter:
    """Builds batches in one preallocated buffer: begin(), add() until it says False, finish()."""

    def __init__(self, size=1024):
        """`size`: the largest batch in bytes, header and CRC included."""
        self._buf = bytearray(size)
        self._view = memoryview(self._buf)
        self._limit = size - _CRC
        self._track = _Track()
        self._p = _HEAD
        self.count = 0

    def begin(self, stream, first_seq, tail, boot, uptime_ms):
        """Start a batch. stream, first_seq, tail below 2^30; boot u16; uptime_ms u32 (wraps)."""
        _check(stream, 0, _SMALL, "stream")
        _check(first_seq, 1, _SMALL, "first_seq")
        _check(tail, 0, _SMALL, "tail")
        _check(boot, 0, 0xFFFF, "boot")
        struct.pack_into(_HEAD_FORMAT, self._buf, 0, _MAGIC, VERSION, 0, stream, first_seq, tail, boot, uptime_ms & _U32)
        self._track.reset()
        self._p = _HEAD
        self.count = 0

    def add(self, rec):
        """Append a record; False when it does not fit, and then nothing has changed.

        Raises WireError("range") for a value out of range; nothing has changed then either.
        """
        if self.count == 0xFFFF:
            return False
        end = _put_record(self._buf, self._p, rec, self._track, self._limit)
        if end < 0:
            return False
        self._p = end
        self.count += 1
        return True

    def finish(self):
        """Close the batch and return it as a memoryview, valid until the next begin()."""
        p = self._p
        struct.pack_into("<H", self._buf, 2, self.count)
        struct.pack_into("<I", self._buf, p, crc32(self._view[:p]) & 0xFFFFFFFF)
        return self._view[: p + _CRC]


def encode_ack(stream, seq):
    """Return the 8 bytes of the topic `ack`: everything up to `seq` (0 = nothing yet) of `stream` is safe."""
    return struct.pack("<II", stream, seq)


def decode_ack(data):
    """Return (stream, seq) of an `ack` payload. Raises WireError unless it has 8 bytes."""
    if len(data) != 8:
        raise WireError("short" if len(data) < 8 else "trailing")
    return struct.unpack_from("<II", data, 0)


def crc16_gen2(data):
    """Return the Gen2 CRC-16 over PC + EPC (ISO/IEC 18000-63 Annex F)."""
    crc = 0xFFFF
    for byte in data:
        crc = (crc << 4 & 0xFFFF) ^ _GEN2[crc >> 12 ^ byte >> 4]
        crc = (crc << 4 & 0xFFFF) ^ _GEN2[crc >> 12 ^ byte & 15]
    return crc ^ 0xFFFF


def part_of(device_id):
    """Return the part `<p>` of a device's topics: crc32(device id) mod 16 as one hex digit."""
    return "%x" % (crc32(device_id.encode()) & 15)
