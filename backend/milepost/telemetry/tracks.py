"""A track: the way of a vehicle or a device over a span, ready to be shown; `track_text` writes it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from milepost.telemetry import ways
from milepost.telemetry.model import Judged, TelemetryStore
from milepost.telemetry.simplify import thinned
from milepost.telemetry.stops import Stop, stops
from milepost.telemetry.ways import Span, Way

QUARANTINED_SHOWN = 1_000


@dataclass(frozen=True, slots=True)
class Track:
    """A way with what was left out of it and why."""

    way: Way  # every good fix
    pieces: tuple[np.ndarray, ...]  # per unbroken piece the indices that are drawn, rising, both ends among them
    tolerance_m: float  # so far at most a fix that is not drawn lies from the line
    gaps: tuple[tuple[int, int], ...]
    stops: tuple[Stop, ...]
    quarantined: tuple[Judged, ...]
    quarantined_cut: bool  # there are more of them

    @property
    def shown(self) -> int:
        """How many good fixes are drawn."""
        return sum(len(piece) for piece in self.pieces)


def track_of(store: TelemetryStore, spans: Sequence[Span], max_points: int) -> Track:
    """The track over some spans, with about `max_points` (≥ 2) of its good fixes and never more.

    The ends of every unbroken piece always stay (only a way with more pieces than half of `max_points` has more
    points), and those of stops where there is room for them, so that a replay stands still where the vehicle did.
    Quarantined fixes count on their own: the first 1,000. Raises OSError while the store cannot be reached.
    """
    way = ways.load(store, spans)
    parts = ways.pieces(way)
    stood = stops(way)
    ends = [i for first, end in parts for i in (first, end - 1)]
    if len(ends) + 2 * len(stood) <= max_points // 2:
        ends += [i for stop in stood for i in (stop.first, stop.last)]
    if len(way) > max_points:
        kept, tolerance_m = thinned(ways.Plane(way.lat, way.lon), ends, max_points)
    else:
        kept, tolerance_m = np.arange(len(way)), 0.0
    edges = np.searchsorted(kept, [first for first, _ in parts[1:]]) if parts else []
    bad = _quarantined(store, spans)
    return Track(
        way,
        tuple(np.split(kept, edges)) if parts else (),
        tolerance_m,
        tuple(ways.gaps(way)),
        tuple(stood),
        tuple(bad[:QUARANTINED_SHOWN]),
        len(bad) > QUARANTINED_SHOWN,
    )


def stops_of(store: TelemetryStore, spans: Sequence[Span]) -> list[Stop]:
    """Where the vehicle stood within some spans, by time."""
    return stops(ways.load(store, spans))


def _quarantined(store: TelemetryStore, spans: Sequence[Span]) -> list[Judged]:
    found: list[Judged] = []
    for device, start, end in spans:
        found += store.quarantined(device, start, end, QUARANTINED_SHOWN + 1)
    found.sort(key=lambda each: (each.reading.at, each.reading.device, each.reading.stream, each.reading.seq))
    return found
