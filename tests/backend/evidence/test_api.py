"""The HTTP side of fleet, plan and evidence: roles, scopes, a door's day from registration to the closed session."""

import pytest

from milepost.evidence.sink import DetectorSink
from milepost.orders import service as orders
from milepost.times import to_rfc3339

from .conftest import T0, Accounts, Device, epc

CIRCLE = {"type": "circle", "lat": 31.2304, "lon": 121.4737, "radius_m": 150}


class People(dict):
    """Signed-in clients by role, made when first asked for (hashing a password is slow on purpose)."""

    def __init__(self, client_of) -> None:
        super().__init__()
        self._client_of = client_of
        self.app = client_of().app

    def __missing__(self, role: str):
        self[role] = self._client_of(role)
        return self[role]


@pytest.fixture
def people(client_of):
    found = People(client_of)
    found.app.state.accounts = Accounts()
    return found


def post(client, path, wanted=201, **body):
    answer = client.post(f"/api/v1{path}", json={name.rstrip("_"): value for name, value in body.items()})
    assert answer.status_code == wanted, answer.text
    return answer.json()


def get(client, path, wanted=200, **query):
    answer = client.get(f"/api/v1{path}", params=query)
    assert answer.status_code == wanted, answer.text
    return answer.json()


@pytest.fixture
def house(people, db):
    """A site with a door, its reader, a truck on a trip, and two units of an order that is not known to the orders."""
    engineer, dispatcher = people["engineer"], people["dispatcher"]
    site = post(dispatcher, "/sites", code="Y", name_zh="场", name_en="Yard", kind="origin", shape=CIRCLE)["id"]
    door = post(dispatcher, "/doors", site=site, number="1")["id"]
    vehicle = post(dispatcher, "/vehicles", plate="沪A00001")["id"]
    post(engineer, "/devices", id="reader-1", role="reader", name="Door 1")
    start = to_rfc3339(T0 - 1000)
    post(engineer, "/bindings", device="reader-1", target_kind="door", target_id=door, from_=start)
    trip = post(dispatcher, "/trips", number="T1", kind="line", stops=[{"site": site}], at=start)["id"]
    post(dispatcher, f"/trips/{trip}/vehicle", 200, vehicle=vehicle, from_=start)
    return {"site": site, "door": door, "vehicle": vehicle, "trip": trip}


def loaded(db, epcs):
    """The readings of a load that goes out, through the detectors and into the orders."""
    sink = DetectorSink(db, orders.on_facts)
    with db.tx() as conn:
        sink.observe(conn, {"reader-1": Device("reader-1").crossing(T0 + 60_000, "out", epcs)})


def test_a_day_at_a_door(people, house, db):
    from milepost.plan import service as plan  # noqa: PLC0415

    keeper = people["keeper"]
    with db.tx() as conn:
        one, two = plan.add_units(conn, "o", [{"epcs": [epc(0)]}, {"epcs": [epc(1)]}], at_ms=0)
        (stranger,) = plan.add_units(conn, "x", [{"epcs": [epc(2)]}], at_ms=0)
        plan.expect(conn, house["trip"], "o")
    assert get(keeper, f"/doors/{house['door']}")["session"] is None
    session = post(keeper, f"/doors/{house['door']}/sessions", vehicle=house["vehicle"], trip=house["trip"],
                   from_=to_rfc3339(T0))  # fmt: skip
    assert (session["done"], session["total"]) == (0, 2)
    loaded(db, (epc(0), epc(2), epc(77)))
    door = get(keeper, f"/doors/{house['door']}")
    assert {each["unit"]: each["done"] for each in door["session"]["expected"]} == {one.id: True, two.id: False}
    assert [each["unit"] for each in door["session"]["over"]] == [stranger.id]
    assert sorted(str(each["unit"]) for each in door["passages"]) == sorted([one.id, stranger.id, "None"])
    closed = post(keeper, f"/sessions/{session['id']}/close", 200, at=to_rfc3339(T0 + 90_000))
    assert (closed["short"], closed["over"]) == ([two.id], [stranger.id])
    assert get(keeper, f"/doors/{house['door']}")["session"] is None
    assert post(keeper, f"/sessions/{session['id']}/close", 409)["code"] == "conflict"
    facts = get(keeper, "/evidence", subject=f"unit:{one.id}")
    assert [(each["kind"], each["grade"], each["rule"]) for each in facts] == [("unit.loaded", "A", "door/1")]
    assert facts[0]["snapshot"]["gates"] and facts[0]["inputs"]
    kinds = {each["kind"] for each in get(keeper, "/evidence", subject=f"vehicle:{house['vehicle']}")}
    assert kinds == {"trip.vehicle", "unit.loaded", "session.closed"}


