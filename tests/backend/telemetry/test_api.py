"""The history of a device over HTTP."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from milepost.telemetry import history
from milepost.telemetry.model import EventBody, FixBody, Judged, Reading, TagBody
from milepost.telemetry.sqlite import SqliteTelemetry

T0 = 1_777_800_000_000  # 2026-05-03T09:20:00Z
SPAN = {"from": "2026-05-03T17:00:00+08:00", "to": "2026-05-03T12:00:00Z"}


def fix(seq: int, at: int, late_ms: int = 0, **body: object) -> Reading:
    values = {"lat": 31.2304 + seq / 1e5, "lon": 121.4737, "speed_mps": 10.0, **body}
    return Reading("truck-1", 1, seq, "fix", at, "gnss", at + late_ms, FixBody(**values))  # pyright: ignore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteTelemetry]:
    made = SqliteTelemetry(tmp_path / "telemetry.db")
    yield made
    made.close()


@pytest.fixture
def engineer(client_of: Callable[..., TestClient], store: SqliteTelemetry) -> TestClient:
    client = client_of("engineer")
    client.app.state.telemetry = store  # pyright: ignore[reportAttributeAccessIssue]
    return client


def test_a_track_is_geojson_with_gaps_and_quarantined_points(engineer: TestClient, store: SqliteTelemetry) -> None:
    good = [fix(n, T0 + n * 1000) for n in range(1, 11)] + [fix(n, T0 + 3_600_000 + n * 1000) for n in range(11, 16)]
    store.write([*good, Judged(fix(90, T0 + 4_500, lat=0.0, lon=0.0), "null_island")], 1)
    answer = engineer.get("/api/v1/devices/truck-1/track", params=SPAN).json()
    assert answer["type"] == "FeatureCollection"
    first, second, point = answer["features"]
    assert [len(each["geometry"]["coordinates"]) for each in (first, second)] == [10, 5]
    assert first["geometry"]["type"] == "LineString"
    assert first["geometry"]["coordinates"][0] == [121.4737, 31.23041]
    assert first["properties"]["times"][0] == "2026-05-03T09:20:01.000Z"
    assert first["properties"]["speeds_mps"] == [10.0] * 10
    assert (point["geometry"]["coordinates"], point["properties"]["quality"]) == ([0.0, 0.0], "null_island")
    assert answer["properties"]["gaps"] == [{"from": "2026-05-03T09:20:10.000Z", "to": "2026-05-03T10:20:11.000Z"}]
    assert (answer["properties"]["points"], answer["properties"]["quarantined"]) == (15, 1)


@pytest.mark.parametrize("most", [2, 7, 50])
def test_a_thinned_track_keeps_its_ends_and_its_bound(engineer: TestClient, store: SqliteTelemetry, most: int) -> None:
    store.write([fix(n, T0 + n * 1000) for n in range(1000)], 1)
    answer = engineer.get("/api/v1/devices/truck-1/track", params={**SPAN, "max_points": most}).json()
    (line,) = answer["features"]
    assert len(line["geometry"]["coordinates"]) == most
    assert line["properties"]["times"][0] == "2026-05-03T09:20:00.000Z"
    assert line["properties"]["times"][-1] == "2026-05-03T09:36:39.000Z"
    assert answer["properties"]["points"] == 1000


def test_a_way_over_two_devices_is_one_line(store: SqliteTelemetry) -> None:
    """What a vehicle's track is made of when its tracker was changed."""
    other = [replace(fix(n, T0 + n * 1000), device="truck-2") for n in range(11, 16)]
    store.write([fix(n, T0 + n * 1000) for n in range(1, 14)] + other, 1)
    spans = [("truck-1", T0, T0 + 10_500), ("truck-2", T0 + 10_500, T0 + 60_000)]
    answer = history.track_geojson(store, spans, 1_000)
    assert [len(each["geometry"]["coordinates"]) for each in answer["features"]] == [15]
    assert answer["properties"]["devices"] == ["truck-1", "truck-2"]


