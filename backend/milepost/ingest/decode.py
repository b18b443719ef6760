"""From the bytes of an `up` message to readings in UTC and SI units. Pure, but for a small memory of recent work."""

import json
import math
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from milepost.ingest import usual
from milepost.ingest.foreign import decoder_of
from milepost.ingest.model import UP, SpoolItem
from milepost.ingest.reading import (
    Body,
    EventBody,
    FixBody,
    GateBody,
    HealthBody,
    Reading,
    TagBody,
)
from milepost_device import wire

_CLOCKS = {wire.CLOCK_NONE: "none", wire.CLOCK_RTC: "rtc", wire.CLOCK_NTP: "ntp", wire.CLOCK_GNSS: "gnss"}
_EVENTS = {
    wire.EV_BOOT: "boot",
    wire.EV_ARRIVE: "arrive",
    wire.EV_DEPART: "depart",
    wire.EV_IGNITION: "ignition",
    wire.EV_SUPPLY: "supply",
    wire.EV_COMMAND: "command",
    wire.EV_CONFIG: "config",
    wire.EV_CLOCK_STEP: "clock_step",
    wire.EV_GAP: "gap",
    wire.EV_LOG: "log",
}
_METRICS = {  # docs/wire.md, Health
    1: "free_heap_bytes",
    2: "outbox_permille",
    3: "network_rssi_dbm",
    4: "uptime_s",
    5: "connections",
    6: "batches_resent",
    7: "readings_dropped",
    8: "foreign_acks",
    9: "round_trip_ms",
    10: "refused",
    16: "sentences_good",
    17: "sentences_bad_checksum",
    18: "sentences_torn",
    19: "sentences_refused",
    20: "fixes",
    21: "fixes_reported",
    22: "dates_implausible",
    32: "tag_notices",
    33: "frames_bad",
    34: "tag_crcs_bad",
    35: "reader_errors",
    36: "reader_starts",
}
# Records placed after the fact come back through the spool in this form, so that every sink gets them like any other.
PLACED = b"P1"
ITEM_RECORDS = 4  # an item takes as much memory as so many records, beside those that it holds


@dataclass(frozen=True, slots=True)
class _Look:
    """What one item holds. `plain`: all of it can be read, and every record has its place in time."""

    readings: Sequence[Reading]
    plain: bool


class _Recent:
    """The items looked at last: the sinks read the same ones soon after each other, and share the work.

    Bounded by records, not by messages: one message may hold thirty thousand of them. Thread-safe; one thread looks at
    a time, so that sinks which all wake for the same messages do not each decode them.
    """

    def __init__(self, most_records: int) -> None:
        self._most = most_records
        # Of a plain dict the oldest is found by stepping over all that were taken out before it.
        self._held: OrderedDict[SpoolItem, _Look] = OrderedDict()
        self._records = 0
        self._lock = threading.Lock()

    def get(self, item: SpoolItem) -> _Look:
        """What an item holds, from memory when somebody asked lately."""
        found = self._held.get(item)
        if found is not None:
            return found
        with self._lock:
            found = self._held.get(item)
            if found is None:
                found = self._held[item] = _looked_at(item)
                self._records += len(found.readings) + ITEM_RECORDS
            while self._records > self._most:
                self._records -= len(self._held.popitem(last=False)[1].readings) + ITEM_RECORDS
        return found


_recent = _Recent(200_000)  # about 45 MB


def batch_of(payload: bytes) -> wire.Batch:
    """The batch held by a payload. Raises wire.WireError."""
    return wire.decode(payload)


def readings(item: SpoolItem) -> Sequence[Reading]:
    """The placed records of an `up` item, or of one of a foreign protocol, repeats included; nearly always a `Run`.

    What cannot be decoded gives none here: ingest has put it into the dead letter. Records without a clock give none
    either; they come later, in an item of their own, once they have a place in time.
    """
    return _recent.get(item).readings


def count_of(item: SpoolItem) -> int:
    """About how many records an item holds: a batch says so in its header, anything else counts as one."""
    payload = item.payload
    return payload[2] | payload[3] << 8 if item.channel == UP and payload[:1] == b"\x4d" and len(payload) > 3 else 1


