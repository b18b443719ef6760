"""The whole way of a foreign device: through the spool into store, detectors, board and contact, like one of ours."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from milepost.fleet import devices
from milepost.ingest.foreign.jt808.decode import LOCATION_BATCH
from milepost.ingest.screen import Screen
from milepost.ingest.sinks import SinkRunner
from milepost.ingest.spool import Message
from milepost.live.hub import LiveHub
from milepost.live.targets import FleetTargets
from milepost.parts import sinks_of
from milepost.telemetry.sqlite import SqliteTelemetry
from milepost.times import now_ms, to_rfc3339
from milepost_device import wire

from .conftest import House, until
from .terminal import batch, location, result

YARD = {"type": "circle", "lat": 31.23, "lon": 121.47, "radius_m": 100}
METRE = 1 / 111_195  # degrees of latitude
Fix = tuple[int, float, float]  # UTC ms, latitude, m/s


def drive(end_ms: int) -> list[Fix]:
    """From 500 m south of the yard into its middle, four minutes there, and 500 m on to the north; a fix every 5 s."""
    places = [(-500 + 50 * n, 10.0) for n in range(11)] + [(0, 0.0)] * 48 + [(50 * n, 10.0) for n in range(1, 11)]
    start = (end_ms // 1000 - 5 * len(places)) * 1000
    return [(start + 5_000 * n, round(31.23 + way * METRE, 6), speed) for n, (way, speed) in enumerate(places)]


class Company:
    """The house of the intake with everything behind it, and vehicles whose devices drive."""

    def __init__(self, house: House, client: TestClient, store: SqliteTelemetry, hub: LiveHub) -> None:
        self.house, self.client, self.hub = house, client, hub
        sinks = sinks_of(house.spool, house.db, store, lambda _device: None, hub, 400)
        self.runners = [SinkRunner(each, house.spool) for each in (Screen(house.spool), *sinks)]
        self.post("/sites", code="Y", name_zh="场", name_en="Yard", kind="origin", shape=YARD)
        for each in self.runners:
            each.start()

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        answer = self.client.post(f"/api/v1{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def vehicle(self, plate: str, device: str) -> str:
        """A vehicle with this device on it since an hour ago."""
        made = self.post("/vehicles", plate=plate)["id"]
        since = to_rfc3339(now_ms() - 90_000_000)
        self.post("/bindings", **{"device": device, "target_kind": "vehicle", "target_id": made, "from": since})
        return made

    def drained(self) -> None:
        until(lambda: all(each.position >= self.house.spool.last_id() for each in self.runners))
        assert [each.error for each in self.runners] == [None] * len(self.runners)

    def facts(self, vehicle: str) -> list[tuple[str, str]]:
        """(time, kind) of what is told of a vehicle and not retracted."""
        found = self.client.get("/api/v1/evidence", params={"subject": f"vehicle:{vehicle}"}).json()
        return sorted((each["at"], each["kind"]) for each in found
                      if not each["retracted"] and each["kind"] != "fact.retracted")  # fmt: skip

    def close(self) -> None:
        for each in self.runners:
            each.stop()


@pytest.fixture
def company(house: House, client_of: Callable[..., TestClient], tmp_path: Path) -> Iterator[Company]:
    store = SqliteTelemetry(tmp_path / "telemetry.db")
    hub = LiveHub(FleetTargets(house.db), spool_end=house.spool.last_id())
    client: Any = client_of("engineer", "dispatcher", "admin")
    client.app.state.foreign = house.intake
    client.app.state.telemetry, client.app.state.live = store, hub
    made = Company(house, client, store, hub)
    yield made
    made.close()
    store.close()


def test_a_terminal_and_a_phone_prove_the_same_as_our_own_tracker(company: Company) -> None:
    way = drive(now_ms())
    with company.house.db.tx() as conn:
        devices.enter_device(conn, device_id="ours", role="tracker", name="Ours")
    company.post("/foreign/adopt", protocol="jt808", identifier="013912345678")
    token = company.post("/foreign/adopt", protocol="osmand", identifier="osm1")["secret"]
    vehicles = [company.vehicle(f"沪A1000{n}", device) for n, device in enumerate(("ours", "013912345678", "osm1"))]

    writer = wire.BatchWriter(60_000)
    writer.begin(4711, 1, 1, 1, 0)
    for at, lat, speed in way:
        assert writer.add(wire.Fix(t=at // 1000 - wire.EPOCH, lat_e6=round(lat * 1e6), lon_e6=121_470_000,
                                   speed_dmps=round(speed * 10), sats=9))  # fmt: skip
    company.house.spool.append([Message("ours", "up", now_ms(), bytes(writer.finish()))])
    company.house.intake.directory.refresh()
    terminal = company.house.terminal()
    for at, lat, speed in way:
        assert terminal.report(location(at, lat, 121.47, speed_mps=speed)) == 0
        query = f"id=osm1&lat={lat}&lon=121.47&timestamp={at}&speed={speed}&speed_unit=mps&token={token}"
        assert company.client.get(f"/api/v1/osmand?{query}").status_code == 200
    company.drained()

    ours, terminals, phones = map(company.facts, vehicles)
    assert [kind for _, kind in ours] == ["vehicle.entered", "vehicle.stopped", "vehicle.left"]
    assert terminals == ours
    assert phones == ours

    company.hub.tick()
    rows = {row[0]: row for row in company.hub.full().v}
    assert [rows[each][7] for each in vehicles] == [way[-1][0]] * 3
    assert [rows[each][5] for each in vehicles] == ["moving"] * 3
    for device in ("013912345678", "osm1"):
        contact = company.client.get(f"/api/v1/devices/{device}").json()["contact"]
        assert (contact["online"], contact["last_record_at"]) == (True, to_rfc3339(way[-1][0]))


def test_a_backlog_newest_first_shuffled_and_doubled_proves_the_same_as_in_order(company: Company) -> None:
    way = drive(now_ms() - 80_000_000) + drive(now_ms() - 40_000_000)
    bodies = [location(at, lat, 121.47, speed_mps=speed) for at, lat, speed in way]
    numbers = ("013900000001", "013900000002", "013900000003")
    for number in numbers:
        company.post("/foreign/adopt", protocol="jt808", identifier=number)
    vehicles = [company.vehicle(f"沪A2000{n}", number) for n, number in enumerate(numbers)]
    company.house.intake.directory.refresh()
    groups = [bodies[at : at + 12] for at in range(0, len(bodies), 12)]
    newest_first = [group[::-1] for group in reversed(groups) for _ in range(2)]
    shuffled = random.Random(5).sample(groups * 2, len(groups) * 2)
    for number, sent in zip(numbers, (groups, newest_first, shuffled), strict=True):
        terminal = company.house.terminal(number)
        for group in sent:
            assert result(terminal.send(LOCATION_BATCH, batch(group))) == 0
    company.drained()

    expected = company.facts(vehicles[0])
    assert [kind for _, kind in expected].count("vehicle.stopped") == 2
    until(lambda: [company.facts(each) for each in vehicles[1:]] == [expected, expected])
    for number in numbers:
        span = {"kind": "fix", "limit": 1000, "from": to_rfc3339(way[0][0]), "to": to_rfc3339(now_ms())}
        stored = company.client.get(f"/api/v1/devices/{number}/readings", params=span).json()["items"]
        assert [each["at"] for each in stored] == [to_rfc3339(at) for at, _, _ in way]
        assert {each["quality"] for each in stored} == {None}
        complete = company.client.get(f"/api/v1/devices/{number}/completeness", params=span).json()
        assert complete["numbered"] is False  # a gap between two times of fixes proves nothing
        assert {each["missing"] for each in complete["hours"]} == {0}


def test_one_jump_over_the_fence_sent_twice_is_no_departure(company: Company) -> None:
    """Leaving takes two fixes outside: the same one, sent again because its answer was lost, is not two."""
    company.post("/foreign/adopt", protocol="jt808", identifier="013912345678")
    vehicle = company.vehicle("沪A30000", "013912345678")
    company.house.intake.directory.refresh()
    terminal = company.house.terminal()
    way = drive(now_ms())[:40]
    for at, lat, speed in way:
        terminal.report(location(at, lat, 121.47, speed_mps=speed))
    jump = location(way[-1][0] + 5_000, 31.23 + 140 * METRE, 121.47)
    for body in (jump, jump, location(way[-1][0] + 10_000, 31.23, 121.47)):
        terminal.report(body)
        company.drained()
    assert [kind for _, kind in company.facts(vehicle)] == ["vehicle.entered", "vehicle.stopped"]
