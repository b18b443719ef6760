"""What the readings say about many moments at once, in arrays: levels and counts in slices of time, gates, rivals.

Everything is relative, never a number of dBm: against the tag's own past, the other side, the other doors, the other
tags of the same seconds. A moment's measures depend on its own readings alone, whatever else is measured with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from milepost.evidence.dock.gates import CHATTER_S, STUCK_S
from milepost.evidence.dock.model import ELSEWHERE
from milepost.evidence.dock.store import BIN_S, ByTag, DoorLog

# Slices of time around a moment, seconds: two of the past, the passage, and what a later look sees behind it.
SLICES_S = (-12.0, -6.0, -3.0, -1.5, -0.5, 0.5, 1.2, 2.0, 5.0, 11.0, 26.0)
SLICES = len(SLICES_S) - 1
_BEFORE, _NOW, _AFTER = slice(0, 2), slice(3, 6), slice(6, SLICES)
NEAR_S = 4.0
GATE_S, FAR_S = 3.0, 6.0
_BINS_NOW, _BINS_FROM, _BINS_TO = 3, 24, 6
_TEN_MIN_BINS, _GAP_BINS = 1200, 8
_AT_ONCE = 4096
_NONE = -999.0
_NAN = float("nan")


@dataclass(slots=True)
class Measures:
    """Rows are moments. both: measures without a side; sides: (rows, measures, 2), inner and outer; signed: outer
    against inner, which change their sign with the direction."""

    both: np.ndarray
    sides: np.ndarray
    signed: np.ndarray


BOTH = (
    "reads", "share", "rise", "heard_before", "fall", "kept", "loudest", "rise_over_others", "others_rising",
    "others_louder", "others_rise_more", "subjects", "rival", "rival_rise", "rival_after", "rival_heard_s", "spread",
    "spread_before", "antennas", "door_rate", "resident", "silence", "gates_alive", "age", "middle",
)  # fmt: skip
SIDES = (
    *(f"level{n}" for n in range(SLICES)), "first", "last", "falls", "before", "rise", "after", "from", "to", "times",
    "times_after",
)  # fmt: skip
SIGNED = (
    "far_louder", "far_later", "turn_count", "turn_level", "enter_order", "leave_order",
    *(f"balance{n}" for n in range(SLICES)),
)  # fmt: skip


def measure(
    door: DoorLog, rivals: Sequence[DoorLog], subject: np.ndarray, bin_: np.ndarray, at_s: np.ndarray
) -> Measures:
    """Measures of moments of a door: subjects, their bins, and the instants up to which each may see."""
    parts = [
        _measure(door, rivals, subject[n : n + _AT_ONCE], bin_[n : n + _AT_ONCE], at_s[n : n + _AT_ONCE])
        for n in range(0, max(1, len(subject)), _AT_ONCE)
    ]
    return Measures(*(np.concatenate([getattr(each, name) for each in parts]) for name in ("both", "sides", "signed")))


def _measure(
    door: DoorLog, rivals: Sequence[DoorLog], subject: np.ndarray, bin_: np.ndarray, at_s: np.ndarray
) -> Measures:
    tags, size = door.tags, len(subject)
    centre = (bin_ + 0.5) * BIN_S
    until = at_s - centre
    both: dict[str, np.ndarray] = {"age": np.log1p(until)}
    sides: dict[str, np.ndarray] = {}
    signed: dict[str, np.ndarray] = {}
    low, high = tags.window(subject, centre + SLICES_S[0], np.minimum(at_s, centre + SLICES_S[-1]))
    count = high - low
    row = np.repeat(np.arange(size), count)
    place = np.arange(len(row)) + np.repeat(low - np.cumsum(count) + count, count)
    t = tags.t[place] - centre[row]
    side, level = tags.side[place].astype(np.int64), tags.level[place]
    antenna = np.where(side == ELSEWHERE, 0, tags.antenna[place].astype(np.int64) + 1)
    part = np.clip(np.searchsorted(SLICES_S, t, side="right") - 1, 0, SLICES - 1)

    tops = _tops(row, side, part, level, size)  # rows, side, slice
    number = np.bincount((row * 3 + side) * SLICES + part, minlength=size * 3 * SLICES).reshape(size, 3, SLICES)
    top = _most(tops[:, :, _NOW], (1, 2))
    now = number[:, :, _NOW].sum((1, 2))
    before = _most(tops[:, :, _BEFORE], (1, 2))
    after = _most(tops[:, :, _AFTER], (1, 2))
    span = _ends(door.t, centre - 1.5, np.minimum(centre + 1.2, at_s))
    both["reads"] = np.log1p(now)
    both["door_rate"] = np.log1p(span)
    both["share"] = now / np.maximum(1, span)
    both["rise"] = np.clip(top - before, -30, 30)
    both["fall"] = np.clip(after - top, -30, 30)
    both["kept"] = np.clip(
        number[:, :, _AFTER].sum((1, 2)) / np.maximum(until - 1.2, 0.3) / np.maximum(now / 3.0, 0.3), 0, 5
    )
    newest = np.full(size, _NAN)
    newest[count > 0] = t[np.cumsum(count)[count > 0] - 1]
    both["silence"] = np.log1p(np.maximum(0.0, np.where(count > 0, until - newest, until)))
    early, wide = t < -3.0, np.abs(t) <= 1.5
    both["spread"] = _spread(row[wide], antenna[wide], level[wide], size)
    both["spread_before"] = _spread(row[early], antenna[early], level[early], size)
    both["antennas"] = _different(row[wide], antenna[wide], size)
    first, last = tags.bins(subject, bin_ - _BINS_FROM, bin_ - _BINS_TO + 1)
    both["heard_before"] = (last - first) / (_BINS_FROM - _BINS_TO + 1)
    first, last = tags.bins(subject, bin_ - _TEN_MIN_BINS, bin_ - _GAP_BINS)
    both["resident"] = (last - first) / (_TEN_MIN_BINS - _GAP_BINS)

    for n in range(SLICES):
        sides[f"level{n}"] = np.clip(tops[:, :2, n] - top[:, None], -30, 30)
        signed[f"balance{n}"] = np.log((number[:, 1, n] + 0.5) / (number[:, 0, n] + 0.5))
    by_side = [_most(tops[:, :2, zone], 2) for zone in (_BEFORE, _NOW, _AFTER)]
    sides["before"] = by_side[0] - top[:, None]
    sides["rise"] = by_side[1] - by_side[0]
    sides["after"] = by_side[2] - top[:, None]
    signed["far_louder"] = by_side[1][:, 1] - by_side[1][:, 0]
    near = np.abs(t) <= NEAR_S
    both["middle"] = _middle(t[near], row[near], level[near], size)
    _turns(t, row, side, level, size, sides, signed)
    _gates(door, centre, at_s, sides, signed, both)
    _others(tags, subject, bin_, both)
    _rivals(rivals, subject, bin_, at_s, top, both)
    return Measures(
        np.column_stack([both[name] for name in BOTH]),
        np.stack([sides[name] for name in SIDES], 1),
        np.column_stack([signed[name] for name in SIGNED]),
    )


def _most(values: np.ndarray, axis: int | tuple[int, int]) -> np.ndarray:
    """The greatest that is there, NaN of none."""
    found = np.where(np.isnan(values), -np.inf, values).max(axis)
    return np.where(np.isinf(found), _NAN, found)


def _tops(row: np.ndarray, side: np.ndarray, part: np.ndarray, level: np.ndarray, size: int) -> np.ndarray:
    """The mean of the three loudest reads of each row, side and slice; NaN of none."""
    key = (row * 3 + side) * SLICES + part
    order = np.lexsort((-level, key))
    key, level = key[order], level[order]
    begin = np.flatnonzero(np.r_[True, key[1:] != key[:-1]]) if len(key) else np.zeros(0, np.int64)
    rank = np.arange(len(key)) - np.repeat(begin, np.diff(np.r_[begin, len(key)]))
    loud = rank < 3
    slots = size * 3 * SLICES
    number = np.bincount(key[loud], minlength=slots)
    total = np.bincount(key[loud], level[loud], slots)
    return np.where(number > 0, total / np.maximum(number, 1), _NAN).reshape(size, 3, SLICES)


def _spread(row: np.ndarray, antenna: np.ndarray, level: np.ndarray, size: int) -> np.ndarray:
    """How much a tag's level varies on one antenna, dB; antennas with one read say nothing."""
    wide = int(antenna.max()) + 1 if len(antenna) else 1
    key = row * wide + antenna
    number = np.bincount(key, minlength=size * wide)
    mean = np.bincount(key, level, size * wide) / np.maximum(number, 1)
    square = np.bincount(key, (level - mean[key]) ** 2, size * wide)
    several = (number >= 2).reshape(size, wide)
    total = np.where(several, square.reshape(size, wide), 0.0).sum(1)
    reads = np.where(several, number.reshape(size, wide), 0).sum(1)
    return np.where(reads > 0, np.sqrt(total / np.maximum(reads, 1)), _NAN)


