"""Brokers of your own, started from exactly the files that we ship, on ports and in folders of their own."""

import getpass
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from milepost.fleet.accounts import BrokerAccounts, Mosquitto, NatsFile
from milepost.ingest.session import Broker

from .conftest import BrokerHouse, Device, until

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"


class OwnBroker:
    """Start, stop and start again; accounts as the service makes them."""

    accounts: BrokerAccounts

    def __init__(self, words: list[str]) -> None:
        self.words = words
        self.process: subprocess.Popen | None = None
        self.host, self.port = "127.0.0.1", free_port()
        self.place = Broker(self.host, self.port, "mp-ingest", "service-password")

    def start(self) -> None:
        self.process = subprocess.Popen(self.words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
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


class MosquittoHouse(OwnBroker):
    """docs/examples/mosquitto.conf; `changes` are texts to replace in it."""

    def __init__(self, folder: Path, changes: dict[str, str] | None = None) -> None:
        config = folder / "mosquitto.conf"
        super().__init__(["mosquitto", "-c", str(config)])
        replaced = {
            "listener 1883": f"listener {self.port} 127.0.0.1",
            "/etc/mosquitto/": f"{folder}/",
            "/var/lib/mosquitto/": f"{folder}/",
            **(changes or {}),
        }
        config.write_text(f"{_replaced(EXAMPLES / 'mosquitto.conf', replaced)}user {getpass.getuser()}\n")
        self.accounts = Mosquitto(folder / "milepost.passwords", folder / "milepost.acl", self.reload)
        self.accounts.service("mp-ingest", "service-password")
        self.start()


class NatsHouse(OwnBroker):
    """docs/examples/nats.conf."""

    def __init__(self, folder: Path) -> None:
        config = folder / "nats.conf"
        super().__init__([str(Path(sys.executable).with_name("nats-server")), "-c", str(config)])
        replaced = {
            "0.0.0.0:1883": f"127.0.0.1:{self.port}",
            "127.0.0.1:4222": "127.0.0.1:-1",
            "/run/nats/": f"{folder}/",
            "/var/lib/nats": f"{folder}/data",
        }
        config.write_text(_replaced(EXAMPLES / "nats.conf", replaced))
        self.accounts = NatsFile(folder / "milepost.users.conf", self.reload)
        self.accounts.service("mp-ingest", "service-password")
        self.start()


def _replaced(example: Path, changes: dict[str, str]) -> str:
    text = example.read_text()
    for old, new in changes.items():
        assert old in text, f"{example.name} no longer has {old!r}"
        text = text.replace(old, new)
    return text


def free_port() -> int:
    """A port that nobody has at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
