"""Empties the spools of workers that are gone: what only their files hold reaches the stores without them.

A file whose lock is free belongs to no living process. Its sinks go on where the dead worker's stood, because their
positions are kept by the file's key; its own worker gets the file back within a second when it returns.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from milepost.ingest.files import Claim, spool_files
from milepost.ingest.model import Sink
from milepost.ingest.screen import Screen
from milepost.ingest.sinks import SinkRunner
from milepost.ingest.spool import Spool

LOOK_S = 3.0
_BEAT_S = 0.2
_log = logging.getLogger(__name__)


class Drainer:
    """Looks for such files in a data folder, in a thread of its own."""

    def __init__(self, data_dir: Path, worker: str, sinks_of: Callable[[Spool], Sequence[Sink]]) -> None:
        """`worker`: whose own file is left alone; `sinks_of(spool)`: what reads a spool behind the screen."""
        self._folder = data_dir
        self._worker = worker
        self._sinks_of = sinks_of
        self._empty: dict[Path, tuple[tuple[int, int], ...]] = {}  # files that were emptied, as they were then
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="drain", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Let go of the file at hand and end."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(60)

    @property
    def threads(self) -> list[threading.Thread]:
        """What must be alive while this runs."""
        return [self._thread]

    def look(self) -> None:
        """Empty every file that nobody uses, as far as it goes."""
        for worker, path in spool_files(self._folder).items():
            if worker == self._worker or self._stop.is_set() or self._empty.get(path) == _print(path):
                continue
            claim = Claim(path)
            if claim.borrow():
                try:
                    self._drain(path, claim)
                finally:
                    claim.release()

    def _drain(self, path: Path, claim: Claim) -> None:
        spool = Spool(path)
        runners = [SinkRunner(sink, spool) for sink in (Screen(spool), *self._sinks_of(spool))]
        try:
            _log.info("emptying %s, whose worker is gone", path)
            for runner in runners:
                runner.start()
            while not self._stop.is_set() and not claim.wanted() and not _is_empty(spool, runners):
                self._stop.wait(_BEAT_S)
            done = _is_empty(spool, runners)
        finally:
            for runner in runners:
                runner.stop()
            spool.close()
        if done:
            self._empty[path] = _print(path)

    def _run(self) -> None:
        while not self._stop.wait(LOOK_S):
            try:
                self.look()
            except Exception:
                _log.exception("the spools of other workers could not be emptied; trying again")


def _is_empty(spool: Spool, runners: Sequence[SinkRunner]) -> bool:
    """Every sink has had everything, and nothing waits for the clock of its device."""
    conn = spool.connection()
    newest = conn.execute("SELECT max(id) FROM item").fetchone()[0] or 0
    held = conn.execute("SELECT 1 FROM held LIMIT 1").fetchone() is not None
    return not held and all(runner.position >= newest for runner in runners)


def _print(path: Path) -> tuple[tuple[int, int], ...]:
    files = (path, path.with_name(path.name + "-wal"))
    return tuple((each.stat().st_mtime_ns, each.stat().st_size) for each in files if each.exists())
