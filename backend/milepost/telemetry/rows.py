"""Fixes as rows of fixed size: what the SQLite store computes with, between readings and chunks. Pure."""

import math
import struct
from collections.abc import Sequence
from math import isnan

import numpy as np

from milepost.telemetry.model import CLOCKS, FixBody, Fixes, Judged, Reading

ROW = np.dtype(
    [
        ("at", "<i8"),
        ("received_at", "<i8"),
        ("stream", "<u4"),
        ("seq", "<u4"),
        ("lat_e6", "<i4"),
        ("lon_e6", "<i4"),
        ("alt_m", "<f8"),
        ("speed_mps", "<f8"),
        ("course_deg", "<f8"),
        ("hdop", "<f8"),
        ("sats", "<i4"),
        ("source", "<i4"),
        ("clock", "u1"),
        ("reason", "u1"),
    ]
)
UNKNOWN = -(1 << 31)  # in the whole-number columns; NaN in the others
FLOATS = ("alt_m", "speed_mps", "course_deg", "hdop")
TRACK = ("at", "lat_e6", "lon_e6", "speed_mps", "course_deg", "clock")  # what a way is made of
WHOLES = ("lat_e6", "lon_e6", "sats")
_pack = struct.Struct("<qqIIiiddddiiBB").pack
_NAN = math.nan
_CLOCK_NUMBER = {name: number for number, name in enumerate(CLOCKS)}


def pack(reading: Reading, reason: int) -> bytes:
    """A fix as the bytes of one row; `reason`: number of its quarantine, 0 for a good one.

    A value that is no number, or beyond what a tracker can mean, is stored as unknown (cases.md I03): it must spoil
    neither its row nor an answer in JSON. Raises struct.error for an identity beyond the wire's range.
    """
    body = reading.body
    assert isinstance(body, FixBody)
    alt, speed, course, hdop, sats = body.alt_m, body.speed_mps, body.course_deg, body.hdop, body.sats
    try:
        return _pack(
            reading.at,
            reading.received_at,
            reading.stream,
            reading.seq,
            round(body.lat * 1e6),
            round(body.lon * 1e6),
            # NaN and infinity less themselves are NaN, which is true; every number less itself is 0.
            _NAN if alt is None or alt - alt else alt,
            _NAN if speed is None or speed - speed else speed,
            _NAN if course is None or course - course else course,
            _NAN if hdop is None or hdop - hdop else hdop,
            UNKNOWN if sats is None else sats,
            body.source,
            _CLOCK_NUMBER[reading.clock],
            reason,
        )
    except (ValueError, OverflowError, struct.error):
        return _pack_odd(reading, body, reason)


def _pack_odd(reading: Reading, body: FixBody, reason: int) -> bytes:
    return _pack(
        reading.at,
        reading.received_at,
        reading.stream,
        reading.seq,
        _whole(body.lat * 1e6),
        _whole(body.lon * 1e6),
        *(_finite(getattr(body, name)) for name in FLOATS),
        _whole(body.sats),
        _whole(body.source),
        _CLOCK_NUMBER[reading.clock],
        reason,
    )


def _whole(value: float | None) -> int:
    return UNKNOWN if value is None or not abs(value) < 1 << 31 else round(value)


def _finite(value: float | None) -> float:
    return _NAN if value is None or not abs(value) < 1e308 else float(value)


def rows_of(packed: bytes) -> np.ndarray:
    """Packed rows as an array of ROW. Raises ValueError for a length that is no number of rows."""
    return np.frombuffer(packed, ROW)


def judged_of(device: str, rows: np.ndarray, reasons: Sequence[str | None]) -> list[Judged]:
    """Rows as judged readings; `reasons`: text by number, None at 0."""
    made: list[Judged] = []
    for at, received, stream, seq, lat, lon, alt, speed, course, hdop, sats, source, clock, reason in rows.tolist():
        body = FixBody(
            _NAN if lat == UNKNOWN else lat / 1e6,
            _NAN if lon == UNKNOWN else lon / 1e6,
            None if isnan(alt) else alt,
            None if isnan(speed) else speed,
            None if isnan(course) else course,
            None if sats == UNKNOWN else sats,
            None if isnan(hdop) else hdop,
            0 if source == UNKNOWN else source,
        )
        made.append(Judged(Reading(device, stream, seq, "fix", at, CLOCKS[clock], received, body), reasons[reason]))
    return made


def keys_of(rows: np.ndarray) -> np.ndarray:
    """(stream, seq) of each row as one number."""
    return rows["stream"].astype(np.int64) << 32 | rows["seq"]


def merged(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Parts of one stretch as rows by (at, stream, seq), each key once: of several versions the last part's."""
    if not parts:
        return np.empty(0, ROW)
    rows = parts[0] if len(parts) == 1 else np.concatenate(parts)
    if len(parts) > 1:
        keys = keys_of(rows)[::-1]
        _, first_behind = np.unique(keys, return_index=True)
        if len(first_behind) < len(rows):
            rows = rows[np.sort(len(rows) - 1 - first_behind)]
    if len(rows) > 1 and not (np.diff(rows["at"]) > 0).all():
        rows = rows[np.lexsort((rows["seq"], rows["stream"], rows["at"]))]
    return rows


def fixes_of(parts: list[dict[str, np.ndarray]], from_ms: int, to_ms: int, *, in_order: bool) -> Fixes:
    """Columns TRACK of good fixes of from_ms ≤ at < to_ms as one answer; `in_order`: the parts are by time."""
    columns = {name: np.concatenate([part[name] for part in parts] or [np.empty(0, ROW[name])]) for name in TRACK}
    at = columns["at"].astype(np.int64, copy=False)
    if not in_order:  # minutes and raw fixes of one day may lie one among the other
        order = np.argsort(at, kind="stable")
        at, columns = at[order], {name: column[order] for name, column in columns.items()}
    low, high = np.searchsorted(at, (from_ms, to_ms))
    cut = {name: column[low:high] for name, column in columns.items()}
    return Fixes(
        at=at[low:high],
        lat=_degrees(cut["lat_e6"]),
        lon=_degrees(cut["lon_e6"]),
        speed_mps=cut["speed_mps"].astype(np.float32),
        course_deg=cut["course_deg"].astype(np.float32),
        clock=cut["clock"].astype(np.uint8),
    )


def _degrees(e6: np.ndarray) -> np.ndarray:
    degrees = e6 / 1e6
    degrees[e6 == UNKNOWN] = np.nan
    return degrees
