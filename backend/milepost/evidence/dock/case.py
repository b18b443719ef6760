"""What is held of one subject in one session: its looks, and what was said of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from milepost.evidence.dock.look import INDEX, Place, Sight
from milepost.evidence.dock.moments import Moment
from milepost.evidence.dock.store import BIN_S, DoorLog
from milepost.evidence.dock.trees import odds

APART_S = 6.0  # two moments nearer to each other than this are of one passage
_NAN = float("nan")


@dataclass(slots=True)
class Seen:
    """A moment as it was judged: chances that the subject went with the session (p), and against it (back).

    first, back_first: at the first look; late, back: 25 s on, until then as at first. vector: of the latest look;
    alarm: the chance if the unit were on the list here; stays: the chance that it is across at the close;
    settled: the later look was taken; blind: the log begins just before it, so nothing is known of its past.
    """

    moment: Moment
    sight: Sight
    place: Place
    vector: np.ndarray
    first: float
    late: float
    back: float
    back_first: float
    alarm: float
    stays: float
    settled: bool = False
    blind: bool = False

    @property
    def at_s(self) -> float:
        """The moment's middle."""
        return self.moment.at_s


@dataclass(slots=True)
class Case:
    """One subject in one session (or at one door outside every session)."""

    subject: int
    seen: list[Seen] = field(default_factory=list)
    word: str | None = None
    said: float = 0.0  # the confidence of the word
    word_at_s: float = 0.0
    frozen: bool = False  # counted into two trucks: only a person decides

    def best(self) -> Seen | None:
        """The moment at which it most likely crossed last: the best one behind the last way back."""
        turned = max((each.at_s for each in self.seen if each.back > 0.5 and each.back > each.late), default=-np.inf)
        after = [each for each in self.seen if each.at_s > turned + 1.0 and each.late > 0.05]
        pool = after or self.seen
        return max(pool, key=lambda each: (each.late, each.at_s), default=None)

    def turned_back(self, back: float) -> bool:
        """True when the first look at a moment behind the best one saw it come back, and none since saw it go again.

        back: the chance from which on it counts as seen.
        """
        best = self.best()
        if best is None:
            return False
        after = [each for each in self.seen if each.at_s > best.at_s + 2.0]
        turn = max((each.at_s for each in after if each.back_first >= back and each.first < 0.2), default=None)
        return turn is not None and not any(each.at_s > turn and each.first >= 0.5 for each in after)

    def passages(self) -> int:
        """How often it seems to have gone with the session: likely moments of one passage are one."""
        likely = sorted(each.at_s for each in self.seen if each.late >= 0.5)
        return sum(each - before > APART_S for before, each in pairwise([float("-inf"), *likely]))

    def belief(self) -> float:
        """The chance that it is across, going through the moments one after the other."""
        across = 0.0
        for each in sorted(self.seen, key=lambda one: one.at_s):
            across = across * (1 - each.back) + (1 - across) * each.late
        return across


_FROM_LOOK = (
    "rise",
    "rival",
    "far_louder",
    "far_later",
    "turn_count",
    "turn_level",
    "fall",
    "near_after",
    "far_after",
    "near_before",
    "far_before",
    "near_last",
    "far_last",
    "near_rise",
    "far_rise",
    "loudest",
    "rise_over_others",
    "others_louder",
    "others_rise_more",
    "others_rising",
    "enter_order",
    "leave_order",
    "near_times",
    "far_times",
    "near_times_after",
    "far_times_after",
    "gates_alive",
    "resident",
    "seen_moments",
    "reads",
    "share",
    "heard_before",
    "rival_after",
    "rival_rise",
    "later_than_usual",
    "gate_than_usual",
    "among_peaks",
    "tags",
    "silence",
)  # fmt: skip
CLOSE_NAMES = (
    "best_first", "best_late", "belief", "back_after", "back_before", "second", "moments",
    "moments_after", "rival_best", "rival_later", "since", "listed", "listed_elsewhere", "known", "list_done",
    "list_size", "heard_share",
    "near_end", "far_end", "loud_end", "near_antennas", "far_antennas", "last_minute", "elsewhere_later", "loading",
    *(f"look_{name}" for name in _FROM_LOOK), "session_left",
    "best_alarm", "company", "back_first_after", "first_after", "first_max", "unexplained", "unexplained_here",
)  # fmt: skip
CLOSE_INDEX = {name: n for n, name in enumerate(CLOSE_NAMES)}


