"""What a mounted device reports as wrong with it becomes one incident, and ends with its cause (EX-31)."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import insert, update

from milepost.access.model import SYSTEM
from milepost.alerts import service as alerts
from milepost.alerts.service import Filter
from milepost.db import Database
from milepost.evidence import signs
from milepost.evidence.sink import DetectorSink
from milepost.fleet import devices
from milepost.fleet import service as fleet
from milepost.ingest import placing
from milepost.ingest.decode import encode_placed
from milepost.ingest.model import UP, SpoolItem
from milepost.ingest.tables import device_contact
from milepost.live.troubles import SignsWatch, wrong_with
from milepost.telemetry.model import EventBody, FixBody, HealthBody, Reading
from milepost_device import wire

from .test_hub import item, time_of

T0 = 1_777_800_000_000
MINUTE = 60_000


class Truck:
    """A vehicle with tracker gps-1, which reports."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.now = T0
        self._seq = itertools.count(1)
        with db.tx() as conn:
            devices.enter_device(conn, device_id="gps-1", role="tracker", name="gps-1")
            self.id = fleet.add_vehicle(conn, plate="沪A12345", branch="b1")
            fleet.bind(conn, "gps-1", "vehicle", self.id, T0 - 600 * MINUTE)
            conn.execute(insert(device_contact).values(device="gps-1", online=True, updated_at=T0))

    def says(self, body: Any, at: int, clock: str = "gnss", received: int | None = None) -> None:
        kind = {EventBody: "event", HealthBody: "health", FixBody: "fix"}[type(body)]
        received = at if received is None else received
        reading = Reading("gps-1", 7, next(self._seq), kind, at, clock, received, body)
        with self.db.tx() as conn:
            signs.note(conn, "gps-1", reading)
            signs.note_clock(conn, "gps-1", reading)

    def alarm(self, at: int, *names: str) -> None:
        self.says(EventBody("alarm", {"names": list(names)}), at)

    def full(self, at: int, permille: int) -> None:
        self.says(HealthBody({"outbox_permille": permille, "uptime_s": 4}), at)

    def heard(self, record_at: int, at: int | None = None) -> None:
        with self.db.tx() as conn:
            conn.execute(update(device_contact).values(last_record_at=record_at, last_heard_at=at or record_at))

    def inbox(self, **wanted: Any) -> list[dict[str, Any]]:
        SignsWatch(self.db, lambda: self.now).round()
        SignsWatch(self.db, lambda: self.now).round()
        with self.db.read() as conn:
            return alerts.listing(conn, SYSTEM, Filter(**wanted), limit=50)["items"]


@pytest.fixture
def truck(db: Database) -> Truck:
    return Truck(db)


@pytest.mark.requirement("EX-31")
def test_an_alarm_of_tampering_is_one_incident_until_two_minutes_are_without_one(truck: Truck) -> None:
    truck.heard(T0 - 1000)
    truck.alarm(T0, "supply_cut", "overspeed")
    truck.alarm(T0 + 10_000, "supply_cut", "antenna_cut")
    truck.heard(T0 + 10_000)
    [item] = truck.inbox()
    assert (item["kind"], item["device"], item["branch"], item["urgency"]) == ("device_tamper", "gps-1", "b1", "now")
    assert "antenna cut, main supply cut" in item["detail"]["en"] and "天线断开、主电源断开" in item["detail"]["zh"]
    assert [each["role"] for each in item["told"]] == ["dispatcher", "engineer"]
    truck.heard(T0 + 100_000)
    assert len(truck.inbox()) == 1
    truck.heard(T0 + 130_000)
    assert truck.inbox() == []
    assert truck.inbox(state="resolved")[0]["data"]["ended"] == "over"


def test_a_truck_that_falls_silent_after_the_alarm_stays_in_the_inbox(truck: Truck) -> None:
    truck.alarm(T0, "supply_cut")
    truck.heard(T0)
    truck.now += 600 * MINUTE
    assert len(truck.inbox()) == 1


def test_an_alarm_that_comes_late_and_is_over_calls_nobody(truck: Truck) -> None:
    truck.heard(T0)
    truck.alarm(T0 - 60 * MINUTE, "supply_cut")
    assert truck.inbox() == []


def test_other_alarms_are_no_tampering(truck: Truck) -> None:
    truck.heard(T0)
    truck.alarm(T0, "overspeed", "fatigue", "bit_17")
    truck.says(EventBody("alarm", {"names": "supply_cut"}), T0)  # no list: whoever sent it
    assert truck.inbox() == []


def test_records_without_a_time_are_an_incident_until_they_have_one(truck: Truck) -> None:
    received = T0 - placing.WAIT_MS  # they waited so long for a clock step
    truck.says(FixBody(31.2, 121.4), received - 5_000, clock="none", received=received)
    truck.heard(T0, T0)
    [item] = truck.inbox()
    assert item["kind"] == "device_clock" and [each["role"] for each in item["told"]] == ["engineer"]
    truck.heard(T0 + 5 * MINUTE - 1)
    assert len(truck.inbox()) == 1
    truck.heard(T0 + 5 * MINUTE)
    assert truck.inbox() == []


def test_a_storage_that_fills_is_an_incident_until_there_is_room_again(truck: Truck) -> None:
    truck.full(T0, 899)
    assert truck.inbox() == []
    truck.full(T0 + 1, 930)
    [item] = truck.inbox()
    assert item["kind"] == "device_memory" and "93%" in item["detail"]["en"]
    truck.full(T0 + 2, 850)  # no flapping at the edge
    assert len(truck.inbox()) == 1
    truck.full(T0 + 3, 799)
    assert truck.inbox() == []
    truck.full(T0 + 1, 990)  # from a backlog
    assert truck.inbox() == []


