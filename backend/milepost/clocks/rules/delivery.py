"""The road and the delivery: tracking after a hand-out, hand-out, delivery, waiting (N-30, N-33…N-35, N-38)."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from milepost.clocks.calendar import DAY_MS
from milepost.clocks.case import Case, Event, Hit, recorded
from milepost.clocks.model import ClockState
from milepost.clocks.settle import Draft, Span, settle, until, within

OUTCOMES = ("signed", "signed_abnormal", "refused")
# A hand-out that is never closed is followed for so many days, not for ever.
MAX_TRACKED_DAYS = 400


def clocks(case: Case) -> Iterator[ClockState]:
    """Every clock of the road and the delivery."""
    events = case.events
    if "handed_out" in events:
        yield from _tracking(case)
    closed = _closed(case)
    if case.klass == "project" and ("at_hub" in events or "at_terminal" in events):
        yield from _handout(case)
    if "at_terminal" in events or "delivery_failed" in events:
        yield from _delivery(case, closed)
    if "stopped" in events:
        yield from _waiting(case)


def _closed(case: Case) -> list[Hit]:
    """The acts after which every counting unit is signed for or refused."""
    have: set[str] = set()
    found: list[Hit] = []
    for event in case.of(*OUTCOMES):
        if event.unit in case.counting:
            have.add(event.unit)
            if len(have) == len(case.counting):
                found.append(Hit(event.at, event.n, event.fact.id))
    return found


def _tracking(case: Case) -> Iterator[ClockState]:
    """N-30: from the hand-out to its outcome, one entry recorded on every local day."""
    said = case.of("handed_out", "track.entered", *OUTCOMES, "lost", "released")
    entries = [Hit(recorded(e), e.n, e.fact.id) for e in said if e.name != "released" or e.data == "lost"]
    for event, over in _series(case):
        first = case.local.day(event.at)
        last = case.local.day(case.until if over is None else min(over, case.until))
        for day in range(first, min(max(first, last), first + MAX_TRACKED_DAYS) + 1):
            start = event.at if day == first else case.local.at(day, 0)
            due = case.local.at(day, DAY_MS)
            subject, keys = date.fromordinal(day).isoformat(), ("transit.track_every",)
            ends, span = [hit for hit in entries if start <= hit.at < due], until(due, "each_day", subject)
            yield settle(
                case,
                Draft("N-30", "obligation", event, keys, ends, (), None, span, start, inclusive=False, subject=subject),
            )


def _series(case: Case) -> Iterator[tuple[Event, int | None]]:
    """Each stretch from a hand-out until all that was handed out has an outcome, with when that was recorded."""
    begun: Event | None = None
    out: set[str | None] = set()
    for event in case.of("handed_out", *OUTCOMES, "released", "lost"):
        if event.name == "handed_out":
            if case.before(event.n, "lost"):
                break
            begun = begun or event
            out.add(event.unit)
        elif begun is not None:
            if event.name == "lost":
                out.clear()
            elif event.data != "short":
                out.discard(event.unit)
            if not out:
                yield begun, recorded(event)
                begun = None
    if begun is not None:
        yield begun, None


def _arrivals(case: Case, kinds: tuple[str, ...], leaves: tuple[str, ...]) -> Iterator[tuple[Event, Event]]:
    """The arrivals that make every counting unit be there, each with the event that completes it.

    A unit has come in with the earliest evidence of its stay; going out for delivery does not end the stay.
    """
    there: dict[str, Event] = {}
    for event in case.of(*kinds, *leaves, "order.routed", "lost"):
        if event.name == "lost":
            return
        if event.name == "order.routed":
            if len(there) == len(case.counting):
                yield max(there.values(), key=lambda e: e.n), event
        elif event.unit not in case.counting or event.data == "out_for_delivery":
            continue
        elif event.name in leaves:
            there.pop(event.unit, None)
        elif event.unit not in there:
            there[event.unit] = event
            if len(there) == len(case.counting):
                yield event, event


def _handout(case: Case) -> Iterator[ClockState]:
    """N-33: goods of project customers go out to their carrier by the end of the day after they came in."""
    busy: set[str] = set()
    for event, since in _arrivals(case, ("at_hub", "at_terminal"), ("reloaded", "departed", "handed_out")):
        if case.mode(since.n) != "handout" or event.fact.id in busy:
            continue
        busy.add(event.fact.id)
        policy = case.policy(event.at)
        due = case.local.at(case.local.day(event.at) + policy.number("project.handout"), DAY_MS)
        span = until(due, "days_after", "project.handout", policy.values["project.handout"])
        ends, voids = case.after(since.n, "handed_out"), case.after(since.n, "reloaded", "departed", "lost")
        keys = ("project.handout",)
        yield settle(case, Draft("N-33", "obligation", event, keys, ends, voids, span=span, inclusive=False))


def _delivery(case: Case, closed: list[Hit]) -> Iterator[ClockState]:
    """N-34, N-35: in by noon, delivered by 20:30; later, by noon of the next day; after a failure, as agreed."""
    names: list[tuple[int, str]] = []
    lines = [Hit(e.at, e.n, e.fact.id) for e in case.of("departed") if e.data != "out_for_delivery"]
    for event, since in _arrivals(case, ("at_terminal",), ("departed", "handed_out")):
        if since is not event or case.mode(event.n) in ("direct", "handout", "collect"):
            continue
        policy, day = case.policy(event.at), case.local.day(event.at)
        early = event.at <= case.local.at(day, policy.time("delivery.cut"))
        key = "delivery.same" if early else "delivery.next"
        due = case.local.at(day if early else day + 1, policy.time(key))
        clock = "N-34" if early else "N-35"
        names.append((event.n, clock))
        keys = ("delivery.cut", key)
        span = until(due, key.replace(".", "_"), *(policy.values[each] for each in keys))
        ends = [hit for hit in closed if hit.n > event.n]
        voids = [
            *case.after(event.n, "delivery_failed", "handed_out", "lost"),
            *(hit for hit in lines if hit.n > event.n),
        ]
        yield settle(case, Draft(clock, "obligation", event, keys, ends, voids, span=span, inclusive=False))
    yield from _again(case, closed, names)


def _again(case: Case, closed: list[Hit], names: list[tuple[int, str]]) -> Iterator[ClockState]:
    """After a failed delivery the agreed appointment is the limit."""
    for event in case.of("delivery.agreed"):
        failed = max((e.n for e in case.of("delivery_failed") if e.n < event.n), default=None)
        due = event.fact.body.get("to")
        if failed is None or not isinstance(due, int) or any(failed < hit.n < event.n for hit in closed):
            continue
        if case.before(event.n, "lost"):
            return
        clock = next((name for n, name in reversed(names) if n < event.n), "N-34")
        ends = [hit for hit in closed if hit.n > event.n]
        voids = case.after(event.n, "delivery_failed", "delivery.agreed", "lost")
        span = Span(due, due + 1, 0, [["agreed_to", due]])
        yield settle(case, Draft(clock, "obligation", event, (), ends, voids, span=span))


def _waiting(case: Case) -> Iterator[ClockState]:
    """N-38: at the consignee one waits for half an hour, then something must be decided."""
    stops: dict[str, Event] = {}
    for event in case.of("stopped"):
        stops.setdefault(event.fact.id, event)
    for event in stops.values():
        if case.before(event.n, "lost"):
            return
        limit = within(case.policy(event.at), "delivery.wait")
        due = limit(event.at)[0]
        ends = case.after(event.n, *OUTCOMES, "delivery_failed")
        ends += [Hit(e.at, e.n, e.fact.id) for e in case.of("contact.logged") if e.n > event.n and _by(e, due)]
        voids = [hit for hit in case.after(event.n, "stopped", "left", "lost") if hit.fact != event.fact.id]
        yield settle(case, Draft("N-38", "reminder", event, ("delivery.wait",), ends, voids, limit))


def _by(contact: Event, due: int) -> bool:
    """True when the consignee says that he can take the goods by then."""
    at: Any = contact.fact.body.get("can_receive_at")
    return isinstance(at, int) and at <= due
