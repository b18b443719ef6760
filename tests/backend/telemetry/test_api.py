"""The history of a device over HTTP."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from milepost.telemetry.model import FixBody, Judged, Reading, TagBody
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
        ({}, 200),
    ):
        for leaf in ("track", "readings"):
            assert engineer.get(f"/api/v1/devices/truck-1/{leaf}", params=params).status_code == status
    long = {"from": "2026-01-01T00:00:00Z", "to": "2026-05-03T00:00:00Z"}  # only a track is thinned to any span
    for leaf, status in (("track", 200), ("readings", 422)):
        assert engineer.get(f"/api/v1/devices/truck-1/{leaf}", params=long).status_code == status


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
