"""The network of a virtual board: its TCP proxy, its time server, and the access point it can lose."""

import asyncio

from milepost_hil.loop import loop
from milepost_hil.proxy import TcpProxy
from milepost_hil.virtual.page import Page
from milepost_hil.virtual.shim import layout
from milepost_hil.virtual.timeserver import TimeServer

_SNTP_PORT = 123


class NetworkLink(TcpProxy):
    """As TcpProxy, with a third kind of cut: ``wifi``, the access point is gone and with it every connection."""

    modes = ("blackhole", "reset", "wifi")

    def __init__(self, page: Page) -> None:
        super().__init__()
        self._page = page
        self._time: asyncio.DatagramTransport | None = None
        page.set_byte(layout.WIFI_UP, 1)

    def address(self, host: str, port: int) -> tuple[str, int]:
        """What the board must dial to reach (host, port): the same, its getaddrinfo leads here."""
        return host, port

    async def route(self, host: str, port: int) -> int:
        """As TcpProxy.route; port 123 is the network's own time server, whatever the name."""
        if port != _SNTP_PORT:
            return await super().route(host, port)
        if self._time is None:
            self._time, _ = await loop().create_datagram_endpoint(
                lambda: TimeServer(lambda: not self.is_cut), local_addr=("127.0.0.1", 0)
            )
        return self._time.get_extra_info("sockname")[1]

    async def close(self) -> None:
        if self._time is not None:
            self._time.close()
            self._time = None
        await super().close()

    def _cut(self, mode: str) -> None:
        super()._cut(mode)
        if mode == "wifi":
            self._page.set_byte(layout.WIFI_UP, 0)

    def _restore(self) -> None:
        if self._mode == "wifi":
            self._abort_all()
        super()._restore()
        self._page.set_byte(layout.WIFI_UP, 1)
