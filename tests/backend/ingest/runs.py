"""Runs for tests."""

from collections.abc import Sequence
from math import isfinite
from typing import Any

from milepost.ingest.reading import Reading
from milepost.ingest.run import Run


def run_of(readings: Sequence[Reading]) -> Run | None:
    """The run that these readings are, None where they are none."""
    bodies: list[Any] = [each.body for each in readings]
    if not readings or {(each.kind, each.clock) for each in readings} != {("fix", "gnss")}:
        return None
    head = readings[0]
    if len({(each.device, each.stream) for each in readings}) > 1 or [each.seq for each in readings] != list(
        range(head.seq, head.seq + len(readings))
    ):
        return None
    if any(each.source or not (abs(each.lat) <= 90 and abs(each.lon) <= 180) for each in bodies):
        return None
    if any(round(x * 1e6) / 1e6 != x for each in bodies for x in (each.lat, each.lon) if isfinite(x)):
        return None  # finer than the wire
    columns: list[list[Any]] = [
        [getattr(each, name) for each in bodies] for name in ("alt_m", "speed_mps", "course_deg", "sats", "hdop")
    ]
    return Run(
        head.device, head.stream, head.seq, [each.received_at for each in readings], [each.at for each in readings],
        [round(each.lat * 1e6) for each in bodies], [round(each.lon * 1e6) for each in bodies], *columns,
    )  # fmt: skip
