"""The papers: entering what was signed, bringing the receipt back (N-31, N-32, N-40)."""

from collections.abc import Iterator

from milepost.clocks.calendar import DAY_MS
from milepost.clocks.case import Case, Event, Hit, recorded
from milepost.clocks.model import ClockState
from milepost.clocks.settle import Draft, settle, until

_SIGNED = ("signed", "signed_abnormal")


def clocks(case: Case) -> Iterator[ClockState]:
    """Every clock of the papers."""
    if not (signatures := case.of(*_SIGNED)):
        return
    entered: set[str] = set()
    for event in signatures:
        if event.fact.id not in entered:
            entered.add(event.fact.id)
            yield _entry(case, event)
    last = {event.unit: event for event in signatures if event.unit in case.counting}
    if len(last) == len(case.counting):
        yield from _receipt(case, max(last.values(), key=lambda e: e.n))


def _entry(case: Case, event: Event) -> ClockState:
    """N-31, N-32: signed before 17:00, entered the same day; later, by noon of the next."""
    policy, day = case.policy(event.at), case.local.day(event.at)
    early = event.at < case.local.at(day, policy.time("signoff.cutoff"))
    key = "signoff.same" if early else "signoff.next_day"
    due = case.local.at(day if early else day + 1, policy.time(key))
    keys, ends = ("signoff.cutoff", key), [Hit(recorded(event), event.n, event.fact.id)]
    span = until(due, key.replace(".", "_"), *(policy.values[each] for each in keys))
    clock = "N-31" if early else "N-32"
    return settle(case, Draft(clock, "obligation", event, keys, ends, span=span, inclusive=False))


def _receipt(case: Case, event: Event) -> Iterator[ClockState]:
    """N-40: the slip is back by the end of the third day after the last signature (X-26)."""
    if case.before(event.n, "receipt_returned"):
        return
    policy = case.policy(event.at)
    due = case.local.at(case.local.day(event.at) + policy.number("receipt.days"), DAY_MS)
    span = until(due, "days_after", "receipt.days", policy.values["receipt.days"])
    ends, keys = case.after(event.n, "receipt_returned"), ("receipt.days",)
    yield settle(case, Draft("N-40", "obligation", event, keys, ends, span=span, inclusive=False))
