"""Many connections, one sync: what they hand in within 20 ms is stored in one transaction, and only then answered."""

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

from milepost.errors import Unavailable
from milepost.ingest.spool import Message, Spool

_AT_ONCE = 1_000
_MOST_WAITING = 20_000


class GroupWriter:
    """Hands messages of foreign devices to the spool, in groups. From any thread."""

    def __init__(self, spool: Spool, sync_ms: int, refuses: Callable[[], str | None] = lambda: None) -> None:
        """`sync_ms`: longest wait for others to join a group; `refuses` says why nothing may be stored, or None."""
        self._spool = spool
        self._sync_s = sync_ms / 1000
        self._refuses = refuses
        self._waiting: queue.Queue[tuple[Message, Future[None]] | None] = queue.Queue(_MOST_WAITING)
        self._thread = threading.Thread(target=self._run, name="foreign-writer", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Write what is waiting, and end."""
        self._waiting.put(None)
        if self._thread.is_alive():
            self._thread.join(30)

    @property
    def threads(self) -> list[threading.Thread]:
        """What must be alive while this runs."""
        return [self._thread]

    def submit(self, message: Message) -> Future[None]:
        """A future that is done once the message is on disk; it fails with Unavailable or what the spool raised."""
        done: Future[None] = Future()
        try:
            self._waiting.put_nowait((message, done))
        except queue.Full:
            done.set_exception(Unavailable("more is waiting for the disk than is good; send it again later"))
        return done

    def _run(self) -> None:
        going = True
        while going:
            first = self._waiting.get()
            if first is None:
                return
            group = [first]
            until = time.monotonic() + self._sync_s
            while len(group) < _AT_ONCE and (left := until - time.monotonic()) > 0:
                try:
                    each = self._waiting.get(timeout=left)
                except queue.Empty:
                    break
                if each is None:
                    going = False
                    break
                group.append(each)
            self._write(group)

    def _write(self, group: list[tuple[Message, "Future[None]"]]) -> None:
        error: Exception | None = None
        if (reason := self._refuses()) is not None:
            error = Unavailable(f"nothing is stored at present ({reason}); keep it and send it again later")
        else:
            try:
                self._spool.append([message for message, _ in group])
            except Exception as found:
                error = found
        for _, done in group:
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)
