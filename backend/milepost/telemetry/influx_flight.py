"""Writes are on their way while the next lines are prepared: making lines is our work, storing them is the server's.

Two at a time: in a busy process a thread that has its answer waits for its turn, and the server would wait with it.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from milepost.telemetry.influx_write import LINES_AT_ONCE, LineWriter, Outcome
from milepost.telemetry.lines import lines_of
from milepost.telemetry.model import Entry, count_of, size_of

_STEP = 1_000
_ON_THEIR_WAY = 2


@dataclass(slots=True)
class Landed:
    """What became of a flight, beside the lines that were written."""

    refused: list[tuple[int, str, str]] = field(default_factory=list)  # number of the line, the line, reason
    expired: int = 0  # older than the bucket keeps


class Flight:
    """Sends lines, and prepares the next ones meanwhile. One thread at a time."""

    def __init__(self, writer: LineWriter) -> None:
        self._writer = writer
        self._threads = ThreadPoolExecutor(_ON_THEIR_WAY, thread_name_prefix="influx")

    def close(self) -> None:
        """End the threads; the connections are the writer's."""
        self._threads.shutdown()

    def send(self, bucket: str, before: Sequence[str], fixes: Sequence[Entry], behind: Sequence[str]) -> Landed:
        """Write the lines `before`, those of `fixes`, and the lines `behind`, no two of one point; returns when all
        that can be written is durable. The number of a line counts through all three.

        Raises InfluxAway or InfluxMisconfigured, and nothing is on its way then; the same call may be made again,
        whatever was written by it.
        """
        landed = Landed()
        pieces = _pieces(before, fixes, behind)
        if len(before) + count_of(fixes) + len(behind) <= LINES_AT_ONCE:  # live: nothing to prepare meanwhile
            for piece in pieces:
                _land(landed, 0, piece, self._writer.write(bucket, piece))
            return landed
        start = 0
        on_way: deque[tuple[list[str], Future[Outcome]]] = deque()
        try:
            for piece in pieces:
                on_way.append((piece, self._threads.submit(self._writer.write, bucket, piece)))
                if len(on_way) > _ON_THEIR_WAY:  # one more is ready when one of them lands
                    start += _land(landed, start, on_way[0][0], on_way[0][1].result())
                    on_way.popleft()
            while on_way:
                start += _land(landed, start, on_way[0][0], on_way[0][1].result())
                on_way.popleft()
        finally:
            for _, each in on_way:
                each.cancel()
            wait([each for _, each in on_way])
        return landed


def _pieces(before: Sequence[str], fixes: Sequence[Entry], behind: Sequence[str]) -> Iterator[list[str]]:
    """All lines, as many at a time as a request takes; those of fixes are made when their turn comes."""
    made = list(before)
    for some in _steps(fixes):
        made += lines_of(some)
        while len(made) >= LINES_AT_ONCE:
            yield made[:LINES_AT_ONCE]
            made = made[LINES_AT_ONCE:]
    made += behind
    for at in range(0, len(made), LINES_AT_ONCE):
        yield made[at : at + LINES_AT_ONCE]


def _steps(fixes: Sequence[Entry]) -> Iterator[list[Entry]]:
    some: list[Entry] = []
    room = _STEP
    for each in fixes:
        some.append(each)
        room -= size_of(each)
        if room <= 0:
            yield some
            some, room = [], _STEP
    yield some


def _land(landed: Landed, start: int, lines: Sequence[str], outcome: Outcome) -> int:
    """Take in what became of some lines; returns how many they are."""
    landed.refused += [(start + n, lines[n], reason) for n, reason in outcome.refused]
    landed.expired += outcome.expired
    return len(lines)
