"""How complete the history of a device is, hour by hour."""

from collections import defaultdict
from dataclasses import dataclass

from milepost.ingest.foreign import is_numbered
from milepost.telemetry.model import EventBody, Reading, TelemetryStore

_LATE_MS = 60_000
_HOUR_MS = 3_600_000


@dataclass(slots=True)
class Hour:
    """How complete one hour of a device is, in records."""

    start_ms: int
    received: int = 0
    missing: int = 0
    dropped: int = 0
    late: int = 0
    numbered: bool = True  # False: records of other people's devices are among them, of which nothing can be proven


def completeness(store: TelemetryStore, device: str, from_ms: int, to_ms: int) -> list[Hour]:
    """Records per hour of their own time: received; missing (holes in the numbering, counted in the hour of the record
    behind the hole); dropped (holes that the device itself named in gap records); late (received more than a minute
    after they were made). What was received and could not be decoded counts as missing here; it lies in the dead
    letters."""
    hours: dict[int, Hour] = {}
    gaps: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for event in _all(store, device, from_ms, to_ms, "event"):
        body = event.body
        if isinstance(body, EventBody) and body.code == "gap":
            first, last = body.args.get("first_seq"), body.args.get("last_seq")
            if isinstance(first, int) and isinstance(last, int):
                gaps[event.stream].append((first, last))
    previous: dict[int, int] = {}
    for reading in sorted(_all(store, device, from_ms, to_ms, None), key=lambda each: (each.stream, each.seq)):
        start = reading.at // _HOUR_MS * _HOUR_MS
        hour = hours.setdefault(start, Hour(start))
        hour.received += 1
        hour.late += reading.received_at - reading.at > _LATE_MS
        if not is_numbered(reading.stream):
            hour.numbered = False
            continue
        before = previous.get(reading.stream)
        if before is not None and reading.seq > before + 1:
            hole = (before + 1, reading.seq - 1)
            named = sum(max(0, min(hole[1], last) - max(hole[0], first) + 1) for first, last in gaps[reading.stream])
            hour.dropped += named
            hour.missing += max(0, hole[1] - hole[0] + 1 - named)
        previous[reading.stream] = reading.seq
    return [hours[start] for start in sorted(hours)]


def _all(store: TelemetryStore, device: str, from_ms: int, to_ms: int, kind: str | None) -> list[Reading]:
    found: list[Reading] = []
    cursor: str | None = ""
    while cursor is not None:
        page, cursor = store.judged(device, from_ms, to_ms, kind=kind, limit=50_000, after=cursor)
        found += [each.reading for each in page]
    return found
