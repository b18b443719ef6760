"""The wire of Milepost: records, batches, checksums. Runs unchanged under MicroPython and CPython.

The device defines it, the backend speaks it; docs/wire.md specifies it to the bit and
tests/vectors/*.json are the contract. Integers only; every stored integer fits +-2^30, because an
ESP32 keeps larger ones on the heap (the CRC-32 is the exception).

This module is the only door; wire_records (plain data) and wire_fix (primitives, fixes) stand behind it.
"""

import struct
from binascii import crc32

from milepost_device.wire_fix import In, Track, check, check_time, put, put_bytes, zigzag
from milepost_device.wire_records import (  # noqa: F401  wire is the door to these names
    CLOCK_GNSS,
    CLOCK_NONE,
    CLOCK_NTP,
    CLOCK_RTC,
    EPOCH,
    EV_ARRIVE,
    EV_BOOT,
    EV_CLOCK_STEP,
    EV_COMMAND,
    EV_CONFIG,
    EV_DEPART,
    EV_GAP,
    EV_IGNITION,
    EV_LOG,
    EV_SUPPLY,
    GATE_INNER,
    GATE_OUTER,
    KIND_EVENT,
    KIND_FIX,
    KIND_GATE,
    KIND_HEALTH,
    KIND_TAG,
    SOURCE_CELL,
    SOURCE_DEAD_RECKONING,
    SOURCE_DGNSS,
    SOURCE_GNSS,
    Batch,
    Event,
    Fix,
    Gate,
    Health,
    Record,
    Tag,
    Unknown,
    WireError,
    const,
)

VERSION = 1
MAX_RECORD = 960  # bytes of one encoded record: always fits alone into a batch of 1024 bytes

_MAGIC = const(0x4D)
_HEAD = const(22)
_CRC = const(4)
_HEAD_FORMAT = "<BBHIIIHI"
_SMALL = const(0x3FFFFFFF)  # 2^30 - 1
_U32 = const(0xFFFFFFFF)

# Gen2 CRC-16 (ISO/IEC 18000-63): polynomial 0x1021, start 0xFFFF, inverted; one step per nibble.
_GEN2 = (0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50A5, 0x60C6, 0x70E7,
         0x8108, 0x9129, 0xA14A, 0xB16B, 0xC18C, 0xD1AD, 0xE1CE, 0xF1EF)  # fmt: skip


def _put_body(buf: bytearray, p: int, rec: Record | Unknown) -> int:
    """Write the body of any record but a fix; return the end."""
    if isinstance(rec, Unknown):
        return put_bytes(buf, p, rec.body)
    check_time(rec)
    buf[p] = rec.clock
    p = put(buf, p + 1, rec.t)
    p = put(buf, p, rec.ms)
    if isinstance(rec, Tag):
        p = _put_tag(buf, p, rec)
    elif isinstance(rec, Gate):
        buf[p] = check(rec.gate, 0, 255, "gate")
        buf[p + 1] = check(rec.state, 0, 1, "state")
        p = put(buf, p + 2, check(rec.span_ms, 0, _SMALL, "span_ms"))
    elif isinstance(rec, Event):
        code = check(rec.code, 0, 0xFFFF, "code")
        buf[p] = code & 255
        buf[p + 1] = code >> 8
        p = put(buf, p + 2, len(rec.args))
        numbers = sorted([key for key in rec.args if isinstance(key, int)])
        words = sorted([key for key in rec.args if isinstance(key, str)])
        if len(numbers) + len(words) != len(rec.args):
            raise WireError("range", "a key of args is an int or a str")
        for key in numbers + words:
            p = _put_item(buf, _put_item(buf, p, key), rec.args[key])
    elif isinstance(rec, Health):
        p = put(buf, p, len(rec.values))
        for metric, value in rec.values:
            buf[p] = check(metric, 0, 255, "metric")
            p = put(buf, p + 1, zigzag(check(value, -_SMALL, _SMALL, "value")))
    else:
        raise WireError("range", "kind")
    return put_bytes(buf, p, rec.extra)


