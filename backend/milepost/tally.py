"""Counts of how long things took or how many they were: plain numbers, cheap enough for every message."""

from bisect import bisect_left
from collections.abc import Sequence

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Tally:
    """How many values fell below each bound, how many there were, and their sum.

    One thread writes; any may read, and may then see a value in the sum that is not yet counted.
    """

    __slots__ = ("_bounds", "_counts", "sum")

    def __init__(self, bounds: Sequence[float] = SECONDS) -> None:
        """`bounds`: rising upper bounds; a value beyond the last counts as well."""
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        """Count one value."""
        self.sum += value
        self._counts[bisect_left(self._bounds, value)] += 1

    def __add__(self, other: "Tally") -> "Tally":
        """Both together; they have the same bounds."""
        both = Tally(self._bounds)
        both._counts = [one + two for one, two in zip(self._counts, other._counts, strict=True)]
        both.sum = self.sum + other.sum
        return both

    @property
    def count(self) -> int:
        """How many values there were."""
        return sum(self._counts)

    def cumulative(self) -> list[tuple[float, int]]:
        """(bound, values at most that), the last bound being infinity."""
        found, total = [], 0
        for bound, count in zip((*self._bounds, float("inf")), self._counts, strict=True):
            total += count
            found.append((bound, total))
        return found
