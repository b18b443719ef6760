"""Real parts around a device process: broker (nats-server), backend that acknowledges, impaired TCP path."""

import contextlib
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from milepost_device import wire

ROOT = Path(__file__).parents[3]
SCRIPTS = ROOT / "tests" / "firmware" / "scripts"
MICROPYTHON = Path(sys.executable).with_name("micropython")
HEAP = "heapsize=160wK"


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def _wait_for(condition, timeout_s=20.0, what="condition"):
    """The first true value of `condition()`; fails after timeout_s."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    pytest.fail(f"{what} did not come true within {timeout_s} s")


class Nats:
    """nats-server with MQTT on a fixed port; `users` is the text inside authorization {}."""

    def __init__(self, folder: Path, users: str = ""):
        self.folder = folder
        self.port = free_port()
        self.users = users
        self.process = None

    def configure(self):
        auth = f"authorization {{ {self.users} }}" if self.users else ""
        (self.folder / "nats.conf").write_text(
            f'server_name: "test"\nlisten: "127.0.0.1:-1"\nlog_file: "{self.folder}/nats.log"\n'
            f'jetstream {{ store_dir: "{self.folder}/js" }}\n'
            f'mqtt {{ listen: "127.0.0.1:{self.port}" }}\n{auth}\n'
        )

    def start(self):
        self.configure()
        binary = Path(sys.executable).with_name("nats-server")
        self.process = subprocess.Popen([binary, "-c", self.folder / "nats.conf"])
        _wait_for(self._listens, what="nats-server listens")
        return self

    def _listens(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 0.5).close()
        except OSError:
            return False
        return True

    def reload(self):
        self.configure()
        self.process.send_signal(signal.SIGHUP)
        time.sleep(0.3)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def forget(self):
        """Lose everything the broker has stored."""
        shutil.rmtree(self.folder / "js", ignore_errors=True)


class Backend:
    """Subscribes to `up`, keeps what comes, answers every batch with the watermark (DESIGN.md §3)."""

    def __init__(self, port, user=None, password=None):
        self.acking = True
        self.stream = None
        self.records: dict[int, object] = {}
        self.received_at: dict[int, float] = {}
        self.doubled = 0
        self.batches = 0
        self.tail = 1
        self.gaps: set[int] = set()
        self.states: list[dict] = []
        self.bad = 0
        self._up = threading.Event()
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="backend", clean_session=False)
        if user:
            self.client.username_pw_set(user, password)
        self.client.reconnect_delay_set(1, 1)
        self.client.on_connect = lambda c, *a: (c.subscribe("mp/v1/+/+/up", 1), c.subscribe("mp/v1/+/+/state", 1))
        self.client.on_subscribe = lambda *a: self._up.set()
        self.client.on_message = self._message
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self._up.wait(10)

    def _message(self, client, userdata, message):
        prefix, channel = message.topic.rsplit("/", 1)
        if channel == "state":
            self.states.append(json.loads(message.payload))
            return
        try:
            batch = wire.decode(message.payload)
        except wire.WireError:
            self.bad += 1
            return
        self.batches += 1
        self.stream = batch.stream
        self.tail = max(self.tail, batch.tail)
        for i, record in enumerate(batch.records):
            seq = batch.first_seq + i
            if seq in self.records:
                self.doubled += 1
                assert self.records[seq] == record, f"seq {seq} came twice with different content"
            self.records[seq] = record
            self.received_at.setdefault(seq, time.monotonic())
            if isinstance(record, wire.Event) and record.code == wire.EV_GAP:
                self.gaps.update(range(record.args["first_seq"], record.args["last_seq"] + 1))
        if self.acking:
            client.publish(prefix + "/ack", struct.pack("<II", batch.stream, self.watermark()), 0)

    def watermark(self) -> int:
        mark = self.tail - 1
        while mark + 1 in self.records or mark + 1 in self.gaps:
            mark += 1
        return mark

    def events(self, code):
        return [r for _, r in sorted(self.records.items()) if isinstance(r, wire.Event) and r.code == code]

    def send(self, topic, payload, retain=False):
        body = payload if isinstance(payload, bytes) else json.dumps(payload)
        self.client.publish(topic, body, 1, retain).wait_for_publish(10)

    def stop(self):
        self.client.disconnect()
        self.client.loop_stop()


class Proxy:
    """TCP path to `port` that can be cut (reset), or turned into a black hole; threads, one per direction."""

    def __init__(self, port):
        self.target = port
        self.hole = False
        self.refuse = False
        self._pairs = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                if self.refuse:
                    raise OSError
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                near.close()
                continue
            self._pairs.append((near, far))
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(a, b), daemon=True).start()

    def _pump(self, a, b):
        try:
            while data := a.recv(4096):
                while self.hole:
                    time.sleep(0.05)
                b.sendall(data)
        except OSError:
            pass
        for s in (a, b):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)

    def reset(self):
        """Close every connection with RST."""
        for pair in self._pairs:
            for s in pair:
                try:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    s.shutdown(socket.SHUT_RD)
                    s.close()
                except OSError:
                    pass
        self._pairs.clear()

    def close(self):
        self._listener.close()
        self.reset()


class Uart:
    """The far end of a fake UART: the device process connects to it."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.link = None

    def accept(self, timeout_s=10):
        self._listener.settimeout(timeout_s)
        self.link, _ = self._listener.accept()
        return self.link

    def close(self):
        if self.link:
            self.link.close()
        self._listener.close()


