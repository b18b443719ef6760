"""The MQTT client under MicroPython against servers of every manner: right, torn, lying, silent, mad."""

import itertools
import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CONNACK = b"\x20\x02\x00\x00"


class Server:
    """A server whose behaviour is a function of (connection number, socket); runs in threads."""

    def __init__(self, behave):
        self._behave = behave
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                s, _ = self._listener.accept()
            except OSError:
                return
            s.settimeout(20)
            self.connections += 1
            threading.Thread(target=self._serve, args=(self.connections, s), daemon=True).start()

    def _serve(self, number, s):
        try:
            self._behave(number, s)
        except OSError:
            pass
        finally:
            s.close()

    def close(self):
        self._listener.close()


def read_packet(s):
    """(first byte, body) of the next packet; OSError at the end."""
    first = s.recv(1)
    if not first:
        raise OSError("end")
    n = shift = 0
    while True:
        byte = s.recv(1)[0]
        n |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            break
    body = b""
    while len(body) < n:
        part = s.recv(n - len(body))
        if not part:
            raise OSError("end")
        body += part
    return first[0], body


def accept(s, subs=0):
    """Answer CONNECT and the given number of SUBSCRIBEs; the body of CONNECT."""
    first, connect = read_packet(s)
    assert first == 0x10
    s.sendall(CONNACK)
    for _ in range(subs):
        first, body = read_packet(s)
        assert first == 0x82
        s.sendall(b"\x90\x03" + body[:2] + b"\x00")
    return connect


def publishes(s):
    """(packet id, dup, topic, payload) of every PUBLISH; answers pings."""
    while True:
        first, body = read_packet(s)
        if first == 0xC0:
            s.sendall(b"\xd0\x00")
        elif first >> 4 == 3:
            n = int.from_bytes(body[:2], "big")
            yield body[2 + n : 4 + n], bool(first & 8), body[2 : 2 + n], body[4 + n :]


@pytest.fixture
def client():
    """client(behave, **args): run the client against a server; what it printed, and the server."""
    servers = []

    def run(behave, **args):
        servers.append(server := Server(behave))
        done = subprocess.run(
            [
                Path(sys.executable).with_name("micropython"),
                "-X",
                "heapsize=96wK",
                ROOT / "tests/firmware/scripts/mqtt_client.py",
                str(server.port),
                json.dumps(args),
            ],
            env={**os.environ, "MICROPYPATH": f"{ROOT / 'firmware'}:.frozen"},
            capture_output=True,
            text=True,
            check=False,
            timeout=args["seconds"] + 20,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert not done.stderr, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()], server

    yield run
    for server in servers:
        server.close()


def said(lines, key):
    return [line[key] for line in lines if key in line]


def test_connect_packet_says_clean_session_will_user_and_keep_alive(client):
    seen = []

    def behave(number, s):
        seen.append(accept(s))
        time.sleep(5)

    client(behave, seconds=0.5, will=True, user="u", password="pw", keepalive_s=30)
    assert seen == [
        b"\x00\x04MQTT\x04\xee\x00\x1e\x00\x04dev1\x00\x03w/t\x00\x04gone\x00\x01u\x00\x02pw"
    ]  # 0xEE: user, password, will retained with QoS 1, clean session


def test_window_is_filled_acknowledged_in_order_and_never_exceeded(client):
    waiting = []

    def behave(number, s):
        accept(s)
        pids = []
        for pid, _, _, _ in publishes(s):
            pids.append(pid)
            waiting.append(len(pids))
            if len(pids) == 4:  # full: answer only when nothing more comes
                for p in pids:
                    s.sendall(b"\x40\x02" + p)
                pids.clear()

    lines, _ = client(behave, seconds=30, until=("puback", 39), publish=40)
    assert said(lines, "puback") == list(range(40))
    assert max(said(lines, "inflight")) == 4
    assert set(said(lines, "writes")) == {1}, "a packet is one write"


