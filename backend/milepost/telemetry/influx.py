"""The telemetry store on InfluxDB 2.7 or newer: line protocol in, InfluxQL out.

Readings lie in InfluxDB; what must be right at once and exactly (positions, last known places, which seqs are stored)
lies in the SQL database (`influx_sql`). A write is durable there before its position moves here; when anything fails
in between, the same call is made again, and repeats overwrite.
"""

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

import numpy as np
from sqlalchemy import Connection

from milepost.db import Database
from milepost.errors import Invalid
from milepost.ingest.positions import position_of, store_position
from milepost.telemetry import influx_minutes, influx_sql
from milepost.telemetry.influx_place import place_of
from milepost.telemetry.influx_query import QueryReader, span
from milepost.telemetry.influx_read import Readings, order
from milepost.telemetry.influx_sql import HOUR_MS
from milepost.telemetry.influx_write import InfluxAway, InfluxMisconfigured, LineWriter, Outcome
from milepost.telemetry.lines import (
    BLOCK,
    COLUMNS_OF_TRACK,
    GOOD,
    KINDS,
    MOVED,
    QUARANTINED,
    clocks_of,
    lines_of,
    moved_line,
)
from milepost.telemetry.model import Fixes, Judged, Reading, StoreSize, StreamCounts
from milepost.times import now_ms

_log = logging.getLogger(__name__)
_SINK = "telemetry"
_DAY_MS = 86_400_000
_EVER_MS = 1 << 62
_REMEMBERED_STREAMS = 50_000
Wanted = dict[influx_sql.Stream, dict[int, Judged]]  # by seq


class WrittenByAnother(OSError):
    """Another process has written a stream since we did: its device changed hands. Made again, the call works."""