def _put_tag(buf: bytearray, p: int, tag: Tag) -> int:
    p = put(buf, p, check(tag.span_ms, 0, _SMALL, "span_ms"))
    p = put(buf, p, check(tag.count, 1, _SMALL, "count"))
    buf[p] = check(tag.antenna, 0, 255, "antenna")
    buf[p + 1] = check(tag.rssi_max, -128, 127, "rssi_max") & 255
    buf[p + 2] = check(tag.rssi_first, -128, 127, "rssi_first") & 255
    buf[p + 3] = check(tag.rssi_last, -128, 127, "rssi_last") & 255
    pc = check(tag.pc, 0, 0xFFFF, "pc")
    buf[p + 4] = pc & 255
    buf[p + 5] = pc >> 8
    buf[p + 6] = check(len(tag.epc), 0, 62, "length of epc")
    p = put_bytes(buf, p + 7, tag.epc)
    # optional: 0 = unknown, else the value + 1
    p = put(buf, p, 0 if tag.slope is None else zigzag(check(tag.slope, -32768, 32767, "slope")) + 1)
    p = put(buf, p, 0 if tag.phase is None else check(tag.phase, 0, 4095, "phase") + 1)
    return put(buf, p, 0 if tag.channel is None else check(tag.channel, 0, 65535, "channel") + 1)


def _put_item(buf: bytearray, p: int, item: int | str | bytes) -> int:
    """One key or value of an event's map: type u8 (0 int, 1 str, 2 bytes), then varint, then bytes."""
    if isinstance(item, int):
        buf[p] = 0
        return put(buf, p + 1, zigzag(check(int(item), -_SMALL, _SMALL, "args")))
    if isinstance(item, str):
        buf[p] = 1
        item = item.encode()
    elif isinstance(item, (bytes, bytearray, memoryview)):
        buf[p] = 2
    else:
        raise WireError("range", "args hold int, str or bytes")
    return put_bytes(buf, put(buf, p + 1, len(item)), item)


def _get_item(source: In) -> int | str | bytes:
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
        raise WireError("range", "args: text is not UTF-8") from None


def _get_body(kind: int, source: In) -> Record:
    """Decode the body of a known kind (not fix) from `source`, which ends with the body."""
    clock = source.u8()
    t = source.varint()
    ms = source.varint()
    if kind == KIND_TAG:
        rec = _get_tag(source, t, ms, clock)
    elif kind == KIND_GATE:
        gate = source.u8()
        state = check(source.u8(), 0, 1, "state")
        span_ms = check(source.varint(), 0, _SMALL, "span_ms")
        rec = Gate(t=t, ms=ms, clock=clock, gate=gate, state=state, span_ms=span_ms)
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
    check_time(rec)
    return rec


def _get_tag(source: In, t: int, ms: int, clock: int) -> Tag:
    span_ms = check(source.varint(), 0, _SMALL, "span_ms")
    count = check(source.varint(), 1, _SMALL, "count")
    antenna = source.u8()
    rssi_max = source.i8()
    rssi_first = source.i8()
    rssi_last = source.i8()
    pc = source.u16()
    epc = source.take(check(source.u8(), 0, 62, "length of epc"))
    slope = source.varint()
    if slope:
        slope -= 1
        slope = check(-(slope + 1 >> 1) if slope & 1 else slope >> 1, -32768, 32767, "slope")
    else:
        slope = None
    phase = check(source.varint(), 0, 4096, "phase")
    channel = check(source.varint(), 0, 65536, "channel")
    return Tag(t=t, ms=ms, clock=clock, epc=epc, pc=pc, antenna=antenna, rssi_max=rssi_max,
               rssi_first=rssi_first, rssi_last=rssi_last, slope=slope, phase=phase - 1 if phase else None,
               channel=channel - 1 if channel else None, span_ms=span_ms, count=count)  # fmt: skip


def _put_record(buf: bytearray, p: int, rec: Record | Unknown, track: Track, limit: int) -> int:
    """Write kind, length and body; return the end, or -1 when it passes `limit`."""
    if p + 3 > limit:
        return -1
    if isinstance(rec, Fix):
        buf[p] = KIND_FIX
        return track.encode(buf, p + 1, rec, limit)
    buf[p] = check(rec.kind, 2, 255, "kind")
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
        put(buf, p + 1, size)
    return end if end <= limit else -1


def _get_record(source: In, track: Track) -> Record | Unknown:
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
    body = In(source.data, source.p, source.p + size)
    source.p += size
    return _get_body(kind, body)


