"""Fixes as rows of fixed size: what the SQLite store computes with, between readings and chunks. Pure."""

import math
import struct
from collections.abc import Mapping, Sequence
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


class Gathered:
    """Good fixes, gathered part by part right into the columns of the answer.

    A month at 1 Hz is 2.6 million of them: to touch the memory of every further copy costs as much as decoding them.
    """

    def __init__(self, most: int) -> None:
        """`most`: so many fixes at most will be added; memory that they do not need is never touched."""
        self._all = Fixes(
            at=np.empty(most, np.int64),
            lat=np.empty(most, np.float64),
            lon=np.empty(most, np.float64),
            speed_mps=np.empty(most, np.float32),
            course_deg=np.empty(most, np.float32),
            clock=np.empty(most, np.uint8),
        )
        self._count = 0
        self._in_order = True

    def add(self, part: Mapping[str, np.ndarray]) -> None:
        """Columns TRACK of some fixes, these by time; parts may come in any order."""
        place = slice(self._count, self._count + len(part["at"]))
        whole = self._all
        whole.at[place] = part["at"]
        _degrees(part["lat_e6"], whole.lat[place])
        _degrees(part["lon_e6"], whole.lon[place])
        whole.speed_mps[place] = part["speed_mps"]
        whole.course_deg[place] = part["course_deg"]
        whole.clock[place] = part["clock"]
        if 0 < place.start < place.stop:
            self._in_order &= bool(whole.at[place.start - 1] <= whole.at[place.start])
        self._count = place.stop

    def within(self, from_ms: int, to_ms: int) -> Fixes:
        """Those of from_ms ≤ at < to_ms by time."""
        at = self._all.at[: self._count]
        if self._in_order:
            low, high = np.searchsorted(at, (from_ms, to_ms))
            return self._taken(slice(low, high))
        # Minutes and raw fixes of one day may lie one among the other.
        order = np.argsort(at, kind="stable")
        low, high = np.searchsorted(at, (from_ms, to_ms), sorter=order)
        return self._taken(order[low:high])

    def _taken(self, which: slice | np.ndarray) -> Fixes:
        whole = self._all
        return Fixes(
            whole.at[which],
            whole.lat[which],
            whole.lon[which],
            whole.speed_mps[which],
            whole.course_deg[which],
            whole.clock[which],
        )


def _degrees(e6: np.ndarray, degrees: np.ndarray) -> None:
    np.divide(e6, 1e6, out=degrees)
    degrees[e6 == UNKNOWN] = np.nan
