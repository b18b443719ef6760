"""Reads of RFID tags gathered into one record per tag and window. Times (`now_ms`) are time.ticks_ms()."""

import time

from micropython import const

MAX_TAGS = const(200)  # open windows; more are closed early, oldest first


class TagReads:
    """What one tag did within one window."""

    def __init__(self, epc: bytes, pc: int, antenna: int, rssi: int, now_ms) -> None:
        self.epc = epc
        self.pc = pc
        self.antenna = antenna
        self.first_ms = self.last_ms = now_ms
        self.rssi_first = self.rssi_last = self.rssi_max = rssi
        self.count = 1

    def add(self, rssi: int, now_ms) -> None:
        """One more read, RSSI in dBm."""
        self.last_ms = now_ms
        self.rssi_last = rssi
        self.rssi_max = max(self.rssi_max, rssi)
        self.count += 1

    @property
    def span_ms(self) -> int:
        """Milliseconds from the first to the last read."""
        return time.ticks_diff(self.last_ms, self.first_ms)

    @property
    def slope(self) -> int | None:
        """Change of RSSI over the window in 0.1 dB/s, None with fewer than two reads apart in time."""
        span = self.span_ms
        if span <= 0:
            return None
        value = (self.rssi_last - self.rssi_first) * 10000 // span
        return max(-32768, min(32767, value))


class TagWindow:
    """Open windows by (EPC, antenna). A window closes `window_ms` after its first read."""

    def __init__(self, window_ms: int, floor_dbm: int = -128) -> None:
        self.window_ms = window_ms
        self.floor_dbm = floor_dbm
        self._open = {}
        self._order = []  # keys by time of the first read: dicts have no order in MicroPython
        self.early = 0  # windows closed early because too many were open

    def read(self, epc: bytes, pc: int, antenna: int, rssi: int, now_ms) -> TagReads | None:
        """Take one read. Returns the TagReads that had to be closed for it, or None."""
        if rssi < self.floor_dbm:
            return None
        key = (epc, antenna)
        reads = self._open.get(key)
        if reads is not None:
            if time.ticks_diff(now_ms, reads.first_ms) < self.window_ms:
                reads.add(rssi, now_ms)
                return None
            self._order.remove(key)
        elif len(self._order) >= MAX_TAGS:
            self.early += 1
            reads = self._open.pop(self._order.pop(0))
        self._open[key] = TagReads(epc, pc, antenna, rssi, now_ms)
        self._order.append(key)
        return reads

    def expired(self, now_ms) -> TagReads | None:
        """The next window that is over, or None."""
        if self._order:
            reads = self._open[self._order[0]]
            if time.ticks_diff(now_ms, reads.first_ms) >= self.window_ms:
                del self._open[self._order.pop(0)]
                return reads
        return None

    def next_ms(self, now_ms) -> int:
        """Milliseconds until the next window is over; the window's length when none is open."""
        if not self._order:
            return self.window_ms
        return max(0, self.window_ms - time.ticks_diff(now_ms, self._open[self._order[0]].first_ms))
