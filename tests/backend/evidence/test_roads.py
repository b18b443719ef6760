"""Long stops and detours in the inbox and on the board, and taken back when late positions say otherwise (EX-31)."""

import json

import pytest
from sqlalchemy import select

from milepost.alerts.tables import alert
from milepost.evidence import log
from milepost.evidence.model import Author, Fact, fact_id
from milepost.evidence.sink import DetectorSink
from milepost.evidence.usual import coarse
from milepost.evidence.watch import Off, off_every_way
from milepost.fleet import service as fleet
from milepost.live.roads import RoadWatch
from milepost.live.tables import live_event
from milepost.plan import service as plan
from milepost.telemetry.sqlite import SqliteTelemetry

from .conftest import T0, Device

MIN = 60_000
LAT, LON = 31.2304, 121.4737  # the yard
EAST = 0.0105  # about a kilometre


class Road:
    """A yard, a customer 30 km to the east, a truck with a tracker, and the store that its fixes are kept in."""

    def __init__(self, yard, store) -> None:
        self.yard, self.store, self.gps = yard, store, Device("gps-a")
        self.watch = RoadWatch(yard.db, store)
        yard.sink = DetectorSink(yard.db, lambda _conn, _facts: None, store)
        with yard.db.tx() as conn:
            circle = {"type": "circle", "lat": LAT, "lon": LON + 30 * EAST, "radius_m": 200}
            self.there = fleet.add_site(
                conn, code="C", name_zh="客", name_en="Customer", kind="consignee", shape=circle
            )
            plan.end_vehicle(conn, yard.trips["truck-a"], 1)
            trip = plan.plan_trip(conn, number="R-1", kind="direct", stops=[{"site": yard.site}, {"site": self.there}])
            plan.set_vehicle(conn, trip.id, yard.vehicles["truck-a"], from_ms=T0 - 60 * MIN)

    def drive(self, *fixes: tuple[float, float, float, float]) -> None:
        """(minutes from T0, km east, km north, m/s)"""
        readings = [self.gps.fix(T0 + int(at * MIN), LAT + north * 0.009, LON + east * EAST, speed)
                    for at, east, north, speed in fixes]  # fmt: skip
        self.yard.feed(*readings)
        self.store.write(readings, 0)
        self.yard.sink.tick()

    def items(self) -> list[tuple[str, str]]:
        with self.yard.db.read() as conn:
            rows = conn.execute(select(alert.c.kind, alert.c.state).order_by(alert.c.kind, alert.c.id)).all()
        return [tuple(row) for row in rows]

    def journeys(self, count: int) -> None:
        """What the house drove before: straight to the east, an hour, on the days before."""
        with self.yard.db.tx() as conn:
            for day in range(1, count + 1):
                start = T0 - day * 1440 * MIN
                for kind, site, at in (("left", self.yard.site, start), ("entered", self.there, start + 60 * MIN)):
                    subjects = {"vehicle": self.yard.vehicles["truck-b"], "site": site}
                    fact = Fact(id=fact_id(f"vehicle.{kind}", subjects, (str(day),)), kind=f"vehicle.{kind}", at=at,
                                by=Author("device", "gps-b"), subjects=subjects, source="gnss")  # fmt: skip
                    log.append(conn, [fact])
        gps = Device("gps-b")
        for day in range(count, 0, -1):
            start = T0 - day * 1440 * MIN
            self.store.write([gps.fix(start + n * MIN, LAT, LON + n * 0.5 * EAST, 8.0) for n in range(61)], 0)


@pytest.fixture
def road(yard, tmp_path):
    store = SqliteTelemetry(tmp_path / "telemetry.db")
    yield Road(yard, store)
    store.close()


def standing(start: float, end: float, east: float, north: float = 0.0) -> list[tuple[float, float, float, float]]:
    return [(start + n, east, north, 0.0) for n in range(int(end - start) + 1)]


OUT = [(n * 0.5, 0.4 * n, 0.0, 13.0) for n in range(21)]  # to 8 km in ten minutes
LEAVING = [*standing(-20, -1, 0.0), *OUT]


