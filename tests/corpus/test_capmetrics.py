"""A day of 329 real buses (CapMetrics), shifted to yesterday, through broker and ingest into the store.

45,386 fixes, 673 of them out of order, with silences of hours: it must end complete and in order.
"""

import csv
import io
import tarfile
import threading
import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest

from milepost.broker import EmbeddedBroker
from milepost.fleet.accounts import NatsFile
from milepost.ingest.model import topic
from milepost.ingest.service import Ingest
from milepost.ingest.session import Broker
from milepost.ingest.spool import Spool
from milepost.settings import Settings
from milepost.telemetry.sink import TelemetrySink
from milepost.telemetry.sqlite import SqliteTelemetry
from milepost_device import wire

_BATCH = 50
_MPH_TO_DMPS = 4.4704
_STREAM = 1

Row = tuple[int, int, int, int]  # seconds since 2020, lat and lon in 1e-6 degrees, speed in 10 cm/s


def day(corpus: Path) -> dict[str, list[Row]]:
    """The rows of each bus in the order of the file, on yesterday's date."""
    with tarfile.open(corpus / "capmetrics.tar.xz") as archive:
        member = next(each for each in archive.getmembers() if each.name.endswith(".csv"))
        source = archive.extractfile(member)
        assert source is not None
        rows = list(csv.DictReader(io.TextIOWrapper(source, "utf-8")))
    first = datetime.fromisoformat(rows[0]["timestamp"]).date()
    shift = (datetime.now(UTC).date() - timedelta(days=1)) - first
    buses: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        moment = datetime.fromisoformat(row["timestamp"]) + shift
        buses[f"bus-{row['vehicle_id']}"].append(
            (
                int(moment.timestamp()) - wire.EPOCH,
                round(float(row["latitude"]) * 1e6),
                round(float(row["longitude"]) * 1e6),
                round(float(row["speed"]) * _MPH_TO_DMPS),
            )
        )
    return buses


def batches(rows: list[Row]) -> list[bytes]:
    """What the bus's tracker would send."""
    writer = wire.BatchWriter(4096)
    out = []
    for first in range(0, len(rows), _BATCH):
        writer.begin(_STREAM, first + 1, 1, 1, 0)
        for t, lat, lon, speed in rows[first : first + _BATCH]:
            assert writer.add(wire.Fix(t=t, lat_e6=lat, lon_e6=lon, speed_dmps=speed))
        out.append(bytes(writer.finish()))
    return out


@pytest.mark.corpus
def test_a_day_of_buses_ends_complete_and_in_order(corpus: Path, tmp_path: Path) -> None:
    buses = day(corpus)
    assert (len(buses), sum(map(len, buses.values()))) == (329, 45_386)
    assert sum(b[0] < a[0] for rows in buses.values() for a, b in pairwise(rows)) == 673
    broker = EmbeddedBroker(tmp_path)
    NatsFile(broker.users_file, broker.reload).service("mp-ingest", "service-password")
    host, port = broker.start()
    spool, store = Spool(tmp_path / "spool.db"), SqliteTelemetry(tmp_path / "telemetry.db")
    settings = Settings(data_dir=tmp_path)  # pyright: ignore[reportCallIssue]
    ingest = Ingest(settings, spool, [TelemetrySink(store)], Broker(host, port, "mp-ingest", "service-password"))
    ingest.start()
    try:
        assert ingest.wait_ready()
        acknowledged = replay(buses, host, port)
        assert acknowledged == {bus: len(rows) for bus, rows in buses.items()}
        assert ingest.drained(60)
        bad = 0
        for bus, rows in buses.items():
            counts = store.counts(bus, _STREAM)
            assert (counts.stored, counts.first_seq, counts.last_seq) == (len(rows), 1, len(rows))
            found, _ = store.judged(bus, 0, 1 << 50)
            in_order = sorted((row[0], seq, row) for seq, row in enumerate(rows, 1))
            assert [
                (each.reading.at // 1000 - wire.EPOCH, each.reading.seq, _row(each.reading)) for each in found
            ] == in_order
            bad += sum(each.reason is not None for each in found)
        assert bad < 0.01 * 45_386  # buses are where they say; the judgement must not take a real day apart
    finally:
        ingest.stop()
        broker.stop()
        spool.close()
        store.close()


def replay(buses: dict[str, list[Row]], host: str, port: int) -> dict[str, int]:
    """Send every bus's batches, all buses interleaved; returns the watermark each was told in the end."""
    marks: dict[str, int] = {}
    wanted = {bus: len(rows) for bus, rows in buses.items()}
    done, subscribed = threading.Event(), threading.Event()

    def on_ack(_client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        bus = message.topic.split("/")[3]
        marks[bus] = max(marks.get(bus, 0), wire.decode_ack(message.payload)[1])
        if marks == wanted:
            done.set()

    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="replay")
    client.username_pw_set("mp-ingest", "service-password")
    client.on_message = on_ack
    client.on_subscribe = lambda *_: subscribed.set()
    client.max_inflight_messages_set(200)
    client.connect(host, port)
    client.loop_start()
    client.subscribe("mp/v1/+/+/ack")
    assert subscribed.wait(5)
    queue = sorted(
        (rows[min(n * _BATCH + _BATCH, len(rows)) - 1][0], bus, payload)
        for bus, rows in buses.items()
        for n, payload in enumerate(batches(rows))
    )
    began = time.monotonic()
    for _, bus, payload in queue:
        client.publish(topic(bus, "up"), payload, qos=1)
    done.wait(40)
    print(f"{len(queue)} batches acknowledged end to end in {time.monotonic() - began:.2f} s")
    client.disconnect()
    client.loop_stop()
    return marks


def _row(reading) -> Row:
    body = reading.body
    return (
        reading.at // 1000 - wire.EPOCH,
        round(body.lat * 1e6),
        round(body.lon * 1e6),
        round(body.speed_mps * 10),
    )
