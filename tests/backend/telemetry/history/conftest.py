"""A company with one truck whose tracker was changed, and readings to write about it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from milepost.db import Database
from milepost.fleet import service as fleet
from milepost.fleet.tables import device as device_table
from milepost.telemetry.model import FixBody, Reading
from milepost.telemetry.sqlite import SqliteTelemetry
from milepost.times import to_rfc3339

T0 = 1_777_800_000_000  # 2026-05-03T09:20:00Z
LAT, LON = 31.2304, 121.4737
METRE = 1 / 111_195  # of latitude, in degrees


def fix(at: int, device: str = "gps-1", seq: int | None = None, late_ms: int = 0, **body: Any) -> Reading:
    """A fix `at` (UTC ms); its seq counts seconds since T0 unless given."""
    values = {"lat": LAT, "lon": LON, "speed_mps": 10.0, "course_deg": 90.0, **body}
    number = (at - T0) // 1000 + 1_000_000 if seq is None else seq
    return Reading(device, 1, number, "fix", at, "gnss", at + late_ms, FixBody(**values))


def drive(start: int, seconds: int, device: str = "gps-1", lon: float = LON, mps: float = 10.0) -> list[Reading]:
    """One fix a second of a truck that goes east."""
    east = METRE / 0.855  # of longitude at this latitude
    return [fix(start + n * 1000, device, lon=lon + n * mps * east, speed_mps=mps) for n in range(seconds)]


def span(start: int, end: int, **more: Any) -> dict[str, Any]:
    """Query of a span."""
    return {"from": to_rfc3339(start), "to": to_rfc3339(end), **more}


@dataclass
class Fleet:
    """A truck of branch SH1, and who asks about it."""

    vehicle: str
    client_of: Callable[..., TestClient]
    store: SqliteTelemetry

    def ask(self, *grants: Any) -> TestClient:
        """A signed-in person who can reach the store."""
        client = self.client_of(*grants or ("dispatcher",))
        client.app.state.telemetry = self.store  # pyright: ignore[reportAttributeAccessIssue]
        return client


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteTelemetry]:
    made = SqliteTelemetry(tmp_path / "telemetry.db")
    yield made
    made.close()


@pytest.fixture
def house(db: Database, client_of: Callable[..., TestClient], store: SqliteTelemetry) -> Fleet:
    """A truck with the tracker gps-1 up to an hour after T0 and gps-2 from then on."""
    with db.tx() as conn:
        vehicle = fleet.add_vehicle(conn, plate="沪A12345", branch="SH1", carrier="c1")
        for name in ("gps-1", "gps-2"):
            values = {"id": name, "role": "tracker", "part": "0", "name": name, "created_at": 0}
            conn.execute(device_table.insert().values(values))
        fleet.bind(conn, "gps-1", "vehicle", vehicle, T0 - 86_400_000 * 1_200, T0 + 3_600_000)
        fleet.bind(conn, "gps-2", "vehicle", vehicle, T0 + 3_600_000)
    return Fleet(vehicle, client_of, store)
