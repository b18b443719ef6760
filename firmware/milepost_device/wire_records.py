"""The records of the wire as plain data, their numbers, and the error of the codec (see wire.py)."""

try:
    from micropython import const  # pyright: ignore[reportAssignmentType]
except ImportError:  # CPython

    def const(value: int) -> int:
        """MicroPython's compile-time constant; here the value itself."""
        return value


EPOCH = 1577836800  # unix seconds of 2020-01-01T00:00:00Z

KIND_FIX, KIND_TAG, KIND_GATE, KIND_EVENT, KIND_HEALTH = 1, 2, 3, 4, 5
CLOCK_NONE, CLOCK_RTC, CLOCK_NTP, CLOCK_GNSS = 0, 1, 2, 3
SOURCE_GNSS, SOURCE_DGNSS, SOURCE_DEAD_RECKONING, SOURCE_CELL = 0, 1, 2, 3
GATE_INNER, GATE_OUTER = 0, 1

EV_BOOT, EV_ARRIVE, EV_DEPART, EV_IGNITION, EV_SUPPLY = 1, 2, 3, 4, 5
EV_COMMAND, EV_CONFIG, EV_CLOCK_STEP, EV_GAP, EV_LOG = 6, 7, 8, 9, 10


class WireError(ValueError):
    """Bytes or values that the wire format does not allow.

    `reason` is one of: short, magic, version, crc, truncated, range, trailing.
    """

    def __init__(self, reason: str, text: str = "") -> None:
        super().__init__(reason + (": " + text if text else ""))
        self.reason = reason


class Record:
    """Common part: time `t` (s since 2020), `ms` (0..999), `clock`.

    With CLOCK_NONE `t` is the number of the boot (u16) and `ms` the uptime modulo 2^30.

    `extra` holds the bytes of fields that a newer device appended and this decoder does not know.
    """

    kind = 0
    fields = ()
    __hash__ = None  # pyright: ignore[reportAssignmentType]  records can change

    def __init__(self, t: int, ms: int, clock: int, extra: bytes) -> None:
        self.t = t
        self.ms = ms
        self.clock = clock
        self.extra = extra

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and all(getattr(self, name) == getattr(other, name) for name in self.fields)

    def __repr__(self) -> str:
        parts = [name + "=" + repr(getattr(self, name)) for name in self.fields]
        return type(self).__name__ + "(" + ", ".join(parts) + ")"


class Fix(Record):
    """One position; None = unknown, never 0.

    lat_e6, lon_e6 in 1e-6 deg (both or neither), alt_m (-12000..60000), speed_dmps in 10 cm/s
    (0..20000), course_2deg in steps of 2 deg (0..179), sats (0..255), hdop_d in 0.1 (0..999),
    source SOURCE_* (0..255).
    """

    kind = KIND_FIX
    fields = ("t", "ms", "clock", "lat_e6", "lon_e6", "alt_m", "speed_dmps", "course_2deg", "sats",
              "hdop_d", "source", "extra")  # fmt: skip

    def __init__(
        self,
        *,
        t: int,
        ms: int = 0,
        clock: int = CLOCK_GNSS,
        lat_e6: int | None = None,
        lon_e6: int | None = None,
        alt_m: int | None = None,
        speed_dmps: int | None = None,
        course_2deg: int | None = None,
        sats: int | None = None,
        hdop_d: int | None = None,
        source: int = SOURCE_GNSS,
        extra: bytes = b"",
    ) -> None:
        Record.__init__(self, t, ms, clock, extra)
        self.lat_e6 = lat_e6
        self.lon_e6 = lon_e6
        self.alt_m = alt_m
        self.speed_dmps = speed_dmps
        self.course_2deg = course_2deg
        self.sats = sats
        self.hdop_d = hdop_d
        self.source = source


class Tag(Record):
    """Reads of one tag at one antenna within a window; t/ms is the first read, `span_ms` later the last.

    epc 0..62 bytes, pc u16, antenna u8, rssi_* in dBm (-128..127), slope in 0.1 dB/s (i16) or None,
    phase in 1/4096 turn or None, channel (u16) or None, count of reads (1..2^30-1).
    """

    kind = KIND_TAG
    fields = ("t", "ms", "clock", "epc", "pc", "antenna", "rssi_max", "rssi_first", "rssi_last", "slope",
              "phase", "channel", "span_ms", "count", "extra")  # fmt: skip

    def __init__(
        self,
        *,
        t: int,
        ms: int = 0,
        clock: int = CLOCK_GNSS,
        epc: bytes,
        pc: int,
        antenna: int = 0,
        rssi_max: int,
        rssi_first: int,
        rssi_last: int,
        slope: int | None = None,
        phase: int | None = None,
        channel: int | None = None,
        span_ms: int = 0,
        count: int = 1,
        extra: bytes = b"",
    ) -> None:
        Record.__init__(self, t, ms, clock, extra)
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


class Gate(Record):
    """A light gate changed: `gate` 0 inner (hall side), 1 outer (truck side); `state` 1 interrupted, 0 free.

    `span_ms` is how long the state before this one lasted (0 = not known).
    """

    kind = KIND_GATE
    fields = ("t", "ms", "clock", "gate", "state", "span_ms", "extra")

    def __init__(
        self,
        *,
        t: int,
        ms: int = 0,
        clock: int = CLOCK_GNSS,
        gate: int,
        state: int,
        span_ms: int = 0,
        extra: bytes = b"",
    ) -> None:
        Record.__init__(self, t, ms, clock, extra)
        self.gate = gate
        self.state = state
        self.span_ms = span_ms


class Event(Record):
    """Something happened: `code` is one of EV_*, `args` a small map of int or str to int, str or bytes."""

    kind = KIND_EVENT
    fields = ("t", "ms", "clock", "code", "args", "extra")

    def __init__(
        self,
        *,
        t: int,
        ms: int = 0,
        clock: int = CLOCK_GNSS,
        code: int,
        args: dict | None = None,
        extra: bytes = b"",
    ) -> None:
        Record.__init__(self, t, ms, clock, extra)
        self.code = code
        self.args = {} if args is None else args


class Health(Record):
    """State of the device: `values` is a list of (metric 0..255, int)."""

    kind = KIND_HEALTH
    fields = ("t", "ms", "clock", "values", "extra")

    def __init__(
        self,
        *,
        t: int,
        ms: int = 0,
        clock: int = CLOCK_GNSS,
        values: "list[tuple[int, int]] | tuple[()]" = (),
        extra: bytes = b"",
    ) -> None:
        Record.__init__(self, t, ms, clock, extra)
        self.values = list(values)


class Unknown:
    """A record of a kind that this decoder does not know: the body as bytes (without kind and length)."""

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __init__(self, kind: int, body: bytes) -> None:
        self.kind = kind
        self.body = body

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unknown) and self.kind == other.kind and self.body == other.body

    def __repr__(self) -> str:
        return f"Unknown(kind={self.kind}, body={self.body!r})"


class Batch:
    """One decoded batch; record i has the sequence number first_seq + i."""

    def __init__(self, head: tuple, records: list) -> None:
        """`head` as wire.header() returns it, `records` in order."""
        self.version, _, self.stream, self.first_seq, self.tail, self.boot, self.uptime_ms = head
        self.records = records
