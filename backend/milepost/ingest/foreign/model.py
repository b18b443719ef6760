"""What other people's devices say, in one form for all of them: a place, a time, and what came with it. Pure.

None of their protocols numbers its records for good, so a reading gets its identity from its content: the stream is a
fixed number per protocol and kind of reading, the seq is the second of the fix counted from 2020-01-01 UTC. A message
sent twice is then a no-op everywhere; of two different fixes of one second the last one received wins.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from milepost.ingest.model import SpoolItem
from milepost.ingest.reading import Body, EventBody, FixBody, HealthBody, Reading

EPOCH_MS = 1_577_836_800_000  # 2020-01-01, as on the wire
MAX_SEQ = (1 << 30) - 1
# Offsets of the streams of one protocol above its first: a second may hold one reading of each kind.
FIX, IGNITION, HEALTH, EXTRAS, ALARM = range(5)
STREAMS_EACH = 5
MAX_IDENTIFIER = 64
_MOST = 1 << 30  # every stored integer fits ±2^30, as on the wire
_TEXT = 64
_MOST_EXTRAS = 32


class Unreadable(ValueError):
    """A message that cannot be understood; `reason` is one word, the text says what and where."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Promises:
    """What a protocol can keep, told to whoever connects such a device (docs/adapters.md)."""

    numbered: bool  # its records carry numbers that prove completeness
    acknowledged: bool  # the device keeps a record until the service has it on disk
    clock: str  # quality of the time it sends: gnss, ntp or rtc
    secret: str  # how a device proves who it is


@dataclass(frozen=True, slots=True)
class Position:
    """One report of a device. None is unknown; a field that made no sense is None too."""

    at: int | None  # UTC ms; None when the device sent no time
    lat: float | None  # degrees WGS-84
    lon: float | None
    valid: bool = True  # the receiver says that it had a fix
    alt_m: float | None = None
    speed_mps: float | None = None
    course_deg: float | None = None
    sats: int | None = None
    hdop: float | None = None
    ignition: bool | None = None
    health: dict[str, int] = field(default_factory=dict)
    extras: dict[str, Any] = field(default_factory=dict)  # what this version has no name for, kept as it came
    alarm: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Adapter:
    """One protocol. `channel` names it in the spool, in the table of identities and in the API."""

    channel: str
    title: str
    stream: int  # the first of its STREAMS_EACH streams, all in 1..99
    promises: Promises
    parse: Callable[[bytes], "Parsed"]  # raises Unreadable when nothing of the message can be used
    # The form in which identifiers are stored and compared; raises Unreadable for what can be none.
    identifier: Callable[[str], str]
    registers: bool = False  # the device asks for its secret itself, when it registers

    def decode(self, item: SpoolItem) -> list[Reading]:
        """The readings of an item; none when it cannot be understood (the screen has buried it)."""
        try:
            parsed = self.parse(item.payload)
        except Unreadable:
            return []
        return readings(item, self.stream, self.promises.clock, parsed.positions)

    def unreadable(self, item: SpoolItem) -> tuple[str, str] | None:
        """(reason, detail) when an item, or a part of it, cannot be understood; None when all of it can."""
        try:
            parsed = self.parse(item.payload)
        except Unreadable as error:
            return error.reason, error.detail
        for position in parsed.positions:
            if (wrong := out_of_time(position, item.received_ms)) is not None:
                return "time", wrong
        return ("part", "; ".join(parsed.wrong)[:500]) if parsed.wrong else None


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a message holds: positions in the order sent, and what was wrong about the parts left out."""

    positions: tuple[Position, ...] = ()
    wrong: tuple[str, ...] = ()


def readings(item: SpoolItem, stream: int, clock: str, positions: Iterable[Position]) -> list[Reading]:
    """The readings that positions give, each kind in its own stream above `stream`.

    A position without a time stands at its receipt and says so by clock `none`; one of a time that has no number
    (before 2020, after 2054) gives none.
    """
    found: list[Reading] = []
    for position in positions:
        if out_of_time(position, item.received_ms) is not None:
            continue
        at = item.received_ms if position.at is None else position.at
        seq = (at - EPOCH_MS) // 1000
        quality = "none" if position.at is None else clock

        def add(offset: int, kind: str, body: Body, at: int = at, seq: int = seq, quality: str = quality) -> None:
            found.append(Reading(item.device, stream + offset, seq, kind, at, quality, item.received_ms, body))

        place = _place(position)
        add(FIX, "fix" if isinstance(place, FixBody) else "event", place)
        if position.ignition is not None:
            add(IGNITION, "event", EventBody("ignition", {"on": int(position.ignition)}))
        if position.health:
            add(HEALTH, "health", HealthBody(position.health))
        if position.extras:
            add(EXTRAS, "event", EventBody("extras", position.extras))
        if position.alarm:
            add(ALARM, "event", EventBody("alarm", position.alarm))
    return found


def out_of_time(position: Position, received_ms: int) -> str | None:
    """Why the time of a position cannot be stored, or None. Whether it is likely is for the quality check to say."""
    at = received_ms if position.at is None else position.at
    if 1 <= (at - EPOCH_MS) // 1000 <= MAX_SEQ:
        return None
    return f"a fix of {at} ms since 1970, outside 2020 to 2054: set the clock of the device"


def _place(position: Position) -> FixBody | EventBody:
    if position.lat is None or position.lon is None:
        return EventBody("fix_without_position", {"source": 0, "sats": position.sats})
    # Without a fix the place is the last known one, or none: no satellites, so the quality check quarantines it.
    sats = position.sats if position.valid else 0
    return FixBody(
        round(position.lat, 6),
        round(position.lon, 6),
        position.alt_m,
        position.speed_mps,
        position.course_deg,
        sats,
        position.hdop,
    )


def plain_identifier(text: str) -> str:
    """An identifier of 1 to 64 printable characters without blanks, as it came. Raises Unreadable."""
    if not 1 <= len(text) <= MAX_IDENTIFIER or not text.isprintable() or " " in text:
        raise Unreadable("identifier", f"{text[:24]!r}: 1 to {MAX_IDENTIFIER} characters without blanks")
    return text


def number(value: Any, low: float, high: float) -> float | None:
    """A finite number of low ≤ value ≤ high out of text or JSON; None for anything else (cases I03)."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) and low <= found <= high else None


def whole(value: Any, low: int, high: int) -> int | None:
    """Like `number`, rounded."""
    found = number(value, low, high)
    return None if found is None else round(found)


def small(values: dict[str, int | None]) -> dict[str, int]:
    """The health values that are known and fit into what is stored."""
    return {name: value for name, value in values.items() if value is not None and -_MOST < value < _MOST}


def kept_extras(pairs: Iterable[tuple[str, Any]]) -> dict[str, str]:
    """At most 32 unknown fields as short texts that any database takes."""
    kept: dict[str, str] = {}
    for name, value in pairs:
        if len(kept) >= _MOST_EXTRAS:
            break
        kept[_text(name)] = _text(value)
    return kept


def _text(value: Any) -> str:
    return str(value)[:_TEXT].encode("utf-8", "replace").decode().replace("\0", "?")
