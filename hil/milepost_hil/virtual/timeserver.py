"""The time server of a board's network: SNTP answers (RFC 4330) from the host's clock.

Every name at port 123 leads here: the host's own port 123 needs root, and a test must not depend on a server
somewhere. The board's network answers as long as it is up.
"""

import asyncio
import struct
import time
from collections.abc import Callable
from typing import cast

_UNIX_TO_NTP_S = 2_208_988_800
_SERVER_V4 = 0x24  # no leap second announced, version 4, mode 4 (server)


def answer(request: bytes, now_ns: int) -> bytes | None:
    """The answer to a client's request at a UNIX time in ns; None for what is no request (mode 3)."""
    if len(request) < 48 or request[0] & 7 != 3:
        return None
    seconds, rest_ns = divmod(now_ns, 1_000_000_000)
    stamp = struct.pack(">II", (seconds + _UNIX_TO_NTP_S) & 0xFFFFFFFF, (rest_ns << 32) // 1_000_000_000)
    head = bytes((_SERVER_V4, 1, request[2], 0xEC)) + bytes(8) + b"LOCL"
    return head + stamp + request[40:48] + stamp + stamp


class TimeServer(asyncio.DatagramProtocol):
    """One board's; silent while `reachable` says so."""

    def __init__(self, reachable: Callable[[], bool]) -> None:
        self._reachable = reachable
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        reply = answer(data, time.time_ns())
        if reply is not None and self._transport is not None and self._reachable():
            self._transport.sendto(reply, addr)
