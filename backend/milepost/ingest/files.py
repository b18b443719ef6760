"""The spool files of a data folder: one a worker, and never two processes on one of them.

The lock is the kernel's, so it is gone the moment its process is, whatever ended it.
"""

import fcntl
import time
from pathlib import Path
from typing import IO

from milepost.errors import Conflict

_WAIT_S = 30.0
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
        deadline = time.monotonic() + wait_s
        while not (_try(self._wish) and self._take()):
            if time.monotonic() > deadline:
                self.release()
                raise Conflict(
                    f"another process uses {self._path}; give each worker a name of its own (--worker)", changed="spool"
                )
            time.sleep(_PAUSE_S)
        return self

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


def _open(path: Path, kind: str) -> IO[str]:
    return path.with_name(f"{path.name}.{kind}").open("a")


def _try(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