class Device:
    """One device process (scripts/device.py); `flash` stays over kill and start."""

    def __init__(self, folder: Path, port: int, **args):
        self.folder = folder
        config = {"batch_wait_ms": 100, **args.pop("config", {})}
        self.args = {"device": "dev1", "port": port, "dir": str(folder), "config": config, **args}
        self.process = None
        self.lines: list[str] = []
        self.last: dict = {}

    def start(self, **args):
        self.args.update(args)
        self.last = {}
        env = {**os.environ, "MICROPYPATH": f"{ROOT / 'firmware'}:{SCRIPTS}:.frozen"}
        self.process = subprocess.Popen(
            [MICROPYTHON, "-X", HEAP, SCRIPTS / "device.py", json.dumps(self.args)],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True).start()
        return self

    def _read(self, pipe):
        for line in pipe:
            self.lines.append(line.rstrip())
            if line.startswith("{"):
                self.last = json.loads(line)

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
        if self.process:
            self.process.wait()

    def linked(self):
        """True when something has been acknowledged; fails if the process has died of an exception."""
        if any(line.startswith("Traceback") for line in self.lines):
            pytest.fail("\n".join(self.lines))
        return self.last and self.last["acked"] > 0

    def drained(self):
        """True when everything written has been acknowledged."""
        return self.linked() and self.last["head"] > 0 and self.last["acked"] == self.last["head"]


@pytest.fixture
def wait_for():
    """wait_for(condition, timeout_s=20, what=...): polls, fails the test in the end."""
    return _wait_for


@pytest.fixture
def run_script():
    """run_script(name, *args) runs scripts/name under MicroPython; its standard output. Fails on an error."""

    def run(name, *args, heap="heapsize=4M", timeout_s=60):
        done = subprocess.run(
            [MICROPYTHON, "-X", heap, SCRIPTS / name, *args],
            env={**os.environ, "MICROPYPATH": f"{ROOT / 'firmware'}:{SCRIPTS}:.frozen"},
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


@pytest.fixture
def nats(tmp_path):
    folder = tmp_path / "nats"
    folder.mkdir()
    server = Nats(folder).start()
    yield server
    server.kill()


class Mosquitto:
    """A Mosquitto broker with extra lines of configuration."""

    def __init__(self, folder: Path, *lines: str):
        self.port = free_port()
        conf = folder / "mosquitto.conf"
        conf.write_text("\n".join([f"listener {self.port} 127.0.0.1", "allow_anonymous true", *lines, ""]))
        self.process = subprocess.Popen(
            [shutil.which("mosquitto") or "/usr/sbin/mosquitto", "-c", conf],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _wait_for(lambda: Nats._listens(self), what="mosquitto listens")

    def kill(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def mosquitto(tmp_path):
    """mosquitto(*lines) starts one; skips where the Debian package is not installed."""
    if not (shutil.which("mosquitto") or Path("/usr/sbin/mosquitto").exists()):
        pytest.skip("Mosquitto is not installed (Debian package mosquitto)")
    started = []

    def start(*lines):
        started.append(m := Mosquitto(tmp_path, *lines))
        return m

    yield start
    for m in started:
        m.kill()


@pytest.fixture
def make(tmp_path, nats, request):
    """Factory of backend, proxy, uart and device, each closed at the end."""
    made = []

    class Make:
        def backend(self, port=None, **kw):
            made.append(b := Backend(port or nats.port, **kw))
            return b

        def proxy(self, port=None):
            made.append(p := Proxy(port or nats.port))
            return p

        def uart(self):
            made.append(u := Uart())
            return u

        def device(self, port=None, **args):
            folder = tmp_path / args.get("device", "dev1")
            folder.mkdir(exist_ok=True)
            made.append(d := Device(folder, port or nats.port, **args))
            return d

    yield Make()
    for part in reversed(made):
        for end in ("kill", "stop", "close"):
            if hasattr(part, end):
                getattr(part, end)()
    if request.node.stash.get(FAILED, False):
        for part in made:
            if isinstance(part, Device):
                print("\n".join([x for x in part.lines if x[0] != "{"][-20:] + part.lines[-3:]))


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report
