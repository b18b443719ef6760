"""Where devices are mounted and how often they report, remembered so that a fix costs no query."""

import json
import threading
import time

from sqlalchemy import func, select

from milepost.db import Database
from milepost.fleet import repository as fleet
from milepost.fleet.tables import binding, device
from milepost.live.state import Limits

_CHECK_S = 1.0
DEFAULT_INTERVAL_S = 1
DEFAULT_STATIONARY_S = 60

_Span = tuple[int, int | None, str, str]  # from, to (UTC ms, half-open), kind, id


class FleetTargets:
    """Answers from memory; looks once a second whether a binding or a configuration has changed, and forgets then."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._lock = threading.Lock()
        self._spans: dict[str, list[_Span]] = {}
        self._limits: dict[str, Limits] = {}
        self._print: tuple[object, ...] = ()
        self._checked = float("-inf")

    def target_at(self, device_id: str, at: int) -> tuple[str, str] | None:
        """("vehicle" | "door", id) at an event time (UTC ms), or None."""
        self._check()
        spans = self._spans.get(device_id)
        if spans is None:
            with self._db.read() as conn:
                rows = fleet.bindings(conn, device_id=device_id)
            spans = [(row["from_ms"], row["to_ms"], row["target_kind"], row["target_id"]) for row in rows]
            self._spans[device_id] = spans
        for start, end, kind, target in spans:
            if start <= at and (end is None or at < end):
                return kind, target
        return None

    def limits_of(self, device_id: str) -> Limits:
        """How long it may be silent: its longest own interval counts, because a parked truck reports by that one."""
        limits = self._limits.get(device_id)
        if limits is None:
            with self._db.read() as conn:
                row = fleet.find_device(conn, device_id)
            config = json.loads(row["config"]) if row else {}
            moving = config.get("report_interval_s", DEFAULT_INTERVAL_S)
            standing = config.get("stationary_interval_s", DEFAULT_STATIONARY_S)
            limits = self._limits[device_id] = Limits.of_interval(max(moving, standing))
        return limits

    def _check(self) -> None:
        with self._lock:
            if time.monotonic() - self._checked < _CHECK_S:
                return
            self._checked = time.monotonic()
        with self._db.read() as conn:
            mark = (
                *conn.execute(select(func.count(), func.max(binding.c.created_at), func.sum(binding.c.to_ms))).one(),
                conn.execute(select(func.sum(device.c.config_version))).scalar(),
            )
        if mark != self._print:
            self._print = mark
            self._spans = {}
            self._limits = {}
