"""Whether the reader of a door was reading while a truck stood there: without it, what was not read proves nothing.

Judged by the times of its records, not by when they came: a reader that was cut off from the network and sends its
records afterwards was reading all the time, and its session is whole again. A hole stays where it had no power or
is silent still (notes on RFID, section 5: reader offline → session degraded).
"""

import json
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, select

from milepost.evidence import repository
from milepost.evidence.window import Ranges, note
from milepost.fleet import repository as fleet_rows
from milepost.ingest.tables import device_contact
from milepost.telemetry.model import EventBody, Reading

DETECTOR = "hearing"
HEALTH_S = 300  # a reader that has nothing to read says so this often (firmware, health_interval_s)
_MINUTE_MS = 60_000
_MOST_BOOTS = 64
Hole = tuple[int, int | None]  # [from, to) UTC ms; None: it goes on


def note_readings(conn: Connection, device: str, door: str, readings: Iterable[Reading]) -> int | None:
    """Remember in which minutes a door's reader recorded something, and when it began anew.

    Returns the event time (UTC ms) from which on that says something new of the past, or None.
    """
    target = f"{device}@{door}"
    state: dict[str, Any] = repository.load_state(conn, DETECTOR, target) or {"minutes": [], "boots": []}
    changed, newest, late = False, state["minutes"][-1][1] if state["minutes"] else None, None
    for reading in readings:
        minute = reading.at // _MINUTE_MS
        if note(state["minutes"], minute):
            changed = True
            if newest is not None and minute != newest + 1:
                late = min(minute * _MINUTE_MS, late or reading.at)
        body = reading.body
        if isinstance(body, EventBody) and body.code == "boot" and reading.at not in state["boots"]:
            state["boots"] = sorted([*state["boots"], reading.at])[-_MOST_BOOTS:]
            changed = True
    if changed:
        repository.save_state(conn, DETECTOR, target, state)
    return late


def holes(
    minutes: Ranges, boots: Sequence[int], span: tuple[int, int], limit_ms: int, gone_at: int | None = None, *,
    ended: bool = False,
) -> list[Hole]:  # fmt: skip
    """The parts of `span` (UTC ms) in which a reader was not reading, by time. Pure.

    `minutes`: ranges of minutes since 1970 with a record; `boots`: when it began anew; `limit_ms`: so long it may have
    nothing to say; `gone_at`: since when the broker knows that it is gone; `ended`: the span is over, so that a hole
    which goes on is none of it any more.
    """
    start, end = span
    heard = [(first * _MINUTE_MS, (last + 1) * _MINUTE_MS) for first, last in minutes]
    if not heard:
        return []  # never heard: a door without a working reader, which is told elsewhere
    found: list[Hole] = []
    for (_, until), (again, _) in pairwise(heard):
        if again - until > limit_ms or any(until <= at < again + _MINUTE_MS for at in boots):
            found.append((until, again))
    silent = heard[-1][1]
    if gone_at is not None and gone_at >= silent - _MINUTE_MS:
        found.append((gone_at, None))
    elif end - silent > limit_ms:
        found.append((silent, None))
    cut: list[Hole] = []
    for first, last in found:
        if first < end and (last is None or last > start):
            over = end if ended else None
            cut.append((max(first, start), over if last is None or last > end else last))
    return cut


def of_session(conn: Connection, session: dict[str, Any], now: int) -> list[Hole]:
    """When nobody read at the door of a session, as far as is known; empty: all of it was read."""
    end = session["to_ms"]
    span = (session["from_ms"], now if end is None else end)
    found: list[Hole] = []
    for row in fleet_rows.bindings(conn, target_kind="door", target_id=session["door_id"]):
        start, until = max(span[0], row["from_ms"]), min(span[1], row["to_ms"] or span[1])
        state = repository.peek_state(conn, DETECTOR, f"{row['device_id']}@{session['door_id']}")
        if state is None or start >= until:
            continue
        limit = 2 * _interval_s(conn, row["device_id"]) * 1000 + _MINUTE_MS
        gone = _gone_at(conn, row["device_id"])
        found += holes(state["minutes"], state["boots"], (start, until), limit, gone, ended=end is not None)
    return found


def _interval_s(conn: Connection, device: str) -> int:
    config = json.loads((fleet_rows.find_device(conn, device) or {}).get("config") or "{}")
    given = config.get("health_interval_s", HEALTH_S)
    return given if isinstance(given, int) and 10 <= given <= 86_400 else HEALTH_S


def _gone_at(conn: Connection, device: str) -> int | None:
    columns = (device_contact.c.gone_at, device_contact.c.last_heard_at)
    row = conn.execute(select(*columns).where(device_contact.c.device == device)).first()
    if row is None or row.gone_at is None or (row.last_heard_at or 0) > row.gone_at:
        return None
    return row.gone_at
