"""Instants of a column as text, in UTC or in the zone that a reader asked for; and days of that zone."""

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from milepost.errors import Invalid
from milepost.times import parse_rfc3339

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
# Offsets are looked up once per quarter of an hour of UTC: every change of a clock since 1970 falls on one.
_QUARTER_MS = 900_000


def zone_of(name: str | None) -> ZoneInfo | None:
    """The IANA zone of that name, None (UTC, written `Z`) without one. Raises Invalid for an unknown one."""
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise Invalid(f"tz: {name!r} is no zone of the IANA list; write one like Asia/Shanghai") from None


def instant(text: str, name: str, zone: ZoneInfo | None) -> int:
    """UTC ms of an RFC 3339 instant, or of the first moment of a day like `2026-03-02` in `zone` (None: UTC).

    Raises Invalid for anything else.
    """
    if not _DAY.fullmatch(text):
        return parse_rfc3339(text, name)
    try:
        return day_start(date.fromisoformat(text), zone)
    except (ValueError, OverflowError):
        raise Invalid(f"{name}: {text!r} is no day of the calendar") from None


def day_start(day: date, zone: ZoneInfo | None) -> int:
    """UTC ms at which a day begins: its midnight, or the first moment after one that a change of clocks skips."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone or UTC)
    return int(midnight.timestamp()) * 1000


def day_after(day: date, zone: ZoneInfo | None) -> int:
    """UTC ms at which the next day begins: 23, 24 or 25 hours after this one did."""
    return day_start(day + timedelta(days=1), zone)


def written(at: np.ndarray, zone: ZoneInfo | None) -> list[str]:
    """UTC ms as RFC 3339 with milliseconds: `…Z`, or the time and the offset of `zone`."""
    if zone is None:
        return [f"{text}Z" for text in np.datetime_as_string(at.astype("datetime64[ms]")).tolist()]
    bins, place = np.unique(at // _QUARTER_MS, return_inverse=True)
    offsets = [_offset(int(each), zone) for each in bins]
    shift_ms = np.array([seconds * 1000 for seconds in offsets], dtype=np.int64)
    signs = [_sign(seconds) for seconds in offsets]
    local = np.datetime_as_string((at + shift_ms[place]).astype("datetime64[ms]")) if len(at) else np.array([], str)
    return [text + signs[which] for text, which in zip(local.tolist(), place.tolist(), strict=True)]


def written_one(at: int | None, zone: ZoneInfo | None) -> str | None:
    """One instant like `written`; None stays None."""
    return None if at is None else written(np.array([at], dtype=np.int64), zone)[0]


def _offset(quarter: int, zone: ZoneInfo) -> int:
    moment = datetime.fromtimestamp(quarter * _QUARTER_MS / 1000, UTC).astimezone(zone)
    return int((moment.utcoffset() or timedelta()).total_seconds())


def _sign(seconds: int) -> str:
    minutes = abs(seconds) // 60
    return f"{'-' if seconds < 0 else '+'}{minutes // 60:02d}:{minutes % 60:02d}"
