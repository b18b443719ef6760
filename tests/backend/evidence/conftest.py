"""A small yard with a door, and a generator of the readings that its devices would record."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count

import pytest
from sqlalchemy import Connection

from milepost.db import Database
from milepost.evidence import log, replay, repository, service, sessions
from milepost.evidence.dockside import portions
from milepost.evidence.sink import DetectorSink
from milepost.fleet import service as fleet
from milepost.fleet.model import Credentials
from milepost.plan import service as plan
from milepost.telemetry.model import FixBody, GateBody, Reading, TagBody, TelemetryStore

T0 = 1_790_000_000_000  # UTC ms, an instant in September 2026


class Accounts:
    """A broker's accounts in memory."""

    def __init__(self) -> None:
        self.passwords: dict[str, str] = {}

    def put(self, device_id: str, password: str) -> None:
        self.passwords[device_id] = password

    def remove(self, device_id: str) -> None:
        self.passwords.pop(device_id, None)


@dataclass
class Device:
    """Numbers the readings of one device as its outbox would: in the order of recording."""

    name: str
    seqs: count = field(default_factory=lambda: count(1))
    stream: int = 7

    def _reading(self, kind: str, at: int, body, written: int | None = None) -> Reading:
        received = (written or at) + 500
        return Reading(self.name, self.stream, next(self.seqs), kind, at, "gnss", received, body)

    def fix(self, at: int, lat: float, lon: float, speed_mps: float | None = None) -> Reading:
        return self._reading("fix", at, FixBody(lat, lon, speed_mps=speed_mps, sats=9))

    def gate(self, at: int, gate: str, interrupted: bool) -> Reading:
        return self._reading("gate", at, GateBody(gate, interrupted, 0))

    def tag(self, at: int, epc: str, level: float, *, span: int = 450, reads: int = 8) -> Reading:
        """A window of reads whose loudest has `level` dBm."""
        body = TagBody(epc, 0x3000, 0, level, level - 2, level - 2, None, None, None, at + span, reads)
        return self._reading("tag", at, body, at + span)

    def crossing(self, at: int, way: str = "out", epcs: tuple[str, ...] = (), *, level: float = -54.0) -> list[Reading]:
        """A load goes through the gates from `at` on; in all 1.6 s. `way`: out, in, or back (turned in the door)."""
        first, second = ("outer", "inner") if way == "in" else ("inner", "outer")
        steps = [(0, first, True), (500, second, True)]
        steps += [(1000, second, False), (1600, first, False)] if way == "back" else [
            (1000, first, False), (1600, second, False)]  # fmt: skip
        rows = [(at + after, lambda a=after, g=gate, i=state: self.gate(at + a, g, i)) for after, gate, state in steps]
        for epc in epcs:
            for after, drop in ((-700, 7), (0, 3), (500, 0), (1000, 4), (1500, 9)):
                rows.append((at + after + 450, lambda a=after, d=drop, e=epc: self.tag(at + a, e, level - d)))
        return [make() for _, make in sorted(rows, key=lambda row: row[0])]

    def stray(self, epc: str, start: int, end: int, level: float, *, seed: int = 0) -> list[Reading]:
        """A tag that stands near the door and is heard all the time."""
        rng = random.Random(f"{epc}/{seed}")
        return [self.tag(at, epc, level + rng.uniform(-1.2, 1.2)) for at in range(start, end, 500)]