def _different(row: np.ndarray, antenna: np.ndarray, size: int) -> np.ndarray:
    wide = int(antenna.max()) + 1 if len(antenna) else 1
    return (np.bincount(row * wide + antenna, minlength=size * wide).reshape(size, wide) > 0).sum(1).astype(float)


def _ends(sorted_t: np.ndarray, from_s: np.ndarray, to_s: np.ndarray) -> np.ndarray:
    return np.searchsorted(sorted_t, to_s) - np.searchsorted(sorted_t, from_s)


def _middle(t: np.ndarray, key: np.ndarray, level: np.ndarray, keys: int) -> np.ndarray:
    """When each key's reads were loudest: their middle, weighted by power; NaN of none."""
    peak = np.full(keys, -np.inf)
    np.maximum.at(peak, key, level)
    weight = 10.0 ** ((level - peak[key]) / 10.0)
    with np.errstate(invalid="ignore"):
        return np.bincount(key, weight * t, keys) / np.bincount(key, weight, keys)


def _turns(
    t: np.ndarray, row: np.ndarray, side: np.ndarray, level: np.ndarray, size: int, sides: dict[str, np.ndarray],
    signed: dict[str, np.ndarray],
) -> None:  # fmt: skip
    """How the reads move from one side to the other around the moment."""
    sided = (np.abs(t) <= NEAR_S) & (side < 2)
    t, row, side, level = t[sided], row[sided], side[sided], level[sided]
    key = row * 2 + side
    centre = _middle(t, key, level, size * 2).reshape(size, 2)
    signed["far_later"] = np.clip(centre[:, 1] - centre[:, 0], -5, 5)
    with np.errstate(invalid="ignore", divide="ignore"):
        early = t <= 0.0
        near = np.abs(t) <= 3.0
        number, mean = [], []
        for which in (early & near, ~early & near):
            number.append(np.bincount(key[which], minlength=size * 2).reshape(size, 2))
            mean.append(np.bincount(key[which], level[which], size * 2).reshape(size, 2) / number[-1])
    (early_n, late_n), (early_l, late_l) = number, mean
    signed["turn_count"] = np.log(
        (late_n[:, 1] + 0.5) * (early_n[:, 0] + 0.5) / ((late_n[:, 0] + 0.5) * (early_n[:, 1] + 0.5))
    )
    sides["falls"] = late_l - early_l
    signed["turn_level"] = sides["falls"][:, 1] - sides["falls"][:, 0]
    total = np.bincount(row, minlength=size)
    begin = np.cumsum(total) - total
    rank = np.arange(len(row)) - begin[row]
    for name, which in (("first", rank < 5), ("last", total[row] - rank <= 5)):
        share = (
            np.bincount(key[which], minlength=size * 2).reshape(size, 2) / np.maximum(np.minimum(total, 5), 1)[:, None]
        )
        sides[name] = np.where(total[:, None] > 0, share, _NAN)


