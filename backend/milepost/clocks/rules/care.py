"""Enquiries, complaints, claims (N-50, N-53…N-61)."""

from collections.abc import Iterator, Sequence
from typing import Any

from milepost.clocks.case import Case, Event, Hit
from milepost.clocks.model import CALL_CENTRE, ClockState
from milepost.clocks.policy import Resolved
from milepost.clocks.settle import Draft, Limit, settle, within
from milepost.evidence.model import Fact

# Class of a complaint -> its clock and the key of its working days; class 3 has the claim's clocks.
_CLASSES = {
    "mail": ("N-53", "mail.reply"),
    "change": ("N-53", "mail.reply"),
    "1": ("N-54", "complaint.1"),
    "2": ("N-57", "complaint.2"),
    "3": None,
}
_OTHER = ("N-61", "complaint.other")
# Whose payment time is the insurer's (N-56).
_INSURED = ("accident", "theft", "wetting")


def clocks(case: Case) -> Iterator[ClockState]:
    """Every clock of complaints, claims and enquiries."""
    events = case.events
    if "complaint.lodged" in events:
        yield from _complaints(case)
    if "claim.documents_complete" in events:
        yield from _claims(case)
    for request in events.get("location.requested", ()):
        yield enquiry(case, request, [e.fact for e in events.get("location.answered", ()) if e.n > request.n])


def enquiry(case: Case, request: Event, answers: Sequence[Fact], subject: str = "") -> ClockState:
    """N-50: where are my goods, answered within 15 minutes. `answers`: what may answer it, in the fold's order."""
    ends = [Hit(fact.at, request.n + n, fact.id) for n, fact in enumerate(answers, 1)]
    owner = None if case.order else CALL_CENTRE
    keys, limit = ("enquiry.reply",), within(case.policy(request.at), "enquiry.reply")
    return settle(case, Draft("N-50", "obligation", request, keys, ends, (), limit, owner=owner, subject=subject))


def _of(case: Case, kind: str, field: str, name: object) -> list[Event]:
    return [e for e in case.of(kind) if e.fact.body.get(field) == name]


def _complaints(case: Case) -> Iterator[ClockState]:
    open_until: dict[str, int] = {}
    for event in case.of("complaint.lodged"):
        name = str(event.fact.body.get("complaint"))
        closed = [e for e in _of(case, "complaint.closed", "complaint", name) if e.n > event.n]
        if event.n < open_until.get(name, -1):
            continue  # lodged twice, still open
        open_until[name] = closed[0].n if closed else 2**53
        rule = _CLASSES.get(str(event.fact.body.get("class")), _OTHER)
        if rule is None or event.fact.body.get("about") in _INSURED:
            continue
        ends = [Hit(e.at, e.n, e.fact.id) for e in closed]
        voids: list[Hit] = []
        if rule[0] == "N-54" and (big := _big_claim(case, event)) is not None and (not ends or big < ends[0]):
            voids = [max(big, Hit(event.at, event.n, big.fact))]
            yield _working_days(case, "N-55", "complaint.1.big", event, name, ends, ())
        yield _working_days(case, *rule, event, name, ends, voids)


def _big_claim(case: Case, event: Event) -> Hit | None:
    """The first claim on the order that makes a complaint a big one."""
    least = case.policy(event.at).amount("complaint.1.big_from")
    for claim in case.of("claim.lodged"):
        if _amount(claim, "amount") >= least:
            return Hit(claim.at, claim.n, claim.fact.id)
    return None


def _claims(case: Case) -> Iterator[ClockState]:
    """N-58…N-60: a proposal so many working days after the documents are complete."""
    begun: set[str] = set()
    for event in case.of("claim.documents_complete"):
        name = str(event.fact.body.get("claim"))
        lodged = _of(case, "claim.lodged", "claim", name)
        if name in begun or not lodged:
            continue
        begun.add(name)
        policy = case.policy(event.at)
        if _amount(lodged[-1], "amount") <= policy.amount("claim.small"):
            clock, key = "N-58", "claim.small_reply"
        elif _amount(lodged[-1], "declared") < policy.amount("claim.high_from"):
            clock, key = "N-59", "claim.low"
        else:
            clock, key = "N-60", "claim.high"
        ends = [Hit(e.at, e.n, e.fact.id) for e in _of(case, "claim.proposed", "claim", name) if e.n > event.n]
        yield _working_days(case, clock, key, event, name, ends, ())


def _amount(event: Event, field: str) -> float:
    value: Any = event.fact.body.get(field)
    return value if isinstance(value, int | float) else 0


def _working_days(
    case: Case, clock: str, key: str, event: Event, subject: str, ends: Sequence[Hit], voids: Sequence[Hit]
) -> ClockState:
    """A clock that is due at the end of the n-th working day after its start (C6)."""
    limit = _workdays(case, case.policy(event.at), key, case.branch(event.n))
    draft = Draft(clock, "obligation", event, (key,), ends, voids, limit, subject=subject, inclusive=False)
    return settle(case, draft)


def _workdays(case: Case, policy: Resolved, key: str, owner: str | None) -> Limit:
    calendar = case.calendars.of(owner)

    def limit(at: int) -> tuple[int, list[Any]]:
        due, days = calendar.end_of_nth_workday(at, policy.number(key))
        special = [[on.isoformat(), kind] for on, _, kind in days if kind in ("make_up", "holiday", "weekend")]
        return due, ["workdays", key, policy.values[key], calendar.name, special]

    return limit
