"""A decoder of the wire written from docs/wire.md alone, to prove that the page is enough.

It shares nothing with the project's codec. Records come as plain dicts in the form of tests/vectors.
"""

import binascii

ALWAYS = {"t", "ms", "clock", "source"}
FIELDS = ["lat", "lon", "t", "alt", "speed", "course", "hdop", "sats", "ms", "clock", "source"]
NAMES = ["lat_e6", "lon_e6", "t", "alt_m", "speed_dmps", "course_2deg", "hdop_d", "sats", "ms", "clock", "source"]
RANGES = {
    "lat": (-90_000_000, 90_000_000), "lon": (-180_000_000, 180_000_000), "t": (0, 2**30 - 1),
    "alt": (-12_000, 60_000), "speed": (0, 20_000), "course": (0, 179), "hdop": (0, 999), "sats": (0, 255),
    "ms": (0, 2**30 - 1), "clock": (0, 3), "source": (0, 255),
}  # fmt: skip


class Refused(Exception):
    """Why a batch or record is refused: the word of docs/wire.md."""


def need(condition, reason="range"):
    if not condition:
        raise Refused(reason)


class Bytes:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def left(self):
        return len(self.data) - self.at

    def take(self, count):
        need(count <= self.left(), "truncated")
        self.at += count
        return self.data[self.at - count : self.at]

    def fixed(self, size, signed=False):
        return int.from_bytes(self.take(size), "little", signed=signed)

    def varint(self):
        value = 0
        for place in range(5):
            byte = self.fixed(1)
            value += (byte % 128) * 128**place
            if byte < 128:
                need(value < 2**32)
                return value
        raise Refused("range")

    def signed(self):
        return unzigzag(self.varint())

    def optional(self):
        value = self.varint()
        return None if value == 0 else value - 1


def unzigzag(value):
    return value // 2 if value % 2 == 0 else -(value + 1) // 2


def check_time(record):
    if record["clock"] == 0:
        need(record["t"] <= 65535 and record["ms"] < 2**30)
    else:
        need(1 <= record["clock"] <= 3 and record["t"] < 2**30 and record["ms"] <= 999)


class Fixes:
    """The state from fix to fix of one batch."""

    def __init__(self):
        self.last = dict.fromkeys(FIELDS, 0)
        self.last["clock"] = 3
        self.known = {name: name in ALWAYS for name in FIELDS}
        self.first = True
        self.dt = self.dms = self.dlat = self.dlon = self.speeds = 0

    def read(self, source):
        mask = source.varint()
        marked = {name: bool(mask >> max(0, i - 1) & 1) for i, name in enumerate(FIELDS)}
        diff = {}
        for name in FIELDS:
            if not marked[name] or name in diff:
                continue
            partner = {"t": "alt", "hdop": "sats"}.get(name)
            if partner and marked[partner]:
                byte = source.fixed(1)
                if byte:
                    diff[name], diff[partner] = byte % 16 - 8, byte // 16 - 8
                    continue
            diff[name] = source.signed()
        later, tail = mask >> 10, source.at
        for bit in range(22):
            if later >> bit & 1:
                source.varint()
        tail = source.data[tail : source.at]

        def rebuild(name, prediction):
            zero = diff["lat"] == diff["lon"] == 0 if name in ("lat", "lon") and marked[name] else diff.get(name) == 0
            if not marked[name]:
                value = prediction if self.known[name] else None
            elif self.known[name] and zero:
                need(name not in ALWAYS)
                value = None
            else:
                value = prediction + diff[name]
            if value is not None:
                if name == "course":
                    value %= 180
                need(RANGES[name][0] <= value <= RANGES[name][1])
            return value

        new = {
            name: rebuild(name, self.last[name])
            for name in ("clock", "alt", "speed", "course", "hdop", "sats", "source")
        }
        fit = not self.first and (new["clock"] == 0) == (self.last["clock"] == 0)
        t, ms = (self.last["t"] + self.dt, self.last["ms"] + self.dms) if fit else (0, 0)
        if new["clock"] != 0 and ms > 999:
            t, ms = t + 1, ms - 1000
        new["t"], new["ms"] = rebuild("t", t), rebuild("ms", ms)
        dt, dms = (new["t"] - self.last["t"], new["ms"] - self.last["ms"]) if fit else (0, 0)
        if new["clock"] == 0 and dt:
            dt = dms = 0
        elif new["clock"] != 0 and dms < 0:
            dt, dms = dt - 1, dms + 1000
        speeds = self.last["speed"] + new["speed"] if self.known["speed"] and new["speed"] is not None else 0
        before, now = tenths(self.dt, self.dms), tenths(dt, dms)

        def stretch(d):
            if before and now and abs(d) <= 1_000_000:
                d = d * now // before
            if self.speeds >= 10 and abs(d) <= 30_000 and speeds <= 30_000:
                d = d * speeds // self.speeds
            return d

        new["lat"] = rebuild("lat", self.last["lat"] + stretch(self.dlat))
        new["lon"] = rebuild("lon", self.last["lon"] + stretch(self.dlon))
        need((new["lat"] is None) == (new["lon"] is None))
        moved = self.known["lat"] and new["lat"] is not None
        self.dlat = new["lat"] - self.last["lat"] if moved else 0
        self.dlon = new["lon"] - self.last["lon"] if moved else 0
        self.dt, self.dms, self.speeds, self.first = dt, dms, speeds, False
        for name in FIELDS:
            self.known[name] = new[name] is not None
            if new[name] is not None:
                self.last[name] = new[name]
        record = {"kind": 1, **{to: new[name] for name, to in zip(FIELDS, NAMES, strict=True)}}
        record["extra"] = (varint_bytes(later) + tail).hex() if later else ""
        check_time(record)
        return record


