"""The sink that judges readings and writes them into the store."""

from collections.abc import Sequence

from milepost.ingest.decode import readings
from milepost.ingest.model import SpoolItem
from milepost.telemetry.model import FixBody, Judged, Reading, TelemetryStore
from milepost.telemetry.quality import judge

_NEIGHBOURS = 3  # fixes before and after a new piece of track that are looked at for its judgement


class TelemetrySink:
    """From the spool into a TelemetryStore; a repeat overwrites, so running again changes nothing."""

    name = "telemetry"

    def __init__(self, store: TelemetryStore, spool: str = "") -> None:
        """`spool`: key of the spool that is read."""
        self._store = store
        self._spool = spool

    def position(self) -> int:
        """The last item in the store."""
        return self._store.position(self._spool)

    def handle(self, items: Sequence[SpoolItem]) -> None:
        """Judge and store all readings of some items in one transaction."""
        fixes: dict[str, dict[tuple[int, int], Reading]] = {}
        out: list[Judged] = []
        for item in items:
            for reading in readings(item):
                if isinstance(reading.body, FixBody):
                    fixes.setdefault(reading.device, {})[reading.stream, reading.seq] = reading
                else:
                    out.append(Judged(reading))
        for device, found in fixes.items():
            out += self._judge(device, found)
        self._store.write(out, items[-1].id, self._spool)

    def _judge(self, device: str, new: dict[tuple[int, int], Reading]) -> list[Judged]:
        """Judge new fixes among their neighbours in time, and neighbours again whose judgement waited for these."""
        ordered = sorted(new.values(), key=lambda each: (each.at, each.stream, each.seq))
        before, behind = self._store.around(device, ordered[0].at, ordered[-1].at, _NEIGHBOURS)
        inside, _ = self._store.judged(device, ordered[0].at, ordered[-1].at + 1, kind="fix")
        old = {_key(each.reading): each for each in (*before, *inside, *behind) if _key(each.reading) not in new}
        line = sorted(
            [*(each.reading for each in old.values()), *ordered], key=lambda each: (each.at, each.stream, each.seq)
        )
        out: list[Judged] = []
        good: Reading | None = None
        for place, cur in enumerate(line):
            was = old.get(_key(cur))
            beside = line[max(0, place - 1) : place + 2]
            if was is not None and (good is None or all(_key(each) in old for each in beside)):
                reason = was.reason
            else:
                reason = judge(good, cur, line[place + 1] if place + 1 < len(line) else None)
                if was is None or reason != was.reason:
                    out.append(Judged(cur, reason))
            if reason is None:
                good = cur
        return out


def _key(reading: Reading) -> tuple[int, int]:
    return reading.stream, reading.seq
