"""The judge: from the chronicle of an order to all its clocks. Pure (docs/clocks.md)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from milepost.clocks.calendar import Calendars
from milepost.clocks.case import Case, Event
from milepost.clocks.model import ClockState
from milepost.clocks.policy import PolicySet
from milepost.clocks.rejudge import Worlds, rejudged
from milepost.clocks.rules import care, delivery, desk, papers, pickup
from milepost.evidence.model import Fact
from milepost.orders.fold import Story, trace
from milepost.orders.fold.choose import chosen
from milepost.orders.vocabulary import field_of

_ENQUIRY = ("location.requested", "location.answered", "fact.retracted", "fact.corrected")


@dataclass(frozen=True, slots=True)
class Judged:
    """One order: its story and all its clocks, in the order of their starts."""

    story: Story
    clocks: list[ClockState]


def judge(
    story: Story, policies: PolicySet, calendars: Calendars, until: int, enquiries: Sequence[Fact] = ()
) -> list[ClockState]:
    """All clocks of one order as they stand at `until` (UTC ms; the one the story was folded with).

    `enquiries`: location.requested and .answered about its waybill that do not name the order, in the fold's order
    (those that do stand in the story). `rejudged` stays false: a story holds what is known now, not when it came.
    """
    case = Case(story, policies, calendars, until)
    picking_up = list(pickup.clocks(case))
    clocks = [
        *desk.clocks(case, pickup.hard_limits(picking_up)),
        *picking_up,
        *delivery.clocks(case),
        *papers.clocks(case),
        *care.clocks(case),
        *_enquiries(case, enquiries),
    ]
    clocks.sort(key=lambda c: (c.start, c.clock, c.start_fact, c.subject))
    return clocks


def judge_facts(facts: Iterable[Fact], policies: PolicySet, calendars: Calendars, until: int) -> dict[str, Judged]:
    """Fold the facts and judge every order among them as it stood at `until` (UTC ms), with `rejudged`.

    Branches named by `branch.defined` keep the calendar it gives them.
    """
    facts = list(facts)
    calendars = _with_branches(facts, calendars, until)
    asked = _by_waybill(facts, until)
    worlds = Worlds(facts)

    def judge_at(order: str, some: list[Fact], at: int) -> list[ClockState]:
        story = trace(some, policies, calendars.company, at).get(order)
        if story is None:
            return []
        about = _by_waybill(some, at) if asked else {}
        return judge(story, policies, calendars, at, about.get(story.state.waybill or "", ()))

    result: dict[str, Judged] = {}
    for order, story in trace(facts, policies, calendars.company, until).items():
        clocks = judge(story, policies, calendars, until, asked.get(story.state.waybill or "", ()))
        clocks = rejudged(clocks, worlds.around(order), until, lambda some, at, order=order: judge_at(order, some, at))
        result[order] = Judged(story, clocks)
    return result


def loose(
    facts: Iterable[Fact], policies: PolicySet, calendars: Calendars, until: int, waybills: Iterable[str] = ()
) -> list[ClockState]:
    """N-50 of the location requests that belong to no order: those of a vehicle, or of a waybill not in `waybills`.

    Their `order` is empty and their subject the vehicle or the waybill; the call centre owns them.
    """
    known = set(waybills)
    about: dict[str, list[Fact]] = {}
    for fact in _visible(facts, until):
        name = field_of(fact, "waybill") or field_of(fact, "vehicle")
        if "order" not in fact.subjects and isinstance(name, str) and name not in known:
            about.setdefault(name, []).append(fact)
    case = Case(None, policies, calendars, until)
    return [clock for name in sorted(about) for clock in _enquiries(case, about[name], name)]


def _enquiries(case: Case, facts: Sequence[Fact], subject: str = "") -> list[ClockState]:
    return [
        care.enquiry(
            case,
            Event(fact.at, n, fact.kind, fact),
            [later for later in facts[n + 1 :] if later.kind == "location.answered"],
            subject,
        )
        for n, fact in enumerate(facts)
        if fact.kind == "location.requested"
    ]


def _visible(facts: Iterable[Fact], until: int) -> list[Fact]:
    """Location requests and answers as the fold would see them."""
    return [f for f in chosen((f for f in facts if f.kind in _ENQUIRY), until) if f.kind.startswith("location.")]


def _by_waybill(facts: Iterable[Fact], until: int) -> dict[str, list[Fact]]:
    found: dict[str, list[Fact]] = {}
    for fact in _visible(facts, until):
        if "order" not in fact.subjects and isinstance(waybill := fact.body.get("waybill"), str):
            found.setdefault(waybill, []).append(fact)
    return found


def _with_branches(facts: Iterable[Fact], calendars: Calendars, until: int) -> Calendars:
    defined = chosen((f for f in facts if f.kind in ("branch.defined", "fact.retracted", "fact.corrected")), until)
    named = {str(f.body.get("branch")): str(f.body.get("calendar")) for f in defined if f.kind == "branch.defined"}
    return calendars.with_branches(named)
