"""Waiting for the first acknowledged record, and saying which hop it did not pass."""

import re
import time
from collections.abc import Callable
from enum import StrEnum
from typing import Any

import serial
from mpremote.transport_serial import SerialTransport

from milepost_tools.provision.registration import Contact, Registration, ServiceRefused

_STARTED = re.compile(rb"milepost [^\r\n]*: (tracker|reader) ")
_ACKNOWLEDGED = re.compile(rb"milepost: (first record )?acknowledged")
_POLL_S = 0.5


class Hop(StrEnum):
    """The step that was not passed."""

    NONE = ""
    APPLICATION = "application"
    BROKER = "broker"
    BACKEND = "backend"


_ADVICE = {
    Hop.APPLICATION: "the application did not start; the end of the console says why",
    Hop.BROKER: "the application runs but nothing of it has arrived: check Wi-Fi, the broker's address as the board "
    "reaches it, account and password",
    Hop.BACKEND: "the service has contact with the device but has acknowledged no record yet: "
    "look at its log and dead letters",
}


class Arrival:
    """What was seen until the first acknowledgement or the end of the time."""

    def __init__(self) -> None:
        self.hop = Hop.APPLICATION
        self.console = b""
        self.seconds = 0.0

    @property
    def advice(self) -> str:
        """What to do next, with the last lines of the console when the application is the trouble."""
        text = _ADVICE.get(self.hop, "")
        if self.hop is Hop.APPLICATION:
            lines = self.console.decode(errors="replace").strip().splitlines()[-6:]
            text += "".join(f"\n    {line}" for line in lines)
        return text


def wait_for_first(
    transport: SerialTransport,
    timeout_s: float,
    *,
    device: str,
    service: Registration | None,
    before: Contact,
    now: Callable[[], float] = time.monotonic,
) -> Arrival:
    """Reads the console, and asks the API when there is one, until a record is acknowledged.

    Without the API the device's own word counts: it prints a line at its first acknowledgement, and it
    trusts only the backend's.
    """
    seen = Arrival()
    start = now()
    asked = start
    port: Any = transport.serial
    port.timeout = 0.1
    while now() - start < timeout_s:
        try:
            seen.console += port.read(max(1, port.in_waiting))
        except (OSError, serial.SerialException):
            break  # the cable is out
        seen.seconds = now() - start
        if seen.hop is Hop.APPLICATION and _STARTED.search(seen.console):
            seen.hop = Hop.BROKER
        if service is None:
            if _ACKNOWLEDGED.search(seen.console):
                seen.hop = Hop.NONE
                return seen
        elif now() - asked >= _POLL_S:
            asked = now()
            try:
                contact = service.contact(device)
            except ServiceRefused:
                continue
            if contact.newer_than(before):
                seen.hop = Hop.NONE
                return seen
            if contact.received_at > before.received_at:
                seen.hop = Hop.BACKEND
    return seen
