"""The judge: from the chronicle of an order to all its clocks. Pure (docs/clocks.md)."""

from collections.abc import Iterable
from dataclasses import dataclass

from milepost.clocks.calendar import Calendars
from milepost.clocks.case import Case
from milepost.clocks.model import ClockState
from milepost.clocks.policy import PolicySet
from milepost.clocks.rules import desk
from milepost.evidence.model import Fact
from milepost.orders.fold import Story, trace


@dataclass(frozen=True, slots=True)
class Judged:
    """One order: its story and all its clocks, in the order of their starts."""

    story: Story
    clocks: list[ClockState]


def judge(story: Story, policies: PolicySet, calendars: Calendars, until: int) -> list[ClockState]:
    """All clocks of one order as they stand at `until` (UTC ms; the one the story was folded with).

    `rejudged` stays false: a story holds what is known now, not when it came.
    """
    case = Case(story, policies, calendars, until)
    clocks = [*desk.clocks(case, [])]
    clocks.sort(key=lambda c: (c.start, c.clock, c.start_fact, c.subject))
    return clocks


def judge_facts(facts: Iterable[Fact], policies: PolicySet, calendars: Calendars, until: int) -> dict[str, Judged]:
    """Fold the facts and judge every order among them, as it stood at `until` (UTC ms)."""
    stories = trace(facts, policies, calendars.company, until)
    return {order: Judged(story, judge(story, policies, calendars, until)) for order, story in stories.items()}
