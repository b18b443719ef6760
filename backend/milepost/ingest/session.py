"""One persistent MQTT session with one filter (DESIGN: Topics), driven from outside: no thread of its own.

Everything here runs in the receiver's thread. A message is acknowledged by `ack`, never by the client itself.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from milepost.ingest.client import BulkClient

_log = logging.getLogger(__name__)
_KEEPALIVE_S = 30
_CONNECT_S = 3.0
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 15.0
_SUBSCRIBE_S = 60.0  # a broker that has not answered the subscription by then has lost it: nothing would ever come


class SessionRefused(RuntimeError):
    """The broker refuses the subscription: without it nothing arrives, so going on would hide a loss."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is and who we are there."""

    host: str
    port: int
    user: str
    password: str
    tls: bool = False


class Session:
    """A session `client_id` on `topic_filter`; comes back by itself after every disconnect."""

    def __init__(
        self,
        broker: Broker,
        client_id: str,
        topic_filter: str,
        on_message: Callable[["Session", bytes, int, bytes], None],
    ) -> None:
        """`on_message(session, topic, packet id, payload)`; the id is 0 with QoS 0, which wants no acknowledgement."""
        self.client_id = client_id
        self.topic_filter = topic_filter
        self.connections = 0  # number of the present connection; acknowledgements belong to one
        self.ready = False  # subscribed
        self.wants_write = False
        self.trouble: str | None = None
        self._broker = broker
        self._opened = False
        self._opened_at = 0.0
        self._leaving = False
        self._pause_s = _FIRST_PAUSE_S
        self._next_try = 0.0
        self._on_message = on_message
        self._client = client = BulkClient(client_id, self._message)
        client.username_pw_set(broker.user, broker.password)
        client.connect_timeout = _CONNECT_S
        client.max_inflight_messages_set(1000)
        if broker.tls:
            client.tls_set()
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_subscribe = self._subscribed
        # With these set, the client queues what it has to send and leaves the sending to `write`.
        client.on_socket_register_write = self._note_write
        client.on_socket_unregister_write = lambda *_: None

    @property
    def socket(self) -> Any:
        """The open socket, or None."""
        return self._client.socket()

    def connect_if_due(self) -> bool | None:
        """Open a connection; True when it was opened, False when it failed, None when there was nothing to do."""
        if self.socket is not None or time.monotonic() < self._next_try:
            return None
        # Until the broker has answered, this counts as a failed try: the next one waits longer.
        self._next_try = time.monotonic() + self._pause_s
        self._pause_s = min(self._pause_s * 2, _LONGEST_PAUSE_S)
        self.connections += 1
        self._leaving = False
        try:
            if self._opened:
                self._client.reconnect()
            else:
                self._client.connect(self._broker.host, self._broker.port, _KEEPALIVE_S)
                self._opened = True
            self._opened_at = time.monotonic()
        except OSError as error:
            self._say(f"no connection to the broker at {self._broker.host}:{self._broker.port}: {error}")
            return False
        return True

    def read(self) -> None:
        """Take what the socket has. Raises SessionRefused."""
        self._client.loop_read()

    def write(self) -> None:
        """Send what waits; `wants_write` stays True when the socket takes no more."""
        self._client.loop_write()
        self.wants_write = self.socket is not None and self._client.want_write()

    def care(self) -> None:
        """Keepalive; and a new connection where the broker answers pings and never the subscription."""
        self._client.loop_misc()
        if self.socket is not None and not self.ready and time.monotonic() - self._opened_at > _SUBSCRIBE_S:
            self._say(f"the broker has not answered the subscription for {_SUBSCRIBE_S:g} s; connecting anew")
            self.drop()

    def ack(self, connection: int, mids: Sequence[int]) -> None:
        """Acknowledge messages of `connection`; after a reconnect this is void, the broker sends them again."""
        if connection == self.connections and self.socket is not None:
            self._client.ack_all(mids)

    def tell(self, packets: Sequence[bytes]) -> None:
        """Send PUBLISH packets of QoS 0 (client.publish_head); without a connection they are lost, as such may be."""
        if self.socket is not None:
            self._client.send_raw(packets)

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool) -> None:
        """Send a message; with QoS 1 it is repeated until the broker has it, over reconnects too."""
        self._client.publish(topic, payload, qos=qos, retain=retain)

    def drop(self) -> None:
        """Cut the connection without a word, as a crash would: everything unacknowledged comes again."""
        sock = self.socket
        if sock is not None:
            sock.close()
            self._client.loop_read()  # lets the client notice
            self.connections += 1
        self.ready = False
        self._next_try = time.monotonic() + self._pause_s

    def close(self) -> None:
        """Leave in good order; the session stays at the broker, and `connect_if_due` takes it up again."""
        self._leaving = True
        self._next_try = 0.0
        self._pause_s = _FIRST_PAUSE_S
        if self.socket is not None:
            self._client.disconnect()
            self._client.loop_write()

    def _connected(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._say(f"the broker refuses the user {self._broker.user!r} ({reason}); check MILEPOST_BROKER_PASSWORD")
            return
        # Always, not only for a new session: a broker may know the session and have lost the filter, and for the
        # retained states it is the wish to hear them again.
        self._client.subscribe(self.topic_filter, 1)

    def _subscribed(self, _client: Any, _data: Any, _mid: int, codes: Any, _properties: Any) -> None:
        if any(code.is_failure for code in codes):
            raise SessionRefused(
                f"the broker refuses the subscription {self.topic_filter!r} of session {self.client_id!r} (SUBACK"
                f" 0x80); let the user {self._broker.user!r} read it, and look at the broker's limits of a session"
            )
        self.ready, self.trouble = True, None
        self._pause_s = _FIRST_PAUSE_S

    def _disconnected(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if self.ready and not self._leaving:
            self._say(f"the connection to the broker ended: {reason}")
        self.ready = False
        self.wants_write = False
        self.connections += 1

    def _message(self, topic: bytes, mid: int, payload: bytes) -> None:
        self._on_message(self, topic, mid, payload)

    def _note_write(self, *_: Any) -> None:
        self.wants_write = True

    def _say(self, trouble: str) -> None:
        if trouble != self.trouble:
            _log.warning("%s: %s", self.client_id, trouble)
        self.trouble = trouble
