"""The embedded broker: its port, its data, its end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest

from milepost.broker import BrokerError, EmbeddedBroker
from milepost.fleet.accounts import NatsFile


def _broker(folder: Path) -> EmbeddedBroker:
    broker = EmbeddedBroker(folder)
    NatsFile(broker.users_file, broker.reload).service("mp-ingest", "service-password")
    return broker


def _client(port: int, name: str = "tester") -> mqtt.Client:
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name, clean_session=False)
    client.username_pw_set("mp-ingest", "service-password")
    client.connect("127.0.0.1", port)
    client.loop_start()
    deadline = time.monotonic() + 5
    while not client.is_connected():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return client


def test_without_an_account_it_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(BrokerError, match="no account"):
        EmbeddedBroker(tmp_path).start()


def test_the_port_and_waiting_messages_outlive_a_restart(tmp_path: Path) -> None:
    first = _broker(tmp_path)
    host, port = first.start()
    subscriber = _client(port)
    subscriber.subscribe("mp/v1/0/+/up", 1)
    time.sleep(0.3)
    subscriber.disconnect()
    subscriber.loop_stop()
    publisher = _client(port, "publisher")
    publisher.publish("mp/v1/0/dev/up", b"kept", qos=1).wait_for_publish(5)
    publisher.disconnect()
    publisher.loop_stop()
    first.stop()

    second = EmbeddedBroker(tmp_path)
    assert second.start() == (host, port)
    got: list[bytes] = []
    again = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="tester", clean_session=False)
    again.username_pw_set("mp-ingest", "service-password")
    again.on_message = lambda _c, _d, message: got.append(message.payload)
    again.connect(host, port)
    again.loop_start()
    deadline = time.monotonic() + 10
    while not got and time.monotonic() < deadline:
        time.sleep(0.02)
    again.disconnect()
    again.loop_stop()
    second.stop()
    assert got == [b"kept"]


def test_a_killed_broker_comes_back(tmp_path: Path) -> None:
    broker = _broker(tmp_path)
    _, port = broker.start()
    before = broker.pid
    broker.kill()
    deadline = time.monotonic() + 10
    while broker.pid in (None, before):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.3)
    client = _client(port)
    client.disconnect()
    client.loop_stop()
    broker.stop()
    assert broker.pid is None


def test_a_broken_accounts_file_is_refused_and_said(tmp_path: Path) -> None:
    broker = _broker(tmp_path)
    broker.start()
    broker.users_file.write_text('users: [ {"user": ')
    with pytest.raises(BrokerError, match="refuses"):
        broker.reload()
    broker.stop()


def test_it_dies_with_a_killed_parent(tmp_path: Path) -> None:
    script = (
        "import sys, time, pathlib\n"
        "from milepost.broker import EmbeddedBroker\n"
        "from milepost.fleet.accounts import NatsFile\n"
        "b = EmbeddedBroker(pathlib.Path(sys.argv[1]))\n"
        "NatsFile(b.users_file, b.reload).service('s', 'password')\n"
        "b.start(); print(b.pid, flush=True); time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    os.kill(child, 0)
    parent.send_signal(signal.SIGKILL)
    parent.wait(5)
    deadline = time.monotonic() + 5
    while _alive(child):
        assert time.monotonic() < deadline, "the broker outlived its parent"
        time.sleep(0.02)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
