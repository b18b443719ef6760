"""Lay the clocks of the service against those of the oracle; shrink what differs to a few facts."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from milepost.clocks.calendar import BusinessCalendar, Calendars
from milepost.clocks.engine import judge_facts
from milepost.clocks.policy import PolicySet
from milepost.evidence.model import Fact
from milepost_tools.bench.clocks.histories import History
from milepost_tools.bench.clocks.oracle import answers

# Free weekdays and worked weekend days of 2024 in mainland China, by the State Council's notice of 2023-10-25.
HOLIDAYS = frozenset(
    date(2024, month, day)
    for month, days in ((1, [1]), (2, [12, 13, 14, 15, 16]), (4, [4, 5]), (5, [1, 2, 3]), (6, [10]), (9, [16, 17]),
                        (10, [1, 2, 3, 4, 7]))
    for day in days
)  # fmt: skip
WORKDAYS = frozenset(
    date(2024, month, day)
    for month, day in ((2, 4), (2, 18), (4, 7), (4, 28), (5, 11), (9, 14), (9, 29), (10, 12))
)  # fmt: skip
_FIELDS = ("start", "due", "late_from", "end", "verdict", "breached_at", "excusable")
Key = tuple[str, str, str]
Table = dict[Key, tuple[Any, ...]]
Judge = Callable[[Sequence[Fact], str, int], Table]


@dataclass(frozen=True, slots=True)
class Difference:
    """One clock on which the two do not agree; None: that side does not know it. Values in the order of FIELDS."""

    key: Key
    service: tuple[Any, ...] | None
    oracle: tuple[Any, ...] | None


def by_service(facts: Sequence[Fact], order: str, until: int) -> Table:
    """What the service says of every clock of an order."""
    judged = judge_facts(facts, _POLICIES, _CALENDARS, until).get(order)
    clocks = judged.clocks if judged else []
    table = {(c.clock, c.start_fact, c.subject): tuple(getattr(c, name) for name in _FIELDS) for c in clocks}
    assert len(table) == len(clocks), "two clocks have the same key"
    return table


_POLICIES = PolicySet(())
_CALENDARS = Calendars(BusinessCalendar(holidays=HOLIDAYS, workdays=WORKDAYS))


def by_oracle(facts: Sequence[Fact], order: str, until: int) -> Table:
    """What the oracle says of every clock of an order."""
    found = answers(facts, order, until, HOLIDAYS, WORKDAYS)
    table = {a.key: tuple(getattr(a, name) for name in _FIELDS) for a in found}
    assert len(table) == len(found), "two clocks have the same key"
    return table


def differences(
    facts: Sequence[Fact], order: str, until: int, service: Judge = by_service, oracle: Judge = by_oracle
) -> list[Difference]:
    """Every clock on which the two sides differ, in the order of their keys."""
    ours, theirs = service(facts, order, until), oracle(facts, order, until)
    return [Difference(key, ours.get(key), theirs.get(key)) for key in sorted(ours.keys() | theirs.keys())
            if ours.get(key) != theirs.get(key)]  # fmt: skip


def shrink(case: History, service: Judge = by_service, oracle: Judge = by_oracle) -> History:
    """The fewest facts (dropped greedily, one by one) on which a clock still differs in the same way."""

    def signs(facts: Sequence[Fact]) -> set[tuple[Any, ...]]:
        try:
            return {_sign(d) for d in differences(facts, case.order, case.until, service, oracle)}
        except Exception as error:
            return {(type(error).__name__,)}

    kept = list(case.facts)
    wanted = signs(kept)
    changed = True
    while changed:
        changed = False
        for i in reversed(range(len(kept))):
            fewer = kept[:i] + kept[i + 1 :]
            if signs(fewer) & wanted:
                kept, changed = fewer, True
    return History(case.order, sorted(kept, key=lambda f: (f.at, f.id)), case.until)


def _sign(difference: Difference) -> tuple[Any, ...]:
    """What makes two differences of the same sort: the clock, and what differs of it."""
    ours, theirs = difference.service, difference.oracle
    if ours is None or theirs is None:
        return difference.key[0], ours is None, theirs is None
    return difference.key[0], *(a != b for a, b in zip(ours, theirs, strict=True))


def as_lines(facts: Sequence[Fact]) -> str:
    """Facts as lines of facts.jsonl, for `milepost judge --facts`."""
    return "\n".join(json.dumps(_plain(fact), ensure_ascii=False) for fact in facts)


def _plain(fact: Fact) -> dict[str, Any]:
    by = {"role": fact.by.role, "id": fact.by.id} | ({"branch": fact.by.branch} if fact.by.branch else {})
    times = {"at": stamp(fact.at), "recorded_at": stamp(fact.recorded_at), "received_at": stamp(fact.received_at)}
    head = {"id": fact.id, "kind": fact.kind, **times, "by": by, "source": fact.source}
    return head | ({"rev": fact.rev} if fact.rev else {}) | {"subjects": dict(fact.subjects), "body": dict(fact.body)}


def stamp(ms: int | None) -> str | None:
    """RFC 3339 in UTC with ms."""
    if ms is None:
        return None
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{ms % 1000:03}Z"


def told(difference: Difference) -> str:
    """A difference in words, one field per line."""
    lines = [" ".join(part for part in difference.key if part)]
    sides = difference.service, difference.oracle
    if None in sides:
        return lines[0] + (": only the oracle has it" if sides[0] is None else ": only the service has it")
    for name, ours, theirs in zip(_FIELDS, *sides, strict=True):  # pyright: ignore[reportArgumentType]
        if ours != theirs:
            lines.append(f"  {name}: service {_value(name, ours)}, oracle {_value(name, theirs)}")
    return "\n".join(lines)


def _value(name: str, value: Any) -> Any:
    return value if name in ("verdict", "excusable") else stamp(value)
