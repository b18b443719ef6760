"""Tracks over HTTP: of a device, and of a vehicle whatever device was on it."""

import csv
import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from milepost.telemetry.model import Judged
from milepost.telemetry.sqlite import SqliteTelemetry

from .conftest import LAT, LON, METRE, T0, Fleet, drive, fix, span

HOUR = 3_600_000
DAY = 86_400_000


def track(house: Fleet, **query: Any) -> dict[str, Any]:
    answer = house.ask().get(f"/api/v1/vehicles/{house.vehicle}/track", params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/geo+json"
    return answer.json()


def lines(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for each in answer["features"] if each["properties"]["quality"] == "good"]


def test_a_track_is_geojson_with_gaps_and_quarantined_points(house: Fleet, store: SqliteTelemetry) -> None:
    bad = Judged(fix(T0 + 4_500, seq=90, lat=0.0, lon=0.0), "null_island")
    store.write([*drive(T0 + 1_000, 10), *drive(T0 + 1_800_000, 5), bad], 1)
    answer = track(house, **span(T0, T0 + HOUR))
    assert answer["type"] == "FeatureCollection"
    first, second, point = answer["features"]
    assert [len(each["geometry"]["coordinates"]) for each in (first, second)] == [10, 5]
    assert first["geometry"] == {"type": "LineString", "coordinates": first["geometry"]["coordinates"]}
    assert first["geometry"]["coordinates"][0] == [LON, LAT]
    properties = first["properties"]
    assert properties["times"][0] == "2026-05-03T09:20:01.000Z"
    assert (properties["speeds_mps"], properties["courses_deg"]) == ([10.0] * 10, [90.0] * 10)
    assert (properties["clocks"], properties["devices"]) == (["gnss"] * 10, [0] * 10)
    assert point["geometry"]["coordinates"] == [0.0, 0.0]
    assert point["properties"]["quality"] == "null_island"
    assert (point["properties"]["device"], point["properties"]["seq"]) == ("gps-1", 90)
    whole = answer["properties"]
    assert whole["gaps"] == [{"from": "2026-05-03T09:20:10.000Z", "to": "2026-05-03T09:50:00.000Z"}]
    assert (whole["points"], whole["shown"], whole["quarantined"], whole["tolerance_m"]) == (15, 15, 1, 0)
    assert (whole["vehicle"], whole["from"]) == (house.vehicle, "2026-05-03T09:20:00.000Z")


def test_the_way_goes_on_when_the_tracker_is_changed_and_each_counts_only_while_mounted(
    house: Fleet, store: SqliteTelemetry
) -> None:
    """Bindings are half-open and looked up at event time: gps-1 up to the hour, gps-2 from it on."""
    change = T0 + HOUR
    store.write(drive(change - 5_000, 10, "gps-1") + drive(change - 5_000, 10, "gps-2", lon=LON + 1), 1)
    answer = track(house, **span(T0, T0 + 2 * HOUR))
    (line,) = lines(answer)
    assert line["properties"]["devices"] == [0] * 5 + [1] * 5
    assert answer["properties"]["devices"] == ["gps-1", "gps-2"]
    assert [round(lon - LON) for lon, _ in line["geometry"]["coordinates"]] == [0] * 5 + [1] * 5


@pytest.mark.parametrize("most", [2, 7, 50, 999, 1_000])
def test_a_thinned_track_keeps_its_ends_and_its_bound(house: Fleet, store: SqliteTelemetry, most: int) -> None:
    noise = np.random.default_rng(1).normal(0, 20 * METRE, 1_000)
    store.write([replace_lat(each, LAT + off) for each, off in zip(drive(T0, 1_000), noise, strict=True)], 1)
    answer = track(house, **span(T0, T0 + HOUR), max_points=most)
    (line,) = lines(answer)
    places = line["geometry"]["coordinates"]
    assert 2 <= len(places) <= most
    assert len(places) >= most * 0.8 or most < 10
    assert {len(line["properties"][name]) for name in ("times", "speeds_mps", "courses_deg", "clocks")} == {len(places)}
    assert line["properties"]["times"][0] == "2026-05-03T09:20:00.000Z"
    assert line["properties"]["times"][-1] == "2026-05-03T09:36:39.000Z"
    assert (answer["properties"]["points"], answer["properties"]["shown"]) == (1_000, len(places))
    assert (answer["properties"]["tolerance_m"] == 0) == (most == 1_000)


def replace_lat(reading: Any, lat: float) -> Any:
    return replace(reading, body=replace(reading.body, lat=lat))


def test_no_line_is_drawn_across_a_gap_however_few_points_are_asked_for(house: Fleet, store: SqliteTelemetry) -> None:
    for start in (0, 1_200_000, 2_400_000):
        store.write(drive(T0 + start, 60), 1)
    answer = track(house, **span(T0, T0 + HOUR), max_points=2)
    assert [len(each["geometry"]["coordinates"]) for each in lines(answer)] == [2, 2, 2]
    assert len(answer["properties"]["gaps"]) == 2


def test_a_way_over_the_antimeridian_is_cut_there_and_goes_on(house: Fleet, store: SqliteTelemetry) -> None:
    lons = [179.998, 179.999, -179.999, -179.998]
    store.write([fix(T0 + n * 1000, lon=lon) for n, lon in enumerate(lons)], 1)
    answer = track(house, **span(T0, T0 + HOUR))
    assert [[lon for lon, _ in each["geometry"]["coordinates"]] for each in lines(answer)] == [lons[:2], lons[2:]]
    assert answer["properties"]["gaps"] == []


def test_one_fix_none_and_only_bad_ones(house: Fleet, store: SqliteTelemetry) -> None:
    nothing = track(house, **span(T0 - HOUR, T0 - HOUR + 1))
    assert (nothing["features"], nothing["properties"]["points"]) == ([], 0)
    store.write([fix(T0)], 1)
    (line,) = track(house, **span(T0, T0 + 1))["features"]
    assert line["geometry"]["coordinates"] == [[LON, LAT]] * 2
    assert len(line["properties"]["times"]) == 1
    store.write([Judged(fix(T0 + HOUR // 2 + n, seq=n, lat=float("nan")), "range") for n in range(3)], 2)
    bad = track(house, **span(T0 + 1, T0 + HOUR))
    assert [each["geometry"] for each in bad["features"]] == [None] * 3
    assert (bad["properties"]["points"], bad["properties"]["quarantined"]) == (0, 3)


def test_quarantined_fixes_have_a_limit_of_their_own_and_say_so(house: Fleet, store: SqliteTelemetry) -> None:
    store.write([Judged(fix(T0 + n, seq=n), "spike") for n in range(1_001)] + drive(T0, 5), 1)
    properties = track(house, **span(T0, T0 + HOUR), max_points=2)["properties"]
    assert (properties["quarantined"], properties["quarantined_cut"]) == (1_000, True)


def test_a_span_of_three_years_and_fractions_of_a_second(house: Fleet, store: SqliteTelemetry) -> None:
    store.write([fix(T0 - 1_000 * DAY, seq=1), fix(T0 + 500, seq=2), fix(T0 + 501, seq=3)], 1)
    answer = track(house, **span(T0 - 1_095 * DAY, T0 + HOUR))
    assert answer["properties"]["points"] == 3
    half = track(house, **{"from": "2026-05-03T09:20:00.5004Z", "to": "2026-05-03T17:20:00.501+08:00"})
    assert half["properties"]["points"] == 1


def test_csv_has_a_row_per_fix_by_time_and_nothing_that_a_spreadsheet_runs(
    house: Fleet, store: SqliteTelemetry
) -> None:
    store.write([*drive(T0, 3), Judged(fix(T0 + 1_500, seq=9, lat=float("inf"), course_deg=None), "range")], 1)
    store.write([fix(T0 + 600_000, seq=10, lat=-LAT, speed_mps=None)], 2)
    answer = house.ask().get(f"/api/v1/vehicles/{house.vehicle}/track", params=span(T0, T0 + HOUR, format="csv"))
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [(row["time"][11:23], row["quality"], row["piece"]) for row in rows] == [
        ("09:20:00.000", "good", "1"),
        ("09:20:01.000", "good", "1"),
        ("09:20:01.500", "range", ""),
        ("09:20:02.000", "good", "1"),
        ("09:30:00.000", "good", "2"),
    ]
    assert (rows[0]["lat"], rows[0]["lon"], rows[0]["speed_mps"]) == ("31.230400", "121.473700", "10.0")
    assert (rows[2]["lat"], rows[2]["course_deg"]) == ("", "")
    assert (rows[4]["lat"], rows[4]["speed_mps"], rows[4]["device"]) == ("-31.230400", "", "gps-1")


def test_a_device_id_that_looks_like_a_formula_is_neutralised(house: Fleet, store: SqliteTelemetry) -> None:
    store.write([fix(T0, "-1-1")], 1)
    answer = house.ask("engineer").get("/api/v1/devices/-1-1/track", params=span(T0, T0 + 1, format="csv"))
    (row,) = csv.DictReader(io.StringIO(answer.text, newline=""))
    assert row["device"] == "'-1-1"


def test_the_name_of_a_file_is_no_way_into_the_headers(house: Fleet) -> None:
    answer = house.ask("engineer").get("/api/v1/devices/ã%22%0D%0ASet-Cookie:x/track", params={"format": "csv"})
    assert answer.headers["content-disposition"] == 'attachment; filename="track-____Set-Cookie_x.csv"'


@pytest.mark.parametrize("format_", ["geojson", "csv"])
def test_a_day_at_1_Hz_comes_whole_when_asked_for(house: Fleet, store: SqliteTelemetry, format_: str) -> None:
    store.write(drive(T0 - DAY, 20_000), 1)
    query = span(T0 - DAY, T0, max_points=100_000, format=format_)
    answer = house.ask().get(f"/api/v1/vehicles/{house.vehicle}/track", params=query)
    if format_ == "csv":
        assert len(answer.text.splitlines()) == 20_001
    else:
        (line,) = lines(answer.json())
        assert len(line["geometry"]["coordinates"]) == len(line["properties"]["times"]) == 20_000


def test_spans_and_formats_that_are_none_are_refused(house: Fleet) -> None:
    client, path = house.ask(), f"/api/v1/vehicles/{house.vehicle}/track"
    for query in (
        span(T0, T0),
        span(T0 + 1, T0),
        {"from": "2026-02-30"},
        {"from": "2026-05-03T00:00:00"},
        {"tz": "Mars/Olympus"},
        {"tz": "../etc/passwd"},
        {"format": "kml"},
        {"max_points": 1},
    ):
        answer = client.get(path, params=query)
        assert (answer.status_code, answer.json()["code"]) == (422, "validation"), query


def test_a_vehicle_is_seen_within_ones_scope_only(house: Fleet, store: SqliteTelemetry) -> None:
    store.write(drive(T0, 2), 1)
    for grant, status in (
        (("desk", "branch", "SH1"), 200),
        (("carrier", "carrier", "c1"), 200),
        (("driver", "vehicle", house.vehicle), 200),
        (("desk", "branch", "SH2"), 404),
        (("carrier", "carrier", "c2"), 404),
        (("customer", "customer", "c1"), 404),
        ((), 401),
    ):
        client = house.ask(grant) if grant else house.client_of()
        for leaf in ("track", "stops", "fixes", "position"):
            answer = client.get(f"/api/v1/vehicles/{house.vehicle}/{leaf}", params={"at": "2026-05-03T09:20:00Z"})
            assert answer.status_code == status, (grant, leaf)


def test_a_store_that_is_away_is_said_so(house: Fleet) -> None:
    class Away:
        def __getattr__(self, _name: str) -> Any:
            raise ConnectionError("no route")

    client = house.ask()
    client.app.state.telemetry = Away()  # pyright: ignore[reportAttributeAccessIssue]
    for leaf in ("track", "stops", "fixes", "position"):
        answer = client.get(f"/api/v1/vehicles/{house.vehicle}/{leaf}", params={"at": "2026-05-03T09:20:00Z"})
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
