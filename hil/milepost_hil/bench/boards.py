"""One view of a board for the tests, whether it is virtual or stands on the table.

A test asks for features by mark (`@pytest.mark.feature("power")`) and never for the kind of board.
Features: ``power`` (supply can be cut), ``link`` (its network can be cut), ``gnss`` and ``rfid`` (the far end of
these UARTs is ours), ``gates`` (its gate inputs can be driven), ``network`` (it can reach our broker).
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import serial

from milepost_hil import deploy, image
from milepost_hil.bench.console import Console
from milepost_hil.loop import wait
from milepost_hil.proxy import TcpProxy
from milepost_hil.virtual import VirtualBoard

ALL_FEATURES = frozenset({"power", "link", "gnss", "rfid", "gates", "network"})
_GATE_PINS = {"inner": 32, "outer": 33}


class Wire(Protocol):
    """The far end of a UART."""

    def write(self, data: bytes, /) -> object: ...

    def read(self, max_bytes: int = ..., /) -> bytes: ...


class Link(Protocol):
    """The board's network."""

    def cut(self, mode: str = "blackhole") -> None: ...

    def restore(self) -> None: ...

    def address(self, host: str, port: int) -> tuple[str, int]: ...


class Board(ABC):
    """A board under test. `console` is always open; `device_id` is its MAC in hex."""

    features: frozenset[str]
    console: Console
    device_id: str
    link: Link
    gnss: Wire
    rfid: Wire
    wifi: Mapping[str, str]

    @abstractmethod
    def install(self, files: Mapping[str, bytes]) -> None:
        """Puts these files on the board (the application's other files go) and starts it anew."""

    @abstractmethod
    def reset(self) -> None:
        """Hard reset."""

    @abstractmethod
    def power_off(self) -> None:
        """Cuts the supply (feature ``power``)."""

    @abstractmethod
    def power_on(self) -> None:
        """Gives it back."""

    @abstractmethod
    def set_gate(self, gate: str, *, interrupted: bool) -> None:
        """Moves the input of gate ``inner`` or ``outer`` (feature ``gates``); interrupted is low."""

    @abstractmethod
    def close(self) -> None:
        """Leaves the board."""

    def exec(self, code: str, timeout_s: float = 15.0) -> str:
        """Runs code at the prompt; whatever ran is interrupted."""
        return self.console.exec(code, timeout_s)

    def expect(self, pattern: bytes, timeout_s: float = 15.0) -> object:
        """Waits for a regular expression on the console."""
        return self.console.expect(pattern, timeout_s)


class BenchVirtualBoard(Board):
    """A virtual board in a folder of its own."""

    features = ALL_FEATURES

    def __init__(self, folder: Path) -> None:
        self._board = VirtualBoard(folder).plug()
        self.device_id = self._board.mac
        self.link = self._board.link
        self.gnss = self._board.uart(1)
        self.rfid = self._board.uart(2)
        self.wifi = {"ssid": "bench", "password": "bench-bench"}
        self.console = Console(self._board.port)

    def install(self, files: Mapping[str, bytes]) -> None:
        self._board.power_cut()
        image.write_files(self._board.folder, files)
        self.console.skip()
        self._board.start()

    def reset(self) -> None:
        self.console.skip()
        self._board.reset()

    def power_off(self) -> None:
        self._board.power_cut()

    def power_on(self) -> None:
        self.console.skip()
        self._board.start()

    def set_gate(self, gate: str, *, interrupted: bool) -> None:
        self._board.set_pin(_GATE_PINS[gate], 0 if interrupted else 1)

    def close(self) -> None:
        self.console.close()
        self._board.stop()


class BenchLink(TcpProxy):
    """The bench's own proxy between a real board and the broker, reachable over the bench's network."""

    def __init__(self, bench_address: str) -> None:
        super().__init__("0.0.0.0")
        self._bench_address = bench_address

    def address(self, host: str, port: int) -> tuple[str, int]:
        return self._bench_address, wait(self.route(host, port))


class SerialWire:
    """A USB-to-UART adapter wired to a UART of the board."""

    def __init__(self, port: str, baudrate: int) -> None:
        self._serial = serial.serial_for_url(port, baudrate, timeout=0)

    def write(self, data: bytes, /) -> object:
        return self._serial.write(data)

    def read(self, max_bytes: int = 4096, /) -> bytes:
        return self._serial.read(max_bytes)


class BenchSerialBoard(Board):
    """A real board on a serial port (or behind RFC 2217). The far ends of its UARTs are further ports."""

    def __init__(
        self,
        port: str,
        *,
        gnss_port: str | None = None,
        rfid_port: str | None = None,
        bench_address: str | None = None,
        wifi: Mapping[str, str] | None = None,
    ) -> None:
        self.features = serial_features(gnss_port, rfid_port, bench_address, wifi)
        if gnss_port:
            self.gnss = SerialWire(gnss_port, 9600)
        if rfid_port:
            self.rfid = SerialWire(rfid_port, 115200)
        self._proxy = BenchLink(bench_address or "127.0.0.1")
        self.link = self._proxy
        self.wifi = wifi or {}
        self.console = Console(port)
        self.device_id = self.console.exec("import machine; print(machine.unique_id().hex())").strip()

    def install(self, files: Mapping[str, bytes]) -> None:
        with self.console.released() as port:
            transport = deploy.connect(port)
            try:
                deploy.copy(transport, files, owned=(f"/lib/{image.PACKAGE}",))
                transport.exit_raw_repl()
            finally:
                transport.close()
        self.reset()

    def reset(self) -> None:
        """EN by RTS, with IO0 left high by DTR: the wiring of every ESP32 development board.

        A port without these lines (a PTY) is reset by the board's own word, which gives cause 2 instead of 1.
        """
        try:
            self.console.serial.dtr = False
            self.console.skip()
            self.console.serial.rts = True
            time.sleep(0.1)
            self.console.serial.rts = False
        except OSError:
            self.console.interrupt()
            self.console.write(b"import machine; machine.reset()\r")
            self.console.expect(rb"machine\.reset\(\)")

    def power_off(self) -> None:
        raise NotImplementedError("this bench cannot switch the supply; mark the test with feature('power')")

    power_on = power_off

    def set_gate(self, gate: str, *, interrupted: bool) -> None:
        raise NotImplementedError("this bench drives no gate inputs; mark the test with feature('gates')")

    def close(self) -> None:
        self.console.close()
        wait(self._proxy.close())


def serial_features(
    gnss_port: str | None, rfid_port: str | None, bench_address: str | None, wifi: object
) -> frozenset[str]:
    """What a real board can do on this bench, from the options given."""
    able = {"gnss": gnss_port, "rfid": rfid_port, "network": bench_address and wifi, "link": bench_address and wifi}
    return frozenset(name for name, there in able.items() if there)
