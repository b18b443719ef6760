"""What can be seen of one moment up to an instant: named measures, all of them relative.

Levels are held against the tag's own past, the other side of the door, the other doors and the other tags of the same
seconds, never against a fixed number of dBm: sites, readers and goods differ by more than what is sought (notes on what
decides: docs/correlate.md). Direction is a mirror: for a way out of the truck, near and far sides change places.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np

from milepost.evidence.dock.model import ELSEWHERE, OUT
from milepost.evidence.dock.moments import Moment
from milepost.evidence.dock.store import BIN_S, DoorLog, believable

_NAN = float("nan")
_WIDE_S, _PAST_S = 1.5, 12.0
_TEN_MIN_BINS, _GAP_BINS = 1200, 8
_FAR_S = 6.0

NAMES = (
    "reads", "share", "rise", "heard_before", "far_louder", "far_later", "turn_count", "turn_level", "last_far",
    "first_near", "near_falls", "far_falls", "fall", "kept", "rival", "rival_reads", "rival_rise", "loudest",
    "rise_over_others", "others_rising", "subjects", "listed", "listed_elsewhere", "known", "session", "with_session",
    "near_from", "near_to", "far_from", "far_to", "enter_order", "leave_order", "near_times", "far_times",
    "gates_alive", "spread", "spread_before", "antennas", "near_antennas", "far_antennas", "door_rate", "among_peaks",
    "seen_moments", "resident", "tags", "near_before", "far_before", "near_rise", "far_rise", "age",
    "far_after", "near_after", "rival_after", "silence",
)  # fmt: skip
INDEX = {name: n for n, name in enumerate(NAMES)}


@dataclass(frozen=True, slots=True)
class Place:
    """What is known of the place and the subject at the moment of a look.

    listed: on the list of the session here; listed_elsewhere: of a session open at another door; known: a unit of any
    order; session: one is open here; direction: OUT or IN, that of the session; antennas: number per side;
    peaks_cdb: levels of this door's moments in the ten minutes before, sorted; seen: moments of this subject here in
    those; tags: number of EPCs of the subject.
    """

    listed: bool
    listed_elsewhere: bool
    known: bool
    session: bool
    direction: int
    antennas: tuple[int, int]
    peaks_cdb: Sequence[int]
    seen: int
    tags: int


def _top(levels: np.ndarray) -> float:
    """The mean of the three loudest; NaN of nothing."""
    size = len(levels)
    if size == 0:
        return _NAN
    if size <= 3:
        return float(levels.sum() / size)
    return float(np.partition(levels, size - 3)[size - 3 :].sum() / 3)


def _mean(levels: np.ndarray) -> float:
    return float(levels.sum() / len(levels)) if len(levels) else _NAN


def _clip(value: float, most: float) -> float:
    return value if isnan(value) else max(-most, min(most, value))


class Look:
    """One moment at one door, seen with everything up to at_s. `vector` gives the measures for a direction."""

    def __init__(self, door: DoorLog, rivals: Sequence[DoorLog], moment: Moment, at_s: float, place: Place) -> None:
        self.place, self.at_s, self.moment = place, at_s, moment
        self._own(door, moment, at_s)
        self._others(door, moment)
        self._rivals(rivals, moment, at_s)
        self.gates = [believable(rows, at_s) for rows in door.blocked]
        since = moment.at_s - 600.0
        self.gates_alive = [bool(len(rows) and (rows[:, 0] > since).any()) for rows in self.gates]
        self.resident = door.share_heard(moment.subject, moment.bin - _TEN_MIN_BINS, moment.bin - _GAP_BINS)

    def _own(self, door: DoorLog, moment: Moment, at_s: float) -> None:
        centre = moment.at_s
        span = door.span(centre - _PAST_S, at_s)
        mine = np.flatnonzero(door.subject[span] == moment.subject) + span.start
        t, side, level = door.t[mine] - centre, door.side[mine], door.level[mine]
        self.t, self.side, self.level, self.antenna = t, side, level, door.antenna[mine]
        wide = np.abs(t) <= _WIDE_S
        self.wide = wide
        self.count = int(wide.sum())
        self.top = _top(level[wide])
        before = t < -3.0
        self.before = before
        self.top_before = _top(level[before])
        self.bins_before = len(set(np.floor(t[before] / BIN_S).tolist())) / 18.0
        self.spread = self._spread(wide)
        self.spread_before = self._spread(before)
        after = t > 1.2
        self.top_after = _top(level[after])
        until = at_s - centre
        self.kept = float(after.sum()) / max(until - 1.2, 0.3) / max(self.count / 3.0, 0.3)
        self.silence = until - (float(t[-1]) if len(t) else until)

    def _spread(self, which: np.ndarray) -> float:
        level = self.level[which]
        if len(level) < 2:
            return _NAN
        antenna = self.antenna[which] + 1  # the unnamed one is -1
        count = np.bincount(antenna)
        mean = np.bincount(antenna, level) / np.maximum(count, 1)
        square = np.bincount(antenna, (level - mean[antenna]) ** 2)
        several = count >= 2
        if not several.any():
            return _NAN
        return float(np.sqrt(square[several].sum() / count[several].sum()))

    def _others(self, door: DoorLog, moment: Moment) -> None:
        centre = moment.at_s
        now = door.span(centre - _WIDE_S, min(centre + _WIDE_S, self.at_s))
        past = door.span(centre - _PAST_S, centre - 3.0)
        self.door_reads = now.stop - now.start
        subjects, place = np.unique(door.subject[now], return_inverse=True)
        levels = np.full(len(subjects), -999.0)
        np.maximum.at(levels, place, door.level[now])
        ids = door.subject[past]
        old = np.full(len(subjects), -999.0)
        where = np.searchsorted(subjects, ids)
        fits = where < len(subjects)
        fits[fits] = subjects[where[fits]] == ids[fits]
        np.maximum.at(old, where[fits], door.level[past][fits])
        mine = subjects == moment.subject
        self.subjects = len(subjects)
        rises = np.where(old > -999.0, levels - old, 20.0)
        own_level = float(levels[mine][0]) if mine.any() else _NAN
        own_rise = float(rises[mine][0]) if mine.any() else _NAN
        others = ~mine
        self.loudest = own_level - float(levels[others].max()) if others.any() else 30.0
        self.rise_over_others = own_rise - float(rises[others].max()) if others.any() else 30.0
        self.others_rising = int((rises[others] >= 6.0).sum())

    def _rivals(self, rivals: Sequence[DoorLog], moment: Moment, at_s: float) -> None:
        centre = moment.at_s
        self.rival, self.rival_rise, self.rival_after, most = 30.0, _NAN, _NAN, 0
        best = -999.0
        for rival in rivals:
            span = rival.span(centre - _PAST_S, at_s)
            if span.start == span.stop:
                continue
            mine = np.flatnonzero(rival.subject[span] == moment.subject) + span.start
            if not len(mine):
                continue
            t, level = rival.t[mine] - centre, rival.level[mine]
            near = np.abs(t) <= _WIDE_S + 0.3
            count = int(near.sum())
            if not count:
                continue
            most = max(most, count)
            top = _top(level[near])
            if top > best:
                best = top
                self.rival = self.top - top
                self.rival_rise = top - _top(level[t < -3.0])
                self.rival_after = self.top - _top(level[t > 1.8])
        self.rival_reads = float(np.log((self.count + 0.5) / (most + 0.5)))

    def vector(self, direction: int) -> list[float]:
        """The measures in the order of NAMES, for a way OUT of the hall or IN to it."""
        near, far = (0, 1) if direction == OUT else (1, 0)
        t, level = self.t, self.level
        is_near, is_far = self.side == near, self.side == far
        around = t > -4.0
        near_wide, far_wide = _top(level[is_near & self.wide]), _top(level[is_far & self.wide])
        early, late = (t >= -3.0) & (t <= 0.0), t > 0.0
        n_ne, n_nl = np.count_nonzero(is_near & early), np.count_nonzero(is_near & late)
        n_fe, n_fl = np.count_nonzero(is_far & early), np.count_nonzero(is_far & late)
        l_ne, l_nl = _mean(level[is_near & early]), _mean(level[is_near & late])
        l_fe, l_fl = _mean(level[is_far & early]), _mean(level[is_far & late])
        sides = self.side[around]
        sided = sides[sides != ELSEWHERE]
        near_before, far_before = _top(level[is_near & self.before]), _top(level[is_far & self.before])
        after = t > 1.2
        place = self.place
        peaks = place.peaks_cdb
        among = bisect_left(peaks, self.top * 100.0) / len(peaks) if len(peaks) >= 5 else _NAN
        return [
            float(np.log1p(self.count)),
            self.count / max(1, self.door_reads),
            _clip(self.top - self.top_before, 30.0),
            self.bins_before,
            far_wide - near_wide,
            _clip(self._centre(is_far & around) - self._centre(is_near & around), 5.0),
            float(np.log((n_fl + 0.5) * (n_ne + 0.5) / ((n_nl + 0.5) * (n_fe + 0.5)))),
            (l_fl - l_nl) - (l_fe - l_ne),
            np.count_nonzero(sided[-5:] == far) / min(5, len(sided)) if len(sided) else _NAN,
            np.count_nonzero(sided[:5] == near) / min(5, len(sided)) if len(sided) else _NAN,
            l_nl - l_ne,
            l_fl - l_fe,
            _clip(self.top_after - self.top, 30.0),
            _clip(self.kept, 5.0),
            _clip(self.rival, 30.0),
            self.rival_reads,
            _clip(self.rival_rise, 30.0),
            _clip(self.loudest, 30.0),
            _clip(self.rise_over_others, 30.0),
            float(self.others_rising),
            float(np.log1p(self.subjects)),
            float(place.listed),
            float(place.listed_elsewhere),
            float(place.known),
            float(place.session),
            float(place.session and place.direction == direction),
            *self._gate(near, far),
            float(sum(self.gates_alive)),
            self.spread,
            self.spread_before,
            float(len(set(self.antenna[self.wide].tolist()))),
            float(place.antennas[near]),
            float(place.antennas[far]),
            float(np.log1p(self.door_reads)),
            among,
            float(min(place.seen, 20)),
            self.resident,
            float(place.tags),
            near_before - self.top,
            far_before - self.top,
            near_wide - near_before,
            far_wide - far_before,
            float(np.log1p(self.at_s - self.moment.at_s)),
            _top(level[is_far & after]) - self.top,
            _top(level[is_near & after]) - self.top,
            _clip(self.rival_after, 40.0),
            float(np.log1p(max(0.0, self.silence))),
        ]

    def _centre(self, which: np.ndarray) -> float:
        """When it was loudest on these reads: their middle, weighted by power, seconds from the moment."""
        if not which.any():
            return _NAN
        weight = 10.0 ** ((self.level[which] - self.level[which].max()) / 10.0)
        return float((self.t[which] * weight).sum() / weight.sum())

    def _gate(self, near: int, far: int) -> list[float]:
        centre = self.moment.at_s
        spans: list[tuple[float, float, int]] = []
        for side in (near, far):
            rows = self.gates[side] - centre
            begin, end = rows[:, 0], np.where(np.isnan(rows[:, 1]), self.at_s - centre, rows[:, 1])
            close = np.flatnonzero((end > -3.0) & (begin < 3.0))
            if not len(close):
                spans.append((_NAN, _NAN, 0))
                continue
            gap = np.maximum(np.maximum(begin[close], -end[close]), 0.0)
            best = close[int(np.argmin(gap))]
            spans.append((float(rows[best, 0]), float(rows[best, 1]), len(close)))
        (near_from, near_to, near_times), (far_from, far_to, far_times) = spans
        return [
            _clip(near_from, _FAR_S), _clip(near_to, _FAR_S), _clip(far_from, _FAR_S), _clip(far_to, _FAR_S),
            _clip(far_from - near_from, _FAR_S), _clip(far_to - near_to, _FAR_S), float(near_times), float(far_times),
        ]  # fmt: skip


def named(vector: Sequence[float]) -> Mapping[str, float]:
    """The measures of a vector by name."""
    return dict(zip(NAMES, vector, strict=True))
