"""What the session's client takes out of a stream of bytes, however the network cuts it."""

import socket
import struct
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paho.mqtt.enums import MQTTErrorCode

from milepost.ingest.client import BulkClient, publish_head

_CONNACK = b"\x20\x02\x00\x00"
_PINGRESP = b"\xd0\x00"
_SUBACK = b"\x90\x03\x00\x01\x01"
Taken = list[tuple[bytes, int, bytes]]


def framed(kind: int, body: bytes) -> bytes:
    """A packet with its remaining length (MQTT 3.1.1 §2.2.3)."""
    size, head = len(body), bytearray([kind])
    while True:
        head.append(size & 127 | (128 if size > 127 else 0))
        size >>= 7
        if not size:
            return bytes(head) + body


def publish(topic: bytes, mid: int, payload: bytes) -> bytes:
    """A PUBLISH with QoS 1, or 0 for no packet id."""
    number = struct.pack(">H", mid) if mid else b""
    return framed(0x32 if mid else 0x30, struct.pack(">H", len(topic)) + topic + number + payload)


def connected(take: Callable[[bytes, int, bytes], None]) -> tuple[BulkClient, socket.socket]:
    """A client whose CONNECT has been sent, and the broker's end of its connection."""
    ours, theirs = socket.socketpair()
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    client = BulkClient("mp-ingest-a", take)
    client._create_socket = lambda: ours
    client.connect("broker")
    assert theirs.recv(4096)[0] == 0x10
    return client, theirs


MESSAGES = st.tuples(
    st.sampled_from([b"mp/v1/a/truck-1/up", b"mp/v1/a/truck-1/state", b"\xff"]),
    st.integers(0, 65_535),
    st.integers(0, 20_000).map(bytes) | st.binary(max_size=300),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(MESSAGES | st.sampled_from([_PINGRESP, _SUBACK]), max_size=12), st.lists(st.integers(1, 5_000)))
def test_any_cutting_of_the_stream_gives_every_message_once_in_order(sent: list, cuts: list[int]) -> None:
    taken: Taken = []
    client, broker = connected(lambda *each: taken.append(each))
    answers: list[object] = []
    client.on_subscribe = lambda *_: answers.append(1)
    stream = _CONNACK + b"".join(each if isinstance(each, bytes) else publish(*each) for each in sent)
    for size in [*cuts, len(stream)]:
        broker.sendall(stream[:size])
        stream = stream[size:]
        assert client.loop_read() == MQTTErrorCode.MQTT_ERR_SUCCESS
    assert taken == [each for each in sent if isinstance(each, tuple)]
    assert len(answers) == sent.count(_SUBACK)
    broker.close()
    client.loop_read()


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_garbage_ends_the_connection_at_most(garbage: bytes) -> None:
    client, broker = connected(lambda *_: None)
    client.on_message = None
    broker.sendall(_CONNACK + garbage)
    client.loop_read()
    broker.close()
    client.loop_read()
    assert client.socket() is None


def test_a_length_longer_than_one_may_be_ends_the_connection() -> None:
    client, broker = connected(lambda *_: None)
    broker.sendall(_CONNACK + b"\x32\xff\xff\xff\xff\x01")
    client.loop_read()
    assert client.socket() is None
    broker.close()


def test_what_one_connection_left_unfinished_is_not_read_on_by_the_next() -> None:
    taken: Taken = []
    client, broker = connected(lambda *each: taken.append(each))
    broker.sendall(_CONNACK + publish(b"a", 1, b"whole") + publish(b"a", 2, b"half")[:-2])
    client.loop_read()
    broker.close()
    client.loop_read()
    assert client.socket() is None
    ours, broker = socket.socketpair()
    client._create_socket = lambda: ours
    client.reconnect()
    broker.sendall(_CONNACK + publish(b"a", 2, b"half"))
    client.loop_read()
    assert taken == [(b"a", 1, b"whole"), (b"a", 2, b"half")]
    broker.close()
    client.loop_read()


def test_acknowledgements_leave_in_order_and_whole_packets_as_they_are() -> None:
    client, broker = connected(lambda *_: None)
    client.on_socket_register_write = lambda *_: None
    client.ack_all([3, 1, 65_535])
    client.send_raw([publish_head("mp/v1/a/truck-1/ack", 8) + b"12345678"])
    client.loop_write()
    expected = b"\x40\x02\x00\x03\x40\x02\x00\x01\x40\x02\xff\xff" + publish(b"mp/v1/a/truck-1/ack", 0, b"12345678")
    assert broker.recv(4096) == expected
    assert not client.want_write()
    broker.close()
    client.loop_read()


def test_a_message_that_nobody_subscribed_to_is_not_lost_in_silence() -> None:
    client, broker = connected(lambda *_: None)
    broker.sendall(_CONNACK + framed(0x34, b"\x00\x01a\x00\x01x") + framed(0x62, b"\x00\x01"))  # QoS 2
    with pytest.raises(RuntimeError, match="QoS 2"):
        client.loop_read()
    broker.close()


def test_what_paho_reads_itself_never_overtakes_what_is_held() -> None:
    """With messages of ours under way paho reads several packets at a call: not from the socket, behind the held."""
    taken: Taken = []
    client, broker = connected(lambda *each: taken.append(each))
    client.on_socket_register_write = lambda *_: None
    for _ in range(3):
        client.publish("mp/v1/a/truck-1/cfg", b"{}", 1)
    sent = [(b"a", n + 1, bytes(1_000)) for n in range(150)]
    broker.sendall(_CONNACK + b"".join(_PINGRESP + publish(*each) for each in sent))
    while len(taken) < len(sent):
        assert client.loop_read() == MQTTErrorCode.MQTT_ERR_SUCCESS
    assert taken == sent
    broker.close()
    client.loop_read()
