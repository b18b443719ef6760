"""paho's MQTT client, reading and writing many packets with one system call.

paho asks the socket for a byte, another byte and the rest of every packet, and sends every acknowledgement by itself:
five system calls a message, and at each one the interpreter's lock goes to whatever sink is at work. Here one call
reads what is there, messages are taken out of it directly, and acknowledgements leave together. All else is paho's:
connections, TLS, subscriptions, keepalive, what is published with QoS 1.
"""

from collections.abc import Callable, Sequence
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.client import MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

_READ = 65_536  # at once of one session: what a slow disk makes wait stays at the broker
_PUBLISH, _PUBACK = 0x30, 0x40
_LENGTH_BYTES = 4  # of the remaining length, at most (MQTT 3.1.1 §2.2.3)

# topic, packet id (0 with QoS 0), payload
OnMessage = Callable[[bytes, int, bytes], None]


class BulkClient(mqtt.Client):
    """A persistent session whose messages the caller acknowledges, in any number at once."""

    def __init__(self, client_id: str, take: OnMessage) -> None:
        """`take` is called for every message in the order of the broker, from within `loop_read`."""
        super().__init__(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False, manual_ack=True)
        self._take = take
        self._held = b""  # read from the socket and not yet understood
        self._held_of: Any = None  # the socket it came from
        self._fed: bytes | None = None  # what is left of the packet that paho is given to read
        self.on_message = self._by_paho

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Take what the socket has, `max_packets` or more of them."""
        sock = self.socket()
        if sock is None:
            return MQTTErrorCode.MQTT_ERR_NO_CONN
        if sock is not self._held_of:
            self._held, self._held_of = b"", sock
        while True:
            try:
                news = super()._sock_recv(_READ)
            except BlockingIOError:
                return MQTTErrorCode.MQTT_ERR_SUCCESS
            except OSError:
                news = b""
            if not news:
                self._held = b""
                return super().loop_read()  # finds the end of the connection for itself, and tells everybody
            self._held = self._held + news if self._held else news
            answer = self._take_packets()
            # A TLS socket may have more in hand than the selector knows of.
            if answer != MQTTErrorCode.MQTT_ERR_SUCCESS or not getattr(sock, "pending", int)():
                return answer

    def _take_packets(self) -> MQTTErrorCode:
        """Take every whole packet of what is held; the rest of one stays."""
        held, begin, size = self._held, 0, len(self._held)
        while size - begin >= 2:
            kind, length, body, shift = held[begin], held[begin + 1], begin + 2, 7
            if length > 127:
                length &= 127
                while body < size and body - begin <= _LENGTH_BYTES:
                    byte = held[body]
                    body += 1
                    length |= (byte & 127) << shift
                    shift += 7
                    if byte < 128:
                        break
                else:
                    if size - begin <= _LENGTH_BYTES + 1:
                        break  # the length itself is not all here
                    return self._leave_to_paho(held[begin : begin + _LENGTH_BYTES + 2])  # longer than one may be
            end = body + length
            if end > size:
                break
            if kind & 0xF4 == _PUBLISH and length >= 2:  # QoS 0 or 1
                topic_end = body + 2 + (held[body] << 8 | held[body + 1])
                payload, number = (topic_end + 2, True) if kind & 2 else (topic_end, False)
                if payload <= end:
                    mid = held[topic_end] << 8 | held[topic_end + 1] if number else 0
                    self._take(held[body + 2 : topic_end], mid, held[payload:end])
                    begin = end
                    continue
            answer = self._leave_to_paho(held[begin:end])
            if answer != MQTTErrorCode.MQTT_ERR_SUCCESS or self.socket() is not self._held_of:
                self._held = b""
                return answer
            begin = end
        self._held = held[begin:]
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _leave_to_paho(self, packet: bytes) -> MQTTErrorCode:
        """Let paho read one packet, as if nothing else had come from the socket."""
        self._fed = packet
        try:
            return super().loop_read()
        finally:
            self._fed = None

    def _sock_recv(self, bufsize: int) -> bytes:
        if self._fed is None:
            return super()._sock_recv(bufsize)
        if not self._fed:
            raise BlockingIOError
        piece, self._fed = self._fed[:bufsize], self._fed[bufsize:]
        return piece

    def _by_paho(self, _client: Any, _data: Any, message: MQTTMessage) -> None:
        raise RuntimeError(f"a message with QoS {message.qos} came on a subscription with QoS 1: the broker is broken")

    def ack_all(self, mids: Sequence[int]) -> None:
        """Acknowledge messages (QoS 1, their packet ids), in this order, as soon as `loop_write` is called."""
        self.send_raw([b"\x40\x02" + mid.to_bytes(2, "big") for mid in mids])

    def send_raw(self, packets: Sequence[bytes]) -> None:
        """Send whole packets that want no answer, as soon as `loop_write` is called."""
        # As PUBACK: when one is sent, paho has nothing more to do.
        self._packet_queue(_PUBACK, b"".join(packets), 0, 1)


def publish_head(topic: str, size: int) -> bytes:
    """All of a PUBLISH with QoS 0, not retained, but its payload of `size` bytes; both together less than 126 bytes."""
    name = topic.encode()
    return bytes((_PUBLISH, 2 + len(name) + size, 0, len(name))) + name
