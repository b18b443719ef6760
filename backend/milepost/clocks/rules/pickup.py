"""The pickup of consignments: target, hard limit, appointments, warnings (N-20…N-28)."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from milepost.clocks.case import Case, Event, Hit, window
from milepost.clocks.model import ClockState
from milepost.clocks.policy import Resolved
from milepost.clocks.settle import Draft, Limit, Span, settle, within
from milepost.orders.fold.values import fields

_AGREED = "pickup.agreed"
# Every pickup clock ends without a verdict when the customer brings the goods, puts them off or wants nothing more,
# and when the goods are lost.
_GONE = ("cancelled", "postponed", "handed_in", "lost")


class Arming(NamedTuple):
    """A submission, or the wake of a postponed order: from then on somebody waits for the pickup.

    `rebook`: where N-21 and N-26 begin (None: the order came to no branch), with the reason.
    """

    event: Event
    appointment: tuple[int, int] | None
    rebook: tuple[int, list[list[Any]]] | None


def clocks(case: Case) -> Iterator[ClockState]:
    """Every pickup clock of a consignment."""
    if case.type != "consignment":
        return
    arrivals = picked_up(case)
    for arming in _armings(case, arrivals):
        if arming.appointment is None:
            yield from _soon(case, arming, arrivals)
        else:
            yield from _appointment(case, arming.event, arming.appointment, arrivals)
            yield from _odd_hours(case, arming)
    submitted = case.first("order.submitted")
    for event in case.of(_AGREED):
        if submitted is None or event.n < submitted.n:
            continue
        agreed = window(event.fact.body)
        if agreed is not None and not _settled(case, event, arrivals):
            yield from _appointment(case, event, agreed, arrivals)


def picked_up(case: Case) -> list[Hit]:
    """P: the vehicle's stop at the shipper that the pickup follows, else the pickup; else a waybill that proves it."""
    found = [Hit(e.data.at if e.data is not None else e.at, e.n, e.fact.id) for e in case.of("picked_up")]
    return [*found, *(Hit(e.at, e.n, e.fact.id) for e in case.of("waybilled"))]


def _settled(case: Case, event: Event, arrivals: list[Hit]) -> bool:
    """True when there is nothing left to pick up, or to want, at an event (a wake may lie before its place)."""
    done = any((hit.at, hit.n) < (event.at, event.n) or hit.n < event.n for hit in arrivals)
    return done or case.before(event.n, "handed_in", "cancelled", "lost")


def _armings(case: Case, arrivals: list[Hit]) -> Iterator[Arming]:
    event = case.first("order.submitted")
    if event is None or event.fact.body.get("pickup") not in ("asap", "appointment"):
        return
    appointment = None
    if event.fact.body["pickup"] == "appointment":
        appointment = window(fields(event.fact.body.get("dates")).get("pickup"))
    if not _settled(case, event, arrivals):
        branch = case.first("assigned")
        yield Arming(event, appointment, None if branch is None else case.opened(branch.at))
    for wake in case.of("woken"):
        put_off = max((e.n for e in case.of("postponed") if e.n < wake.n), default=-1)
        agreed = any(put_off < e.n < wake.n for e in case.of(_AGREED))
        if wake.n < event.n or agreed or _settled(case, wake, arrivals):
            continue
        ahead = appointment if appointment is not None and appointment[0] >= wake.at else None
        yield Arming(wake, ahead, (wake.at, []))


def _soon(case: Case, arming: Arming, arrivals: list[Hit]) -> Iterator[ClockState]:
    """No appointment: the target, the hard limit, and the hour to agree on another time."""
    event = arming.event
    voids = case.after(event.n, _AGREED, *_GONE)
    policy = case.policy(event.at)
    day = case.local.day(event.at)
    early = event.at < case.local.at(day, policy.time("pickup.cutoff"))
    if early:
        opens = case.local.at(day, policy.window("pickup.window")[0])
        start = max(event.at, opens)
        steps = [["not_before", opens]] if opens > event.at else []
        keys, limit = ("pickup.target",), within(case.policy(start), "pickup.target")
        draft = Draft("N-20", "target", event, keys, arrivals, voids, limit, start=start, pause="longer", steps=steps)
        target = settle(case, draft)
        yield target
        if arming.rebook is not None:
            yield _rebook(case, arming, target, arrivals)
    clock, key = ("N-22", "pickup.hard_same") if early else ("N-23", "pickup.hard_next")
    keys, limit = ("pickup.cutoff", key), _hard(case, policy)
    yield settle(case, Draft(clock, "obligation", event, keys, arrivals, voids, limit, inclusive=False, pause="anew"))


