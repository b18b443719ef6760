"""The one thread between the broker and the spool: reads all sessions, commits in groups, acknowledges after.

Order of things for every group: spool synced, then the broker is told (in the order it delivered), then the devices.
When the spool cannot take a group, nobody is told anything: the connections are cut, and the broker, later, delivers
it all again. That is also how a full disk holds the fleet back without losing a record.
"""

import logging
import selectors
import socket
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from milepost.ingest import tracing
from milepost.ingest.client import publish_head
from milepost.ingest.model import STATE, UP, device_of, topic
from milepost.ingest.session import Broker, Session, SessionRefused
from milepost.ingest.spool import Message, Spool
from milepost.tally import Tally
from milepost.times import now_ms
from milepost_device.wire import encode_ack, part_of

_log = logging.getLogger(__name__)
_FLOOD = 200  # messages in one commit: more waits at the broker than we take one by one
# In a flood, commits are larger and rarer: each one costs a sync, and writes every page it touches.
_GROUP = 1_000
_GROUP_AFTER_FAILURE = 50  # and twice as many after each success: on a disk that is nearly full, some may still fit
_FLOOD_PATIENCE = 4
_REMEMBERED = 40_000  # topics and devices
_ACK_BYTES = 8
_GROUP_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500)
_CARE_S = 1.0
_PAUSE_AFTER_FAILURE_S = 1.0


# Session, number of its connection, packet id (0: wants no acknowledgement), what to keep (None: nothing).
_Pending = tuple[Session, int, int, Message | None]


@dataclass(frozen=True, slots=True)
class _Outgoing:
    device: str
    leaf: str
    payload: bytes
    retain: bool


