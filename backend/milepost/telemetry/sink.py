"""The sink that judges readings and writes them into the store."""

import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from milepost.ingest.decode import readings
from milepost.ingest.model import SpoolItem
from milepost.logs import about
from milepost.tally import Tally
from milepost.telemetry import rejudge
from milepost.telemetry.model import Entry, Judged, Reading, Run, TelemetryStore, count_of
from milepost.telemetry.quality import judge, surely_good_run
from milepost.telemetry.rejudge import Key, Outcome, Window, order

_NEIGHBOURS = 4  # fixes on either side of new ones that are read first; more when these do not decide
_MOST_NEIGHBOURS = 65_536
_MARGIN_MS = 1_000  # a later version of a fix of a foreign protocol lies within the same second
_TAIL = 4
_TAILS = 20_000
_TELL_EVERY_S = 60.0
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Tail:
    """The newest fixes of a device in the store, so that what comes in order is judged without reading."""

    anchor: Reading | None  # the last good fix before them, None when there is none
    fixes: list[Judged]


class TelemetrySink:
    """From the spool into a TelemetryStore; a repeat overwrites, so running again changes nothing."""

    name = "telemetry"

    def __init__(self, store: TelemetryStore, spool: str = "") -> None:
        """`spool`: key of the spool that is read."""
        self._store = store
        self._spool = spool
        self._tails: OrderedDict[str, _Tail] = OrderedDict()
        self._generation = 0
        self.wrote_s = Tally()  # each write into the store
        self.written = 0  # readings
        self.quarantined: Counter[str] = Counter()  # judgements by reason; a fix judged anew counts again
        self._told: Counter[str] = Counter()
        self._next_telling = 0.0

    def position(self) -> int:
        """The last item in the store."""
        return self._store.position(self._spool)

    def forget(self) -> None:
        """Read neighbours from the store again: to be called when others may have written about the same devices."""
        self._tails.clear()

    def tick(self) -> None:
        """Tell once a minute how many fixes went into quarantine since."""
        if time.monotonic() >= self._next_telling:
            self._next_telling = time.monotonic() + _TELL_EVERY_S
            if news := self.quarantined - self._told:
                _log.info("fixes were put into quarantine", extra=about(**news))
                self._told = self.quarantined.copy()

    def handle(self, items: Sequence[SpoolItem]) -> None:
        """Judge and store all readings of some items in one transaction."""
        runs: dict[str, list[Run]] = {}
        fixes: dict[str, dict[Key, Reading]] = {}
        out: list[Entry] = []
        for item in items:
            _sort_in(readings(item), runs, fixes, out)
        generation = self._store.generation()
        if generation != self._generation:
            self._generation = generation
            self.forget()
        tails: dict[str, _Tail | None] = {}
        for device, line in runs.items():
            tails[device] = self._append_runs(device, line, out)
            if tails[device] is None:
                fixes[device] = _by_key(line)
        for device, found in fixes.items():
            tails[device] = self._append(device, found, out) or self._insert(device, found, out)
        began = time.monotonic()
        try:
            self._store.write(out, items[-1].id, self._spool)
        except BaseException:
            self.forget()
            raise
        self.wrote_s.add(time.monotonic() - began)
        self.written += count_of(out)
        self.quarantined.update(each.reason for each in out if isinstance(each, Judged) and each.reason is not None)
        self._remember(tails)

    def _append_runs(self, device: str, runs: list[Run], out: list[Entry]) -> _Tail | None:
        """Store runs that come behind what is stored and are all good, as they are; None when it is not so."""
        tail = self._tails.get(device)
        if tail is None or not tail.fixes or sum(map(len, runs)) <= _TAIL:
            return None
        stored = [rejudge.key(each.reading) for each in tail.fixes]
        again = any(run.stream == stream and run.first <= seq <= run.last for run in runs for stream, seq in stored)
        if again or order(runs[0][0]) <= order(tail.fixes[-1].reading):
            return None
        last, good = _beside(tail, runs[0][0])
        before = good
        for run in runs:
            if not surely_good_run(before, run):
                return None
            before = run[-1]
        if last is not tail.fixes[-1]:
            out.append(last)
        out += runs
        end = [each for run in runs[-_TAIL - 1 :] for each in run[-_TAIL - 1 :]][-_TAIL - 1 :]
        return _Tail(end[0], [Judged(each) for each in end[1:]])

    def _append(self, device: str, new: dict[Key, Reading], out: list[Entry]) -> _Tail | None:
        """Judge fixes that all come behind what is stored, as they do unless something went wrong; None when not."""
        tail = self._tails.get(device)
        if tail is None or not tail.fixes:
            return None
        line = sorted(new.values(), key=order)
        stored = tail.fixes[-1]
        if order(line[0]) <= order(stored.reading) or any(rejudge.key(each.reading) in new for each in tail.fixes):
            return None
        last, good = _beside(tail, line[0])
        if last is not stored:
            out.append(last)
        kept, end, early = [*tail.fixes[:-1], last], len(line) - 1, None
        for place, cur in enumerate(line):
            reason = judge(good, cur, line[place + 1] if place < end else None)
            if reason is None:
                good = cur
                out.append(cur)
            else:
                out.append(Judged(cur, reason))
            if place > end - _TAIL:
                kept.append(Judged(cur, reason))
            elif reason is None:
                early = cur
        return _tail_of(tail.anchor, kept) if early is None else _Tail(early, kept[-_TAIL:])

    def _insert(self, device: str, new: dict[Key, Reading], out: list[Entry]) -> _Tail | None:
        """Judge fixes among those that are stored."""
        count = _NEIGHBOURS
        while True:
            window = self._window(device, new, count)
            outcome = rejudge.arrive(window, new)
            if outcome is not None:
                break
            count = min(count * 8, _MOST_NEIGHBOURS)
        out += [each if each.reason else each.reading for each in outcome.changed]
        return self._tail_after(device, window, outcome)

    def _window(self, device: str, new: dict[Key, Reading], count: int) -> Window:
        times = [each.at for each in new.values()]
        first, last = min(times) - _MARGIN_MS, max(times) + _MARGIN_MS
        before, behind = self._store.around(device, first, last, count)
        inside: list[Judged] = []
        cursor: str | None = ""
        while cursor is not None:
            page, cursor = self._store.judged(device, first, last + 1, kind="fix", after=cursor)
            inside += page
        sure = count >= _MOST_NEIGHBOURS  # nothing decides over so many: what lies beyond is left as it is
        return Window([*before, *inside, *behind], sure or len(before) < count, sure or len(behind) < count)

    def _tail_after(self, device: str, window: Window, outcome: Outcome) -> _Tail | None:
        """The newest fixes after an insertion, None when it is not known what they are."""
        if window.to_last:
            good = any(each.reason is None for each in outcome.line[:-_TAIL])
            return _tail_of(None, outcome.line) if window.from_first or good else None
        tail = self._tails.get(device)
        if not outcome.changed:
            return tail
        settled = outcome.settled
        if tail is None or tail.anchor is None or settled is None or settled > order(tail.anchor):
            return None
        return tail

    def _remember(self, tails: dict[str, _Tail | None]) -> None:
        for device, tail in tails.items():
            if tail is None:
                self._tails.pop(device, None)
            else:
                self._tails[device] = tail
                self._tails.move_to_end(device)
        while len(self._tails) > _TAILS:
            self._tails.popitem(last=False)


