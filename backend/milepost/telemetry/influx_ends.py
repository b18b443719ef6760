"""How far in time each device has been stored, remembered for one hand-over of a sink."""

import threading
import time

from milepost.db import Database
from milepost.telemetry import influx_sql

_FEW = 8  # so many devices are asked for one by one before all are read at once
_LONGEST_S = 0.5


class Ends:
    """Answers from the books. Any thread.

    A sink that meets two hundred devices for the first time asks three times for each; a query each took 0.6 s of CPU.
    What is remembered is as good as a query at the moment of `forget`, or half a second ago.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        """Read anew from now on."""
        with self._lock:
            self._known: dict[str, int] = {}
            self._asked: dict[str, int | None] = {}
            self._whole = False
            self._since = time.monotonic()

    def of(self, device: str) -> int | None:
        """The instant (UTC ms) behind which nothing of a device is stored; None when nothing is at all."""
        if time.monotonic() - self._since > _LONGEST_S:
            self.forget()
        with self._lock:
            if not self._whole and device not in self._asked:
                self._read(device)
            return self._known.get(device) if self._whole else self._asked[device]

    def _read(self, device: str) -> None:
        with self._db.read() as conn:
            if len(self._asked) < _FEW:
                self._asked[device] = influx_sql.last_at(conn, device)
            else:
                self._known, self._whole = influx_sql.all_last_at(conn), True
