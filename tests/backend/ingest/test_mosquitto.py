"""Ingest on Mosquitto with the configuration that we recommend (docs/examples/mosquitto.conf)."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from milepost.ingest.service import Ingest
from milepost.ingest.spool import Spool
from milepost.settings import Settings
from milepost.telemetry.sink import TelemetrySink
from milepost.telemetry.sqlite import SqliteTelemetry

from .brokers import MosquittoHouse
from .conftest import STREAM, drive, until

pytestmark = pytest.mark.mosquitto


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[MosquittoHouse]:
    house = MosquittoHouse(tmp_path)
    yield house
    house.stop()


def test_a_drive_over_a_restart_of_backend_and_broker_ends_complete(
    mosquitto: MosquittoHouse, settings: Settings, tmp_path: Path
) -> None:
    spool, store = Spool(tmp_path / "spool.db"), SqliteTelemetry(tmp_path / "telemetry.db")

    def backend() -> Ingest:
        ingest = Ingest(settings, spool, [TelemetrySink(store)], mosquitto.place)
        ingest.start()
        assert ingest.wait_ready()
        return ingest

    first = backend()
    device = mosquitto.device("truck-1")
    device.send(drive(1, 10))
    until(lambda: device.acknowledged(10))
    first.stop()
    for n in range(1, 150):  # more than Mosquitto keeps by default in flight
        device.send(drive(n * 10 + 1, 10))
    mosquitto.stop()
    mosquitto.start()
    until(device.client.is_connected)
    second = backend()
    until(lambda: device.acknowledged(1500))
    assert second.drained()
    assert store.counts("truck-1", STREAM).stored == 1500
    # The broker goes while ingest runs.
    mosquitto.stop()
    mosquitto.start()
    until(device.client.is_connected)
    until(lambda: device.send(drive(1501, 10), wait=False) or time.sleep(0.2) or device.acknowledged(1510))
    second.stop()
    store.close()
    spool.close()
    device.close()
