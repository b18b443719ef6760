"""The first reader of the spool: what cannot be decoded goes to the dead letters, what has no clock gets its place.

Its effects and its position lie in the spool's own file, so they happen exactly once. Records it has placed go back
into the spool as items of their own: every other sink gets them like anything else, in order and after a restart.
"""

import sqlite3
from collections.abc import Callable, Sequence
from itertools import groupby

from milepost.ingest import dead_letters, placing
from milepost.ingest.decode import batch_of, encode_placed, is_plain, utc_ms
from milepost.ingest.model import UP, SpoolItem
from milepost.ingest.placing import ClockStep, Held
from milepost.ingest.spool import Spool, put_items
from milepost.times import now_ms
from milepost_device import wire

_NAME = "screen"
_QUALITY = {wire.CLOCK_RTC: "rtc", wire.CLOCK_NTP: "ntp", wire.CLOCK_GNSS: "gnss"}
_STEPS_KEPT_MS = 7 * 86_400_000
_PLACED_AT_ONCE = 200


class Screen:
    """A sink of ingest itself."""

    name = _NAME

    def __init__(self, spool: Spool, clock: Callable[[], int] = now_ms) -> None:
        self._spool = spool
        self._clock = clock
        self._passed = 0  # last item seen; the stored position may be some items without effect behind

    def position(self) -> int:
        """The last item screened."""
        if self._passed:
            return self._passed
        row = self._spool.connection().execute("SELECT position FROM cursor WHERE name = ?", (_NAME,)).fetchone()
        return row[0] if row else 0

    def handle(self, items: Sequence[SpoolItem]) -> None:
        """Screen some items; those with an effect, and the position behind them, in one transaction.

        Looking, which means decoding, happens before it: the receiver waits for nobody who thinks.
        """
        marked = [item for item in items if _has_effect(item)]
        if marked:
            bad: list[tuple[str, str, str]] = []
            with self._spool.tx() as conn:
                last = None
                for item in marked:
                    if item.channel != UP:
                        _bury(conn, item, bad)
                        continue
                    placed = _screen(conn, item, bad)
                    last = placed if placed is not None else last
                _store(conn, items[-1].id)
            for each in bad:
                self._spool.note_buried(*each)
            self._spool.announce(last)
        self._passed = 0 if marked else items[-1].id

    def tick(self) -> None:
        """Place what has waited long enough for a clock step; store how far the screen has come."""
        if self._passed:
            with self._spool.tx() as conn:
                _store(conn, self._passed)
            self._passed = 0
        due = self._clock() - placing.WAIT_MS
        conn = self._spool.connection()
        if conn.execute("SELECT 1 FROM held WHERE received_ms <= ? LIMIT 1", (due,)).fetchone() is None:
            return
        with self._spool.tx() as conn:
            boots = conn.execute(
                "SELECT DISTINCT device, boot FROM held WHERE received_ms <= ? ORDER BY device, boot", (due,)
            ).fetchall()
            last = None
            for device, boot in boots:
                # All of the boot: younger ones of it must not end up before older ones.
                held = _held(conn, device, boot)
                last = _release(conn, device, held, placing.by_age(held), "none")
            conn.execute("DELETE FROM clock_step WHERE received_ms < ?", (self._clock() - _STEPS_KEPT_MS,))
        self._spool.announce(last)


def _bury(conn: sqlite3.Connection, item: SpoolItem, told: list[tuple[str, str, str]]) -> str | None:
    """Put an item that cannot be understood, or not wholly, into the dead letters; returns the reason."""
    bad = dead_letters.unreadable_item(item)
    if bad is None:
        return None
    dead_letters.bury(
        conn,
        device=item.device,
        channel=item.channel,
        at=item.received_ms,
        payload=item.payload,
        reason=bad[0],
        detail=bad[1],
    )
    told.append((item.device, *bad))
    return bad[0]


def _screen(conn: sqlite3.Connection, item: SpoolItem, told: list[tuple[str, str, str]]) -> int | None:
    bad = _bury(conn, item, told)
    if item.channel != UP or (bad is not None and bad != "kind"):
        return None
    batch = batch_of(item.payload)
    boots: set[int] = set()
    for seq, record in enumerate(batch.records, batch.first_seq):
        if isinstance(record, wire.Unknown):
            continue
        if record.clock == wire.CLOCK_NONE:
            boots.add(record.t)
            conn.execute(
                "INSERT OR IGNORE INTO held VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (item.device, batch.stream, seq, record.t, record.ms, batch.boot, batch.uptime_ms,
                 item.received_ms, wire.encode_record(record)),
            )  # fmt: skip
        elif isinstance(record, wire.Event) and record.code == wire.EV_CLOCK_STEP:
            boot, uptime = record.args.get("boot"), record.args.get("uptime_ms")
            if isinstance(boot, int) and isinstance(uptime, int):
                boots.add(boot)
                # The first of a boot counts: later ones only correct the drift since.
                conn.execute(
                    "INSERT OR IGNORE INTO clock_step VALUES (?, ?, ?, ?, ?, ?)",
                    (item.device, boot, utc_ms(record), uptime, _QUALITY[record.clock], item.received_ms),
                )
    last = None
    for boot in sorted(boots):
        step = _step(conn, item.device, boot)
        if step is not None:
            held = _held(conn, item.device, boot)
            times = [placing.by_step(step, each.uptime_ms) for each in held]
            placed = _release(conn, item.device, held, times, step.clock)
            last = placed if placed is not None else last
    return last


def _has_effect(item: SpoolItem) -> bool:
    """False for nearly all messages: every record can be read and has its place in time."""
    if not item.payload or is_plain(item):
        return False
    return item.channel == UP or dead_letters.unreadable_item(item) is not None


def _store(conn: sqlite3.Connection, position: int) -> None:
    conn.execute("INSERT OR REPLACE INTO cursor VALUES (?, ?)", (_NAME, position))


def _step(conn: sqlite3.Connection, device: str, boot: int) -> ClockStep | None:
    row = conn.execute(
        "SELECT boot, utc_ms, uptime_ms, clock FROM clock_step WHERE device = ? AND boot = ?", (device, boot)
    ).fetchone()
    return ClockStep(*row) if row else None


def _held(conn: sqlite3.Connection, device: str, boot: int) -> list[Held]:
    rows = conn.execute(
        "SELECT stream, seq, boot, uptime_ms, batch_boot, batch_uptime_ms, received_ms, record FROM held"
        " WHERE device = ? AND boot = ? ORDER BY stream, seq",
        (device, boot),
    )
    return [Held(*row) for row in rows]


def _release(conn: sqlite3.Connection, device: str, held: list[Held], times: list[int], clock: str) -> int | None:
    """Put held records back into the spool, placed, and let go of them."""
    entries = [
        (each.stream, each.seq, at, clock, each.received_ms, each.record) for each, at in zip(held, times, strict=True)
    ]
    last = None
    for _, group in groupby(enumerate(entries), lambda pair: pair[0] // _PLACED_AT_ONCE):
        part = [entry for _, entry in group]
        last = put_items(conn, [(device, UP, part[0][4], encode_placed(part))])
    conn.executemany(
        "DELETE FROM held WHERE device = ? AND stream = ? AND seq = ?",
        [(device, each.stream, each.seq) for each in held],
    )
    return last
