"""Readings as lines of the InfluxDB line protocol, and back from rows of InfluxQL. Pure.

A reading is one point. Its identity lies in what makes a point one: the tags device, stream and block (seq // 1e6), and
a timestamp of `at` in ms with seq % 1e6 as its digits below the millisecond. Tags and timestamp give (device, stream,
seq, at) back exactly, so two readings never share a point, and a repeat overwrites its own. A block is 11.6 days at one
record a second: a stream is a few series within the retention, never one a record.

Types are decided here, once: integers carry `i`, everything else with a number is a float (an InfluxDB refuses a field
whose type changes for the life of a shard). NaN, infinity and integers beyond 64 bits are never written. An EPC is part
of a field, never a tag. Optional fields that are unknown are left out, and `bits` (influx_bits) says which ones count:
fields of a point merge when it is written again, and one that is unknown now must not bring back an older value.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache
from itertools import count
from typing import Any

import numpy as np

from milepost.telemetry.influx_bits import (
    ALT,
    COURSE,
    GOOD,
    HDOP,
    HDOP_APART,
    LAT,
    LON,
    MOVED,
    QUARANTINED,
    SATS,
    SATS_APART,
    SPEED,
    bits_of,
    clock_of,
    hdop_of,
    receiver_bits,
    sats_of,
    source_of,
    state_of,
)
from milepost.telemetry.model import (
    Body,
    Entry,
    EventBody,
    FixBody,
    GateBody,
    HealthBody,
    Judged,
    Reading,
    Run,
    TagBody,
)

BLOCK = 1_000_000  # seqs of a stream that share a series; as many as a millisecond has nanoseconds
BODIES: Mapping[str, type[Body]] = {"tag": TagBody, "gate": GateBody, "event": EventBody, "health": HealthBody}
KINDS = ("fix", *BODIES)
MINUTE = "minute"  # the measurement of the other bucket
FIX_COLUMNS = (
    "received_ms", "bits", "lat_e6", "lon_e6", "alt_m", "speed_mps", "course_deg", "sats", "hdop", "quality",
    "stream", "block",
)  # fmt: skip
# What a long track is made of, all of it numbers.
COLUMNS_OF_TRACK = ("lat_e6", "lon_e6", "speed_mps", "course_deg", "bits")
RECORD_COLUMNS = ("received_ms", "bits", "body", "stream", "block")

_BITS_OF_RUN = bits_of(LAT | LON | ALT | SPEED | COURSE, "gnss")
_BITS_OF_MOVED = bits_of(0, "none", state=MOVED)
_INT64 = 1 << 63
_REMEMBERED = 65_536  # texts of numbers


class _Texts(dict[Any, str]):
    """What a number looks like in a line, remembered: speeds, courses and heights repeat, and writing a float costs
    five times as much as finding it. Raises KeyError for what is no finite number, or None."""

    def __init__(self, write: Callable[[Any], str | None]) -> None:
        super().__init__()
        self._write = write

    def __missing__(self, value: Any) -> str:
        text = self._write(value)
        if text is None:
            raise KeyError
        if len(self) >= _REMEMBERED:
            self.clear()
        self[value] = text
        return text


def _float_text(value: Any) -> str | None:
    is_number = (type(value) is float or type(value) is int) and -1e15 < value < 1e15  # NaN compares with nothing
    return str(value + 0.0) if is_number else None


def _bits_text(sats_and_hdop: tuple[int | None, float | None]) -> str | None:
    bits = receiver_bits(*sats_and_hdop)
    usual = bits & (SATS | HDOP | SATS_APART | HDOP_APART) == SATS | HDOP
    return f"{_BITS_OF_RUN | bits}i" if usual else None


_float, _bits = _Texts(_float_text), _Texts(_bits_text)


def lines_of(readings: Iterable[Entry]) -> list[str]:
    """One line a reading. Raises ValueError for a body that JSON cannot hold, and for a source that is none."""
    lines: list[str] = []
    head = device = kind = ""
    stream, first, behind = 0, 0, 0  # seqs of the block that `head` is of
    for each in readings:
        if isinstance(each, Run):
            lines += _lines_of_run(each)
            continue
        reading, reason = (each, None) if isinstance(each, Reading) else (each.reading, each.reason)
        seq = reading.seq
        if not (
            first <= seq < behind and reading.device == device and reading.stream == stream and reading.kind == kind
        ):
            kind, device, stream, block = reading.kind, reading.device, reading.stream, seq // BLOCK
            head, first, behind = _head(kind, device, stream, block), block * BLOCK, (block + 1) * BLOCK
        fields = _fix_fields(reading, reason) if kind == "fix" else _record_fields(reading)
        lines.append(f"{head} {fields} {reading.at * BLOCK + seq - first}")
    return lines


def _lines_of_run(run: Run) -> Sequence[str]:
    block, first = divmod(run.first, BLOCK)
    if run.last // BLOCK != block:
        return lines_of(list(run))
    head = _head("fix", run.device, run.stream, block)
    try:
        return [
            f"{head} lat_e6={lat}i,lon_e6={lon}i,alt_m={alt},speed_mps={speed},course_deg={course},"
            f"received_ms={received}i,bits={bits} {at * BLOCK + seq}"
            for seq, at, received, lat, lon, alt, speed, course, bits in zip(
                count(first), run.at, run.received_at, run.lat_e6, run.lon_e6,
                map(_float.__getitem__, run.alt_m), map(_float.__getitem__, run.speed_mps),
                map(_float.__getitem__, run.course_deg),
                map(_bits.__getitem__, zip(run.sats, run.hdop, strict=True)), strict=False,
            )
        ]  # fmt: skip
    except KeyError:  # a value is unknown, or lies where no receiver of a device has it
        return lines_of(list(run))


def moved_line(kind: str, device: str, stream: int, seq: int, at: int) -> str:
    """The line that marks the point of a record as moved: it lies at another time from now on."""
    return f"{_head(kind, device, stream, seq // BLOCK)} bits={_BITS_OF_MOVED}i {at * BLOCK + seq % BLOCK}"


def _record_fields(reading: Reading) -> str:
    body = json.dumps(asdict(reading.body), separators=(",", ":"), allow_nan=False)
    return f'received_ms={reading.received_at}i,bits={bits_of(0, reading.clock)}i,body="{_quoted(body)}"'


def _fix_fields(reading: Reading, reason: str | None) -> str:
    body = reading.body
    assert isinstance(body, FixBody)
    fields = [] if reason is None else [f'quality="{_quoted(reason)}"']
    bits = bits_of(0, reading.clock, body.source, GOOD if reason is None else QUARANTINED)
    # `x - x == 0` is what only finite numbers do: one of NaN or infinity would spoil the line.
    if (lat := body.lat) - lat == 0 and -9e6 < lat < 9e6:
        bits |= LAT
        fields.append(f"lat_e6={round(lat * 1e6)}i")
    if (lon := body.lon) - lon == 0 and -9e6 < lon < 9e6:
        bits |= LON
        fields.append(f"lon_e6={round(lon * 1e6)}i")
    if (value := body.alt_m) is not None and value - value == 0:
        bits |= ALT
        fields.append(f"alt_m={float(value) + 0.0}")
    if (value := body.speed_mps) is not None and value - value == 0:
        bits |= SPEED
        fields.append(f"speed_mps={float(value) + 0.0}")
    if (value := body.course_deg) is not None and value - value == 0:
        bits |= COURSE
        fields.append(f"course_deg={float(value) + 0.0}")
    sats = value if (value := body.sats) is not None and -_INT64 <= value < _INT64 else None
    hdop = float(value) + 0.0 if (value := body.hdop) is not None and value - value == 0 else None
    bits |= receiver_bits(sats, hdop)
    if bits & SATS_APART:
        fields.append(f"sats={sats}i")
    if bits & HDOP_APART:
        fields.append(f"hdop={hdop}")
    fields.append(f"received_ms={reading.received_at}i,bits={bits}i")
    return ",".join(fields)


@lru_cache(maxsize=65_536)
def _head(kind: str, device: str, stream: int, block: int) -> str:
    """Measurement and tags, sorted by name as the server wants them."""
    return f"{kind},block={block},device={_tag(device)},stream={stream}"


def _tag(text: str) -> str:
    return text.replace("\\", "\\\\").replace(",", "\\,").replace("=", "\\=").replace(" ", "\\ ")


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def judged_of(kind: str, device: str, row: Mapping[str, Any]) -> Judged:
    """A row of FIX_COLUMNS or RECORD_COLUMNS and `time` (ns), tags as text, None where null, as a reading."""
    at, low = divmod(row["time"], BLOCK)
    bits = row["bits"]
    body = _fix_of(bits, row) if kind == "fix" else BODIES[kind](**json.loads(row["body"]))
    reading = Reading(
        device, int(row["stream"]), int(row["block"]) * BLOCK + low, kind, at,
        clock_of(bits), row["received_ms"], body,
    )  # fmt: skip
    return Judged(reading, row["quality"] if state_of(bits) == QUARANTINED else None)


def _fix_of(bits: int, row: Mapping[str, Any]) -> FixBody:
    return FixBody(
        row["lat_e6"] / 1e6 if bits & LAT else math.nan,
        row["lon_e6"] / 1e6 if bits & LON else math.nan,
        float(row["alt_m"]) if bits & ALT else None,
        float(row["speed_mps"]) if bits & SPEED else None,
        float(row["course_deg"]) if bits & COURSE else None,
        sats_of(bits, row["sats"]),
        None if (hdop := hdop_of(bits, row["hdop"])) is None else float(hdop),
        source_of(bits),
    )


def minute_line(device: str, minute_ms: int, row: np.ndarray) -> str:
    """The position of a minute, from a row of time (ms) and COLUMNS_OF_TRACK (NaN: unknown) of a good fix."""
    at, lat_e6, lon_e6, speed_mps, course_deg, bits = row.tolist()
    fields = f"at_ms={int(at)}i,lat_e6={int(lat_e6)}i,lon_e6={int(lon_e6)}i,bits={int(bits)}i"
    if not math.isnan(speed_mps):
        fields += f",speed_mps={speed_mps}"
    if not math.isnan(course_deg):
        fields += f",course_deg={course_deg}"
    return f"{MINUTE},device={_tag(device)} {fields} {minute_ms}000000"


def no_minute_line(device: str, minute_ms: int) -> str:
    """Takes the position of a minute away: none of its fixes is good any more."""
    return f"{MINUTE},device={_tag(device)} bits={_BITS_OF_MOVED}i {minute_ms}000000"
