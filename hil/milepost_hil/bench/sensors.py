"""Sentences and frames of a bench: NMEA 0183 RMC and GGA, M100/R200 inventory notices.

Written apart from the firmware's parsers and the simulator on purpose: a test that used their code would
agree with their mistakes.
"""

import secrets
import threading
import time

from milepost_device import wire
from milepost_hil.bench.backend import AckBackend
from milepost_hil.bench.boards import Wire


def nmea(body: str) -> bytes:
    """A sentence with its checksum (NMEA 0183: XOR of all between $ and *)."""
    check = 0
    for byte in body.encode():
        check ^= byte
    return f"${body}*{check:02X}\r\n".encode()


def position(lat_e6: int, lon_e6: int) -> tuple[str, str]:
    """(ddmm.mmmmmm,N , dddmm.mmmmmm,E) of a position in 1e-6 degrees."""

    def angle(value_e6: int, digits: int, signs: str) -> str:
        degrees, rest_e6 = divmod(abs(value_e6), 1_000_000)
        minutes_e6 = rest_e6 * 60
        return f"{degrees:0{digits}d}{minutes_e6 // 1_000_000:02d}.{minutes_e6 % 1_000_000:06d},{signs[value_e6 < 0]}"

    return angle(lat_e6, 2, "NS"), angle(lon_e6, 3, "EW")


def fix(unix_s: int, lat_e6: int, lon_e6: int, speed_kn: float = 20.0, course_deg: float = 90.0) -> bytes:
    """RMC and GGA of one epoch."""
    at = time.gmtime(unix_s)
    clock = time.strftime("%H%M%S.000", at)
    lat, lon = position(lat_e6, lon_e6)
    rmc = f"GNRMC,{clock},A,{lat},{lon},{speed_kn:.2f},{course_deg:.1f},{time.strftime('%d%m%y', at)},,,A"
    gga = f"GNGGA,{clock},{lat},{lon},1,09,0.9,12.0,M,8.0,M,,"
    return nmea(rmc) + nmea(gga)


_JOURNEYS_FROM_S = 1772600000  # 2026-03-04 04:53:20 UTC
_JOURNEY_S = 1000
_STEP_E6 = 2000  # 166 m: farther than the distance that makes a tracker report


class Journey:
    """A drive to the east at 166 m a second, told by NMEA; times of its own, so that it knows its fixes.

    A real board may still hold readings of an earlier test: what lies outside these times is not ours.
    """

    def __init__(self, to_board: Wire) -> None:
        self._wire = to_board
        self.start_s = _JOURNEYS_FROM_S + _JOURNEY_S * secrets.randbelow(10_000)

    def place(self, second: int) -> tuple[int, int, int]:
        """(second, lat_e6, lon_e6) of one fix."""
        return second, 41_700_000 + second, 123_400_000 + _STEP_E6 * second

    def drive(self, first: int, count: int, pause_s: float = 0.05) -> list[tuple[int, int, int]]:
        """Says the fixes of these seconds, faster than their own times; returns them."""
        said = [self.place(i) for i in range(first, first + count)]
        for second, lat_e6, lon_e6 in said:
            self._wire.write(fix(self.start_s + second, lat_e6, lon_e6, speed_kn=300.0))
            time.sleep(pause_s)
        return said

    def fixes(self, backend: AckBackend) -> list[tuple[int, int | None, int | None]]:
        """(second, lat_e6, lon_e6) of every fix of this journey at the backend, in order of their seq."""
        found = [(f.t + wire.EPOCH - self.start_s, f.lat_e6, f.lon_e6) for f in backend.of(wire.Fix)]
        return [f for f in found if 0 <= f[0] < _JOURNEY_S]

    def seconds(self, backend: AckBackend) -> list[int]:
        """The seconds of these fixes."""
        return [f[0] for f in self.fixes(backend)]


def _crc16(data: bytes) -> int:
    """CRC of the Gen2 air interface (CCITT, preset 0xFFFF, inverted), as the module puts it behind the EPC."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc ^ 0xFFFF


def tag_notice(epc: bytes, rssi_dbm: int) -> bytes:
    """An inventory notice: BB 02 22 length, RSSI, PC, EPC, CRC, checksum, 7E."""
    pc = (len(epc) // 2 << 11).to_bytes(2, "big")
    payload = bytes([rssi_dbm & 0xFF]) + pc + epc + _crc16(pc + epc).to_bytes(2, "big")
    return frame(0x02, 0x22, payload)


def frame(kind: int, command: int, payload: bytes) -> bytes:
    """A frame of the module: BB, kind, command, length, payload, sum of all after BB, 7E."""
    body = bytes([kind, command]) + len(payload).to_bytes(2, "big") + payload
    return b"\xbb" + body + bytes([sum(body) & 0xFF]) + b"\x7e"


class ReaderModule:
    """Answers the commands of the firmware as an M100 does, and sends notices; on any wire to UART 2."""

    def __init__(self, to_board: Wire) -> None:
        self._wire = to_board
        self._pending = bytearray()
        self.commands: list[int] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stopping.set()
        self._thread.join(2)

    def sees(self, epc: bytes, rssi_dbm: int) -> None:
        """One read of a tag."""
        self._wire.write(tag_notice(epc, rssi_dbm))

    def _serve(self) -> None:
        quiet_since = time.monotonic()
        while not self._stopping.wait(0.01):
            self._pending += self._wire.read(4096)
            while (taken := self._take()) is not None:
                self.commands.append(taken)
                answer = b"\x10M100 26dBm V1.0" if taken == 0x03 else b"\x00"
                self._wire.write(frame(0x01, taken, answer))
            if time.monotonic() - quiet_since > 0.5:  # polling, no tag in the field: error 0x15 all the time
                quiet_since = time.monotonic()
                if 0x27 in self.commands:
                    self._wire.write(frame(0x01, 0xFF, b"\x15"))

    def _take(self) -> int | None:
        start = self._pending.find(0xBB)
        if start < 0 or len(self._pending) < start + 7:
            return None
        size = 7 + int.from_bytes(self._pending[start + 3 : start + 5], "big")
        if len(self._pending) < start + size:
            return None
        command = self._pending[start + 2]
        del self._pending[: start + size]
        return command
