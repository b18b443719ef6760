"""Times that people type into small forms. Pure."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

_FORMS = ("%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M")


def instant_of(text: str, zone: ZoneInfo) -> int | None:
    """Local time of the company, as `datetime-local` sends it, as UTC ms; None for what is no time."""
    for form in _FORMS:
        try:
            return int(datetime.strptime(text, form).replace(tzinfo=zone).timestamp() * 1000)
        except (ValueError, OverflowError):
            continue
    return None


def day_of(text: str) -> date | None:
    """A day as `date` sends it; None for what is none."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
