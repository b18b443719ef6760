"""Times in the zone that was asked for: days of 23 and 25 hours, offsets written out."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost.errors import Invalid
from milepost.telemetry.instants import day_after, day_start, instant, written, zone_of
from milepost.telemetry.sqlite import SqliteTelemetry
from milepost.times import parse_rfc3339

from .conftest import Fleet, fix

ZONES = ["Asia/Shanghai", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Cairo"]


@given(ms=st.lists(st.integers(0, 4_000_000_000_000), max_size=20), zone=st.sampled_from(ZONES))
def test_any_instant_is_written_like_the_standard_library_writes_it(ms: list[int], zone: str) -> None:
    at = np.array(ms, np.int64)
    wanted = [
        datetime.fromtimestamp(each // 1000, ZoneInfo(zone)).replace(microsecond=each % 1000 * 1000)
        .isoformat(timespec="milliseconds")
        for each in ms
    ]  # fmt: skip
    assert written(at, ZoneInfo(zone)) == wanted
    assert [parse_rfc3339(text) for text in written(at, None)] == ms


@pytest.mark.parametrize(
    ("day", "zone", "hours"),
    [
        ("2026-03-29", "Europe/Berlin", 23),
        ("2026-10-25", "Europe/Berlin", 25),
        ("2026-10-04", "Australia/Lord_Howe", 23.5),
        ("2026-04-24", "Africa/Cairo", 23),  # midnight itself is skipped: the day begins at 01:00
        ("2026-03-29", "Asia/Shanghai", 24),
    ],
)
def test_a_day_is_from_its_midnight_to_the_next_in_its_zone(day: str, zone: str, hours: float) -> None:
    tz = ZoneInfo(zone)
    start = day_start(date.fromisoformat(day), tz)
    assert day_after(date.fromisoformat(day), tz) - start == hours * 3_600_000
    local = datetime.fromtimestamp(start / 1000, tz)
    assert local.date() == date.fromisoformat(day)
    before = datetime.fromtimestamp(start / 1000 - 0.001, tz)
    assert before.date() < local.date()


def test_days_and_instants_are_read_and_nothing_else() -> None:
    shanghai = zone_of("Asia/Shanghai")
    assert instant("2026-03-02", "from", shanghai) == parse_rfc3339("2026-03-02T00:00:00+08:00")
    assert instant("2026-03-02", "from", None) == parse_rfc3339("2026-03-02T00:00:00Z")
    assert instant("2026-03-02T01:00:00-05:00", "from", shanghai) == parse_rfc3339("2026-03-02T06:00:00Z")
    for wrong in ("2026-02-30", "0000-01-01", "2026-03-02T00:00", "today", ""):
        with pytest.raises(Invalid, match="from"):
            instant(wrong, "from", shanghai)
    for wrong in ("Asia/Nowhere", "/etc/localtime", "..", "\x00"):
        with pytest.raises(Invalid, match="tz"):
            zone_of(wrong)


def test_the_day_of_a_summer_time_change_by_its_zone(house: Fleet, store: SqliteTelemetry) -> None:
    """2026-03-29 in Berlin has 23 hours; the fix of its last minute is in, the one of the next day is not."""
    first = int(datetime(2026, 3, 28, 23, 0, tzinfo=UTC).timestamp() * 1000)
    hour = 3_600_000
    moments = [first - 1, first, first + 3 * hour, first + 23 * hour - 1, first + 23 * hour]
    store.write([fix(at, seq=n) for n, at in enumerate(moments)], 1)
    query = {"from": "2026-03-29", "to": "2026-03-30", "tz": "Europe/Berlin"}
    answer = house.ask().get(f"/api/v1/vehicles/{house.vehicle}/track", params=query).json()
    times = [time for each in answer["features"] for time in each["properties"]["times"]]
    assert times == ["2026-03-29T00:00:00.000+01:00", "2026-03-29T04:00:00.000+02:00", "2026-03-29T23:59:59.999+02:00"]
    assert answer["properties"]["tz"] == "Europe/Berlin"
    assert answer["properties"]["from"] == "2026-03-28T23:00:00.000Z"
