"""A real broker, a spool, and devices that speak the wire."""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest

from milepost.broker import EmbeddedBroker
from milepost.fleet.accounts import NatsFile
from milepost.ingest.model import Sink, SpoolItem, topic
from milepost.ingest.service import Ingest
from milepost.ingest.session import Broker
from milepost.ingest.spool import Spool
from milepost.settings import Settings
from milepost_device import wire

STREAM = 7
T0 = 200_000_000  # seconds since 2020: 2026-05-03


class BrokerHouse:
    """The embedded broker with its accounts; devices get theirs on first use."""

    def __init__(self, folder: Path) -> None:
        self.server = EmbeddedBroker(folder, ack_wait_s=2)
        self.accounts = NatsFile(self.server.users_file, self.server.reload)
        self.accounts.service("mp-ingest", "service-password")
        self.host, self.port = self.server.start()
        self.place = Broker(self.host, self.port, "mp-ingest", "service-password")

    def device(self, name: str) -> "Device":
        self.accounts.put(name, "device-password")
        return Device(self, name)


class Device:
    """A well-behaved device on paho: QoS 1, remembers what it was told."""

    def __init__(self, house: BrokerHouse, name: str) -> None:
        self.name = name
        self.acks: list[tuple[int, int]] = []
        self.commands: list[bytes] = []
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name)
        self.client.username_pw_set(name, "device-password")
        self.client.on_connect = self._connected
        self.client.on_message = self._message
        self.client.max_inflight_messages_set(500)
        self.client.reconnect_delay_set(0.1, 0.5)  # pyright: ignore[reportArgumentType]
        self.client.connect(house.host, house.port)
        self.client.loop_start()
        until(self.client.is_connected)

    def _connected(self, client: mqtt.Client, *_: object) -> None:
        client.subscribe([(topic(self.name, leaf), 1) for leaf in ("ack", "cfg", "cmd")])

    def _message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        if message.topic.endswith("/ack"):
            self.acks.append(wire.decode_ack(message.payload))
        else:
            self.commands.append(message.payload)

    def send(self, payload: bytes, leaf: str = "up", wait: bool = True, retain: bool = False) -> None:
        info = self.client.publish(topic(self.name, leaf), payload, qos=1, retain=retain)
        if wait:
            info.wait_for_publish(10)

    def acknowledged(self, seq: int, stream: int = STREAM) -> bool:
        return any(ack == (stream, seq) for ack in self.acks)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


class Remember:
    """A sink that keeps what it got, in memory."""

    def __init__(self, name: str = "remember") -> None:
        self.name = name
        self.items: list[SpoolItem] = []

    def position(self) -> int:
        return self.items[-1].id if self.items else 0

    def handle(self, items: Sequence[SpoolItem]) -> None:
        self.items += items


def until(condition: Callable[[], object], timeout_s: float = 15) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s} s"
        time.sleep(0.01)


def fix(n: int, **fields: object) -> wire.Fix:
    """Fix number n of a drive, one a second."""
    values = {"t": T0 + n, "lat_e6": 31_230_400 + 90 * n, "lon_e6": 121_473_700, "speed_dmps": 100, "sats": 9}
    return wire.Fix(**{**values, **fields})  # pyright: ignore[reportArgumentType]


def batch(
    records: Sequence, first: int = 1, tail: int = 1, stream: int = STREAM, boot: int = 1, uptime: int = 0
) -> bytes:
    writer = wire.BatchWriter(60_000)
    writer.begin(stream, first, tail, boot, uptime)
    for record in records:
        assert writer.add(record)
    return bytes(writer.finish())


def drive(first: int, count: int, tail: int = 1) -> bytes:
    """A batch of fixes first … first+count-1."""
    return batch([fix(n) for n in range(first, first + count)], first, tail)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[BrokerHouse]:
    made = BrokerHouse(tmp_path)
    yield made
    made.server.stop()


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    made = Spool(tmp_path / "spool.db")
    yield made
    made.close()


@pytest.fixture
def ingest_of(house: BrokerHouse, spool: Spool, settings: Settings) -> Iterator[Callable[..., Ingest]]:
    """`ingest_of(sink, …)`: a running ingest on the real broker."""
    running: list[Ingest] = []

    def make(*sinks: Sink) -> Ingest:
        ingest = Ingest(settings, spool, sinks, house.place)
        ingest.start()
        running.append(ingest)
        assert ingest.wait_ready()
        return ingest

    yield make
    for each in running:
        each.stop()
