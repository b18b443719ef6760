"""Fewer points of a way that keep its shape. Pure (docs/decisions/0022).

Douglas-Peucker in metres. Its tolerance grows until few enough points are left, so that the whole way is drawn with
one precision, and what was left out lies provably within it.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from simplification.cutil import simplify_coords_idx

_FIRST_M = 1.0
# Of a million points and more 1 m leaves most, because receivers are noisier than that: half a second for nothing.
_FIRST_OF_MANY_M = 10.0
_MANY = 250_000
_STEP = 3.0
# The library recurses once per point and takes n² steps in the worst case (a zigzag that decays): 50,000 points at once
# overflow a thread's stack, 100,000 in pieces of 8,192 took 96 s. An ordinary way costs the same in small pieces.
_AT_ONCE = 512
_REFINED_POINTS = 500_000  # points looked at while the tolerance is brought down again
_PLACED = 64 * _AT_ONCE  # as many points at once are asked for their place; they fit the cache


class Places(Protocol):
    """Where points lie: rows of x and y in m, for the indices of some of them (`ways.Plane`)."""

    def __len__(self) -> int: ...

    def __getitem__(self, which: np.ndarray, /) -> np.ndarray: ...


def thinned(places: Places, ends: Sequence[int], most: int) -> tuple[np.ndarray, float]:
    """Which points to keep so that about `most` are left: (rising indices, tolerance in m).

    `ends`: indices that must stay, among them the first and the last of every unbroken piece; no line is judged across
    two of them. More than `most` stay only where `ends` are more. Every point left out lies within the tolerance of the
    line through the kept ones: the farthest one's distance, or for very many points a bound that may be twice as much.
    """
    everything = np.arange(len(places))
    if len(places) <= most:
        return everything, 0.0
    fixed = np.zeros(len(places), bool)
    fixed[np.asarray(ends, np.int64)] = True
    if int(fixed.sum()) >= most:
        kept = np.flatnonzero(fixed)
        return kept, _farthest_m(places, kept)
    kept, spent_m, step_m = everything, 0.0, _FIRST_OF_MANY_M if len(places) > _MANY else _FIRST_M
    while True:
        fewer = _pass(places, kept, fixed, step_m)
        if len(fewer) <= most:
            break
        if len(fewer) < len(kept):
            spent_m += step_m
        kept, step_m = fewer, step_m * _STEP
    best, within_m = _refined(places, kept, fixed, fewer, step_m, spent_m, most)
    return best, within_m if len(places) > _MANY else _farthest_m(places, best)


def _refined(
    places: Places, kept: np.ndarray, fixed: np.ndarray, best: np.ndarray, step_m: float, spent_m: float, most: int
) -> tuple[np.ndarray, float]:
    """Bring the last tolerance down again as far as `most` allows, by halves."""
    low, high = 0.0, step_m
    for _ in range(min(7, _REFINED_POINTS // len(kept))):
        middle = (low + high) / 2
        tried = _pass(places, kept, fixed, middle)
        if len(tried) <= most:
            best, high = tried, middle
        else:
            low = middle
    return best, spent_m + high


def _pass(places: Places, kept: np.ndarray, fixed: np.ndarray, tolerance_m: float) -> np.ndarray:
    """Once Douglas-Peucker over the points `kept`, between every two fixed ones."""
    edges = np.flatnonzero(fixed[kept])
    stays = np.zeros(len(kept), bool)
    stays[edges] = True
    placed, points = 0, places[kept[:_PLACED]]  # of kept[placed], and so many behind it
    for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        for first in range(start, end, _AT_ONCE):
            last = min(first + _AT_ONCE, end)
            if last - first > 1:
                if last >= placed + len(points):
                    placed, points = first, places[kept[first : first + _PLACED]]
                here = points[first - placed : last + 1 - placed]
                stays[first + simplify_coords_idx(here, tolerance_m).astype(np.int64)] = True
            stays[last] = True
    return kept[stays]


def _farthest_m(places: Places, kept: np.ndarray) -> float:
    """How far the farthest point lies from the line through the kept ones."""
    corners, farthest_m = places[kept], 0.0
    for first in range(0, len(places), _PLACED):
        every = np.arange(first, min(first + _PLACED, len(places)))
        after = np.clip(np.searchsorted(kept, every), 1, len(kept) - 1)
        (x, y), (ax, ay), (bx, by) = places[every].T, corners[after - 1].T, corners[after].T
        dx, dy = bx - ax, by - ay
        length = np.maximum(dx * dx + dy * dy, 1e-12)
        share = np.clip(((x - ax) * dx + (y - ay) * dy) / length, 0.0, 1.0)
        farthest_m = max(farthest_m, float(np.max(np.hypot(x - ax - share * dx, y - ay - share * dy))))
    return farthest_m