def test_packets_torn_into_single_bytes_are_put_together(client):
    def behave(number, s):
        read_packet(s)
        stream = CONNACK + b"\x90\x03\x00\x01\x00" + b"\x32\x0a\x00\x01t\x00\x07hello" + b"\x30\x05\x00\x01tab"
        for byte in stream:
            s.sendall(bytes([byte]))
            time.sleep(0.005)
        read_packet(s)
        for pid, *_ in publishes(s):
            for byte in b"\x40\x02" + pid:
                s.sendall(bytes([byte]))
                time.sleep(0.002)

    lines, server = client(behave, seconds=30, until=("puback", 2), subs=[["t", 0]], publish=3)
    assert said(lines, "message") == ["t", "t"]
    assert said(lines, "payload") == ["hello", "ab"]
    assert said(lines, "puback") == [0, 1, 2]
    assert server.connections == 1


def test_message_with_qos_1_is_acknowledged_and_one_too_large_as_well(client):
    acks = []

    def behave(number, s):
        accept(s, 1)
        s.sendall(b"\x32\x08\x00\x01t\x01\x02abc")
        big = b"\x00\x01t\x01\x03" + b"x" * 3000
        s.sendall(b"\x32" + bytes([len(big) & 127 | 128, len(big) >> 7]) + big)
        s.sendall(b"\x32\x08\x00\x01t\x01\x04end")
        while len(acks) < 3:
            first, body = read_packet(s)
            acks.append((first, body))
        time.sleep(3)

    lines, server = client(behave, seconds=3, subs=[["t", 1]])
    assert acks == [(0x40, b"\x01\x02"), (0x40, b"\x01\x03"), (0x40, b"\x01\x04")]
    assert said(lines, "payload") == ["abc", "end"]
    assert said(lines, "oversize") == [1]
    assert server.connections == 1


@pytest.mark.parametrize(
    ("code", "words"), [(1, "protocol version"), (4, "user name or password"), (5, "not authorised"), (9, "9")]
)
def test_refused_connection_says_why(client, code, words):
    def behave(number, s):
        read_packet(s)
        s.sendall(bytes([0x20, 2, 0, code]))
        time.sleep(1)

    lines, _ = client(behave, seconds=1.5)
    assert words in said(lines, "closed")[0]


def test_refused_subscription_is_an_error_that_names_the_topic(client):
    def behave(number, s):
        read_packet(s)
        s.sendall(CONNACK)
        _, body = read_packet(s)
        s.sendall(b"\x90\x03" + body[:2] + b"\x80")
        time.sleep(1)

    lines, _ = client(
        behave,
        seconds=5,
        until=("closed", "broker refuses the subscription to secret/t (0x80)"),
        subs=[["secret/t", 1]],
    )
    assert said(lines, "closed")[0] == "broker refuses the subscription to secret/t (0x80)"
    assert not said(lines, "connected")


def test_subscriptions_are_sent_again_on_every_connection_whatever_session_present_says(client):
    """M03: also when the flag says the session is still there."""
    topics = []

    def behave(number, s):
        read_packet(s)
        s.sendall(b"\x20\x02" + bytes([number & 1]) + b"\x00")
        for _ in range(2):
            _, body = read_packet(s)
            topics.append((number, body[4:-1]))
            s.sendall(b"\x90\x03" + body[:2] + b"\x01")
        if number == 1:
            time.sleep(0.2)
            return
        time.sleep(5)

    lines, _ = client(behave, seconds=30, until=("connected", 2), subs=[["a/t", 1], ["b/t", 0]])
    assert topics == [(1, b"a/t"), (1, b"b/t"), (2, b"a/t"), (2, b"b/t")]
    assert said(lines, "connected") == [1, 2]
    assert said(lines, "closed") == ["closed by the broker"]


def test_pause_grows_until_a_publish_is_acknowledged(client):
    times = []

    def behave(number, s):
        times.append(time.monotonic())
        accept(s)
        if number < 4:
            return
        for pid, *_ in publishes(s):
            s.sendall(b"\x40\x02" + pid)
            time.sleep(0.05)
            return

    client(behave, seconds=8, publish=50)
    pauses = [b - a for a, b in itertools.pairwise(times)]
    for pause, nominal in zip(pauses, (0.5, 1, 2), strict=False):
        assert nominal * 0.7 <= pause <= nominal * 1.4
    assert pauses[3] < 0.9, "back to half a second after the first PUBACK"


