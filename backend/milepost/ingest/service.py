"""Ingest as the service runs it: one receiver, one runner a sink, a keeper of the spool's size."""

import gc
import logging
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from milepost.errors import Invalid
from milepost.ingest import dead_letters
from milepost.ingest.apart import SinkApart
from milepost.ingest.contact import StateSink
from milepost.ingest.model import DEVICE_ID, Sink, parse_parts
from milepost.ingest.receiver import Receiver
from milepost.ingest.screen import Screen
from milepost.ingest.session import Broker
from milepost.ingest.sinks import SinkRunner
from milepost.ingest.spool import Spool, put_items
from milepost.settings import Settings

_log = logging.getLogger(__name__)
_LEAVES = ("cfg", "cmd")
_KEEP_ITEMS = 10_000  # the newest stay readable even when every sink has had them
_CHECK_S = 1.0  # a flood fills 50 MB in that time
_HOUSEKEEPING_S = 10.0
# Decoding makes objects without end, hardly one of them in a cycle, and keeps a hundred thousand for a while: with
# Python's own thresholds (700, 10, 10) looking through them for cycles was a quarter of the work for each fix.
_GC_THRESHOLDS = (20_000, 10, 10)
_SPOOL_WARN = 0.8  # of the most
_SPOOL_HARD = 1.1  # where SQLite itself says no: above the soft limit, so that dead letters and held records still fit


@dataclass(frozen=True, slots=True)
class _Limits:
    """When to warn and when to stop, in bytes (settings)."""

    spool_bytes: int
    warn_bytes: int
    stop_bytes: int