class Receiver:
    """Runs the sessions of some parts. `start` once, `stop` once."""

    def __init__(
        self,
        broker: Broker,
        parts: str,
        spool: Spool,
        *,
        sync_ms: int,
        may_store: Callable[[], str | None],
        holds: Callable[[str], bool] = lambda _part: True,
    ) -> None:
        """`sync_ms`: longest wait of a message for its sync; `may_store` says what forbids storing now (None: nothing);
        `holds(part)` says which parts are ours now (ingest/lease.py): the sessions of the others are left."""
        self.failure: str | None = None
        self.messages = 0
        self.beat = time.monotonic()  # of the thread that reads
        # Of each group, its oldest message: from its arrival until it was on disk, and until the broker was told.
        self.synced_s, self.acked_s = Tally(), Tally()
        self.groups = Tally(_GROUP_SIZES)
        self._spool_trouble: str | None = None
        self._spool = spool
        self._sync_s = sync_ms / 1000
        self._may_store = may_store
        self._sessions = [
            Session(broker, f"mp-{name}-{part}", f"mp/v1/{part}/+/{leaf}", self._message)
            for part in parts
            for name, leaf in (("ingest", UP), ("state", STATE))
        ]
        self._by_part = {part: self._sessions[2 * n] for n, part in enumerate(parts)}
        self._state_of = {part: self._sessions[2 * n + 1] for n, part in enumerate(parts)}
        self._holds = holds
        self._part_of = {session: parts[n // 2] for n, session in enumerate(self._sessions)}
        self._pending: list[_Pending] = []  # neither stored nor acknowledged
        self._most = _GROUP  # in one commit
        self._oldest = 0.0
        self._flood = False
        self._owners: dict[bytes, tuple[str, str]] = {}  # device and channel by topic
        self._ack_ways: dict[str, tuple[Session, bytes]] = {}  # by device
        self._outgoing: deque[_Outgoing] = deque()
        self._selector = selectors.DefaultSelector()
        self._watched: dict[Session, tuple[socket.socket, int]] = {}
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._selector.register(self._wake_in, selectors.EVENT_READ)
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ingest", daemon=True)

    def start(self) -> None:
        """Begin; connections come up in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Commit and acknowledge what has arrived, leave the broker in good order, end."""
        self._stop.set()
        self._wake_out.send(b"x")
        if self._thread.is_alive():
            self._thread.join(30)

    def wait_ready(self, timeout_s: float) -> bool:
        """True as soon as every session is subscribed; False when it is not within the time or has failed for good."""
        return self._ready.wait(timeout_s) and self.failure is None

    def ready_parts(self) -> list[str]:
        """The parts whose sessions are both subscribed. From any thread."""
        return [part for part, up in self._by_part.items() if up.ready and self._state_of[part].ready]

    def publish(self, device_id: str, leaf: str, payload: bytes, retain: bool) -> None:
        """Send to a device; may be called from any thread. QoS 1 to the broker, `ack` QoS 0."""
        self._outgoing.append(_Outgoing(device_id, leaf, payload, retain))
        self._wake_out.send(b"x")

    def troubles(self) -> list[str]:
        """What is wrong with the sessions and the spool now, each cause once."""
        causes = {each.trouble for each in self._sessions if each.trouble}
        return sorted(causes | ({self._spool_trouble} if self._spool_trouble else set()))

    def sessions(self) -> tuple[int, int]:
        """How many sessions are subscribed, and how many should be."""
        ours = self._ours()
        return sum(each.ready for each in ours), len(ours)

    @property
    def threads(self) -> list[threading.Thread]:
        """What must be alive while this runs."""
        return [self._thread]

    # --- the thread ---

    def _run(self) -> None:
        try:
            self._loop()
        except SessionRefused as error:
            self.failure = str(error)
            _log.critical("ingest has stopped: %s", error)
        except Exception as error:
            self.failure = f"{type(error).__name__}: {error}"
            _log.critical("ingest has stopped", exc_info=True)
        finally:
            self._ready.set()
            for session in self._sessions:
                session.close()
            self._selector.close()

    def _loop(self) -> None:
        next_care = 0.0
        while not self._stop.is_set():
            now = self.beat = time.monotonic()
            if now >= next_care:
                self._care()
                next_care = now + _CARE_S
            self._connect()
            self._watch()
            for key, mask in self._selector.select(self._patience(next_care)):
                if key.data is None:
                    self._wake_in.recv(4096)
                    continue
                if mask & selectors.EVENT_READ:
                    key.data.read()
                if mask & selectors.EVENT_WRITE:
                    key.data.write()
                self._commit_if_due()
                if not self._watched:  # a failed commit has cut every connection
                    break
            self._send_outgoing()
            self._commit_if_due()
            if not self._ready.is_set() and all(each.ready for each in self._ours()):
                self._ready.set()
        self._commit_all()
        for session in self._sessions:
            session.write()

    def _commit_if_due(self) -> None:
        while len(self._pending) >= self._most or (self._pending and time.monotonic() >= self._due_at()):
            self._commit()

    def _commit_all(self) -> None:
        while self._pending:
            self._commit()

    def _due_at(self) -> float:
        return self._oldest + self._sync_s * (_FLOOD_PATIENCE if self._flood else 1)

    def _patience(self, next_care: float) -> float:
        until = min(next_care, self._due_at()) if self._pending else next_care
        if not self._ready.is_set() or any(each.socket is None for each in self._ours()):
            until = min(until, time.monotonic() + 0.1)
        return max(0.0, until - time.monotonic())

    def _care(self) -> None:
        for session in self._sessions:
            session.care()

    def _connect(self) -> None:
        self._leave_others()
        if self._forbidden() is not None:
            return
        for session in self._ours():
            if session.connect_if_due() is False:
                return  # they all go to one broker: where one finds it gone, the others need not try

    def _ours(self) -> list[Session]:
        return [each for each in self._sessions if self._holds(self._part_of[each])]

    def _leave_others(self) -> None:
        """Let go of the sessions of parts that are no longer ours; their next holder gets what is not acknowledged."""
        ours = self._ours()
        lost = [each for each in self._sessions if each.socket is not None and each not in ours]
        if lost:
            self._commit_all()
        for session in lost:
            session.close()

    def _forbidden(self) -> str | None:
        reason = self._may_store()
        if reason is not None and any(each.socket is not None for each in self._sessions):
            _log.error("ingest pauses, devices keep their records: %s", reason)
            self._give_up()
        return reason

    def _watch(self) -> None:
        """Keep the selector on the sockets there are, for writing too where something waits."""
        for session, (sock, _) in list(self._watched.items()):
            # Closed ones first: the number of a closed socket may already belong to another session's new one.
            if session.socket is not sock:
                self._selector.unregister(sock)
                del self._watched[session]
        for session in self._sessions:
            if session.wants_write:
                session.write()
            sock = session.socket
            if sock is None:
                continue
            mask = selectors.EVENT_READ | (selectors.EVENT_WRITE if session.wants_write else 0)
            if session not in self._watched:
                self._selector.register(sock, mask, session)
            elif self._watched[session][1] != mask:
                self._selector.modify(sock, mask, session)
            self._watched[session] = (sock, mask)

    def _message(self, session: Session, name: bytes, mid: int, payload: bytes) -> None:
        if not self._pending:
            self._oldest = time.monotonic()
        self.messages += 1
        kept = None
        owner = self._owners.get(name) or self._owner_of(name)
        if owner is not None and (payload or owner[1] != STATE):  # an empty one: a retained state was taken away
            kept = Message(owner[0], owner[1], now_ms(), payload)
            if tracing.on():
                tracing.tell("received", [kept])
        self._pending.append((session, session.connections, mid, kept))

    def _owner_of(self, name: bytes) -> tuple[str, str] | None:
        owner = _owner(name)
        if owner is not None:
            if len(self._owners) >= _REMEMBERED:
                self._owners.clear()
            self._owners[name] = owner
        return owner

    def _commit(self) -> None:
        group, self._pending = self._pending[: self._most], self._pending[self._most :]
        self._flood = len(group) >= _FLOOD
        if self._flood:
            self._spool.flooding()
        messages = [kept for _, _, _, kept in group if kept is not None]
        try:
            marks = self._spool.append(messages)
        except (sqlite3.Error, OSError) as error:
            _log.error("the spool takes nothing (%s): the broker will deliver %d messages again", error, len(group))
            self._spool_trouble = f"the spool takes nothing: {error}"
            self._give_up()
            self._most = _GROUP_AFTER_FAILURE
            self._stop.wait(_PAUSE_AFTER_FAILURE_S)
            return
        self._most = min(2 * self._most, _GROUP)
        self._spool_trouble = None
        self.synced_s.add(time.monotonic() - self._oldest)
        self.groups.add(len(group))
        owed: dict[tuple[Session, int], list[int]] = {}
        for session, connection, mid, _ in group:
            if mid:
                owed.setdefault((session, connection), []).append(mid)
        for (session, connection), mids in owed.items():
            session.ack(connection, mids)
        self.acked_s.add(time.monotonic() - self._oldest)
        self._tell(marks)
        if tracing.on():
            tracing.tell("spooled", messages)
            tracing.tell("acked", messages)
            for (device, stream), seq in marks.items():
                tracing.told(device, stream, seq)

    def _give_up(self) -> None:
        """Forget what has arrived and is not stored; cut the connections so that it is delivered again."""
        self._pending.clear()
        for sock, _ in self._watched.values():
            self._selector.unregister(sock)
        self._watched.clear()
        for session in self._sessions:
            session.drop()

    def _send_outgoing(self) -> None:
        while self._outgoing:
            each = self._outgoing.popleft()
            self._send(each.device, each.leaf, each.payload, qos=1, retain=each.retain)

    def _send(self, device: str, leaf: str, payload: bytes, *, qos: int, retain: bool) -> None:
        self._session_for(device).publish(topic(device, leaf), payload, qos, retain)

    def _tell(self, marks: dict[tuple[str, int], int]) -> None:
        """Tell devices how far their streams are safe."""
        packets: dict[Session, list[bytes]] = {}
        for (device, stream), seq in marks.items():
            way = self._ack_ways.get(device)
            if way is None:
                if len(self._ack_ways) >= _REMEMBERED:
                    self._ack_ways.clear()
                way = (self._session_for(device), publish_head(topic(device, "ack"), _ACK_BYTES))
                self._ack_ways[device] = way
            packets.setdefault(way[0], []).append(way[1] + encode_ack(stream, seq))
        for session, some in packets.items():
            session.tell(some)

    def _session_for(self, device: str) -> Session:
        # Another worker may own the device's part; any of our sessions may write to it all the same.
        return self._by_part.get(part_of(device)) or self._sessions[0]


def _owner(name: bytes) -> tuple[str, str] | None:
    """The device and the channel of a topic; None for one that is no device's own, or not to be kept."""
    text = name.decode("utf-8", "replace")
    device = device_of(text)
    channel = text.rsplit("/", 1)[-1]
    if device is None or channel not in (UP, STATE):
        _log.warning("a message on %r belongs to no device and is not kept", text[:80])
        return None
    return device, channel
