"""What one door's readers and gates said lately, in columns sorted by time. Bounded, and the same for any order.

Levels are kept per read; besides, the loudest read of each subject in each half second (a *bin*) is what the search for
moments and the memory of ten minutes work on.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from milepost.evidence.dock.model import INNER, OUTER

BIN_S = 0.5
KEEP_S = 660.0  # a fixture shows within ten minutes
_STUCK_S = 60.0

_COLUMNS = (("t", np.float64), ("subject", np.int32), ("side", np.int8), ("antenna", np.int16), ("level", np.float64))


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
        self._new: list[tuple[float, int, int, int, float]] = []
        self._new_edges: set[tuple[float, int, int]] = set()
        self.bin_subject = self.bin_at = self.bin_level = np.empty(0, np.int64)

    def add(self, t: float, subject: int, side: int, antenna: int, level: float) -> None:
        """Take one read; `settle` before looking."""
        self._new.append((t, subject, side, antenna, level))

    def add_edge(self, t: float, side: int, state: int) -> None:
        """Take one edge of a gate; `settle` before looking."""
        self._new_edges.add((t, side, state))

    def settle(self) -> None:
        """Sort what is new into what is known; doubled lines become one."""
        if self._new:
            fresh = list(zip(*self._new, strict=True))
            self._new = []
            columns = [
                np.concatenate((getattr(self, name), np.array(values, dtype=kind)))
                for (name, kind), values in zip(_COLUMNS, fresh, strict=True)
            ]
            order = np.lexsort(columns[::-1])
            columns = [column[order] for column in columns]
            keep = np.ones(len(order), bool)
            keep[1:] = np.any([column[1:] != column[:-1] for column in columns], axis=0)
            for (name, _), column in zip(_COLUMNS, columns, strict=True):
                setattr(self, name, column[keep])
            self._make_bins()
        if self._new_edges:
            self.edges = sorted(self._new_edges.union(self.edges))
            self._new_edges = set()
            self.blocked = (_intervals(self.edges, INNER), _intervals(self.edges, OUTER))

    def prune(self, before_s: float) -> None:
        """Forget what is older."""
        start = int(np.searchsorted(self.t, before_s))
        if start > 0:
            for name, _ in _COLUMNS:
                setattr(self, name, getattr(self, name)[start:].copy())
            self._make_bins()
        if self.edges and self.edges[0][0] < before_s:
            kept = [edge for edge in self.edges if edge[0] >= before_s]
            # What was interrupted at the cut is still interrupted behind it.
            for side in (INNER, OUTER):
                last = [edge for edge in self.edges if edge[0] < before_s and edge[1] == side]
                if last and last[-1][2] == 1:
                    kept.append(last[-1])
            self.edges = sorted(kept)
            self.blocked = (_intervals(self.edges, INNER), _intervals(self.edges, OUTER))

    def span(self, from_s: float, to_s: float) -> slice:
        """Where the reads of from_s ≤ t < to_s stand."""
        first, last = np.searchsorted(self.t, (from_s, to_s))
        return slice(int(first), int(last))

    def share_heard(self, subject: int, first_bin: int, last_bin: int) -> float:
        """In what part of the bins first ≤ bin < last the subject was heard, 0…1."""
        low = np.searchsorted(self.bin_subject, subject)
        high = np.searchsorted(self.bin_subject, subject, side="right")
        first, last = np.searchsorted(self.bin_at[low:high], (first_bin, last_bin))
        return float(last - first) / max(1, last_bin - first_bin)

    def state(self) -> dict[str, Any]:
        """Plain JSON values of all that is kept."""
        self.settle()
        return {
            "reads": [getattr(self, name).tolist() for name, _ in _COLUMNS],
            "edges": [list(edge) for edge in self.edges],
        }

    @classmethod
    def restored(cls, state: dict[str, Any]) -> "DoorLog":
        """The log that `state` was taken of."""
        log = cls()
        log._new = list(zip(*state["reads"], strict=True))
        log._new_edges = {(t, side, value) for t, side, value in state["edges"]}
        log.settle()
        return log

    def _make_bins(self) -> None:
        at = np.floor(self.t / BIN_S).astype(np.int64)
        order = np.lexsort((at, self.subject))
        if not len(order):
            self.bin_subject = self.bin_at = self.bin_level = np.empty(0, np.int64)
            return
        subject, at, level = self.subject[order], at[order], self.level[order]
        first = np.flatnonzero(np.r_[True, (subject[1:] != subject[:-1]) | (at[1:] != at[:-1])])
        # Whole hundredths of a dB: sums of integers do not depend on where the log begins.
        self.bin_level = np.rint(np.maximum.reduceat(level, first) * 100).astype(np.int64)
        self.bin_subject, self.bin_at = subject[first].astype(np.int64), at[first]


def _intervals(edges: Iterable[tuple[float, int, int]], side: int) -> np.ndarray:
    """When a gate was interrupted: rows of begin, end; an open one ends at infinity.

    A second interruption without a release between (a lost edge) ends the first, unless it follows within 3 s.
    """
    found: list[tuple[float, float]] = []
    begin: float | None = None
    for t, where, state in edges:
        if where != side:
            continue
        if state == 1:
            if begin is not None and t - begin > 3.0:
                found.append((begin, t))
                begin = None
            begin = t if begin is None else begin
        elif begin is not None:
            found.append((begin, t))
            begin = None
    if begin is not None:
        found.append((begin, np.inf))
    return np.array(found).reshape(-1, 2)


def believable(rows: np.ndarray, at_s: float) -> np.ndarray:
    """The intervals known at at_s that no stuck gate made; one still open ends with NaN."""
    known = rows[rows[:, 0] < at_s]
    ends = np.where(known[:, 1] < at_s, known[:, 1], np.nan)
    length = np.where(np.isnan(ends), at_s, ends) - known[:, 0]
    return np.column_stack((known[:, 0], ends))[length < _STUCK_S]
