"""How much anybody may ask in a while. Pure: time is an argument, in seconds of any steady clock."""

from collections import OrderedDict


class Bucket:
    """`burst` at once, then `rate` a second."""

    __slots__ = ("_at", "_burst", "_left", "_rate")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate, self._burst = rate, burst
        self._left, self._at = burst, now

    def take(self, now: float) -> float:
        """Take one; returns 0, or after how many seconds there will be one again (nothing is taken then)."""
        self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1:
            return (1 - self._left) / self._rate
        self._left -= 1
        return 0.0

    def spare(self, now: float) -> bool:
        """True when one could be taken."""
        return self._left + (now - self._at) * self._rate >= 1


class Buckets:
    """A bucket per name; of more than `most` names the one unused longest is forgotten."""

    def __init__(self, rate: float, burst: float, most: int = 20_000) -> None:
        self._rate, self._burst, self._most = rate, burst, most
        self._held: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, name: str, now: float) -> float:
        """See Bucket.take."""
        return self._of(name, now).take(now)

    def spare(self, name: str, now: float) -> bool:
        """See Bucket.spare."""
        return self._of(name, now).spare(now)

    def _of(self, name: str, now: float) -> Bucket:
        found = self._held.get(name)
        if found is None:
            found = self._held[name] = Bucket(self._rate, self._burst, now)
            if len(self._held) > self._most:
                self._held.popitem(last=False)
        self._held.move_to_end(name)
        return found
