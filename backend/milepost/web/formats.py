"""Times, ages and numbers as people read them (shared/ui: Words). Pure."""

from datetime import datetime
from zoneinfo import ZoneInfo


def clock_text(at_ms: int | None, zone: ZoneInfo, now_ms: int, *, seconds: bool = False) -> str:
    """`14:05` today, `11-25 14:05` on another day of the year, `2025-11-25 14:05` else; `–` for None."""
    if at_ms is None:
        return "–"
    at, now = (datetime.fromtimestamp(ms / 1000, zone) for ms in (at_ms, now_ms))
    text = at.strftime("%H:%M:%S" if seconds else "%H:%M")
    if at.date() == now.date():
        return text
    return at.strftime("%m-%d " if at.year == now.year else "%Y-%m-%d ") + text


def full_text(at_ms: int | None, zone: ZoneInfo) -> str:
    """The instant in full, with its zone: what a tooltip says."""
    if at_ms is None:
        return ""
    return datetime.fromtimestamp(at_ms / 1000, zone).isoformat(sep=" ", timespec="milliseconds")


def age_text(age_ms: int | None) -> str:
    """`3 s`, `4 min`, `2 h`, `5 d`; `–` for None. The same steps as static/js/format.js."""
    if age_ms is None:
        return "–"
    seconds = max(0, age_ms) // 1000
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def zone_text(zone: ZoneInfo, now_ms: int) -> str:
    """`UTC+8`, `UTC-3:30`."""
    offset = datetime.fromtimestamp(now_ms / 1000, zone).utcoffset()
    minutes = int(offset.total_seconds() // 60) if offset else 0
    sign, minutes = ("-" if minutes < 0 else "+"), abs(minutes)
    return f"UTC{sign}{minutes // 60}" + (f":{minutes % 60:02d}" if minutes % 60 else "")


def quantity_text(value: float | None) -> str:
    """`4`, `2.5`; `–` for None."""
    return "–" if value is None else f"{value:g}"