def _gates(
    door: DoorLog, centre: np.ndarray, at_s: np.ndarray, sides: dict[str, np.ndarray], signed: dict[str, np.ndarray],
    both: dict[str, np.ndarray],
) -> None:  # fmt: skip
    """When each gate was interrupted nearest to the moment, as known at at_s; one that is stuck says nothing."""
    found = [_gate(rows, centre, at_s) for rows in door.blocked]
    for name, n in (("from", 0), ("to", 1), ("times", 2), ("times_after", 3)):
        sides[name] = np.column_stack([each[n] for each in found])
    signed["enter_order"] = np.clip(sides["from"][:, 1] - sides["from"][:, 0], -FAR_S, FAR_S)
    signed["leave_order"] = np.clip(sides["to"][:, 1] - sides["to"][:, 0], -FAR_S, FAR_S)
    both["gates_alive"] = found[0][4] + found[1][4]


def _gate(rows: np.ndarray, centre: np.ndarray, at_s: np.ndarray) -> tuple[np.ndarray, ...]:
    """Begin and end (NaN while interrupted) of the nearest interruption, how many are near, how many later, alive."""
    size = len(centre)
    begin, end = rows[:, 0], rows[:, 1]
    if not len(rows):
        return np.full(size, _NAN), np.full(size, _NAN), np.zeros(size), np.zeros(size), np.zeros(size)
    here = np.searchsorted(begin, centre, side="right") - 1
    best, best_gap = np.full(size, -1), np.full(size, np.inf)
    times = np.zeros(size)
    for step in range(-4, 5):
        each = here + step
        inside = (each >= 0) & (each < len(rows))
        each = np.clip(each, 0, len(rows) - 1)
        stop = np.where(end[each] + CHATTER_S <= at_s, end[each], at_s)
        good = inside & (begin[each] < at_s) & (stop > centre - GATE_S) & (begin[each] < centre + GATE_S)
        good &= stop - begin[each] < STUCK_S
        times += good
        gap = np.maximum(np.maximum(begin[each] - centre, centre - stop), 0.0)
        nearer = good & (gap < best_gap)
        best[nearer], best_gap[nearer] = each[nearer], gap[nearer]
    known = best >= 0
    first = np.where(known, begin[best] - centre, _NAN)
    last = np.where(known & (end[best] + CHATTER_S <= at_s), end[best] - centre, _NAN)
    later = np.searchsorted(begin, at_s) - np.searchsorted(begin, np.minimum(centre + GATE_S, at_s))
    alive = (np.searchsorted(begin, at_s) - np.searchsorted(begin, centre - 600.0) > 0).astype(float)
    return np.clip(first, -FAR_S, FAR_S), np.clip(last, -FAR_S, FAR_S), times, np.minimum(later, 10.0), alive


