"""Every implementation of BrokerAccounts keeps devices to their own names, on the real broker."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue

import paho.mqtt.client as mqtt
import pytest

from milepost.broker import EmbeddedBroker, _is_free
from milepost.errors import Invalid
from milepost.fleet.accounts import BrokerAccounts, Mosquitto, NatsFile, make_password
from milepost_device.wire import part_of

BROKERS = [pytest.param("nats"), pytest.param("mosquitto", marks=pytest.mark.mosquitto)]


@dataclass
class Running:
    port: int
    accounts: BrokerAccounts
    files: list[Path]


@pytest.fixture(params=BROKERS)
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Running]:
    start = _nats if request.param == "nats" else _mosquitto
    with_stop = start(tmp_path)
    yield from with_stop


def _nats(folder: Path) -> Iterator[Running]:
    broker = EmbeddedBroker(folder)
    accounts = NatsFile(broker.users_file, broker.reload)
    accounts.service("mp-ingest", "service-password")
    _, port = broker.start()
    yield Running(port, accounts, [broker.users_file])
    broker.stop()


def _mosquitto(folder: Path) -> Iterator[Running]:
    port = next(port for port in range(21000 + os.getpid() % 9000, 32000) if _is_free("127.0.0.1", port))
    passwords, acl = folder / "passwords", folder / "acl"
    process: list[subprocess.Popen] = []

    def reload() -> None:
        for each in process:
            each.send_signal(signal.SIGHUP)
            time.sleep(0.2)  # Mosquitto does not say when it has read them

    accounts = Mosquitto(passwords, acl, reload)
    accounts.service("mp-ingest", "service-password")
    config = folder / "mosquitto.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\nacl_file {acl}\nuser root\n"
    )
    process.append(subprocess.Popen(["mosquitto", "-c", str(config)], stderr=subprocess.DEVNULL))
    _wait(lambda: not _is_free("127.0.0.1", port))
    yield Running(port, accounts, [passwords, acl])
    process[0].terminate()
    process[0].wait(5)


@dataclass
class Peer:
    """An MQTT client that remembers what it got."""

    port: int
    user: str
    password: str
    got: Queue = field(default_factory=Queue)
    result: int | None = None

    def __enter__(self) -> "Peer":
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=self.user)
        self.client.username_pw_set(self.user, self.password)
        connected = threading.Event()

        def on_connect(_client, _data, _flags, reason, _properties) -> None:
            self.result = reason.value
            connected.set()

        self.client.on_connect = on_connect
        self.client.on_message = lambda _c, _d, message: self.got.put((message.topic, message.payload))
        self.client.on_subscribe = lambda _c, _d, _mid, codes, _p: self.got.put(("suback", codes[0].value))
        self.client.connect("127.0.0.1", self.port)
        self.client.loop_start()
        assert connected.wait(5)
        return self

    def __exit__(self, *_error: object) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def subscribe(self, topic: str) -> int:
        self.client.subscribe(topic, 1)
        kind, code = self.got.get(timeout=5)
        assert kind == "suback"
        return code

    def publish(self, topic: str, payload: bytes, **options: object) -> None:
        # A denied publish still gets its PUBACK (cases.md M01): this returns either way.
        self.client.publish(topic, payload, qos=1, **options).wait_for_publish(5)  # pyright: ignore[reportArgumentType]

    def next(self, timeout_s: float = 5) -> tuple[str, bytes] | None:
        try:
            return self.got.get(timeout=timeout_s)
        except Empty:
            return None


def _backend(broker: Running) -> Peer:
    return Peer(broker.port, "mp-ingest", "service-password")


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "not within 10 s"
        time.sleep(0.02)


def _topic(device: str, leaf: str) -> str:
    return f"mp/v1/{part_of(device)}/{device}/{leaf}"


def test_a_device_speaks_and_listens_under_its_own_name(broker: Running) -> None:
    password = make_password()
    broker.accounts.put("truck-1", password)
    with _backend(broker) as backend, Peer(broker.port, "truck-1", password) as device:
        for leaf in ("up", "state"):
            assert backend.subscribe(f"mp/v1/{part_of('truck-1')}/+/{leaf}") == 1
            device.publish(_topic("truck-1", leaf), b"mine")
            assert backend.next() == (_topic("truck-1", leaf), b"mine")
        backend.publish(_topic("truck-1", "cfg"), b"config", retain=True)
        for leaf in ("ack", "cmd", "cfg"):
            assert device.subscribe(_topic("truck-1", leaf)) == 1
        assert device.next() == (_topic("truck-1", "cfg"), b"config")
        backend.publish(_topic("truck-1", "cmd"), b"reboot")
        assert device.next() == (_topic("truck-1", "cmd"), b"reboot")


def test_what_a_device_writes_under_another_name_is_not_delivered(broker: Running) -> None:
    password = make_password()
    broker.accounts.put("truck-1", password)
    broker.accounts.put("truck-2", make_password())
    foreign = [_topic("truck-2", "up"), _topic("truck-1", "cmd"), _topic("truck-1", "ack"), "mp/v1/x/truck-1/up", "x"]
    with _backend(broker) as backend, Peer(broker.port, "truck-1", password) as device:
        assert backend.subscribe("mp/v1/+/+/+") == 1
        for topic in foreign:
            device.publish(topic, b"forged")
        device.publish(_topic("truck-1", "up"), b"own")
        # Were one of the forged delivered, it would come first: one connection keeps its order.
        assert backend.next() == (_topic("truck-1", "up"), b"own")
        assert backend.next(0.3) is None


def test_a_device_hears_nothing_of_others(broker: Running) -> None:
    password = make_password()
    broker.accounts.put("truck-1", password)
    broker.accounts.put("truck-2", make_password())
    with _backend(broker) as backend, Peer(broker.port, "truck-1", password) as device:
        for topic in (_topic("truck-2", "cmd"), "mp/v1/+/+/up", "#", _topic("truck-1", "up")):
            device.client.subscribe(topic, 1)
        assert device.subscribe(_topic("truck-1", "cmd")) in (1, 128)
        backend.publish(_topic("truck-2", "cmd"), b"not for you")
        backend.publish(_topic("truck-2", "up"), b"not for you")
        backend.publish(_topic("truck-1", "cmd"), b"for you")
        seen = []
        while (item := device.next(0.5)) is not None:
            if item[0] != "suback":
                seen.append(item)
        assert set(seen) == {(_topic("truck-1", "cmd"), b"for you")}


def test_wrong_passwords_and_removed_devices_stay_out(broker: Running) -> None:
    password = make_password()
    broker.accounts.put("truck-1", password)
    with Peer(broker.port, "truck-1", "guess") as wrong:
        assert wrong.result != 0
    broker.accounts.put("truck-1", "changed-password")
    with Peer(broker.port, "truck-1", password) as old:
        assert old.result != 0
    with Peer(broker.port, "truck-1", "changed-password") as new:
        assert new.result == 0
    broker.accounts.remove("truck-1")
    with Peer(broker.port, "truck-1", "changed-password") as gone:
        assert gone.result != 0
    with _backend(broker) as backend:
        assert backend.result == 0


def test_no_password_stands_in_a_file_and_only_the_owner_reads_it(broker: Running) -> None:
    broker.accounts.put("truck-1", "a-very-own-password")
    for file in broker.files:
        assert "a-very-own-password" not in file.read_text()
        assert file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("device_id", ["", "Truck", "a/b", "+", "#", "a.b", "thirteen-char", "a b", "x\n", 'x"'])
def test_only_device_ids_get_accounts(broker: Running, device_id: str) -> None:
    with pytest.raises(Invalid):
        broker.accounts.put(device_id, "password")


def test_a_device_cannot_take_the_place_of_a_service(broker: Running) -> None:
    with pytest.raises(Invalid):
        broker.accounts.put("mp-ingest", "password")
    broker.accounts.remove("mp-ingest")
    with _backend(broker) as backend:
        assert backend.result == 0