@dataclass(frozen=True, slots=True)
class Around:
    """What the close asks of others. rivals: its moments at other doors; done, size: of the list of the session;
    company: how likely another crossed with it; unexplained: passages that no tag went with."""

    rivals: Sequence[Seen]
    listed: bool
    listed_elsewhere: bool
    known: bool
    done: float
    size: int
    near: int
    antennas: tuple[int, int]
    left_s: float
    company: float
    unexplained: Sequence[tuple[float, float]]


def close_vector(case: Case, door: DoorLog, others: Sequence[DoorLog], until_s: float, around: Around) -> np.ndarray:
    """The measures for the verdict at the close, in the order of CLOSE_NAMES. until_s: data up to then are seen."""
    best = case.best()
    assert best is not None
    far = 1 - around.near
    top = best.moment.level_cdb / 100.0
    begin = max(best.at_s + 8.0, until_s - 600.0)
    near_end = far_end = loud_end = elsewhere = _NAN
    share = last_minute = 0.0
    if until_s > begin:
        span = door.span(begin, until_s)
        mine = np.flatnonzero(door.subject[span] == case.subject) + span.start
        side, level, t = door.side[mine], door.level[mine], door.t[mine]
        near_end, far_end = _high(level[side == around.near]) - top, _high(level[side == far]) - top
        loud_end = _high(level) - top
        share = len(np.unique(np.floor(t / BIN_S))) / max(1.0, (until_s - begin) / BIN_S)
        last_minute = float(np.log1p((t > until_s - 60.0).sum()))
        for other in others:
            span = other.span(begin, until_s)
            heard = other.level[span][other.subject[span] == case.subject]
            if len(heard):
                elsewhere = np.fmax(elsewhere, _high(heard) - top)
    rival = max((each.alarm for each in around.rivals), default=0.0)
    later = max((each.alarm for each in around.rivals if each.at_s > best.at_s + APART_S), default=0.0)
    after = [each for each in case.seen if each.at_s > best.at_s + 1.0]
    before = [each for each in case.seen if each.at_s < best.at_s - 1.0]
    apart = [each.late for each in case.seen if abs(each.at_s - best.at_s) > APART_S]
    return np.array([
        odds(best.first), odds(best.late), odds(case.belief()), odds(max((each.back for each in after), default=0.0)),
        odds(max((each.back for each in before), default=0.0)), odds(max(apart, default=0.0)),
        float(np.log1p(len(case.seen))), float(np.log1p(len(after))), odds(rival), odds(later),
        float(np.log1p(max(0.0, until_s - best.at_s))), float(around.listed), float(around.listed_elsewhere),
        float(around.known), around.done, float(around.size), share, near_end, far_end, loud_end,
        float(around.antennas[around.near]), float(around.antennas[far]), last_minute, float(elsewhere),
        float(around.near == 0), *(best.vector[INDEX[name]] for name in _FROM_LOOK), around.left_s,
        odds(best.alarm), odds(around.company), odds(max((each.back_first for each in after), default=0.0)),
        odds(max((each.first for each in after), default=0.0)), odds(max(each.first for each in case.seen)),
        float(len(around.unexplained)), float(sum(a - 3.0 < best.at_s < b + 3.0 for a, b in around.unexplained)),
    ])  # fmt: skip


def _high(levels: np.ndarray) -> float:
    """The level that a tenth of the reads exceed; NaN of nothing."""
    if not len(levels):
        return _NAN
    place = int(0.9 * (len(levels) - 1))
    return float(np.partition(levels, place)[place])
