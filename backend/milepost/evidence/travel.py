"""Trips and stops of a vehicle as they end: the rule of `telemetry.legs` on the live lane and over the past.

Both lanes write the same rows, because both run the same rule and a row's id is its content: judging again is a
difference. What the open window of fixes shows may still be withdrawn; what the past shows is corrected by `replay`.
"""

import uuid
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection

from milepost.evidence import repository
from milepost.evidence.line import Line
from milepost.evidence.steady import Point
from milepost.fleet.track import spans_of_vehicle
from milepost.telemetry import legs
from milepost.telemetry.legs import Leg, State
from milepost.telemetry.model import TelemetryStore
from milepost.telemetry.stops import advance
from milepost.telemetry.ways import load

SETTLED_MS = 1_800_000  # a fix changes nothing of a stop that was over so long before it
_LEG = uuid.UUID("5d5f2b0f-5c0f-5f7e-8d3b-6c0a0d0b7e44")
Stored = dict[str, Any]


def observe(conn: Connection, vehicle: str, stored: Stored | None, leaving: Line, window: Line) -> Stored:
    """Take the fixes that leave the open window, then those in it; tell what has ended by them.

    `stored`: what the last call returned, None at first. Returns what to remember.
    """
    base = State.from_json(stored["base"]) if stored else State()
    told: set[str] = set(stored["told"]) if stored else set()
    base, over = legs.run(base, leaving.fixes())
    behind = legs.run(base, window.fixes())[1]
    rows = {row["id"]: row for row in rows_of(vehicle, over + behind)}
    for key in sorted(rows.keys() - told):
        repository.put_travel(conn, rows[key])
    if gone := told - rows.keys():
        repository.withdraw_travel(conn, sorted(gone))
    return {"base": base.as_json(), "told": sorted(row["id"] for row in rows_of(vehicle, behind))}


def current(stored: Stored | None, window: Iterable[Point], now_ms: int) -> Leg | None:
    """What a vehicle is doing, as far as its last fix says: its open leg; None when nothing was ever seen of it."""
    base = State.from_json(stored["base"]) if stored else State()
    state, _ = legs.run(base, Line(window).fixes())
    found = legs.flush(state, now_ms)
    return found[-1] if found else None


def rows_of(vehicle: str, found: Iterable[Leg]) -> list[dict[str, Any]]:
    """The rows of legs that are over; the id of each is its content."""
    rows = []
    for leg in found:
        row = {
            "vehicle_id": vehicle,
            "kind": leg.kind,
            "from_ms": leg.from_ms,
            "to_ms": leg.to_ms,
            "lat": round(leg.lat, 6),
            "lon": round(leg.lon, 6),
            "to_lat": round(leg.to_lat, 6),
            "to_lon": round(leg.to_lon, 6),
            "distance_m": round(leg.distance_m, 1),
            "gaps": leg.gaps,
            "gap_ms": leg.gap_ms,
            "ended_by": leg.ended_by,
        }
        rows.append({"id": str(uuid.uuid5(_LEG, "/".join(map(str, row.values())))), **row})
    return rows


class Past:
    """The legs of a vehicle before its open window, read from the telemetry store."""

    def __init__(self, conn: Connection, store: TelemetryStore, vehicle: str, from_ms: int, end_ms: int) -> None:
        """Judge from the last stop that a fix at `from_ms` cannot change, up to `end_ms` (exclusive)."""
        self._vehicle = vehicle
        stop = repository.last_stop(conn, vehicle, from_ms - SETTLED_MS)
        self.begin_ms = stop["from_ms"] if stop else 0
        self._end_ms = end_ms
        way = load(store, spans_of_vehicle(conn, vehicle, self.begin_ms, end_ms))
        # Where raw fixes have expired, what was told of them stands.
        earlier = stop is None and repository.travels(conn, vehicle, 0, int(way.at[0])) if len(way) else True
        self.known = bool(len(way)) and not earlier and (stop is None or int(way.at[0]) == stop["from_ms"])
        self.state, over = advance(State(), way)
        self._rows = rows_of(vehicle, over)

    def correct(self, conn: Connection, stored: Stored | None) -> Stored | None:
        """Bring the rows in line; returns what the live lane is to remember instead of `stored`."""
        if not self.known:
            return stored
        open_ones = set(stored["told"]) if stored else set()
        wanted = {row["id"] for row in self._rows}
        known = repository.travels(conn, self._vehicle, self.begin_ms, self._end_ms)
        gone = [row["id"] for row in known if row["from_ms"] >= self.begin_ms and row["id"] not in wanted | open_ones]
        repository.withdraw_travel(conn, gone)
        for row in self._rows:
            repository.put_travel(conn, row)
        return {"base": self.state.as_json(), "told": sorted(open_ones - wanted)}
