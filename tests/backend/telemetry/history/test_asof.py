"""Where a vehicle was at an instant, and how sure: never more than its fixes say."""

import csv
import io
import math
import statistics
import tarfile
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost.db import Database
from milepost.fleet import service as fleet
from milepost.telemetry.asof import Known, whereabouts
from milepost.telemetry.model import FixBody, Judged
from milepost.telemetry.quality import distance_m
from milepost.telemetry.sqlite import SqliteTelemetry
from milepost.times import to_rfc3339

from .conftest import LAT, LON, METRE, T0, Fleet, drive, fix

HOUR = 3_600_000


def known(at: int, north_m: float = 0.0, lon: float = LON, speed_mps: float | None = 10.0) -> Known:
    return Known(at, FixBody(LAT + north_m * METRE, lon, speed_mps=speed_mps, hdop=1.0), "gnss", "d/1/1")


def position(house: Fleet, at: int, **more: Any) -> dict[str, Any]:
    answer = house.ask().get(f"/api/v1/vehicles/{house.vehicle}/position", params={"at": to_rfc3339(at), **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_between_two_fixes_it_was_in_proportion_to_time() -> None:
    found = whereabouts(known(T0), known(T0 + 10_000, 100), T0 + 3_000)
    assert found.reason == "interpolated"
    assert found.lat is not None and found.radius_m is not None
    assert (found.lat - LAT) / METRE == pytest.approx(30, abs=0.1)
    assert 5 < found.radius_m < 80


@given(
    way_m=st.floats(0, 5_000), seconds=st.integers(2, 600), share=st.floats(0.001, 0.999),
    one=st.floats(0, 30), other=st.floats(0, 30), angle=st.floats(0, 2 * math.pi), part=st.floats(0, 1),
)  # fmt: skip
def test_any_place_within_reach_of_both_fixes_lies_within_the_radius(
    way_m: float, seconds: int, share: float, one: float, other: float, angle: float, part: float
) -> None:
    """A truck that kept to 1.2 × the fastest speed known (and 2 m/s more) cannot have been outside."""
    before, after = known(0, 0, speed_mps=one), known(seconds * 1000, way_m, speed_mps=other)
    at = max(1, min(seconds * 1000 - 1, round(share * seconds * 1000)))
    found = whereabouts(before, after, at)
    assert found.radius_m is not None and found.lat is not None
    mps = max(one, other, way_m / seconds) * 1.2 + 2
    reach_m = part * mps * at / 1000
    north, east = reach_m * math.cos(angle), reach_m * math.sin(angle)
    if math.hypot(north - way_m, east) <= mps * (seconds - at / 1000):
        middle = (found.lat - LAT) / METRE
        assert math.hypot(north - middle, east) <= found.radius_m * 1.001 + 0.01


def test_over_the_antimeridian_it_takes_the_short_way() -> None:
    found = whereabouts(known(0, lon=179.999), known(10_000, lon=-179.999), 5_000)
    assert found.lon is not None and abs(abs(found.lon) - 180) < 1e-6


def test_the_answer_says_fix_interpolated_gap_stale_before_first_and_unknown(
    house: Fleet, store: SqliteTelemetry
) -> None:
    assert position(house, T0)["reason"] == "unknown"
    store.write([*drive(T0, 10), *drive(T0 + 1_200_000, 10)], 1)
    exact = position(house, T0 + 2_000)
    assert (exact["reason"], exact["lat"], exact["radius_m"], exact["speed_mps"]) == ("fix", LAT, 15.0, 10.0)
    assert exact["before"]["source"] == f"gps-1/1/{1_000_002}"
    between = position(house, T0 + 2_500)
    assert between["reason"] == "interpolated"
    assert [between[side]["at"][17:23] for side in ("before", "after")] == ["02.000", "03.000"]
    gap = position(house, T0 + 600_000, tz="Asia/Shanghai")
    assert (gap["reason"], gap["since"]) == ("gap", "2026-05-03T17:20:09.000+08:00")
    assert gap["radius_m"] > 5_000
    last = T0 + 1_209_000
    stale = position(house, last + 60_000)
    assert (stale["reason"], stale["since"], stale["after"]) == ("stale", to_rfc3339(last), None)
    assert stale["radius_m"] == pytest.approx(15 + 33 * 60)
    assert (stale["lat"], stale["lon"]) == (stale["before"]["lat"], stale["before"]["lon"])  # nothing extrapolated
    early = position(house, T0 - 1)
    assert (early["reason"], early["lat"], early["radius_m"]) == ("before_first", None, None)
    assert early["after"]["at"] == to_rfc3339(T0)


def test_a_quarantined_fix_is_never_what_it_rests_on_however_many_there_are(
    house: Fleet, store: SqliteTelemetry
) -> None:
    bad = [Judged(fix(T0 + 10_000 + n, seq=n, lat=50.0), "spike") for n in range(200)]
    store.write([fix(T0, seq=900), *bad, fix(T0 + 60_000, seq=901)], 1)
    found = position(house, T0 + 10_100)
    assert (found["before"]["source"], found["after"]["source"]) == ("gps-1/1/900", "gps-1/1/901")


def test_only_what_was_mounted_counts_and_a_change_of_trackers_is_bridged(
    house: Fleet, store: SqliteTelemetry, db: Database
) -> None:
    change = T0 + HOUR
    store.write([fix(change - 2_000, "gps-1", seq=1), fix(change + 1_000, "gps-1", seq=2, lat=10.0)], 1)
    store.write([fix(change - 1_000, "gps-2", seq=1, lat=10.0), fix(change + 2_000, "gps-2", seq=2)], 2)
    found = position(house, change)
    assert (found["before"]["source"], found["after"]["source"]) == ("gps-1/1/1", "gps-2/1/2")
    assert found["mounted"] == ["gps-2"]
    with db.tx() as conn:
        bare = fleet.add_vehicle(conn, plate="沪A99999", branch="SH1")
    answer = house.ask().get(f"/api/v1/vehicles/{bare}/position", params={"at": to_rfc3339(T0)}).json()
    assert (answer["reason"], answer["mounted"]) == ("unknown", [])


def test_where_only_one_position_a_minute_is_left_it_is_found_all_the_same(house: Fleet, tmp_path: Path) -> None:
    day = 86_400_000
    store = house.store = SqliteTelemetry(tmp_path / "old.db", raw_days=1)
    start = T0 // 60_000 * 60_000
    store.write(drive(start, 600) + drive(start + 40 * 60_000, 5), 1)
    for _ in range(50):
        store.maintain(start + 4 * day)
    found = position(house, start + 150_000)
    store.close()
    assert found["reason"] == "interpolated"
    assert (found["before"]["at"], found["after"]["at"]) == (to_rfc3339(start + 120_000), to_rfc3339(start + 180_000))
    assert found["before"]["source"] == "gps-1"


@pytest.mark.corpus
@pytest.mark.parametrize("every_s", [15, 30, 60])
def test_real_drivers_were_within_the_radius(corpus: Path, every_s: int) -> None:
    """Delivery drivers at 5 s, thinned: what was left out lies within the radius, and that is not wide."""
    inside, radii = 0, []
    for truth in _goal_tracks(corpus)[:80]:
        step = every_s // 5
        for i in range(0, len(truth) - step, step):
            one, other = truth[i], truth[i + step]
            for at, body in truth[i + 1 : i + step]:
                found = whereabouts(Known(one[0], one[1], "gnss", ""), Known(other[0], other[1], "gnss", ""), at)
                assert found.radius_m is not None and found.lat is not None and found.lon is not None
                radii.append(found.radius_m)
                inside += distance_m(FixBody(found.lat, found.lon), body) <= found.radius_m
    assert len(radii) > 1_000
    assert inside / len(radii) >= 0.999
    assert statistics.median(radii) < 2 * every_s + 5


def _goal_tracks(corpus: Path) -> list[list[tuple[int, FixBody]]]:
    """Tracks as (ms, place): metres on a plane, put down at the equator."""
    found = []
    with tarfile.open(corpus / "goal-gps.tar.xz") as archive:
        for member in archive:
            file = archive.extractfile(member) if member.name.endswith(".csv") else None
            if file is not None:
                found.append(_track_of(list(csv.DictReader(io.TextIOWrapper(file)))))
    return found


def _track_of(rows: list[dict[str, str]]) -> list[tuple[int, FixBody]]:
    """Rows with the speed that a receiver would have told: over the step before and after."""
    start = datetime.fromisoformat(rows[0]["timestamp"][:26])
    points = [
        (
            round((datetime.fromisoformat(row["timestamp"][:26]) - start).total_seconds() * 1000),
            float(row["x"]),
            float(row["y"]),
        )
        for row in rows
    ]
    track = []
    for i, (at, x, y) in enumerate(points):
        one, other = points[max(0, i - 1)], points[min(len(points) - 1, i + 1)]
        speed = math.hypot(other[1] - one[1], other[2] - one[2]) / max(1.0, (other[0] - one[0]) / 1000)
        track.append((at, FixBody(y * METRE, x * METRE, speed_mps=speed, hdop=1.0)))
    return track
