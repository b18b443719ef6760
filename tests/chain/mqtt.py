"""A stranger's program that speaks MQTT with a registered device's credentials, or with the service's own."""

import json
import threading
import zlib
from typing import Any

import paho.mqtt.client as mqtt

from milepost.ingest.model import topic
from milepost_device import wire

from .house import House

STREAM = 77


class Party:
    """One connection. Publishes whatever it is told to, remembers the acknowledgements it hears."""

    def __init__(self, house: House, user: str, password: str) -> None:
        self.acks: list[tuple[int, int]] = []
        self._user = user
        self._subscribed = threading.Event()
        self._client = client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=user)
        client.username_pw_set(user, password)
        client.on_connect = lambda *_: client.subscribe(topic(user, "ack"), 1)
        client.on_subscribe = lambda *_: self._subscribed.set()
        client.on_message = lambda _c, _d, message: self.acks.append(wire.decode_ack(message.payload))
        client.connect(*house.broker)
        client.loop_start()
        assert self._subscribed.wait(20)

    def publish(self, device: str, leaf: str, payload: bytes) -> None:
        """QoS 1 on a topic of any device; returns when the broker has acknowledged it."""
        self._client.publish(topic(device, leaf), payload, qos=1).wait_for_publish(20)

    def up(self, payload: bytes) -> None:
        """A batch under the own name."""
        self.publish(self._user, "up", payload)

    def state(self, **fields: Any) -> None:
        """A state message under the own name."""
        self.publish(self._user, "state", json.dumps(fields).encode())

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def service_party(house: House) -> Party:
    """The service's own account: it may speak to every device."""
    return Party(house, "mp-ingest", (house.data / "broker" / "ingest.password").read_text())


def batch(first_seq: int, *records: Any) -> bytes:
    """A good batch with these records."""
    writer = wire.BatchWriter(4096)
    writer.begin(STREAM, first_seq, 1, 1, 1000)
    for record in records:
        assert writer.add(record)
    return bytes(writer.finish())


def with_version(payload: bytes, version: int) -> bytes:
    """The batch under another version number, its CRC right."""
    body = bytes([payload[0], version]) + payload[2:-4]
    return body + zlib.crc32(body).to_bytes(4, "little")