def test_a_trip_shows_its_vehicle_and_commands_are_done_once_per_key(people, house):
    dispatcher = people["dispatcher"]
    trip = get(dispatcher, f"/trips/{house['trip']}")
    assert [each["vehicle"] for each in trip["vehicles"]] == [house["vehicle"]]
    body = {"number": "T2", "kind": "delivery", "stops": [{"site": house["site"]}]}
    first, again = (
        dispatcher.post("/api/v1/trips", json=body, headers={"Idempotency-Key": "k1"}).json() for _ in range(2)
    )
    assert first == again
    other = dispatcher.post("/api/v1/trips", json={**body, "number": "T3"}, headers={"Idempotency-Key": "k1"})
    assert other.json()["code"] == "duplicate_key"
    assert [each["number"] for each in get(dispatcher, "/trips")] == ["T1", "T2"]
    assert post(dispatcher, "/trips", 409, **body)["code"] == "conflict"


def test_a_device_is_registered_configured_and_commanded(people, house):
    engineer = people["engineer"]
    made = post(engineer, "/devices", id="gps-1", role="tracker", name="T")
    assert engineer.app.state.accounts.passwords["gps-1"] == made["password"]
    assert "password" not in get(engineer, "/devices/gps-1")
    answer = engineer.put("/api/v1/devices/gps-1/config", json={"report_interval_s": 5})
    assert answer.json() == {"version": 1, "report_interval_s": 5} == get(engineer, "/devices/gps-1/config")
    command = post(engineer, "/devices/gps-1/commands", verb="locate")
    assert (command["state"], command["sent_count"]) == ("queued", 0)
    assert get(engineer, "/devices/gps-1/commands")[0]["id"] == command["id"]
    assert get(engineer, "/devices/reader-1")["target"] == {"kind": "door", "id": house["door"]}
    rotated = post(engineer, "/devices/gps-1/password", 200)
    assert rotated["password"] != made["password"]
    assert engineer.delete("/api/v1/devices/gps-1").status_code == 204
    assert get(engineer, "/devices/gps-1", 404)["code"] == "not_found"


def test_without_a_broker_no_device_is_registered(people):
    people.app.state.accounts = None
    assert post(people["engineer"], "/devices", 503, id="gps-1", role="tracker", name="T")["code"] == "unavailable"
    assert get(people["engineer"], "/devices") == []


def test_a_plate_that_looks_wrong_is_taken_with_a_warning(people):
    assert post(people["dispatcher"], "/vehicles", plate="沪AI0001")["warnings"]
    assert post(people["dispatcher"], "/vehicles", plate="AB-CDE 1234", country="DE")["warnings"] == []


def test_customers_and_strangers_do_none_of_this(people, client_of):
    closed = """post /vehicles, post /drivers, post /sites, post /doors, post /bindings, get /bindings, post /devices,
        get /devices, post /trips, post /trips/t/vehicle, post /trips/t/expected, post /doors/d/sessions,
        post /sessions/s/close, post /doors/d/appointments, post /devices/d/commands"""
    for client, wanted in ((people["customer"], 403), (client_of(), 401)):
        for each in closed.split(","):
            method, path = each.split()
            answer = client.request(method, f"/api/v1{path}", json={})
            assert answer.status_code == wanted, (each, answer.text)


def test_a_scope_sees_its_own_and_nothing_else(people, house, client_of, db):
    dispatcher = people["dispatcher"]
    north = post(dispatcher, "/vehicles", plate="沪A00009", branch="north")["id"]
    other = post(dispatcher, "/sites", code="Z", name_zh="乙", name_en="Z", kind="hub", shape=CIRCLE)["id"]
    far_door = post(dispatcher, "/doors", site=other, number="1")["id"]
    far_trip = post(dispatcher, "/trips", number="T9", kind="line", stops=[{"site": other}])["id"]
    keeper = client_of(("keeper", "site", house["site"]))
    clerk = client_of(("desk", "branch", "north"))
    driver = client_of(("driver", "vehicle", house["vehicle"]))
    assert [each["id"] for each in get(clerk, "/vehicles")] == [north]
    assert [each["id"] for each in get(driver, "/vehicles")] == [house["vehicle"]]
    assert [each["id"] for each in get(driver, "/trips")] == [house["trip"]]
    assert [each["id"] for each in get(keeper, "/doors")] == [house["door"]]
    assert get(keeper, "/vehicles") == []
    assert [each["id"] for each in get(keeper, "/trips")] == [house["trip"]], "those that stop at the keeper's site"
    assert get(keeper, f"/doors/{house['door']}")["number"] == "1"
    for path in (f"/doors/{far_door}", f"/sites/{other}", f"/vehicles/{north}", f"/trips/{far_trip}"):
        assert get(keeper, path, 404)["code"] == "not_found"
    for subject in (f"door:{far_door}", f"site:{other}", f"vehicle:{north}", "unit:nothing", f"trip:{far_trip}",
                    "order:nothing"):  # fmt: skip
        assert get(keeper, "/evidence", 404, subject=subject)["code"] == "not_found"
    assert post(keeper, f"/doors/{far_door}/sessions", 404, vehicle=house["vehicle"], trip=house["trip"])
    assert get(people["admin"], "/evidence", 422, subject="moon:1")["code"] == "validation"


def test_a_vehicle_has_no_track_in_a_process_without_a_store_of_readings(people, house):
    span = {"from": to_rfc3339(T0), "to": to_rfc3339(T0 + 60_000)}
    assert get(people["dispatcher"], f"/vehicles/{house['vehicle']}/track", 503, **span)["code"] == "unavailable"
