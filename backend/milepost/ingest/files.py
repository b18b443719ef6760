"""The spool files of a data folder: one a worker, and never two processes on one of them.

The lock is the kernel's, so it is gone the moment its process is, whatever ended it.
"""

import fcntl
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, NoReturn

from milepost.errors import Conflict

_WAIT_S = 60.0  # whoever empties a file first finishes what its sinks have in hand
_OWNER_S = 1.0  # a predecessor that is just ending
_PAUSE_S = 0.05


def spool_path(data_dir: Path, worker: str) -> Path:
    """The spool file of a worker; the process that is alone has no name."""
    return data_dir / (f"spool-{worker}.db" if worker else "spool.db")


def spool_files(data_dir: Path) -> dict[str, Path]:
    """Every spool file in a folder, by worker."""
    found = {path.stem.removeprefix("spool").removeprefix("-"): path for path in data_dir.glob("spool*.db")}
    return dict(sorted((worker, path) for worker, path in found.items() if spool_path(data_dir, worker) == path))


class Claim:
    """The right to use one spool file. Its own worker takes it with `own`, whoever empties it with `borrow`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock: IO[str] | None = None
        self._wish: IO[str] | None = None

    def own(self, wait_s: float = _WAIT_S) -> "Claim":
        """Take the file, after a moment in which somebody who empties it lets go. Raises Conflict."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._wish = _open(self._path, "wish")
        if not _in_time(_try, self._wish, _OWNER_S):
            self._refuse("another process uses it; give each worker a name of its own (--worker)")
        if not _in_time(lambda _wish: self._take(), self._wish, wait_s):
            self._refuse(f"another worker empties it and did not let go of it in {wait_s:g} s; try again")
        return self

    def _refuse(self, why: str) -> NoReturn:
        self.release()
        raise Conflict(f"{self._path}: {why}", changed="spool")

    def borrow(self) -> bool:
        """Take the file if nobody has it and nobody waits for it."""
        return not self.wanted() and self._take()

    def wanted(self) -> bool:
        """True when the file's own worker waits for it: whoever has borrowed it lets go then."""
        with _open(self._path, "wish") as wish:
            return not _try(wish)

    def release(self) -> None:
        """Let others have it."""
        for held in (self._lock, self._wish):
            if held is not None:
                held.close()
        self._lock = self._wish = None

    def _take(self) -> bool:
        lock = self._lock or _open(self._path, "lock")
        if _try(lock):
            self._lock = lock
            return True
        lock.close()
        return False


def _in_time(what: Callable[[IO[str]], bool], lock: IO[str], within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while not what(lock):
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE_S)
    return True


def _open(path: Path, kind: str) -> IO[str]:
    return path.with_name(f"{path.name}.{kind}").open("a")


def _try(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
