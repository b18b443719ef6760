"""MQTT 3.1.1 client for asyncio: QoS 1 window in flight, transport injected, nothing kept over a connection.

Written from the OASIS standard "MQTT Version 3.1.1" (section numbers in brackets). The session is always
clean: what was not acknowledged is sent again by its owner, who keeps it on flash.

    client = Client(transport, "id", will=("topic", b"payload", True))
    client.subscribe("topic", 1)                   # before run; sent again on every connection
    asyncio.create_task(client.run())
    await client.room(); await client.publish("topic", payload, token=7)

`transport` is a coroutine function that returns a connected pair (reader with `readinto`, writer with
`write`, `drain`, `close`, `wait_closed`), as asyncio.open_connection does.
"""

import asyncio
import random
import time

from micropython import const

from milepost_device import mqtt_packets as packets

_CONNACK = const(0x20)
_PUBLISH = const(0x30)
_PUBACK = const(0x40)
_SUBACK = const(0x90)
_PINGREQ = const(0xC0)
_PINGRESP = const(0xD0)

_MAX_WINDOW = const(16)
_HANDSHAKE_MS = const(15000)
_STALL_MS = const(5000)
_STALL_MAX_MS = const(30000)
_BACKOFF_MS = const(500)
_BACKOFF_MAX_MS = const(60000)

_REFUSED = (
    "",
    "unacceptable protocol version",
    "client id rejected",
    "server unavailable",
    "bad user name or password",
    "not authorised",
)


class MQTTError(Exception):
    """The connection cannot go on; the text says why."""


def backoff_ms(failures: int, spread: int) -> int:
    """Pause before attempt `failures` + 1: 0.5 s doubling to 60 s, +-25 % by spread (0..1023)."""
    pause = min(_BACKOFF_MAX_MS, _BACKOFF_MS << min(failures, 8))
    return pause * 3 // 4 + pause * spread // 2048


