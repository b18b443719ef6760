"""One asyncio loop in one daemon thread serves all virtual boards of the process.

Also home of `Pipe`, the queue that every descriptor gets: a PTY holds 4 KiB, and a short write that is
not carried on loses bytes (docs/hil.md T6).
"""

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None


def loop() -> asyncio.AbstractEventLoop:
    """The boards' loop, started on first use. Children die with its thread, so it never ends by itself."""
    global _loop  # noqa: PLW0603
    with _lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="milepost-boards", daemon=True).start()
        return _loop


def call(function: Callable[..., T], *args: object) -> T:
    """Runs a plain function in the loop's thread and returns what it returns or raises."""

    async def run() -> T:
        return function(*args)

    return wait(run())


def wait(coroutine: Coroutine[Any, Any, T], timeout_s: float = 30.0) -> T:
    """Runs a coroutine in the loop's thread from any other thread."""
    return asyncio.run_coroutine_threadsafe(coroutine, loop()).result(timeout_s)


class Pipe:
    """Non-blocking reader and queued writer on one descriptor; to be used in the loop's thread only."""

    def __init__(self, fd: int, on_data: Callable[[bytes], None], *, limit_bytes: int = 1 << 20) -> None:
        os.set_blocking(fd, False)
        self.fd = fd
        self._on_data = on_data
        self._queue = bytearray()
        self._limit_bytes = limit_bytes
        self._closed = False
        self.dropped_bytes = 0
        loop().add_reader(fd, self.pump)

    def pump(self) -> None:
        """Reads what is there; end of file or an error stops the reader."""
        try:
            data = os.read(self.fd, 65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._on_data(data)
        elif not self._closed:
            loop().remove_reader(self.fd)

    def drain(self) -> None:
        """Reads all that is left, for the moment after the writer has died (docs/hil.md T7)."""
        with contextlib.suppress(OSError):
            while data := os.read(self.fd, 65536):
                self._on_data(data)

    def write(self, data: bytes) -> None:
        if self._closed:
            return
        if not self._queue:
            data = data[self._send(data) :]
        if not data:
            return
        if len(self._queue) + len(data) > self._limit_bytes:
            self.dropped_bytes += len(data)
            return
        if not self._queue:
            loop().add_writer(self.fd, self._flush)
        self._queue += data

    def _send(self, data: bytes | bytearray) -> int:
        try:
            return os.write(self.fd, data)
        except BlockingIOError:
            return 0
        except OSError:
            return len(data)

    def _flush(self) -> None:
        del self._queue[: self._send(self._queue)]
        if not self._queue and not self._closed:
            loop().remove_writer(self.fd)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            loop().remove_reader(self.fd)
            loop().remove_writer(self.fd)
            os.close(self.fd)
