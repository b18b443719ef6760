"""What one door's readers and gates said lately, in columns sorted by time. Bounded, and the same for any order.

Levels are kept per read, by time and tag by tag; besides, the loudest read of each subject in each half second (a
*bin*)
is what the search for moments and the memory of ten minutes work on.
"""

from collections.abc import Iterable
from functools import cached_property

import numpy as np

from milepost.evidence.dock.gates import intervals, second_beams
from milepost.evidence.dock.model import INNER, OUTER

BIN_S = 0.5
KEEP_S = 660.0  # a fixture shows within ten minutes

_COLUMNS = (("t", np.float64), ("subject", np.int32), ("side", np.int8), ("level", np.float64), ("antenna", np.int16))


class DoorLog:
    """Reads and gate edges of one door."""

    def __init__(self) -> None:
        self.t: np.ndarray = np.empty(0, np.float64)
        self.subject: np.ndarray = np.empty(0, np.int32)
        self.side: np.ndarray = np.empty(0, np.int8)
        self.antenna: np.ndarray = np.empty(0, np.int16)
        self.level: np.ndarray = np.empty(0, np.float64)
        self.edges: list[tuple[float, int, int]] = []
        self.blocked: tuple[np.ndarray, np.ndarray] = (np.empty((0, 2)), np.empty((0, 2)))
        self.second_beams: np.ndarray = np.empty(0)
        self._new: list[tuple[float, int, int, float, int]] = []
        self._new_edges: set[tuple[float, int, int]] = set()
        self._tags: ByTag | None = None

    def add(self, t: float, subject: int, side: int, level: float, antenna: int) -> None:
        """Take one read; `settle` before looking."""
        self._new.append((t, subject, side, level, antenna))

    def add_edge(self, t: float, side: int, state: int) -> None:
        """Take one edge of a gate; `settle` before looking."""
        self._new_edges.add((t, side, state))

    def settle(self) -> None:
        """Sort what is new into what is known; doubled lines become one."""
        if self._new:
            fresh, self._new = self._new, []
            start = int(np.searchsorted(self.t, min(row[0] for row in fresh)))  # all before stands as it is
            columns = [
                np.concatenate((getattr(self, name)[start:], np.array(values, dtype=kind)))
                for (name, kind), values in zip(_COLUMNS, zip(*fresh, strict=True), strict=True)
            ]
            order = np.lexsort(columns[::-1])
            columns = [column[order] for column in columns]
            keep = np.ones(len(order), bool)
            keep[1:] = np.any([column[1:] != column[:-1] for column in columns], axis=0)
            for (name, _), column in zip(_COLUMNS, columns, strict=True):
                setattr(self, name, np.concatenate((getattr(self, name)[:start], column[keep])))
            self._touched()
        if self._new_edges:
            self._edged(self._new_edges.union(self.edges))
            self._new_edges = set()

    def prune(self, before_s: float) -> None:
        """Forget what is older."""
        start = int(np.searchsorted(self.t, before_s))
        if start > 0:
            for name, _ in _COLUMNS:
                setattr(self, name, getattr(self, name)[start:].copy())
            self._touched()
        if self.edges and self.edges[0][0] < before_s:
            kept = [edge for edge in self.edges if edge[0] >= before_s]
            # What was interrupted at the cut is still interrupted behind it.
            for side in (INNER, OUTER):
                last = [edge for edge in self.edges if edge[0] < before_s and edge[1] == side]
                if last and last[-1][2] == 1:
                    kept.append(last[-1])
            self._edged(kept)

    def span(self, from_s: float, to_s: float) -> slice:
        """Where the reads of from_s ≤ t < to_s stand."""
        first, last = np.searchsorted(self.t, (from_s, to_s))
        return slice(int(first), int(last))

    def resided(self, sides: dict[int, int]) -> None:
        """Give the reads the sides of their antennas anew, when a session told what its antennas look at."""
        self.settle()
        for antenna, side in sides.items():
            self.side[self.antenna == antenna] = side
        self._touched()

    def renamed(self, old: int, new: int) -> None:
        """What was one subject is a part of another, when a list told whose tag it is."""
        self.settle()
        self.subject[self.subject == old] = new
        self._touched()

    @property
    def tags(self) -> "ByTag":
        """The reads tag by tag, made when asked for."""
        if self._tags is None:
            self._tags = ByTag(self)
        return self._tags

    def _edged(self, edges: Iterable[tuple[float, int, int]]) -> None:
        self.edges = sorted(edges)
        self.blocked = (intervals(self.edges, INNER), intervals(self.edges, OUTER))
        self.second_beams = second_beams(*self.blocked)

    def _touched(self) -> None:
        self._tags = None


