"""Local days and working days: holidays, make-up days, the hours of a desk (C1, C6, N-70, N-71). Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import Any, NamedTuple, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import holidays as known_holidays

from milepost.errors import Invalid
from milepost.orders.model import Calendar

DAY_MS = 86_400_000
_EPOCH = date(1970, 1, 1).toordinal()
_FIRST, _LAST = date(2, 1, 1).toordinal(), date(9998, 12, 31).toordinal()
_ZONE = "Asia/Shanghai"
# Longest stretch without a single working day that a calendar may have.
_MAX_IDLE_DAYS = 400
SEEDED_YEARS = range(2010, 2036)
DESK_HOURS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "A": (("08:30", "17:30"),),  # N-70
    "B": (("08:30", "17:00"),),  # N-71
}


class Counted(NamedTuple):
    """One day on the way to a due day: whether it counts, and why (workday, make_up, weekend, holiday)."""

    day: date
    counts: bool
    kind: str


@dataclass(frozen=True, slots=True)
class BusinessCalendar:
    """A zone, its days off on working days (`holidays`), its days worked on weekends (`workdays`), desk hours.

    `hours`: pairs of local times HH:MM.
    """

    name: str = "A"
    zone: str = _ZONE
    holidays: frozenset[date] = frozenset()
    workdays: frozenset[date] = frozenset()
    hours: tuple[tuple[str, str], ...] = DESK_HOURS["A"]

    def local(self, at_ms: int) -> datetime:
        """Local time of an instant (UTC ms), floored to the second; clamped to years 1…9999."""
        return Calendar(self.zone).local(at_ms)

    def instant(self, day: date, at: time) -> int:
        """UTC ms of a local time of day."""
        return self.at(day.toordinal(), (at.hour * 60 + at.minute) * 60_000 + at.second * 1000)

    def day(self, at_ms: int) -> int:
        """Ordinal of the local date of an instant (UTC ms)."""
        guess = at_ms // DAY_MS + _EPOCH
        if at_ms < _midnight(self.zone, guess):
            return guess - 1
        return guess + 1 if at_ms >= _midnight(self.zone, guess + 1) else guess

    def at(self, day: int, ms_of_day: int) -> int:
        """UTC ms of a local time (0 … 86,400,000 ms after midnight, as the wall clock shows it) of a day (ordinal)."""
        start, end = _midnight(self.zone, day), _midnight(self.zone, day + 1)
        if end - start == DAY_MS or ms_of_day == 0:
            return start + ms_of_day
        return end if ms_of_day == DAY_MS else _wall(self.zone, day, ms_of_day)

    def is_workday(self, day: date) -> bool:
        """True when the desk works on this date."""
        return self._kind(day)[0]

    def end_of_nth_workday(self, at_ms: int, n: int) -> tuple[int, list[Counted]]:
        """24:00 (UTC ms) of the n-th working day after the day of an instant (C6), and every day on the way.

        Raises Invalid when the calendar has no working day within 400 days.
        """
        day, idle = self.day(at_ms), 0
        passed: list[Counted] = []
        while n > 0:
            day += 1
            if day > _LAST:
                break
            on = date.fromordinal(day)
            counts, kind = self._kind(on)
            passed.append(Counted(on, counts, kind))
            n, idle = (n - 1, 0) if counts else (n, idle + 1)
            if idle > _MAX_IDLE_DAYS:
                raise Invalid(
                    f"calendar {self.name!r} has no working day for {_MAX_IDLE_DAYS} days after {on}; mend it"
                )
        return self.at(day, DAY_MS), passed

    def _kind(self, day: date) -> tuple[bool, str]:
        if day in self.workdays:
            return True, "make_up" if day.weekday() >= 5 else "workday"
        if day in self.holidays:
            return False, "holiday"
        return (False, "weekend") if day.weekday() >= 5 else (True, "workday")


@lru_cache(maxsize=65_536)
def _midnight(zone: str, day: int) -> int:
    """UTC ms at which a local day (ordinal) begins; days beyond the calendar's ends are the ends."""
    on = date.fromordinal(min(max(day, _FIRST), _LAST))
    return int(datetime.combine(on, time(0), ZoneInfo(zone)).timestamp()) * 1000


