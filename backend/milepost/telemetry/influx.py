"""The telemetry store on InfluxDB 2.7 or newer: line protocol in, InfluxQL out.

Readings lie in InfluxDB; what must be right at once and exactly (positions, last known places, which seqs are stored)
lies in the SQL database (`influx_sql`). A write is durable there before its position moves here; when anything fails
in between, the same call is made again, and repeats overwrite.
"""

import logging
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from milepost.db import Database
from milepost.errors import Invalid
from milepost.ingest.positions import position_of
from milepost.telemetry import influx_minutes, influx_sql
from milepost.telemetry.influx_bits import GOOD, QUARANTINED, clocks_of, in_state
from milepost.telemetry.influx_ends import Ends
from milepost.telemetry.influx_flight import Flight
from milepost.telemetry.influx_layout import LayoutReader
from milepost.telemetry.influx_place import place_of
from milepost.telemetry.influx_query import span
from milepost.telemetry.influx_read import Readings, order
from milepost.telemetry.influx_store import SINK, Storing
from milepost.telemetry.influx_write import InfluxAway, InfluxMisconfigured, LineWriter
from milepost.telemetry.lines import COLUMNS_OF_TRACK, KINDS
from milepost.telemetry.model import Entry, Fixes, Judged, Reading, StoreSize, StreamCounts
from milepost.times import now_ms

_log = logging.getLogger(__name__)
_DAY_MS = 86_400_000
_EVER_MS = 1 << 62


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
        owns_db: bool = False,
    ) -> None:
        """`url`: influx://host:8086/ORG?bucket=NAME; `db`: where the books are, closed with the store if it `owns_db`;
        `clock`: UTC ms. Reaches for the server only when it is used.

        The server itself drops by age (retention of the buckets, `milepost telemetry setup`); the days say what to
        expect there.
        """
        self.place = place_of(url)
        self._db = db
        self._owns_db = owns_db
        self._raw_ms, self._minute_ms = raw_days * _DAY_MS, minute_days * _DAY_MS
        self._clock = clock
        self._writer = LineWriter(self.place, write_token)
        self._reader = LayoutReader(self.place, read_token)
        self._raw = Readings(self._reader, self.place.bucket)
        self._writing = threading.Lock()
        self._ends = Ends(db)
        self._flight = Flight(self._writer)
        self._storing = Storing(db, self._flight, self._raw, self.place.bucket, clock)
        self._trouble: tuple[str, str, int] | None = None
        self.expired = 0  # readings that came too late to be kept, since the start
        self.written = 0

    def close(self) -> None:
        """Close the connections; nobody may use it after."""
        self._flight.close()
        self._writer.close()
        self._reader.close()
        if self._owns_db:
            self._db.close()

    def generation(self) -> int:
        """Always 0: a write notices by itself, per stream, when another process was there (WrittenByAnother). Called
        before neighbours are read for new fixes: what the books say is read anew for them."""
        self._ends.forget()
        return 0

    # --- writing ---

    def write(self, readings: Sequence[Entry], position: int, spool: str = "") -> None:
        """Store readings durably, then the position. Raises InfluxAway, InfluxMisconfigured or WrittenByAnother
        (all OSError); the same call may be made again."""
        with self._writing, self._watched():
            try:
                outcome = self._storing.write(readings, position, spool)
            finally:
                self._ends.forget()
            self.expired += outcome.expired
            self.written += outcome.written

    @contextmanager
    def _watched(self) -> Generator[None]:
        """Remember, and log once, that the server cannot be used, and that it can again."""
        try:
            self._reader.assure(self.place.bucket)
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
        with suppress(InfluxAway, InfluxMisconfigured), self._writing, self._watched():
            self._storing.settle(spool)  # here, before neighbours are asked for; when it cannot be, a write does it
        with self._db.read() as conn:
            return position_of(conn, SINK, spool)

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
        start = _cursor(after) if after else (from_ms, -1, -1)
        found: list[Judged] = []
        kinds = ((kind,) if kind else KINDS) if self._may_have(device, start[0]) else ()
        for each in kinds:
            if not after:
                found += self._raw.first(each, device, from_ms, to_ms, limit)
            else:  # the rest of the millisecond in which the last page ended, then what follows it
                same = self._raw.every(each, device, start[0], min(start[0] + 1, to_ms))
                found += [one for one in same if order(one) > start]
                found += self._raw.first(each, device, start[0] + 1, to_ms, limit)
        found.sort(key=order)
        page = found[:limit]
        more = len(found) >= limit and bool(page)
        return page, ":".join(map(str, order(page[-1]))) if more else None

    def _may_have(self, device: str, from_ms: int) -> bool:
        """False when the books know that nothing of a device lies from there on: mostly so for a sink, and a hundredth
        of the time of asking the server."""
        if not self._storing.sure:
            return True
        last_at = self._ends.of(device)
        return last_at is not None and last_at >= from_ms

    def fixes(self, device: str, from_ms: int, to_ms: int) -> Fixes:
        """Good fixes of from_ms ≤ at < to_ms as columns. Where the raw ones have expired, one a minute."""
        condition = f"device = $device AND {in_state(GOOD)} AND {span(from_ms, to_ms)}"
        query = f"SELECT {', '.join(COLUMNS_OF_TRACK)} FROM fix WHERE {condition}"
        table = self._reader.table(self.place.bucket, query, len(COLUMNS_OF_TRACK), device=device)
        cut = min(to_ms, self._clock() - self._raw_ms + _DAY_MS)  # the server drops whole shards, some later than due
        first = max(from_ms, self._clock() - self._minute_ms)
        if first < cut:
            minutes = influx_minutes.read(self._reader, self.place.minute_bucket, device, first, cut)
            table = influx_minutes.filled(table, minutes)
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
        before = self._raw.last(device, from_ms, count) if self._may_have(device, -_EVER_MS) else []
        behind = self._raw.first("fix", device, to_ms + 1, _EVER_MS, count) if self._may_have(device, to_ms + 1) else []
        return before, behind

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
            influx_minutes.thin(self._db, self._reader, self._writer, self.place, now_ms, self._raw_ms, self._writing)

    def size(self) -> StoreSize:
        """Bytes on disk by the server's own figure, of both buckets, and raw fixes in them."""
        disk = self._reader.disk_bytes(self.place.bucket) + self._reader.disk_bytes(self.place.minute_bucket)
        found = self._reader.series(self.place.bucket, f"SELECT count(bits) FROM fix WHERE {in_state(None)}")[0]
        return StoreSize(disk, found[0].values[0][1] if found else 0)

    def refused(self, limit: int = 100) -> list[dict[str, Any]]:
        """What the server would not take, newest first: device, stream, seq, kind, at, line, reason, refused_at."""
        with self._db.read() as conn:
            return influx_sql.refused(conn, limit)

    def retry_refused(self) -> int:
        """Send everything that was refused once more; returns how much of it the server has taken now.

        Raises InfluxAway or InfluxMisconfigured.
        """
        with self._writing, self._watched():
            with self._db.read() as conn:
                rows = influx_sql.refused(conn, None)
            outcome = self._writer.write(self.place.bucket, [row["line"] for row in rows])
            still = dict(outcome.refused)
            taken = [row for n, row in enumerate(rows) if n not in still]
            with self._db.tx() as conn:
                influx_sql.accepted(conn, taken)
            return len(taken)

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
