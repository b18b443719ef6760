"""Two small tools against the disorder of delivery: exact memory of what was seen, and sorted insertion. Pure."""

from bisect import insort
from collections.abc import Callable, Iterable
from operator import le
from typing import Any

Ranges = list[list[int]]  # ascending, disjoint, inclusive [first, last]
_MOST_RANGES = 256
_OPEN_GAP = 2000  # a gap farther back than so many records is not waited for any more


def note(ranges: Ranges, seq: int) -> bool:
    """Add a sequence number to ascending ranges, in place. False when it was there already.

    Beyond 256 ranges the two oldest are joined: what arrives in between then counts as seen.
    """
    at = len(ranges)
    while at > 0 and ranges[at - 1][0] > seq:
        at -= 1
    if at > 0 and ranges[at - 1][1] >= seq:
        return False
    joins_left = at > 0 and ranges[at - 1][1] == seq - 1
    joins_right = at < len(ranges) and ranges[at][0] == seq + 1
    if joins_left and joins_right:
        ranges[at - 1][1] = ranges.pop(at)[1]
    elif joins_left:
        ranges[at - 1][1] = seq
    elif joins_right:
        ranges[at][0] = seq
    else:
        ranges.insert(at, [seq, seq])
        if len(ranges) > _MOST_RANGES:
            ranges[0][1] = ranges.pop(1)[1]
    return True


def note_run(ranges: Ranges, first: int, last: int) -> bool:
    """Add the numbers first..last in place where they follow what came last, as they nearly always do; False, and
    nothing is added, where they do not."""
    if not ranges:
        ranges.append([first, last])
    elif ranges[-1][1] == first - 1:
        ranges[-1][1] = last
    else:
        return False
    return True


def waits(ranges: Ranges) -> bool:
    """True when a record is missing that may still come: a gap within the last 2 000 of the stream."""
    return len(ranges) > 1 and ranges[-1][1] - ranges[-2][1] <= _OPEN_GAP


def merged(sorted_items: list[Any], new: Iterable[Any], key: Callable[[Any], Any]) -> list[Any]:
    """A sorted list with more items put where they belong."""
    result, new = list(sorted_items), list(new)
    if not new:
        return result
    keys = [key(result[-1])] if result else []
    keys += map(key, new)
    if all(map(le, keys, keys[1:])):  # nearly always: they come as the device recorded them
        return result + new
    for item in new:
        if not result or key(result[-1]) <= key(item):
            result.append(item)
        else:
            insort(result, item, key=key)
    return result
