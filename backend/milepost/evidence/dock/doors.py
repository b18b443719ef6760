"""A door at work: its log, and what of its last ten minutes the next look needs."""

from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass, field
from math import isnan

from milepost.evidence.dock import empty
from milepost.evidence.dock.case import Case
from milepost.evidence.dock.look import Sight
from milepost.evidence.dock.model import IN, OUT, Id
from milepost.evidence.dock.moments import Moment
from milepost.evidence.dock.store import DoorLog

_FEW = 5  # fewer moments or passages say nothing of what is usual
_LATELY = 15
_NAN = float("nan")


class Usual:
    """What a passage in one direction looks like at this door lately: clocks differ, antennas hang where they hang."""

    def __init__(self) -> None:
        self._later: deque[float] = deque(maxlen=_LATELY)
        self._gate: deque[float] = deque(maxlen=_LATELY)
        self.now = (_NAN, _NAN)

    def add(self, sight: Sight, direction: int) -> None:
        """Learn from a passage that is all but certain."""
        for values, value in ((self._later, sight.later(direction)), (self._gate, sight.gate())):
            if not isnan(value):
                values.append(value)
        self.now = (_median(self._later), _median(self._gate))


def _median(values: deque[float]) -> float:
    return sorted(values)[len(values) // 2] if len(values) >= _FEW else _NAN


@dataclass(slots=True)
class Door:
    """One door.

    begin_bin: where its readings begin; loose: cases outside every session; freed: ends of interruptions that wait to
    be explained.
    """

    id: Id
    log: DoorLog = field(default_factory=DoorLog)
    begin_bin: int = 0
    next_bin: int | None = None
    peaks: list[int] = field(default_factory=list)
    recent: deque[Moment] = field(default_factory=deque)
    seen: dict[int, int] = field(default_factory=dict)
    loose: dict[int, Case] = field(default_factory=dict)
    lengths: empty.Lengths = field(default_factory=empty.Lengths)
    freed_s: float = float("-inf")
    freed: dict[int, float] = field(default_factory=dict)
    usual: dict[int, Usual] = field(default_factory=lambda: {OUT: Usual(), IN: Usual()})

    def remember(self, moment: Moment) -> None:
        """Keep a moment for ten minutes."""
        self.recent.append(moment)
        insort(self.peaks, moment.level_cdb)
        self.seen[moment.subject] = self.seen.get(moment.subject, 0) + 1

    def among(self, level_cdb: int) -> float:
        """The share of the last moments that were fainter."""
        return bisect_left(self.peaks, level_cdb) / len(self.peaks) if len(self.peaks) >= _FEW else _NAN

    def forget(self, before_bin: int) -> None:
        """Drop moments older than that."""
        while self.recent and self.recent[0].bin < before_bin:
            old = self.recent.popleft()
            del self.peaks[bisect_left(self.peaks, old.level_cdb)]
            self.seen[old.subject] -= 1
            if not self.seen[old.subject]:
                del self.seen[old.subject]