def test_silent_broker_is_left_after_the_stall_time(client):
    def behave(number, s):
        accept(s)
        for _ in publishes(s):
            pass

    lines, _ = client(behave, seconds=30, until=("closed", "no PUBACK for 5000 ms"), publish=1)
    assert said(lines, "closed") == ["no PUBACK for 5000 ms"]
    assert said(lines, "by_peer") == [False]
    assert said(lines, "oldest") == [0]


def test_broker_that_answers_no_ping_is_left(client):
    def behave(number, s):
        accept(s)
        while True:
            read_packet(s)

    lines, _ = client(behave, seconds=30, until=("closed", "no answer to a ping"), keepalive_s=2)
    assert said(lines, "closed") == ["no answer to a ping"]


def test_no_packet_is_needed_while_nothing_is_said_longer_than_the_keep_alive(client):
    heard = []

    def behave(number, s):
        accept(s)
        while True:
            first, _ = read_packet(s)
            heard.append((first, time.monotonic()))
            s.sendall(b"\xd0\x00")

    lines, _ = client(behave, seconds=4, keepalive_s=2)
    assert [f for f, _ in heard] == [0xC0] * len(heard)
    assert 2 <= len(heard) <= 4
    assert not said(lines, "closed")


def test_acknowledgements_for_nothing_and_out_of_order_do_no_harm(client):
    def behave(number, s):
        accept(s)
        pids = []
        for pid, *_ in publishes(s):
            pids.append(pid)
            if len(pids) == 4:
                s.sendall(
                    b"\x40\x02\xff\xff" + b"".join(b"\x40\x02" + p for p in reversed(pids)) + b"\x40\x02" + pids[0]
                )
                pids.clear()

    lines, server = client(behave, seconds=30, until=("puback", 4), publish=8)
    assert sorted(said(lines, "puback")) == list(range(8))
    assert server.connections == 1


GARBAGE = {
    "http": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "tls alert": b"\x15\x03\x01\x00\x02\x02\x28",
    "endless length": b"\x20\xff\xff\xff\xff\xff",
    "no connack": b"\x40\x02\x00\x01",
    "long connack": b"\x20\x03\x00\x00\x00",
    "two connacks": CONNACK + CONNACK,
    "packet of the future": CONNACK + b"\xf0\x02\x00\x00",
    "subscribe from a broker": CONNACK + b"\x82\x05\x00\x01\x00\x00\x00",
    "suback for nothing": CONNACK + b"\x90\x03\x12\x34\x00",
    "torn puback": CONNACK + b"\x40\x01\x00",
    "topic longer than its packet": CONNACK + b"\x30\x04\x00\x09ab",
    "publish without a topic": CONNACK + b"\x30\x01\x00",
    "qos 3": CONNACK + b"\x36\x05\x00\x01tab",
    "huge packet that is no publish": CONNACK + b"\x90\xff\xff\x7f",
    "topic of 64 kB": CONNACK + b"\x32\xff\xff\x7f\xff\xff" + b"x" * 600,
}


@pytest.mark.parametrize("name", list(GARBAGE))
def test_garbage_ends_the_connection_with_a_reason_and_the_next_one_works(client, name):
    def behave(number, s):
        if number == 1:
            read_packet(s)
            s.sendall(GARBAGE[name])
            time.sleep(3)
            return
        accept(s)
        for pid, *_ in publishes(s):
            s.sendall(b"\x40\x02" + pid)

    lines, _ = client(behave, seconds=30, until=("puback", 2), publish=3, insist=True)
    assert said(lines, "closed")[0]
    assert 2 in said(lines, "puback")


def test_random_bytes_never_stop_the_client(client):
    rng = random.Random(5)

    def behave(number, s):
        accept(s)
        if number < 3:
            s.sendall(rng.randbytes(400))
            time.sleep(0.3)
            return
        for pid, *_ in publishes(s):
            s.sendall(b"\x40\x02" + pid)

    lines, _ = client(behave, seconds=60, until=("puback", 4), publish=5, insist=True)
    assert 4 in said(lines, "puback")
