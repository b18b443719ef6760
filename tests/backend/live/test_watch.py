"""One incident while a device is out of contact, and none for outages of our own."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import insert, update

from milepost.access.model import SYSTEM
from milepost.alerts import devices as incidents
from milepost.alerts import service as alerts
from milepost.alerts.service import Filter
from milepost.db import Database
from milepost.fleet import devices, repository, service
from milepost.ingest.ears import BREAK_MS, Ear, Ears, ears
from milepost.ingest.tables import device_contact, ingest_ear
from milepost.live.state import Limits
from milepost.live.targets import limits_of
from milepost.live.watch import ContactWatch, Heard, is_out, sign_of

T0 = 1_777_800_000_000
MINUTE = 60_000
LONG_AGO = T0 - 1000 * MINUTE
LIMITS = Limits()  # stale after 60 s, offline after 10 minutes


# --- the rule ---


def test_a_device_is_out_when_it_was_silent_for_its_offline_limit() -> None:
    ear = Ear(T0 - 10_000 * MINUTE, T0)
    assert is_out(Heard(T0 - 10 * MINUTE, None), LIMITS, ear)
    assert not is_out(Heard(T0 - 10 * MINUTE + 1, None), LIMITS, ear)
    assert not is_out(Heard(T0 - 10 * MINUTE, None), Limits.of_interval(120), ear)  # it means to report every 2 minutes


def test_a_last_will_counts_once_the_device_has_been_gone_for_its_stale_limit() -> None:
    ear = Ear(T0 - 10_000 * MINUTE, T0)
    assert is_out(Heard(T0 - 70_000, T0 - 60_000), LIMITS, ear)
    assert not is_out(Heard(T0 - 70_000, T0 - 59_999), LIMITS, ear)
    assert not is_out(Heard(T0 - 50_000, T0 - 60_000), LIMITS, ear)  # it has spoken since


def test_silence_that_nobody_listened_to_counts_nothing() -> None:
    heard = Heard(T0 - 100 * MINUTE, T0 - 99 * MINUTE)
    for listened in (0, 1, 9):
        assert not is_out(heard, LIMITS, Ear(T0 - listened * MINUTE, T0))
    assert is_out(heard, LIMITS, Ear(T0 - 10 * MINUTE, T0))


def test_a_device_that_was_never_heard_is_not_missed() -> None:
    assert not is_out(Heard(None, T0 - 100 * MINUTE), LIMITS, Ear(0, T0))
    assert sign_of(Heard(None, None), LIMITS, T0) is None


def test_the_sign_of_a_device_follows_its_own_interval() -> None:
    signs = [sign_of(Heard(T0 - age, None), LIMITS, T0) for age in (59_999, 60_000, 599_999, 600_000)]
    assert signs == ["live", "stale", "stale", "offline"]
    assert sign_of(Heard(T0 - 2_000, T0 - 1_000), LIMITS, T0) == "offline"
    assert limits_of("reader", {"health_interval_s": 60}) == Limits(180_000, 600_000)
    assert limits_of("reader", {}) == limits_of("tracker", {}) == Limits(900_000, 3_000_000)
    assert limits_of("tracker", {"stationary_interval_s": 30}) == Limits(90_000, 600_000)
    for nonsense in ("often", None, True, float("nan"), -1, [3]):  # which the device refuses, and goes on as before
        assert limits_of("tracker", {"stationary_interval_s": nonsense}) == limits_of("tracker", {})


# --- the ears ---


def test_an_ear_is_unbroken_until_it_has_heard_nothing_for_half_a_minute(db: Database) -> None:
    now, parts = [T0], ["a"]
    ear = Ears(db, lambda: parts, lambda: now[0])

    def heard() -> Ear:
        ear.note()
        with db.read() as conn:
            return ears(conn)["a"]

    assert heard() == Ear(T0, T0)
    now[0] += BREAK_MS
    assert heard() == Ear(T0, T0 + BREAK_MS)
    parts.clear()  # the broker is away, or a sink is behind
    now[0] += BREAK_MS
    assert heard() == Ear(T0, T0 + BREAK_MS)
    parts.append("a")
    now[0] += 1
    assert heard() == Ear(now[0], now[0])
    now[0] -= 3_600_000  # a clock that was put back holds nothing up
    assert heard() == Ear(now[0], now[0])


# --- the incidents ---


@dataclass
class Fleet:
    """Devices, some on vehicles and at doors, that report when told so. `now`: UTC ms, what was heard until."""

    db: Database
    now: int = T0
    since: int = T0 - 600 * MINUTE
    ids: dict[str, str] = field(default_factory=dict)

    def vehicle(self, device: str, branch: str = "b1") -> None:
        with self.db.tx() as conn:
            devices.enter_device(conn, device_id=device, role="tracker", name=device)
            devices.set_config(conn, device, {"stationary_interval_s": 20})
            made = self.ids[device] = service.add_vehicle(conn, plate=f"沪A{len(self.ids):05}", branch=branch)
            service.bind(conn, device, "vehicle", made, LONG_AGO)

    def heard(self, *names: str, **more: Any) -> None:
        with self.db.tx() as conn:
            for name in names:
                values = {"last_heard_at": self.now, "gone_at": None, "online": True, "updated_at": self.now, **more}
                done = conn.execute(update(device_contact).where(device_contact.c.device == name).values(values))
                if not done.rowcount:
                    conn.execute(insert(device_contact).values(device=name, **values))

    def wait(self, minutes: float) -> None:
        self.now += int(minutes * MINUTE)
        self.listen()
        ContactWatch(self.db).round()
        ContactWatch(self.db).round()

    def listen(self) -> None:
        with self.db.tx() as conn:
            conn.execute(ingest_ear.delete())
            conn.execute(
                insert(ingest_ear),
                [{"part": f"{n:x}", "since_ms": self.since, "until_ms": self.now} for n in range(16)],
            )

    def inbox(self, **wanted: Any) -> list[dict[str, Any]]:
        with self.db.read() as conn:
            return alerts.listing(conn, SYSTEM, Filter(**wanted), limit=200)["items"]


@pytest.fixture
def fleet(db: Database) -> Fleet:
    return Fleet(db)


def test_one_incident_until_the_device_is_back_which_tells_how_long(fleet: Fleet) -> None:
    fleet.vehicle("gps-1")
    fleet.heard("gps-1")
    fleet.wait(9.9)
    assert fleet.inbox() == []
    fleet.wait(0.1)
    fleet.wait(60)
    [item] = fleet.inbox()
    assert (item["kind"], item["cause"], item["device"], item["order_id"]) == (
        "vehicle_offline", "vehicle_offline:gps-1", "gps-1", None,
    )  # fmt: skip
    assert (item["branch"], item["urgency"], item["can"]) == ("b1", "shift", ["acknowledge", "assign", "snooze"])
    assert item["detail"]["zh"].startswith("沪A00000，设备 gps-1，05-03 17:20 之后没有消息")
    assert item["detail"]["en"].startswith("沪A00000, device gps-1, nothing heard since 05-03 17:20")
    fleet.now += MINUTE
    fleet.heard("gps-1")
    back = fleet.now
    fleet.wait(1)
    assert fleet.inbox() == []
    [item] = fleet.inbox(state="resolved")
    assert item["closed_at"][:16] == "2026-05-03T10:31" and back - T0 == 71 * MINUTE
    assert item["resolved"]["by"] is None and item["data"]["ended"] == "heard"


def test_a_flapping_link_is_one_incident(fleet: Fleet) -> None:
    fleet.vehicle("gps-1")
    fleet.heard("gps-1")
    for _ in range(3):
        fleet.wait(11)
        [item] = fleet.inbox()
        fleet.heard("gps-1")
        fleet.wait(1)
        assert fleet.inbox() == []
    assert len(fleet.inbox(state="resolved")) == 1
    assert item["data"]["attempt"] == 3 and "3 times" in item["detail"]["en"]
    fleet.now += incidents.REOPEN_MS
    fleet.heard("gps-1")
    fleet.wait(11)
    assert len(fleet.inbox()) == 1 and len(fleet.inbox(state="resolved")) == 1  # after half an hour it is a new one


def test_only_devices_that_should_report_are_missed(fleet: Fleet) -> None:
    fleet.vehicle("gps-1")
    fleet.vehicle("never")
    with fleet.db.tx() as conn:
        devices.enter_device(conn, device_id="spare", role="tracker", name="spare")
    fleet.heard("gps-1", "spare")
    fleet.wait(100)
    assert [item["device"] for item in fleet.inbox()] == ["gps-1"]
    # Who takes it off the vehicle, or out of service, means it: nobody waits for it any more.
    with fleet.db.tx() as conn:
        [row] = repository.bindings(conn, device_id="gps-1")
        service.unbind(conn, row["id"], fleet.now)
    fleet.wait(1)
    assert fleet.inbox() == [] and fleet.inbox(state="resolved")[0]["data"]["ended"] == "unbound"


def test_a_reader_at_a_door_is_missed_at_once(fleet: Fleet) -> None:
    with fleet.db.tx() as conn:
        devices.enter_device(conn, device_id="door-1", role="reader", name="door-1")
        shape = {"type": "circle", "lat": 31.2, "lon": 121.4, "radius_m": 200}
        site = service.add_site(conn, code="S1", name_zh="嘉定", name_en="Jiading", kind="hub", shape=shape,
                                branch="b1")  # fmt: skip
        service.bind(conn, "door-1", "door", service.add_door(conn, site_id=site, number="4"), LONG_AGO)
    fleet.heard("door-1")
    fleet.wait(0.5)
    fleet.heard("door-1", last_heard_at=T0, gone_at=fleet.now, online=False)
    fleet.wait(14)
    assert fleet.inbox() == []  # its health comes every 5 minutes: gone for less than three of these
    fleet.wait(1)
    [item] = fleet.inbox()
    assert (item["kind"], item["urgency"], item["site"], item["branch"]) == ("door_offline", "now", site, "b1")
    assert item["detail"]["en"].startswith("Jiading door 4, device door-1")


def test_a_restart_of_the_service_opens_no_flood(fleet: Fleet) -> None:
    names = [f"gps-{n}" for n in range(60)]
    for name in names:
        fleet.vehicle(name)
    fleet.heard(*names)
    fleet.now += 300 * MINUTE  # the service was down for five hours, or its broker was
    fleet.since = fleet.now
    fleet.heard(*names, last_heard_at=T0, gone_at=fleet.now, online=False)  # all last wills come at once
    for _ in range(9):
        fleet.wait(1)
        assert fleet.inbox() == []
    fleet.heard(*names[:-1])  # the devices come back in their own time
    fleet.wait(1)
    assert [item["device"] for item in fleet.inbox()] == ["gps-59"]  # and who does not, is missed


def test_nothing_is_judged_while_nobody_listens(fleet: Fleet) -> None:
    fleet.vehicle("gps-1")
    fleet.heard("gps-1")
    fleet.listen()
    fleet.now += 600 * MINUTE
    ContactWatch(fleet.db).round()
    assert fleet.inbox() == []


@pytest.mark.parametrize("db", ["sqlite", "postgresql"], indirect=True)
def test_two_processes_open_one_incident(fleet: Fleet) -> None:
    fleet.vehicle("gps-1")
    fleet.heard("gps-1")
    fleet.wait(11)
    about = {"plate": fleet.ids["gps-1"]}
    silence = incidents.Trouble("vehicle_offline", "gps-1", T0, about, "b1", device="gps-1")
    with fleet.db.tx() as conn:
        assert not incidents.begin(conn, silence, fleet.now)  # what the other one had in mind
    assert len(fleet.inbox()) == 1


def test_people_take_it_on_within_their_scope(fleet: Fleet, client_of: Callable[..., TestClient]) -> None:
    fleet.vehicle("gps-1")
    fleet.vehicle("gps-2", branch="b2")
    fleet.heard("gps-1", "gps-2")
    fleet.wait(11)
    clerk = client_of(("dispatcher", "branch", "b1"))
    [item] = clerk.get("/api/v1/alerts").json()["items"]
    assert item["device"] == "gps-1" and item["order_number"] is None
    taken = clerk.post(f"/api/v1/alerts/{item['id']}/acknowledge", headers={"If-Match": str(item["version"])})
    assert (taken.status_code, taken.json()["state"]) == (200, "acknowledged")
    me = taken.json()["owner"]["id"]
    assert clerk.post(f"/api/v1/alerts/{item['id']}/assign", json={"to": me}).status_code == 200
    refused = clerk.post(f"/api/v1/alerts/{item['id']}/resolve", json={"word": "it is fine"})
    assert (refused.status_code, refused.json()["code"]) == (409, "illegal_step")
    both = client_of("engineer").get("/api/v1/alerts", params={"device": "gps-2"}).json()["items"]
    assert [each["device"] for each in both] == ["gps-2"]
