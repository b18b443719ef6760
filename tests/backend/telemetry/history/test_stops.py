"""Standing pieces of a way, as a rule over columns and over HTTP."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost.telemetry import ways
from milepost.telemetry.legs import TRUCK, legs_of
from milepost.telemetry.sqlite import SqliteTelemetry
from milepost.telemetry.stops import legs, stops
from milepost.telemetry.ways import Way

from .conftest import LAT, LON, METRE, T0, Fleet, drive, fix, span


def way(
    east_m: list[float], step_ms: int = 1_000, speeds: list[float] | None = None, at: list[int] | None = None
) -> Way:
    n = len(east_m)
    times = np.array(at, np.int64) if at else T0 + np.arange(n, dtype=np.int64) * step_ms
    mps = np.array(speeds if speeds is not None else [np.nan] * n, np.float32)
    lon = LON + np.array(east_m) * METRE / 0.855
    return Way(times, np.full(n, LAT), lon, mps, np.full(n, np.nan, np.float32), np.full(n, 3, np.uint8),
               np.zeros(n, np.uint16), ("d",))  # fmt: skip


def drive_stand_drive(stand_s: int, *, wander_m: float = 0.0) -> Way:
    luck = np.random.default_rng(stand_s)
    there = [10.0 * n for n in range(600)]
    farthest_m = TRUCK.radius_m / 2  # two fixes of one place lie within the radius of each other
    stood = (6_000 + luck.normal(0, wander_m, stand_s).clip(-farthest_m, farthest_m)).tolist()
    away = [6_000 + 10.0 * n for n in range(1, 600)]
    return way(there + stood + away, speeds=[10.0] * 600 + [0.0] * stand_s + [10.0] * 599)


@given(stand_s=st.integers(181, 9_000), wander_m=st.sampled_from([0.0, 5.0, 20.0]))
def test_any_stand_of_three_minutes_or_more_is_one_stop_with_its_time(stand_s: int, wander_m: float) -> None:
    (found,) = stops(drive_stand_drive(stand_s, wander_m=wander_m))
    assert (found.from_ms, found.to_ms) == (T0 + 600_000, T0 + 600_000 + (stand_s - 1) * 1000)
    assert abs(found.lon - (LON + 6_000 * METRE / 0.855)) < 30 * METRE
    assert not found.lasting


@given(seed=st.integers(0, 500), block=st.sampled_from([97, 1_000, 32_768]))
def test_the_columns_of_a_way_give_the_legs_that_its_fixes_give_one_by_one(seed: int, block: int) -> None:
    luck = np.random.default_rng(seed)
    steps = np.repeat(luck.choice([0.0, 0.4, 2.0, 15.0], 20), luck.integers(20, 400, 20))
    times = (
        T0 + np.cumsum(luck.choice([1_000, 2_000, 90_000, 400_000], len(steps), p=[0.9, 0.09, 0.005, 0.005]))
    ).tolist()
    speeds = [float(step) for step in steps] if seed % 3 else [float("nan")] * len(steps)
    given_way = way(np.cumsum(steps).tolist(), at=times, speeds=speeds)
    known = [None if seed % 3 == 0 else step for step in speeds]
    one_by_one = list(zip(times, given_way.lat.tolist(), given_way.lon.tolist(), known, strict=True))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ways, "_BLOCK", block)
        assert legs(given_way) == legs_of(one_by_one)


@pytest.mark.parametrize("stand_s", [0, 30, 179])
def test_shorter_is_traffic(stand_s: int) -> None:
    assert stops(drive_stand_drive(stand_s)) == []


def test_a_steady_crawl_is_no_stop() -> None:
    assert stops(way([1.2 * n for n in range(3_600)], speeds=[1.2] * 3_600)) == []


def test_one_spike_does_not_end_a_stop_and_half_a_minute_elsewhere_does() -> None:
    base = [0.0] * 1_200
    spike, left = list(base), list(base)
    spike[600] = 500.0
    left[600:630] = [500.0] * 30
    assert [(each.first, each.last) for each in stops(way(spike))] == [(0, 1_199)]
    before, after = stops(way(left))
    assert before.last < 600 and after.first >= 630


def test_a_truck_that_is_silent_overnight_and_still_there_stood_all_night() -> None:
    night = 10 * 3_600_000
    at = [T0 + n * 1000 for n in range(60)] + [T0 + night + n * 1000 for n in range(60)]
    (found,) = stops(way([0.0] * 120, at=at))
    assert (found.from_ms, found.to_ms) == (T0, T0 + night + 59_000)


def test_a_stop_at_the_end_of_the_data_is_lasting() -> None:
    (found,) = stops(way([10.0 * n for n in range(100)] + [1_000.0] * 300))
    assert found.lasting


@given(seed=st.integers(0, 500))
def test_stops_lie_in_order_within_the_way_and_their_fixes_near_their_place(seed: int) -> None:
    luck = np.random.default_rng(seed)
    steps = np.repeat(luck.choice([0.0, 0.5, 15.0], 20), luck.integers(20, 400, 20))
    found = stops(way(np.cumsum(steps).tolist()))
    for one, other in pairwise(found):
        assert one.last < other.first
    for each in found:
        assert each.to_ms - each.from_ms >= TRUCK.least_ms
        east_m = np.cumsum(steps)[each.first : each.last + 1]
        assert np.ptp(east_m) <= 2 * (TRUCK.yard_m + TRUCK.radius_m)


def test_stops_of_a_vehicle_over_http_in_the_zone_asked_for(house: Fleet, store: SqliteTelemetry) -> None:
    stood = [fix(T0 + 60_000 + n * 1000, lon=LON, speed_mps=0.0) for n in range(600)]
    store.write(drive(T0, 60, lon=LON - 0.01) + stood + drive(T0 + 660_000, 60), 1)
    answer = (
        house.ask()
        .get(f"/api/v1/vehicles/{house.vehicle}/stops", params=span(T0, T0 + 3_600_000, tz="Asia/Shanghai"))
        .json()
    )
    assert answer["items"] == [
        {
            "from": "2026-05-03T17:21:00.000+08:00",
            "to": "2026-05-03T17:30:59.000+08:00",
            "duration_s": 599,
            "lat": LAT,
            "lon": LON,
            "lasting": False,
        }
    ]
    tracked = house.ask().get(f"/api/v1/vehicles/{house.vehicle}/track", params=span(T0, T0 + 3_600_000)).json()
    assert tracked["properties"]["stops"][0]["duration_s"] == 599
