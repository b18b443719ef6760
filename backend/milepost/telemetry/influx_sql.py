"""The books beside an InfluxDB, in the SQL database: what is stored of each stream, the last known places, which hours
have to be thinned, what was refused. Each function works in the caller's transaction."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, and_, case, delete, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from milepost.telemetry.model import FixBody, Reading, StreamCounts
from milepost.telemetry.tables import (
    telemetry_latest,
    telemetry_pending,
    telemetry_refused,
    telemetry_stream,
    telemetry_touched,
)

Stream = tuple[str, int]  # device, stream
Ranges = list[list[int]]  # [first, last] seq, rising, apart
HOUR_MS = 3_600_000
_AT_ONCE = 400
_T = TypeVar("_T")


def stored_ranges(conn: Connection, streams: Iterable[Stream], *, lock: bool = False) -> dict[Stream, Ranges]:
    """What is stored of each stream; `lock`: the caller is about to change it."""
    found: dict[Stream, Ranges] = {}
    table = telemetry_stream.c
    by_device = {device: [s for _, s in group] for device, group in groupby(sorted(streams), key=lambda one: one[0])}
    for some in _pieces(sorted(by_device)):
        query = select(table.device, table.stream, table.ranges).where(table.device.in_(some)).order_by(*_key_of())
        for device, stream, ranges in conn.execute(query.with_for_update() if lock else query):
            if stream in by_device[device]:
                found[device, stream] = json.loads(ranges)
    return found


def enter_ranges(conn: Connection, new: Mapping[Stream, Ranges], last_at: Mapping[Stream, int]) -> dict[Stream, Ranges]:
    """Count seqs of streams as stored, up to `last_at` (UTC ms) in time; a repeat changes nothing. Returns what is
    stored now."""
    if not new:
        return {}
    if conn.dialect.name == "postgresql":  # a row must be there to be locked
        rows = [{"device": one[0], "stream": one[1], "ranges": "[]", "last_at": last_at[one]} for one in sorted(new)]
        conn.execute(postgresql.insert(telemetry_stream).on_conflict_do_nothing(), rows)
    known = stored_ranges(conn, new, lock=True)
    stored = {key: united(known.get(key, []), some) for key, some in sorted(new.items())}
    rows = [
        {
            "device": key[0], "stream": key[1], "ranges": json.dumps(ranges, separators=(",", ":")),
            "last_at": last_at[key],
        }
        for key, ranges in stored.items()
    ]  # fmt: skip
    statement = _insert(conn, telemetry_stream)
    theirs, old = statement.excluded, telemetry_stream.c
    later = case((theirs.last_at > old.last_at, theirs.last_at), else_=old.last_at)
    changes = {"ranges": theirs.ranges, "last_at": later}
    conn.execute(statement.on_conflict_do_update(index_elements=["device", "stream"], set_=changes), rows)
    return stored


def last_at(conn: Connection, device: str) -> int | None:
    """The instant (UTC ms) behind which nothing of a device is stored; None when nothing is at all."""
    return conn.execute(
        select(func.max(telemetry_stream.c.last_at)).where(telemetry_stream.c.device == device)
    ).scalar()


def all_last_at(conn: Connection) -> dict[str, int]:
    """The same of every device of which something is stored."""
    table = telemetry_stream.c
    rows = conn.execute(select(table.device, func.max(table.last_at)).group_by(table.device))
    return {row[0]: row[1] for row in rows}


def united(ranges: Ranges, more: Ranges) -> Ranges:
    """All seqs of both, in as few ranges as possible."""
    result: Ranges = []
    for first, last in sorted([*ranges, *more]):
        if result and first <= result[-1][1] + 1:
            result[-1] = [result[-1][0], max(result[-1][1], last)]
        else:
            result.append([first, last])
    return result


def ranges_of(seqs: Sequence[int]) -> Ranges:
    """Rising seqs as ranges."""
    if seqs and seqs[-1] - seqs[0] == len(seqs) - 1:
        return [[seqs[0], seqs[-1]]]
    return united([], [[seq, seq] for seq in seqs])


def meet(ranges: Ranges, more: Ranges) -> bool:
    """Whether a seq lies in both."""
    return any(first <= its_last and its_first <= last for first, last in more for its_first, its_last in ranges)


def among(ranges: Ranges, seqs: Sequence[int]) -> list[int]:
    """Those of some rising seqs that lie in one of the ranges."""
    found = []
    n = 0
    for seq in seqs:
        while n < len(ranges) and ranges[n][1] < seq:
            n += 1
        if n == len(ranges):
            break
        if ranges[n][0] <= seq:
            found.append(seq)
    return found


def counts(conn: Connection, device: str, stream: int) -> StreamCounts:
    """How many records of a stream were stored, each seq once, those that have expired since included."""
    ranges = stored_ranges(conn, [(device, stream)]).get((device, stream))
    if not ranges:
        return StreamCounts(0, 0, 0)
    return StreamCounts(sum(last - first + 1 for first, last in ranges), ranges[0][0], ranges[-1][1])


def devices(conn: Connection) -> list[str]:
    """Every device of which something was stored, sorted."""
    return list(
        conn.execute(select(telemetry_stream.c.device).distinct().order_by(telemetry_stream.c.device)).scalars()
    )


def latest(conn: Connection, names: Sequence[str] | None = None) -> dict[str, Reading]:
    """The last known place of each device (None: of all)."""
    query = select(telemetry_latest)
    if names is None:
        rows = list(conn.execute(query))
    else:
        rows = [
            row for some in _pieces(names) for row in conn.execute(query.where(telemetry_latest.c.device.in_(some)))
        ]
    return {row.device: _reading_of(row) for row in rows}


def enter_latest(conn: Connection, newest: Mapping[str, Reading], exact: Mapping[str, Reading | None]) -> None:
    """Take new good fixes, by device, as last known places where they are newer. `exact`: what holds for a device
    whatever is there (None: nothing any more), because the place that is there was judged again."""
    there = latest(conn, sorted(set(newest) - set(exact)))
    rows = [_latest_row(one) for one in exact.values() if one is not None]
    rows += [
        _latest_row(one)
        for device, one in sorted(newest.items())
        if device not in exact and (device not in there or _order(one) > _order(there[device]))
    ]
    gone = [device for device, one in exact.items() if one is None]
    if gone:
        conn.execute(delete(telemetry_latest).where(telemetry_latest.c.device.in_(gone)))
    _upsert(conn, telemetry_latest, rows)


def touch(conn: Connection, hours: Iterable[tuple[str, int]]) -> None:
    """Mark (device, hour) as having something new to be thinned."""
    rows = [{"device": device, "hour": hour, "times": 1} for device, hour in sorted(hours)]
    if rows:
        statement = _insert(conn, telemetry_touched)
        times = {"times": telemetry_touched.c.times + 1}
        conn.execute(statement.on_conflict_do_update(index_elements=["device", "hour"], set_=times), rows)


def due_hours(conn: Connection, before_ms: int, most: int) -> list[tuple[str, int, int]]:
    """(device, hour, times) of touched hours that began before `before_ms`, oldest first."""
    table = telemetry_touched.c
    rows = conn.execute(
        select(table.device, table.hour, table.times)
        .where(table.hour < before_ms)
        .order_by(table.hour, table.device)
        .limit(most)
    )
    return [(row.device, row.hour, row.times) for row in rows]


def thinned(conn: Connection, hours: Iterable[tuple[str, int, int]]) -> None:
    """Take the marks of hours away, unless they were touched again meanwhile."""
    table = telemetry_touched.c
    for some in _pieces(list(hours)):
        same = [and_(table.device == device, table.hour == hour, table.times == times) for device, hour, times in some]
        conn.execute(delete(telemetry_touched).where(or_(*same)))


def set_aside(conn: Connection, refused: Iterable[tuple[Reading, str, str]], now_ms: int) -> None:
    """Keep (reading, line, reason) of what the server would not take."""
    rows = [
        {
            "device": reading.device, "stream": reading.stream, "seq": reading.seq, "kind": reading.kind,
            "at": reading.at, "line": line, "reason": reason, "refused_at": now_ms,
        }
        for reading, line, reason in refused
    ]  # fmt: skip
    _upsert(conn, telemetry_refused, rows)


def refused(conn: Connection, limit: int | None) -> list[dict[str, Any]]:
    """What the server would not take, newest first."""
    rows = conn.execute(select(telemetry_refused).order_by(telemetry_refused.c.refused_at.desc()).limit(limit))
    return [dict(row._mapping) for row in rows]


def refused_count(conn: Connection) -> int:
    """How much the server would not take."""
    return conn.execute(select(func.count()).select_from(telemetry_refused)).scalar_one()


def accepted(conn: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Take some out of the refused: the server has them now. Fixes among them are thinned with their hour; a last known
    place stays as it is, newer ones have come meanwhile."""
    table = telemetry_refused.c
    seqs: dict[Stream, list[int]] = {}
    latest_at: dict[Stream, int] = {}
    hours = set()
    for row in rows:
        conn.execute(
            delete(telemetry_refused).where(
                table.device == row["device"], table.stream == row["stream"], table.seq == row["seq"]
            )
        )
        stream = row["device"], row["stream"]
        seqs.setdefault(stream, []).append(row["seq"])
        latest_at[stream] = max(row["at"], latest_at.get(stream, row["at"]))
        if row["kind"] == "fix":
            hours.add((row["device"], row["at"] // HOUR_MS * HOUR_MS))
    enter_ranges(conn, {stream: ranges_of(sorted(some)) for stream, some in seqs.items()}, latest_at)
    touch(conn, hours)


def begin(conn: Connection, spool: str, what: Any) -> None:
    """Note what is about to be written from a spool, until `ended`."""
    _upsert(conn, telemetry_pending, [{"spool": spool, "what": json.dumps(what, separators=(",", ":"))}])


def begun(conn: Connection, spool: str) -> Any:
    """What was about to be written from a spool, None when that ended well."""
    found = conn.execute(select(telemetry_pending.c.what).where(telemetry_pending.c.spool == spool)).scalar()
    return None if found is None else json.loads(found)


def ended(conn: Connection, spool: str) -> None:
    """The write from a spool is in the books."""
    conn.execute(delete(telemetry_pending).where(telemetry_pending.c.spool == spool))


def _order(reading: Reading) -> tuple[int, int, int]:
    return reading.at, reading.stream, reading.seq


def _latest_row(reading: Reading) -> dict[str, Any]:
    body = reading.body
    assert isinstance(body, FixBody)
    return {
        "device": reading.device, "stream": reading.stream, "seq": reading.seq, "at": reading.at,
        "clock": reading.clock, "received_at": reading.received_at,
        "lat_e6": round(body.lat * 1e6), "lon_e6": round(body.lon * 1e6),
        "alt_m": _finite(body.alt_m), "speed_mps": _finite(body.speed_mps), "course_deg": _finite(body.course_deg),
        "sats": body.sats, "hdop": _finite(body.hdop), "source": body.source,
    }  # fmt: skip


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _reading_of(row: Any) -> Reading:
    body = FixBody(
        row.lat_e6 / 1e6, row.lon_e6 / 1e6, row.alt_m, row.speed_mps, row.course_deg, row.sats, row.hdop, row.source
    )
    return Reading(row.device, row.stream, row.seq, "fix", row.at, row.clock, row.received_at, body)


def _key_of() -> tuple:
    return telemetry_stream.c.device, telemetry_stream.c.stream


def _insert(conn: Connection, table: Table) -> Any:
    return (postgresql if conn.dialect.name == "postgresql" else sqlite).insert(table)


def _upsert(conn: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    statement = _insert(conn, table)
    keys = [column.name for column in table.primary_key]
    others = {column.name: statement.excluded[column.name] for column in table.c if column.name not in keys}
    conn.execute(statement.on_conflict_do_update(index_elements=keys, set_=others), rows)


def _pieces(things: Sequence[_T]) -> Iterable[Sequence[_T]]:
    return (things[n : n + _AT_ONCE] for n in range(0, len(things), _AT_ONCE))
