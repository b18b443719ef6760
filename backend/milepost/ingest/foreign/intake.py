"""Everything that lets other people's devices in: identities, the writer, the TCP server, the pace of the phones."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from milepost.db import Database
from milepost.errors import Forbidden, Invalid, RateLimited, Unavailable
from milepost.ingest.foreign.directory import Directory
from milepost.ingest.foreign.jt808.server import Jt808Server
from milepost.ingest.foreign.limits import Buckets
from milepost.ingest.foreign.model import Adapter, Unreadable
from milepost.ingest.foreign.writer import GroupWriter
from milepost.ingest.model import SpoolItem
from milepost.ingest.spool import Message, Spool
from milepost.settings import Settings
from milepost.times import now_ms

_log = logging.getLogger(__name__)
_REFRESH_S = 2.0  # an identity added in another process is known here after this
_GUESSES_PER_S, _GUESSES_AT_ONCE = 10 / 60, 10  # wrong secrets for one identifier
_REQUESTS_PER_S, _REQUESTS_AT_ONCE = 20, 1_000  # of one phone: its backlog comes one by one
_STORE_S = 30.0


class Intake:
    """Runs beside ingest, into the same spool. Start it before ingest's sinks miss it, stop it before the spool."""

    def __init__(
        self, settings: Settings, spool: Spool, db: Database, refuses: Callable[[], str | None] = lambda: None
    ) -> None:
        """`refuses` says why nothing may be stored at present (a full disk), or None."""
        self.directory = Directory(db)
        self.writer = GroupWriter(spool, settings.spool_sync_ms, refuses)
        attempts = Buckets(_GUESSES_PER_S, _GUESSES_AT_ONCE)
        self.jt808: Jt808Server | None = None
        if settings.jt808_port is not None:
            host = settings.jt808_host or settings.http_host
            self.jt808 = Jt808Server(host, settings.jt808_port, self.directory, self.writer, attempts)
        self._attempts = attempts
        self._pace = Buckets(_REQUESTS_PER_S, _REQUESTS_AT_ONCE)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="foreign-keeper", daemon=True)

    def start(self) -> None:
        """Let devices in. Raises OSError when the port of JT/T 808 is not to be had."""
        self.directory.try_refresh()
        self.writer.start()
        self._keeper.start()
        if self.jt808 is not None:
            self.jt808.start()

    def stop(self) -> None:
        """Let nobody in any more; what was handed in is stored first."""
        if self.jt808 is not None:
            self.jt808.stop()
        self.writer.stop()
        self._stop.set()
        if self._keeper.ident is not None:
            self._keeper.join(10)
        self.directory.try_refresh()

    @property
    def threads(self) -> list[threading.Thread]:
        """What must be alive while this runs."""
        return [self._keeper, *self.writer.threads, *([] if self.jt808 is None else self.jt808.threads)]

    def take(self, adapter: Adapter, identifier: str | None, secrets: list[str], payload: bytes) -> int:
        """One request of a phone: check who it is, store it, and return how many positions it held.

        Returns only once the request is on disk. Raises Forbidden, RateLimited, Unavailable, or Invalid for what
        cannot be understood (which is kept as a dead letter all the same).
        """
        device = self._admitted(adapter, identifier, secrets)
        now = now_ms()
        item = SpoolItem(0, device, adapter.channel, now, payload)
        try:
            self.writer.submit(Message(device, adapter.channel, now, payload)).result(_STORE_S)
        except TimeoutError:
            raise Unavailable("the disk is too slow at present; send it again later") from None
        except OSError as error:
            raise Unavailable(f"it could not be stored ({error}); send it again later") from None
        try:
            positions = adapter.parse(payload).positions
        except Unreadable as error:
            raise Invalid(f"{error.reason}: {error.detail}") from None
        bad = adapter.unreadable(item)
        if bad is not None and bad[0] == "time":
            raise Invalid(f"time: {bad[1]}")
        return len(positions)

    def status(self) -> dict[str, Any]:
        """Plain numbers for operators."""
        server = self.jt808
        return {
            "jt808_port": None if server is None else server.port,
            "jt808_connections": 0 if server is None else server.connections,
            "identities_known": self.directory.ready,
        }

    def missed(self, device: str) -> int:
        """Messages of a device whose serials were left out since this process started: a hint, never a proof."""
        return 0 if self.jt808 is None else self.jt808.missed.get(device, 0)

    def _admitted(self, adapter: Adapter, identifier: str | None, secrets: list[str]) -> str:
        """The device behind an identifier with its secret."""
        if identifier is None:
            raise Invalid("the request does not say which device it comes from; see docs/adapters.md")
        if not self.directory.ready:
            raise Unavailable("the database is away and identities are not known yet; send it again later")
        try:
            known_as = adapter.identifier(identifier)
        except Unreadable as error:
            raise Invalid(error.detail) from None
        name = f"{adapter.channel} {known_as}"
        found = self.directory.find(adapter.channel, known_as)
        with self._lock:
            now = time.monotonic()
            if self._pace.take(name, now) or not self._attempts.spare(name, now):
                raise RateLimited("too many requests of this device; wait a minute")
            proven = found is not None and any(found.proven_by(each) for each in (secrets or [""]))
            if found is not None and not proven:
                self._attempts.take(name, now)
        if found is None:
            self.directory.unknown(adapter.channel, known_as, "gave a secret" if secrets else "gave no secret")
        if found is None or not proven:
            # The same answer for both: nobody learns here which identifiers exist.
            raise Forbidden(f"{adapter.title} device {known_as} is not known here, or its secret is wrong")
        return found.device

    def _keep(self) -> None:
        while not self._stop.wait(_REFRESH_S):
            self.directory.try_refresh()
