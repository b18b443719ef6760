"""A reader module of the M100/R200 family, `BB … 7E` dialect, as the far end of a UART.

Frames as in the vendors' M100/R200 protocol papers. The module answers commands and, while a poll
runs, makes one frame per inventory round: a tag, or "no tag".
"""

import random
from collections.abc import Callable, Sequence

from milepost_device.wire import crc16_gen2

HEAD, END = 0xBB, 0x7E
COMMAND, RESPONSE, NOTIFICATION = 0, 1, 2
ROUNDS_PER_S = 30

_VERSION, _POLL, _MULTI_POLL, _STOP, _ERROR = 0x03, 0x22, 0x27, 0x28, 0xFF
_SET_REGION, _GET_REGION, _GET_QUERY, _SET_QUERY, _GET_POWER, _SET_POWER = 0x07, 0x08, 0x0D, 0x0E, 0xB7, 0xB6
_SET_CHANNEL, _GET_CHANNEL, _HOPPING = 0xAB, 0xAA, 0xAD
_NO_TAG, _BAD_COMMAND, _BAD_PARAMETER = 0x15, 0x17, 0x0E
_NAMES = {0: b"M100 26dBm V1.0", 1: b"V2.3.5", 2: b"Milepost sim"}
_MAX_PARAMETERS = 256

Round = Callable[[], tuple[bytes, int] | None]


def frame(kind: int, command: int, parameters: bytes = b"") -> bytes:
    """One frame: head, type, command, length, parameters, sum over type to parameters, end."""
    body = bytes((kind, command)) + len(parameters).to_bytes(2, "big") + parameters
    return bytes((HEAD,)) + body + bytes((sum(body) & 0xFF, END))


def tag_frame(epc: bytes, rssi_dbm: int) -> bytes:
    """A tag notification. epc: an even number of bytes, at most 62; rssi_dbm: -128 to 127.

    PC says the EPC's length in words; the CRC is the Gen2 CRC-16 over PC and EPC. Raises ValueError.
    """
    if len(epc) % 2 or not 0 < len(epc) <= 62:
        raise ValueError(f"an EPC has 2 to 62 bytes, an even number, not {len(epc)}")
    held = (len(epc) // 2 << 11).to_bytes(2, "big") + epc
    return frame(
        NOTIFICATION,
        _POLL,
        rssi_dbm.to_bytes(1, "big", signed=True) + held + crc16_gen2(held).to_bytes(2, "big"),
    )


NO_TAG = frame(RESPONSE, _ERROR, bytes((_NO_TAG,)))


class Module:
    """The module's state between power-up and power-down."""

    def __init__(self) -> None:
        self.region = 1
        self.power_cdbm = 2600
        self.query = 0x1020
        self.rounds_left = 0
        self._buffer = bytearray()

    def feed(self, data: bytes, rounds: Round) -> bytes:
        """Bytes from the host; returns what the module answers at once.

        rounds: makes one inventory round (a tag's EPC and dBm, or None); called for a single poll.
        """
        self._buffer += data
        answer = bytearray()
        while (command := self._next()) is not None:
            answer += self._obey(*command, rounds)
        return bytes(answer)

    def poll(self, rounds: int, one: Round) -> bytes:
        """Let `rounds` inventory rounds pass; silent unless a multi poll runs."""
        out = bytearray()
        for _ in range(min(rounds, self.rounds_left)):
            self.rounds_left -= 1
            out += _seen(one())
        return bytes(out)

    def _next(self) -> tuple[int, bytes] | None:
        """The next whole good command in the buffer; what is no frame is skipped, as the module does."""
        buffer = self._buffer
        while True:
            start = buffer.find(HEAD)
            del buffer[: start if start >= 0 else len(buffer)]
            if len(buffer) < 7:
                return None
            length = buffer[3] << 8 | buffer[4]
            if length <= _MAX_PARAMETERS and len(buffer) < length + 7:
                return None
            good = (
                length <= _MAX_PARAMETERS
                and buffer[1] == COMMAND
                and buffer[length + 6] == END
                and buffer[length + 5] == sum(buffer[1 : length + 5]) & 0xFF
            )
            if good:
                command = buffer[2], bytes(buffer[5 : 5 + length])
                del buffer[: length + 7]
                return command
            del buffer[0]

    def _obey(self, command: int, given: bytes, rounds: Round) -> bytes:
        done = frame(RESPONSE, command, b"\x00")
        if command == _VERSION and len(given) == 1 and given[0] in _NAMES:
            return frame(RESPONSE, command, given + _NAMES[given[0]])
        if command == _POLL:
            return _seen(rounds())
        if command == _MULTI_POLL and len(given) == 3:
            self.rounds_left = given[1] << 8 | given[2]
            return b""
        if command == _STOP:
            self.rounds_left = 0
            return done
        if command == _SET_REGION and len(given) == 1 and given[0] in (1, 2, 3, 4, 5, 6):
            self.region = given[0]
            return done
        if command == _SET_POWER and len(given) == 2:
            self.power_cdbm = min(given[0] << 8 | given[1], 2600)
            return done
        if command == _SET_QUERY and len(given) == 2:
            self.query = given[0] << 8 | given[1]
            return done
        if command in (_SET_CHANNEL, _HOPPING) and len(given) == 1:
            return done
        states = {
            _GET_REGION: bytes((self.region,)),
            _GET_POWER: self.power_cdbm.to_bytes(2, "big"),
            _GET_QUERY: self.query.to_bytes(2, "big"),
            _GET_CHANNEL: b"\x01",
        }
        if command in states:
            return frame(RESPONSE, command, states[command])
        known = (_VERSION, _MULTI_POLL, _SET_REGION, _SET_POWER, _SET_QUERY, _SET_CHANNEL, _HOPPING)
        return frame(RESPONSE, _ERROR, bytes((_BAD_PARAMETER if command in known else _BAD_COMMAND,)))


def _seen(read: tuple[bytes, int] | None) -> bytes:
    return NO_TAG if read is None else tag_frame(*read)


def garbage(rng: random.Random, sizes: Sequence[int] = (1, 40)) -> bytes:
    """Noise on the line: random bytes, between sizes[0] and sizes[1] of them."""
    return rng.randbytes(rng.randint(*sizes))
