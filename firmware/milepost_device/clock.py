"""The device's own clock: uptime that survives the wrap of ticks, and true time with its quality.

Seconds count from 2020-01-01 UTC (`t`), because unix seconds do not fit an ESP32's small integer. Pure but
for `time.ticks_ms`, which tests replace.
"""

import time

from micropython import const

from milepost_device.wire import CLOCK_NONE

_STEP_MS = const(2000)  # a correction beyond this is a step and is reported
_TICKS_MASK: int = time.ticks_add(0, -1)  # pyright: ignore[reportArgumentType]
_NTP_2020 = const(3786825600)  # seconds from 1900 to 2020


def seconds_since_2020(time_s: int, epoch_year: int) -> int:
    """`time.time()` of a port whose `gmtime(0)[0]` is epoch_year (1970 unix, 2000 ESP32), from 2020 (D01)."""
    return time_s - (1577836800 if epoch_year == 1970 else 631152000)


def uptime_step(now: int, last: int, mask: int) -> int:
    """Milliseconds from `last` to `now` on a tick counter that wraps after `mask` (2^k - 1).

    Right as long as less than one period lies between: 12.4 days on an ESP32, whose mask is 2^30 - 1.
    """
    return (now - last) & mask


def sntp_time(packet: bytes | bytearray) -> tuple:
    """(t, ms) of an SNTP server answer (48 bytes, RFC 4330 §4). Raises ValueError if it is no valid time."""
    if len(packet) < 48 or packet[0] & 7 != 4 or packet[0] >> 6 == 3 or not 0 < packet[1] < 16:
        raise ValueError("no time in the SNTP answer")
    seconds = int.from_bytes(packet[40:44], "big")
    if seconds < _NTP_2020:  # era 1 begins in February 2036
        seconds += 1 << 32
    return seconds - _NTP_2020, int.from_bytes(packet[44:46], "big") * 1000 >> 16


class Clock:
    """Uptime and true time. After `stamp()` the attributes t, ms, clock hold the time for a record."""

    def __init__(self, boot: int = 0, ticks_ms=time.ticks_ms, mask: int = _TICKS_MASK) -> None:
        self._ticks = ticks_ms
        self._mask = mask
        self._last = ticks_ms()
        self._up_s = 0
        self._up_ms = 0
        self.boot = boot
        self.quality = CLOCK_NONE
        self._base_t = 0  # true time less uptime
        self._base_ms = 0
        self.t = 0
        self.ms = 0
        self.clock = CLOCK_NONE

    def _tick(self) -> None:
        now = self._ticks()
        self._up_ms += uptime_step(now, self._last, self._mask)
        self._last = now
        if self._up_ms >= 1000:
            self._up_s += self._up_ms // 1000
            self._up_ms %= 1000

    @property
    def uptime_s(self) -> int:
        """Whole seconds since the start."""
        self._tick()
        return self._up_s

    @property
    def uptime_ms(self) -> int:
        """Milliseconds since the start (a u32 on the wire)."""
        self._tick()
        return self._up_s * 1000 + self._up_ms

    def stamp(self, ago_ms: int = 0) -> None:
        """Set t, ms, clock to `ago_ms` before now (0..2^29); without true time to boot and uptime."""
        self._tick()
        self.clock = self.quality
        if self.quality == CLOCK_NONE:
            self.t = self.boot
            # modulo 12.4 days, so that it stays a small integer (docs/wire.md, Time)
            self.ms = max(0, self._up_s * 1000 + self._up_ms - ago_ms) & 0x3FFFFFFF
            return
        ms = self._base_ms + self._up_ms - ago_ms
        self.t = self._base_t + self._up_s + ms // 1000
        self.ms = ms % 1000

    def set(self, t: int, ms: int, quality: int) -> bool:
        """Now is t, ms (from 2020) as `quality` says. True if this is news: first time, or a step over 2 s.

        A source of lower quality than the present one is ignored.
        """
        if quality < self.quality or quality == CLOCK_NONE:
            return False
        self.stamp()
        news = self.clock == CLOCK_NONE
        if not news:
            off_s = t - self.t
            news = abs(off_s) > 1000 or abs(off_s * 1000 + ms - self.ms) > _STEP_MS
        self.quality = quality
        ms -= self._up_ms
        self._base_t = t - self._up_s - (1 if ms < 0 else 0)
        self._base_ms = ms + 1000 if ms < 0 else ms
        return news