def _others(tags: ByTag, subject: np.ndarray, bin_: np.ndarray, both: dict[str, np.ndarray]) -> None:
    """Against the other tags of the same seconds: how loud they are and how much they rose."""
    names = ("loudest", "rise_over_others", "others_rising", "others_louder", "others_rise_more", "subjects")
    found = {name: np.full(len(subject), _NAN) for name in names}
    by_time, at = tags.bins_by_time
    blocks = bin_ // 400
    for block in np.unique(blocks):
        mine = np.flatnonzero(blocks == block)
        start, stop = int(bin_[mine].min()) - _BINS_FROM, int(bin_[mine].max()) + _BINS_NOW + 1
        which = by_time[np.searchsorted(at, start) : np.searchsorted(at, stop)]
        ids, column = np.unique(tags.bin_subject[which], return_inverse=True)
        loud = np.full((stop - start, len(ids)), _NONE)
        loud[tags.bin_at[which] - start, column] = tags.bin_level[which] / 100.0
        row = bin_[mine] - start
        now = _slide(loud, row, -_BINS_NOW, _BINS_NOW)
        past = _slide(loud, row, -_BINS_FROM, -_BINS_TO)
        own = np.searchsorted(ids, subject[mine])
        every = np.arange(len(mine))
        heard = now > _NONE
        rises = np.where(past > _NONE, now - past, 20.0)
        own_now, own_rise = now[every, own], rises[every, own]
        heard[every, own] = False
        other_now = np.where(heard, now, -np.inf)
        other_rise = np.where(heard, rises, -np.inf)
        alone = ~heard.any(1)
        found["loudest"][mine] = np.where(alone, 30.0, own_now - other_now.max(1))
        found["rise_over_others"][mine] = np.where(alone, 30.0, own_rise - other_rise.max(1))
        found["others_rising"][mine] = (other_rise >= 6.0).sum(1)
        found["others_louder"][mine] = (other_now > own_now[:, None]).sum(1)
        found["others_rise_more"][mine] = (other_rise > own_rise[:, None]).sum(1)
        found["subjects"][mine] = np.log1p(heard.sum(1) + 1)
    both.update({name: np.clip(values, -30, 30) for name, values in found.items()})