class OneTransaction:
    """Stands for a Database whose every transaction is part of one that is rolled back: many examples, no disk."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn

    @contextmanager
    def tx(self) -> Iterator[Connection]:
        yield self._conn

    read = tx


@dataclass
class Yard:
    """Everything that is known before the readings come."""

    db: Database | OneTransaction
    sink: DetectorSink
    site: str
    doors: dict[str, str]
    vehicles: dict[str, str]
    trips: dict[str, str]
    units: list[plan.Unit]
    told: list

    def open(self, door: str, vehicle: str, trip: str, direction: str = "load", at: int = T0) -> str:
        """Open a session; returns its id."""
        with self.db.tx() as conn:
            row, facts = sessions.open_session(
                conn, door=self.doors[door], vehicle=self.vehicles[vehicle], trip=self.trips[trip],
                direction=direction, from_ms=at, by="k",
            )  # fmt: skip
            self.told += facts
            return row["id"]

    def feed(self, *readings: Reading) -> list:
        """Hand readings to the detectors as one delivery; returns the facts appended."""
        by_device: dict[str, list[Reading]] = {}
        for reading in readings:
            by_device.setdefault(reading.device, []).append(reading)
        with self.db.tx() as conn:
            facts = self.sink.observe(conn, by_device)
        self.told += facts
        return facts

    def put_right(self) -> None:
        """Let the sink go back over the past until nothing late is left to be judged again."""
        while True:
            self.sink.tick()
            with self.db.read() as conn:
                if not repository.targets(conn, replay.DETECTOR) and not repository.targets(conn, portions.AGAIN):
                    return

    def facts(self, unit: int = 0) -> list[tuple[str, str | None]]:
        """What holds of a unit: (kind, vehicle) by time."""
        with self.db.read() as conn:
            hold = service.standing(log.of_subjects(conn, [("unit", self.units[unit].id)]))
        names = {vehicle: name for name, vehicle in self.vehicles.items()}
        return [(fact.kind, names.get(fact.subjects.get("vehicle", ""))) for fact in hold]

    def of_vehicle(self, vehicle: str = "truck-a") -> list:
        """What holds of a vehicle, by time."""
        with self.db.read() as conn:
            return service.standing(log.of_subjects(conn, [("vehicle", self.vehicles[vehicle])]))


def epc(number: int) -> str:
    """An SSCC-96 of the example prefix 9521141."""
    return f"{(0x31 << 88) | (5 << 82) | (9521141 << 58) | (number << 24):024X}"


@contextmanager
def scratch(db: Database) -> Iterator[Yard]:
    """A yard that leaves nothing behind."""
    with db.engine.connect() as conn, conn.begin() as transaction:
        yield make_yard(OneTransaction(conn))
        transaction.rollback()


@contextmanager
def untouched(yard: Yard, store: TelemetryStore | None = None) -> Iterator[Yard]:
    """A yard of `scratch` as nobody has reported to it yet; what is done to it is undone: quicker than another yard."""
    told: list = []
    with yard.db.tx() as conn:
        point = conn.begin_nested()
        yield replace(yard, sink=DetectorSink(yard.db, lambda _conn, facts: told.extend(facts), store), told=told)
        point.rollback()


@pytest.fixture
def yard(db: Database) -> Yard:
    return make_yard(db)


def make_yard(db: Database | OneTransaction) -> Yard:
    """A site with two doors and readers, two trucks with trackers and trips, three units expected on truck-a."""
    told: list = []
    sink = DetectorSink(db, lambda _conn, facts: told.extend(facts))
    accounts = Accounts()
    with db.tx() as conn:
        circle = {"type": "circle", "lat": 31.2304, "lon": 121.4737, "radius_m": 150}
        site = fleet.add_site(conn, code="Y", name_zh="场", name_en="Yard", kind="origin", shape=circle)
        doors, vehicles, trips = {}, {}, {}
        for number in ("1", "2"):
            doors[number] = fleet.add_door(conn, site_id=site, number=number)
            made = fleet.register_device(conn, device_id=f"reader-{number}", role="reader", name="r", accounts=accounts)
            assert isinstance(made, Credentials)
            fleet.bind(conn, f"reader-{number}", "door", doors[number], 0)
        for name, plate in (("truck-a", "沪A00001"), ("truck-b", "沪A00002")):
            vehicles[name] = fleet.add_vehicle(conn, plate=plate)
            fleet.register_device(conn, device_id=f"gps-{name[-1]}", role="tracker", name="t", accounts=accounts)
            fleet.bind(conn, f"gps-{name[-1]}", "vehicle", vehicles[name], 0)
            trip = plan.plan_trip(conn, number=f"T-{name}", kind="line", stops=[{"site": site}])
            plan.set_vehicle(conn, trip.id, vehicles[name], from_ms=0)
            trips[name] = trip.id
        units = plan.add_units(conn, "order-1", [{"epcs": [epc(n)]} for n in range(3)], at_ms=0)
        plan.expect(conn, trips["truck-a"], "order-1")
    return Yard(db, sink, site, doors, vehicles, trips, units, told)
