"""The only module that touches the chip: UARTs, pins, network, partition, reset, RTC."""

import asyncio
import gc
import os
import socket

import machine
import network
from esp32 import Partition
from micropython import const

from milepost_device.clock import sntp_time

_FILE = "/outbox.bin"
_FILE_SECTORS = const(16)
_SECTOR = const(4096)
_CAUSES = {
    machine.PWRON_RESET: "power_on",
    machine.HARD_RESET: "reset",
    machine.WDT_RESET: "watchdog",
    machine.DEEPSLEEP_RESET: "deepsleep",
    machine.SOFT_RESET: "soft",
}


def reset_cause() -> str:
    """Why the board started, as text."""
    return _CAUSES.get(machine.reset_cause(), "unknown")


def reset() -> None:
    """Restart the board now."""
    machine.reset()


# --- UART and pins -----------------------------------------------------------------------------------


def uart(number: int, baud: int, rxbuf: int = 2048, tx: int = -1, rx: int = -1):
    """Stream (readinto, write, drain) over a UART; pins -1 = the port's own."""
    args = {"baudrate": baud, "rxbuf": rxbuf}
    if tx >= 0:
        args["tx"] = tx
    if rx >= 0:
        args["rx"] = rx
    return asyncio.StreamReader(machine.UART(number, **args))


def input_pin(number: int):
    """Function that reads a pin with pull-up: 0 or 1."""
    return machine.Pin(number, machine.Pin.IN, machine.Pin.PULL_UP).value


def watch_pin(number: int, on_edge):
    """Call on_edge(level) from the interrupt at each change; returns a function that reads the pin."""
    pin = machine.Pin(number, machine.Pin.IN, machine.Pin.PULL_UP)
    pin.irq(handler=lambda p: on_edge(p.value()), trigger=machine.Pin.IRQ_FALLING | machine.Pin.IRQ_RISING)
    return pin.value


# --- outbox ------------------------------------------------------------------------------------------


class FileDevice:
    """Block device in a preallocated file, for boards without the partition. Wears the file system."""

    def __init__(self, path: str = _FILE, sectors: int = _FILE_SECTORS) -> None:
        try:
            whole = os.stat(path)[6] == sectors * _SECTOR
        except OSError:
            whole = False
        if not whole:
            blank = b"\xff" * 256
            with open(path, "wb") as f:
                for _ in range(sectors * _SECTOR // len(blank)):
                    f.write(blank)
        self._sectors = sectors
        self._file = open(path, "r+b")  # noqa: SIM115  stays open as long as the device runs

    def readblocks(self, n: int, buf, off: int = 0) -> None:
        """Fill buf from byte `off` of sector n."""
        self._file.seek(n * _SECTOR + off)
        self._file.readinto(buf)

    def writeblocks(self, n: int, buf, off: int = 0) -> None:
        """Write buf at byte `off` of sector n, durable at return."""
        self._file.seek(n * _SECTOR + off)
        self._file.write(buf)
        self._file.flush()

    def ioctl(self, op: int, arg: int) -> int:
        """4 count, 5 size, 6 erase, as vfs.AbstractBlockDev."""
        if op == 4:
            return self._sectors
        if op == 5:
            return _SECTOR
        if op == 6:
            blank = b"\xff" * 256
            self._file.seek(arg * _SECTOR)
            for _ in range(_SECTOR // len(blank)):
                self._file.write(blank)
            self._file.flush()
        return 0


def outbox_device() -> tuple:
    """(block device, "partition" or "file")."""
    found = Partition.find(Partition.TYPE_DATA, label="outbox")
    if found:
        return found[0], "partition"
    return FileDevice(), "file"


# --- network -----------------------------------------------------------------------------------------

_wlan = None


async def keep_wifi(wifi: dict | None) -> None:
    """Hold the Wi-Fi connection for ever; wifi {"ssid", "password"} or None (nothing to do)."""
    global _wlan
    if not wifi:
        return
    _wlan = network.WLAN(network.STA_IF)
    _wlan.active(True)
    while True:
        if not _wlan.isconnected():
            try:
                _wlan.connect(wifi["ssid"], wifi["password"])
            except OSError:
                pass  # "Wifi Internal Error" while a connect is under way: wait for its end
            for _ in range(40):
                await asyncio.sleep_ms(250)
                if _wlan.isconnected():
                    break
            else:
                _wlan.disconnect()
        await asyncio.sleep_ms(1000)


def online() -> bool:
    """Whether the network is up."""
    return _wlan is None or _wlan.isconnected()


def rssi_dbm() -> int | None:
    """Signal of the Wi-Fi, None if unknown."""
    try:
        return _wlan.status("rssi") if _wlan is not None and _wlan.isconnected() else None
    except (OSError, ValueError):
        return None


def transport(broker: dict):
    """Coroutine function that opens the connection to broker {"host", "port", "tls", "ca"}."""

    async def opens():
        if not online():
            raise OSError("no Wi-Fi")
        if not broker.get("tls"):
            return await asyncio.open_connection(broker["host"], broker["port"])
        import tls

        context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
        if broker.get("ca"):
            with open(broker["ca"], "rb") as f:
                context.load_verify_locations(f.read())
            context.verify_mode = tls.CERT_REQUIRED  # pyright: ignore[reportAttributeAccessIssue]
        return await asyncio.open_connection(broker["host"], broker["port"], ssl=context)

    return opens


async def set_time_from_sntp(host: str, port: int = 123) -> tuple | None:
    """(t, ms) from an SNTP server (s since 2020), or None when none answers within 3 s."""
    try:
        address = socket.getaddrinfo(host, port)[0][-1]
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    except OSError:
        return None
    try:
        s.setblocking(False)
        s.sendto(b"\x23" + bytes(47), address)
        for _ in range(60):
            await asyncio.sleep_ms(50)
            try:
                return sntp_time(s.recv(48))
            except OSError:
                continue
    except (OSError, ValueError):
        pass
    finally:
        s.close()
    return None


# --- state of the machine ----------------------------------------------------------------------------


def heap_free() -> int:
    """Bytes free on the Python heap after a collection."""
    gc.collect()
    return gc.mem_free()
