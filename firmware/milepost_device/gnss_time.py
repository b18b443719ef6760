"""Whether a GNSS date may be believed, and what it is in device time (s since 2020-01-01 UTC).

A stage of its own behind the parser (DESIGN.md §3, clock quality): a date counts only between the
build date of the firmware and 19 years later. GPS tells its week modulo 1024, so a receiver with an
old base is wrong by whole rollovers; those are tried and flagged (case G01), nothing else is added.
"""

from micropython import const

TRUSTED, REPAIRED, IMPLAUSIBLE, NO_DATE = 0, 1, 2, 3

_ROLLOVER = const(7168)  # days of 1024 weeks
_WINDOW = const(6939)  # days of 19 years: shorter than a rollover, so one candidate at most
_BEFORE_MONTH = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)


def days_of(year: int, month: int, day: int) -> int:
    """Return days since 2020-01-01 of a date of 1980..2099; year, month (1..12), day (1..31) as given."""
    years = year - 2020
    days = years * 365 + (years + 3) // 4 + _BEFORE_MONTH[month - 1] + day - 1
    if month > 2 and year % 4 == 0:
        days += 1
    return days


class GnssTime:
    """Places epochs of the parser in time. After place(): `t` (s since 2020), `ms` (0..999)."""

    def __init__(self, build_t: int) -> None:
        """build_t: the build date of the firmware in s since 2020-01-01."""
        self._first = build_t // 86400
        self.t = 0
        self.ms = 0

    def place(self, year: int, month: int, day: int, tod_ms: int) -> int:
        """Set t and ms from a date (year 0 = none) and the time of day, and return the verdict.

        TRUSTED: as told. REPAIRED: whole 1024-week rollovers were added or taken; say so in the
        record's clock. IMPLAUSIBLE, NO_DATE: t and ms are left alone. A leap second (23:59:60)
        becomes the first second of the next day, as POSIX time has it.
        """
        if not year:
            return NO_DATE
        days = days_of(year, month, day)
        verdict = TRUSTED
        last = self._first + _WINDOW
        while days < self._first:
            days += _ROLLOVER
            verdict = REPAIRED
        while days > last:
            days -= _ROLLOVER
            verdict = REPAIRED
        if days < self._first:
            return IMPLAUSIBLE
        second = tod_ms // 1000
        self.t = days * 86400 + second
        self.ms = tod_ms - second * 1000
        return verdict
