"""What the running core asks of its surroundings: UARTs, routes, watchdog, timers, pin interrupts."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from pathlib import Path

from milepost_hil.loop import loop
from milepost_hil.virtual.link import NetworkLink
from milepost_hil.virtual.page import Page
from milepost_hil.virtual.shim import layout
from milepost_hil.virtual.uart import UartLink

_RISING, _FALLING = 1, 2
_ONE_SHOT = 0


class Requests:
    """Serves one board's control socket; belongs to the loop's thread."""

    def __init__(
        self,
        path: Path,
        page: Page,
        link: NetworkLink,
        uarts: dict[int, UartLink],
        on_watchdog: Callable[[], None],
    ) -> None:
        self._path = path
        self._page = page
        self._link = link
        self._uarts = uarts
        self._on_watchdog = on_watchdog
        self._server: socket.socket | None = None
        self._irq: socket.socket | None = None
        self._early: list[int] = []
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._watchdog_timer: asyncio.TimerHandle | None = None
        self._feeds = -1
        self._fed_at_s = 0.0

    async def open(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(self._path))
        self._server.listen(16)
        self._server.setblocking(False)
        loop().add_reader(self._server.fileno(), self._accept)

    async def close(self) -> None:
        self.child_ended()
        if self._server is not None:
            loop().remove_reader(self._server.fileno())
            self._server.close()

    def child_ended(self) -> None:
        """Everything that lived with the core goes; the watchdog alone survives a soft reset."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._early.clear()
        if self._irq is not None:
            self._irq.close()
            self._irq = None
        for link in self._uarts.values():
            link.detach()

    def edge(self, pin: int, *, rising: bool) -> None:
        """A pin changed from outside: schedules its handler when the trigger says so."""
        if self._page.byte(layout.PIN_TRIGGER + pin) & (_RISING if rising else _FALLING):
            self._interrupt(pin)

    def _interrupt(self, slot: int) -> None:
        if self._irq is None:
            self._early.append(slot)  # the core's interrupt thread is still on its way
            return
        with contextlib.suppress(OSError):
            self._irq.send(bytes([slot]))

    def _accept(self) -> None:
        assert self._server is not None
        try:
            peer, _ = self._server.accept()
        except BlockingIOError:
            return
        peer.setblocking(False)
        loop().add_reader(peer.fileno(), self._read_request, peer)

    def _read_request(self, peer: socket.socket) -> None:
        """The first line says what the connection is for; it always arrives in one piece."""
        loop().remove_reader(peer.fileno())
        try:
            head = peer.recv(512, socket.MSG_PEEK)
            line = peer.recv(head.index(b"\n") + 1).decode()
        except (OSError, ValueError):
            peer.close()
            return
        verb, *words = line.split()
        if verb == "uart":
            self._uarts[int(words[0])].attach(peer.detach())
        elif verb == "irq":
            self._irq = peer
            early, self._early = self._early, []
            for slot in early:
                self._interrupt(slot)
        elif verb == "route":
            task = loop().create_task(self._route(peer, words[0], int(words[1])))
            task.add_done_callback(lambda _: peer.close())
        else:
            peer.close()
            if verb == "baud":
                self._uarts[int(words[0])].board_baudrate = int(words[1])
            elif verb == "wdt":
                self._watch()
            elif verb == "timer":
                self._set_timer(int(words[0]), int(words[1]), int(words[2]))

    async def _route(self, peer: socket.socket, host: str, port: int) -> None:
        local = await self._link.route(host, port)
        with contextlib.suppress(OSError):
            peer.send(f"{local}\n".encode())

    def _set_timer(self, slot: int, period_ms: int, mode: int) -> None:
        old = self._timers.pop(slot, None)
        if old is not None:
            old.cancel()
        if period_ms <= 0:
            return

        def fire() -> None:
            self._timers.pop(slot, None)
            if mode != _ONE_SHOT:
                self._timers[slot] = loop().call_later(period_ms / 1000, fire)
            self._interrupt(slot)

        self._timers[slot] = loop().call_later(period_ms / 1000, fire)

    def _watch(self) -> None:
        """Looks eight times per timeout whether feed() was called; lives here so that `while 1: pass` dies."""
        if self._watchdog_timer is not None:
            self._watchdog_timer.cancel()
        self._feeds = -1
        self._check_watchdog()

    def _check_watchdog(self) -> None:
        self._watchdog_timer = None
        timeout_s = self._page.u32(layout.WDT_TIMEOUT_MS) / 1000
        if timeout_s == 0:
            return
        now_s = loop().time()
        feeds = self._page.u32(layout.WDT_FEEDS)
        if feeds != self._feeds:
            self._feeds, self._fed_at_s = feeds, now_s
        elif now_s - self._fed_at_s >= timeout_s:
            self._page.set_u32(layout.WDT_TIMEOUT_MS, 0)
            self._on_watchdog()
            return
        self._watchdog_timer = loop().call_later(max(0.01, timeout_s / 8), self._check_watchdog)
