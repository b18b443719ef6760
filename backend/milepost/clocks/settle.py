"""From a clock's start, its limit and what ends it to its verdict (docs/clocks.md: Verdicts, Pause)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from milepost.clocks.case import Case, Event, Hit, first_hit, received
from milepost.clocks.model import ClockState
from milepost.clocks.policy import Resolved

Steps = Sequence[Sequence[Any]]
# The limit of a clock that begins at an instant (UTC ms): the due instant, and the step that explains it.
Limit = Callable[[int], tuple[int, list[Any]]]
# EO-20: a verified cause (an outage) excuses these.
_EXEMPTABLE = ("N-01", "N-02", "N-07", "N-17", "N-19")


class Span(NamedTuple):
    """Until when a clock runs: due and late_from (UTC ms; None while paused), paused time (ms), how it came to that."""

    due: int | None
    late_from: int | None
    paused_ms: int = 0
    steps: Steps = ()


@dataclass(slots=True)
class Draft:
    """A clock before its verdict. `event` starts it, at its own time if there is no other `start` (UTC ms). `keys`: the
    policy's, for the rule. `owner`: by default the branch that has the order then.

    `pause`: "" never, "longer" a duration, "anew" a time of day. `ends` end it, `voids` set it aside. `span` stands in
    for `limit` where the due instant comes from another clock. `opens`: before it (UTC ms) an end is early; `kept`: an
    end is in time whenever it comes. `late_by`: when it is late, by its due instant, where that is not at the due
    instant. `excusable` judges a late clock by its due instant. All UTC ms.
    """

    clock: str
    klass: str
    event: Event
    keys: tuple[str, ...]
    ends: Sequence[Hit]
    voids: Sequence[Hit] = ()
    limit: Limit | None = None
    span: Span | None = None
    start: int | None = None
    owner: str | None = None
    inclusive: bool = True
    pause: str = ""
    subject: str = ""
    opens: int | None = None
    kept: bool = False
    late_by: Callable[[int], int | None] | None = None
    excusable: Callable[[int], bool] | None = None
    steps: Steps = ()

    @property
    def begins(self) -> int:
        """UTC ms at which it starts."""
        return self.event.at if self.start is None else self.start


def settle(case: Case, draft: Draft) -> ClockState:
    """The verdict over a clock at the case's `until`."""
    policy = case.policy(draft.begins)
    end, void = first_hit(draft.ends, case.until), first_hit(draft.voids, case.until)
    stop = min((hit for hit in (end, void) if hit is not None), default=None)
    span = draft.span or reckon(case, draft, stop)
    late_from = span.late_from
    if stop is None:
        if late_from is None or case.until < late_from:
            verdict = "open"
        else:
            verdict = "lapsed" if draft.klass == "limit" else "late"
    elif stop is end:
        verdict = "met" if late_from is None or draft.kept or stop.at < late_from else "late"
        if verdict == "met" and draft.opens is not None and stop.at < draft.opens:
            verdict = "early"
    elif late_from is None or stop.at < late_from:
        verdict = "void"
    else:
        verdict, stop = ("lapsed" if draft.klass == "limit" else "late"), None
    breached_at, excusable = None, False
    if verdict == "late" and late_from is not None:
        breached_at = max(late_from, received(draft.event.fact))
        if draft.clock in _EXEMPTABLE and any(e.at >= draft.event.fact.at for e in case.of("exempt.verified")):
            verdict = "excused"
        elif draft.excusable is not None:
            excusable = draft.excusable(late_from if span.due is None else span.due)
    return ClockState(
        case.order,
        draft.clock,
        draft.klass,
        draft.event.fact.id,
        draft.subject,
        draft.owner or case.branch(draft.event.n),
        draft.begins,
        span.due,
        draft.inclusive,
        late_from,
        None if stop is None else stop.at,
        None if stop is None else stop.fact,
        verdict,
        breached_at,
        excusable,
        False,
        span.paused_ms,
        policy.id,
        policy.rule(*draft.keys),
        {
            "zone": case.local.zone,
            "from": draft.event.at,
            "kind": draft.event.fact.kind,
            "steps": [*draft.steps, *span.steps],
        },
    )


def reckon(case: Case, draft: Draft, stop: Hit | None) -> Span:
    """Due instant with the pauses in between: a duration grows by what lay after its start, a time of day is taken anew
    from the resume. A hold does nothing to a clock that was late, or over, before it."""
    assert draft.limit is not None
    due, step = draft.limit(draft.begins)
    steps = [step]
    late, paused = _late(draft, due), 0
    if draft.pause:
        for hold in case.holds:
            begins, ends = hold.since[0], None if hold.until is None else hold.until[0]
            over = due + draft.inclusive if late is None else min(late, due + draft.inclusive)
            if over <= begins or (stop is not None and stop[:2] < hold.since):
                break
            since = max(begins, draft.begins)
            if hold.until is None or ends is None or (stop is not None and stop[:2] < hold.until):
                paused += max(0, (case.until if stop is None else stop.at) - since)
                return Span(None, None, paused, [*steps, ["held", begins]])
            if ends <= draft.begins:
                continue
            paused += ends - since
            if draft.pause == "longer":
                due += ends - since
                steps.append(["longer", ends - since])
            else:
                due, step = draft.limit(ends)
                steps += [["resumed", ends], step]
            late = _late(draft, due)
    return Span(due, late, paused, steps)


def _late(draft: Draft, due: int) -> int | None:
    return due + draft.inclusive if draft.late_by is None else draft.late_by(due)


def within(policy: Resolved, key: str) -> Limit:
    """A duration from the start."""
    length = policy.duration(key)
    return lambda at: (at + length, ["within", key, policy.values[key]])


def until(due: int, *step: Any) -> Span:
    """A limit that nothing moves: not done before `due` (UTC ms) is late."""
    return Span(due, due, 0, [list(step)])
