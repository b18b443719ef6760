"""machine, as far as the unix port lacks it: reset logic, pins, watchdog, RTC, timers, UARTs."""

import io
import socket
import struct
import sys
import time

import layout
import micropython
import uctypes
import x_flash
import x_memory as memory

_path, sys.path[:] = sys.path[:], []
import machine as _native

sys.path[:] = _path

PinBase = _native.PinBase
Signal = _native.Signal
idle = _native.idle
time_pulse_us = _native.time_pulse_us
mem8, mem16, mem32 = _native.mem8, _native.mem16, _native.mem32
soft_reset = _native.soft_reset

PWRON_RESET = layout.CAUSE_POWER_ON
HARD_RESET = layout.CAUSE_HARD
WDT_RESET = layout.CAUSE_WATCHDOG
DEEPSLEEP_RESET = layout.CAUSE_DEEPSLEEP
SOFT_RESET = layout.CAUSE_SOFT

_page = x_flash.page
_bytes = uctypes.bytearray_at(_page, layout.PAGE_BYTES)
_socket_path = ""  # set by the boot script
_scheduled = {}  # keeps the callables alive whose addresses stand in the page


def _ask(line):
    """An open socket to the supervisor that has been told what it is for."""
    link = socket.socket(socket.AF_UNIX)
    link.connect(struct.pack("H108s", socket.AF_UNIX, _socket_path.encode()))
    link.write(line + "\n")
    return link


def _end(request):
    micropython.kbd_intr(-1)
    _bytes[layout.REQUEST] = request
    memory.die()


def reset():
    _end(layout.REQ_RESET)


def deepsleep(time_ms=0):
    memory.put32(_page + layout.SLEEP_MS, time_ms)
    _end(layout.REQ_DEEPSLEEP)


def lightsleep(time_ms=0):
    time.sleep_ms(time_ms)


def reset_cause():
    return _bytes[layout.RESET_CAUSE]


def unique_id():
    return bytes(_bytes[layout.MAC : layout.MAC + 6])


def freq(hz=None):
    return 160_000_000 if hz is None else None


def disable_irq():
    return 0


def enable_irq(state):
    return None


def _schedule(slot, call):
    at = layout.HANDLERS + 8 * slot
    _scheduled[slot] = call
    struct.pack_into("<Q", _bytes, at, 0 if call is None else id(call))


class Pin(PinBase):
    IN, OUT, OPEN_DRAIN = 1, 3, 7
    PULL_DOWN, PULL_UP, PULL_HOLD = 1, 2, 4
    IRQ_RISING, IRQ_FALLING, IRQ_LOW_LEVEL, IRQ_HIGH_LEVEL = 1, 2, 4, 5
    WAKE_LOW, WAKE_HIGH = 4, 5

    def __init__(self, id, mode=None, pull=-1, value=None, drive=None, hold=None):
        if not 0 <= id < layout.PINS:
            raise ValueError("invalid pin")
        self._id = id
        self._pull = None
        self.init(mode, pull, value)

    def init(self, mode=None, pull=-1, value=None, drive=None, hold=None):
        if pull != -1:
            self._pull = pull
        if value is not None and (mode in (self.OUT, self.OPEN_DRAIN)):
            _bytes[layout.PIN_OUT + self._id] = 1 if value else 0
        elif mode in (self.OUT, self.OPEN_DRAIN):
            if _bytes[layout.PIN_OUT + self._id] == layout.PIN_FLOATING:
                _bytes[layout.PIN_OUT + self._id] = 0
        elif mode == self.IN:
            _bytes[layout.PIN_OUT + self._id] = layout.PIN_FLOATING

    def value(self, level=None):
        if level is not None:
            _bytes[layout.PIN_OUT + self._id] = 1 if level else 0
            return None
        for at in (layout.PIN_OUT, layout.PIN_IN):
            if _bytes[at + self._id] != layout.PIN_FLOATING:
                return _bytes[at + self._id]
        return 1 if self._pull == self.PULL_UP else 0

    __call__ = value

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)

    def toggle(self):
        self.value(1 - self.value())

    def irq(self, handler=None, trigger=IRQ_FALLING | IRQ_RISING, wake=None, hard=False):
        _bytes[layout.PIN_TRIGGER + self._id] = trigger
        _schedule(self._id, None if handler is None else lambda _slot: handler(self))
        return self

    def __repr__(self):
        return "Pin({})".format(self._id)