def _hard(case: Case, policy: Resolved) -> Limit:
    """Ordered before 17:00: by 19:00; from then on: by noon of the next day."""

    def limit(at: int) -> tuple[int, list[Any]]:
        day = case.local.day(at)
        if at < case.local.at(day, policy.time("pickup.cutoff")):
            key, due = "pickup.hard_same", case.local.at(day, policy.time("pickup.hard_same"))
        else:
            key, due = "pickup.hard_next", case.local.at(day + 1, policy.time("pickup.hard_next"))
        return due, [key.replace("pickup.", ""), policy.values["pickup.cutoff"], policy.values[key]]

    return limit


def _rebook(case: Case, arming: Arming, target: ClockState, arrivals: list[Hit]) -> ClockState:
    """N-21: met by agreeing in time, void by a pickup within the target; late by agreeing later, or with the target."""
    assert arming.rebook is not None
    event, (start, steps) = arming.event, arming.rebook
    agreed, voids = case.after(event.n, _AGREED), [*arrivals, *case.after(event.n, *_GONE)]

    first = min(agreed, default=None)
    if first is not None and min(voids, default=first) < first:
        first = None  # set aside before anything was agreed

    def late_by(due: int) -> int | None:
        late = [] if target.late_from is None else [target.late_from]
        return min([*late, first.at] if first is not None and first.at > due else late, default=None)

    keys, limit = ("pickup.rebook",), within(case.policy(start), "pickup.rebook")
    draft = Draft("N-21", "conditional", event, keys, agreed, voids, limit, start=start, pause="longer")
    draft.late_by, draft.steps = late_by, [*steps, ["or_target"]]
    return settle(case, draft)


def _odd_hours(case: Case, arming: Arming) -> Iterator[ClockState]:
    """N-26: an appointment in the last hour of the pickup day, or outside it, is to be agreed anew within the hour."""
    assert arming.appointment is not None
    if arming.rebook is None:
        return
    event, (start, steps) = arming.event, arming.rebook
    policy = case.policy(start)
    opens, closes = policy.window("pickup.window")
    at = arming.appointment[0]
    day = case.local.day(at)
    if case.local.at(day, opens) <= at < case.local.at(day, closes) - policy.duration("pickup.appt_close_gap"):
        return
    keys, limit = ("pickup.rebook", "pickup.window", "pickup.appt_close_gap"), within(policy, "pickup.rebook")
    ends, voids, steps = case.after(event.n, _AGREED), case.after(event.n, *_GONE), [*steps, ["odd_hours", at]]
    yield settle(
        case, Draft("N-26", "obligation", event, keys, ends, voids, limit, start=start, pause="longer", steps=steps)
    )


def _appointment(case: Case, event: Event, agreed: tuple[int, int], arrivals: list[Hit]) -> Iterator[ClockState]:
    """N-25 with its N-27 and N-28."""
    policy = case.policy(event.at)
    tolerance = policy.duration("pickup.appt_tol") if agreed[0] == agreed[1] else 0
    opens, closes = agreed[0] - tolerance, agreed[1] + tolerance
    anew, gone = case.after(event.n, _AGREED), case.after(event.n, *_GONE)
    step = ["around" if tolerance else "window", agreed[0], agreed[1], policy.values["pickup.appt_tol"]]
    keys, voids = ("pickup.appt_tol",), [*anew, *gone]

    def limit(at: int) -> tuple[int, list[Any]]:
        return closes, step

    kept = settle(case, Draft("N-25", "obligation", event, keys, arrivals, voids, limit, pause="longer", opens=opens))
    yield kept
    if case.klass == "project":
        due = agreed[0] - policy.duration("project.rebook_before")
        step = ["ahead", policy.values["project.rebook_before"], agreed[0]]
        keys, span = ("project.rebook_before",), Span(due, due + 1, 0, [step])
        yield settle(case, Draft("N-27", "limit", event, keys, anew, [*arrivals, *gone], span=span))
    warn_by, contacts = None, list[Hit]()
    if kept.due is not None:
        warn_by = kept.due - policy.duration("pickup.warn_before")
        contacts = [Hit(e.at, e.n, e.fact.id) for e in case.of("contact.logged") if event.at <= e.at <= warn_by]
    step = ["ahead", policy.values["pickup.warn_before"], kept.due]
    keys, span = ("pickup.warn_before",), Span(warn_by, kept.late_from, 0, [step])
    yield settle(case, Draft("N-28", "conditional", event, keys, contacts, [*arrivals, *voids], span=span))


def hard_limits(clocks: list[ClockState]) -> list[ClockState]:
    """Those of the pickup clocks that are its hard limit, by their start (N-11)."""
    return sorted((c for c in clocks if c.clock in ("N-22", "N-23", "N-25")), key=lambda c: (c.start, c.key))
