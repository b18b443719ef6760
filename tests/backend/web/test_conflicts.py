"""What contradicts itself at the docks, from the readings of two doors to inbox and pages, and who settles it.

Notes on RFID, section 5 (conflict rules); REQUIREMENTS EX-22, T13, T14, OT-7.
"""

import sys
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from test_trip_pages import Yard

from milepost.db import Database
from milepost.evidence import log, sessions
from milepost.evidence.model import Author, Fact, fact_id
from milepost.evidence.sink import DetectorSink
from milepost.fleet import service as fleet
from milepost.orders import service as orders
from milepost.plan import service as plan
from milepost.telemetry.model import GateBody, Reading, TagBody
from milepost.times import now_ms

ROLES = ("desk", "call_centre", "branch_manager", "dispatcher", "keeper", "driver")
MIN = 60_000
A, B = "沪A·12345", "苏E·08216"


class NoBroker:
    def put(self, device_id: str, password: str) -> None: ...

    def remove(self, device_id: str) -> None: ...


class Docks(Yard):
    """Two trucks at two doors with readers, each with its trip and its order of two units."""

    def __init__(self, db: Database, api: TestClient) -> None:
        super().__init__(db, api)
        self.t0 = now_ms() - 60 * MIN  # of the loading
        self.sink = DetectorSink(db, orders.on_facts)
        self.ids = {A: self.order("SO-1", units=2), B: self.order("SO-2", units=2)}
        self.trips = {A: self.trip("T-1", A, carries=(self.ids[A],)), B: self.trip("T-2", B, carries=(self.ids[B],))}
        self.doors, self.sessions, self.places, self._seq = {}, {}, {}, {A: 0, B: 0}
        with db.tx() as conn:
            for number, plate in (("7", A), ("8", B)):
                door = fleet.add_door(conn, site_id=self.sites["DC1"], number=number)
                fleet.register_device(conn, device_id=f"dr-{number}", role="reader", name="r", accounts=NoBroker())
                fleet.bind(conn, f"dr-{number}", "door", door, 0)
                row, _ = sessions.open_session(
                    conn, door=door, vehicle=self.trucks[plate], trip=self.trips[plate], direction="load",
                    from_ms=self.t0, by="k",
                )  # fmt: skip
                self.doors[plate], self.sessions[plate], self.places[plate] = number, row["id"], door

    def epc_of(self, plate: str, no: int) -> str:
        unit = self.units(self.ids[plate])[no]["id"]
        with self.db.read() as conn:
            return plan.get_unit(conn, unit).epcs[0]

    def pass_through(self, plate: str, epc: str, minute: float) -> list[int]:
        """A load with this tag goes out of the door of a truck, reading by reading as they come. Returns the times
        after which each new item of the inbox stood there, in ms since the load left the second gate."""
        at, device = self.t0 + int(minute * MIN), f"dr-{self.doors[plate]}"
        levels = [(-700, -61), (0, -57), (500, -54), (1000, -58), (1500, -63)]
        rows: list[tuple[int, int, str, Any]] = [
            (at + after, at + after, "gate", GateBody(gate, state, 0))
            for after, gate, state in ((0, "inner", True), (500, "outer", True), (1000, "inner", False),
                                       (1600, "outer", False))
        ]  # fmt: skip
        for after, level in levels:
            body = TagBody(epc, 0x3000, 0, level, level - 2, level - 2, None, None, None, at + after + 450, 8)
            rows.append((at + after, at + after + 450, "tag", body))
        alarms: list[int] = []
        for when, written, kind, body in sorted(rows, key=lambda row: row[1]):
            self._seq[plate] += 1
            reading = Reading(device, 7, self._seq[plate], kind, when, "ntp", written + 200, body)
            before = len(self.inbox())
            with self.db.tx() as conn:
                facts = self.sink.observe(conn, {device: [reading]})
                if facts:
                    orders.on_facts(conn, facts)
            if len(self.inbox()) > before:
                alarms.append(written + 200 - (at + 1600))
        return alarms

    def drove(self, kind: str, plate: str, site: str, minute: float) -> Fact:
        """The truck stopped at a site, or left it."""
        subjects = {"vehicle": self.trucks[plate], "site": self.sites[site]}
        return Fact(id=fact_id(kind, subjects, (str(minute),)), kind=kind, at=self.t0 + int(minute * MIN),
                    subjects=subjects, by=Author("device", "gps-1"), source="gnss", body={}, confidence=0.99, grade="B",
                    inputs=(str(minute),))  # fmt: skip

    def inbox(self) -> list[str]:
        return sorted(item["kind"] for item in self.api.get("/api/v1/alerts").json()["items"])

    def state(self, plate: str) -> dict[str, Any]:
        return self.api.get(f"/api/v1/orders/{self.ids[plate]}").json()


@pytest.fixture
def docks(db: Database, client_of: Callable[..., TestClient], branches: None, monkeypatch: pytest.MonkeyPatch) -> Docks:
    """Everything was planned and confirmed two hours ago."""
    with monkeypatch.context() as past:
        for module in list(sys.modules.values()):
            if module.__name__.startswith("milepost") and getattr(module, "now_ms", None) is now_ms:
                past.setattr(module, "now_ms", lambda: now_ms() - 120 * MIN)
        return Docks(db, client_of(*ROLES))


@pytest.fixture
def staff(client_of: Callable[..., TestClient]) -> TestClient:
    client = client_of(*ROLES)
    client.headers["Accept-Language"] = "en"
    return client


