"""A board's console over any serial port: reads all the time, keeps a log with times, waits for text."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import serial

_RAW_PROMPT = b"raw REPL; CTRL-B to exit\r\n>"
_CHUNK_BYTES = 256


class Console:
    """Opens `port` (device file or pyserial URL) and reads it in a thread of its own."""

    def __init__(self, port: str, baudrate: int = 115200) -> None:
        self.port = port
        self._baudrate = baudrate
        self._log = bytearray()
        self._seen = 0
        self._marks: list[tuple[float, int]] = []
        self._arrived = threading.Condition()
        self._open()

    def _open(self) -> None:
        self.serial = serial.serial_for_url(self.port, self._baudrate, timeout=0.1, exclusive=True)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._read, name=f"console {self.port}", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while not self._stopping.is_set():
            try:
                data = self.serial.read(max(1, self.serial.in_waiting))
            except (OSError, TypeError, serial.SerialException):
                return
            if data:
                with self._arrived:
                    self._marks.append((time.time(), len(self._log)))
                    self._log += data
                    self._arrived.notify_all()

    def close(self) -> None:
        self._stopping.set()
        self._thread.join(2)
        self.serial.close()

    @contextmanager
    def released(self) -> Iterator[str]:
        """Gives the port to somebody else (mpremote's transport) for a while."""
        self.close()
        try:
            yield self.port
        finally:
            self._open()

    def write(self, data: bytes) -> None:
        for at in range(0, len(data), _CHUNK_BYTES):
            self.serial.write(data[at : at + _CHUNK_BYTES])
            if at:
                time.sleep(0.01)  # a raw prompt has no flow control

    @property
    def text(self) -> bytes:
        """Everything read so far."""
        with self._arrived:
            return bytes(self._log)

    def expect(self, pattern: bytes, timeout_s: float = 15.0) -> "re.Match[bytes]":
        """Waits for a regular expression behind what earlier calls have matched. Raises TimeoutError."""
        wanted = re.compile(pattern)
        deadline = time.monotonic() + timeout_s
        with self._arrived:
            while True:
                found = wanted.search(self._log, self._seen)
                if found:
                    self._seen = found.end()
                    return found
                left = deadline - time.monotonic()
                if left <= 0:
                    last = bytes(self._log[-800:]).decode(errors="replace")
                    raise TimeoutError(
                        f"{self.port}: no {pattern!r} within {timeout_s:g} s; the console's end:\n{last}"
                    )
                self._arrived.wait(left)

    def skip(self) -> None:
        """Forgets what has been printed so far: `expect` looks at what comes."""
        with self._arrived:
            self._seen = len(self._log)

    def interrupt(self, timeout_s: float = 20.0) -> None:
        """Brings the board to the friendly prompt: Ctrl-C again and again, never once (docs/hil.md T12)."""
        deadline = time.monotonic() + timeout_s
        while True:
            self.skip()
            self.write(b"\r\x02\x03\x03")
            try:
                self.expect(rb">>> $", 0.5)
                return
            except TimeoutError:
                if time.monotonic() > deadline:
                    raise

    def exec(self, code: str, timeout_s: float = 15.0) -> str:
        """Runs code at the raw prompt, interrupting whatever runs; returns its output, raises RuntimeError."""
        self.interrupt(timeout_s)
        self.write(b"\x01")
        self.expect(re.escape(_RAW_PROMPT))
        self.write(code.encode() + b"\x04")
        found = self.expect(rb"(?s)OK(.*?)\x04(.*?)\x04>", timeout_s)
        self.write(b"\x02")
        self.expect(rb">>> ")
        if found[2]:
            raise RuntimeError(found[2].decode(errors="replace").strip())
        return found[1].decode(errors="replace").replace("\r\n", "\n")

    def stamped(self) -> str:
        """The log with the time of day in front of every arrival, for the report of a failed test."""
        out: list[str] = []
        ends = [at for _, at in self._marks[1:]] + [len(self._log)]
        for (when, start), end in zip(self._marks, ends, strict=False):
            stamp = time.strftime("%H:%M:%S", time.localtime(when)) + f".{int(when * 1000) % 1000:03d}"
            out.append(f"{stamp} {bytes(self._log[start:end]).decode(errors='replace')}")
        return "\n".join(line.rstrip("\r\n") for line in out)
