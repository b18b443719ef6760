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
    """One structured line of the log `milepost.notices` per message.

    Where the process has set up no logging the lines go to standard error as they are; set the level of that log to
    WARNING to keep them away.
    """

    def send(self, parcel: Parcel) -> None:
        """Write the line."""
        if not _log.hasHandlers():
            _log.addHandler(logging.StreamHandler())
        if _log.level == logging.NOTSET:
            _log.setLevel(logging.INFO)
        _log.info("%s", json.dumps(parcel.as_dict(), ensure_ascii=False))
