"""Shows on this process's boards what ingest workers elsewhere see (live/relay.py).

First it listens, then it loads the last known fixes of the telemetry store, so nothing falls between the two. A frame
that is missing, a worker that begins anew or a broker that was away means that something may have been missed: the
store is then looked into again, at once and once more when its sink has surely caught up.
"""

import json
import logging
import threading
import time
from typing import Any

from sqlalchemy import select

from milepost.db import Database
from milepost.evidence.ignition import last_words
from milepost.ingest.session import Broker
from milepost.ingest.tables import device_contact
from milepost.live import changes
from milepost.live.changes import Change, Ignition, Presence, Targets
from milepost.live.client import client_for
from milepost.live.hub import LiveHub
from milepost.live.relay import TOPIC
from milepost.telemetry.model import TelemetryStore

_LOOK_AGAIN_S = (0.5, 5.0, 30.0)  # after something was missed; the sink of the store is seldom further behind
_BEAT_S = 0.25
_log = logging.getLogger(__name__)


def ignitions(db: Database) -> list[Change]:
    """The last word on the ignition of every vehicle: what a board that begins anew has not heard."""
    with db.read() as conn:
        return [Ignition(vehicle, at, on) for vehicle, (at, on) in last_words(conn).items()]


class Feed:
    """Feeds one hub from the broker and the store until `stop`."""

    def __init__(
        self, broker: Broker, name: str, hub: LiveHub, store: TelemetryStore, db: Database, targets: Targets
    ) -> None:
        """`name`: of this process on the broker."""
        self._hub = hub
        self._store = store
        self._db = db
        self._targets = targets
        self._heard: dict[str, tuple[str, int]] = {}  # topic: run and number of its last frame
        self._due: list[float] = []  # when to look into the store
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._client = client = client_for(broker, name)
        client.on_connect = self._connected
        client.on_subscribe = lambda *_: self._missed()
        client.on_message = lambda _client, _data, message: self.take(message.topic, bytes(message.payload))
        self._thread = threading.Thread(target=self._work, name="live-feed", daemon=True)

    def start(self) -> None:
        """Listen and load what is known; the broker need not be there yet."""
        self._client.loop_start()
        self.load()
        self._missed()
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        self._client.disconnect()
        self._client.loop_stop()
        if self._thread.is_alive():
            self._thread.join(30)

    @property
    def connected(self) -> bool:
        """Whether the broker that carries the frames is there."""
        return self._client.is_connected()

    @property
    def threads(self) -> list[threading.Thread]:
        """What must be alive while this runs."""
        return [self._thread]

    def take(self, topic: str, payload: bytes) -> None:
        """One frame of a worker. What is none is passed over."""
        try:
            frame: dict[str, Any] = json.loads(payload)
            run, number, found = str(frame["run"]), int(frame["n"]), list(frame["c"])
        except (ValueError, KeyError, TypeError, RecursionError):
            _log.warning("a frame on %s cannot be read; do all processes run the same version?", topic[:80])
            return
        if self._heard.get(topic) != (run, number - 1):
            self._missed()
        self._heard[topic] = (run, number)
        self._hub.apply([change for each in found if (change := changes.decode(each)) is not None])

    def load(self) -> None:
        """Show what the store and the database know of every device. Raises OSError while the store is away."""
        self._hub.load(self._store.latest().values())
        self._hub.apply([*self._presences(), *ignitions(self._db)])

    def _connected(self, *_: object) -> None:
        self._client.subscribe(TOPIC + "+", 0)

    def _presences(self) -> list[Change]:
        gone = select(device_contact.c.device, device_contact.c.last_received_at).where(
            device_contact.c.online.is_(False),
            device_contact.c.boot.is_not(None),  # it has said that it was online; others never say
            device_contact.c.last_received_at.is_not(None),
        )
        with self._db.read() as conn:
            rows = conn.execute(gone).all()
        found: list[Change] = []
        for device, at in rows:
            target = self._targets.target_at(device, at)
            if target is not None and target[0] == "vehicle":
                found.append(Presence(target[1], at, online=False))
        return found

    def _missed(self) -> None:
        now = time.monotonic()
        with self._lock:
            self._due = [now + after for after in _LOOK_AGAIN_S]

    def _work(self) -> None:
        while not self._stop.wait(_BEAT_S):
            with self._lock:
                now = time.monotonic()
                due = any(each <= now for each in self._due)
                self._due = [each for each in self._due if each > now]
            if due:
                try:
                    self.load()
                except Exception:
                    _log.exception("the last known positions could not be loaded; trying again")
                    self._missed()
