"""Readings into InfluxDB and into the books beside it, as if it were one thing.

What is about to be written is noted first, and the note goes with the position: after a crash between the two, what
the server has of it is taken into the books. (Whoever reads the spool again would not write it again: it is there.)
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter

from sqlalchemy import Connection

from milepost.db import Database
from milepost.ingest.positions import position_of, store_position
from milepost.telemetry import influx_sql
from milepost.telemetry.influx_bits import GOOD
from milepost.telemetry.influx_flight import Flight
from milepost.telemetry.influx_query import span
from milepost.telemetry.influx_read import Readings
from milepost.telemetry.influx_sql import HOUR_MS, Ranges, Stream
from milepost.telemetry.influx_wanted import Each, Wanted, by_stream, news_of, noted, nth, reading_of, reason_of
from milepost.telemetry.lines import BLOCK, lines_of, moved_line
from milepost.telemetry.model import Entry, Reading, count_of

SINK = "telemetry"
_EVER_MS = 1 << 62
_REMEMBERED_STREAMS = 50_000
_order = attrgetter("at", "stream", "seq")


class WrittenByAnother(OSError):
    """Another process has written a stream since we did: its device changed hands. Made again, the call works."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of the readings of one call; refused ones are in the books."""

    written: int
    expired: int


class Storing:
    """Stores readings; one thread at a time."""

    def __init__(self, db: Database, flight: Flight, raw: Readings, bucket: str, clock: Callable[[], int]) -> None:
        self._db = db
        self._flight = flight
        self._raw = raw
        self._bucket = bucket
        self._clock = clock
        self._settled: set[str] = set()  # spools whose last write is known to be in the books
        self._ranges: dict[Stream, Ranges] = {}  # as we left them
        self._touched: set[tuple[str, int]] = set()

    @property
    def sure(self) -> bool:
        """Whether the books hold everything that InfluxDB has from us: not while a write is on its way or broke off."""
        return bool(self._settled)

    def write(self, entries: Sequence[Entry], position: int, spool: str) -> Stored:
        """Store readings durably, then the position. Raises ValueError before anything is written for a body that JSON
        cannot hold, OSError (the call may be made again) for everything that passes."""
        wanted = by_stream(entries)
        single = [each for some in wanted.values() for each in some.singles.values()]
        others = [each for each in single if not _is_fix(each)]
        flat: list[Entry] = [*others, *(run for some in wanted.values() for run in some.runs)]
        flat += single if not others else filter(_is_fix, single)
        count = count_of(flat)
        lines = lines_of(others)
        self.settle(spool)
        self._settled.discard(spool)
        if not flat:
            self._enter(wanted, {}, [], position, spool)
            return Stored(0, 0)
        moved, judged_again = self._begin(wanted, spool)
        landed = self._flight.send(self._bucket, lines, flat[len(others) :], moved)
        refused = [(nth(flat, n), line, reason) for n, line, reason in landed.refused if n < count]
        for reading, _, _ in refused:
            wanted[reading.device, reading.stream].drop(reading.seq)
        exact = {device: self._newest_good(device) for device in judged_again}
        self._enter(wanted, exact, refused, position, spool)
        return Stored(count - len(refused) - landed.expired, landed.expired)

    # --- before the write ---

    def _begin(self, wanted: Wanted, spool: str) -> tuple[list[str], set[str]]:
        """Note what is about to be written, and look at what of it is stored already.

        Returns lines that mark the former points of records which now lie elsewhere in time, and devices whose last
        known place is judged anew.
        """
        with self._db.tx() as conn:
            influx_sql.begin(conn, spool, noted(wanted))
            ranges = influx_sql.stored_ranges(conn, wanted)
            self._alone(wanted, ranges)
            places = influx_sql.latest(conn, sorted({device for device, _ in ranges}))
        judged_again = set()
        for device, place in places.items():
            some = wanted.get((device, place.stream))
            again = None if some is None else some.get(place.seq)
            if again is not None and (reason_of(again) is not None or reading_of(again).at != place.at):
                judged_again.add(device)
        repeats: dict[tuple[str, str], list[Reading]] = defaultdict(list)
        for stream, held in ranges.items():
            if not influx_sql.meet(held, wanted[stream].ranges):
                continue
            for seq in influx_sql.among(held, sorted(wanted[stream])):
                reading = reading_of(wanted[stream][seq])
                repeats[reading.device, reading.kind].append(reading)
        moved = [line for (device, kind), some in repeats.items() for line in self._moved(device, kind, some)]
        return moved, judged_again

    def _alone(self, wanted: Wanted, ranges: dict[Stream, Ranges]) -> None:
        """Raise when another process has written a stream since we did: judgements were passed without its fixes."""
        others = [each for each in wanted if each in self._ranges and ranges.get(each, []) != self._ranges[each]]
        for each in others:
            del self._ranges[each]
        if others:
            device, stream = others[0]
            raise WrittenByAnother(f"another process has written stream {stream} of {device}; judging it anew")

    def _moved(self, device: str, kind: str, repeats: list[Reading]) -> list[str]:
        """Lines that mark former points of repeated records as moved.

        A record keeps its time, so nearly always there are none. What was placed by guess may be placed anew, and then
        its former point must not stay beside the new one.
        """
        at = [each.at for each in repeats]
        there = self._raw.points(kind, device, span(min(at), max(at) + 1))
        elsewhere = {(one.stream, one.seq) for one in repeats if (one.at, one.stream, one.seq) not in there}
        lines = []
        for stream, block in sorted({(stream, seq // BLOCK) for stream, seq in elsewhere}):
            same = self._raw.points(kind, device, f"stream = '{stream}' AND block = '{block}'")
            lines += [moved_line(kind, device, stream, seq, old) for old, _, seq in same if (stream, seq) in elsewhere]
        return lines

    # --- after it ---

    def _enter(
        self,
        stored: Wanted,
        exact: dict[str, Reading | None],
        refused: list[tuple[Reading, str, str]],
        position: int,
        spool: str,
    ) -> None:
        """Write into the books what InfluxDB has now, and the position, in one transaction."""
        now = self._clock()
        news = {stream: news_of(some) for stream, some in stored.items() if some}
        newest: dict[str, Reading] = {}
        for (device, _), each in news.items():
            place = each.newest
            if place is not None and (device not in newest or _order(newest[device]) < _order(place)):
                newest[device] = place
        hours = {(device, hour) for (device, _), each in news.items() for hour in each.hours}
        with self._db.tx() as conn:
            ranges = influx_sql.enter_ranges(
                conn,
                {stream: each.ranges for stream, each in news.items()},
                {stream: each.last_at for stream, each in news.items()},
            )
            influx_sql.enter_latest(conn, newest, exact)
            self._touch(conn, hours, now)
            influx_sql.set_aside(conn, refused, now)
            if stored:
                influx_sql.ended(conn, spool)
            if position > position_of(conn, SINK, spool):
                store_position(conn, SINK, spool, position)
        self._settled.add(spool)
        if len(self._ranges) + len(ranges) > _REMEMBERED_STREAMS:
            self._ranges.clear()
        self._ranges |= ranges

    def settle(self, spool: str) -> None:
        """Take into the books what the server has of a write from a spool that did not end."""
        if spool in self._settled:
            return
        with self._db.read() as conn:
            noted = influx_sql.begun(conn, spool)
        if noted is not None:
            seqs: dict[Stream, list[int]] = defaultdict(list)
            last_at: dict[Stream, int] = {}
            hours: set[tuple[str, int]] = set()
            for device, kind, stream, first_at, noted_at, ranges in noted:
                found = self._raw.points(kind, device, f"stream = '{stream}' AND {span(first_at, noted_at + 1)}")
                there = {seq: at for at, _, seq in found}
                mine = influx_sql.among(ranges, sorted(there))
                seqs[device, stream] += mine
                last_at[device, stream] = max(last_at.get((device, stream), noted_at), noted_at)
                hours |= {(device, there[seq] // HOUR_MS * HOUR_MS) for seq in mine if kind == "fix"}
            exact = {device: self._newest_good(device) for device in {each[0] for each in noted if each[1] == "fix"}}
            with self._db.tx() as conn:
                stored = {stream: influx_sql.ranges_of(sorted(some)) for stream, some in seqs.items() if some}
                influx_sql.enter_ranges(conn, stored, last_at)
                influx_sql.enter_latest(conn, {}, exact)
                influx_sql.touch(conn, hours)
                influx_sql.ended(conn, spool)
            for stream in seqs:
                self._ranges.pop(stream, None)
        self._settled.add(spool)

    def _newest_good(self, device: str) -> Reading | None:
        found = self._raw.last(device, _EVER_MS, 1, state=GOOD)
        return found[0].reading if found else None

    def _touch(self, conn: Connection, hours: set[tuple[str, int]], now: int) -> None:
        """Mark the hours of fixes. Once is enough for an hour that is running: nobody thins it before it is over."""
        new = hours - self._touched
        influx_sql.touch(conn, new)
        if new:
            self._touched = {each for each in self._touched | new if each[1] + HOUR_MS > now}


def _is_fix(each: Each) -> bool:
    return reading_of(each).kind == "fix"