@dataclass(frozen=True, slots=True)
class Shortage:
    """Room that runs out: so much is free on the disk and taken by the spool, in MB; `stopped`: nothing is stored."""

    free_mb: int
    spool_mb: int
    of_spool: bool  # the spool is at its limit; else the disk is
    stopped: bool


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
        self.worker = settings.worker
        self._folder = settings.data_dir
        self._limits = _Limits(settings.spool_max_mb << 20, settings.disk_warn_mb << 20, settings.disk_stop_mb << 20)
        spool.limit(int(self._limits.spool_bytes * _SPOOL_HARD))
        self._runners = [SinkRunner(sink, spool) for sink in (Screen(spool), *sinks)]
        # Whoever works apart decodes for itself: it has nothing of the others' nearness, nor they of its.
        near = [runner for runner in self._runners if not isinstance(runner.sink, SinkApart)]
        for runner in near:
            runner.others = [each for each in near if each is not runner]
        self._receiver = Receiver(
            broker or broker_of(settings),
            parse_parts(settings.ingest_parts),
            spool,
            sync_ms=settings.spool_sync_ms,
            may_store=self._disk_guard,
            holds=holds,
        )
        self.warning: str | None = None  # why storing will stop soon, or has stopped; for operators
        self.shortage: Shortage | None = None  # the same in figures
        self._full: str | None = None
        self._stop = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="spool-keeper", daemon=True)

    def start(self) -> None:
        """Start all threads; the broker need not be there yet. Lets the process look for cyclic garbage more rarely."""
        gc.set_threshold(*_GC_THRESHOLDS)
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
    def receiver(self) -> Receiver:
        """What reads the broker."""
        return self._receiver

    @property
    def runners(self) -> Sequence[SinkRunner]:
        """What feeds the sinks, the screen first."""
        return self._runners

    @property
    def threads(self) -> list[threading.Thread]:
        """What must be alive while this runs."""
        return [self._keeper, *self._receiver.threads, *(each for runner in self._runners for each in runner.threads)]

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

    def listening(self) -> list[str]:
        """The parts of which all that devices have said until now is in the table of contacts (ingest/ears.py)."""
        newest = self.spool.connection().execute("SELECT max(id) FROM item").fetchone()[0] or 0
        heard = [runner.position for runner in self._runners if runner.sink.name == StateSink.name]
        return self._receiver.ready_parts() if all(position >= newest for position in heard) else []

    def publish(self, device_id: str, leaf: str, payload: bytes, retain: bool = False) -> None:
        """Send `cfg` or `cmd` to a device. From any thread; returns at once, the broker gets it with QoS 1.

        Raises Invalid for an id or a leaf that is none.
        """
        if not DEVICE_ID.fullmatch(device_id) or leaf not in _LEAVES:
            raise Invalid(f"cannot publish {leaf!r} to device {device_id!r}: use cfg or cmd and a registered device")
        self._receiver.publish(device_id, leaf, payload, retain)

    def rerun(self, letter_id: int) -> int:
        """Put a dead letter back into the spool; returns the number of its item.

        Raises NotFound, or Conflict while it still cannot be read.
        """
        with self.spool.tx() as conn:
            last = put_items(conn, [dead_letters.rerun(conn, letter_id)])
        self.spool.announce(last)
        assert last is not None
        return last

    def rerun_ended(self, letter_id: int, item: int, timeout_s: float) -> str:
        """What became of a letter that was run again as `item`: `read` when every sink has it, `again` when one failed
        at it and it is a dead letter anew, `queued` when neither is so within the time."""
        deadline = time.monotonic() + timeout_s
        while True:
            passed = all(runner.position >= item for runner in self._runners)  # asked first: the letter comes before
            state = dead_letters.state_of(self.spool.connection(), letter_id)
            if state is not None and state[0] == "open":
                return "again"
            if passed:
                return "read"
            if time.monotonic() >= deadline:
                return "queued"
            self._stop.wait(0.05)

    def status(self) -> dict:
        """What an operator wants to know: per sink its lag and its last error, troubles of the broker, the disk."""
        return {
            "messages": self._receiver.messages,
            "failure": self.failure,
            "broker": self._receiver.troubles(),
            "paused": self._full,
            "disk": self.warning,
            "sinks": {
                runner.sink.name: {"lag": self.spool.backlog(runner.position), "error": runner.error}
                for runner in self._runners
            },
        }

    def _keep(self) -> None:
        next_cut = 0.0
        while not self._stop.wait(_CHECK_S):
            try:
                full = self._check_disk()
                if full or time.monotonic() >= next_cut:
                    keep = 0 if full else _KEEP_ITEMS
                    self.spool.truncate(min(runner.position for runner in self._runners), keep)
                    next_cut = time.monotonic() + _HOUSEKEEPING_S
            except Exception:
                _log.exception("the spool could not be kept short")

    def _disk_guard(self) -> str | None:
        return self._full

    def _check_disk(self) -> bool:
        """Look at the disk and the spool; True while nothing may be stored.

        Storing begins again by itself, with some room gained so that it does not stop at the next message.
        """
        free, used = shutil.disk_usage(self._folder).free, self.spool.used()
        room = 1.1 if self._full else 1.0
        limits = self._limits
        full = None
        if free < limits.stop_bytes * room:
            full = f"only {free >> 20} MB free in {self._folder}; free at least {int(limits.stop_bytes * 1.1) >> 20} MB"
        elif used > limits.spool_bytes / room:
            behind = min(self._runners, key=lambda runner: runner.position).sink.name
            full = (
                f"the spool holds {used >> 20} MB of at most {limits.spool_bytes >> 20}, for sink {behind!r} is behind;"
                f" see what GET /api/v1/ingest says of it, or raise MILEPOST_SPOOL_MAX_MB"
            )
        warning = full
        if full is None and free < limits.warn_bytes:
            warning = (
                f"{free >> 20} MB free in {self._folder}; below {limits.stop_bytes >> 20} MB nothing is stored any more"
            )
        elif full is None and used > limits.spool_bytes * _SPOOL_WARN:
            warning = f"the spool holds {used >> 20} MB; at {limits.spool_bytes >> 20} MB nothing is stored any more"
        if warning is not None and self.warning is None:  # once, until it is over
            _log.warning("disk: %s", warning)
        elif warning is None and self.warning is not None:
            _log.warning("disk: enough room again")
        self._full, self.warning = full, warning
        of_spool = free >= (limits.stop_bytes * room if full else limits.warn_bytes)
        self.shortage = Shortage(free >> 20, used >> 20, of_spool, full is not None) if warning else None
        return full is not None
