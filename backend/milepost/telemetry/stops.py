"""Where a vehicle stood, from the columns of its way. Pure, and the one rule for all who ask."""

from dataclasses import dataclass

import numpy as np

from milepost.telemetry.ways import Way, metric, unwrapped

LEAST_MS = 180_000  # shorter is traffic
RADIUS_M = 75.0  # a parked receiver under a roof wanders by 30 m and jumps farther; a yard is larger
_STANDING_MPS = 1.5  # slower than a walk, the same measure as on the board
_BLOCK = 4_096


@dataclass(frozen=True, slots=True)
class Stop:
    """A vehicle stood from `from_ms` to `to_ms` (its first and last fix there)."""

    first: int  # index into the way
    last: int
    from_ms: int
    to_ms: int
    lat: float  # median of its fixes
    lon: float
    lasting: bool  # the way ends here: nobody saw it leave


def stops(way: Way) -> list[Stop]:
    """Standing pieces of a way by time: at least 3 minutes within 75 m of one place.

    A single fix elsewhere does not end a stop, two in a row do. A silence does not end it either when the vehicle is
    still there afterwards: parked trucks are silent for hours. Approach and departure inside the circle count as
    driving where the fixes carry a speed.
    """
    n = len(way)
    if n < 2:
        return []
    x, y = metric(way.lat, way.lon)
    later = np.searchsorted(way.at, way.at + LEAST_MS)  # the first fix that could complete a stop begun here
    near = np.minimum(later, n - 1)
    candidates = np.flatnonzero((later < n) & (np.hypot(x[near] - x, y[near] - y) <= 2 * RADIUS_M))
    found: list[Stop] = []
    at = 0
    while True:
        place = int(np.searchsorted(candidates, at))
        if place == len(candidates):
            return found
        first = int(candidates[place])
        stays, at = _stay(x, y, first, int(later[first]))
        if stays:
            stop = _trimmed(way, first, at - 1)
            if stop is not None:
                found.append(stop)


def _stay(x: np.ndarray, y: np.ndarray, first: int, least: int) -> tuple[bool, int]:
    """Whether there is a stay from `first` to `least` or longer, and where to look on: behind it, or behind what
    speaks against it."""
    window = slice(first, least + 1)
    middle_x, middle_y = float(np.median(x[window])), float(np.median(y[window]))
    far = np.hypot(x[window] - middle_x, y[window] - middle_y) > RADIUS_M
    if far[0]:  # the approach: a stay can begin with the first fix inside
        return False, first + max(1, int(np.argmin(far)))
    if far[-1] or np.any(far[1:] & far[:-1]):
        return False, first + max(1, (least - first) // 16)
    return True, _end(x, y, middle_x, middle_y, least) + 1


def _end(x: np.ndarray, y: np.ndarray, middle_x: float, middle_y: float, last: int) -> int:
    """The last index of a stay that holds at least to `last`: before two fixes in a row outside, or before an end
    outside."""
    while last + 1 < len(x):
        block = slice(last + 1, last + 1 + _BLOCK + 1)  # one more: a pair may lie across two blocks
        away = np.hypot(x[block] - middle_x, y[block] - middle_y) > RADIUS_M
        is_end = last + 1 + len(away) == len(x)
        pairs = np.flatnonzero(away & np.append(away[1:], is_end))
        if len(pairs):
            return last + int(pairs[0])
        last += len(away) if is_end else _BLOCK
    return last


def _trimmed(way: Way, first: int, last: int) -> Stop | None:
    """The stop without its approach and departure; None when too little is left of it."""
    speed = way.speed_mps[first : last + 1]
    standing = np.flatnonzero(~(speed >= _STANDING_MPS))  # an unknown speed says nothing against standing
    if not len(standing):
        return None
    start, end = first + int(standing[0]), first + int(standing[-1])
    if way.at[end] - way.at[start] < LEAST_MS:
        return None
    piece = slice(start, end + 1)
    lon = float(np.median(unwrapped(way.lon[piece])))
    return Stop(
        start,
        end,
        int(way.at[start]),
        int(way.at[end]),
        float(np.median(way.lat[piece])),
        (lon + 180) % 360 - 180,
        lasting=last == len(way) - 1,
    )