class RecordWriter:
    """Encodes records one by one into one preallocated buffer, in the standalone form (flash form)."""

    def __init__(self) -> None:
        self._buf = bytearray(MAX_RECORD + 2)  # room for a length byte that closes up again
        self._view = memoryview(self._buf)
        self._track = Track()

    def encode(self, rec: Record | Unknown) -> memoryview:
        """Return the record's bytes, valid until the next call; they decode without a previous fix.

        Raises WireError("range") when a value is out of range or the form exceeds MAX_RECORD bytes.
        """
        self._track.reset()
        end = _put_record(self._buf, 0, rec, self._track, MAX_RECORD)
        if end < 0:
            raise WireError("range", f"record longer than {MAX_RECORD} bytes")
        return self._view[:end]


def encode_record(rec: Record | Unknown) -> bytes:
    """Return the standalone form of a record; see RecordWriter.encode()."""
    return bytes(RecordWriter().encode(rec))


def decode_record(data: bytes | memoryview) -> Record | Unknown:
    """Return the record of a standalone form. Raises WireError on anything else."""
    source = In(data, 0, len(data))
    rec = _get_record(source, Track())
    if source.p != source.end:
        raise WireError("trailing")
    return rec


def header(data: bytes | memoryview) -> tuple:
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


def decode(data: bytes | memoryview) -> Batch:
    """Return the Batch held by `data`. Unknown kinds come as Unknown, unknown tails in `extra`.

    Raises WireError and nothing else, whatever the bytes.
    """
    head = header(data)
    if head[0] != VERSION:
        raise WireError("version", str(head[0]))
    source = In(data, _HEAD, len(data) - _CRC)
    track = Track()
    records = []
    for _ in range(head[1]):
        records.append(_get_record(source, track))
    if source.p != source.end:
        raise WireError("trailing")
    return Batch(head, records)


class BatchWriter:
    """Builds batches in one preallocated buffer: begin(), add() until it says False, finish()."""

    def __init__(self, size: int = 1024) -> None:
        """`size`: the largest batch in bytes, header and CRC included."""
        self._buf = bytearray(size)
        self._view = memoryview(self._buf)
        self._limit = size - _CRC
        self._track = Track()
        self._p = _HEAD
        self.count = 0

    def begin(self, stream: int, first_seq: int, tail: int, boot: int, uptime_ms: int) -> None:
        """Start a batch. stream, first_seq, tail below 2^30; boot u16; uptime_ms u32 (wraps)."""
        check(stream, 0, _SMALL, "stream")
        check(first_seq, 1, _SMALL, "first_seq")
        check(tail, 0, _SMALL, "tail")
        check(boot, 0, 0xFFFF, "boot")
        uptime_ms &= _U32
        struct.pack_into(_HEAD_FORMAT, self._buf, 0, _MAGIC, VERSION, 0, stream, first_seq, tail, boot, uptime_ms)
        self._track.reset()
        self._p = _HEAD
        self.count = 0

    def add(self, rec: Record | Unknown) -> bool:
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

    def finish(self) -> memoryview:
        """Close the batch and return it as a memoryview, valid until the next begin()."""
        p = self._p
        struct.pack_into("<H", self._buf, 2, self.count)
        struct.pack_into("<I", self._buf, p, crc32(self._view[:p]) & 0xFFFFFFFF)
        return self._view[: p + _CRC]


def encode_ack(stream: int, seq: int) -> bytes:
    """Return the 8 bytes of the topic `ack`: everything up to `seq` (0 = nothing yet) of `stream` is safe."""
    return struct.pack("<II", stream, seq)


def decode_ack(data: bytes | memoryview) -> tuple:
    """Return (stream, seq) of an `ack` payload. Raises WireError unless it has 8 bytes."""
    if len(data) != 8:
        raise WireError("short" if len(data) < 8 else "trailing")
    return struct.unpack_from("<II", data, 0)


def crc16_gen2(data: bytes | bytearray | memoryview) -> int:
    """Return the Gen2 CRC-16 over PC + EPC (ISO/IEC 18000-63 Annex F)."""
    crc = 0xFFFF
    for byte in data:
        crc = (crc << 4 & 0xFFFF) ^ _GEN2[crc >> 12 ^ byte >> 4]
        crc = (crc << 4 & 0xFFFF) ^ _GEN2[crc >> 12 ^ byte & 15]
    return crc ^ 0xFFFF


def part_of(device_id: str) -> str:
    """Return the part `<p>` of a device's topics: crc32(device id) mod 16 as one hex digit."""
    return "%x" % (crc32(device_id.encode()) & 15)
