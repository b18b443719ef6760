"""Which records to send next: catch-up from the oldest, and a live lane that a backlog never starves.

Without a backlog there is one lane. When more than `_SPLIT` records wait, the newest go ahead in a lane of
their own; a record sent ahead keeps its seq, so it moves no cumulative acknowledgement until the gap
before it is filled. Pure but for the ticks that are handed in (milliseconds of time.ticks_ms).
"""

import time

from micropython import const

_SPLIT = const(120)  # records: two minutes at 1 Hz
_RUN_AHEAD = const(4096)  # records sent beyond the acknowledged seq
_STALL_MAX_MS = const(120000)
_DOUBT_MS = const(1000)
_IDLE_MS = const(60000)

NOTHING, CATCH_UP, LIVE, AGAIN = 0, 1, 2, 3


class Lanes:
    """Decides from tail, head and acknowledgements.

    `choose` sets first, last (or delay_ms when nothing is to be sent); `sent` tells what the batch took.
    """

    def __init__(self, wait_ms: int, stall_ms: int) -> None:
        self.wait_ms = wait_ms
        self.stall_base_ms = stall_ms
        self.first = 0
        self.last = 0
        self.delay_ms = 0
        self.resent = 0  # batches sent again because the acknowledgement stayed away
        self._since = 0
        self.restart(0, 0)

    def restart(self, floor: int, now) -> None:
        """A new connection: everything above `floor` (acknowledged or dropped) is sent again."""
        self._floor = floor
        self._next = floor + 1
        self._live_from = 0  # 0: no live lane
        self._live_next = 0
        self._top = floor  # greatest seq sent on this connection
        self._stall_ms = self.stall_base_ms
        self._quiet_from = now
        self._probing = False  # a batch was sent again to test the way
        self._doubt = False  # the probe was acknowledged, but not what was sent before it

    def appended(self, head: int, now) -> None:
        """A record was appended as seq `head`."""
        if head == max(self._top, self._live_next - 1, self._floor) + 1:
            self._since = now

    def acknowledged(self, acked: int, now) -> None:
        """The backend holds everything up to `acked`."""
        if acked <= self._floor:
            return
        self._rise(acked)
        self._quiet_from = now
        self._stall_ms = self.stall_base_ms
        # The backend works in order: had it what was sent before the probe, the watermark would pass it.
        # A slow backend is given a moment to say so, before all of that is sent again.
        self._doubt = self._probing and acked < self._top
        self._probing = False

    def _rise(self, floor: int) -> None:
        self._floor = floor
        self._next = max(self._next, floor + 1)
        if self._live_from:
            self._live_next = max(self._live_next, floor + 1)

    def choose(self, tail: int, head: int, full: bool, now) -> int:
        """The lane to send from now, or NOTHING. `full`: enough bytes wait to fill a batch."""
        if tail - 1 > self._floor:  # dropped meanwhile
            self._rise(tail - 1)
        if self._live_from and self._next >= self._live_from:  # caught up
            self._next = max(self._next, self._live_next)
            self._live_from = 0
        owed_ms = 0
        if self._top > self._floor:
            owed_ms = time.ticks_diff(now, self._quiet_from)
        else:  # also when what was probed has been dropped
            self._probing = self._doubt = False
        if self._doubt and owed_ms >= _DOUBT_MS:
            self._doubt = False
            self._next = self._floor + 1
            self._top = self._floor
            self._live_from = owed_ms = 0
        held_back = self._probing or self._doubt
        if not self._live_from and not held_back and head - self._next >= _SPLIT:
            self._live_from = self._live_next = head
        wait_ms = 0 if full else self.wait_ms - time.ticks_diff(now, self._since)
        if self._live_from and self._live_next <= head and wait_ms <= 0:
            return self._take(LIVE, self._live_next, head)
        if owed_ms >= self._stall_ms:
            return self._take(AGAIN, self._floor + 1, head)
        delay_ms = _IDLE_MS
        if self._top > self._floor:
            delay_ms = (_DOUBT_MS if self._doubt else self._stall_ms) - owed_ms
        if not held_back:
            last = min(head, self._floor + _RUN_AHEAD)
            if self._live_from:
                last = min(last, self._live_from - 1)
            if self._next <= last:
                if self._live_from or wait_ms <= 0:
                    return self._take(CATCH_UP, self._next, last)
                delay_ms = min(delay_ms, wait_ms)
        if self._live_from and self._live_next <= head:
            delay_ms = min(delay_ms, wait_ms)
        self.delay_ms = max(delay_ms, 10)
        return NOTHING

    def _take(self, lane: int, first: int, last: int) -> int:
        self.first = first
        self.last = last
        return lane

    def sent(self, lane: int, last: int, now) -> None:
        """The batch chosen went out and ended with seq `last`."""
        if self._top <= self._floor:
            self._quiet_from = now  # the first one that an acknowledgement is owed for
        self._top = max(self._top, last)
        if lane == LIVE:
            self._live_next = last + 1
        elif lane == CATCH_UP:
            self._next = last + 1
        else:
            self.resent += 1
            self._probing = True
            self._next = max(self._next, last + 1)
            self._quiet_from = now
            self._stall_ms = min(2 * self._stall_ms, _STALL_MAX_MS)
