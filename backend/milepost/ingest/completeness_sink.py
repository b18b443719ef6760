"""The sink that keeps account of which records have arrived (completeness.py), in the transaction of its position."""

import time
from collections.abc import Iterable, Sequence

from milepost.db import Database
from milepost.ingest import completeness_rows as rows
from milepost.ingest.completeness import HOUR_MS, LATE_MS, Hour, Stream
from milepost.ingest.completeness_rows import HourKey, StreamKey
from milepost.ingest.decode import PLACED, batch_of, readings
from milepost.ingest.foreign import is_numbered
from milepost.ingest.model import STATE, UP, SpoolItem
from milepost.ingest.positions import position_of, store_position
from milepost.ingest.ranges import Ranges, add, minus
from milepost.ingest.reading import EventBody, Reading
from milepost.ingest.run import times
from milepost.ingest.spool import Spool
from milepost.times import now_ms
from milepost_device.wire import Unknown, WireError, header

_GAP = b"first_seq"  # stands in every batch with a gap record (docs/wire.md): looking into all records costs 5 µs
_FUTURE_MS = 300_000  # a record further ahead of its receipt has a broken clock
_FORGET_EVERY_S = 3_600.0


class CompletenessSink:
    """Counts in whatever arrives; standing repeats, it may share the tables with the sinks of other spools."""

    name = "complete"

    def __init__(self, db: Database, spool: Spool, keep_days: int) -> None:
        """`keep_days`: how long hours are kept (settings: minute_days)."""
        self._db = db
        self._spool = spool
        self._keep_ms = keep_days * 86_400_000
        self._next_forget = 0.0

    def position(self) -> int:
        """The last item that is counted in."""
        with self._db.read() as conn:
            return position_of(conn, self.name, self._spool.key)

    def handle(self, items: Sequence[SpoolItem]) -> None:
        """Count some items in, in one transaction."""
        news = News(self._keep_ms)
        for item in items:
            news.take(item)
        with self._db.tx() as conn:
            rows.merge(conn, news.streams, news.hours, now_ms())
            store_position(conn, self.name, self._spool.key, items[-1].id)

    def tick(self) -> None:
        """Forget hours that are too old, once an hour."""
        if time.monotonic() >= self._next_forget:
            self._next_forget = time.monotonic() + _FORGET_EVERY_S
            with self._db.tx() as conn:
                rows.forget(conn, now_ms() - self._keep_ms)


class News:
    """What some spool items say about the records of their streams. Pure but for the memory of the decoder."""

    def __init__(self, keep_ms: int) -> None:
        """`keep_ms`: a record older than this when it is received belongs to no hour that is still kept."""
        self.streams: dict[StreamKey, Stream] = {}
        self.hours: dict[HourKey, Hour] = {}
        self._keep_ms = keep_ms

    def take(self, item: SpoolItem) -> None:
        """Count an item in. What cannot be trusted (a bad CRC, a state message) counts nothing."""
        if item.channel == STATE:
            return
        found = readings(item)
        if item.channel != UP or item.payload[: len(PLACED)] == PLACED:
            self._by_runs(item.device, found)
            return
        try:
            _, count, stream, first, tail, _, _ = header(item.payload)
        except WireError:
            return
        low, high = max(first, 1), first + count - 1
        # As for the watermark, a tail is believed up to the end of its own batch.
        tail = max(1, min(tail, max(high, first - 1) + 1))
        if len(found) == count and low == first and self._at_once(item, stream, low, high, found):
            placed, unreadable, unplaced = ((low, high),), (), ()
        else:
            self._by_runs(item.device, found)
            placed, (unreadable, unplaced) = (), _without_place(item, low, high, found)
        self._know((item.device, stream), Stream(placed, unreadable, unplaced, _gaps(item, found), tail, tail))

    def _at_once(self, item: SpoolItem, stream: int, low: int, high: int, found: Sequence[Reading]) -> bool:
        """Count a batch in that belongs to one hour as a whole, and is wholly late or on time: nearly all do."""
        if not found:
            return False
        at = times(found)
        first, last, received = min(at), max(at), item.received_ms
        hour = first // HOUR_MS * HOUR_MS
        is_late = received - last > LATE_MS
        if last - hour >= HOUR_MS or not (is_late or received - first <= LATE_MS):
            return False
        if not (self._is_possible(first, received) and self._is_possible(last, received)):
            return False
        placed = ((low, high),)
        self._count((item.device, stream, hour), Hour(placed, () if is_late else placed, first, last))
        return True

    def _by_runs(self, device: str, found: Sequence[Reading]) -> None:
        """Count readings in, those together that follow each other in one hour, wholly late or on time."""
        marks = [(each.stream, *self._mark(each)) for each in found]
        begin = 0
        for end in range(1, len(found) + 1):
            if end < len(found) and marks[end] == marks[begin] and found[end].seq == found[end - 1].seq + 1:
                continue
            stream, hour, is_late = marks[begin]
            run = ((found[begin].seq, found[end - 1].seq),)
            if hour is not None:
                at = [each.at for each in found[begin:end]]
                self._count((device, stream, hour), Hour(run, () if is_late else run, min(at), max(at)))
                self._know((device, stream), Stream(placed=run if is_numbered(stream) else ()))
            elif is_numbered(stream):
                self._know((device, stream), Stream(unplaced=run))
            begin = end

    def _mark(self, reading: Reading) -> tuple[int | None, bool]:
        """The hour of a reading (UTC ms), None for a time that cannot be; and whether it came late."""
        at, received_at = reading.at, reading.received_at
        return at // HOUR_MS * HOUR_MS if self._is_possible(at, received_at) else None, received_at - at > LATE_MS

    def _is_possible(self, at: int, received_at: int) -> bool:
        return received_at - self._keep_ms <= at <= received_at + _FUTURE_MS

    def _know(self, key: StreamKey, news: Stream) -> None:
        before = self.streams.get(key)
        self.streams[key] = news if before is None else before.merged(news)

    def _count(self, key: HourKey, news: Hour) -> None:
        before = self.hours.get(key)
        self.hours[key] = news if before is None else before.merged(news)


def _without_place(item: SpoolItem, low: int, high: int, found: Iterable[Reading]) -> tuple[Ranges, Ranges]:
    """The seqs of a batch that are no readings: those not understood, those that wait for their clock."""
    there: Ranges = ()
    for each in found:
        there = add(there, each.seq, each.seq)
    rest = minus([(low, high)], there) if low <= high else ()
    if not rest:
        return (), ()
    try:
        records = batch_of(item.payload)
    except WireError:
        return rest, ()
    unreadable: Ranges = ()
    for seq, record in enumerate(records.records, records.first_seq):
        if isinstance(record, Unknown) and seq >= low:
            unreadable = add(unreadable, seq, seq)
    return unreadable, minus(rest, unreadable)


def _gaps(item: SpoolItem, found: Iterable[Reading]) -> Ranges:
    """What gap records name; only what lies below the record itself is believed."""
    named: Ranges = ()
    if _GAP not in item.payload:
        return named
    for each in found:
        body = each.body
        if isinstance(body, EventBody) and body.code == "gap":
            first, last = body.args.get("first_seq"), body.args.get("last_seq")
            if isinstance(first, int) and isinstance(last, int) and max(first, 1) <= min(last, each.seq - 1):
                named = add(named, max(first, 1), min(last, each.seq - 1))
    return named
