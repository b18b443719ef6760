"""The oracle's reading of a heap of facts: what is visible, which revision counts, what was corrected, in which order.

Written from the contract alone (docs/clocks.md, docs/facts.md), without a look at the fold or at the clocks. It is slow
and simple on purpose: where it and the service differ, one of them is wrong.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta, timezone
from functools import reduce

from milepost.evidence.model import Fact, canonical
from milepost.orders.vocabulary import RANK, SUBJECT_KEYS

SHANGHAI = timezone(timedelta(hours=8))
MINUTE = 60_000
HOUR = 60 * MINUTE
_MENDING = ("fact.retracted", "fact.corrected")


def local(ms: int) -> datetime:
    """Local time of an instant (UTC ms), to the millisecond."""
    return datetime.fromtimestamp(ms // 1000, SHANGHAI) + timedelta(milliseconds=ms % 1000)


def instant(day: date, hour: int, minute: int = 0) -> int:
    """UTC ms of a local time of day; hour 24 is the midnight that ends the day."""
    return int((datetime.combine(day, time(0), SHANGHAI) + timedelta(hours=hour, minutes=minute)).timestamp()) * 1000


def day_of(ms: int) -> date:
    """Local date of an instant (UTC ms)."""
    return local(ms).date()


def opened(ms: int) -> int:
    """The instant itself inside 08:00-20:00, else the next 08:00 (N-03)."""
    hour = local(ms).hour
    if hour < 8:
        return instant(day_of(ms), 8)
    if hour >= 20:
        return instant(day_of(ms) + timedelta(days=1), 8)
    return ms


def recorded(fact: Fact) -> int:
    """When its author wrote it down (UTC ms)."""
    return fact.at if fact.recorded_at is None else fact.recorded_at


def received(fact: Fact) -> int:
    """When it reached us (UTC ms)."""
    return recorded(fact) if fact.received_at is None else fact.received_at


def place(fact: Fact) -> tuple[int, int, str]:
    """Where a fact stands among the others: by time, rank of its kind, id."""
    return fact.at, RANK[fact.kind], fact.id


def known(facts: Iterable[Fact], until: int) -> list[Fact]:
    """The facts that hold at `until`: visible, of the greatest revision, not taken back, corrected, sorted."""
    visible = [f for f in facts if f.at <= until and received(f) <= until]
    ids = sorted({f.id for f in visible})
    chosen = [_chosen([f for f in visible if f.id == id_]) for id_ in ids]
    holding: list[Fact] = []
    for fact in chosen:
        if fact.kind in _MENDING:
            continue
        about = _in_order(m for m in chosen if m.kind in _MENDING and m.body.get("target") == fact.id)
        about = [m for m in about if m.by.role != "device" or fact.by.role == "device"]
        if any(m.kind == "fact.retracted" for m in about):
            continue
        holding.append(reduce(_corrected, about, fact))
    return _in_order(f for f in holding if f.at <= until)


def _chosen(same: Sequence[Fact]) -> Fact:
    top = max(f.rev for f in same)
    return min((f for f in same if f.rev == top), key=lambda f: (received(f), _bytes(f)))


def _bytes(fact: Fact) -> bytes:
    return canonical({name: str(getattr(fact, name)) for name in fact.__slots__})


def _corrected(fact: Fact, mending: Fact) -> Fact:
    fields = dict(mending.body["fields"])
    at = fields.pop("at", fact.at)
    subjects = {**fact.subjects, **{k: v for k, v in fields.items() if k in SUBJECT_KEYS}}
    body = {**fact.body, **{k: v for k, v in fields.items() if k not in SUBJECT_KEYS}}
    return replace(fact, at=at, subjects=subjects, body=body)


def _in_order(facts: Iterable[Fact]) -> list[Fact]:
    return sorted(facts, key=place)
