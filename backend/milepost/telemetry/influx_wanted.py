"""What one write into an InfluxDB is about: readings by stream, each seq once. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from milepost.telemetry import influx_sql
from milepost.telemetry.influx_sql import HOUR_MS, Stream
from milepost.telemetry.model import Judged, Reading

Each = Judged | Reading  # a bare one is good
Wanted = dict[Stream, dict[int, Each]]  # by seq
_order = attrgetter("at", "stream", "seq")


def reading_of(each: Each) -> Reading:
    """The reading, whatever is thought of it."""
    return each if isinstance(each, Reading) else each.reading


def reason_of(each: Each) -> str | None:
    """Why it is quarantined, None when it is good."""
    return None if isinstance(each, Reading) else each.reason


def readings_of(some: Mapping[int, Each]) -> list[Reading]:
    """The readings, in their order. Nearly always there are no others."""
    values: list[Any] = list(some.values())
    return values if {*map(type, values)} == {Reading} else list(map(reading_of, values))


def by_stream(readings: Iterable[Each]) -> Wanted:
    """Readings by stream and seq; of one record given twice the later counts."""
    wanted: Wanted = {}
    device, stream = "", 0
    some: dict[int, Each] = {}
    for each in readings:
        reading = each if isinstance(each, Reading) else each.reading
        if reading.stream != stream or reading.device != device:
            device, stream = reading.device, reading.stream
            some = wanted.setdefault((device, stream), {})
        some[reading.seq] = each
    return wanted


def noted(wanted: Wanted) -> list[list]:
    """[device, kind, stream, first at, last at, ranges of seqs] of every stream and kind."""
    rows = []
    for (device, stream), some in wanted.items():
        readings = readings_of(some)
        for kind in sorted({each.kind for each in readings}):
            those = [each for each in readings if each.kind == kind]
            times = [each.at for each in those]
            ranges = influx_sql.united([], sorted([each.seq for each in those]))
            rows.append([device, kind, stream, min(times), max(times), ranges])
    return rows


@dataclass(frozen=True, slots=True)
class News:
    """What the books have to know of one stream."""

    seqs: Sequence[int]  # rising
    last_at: int  # UTC ms
    newest: Reading | None  # the last good fix
    hours: frozenset[int]  # UTC ms of the beginnings of those with a fix in them


def news_of(some: Mapping[int, Each]) -> News:
    """The news of some readings of one stream, at least one."""
    readings = readings_of(some)
    fixes = [each.at for each in readings if each.kind == "fix"]
    good = [
        reading for reading, each in zip(readings, some.values(), strict=True)
        if reading.kind == "fix" and (reading is each or reason_of(each) is None)
    ]  # fmt: skip
    newest = max([each.at for each in good], default=0)
    first, last = (min(fixes) // HOUR_MS, max(fixes) // HOUR_MS) if fixes else (0, -1)
    hours = {first} if first == last else {at // HOUR_MS for at in fixes}
    return News(
        seqs=sorted(some),
        last_at=max([each.at for each in readings]),
        newest=max([each for each in good if each.at == newest], key=_order, default=None),
        hours=frozenset(hour * HOUR_MS for hour in hours),
    )
