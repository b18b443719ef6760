"""Moments at which the light gates say that something went through: who was heard then, however loud before or after.

What stood before an antenna is fainter between the gates, and what halts aboard is loudest there; the second beam
tells when it passed. A moment depends only on the time before it and the two seconds behind, so that it is the same
live and in a file.
"""

from collections.abc import Sequence

import numpy as np

from milepost.evidence.dock.moments import Moment, outshone
from milepost.evidence.dock.store import BIN_S, DoorLog

BEFORE, AFTER = 2, 3  # bins around the second beam in which a tag must be heard


def gated(log: DoorLog, rivals: Sequence[DoorLog], first_bin: int, last_bin: int) -> list[Moment]:
    """All moments of a door with first_bin ≤ bin < last_bin that its gates name, by time and subject.

    rivals: the other doors; where one hears the subject far louder at that time, it is no moment here.
    """
    tags, found = log.tags, []
    at = np.unique(np.floor(log.second_beams / BIN_S).astype(np.int64))
    by_time, times = tags.bins_by_time
    for bin_ in at[(at >= first_bin) & (at < last_bin)].tolist():
        near = by_time[np.searchsorted(times, bin_ - BEFORE) : np.searchsorted(times, bin_ + AFTER + 1)]
        subject, place = np.unique(tags.bin_subject[near], return_inverse=True)
        if not len(subject):
            continue
        level = np.full(len(subject), np.iinfo(np.int64).min)
        np.maximum.at(level, place, tags.bin_level[near])
        here = np.full(len(subject), bin_)
        chosen = np.ones(len(subject), bool)
        for rival in rivals:
            chosen &= ~outshone(rival, subject, here, level)
        found += [Moment(bin_, int(subject[n]), int(level[n]), gated=True, lit=True) for n in np.flatnonzero(chosen)]
    return found
