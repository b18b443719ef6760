"""Frames and headers of JT/T 808 (2013: clauses 4.4, 5; 2019: clauses 4.4, 4.5). Pure: bytes in, bytes out.

A frame is 7e, the escaped message, 7e. The message is a header, a body and one byte of XOR over both; the escape
(7e as 7d 02, 7d as 7d 01) covers the checksum too (case T01).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from milepost.ingest.foreign.model import Unreadable

FLAG = 0x7E
MAX_FRAME_BYTES = 2_304  # the longest message is 1023 + 21 + 1 bytes, and every one of them may be escaped
_BODY_MASK = 0x03FF
_ENCRYPTED = 0x1C00
_SPLIT = 0x2000
_VERSIONED = 0x4000
_NUMBER = re.compile(r"[0-9a-f]{12,20}")
_STRAY_ESCAPE = re.compile(rb"\x7d(?![\x01\x02])")


@dataclass(frozen=True, slots=True)
class Message:
    """One message, or one piece of a split one (`parts` > 1, `part` from 1)."""

    kind: int
    terminal: str  # 12 digits at least, leading zeros beyond that cut off
    serial: int
    body: bytes
    version: int = 0  # 0: the header of 2013; from 1 on: of 2019
    parts: int = 1
    part: int = 1


class Scanner:
    """Cuts a byte stream into frames, however it is torn or glued. Holds at most one frame."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._inside = False
        self.dropped = 0  # bytes that belonged to no frame

    @property
    def waiting(self) -> bool:
        """True while a frame has begun and not ended."""
        return bool(self._held)

    def push(self, data: bytes) -> Iterator[bytes]:
        """The frames that `data` completes, without their flags and still escaped."""
        pieces = data.split(b"\x7e")
        for place, piece in enumerate(pieces):
            if place:
                if self._held:
                    yield bytes(self._held)
                    self._held.clear()
                self._inside = True
            if not self._inside:
                self.dropped += len(piece)
            elif len(self._held) + len(piece) > MAX_FRAME_BYTES:
                self.dropped += len(self._held) + len(piece)
                self._held.clear()
                self._inside = False
            else:
                self._held += piece


def parse(frame: bytes) -> Message:
    """The message in a frame without its flags. Raises Unreadable: escape, short, crc, length or encrypted."""
    if _STRAY_ESCAPE.search(frame):
        raise Unreadable("escape", "a byte 7d that begins no escape")
    return parse_plain(frame.replace(b"\x7d\x02", b"\x7e").replace(b"\x7d\x01", b"\x7d"))


def parse_plain(plain: bytes) -> Message:
    """The message in unescaped bytes with their checksum. Raises Unreadable."""
    if len(plain) < 13:
        raise Unreadable("short", f"{len(plain)} bytes; a header and its checksum take 13")
    if checksum(plain) != 0:
        raise Unreadable("crc", f"the checksum is {plain[-1]:02x}, and {checksum(plain[:-1]):02x} over what came")
    kind, attributes = int.from_bytes(plain[:2]), int.from_bytes(plain[2:4])
    at, version = 4, 0
    if attributes & _VERSIONED:
        version, at = plain[4] or 1, 5
    digits = 10 if version else 6
    rest = at + digits
    split = bool(attributes & _SPLIT)
    begin = rest + 2 + (4 if split else 0)
    body = plain[begin:-1]
    if len(plain) - 1 < begin or len(body) != attributes & _BODY_MASK:
        raise Unreadable("length", f"the header says {attributes & _BODY_MASK} bytes of body, {len(body)} came")
    if attributes & _ENCRYPTED:
        raise Unreadable("encrypted", "the body is encrypted; switch encryption off in the terminal")
    parts, part = 1, 1
    if split:
        parts, part = int.from_bytes(plain[rest + 2 : rest + 4]), int.from_bytes(plain[rest + 4 : rest + 6])
        if not 1 <= part <= parts:
            raise Unreadable("length", f"piece {part} of {parts}")
    terminal = terminal_of(plain[at:rest].hex())
    return Message(kind, terminal, int.from_bytes(plain[rest : rest + 2]), body, version, parts, part)


def build(message: Message) -> bytes:
    """A whole frame with its flags; the reverse of `parse`."""
    attributes = len(message.body) | (_SPLIT if message.parts > 1 else 0) | (_VERSIONED if message.version else 0)
    if len(message.body) > _BODY_MASK:
        raise ValueError(f"a body of {len(message.body)} bytes; split it into pieces of at most {_BODY_MASK}")
    digits = 20 if message.version else 12
    head = message.kind.to_bytes(2) + attributes.to_bytes(2)
    head += bytes([message.version]) if message.version else b""
    head += bytes.fromhex(message.terminal.zfill(digits)) + message.serial.to_bytes(2)
    if message.parts > 1:
        head += message.parts.to_bytes(2) + message.part.to_bytes(2)
    plain = head + message.body
    plain += bytes([checksum(plain)])
    return b"\x7e" + plain.replace(b"\x7d", b"\x7d\x01").replace(b"\x7e", b"\x7d\x02") + b"\x7e"


def checksum(data: bytes) -> int:
    """XOR over all bytes."""
    found = 0
    for byte in data:
        found ^= byte
    return found


def terminal_of(number: str) -> str:
    """The form in which terminal numbers are compared: 12 digits as in the header of 2013; a number of 2019 that has
    more keeps them. So a terminal stays the same when its firmware moves from one version to the other. Some makers
    put hex digits there. Raises Unreadable."""
    found = number.strip().lower().lstrip("0").zfill(12)
    if not _NUMBER.fullmatch(found):
        raise Unreadable("identifier", f"terminal number {number[:24]!r}: 1 to 20 digits as in the message header")
    return found