def varint_bytes(value):
    out = bytearray()
    while value > 127:
        out.append(value % 128 + 128)
        value //= 128
    return bytes([*out, value])


def tenths(dt, dms):
    value = 10 * dt + dms // 100
    return value if 0 <= dt <= 60 and value <= 600 else 0


def item(source):
    sort = source.fixed(1)
    need(sort <= 2)
    if sort == 0:
        return source.signed()
    data = source.take(source.varint())
    if sort == 2:
        return {"hex": data.hex()}
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("range") from None


def read_body(kind, source):
    record = {"kind": kind, "clock": source.fixed(1), "t": source.varint(), "ms": source.varint()}
    if kind == 2:
        record["span_ms"], record["count"] = source.varint(), source.varint()
        need(record["span_ms"] < 2**30 and 1 <= record["count"] < 2**30)
        record["antenna"] = source.fixed(1)
        for name in ("rssi_max", "rssi_first", "rssi_last"):
            record[name] = source.fixed(1, signed=True)
        record["pc"] = source.fixed(2)
        size = source.fixed(1)
        need(size <= 62)
        record["epc"] = source.take(size).hex()
        slope = source.optional()
        record["slope"] = None if slope is None else unzigzag(slope)
        record["phase"], record["channel"] = source.optional(), source.optional()
        need(-32768 <= (record["slope"] or 0) <= 32767)
        need((record["phase"] or 0) <= 4095 and (record["channel"] or 0) <= 65535)
    elif kind == 3:
        record["gate"], record["state"], record["span_ms"] = source.fixed(1), source.fixed(1), source.varint()
        need(record["state"] <= 1 and record["span_ms"] < 2**30)
    elif kind == 4:
        record["code"] = source.fixed(2)
        record["args"] = []
        for _ in range(source.varint()):
            key = item(source)
            need(not isinstance(key, dict) and key not in [known for known, _ in record["args"]])
            record["args"].append([key, item(source)])
    else:
        record["values"] = [[source.fixed(1), source.signed()] for _ in range(source.varint())]
    record["extra"] = source.take(source.left()).hex()
    check_time(record)
    return record


def read_record(source, fixes):
    kind = source.fixed(1)
    if kind == 1:
        return fixes.read(source)
    body = Bytes(source.take(source.varint()))
    need(kind != 0)
    return read_body(kind, body) if kind <= 5 else {"kind": kind, "body": body.data.hex()}


def decode_record(data):
    source = Bytes(data)
    record = read_record(source, Fixes())
    need(source.left() == 0, "trailing")
    return record


def decode(data):
    """Return the batch as a dict, or raise Refused."""
    need(len(data) >= 26, "short")
    need(data[0] == 0x4D, "magic")
    need(binascii.crc32(data[:-4]) == int.from_bytes(data[-4:], "little"), "crc")
    need(data[1] == 1, "version")
    source = Bytes(data[2:-4])
    sizes = {"count": 2, "stream": 4, "first_seq": 4, "tail": 4, "boot": 2, "uptime_ms": 4}
    batch = {name: source.fixed(size) for name, size in sizes.items()}
    fixes = Fixes()
    batch["records"] = [read_record(source, fixes) for _ in range(batch.pop("count"))]
    need(source.left() == 0, "trailing")
    return batch
