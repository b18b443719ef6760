"""The drill of docs/operations.md: out of the files of a server, into a new bucket, every reading there."""

import shutil
import subprocess
from pathlib import Path

import httpx

from milepost.db import Database
from milepost.telemetry.influx import InfluxTelemetry
from milepost.telemetry.influx_setup import set_up
from milepost.telemetry.model import EventBody, FixBody, Judged, Reading
from milepost.times import now_ms
from milepost_tools.bench.influxd import ADMIN, Influxd, find_influxd


def test_an_export_restores_every_reading(influxd: Influxd, db: Database, tmp_path: Path) -> None:
    made = set_up(influxd.url("before"), ADMIN, raw_days=30, minute_days=400)
    store = InfluxTelemetry(influxd.url("before"), made.write_token, made.read_token, db)
    start = now_ms() - 600_000
    fixes = [
        Judged(
            Reading("truck-1", 1, n, "fix", start + n, "gnss", start, FixBody(31.0, 121.0 + n / 1e6, speed_mps=0.1 * n))
        )
        for n in range(1, 500)
    ]
    told = Reading("truck-1", 1, 500, "event", start + 500, "rtc", start, EventBody("log", {"text": 'a "b" \\ c, d=e'}))
    store.write([*fixes[:-1], Judged(fixes[-1].reading, "spike"), told], 1)
    expected = store.judged("truck-1", 0, 1 << 50)[0]
    assert len(expected) == 500

    head = {"Authorization": f"Token {ADMIN}"}
    found = httpx.get(f"{influxd.base_url}/api/v2/buckets", params={"name": "before"}, headers=head)
    influxd.kill()
    shutil.copytree(influxd.folder / "engine", tmp_path / "engine")
    influxd.start()
    out = tmp_path / "readings.lp"
    words = [find_influxd(), "inspect", "export-lp", "--bucket-id", found.json()["buckets"][0]["id"]]
    words += ["--engine-path", tmp_path / "engine", "--output-path", out]
    subprocess.run(words, check=True, capture_output=True)

    again = set_up(influxd.url("after"), ADMIN, raw_days=30, minute_days=400)
    body = "\n".join(line for line in out.read_text().splitlines() if not line.startswith("#"))
    for _ in range(2):  # an overlap does no harm
        httpx.post(
            f"{influxd.base_url}/api/v2/write", params={"org": again.place.org, "bucket": "after"},
            headers={"Authorization": f"Token {again.write_token}"}, content=body.encode(),
        ).raise_for_status()  # fmt: skip
    restored = InfluxTelemetry(influxd.url("after"), again.write_token, again.read_token, db)
    assert restored.judged("truck-1", 0, 1 << 50)[0] == expected
    store.close()
    restored.close()