class ByTag:
    """The reads of a log by subject and time, and the loudest of each subject's half seconds (bins).

    key, bin_key: subject and time as one sorted number each, so that any window is found by bisection; order: where
    the reads stand in the log; bin_level: hundredths of a dBm, whole, so that sums do not depend on where a log begins.
    """

    def __init__(self, log: DoorLog) -> None:
        ms = np.floor(log.t * 1000.0 + 1e-4).astype(np.int64)
        self.names, place = np.unique(log.subject, return_inverse=True)
        self.start_ms = int(ms[0]) if len(ms) else 0
        self.stop_ms = int(ms[-1]) + 1 if len(ms) else 1
        self._wide = self.stop_ms - self.start_ms + 2
        key = place * self._wide + (ms - self.start_ms)
        self.order = np.argsort(key, kind="stable")
        self.key = key[self.order]
        self.t, self.side = log.t[self.order], log.side[self.order]
        self.level, self.antenna = log.level[self.order], log.antenna[self.order]
        subject, at = log.subject[self.order], np.floor(self.t / BIN_S).astype(np.int64)
        fresh = np.ones(len(at), bool)
        fresh[1:] = (subject[1:] != subject[:-1]) | (at[1:] != at[:-1])
        first = np.flatnonzero(fresh)
        self.bin_subject, self.bin_at = subject[first].astype(np.int64), at[first]
        loud = np.maximum.reduceat(self.level, first) if len(first) else self.level
        self.bin_level = np.rint(loud * 100).astype(np.int64)
        self.first_bin = int(self.bin_at.min()) if len(first) else 0
        self._bins = (int(self.bin_at.max()) - self.first_bin + 2) if len(first) else 2
        self._bin_key = np.searchsorted(self.names, self.bin_subject) * self._bins + (self.bin_at - self.first_bin)

    @cached_property
    def bins_by_time(self) -> tuple[np.ndarray, np.ndarray]:
        """The bins in order of time: where they stand, and when they are."""
        order = np.argsort(self.bin_at, kind="stable")
        return order, self.bin_at[order]

    def window(self, subject: np.ndarray, from_s: np.ndarray, to_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First and last (exclusive) read of each subject in its from_s ≤ t < to_s, to the millisecond."""
        base, known = self._place(subject, self._wide)
        low, high = (np.floor(each * 1000.0 + 1e-4).astype(np.int64) - self.start_ms for each in (from_s, to_s))
        return _between(self.key, base, low, high, self._wide - 1, known)

    def bins(self, subject: np.ndarray, first: np.ndarray, last: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """First and last (exclusive) bin of each subject in its first ≤ bin < last."""
        base, known = self._place(subject, self._bins)
        return _between(self._bin_key, base, first - self.first_bin, last - self.first_bin, self._bins - 1, known)

    def _place(self, subject: np.ndarray, wide: int) -> tuple[np.ndarray, np.ndarray]:
        place = np.searchsorted(self.names, subject)
        known = place < len(self.names)
        known[known] = self.names[place[known]] == subject[known]
        return place.astype(np.int64) * wide, known


def _between(
    key: np.ndarray, base: np.ndarray, low: np.ndarray, high: np.ndarray, most: int, known: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    first = np.searchsorted(key, base + np.clip(low, 0, most))
    last = np.searchsorted(key, base + np.clip(high, 0, most))
    first = np.where(known, first, 0)
    return first, np.where(known, np.maximum(last, first), 0)
