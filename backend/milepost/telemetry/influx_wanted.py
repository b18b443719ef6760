"""What one write into an InfluxDB is about: readings by stream, each seq once. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from milepost.telemetry.influx_sql import HOUR_MS, Ranges, Stream, ranges_of, united
from milepost.telemetry.model import Entry, Judged, Reading, Run, size_of

Each = Judged | Reading  # a bare one is good
_order = attrgetter("at", "stream", "seq")


def reading_of(each: Each) -> Reading:
    """The reading, whatever is thought of it."""
    return each if isinstance(each, Reading) else each.reading


def reason_of(each: Each) -> str | None:
    """Why it is quarantined, None when it is good."""
    return None if isinstance(each, Reading) else each.reason


class Some(Mapping[int, Each]):
    """Readings of one stream by seq. `runs` stay runs as long as nothing else is said of a record in them."""

    __slots__ = ("_behind", "runs", "singles")

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.singles: dict[int, Each] = {}
        self._behind = 0  # beyond all seqs

    def take(self, entry: Entry) -> None:
        """Add a reading or a run of this stream; of one record given twice the later counts."""
        if isinstance(entry, Run):
            if entry.first < self._behind:
                self._spread()
                self.singles |= {each.seq: each for each in entry}
            elif entry:
                self.runs.append(entry)
            self._behind = max(self._behind, entry.last + 1)
            return
        seq = reading_of(entry).seq
        if seq < self._behind and self.runs:
            self._spread()
        self.singles[seq] = entry
        self._behind = max(self._behind, seq + 1)

    def drop(self, seq: int) -> None:
        """Take one out. Raises KeyError where it is not in."""
        self._spread()
        del self.singles[seq]

    def _spread(self) -> None:
        self.singles |= {each.seq: each for run in self.runs for each in run}
        self.runs = []

    @property
    def ranges(self) -> Ranges:
        """The seqs."""
        return united([[run.first, run.last] for run in self.runs], ranges_of(sorted(self.singles)))

    def __len__(self) -> int:
        return sum(map(len, self.runs)) + len(self.singles)

    def __iter__(self) -> Iterator[int]:
        for run in self.runs:
            yield from range(run.first, run.last + 1)
        yield from self.singles

    def __getitem__(self, seq: int) -> Each:
        for run in self.runs:
            if run.first <= seq <= run.last:
                return run[seq - run.first]
        return self.singles[seq]


Wanted = dict[Stream, Some]


def by_stream(entries: Iterable[Entry]) -> Wanted:
    """What is to be written, by stream."""
    wanted: Wanted = {}
    device, stream = "", 0
    some = Some()
    for entry in entries:
        one = entry.reading if isinstance(entry, Judged) else entry
        if one.stream != stream or one.device != device:
            device, stream = one.device, one.stream
            if (device, stream) not in wanted:
                wanted[device, stream] = Some()
            some = wanted[device, stream]
        some.take(entry)
    return wanted


def noted(wanted: Wanted) -> list[list]:
    """[device, kind, stream, first at, last at, ranges of seqs] of every stream and kind."""
    rows = []
    for (device, stream), some in wanted.items():
        single = list(map(reading_of, some.singles.values()))
        for kind in sorted({each.kind for each in single} | ({"fix"} if some.runs else set())):
            those = [each for each in single if each.kind == kind]
            times, ranges = [each.at for each in those], ranges_of(sorted([each.seq for each in those]))
            if kind == "fix":
                times += [at for run in some.runs for at in (min(run.at), max(run.at))]
                ranges = united([[run.first, run.last] for run in some.runs], ranges)
            rows.append([device, kind, stream, min(times), max(times), ranges])
    return rows


@dataclass(frozen=True, slots=True)
class News:
    """What the books have to know of one stream."""

    ranges: Ranges  # the seqs
    last_at: int  # UTC ms
    newest: Reading | None  # the last good fix
    hours: frozenset[int]  # UTC ms of the beginnings of those with a fix in them


def news_of(some: Some) -> News:
    """The news of some readings of one stream, at least one."""
    single = list(some.singles.values())
    fixes = [each for each in single if reading_of(each).kind == "fix"]
    good = [reading_of(each) for each in fixes if reason_of(each) is None]
    good += [run[-1] if run.steps.rises else max(run, key=_order) for run in some.runs]
    hours = {reading_of(each).at // HOUR_MS for each in fixes}
    for run in some.runs:
        first, last = min(run.at) // HOUR_MS, max(run.at) // HOUR_MS
        hours |= {first} if first == last else {at // HOUR_MS for at in run.at}
    return News(
        ranges=some.ranges,
        last_at=max([*(reading_of(each).at for each in single), *(max(run.at) for run in some.runs)]),
        newest=max(good, key=_order, default=None),
        hours=frozenset(hour * HOUR_MS for hour in hours),
    )


def nth(entries: Sequence[Entry], number: int) -> Reading:
    """The reading with a number, from 0 on, counted through all runs. Raises IndexError beyond them."""
    for each in entries:
        size = size_of(each)
        if number < size:
            return each[number] if isinstance(each, Run) else reading_of(each)
        number -= size
    raise IndexError(number)
