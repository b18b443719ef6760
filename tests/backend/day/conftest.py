"""A company for one day: three sites on a road, six trucks, readers at the doors, people at the API, and a clock."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from fastapi.testclient import TestClient

from milepost import times
from milepost.db import Database
from milepost.evidence.sink import DetectorSink
from milepost.fleet import service as fleet
from milepost.orders import service as orders
from milepost.telemetry.model import Reading

from ..evidence.conftest import Accounts, Device, epc

LOCAL = timezone(timedelta(hours=8))
LAT, LON = 31.2304, 121.4737
M_PER_DEG_EAST = 95_170  # at this latitude
ROAD_M = {"yard": 0, "term": 4_000, "shop": 8_000}
CRUISE_MPS = 20.0


class Wall:
    """Stands for the module `time` inside `milepost.times`: it is as late as the test says."""

    def __init__(self) -> None:
        self.ms = 0

    def time_ns(self) -> int:
        return self.ms * 1_000_000


def clock(text: str) -> int:
    """UTC ms of a local time of the day, HH:MM or HH:MM:SS."""
    hour, minute, *second = (int(part) for part in text.split(":"))
    return round(datetime(2026, 3, 2, hour, minute, *second, tzinfo=LOCAL).timestamp() * 1000)


def rfc(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat()


@dataclass
class Company:
    """Everything the script of the day acts upon."""

    db: Database
    client_of: Callable[..., TestClient]
    wall: Wall
    sink: DetectorSink
    sites: dict[str, str]
    doors: dict[str, str]
    trucks: dict[str, str]
    people: dict[str, TestClient] = field(default_factory=dict[str, TestClient])
    devices: dict[str, Device] = field(default_factory=dict[str, Device])
    units: dict[str, str] = field(default_factory=dict[str, str])  # EPC to unit id
    posts: int = 0

    def at(self, text: str) -> int:
        """It is now so late."""
        self.wall.ms = clock(text)
        return self.wall.ms

    def post(self, role: str, path: str, status: int = 200, **body: Any) -> Any:
        """POST as `role`; `from_` is sent as `from`."""
        if role not in self.people:
            self.people[role] = self.client_of(role)
        self.posts += 1
        self.wall.ms += 1000
        sent = {name.rstrip("_"): value for name, value in body.items()}
        answer = self.people[role].post(f"/api/v1{path}", json=sent, headers={"Idempotency-Key": f"k{self.posts}"})
        assert answer.status_code == status, (path, body, answer.text)
        return answer.json()

    def order(self, ref: str) -> dict[str, Any]:
        """The order page's data, as the administrator sees it."""
        answer = self.people["admin"].get(f"/api/v1/orders/{ref}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def facts(self, ref: str) -> list[dict[str, Any]]:
        """What an order rests on."""
        answer = self.people["admin"].get(f"/api/v1/orders/{ref}/facts")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def clocks(self, ref: str) -> list[dict[str, Any]]:
        """All clocks of an order."""
        answer = self.people["admin"].get(f"/api/v1/orders/{ref}/clocks")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def feed(self, readings: Sequence[Reading]) -> None:
        """One delivery of a device reaches the detectors, and what they tell reaches the orders."""
        by_device: dict[str, list[Reading]] = {}
        for reading in readings:
            by_device.setdefault(reading.device, []).append(reading)
        with self.db.tx() as conn:
            facts = self.sink.observe(conn, by_device)
            if facts:
                orders.on_facts(conn, facts)

    def stand(self, truck: str, site: str, start: int, seconds: int) -> list[Reading]:
        """Fixes of a truck that stands at a site."""
        return [self._fix(truck, start + 1000 * n, ROAD_M[site] + (n % 3), 0.0) for n in range(0, seconds, 10)]

    def drive(self, truck: str, begin: str, end: str, start: int, stay_s: int = 100) -> list[Reading]:
        """Fixes from one site to the other, then standing there for `stay_s`."""
        way = ROAD_M[end] - ROAD_M[begin]
        seconds = round(abs(way) / CRUISE_MPS)
        fixes = [
            self._fix(truck, start + 1000 * n, ROAD_M[begin] + way * n / seconds, CRUISE_MPS)
            for n in range(0, seconds, 5)
        ]
        return fixes + self.stand(truck, end, start + seconds * 1000, stay_s)

    def _fix(self, truck: str, at: int, east_m: float, speed_mps: float) -> Reading:
        return self.device(f"gps-{truck}").fix(at, LAT, LON + east_m / M_PER_DEG_EAST, speed_mps)

    def device(self, name: str) -> Device:
        """A device by its name; it numbers its readings."""
        return self.devices.setdefault(name, Device(name))

    def lay(self, epcs: Sequence[str], start: int, level: float = -40.0) -> list[Reading]:
        """Units lie on the yard's picking bench, one after the other, two windows of reads each."""
        reader = self.device("r-bench")
        return [reader.tag(start + n * 2_000 + after, epc, level) for n, epc in enumerate(epcs) for after in (0, 900)]

    def cross(self, door: str, way: str, epcs: Sequence[str], start: int) -> list[Reading]:
        """Loads of four go through a door one after the other."""
        reader = self.device(f"r-{door}")
        readings: list[Reading] = []
        for n in range(0, len(epcs), 4):
            readings += reader.crossing(start + n * 5_000, way, tuple(epcs[n : n + 4]))
        return readings


@pytest.fixture
def company(db: Database, client_of: Callable[..., TestClient], monkeypatch: pytest.MonkeyPatch) -> Company:
    """Yard, terminal and shop, each with a door and a reader, and a bench in the yard with one; trucks a to f with
    trackers. It is 07:30 on a Monday."""
    wall = Wall()
    wall.ms = clock("07:30")
    monkeypatch.setattr(times, "time", wall)
    accounts = Accounts()
    sites: dict[str, str] = {}
    doors: dict[str, str] = {}
    trucks: dict[str, str] = {}
    with db.tx() as conn:
        for name, kind in (("yard", "origin"), ("term", "terminal"), ("shop", "consignee")):
            shape = {"type": "circle", "lat": LAT, "lon": LON + ROAD_M[name] / M_PER_DEG_EAST, "radius_m": 150}
            sites[name] = fleet.add_site(conn, code=name, name_zh=name, name_en=name, kind=kind, shape=shape)
            for door in ("1", "2") if name == "yard" else ("1",):
                doors[f"{name}-{door}"] = fleet.add_door(conn, site_id=sites[name], number=door)
        for name, door in doors.items():
            fleet.register_device(conn, device_id=f"r-{name}", role="reader", name=name, accounts=accounts)
            fleet.bind(conn, f"r-{name}", "door", door, 0)
        bench = fleet.add_bench(conn, site_id=sites["yard"], number="1")
        fleet.register_device(conn, device_id="r-bench", role="reader", name="bench", accounts=accounts)
        fleet.bind(conn, "r-bench", "bench", bench, 0)
        for n, name in enumerate("abcdef"):
            trucks[name] = fleet.add_vehicle(conn, plate=f"沪A0000{n}")
            fleet.register_device(conn, device_id=f"gps-{name}", role="tracker", name=name, accounts=accounts)
            fleet.bind(conn, f"gps-{name}", "vehicle", trucks[name], 0)
    people = {"admin": client_of("admin")}
    return Company(db, client_of, wall, DetectorSink(db, orders.on_facts), sites, doors, trucks, people)


__all__ = ["Company", "clock", "epc", "rfc"]
