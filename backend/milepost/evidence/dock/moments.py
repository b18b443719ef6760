"""Moments at which a tag may have crossed: where it was loudest for some seconds, and louder than it had been.

A moment depends only on the time before it and the 1.5 s behind, so that it is the same live and in a file.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from milepost.evidence.dock.store import BIN_S, DoorLog

BEHIND, AHEAD = 4, 3  # bins in which no louder one may stand
AWAY_FROM, AWAY_TO = 24, 6  # bins before the moment that tell how loud the tag stood
RISE_CDB = 300
OUTSHONE_CDB = 1_200  # so much louder at another door in the same seconds, it did not cross here
NEAR_BINS = 2
QUIET_BINS = 1_200  # 10 min: gates that said nothing for so long may be dead
BEAM_BEFORE_S, LIT_BEFORE_S, BEAM_AFTER_S = 4.0, 2.0, 1.75
FEW = 4  # heard in so few of the bins before, it came from nowhere
READY_S = (1 + AHEAD) * BIN_S  # after the begin of its bin a moment is known
AGAIN_S = 1.0  # who leads a load by hand breaks the beam before it


@dataclass(frozen=True, slots=True)
class Moment:
    """A subject was loudest at a door in this bin, or (gated) heard when something went through its gates.

    level_cdb: hundredths of a dBm; lit: something was in the beams of light gates then; again: for a second look, a
    second later.
    """

    bin: int
    subject: int
    level_cdb: int
    gated: bool = False
    lit: bool = False
    again: bool = False

    @property
    def at_s(self) -> float:
        """The middle of the bin."""
        return (self.bin + 0.5) * BIN_S

    @property
    def ready_s(self) -> float:
        """From when on it may be looked at."""
        return self.bin * BIN_S + READY_S + (AGAIN_S if self.again else 0.0)


def moments(log: DoorLog, rivals: Sequence[DoorLog], first_bin: int, last_bin: int) -> list[Moment]:
    """All moments of a door with first_bin ≤ bin < last_bin that are worth a look, by subject and time.

    rivals: the other doors; where one hears the subject far louder at that time, it is no moment here. Where the light
    gates live, something must have been in their beams.
    """
    tags = log.tags
    subject, at, level = tags.bin_subject, tags.bin_at, tags.bin_level
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
    lit, near, alive = _in_beam(log, at)
    chosen = chosen[near[chosen] | ~alive[chosen]]
    for rival in rivals:
        chosen = chosen[~outshone(rival, subject[chosen], at[chosen], level[chosen])]
    return [Moment(int(at[n]), int(subject[n]), int(level[n]), lit=bool(lit[n])) for n in chosen]


def _in_beam(log: DoorLog, at: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where an edge of a gate is very near; where one is near; where any came lately, so that no gate is dead or
    missing."""
    edges = np.array([edge[0] for edge in log.edges])
    if not len(edges):
        return np.zeros(len(at), bool), np.zeros(len(at), bool), np.zeros(len(at), bool)
    centre = (at + 0.5) * BIN_S
    here = np.searchsorted(edges, centre + BEAM_AFTER_S, side="right")
    before = (LIT_BEFORE_S, BEAM_BEFORE_S, QUIET_BINS * BIN_S)
    lit, near, alive = (here - np.searchsorted(edges, centre - each) > 0 for each in before)
    return lit, near, alive


def outshone(rival: DoorLog, subject: np.ndarray, at: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Where another door heard the subject louder by OUTSHONE_CDB within a second; its bin and level for each."""
    found = np.zeros(len(at), bool)
    tags = rival.tags
    if not len(tags.bin_at) or not len(at):
        return found
    for step in range(-NEAR_BINS, NEAR_BINS + 1):
        place, stop = tags.bins(subject, at + step, at + step + 1)
        heard = stop > place
        found[heard] |= tags.bin_level[place[heard]] >= level[heard] + OUTSHONE_CDB
    return found