class InfluxTelemetry:
    """Implements `telemetry.model.TelemetryStore`; every method may be called from any thread."""

    def __init__(
        self,
        url: str,
        write_token: str,
        read_token: str,
        db: Database,
        *,
        raw_days: int = 30,
        minute_days: int = 400,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        """`url`: influx://host:8086/ORG?bucket=NAME; `clock`: UTC ms. Reaches for the server only when it is used."""
        self.place = place_of(url)
        self._db = db
        self._raw_ms, self._minute_ms = raw_days * _DAY_MS, minute_days * _DAY_MS
        self._clock = clock
        self._writer = LineWriter(self.place, write_token)
        self._reader = QueryReader(self.place, read_token)
        self._raw = Readings(self._reader, self.place.bucket)
        self._writing = threading.Lock()
        self._ranges: dict[influx_sql.Stream, influx_sql.Ranges] = {}  # as we left them
        self._touched: set[tuple[str, int]] = set()
        self._trouble: tuple[str, str, int] | None = None
        self.expired = 0  # readings that came too late to be kept, since the start
        self.written = 0

    def close(self) -> None:
        """Close the connections; nobody may use it after."""
        self._writer.close()
        self._reader.close()

    def generation(self) -> int:
        """Always 0: a write notices by itself, per stream, when another process was there (WrittenByAnother)."""
        return 0

    # --- writing ---

    def write(self, readings: Sequence[Judged | Reading], position: int, spool: str = "") -> None:
        """Store readings durably, then the position. Raises InfluxAway, InfluxMisconfigured or WrittenByAnother
        (all OSError); the same call may be made again."""
        wanted: Wanted = {}
        for each in readings:
            judged = each if isinstance(each, Judged) else Judged(each)
            reading = judged.reading
            stream = reading.device, reading.stream
            if stream not in wanted:
                wanted[stream] = {}
            wanted[stream][reading.seq] = judged
        flat = [judged for some in wanted.values() for judged in some.values()]
        lines = lines_of(flat)
        with self._writing, self._watched():
            moved, judged_again = self._already_there(wanted)
            outcome = self._writer.write(self.place.bucket, lines + moved) if lines else Outcome()
            refused = [(flat[n], lines[n], reason) for n, reason in outcome.refused if n < len(lines)]
            for judged, _, _ in refused:
                del wanted[judged.reading.device, judged.reading.stream][judged.reading.seq]
            exact = {device: self._newest_good(device) for device in judged_again}
            self._enter(wanted, exact, refused, position, spool)
            self.expired += outcome.expired
            self.written += len(lines) - len(refused) - outcome.expired

    def _enter(
        self,
        stored: Wanted,
        exact: dict[str, Reading | None],
        refused: list[tuple[Judged, str, str]],
        position: int,
        spool: str,
    ) -> None:
        """Write into the books what InfluxDB has now, and the position, in one transaction."""
        now = self._clock()
        fixes = {
            stream: [each for each in some.values() if each.reading.kind == "fix"] for stream, some in stored.items()
        }
        newest: dict[str, Reading] = {}
        for (device, _), some in fixes.items():
            good = max((each for each in some if each.reason is None), key=order, default=None)
            if good is not None and (device not in newest or order(Judged(newest[device])) < order(good)):
                newest[device] = good.reading
        with self._db.tx() as conn:
            ranges = influx_sql.enter_ranges(conn, {stream: sorted(some) for stream, some in stored.items() if some})
            influx_sql.enter_latest(conn, newest, exact)
            self._touch(conn, fixes, now)
            influx_sql.set_aside(conn, refused, now)
            if position > position_of(conn, _SINK, spool):
                store_position(conn, _SINK, spool, position)
        if len(self._ranges) + len(ranges) > _REMEMBERED_STREAMS:
            self._ranges.clear()
        self._ranges |= ranges

    def _already_there(self, wanted: Wanted) -> tuple[list[str], set[str]]:
        """What has to be looked at because some of these records are stored already: lines that mark the former points
        of records which now lie elsewhere in time, and devices whose last known place is judged anew."""
        if not wanted:
            return [], set()
        with self._db.read() as conn:
            ranges = influx_sql.stored_ranges(conn, wanted)
            self._alone(wanted, ranges)
            if not ranges:
                return [], set()
            places = influx_sql.latest(conn, sorted({device for device, _ in ranges}))
        judged_again = set()
        for device, place in places.items():
            again = wanted.get((device, place.stream), {}).get(place.seq)
            if again is not None and (again.reason is not None or again.reading.at != place.at):
                judged_again.add(device)
        repeats: dict[tuple[str, str], list[Reading]] = defaultdict(list)
        for stream, held in ranges.items():
            for seq in influx_sql.among(held, sorted(wanted[stream])):
                reading = wanted[stream][seq].reading
                repeats[reading.device, reading.kind].append(reading)
        moved = [line for (device, kind), some in repeats.items() for line in self._moved(device, kind, some)]
        return moved, judged_again

    def _alone(self, wanted: Wanted, ranges: dict[influx_sql.Stream, influx_sql.Ranges]) -> None:
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
        lines = []
        for one in repeats:
            if (one.at, one.stream, one.seq) not in there:
                same = self._raw.points(kind, device, f"stream = '{one.stream}' AND block = '{one.seq // BLOCK}'")
                lines += [moved_line(kind, device, one.stream, one.seq, old) for old, _, seq in same if seq == one.seq]
        return lines

    def _newest_good(self, device: str) -> Reading | None:
        found = self._raw.last(device, _EVER_MS, 1, state=GOOD)
        return found[0].reading if found else None

    def _touch(self, conn: Connection, fixes: dict[influx_sql.Stream, list[Judged]], now: int) -> None:
        """Mark the hours of fixes. Once is enough for an hour that is running: nobody thins it before it is over."""
        hours = {
            (device, hour * HOUR_MS)
            for (device, _), some in fixes.items()
            for hour in {each.reading.at // HOUR_MS for each in some}
        }
        new = hours - self._touched
        influx_sql.touch(conn, new)
        if new:
            self._touched = {each for each in self._touched | new if each[1] + HOUR_MS > now}

    @contextmanager
    def _watched(self) -> Generator[None]:
        """Remember, and log once, that the server cannot be used, and that it can again."""
        try:
            yield
        except (InfluxAway, InfluxMisconfigured) as error:
            state = "away" if isinstance(error, InfluxAway) else "misconfigured"
            if self._trouble is None or self._trouble[0] != state:
                _log.error("InfluxDB %s, readings wait in the spool: %s", state, error)
                self._trouble = (state, str(error), self._clock())
            raise
        if self._trouble is not None:
            _log.warning("InfluxDB takes readings again after %d s", (self._clock() - self._trouble[2]) // 1000)
            self._trouble = None

    # --- reading ---

    def position(self, spool: str = "") -> int:
        """The position of the last write from the spool of that key."""
        with self._db.read() as conn:
            return position_of(conn, _SINK, spool)

    def track(self, device: str, from_ms: int, to_ms: int, limit: int = 100_000) -> list[Reading]:
        """Good fixes of from_ms ≤ at < to_ms by time."""
        return [each.reading for each in self._raw.first("fix", device, from_ms, to_ms, limit, state=GOOD)]

    def judged(
        self, device: str, from_ms: int, to_ms: int, *, kind: str | None = None, limit: int = 100_000, after: str = ""
    ) -> tuple[list[Judged], str | None]:
        """Everything of from_ms ≤ at < to_ms by time, with its quality, and the cursor of the next page or None.

        Raises Invalid for a kind or a cursor that is none.
        """
        if kind is not None and kind not in KINDS:
            raise Invalid(f"kind {kind!r}: use one of {', '.join(KINDS)}")
        found: list[Judged] = []
        for each in (kind,) if kind else KINDS:
            if not after:
                found += self._raw.first(each, device, from_ms, to_ms, limit)
            else:  # the rest of the millisecond in which the last page ended, then what follows it
                start = _cursor(after)
                same = self._raw.every(each, device, start[0], min(start[0] + 1, to_ms))
                found += [one for one in same if order(one) > start]
                found += self._raw.first(each, device, start[0] + 1, to_ms, limit)
        found.sort(key=order)
        page = found[:limit]
        more = len(found) >= limit and bool(page)
        return page, ":".join(map(str, order(page[-1]))) if more else None

    def fixes(self, device: str, from_ms: int, to_ms: int) -> Fixes:
        """Good fixes of from_ms ≤ at < to_ms as columns. Where the raw ones have expired, one a minute."""
        oldest = (self._clock() - self._raw_ms) // 60_000 * 60_000
        cut = min(max(from_ms, oldest), to_ms)
        parts = []
        if from_ms < cut:
            parts.append(influx_minutes.read(self._reader, self.place.minute_bucket, device, from_ms, cut))
        if cut < to_ms:
            query = (
                f"SELECT {', '.join(COLUMNS_OF_TRACK)} FROM fix"
                f" WHERE device = $device AND state = {GOOD} AND {span(cut, to_ms)}"
            )
            parts.append(self._reader.table(self.place.bucket, query, len(COLUMNS_OF_TRACK), device=device))
        table = np.concatenate(parts) if parts else np.empty((0, 6))
        return Fixes(
            at=table[:, 0].astype(np.int64),
            lat=table[:, 1] / 1e6,
            lon=table[:, 2] / 1e6,
            speed_mps=table[:, 3].astype(np.float32),
            course_deg=table[:, 4].astype(np.float32),
            clock=clocks_of(table[:, 5].astype(np.int64)),
        )

    def quarantined(self, device: str, from_ms: int, to_ms: int, limit: int = 1_000) -> list[Judged]:
        """Quarantined fixes of from_ms ≤ at < to_ms by time, the first `limit`."""
        return self._raw.first("fix", device, from_ms, to_ms, limit, state=QUARANTINED)

    def around(self, device: str, from_ms: int, to_ms: int, count: int) -> tuple[list[Judged], list[Judged]]:
        """The last `count` fixes before from_ms and the first `count` after to_ms, each in order of time."""
        before = self._raw.last(device, from_ms, count)
        return before, self._raw.first("fix", device, to_ms + 1, _EVER_MS, count)

    def latest(self, devices: Sequence[str] | None = None) -> dict[str, Reading]:
        """The newest good fix of each device (None: of all)."""
        with self._db.read() as conn:
            return influx_sql.latest(conn, devices)

    def tags(self, device: str, from_ms: int, to_ms: int) -> list[Reading]:
        """Tag readings whose first read lies in from_ms ≤ at < to_ms, by time."""
        return [each.reading for each in self._raw.every("tag", device, from_ms, to_ms)]

    def counts(self, device: str, stream: int) -> StreamCounts:
        """What was stored of one stream, each seq once; what has expired since counts too."""
        with self._db.read() as conn:
            return influx_sql.counts(conn, device, stream)

    def devices(self) -> list[str]:
        """Every device of which something was stored, sorted."""
        with self._db.read() as conn:
            return influx_sql.devices(conn)

    # --- keeping ---

    def maintain(self, now_ms: int) -> None:
        """Make one-minute positions of hours that are over; the server itself drops by age."""
        with self._watched():
            influx_minutes.thin(self._db, self._reader, self._writer, self.place, now_ms, self._writing)

    def size(self) -> StoreSize:
        """Bytes on disk by the server's own figure, of both buckets, and raw fixes in them."""
        disk = self._reader.disk_bytes(self.place.bucket) + self._reader.disk_bytes(self.place.minute_bucket)
        found = self._reader.series(self.place.bucket, f"SELECT count(state) FROM fix WHERE state < {MOVED}")[0]
        return StoreSize(disk, found[0].values[0][1] if found else 0)

    def status(self) -> dict:
        """What an operator wants to know: state (ok, away, misconfigured), its reason, since when (UTC ms), counts."""
        state, error, since = self._trouble or ("ok", None, None)
        with self._db.read() as conn:
            refused = influx_sql.refused_count(conn)
        return {
            "state": state, "error": error, "since": since,
            "written": self.written, "expired": self.expired, "refused": refused,
        }  # fmt: skip


def _cursor(text: str) -> tuple[int, int, int]:
    try:
        at, stream, seq = map(int, text.split(":"))
    except ValueError:
        raise Invalid(f"cursor {text!r}: pass `next` of the last page as it came") from None
    return at, stream, seq
