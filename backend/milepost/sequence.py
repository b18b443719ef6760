"""How far a reader of numbered rows is, where numbers come from a sequence and transactions commit out of turn. Pure.

A transaction that commits late shows a number below one that was read already. The cursor therefore remembers the
numbers it has passed without seeing them, and they are asked for again until they have come, or are so old that their
transaction must have been rolled back.
"""

from collections.abc import Iterable

GAP_MS = 600_000  # far longer than any transaction may last (db.py)
_GAPS = 500  # as many as one statement asks for; more than that were never in flight at once


class Cursor:
    """The highest number seen, and those below it that have not shown up yet."""

    def __init__(self, last: int) -> None:
        """`last`: numbers up to it are none of ours."""
        self.last = last
        self.gaps: dict[int, int] = {}  # number: when it was passed, ms

    def take(self, numbers: Iterable[int], now: int) -> list[int]:
        """Of these numbers, in order, those not seen before. `now`: ms of any clock that only grows."""
        fresh: list[int] = []
        for each in sorted(set(numbers)):
            if each > self.last:
                self.gaps.update(dict.fromkeys(range(max(self.last + 1, each - _GAPS), each), now))
                self.last = each
                fresh.append(each)
            elif self.gaps.pop(each, None) is not None:
                fresh.append(each)
        over = len(self.gaps) - _GAPS
        for n, (each, passed) in enumerate(list(self.gaps.items())):
            if n < over or now - passed > GAP_MS:
                del self.gaps[each]
        return fresh
