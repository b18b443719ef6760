"""The service, started from the example configuration of the documentation, keeps its readings in InfluxDB."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt

from milepost.ingest.model import topic
from milepost.telemetry.influx_query import QueryReader
from milepost.telemetry.influx_setup import set_up
from milepost.times import now_ms
from milepost_device import wire
from milepost_tools.bench.influxd import ADMIN, Influxd

EXAMPLE = Path(__file__).parents[4] / "docs" / "examples" / "influx.env"


def example(influxd: Influxd) -> dict[str, str]:
    """The settings of the example with a real server and real tokens in place of the invented ones."""
    lines = [line for line in EXAMPLE.read_text().splitlines() if line and not line.startswith("#")]
    settings = dict(line.split("=", 1) for line in lines)
    made = set_up(influxd.url("example"), ADMIN, raw_days=30, minute_days=400)
    return settings | {
        "MILEPOST_TELEMETRY_URL": settings["MILEPOST_TELEMETRY_URL"]
        .replace("influx.example:8086/ACME", f"127.0.0.1:{influxd.port}/acme")
        .replace("bucket=milepost", "bucket=example"),
        "MILEPOST_TELEMETRY_TOKEN": made.write_token,
        "MILEPOST_TELEMETRY_READ_TOKEN": made.read_token,
    }


def batch() -> bytes:
    writer = wire.BatchWriter(8_192)
    writer.begin(7, 1, 1, 1, 0)
    start = now_ms() // 1000 - wire.EPOCH - 600
    for seq in range(1, 31):
        assert writer.add(wire.Fix(t=start + seq, lat_e6=31_230_400 + 90 * seq, lon_e6=121_473_700, sats=9))
    return bytes(writer.finish())


def test_the_service_runs_from_the_example(influxd: Influxd, tmp_path: Path) -> None:
    settings = example(influxd)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MILEPOST_")} | settings
    words = [sys.executable, "-c", "from milepost.cli import main; main()", "serve", "--data", str(tmp_path)]
    with (tmp_path / "log").open("w") as log:
        service = subprocess.Popen(
            [*words, "--port", "0", "--json"], env=environment, stdout=subprocess.PIPE, stderr=log, text=True
        )
    try:
        assert service.stdout is not None
        said = service.stdout.readline()
        assert said, (tmp_path / "log").read_text()[-2000:]
        broker = urlsplit(json.loads(said)["broker"])
        device = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        device.username_pw_set("mp-ingest", (tmp_path / "broker" / "ingest.password").read_text())
        device.connect(str(broker.hostname), broker.port or 0)
        device.loop_start()
        device.publish(topic("truck-1", "up"), batch(), qos=1).wait_for_publish(10)
        reader = QueryReader(
            set_up(influxd.url("example"), ADMIN, raw_days=30, minute_days=400).place,
            settings["MILEPOST_TELEMETRY_READ_TOKEN"],
        )
        deadline = time.monotonic() + 20
        stored = 0
        while stored < 30 and time.monotonic() < deadline:
            found = reader.series(
                "example", "SELECT count(bits) FROM fix WHERE device = 'truck-1' AND bits < 137438953472"
            )[0]
            stored = found[0].values[0][1] if found else 0
            time.sleep(0.1)
        assert stored == 30, (tmp_path / "log").read_text()[-2000:]
        reader.close()
        device.loop_stop()
        device.disconnect()
    finally:
        service.send_signal(signal.SIGTERM)
        assert service.wait(20) == 0