def _wall(zone: str, day: int, ms_of_day: int) -> int:
    """A wall-clock time on a day on which the clocks change."""
    seconds, ms = divmod(ms_of_day, 1000)
    clock = time(seconds // 3600, seconds // 60 % 60, seconds % 60)
    on = date.fromordinal(min(max(day, _FIRST), _LAST))
    return int(datetime.combine(on, clock, ZoneInfo(zone)).astimezone(UTC).timestamp()) * 1000 + ms


@dataclass(frozen=True, slots=True)
class Calendars:
    """The company's calendar (`default`; its zone is the company's), others by name, and which branch keeps which."""

    default: BusinessCalendar = field(default_factory=BusinessCalendar)
    named: Mapping[str, BusinessCalendar] = field(default_factory=dict[str, BusinessCalendar])
    branches: Mapping[str, str] = field(default_factory=dict[str, str])

    def of(self, branch: str | None) -> BusinessCalendar:
        """The calendar a branch keeps, else the one of its name, else the default."""
        return self.named.get(self.branches.get(branch or "", ""), self.default)

    def with_branches(self, branches: Mapping[str, str]) -> "Calendars":
        """The same calendars, with more branches told which one they keep (calendar by branch id)."""
        return Calendars(self.default, self.named, {**self.branches, **branches}) if branches else self

    @property
    def company(self) -> Calendar:
        """The local days of the company, as the fold needs them."""
        return Calendar(self.default.zone)


@lru_cache(maxsize=8)
def seeded(years: range = SEEDED_YEARS, zone: str = _ZONE) -> Calendars:
    """Calendars A and B (N-70, N-71) with China's holidays AND make-up working days of these years.

    Where the State Council's notice for a year is not known to the `holidays` package yet, only the statutory days are
    there; edit the calendar when it comes out.
    """
    china = known_holidays.country_holidays("CN", years=years)
    off = frozenset(china.keys())
    worked = frozenset(d for d in cast(set[date], getattr(china, "weekend_workdays", set())) if d.year in years)
    named = {name: BusinessCalendar(name, zone, off - worked, worked, hours) for name, hours in DESK_HOURS.items()}
    return Calendars(named["A"], named)


def parse_calendars(obj: Any) -> Calendars:
    """Calendars from a JSON object.

    {"zone"?, "default"?, "branches"?: {branch: calendar}, "calendars"?: {name: {"seeded"?: true, "holidays"?: [date],
    "workdays"?: [date], "hours"?: ["08:30/17:30"]}}}. A calendar begins with China's days unless `seeded` is false;
    the days it lists are off, or worked, in addition to them. Without `calendars`: the seeded A and B.

    Raises Invalid naming the calendar, the key and the value that are wrong.
    """
    top = _object(obj, "calendars", ("zone", "default", "branches", "calendars"))
    zone = top.get("zone", _ZONE)
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise Invalid(f"calendars: zone {zone!r} is not known; use a name like Asia/Shanghai") from None
    seed = seeded(zone=zone)
    named = dict(seed.named)
    for name, given in _object(top.get("calendars", {}), "calendars", None).items():
        named[name] = _calendar(name, given, seed.named.get(name, seed.default), zone)
    default = top.get("default", "A")
    if not isinstance(default, str) or default not in named:
        raise Invalid(f"calendars: default {default!r} is none of {', '.join(sorted(named))}")
    branches = _object(top.get("branches", {}), "calendars: branches", None)
    for branch, name in branches.items():
        if not isinstance(name, str) or name not in named:
            raise Invalid(f"calendars: branch {branch!r} keeps {name!r}, which is none of {', '.join(sorted(named))}")
    return Calendars(named[default], named, branches)


def _calendar(name: str, given: Any, seed: BusinessCalendar, zone: str) -> BusinessCalendar:
    where = f"calendar {name!r}"
    values = _object(given, where, ("seeded", "holidays", "workdays", "hours"))
    with_seed = values.get("seeded", True)
    if not isinstance(with_seed, bool):
        raise Invalid(f"{where}: seeded {with_seed!r} must be true or false")
    off, worked = (seed.holidays, seed.workdays) if with_seed else (frozenset[date](), frozenset[date]())
    more_off, more_worked = (_days(values.get(key, []), where, key) for key in ("holidays", "workdays"))
    if both := more_off & more_worked:
        raise Invalid(f"{where}: {min(both)} is listed both as off and as worked; take one out")
    hours = tuple(_span(each, where) for each in _list(values["hours"], where, "hours")) if "hours" in values else None
    return BusinessCalendar(
        name, zone, (off | more_off) - more_worked, (worked | more_worked) - more_off, hours or seed.hours
    )


def _object(value: Any, where: str, keys: Iterable[str] | None) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Invalid(f"{where}: must be an object, not {type(value).__name__}")
    found = cast(dict[str, Any], value)
    if keys is not None and (unknown := sorted(found.keys() - set(keys))):
        raise Invalid(f"{where}: {unknown[0]!r} is not known; use {', '.join(keys)}")
    return found


def _list(value: Any, where: str, key: str) -> list[Any]:
    if not isinstance(value, list):
        raise Invalid(f"{where}: {key} must be a list")
    return cast(list[Any], value)


def _days(value: Any, where: str, key: str) -> frozenset[date]:
    days: set[date] = set()
    for each in _list(value, where, key):
        try:
            days.add(date.fromisoformat(each))
        except (ValueError, TypeError):
            raise Invalid(f"{where}: {key}: {each!r} is no date; write it like 2026-10-01") from None
    return frozenset(days)


def _span(value: Any, where: str) -> tuple[str, str]:
    try:
        start, end = (time.fromisoformat(part) for part in value.split("/"))
    except (ValueError, AttributeError):
        raise Invalid(f"{where}: hours: {value!r} is no span; write it like 08:30/17:30") from None
    if start >= end:
        raise Invalid(f"{where}: hours: {value!r} ends before it begins")
    return start.strftime("%H:%M"), end.strftime("%H:%M")
