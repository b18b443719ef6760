"""The spool files of a data folder seen from a process that ingests nothing: their dead letters, and who holds what."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from milepost.errors import NotFound, Unavailable
from milepost.ingest import dead_letters
from milepost.ingest.files import spool_files
from milepost.ingest.spool import put_items


class Spools:
    """Opens the file of one worker for as long as one answer takes; the worker goes on with it meanwhile."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir

    def workers(self) -> list[str]:
        """Every worker that has a file in the folder, by name."""
        return list(spool_files(self._folder))

    @contextmanager
    def connection(self, worker: str | None) -> Iterator[sqlite3.Connection]:
        """The file of a worker (None: the only one there is), to read. Raises NotFound, Unavailable."""
        with self._open(worker, "ro") as conn:
            yield conn

    def rerun(self, worker: str | None, letter_id: int) -> None:
        """Put a dead letter back into its spool; its worker, or who empties the file, takes it from there.

        Raises NotFound, Unavailable, or Conflict while it still cannot be read.
        """
        with self._open(worker, "rw") as conn:
            conn.execute("PRAGMA synchronous=FULL")
            conn.execute("BEGIN IMMEDIATE")
            put_items(conn, [dead_letters.rerun(conn, letter_id)])
            conn.execute("COMMIT")

    @contextmanager
    def _open(self, worker: str | None, mode: str) -> Iterator[sqlite3.Connection]:
        conn = sqlite3.connect(f"file:{self._path(worker)}?mode={mode}", uri=True, timeout=10, isolation_level=None)
        try:
            yield conn
        finally:
            conn.close()  # undoes what was not committed

    def _path(self, worker: str | None) -> Path:
        files = spool_files(self._folder)
        if not files:
            raise Unavailable(f"no spool lies in {self._folder}; ask a process on the host of the ingest workers")
        if worker is None and len(files) == 1:
            return next(iter(files.values()))
        if worker not in files:
            names = ", ".join(repr(name) for name in files)
            raise NotFound(f"say whose spool (`worker`): here are those of {names}; others lie on other hosts")
        return files[worker]
