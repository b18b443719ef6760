"""What pages say of a truck on its way: when it will be there, what is wrong on the road, who can help, which door."""

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient
from test_trip_pages import Yard

from milepost.alerts import devices as incidents
from milepost.alerts.devices import Trouble
from milepost.db import Database
from milepost.evidence import repository, vehicles
from milepost.evidence.sink import DetectorSink
from milepost.evidence.states import States
from milepost.fleet import service as fleet
from milepost.live.hub import LiveHub
from milepost.live.targets import FleetTargets
from milepost.telemetry.model import FixBody, Reading
from milepost.times import now_ms

ROLES = ("desk", "call_centre", "branch_manager", "dispatcher", "keeper", "driver")
MIN = 60_000


@pytest.fixture
def yard(db: Database, client_of: Callable[..., TestClient], branches: None) -> Yard:
    return Yard(db, client_of(*ROLES, "customer"))


@pytest.fixture
def staff(client_of: Callable[..., TestClient]) -> TestClient:
    client = client_of(*ROLES)
    client.headers["Accept-Language"] = "en"
    return client


class Truck:
    """A truck with a tracker that stands in the middle between warehouse and shop."""

    def __init__(self, yard: Yard) -> None:
        self.yard, self.id, self._seq = yard, yard.trucks["沪A·12345"], 0

    def fix(self, at: int, lat: float, lon: float, speed_mps: float) -> None:
        self._seq += 1
        reading = Reading("gps-1", 7, self._seq, "fix", at, "gnss", at + 500,
                          FixBody(lat, lon, speed_mps=speed_mps, sats=9))  # fmt: skip
        sink = DetectorSink(self.yard.db, lambda _conn, _facts: None)
        with self.yard.db.tx() as conn:
            states = States(conn, vehicles.DETECTOR, [self.id])
            fences = sink._fence_index(conn)
            vehicles.observe(conn, states, self.id, [reading], fences, waiting=False, now=at)
            states.keep()


def test_OT11_trip_and_order_pages_say_when_and_why(yard: Yard, staff: TestClient) -> None:
    yard.order("SO-1", units=1)
    order = yard.api.get("/api/v1/orders/SO-1").json()["id"]
    trip = yard.trip(carries=(order,))
    page = staff.get("/trips/T-1").text
    assert "Expected" not in page  # the truck was never seen
    Truck(yard).fix(now_ms() - MIN, 31.3, 121.3, 12.0)
    page = staff.get("/trips/T-1").text
    assert "Expected" in page and "by the straight distance" in page and "a guess" in page
    unit = yard.units("SO-1")[0]["id"]
    yard.read(unit, "沪A·12345")
    for language, words in (("en", ("Expected", "by the straight distance")), ("zh", ("预计到达", "按直线距离估算"))):
        text = staff.get("/orders/SO-1", headers={"Accept-Language": language}).text
        assert all(word in text for word in words), language
    assert trip


def test_EX31_a_long_stop_stands_on_board_and_in_the_inbox_with_the_nearest_workshops(
    yard: Yard, staff: TestClient
) -> None:
    truck = Truck(yard)
    truck.fix(now_ms() - MIN, 31.3, 121.3, 0.0)
    with yard.db.tx() as conn:
        circle = {"type": "circle", "lat": 31.31, "lon": 121.3, "radius_m": 50}
        fleet.add_site(conn, code="R1", name_zh="老王修车", name_en="Wang's workshop", kind="repair", shape=circle)
        about = {"plate": truck.id, "holder": "沪A·12345"}
        incidents.begin(conn, Trouble("long_stop", truck.id, now_ms() - 50 * MIN, about), now_ms())
    staff.app.state.live = LiveHub(FleetTargets(yard.db))  # pyright: ignore[reportAttributeAccessIssue]
    answer = staff.get(f"/live/vehicles/{truck.id}")
    assert answer.status_code == 200
    panel = answer.text
    assert "A long stop on the way" in panel and "Wang&#39;s workshop" in panel and "1.1 km" in panel
    meta = staff.get("/live/meta.json").json()
    assert next(each["why"] for each in meta["vehicles"] if each["id"] == truck.id) == "A long stop on the way"
    [item] = staff.get("/api/v1/alerts").json()["items"]
    text = staff.get("/inbox", params={"item": item["id"]}).text
    assert "沪A·12345" in text and "Wang&#39;s workshop" in text


def test_the_door_says_how_it_was_opened_and_that_it_is_not_read(yard: Yard, staff: TestClient) -> None:
    trip = yard.trip()
    api = yard.api
    with yard.db.tx() as conn:
        door = yard.door
        row = {"id": "s-1", "door_id": door, "vehicle_id": yard.trucks["沪A·12345"], "trip_id": trip,
               "direction": "load", "from_ms": now_ms() - 30 * MIN, "to_ms": None, "opened_by": "position:f-1",
               "closed_by": None}  # fmt: skip
        repository.add_session(conn, row)
    page = staff.get(f"/doors/{door}").text
    assert "opened by the truck&#39;s own position" in page
    answer = api.post("/api/v1/sessions/s-1/correct", json={"direction": "unload"})
    assert answer.status_code == 200 and answer.json()["opened"]["how"] == "hand"
    assert "opened by hand" in staff.get(f"/doors/{door}").text
    assert api.post("/api/v1/sessions/s-1/correct", json={}).status_code == 422


def test_the_tag_of_a_trailer_is_bound_over_the_api(yard: Yard, client_of: Callable[..., TestClient]) -> None:
    truck = yard.trucks["沪A·12345"]
    path = f"/api/v1/vehicles/{truck}/tags"
    api = client_of("dispatcher")
    assert api.post(path, json={"epc": "3414257bf7194e406e8d3f05"}).json()["epc"] == "3414257BF7194E406E8D3F05"
    assert api.post(path, json={"epc": "3414257bf7194e406e8d3f05"}).status_code == 409
    assert api.post(path, json={"epc": yard.epc()}).status_code == 422
