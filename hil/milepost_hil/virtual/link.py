"""The network of a virtual board: its TCP proxy, and the access point it can lose."""

from milepost_hil.proxy import TcpProxy
from milepost_hil.virtual.page import Page
from milepost_hil.virtual.shim import layout


class NetworkLink(TcpProxy):
    """As TcpProxy, with a third kind of cut: ``wifi``, the access point is gone and with it every connection."""

    modes = ("blackhole", "reset", "wifi")

    def __init__(self, page: Page) -> None:
        super().__init__()
        self._page = page
        page.set_byte(layout.WIFI_UP, 1)

    def address(self, host: str, port: int) -> tuple[str, int]:
        """What the board must dial to reach (host, port): the same, its getaddrinfo leads here."""
        return host, port

    def _cut(self, mode: str) -> None:
        super()._cut(mode)
        if mode == "wifi":
            self._page.set_byte(layout.WIFI_UP, 0)

    def _restore(self) -> None:
        if self._mode == "wifi":
            self._abort_all()
        super()._restore()
        self._page.set_byte(layout.WIFI_UP, 1)
