"""Plain data of ingest: what lies in the spool, and who reads it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from milepost.ingest.reading import record
from milepost_device.wire import part_of

DEVICE_ID = re.compile(r"[a-z0-9-]{1,12}")
PARTS = "0123456789abcdef"
UP, STATE = "up", "state"


@record
class SpoolItem:
    """One message of a device, durable in the spool. `id` only grows, over restarts and fresh spools too."""

    id: int
    device: str
    channel: str  # "up" or "state"
    received_ms: int  # UTC ms
    payload: bytes


class Sink(Protocol):
    """Something that wants every message, in order, with its effect exactly once."""

    name: str

    def position(self) -> int:
        """The last spool id whose effect is durable; 0 when there is none."""
        ...

    def handle(self, items: Sequence[SpoolItem]) -> None:
        """Take all of them or raise. Stores the effect and the position in one transaction."""
        ...


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that could not be used, kept whole with the reason."""

    id: int
    device: str
    channel: str
    reason: str
    detail: str
    at: int  # first received, UTC ms
    last_at: int
    times: int  # how often exactly this message came
    size: int  # bytes
    state: str  # "open" or "rerun"


def topic(device_id: str, leaf: str) -> str:
    """The topic of one device, `leaf` being up, state, ack, cfg or cmd."""
    return f"mp/v1/{part_of(device_id)}/{device_id}/{leaf}"


def device_of(topic_name: str) -> str | None:
    """The device a topic belongs to, or None when it is no topic of a device in its own part.

    The device is known from here only, never from a payload: the broker lets nobody write under another's name.
    """
    pieces = topic_name.split("/")
    if len(pieces) != 5 or pieces[0] != "mp" or pieces[1] != "v1" or not DEVICE_ID.fullmatch(pieces[3]):
        return None
    return pieces[3] if part_of(pieces[3]) == pieces[2] else None


def parse_parts(text: str) -> str:
    """`0-7,a` to `01234567a`. Raises ValueError for anything that names no part."""
    found: set[str] = set()
    for piece in text.lower().replace(" ", "").split(","):
        low, dash, high = piece.partition("-")
        high = high if dash else low
        if not high or low not in PARTS or high not in PARTS or not low or PARTS.index(low) > PARTS.index(high):
            raise ValueError(f"ingest parts {text!r}: write hex digits and ranges like 0-7,a")
        found.update(PARTS[PARTS.index(low) : PARTS.index(high) + 1])
    return "".join(sorted(found))
