"""The drill of docs/operations.md: back up under load, lose the machine, restore, and go on."""

import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest

from milepost.ingest.model import topic
from milepost.times import now_ms
from milepost_device import wire
from milepost_tools.served import until

from .house import House, readings

_STREAM = 99
_DEVICE = "drill-1"
_BATCH = 20


class Tracker:
    """Keeps every fix until the service has acknowledged it by name, and sends again what it keeps."""

    def __init__(self, house: House, password: str) -> None:
        self.head = 0
        self.acknowledged = 0
        self._held: dict[int, wire.Fix] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._drive = threading.Event()
        self._drive.set()
        self._start = now_ms() // 1000 - wire.EPOCH - 40_000
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=_DEVICE)
        self._client.username_pw_set(_DEVICE, password)
        self._client.reconnect_delay_set(1, 2)
        self._client.on_connect = lambda client, *_: client.subscribe(topic(_DEVICE, "ack"), 1)
        self._client.on_message = lambda _c, _d, message: self._heard(*wire.decode_ack(message.payload))
        self._client.connect(*house.broker)
        self._client.loop_start()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def park(self) -> None:
        """Make no more fixes; what is held is still sent."""
        self._drive.clear()

    def oldest(self) -> int:
        """The oldest seq held; one above the newest when there is none."""
        with self._lock:
            return min(self._held, default=self.head + 1)

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._client.disconnect()
        self._client.loop_stop()

    def _heard(self, stream: int, seq: int) -> None:
        if stream == _STREAM:
            with self._lock:
                self.acknowledged = max(self.acknowledged, seq)
                self._held = {n: fix for n, fix in self._held.items() if n > seq}

    def _run(self) -> None:
        while not self._stop.wait(0.05):
            with self._lock:
                if self._drive.is_set():
                    for _ in range(_BATCH):
                        self.head += 1
                        self._held[self.head] = wire.Fix(
                            t=self._start + self.head, lat_e6=31_230_400 + 9 * self.head, lon_e6=121_473_700,
                            speed_dmps=10, sats=9,
                        )  # fmt: skip
                held = sorted(self._held)
                newest = held[-_BATCH:]
                pieces = [newest] if self._drive.is_set() else []
                if not self._drive.is_set() or int(time.monotonic() * 20) % 20 == 0:  # stalled: from the oldest on
                    pieces.append(held[:_BATCH])
                payloads = [self._batch(piece, held[0]) for piece in pieces if piece]
            for payload in payloads:
                self._client.publish(topic(_DEVICE, "up"), payload, qos=1)

    def _batch(self, seqs: list[int], tail: int) -> bytes:
        writer = wire.BatchWriter(8192)
        writer.begin(_STREAM, seqs[0], tail, 1, 1000)
        for seq in seqs:
            assert writer.add(self._held[seq])
        return bytes(writer.finish())


@pytest.fixture
def own_house(tmp_path: Path) -> Iterator[House]:
    """A service of its own: this test takes its folder away."""
    running = House(tmp_path)
    running.start()
    yield running
    running.stop()


def milepost(*words: object) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("milepost")
    return subprocess.run([program, *map(str, words)], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.timeout(180)
def test_a_restored_service_has_what_the_backup_held_and_devices_bring_the_rest(
    own_house: House, tmp_path: Path
) -> None:
    house, copy = own_house, tmp_path / "copy"
    engineer = house.hire("engineer", "engineer", "dispatcher")
    password = engineer.post("/devices", id=_DEVICE, role="tracker", name="drill")["password"]
    tracker = Tracker(house, password)
    try:
        until(lambda: tracker.acknowledged >= 400, 40)
        safe = tracker.acknowledged  # before the backup begins
        made = milepost("backup", copy, "--data", house.data, "--json")
        assert made.returncode == 0, made.stderr
        assert {"milepost.db", "spool.db", "telemetry.db"} <= set(json.loads(made.stdout)["files"])
        until(lambda: tracker.acknowledged >= safe + 100, 40)  # the service has noticed nothing
        assert "in use" in milepost("restore", copy, "--data", house.data, "--force").stderr
        house.kill()
        tracker.park()
        shutil.rmtree(house.data)
        held = tracker.oldest()
        assert milepost("restore", copy, "--data", house.data).returncode == 0
        house.start()
        until(lambda: tracker.oldest() > tracker.head, 60, lambda: (tracker.oldest(), tracker.head, house.log()[-900:]))
    finally:
        tracker.close()
    wanted = {*range(1, safe + 1), *range(held, tracker.head + 1)}

    def there() -> list[int]:
        return [int(item["id"].rsplit("/", 1)[1]) for item in readings(engineer, _DEVICE, "fix")]

    until(lambda: wanted <= set(there()), 30, lambda: sorted(wanted - set(there()))[:20])
    assert len(there()) == len(set(there()))
    assert milepost("restore", copy, "--data", house.data).returncode == 1  # there is something: not without --force
