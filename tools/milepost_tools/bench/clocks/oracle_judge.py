"""How the oracle judges one clock: its due instant under holds, its end, its verdict (docs/clocks.md)."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from milepost.evidence.model import Fact
from milepost.orders.vocabulary import RANK
from milepost_tools.bench.clocks.oracle_diary import Diary, Entry
from milepost_tools.bench.clocks.oracle_facts import place, received, recorded

# When something happened, and what decides between two things of the same instant.
Mark = tuple[int, int, int, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the oracle says of one clock. Times are UTC ms."""

    clock: str
    start_fact: str
    subject: str
    start: int
    due: int | None
    late_from: int | None
    end: int | None
    verdict: str
    breached_at: int | None
    excusable: bool

    @property
    def key(self) -> tuple[str, str, str]:
        """What names the clock within its order."""
        return self.clock, self.start_fact, self.subject


@dataclass(frozen=True, slots=True)
class Start:
    """What started a clock: the fact that names it, and when that took its place among the facts."""

    fact: Fact
    mark: Mark
    at: int


def mark(fact: Fact, at: int | None = None) -> Mark:
    """What happened at an instant (default: the fact's), then the fact's place among the others."""
    return (fact.at if at is None else at, *place(fact))


def of_entry(entry: Entry) -> Start:
    """The start that a line of the diary gives; a waking stands for its postponement at that 08:00."""
    if entry.what == "woken":
        return Start(entry.data, max((entry.at, entry.at, RANK["order.postponed"], ""), mark(entry.data)), entry.at)
    assert entry.fact is not None
    return Start(entry.fact, mark(entry.fact), entry.at)


def later(diary: Diary, entry: Entry, *what: str) -> list[Mark]:
    """Marks of the lines of some kinds that follow a line."""
    line = next(i for i, e in enumerate(diary.entries) if e is entry)
    return [mark(e.fact) for e in diary.entries[line + 1 :] if e.what in what and e.fact is not None]


def before(diary: Diary, entry: Entry, *what: str) -> list[Entry]:
    """The lines of some kinds that stand before a line."""
    line = next(i for i, e in enumerate(diary.entries) if e is entry)
    return [e for e in diary.entries[:line] if e.what in what]


def since(start: Start, facts: Iterable[Fact]) -> list[Mark]:
    """Marks of the facts that follow a start."""
    return [mark(f) for f in facts if mark(f) > start.mark]


def holds(diary: Diary) -> list[tuple[Mark, Mark | None]]:
    """Spans in which at least one hold lay on the order; None: it still lies."""
    active: set[str] = set()
    spans: list[tuple[Mark, Mark | None]] = []
    for fact in diary.about("hold.set", "hold.released"):
        before = bool(active)
        (active.add if fact.kind == "hold.set" else active.discard)(fact.body["hold"])
        if active and not before:
            spans.append((mark(fact), None))
        if before and not active:
            spans[-1] = (spans[-1][0], mark(fact))
    return spans


def due_under_holds(
    diary: Diary,
    start: int,
    due: int,
    inclusive: bool,
    anew: Callable[[int], int] | None,
    stop: Mark | None,
) -> int | None:
    """Due instant after all holds up to `stop`; None while one lies. `anew`: the due instant were the start then."""
    for hold, release in holds(diary):
        begin = max(hold[0], start)
        if due + inclusive <= begin or (stop is not None and stop < hold):
            break
        if release is None or (stop is not None and stop < release):
            return None
        if release[0] > begin:
            due = anew(release[0]) if anew else due + release[0] - begin
    return due


def settle(
    diary: Diary,
    until: int,
    clock: str,
    begun: Start,
    due: int,
    *,
    inclusive: bool,
    ends: Sequence[Mark],
    voids: Sequence[Mark] = (),
    start: int | None = None,
    subject: str = "",
    pauses: bool = False,
    anew: Callable[[int], int] | None = None,
    limit: bool = False,
    not_before: int | None = None,
) -> Answer:
    """Judge a clock. `ends` and `voids`: what may end it or set it aside; the first of them decides."""
    first_end, first_void = min(ends, default=None), min(voids, default=None)
    ended = first_end is not None and (first_void is None or first_end < first_void)
    stop = first_end if ended else first_void
    begin = begun.at if start is None else start
    final = due_under_holds(diary, begin, due, inclusive, anew, stop) if pauses else due
    late_from = None if final is None else final + inclusive
    missed = late_from is not None and late_from <= (until if stop is None else stop[0])
    if ended:
        verdict = "late" if missed else "met"
        assert stop is not None
        if not_before is not None and stop[0] < not_before and not missed:
            verdict = "early"
    elif missed:
        verdict = "lapsed" if limit else "late"
    else:
        verdict = "open" if stop is None else "void"
    end = stop[0] if stop is not None and (ended or not missed) else None
    breached = max(late_from, received(begun.fact)) if verdict == "late" and late_from is not None else None
    return Answer(clock, begun.fact.id, subject, begin, final, late_from, end, verdict, breached, False)


def recorded_mark(fact: Fact) -> Mark:
    """Place of a fact by the time at which it was written down (entry clocks)."""
    return mark(fact, recorded(fact))