def _slide(loud: np.ndarray, row: np.ndarray, first: int, last: int) -> np.ndarray:
    """The greatest of the bins from first to last around each row, by column."""
    found = np.full((len(row), loud.shape[1]), _NONE)
    for step in range(first, last + 1):
        place = row + step
        inside = (place >= 0) & (place < len(loud))
        np.maximum(found, np.where(inside[:, None], loud[np.clip(place, 0, len(loud) - 1)], _NONE), out=found)
    return found


def _rivals(
    rivals: Sequence[DoorLog], subject: np.ndarray, bin_: np.ndarray, at_s: np.ndarray, top: np.ndarray,
    both: dict[str, np.ndarray],
) -> None:  # fmt: skip
    """Against the other door that hears it best."""
    size = len(subject)
    best, past, after = np.full(size, -np.inf), np.full(size, _NAN), np.full(size, _NAN)
    number = np.zeros(size, np.int64)
    until = np.floor(at_s / BIN_S).astype(np.int64)
    for rival in rivals:
        tags = rival.tags
        if not len(tags.bin_at):
            continue
        ranges = (
            (bin_ - _BINS_NOW, bin_ + _BINS_NOW + 1), (bin_ - _BINS_FROM, bin_ - _BINS_TO + 1), (bin_ + 4, until)
        )  # fmt: skip
        now, old, late = (_loudest(tags, *tags.bins(subject, *each)) for each in ranges)
        first, last = tags.bins(subject, bin_ - _BINS_NOW, bin_ + _BINS_NOW + 1)
        better = now > best
        best = np.where(better, now, best)
        past, after = np.where(better, old, past), np.where(better, late, after)
        number = np.maximum(number, last - first)
    known = ~np.isinf(best)
    with np.errstate(invalid="ignore"):
        both["rival"] = np.where(known, np.clip(top - best, -30, 30), 30.0)
        both["rival_rise"] = np.where(known, np.clip(best - past, -30, 30), _NAN)
        both["rival_after"] = np.where(known, np.clip(top - after, -40, 40), _NAN)
    both["rival_heard_s"] = number * BIN_S


def _loudest(tags: ByTag, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """dBm of the loudest bin of first ≤ n < last; NaN of none."""
    found = np.full(len(first), _NAN)
    some = last > first
    if some.any():
        pairs = np.column_stack((first[some], last[some])).ravel()
        padded = np.append(tags.bin_level, np.iinfo(np.int64).min)
        found[some] = np.maximum.reduceat(padded, pairs)[::2] / 100.0
    return found
