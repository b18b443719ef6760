"""The desk: acceptance, assignment, re-routing, printing, the cut-offs of the day, picking (N-01…N-19, N-44, N-79)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from milepost.clocks.calendar import DAY_MS
from milepost.clocks.case import Case, Event, Hit, recorded
from milepost.clocks.model import CALL_CENTRE, ClockState
from milepost.clocks.policy import Resolved
from milepost.clocks.settle import Draft, Limit, Span, settle, within

# Policy success.event: what counts as shipped (N-44).
_SHIPPED = {"waybill.issued": "waybilled", "order.confirmed": "confirmed", "pickup.done": "picked_up"}


@dataclass(frozen=True, slots=True)
class Rule:
    """The usual clock of the desk: what starts it, its limit by a policy key, what ends it, what sets it aside.

    `starts`: effects of the chronicle. `again`: armed anew when a postponed order wakes, if this had been reached.
    `done`: what leaves it unarmed. `cutoff`: "" the key is a duration, "time" a time of the day, "days" days after it.
    """

    clock: str
    klass: str
    starts: str
    key: str
    ends: tuple[str, ...]
    voids: tuple[str, ...]
    only: str | None = None
    deferred: bool = False
    cutoff: str = ""
    again: bool = False
    done: tuple[str, ...] = ()
    pause: str = ""
    owner: str | None = None


# Coming to another branch, by whatever fact, takes an order from the one that had accepted it.
_MOVED = ("assigned", "postponed", "cancelled")


def _acceptance(clock: str, klass: str, key: str, only: str | None = None, owner: str | None = None) -> Rule:
    """A clock that an acceptance ends: it begins whenever the order comes to a branch."""
    cutoff = "time" if key == "day.accept_cutoff" else ""
    return Rule(
        clock, klass, "assigned", key, ("accepted",), ("assigned", "cancelled"), only, True, cutoff, owner=owner
    )


RULES = (
    _acceptance("N-01", "obligation", "accept.limit"),
    _acceptance("N-07", "reminder", "accept.remind"),
    _acceptance("N-17", "reminder", "accept.escalate", owner=CALL_CENTRE),
    _acceptance("N-19", "reminder", "sanction.accept.region"),
    _acceptance("N-10", "obligation", "day.accept_cutoff", only="consignment"),
    Rule("N-05", "limit", "accepted", "reroute.limit", ("rerouted",), ("assigned", "cancelled")),
    Rule("N-09", "obligation", "accepted", "print.limit", ("note.printed",), _MOVED, "consignment", pause="longer"),
    Rule(
        "N-11", "obligation", "accepted", "day.cancel_cutoff", ("waybilled", "cancelled"), ("assigned", "postponed"),
        "consignment", cutoff="time", again=True, done=("waybilled",), pause="anew",
    ),
    Rule(
        "N-79", "obligation", "confirmed", "pick.limit", ("ready", "waybilled"), ("postponed", "cancelled"),
        "goods", cutoff="days", again=True, done=("ready", "waybilled"), pause="anew",
    ),
)  # fmt: skip


def clocks(case: Case, pickups: Sequence[ClockState]) -> Iterator[ClockState]:
    """Every clock of the desk. `pickups`: the hard limits of the pickup (N-11)."""
    for rule in RULES:
        if rule.only is None or rule.only == case.type:
            yield from _usual(case, rule, pickups)
    yield from _assign(case)
    yield from _success(case)
    if case.d0 is not None:
        yield from _postpone(case, case.d0)
        yield from _cancel_reason(case)
        if case.type == "consignment":
            yield from _tracking_remark(case)


def rearmed(case: Case, reached: str) -> list[Event]:
    """The wakes of a postponed order that find it accepted, or confirmed, as it was before it was put off."""
    found: list[Event] = []
    for wake in case.of("woken"):
        last = max((e.n for e in case.of(reached) if e.n < wake.n), default=-1)
        if last > max((e.n for e in case.of("assigned") if e.n < wake.n), default=-1):
            found.append(wake)
    return found


def cutoff(case: Case, policy: Resolved, key: str, days: bool = False) -> Limit:
    """The time that `key` names of the order's business day, or of the day of the start when that is later (C7).

    `days`: the key is a number of days; the limit is the end of the last of them.
    """

    def limit(at: int) -> tuple[int, list[Any]]:
        own = case.local.day(at)
        day = own if case.d0 is None else max(case.d0, own)
        due = case.local.at(day + policy.number(key), DAY_MS) if days else case.local.at(day, policy.time(key))
        why = "business_day" if day != own else "day"
        return due, ["cutoff", key, policy.values[key], date.fromordinal(day).isoformat(), why]

    return limit


def _usual(case: Case, rule: Rule, pickups: Sequence[ClockState]) -> Iterator[ClockState]:
    starts = [event for event in case.of(rule.starts) if rule.starts != "accepted" or event.n not in case.asleep]
    if rule.again:
        starts = [*starts, *rearmed(case, rule.starts)]
    for event in starts:
        if case.before(event.n, *rule.done):
            continue
        start, steps = case.opened(event.at) if rule.deferred else (event.at, [])
        policy = case.policy(start)
        limit = cutoff(case, policy, rule.key, rule.cutoff == "days") if rule.cutoff else within(policy, rule.key)
        keys = (rule.key,)
        if rule.clock == "N-11" and policy.switch("unbilled.follow_pickup"):
            keys, limit = (*keys, "unbilled.follow_pickup"), _following(limit, pickups)
        yield settle(
            case,
            Draft(
                rule.clock,
                rule.klass,
                event,
                keys,
                case.after(event.n, *rule.ends),
                case.after(event.n, *rule.voids),
                limit,
                start=start,
                owner=rule.owner,
                inclusive=not rule.cutoff,
                pause=rule.pause,
                excusable=_excuse(case, rule, policy, pickups),
                steps=steps,
            ),
        )


def _following(limit: Limit, pickups: Sequence[ClockState]) -> Limit:
    """N-11 where the bill may wait for the pickup: a hard limit that is in force at the due instant moves it there.

    One that was set aside before it, or that began at it or later, comes too late for that.
    """

    def later(at: int) -> tuple[int, list[Any]]:
        due, step = limit(at)
        for clock in pickups:
            aside = clock.verdict == "void" and clock.end is not None and clock.end < due
            if clock.due is not None and clock.start < due < clock.due and not aside:
                due, step = clock.due, ["follow_pickup", *step[1:4], clock.due]
        return due, step

    return later


def _excuse(case: Case, rule: Rule, policy: Resolved, pickups: Sequence[ClockState]) -> Callable[[int], bool] | None:
    """N-14: late out of office hours, with a remark that was filed. N-11: the pickup may still come."""
    if rule.clock == "N-11":
        return lambda due: any(c.due is not None and c.due > due for c in pickups if c.verdict != "void")
    if rule.clock != "N-01":
        return None

    def off_hours(due: int) -> bool:
        begins, ends = policy.window("offhours")
        day = case.local.day(due)
        late, early = due >= case.local.at(day, begins), due < case.local.at(day, ends)
        inside = (late or early) if begins > ends else (late and early)
        return inside and any(e.fact.body.get("filed") is True for e in case.of("remark.added"))

    return off_hours


def _assign(case: Case) -> Iterator[ClockState]:
    """N-02: an order that named no branch."""
    for event in case.of("submitted"):
        if any(e.fact.id == event.fact.id for e in case.of("assigned")):
            continue
        start, steps = case.opened(event.at)
        ends, voids = case.after(event.n, "assigned"), case.after(event.n, "cancelled")
        limit, keys = within(case.policy(start), "assign.limit"), ("assign.limit",)
        draft = Draft(
            "N-02", "obligation", event, keys, ends, voids, limit, start=start, owner=CALL_CENTRE, steps=steps
        )
        yield settle(case, draft)


def _success(case: Case) -> Iterator[ClockState]:
    """N-44: an online order shipped within 24 hours."""
    event = case.first("order.submitted")
    if event is None or event.fact.body.get("online") is not True or case.before(event.n, "cancelled"):
        return
    policy = case.policy(event.at)
    shipped = _SHIPPED[policy.text("success.event")]
    if case.before(event.n, shipped):
        return
    ends, voids = case.after(event.n, shipped), case.after(event.n, "cancelled")
    keys, limit = ("success.limit", "success.event"), within(policy, "success.limit")
    yield settle(case, Draft("N-44", "target", event, keys, ends, voids, limit))


def _postpone(case: Case, d0: int) -> Iterator[ClockState]:
    """N-04: not put off beyond three days after D0. The first attempt that went too far decides, else the first."""
    event = case.first("assigned")
    if event is None:
        return
    policy = case.policy(event.at)
    last = d0 + policy.number("postpone.max_days")
    due = case.local.at(last, DAY_MS)
    acts = [e for e in case.of("postponed", "postpone_declined") if e.n > event.n]
    too_far = next((e for e in acts if e.data.toordinal() > last), None)
    act = too_far or next(iter(acts), None)
    ends = [] if act is None else [Hit(act.at, act.n, act.fact.id)]
    late_from = due if too_far is None else too_far.at
    step = ["days", "postpone.max_days", policy.values["postpone.max_days"], date.fromordinal(last).isoformat()]
    keys, voids, span = ("postpone.max_days",), case.after(event.n, "cancelled"), Span(due, late_from, 0, [step])
    kept = too_far is None
    yield settle(case, Draft("N-04", "limit", event, keys, ends, voids, span=span, inclusive=False, kept=kept))


def _cancel_reason(case: Case) -> Iterator[ClockState]:
    """N-12: why it was cancelled, written down the same day."""
    event = case.first("cancelled")
    if event is None:
        return
    ends = [Hit(recorded(e), e.n, e.fact.id) for e in case.of("cancel.reason")]
    if event.fact.body.get("reason"):
        ends.append(Hit(recorded(event), event.n, event.fact.id))
    keys, limit = ("cancel.reason_by",), cutoff(case, case.policy(event.at), "cancel.reason_by")
    yield settle(case, Draft("N-12", "obligation", event, keys, ends, limit=limit, inclusive=False))


def _tracking_remark(case: Case) -> Iterator[ClockState]:
    """N-15: what has not shipped by 23:00 has a remark that says why."""
    remarks = [e for e in case.of("remark.added") if e.fact.body.get("remark") == "track"]
    awake = [event for event in case.of("accepted") if event.n not in case.asleep]
    for event in [*awake, *rearmed(case, "accepted")]:
        if case.before(event.n, "waybilled"):
            continue
        ends = [Hit(recorded(e), e.n, e.fact.id) for e in remarks if recorded(e) >= event.at]
        voids = case.after(event.n, "waybilled", *_MOVED)
        keys, limit = ("note.cutoff",), cutoff(case, case.policy(event.at), "note.cutoff")
        yield settle(case, Draft("N-15", "obligation", event, keys, ends, voids, limit, inclusive=False))
