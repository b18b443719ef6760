"""Instants: UTC milliseconds inside, RFC 3339 outside (DESIGN: HTTP)."""

import time
from datetime import UTC, datetime

from milepost.errors import Invalid

_MIN_MS = -62135596800000  # 0001-01-01T00:00:00Z
_MAX_MS = 253402300799999  # 9999-12-31T23:59:59.999Z


def now_ms() -> int:
    """The host's clock in UTC milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def to_rfc3339(ms: int | None) -> str | None:
    """UTC milliseconds to `2026-03-02T04:05:06.000Z`; None stays None."""
    if ms is None:
        return None
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{ms % 1000:03d}Z"


def parse_rfc3339(text: str, name: str = "time") -> int:
    """An RFC 3339 instant with any offset to UTC milliseconds, floored.

    Raises Invalid when the text is no instant, carries no offset, or lies outside the years 1 to 9999.
    """
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(f"{name}: {text!r} is not an RFC 3339 time; write it like 2026-03-02T12:05:06+08:00") from None
    if parsed.tzinfo is None:
        raise Invalid(f"{name}: {text!r} has no offset; add Z or one like +08:00")
    delta = parsed - datetime(1970, 1, 1, tzinfo=UTC)
    ms = (delta.days * 86_400 + delta.seconds) * 1000 + delta.microseconds // 1000
    if not _MIN_MS <= ms <= _MAX_MS:
        raise Invalid(f"{name}: {text!r} lies outside the years 1 to 9999")
    return ms
