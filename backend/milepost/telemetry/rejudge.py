"""Which judgements change when fixes arrive: exact, whatever the pieces and the order in which they come. Pure.

The judgement of a fix is a function of the set of all fixes of its device: in the order (at, stream, seq) each one is
judged after the last good fix before it and beside the fix that follows it (`quality.judge`). So a new fix can change
the one before it, and those behind it up to the first whose last good fix is the same as before; there it ends.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan

from milepost.telemetry.model import FixBody, Judged, Reading
from milepost.telemetry.quality import judge

Key = tuple[int, int]  # stream, seq
Order = tuple[int, int, int]  # at, stream, seq


@dataclass(frozen=True, slots=True)
class Window:
    """Stored fixes of a device by order, without a hole, around new ones."""

    fixes: Sequence[Judged]
    from_first: bool  # nothing is stored before the first of them
    to_last: bool  # nothing is stored behind the last of them


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the arrival of fixes changes."""

    changed: list[Judged]  # new fixes, and stored ones with another judgement
    line: list[Judged]  # the window with the new fixes in it, judged
    settled: Order | None  # from this stored fix on nothing changed; None: everything to the end was judged


def key(reading: Reading) -> Key:
    """What names a fix within its device."""
    return reading.stream, reading.seq


def order(reading: Reading) -> Order:
    """Its place among the fixes of its device."""
    return reading.at, reading.stream, reading.seq


def arrive(window: Window, new: Mapping[Key, Reading]) -> Outcome | None:
    """Judge new fixes and those whose judgement they touch; None when the window is too small to be sure."""
    stored = {key(each.reading): each for each in window.fixes}
    fresh = {each: reading for each, reading in new.items() if each not in stored or _differs(stored[each], reading)}
    if not fresh:
        return Outcome([], list(window.fixes), None)
    line = sorted([*(each.reading for one, each in stored.items() if one not in fresh), *fresh.values()], key=order)
    places = [order(each) for each in fresh.values()] + [
        order(stored[each].reading) for each in fresh if each in stored
    ]
    first, last = min(places), max(places)
    start = max(0, sum(order(each) < first for each in line) - 1)
    good = next((each for each in reversed(line[:start]) if stored[key(each)].reason is None), None)
    if good is None and not window.from_first:
        return None
    return _walk(window, stored, fresh, line, start, good, last)


def _walk(
    window: Window,
    stored: Mapping[Key, Judged],
    fresh: Mapping[Key, Reading],
    line: list[Reading],
    start: int,
    good: Reading | None,
    last: Order,
) -> Outcome | None:
    changed: list[Judged] = []
    judged = [stored[key(each)] for each in line[:start]]
    before = iter(window.fixes)
    coming = next(before, None)
    good_then: Reading | None = None
    for place in range(start, len(line)):
        cur = line[place]
        was = None if key(cur) in fresh else stored[key(cur)]
        while coming is not None and order(coming.reading) < order(cur):
            good_then = coming.reading if coming.reason is None else good_then
            coming = next(before, None)
        if was is not None and order(cur) > last and good is good_then:
            judged += [stored[key(each)] for each in line[place:]]
            return Outcome(changed, judged, order(cur))
        behind = line[place + 1] if place + 1 < len(line) else None
        if behind is None and not window.to_last:
            return None
        reason = judge(good, cur, behind)
        now = was if was is not None and was.reason == reason else Judged(cur, reason)
        judged.append(now)
        if now is not was:
            changed.append(now)
        if reason is None:
            good = cur
    return Outcome(changed, judged, None)


def _differs(stored: Judged, new: Reading) -> bool:
    """True when a repeat brings something else, or the same received earlier: of equal ones the first receipt counts,
    in whatever order they are stored."""
    return new.received_at < stored.reading.received_at or _content(stored.reading) != _content(new)


def _content(reading: Reading) -> tuple:
    body = reading.body
    assert isinstance(body, FixBody)
    place = round(body.lat, 6), round(body.lon, 6)
    rest = body.alt_m, body.speed_mps, body.course_deg, body.sats, body.hdop, body.source
    return reading.at, reading.clock, *(None if each is None or isnan(each) else each for each in (*place, *rest))


def first_received(one: Reading, other: Reading) -> Reading:
    """Of two copies of a reading that come in this order: the one to keep."""
    if _content(one) == _content(other) and one.received_at <= other.received_at:
        return one
    return other
