"""The track of a vehicle: fixes of whatever device was on it, each by the binding of its event time."""

from typing import Any, Protocol

from sqlalchemy import Connection

from milepost.fleet import repository

_FOREVER_MS = 2**53


class TrackStore(Protocol):
    """The part of the telemetry store's port that tracks need."""

    def track(self, device: str, from_ms: int, to_ms: int, limit: int) -> list[Any]: ...


def spans_of_vehicle(conn: Connection, vehicle_id: str, from_ms: int, to_ms: int) -> list[tuple[str, int, int]]:
    """(device, from, to) of every binding to a vehicle, cut to [from_ms, to_ms)."""
    spans = []
    for row in repository.bindings(conn, target_kind="vehicle", target_id=vehicle_id):
        start = max(row["from_ms"], from_ms)
        end = to_ms if row["to_ms"] is None else min(row["to_ms"], to_ms)
        if start < end:
            spans.append((row["device_id"], start, end))
    return spans


def readings_of_vehicle(
    conn: Connection, store: TrackStore, vehicle_id: str, from_ms: int, to_ms: int, limit: int
) -> list[Any]:
    """Fix readings of a vehicle in [from_ms, to_ms), in order of event time, the earliest `limit`."""
    found = []
    for device, start, end in spans_of_vehicle(conn, vehicle_id, from_ms, to_ms):
        found += [reading for reading in store.track(device, start, end, limit) if start <= reading.at < end]
    found.sort(key=lambda reading: (reading.at, reading.device, reading.stream, reading.seq))
    return found[:limit]


def every_span_of_vehicle(conn: Connection, vehicle_id: str) -> list[tuple[str, int, int]]:
    """(device, from, to) of every binding to a vehicle there ever was; an open end lies beyond all times."""
    return spans_of_vehicle(conn, vehicle_id, 0, _FOREVER_MS)
