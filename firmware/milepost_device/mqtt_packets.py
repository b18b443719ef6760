"""Packets that an MQTT 3.1.1 client sends, written into a buffer (section numbers of the standard in brackets)."""

from micropython import const

_CONNECT = const(0x10)
_PUBLISH = const(0x30)
_SUBSCRIBE = const(0x82)


def put_length(buf: bytearray, p: int, n: int) -> int:
    """Write a remaining length (0..268435455) at p [2.2.3]; the place after it."""
    while True:
        byte = n & 127
        n >>= 7
        buf[p] = byte | (128 if n else 0)
        p += 1
        if not n:
            return p


def put_string(buf: bytearray, p: int, text: str | bytes) -> int:
    """Write text (str or bytes) with its 16-bit length [1.5.3]; the place after it."""
    if isinstance(text, str):
        text = text.encode()
    n = len(text)
    if n > 65535:
        raise ValueError("string of %d bytes in a packet" % n)
    buf[p] = n >> 8
    buf[p + 1] = n & 255
    buf[p + 2 : p + 2 + n] = text
    return p + 2 + n


def _length_size(n: int) -> int:
    return 1 if n < 128 else 2 if n < 16384 else 3


def _put_u16(buf: bytearray, p: int, value: int) -> int:
    buf[p] = value >> 8
    buf[p + 1] = value & 255
    return p + 2


def connect(
    buf: bytearray, client_id: str, user: str | None, password: str | None, keepalive_s: int, will: tuple | None
) -> int:
    """CONNECT with a clean session [3.1]; the end. `will`: (topic, payload, retain), sent with QoS 1."""
    flags = 2
    fields: list = [client_id]
    if will:
        topic, payload, retain = will
        flags |= 4 | 8 | (32 if retain else 0)
        fields += [topic, payload]
    if user is not None:
        flags |= 128
        fields.append(user)
        if password is not None:
            flags |= 64
            fields.append(password)
    n = 10
    for i in range(len(fields)):
        if isinstance(fields[i], str):
            fields[i] = fields[i].encode()
        n += 2 + len(fields[i])
    buf[0] = _CONNECT
    p = put_string(buf, put_length(buf, 1, n), "MQTT")
    buf[p] = 4  # protocol level
    buf[p + 1] = flags
    p = _put_u16(buf, p + 2, keepalive_s)
    for field in fields:
        p = put_string(buf, p, field)
    return p


def subscribe(buf: bytearray, pid: int, topic: str, qos: int) -> int:
    """SUBSCRIBE to one topic [3.8]; the end."""
    buf[0] = _SUBSCRIBE
    p = _put_u16(buf, put_length(buf, 1, 5 + len(topic)), pid)
    p = put_string(buf, p, topic)
    buf[p] = qos
    return p + 1


def publish_size(topic: str, payload, qos: int) -> int:
    """Bytes of a whole PUBLISH."""
    n = 2 + len(topic) + (2 if qos else 0) + len(payload)
    return 1 + _length_size(n) + n


def publish(buf: bytearray, topic: str, payload, qos: int, retain: bool, pid: int) -> None:
    """PUBLISH [3.3] of `publish_size` bytes; `pid` counts with QoS 1 only."""
    buf[0] = _PUBLISH | qos << 1 | (1 if retain else 0)
    p = put_string(buf, put_length(buf, 1, 2 + len(topic) + (2 if qos else 0) + len(payload)), topic)
    if qos:
        p = _put_u16(buf, p, pid)
    buf[p : p + len(payload)] = payload
