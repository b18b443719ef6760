"""A write is on its way while the next lines are prepared: making lines is our work, storing them is the server's."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from milepost.telemetry.influx_write import LINES_AT_ONCE, LineWriter, Outcome
from milepost.telemetry.lines import lines_of
from milepost.telemetry.model import Judged, Reading

_STEP = 1_000


@dataclass(slots=True)
class Landed:
    """What became of a flight, beside the lines that were written."""

    refused: list[tuple[int, str, str]] = field(default_factory=list)  # number of the line, the line, reason
    expired: int = 0  # older than the bucket keeps


class Flight:
    """Sends lines, one request at a time, and prepares the next ones meanwhile. One thread at a time."""

    def __init__(self, writer: LineWriter) -> None:
        self._writer = writer
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="influx")

    def close(self) -> None:
        """End the thread; the connections are the writer's."""
        self._threads.shutdown()

    def send(
        self, bucket: str, before: Sequence[str], fixes: Sequence[Judged | Reading], behind: Sequence[str]
    ) -> Landed:
        """Write the lines `before`, those of `fixes`, and the lines `behind`, in this order; returns when all that can
        be written is durable. The number of a line counts through all three.

        Raises InfluxAway or InfluxMisconfigured, and nothing is on its way then; the same call may be made again,
        whatever was written by it.
        """
        landed = Landed()
        pieces = _pieces(before, fixes, behind)
        if len(before) + len(fixes) + len(behind) <= LINES_AT_ONCE:  # live: nothing to prepare meanwhile
            for piece in pieces:
                _land(landed, 0, piece, self._writer.write(bucket, piece))
            return landed
        start, sent = 0, []
        on_way: Future[Outcome] | None = None
        try:
            for piece in pieces:
                if on_way is not None:
                    _land(landed, start, sent, on_way.result())
                    start += len(sent)
                sent, on_way = piece, self._threads.submit(self._writer.write, bucket, piece)
            if on_way is not None:
                _land(landed, start, sent, on_way.result())
        finally:
            if on_way is not None:
                wait([on_way])
        return landed


def _pieces(
    before: Sequence[str], fixes: Sequence[Judged | Reading], behind: Sequence[str]
) -> Iterator[list[str]]:  # fmt: skip
    """All lines, as many at a time as a request takes; those of fixes are made when their turn comes."""
    made = list(before)
    for at in range(0, len(fixes), _STEP):
        made += lines_of(fixes[at : at + _STEP])
        while len(made) >= LINES_AT_ONCE:
            yield made[:LINES_AT_ONCE]
            made = made[LINES_AT_ONCE:]
    made += behind
    for at in range(0, len(made), LINES_AT_ONCE):
        yield made[at : at + LINES_AT_ONCE]


def _land(landed: Landed, start: int, lines: Sequence[str], outcome: Outcome) -> None:
    landed.refused += [(start + n, lines[n], reason) for n, reason in outcome.refused]
    landed.expired += outcome.expired
