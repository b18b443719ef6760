"""One position a minute, kept when the readings themselves have expired.

The sink marks the hours it has written fixes of; once an hour is over for a while its minutes are made anew as a whole,
so that late data, repeats and later judgements end in the same minutes, whoever does it and how often.
"""

import threading
import time

import numpy as np

from milepost.db import Database
from milepost.telemetry import influx_sql
from milepost.telemetry.influx_bits import GOOD, in_state
from milepost.telemetry.influx_place import Place
from milepost.telemetry.influx_query import QueryReader, span
from milepost.telemetry.influx_sql import HOUR_MS
from milepost.telemetry.influx_write import LineWriter
from milepost.telemetry.lines import COLUMNS_OF_TRACK, MINUTE, minute_line, no_minute_line

MINUTE_MS = 60_000
_SETTLED_MS = 900_000  # after the end of an hour: what comes later is thinned once more
_AT_ONCE = 50
_LONGEST_S = 10.0


def read(reader: QueryReader, bucket: str, device: str, from_ms: int, to_ms: int) -> np.ndarray:
    """Minutes whose fix lies in from_ms ≤ at < to_ms: rows of the time of the fix (ms) and COLUMNS_OF_TRACK."""
    first, behind = from_ms // MINUTE_MS * MINUTE_MS, -(-to_ms // MINUTE_MS) * MINUTE_MS
    query = (
        f"SELECT {', '.join(COLUMNS_OF_TRACK)}, at_ms FROM {MINUTE}"
        f" WHERE device = $device AND {in_state(GOOD)} AND {span(first, behind)}"
    )
    table = reader.table(bucket, query, len(COLUMNS_OF_TRACK) + 1, device=device)
    table[:, 0] = table[:, -1]
    return table[(table[:, 0] >= from_ms) & (table[:, 0] < to_ms), :-1]


def filled(fixes: np.ndarray, minutes: np.ndarray) -> np.ndarray:
    """Raw fixes, and minutes where there are none of them; both as rows by time."""
    there = np.unique(fixes[:, 0] // MINUTE_MS)
    both = np.concatenate([minutes[~np.isin(minutes[:, 0] // MINUTE_MS, there)], fixes])
    return both[np.argsort(both[:, 0], kind="stable")]


def thin(
    db: Database,
    reader: QueryReader,
    writer: LineWriter,
    place: Place,
    now_ms: int,
    raw_ms: int,
    writing: threading.Lock,
) -> None:
    """Make the minutes of hours that are due, oldest first, for at most ten seconds.

    `raw_ms`: how long readings are kept one by one; `writing` is held over writes.
    """
    deadline = time.monotonic() + _LONGEST_S
    while time.monotonic() < deadline:
        with db.read() as conn:
            due = influx_sql.due_hours(conn, now_ms - HOUR_MS - _SETTLED_MS, _AT_ONCE)
        if not due:
            return
        lines = [
            line
            for device, hour, _ in due
            for line in _minutes(reader, place, device, hour, whole=hour > now_ms - raw_ms)
        ]
        with writing:
            if lines:
                writer.write(place.minute_bucket, lines)
            with db.tx() as conn:
                influx_sql.thinned(conn, due)


def _minutes(reader: QueryReader, place: Place, device: str, hour: int, whole: bool) -> list[str]:
    """The lines that make the minutes of one hour of a device what they should be. `whole`: no fix of it has expired;
    without that a minute that has none any more stays as it is."""
    query = (
        f"SELECT {', '.join(COLUMNS_OF_TRACK)} FROM fix"
        f" WHERE device = $device AND {in_state(GOOD)} AND {span(hour, hour + HOUR_MS)}"
    )
    fixes = reader.table(place.bucket, query, len(COLUMNS_OF_TRACK), device=device)
    minutes, first = np.unique(fixes[:, 0].astype(np.int64) // MINUTE_MS, return_index=True)
    lines = [
        minute_line(device, int(minute) * MINUTE_MS, fixes[row]) for minute, row in zip(minutes, first, strict=True)
    ]
    if not whole:
        return lines
    there = reader.table(
        place.minute_bucket,
        f"SELECT bits FROM {MINUTE} WHERE device = $device AND {in_state(None)} AND {span(hour, hour + HOUR_MS)}",
        1,
        device=device,
    )
    gone = set((there[:, 0].astype(np.int64) // MINUTE_MS).tolist()) - set(minutes.tolist())
    return lines + [no_minute_line(device, minute * MINUTE_MS) for minute in sorted(gone)]
