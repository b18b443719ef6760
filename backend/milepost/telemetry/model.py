"""What the telemetry store holds and answers. `Reading` is ingest's; the judgement on it is ours."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

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
from milepost.ingest.run import Run

__all__ = [
    "CLOCKS",
    "Body",
    "Entry",
    "EventBody",
    "FixBody",
    "Fixes",
    "GateBody",
    "HealthBody",
    "Judged",
    "Reading",
    "Run",
    "StoreSize",
    "StreamCounts",
    "TagBody",
    "TelemetryStore",
    "count_of",
    "one_by_one",
    "reading_id",
    "size_of",
]


CLOCKS = ("none", "rtc", "ntp", "gnss")  # by rising quality


@dataclass(frozen=True, slots=True)
class Judged:
    """A reading with its quality: `reason` says why it is quarantined, None means good."""

    reading: Reading
    reason: str | None = None


Entry = Judged | Reading | Run  # a bare reading is good, and so is a run as a whole


def one_by_one(entries: Iterable[Entry]) -> Iterator[Judged | Reading]:
    """What is to be stored, reading by reading."""
    for each in entries:
        if isinstance(each, Run):
            yield from each
        else:
            yield each


def size_of(entry: Entry) -> int:
    """How many readings it is."""
    return len(entry) if isinstance(entry, Run) else 1


def count_of(entries: Iterable[Entry]) -> int:
    """How many readings they are."""
    return sum(map(size_of, entries))


@dataclass(frozen=True, slots=True)
class StreamCounts:
    """How many records of one stream are stored, each seq once."""

    stored: int
    first_seq: int
    last_seq: int


@dataclass(frozen=True, slots=True)
class Fixes:
    """Good fixes of one device by time, as columns of equal length: what long tracks are made of."""

    at: np.ndarray  # int64, UTC ms, never falling
    lat: np.ndarray  # float64, degrees WGS-84
    lon: np.ndarray  # float64
    speed_mps: np.ndarray  # float32, NaN where unknown
    course_deg: np.ndarray  # float32, NaN where unknown
    clock: np.ndarray  # uint8, index into CLOCKS


@dataclass(frozen=True, slots=True)
class StoreSize:
    """What a store takes on disk."""

    bytes: int
    fixes: int  # raw ones stored, good and quarantined


class TelemetryStore(Protocol):
    """Where readings live. A repeat of (device, stream, seq) overwrites; nothing is deleted but by age.

    Every method may be called from any thread. Raises OSError (or a subclass of it) while the store cannot be reached.
    """

    def write(self, readings: Sequence[Entry], position: int, spool: str = "") -> None:
        """Store readings durably, then the position in the spool of that key.

        When it raises, the same call may be made again: what was stored of it is overwritten.
        """
        ...

    def position(self, spool: str = "") -> int:
        """The position of the last write from the spool of that key, 0 before the first."""
        ...

    def generation(self) -> int:
        """Changes whenever somebody else may have written about the same devices: what the caller remembers of the
        store is then to be read again. A store whose devices have one writer at a time answers 0."""
        ...

    def track(self, device: str, from_ms: int, to_ms: int, limit: int = 100_000) -> list[Reading]:
        """Good fixes of from_ms ≤ at < to_ms by time."""
        ...

    def judged(
        self, device: str, from_ms: int, to_ms: int, *, kind: str | None = None, limit: int = 100_000, after: str = ""
    ) -> tuple[list[Judged], str | None]:
        """Everything of from_ms ≤ at < to_ms by time, with its quality; and where the next page begins, or None."""
        ...

    def fixes(self, device: str, from_ms: int, to_ms: int) -> Fixes:
        """Good fixes of from_ms ≤ at < to_ms as columns. Where the raw ones have expired, one a minute."""
        ...

    def quarantined(self, device: str, from_ms: int, to_ms: int, limit: int = 1_000) -> list[Judged]:
        """Quarantined fixes of from_ms ≤ at < to_ms by time, the first `limit`; never by way of the good ones."""
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

    def devices(self) -> list[str]:
        """Every device that has something here, sorted."""
        ...

    def maintain(self, now_ms: int) -> None:
        """Fold, thin out and drop by age what is due at `now_ms`; bounded work, safe to repeat or to break off."""
        ...

    def size(self) -> StoreSize:
        """Bytes on disk and raw fixes in them."""
        ...

    def close(self) -> None:
        """Let go of files and connections; nobody may use it after."""
        ...
