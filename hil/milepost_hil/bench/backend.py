"""The smallest honest backend: takes batches from a real broker, keeps every record once, acknowledges."""

import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from milepost_device import wire


@dataclass(slots=True)
class Received:
    """What one stream has brought."""

    records: dict[int, object] = field(default_factory=dict)
    tail: int = 1
    duplicates: int = 0
    order: list[int] = field(default_factory=list)

    def watermark(self) -> int:
        """Highest N such that every seq <= N was received, lies below the tail or in a gap (DESIGN.md §3)."""
        covered = [
            (int(r.args["first_seq"]), int(r.args["last_seq"]))
            for r in self.records.values()
            if isinstance(r, wire.Event) and r.code == wire.EV_GAP
        ]
        n = self.tail - 1
        while True:
            if n + 1 in self.records:
                n += 1
                continue
            skip = next((last for first, last in covered if first <= n + 1 <= last), None)
            if skip is None:
                return n
            n = skip


R = TypeVar("R")


class AckBackend:
    """Listens to one device. `acking = False` makes it deaf: it takes nothing down and answers nothing."""

    def __init__(self, host: str, port: int, user: str, password: str, device: str) -> None:
        self.device = device
        self.acking = True
        self.streams: dict[int, Received] = {}
        self.states: list[bytes] = []
        self.refused: list[str] = []
        self._changed = threading.Condition()
        self._base = f"mp/v1/{wire.part_of(device)}/{device}/"
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"hil-{device}", clean_session=True)
        self._client.username_pw_set(user, password)
        self._client.on_message = self._message
        ready = threading.Event()
        self._client.on_subscribe = lambda *_: ready.set()
        self._client.on_connect = self._connected
        self._client.connect(host, port)
        self._client.loop_start()
        if not ready.wait(10):
            raise TimeoutError(f"the broker at {host}:{port} did not grant the bench its subscription")

    def _connected(self, client: mqtt.Client, *_: object) -> None:
        client.subscribe([(self._base + "up", 1), (self._base + "state", 1)])

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, channel: str, payload: bytes, *, retain: bool = False) -> None:
        """Sends to the device: channel ``cfg`` or ``cmd``."""
        self._client.publish(self._base + channel, payload, qos=1, retain=retain)

    def _message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        with self._changed:
            if message.topic.endswith("/state"):
                self.states.append(bytes(message.payload))
            elif self.acking:
                self._take(bytes(message.payload))
            self._changed.notify_all()

    def _take(self, payload: bytes) -> None:
        try:
            batch = wire.decode(payload)
        except wire.WireError as e:
            self.refused.append(str(e))
            return
        stream = self.streams.setdefault(batch.stream, Received())
        stream.tail = max(stream.tail, batch.tail)
        for i, record in enumerate(batch.records):
            seq = batch.first_seq + i
            if seq in stream.records:
                stream.duplicates += 1
                if stream.records[seq] != record:
                    self.refused.append(f"seq {seq} came twice with different content")
            else:
                stream.records[seq] = record
                stream.order.append(seq)
        self._client.publish(self._base + "ack", struct.pack("<II", batch.stream, stream.watermark()), qos=0)

    @property
    def records(self) -> list[object]:
        """Every record once, by stream and seq."""
        with self._changed:
            return [r for s in self.streams.values() for _, r in sorted(s.records.items())]

    def of(self, kind: type[R]) -> list[R]:
        """The records of one class, in order of their seq."""
        return [r for r in self.records if isinstance(r, kind)]

    def wait(self, condition: Callable[[], object], timeout_s: float = 20.0) -> None:
        """Waits until condition() holds, looked at after every arrival. Raises TimeoutError with what is there."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            with self._changed:
                self._changed.wait(0.2)
            if time.monotonic() > deadline:
                kinds = Counter(type(r).__name__ for r in self.records)
                raise TimeoutError(f"after {timeout_s:g} s the backend has {dict(kinds)}, refused {self.refused}")

    def assert_complete(self) -> None:
        """No record is missing below the highest one, none was undecodable."""
        assert not self.refused, self.refused
        for number, stream in self.streams.items():
            if stream.records:
                missing = sorted(set(range(stream.tail, max(stream.records))) - set(stream.records))
                assert stream.watermark() >= max(stream.records), f"stream {number} misses {missing[:10]}"
