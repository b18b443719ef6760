"""Which facts count, and in which order: visibility, revisions, retractions, corrections (ORDERS.md §1.1-1.4)."""

from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Any

from milepost.evidence.model import Fact, canonical
from milepost.orders.fold.values import fields
from milepost.orders.vocabulary import RANK, SUBJECT_KEYS

_LAST = len(RANK)
_TIMES = ("at", "recorded_at")
_AMENDMENTS = frozenset({"fact.retracted", "fact.corrected"})


def chosen(facts: Iterable[Fact], until: int) -> list[Fact]:
    """The visible facts, each id once, retracted ones gone, corrected ones changed, sorted by (at, rank, id).

    `until`: UTC ms; a fact is visible when neither its own time nor its receipt lies after it.
    """
    visible = [fact for fact in facts if fact.at <= until and (fact.received_at or 0) <= until]
    best = {fact.id: fact for fact in visible}
    if len(best) < len(visible):
        best = _best(visible)
    if not _AMENDMENTS.isdisjoint([fact.kind for fact in visible]):
        best = _amend(best, until)
    rank = RANK.get
    return sorted(best.values(), key=lambda fact: (fact.at, rank(fact.kind, _LAST), fact.id))


def _best(facts: Iterable[Fact]) -> dict[str, Fact]:
    """One fact per id: the greatest rev, then the earliest receipt, then the least bytes (ORDERS.md §1.4)."""
    best: dict[str, Fact] = {}
    for fact in facts:
        known = best.get(fact.id)
        if known is None or (known is not fact and _better(fact, known)):
            best[fact.id] = fact
    return best


def _better(new: Fact, old: Fact) -> bool:
    if new.rev != old.rev:
        return new.rev > old.rev
    if new.received_at != old.received_at:
        return (new.received_at or 0) < (old.received_at or 0)
    return new != old and canonical(asdict(new)) < canonical(asdict(old))


def _amend(facts: dict[str, Fact], until: int) -> dict[str, Fact]:
    """Apply retractions and corrections, whatever their time; neither may target another of these two.

    A detector may take back what a detector said, never a person's word (DESIGN §2.6).
    """
    amendments = [f for f in facts.values() if f.kind in _AMENDMENTS]
    amendments.sort(key=lambda f: (f.at, RANK[f.kind], f.id))
    result = dict(facts)
    gone: set[str] = set()
    for amendment in amendments:
        target = result.get(str(amendment.body.get("target")))
        if target is None or target.kind in _AMENDMENTS:
            continue
        if amendment.by.role == "device" and target.by.role != "device":
            continue
        if amendment.kind == "fact.retracted":
            gone.add(target.id)
        else:
            result[target.id] = _corrected(target, fields(amendment.body.get("fields")))
    return {id_: fact for id_, fact in result.items() if id_ not in gone and fact.at <= until}


def _corrected(fact: Fact, changes: dict[str, Any]) -> Fact:
    times = {name: changes[name] for name in _TIMES if isinstance(changes.get(name), int)}
    subjects = {name: value for name, value in changes.items() if name in SUBJECT_KEYS and isinstance(value, str)}
    body = {name: value for name, value in changes.items() if name not in SUBJECT_KEYS and name not in _TIMES}
    return replace(fact, subjects={**fact.subjects, **subjects}, body={**fact.body, **body}, **times)
