"""A real InfluxDB for the tests of the telemetry stores."""

import os
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from milepost.db import Database, metadata
from milepost.ingest import tables as ingest_tables
from milepost.telemetry import tables as _tables  # noqa: F401  (declares them)
from milepost.telemetry.influx import InfluxTelemetry
from milepost.telemetry.influx_place import place_of
from milepost.times import to_rfc3339
from milepost_tools.bench.influxd import ADMIN, Influxd


class Aging(InfluxTelemetry):
    """Drops raw readings by the age that a test gives; the server itself knows no other clock than its own."""

    def maintain(self, now_ms: int) -> None:
        super().maintain(now_ms)
        oldest = now_ms - self._raw_ms
        asked = {"org": self.place.org, "bucket": self.place.bucket}
        span = {"start": "1980-01-01T00:00:00Z", "stop": to_rfc3339(oldest)}
        head = {"Authorization": f"Token {ADMIN}"}
        httpx.post(
            f"{self.place.base_url}/api/v2/delete", params=asked, json=span, headers=head, timeout=20
        ).raise_for_status()


@pytest.fixture
def open_influx(influxd: Influxd, tmp_path: Path) -> Callable[..., InfluxTelemetry]:
    """Opens a store, each time as after a restart, over buckets of its own that keep everything until `maintain`."""
    url = influxd.url(f"t{os.getpid()}-{tmp_path.name}")
    place = place_of(url)
    admin = httpx.Client(base_url=influxd.base_url, headers={"Authorization": f"Token {ADMIN}"})
    org = admin.get("/api/v2/orgs", params={"org": place.org}).json()["orgs"][0]["id"]
    for name in (place.bucket, place.minute_bucket):
        admin.post("/api/v2/buckets", json={"orgID": org, "name": name, "retentionRules": []}).raise_for_status()
    admin.close()
    db = Database(f"sqlite:///{tmp_path / 'books.db'}")
    used = [each for each in metadata.sorted_tables if each.name.startswith("telemetry_")]
    metadata.create_all(db.engine, [*used, ingest_tables.sink_position])

    def make(**options) -> InfluxTelemetry:
        return Aging(url, ADMIN, ADMIN, db, **options)

    return make
