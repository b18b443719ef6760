"""The console: what the interpreter prints becomes what an ESP32 prints, on a PTY that tools open.

Rewrites LF to CRLF (until the mount protocol's 0x18 shows), names the pretended board in the banner,
follows whether the prompt is friendly or raw, and hides the boot script's own sign.
"""

import contextlib
import os
import re
import select
import termios
import tty
from collections.abc import Callable
from pathlib import Path

from milepost_hil.loop import Pipe, loop

READY = b"\x1e"
_BANNER = re.compile(rb"MicroPython (\S+) on (\S+); linux \[[^\]]*\] version")
_NAME = b"MicroPython "
_RAW = b"raw REPL; CTRL-B to exit"
_FRIENDLY = b'Type "help()"'


class Cooker:
    """Turns the child's output into the board's. Pure: bytes in, bytes out."""

    def __init__(self) -> None:
        self.raw_prompt = False
        self.ready = False
        self._binary = False
        self._last_cr = False
        self._held = b""
        self._tail = b""

    def restart(self) -> None:
        """A new child: nothing held back, no sign seen yet."""
        self.ready = False
        self._binary = False
        self._held = b""
        self._tail = b""

    def feed(self, data: bytes) -> bytes:
        if not self.ready and READY in data:
            self.ready = True
            data = data.replace(READY, b"", 1)
        if b"\x18" in data:
            self._binary = True
        data = self._held + data
        self._held = b""
        data = _BANNER.sub(rb"MicroPython \1 on \2; Generic ESP32 module with ESP32", data)
        start = data.rfind(b"\n") + 1
        line = data[start:]
        if line and (line[:12] == _NAME[: len(line)]) and len(line) < 100:
            data, self._held = data[:start], line  # perhaps the first half of the banner
        self._follow(data)
        if self._binary:
            return data
        out = re.sub(rb"(?<!\r)\n", b"\r\n", data)
        if self._last_cr and data[:1] == b"\n":
            out = out[1:]
        if data:
            self._last_cr = data[-1:] == b"\r"
        return out

    @property
    def holding(self) -> bool:
        return bool(self._held)

    def flush(self) -> bytes:
        """What is still held back, when nothing more came for a moment."""
        held, self._held = self._held, b""
        return held

    def _follow(self, data: bytes) -> None:
        seen = self._tail + data
        raw, friendly = seen.rfind(_RAW), seen.rfind(_FRIENDLY)
        if raw >= 0 or friendly >= 0:
            self.raw_prompt = raw > friendly
            if self.raw_prompt:
                self._binary = False
        self._tail = seen[-len(_RAW) + 1 :] if len(seen) >= len(_RAW) else seen


class Terminal:
    """The PTY that mpremote and pyserial open, through a symlink outside /dev/pts (docs/hil.md T11).

    While nobody has it open, output is lost as on a wire that nobody listens to; a client never finds
    what was printed before it came. Descriptors are watched edge-triggered: a hung-up PTY stays readable
    for ever, and level-triggered polling would spin on it.
    """

    def __init__(self, link: Path, on_input: Callable[[bytes], None]) -> None:
        self.link = link
        self._on_input = on_input
        master, slave = os.openpty()
        tty.setraw(slave)
        name = os.ttyname(slave)
        os.close(slave)
        os.set_blocking(master, False)
        self._master = master
        self._queue = bytearray()
        self._epoll = select.epoll()
        self._epoll.register(master, select.EPOLLIN | select.EPOLLOUT | select.EPOLLHUP | select.EPOLLET)
        loop().add_reader(self._epoll.fileno(), self._event)
        with contextlib.suppress(FileNotFoundError):
            link.unlink()
        link.symlink_to(name)

    def _event(self) -> None:
        self._epoll.poll(0)
        with contextlib.suppress(OSError):
            while data := os.read(self._master, 65536):
                self._on_input(data)
        self._flush()

    def _listener(self) -> bool:
        poll = select.poll()
        poll.register(self._master, 0)
        return not any(flags & select.POLLHUP for _, flags in poll.poll(0))

    def write(self, data: bytes) -> None:
        if not self._listener():
            self._queue.clear()
            return
        self._queue += data
        if len(self._queue) > 1 << 20:
            del self._queue[: -(1 << 20)]
        self._flush()

    def _flush(self) -> None:
        while self._queue:
            try:
                del self._queue[: os.write(self._master, self._queue)]
            except OSError:
                return  # the edge that says "room again" comes back here

    def close(self) -> None:
        loop().remove_reader(self._epoll.fileno())
        self._epoll.close()
        os.close(self._master)
        with contextlib.suppress(FileNotFoundError):
            self.link.unlink()


def inner_pty(on_output: Callable[[bytes], None]) -> tuple[Pipe, int]:
    """A PTY for one child: (our end, the child's descriptor). No ISIG: 0x03 is data there (T4)."""
    master, slave = os.openpty()
    tty.setraw(slave)
    attributes = termios.tcgetattr(slave)
    attributes[3] = termios.NOFLSH
    termios.tcsetattr(slave, termios.TCSANOW, attributes)
    return Pipe(master, on_output), slave