@pytest.mark.requirement("T13", "EX-22")
def test_EX22_a_unit_on_the_wrong_truck_alarms_within_three_seconds_and_counts_for_neither(docks, staff):
    alarms = docks.pass_through(B, docks.epc_of(A, 0), 5)
    assert docks.inbox() == ["wrong_truck"]
    assert len(alarms) == 1 and alarms[0] <= 3_000
    for plate in (A, B):
        assert docks.state(plate)["tally"]["loaded"] == 0
    with docks.db.tx() as conn:
        _, facts = sessions.close_session(conn, docks.sessions[A], docks.t0 + 20 * MIN, Author("keeper", "k"))
        orders.on_facts(conn, facts)
    assert docks.inbox() == ["short", "wrong_truck"]  # and the order that misses it shows it short
    assert "Put it down" in staff.get(f"/doors/{docks.places[B]}").text


@pytest.mark.requirement("T14", "EX-22", "OT-7")
def test_EX22_a_unit_that_two_trucks_claim_holds_both_until_a_person_has_looked(docks, staff):
    tag = docks.epc_of(A, 0)
    docks.pass_through(A, tag, 5)
    assert docks.state(A)["tally"]["loaded"] == 1
    docks.pass_through(B, tag, 25)
    assert docks.inbox() == ["two_trucks"]
    unit = docks.units(docks.ids[A])[0]
    assert (unit["frozen"], unit["state"]) == (True, "loaded")
    for number in ("T-1", "T-2"):
        page = staff.get(f"/trips/{number}").text
        assert "Do not leave yet" in page and A in page and B in page, number
    for plate in (A, B):
        refused = docks.api.post(f"/api/v1/trips/{docks.trips[plate]}/load-sign", json={"pieces": 1, "cautions": []})
        assert (refused.status_code, refused.json()["code"]) == (409, "illegal_step")
        assert "another truck claims it" in refused.json()["detail"]
    answer = docks.api.post(
        f"/api/v1/orders/{docks.ids[A]}/load",
        json={"unit": unit["id"], "vehicle": docks.trucks[A], "site": docks.sites["DC1"], "source": "scan"},
    )
    assert answer.is_success, answer.text
    assert docks.inbox() == []
    assert "Do not leave yet" not in staff.get("/trips/T-1").text
    signed = docks.api.post(f"/api/v1/trips/{docks.trips[A]}/load-sign", json={"pieces": 1, "cautions": []})
    assert signed.is_success, signed.text


def test_what_no_list_of_the_trip_knows_is_over_and_an_unknown_tag_is_none_of_it(docks):
    with docks.db.tx() as conn:
        plan.expect(conn, docks.trips[A], docks.ids[A], [docks.units(docks.ids[A])[0]["id"]], remove=True)
    docks.pass_through(A, docks.epc_of(A, 1), 5)
    docks.pass_through(A, "3034F8000000000000ABCDEF", 7)
    assert docks.inbox() == []
    with docks.db.tx() as conn:
        row, facts = sessions.close_session(conn, docks.sessions[A], docks.t0 + 20 * MIN, Author("keeper", "k"))
        orders.on_facts(conn, facts)
    assert (facts[-1].body["short"], facts[-1].body["over"]) == ([], [])
    assert row["to_ms"] == docks.t0 + 20 * MIN


@pytest.mark.parametrize(
    ("stops", "zh", "en"),
    [
        (("MILL",), ("卸错了站", "司机装回去"), ("Put off at the wrong stop", "Have it taken aboard again")),
        (
            ("S14", "MILL"),
            ("到站没卸，留在车上", "告诉收货方"),
            ("Left on the vehicle at its stop", "Tell the consignee"),
        ),
    ],
)
def test_F3_4_goods_off_at_a_stop_that_is_not_theirs_are_told_by_name_with_what_to_do(docks, staff, stops, zh, en):
    tag = docks.epc_of(A, 0)
    docks.pass_through(A, tag, 5)
    unit = docks.units(docks.ids[A])[0]["id"]
    with docks.db.tx() as conn:
        docks.sites["MILL"] = fleet.add_site(
            conn, code="MILL", name_zh="磨坊", name_en="Mill", kind="consignee",
            shape={"type": "circle", "lat": 31.4, "lon": 121.2, "radius_m": 200},
        )  # fmt: skip
        told = [docks.drove("vehicle.left", A, "DC1", 25)]
        for n, stop in enumerate(stops):
            told += [
                docks.drove("vehicle.stopped", A, stop, 30 + 4 * n),
                docks.drove("vehicle.left", A, stop, 33 + 4 * n),
            ]
        told.pop()  # it still stands at the last one
        subjects = {"unit": unit, "vehicle": docks.trucks[A], "site": docks.sites["MILL"]}
        told.append(Fact(id=fact_id("unit.unloaded", subjects, ("x",)), kind="unit.unloaded", at=docks.t0 + 40 * MIN,
                         subjects=subjects, by=Author("device", "dr-m"), source="rfid", body={}, confidence=0.97,
                         grade="B", inputs=("x",)))  # fmt: skip
        orders.on_facts(conn, log.append(conn, told))
    kind = "left_on_vehicle" if "S14" in stops else "misdropped"
    [item] = [each for each in docks.api.get("/api/v1/alerts").json()["items"] if each["kind"] == kind]
    for language, words in (("zh", zh), ("en", en)):
        for path in (f"/inbox?item={item['id']}", "/orders/SO-1"):
            page = staff.get(path, headers={"Accept-Language": language}).text
            assert all(word in page for word in words), (path, language)
    assert {"zh": "磨坊", "en": "Mill"}["zh"] in item["detail"]["zh"] and "Mill" in item["detail"]["en"]