def test_a_device_without_history_has_an_empty_track(engineer: TestClient) -> None:
    assert engineer.get("/api/v1/devices/nobody/track", params=SPAN).json()["features"] == []


def test_completeness_by_the_hour(engineer: TestClient, store: SqliteTelemetry) -> None:
    lost = EventBody("gap", {"first_seq": 21, "last_seq": 28})
    gap = Reading("truck-1", 1, 31, "event", T0 + 31_000, "gnss", T0, lost)
    readings = [fix(n, T0 + n * 1000) for n in range(1, 21)]  # 21-28 dropped by the device, 29-30 missing
    readings += [gap, *(fix(n, T0 + 3_600_000, late_ms=90_000) for n in range(32, 36))]
    store.write(readings, 1)
    hours = engineer.get("/api/v1/devices/truck-1/completeness", params=SPAN).json()["hours"]
    assert hours == [
        {"hour": "2026-05-03T09:00:00.000Z", "received": 21, "missing": 2, "dropped": 8, "late": 0},
        {"hour": "2026-05-03T10:00:00.000Z", "received": 4, "missing": 0, "dropped": 0, "late": 4},
    ]


def test_readings_are_paged_by_time_and_kind(engineer: TestClient, store: SqliteTelemetry) -> None:
    tag = TagBody("3036", 0x3000, 1, -40, -50, -45, None, None, None, T0 + 9_000, 3)
    store.write([fix(n, T0 + n * 1000) for n in range(5)], 1)
    store.write([Reading("truck-1", 1, n, "tag", T0 + n * 1000, "ntp", T0, tag) for n in (5, 6, 7)], 2)
    path = "/api/v1/devices/truck-1/readings"
    page = engineer.get(path, params={**SPAN, "kind": "tag", "limit": 2}).json()
    assert [each["id"] for each in page["items"]] == ["truck-1/1/5", "truck-1/1/6"]
    assert page["items"][0]["body"]["epc"] == "3036"
    rest = engineer.get(path, params={**SPAN, "kind": "tag", "limit": 2, "after": page["next"]}).json()
    assert ([each["id"] for each in rest["items"]], rest["next"]) == (["truck-1/1/7"], None)
    assert len(engineer.get(path, params=SPAN).json()["items"]) == 8


def test_spans_are_checked(engineer: TestClient) -> None:
    for params, status in (
        ({"from": "yesterday"}, 422),
        ({"from": "2026-05-03T00:00:00", "to": "2026-05-04T00:00:00Z"}, 422),
        ({"from": "2026-05-04T00:00:00Z", "to": "2026-05-03T00:00:00Z"}, 422),
        ({"from": "2026-01-01T00:00:00Z", "to": "2026-05-03T00:00:00Z"}, 422),
        ({}, 200),
    ):
        for leaf in ("track", "completeness", "readings"):
            assert engineer.get(f"/api/v1/devices/truck-1/{leaf}", params=params).status_code == status


def test_device_histories_are_for_people_of_the_whole_company(
    client_of: Callable[..., TestClient], store: SqliteTelemetry
) -> None:
    for grants, status in (
        (("dispatcher",), 200),
        (("admin",), 200),
        ((("dispatcher", "branch", "SH"),), 403),
        (("customer",), 403),
        ((), 401),
    ):
        client = client_of(*grants)
        client.app.state.telemetry = store  # pyright: ignore[reportAttributeAccessIssue]
        assert client.get("/api/v1/devices/truck-1/track").status_code == status


def test_numbers_that_are_none_leave_json_whole(engineer: TestClient, store: SqliteTelemetry) -> None:
    store.write([Judged(fix(1, T0, lat=float("nan")), "range")], 1)
    point = engineer.get("/api/v1/devices/truck-1/track", params=SPAN).json()["features"][0]
    assert point["geometry"] is None
    assert engineer.get("/api/v1/devices/truck-1/readings", params=SPAN).json()["items"][0]["body"]["lat"] is None