class ADC:
    """Reads the level given to set_pin() as millivolts divided by 16 (one byte stands per pin)."""

    ATTN_0DB, ATTN_2_5DB, ATTN_6DB, ATTN_11DB = 0, 1, 2, 3

    def __init__(self, pin, atten=0):
        self._id = pin._id if isinstance(pin, Pin) else pin

    def atten(self, value):
        pass

    def read_uv(self):
        level = _bytes[layout.PIN_IN + self._id]
        return 0 if level == layout.PIN_FLOATING else level * 16_000

    def read_u16(self):
        return min(65535, self.read_uv() * 65535 // 3_300_000)

    def read(self):
        return self.read_u16() >> 4


class WDT:
    def __init__(self, id=0, timeout=5000):
        if timeout <= 0:
            raise ValueError("timeout must be positive")
        memory.put32(_page + layout.WDT_TIMEOUT_MS, timeout)
        self.feed()
        _ask("wdt").close()

    def feed(self):
        at = _page + layout.WDT_FEEDS
        memory.put32(at, memory.get32(at) + 1)


class RTC:
    def datetime(self, when=None):
        if when is None:
            t = time.time_ns() // 1000
            y, mo, d, h, mi, s, wd, _ = time.gmtime(t // 1_000_000)
            return (y, mo, d, wd, h, mi, s, t % 1_000_000)
        y, mo, d, _, h, mi, s, us = when
        t = time.mktime((y, mo, d, h, mi, s, 0, 0)) * 1_000_000 + us
        struct.pack_into("<q", _bytes, layout.RTC_BASE_US, time._host_us() - t)
        return None

    init = datetime

    def memory(self, data=None):
        if data is None:
            size = struct.unpack_from("<H", _bytes, layout.RTC_MEMORY_LEN)[0]
            return bytes(_bytes[layout.RTC_MEMORY : layout.RTC_MEMORY + size])
        if len(data) > 2048:
            raise ValueError("buffer too long")
        struct.pack_into("<H", _bytes, layout.RTC_MEMORY_LEN, len(data))
        _bytes[layout.RTC_MEMORY : layout.RTC_MEMORY + len(data)] = data
        return None


class Timer:
    ONE_SHOT, PERIODIC = 0, 1

    def __init__(self, id, **settings):
        if not 0 <= id < 4:
            raise ValueError("invalid Timer number")
        self._slot = layout.TIMER_SLOT + id
        if settings:
            self.init(**settings)

    def init(self, mode=PERIODIC, period=-1, freq=0, callback=None, hard=False):
        period_ms = 1000 // freq if freq else period
        _schedule(self._slot, None if callback is None else lambda _slot: callback(self))
        _ask("timer {} {} {}".format(self._slot, period_ms, mode)).close()

    def deinit(self):
        _schedule(self._slot, None)
        _ask("timer {} 0 0".format(self._slot)).close()


class UART(io.IOBase):
    """A socket to the far end. poll() gets its descriptor, so nothing busy-polls (docs/hil.md T8)."""

    INV_TX, INV_RX, RTS, CTS = 1, 2, 1, 2
    IRQ_RX, IRQ_RXIDLE, IRQ_BREAK = 1, 4096, 2
    _open = {}

    def __init__(self, id, baudrate=115200, bits=8, parity=None, stop=1, **settings):
        if id not in (1, 2):
            raise ValueError("UART({}) does not exist".format(id))
        self._id = id
        self._timeout_ms = 0
        self._link = None
        self.init(baudrate, bits, parity, stop, **settings)

    def init(self, baudrate=115200, bits=8, parity=None, stop=1, timeout=0, **settings):
        self._timeout_ms = timeout
        self.baudrate = baudrate
        link = UART._open.get(self._id)  # a second object drives the same hardware
        if link is None:
            link = UART._open[self._id] = _ask("uart {}".format(self._id))
            link.setblocking(False)
        self._link = link
        _ask("baud {} {}".format(self._id, baudrate)).close()

    def deinit(self):
        if UART._open.pop(self._id, None) is not None:
            self._link.close()
        self._link = None

    def any(self):
        try:
            return len(self._link.recv(4096, socket.MSG_PEEK))
        except OSError:
            return 0

    def _await(self):
        deadline = time.ticks_add(time.ticks_ms(), self._timeout_ms)
        while not self.any() and time.ticks_diff(deadline, time.ticks_ms()) > 0:
            time.sleep_ms(1)

    def read(self, nbytes=None):
        if self._timeout_ms:
            self._await()
        try:
            return self._link.recv(4096 if nbytes is None else nbytes) or None
        except OSError:
            return None

    def readinto(self, buf, nbytes=None):
        if self._timeout_ms:
            self._await()
        if nbytes is not None:
            buf = memoryview(buf)[:nbytes]
        return self._link.readinto(buf)

    def readline(self):
        if self._timeout_ms:
            self._await()
        try:
            waiting = self._link.recv(4096, socket.MSG_PEEK)
        except OSError:
            return None
        end = waiting.find(b"\n")
        return self._link.recv(len(waiting) if end < 0 else end + 1) or None

    def write(self, buf):
        return self._link.write(buf)

    def flush(self):
        pass

    def txdone(self):
        return True

    def sendbreak(self):
        pass

    def ioctl(self, op, arg):
        if op == 10:  # MP_STREAM_GET_FILENO
            return self._link.fileno()
        return 0
