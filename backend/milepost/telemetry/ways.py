"""The way of a vehicle or a device as columns: fixes of one or several devices, its pieces and its gaps."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from milepost.telemetry.model import TelemetryStore

GAP_MS = 300_000  # a silence longer than this is shown as a gap, and no line is drawn across it
M_PER_DEGREE = math.radians(1) * 6_371_008.8  # of latitude, on the mean sphere
_COLUMNS = ("at", "lat", "lon", "speed_mps", "course_deg", "clock", "device")

Span = tuple[str, int, int]  # device, from_ms, to_ms: which device to read from when


@dataclass(frozen=True, slots=True)
class Way:
    """Good fixes by time, as columns of equal length; units as in `telemetry.model.Fixes`."""

    at: np.ndarray
    lat: np.ndarray
    lon: np.ndarray
    speed_mps: np.ndarray
    course_deg: np.ndarray
    clock: np.ndarray
    device: np.ndarray  # uint16, index into `devices`
    devices: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.at)


def load(store: TelemetryStore, spans: Sequence[Span]) -> Way:
    """The good fixes of some spans as one way. Spans of several devices may overlap: their fixes are merged by time."""
    devices = tuple(sorted({device for device, _, _ in spans}))
    parts = [(devices.index(device), store.fixes(device, start, end)) for device, start, end in spans]
    parts = [(number, part) for number, part in parts if len(part.at)]
    parts.sort(key=lambda each: int(each[1].at[0]))
    way = Way(
        at=_joined([part.at for _, part in parts], np.int64),
        lat=_joined([part.lat for _, part in parts], np.float64),
        lon=_joined([part.lon for _, part in parts], np.float64),
        speed_mps=_joined([part.speed_mps for _, part in parts], np.float32),
        course_deg=_joined([part.course_deg for _, part in parts], np.float32),
        clock=_joined([part.clock for _, part in parts], np.uint8),
        device=_joined([np.full(len(part.at), number, np.uint16) for number, part in parts], np.uint16),
        devices=devices,
    )
    if len(parts) < 2 or not np.any(np.diff(way.at) < 0):
        return way
    order = np.argsort(way.at, kind="stable")
    return replace(way, **{name: getattr(way, name)[order] for name in _COLUMNS})


def _joined(columns: list[np.ndarray], kind: type) -> np.ndarray:
    if len(columns) == 1:
        return columns[0]
    return np.concatenate(columns) if columns else np.array([], kind)


def pieces(way: Way) -> list[tuple[int, int]]:
    """[first, end) of every unbroken piece: cut at silences over 5 minutes, and where the line would cross the
    antimeridian (RFC 7946 §3.1.9)."""
    if not len(way):
        return []
    broken = (np.diff(way.at) > GAP_MS) | (np.abs(np.diff(way.lon)) > 180)
    edges = [0, *(np.flatnonzero(broken) + 1).tolist(), len(way)]
    return list(pairwise(edges))


def gaps(way: Way) -> list[tuple[int, int]]:
    """(from, to) in UTC ms of every silence over 5 minutes: last fix before, first fix after."""
    behind = np.flatnonzero(np.diff(way.at) > GAP_MS)
    return [(int(way.at[i]), int(way.at[i + 1])) for i in behind]


def metric(lat: np.ndarray, lon: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Degrees as metres on a plane (sinusoidal projection about the middle longitude, unwrapped at the antimeridian).

    True to area, and true to length within 5 % over the 20° that a truck may cross in a span; degrees would stretch
    east and west by 1/cos(latitude).
    """
    if not len(lat):
        return np.array([], np.float64), np.array([], np.float64)
    turned = unwrapped(lon)
    middle = (float(turned.min()) + float(turned.max())) / 2
    return (turned - middle) * np.cos(np.radians(lat)) * M_PER_DEGREE, lat * M_PER_DEGREE


def unwrapped(lon: np.ndarray) -> np.ndarray:
    """Longitudes without the jump at the antimeridian: they may leave ±180°."""
    steps = np.diff(lon)
    if not np.any(np.abs(steps) > 180):
        return lon
    turns = np.cumsum(np.where(steps > 180, -360.0, np.where(steps < -180, 360.0, 0.0)))
    return lon + np.concatenate([[0.0], turns])
