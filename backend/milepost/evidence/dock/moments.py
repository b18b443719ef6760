"""Moments at which a tag may have crossed: where it was loudest for some seconds, and louder than it had been.

A moment depends only on the 12 s before and the 1.5 s behind it, so that it is the same live and in a file.
"""

from dataclasses import dataclass

import numpy as np

from milepost.evidence.dock.store import BIN_S, DoorLog

BEHIND, AHEAD = 4, 3  # bins in which no louder one may stand
AWAY_FROM, AWAY_TO = 24, 6  # bins before the moment that tell how loud the tag stood
RISE_CDB = 300
FEW = 4  # heard in so few of the bins before, it came from nowhere
READY_S = (1 + AHEAD) * BIN_S  # after the begin of its bin a moment is known


@dataclass(frozen=True, slots=True)
class Moment:
    """A subject was loudest at a door in this bin; level_cdb: hundredths of a dBm."""

    bin: int
    subject: int
    level_cdb: int

    @property
    def at_s(self) -> float:
        """The middle of the bin."""
        return (self.bin + 0.5) * BIN_S

    @property
    def ready_s(self) -> float:
        """From when on it may be looked at."""
        return self.bin * BIN_S + READY_S


def moments(log: DoorLog, first_bin: int, last_bin: int) -> list[Moment]:
    """All moments of a door with first_bin ≤ bin < last_bin, by subject and time."""
    subject, at, level = log.bin_subject, log.bin_at, log.bin_level
    size = len(at)
    if not size:
        return []
    peak = (at >= first_bin) & (at < last_bin)
    for step in range(1, BEHIND + 1):
        same = (subject[step:] == subject[:-step]) & (at[step:] - at[:-step] <= BEHIND)
        peak[step:] &= ~(same & (level[:-step] >= level[step:]))
    for step in range(1, AHEAD + 1):
        same = (subject[step:] == subject[:-step]) & (at[step:] - at[:-step] <= AHEAD)
        peak[:-step] &= ~(same & (level[step:] > level[:-step]))
    where = np.flatnonzero(peak)
    # One key for subject and bin, so that the window before is found by bisection.
    width = int(at[-1] if size == 1 else at.max()) + AWAY_FROM + 2
    key = subject * width + at
    low = np.searchsorted(key, key[where] - AWAY_FROM)
    low = np.maximum(low, np.searchsorted(subject, subject[where]))
    high = np.searchsorted(key, key[where] - AWAY_TO, side="right")
    sums = np.concatenate(([0], np.cumsum(level)))
    count = np.maximum(high - low, 0)
    # level · count - sum ≥ rise · count, in integers.
    rises = level[where] * count - (sums[np.maximum(high, low)] - sums[low]) >= RISE_CDB * count
    chosen = where[rises | (count <= FEW)]
    return [Moment(int(at[n]), int(subject[n]), int(level[n])) for n in chosen]
