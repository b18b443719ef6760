"""Carries what a worker sees to the processes that serve boards, over the broker (docs/operations.md).

At most four frames a second, an empty one every two seconds, QoS 0: a frame that is lost is noticed by its number, and
the boards then look into the telemetry store (live/feed.py). Positions and signs are conflated per vehicle.
"""

import json
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Sequence

from milepost.ingest.model import SpoolItem
from milepost.ingest.session import Broker
from milepost.live import changes
from milepost.live.changes import Change, Intake, Targets
from milepost.live.client import client_for

TOPIC = "mp/v1/live/"
TICK_S = 0.25
HEARTBEAT_S = 2.0
_AT_ONCE = 2_000  # changes in one frame, about 150 kB
_KEPT = 50_000  # changes kept while the broker is away; what is older, boards find in the store


class Relay:
    """Collects changes from any number of sinks and publishes them until `stop`."""

    def __init__(self, broker: Broker, worker: str) -> None:
        """`worker`: name of this process among those on the broker."""
        self._topic = TOPIC + (worker or "one")
        self._run = secrets.token_hex(4)  # a restart counts its frames from 1 again
        self._number = 0
        self._waiting: list[Change] = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._client = client_for(broker, f"mp-relay-{worker or 'one'}-{self._run}")
        self._thread = threading.Thread(target=self._work, name="live-relay", daemon=True)

    def start(self) -> None:
        """Begin; the broker need not be there yet."""
        self._client.loop_start()
        self._thread.start()

    def stop(self) -> None:
        """Send what waits and end."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(10)
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def threads(self) -> list[threading.Thread]:
        """What must be alive while this runs."""
        return [self._thread]

    def apply(self, found: Iterable[Change]) -> None:
        """Send these with the next frame. From any thread."""
        with self._lock:
            self._waiting += found

    def _work(self) -> None:
        heartbeat = 0.0
        while not self._stop.wait(TICK_S):
            some = self._take()
            if not self._client.is_connected():
                self.apply(some[-_KEPT:])
            elif some or time.monotonic() >= heartbeat:
                self._publish(some)
                heartbeat = time.monotonic() + HEARTBEAT_S
        if self._client.is_connected():
            self._publish(self._take())

    def _take(self) -> list[Change]:
        with self._lock:
            some, self._waiting = changes.newest(self._waiting), []
        return some

    def _publish(self, some: Sequence[Change]) -> None:
        for start in range(0, max(1, len(some)), _AT_ONCE):
            self._send(some[start : start + _AT_ONCE])

    def _send(self, some: Sequence[Change]) -> None:
        self._number += 1
        frame = {"run": self._run, "n": self._number, "c": [changes.encode(each) for each in some]}
        self._client.publish(self._topic, json.dumps(frame, separators=(",", ":"), ensure_ascii=False), qos=0)


class LiveSink:
    """Sink `live` of one spool. Its position lives in memory: what is older than the start is in the store."""

    name = "live"

    def __init__(self, apply: Callable[[Iterable[Change]], None], targets: Targets, spool_end: int) -> None:
        """`apply`: of a relay or a hub; `spool_end`: id of the newest item that is not to be shown any more."""
        self._apply = apply
        self._intake = Intake(targets)
        self._position = spool_end

    def begin(self, position: int) -> None:
        """Begin behind another item than the one given at first."""
        self._position = position

    def position(self) -> int:
        """Last spool id handed on."""
        return self._position

    def handle(self, items: Sequence[SpoolItem]) -> None:
        """Take spool items, in order."""
        self._apply(self._intake.of_items(items))
        self._position = items[-1].id
