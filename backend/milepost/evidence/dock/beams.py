"""Moments at which the light gates say that something went through: who was heard then, however loud before or after.

What stood before an antenna is fainter between the gates, and what halts aboard is loudest there; the second beam
tells when it passed. A moment depends only on the time before it and the two seconds behind, so that it is the same
live and in a file.
"""

from collections.abc import Sequence

import numpy as np

from milepost.evidence.dock.moments import Moment, outshone
from milepost.evidence.dock.store import BIN_S, DoorLog

JOIN_S = 6.0  # the first beam was freed no longer ago when the second is broken
STUCK_S = 60.0
SILENT_S = 600.0
BEFORE, AFTER = 2, 3  # bins around the second beam in which a tag must be heard


def seconds(log: DoorLog) -> np.ndarray:
    """Instants at which a beam of a door was broken while the other one was, or had been just before; sorted. Where one
    gate says nothing, every interruption of the other counts."""
    inner, outer = log.blocked
    found = [
        begin for own, other in ((inner, outer), (outer, inner)) for begin in own[:, 0] if _follows(own, other, begin)
    ]
    return np.array(sorted(found))


def gated(
    log: DoorLog, rivals: Sequence[DoorLog], first_bin: int, last_bin: int, *, again: bool = False
) -> list[Moment]:
    """All moments of a door with first_bin ≤ bin < last_bin that its gates name, by time and subject.

    again: for their second look;
    rivals: the other doors; where one hears the subject far louder at that time, it is no moment here.
    """
    tags, found = log.tags, []
    at = np.unique(np.floor(seconds(log) / BIN_S).astype(np.int64))
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
        found += [
            Moment(bin_, int(subject[n]), int(level[n]), gated=True, lit=True, again=again)
            for n in np.flatnonzero(chosen)
        ]
    return found


def _follows(own: np.ndarray, other: np.ndarray, begin: float) -> bool:
    """True when the other beam was broken before and freed at most JOIN_S ago, or when its gate says nothing: stuck,
    or silent while this one was broken several times. own, other: rows of begin and end."""
    last = int(np.searchsorted(other[:, 0], begin)) - 1
    if last >= 0:
        start, end = other[last]
        if begin - min(end, begin) <= JOIN_S:
            return bool(begin - start <= STUCK_S or end > begin)
        if begin - start <= SILENT_S:
            return False
    here = int(np.searchsorted(own[:, 0], begin))
    return here > 0 and bool(begin - own[here - 1, 0] <= SILENT_S)
