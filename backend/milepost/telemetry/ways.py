"""The way of a vehicle or a device as columns: fixes of one or several devices, its pieces and its gaps."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from milepost.telemetry.model import TelemetryStore

GAP_MS = 300_000  # a silence longer than this is shown as a gap, and no line is drawn across it
M_PER_DEGREE = math.radians(1) * 6_371_008.8  # of latitude, on the mean sphere
_BLOCK = 32_768  # fixes: 256 kB of a column of 8 bytes
_KINDS = {
    "at": np.int64,
    "lat": np.float64,
    "lon": np.float64,
    "speed_mps": np.float32,
    "course_deg": np.float32,
    "clock": np.uint8,
    "device": np.uint16,
}

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
    columns = {name: [getattr(part, name) for _, part in parts] for name in _KINDS if name != "device"}
    columns["device"] = [np.full(len(part.at), number, np.uint16) for number, part in parts]
    parts.clear()  # so that the parts of a column go as soon as it is joined
    way = Way(**{name: _joined(columns.pop(name), kind) for name, kind in _KINDS.items()}, devices=devices)
    if not np.any(way.at[1:] < way.at[:-1]):
        return way
    order = np.argsort(way.at, kind="stable")
    return replace(way, **{name: getattr(way, name)[order] for name in _KINDS})


def _joined(columns: list[np.ndarray], kind: type) -> np.ndarray:
    if len(columns) == 1:
        return columns[0]
    return np.concatenate(columns) if columns else np.array([], kind)


def blocks(count: int) -> Iterator[slice]:
    """A column of `count` values in stretches that fit the cache, so that what is made of them on the way does too."""
    return (slice(first, first + _BLOCK) for first in range(0, count, _BLOCK))


def pieces(way: Way) -> list[tuple[int, int]]:
    """[first, end) of every unbroken piece: cut at silences over 5 minutes, and where the line would cross the
    antimeridian (RFC 7946 §3.1.9)."""
    if not len(way):
        return []
    cuts = np.union1d(_leaps(way.at, GAP_MS), _leaps(way.lon, 180))
    return list(pairwise([0, *(cuts + 1).tolist(), len(way)]))


def gaps(way: Way) -> list[tuple[int, int]]:
    """(from, to) in UTC ms of every silence over 5 minutes: last fix before, first fix after."""
    return [(int(way.at[i]), int(way.at[i + 1])) for i in _leaps(way.at, GAP_MS)]


def _leaps(column: np.ndarray, over: float) -> np.ndarray:
    """Indices of values from which the next one lies farther than `over`."""
    found = [
        np.flatnonzero(np.abs(np.diff(column[part.start : part.stop + 1])) > over) + part.start
        for part in blocks(len(column))
    ]
    return np.concatenate(found) if found else np.array([], np.int64)


class Plane:
    """A way in metres on a plane (sinusoidal projection about the middle longitude, unwrapped at the antimeridian).

    True to area, and true to length within 5 % over the 20° that a truck may cross in a span; degrees would stretch
    east and west by 1/cos(latitude). Nothing is projected before it is asked for.
    """

    def __init__(self, lat: np.ndarray, lon: np.ndarray) -> None:
        """`lat`, `lon`: degrees WGS-84 of one fix at least, by time."""
        self._lat, self._lon = lat, unwrapped(lon)
        self._middle = (float(self._lon.min()) + float(self._lon.max())) / 2

    def __len__(self) -> int:
        return len(self._lat)

    def __getitem__(self, which: np.ndarray) -> np.ndarray:
        """Rows of x (east) and y (north) in m, for the indices of some fixes."""
        lat = self._lat[which]
        places = np.empty((len(lat), 2))
        np.multiply((self._lon[which] - self._middle) * np.cos(np.radians(lat)), M_PER_DEGREE, out=places[:, 0])
        np.multiply(lat, M_PER_DEGREE, out=places[:, 1])
        return places


def unwrapped(lon: np.ndarray) -> np.ndarray:
    """Longitudes without the jump at the antimeridian: they may leave ±180°."""
    jumps = _leaps(lon, 180)
    if not len(jumps):
        return lon
    turns = np.zeros(len(lon))
    turns[jumps + 1] = np.where(lon[jumps + 1] > lon[jumps], -360.0, 360.0)
    return lon + np.cumsum(turns)
