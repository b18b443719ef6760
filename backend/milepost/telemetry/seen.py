"""Which sequence numbers of a stream are stored: ascending, disjoint ranges, first and last inside. Pure.

Exact, unlike what detectors remember: the store tells repeats from new records by it and counts with it.
"""

from bisect import bisect_left
from collections.abc import Iterable

Ranges = list[list[int]]


def runs(seqs: Iterable[int]) -> Ranges:
    """Numbers as ranges."""
    found: Ranges = []
    for seq in sorted(seqs):
        if found and seq <= found[-1][1] + 1:
            found[-1][1] = seq
        else:
            found.append([seq, seq])
    return found


def add(ranges: Ranges, low: int, high: int) -> None:
    """Put a range into others, in place."""
    start = _first_ending_at(ranges, low - 1)
    stop = start
    while stop < len(ranges) and ranges[stop][0] <= high + 1:
        low, high = min(low, ranges[stop][0]), max(high, ranges[stop][1])
        stop += 1
    ranges[start:stop] = [[low, high]]


def remove(ranges: Ranges, low: int, high: int) -> None:
    """Take a range out of others, in place; what is not in them does not matter."""
    start = _first_ending_at(ranges, low)
    stop = start
    left: Ranges = []
    while stop < len(ranges) and ranges[stop][0] <= high:
        first, last = ranges[stop]
        left += [[first, low - 1]] if first < low else []
        left += [[high + 1, last]] if last > high else []
        stop += 1
    ranges[start:stop] = left


def meets(ranges: Ranges, low: int, high: int) -> bool:
    """True when any number of low..high is in the ranges."""
    at = _first_ending_at(ranges, low)
    return at < len(ranges) and ranges[at][0] <= high


def total(ranges: Ranges) -> int:
    """How many numbers they hold."""
    return sum(last - first + 1 for first, last in ranges)


def _first_ending_at(ranges: Ranges, seq: int) -> int:
    """Place of the first range that ends at `seq` or behind it."""
    if not ranges or ranges[-1][1] < seq:  # the usual case: the next record of the stream
        return len(ranges)
    return bisect_left(ranges, seq, key=lambda each: each[1])
