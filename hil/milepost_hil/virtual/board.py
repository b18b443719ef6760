"""The virtual board: an ESP32 made of the MicroPython interpreter, a flash file and a supervisor.

The supervisor is what surrounds the core on the real board: power, reset logic and its causes, watchdog,
RTC, the console on a PTY, the wires of UARTs and pins, the network. It runs in one thread for all boards of
the process (loop.py); the methods here are synchronous and may be called from any thread.
"""

import contextlib
import hashlib
import os
import secrets
import threading
import time
from pathlib import Path
from types import TracebackType

from milepost_hil.loop import call, loop, wait
from milepost_hil.virtual import flash, registry
from milepost_hil.virtual.child import Child
from milepost_hil.virtual.console import Cooker, Terminal
from milepost_hil.virtual.link import NetworkLink
from milepost_hil.virtual.page import Page
from milepost_hil.virtual.requests import Requests
from milepost_hil.virtual.shim import layout
from milepost_hil.virtual.uart import UartLink

_ROM = "ets Jul 29 2019 12:21:46\r\n\r\nrst:{},boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n"
_REASONS = {
    "power": ("0x1 (POWERON_RESET)", layout.CAUSE_POWER_ON),
    "reset": ("0xc (SW_CPU_RESET)", layout.CAUSE_HARD),
    "panic": ("0xc (SW_CPU_RESET)", layout.CAUSE_HARD),
    "watchdog": ("0x8 (TG1WDT_SYS_RESET)", layout.CAUSE_WATCHDOG),
    "deepsleep": ("0x5 (DEEPSLEEP_RESET)", layout.CAUSE_DEEPSLEEP),
}
_ROM_BOOT_S = 0.02  # a board that resets in a loop must not take the machine with it
_CONSOLE_LIMIT_BYTES = 4 << 20


def default_mac(folder: Path) -> str:
    """A locally administered MAC that stays the same for the same folder."""
    digest = hashlib.sha256(str(folder.resolve()).encode()).digest()
    return "02" + digest[:5].hex()


