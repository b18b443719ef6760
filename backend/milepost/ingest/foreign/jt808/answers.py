"""What the platform sends to a terminal, and what a terminal says when it registers and authenticates. Pure."""

from dataclasses import dataclass

from milepost.ingest.foreign.jt808.frames import Message, build
from milepost.ingest.foreign.model import Unreadable

GENERAL, REGISTERED, RESEND, TIME = 0x8001, 0x8100, 0x8003, 0x8004
OK, FAILED, UNSUPPORTED = 0, 1, 3  # results of 0x8001
TAKEN, UNKNOWN = 3, 4  # results of 0x8100: another terminal has this number; no such terminal
_MOST_IDS = 100


@dataclass(frozen=True, slots=True)
class Registration:
    """Message 0x0100. `hardware` is maker, model and terminal id: what stays when a SIM is moved."""

    hardware: str
    plate: str


def general(to: Message, result: int, serial: int) -> bytes:
    """The frame of 0x8001, the answer to nearly everything."""
    return _frame(to, GENERAL, serial, to.serial.to_bytes(2) + to.kind.to_bytes(2) + bytes([result]))


def registered(to: Message, result: int, code: str, serial: int) -> bytes:
    """The frame of 0x8100; the code goes along with success only."""
    return _frame(to, REGISTERED, serial, to.serial.to_bytes(2) + bytes([result]) + code.encode("ascii"))


def resend(to: Message, first_serial: int, parts: list[int], serial: int) -> bytes:
    """The frame of 0x8003: send these pieces of a split message again. Counts are words since 2019."""
    asked = parts[:_MOST_IDS]
    count = len(asked).to_bytes(2 if to.version else 1)
    return _frame(to, RESEND, serial, first_serial.to_bytes(2) + count + b"".join(part.to_bytes(2) for part in asked))


def time(to: Message, bcd_utc: bytes, serial: int) -> bytes:
    """The frame of 0x8004, the answer to a terminal that asks for the time (2019)."""
    return _frame(to, TIME, serial, bcd_utc)


def registration(message: Message) -> Registration:
    """What a terminal says about itself. Raises Unreadable.

    The lengths of maker, model and terminal id are 5, 20, 7 in 2013, 5, 8, 7 in 2011 and 11, 30, 30 in 2019. The text
    of the header's length tells 2011 from 2013: there a plate would begin inside the model.
    """
    body = message.body
    sizes = (11, 30, 30) if message.version else (5, 20, 7) if len(body) >= 37 else (5, 8, 7)
    if len(body) < 4 + sum(sizes) + 1:
        raise Unreadable("truncated", f"a registration of {len(body)} bytes")
    at, found = 4, []
    for size in sizes:
        found.append(_text(body[at : at + size]))
        at += size
    return Registration(" ".join(each or "-" for each in found), _text(body[at + 1 :]))


def authentication(message: Message) -> tuple[str, str | None]:
    """(auth code, firmware or None) of 0x0102. Raises Unreadable."""
    if not message.version:
        return _text(message.body), None
    if not message.body or len(message.body) < 1 + message.body[0]:
        raise Unreadable("truncated", f"an authentication of {len(message.body)} bytes")
    end = 1 + message.body[0]
    return _text(message.body[1:end]), _text(message.body[end + 15 : end + 35]) or None


def _text(data: bytes) -> str:
    return data.decode("gbk", "replace").replace("\0", "").strip()


def _frame(to: Message, kind: int, serial: int, body: bytes) -> bytes:
    return build(Message(kind, to.terminal, serial & 0xFFFF, body, to.version))
