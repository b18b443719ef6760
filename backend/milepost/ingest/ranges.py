"""Sets of sequence numbers as sorted, disjoint, never touching ranges. Pure."""

from bisect import bisect_left
from collections.abc import Iterable

Range = tuple[int, int]  # first and last, both inside
Ranges = tuple[Range, ...]


def add(ranges: Ranges, low: int, high: int) -> Ranges:
    """The ranges with low..high as well (low <= high), touching ones merged."""
    if ranges and ranges[-1][0] <= low <= ranges[-1][1] + 1:  # the usual case: the next batch in order
        return (*ranges[:-1], (ranges[-1][0], max(high, ranges[-1][1])))
    start = bisect_left(ranges, low - 1, key=lambda each: each[1])
    stop = start
    while stop < len(ranges) and ranges[stop][0] <= high + 1:
        low, high = min(low, ranges[stop][0]), max(high, ranges[stop][1])
        stop += 1
    return (*ranges[:start], (low, high), *ranges[stop:])


def union(one: Ranges, other: Ranges) -> Ranges:
    """What lies in either."""
    if not one or not other:
        return one or other
    for low, high in other:
        one = add(one, low, high)
    return one


def of(pairs: Iterable[Range]) -> Ranges:
    """The set of pairs that may overlap, in any order."""
    found: Ranges = ()
    for low, high in pairs:
        found = add(found, low, high)
    return found


def minus(one: Iterable[Range], other: Ranges) -> Ranges:
    """What lies in `one` and not in `other`."""
    found: list[Range] = []
    for low, high in one:
        rest = low
        for at in range(bisect_left(other, low, key=lambda each: each[1]), len(other)):
            first, last = other[at]
            if first > high:
                break
            if first > rest:
                found.append((rest, first - 1))
            rest = last + 1
        if rest <= high:
            found.append((rest, high))
    return tuple(found)


def common(one: Ranges, other: Ranges) -> Ranges:
    """What lies in both."""
    return minus(one, minus(one, other))


def overlap(ranges: Iterable[Range], low: int, high: int) -> int:
    """How many of low..high the ranges hold."""
    return sum(max(0, min(high, last) - max(low, first) + 1) for first, last in ranges)


def size(ranges: Iterable[Range]) -> int:
    """How many numbers the ranges hold."""
    return sum(last - first + 1 for first, last in ranges)


def encode(ranges: Ranges) -> str:
    """As text that grows little with the ranges: `first,length-1` of the first, then steps from the end before."""
    end, parts = 0, []
    for low, high in ranges:
        parts += (low - end, high - low)
        end = high
    return ",".join(map(str, parts))


def decode(text: str) -> Ranges:
    """The ranges that `encode` made this text of. Raises ValueError for anything else."""
    if not text:
        return ()
    numbers = [int(part) for part in text.split(",")]
    if len(numbers) % 2 or min(numbers[1::2]) < 0 or min(numbers[2::2], default=2) < 2:
        raise ValueError(f"{text[:80]!r} are no ranges")
    end, found = 0, []
    for step, more in zip(numbers[::2], numbers[1::2], strict=True):
        found.append((end + step, end + step + more))
        end += step + more
    return tuple(found)
