"""A tiny JT/T 808 terminal: what a maker's firmware does, and what a broken line does to it."""

import socket
import time

from milepost.ingest.foreign.jt808 import answers, session
from milepost.ingest.foreign.jt808.decode import LOCATION, LOCATION_BATCH
from milepost.ingest.foreign.jt808.frames import Message, Scanner, build, parse
from milepost.ingest.foreign.jt808.location import bcd_time


def location(
    at_ms: int,
    lat: float,
    lon: float,
    *,
    speed_mps: float = 0.0,
    acc: bool = True,
    valid: bool = True,
    alarm: int = 0,
    extras: dict[int, bytes] | None = None,
) -> bytes:
    """The body of a location report."""
    status = acc | valid << 1 | (lat < 0) << 2 | (lon < 0) << 3
    body = alarm.to_bytes(4) + status.to_bytes(4) + round(abs(lat) * 1e6).to_bytes(4)
    body += round(abs(lon) * 1e6).to_bytes(4) + (12).to_bytes(2) + round(speed_mps * 36).to_bytes(2)
    body += (90).to_bytes(2) + bcd_time(at_ms)
    for kind, value in (extras or {}).items():
        body += bytes([kind, len(value)]) + value
    return body


def batch(bodies: list[bytes], kind: int = 1) -> bytes:
    """The body of 0x0704; kind 1: made while there was no network."""
    items = b"".join(len(each).to_bytes(2) + each for each in bodies)
    return len(bodies).to_bytes(2) + bytes([kind]) + items


class Terminal:
    """One terminal on one connection. `version` 0 speaks the headers of 2013, 1 those of 2019."""

    def __init__(self, port: int, number: str, version: int = 0) -> None:
        self.number, self.version = number, version
        self.serial = 0
        self.code = ""
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._scanner = Scanner()
        self._heard: list[Message] = []

    def close(self) -> None:
        self.socket.close()

    def frame(self, kind: int, body: bytes = b"", **split: int) -> bytes:
        self.serial += 1
        return build(Message(kind, self.number, self.serial, body, self.version, **split))

    def send(self, kind: int, body: bytes = b"") -> Message:
        """Send one message and wait for its answer."""
        self.socket.sendall(self.frame(kind, body))
        return self.hear()

    def raw(self, data: bytes, *, byte_by_byte: bool = False) -> None:
        for piece in [data[n : n + 1] for n in range(len(data))] if byte_by_byte else [data]:
            self.socket.sendall(piece)

    def hear(self, timeout_s: float = 10) -> Message:
        """The next message of the platform. Raises EOFError when it has hung up, TimeoutError when it is silent."""
        deadline = time.monotonic() + timeout_s
        while not self._heard:
            self.socket.settimeout(max(0.01, deadline - time.monotonic()))
            data = self.socket.recv(4096)
            if not data:
                raise EOFError("the platform hung up")
            self._heard += [parse(frame) for frame in self._scanner.push(data)]
        return self._heard.pop(0)

    def register(self, hardware: str = "MAKER", plate: str = "沪A12345") -> Message:
        """Register, and keep the auth code when there is one."""
        sizes = (11, 30, 30) if self.version else (5, 20, 7)
        fields = b"".join(hardware.encode()[:size].ljust(size, b"\0") for size in sizes)
        answer = self.send(session.REGISTER, b"\0\x1f\0\x73" + fields + b"\x01" + plate.encode("gbk"))
        assert answer.kind == answers.REGISTERED
        if answer.body[2] == answers.OK:
            self.code = answer.body[3:].decode()
        return answer

    def authenticate(self, code: str | None = None) -> int:
        """Authenticate; returns the result."""
        secret = (self.code if code is None else code).encode()
        body = secret
        if self.version:
            body = bytes([len(secret)]) + secret + b"0" * 15 + b"v2.1".ljust(20, b"\0")
        return result(self.send(session.AUTHENTICATE, body))

    def report(self, body: bytes) -> int:
        """Report one location; returns the result."""
        return result(self.send(LOCATION, body))

    def report_batch(self, bodies: list[bytes]) -> int:
        return result(self.send(LOCATION_BATCH, batch(bodies)))


def result(answer: Message) -> int:
    """The result in a general answer."""
    assert answer.kind == answers.GENERAL, hex(answer.kind)
    return answer.body[4]


def answered(answer: Message) -> tuple[int, int, int]:
    """(serial, kind, result) of what a general answer answers."""
    assert answer.kind == answers.GENERAL, hex(answer.kind)
    return int.from_bytes(answer.body[:2]), int.from_bytes(answer.body[2:4]), answer.body[4]