class Client:
    """One connection at a time, reconnecting for ever in `run`.

    on_message(topic: bytes, payload: memoryview, retained: bool) is called synchronously; the view is valid
    only during the call. on_puback(token) tells that the broker took a publish. on_connect() is called when
    connected and subscribed; on_close(reason: str, by_peer: bool, token of the oldest unacknowledged
    publish or None) after each connection.
    """

    def __init__(
        self,
        transport,
        client_id: str,
        *,
        user: str | None = None,
        password: str | None = None,
        keepalive_s: int = 60,
        will=None,
        window: int = 8,
        size: int = 1280,
    ) -> None:
        self._transport = transport
        self._id = client_id
        self._user = user
        self._password = password
        self._keep_ms = keepalive_s * 1000
        self._will = will
        self.window = min(window, _MAX_WINDOW)
        self._tx = bytearray(size)
        self._tx_view = memoryview(self._tx)
        self._rx = bytearray(size)
        self._rx_view = memoryview(self._rx)
        self._small = bytearray(4)
        self._subs = []
        self.on_message = _ignore
        self.on_puback = _ignore
        self.on_connect = _ignore
        self.on_close = _ignore
        self._room = asyncio.Event()
        self._write_lock = asyncio.Lock()
        # the window: a ring of (packet id, ticks when sent, token), oldest at _first
        self._pids = [0] * _MAX_WINDOW
        self._sent: list = [0] * _MAX_WINDOW
        self._tokens = [None] * _MAX_WINDOW
        self._first = 0
        self.inflight = 0
        self._pid = 0
        self._writer = None
        self._draining = None
        self.connected = False
        self.rtt_ms = 0
        self.connects = 0
        self.failures = 0  # in a row, without a PUBACK between them
        self.oversize = 0  # received messages too large for the buffer
        self.reason = ""
        self._dead = asyncio.Event()

    def subscribe(self, topic: str, qos: int) -> None:
        """Have `topic` subscribed on every connection from the next on."""
        self._subs.append((topic, qos))

    @property
    def stall_ms(self) -> int:
        """How long the oldest publish may stay unacknowledged: 5 s, more on a slow path, at most 30 s."""
        return min(_STALL_MAX_MS, max(_STALL_MS, 6 * self.rtt_ms))

    async def room(self) -> None:
        """Wait until connected with a free place in the window."""
        while not self.connected or self.inflight >= self.window:
            self._room.clear()
            await self._room.wait()

    async def publish(self, topic: str, payload, qos: int = 1, retain: bool = False, token=None) -> None:
        """Send a message. With QoS 1 the window must have room. Raises MQTTError when not connected.

        Returns when the packet is handed to the socket, not when it is acknowledged (`on_puback`).
        """
        if not self.connected or (qos and self.inflight >= self.window):
            raise MQTTError("no connection or no room in the window")
        total = packets.publish_size(topic, payload, qos)
        if total > len(self._tx):
            raise ValueError("packet of %d bytes, the buffer has %d" % (total, len(self._tx)))
        pid = 0
        if qos:
            pid = self._next_pid()
            at = (self._first + self.inflight) % _MAX_WINDOW
            self._pids[at] = pid
            self._sent[at] = time.ticks_ms()
            self._tokens[at] = token
            self.inflight += 1
        writer = self._writer
        async with self._write_lock:
            if writer is not self._writer:
                raise MQTTError("connection lost")
            packets.publish(self._tx, topic, payload, qos, retain, pid)
            await self._write(self._tx_view[:total])

    def close(self, reason: str = "closed") -> None:
        """End this connection (run connects again)."""
        self._fail(reason)

    async def run(self) -> None:
        """Connect, keep the connection, reconnect. Never returns; errors of the network stay inside."""
        while True:
            try:
                await self._session()
            except asyncio.TimeoutError:
                self._fail("no answer to connect")
            except (OSError, MQTTError, EOFError, ValueError, IndexError) as e:
                self._fail(_say(e))
            oldest = self._tokens[self._first] if self.inflight else None
            self.inflight = 0
            self.on_close(self.reason, self._by_peer, oldest)
            await asyncio.sleep_ms(backoff_ms(self.failures, random.getrandbits(10)))
            self.failures += 1

    # --- one connection ------------------------------------------------------------------------------

    async def _session(self) -> None:
        self._dead = asyncio.Event()
        self.reason = ""
        self._by_peer = True
        self._have = self._skip = 0
        self._ping = False
        self.inflight = self._first = 0
        self._subs_due = {}
        self._connack = False
        reader, writer = await asyncio.wait_for_ms(self._transport(), _HANDSHAKE_MS)
        self._writer = writer
        self._started = self._heard = self._spoke = time.ticks_ms()
        tasks = []
        try:
            async with self._write_lock:
                await asyncio.wait_for_ms(self._send_connect(), _HANDSHAKE_MS)
            tasks.append(asyncio.create_task(self._guard(self._receive(reader))))
            tasks.append(asyncio.create_task(self._guard(self._watch())))
            await self._dead.wait()
        finally:
            self.connected = False
            self._writer = None
            self._dead.set()
            for task in tasks:
                task.cancel()
            if self._draining is not None and self._draining is not asyncio.current_task():
                self._draining.cancel()
            self._write_lock = asyncio.Lock()  # its holder may wait for ever in a dead socket
            try:
                writer.close()
                await asyncio.wait_for_ms(writer.wait_closed(), 1000)
            except (OSError, asyncio.TimeoutError):
                pass

    async def _guard(self, job) -> None:
        try:
            await job
        except Exception as e:  # whatever it was, this connection is over and says why
            self._fail(_say(e))

    def _fail(self, reason: str, by_peer: bool = True) -> None:
        if not self._dead.is_set():
            self.reason = reason
            self._by_peer = by_peer
            self.connected = False
            self._dead.set()

    async def _write(self, data: bytearray | memoryview) -> None:
        """One write per packet: a packet in two TLS records costs 56 bytes more."""
        writer = self._writer
        if writer is None:
            raise MQTTError("connection lost")
        self._spoke = time.ticks_ms()
        self._draining = asyncio.current_task()
        try:
            writer.write(data)
            await writer.drain()
        except OSError as e:
            self._fail(_say(e))
            raise MQTTError(_say(e))
        except asyncio.CancelledError:
            if self._dead.is_set():  # cancelled by _session, because this socket takes nothing any more
                raise MQTTError("connection lost")
            raise
        finally:
            self._draining = None

    async def _send_connect(self) -> None:
        end = packets.connect(self._tx, self._id, self._user, self._password, self._keep_ms // 1000, self._will)
        await self._write(self._tx_view[:end])

    async def _send_subscribe(self) -> None:
        for topic, qos in self._subs:
            pid = self._next_pid()
            self._subs_due[pid] = topic
            async with self._write_lock:
                end = packets.subscribe(self._tx, pid, topic, qos)
                await self._write(self._tx_view[:end])

    def _next_pid(self) -> int:
        while True:
            self._pid = self._pid % 65535 + 1
            for i in range(self.inflight):
                if self._pids[(self._first + i) % _MAX_WINDOW] == self._pid:
                    break
            else:
                return self._pid

    async def _receive(self, reader) -> None:
        view = self._rx_view
        size = len(self._rx)
        while True:
            n = await reader.readinto(view[self._have :])
            if n is None:
                continue
            if n == 0:
                raise EOFError
            self._heard = time.ticks_ms()
            if self._skip:  # the rest of a message that was too large
                gone = min(self._skip, n)
                self._skip -= gone
                if gone < n:
                    self._rx[0 : n - gone] = self._rx[gone:n]
                n -= gone
            self._have += n
            used = 0
            while True:
                size_used = await self._packet(used)
                if not size_used:
                    break
                used += size_used
            if used:
                rest = self._have - used
                if rest > 0:
                    self._rx[0:rest] = self._rx[used : self._have]
                else:
                    self._skip = -rest
                    rest = 0
                self._have = rest
            elif self._have == size:
                raise MQTTError("packet larger than the buffer")

    async def _packet(self, start: int) -> int:
        """Handle the packet at `start` of the receive buffer; its size, 0 if it is not yet complete."""
        buf = self._rx
        have = self._have
        p = start + 1
        n = shift = 0
        while True:
            if p >= have:
                return 0
            byte = buf[p]
            p += 1
            n |= (byte & 127) << shift
            if byte < 128:
                break
            shift += 7
            if shift > 21:
                raise MQTTError("malformed length")
        end = p + n
        sort = buf[start] & 0xF0
        if not self._connack and sort != _CONNACK:
            raise MQTTError("first packet is 0x%02x, not CONNACK" % buf[start])
        if end - start > len(buf):
            if sort != _PUBLISH:
                raise MQTTError("packet 0x%02x of %d bytes" % (buf[start], n))
            return await self._oversize(start, p, end)
        if end > have:
            return 0
        if sort == _PUBACK:
            if n != 2:
                raise MQTTError("malformed PUBACK")
            self._puback(buf[p] << 8 | buf[p + 1])
        elif sort == _PUBLISH:
            await self._message(buf[start], p, end)
        elif sort == _PINGRESP:
            self._ping = False
        elif sort == _SUBACK:
            await self._suback(p, n)
        elif sort == _CONNACK:
            if self._connack or n != 2:
                raise MQTTError("unexpected CONNACK")
            code = buf[p + 1]
            if code:
                why = _REFUSED[code] if code < len(_REFUSED) else str(code)
                raise MQTTError("broker refuses the connection: " + why)
            self._connack = True
            self._heard = time.ticks_ms()
            await self._send_subscribe()
            self._up_if_ready()
        else:
            raise MQTTError("unexpected packet 0x%02x" % buf[start])
        return end - start

    async def _suback(self, p: int, n: int) -> None:
        buf = self._rx
        if n != 3:
            raise MQTTError("malformed SUBACK")
        topic = self._subs_due.pop(buf[p] << 8 | buf[p + 1], None)
        if topic is None:
            raise MQTTError("SUBACK for nothing")
        if buf[p + 2] > 2:
            raise MQTTError("broker refuses the subscription to %s (0x%02x)" % (topic, buf[p + 2]))
        self._up_if_ready()

    def _up_if_ready(self) -> None:
        if self._subs_due or self.connected:
            return
        self.connected = True
        self.connects += 1
        self._room.set()
        self.on_connect()

    def _puback(self, pid: int) -> None:
        first = self._first
        if not self.inflight:
            return
        if self._pids[first] != pid:  # out of order [4.6.0-2 forbids it]: take it, keep the rest
            for i in range(1, self.inflight):
                at = (first + i) % _MAX_WINDOW
                if self._pids[at] == pid:
                    break
            else:
                return  # for nothing we know: ignored, it frees nothing
            token, sent = self._tokens[at], self._sent[at]
            while i:
                at = (first + i) % _MAX_WINDOW
                before = (first + i - 1) % _MAX_WINDOW
                self._pids[at] = self._pids[before]
                self._sent[at] = self._sent[before]
                self._tokens[at] = self._tokens[before]
                i -= 1
        else:
            token, sent = self._tokens[first], self._sent[first]
        self._tokens[first] = None
        self._first = (first + 1) % _MAX_WINDOW
        self.inflight -= 1
        self.failures = 0
        rtt = time.ticks_diff(time.ticks_ms(), sent)
        self.rtt_ms = rtt if not self.rtt_ms else (7 * self.rtt_ms + rtt) // 8
        self._room.set()
        self.on_puback(token)

    async def _message(self, first: int, p: int, end: int) -> None:
        qos = first >> 1 & 3
        buf = self._rx
        n = buf[p] << 8 | buf[p + 1] if p + 2 <= end else 0x10000
        at = p + 2 + n
        body = at + (2 if qos else 0)
        if qos > 1 or body > end:
            raise MQTTError("malformed PUBLISH")
        self.on_message(bytes(self._rx_view[p + 2 : at]), self._rx_view[body:end], bool(first & 1))
        if qos:
            await self._send_puback(buf[at], buf[at + 1])

    async def _oversize(self, start: int, p: int, end: int) -> int:
        """A message larger than the buffer: acknowledge it, count it, skip its bytes."""
        buf = self._rx
        if self._have < p + 2:
            return 0
        at = p + 2 + (buf[p] << 8 | buf[p + 1])
        if at + 2 > len(buf) or at + 2 > end:
            raise MQTTError("malformed PUBLISH")
        if self._have < at + 2:
            return 0
        self.oversize += 1
        if buf[start] >> 1 & 3:
            await self._send_puback(buf[at], buf[at + 1])
        return end - start

    async def _send_puback(self, high: int, low: int) -> None:
        async with self._write_lock:
            buf = self._small
            buf[0] = _PUBACK
            buf[1] = 2
            buf[2] = high
            buf[3] = low
            await self._write(buf)

    async def _watch(self) -> None:
        """Close a connection whose other side has gone silent; ping when we have nothing to say."""
        while True:
            await asyncio.sleep_ms(250)
            now = time.ticks_ms()
            if not self.connected:
                if time.ticks_diff(now, self._started) > _HANDSHAKE_MS:
                    self._fail("no CONNACK or SUBACK", False)
                continue
            if self.inflight and time.ticks_diff(now, self._sent[self._first]) > self.stall_ms:
                self._fail("no PUBACK for %d ms" % self.stall_ms, False)
            elif self._ping and time.ticks_diff(now, self._ping_sent) > self.stall_ms:
                self._fail("no answer to a ping", False)
            elif (
                not self._ping
                and time.ticks_diff(now, self._spoke) > self._keep_ms // 2
                and not self._write_lock.locked()
            ):
                self._ping = True
                self._ping_sent = now
                async with self._write_lock:
                    self._small[0] = _PINGREQ
                    self._small[1] = 0
                    await self._write(memoryview(self._small)[:2])


def _ignore(*args) -> None:
    pass


def _say(e: Exception) -> str:
    if isinstance(e, EOFError):
        return "closed by the broker"
    return str(e) if isinstance(e, MQTTError) else repr(e)
