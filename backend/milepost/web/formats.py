"""Times, ages and numbers as people read them. Pure."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

# Chinese characters and figures, a space, then the same in Latin letters.
_IN_BOTH = re.compile(r"(?P<zh>[\u3400-\u9fff·]+(?: ?\d+)?)\s+(?P<en>[A-Za-z\u00c0-\u024f][^\u3400-\u9fff]*)")


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


def distance_text(metres: float | None) -> str:
    """`850 m`, `2.1 km`, `34 km`; `–` for None."""
    if metres is None:
        return "–"
    if metres < 1000:
        return f"{metres:.0f} m"
    return f"{metres / 1000:.1f} km" if metres < 10_000 else f"{metres / 1000:.0f} km"


def span_text(ms: int) -> str:
    """A length of time to two steps: `45 s`, `4 min 12 s`, `2 h 05 min`. `ms` ≥ 0."""
    seconds = max(0, ms) // 1000
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"


def called(name: str | None, language: str) -> str:
    """A person's name in a language, where it is written in both: `王伟 Wang Wei` is 王伟 or Wang Wei. Pure.

    Any other name is shown as it stands. None is an empty text.
    """
    if name is None:
        return ""
    found = _IN_BOTH.fullmatch(name.strip())
    return name if found is None else found["zh" if language == "zh" else "en"]