def is_plain(item: SpoolItem) -> bool:
    """True when all of an item can be read, nothing of it waits for a clock, and nothing gives others their place."""
    return _recent.get(item).plain


def _looked_at(item: SpoolItem) -> _Look:
    if item.channel != UP:
        foreign = decoder_of(item.channel)
        return _Look(foreign(item) if foreign is not None else [], foreign is None)
    if item.payload[: len(PLACED)] == PLACED:
        return _Look(_placed(item), True)
    run = usual.fixes(item.device, item.payload, item.received_ms)
    if run is not None:
        return _Look(run, True)
    try:
        batch = batch_of(item.payload)
    except wire.WireError:
        return _Look([], False)
    found = []
    plain = True
    for seq, record in enumerate(batch.records, batch.first_seq):
        if isinstance(record, wire.Unknown) or record.clock == wire.CLOCK_NONE:
            plain = False
            continue
        if record.kind == wire.KIND_EVENT and record.code == wire.EV_CLOCK_STEP:
            plain = False
        found.append(
            reading(item.device, batch.stream, seq, record, utc_ms(record), _CLOCKS[record.clock], item.received_ms)
        )
    return _Look(found, plain)


def utc_ms(record: wire.Fix | wire.Tag | wire.Gate | wire.Event | wire.Health) -> int:
    """The time of a record that has a clock, in UTC ms."""
    return (wire.EPOCH + record.t) * 1000 + record.ms


def reading(device: str, stream: int, seq: int, record, at: int, clock: str, received_at: int) -> Reading:
    """One record as a reading; `at` in UTC ms."""
    kind, body = _body(record, at)
    return Reading(device, stream, seq, kind, at, clock, received_at, body)


def encode_placed(entries: list[tuple[int, int, int, str, int, bytes]]) -> bytes:
    """Placed records as a spool payload; entries are (stream, seq, at, clock, received_at, standalone record)."""
    rows = [[*entry[:5], entry[5].hex()] for entry in entries]
    return PLACED + json.dumps(rows, separators=(",", ":")).encode()


def _placed(item: SpoolItem) -> list[Reading]:
    return [
        reading(item.device, stream, seq, wire.decode_record(bytes.fromhex(record)), at, clock, received_at)
        for stream, seq, at, clock, received_at, record in json.loads(item.payload[len(PLACED) :])
    ]


def _body(record, at: int) -> tuple[str, Body]:
    kind = record.kind
    if kind == wire.KIND_FIX:
        if record.lat_e6 is None or record.lon_e6 is None:
            # Nothing to draw, but a record all the same: it counts, and it says that the receiver had no position.
            return "event", EventBody("fix_without_position", {"source": record.source, "sats": record.sats})
        return "fix", FixBody(
            record.lat_e6 / 1e6,
            record.lon_e6 / 1e6,
            record.alt_m,
            None if record.speed_dmps is None else record.speed_dmps / 10,
            None if record.course_2deg is None else record.course_2deg * 2.0,
            record.sats,
            None if record.hdop_d is None else record.hdop_d / 10,
            record.source,
        )
    if kind == wire.KIND_TAG:
        return "tag", TagBody(
            record.epc.hex().upper(),
            record.pc,
            record.antenna,
            record.rssi_max,
            record.rssi_first,
            record.rssi_last,
            None if record.slope is None else record.slope / 10,
            None if record.phase is None else record.phase / 4096 * 2 * math.pi,
            record.channel,
            at + record.span_ms,
            record.count,
        )
    if kind == wire.KIND_GATE:
        gate = {wire.GATE_INNER: "inner", wire.GATE_OUTER: "outer"}.get(record.gate, str(record.gate))
        return "gate", GateBody(gate, record.state == 1, record.span_ms)
    if kind == wire.KIND_EVENT:
        args = {str(key): value.hex() if isinstance(value, bytes) else value for key, value in record.args.items()}
        return "event", EventBody(_EVENTS.get(record.code, str(record.code)), args)
    return "health", HealthBody({_METRICS.get(metric, str(metric)): value for metric, value in record.values})
