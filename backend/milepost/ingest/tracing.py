"""The way of each batch at level debug: received, spooled, acked, sunk, told (docs/operations.md, Logs).

Every line names (device, stream, first_seq, count), so one search finds all of them; never the bytes themselves.
"""

import logging
from collections.abc import Iterable
from typing import Any, Protocol

from milepost.ingest.model import UP
from milepost.logs import about
from milepost_device.wire import WireError, header

_log = logging.getLogger("milepost.trace")


class _Traced(Protocol):
    @property
    def device(self) -> str: ...
    @property
    def channel(self) -> str: ...
    @property
    def payload(self) -> bytes: ...


def on() -> bool:
    """True when somebody wants to read the lines; ask it once for many messages."""
    return _log.isEnabledFor(logging.DEBUG)


def tell(step: str, messages: Iterable[_Traced], **more: Any) -> None:
    """One line a message: what became of it."""
    for each in messages:
        fields: dict[str, Any] = {"device": each.device, "channel": each.channel}
        if each.channel == UP:
            try:
                _, count, stream, first, *_ = header(each.payload)
                fields |= {"stream": stream, "first_seq": first, "count": count}
            except WireError as error:
                fields["bad"] = error.reason
        _log.debug(step, extra=about(**fields, bytes=len(each.payload), **more))


def told(device: str, stream: int, seq: int) -> None:
    """A device was told that a stream is safe up to `seq`."""
    _log.debug("told", extra=about(device=device, stream=stream, safe_to=seq))
