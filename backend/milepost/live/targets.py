"""Where devices are mounted and how often they report, remembered so that a fix costs no query."""

import json
import threading
import time
from typing import Any

from sqlalchemy import Connection, func, select

from milepost.db import Database
from milepost.fleet import repository as fleet
from milepost.fleet.tables import binding, device
from milepost.live.state import Limits

_CHECK_S = 1.0
# What a device does that was never configured (firmware/milepost_device/config.py).
DEFAULT_INTERVAL_S = 1
DEFAULT_STATIONARY_S = 300
DEFAULT_HEALTH_S = 300

_Span = tuple[int, int | None, str, str]  # from, to (UTC ms, half-open), kind, id


class FleetTargets:
    """Answers from memory; looks once a second whether a binding or a configuration has changed, and loads all then.

    All in one query, for a query a device would stop the board for seconds when thousands report again.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._lock = threading.Lock()
        self._spans: dict[str, list[_Span]] = {}
        self._limits: dict[str, tuple[Limits, Limits]] = {}  # parked, moving
        self._print: tuple[object, ...] = ()
        self._checked = float("-inf")

    def target_at(self, device_id: str, at: int) -> tuple[str, str] | None:
        """("vehicle" | "door" | "bench", id) at an event time (UTC ms), or None."""
        self._check()
        for start, end, kind, target in self._spans.get(device_id, ()):
            if start <= at and (end is None or at < end):
                return kind, target
        return None

    def target_of(self, device_id: str, first: int, last: int) -> tuple[str, str] | None:
        """The same of a whole span, both ends in it; None also where it changes within."""
        self._check()
        for start, end, kind, target in self._spans.get(device_id, ()):
            if start <= last and (end is None or first < end):
                return (kind, target) if start <= first and (end is None or last < end) else None
        return None

    def limits_of(self, device_id: str, moving: bool = False) -> Limits:
        """How long it may be silent after a fix that shows it `moving` or not (`limits_of` below)."""
        self._check()
        parked, on_the_move = self._limits.get(device_id) or _both("tracker", {})
        return on_the_move if moving else parked

    def _check(self) -> None:
        if time.monotonic() - self._checked < _CHECK_S:
            return
        with self._lock:
            if time.monotonic() - self._checked < _CHECK_S:
                return
            with self._db.read() as conn:
                mark = (
                    *conn.execute(
                        select(func.count(), func.max(binding.c.created_at), func.sum(binding.c.to_ms))
                    ).one(),
                    *conn.execute(select(func.count(), func.sum(device.c.config_version))).one(),
                )
                if mark != self._print:
                    self._load(conn)
            self._print = mark
            self._checked = time.monotonic()

    def _load(self, conn: Connection) -> None:
        spans: dict[str, list[_Span]] = {}
        for device_id, start, end, kind, target in fleet.binding_spans(conn):
            spans.setdefault(device_id, []).append((start, end, kind, target))
        alike: dict[tuple[str, str], tuple[Limits, Limits]] = {}  # most of a fleet is configured like the rest
        limits: dict[str, tuple[Limits, Limits]] = {}
        for device_id, role, config in fleet.configured(conn):
            if (role, config) not in alike:
                alike[role, config] = _both(role, json.loads(config))
            limits[device_id] = alike[role, config]
        self._limits, self._spans = limits, spans


def _both(role: str, config: dict[str, Any]) -> tuple[Limits, Limits]:
    return limits_of(role, config), limits_of(role, config, moving=True)


def limits_of(role: str, config: dict[str, Any], moving: bool = False) -> Limits:
    """How long a device of this role and configuration may be silent. A truck on the move reports by the one interval,
    a parked one by the longer of both; a reader at a quiet door by the one of its health records."""
    if role == "reader":
        return Limits.of_interval(_seconds(config, "health_interval_s", DEFAULT_HEALTH_S))
    on_the_move = _seconds(config, "report_interval_s", DEFAULT_INTERVAL_S)
    if moving:
        return Limits.of_interval(on_the_move)
    return Limits.of_interval(max(on_the_move, _seconds(config, "stationary_interval_s", DEFAULT_STATIONARY_S)))


def _seconds(config: dict[str, Any], name: str, default: int) -> float:
    """An interval that somebody wrote; what a device would refuse (no number, or out of its range) it keeps out of."""
    value = config.get(name)
    return value if isinstance(value, int | float) and not isinstance(value, bool) and 1 <= value <= 86_400 else default
