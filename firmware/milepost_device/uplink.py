"""From the outbox to the broker, and back: acknowledgements free flash, `cfg` and `cmd` find their way.

Only the `ack` topic (stream u32, seq u32) frees anything: brokers answer PUBACK for what they throw away
(M01). A batch that makes the broker close the connection twice is sent in smaller ones (M05).
"""

import asyncio
import json
import struct
import time
from binascii import crc32

from micropython import const

from milepost_device import wire
from milepost_device.lanes import LIVE, NOTHING, Lanes
from milepost_device.mqtt import MQTTError

_MIN_BATCH = const(256)
_STRIKES = const(2)  # connections lost on a batch of unproved size before batches are made smaller
_INBOX = const(8)
_BATCH_SPARE = const(64)  # bytes: header, CRC and what a record may grow by in a batch


def topics(device: str) -> str:
    """Topic prefix of a device: mp/v1/<part>/<device>/ (DESIGN.md §3)."""
    return "mp/v1/%x/%s/" % (crc32(device.encode()) & 15, device)


class Uplink:
    """Owns the way out of the outbox. `control("cfg"|"cmd", payload: bytes)` is a coroutine function.

    state() returns the dict of the retained state message.
    """

    def __init__(self, outbox, client, clock, device: str, config: dict, state, control) -> None:
        self._box = outbox
        self._client = client
        self._clock = clock
        self._state = state
        self._control = control
        prefix = topics(device)
        self._up = prefix + "up"
        self._state_topic = prefix + "state"
        self._ack_topic = (prefix + "ack").encode()
        self._cfg_topic = (prefix + "cfg").encode()
        self._cmd_topic = (prefix + "cmd").encode()
        for name in ("ack", "cfg", "cmd"):
            client.subscribe(prefix + name, 0 if name == "ack" else 1)
        client.on_message = self._message
        client.on_puback = self._took
        client.on_connect = self._connected
        client.on_close = self._closed
        self._writer = wire.BatchWriter(config["batch_max"])
        self._batch_max = self._limit = config["batch_max"]
        self._record = bytearray(outbox.max_record)
        self._record_view = memoryview(self._record)
        self.lanes = Lanes(config["batch_wait_ms"], config["ack_stall_s"] * 1000)
        self._readers = (outbox.reader(1), outbox.reader(1))
        self._waiting = 0  # bytes appended since the last batch
        self._kick = asyncio.Event()
        self._idle = asyncio.Event()
        self._inbox = []
        self._inbox_event = asyncio.Event()
        self._state_due = False
        self._proved = 0  # bytes of the largest batch that the broker has taken
        self._biggest = 0  # bytes of the largest batch sent on this connection
        self._suspect = 0  # bytes of the smallest batch on which the broker closed
        self._strikes = 0
        self._hole_told = 0
        self.first_ack = asyncio.Event()
        self.sent_batches = 0
        self.foreign_acks = 0
        self.lost_inbox = 0
        self.refused_records = 0

    # --- in ------------------------------------------------------------------------------------------

    def record(self, rec) -> int:
        """Make a record durable; its seq. It is sent when a batch is full or has waited long enough."""
        try:
            data = wire.encode_record(rec)
            seq = self._box.append(data)
        except ValueError as e:  # a value out of range or a record too long: told, not lost in silence
            self.refused_records += 1
            text = "%s of kind %d refused: %s" % (type(rec).__name__, rec.kind, e)
            data = wire.encode_record(self.event(wire.EV_LOG, {"text": text[:200]}))
            seq = self._box.append(data)
        self._waiting += len(data)
        self.lanes.appended(seq, time.ticks_ms())
        self._kick.set()
        self._idle.set()
        return seq

    def event(self, code: int, args: dict) -> wire.Event:
        """An event record of now."""
        clock = self._clock
        clock.stamp()
        return wire.Event(t=clock.t, ms=clock.ms, clock=clock.clock, code=code, args=args)

    def reconfigure(self, config: dict) -> None:
        """Take over batch_max, batch_wait_ms and ack_stall_s."""
        if config["batch_max"] != self._batch_max:
            self._writer = wire.BatchWriter(config["batch_max"])
            self._batch_max = self._limit = config["batch_max"]
        self.lanes.wait_ms = config["batch_wait_ms"]
        self.lanes.stall_base_ms = config["ack_stall_s"] * 1000
        self.renew_state()

    def renew_state(self) -> None:
        """Publish the state message again."""
        self._state_due = True
        self._kick.set()

    # --- out -----------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Send for ever."""
        client = self._client
        box = self._box
        lanes = self.lanes
        while True:
            await client.room()
            self._kick.clear()
            try:
                if self._state_due:
                    self._state_due = False
                    text = json.dumps(self._state())
                    await client.publish(self._state_topic, text.encode(), retain=True, token=0)
                    continue
                now = time.ticks_ms()
                # twice: a fix in flash is more than twice as long as in a batch
                lane = lanes.choose(box.tail, box.head, self._waiting >= 2 * self._limit, now)
                if lane == NOTHING:
                    await _wait(self._kick, lanes.delay_ms)
                    continue
                first = lanes.first
                batch = self._build(lane, first, lanes.last)
                if batch is None:
                    continue
                if self._last >= box.head:
                    self._waiting = 0
                lanes.sent(lane, self._last, now)
                self._biggest = max(self._biggest, len(batch))
                await client.publish(self._up, batch, token=len(batch))
                self.sent_batches += 1
            except MQTTError:
                pass  # the client connects again; `restart` forgets what was under way

    async def keep(self) -> None:
        """Erase the outbox's next sector in idle time, off the path of a record."""
        while True:
            await self._idle.wait()
            self._idle.clear()
            await asyncio.sleep_ms(20)
            self._box.prepare()

    async def serve(self) -> None:
        """Work off cfg and cmd one after the other."""
        while True:
            await self._inbox_event.wait()
            self._inbox_event.clear()
            while self._inbox:
                name, payload = self._inbox.pop(0)
                await self._control(name, payload)

    def _build(self, lane: int, first: int, last: int) -> memoryview | None:
        """Fill a batch with records first..last as far as they fit; None if a hole was met at once."""
        box = self._box
        writer = self._writer
        reader = self._readers[1 if lane == LIVE else 0]
        view = self._record_view
        reader.seek(first)
        n = reader.read(self._record)
        if n == 0 or reader.seq != first:
            self._hole(lane, first, (reader.seq if n else last + 1) - 1)
            return None
        writer.begin(box.stream, first, box.tail, box.boot, self._clock.uptime_ms)
        seq = first
        while n and reader.seq == seq and seq <= last:
            try:
                rec = wire.decode_record(view[:n])
            except wire.WireError:  # written by other firmware: the backend keeps it as bytes
                rec = wire.Unknown(255, view[:n])
            if not writer.add(rec):
                if writer.count:
                    break
                writer = wire.BatchWriter(n + _BATCH_SPARE)  # one record beyond the shrunken limit
                writer.begin(box.stream, first, box.tail, box.boot, self._clock.uptime_ms)
                writer.add(rec)
            seq += 1
            reader.advance()
            n = reader.read(self._record)
        self._last = seq - 1
        return writer.finish()

    def _hole(self, lane: int, first: int, last: int) -> None:
        """Records that flash gives back no more: reported once, then passed over."""
        if first < self._box.tail:
            return  # dropped or acknowledged meanwhile: `choose` sees the new tail
        self.lanes.sent(lane, last, time.ticks_ms())
        if last > self._hole_told:
            self._hole_told = last
            self.record(self.event(wire.EV_GAP, {"first_seq": first, "last_seq": last, "reason": "flash"}))

    # --- what the client tells -----------------------------------------------------------------------

    def _connected(self) -> None:
        self._biggest = 0
        self.lanes.restart(self._box.tail - 1, time.ticks_ms())
        self._state_due = True
        self._kick.set()

    def _took(self, size: int) -> None:
        self._proved = max(self._proved, size)
        if size >= self._suspect:
            self._strikes = 0
        self._kick.set()

    def _closed(self, reason: str, by_peer: bool, oldest) -> None:
        """A broker says "too large" by closing: twice with a batch in flight larger than any it took, and it shrinks.

        Small live batches in between prove nothing about the large one.
        """
        if not by_peer or oldest is None or self._biggest <= self._proved:
            return
        self._suspect = min(self._suspect, self._biggest) if self._strikes else self._biggest
        self._strikes += 1
        if self._strikes >= _STRIKES and self._limit > _MIN_BATCH:
            self._strikes = 0
            self._limit = max(_MIN_BATCH, self._limit // 2)
            self._writer = wire.BatchWriter(self._limit)
            self.record(self.event(wire.EV_LOG, {"text": "batch limit %d: the broker closes on more" % self._limit}))

    def _message(self, topic: bytes, payload: memoryview, retained: bool) -> None:
        if topic == self._ack_topic:
            if len(payload) == 8:
                stream, seq = struct.unpack("<II", payload)
                self._acknowledge(stream, seq)
            return
        if topic == self._cfg_topic:
            name = "cfg"
        elif topic == self._cmd_topic:
            name = "cmd"
        else:
            return
        if len(self._inbox) >= _INBOX:
            self.lost_inbox += 1
            return
        self._inbox.append((name, bytes(payload)))
        self._inbox_event.set()

    def _acknowledge(self, stream: int, seq: int) -> None:
        if stream != self._box.stream or not self._box.ack(seq):
            self.foreign_acks += 1
            return
        if seq:
            self.first_ack.set()
        self.lanes.acknowledged(self._box.acked, time.ticks_ms())
        self._kick.set()
        self._idle.set()


async def _wait(event, ms: int) -> None:
    try:
        await asyncio.wait_for_ms(event.wait(), ms)
    except asyncio.TimeoutError:
        pass
