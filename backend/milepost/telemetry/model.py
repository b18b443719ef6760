"""What the telemetry store holds and answers. `Reading` is ingest's; the judgement on it is ours."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from milepost.ingest.reading import (
    Body,
    EventBody,
    FixBody,
    GateBody,
    HealthBody,
    Reading,
    TagBody,
    reading_id,
)

__all__ = [
    "Body",
    "EventBody",
    "FixBody",
    "GateBody",
    "HealthBody",
    "Judged",
    "Reading",
    "StreamCounts",
    "TagBody",
    "TelemetryStore",
    "reading_id",
]


@dataclass(frozen=True, slots=True)
class Judged:
    """A reading with its quality: `reason` says why it is quarantined, None means good."""

    reading: Reading
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class StreamCounts:
    """How many records of one stream are stored, each seq once."""

    stored: int
    first_seq: int
    last_seq: int


class TelemetryStore(Protocol):
    """Where readings live. A repeat of (device, stream, seq) overwrites; nothing is deleted but by age."""

    def write(self, readings: Sequence[Judged | Reading], position: int) -> None:
        """Store them and the spool position, all or nothing. A bare Reading counts as good."""
        ...

    def position(self) -> int:
        """The spool position of the last write, 0 before the first."""
        ...

    def track(self, device: str, from_ms: int, to_ms: int, limit: int = 100_000) -> list[Reading]:
        """Good fixes of from_ms ≤ at < to_ms by time."""
        ...

    def judged(
        self, device: str, from_ms: int, to_ms: int, *, kind: str | None = None, limit: int = 100_000, after: str = ""
    ) -> tuple[list[Judged], str | None]:
        """Everything of from_ms ≤ at < to_ms by time, with its quality; and where the next page begins, or None."""
        ...

    def around(self, device: str, from_ms: int, to_ms: int, count: int) -> tuple[list[Judged], list[Judged]]:
        """The last `count` fixes before from_ms and the first `count` after to_ms, each in order of time."""
        ...

    def latest(self, devices: Sequence[str] | None = None) -> dict[str, Reading]:
        """The newest good fix of each device (None: of all)."""
        ...

    def tags(self, device: str, from_ms: int, to_ms: int) -> list[Reading]:
        """Tag readings whose first read lies in from_ms ≤ at < to_ms, by time."""
        ...

    def counts(self, device: str, stream: int) -> StreamCounts:
        """What is stored of one stream."""
        ...
