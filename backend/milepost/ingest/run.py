"""Good fixes that follow one another: nearly all that a fleet sends. Held as columns, read as readings.

To make a reading of each fix costs more than most of what is done with it. Whoever only asks when, how many or which
was the last takes the columns; whoever does not know of runs finds a sequence of readings.
"""

from collections.abc import Iterator, Sequence
from itertools import chain, pairwise
from operator import attrgetter, lt
from typing import NamedTuple, overload

from milepost.ingest.reading import FixBody, Reading

_COLUMNS = ("received_at", "at", "lat_e6", "lon_e6", "alt_m", "speed_mps", "course_deg", "sats", "hdop")


class Steps(NamedTuple):
    """What lies between each fix of a run and the next. Whoever reads a run knows it nearly for nothing, and several
    ask."""

    rises: bool  # each is later than the one before it
    widest_e6: int  # none is wider, its way along a meridian and its way along a parallel together, in 1e-6 degrees


class Run(Sequence[Reading]):
    """Fixes of one stream with seqs without a hole. Nobody changes it.

    All are from a GNSS receiver (source 0) that knew its date (clock "gnss"), with a place within ±90° and ±180°; any
    other value may be None, which is unknown.
    """

    __slots__ = (
        "_made", "_steps", "alt_m", "at", "course_deg", "device", "first", "hdop", "lat_e6", "lon_e6", "received_at",
        "sats", "speed_mps", "stream",
    )  # fmt: skip

    def __init__(
        self,
        device: str,
        stream: int,
        first: int,
        received_at: Sequence[int],
        at: Sequence[int],
        lat_e6: Sequence[int],
        lon_e6: Sequence[int],
        alt_m: Sequence[int | None],
        speed_mps: Sequence[float | None],
        course_deg: Sequence[float | None],
        sats: Sequence[int | None],
        hdop: Sequence[float | None],
        steps: Steps | None = None,
    ) -> None:
        """`first`: seq of the first fix; `received_at`, `at`: UTC ms; the others as in FixBody. All have one length.
        `steps`: where they are known."""
        self.device, self.stream, self.first, self.received_at = device, stream, first, received_at
        self.at, self.lat_e6, self.lon_e6, self.alt_m = at, lat_e6, lon_e6, alt_m
        self.speed_mps, self.course_deg, self.sats, self.hdop = speed_mps, course_deg, sats, hdop
        self._made: list[Reading] | None = None
        self._steps = steps

    @property
    def last(self) -> int:
        """Seq of the last fix; first - 1 of an empty run."""
        return self.first + len(self.at) - 1

    @property
    def steps(self) -> Steps:
        """What lies between its fixes."""
        if self._steps is None:
            ways = map(_way_e6, self.lat_e6, self.lon_e6, self.lat_e6[1:], self.lon_e6[1:])
            self._steps = Steps(all(map(lt, self.at, self.at[1:])), max(ways, default=0))
        return self._steps

    def __len__(self) -> int:
        return len(self.at)

    def __iter__(self) -> Iterator[Reading]:
        return iter(self._readings())

    @overload
    def __getitem__(self, place: int) -> Reading: ...
    @overload
    def __getitem__(self, place: slice) -> list[Reading]: ...
    def __getitem__(self, place: int | slice) -> Reading | list[Reading]:
        if self._made is not None:
            return self._made[place]
        some = range(len(self.at))[place]
        return [self._reading(n) for n in some] if isinstance(some, range) else self._reading(some)

    def _readings(self) -> list[Reading]:
        made = self._made
        if made is None:  # two threads may both make them: they are equal
            made = self._made = [self._reading(n) for n in range(len(self.at))]
        return made

    def _reading(self, n: int) -> Reading:
        body = FixBody(
            self.lat_e6[n] / 1e6, self.lon_e6[n] / 1e6, self.alt_m[n], self.speed_mps[n], self.course_deg[n],
            self.sats[n], self.hdop[n],
        )  # fmt: skip
        return Reading(self.device, self.stream, self.first + n, "fix", self.at[n], "gnss", self.received_at[n], body)


def joined(pieces: Sequence[Sequence[Reading]]) -> Sequence[Reading]:
    """The readings of all pieces in their order: one run where runs follow each other without a hole."""
    if len(pieces) == 1:
        return pieces[0]
    runs = [each for each in pieces if isinstance(each, Run)]
    if len(runs) < len(pieces) or not all(map(_follows, runs[1:], runs)):
        return [each for piece in pieces for each in piece]
    columns = (list(chain.from_iterable(map(attrgetter(name), runs))) for name in _COLUMNS)
    return Run(runs[0].device, runs[0].stream, runs[0].first, *columns, steps=_steps_of([run for run in runs if run]))


def _steps_of(runs: Sequence[Run]) -> Steps:
    """Those within the runs, and those from one to the next. None of them is empty."""
    seams = list(pairwise(runs))
    rises = all(run.steps.rises for run in runs) and all(one.at[-1] < other.at[0] for one, other in seams)
    ways = [_way_e6(one.lat_e6[-1], one.lon_e6[-1], other.lat_e6[0], other.lon_e6[0]) for one, other in seams]
    return Steps(rises, max([*ways, *(run.steps.widest_e6 for run in runs)], default=0))


def _way_e6(lat_e6: int, lon_e6: int, to_lat_e6: int, to_lon_e6: int) -> int:
    return abs(to_lat_e6 - lat_e6) + abs(to_lon_e6 - lon_e6)


def _follows(run: Run, before: Run) -> bool:
    return (run.first, run.stream, run.device) == (before.last + 1, before.stream, before.device)


def times(found: Sequence[Reading]) -> Sequence[int]:
    """The times of readings (UTC ms), in their order."""
    return found.at if isinstance(found, Run) else [each.at for each in found]
