"""The port through which a notice leaves the house, and the channel that is always there: the log.

The in-app channel needs no sending: the row in the outbox is what the person reads.
"""

import json
import logging
from dataclasses import dataclass
from typing import Any, Protocol

_log = logging.getLogger("milepost.notices")


@dataclass(frozen=True, slots=True)
class Parcel:
    """One message to send. `id` is the same at every attempt: a receiver that can, throws a second one away.

    `attempt` counts from 1; more than one means that it may have been sent before (a crash, a lost answer).
    """

    id: str
    notice: str
    attempt: int
    order: str
    cause: str
    urgency: str
    to_role: str
    to_scope: str
    person: str | None
    text: dict[str, str]
    at: int

    def as_dict(self) -> dict[str, Any]:
        """All of it as plain JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}


class Channel(Protocol):
    """A way to reach people. `send` raises when it did not work; it is tried again later."""

    def send(self, parcel: Parcel) -> None:
        """Send one message; returns when the other side has it."""
        ...


class Console:
    """One structured line of the log per message."""

    def send(self, parcel: Parcel) -> None:
        """Write it to the log `milepost.notices`."""
        _log.info("%s", json.dumps(parcel.as_dict(), ensure_ascii=False))
