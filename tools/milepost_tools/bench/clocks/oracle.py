"""The slow oracle of the clocks: from facts to what every clock of an order must say (docs/clocks.md)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from milepost.evidence.model import Fact
from milepost_tools.bench.clocks.oracle_desk import desk
from milepost_tools.bench.clocks.oracle_facts import known
from milepost_tools.bench.clocks.oracle_judge import Answer
from milepost_tools.bench.clocks.oracle_pickup import hard_limit, pickup
from milepost_tools.bench.clocks.oracle_road import care, road
from milepost_tools.bench.clocks.oracle_walk import write


def answers(
    facts: Sequence[Fact],
    order: str,
    until: int,
    holidays: frozenset[date] = frozenset(),
    workdays: frozenset[date] = frozenset(),
) -> list[Answer]:
    """Every clock of one order at `until` (UTC ms) under the default policy, in local time of Shanghai.

    `holidays`: weekdays that are free; `workdays`: days of a weekend that are worked.
    """
    diary = write(known(facts, until), order, until)
    found = [*desk(diary, until), *pickup(diary, until), *road(diary, until)]
    found += care(diary, until, holidays, workdays)
    return [
        replace(a, excusable=True)
        if a.clock == "N-11" and a.verdict == "late" and a.due is not None and hard_limit(found, a.due)
        else a
        for a in found
    ]
