"""Which GNSS dates are believed, and which second they are, under MicroPython against datetime."""

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

Place = Callable[[list[tuple[date | None, date, int]]], list[tuple[int, int, int]]]
TRUSTED, REPAIRED, IMPLAUSIBLE, NO_DATE = 0, 1, 2, 3
_START = date(2020, 1, 1)
_ROLLOVER = timedelta(weeks=1024)
_BUILT = date(2026, 2, 1)


@pytest.fixture
def place(device_run: Callable, tmp_path: Path) -> Place:
    """Place (date or None, build date, ms of the day) and return (verdict, t, ms) of each."""

    def run(cases: list[tuple[date | None, date, int]]) -> list[tuple[int, int, int]]:
        file = tmp_path / "dates"
        rows = [
            f"{(build - _START).days * 86400} {day.year if day else 0} {day.month if day else 0} "
            f"{day.day if day else 0} {tod_ms}"
            for day, build, tod_ms in cases
        ]
        file.write_text("\n".join(rows))
        return [tuple(map(int, text.split())) for text in device_run("gnss_time_place.py", [str(file)])]

    return run


def seconds(day: date, second: int = 0) -> int:
    return (day - _START).days * 86400 + second


def test_any_date_within_the_window_is_the_second_that_datetime_says(place: Place):
    rng = random.Random(4)
    cases = [(_BUILT + timedelta(days=rng.randrange(6900)), _BUILT, rng.randrange(86_400_000)) for _ in range(500)]
    for (day, _, tod_ms), (verdict, t, ms) in zip(cases, place(cases), strict=True):
        at = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(milliseconds=tod_ms)
        told = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=t, milliseconds=ms)
        assert (verdict, told) == (TRUSTED, at)


def test_the_window_opens_at_the_build_date_and_closes_after_19_years(place: Place):
    last = _BUILT + timedelta(days=6939)
    day = timedelta(days=1)
    got = place([(_BUILT, _BUILT, 0), (last, _BUILT, 0), (_BUILT - day, _BUILT, 0), (last + day, _BUILT, 0)])
    assert [verdict for verdict, _, _ in got] == [TRUSTED, TRUSTED, IMPLAUSIBLE, IMPLAUSIBLE]


def test_whole_rollovers_and_nothing_else_are_added(place: Place):
    """Case G01 and its kind: any number of 1,024-week steps back, and one ahead."""
    true = date(2026, 3, 2)
    got = place([(true - _ROLLOVER, _BUILT, 1500), (true - 2 * _ROLLOVER, _BUILT, 1500), (true + _ROLLOVER, _BUILT, 0)])
    assert (true - _ROLLOVER) == date(2006, 7, 17)
    assert got == [(REPAIRED, seconds(true, 1), 500), (REPAIRED, seconds(true, 1), 500), (REPAIRED, seconds(true), 0)]


def test_a_date_that_no_rollover_brings_into_the_window_is_not_believed(place: Place):
    """19 years are shorter than 1,024 weeks: between the window's end and the next one lies a gap."""
    for day in (date(2045, 6, 1), date(2045, 9, 1)):
        assert [verdict for verdict, _, _ in place([(day, _BUILT, 0), (day - _ROLLOVER, _BUILT, 0)])] == [
            IMPLAUSIBLE
        ] * 2


def test_without_a_date_there_is_no_time(place: Place):
    assert place([(None, _BUILT, 1234)]) == [(NO_DATE, 0, 0)]


def test_a_leap_second_is_the_first_second_of_the_next_day(place: Place):
    assert place([(date(2026, 12, 31), _BUILT, 86_400_250)]) == [(TRUSTED, seconds(date(2027, 1, 1)), 250)]


def test_the_build_date_is_an_argument(place: Place):
    """Corpus runs open the gate by an early build date: the parser has none."""
    old = date(2024, 2, 29)
    assert place([(old, date(2020, 1, 1), 0), (old, _BUILT, 0)]) == [
        (TRUSTED, seconds(old), 0),
        (REPAIRED, seconds(old + _ROLLOVER), 0),
    ]
