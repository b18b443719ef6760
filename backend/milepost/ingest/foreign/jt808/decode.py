"""From what the terminal sent, as it lies in the spool, to positions. Pure.

A payload is one frame with its flags, or all frames of a split message in order.
"""

from milepost.ingest.foreign.jt808 import location
from milepost.ingest.foreign.jt808.frames import Message, Scanner, parse, terminal_of
from milepost.ingest.foreign.model import Adapter, Parsed, Promises, Unreadable

CHANNEL = "jt808"
LOCATION, LOCATION_ANSWER, LOCATION_BATCH = 0x0200, 0x0201, 0x0704
STORED = (LOCATION, LOCATION_ANSWER, LOCATION_BATCH)


def parse_payload(payload: bytes) -> Parsed:
    """The positions of one message. Raises Unreadable."""
    message = whole(payload)
    if message.kind == LOCATION:
        return Parsed((location.location(message.body),))
    if message.kind == LOCATION_ANSWER:  # the serial of the question comes first
        return Parsed((location.location(message.body[2:]),))
    if message.kind == LOCATION_BATCH:
        return location.batch(message.body)
    raise Unreadable("kind", f"message {message.kind:04x} holds no location")


def whole(payload: bytes) -> Message:
    """The message of a payload, put together when it came in pieces. Raises Unreadable."""
    messages = [parse(frame) for frame in Scanner().push(payload)]
    if not messages:
        raise Unreadable("short", "no frame between two flags 7e")
    first = messages[0]
    if [each.part for each in messages] != list(range(1, first.parts + 1)):
        raise Unreadable("length", f"{len(messages)} of {first.parts} pieces")
    return Message(first.kind, first.terminal, first.serial, b"".join(each.body for each in messages), first.version)


ADAPTER = Adapter(
    channel=CHANNEL,
    title="JT/T 808",
    stream=80,
    # Message serials are 16 bits and begin anew at every start: their gaps hint at losses and prove nothing.
    promises=Promises(numbered=False, acknowledged=True, clock="gnss", secret="auth code given at registration"),
    parse=parse_payload,
    identifier=terminal_of,
    registers=True,
)