@pytest.mark.requirement("EX-31")
def test_a_long_stop_at_none_of_its_stops_is_raised_and_ends_when_it_drives_on(road):
    road.drive(*LEAVING, *standing(11, 50, 8.0))
    road.watch.round(T0 + 50 * MIN)
    assert road.items() == []
    road.drive(*standing(51, 58, 8.0))
    road.watch.round(T0 + 58 * MIN)
    road.watch.round(T0 + 58 * MIN)
    assert road.items() == [("long_stop", "open")]
    with road.yard.db.read() as conn:
        event = conn.execute(select(live_event.c.kind, live_event.c.vehicle, live_event.c.data)).all()
    assert [(row.kind, row.vehicle, json.loads(row.data)["cause"]) for row in event] == [
        ("alert", road.yard.vehicles["truck-a"], "long_stop")
    ]  # the board is told once
    road.drive(*((59 + n * 0.5, 8 + 0.4 * n, 0.0, 13.0) for n in range(12)))
    road.watch.round(T0 + 66 * MIN)
    assert road.items() == [("long_stop", "resolved")]


def test_an_incident_that_stands_as_it_did_is_not_written_again(road, monkeypatch):
    """A round every 15 seconds must not hold up everybody else's writing for what is known."""
    road.drive(*LEAVING, *standing(11, 58, 8.0))
    road.watch.round(T0 + 58 * MIN)
    assert road.items() == [("long_stop", "open")]

    def write():
        raise AssertionError("a transaction for nothing")

    with monkeypatch.context() as watched:
        watched.setattr(road.yard.db, "tx", write)
        road.watch.round(T0 + 59 * MIN)
    assert road.items() == [("long_stop", "open")]


def test_late_positions_that_show_that_it_moved_take_the_stop_back(road):
    """The tracker sent two fixes of the same place an hour apart; what lay between comes afterwards."""
    road.drive(*LEAVING, (11, 8.0, 0.0, 0.0), (12, 8.0, 0.0, 0.0), (60, 8.0, 0.0, 0.0))
    road.watch.round(T0 + 61 * MIN)
    assert road.items() == [("long_stop", "open")]
    away = [(13 + n * 0.5, 8 + 0.4 * n, 0.0, 13.0) for n in range(40)]
    back = [(34 + n * 0.5, 24 - 0.4 * n, 0.0, 13.0) for n in range(40)]
    road.drive(*away, *back)
    road.watch.round(T0 + 61 * MIN)
    assert road.items() == [("long_stop", "resolved")]


def test_waiting_at_a_stop_of_the_trip_is_no_long_stop(road):
    road.drive(*standing(-20, 60, 0.0))
    road.watch.round(T0 + 60 * MIN)
    assert road.items() == []


def test_a_silent_tracker_opens_no_long_stop(road):
    road.drive(*LEAVING, *standing(11, 20, 8.0))
    road.watch.round(T0 + 200 * MIN)
    assert road.items() == []


DETOUR = [(10 + n * 0.5, 8.0, 0.4 * n, 13.0) for n in range(1, 19)]  # straight to the north


@pytest.mark.requirement("EX-31")
def test_who_leaves_the_way_that_the_house_drives_is_told_with_how_far(road):
    road.journeys(2)
    road.drive(*LEAVING)
    road.watch.round(T0 + 10 * MIN)
    assert road.items() == []
    road.drive(*DETOUR)
    road.watch.round(T0 + 20 * MIN)
    assert road.items() == [("off_route", "open")]
    with road.yard.db.read() as conn:
        data = json.loads(conn.execute(select(alert.c.data)).scalar_one())
    assert data["over"] == pytest.approx(7.2, abs=0.2)
    road.drive(*((20 + n * 0.5, 8.0, 7.2 - 0.4 * n, 13.0) for n in range(1, 19)))
    road.watch.round(T0 + 30 * MIN)
    assert road.items() == [("off_route", "resolved")]


def test_where_nobody_has_driven_yet_no_way_is_the_wrong_one(road):
    road.drive(*LEAVING, *DETOUR)
    road.watch.round(T0 + 20 * MIN)
    assert road.items() == []


# pure


def test_off_is_who_is_off_every_way_that_is_known():
    straight = [(0.0, 0.0), (0.0, 1.0)]
    bow = [(0.0, 0.0), (0.05, 0.5), (0.0, 1.0)]
    on_bow = [(n * MIN, 0.04, 0.4, 10.0) for n in range(10)]
    nowhere = [(n * MIN, 0.3, 0.4, 10.0) for n in range(10)]
    assert off_every_way(on_bow, [straight]) and off_every_way(on_bow, [straight, bow]) == []
    [off] = off_every_way(nowhere, [straight, bow])
    assert isinstance(off, Off) and off.to_ms is None and off.farthest_m > 25_000
    assert off_every_way(nowhere, []) == []


def test_a_way_keeps_its_shape_with_few_places():
    way = [(0.0, n / 1000) for n in range(100)] + [(n / 1000, 0.1) for n in range(100)]
    assert len(coarse(way)) == 3
