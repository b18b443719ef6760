"""Readings out of an InfluxDB, in the order of the store: by time, then stream, then seq.

The server sorts by its own timestamps, whose digits below the millisecond are no part of that order; so whatever is cut
by a LIMIT is completed to whole milliseconds first, sorted, and cut here.
"""

from collections.abc import Iterator

from milepost.telemetry.influx_bits import GOOD, QUARANTINED, in_state
from milepost.telemetry.influx_query import QueryReader, rows_of, span
from milepost.telemetry.lines import BLOCK, FIX_COLUMNS, RECORD_COLUMNS, judged_of
from milepost.telemetry.model import Judged

_EVER_MS = 1 << 62
_DAY_MS = 86_400_000
Order = tuple[int, int, int]  # at, stream, seq


def order(judged: Judged) -> Order:
    """By what readings of one device are sorted."""
    return judged.reading.at, judged.reading.stream, judged.reading.seq


class Readings:
    """Readings of the raw bucket. Any thread."""

    def __init__(self, reader: QueryReader, bucket: str) -> None:
        self._reader = reader
        self._bucket = bucket

    def first(
        self, kind: str, device: str, from_ms: int, to_ms: int, limit: int, *, state: int | None = None
    ) -> list[Judged]:
        """The first `limit` of from_ms ≤ at < to_ms; `state`: of those in it."""
        found: list[Judged] = []
        for start, end in _windows(from_ms, to_ms, limit):
            left = limit - len(found)
            if left < 1:
                break
            piece = self._ask(kind, device, f"{span(start, end)} AND {in_state(state)} ORDER BY time LIMIT {left}")
            found += self._completed(piece, kind, device, left, state)[:left]
        return found

    def last(self, device: str, to_ms: int, limit: int, *, state: int | None = None) -> list[Judged]:
        """The last `limit` fixes of at < to_ms, by time."""
        condition = f"{span(-_EVER_MS, to_ms)} AND {in_state(state)}"
        found = self._ask("fix", device, f"{condition} ORDER BY time DESC LIMIT {limit}")
        return self._completed(found, "fix", device, limit, state)[-limit:]

    def every(self, kind: str, device: str, from_ms: int, to_ms: int) -> list[Judged]:
        """All of from_ms ≤ at < to_ms."""
        if to_ms <= from_ms:
            return []
        return sorted(self._ask(kind, device, f"{span(from_ms, to_ms)} AND {in_state(None)}"), key=order)

    def points(self, kind: str, device: str, condition: str) -> set[Order]:
        """(at, stream, seq) of the points that a condition of InfluxQL names, but for the moved ones."""
        where = f"device = $device AND {in_state(None)} AND {condition}"
        query = f'SELECT bits, stream, block FROM "{kind}" WHERE {where}'
        found = set()
        for series in self._reader.series(self._bucket, query, device=device)[0]:
            for row in rows_of(series):
                at, low = divmod(row["time"], BLOCK)
                found.add((at, int(row["stream"]), int(row["block"]) * BLOCK + low))
        return found

    def _ask(self, kind: str, device: str, condition: str) -> list[Judged]:
        columns = ", ".join(FIX_COLUMNS if kind == "fix" else RECORD_COLUMNS)
        # Words like "tag" are words of the language too: measurements are quoted.
        query = f'SELECT {columns} FROM "{kind}" WHERE device = $device AND {condition}'
        return [
            judged_of(kind, device, row)
            for series in self._reader.series(self._bucket, query, device=device)[0]
            for row in rows_of(series)
        ]

    def _completed(self, found: list[Judged], kind: str, device: str, limit: int, state: int | None) -> list[Judged]:
        """What a LIMIT has cut, with all of the millisecond at the cut; by order."""
        if len(found) >= limit:
            cut = found[-1].reading.at
            same = [
                each for each in self.every(kind, device, cut, cut + 1) if state is None or _state_of(each) == state
            ]
            found = [each for each in found if each.reading.at != cut] + same
        return sorted(found, key=order)


def _windows(from_ms: int, to_ms: int, limit: int) -> Iterator[tuple[int, int]]:
    """A span in growing pieces. Without an end nearby the server reads all that follows, whatever the LIMIT: 3 of
    85,000 fixes took 100 ms, and 3 within the next minutes take 2."""
    width_ms = max(600_000, limit * 1000)
    while from_ms < to_ms:
        end_ms = to_ms if width_ms > _DAY_MS else min(to_ms, from_ms + width_ms)
        yield from_ms, end_ms
        from_ms, width_ms = end_ms, width_ms * 100


def _state_of(judged: Judged) -> int:
    return GOOD if judged.reason is None else QUARANTINED