def _beside(tail: _Tail, following: Reading) -> tuple[Judged, Reading | None]:
    """The last stored fix, judged beside the one that follows it, and the last good one."""
    last = tail.fixes[-1]
    good = next((each.reading for each in reversed(tail.fixes[:-1]) if each.reason is None), tail.anchor)
    reason = judge(good, last.reading, following)
    return (last if reason == last.reason else Judged(last.reading, reason)), (good if reason else last.reading)


def _sort_in(
    found: Sequence[Reading], runs: dict[str, list[Run]], fixes: dict[str, dict[Key, Reading]], others: list[Entry]
) -> None:
    """Put a run to those of its device as long as each begins behind the one before it; the fixes of a device of
    which anything else comes by their keys; the rest to the others."""
    if not found:
        return
    device = found[0].device
    if isinstance(found, Run) and device not in fixes:
        line = runs.setdefault(device, [])
        if not line or (
            line[-1].stream == found.stream and line[-1].last < found.first and line[-1].at[-1] < found.at[0]
        ):
            line.append(found)
            return
    for reading in found:
        if reading.kind != "fix":
            others.append(reading)
            continue
        if device not in fixes:
            fixes[device] = _by_key(runs.pop(device, []))
        known, key = fixes[device], rejudge.key(reading)
        known[key] = rejudge.first_received(known[key], reading) if key in known else reading


def _by_key(runs: Sequence[Run]) -> dict[Key, Reading]:
    return {rejudge.key(each): each for run in runs for each in run}


def _tail_of(anchor: Reading | None, line: list[Judged]) -> _Tail:
    before = next((each.reading for each in reversed(line[:-_TAIL]) if each.reason is None), anchor)
    return _Tail(before, line[-_TAIL:])
