"""Which records of a device have arrived, hour by hour, and which have not (decision 26). Pure.

Everything here is a union of sets, a greatest or a least value: any messages, in any order, however often, through
however many spools, give the same state. What is missing is worked out when somebody asks, never stored.
"""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, replace

from milepost.ingest.ranges import Range, Ranges, common, minus, of, size, union
from milepost.ingest.reading import record

HOUR_MS = 3_600_000
LATE_MS = 60_000
_NO_TAIL = 1 << 40
_MOST_RANGES = 2_000  # of one stream; a device whose ring overflows once a day makes one a day
_LONGEST_HOLE_MS = 31 * 24 * HOUR_MS


@record
class Stream:
    """What is known of the seqs of one stream of one device."""

    placed: Ranges = ()  # counted in an hour
    unreadable: Ranges = ()  # came in a good batch, and were not understood
    unplaced: Ranges = ()  # came without a clock (they come again, placed), or with a time that cannot be
    dropped: Ranges = ()  # the device says it lost them
    tail: int = 0  # greatest tail: what lies below, the device no longer holds
    begin: int = _NO_TAIL  # least tail: what lies below came before our time
    floor: int = 0  # below it hours have been forgotten

    def merged(self, other: "Stream") -> "Stream":
        """What both know together."""
        placed = union(self.placed, other.placed)
        floor = other.floor if other.floor > self.floor else self.floor
        if len(placed) > _MOST_RANGES:
            placed = placed[-_MOST_RANGES:]
            floor = max(floor, placed[0][0])
        return Stream(
            placed,
            union(self.unreadable, other.unreadable),
            union(self.unplaced, other.unplaced),
            union(self.dropped, other.dropped),
            other.tail if other.tail > self.tail else self.tail,
            other.begin if other.begin < self.begin else self.begin,
            floor,
        )


@record
class Hour:
    """What is known of the records of one stream made within one hour. Times are UTC ms."""

    received: Ranges
    on_time: Ranges
    first_ms: int
    last_ms: int

    def merged(self, other: "Hour") -> "Hour":
        """What both know together."""
        return Hour(
            union(self.received, other.received),
            union(self.on_time, other.on_time),
            min(self.first_ms, other.first_ms),
            max(self.last_ms, other.last_ms),
        )


@dataclass(frozen=True, slots=True)
class Count:
    """How complete one hour is, in records. `open`: nothing newer has come, so the device may hold more of it."""

    received: int = 0
    missing: int = 0
    dropped: int = 0
    late: int = 0
    unreadable: int = 0
    pending: int = 0
    numbered: bool = True
    open: bool = False

    def plus(self, other: "Count") -> "Count":
        """Both together."""
        return Count(
            self.received + other.received, self.missing + other.missing, self.dropped + other.dropped,
            self.late + other.late, self.unreadable + other.unreadable, self.pending + other.pending,
            self.numbered and other.numbered, self.open or other.open,
        )  # fmt: skip

    @property
    def verdict(self) -> str:
        """`complete`: every record the device made is here; `incomplete`: some never will be, or are not; `unknown`:
        that cannot be said, or not yet. A loss that the device has told of is a loss."""
        if self.missing or self.dropped:
            return "incomplete"
        if not self.numbered or self.pending or self.open or not (self.received or self.unreadable):
            return "unknown"
        return "complete"


@dataclass(frozen=True, slots=True)
class Hole:
    """Some seqs of a stream that are not here in a form that can be used. `what`: missing, dropped, unreadable or
    pending (the device still holds them)."""

    stream: int
    hour: int  # UTC ms
    first: int
    last: int
    what: str


def counts(
    number: int, stream: Stream, hours: Mapping[int, Hour], numbered: bool
) -> tuple[dict[int, Count], list[Hole]]:
    """How complete each hour of one stream is, and every hole.

    `hours`: those asked for, and the nearest one with records on either side of them, so that holes at the edges are
    seen; whoever asks leaves out the hours that they did not ask for. `numbered`: False where seqs are no count.

    A hole is attributed so (decision 26): to the hour of the two records around it; where they lie in different hours,
    its seqs are spread evenly between the last time of the one hour and the first of the other; where those times are
    in no order or more than 31 days apart, or nothing stands before it, to the hour of the record behind the hole.
    """
    found = {
        hour: Count(size(each.received), late=size(minus(each.received, each.on_time)), numbered=numbered)
        for hour, each in hours.items()
    }
    if not numbered or not hours:
        return found, []
    newest = max(hours)
    found[newest] = replace(found[newest], open=True)
    segments = sorted((low, high, hour) for hour, each in hours.items() for low, high in each.received)
    holes: list[Hole] = []
    arrived = union(union(stream.placed, stream.unreadable), stream.unplaced)
    for low, high in minus([_region(stream, segments, arrived)], of(each[:2] for each in segments)):
        for hour, piece in _spread(low, high, segments, hours):
            lost = minus([piece], arrived)
            named = common(lost, stream.dropped)
            gone = minus(lost, named)
            unreadable = minus(common((piece,), stream.unreadable), stream.placed)
            missing, pending = common(gone, ((0, stream.tail - 1),)), common(gone, ((stream.tail, _NO_TAIL),))
            count = Count(
                missing=size(missing), dropped=size(named), unreadable=size(unreadable), pending=size(pending)
            )
            found[hour] = found.get(hour, Count()).plus(count)
            kinds = {"missing": missing, "dropped": named, "unreadable": unreadable, "pending": pending}
            holes += [Hole(number, hour, *each, what) for what, ranges in kinds.items() for each in ranges]
    return found, holes


def whole(hours: Mapping[int, Count]) -> tuple[Count, str]:
    """The sums over some hours and the verdict on them. The newest hour, still open, keeps no other from being
    complete: the verdict then speaks of what was made before the newest record."""
    total = Count()
    for each in hours.values():
        total = total.plus(each)
    newest = max(hours, default=0)
    still_open = any(each.open for hour, each in hours.items() if hour != newest)
    return total, replace(total, open=still_open or (len(hours) == 1 and total.open)).verdict


def _region(stream: Stream, segments: list[tuple[int, int, int]], arrived: Ranges) -> Range:
    """The seqs that can be judged by these segments: to the very ends of the stream where they are its ends."""
    low, high = segments[0][0], max(each[1] for each in segments)
    if stream.placed and stream.placed[0][0] == low:
        low = min(low, max(stream.begin, stream.floor, 1))
    if stream.placed and stream.placed[-1][1] == high:
        high = max(high, arrived[-1][1])
    return low, high


def _spread(
    low: int, high: int, segments: list[tuple[int, int, int]], hours: Mapping[int, Hour]
) -> list[tuple[int, Range]]:
    at = bisect_left(segments, (low,))
    before, behind = segments[at - 1] if at else None, segments[at] if at < len(segments) else None
    if behind is None or before is None:
        one = behind or before
        return [] if one is None else [(one[2], (low, high))]
    start, end = hours[before[2]].last_ms, hours[behind[2]].first_ms
    if before[2] == behind[2] or not 0 < end - start <= _LONGEST_HOLE_MS:
        return [(behind[2], (low, high))]
    count, found, first = high - low + 1, [], low
    for hour in range(start // HOUR_MS * HOUR_MS, end + 1, HOUR_MS):
        # The k-th of n seqs stands at start + k (end - start) / (n + 1): these lie before the end of this hour.
        upto = -((start - hour - HOUR_MS) * (count + 1) // (end - start)) - 1
        last = low + min(max(upto, 0), count) - 1
        if last >= first:
            found.append((hour, (first, last)))
            first = last + 1
    return found
