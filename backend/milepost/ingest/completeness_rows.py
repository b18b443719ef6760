"""SQL of the completeness of devices."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Update,
    and_,
    bindparam,
    delete,
    func,
    select,
    true,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from milepost.ingest import ranges
from milepost.ingest.completeness import HOUR_MS, Hour, Stream
from milepost.ingest.tables import completeness_hour as hour_table
from milepost.ingest.tables import completeness_stream as stream_table

StreamKey = tuple[str, int]  # device, stream
HourKey = tuple[str, int, int]  # and the beginning of the hour, UTC ms
_KEYS_AT_ONCE = 300
_SETS = ("placed", "unreadable", "unplaced", "dropped")
_NUMBERS = ("tail", "begin", "floor")
# The text just written is the one read next time.
_ranges = lru_cache(16_384)(ranges.decode)
_text = lru_cache(16_384)(ranges.encode)

_stream_columns = [stream_table.c[name] for name in ("device", "stream", *_SETS, *_NUMBERS)]
_stream_change = (
    update(stream_table)
    .where(stream_table.c.device == bindparam("_device"), stream_table.c.stream == bindparam("_stream"))
    .values({name: bindparam(name) for name in (*_SETS, *_NUMBERS, "updated_ms")})
)
_hour_change = (
    update(hour_table)
    .where(
        hour_table.c.device == bindparam("_device"),
        hour_table.c.stream == bindparam("_stream"),
        hour_table.c.hour == bindparam("_hour"),
    )
    .values({name: bindparam(name) for name in ("received", "on_time", "first_ms", "last_ms")})
)


def merge(conn: Connection, streams: Mapping[StreamKey, Stream], hours: Mapping[HourKey, Hour], now: int) -> None:
    """Add what is new to what is known. `streams` names the stream of every hour; `now`: UTC ms.

    The row of a stream is the lock of its hours: two workers may add to the same stream.
    """
    known = _locked(conn, streams, now)
    changes: list[dict[str, Any]] = []
    for key in sorted(streams):
        merged = known[key].merged(streams[key])
        if merged != known[key]:
            changes.append(
                {"_device": key[0], "_stream": key[1], "updated_ms": now}
                | {name: _text(getattr(merged, name)) for name in _SETS}
                | {name: getattr(merged, name) for name in _NUMBERS}
            )
    if changes:
        _execute(conn, _stream_change, changes)
    there = _hours_of(conn, hours)
    adding: list[dict[str, Any]] = []
    changing: list[dict[str, Any]] = []
    for key, news in hours.items():
        before = there.get(key)
        if before is None:
            adding.append({"device": key[0], "stream": key[1], "hour": key[2]} | _hour_values(news))
        elif (merged := before.merged(news)) != before:
            changing.append({"_device": key[0], "_stream": key[1], "_hour": key[2]} | _hour_values(merged))
    if adding:
        conn.execute(hour_table.insert(), adding)
    if changing:
        _execute(conn, _hour_change, changing)


def load(
    conn: Connection, from_ms: int, to_ms: int, devices: Sequence[str] | None = None
) -> Iterator[tuple[StreamKey, Stream, dict[int, Hour]]]:
    """Every stream of some devices (None: of all), with its hours from one instant to another (UTC ms) and the nearest
    hour on either side. Streams without any of these are left out."""
    from_hour = from_ms // HOUR_MS * HOUR_MS
    some: ColumnElement[bool] = true() if devices is None else stream_table.c.device.in_(list(devices))
    hours: dict[StreamKey, dict[int, Hour]] = {}
    same = and_(hour_table.c.device == stream_table.c.device, hour_table.c.stream == stream_table.c.stream)
    other = hour_table.alias()
    theirs = and_(other.c.device == stream_table.c.device, other.c.stream == stream_table.c.stream)
    before = select(func.max(other.c.hour)).where(theirs, other.c.hour < from_hour).scalar_subquery()
    behind = select(func.min(other.c.hour)).where(theirs, other.c.hour >= to_ms).scalar_subquery()
    for condition in (
        and_(hour_table.c.hour >= from_hour, hour_table.c.hour < to_ms),
        hour_table.c.hour == before,
        hour_table.c.hour == behind,
    ):
        statement = select(hour_table).select_from(stream_table.join(hour_table, and_(same, condition))).where(some)
        for row in conn.execute(statement):
            hours.setdefault((row.device, row.stream), {})[row.hour] = _hour(row)
    for row in conn.execute(
        select(*_stream_columns).where(some).order_by(stream_table.c.device, stream_table.c.stream)
    ):
        key = (row.device, row.stream)
        if key in hours:
            yield key, _stream(row), hours[key]


def forget(conn: Connection, before_ms: int) -> None:
    """Drop the hours before an instant (UTC ms), and the streams of which nothing is left."""
    old = hour_table.c.hour < before_ms // HOUR_MS * HOUR_MS
    gone: dict[StreamKey, int] = {}
    for row in conn.execute(select(hour_table).where(old)):
        received = _ranges(row.received)
        gone[row.device, row.stream] = max(gone.get((row.device, row.stream), 0), received[-1][1] + 1)
    if not gone:
        return
    for (device, stream), floor in sorted(gone.items()):
        mine = and_(stream_table.c.device == device, stream_table.c.stream == stream)
        row = conn.execute(select(*_stream_columns).where(mine).with_for_update()).one()
        known = _stream(row)
        below = ((0, max(known.floor, floor) - 1),)
        values: dict[str, Any] = {name: _text(ranges.minus(getattr(known, name), below)) for name in _SETS}
        conn.execute(update(stream_table).where(mine).values(floor=max(known.floor, floor), **values))
    conn.execute(delete(hour_table).where(old))
    left = select(hour_table.c.hour).where(
        hour_table.c.device == stream_table.c.device, hour_table.c.stream == stream_table.c.stream
    )
    conn.execute(delete(stream_table).where(stream_table.c.updated_ms < before_ms, ~left.exists()))


def _locked(conn: Connection, streams: Mapping[StreamKey, Stream], now: int) -> dict[StreamKey, Stream]:
    """The rows of streams, made where they are not there, and locked until the transaction ends."""
    known = _select(conn, streams)
    fresh = sorted(key for key in streams if key not in known)
    if fresh:
        empty = dict.fromkeys(_SETS, "") | {name: getattr(Stream(), name) for name in _NUMBERS}
        rows = [{"device": device, "stream": stream, "updated_ms": now, **empty} for device, stream in fresh]
        dialect = postgresql if conn.dialect.name == "postgresql" else sqlite
        conn.execute(dialect.insert(stream_table).on_conflict_do_nothing(), rows)
        known |= _select(conn, fresh)
    return known


def _select(conn: Connection, keys: Collection[StreamKey]) -> dict[StreamKey, Stream]:
    found: dict[StreamKey, Stream] = {}
    by_key = (stream_table.c.device, stream_table.c.stream)  # whoever locks several does it in this order
    for some in _parts(sorted({device for device, _ in keys})):
        statement = select(*_stream_columns).where(stream_table.c.device.in_(some)).order_by(*by_key)
        for row in conn.execute(statement.with_for_update()):
            if (row.device, row.stream) in keys:
                found[row.device, row.stream] = _stream(row)
    return found


def _hours_of(conn: Connection, keys: Collection[HourKey]) -> dict[HourKey, Hour]:
    by_hour: dict[int, list[str]] = {}
    for device, _, hour in keys:
        by_hour.setdefault(hour, []).append(device)
    found: dict[HourKey, Hour] = {}
    for hour, devices in by_hour.items():
        for some in _parts(devices):
            here = select(hour_table).where(hour_table.c.hour == hour, hour_table.c.device.in_(some))
            for row in conn.execute(here):
                found[row[0], row[1], hour] = _hour(row)
    return found


def _execute(conn: Connection, statement: Update, changes: list[dict[str, Any]]) -> None:
    """Run a statement for many rows as the driver does it: a third of the time that it takes with types to convert
    (15 µs a row against 5), and these are whole numbers and text."""
    compiled = statement.compile(dialect=conn.dialect)
    names = getattr(compiled, "positiontup", None)
    rows = [tuple(map(change.__getitem__, names)) for change in changes] if names else changes
    conn.exec_driver_sql(str(compiled), rows)


def _parts(keys: list[Any]) -> Iterator[list[Any]]:
    rest = iter(keys)
    while some := list(islice(rest, _KEYS_AT_ONCE)):
        yield some


def _stream(row: Sequence[Any]) -> Stream:
    placed, unreadable, unplaced, dropped = map(_ranges, row[2:6])
    return Stream(placed, unreadable, unplaced, dropped, *row[6:9])


def _hour(row: Sequence[Any]) -> Hour:
    return Hour(_ranges(row[3]), _ranges(row[4]), row[5], row[6])


def _hour_values(hour: Hour) -> dict[str, Any]:
    received, on_time = _text(hour.received), _text(hour.on_time)
    return {"received": received, "on_time": on_time, "first_ms": hour.first_ms, "last_ms": hour.last_ms}
