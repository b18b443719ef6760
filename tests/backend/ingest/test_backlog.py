"""A backlog of hours delivered newest first, shuffled and doubled ends in what the run in order ends in."""

import random
from pathlib import Path
from typing import Any

import pytest

from milepost.db import Database
from milepost.evidence import log, service
from milepost.evidence.sink import DetectorSink
from milepost.fleet import devices
from milepost.fleet import service as fleet
from milepost.ingest.contact import StateSink
from milepost.ingest.model import Sink
from milepost.ingest.screen import Screen
from milepost.ingest.spool import Message, Spool
from milepost.ingest.tables import device_contact
from milepost.schema import load_tables
from milepost.telemetry.sink import TelemetrySink
from milepost.telemetry.sqlite import SqliteTelemetry
from milepost_device import wire

from .conftest import STREAM, batch

T0_S = 200_000_000  # since 2020
YARD, SHOP = (31.2000, 121.4000), (31.2900, 121.4000)
_STEP_E6 = 90  # 10 m a second
RECEIVED_MS = (wire.EPOCH + T0_S + 86_400) * 1000


def a_day(legs: int) -> list[wire.Fix]:
    """A truck between a yard and a shop 10 km away, at 1 Hz with a stay of 150 s at each end; a spike now and then."""
    rng = random.Random(3)
    fixes: list[wire.Fix] = []
    lat, way = round(YARD[0] * 1e6), 1
    for _ in range(legs):
        for _ in range(150):
            fixes.append(_fix(len(fixes), lat + rng.randrange(-10, 10), 0))
        for _ in range(1_000):
            lat += way * _STEP_E6
            jump = 300_000 if rng.random() < 0.002 else 0
            fixes.append(_fix(len(fixes), lat + jump, 100))
        way = -way
    return fixes


def _fix(n: int, lat_e6: int, speed_dmps: int) -> wire.Fix:
    return wire.Fix(t=T0_S + n, lat_e6=lat_e6, lon_e6=round(YARD[1] * 1e6), speed_dmps=speed_dmps, sats=9)


class Service:
    """All sinks of an installation on one folder, driven by hand."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        load_tables()
        self.db = Database(f"sqlite:///{folder / 'milepost.db'}")
        self.spool = Spool(folder / "spool.db")
        self.store = SqliteTelemetry(folder / "telemetry.db")
        self.detectors = DetectorSink(self.db, lambda *_: None, self.store, self.spool.key)
        self.sinks: list[Sink] = [
            Screen(self.spool),
            TelemetrySink(self.store, self.spool.key),
            self.detectors,
            StateSink(self.db, self.spool),
        ]

    def deliver(self, payloads: list[bytes]) -> None:
        """In groups, as they come; the sinks follow, and think over the past once in between and at the end."""
        for start in range(0, len(payloads), 40):
            group = payloads[start : start + 40]
            self.spool.append([Message("truck-1", "up", RECEIVED_MS, payload) for payload in group])
            for sink in self.sinks:
                while items := self.spool.after(sink.position(), 25):
                    sink.handle(items)
        for _ in range(3):
            self.detectors.tick()

    def tables(self) -> dict[str, Any]:
        """What there is at the end, without the traces of the way there (row order, revisions, retractions)."""
        judged, more = self.store.judged("truck-1", 0, 1 << 50, limit=100_000)
        assert more is None
        with self.db.read() as conn:
            facts = service.standing(log.of_subjects(conn, [("vehicle", self.vehicle)]))
            contact = dict(conn.execute(device_contact.select()).mappings().one())
        coverage = self.spool.coverage("truck-1", STREAM)
        return {
            "readings": [(each.reading, each.reason) for each in judged],
            "facts": [(each.kind, each.at, each.subjects["site"], each.inputs, each.grade) for each in facts],
            "contact": contact,
            "watermark": (coverage.received, coverage.watermark, coverage.dropped),
        }

    def close(self) -> None:
        self.spool.close()
        self.store.close()
        self.db.close()

    def found(self) -> "Service":
        """Enter the truck and the two sites."""
        from milepost.db import metadata  # noqa: PLC0415

        metadata.create_all(self.db.engine)
        with self.db.tx() as conn:
            devices.enter_device(conn, device_id="truck-1", role="tracker", name="truck-1")
            self.vehicle = fleet.add_vehicle(conn, plate="沪A12345")
            fleet.bind(conn, "truck-1", "vehicle", self.vehicle, 0)
            self.sites = {}
            for code, (lat, lon) in {"YARD": YARD, "SHOP": SHOP}.items():
                shape = {"type": "circle", "lat": lat, "lon": lon, "radius_m": 150}
                site = fleet.add_site(conn, code=code, name_zh=code, name_en=code, kind="terminal", shape=shape)
                self.sites[site] = code
        return self


def _outcome(folder: Path, payloads: list[bytes], in_order: list[bytes]) -> dict[str, Any]:
    made = Service(folder).found()
    try:
        made.deliver(payloads)
        # More than 128 holes of a stream are not kept in mind: a device sends again what was not acknowledged.
        made.deliver([each for each in in_order if wire.header(each)[3] > made.spool.watermark("truck-1", STREAM)])
        tables = made.tables()
        names = made.sites
    finally:
        made.close()
    # Ids of rows are made anew in every installation; what counts is which site is meant.
    tables["facts"] = [(kind, at, names[site], *rest) for kind, at, site, *rest in tables["facts"]]
    return tables


def _same(tmp_path: Path, legs: int, seed: int) -> None:
    fixes = a_day(legs)
    payloads = [batch(fixes[start : start + 60], start + 1) for start in range(0, len(fixes), 60)]
    in_order = _outcome(tmp_path / "in-order", payloads, payloads)
    assert [kind for kind, *_ in in_order["facts"]].count("vehicle.entered") == legs - 1
    assert any(reason for _, reason in in_order["readings"])
    rng = random.Random(seed)
    doubled = payloads + rng.sample(payloads, len(payloads) // 2)
    newest_first = sorted(range(len(doubled)), key=lambda n: doubled.index(doubled[n]), reverse=True)
    disorders: dict[str, list[bytes]] = {
        "newest-first": [doubled[n] for n in newest_first],
        "shuffled": rng.sample(doubled, len(doubled)),
    }
    for name, disordered in disorders.items():
        out = _outcome(tmp_path / name, disordered, payloads)
        for table, rows in in_order.items():
            assert out[table] == rows, f"{table} after {name}"


def test_hours_newest_first_shuffled_and_doubled_end_in_the_same_tables(tmp_path: Path) -> None:
    _same(tmp_path, legs=5, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(3))
def test_a_day_newest_first_shuffled_and_doubled_ends_in_the_same_tables(tmp_path: Path, seed: int) -> None:
    _same(tmp_path, legs=70, seed=seed)