class VirtualBoard:
    """One board. `folder` holds flash.bin, the shared page and console.log; made if missing.

    mac: twelve hex digits (colons allowed). name: the name in the registry and of the port's symlink.
    The program on it is what stands in flash.bin (milepost_hil.image writes it) or what mpremote puts there.
    """

    def __init__(self, folder: Path, *, mac: str | None = None, name: str | None = None) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.mac = (mac or default_mac(self.folder)).replace(":", "").lower()
        self.name = name or f"{self.folder.name}-{os.getpid()}-{secrets.token_hex(2)}"
        if registry.taken(self.name):  # the same demo in two folders: both keep a port of their own
            self.name += f"-{os.getpid()}-{secrets.token_hex(2)}"
        self.flash = self.folder / "flash.bin"
        flash.ensure(self.flash)
        self.page = Page(self.folder / "page.bin")
        self.page.set_bytes(layout.MAC, bytes.fromhex(self.mac))
        self.port = str(registry.runtime_folder() / f"ttyMP-{self.name}")
        self.link = NetworkLink(self.page)
        self.boots = 0
        self._uarts = {n: UartLink() for n in (1, 2)}
        self._cooker = Cooker()
        self._log = bytearray()
        self._log_dropped = 0
        self._printed = threading.Condition()
        self._child: Child | None = None
        self._why: str | None = None
        self._powered = False
        self._socket_path = registry.runtime_folder() / f"{secrets.token_hex(8)}.sock"
        self._terminal: Terminal | None = None
        self._requests: Requests | None = None
        self._registered: Path | None = None
        self._log_file = (self.folder / "console.log").open("ab", buffering=0)

    # --- power and reset -------------------------------------------------------------------------

    def plug(self) -> "VirtualBoard":
        """Gives the board its console port without power, so that a client sees the first line of the boot."""
        wait(self._plug())
        return self

    def start(self) -> "VirtualBoard":
        """Power on (nothing happens when it is on). Returns itself."""
        wait(self._start())
        return self

    def stop(self) -> None:
        """Power off and take the board off the bench: port, links and registry entry go."""
        self.power_cut()
        wait(self._dismantle())

    def power_cut(self) -> None:
        """Power fails now, between two instructions; returns when the board is dead. `start` powers it again."""
        self._end("off")

    def reset(self) -> None:
        """Pulls EN low and lets go: hard reset, cause 1 as on the chip; the RTC keeps its time."""
        self._end("power")

    def cut_at(self, operation: int, torn_bytes: int = 0) -> None:
        """Power fails at the n-th flash operation (program or erase) from now, counted from 1.

        torn_bytes of that operation still reach the flash. The board stays off; see `powered`.
        """
        self.page.set_u32(layout.CUT_TORN_BYTES, torn_bytes)
        self.page.set_u32(layout.CUT_AT, self.page.u32(layout.FLASH_OPS) + operation)

    @property
    def powered(self) -> bool:
        return self._powered

    @property
    def flash_operations(self) -> int:
        """Programs and erases so far in this life of the board object."""
        return self.page.u32(layout.FLASH_OPS)

    @property
    def pid(self) -> int | None:
        """Process of the running interpreter."""
        child = self._child
        return child.pid if child is not None else None

    # --- wires -----------------------------------------------------------------------------------

    def uart(self, number: int) -> UartLink:
        """The far end of machine.UART(number), 1 or 2."""
        return self._uarts[number]

    def set_pin(self, number: int, level: int | None) -> None:
        """Drives a GPIO from outside: 0, 1, or None to let it float to its pull."""
        call(self._set_pin, number, level)

    def pin(self, number: int) -> int | None:
        """The level the board drives, None when the pin is an input."""
        level = self.page.byte(layout.PIN_OUT + number)
        return None if level == layout.PIN_FLOATING else level

    # --- console ---------------------------------------------------------------------------------

    @property
    def console(self) -> bytes:
        """Everything printed since the board object was made (the last 4 MiB of it)."""
        with self._printed:
            return bytes(self._log)

    def send(self, data: bytes) -> None:
        """Types on the console, as a terminal would."""
        loop().call_soon_threadsafe(self._input, data)

    def wait_for(self, text: bytes, timeout_s: float = 10.0, *, since: int = 0) -> int:
        """Waits until the console holds text at or after position `since`; returns the position behind it.

        Positions count all bytes ever printed. Raises TimeoutError with the last lines.
        """
        deadline = time.monotonic() + timeout_s
        with self._printed:
            while True:
                at = self._log.find(text, max(0, since - self._log_dropped))
                if at >= 0:
                    return at + self._log_dropped + len(text)
                left = deadline - time.monotonic()
                if left <= 0 or not self._printed.wait(left):
                    last = bytes(self._log[-600:]).decode(errors="replace")
                    raise TimeoutError(f"board {self.name} did not print {text!r} within {timeout_s} s:\n{last}")

    @property
    def position(self) -> int:
        """Bytes printed so far, for `wait_for(since=...)`."""
        with self._printed:
            return self._log_dropped + len(self._log)

    def __enter__(self) -> "VirtualBoard":
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    # --- inside the loop's thread ----------------------------------------------------------------

    async def _plug(self) -> None:
        if self._terminal is None:
            self._terminal = Terminal(Path(self.port), self._input)
            self._requests = Requests(self._socket_path, self.page, self.link, self._uarts, self._watchdog_fired)
            await self._requests.open()
            self._registered = registry.publish(self.name, self._facts())

    async def _start(self) -> None:
        if self._powered:
            return
        await self._plug()
        self._powered = True
        self.page.set_i64(layout.RTC_BASE_US, time.time_ns() // 1000)  # power was gone: 2000-01-01
        self.page.set_bytes(layout.RTC_MEMORY_LEN, b"\0\0")
        self.page.set_u32(layout.CUT_AT, 0)
        self._boot("power")

    def _facts(self) -> dict[str, object]:
        return {
            "name": self.name,
            "port": self.port,
            "mac": self.mac,
            "chip": "esp32",
            "supervisor_pid": os.getpid(),
            "folder": str(self.folder),
        }

    def _boot(self, reason: str) -> None:
        rom, cause = _REASONS[reason]
        self.page.set_u32(layout.WDT_TIMEOUT_MS, 0)
        self._print(_ROM.format(rom).encode())
        self._spawn(cause, raw=False)

    def _spawn(self, cause: int, *, raw: bool) -> None:
        if not self._powered:
            return
        self.page.forget()
        self.page.set_byte(layout.RESET_CAUSE, cause)
        self.page.set_byte(layout.SKIP_MAIN, int(raw))
        self._cooker.restart()
        self._why = None
        self.boots += 1
        self._child = Child(
            page=self.page,
            flash=self.flash,
            socket_path=self._socket_path,
            raw=raw,
            on_output=self._output,
            on_exit=self._exited,
        )

    def _end(self, why: str) -> None:
        """Kills the running core for a reason; waits until that is done."""
        done = threading.Event()

        def kill() -> None:
            if why == "off":
                self._powered = False
            if self._child is None:
                if why != "off" and self._powered:
                    self._boot(why)
                done.set()
                return
            self._why = why
            self._on_end = done.set
            self._child.kill()

        call(kill)
        if not done.wait(10):
            raise TimeoutError(f"board {self.name} did not die within 10 s")

    def _on_end(self) -> None:
        """Replaced by whoever waits for the end of the child."""

    def _exited(self, child: Child, code: int) -> None:
        self._child = None
        assert self._requests is not None
        self._requests.child_ended()
        request = self.page.byte(layout.REQUEST)
        why = self._why
        if why is None:
            if request == layout.REQ_RESET:
                why = "reset"
            elif request == layout.REQ_DEEPSLEEP:
                why = "deepsleep"
            elif request == layout.REQ_POWER_CUT:
                why = "off"
            else:
                why = "panic" if code < 0 else "soft"
        if why != "soft":
            self.link.board_died()
        if why == "off":
            self._powered = False
        elif why == "soft":
            self._print(b"MPY: soft reboot\r\n")
            self._spawn(layout.CAUSE_SOFT, raw=self._cooker.raw_prompt)
        else:
            if why == "panic":
                self._print(f"Guru Meditation Error: Core 0 panic'ed (signal {-code})\r\n".encode())
            delay_s = _ROM_BOOT_S
            if why == "deepsleep":
                delay_s = self.page.u32(layout.SLEEP_MS) / 1000 or 1e9
            loop().call_later(delay_s, self._boot_again, self.boots, why)
        ended, self._on_end = self._on_end, lambda: None
        ended()

    def _boot_again(self, boots: int, why: str) -> None:
        if self._powered and self._child is None and self.boots == boots:
            self._boot(why)

    def _watchdog_fired(self) -> None:
        if self._child is not None:
            self._why = "watchdog"
            self._child.kill()

    def _output(self, data: bytes) -> None:
        self._print(self._cooker.feed(data))
        if self._cooker.holding:
            loop().call_later(0.02, lambda: self._print(self._cooker.flush()))

    def _print(self, data: bytes) -> None:
        if not data:
            return
        with self._printed:  # who has seen a line at the port finds it in the log, and the other way round
            if self._terminal is not None:
                self._terminal.write(data)
            self._log += data
            if len(self._log) > _CONSOLE_LIMIT_BYTES:
                drop = len(self._log) - _CONSOLE_LIMIT_BYTES // 2
                del self._log[:drop]
                self._log_dropped += drop
            self._printed.notify_all()
        self._log_file.write(data)

    def _input(self, data: bytes) -> None:
        if self._child is not None:
            self._child.send(data, booted=self._cooker.ready)

    def _set_pin(self, number: int, level: int | None) -> None:
        at = layout.PIN_IN + number
        before = self.page.byte(at)
        after = layout.PIN_FLOATING if level is None else int(bool(level))
        self.page.set_byte(at, after)
        if before != after and self._requests is not None:
            self._requests.edge(number, rising=after == 1)

    async def _dismantle(self) -> None:
        await self.link.close()
        if self._requests is not None:
            await self._requests.close()
            self._requests = None
        if self._terminal is not None:
            self._terminal.close()
            self._terminal = None
        for link in self._uarts.values():
            link.close()
        self._uarts = {}
        if self._registered is not None:
            self._registered.unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):
            self._socket_path.unlink()
        self._log_file.close()
