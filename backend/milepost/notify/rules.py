"""Who is told of what, which task arises, what happens next: one table of data (REQUIREMENTS C; OT-10, EO-19).

A rule stands for a row of section C (`EX-26`), for an exception that the fold opens (`wrong_truck`), or for a clock
(`N-01`). `rule_of` finds the one that an exception of the fold falls under.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, time, timedelta

from milepost.notify.rules_clocks import CLOCK_ROWS
from milepost.notify.rules_ex import EX_ROWS
from milepost.notify.rules_fold import FOLD_ROWS
from milepost.orders.model import Calendar

URGENCIES = ("now", "shift", "wait")
# Where the id of a recipient's scope is taken from; `owner` is the owner of the clock.
SCOPES = ("branch", "site", "customer", "carrier", "vehicle", "company", "owner")
OUTSIDE = ("customer", "carrier", "driver")  # roles that read a text of their own, not the house's
Both = tuple[str, str]  # Chinese, English


@dataclass(frozen=True, slots=True)
class To:
    """One recipient: whoever holds `role` over the scope taken from the order."""

    role: str
    scope: str


@dataclass(frozen=True, slots=True)
class Rule:
    """What follows from one kind of trouble. `due`: see `rules_ex`; `item`: it opens an item of the inbox;
    `by_facts`: only facts resolve that item; `of`: the row of section C that a kind or a clock belongs to."""

    id: str
    of: str | None
    stage: int
    urgency: str
    told: tuple[To, ...]
    doer: str
    due: str | None
    item: bool
    by_facts: bool
    title: Both
    detail: Both
    task: Both
    next: Both

    @property
    def ex(self) -> str | None:
        """The row of section C, EX-1…EX-44, or None."""
        return self.id if self.id.startswith("EX-") else self.of


def _blocks(text: str) -> Iterator[tuple[list[str], list[Both]]]:
    for block in text.strip().split("\n\n"):
        head, *rest = block.splitlines()
        pairs = [tuple("" if part.strip() == "-" else part.strip() for part in line.split(" | ")) for line in rest]
        yield [part.strip() for part in head.split("|")], [(zh, en) for zh, en in pairs]


def _told(text: str) -> tuple[To, ...]:
    return tuple(To(*each.split("@")) for each in text.split())


def _or_none(text: str) -> str | None:
    return None if text == "-" else text


def _parse() -> dict[str, Rule]:
    rules: list[Rule] = []
    for (name, stage, urgency, told, doer, due), texts in _blocks(EX_ROWS):
        rules.append(Rule(name, None, int(stage), urgency, _told(told), doer, _or_none(due), True, False, *texts))
    for (name, of, stage, urgency, told, doer, settled), texts in _blocks(FOLD_ROWS):
        by_facts = settled == "facts"
        rules.append(Rule(name, _or_none(of), int(stage), urgency, _told(told), doer, None, True, by_facts, *texts))
    for (name, of, stage, urgency, told, doer, inbox), texts in _blocks(CLOCK_ROWS):
        item = inbox == "item"
        rules.append(Rule(name, _or_none(of), int(stage), urgency, _told(told), doer, None, item, False, *texts))
    return {rule.id: rule for rule in rules}


RULES = _parse()


def rule_of(kind: str, ex: str | None) -> Rule:
    """The rule for an exception of the fold: its own, or the row of section C that a person named.

    `kind`, `ex`: as the fold gives them. What nobody has foreseen falls under `raised`.
    """
    if kind == "raised":
        return RULES.get(ex or "", RULES["raised"])
    return RULES.get(kind) or RULES.get(ex or "") or RULES["raised"]


_DURATION = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?")


def due_at(rule: Rule, opened_at: int, calendar: Calendar) -> int | None:
    """When the task of a rule is due (UTC ms), reckoned from its opening; None where the catalogue names no time."""
    if rule.due is None:
        return None
    if rule.due.startswith("24:00"):
        later = int(rule.due.partition("+")[2] or 0)
        day: date = calendar.local(opened_at).date() + timedelta(days=later + 1)
        return calendar.instant(day, time(0))
    found = _DURATION.fullmatch(rule.due)
    assert found is not None, rule.due
    return opened_at + int(timedelta(hours=int(found[1] or 0), minutes=int(found[2] or 0)).total_seconds() * 1000)
