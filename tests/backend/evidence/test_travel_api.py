"""Journeys over HTTP: trips of a vehicle, arrivals of a trip, the nearest help (OT-11, EX-27)."""

import pytest

from milepost.evidence.routers import Osrm
from milepost.evidence.sink import DetectorSink
from milepost.times import now_ms, to_rfc3339

from .conftest import Device
from .test_api import get, house, people, post  # noqa: F401 (fixtures)
from .test_geofence import at_m
from .test_routing import served

SHOP = at_m(30_000)


@pytest.fixture
def journey(house, people, db):  # noqa: F811
    """The truck stood for 20 minutes in the yard, left ten minutes ago and drives east to a shop 30 km away."""
    engineer, dispatcher = people["engineer"], people["dispatcher"]
    circle = {"type": "circle", "lat": SHOP[0], "lon": SHOP[1], "radius_m": 100}
    shop = post(dispatcher, "/sites", code="S", name_zh="店", name_en="Shop", kind="consignee", shape=circle)["id"]
    for number, x in enumerate((2_000, 15_000, 60_000)):
        lat, lon = at_m(x, 3_000)
        post(dispatcher, "/sites", code=f"R{number}", name_zh="修理厂", name_en=f"Repair {number}", kind="repair",
             shape={"type": "circle", "lat": lat, "lon": lon, "radius_m": 50})  # fmt: skip
    start = now_ms() - 1_800_000
    truck = post(dispatcher, "/vehicles", plate="沪A00002")["id"]
    post(engineer, "/devices", id="gps-a", role="tracker", name="Truck")
    post(engineer, "/bindings", device="gps-a", target_kind="vehicle", target_id=truck,
         from_=to_rfc3339(start - 1000))  # fmt: skip
    stops = [{"site": house["site"]}, {"site": shop}]
    trip = post(dispatcher, "/trips", number="T2", kind="line", stops=stops, at=to_rfc3339(start - 1000))["id"]
    post(dispatcher, f"/trips/{trip}/vehicle", 200, vehicle=truck, from_=to_rfc3339(start - 1000))
    device = Device("gps-a")
    fixes = [device.fix(start + n * 10_000, *at_m(0), 0.0) for n in range(120)]
    fixes += [device.fix(start + 1_200_000 + n * 10_000, *at_m(150.0 * n), 15.0) for n in range(60)]
    sink = DetectorSink(db, lambda _conn, _facts: None)
    with db.tx() as conn:
        sink.observe(conn, {"gps-a": fixes})
    return {"vehicle": truck, "yard": house["site"], "shop": shop, "trip": trip, "start": start}


def span(journey) -> dict:
    return {"from": to_rfc3339(journey["start"] - 60_000), "to": to_rfc3339(journey["start"] + 86_400_000)}


def test_trips_and_stops_of_a_vehicle_with_what_it_does_now(journey, people):  # noqa: F811
    found = get(people["dispatcher"], f"/vehicles/{journey['vehicle']}/trips", **span(journey))
    stop, trip = found["items"]
    assert (stop["kind"], stop["ended_by"], stop["rev"]) == ("stop", "departure", 0)
    assert stop["from"] == to_rfc3339(journey["start"])
    assert (trip["kind"], trip["id"], trip["ended_by"]) == ("trip", None, None)
    assert trip["distance_m"] == pytest.approx(150 * 59, rel=0.01)
    assert (trip["from"], found["long_stop"], found["more"]) == (stop["to"], False, False)


@pytest.mark.requirement("EX-27")
def test_EX27_the_nearest_repair_shops_from_where_it_was_last_seen(journey, people):  # noqa: F811
    found = get(people["dispatcher"], f"/vehicles/{journey['vehicle']}/help", limit=2)
    assert [each["name_en"] for each in found] == ["Repair 1", "Repair 0"]
    assert found[0]["distance_m"] == pytest.approx(6_846, rel=0.01)


def test_a_vehicle_never_seen_and_a_foreign_one_are_not_found(house, people):  # noqa: F811
    get(people["dispatcher"], f"/vehicles/{house['vehicle']}/help", 404)
    get(people["dispatcher"], "/vehicles/none/help", 404)
    get(people["dispatcher"], "/trips/none/eta", 404)


def test_the_arrival_of_a_trip_without_a_router_is_a_guess_with_a_wide_interval(journey, people):  # noqa: F811
    found = get(people["dispatcher"], f"/trips/{journey['trip']}/eta")
    assert found["vehicle"] == journey["vehicle"]
    (arrival,) = found["items"]  # the yard was left
    assert (arrival["site"], arrival["confidence"]) == (journey["shop"], "low")
    assert arrival["reasons"][-1] == "guess"
    assert arrival["distance_m"] == pytest.approx(1.3 * (30_000 - 59 * 150), rel=0.01)
    assert arrival["earliest"] < arrival["at"] < arrival["latest"]


def test_a_router_of_the_settings_is_asked_and_its_failure_leaves_the_guess(journey, people):  # noqa: F811
    with served({"code": "Ok", "routes": [{"legs": [{"distance": 25_000, "duration": 1_500}]}]}) as (url, asked):
        people.app.state.router = Osrm(url)
        (arrival,) = get(people["dispatcher"], f"/trips/{journey['trip']}/eta")["items"]
        assert (arrival["distance_m"], arrival["confidence"]) == (25_000, "medium")
        assert len(asked) == 1
    (arrival,) = get(people["dispatcher"], f"/trips/{journey['trip']}/eta")["items"]
    assert "guess" in arrival["reasons"]


def test_a_trip_that_nobody_drives_has_no_arrivals(house, people):  # noqa: F811
    dispatcher = people["dispatcher"]
    trip = post(dispatcher, "/trips", number="T9", kind="line", stops=[{"site": house["site"]}])["id"]
    assert get(dispatcher, f"/trips/{trip}/eta") == {"trip": trip, "vehicle": None, "items": []}


def test_a_span_that_ends_before_it_begins_is_refused(house, people):  # noqa: F811
    later, now = to_rfc3339(now_ms()), to_rfc3339(now_ms() - 1000)
    get(people["dispatcher"], f"/vehicles/{house['vehicle']}/trips", 422, **{"from": later, "to": now})