def test_what_is_mounted_nowhere_is_nobodys_trouble(truck: Truck) -> None:
    truck.alarm(T0, "supply_cut")
    with truck.db.tx() as conn:
        [binding] = fleet.repository.bindings(conn, device_id="gps-1")
        fleet.unbind(conn, binding["id"], T0 - 1)
    assert truck.inbox() == []


def test_taken_off_the_vehicle_it_is_no_incident_any_more(truck: Truck) -> None:
    truck.alarm(T0, "supply_cut")
    assert len(truck.inbox()) == 1
    with truck.db.tx() as conn:
        [binding] = fleet.repository.bindings(conn, device_id="gps-1")
        fleet.unbind(conn, binding["id"], T0 - 1)
    assert truck.inbox() == []
    assert truck.inbox(state="resolved")[0]["data"]["ended"] == "unbound"


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_same_signs_in_any_order_are_the_same_trouble(truck: Truck, order: tuple[int, ...]) -> None:
    said: list[Callable[[], None]] = [
        lambda: truck.alarm(T0, "antenna_cut"),
        lambda: truck.alarm(T0 + 1000, "supply_cut"),
        lambda: truck.full(T0, 950),
    ]
    for n in order:
        said[n]()
    with truck.db.read() as conn:
        known = signs.all_of(conn)["gps-1"]
    assert set(wrong_with(known, {}, frozenset())) == {"device_tamper", "device_memory"}
    assert known["tamper"]["names"] == ["supply_cut"]


def test_the_detectors_hear_it_from_what_devices_send(truck: Truck) -> None:
    """Whole batches as they come from the spool, records placed without a time among them."""
    untimed = wire.encode_record(wire.Health(t=3, ms=0, clock=wire.CLOCK_NONE, values=[(4, 9)]))
    placed = SpoolItem(2, "gps-1", UP, T0, encode_placed([(1, 900, T0 - 5_000, "none", T0, untimed)]))
    full = item(wire.Health(values=[(2, 960)], **time_of(T0)), device="gps-1")  # pyright: ignore[reportArgumentType]
    DetectorSink(truck.db, lambda _conn, _facts: None).handle([replace(full, id=1), placed])
    with truck.db.read() as conn:
        known = signs.all_of(conn)["gps-1"]
    assert known == {"memory": {"at": T0, "permille": 960}, "clock": {"at": T0}}


@pytest.mark.requirement("EX-31")
def test_EX31_a_device_that_says_that_it_runs_on_its_own_cell_was_cut_off_until_it_says_otherwise(truck: Truck) -> None:
    truck.says(EventBody("supply", {"mv": 12_600}), T0)
    assert truck.inbox() == []
    truck.says(EventBody("supply", {"mv": 4_050}), T0 + MINUTE)
    truck.heard(T0 + 30 * MINUTE)  # that it goes on sending says nothing of its supply
    truck.now = T0 + 30 * MINUTE
    [item] = truck.inbox()
    assert item["kind"] == "device_tamper" and "main supply cut" in item["detail"]["en"]
    truck.says(EventBody("supply", {"mv": 12_600}), T0 + 31 * MINUTE)
    assert truck.inbox() == []


@pytest.mark.requirement("EX-31")
@pytest.mark.parametrize(("low", "still", "good"), [(11_400, 11_900, 12_000), (22_900, 23_900, 24_000)])
def test_EX31_a_battery_that_runs_down_is_one_incident_until_it_is_clearly_good(
    truck: Truck, low: int, still: int, good: int
) -> None:
    truck.says(EventBody("supply", {"mv": low}), T0)
    [item] = truck.inbox()
    assert (item["kind"], item["urgency"], item["ex"]) == ("device_supply", "shift", "EX-31")
    assert f"{low / 1000:.1f} V" in item["detail"]["zh"] and "Phone the driver" in item["task"]["en"]
    truck.says(EventBody("supply", {"mv": still}), T0 + MINUTE)
    assert len(truck.inbox()) == 1
    truck.says(EventBody("supply", {"mv": good}), T0 + 2 * MINUTE)
    assert truck.inbox() == []
    truck.says(EventBody("supply", {"mv": still}), T0 + 3 * MINUTE)
    assert truck.inbox() == []  # low enough only when it was low before


def test_an_empty_cell_is_both_cut_off_and_running_down(truck: Truck) -> None:
    truck.says(EventBody("supply", {"mv": 3_300}), T0)
    assert {item["kind"] for item in truck.inbox()} == {"device_tamper", "device_supply"}


def test_a_supply_of_five_volts_is_there_or_is_not(truck: Truck) -> None:
    for mv in (5_000, 4_400, 5_999):
        truck.says(EventBody("supply", {"mv": mv}), T0 + mv)
    assert truck.inbox() == []


def test_the_alarm_of_a_low_supply_of_other_makers_is_the_same_incident(truck: Truck) -> None:
    truck.alarm(T0, "supply_low")
    [item] = truck.inbox()
    assert item["kind"] == "device_supply" and " V" not in item["detail"]["en"]
    truck.heard(T0 + 3 * MINUTE)
    assert truck.inbox() == []


@pytest.mark.parametrize("args", [{}, {"mv": "12000"}, {"mv": True}, {"mv": -1}, {"mv": 10**9}, {"mv": None}])
def test_a_supply_that_says_nothing_we_can_believe_opens_nothing(truck: Truck, args: dict[str, Any]) -> None:
    truck.says(EventBody("supply", args), T0)
    assert truck.inbox() == []
