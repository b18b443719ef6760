"""The dock-door reader: a UHF module (M100/R200) on a UART, tag and gate records out."""

import asyncio
import time

from micropython import const

from milepost_device import m100, wire
from milepost_device.tagwindow import TagReads, TagWindow

_BUFFER = const(512)
_ANSWER_MS = const(400)
_SILENT_MS = const(2000)  # a module that polls says at least "no tag" several times a second
_RETRY_MS = const(2000)
_QUIET_MS = const(100)


class Reader:
    """One module. stream: `readinto`, `write`, `drain`; gates: list of GateInput, each run here."""

    def __init__(self, stream, clock, uplink, config: dict, gates=()) -> None:
        self._stream = stream
        self._clock = clock
        self._uplink = uplink
        self._gates = gates
        self._buf = bytearray(_BUFFER)
        self._parser = m100.M100(self._tag, self._replied)
        self._window = TagWindow(config["tag_window_ms"], config["rssi_floor_dbm"])
        self._heard = time.ticks_ms()
        self._answer = asyncio.Event()
        self._expected = -1
        self._answer_ok = False
        self._changed = asyncio.Event()
        self._head = m100.HEAD_M100
        self.starts = 0  # times the module was set up
        self.ready = False
        self.configure(config)
        self.verbs = {}

    def configure(self, config: dict) -> None:
        """Take over window, floor, power and region; the module is set up again if it must be."""
        self._window.window_ms = config["tag_window_ms"]
        self._window.floor_dbm = config["rssi_floor_dbm"]
        self._power_cdbm = config["power_cdbm"]
        self._region = config["region"]
        self.ready = False
        self._changed.set()

    def health(self) -> list:
        """Counters for the health record: (metric, value)."""
        p = self._parser
        return [(32, p.tags), (33, p.bad_frames), (34, p.bad_crc), (35, p.errors), (36, self.starts)]

    async def run(self) -> None:
        """Serve the module for ever."""
        for gate in self._gates:
            asyncio.create_task(gate.run())
        asyncio.create_task(self._receive())
        asyncio.create_task(self._close_windows())
        told = False
        while True:
            if not self.ready:
                self._changed.clear()
                self.ready = await self._set_up()
                if not self.ready:
                    if not told:
                        told = True
                        self._log("UHF module gives no answer on its UART")
                    await asyncio.sleep_ms(_RETRY_MS)
                    continue
                if told:
                    told = False
                    self._log("UHF module answers")
                self.starts += 1
                self._heard = time.ticks_ms()
            try:
                await asyncio.wait_for_ms(self._changed.wait(), _SILENT_MS // 2)
            except asyncio.TimeoutError:
                if time.ticks_diff(time.ticks_ms(), self._heard) > _SILENT_MS:
                    self.ready = False  # power dip, or its 65535 rounds are over

    def _log(self, text: str) -> None:
        self._uplink.record(self._uplink.event(wire.EV_LOG, {"text": text}))

    async def _set_up(self) -> bool:
        """Stop, find the dialect, set region, power and session 0, start polling. True if it took all."""
        self._stream.write(m100.stop(self._head))
        await self._stream.drain()
        await asyncio.sleep_ms(50)
        for head in (self._head, m100.HEAD_R200 if self._head == m100.HEAD_M100 else m100.HEAD_M100):
            if await self._ask(m100.CMD_VERSION, m100.get_version(1, head)):
                self._head = head
                break
        else:
            return False
        head = self._head
        for code, frame in (
            (m100.CMD_SET_REGION, m100.set_region(self._region, head)),
            (m100.CMD_SET_POWER, m100.set_power(self._power_cdbm, head)),
            (m100.CMD_SET_QUERY, m100.set_query(0, head=head)),
        ):
            if not await self._ask(code, frame) and not await self._ask(code, frame):
                self._log("UHF module refuses command 0x%02x" % code)
                return False
        self._stream.write(m100.multi_poll(0xFFFF, head))
        await self._stream.drain()
        return True

    async def _ask(self, code: int, frame: bytes) -> bool:
        self._answer.clear()
        self._expected = code
        self._answer_ok = False
        self._stream.write(frame)
        await self._stream.drain()
        try:
            await asyncio.wait_for_ms(self._answer.wait(), _ANSWER_MS)
        except asyncio.TimeoutError:
            pass
        self._expected = -1
        return self._answer_ok

    async def _receive(self) -> None:
        buf = self._buf
        parser = self._parser
        while True:
            n = await self._stream.readinto(buf)
            if n:
                now = time.ticks_ms()
                if time.ticks_diff(now, self._heard) > _QUIET_MS:
                    parser.quiet()
                before = parser.tags + parser.no_tag + parser.replies
                parser.feed(buf, n)
                if parser.tags + parser.no_tag + parser.replies != before:
                    self._heard = now

    async def _close_windows(self) -> None:
        while True:
            await asyncio.sleep_ms(max(10, min(self._window.next_ms(time.ticks_ms()), 250)))
            while True:
                reads = self._window.expired(time.ticks_ms())
                if reads is None:
                    break
                self._record(reads)

    def _tag(self, epc: bytes, pc: int, rssi_dbm: int) -> None:
        reads = self._window.read(epc, pc, 0, rssi_dbm, time.ticks_ms())
        if reads is not None:
            self._record(reads)

    def _replied(self, command: int, params: bytes) -> None:
        if command == self._expected or (command == m100.CMD_ERROR and self._expected >= 0):
            self._answer_ok = command == self._expected
            self._answer.set()

    def _record(self, reads: TagReads) -> None:
        clock = self._clock
        clock.stamp(time.ticks_diff(time.ticks_ms(), reads.first_ms))
        self._uplink.record(
            wire.Tag(
                t=clock.t,
                ms=clock.ms,
                clock=clock.clock,
                epc=reads.epc,
                pc=reads.pc,
                antenna=reads.antenna,
                rssi_max=reads.rssi_max,
                rssi_first=reads.rssi_first,
                rssi_last=reads.rssi_last,
                slope=reads.slope,
                span_ms=reads.span_ms,
                count=reads.count,
            )
        )
