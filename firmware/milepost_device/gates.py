"""Light gates at a dock door: the interrupt notes the time and sets a flag, a task debounces and records."""

import asyncio
import time

from milepost_device import wire

NUMBERS = {"inner": wire.GATE_INNER, "outer": wire.GATE_OUTER}


def _free() -> int:
    return 1


class GateInput:
    """One gate, active low. Register `edge` as the interrupt handler, set `read` to what reads the pin."""

    def __init__(self, number: int, clock, uplink, debounce_ms: int) -> None:
        self._number = number
        self._clock = clock
        self._uplink = uplink
        self._debounce_ms = debounce_ms
        self.read = _free  # function () -> level, set by the owner
        self._flag = asyncio.ThreadSafeFlag()
        self._pending = False
        self._edge_ms = 0
        self.bounces = 0  # changes that were over within the debounce time

    def edge(self, level: int) -> None:
        """Interrupt: the pin changed."""
        if not self._pending:
            self._pending = True
            self._edge_ms = time.ticks_ms()
        self._flag.set()

    async def run(self) -> None:
        """Record every change that outlasts the debounce time, with the time of its first edge."""
        state = self.read()
        since = None
        while True:
            await self._flag.wait()
            await asyncio.sleep_ms(self._debounce_ms)
            at = self._edge_ms
            self._pending = False  # before the pin is read: a later edge sets the flag again
            level = self.read()
            if level == state:
                self.bounces += 1
                continue
            state = level
            span_ms = 0 if since is None else max(0, time.ticks_diff(at, since))
            since = at
            clock = self._clock
            clock.stamp(time.ticks_diff(time.ticks_ms(), at))
            self._uplink.record(
                wire.Gate(
                    t=clock.t,
                    ms=clock.ms,
                    clock=clock.clock,
                    gate=self._number,
                    state=0 if level else 1,
                    span_ms=span_ms,
                )
            )
