"""Last known positions of all vehicles, from the memory of the live board, and single fixes in pages."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from milepost.db import Database
from milepost.fleet import service as fleet
from milepost.live.hub import LiveHub
from milepost.live.targets import FleetTargets
from milepost.telemetry.model import Judged
from milepost.telemetry.sqlite import SqliteTelemetry

from .conftest import LAT, LON, T0, Fleet, drive, fix, span


@pytest.fixture
def hub(db: Database, house: Fleet) -> LiveHub:
    """A board that knows the truck's last fix, and one truck more of another branch."""
    with db.tx() as conn:
        other = fleet.add_vehicle(conn, plate="沪B00001", branch="SH2")
        fleet.bind(conn, "gps-1", "vehicle", other, T0 + 3_600_000)
    made = LiveHub(FleetTargets(db), spool_end=0, clock=lambda: T0 + 7_230_000)
    made.load([fix(T0 + 7_200_000, "gps-2"), fix(T0 + 7_200_500, "gps-1", lat=30.0, speed_mps=0.0)])
    made.tick()
    return made


def ask(client: TestClient, hub: LiveHub, **query: Any) -> Any:
    client.app.state.live = hub  # pyright: ignore[reportAttributeAccessIssue]
    return client.get("/api/v1/positions", params=query).json()


def test_positions_say_where_when_by_which_device_and_in_what_state(house: Fleet, hub: LiveHub) -> None:
    items = ask(house.ask(), hub)["items"]
    assert len(items) == 2
    mine = next(each for each in items if each["vehicle"] == house.vehicle)
    assert mine == {
        "vehicle": house.vehicle,
        "device": "gps-2",
        "at": "2026-05-03T11:20:00.000Z",
        "lat": LAT,
        "lon": LON,
        "speed_mps": 10.0,
        "course_deg": 90,
        "contact": "live",
        "motion": "moving",
    }


def test_positions_are_those_within_ones_scope(house: Fleet, hub: LiveHub) -> None:
    for grant, count in (
        (("desk", "branch", "SH1"), 1),
        (("desk", "branch", "SH9"), 0),
        (("customer", "customer", "c1"), 0),
    ):
        assert len(ask(house.ask(grant), hub)["items"]) == count
    assert house.client_of().get("/api/v1/positions").status_code == 401


def test_positions_are_paged_by_vehicle(house: Fleet, hub: LiveHub) -> None:
    client = house.ask()
    first = ask(client, hub, limit=1)
    rest = ask(client, hub, limit=1, after=first["next"])
    assert [len(page["items"]) for page in (first, rest)] == [1, 1]
    assert first["items"][0]["vehicle"] < rest["items"][0]["vehicle"]
    assert rest["next"] is None


def test_a_process_without_a_board_says_so(client_of: Callable[..., TestClient]) -> None:
    answer = client_of("dispatcher").get("/api/v1/positions")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


@pytest.mark.parametrize("limit", [1, 3, 7, 100])
def test_fixes_come_in_pages_each_once_by_time_over_all_devices(
    house: Fleet, store: SqliteTelemetry, limit: int
) -> None:
    change = T0 + 3_600_000
    same = [fix(change - 3_000, "gps-1", seq=n) for n in (5, 6, 7)]  # of one millisecond
    store.write([*drive(change - 2_000, 6, "gps-1"), *drive(change - 2_000, 6, "gps-2"), *same], 1)
    store.write([Judged(fix(change + 1_500, "gps-2", seq=1, lat=float("nan")), "range")], 2)
    client, path = house.ask(), f"/api/v1/vehicles/{house.vehicle}/fixes"
    found: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = client.get(path, params=span(T0, T0 + 7_200_000, limit=limit, after=cursor)).json()
        assert len(page["items"]) <= limit
        found += page["items"]
        cursor = page["next"]
    assert [each["at"] for each in found] == sorted(each["at"] for each in found)
    ids = [each["id"] for each in found]
    assert len(ids) == len(set(ids)) == 3 + 2 + 4 + 1
    bad = next(each for each in found if each["quality"])
    assert (bad["quality"], bad["lat"], bad["id"]) == ("range", None, "gps-2/1/1")


def test_a_cursor_that_is_none_is_refused(house: Fleet) -> None:
    client = house.ask()
    for cursor in ("x", "1/2/3", "a/b/c/d", "1/d/2/3/4"):
        answer = client.get(f"/api/v1/vehicles/{house.vehicle}/fixes", params={"after": cursor})
        assert (answer.status_code, answer.json()["code"]) == (422, "validation")
