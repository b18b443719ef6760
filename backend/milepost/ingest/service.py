"""Ingest as the service runs it: one receiver, one runner a sink, a keeper of the spool's size."""

import json
import logging
import shutil
import threading
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from milepost.errors import Invalid
from milepost.ingest import dead_letters
from milepost.ingest.model import DEVICE_ID, Sink, parse_parts
from milepost.ingest.receiver import Receiver
from milepost.ingest.screen import Screen
from milepost.ingest.session import Broker
from milepost.ingest.sinks import SinkRunner
from milepost.ingest.spool import Spool, put_items
from milepost.settings import Settings
from milepost.times import now_ms

_log = logging.getLogger(__name__)
_LEAVES = ("cfg", "cmd")
_KEEP_ITEMS = 10_000  # the newest stay readable even when every sink has had them
_HOUSEKEEPING_S = 10.0
_MIN_FREE_BYTES = 256 * 1024 * 1024
_TIME_IS_GOOD_FOR_S = 30


def broker_of(settings: Settings) -> Broker:
    """The broker that the settings name. Raises ValueError when they name none, or not in the form mqtt://host:port."""
    parts = urlsplit(settings.broker_url or "")
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
        raise ValueError(f"broker_url {settings.broker_url!r}: write mqtt://host:port or mqtts://host:port")
    tls = parts.scheme == "mqtts"
    password = settings.broker_password.get_secret_value() if settings.broker_password else ""
    return Broker(parts.hostname, parts.port or (8883 if tls else 1883), settings.broker_user, password, tls)


class Ingest:
    """Everything between the broker and the sinks."""

    def __init__(
        self,
        settings: Settings,
        spool: Spool,
        sinks: Sequence[Sink],
        broker: Broker | None = None,
        holds: Callable[[str], bool] = lambda _part: True,
    ) -> None:
        """`broker` overrides what the settings say (the embedded broker's place and the service's account there);
        `holds(part)`: whether a part of the settings is ours now (one process among several, ingest/lease.py)."""
        self.spool = spool
        self._folder = settings.data_dir
        self._runners = [SinkRunner(sink, spool) for sink in (Screen(spool), *sinks)]
        for runner in self._runners:
            runner.others = [each for each in self._runners if each is not runner]
        self._receiver = Receiver(
            broker or broker_of(settings),
            parse_parts(settings.ingest_parts),
            spool,
            sync_ms=settings.spool_sync_ms,
            may_store=self._disk_guard,
            on_live_state=self._device_speaks,
            holds=holds,
        )
        self._full: str | None = None
        self._stop = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="spool-keeper", daemon=True)

    def start(self) -> None:
        """Start all threads; the broker need not be there yet."""
        self._check_disk()
        for runner in self._runners:
            runner.start()
        self._keeper.start()
        self._receiver.start()

    def stop(self) -> None:
        """Stop receiving, let the sinks finish what they have in hand, stop. The spool stays open."""
        self._receiver.stop()
        self._stop.set()
        for runner in self._runners:
            runner.stop()
        if self._keeper.is_alive():
            self._keeper.join(30)

    def wait_ready(self, timeout_s: float = 10.0) -> bool:
        """True as soon as every session is subscribed."""
        return self._receiver.wait_ready(timeout_s)

    @property
    def failure(self) -> str | None:
        """Why ingest has stopped for good (a subscription refused), or None. The service should end then."""
        return self._receiver.failure

    @property
    def full(self) -> str | None:
        """Why nothing may be stored at present (a full disk), or None."""
        return self._full

    def drained(self, timeout_s: float = 10.0) -> bool:
        """Wait until every sink has everything that is in the spool now; False when the time is over."""
        last = self.spool.last_id()
        pause = threading.Event()
        for _ in range(max(1, int(timeout_s * 50))):
            newest = self.spool.connection().execute("SELECT max(id) FROM item").fetchone()[0] or 0
            if all(runner.position >= min(last, newest) for runner in self._runners):
                return True
            pause.wait(0.02)
        return False

    def publish(self, device_id: str, leaf: str, payload: bytes, retain: bool = False) -> None:
        """Send `cfg` or `cmd` to a device. From any thread; returns at once, the broker gets it with QoS 1.

        Raises Invalid for an id or a leaf that is none.
        """
        if not DEVICE_ID.fullmatch(device_id) or leaf not in _LEAVES:
            raise Invalid(f"cannot publish {leaf!r} to device {device_id!r}: use cfg or cmd and a registered device")
        self._receiver.publish(device_id, leaf, payload, retain)

    def tell_time(self, device_id: str) -> None:
        """Send the host's time to a device; one without GNSS has no other source (verb `time`)."""
        now = now_ms()
        command = {
            "id": f"time-{now}",
            "verb": "time",
            "args": {"unix_ms": now},
            "not_after": now // 1000 + _TIME_IS_GOOD_FOR_S,
        }
        self.publish(device_id, "cmd", json.dumps(command, separators=(",", ":")).encode())

    def rerun(self, letter_id: int) -> None:
        """Put a dead letter back into the spool. Raises NotFound, or Conflict while it still cannot be read."""
        with self.spool.tx() as conn:
            last = put_items(conn, [dead_letters.rerun(conn, letter_id)])
        self.spool.announce(last)

    def status(self) -> dict:
        """What an operator wants to know: per sink its lag and its last error, troubles of the broker, the disk."""
        return {
            "messages": self._receiver.messages,
            "failure": self.failure,
            "broker": self._receiver.troubles(),
            "paused": self._full,
            "sinks": {
                runner.sink.name: {"lag": self.spool.backlog(runner.position), "error": runner.error}
                for runner in self._runners
            },
        }

    def _device_speaks(self, device_id: str, payload: bytes) -> None:
        try:
            online = json.loads(payload).get("online") is True
        except (ValueError, AttributeError, RecursionError):
            return  # in the dead letters by now
        if online:
            self.tell_time(device_id)

    def _keep(self) -> None:
        while not self._stop.wait(_HOUSEKEEPING_S):
            try:
                self._check_disk()
                self.spool.truncate(min(runner.position for runner in self._runners), _KEEP_ITEMS)
            except Exception:
                _log.exception("the spool could not be kept short")

    def _disk_guard(self) -> str | None:
        return self._full

    def _check_disk(self) -> None:
        free = shutil.disk_usage(self._folder).free
        if free >= _MIN_FREE_BYTES:
            self._full = None
        else:
            self._full = f"only {free >> 20} MB free in {self._folder}; free at least {_MIN_FREE_BYTES >> 20} MB"
