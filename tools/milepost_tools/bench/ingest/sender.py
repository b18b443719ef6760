"""A publisher that costs next to nothing: whole MQTT packets made beforehand, one socket, a window of QoS 1.

It stands for a crowd of devices: one connection with the service's own account, which may write under every name, so
that a bench measures the service and the broker and not two thousand client libraries beside them.
"""

import socket
import struct
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from milepost.ingest.model import topic
from milepost_device.wire import decode_ack

_WINDOW = 2_000  # unacknowledged by the broker
_RECEIVE = 262_144
_SEND = 65_536
_PUBACK, _PUBLISH = 0x40, 0x30
_SUBSCRIBE_PID = 65_535


@dataclass(frozen=True, slots=True)
class Place:
    """Where a broker is and who we are there."""

    host: str
    port: int
    user: str
    password: str


def packet(device: str, leaf: str, payload: bytes, pid: int) -> bytes:
    """A PUBLISH with QoS 1 (MQTT 3.1.1 §3.3); pid 1..65534."""
    name = topic(device, leaf).encode()
    return _framed(0x32, struct.pack(">H", len(name)) + name + struct.pack(">H", pid) + payload)


class Sender:
    """One connection; comes up again by `connect` after the broker died."""

    def __init__(self, place: Place, name: str, on_ack: Callable[[str, int, int], None]) -> None:
        """`on_ack(device, stream, seq)` runs in the reading thread for every end-to-end acknowledgement."""
        self._place = place
        self._name = name
        self._on_ack = on_ack
        self._sock: socket.socket | None = None
        self._room = threading.Condition()
        self._open = 0
        self._pid = 0

    @property
    def alive(self) -> bool:
        """True until the connection ends."""
        return self._sock is not None

    def connect(self) -> None:
        """Open the connection and hear all acknowledgements. Raises OSError."""
        sock = socket.create_connection((self._place.host, self._place.port), 5)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        fields = (self._name, self._place.user, self._place.password)
        body = b"\x00\x04MQTT\x04\xc2\x00\x00" + b"".join(_text(each) for each in fields)
        sock.sendall(_framed(0x10, body))
        answer = _exactly(sock, 4)
        if answer[:2] != b"\x20\x02" or answer[3]:
            raise OSError(f"the broker refuses the bench (CONNACK {answer.hex()})")
        sock.sendall(_framed(0x82, struct.pack(">H", _SUBSCRIBE_PID) + _text("mp/v1/+/+/ack") + b"\x00"))
        sock.settimeout(None)
        with self._room:
            self._sock = sock
            self._open = 0
        threading.Thread(target=self._read, args=(sock,), name="acks", daemon=True).start()

    def send(self, messages: Iterable[tuple[str, bytes]]) -> None:
        """Publish (device, batch) one after the other on `up`. Raises OSError when the connection ends."""
        parts: list[bytes] = []
        size = 0
        for device, payload in messages:
            self._pid = self._pid % 65_000 + 1
            parts.append(packet(device, "up", payload, self._pid))
            size += len(parts[-1])
            if size >= _SEND:
                self._put(parts)
                parts, size = [], 0
        if parts:
            self._put(parts)

    def close(self) -> None:
        """End the connection; what the broker has acknowledged stays there."""
        self._gone()

    def flushed(self, timeout_s: float) -> bool:
        """Wait until the broker has acknowledged everything that was sent."""
        with self._room:
            return self._room.wait_for(lambda: self._open == 0 or self._sock is None, timeout_s) and self.alive

    def _put(self, parts: list[bytes]) -> None:
        with self._room:
            self._room.wait_for(lambda: self._open + len(parts) <= _WINDOW or self._sock is None, 30)
            sock = self._sock
            self._open += len(parts)
        if sock is None:
            raise OSError("the broker is gone")
        sock.sendall(b"".join(parts))

    def _read(self, sock: socket.socket) -> None:
        buffer = b""
        try:
            while data := sock.recv(_RECEIVE):
                buffer = self._take(buffer + data)
        except OSError:
            pass
        self._gone(sock)

    def _take(self, buffer: bytes) -> bytes:
        p, end, acked = 0, len(buffer), 0
        while end - p >= 2:
            size, q, shift = 0, p + 1, 0
            while q < end:
                size |= (buffer[q] & 127) << shift
                q, shift = q + 1, shift + 7
                if buffer[q - 1] < 128:
                    break
            else:
                break
            if q + size > end:
                break
            kind = buffer[p] & 0xF0
            if kind == _PUBACK:
                acked += 1
            elif kind == _PUBLISH:
                length = struct.unpack_from(">H", buffer, q)[0]
                device = buffer[q + 2 : q + 2 + length].split(b"/")[3].decode()
                self._on_ack(device, *decode_ack(buffer[q + 2 + length : q + size]))
            p = q + size
        if acked:
            with self._room:
                self._open = max(0, self._open - acked)
                self._room.notify_all()
        return buffer[p:]

    def _gone(self, sock: socket.socket | None = None) -> None:
        with self._room:
            if sock is None or sock is self._sock:
                sock, self._sock = self._sock, None
            self._room.notify_all()
        if sock is not None:
            sock.close()


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack(">H", len(data)) + data


def _framed(kind: int, body: bytes) -> bytes:
    size, head = len(body), bytearray([kind])
    while True:
        head.append(size & 127 | (128 if size > 127 else 0))
        size >>= 7
        if not size:
            return bytes(head) + body


def _exactly(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = sock.recv(count - len(data))
        if not piece:
            raise OSError("the broker hung up")
        data += piece
    return data
