"""The track of a vehicle: fixes of whatever device was on it, each by the binding of its event time."""

from typing import Any, Protocol

from sqlalchemy import Connection

from milepost.fleet import repository
from milepost.times import to_rfc3339


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


def track_of_vehicle(
    conn: Connection, store: TrackStore, vehicle_id: str, from_ms: int, to_ms: int, limit: int
) -> list[dict[str, Any]]:
    """The same as JSON objects with 6 decimals of a degree; unknown values are null."""
    return [
        {
            "t": to_rfc3339(reading.at),
            "lat": round(reading.body.lat, 6),
            "lon": round(reading.body.lon, 6),
            "alt_m": reading.body.alt_m,
            "speed_mps": reading.body.speed_mps,
            "course_deg": reading.body.course_deg,
            "clock": reading.clock,
            "device": reading.device,
            "stream": reading.stream,
            "seq": reading.seq,
        }
        for reading in readings_of_vehicle(conn, store, vehicle_id, from_ms, to_ms, limit)
    ]
