"""Ingest on Mosquitto with the configuration that we recommend (docs/examples/mosquitto.conf)."""

import getpass
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from milepost.fleet.accounts import Mosquitto
from milepost.ingest.service import Ingest
from milepost.ingest.session import Broker
from milepost.ingest.spool import Spool
from milepost.settings import Settings
from milepost.telemetry.sink import TelemetrySink
from milepost.telemetry.sqlite import SqliteTelemetry

from .conftest import STREAM, BrokerHouse, Device, drive, until

pytestmark = pytest.mark.mosquitto
EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "mosquitto.conf"


class MosquittoHouse:
    """The example's broker on a port and in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.host = "127.0.0.1"
        self.place = Broker(self.host, self.port, "mp-ingest", "service-password")
        self.config = folder / "mosquitto.conf"
        text = EXAMPLE.read_text().replace("listener 1883", f"listener {self.port} 127.0.0.1")
        text = text.replace("/etc/mosquitto/", f"{folder}/").replace("/var/lib/mosquitto/", f"{folder}/")
        self.config.write_text(f"{text}user {getpass.getuser()}\n")
        self.process: subprocess.Popen | None = None
        self.accounts = Mosquitto(folder / "milepost.passwords", folder / "milepost.acl", self.reload)
        self.accounts.service("mp-ingest", "service-password")
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(["mosquitto", "-c", str(self.config)], stderr=subprocess.DEVNULL)
        until(self._listens)

    def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        self.process.wait(10)

    def reload(self) -> None:
        if self.process is not None:
            os.kill(self.process.pid, signal.SIGHUP)
            time.sleep(0.2)

    def device(self, name: str) -> Device:
        return BrokerHouse.device(self, name)  # pyright: ignore[reportArgumentType]

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((self.host, self.port)) == 0


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
