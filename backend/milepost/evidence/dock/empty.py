"""Something went through the light gates and no tag went with it: a dead tag, or none. Pure.

An empty forklift breaks the beams too; a load with its forklift is longer. So a passage asks for a manual scan only
when it was as long as those whose tags were read at this door; the length is the time in the near gate over the time
from gate to gate, whatever the speed. Where many passages show no tag, readers hear badly, and one more says nothing.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np

AFTER_S = 2.5  # after the far gate was freed, when every tag of the passage has had its first look
_APART_S = 8.0
_LEAST_KNOWN = 4
_AS_LONG = 0.95
_RARE = 0.1


@dataclass(frozen=True, slots=True)
class Through:
    """What crossed both gates. begin_s: near gate interrupted; end_s: far gate freed; long_s: near gate's time;
    apart_s: from the near gate's interruption to the far one's, which tells how fast it went."""

    begin_s: float
    end_s: float
    long_s: float
    apart_s: float

    @property
    def length(self) -> float:
        """Its length, in distances between the gates."""
        return self.long_s / max(self.apart_s, 0.05)


def ends(rows: np.ndarray, from_s: float, to_s: float) -> list[float]:
    """When a gate was freed, in [from_s, to_s); rows as DoorLog.blocked keeps them."""
    return [end for _, end in rows.tolist() if from_s <= end < to_s]


def through(near: np.ndarray, far: np.ndarray, end_s: float) -> Through | None:
    """What left the far gate at end_s after it had come through the near one, or None."""
    last = [row for row in far.tolist() if row[1] == end_s]
    if not last:
        return None
    begin = last[0][0]
    before = [row for row in near.tolist() if row[0] < begin and row[1] < end_s and begin - row[0] < _APART_S]
    if not before:
        return None
    return Through(before[-1][0], end_s, before[-1][1] - before[-1][0], begin - before[-1][0])


class Lengths:
    """How long what passed with tags was at one door, and how often something as long passed without."""

    def __init__(self) -> None:
        self._known: deque[float] = deque(maxlen=25)
        self._explained: deque[bool] = deque(maxlen=20)

    def add(self, passage: Through) -> None:
        """Learn from one that was explained."""
        if self.as_long(passage):
            self._explained.append(True)
        self._known.append(passage.length)

    def remarkable(self, passage: Through) -> bool:
        """True for one without a tag, when it was as long as those with tags and such a thing is rare at this door."""
        if not self.as_long(passage):
            return False
        rare = self._explained.count(False) <= _RARE * len(self._explained)
        self._explained.append(False)
        return rare

    def as_long(self, passage: Through) -> bool:
        """True when it was as long as those; False while too few are known."""
        if len(self._known) < _LEAST_KNOWN:
            return False
        return passage.length >= sorted(self._known)[len(self._known) // 2] * _AS_LONG
