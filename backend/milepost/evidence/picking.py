"""The first rule of the picking bench: what lies on it while its pick list is open has been picked (T9). Pure.

A *stay* is one tag at one bench, heard above the bench's floor, without a pause of more than a minute. A *pick list* is
open from the instant it was issued until the order is ready, has its waybill or is cancelled. A stay that an open list
of its own site asks for picks the unit, once per list: at the first read, or when the list was issued if it lay there
already. Any other stay only tells where the unit was seen; whether that contradicts something is for the orders to
judge (F3.4).
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from milepost.evidence.model import CERTAIN, Fact

RULE = "bench/1"
JOIN_MS = 60_000
MIN_READS = 2
SURE_READS, SURE_DB = 3, 6.0  # so many reads, so far above the floor: it lies on the bench, not beside it
SEEN_EVERY_MS = 600_000
_CLOSERS = frozenset({"order.readied", "waybill.issued", "order.cancelled"})


@dataclass(frozen=True, slots=True)
class Heard:
    """Reads of one tag within one window of a reader. Times UTC ms, levels dBm, `received_at` when it reached us."""

    at: int
    last_at: int
    id: str
    max_dbm: float
    first_dbm: float
    last_dbm: float
    count: int
    clock: str
    received_at: int

    def counts(self, floor_dbm: float) -> bool:
        """True when the tag lay on the bench, by the bench's floor."""
        return self.max_dbm >= floor_dbm and self.count >= MIN_READS


@dataclass(frozen=True, slots=True)
class Stay:
    """A tag at a bench in [from_ms, to_ms], both inclusive: its first and its loudest window are kept."""

    bench: str
    epc: str
    from_ms: int
    to_ms: int
    first: Heard
    loudest: Heard

    def confidence(self, floor_dbm: float) -> float:
        """How sure it is that the tag lay on this bench: 0…1."""
        loud = self.loudest
        return CERTAIN if loud.max_dbm >= floor_dbm + SURE_DB and loud.count >= SURE_READS else 0.97

    def within(self, from_ms: int, to_ms: int | None) -> "Stay | None":
        """The part of it in [from_ms, to_ms), or None."""
        start, end = max(self.from_ms, from_ms), self.to_ms if to_ms is None else min(self.to_ms, to_ms - 1)
        return replace(self, from_ms=start, to_ms=end) if start <= end else None

    def snapshot(self) -> dict[str, Any]:
        """What the reader heard, to be kept with the fact."""
        heard = sorted({self.first, self.loudest}, key=lambda each: (each.at, each.id))
        return {"rssi": [[h.at, h.last_at, h.first_dbm, h.max_dbm, h.last_dbm, h.count] for h in heard]}

    def kept(self) -> dict[str, Any]:
        """The windows as plain values."""
        return {"first": asdict(self.first), "loudest": asdict(self.loudest)}


def stay_of(bench: str, epc: str, heard: Heard) -> Stay:
    """One window by itself."""
    return Stay(bench, epc, heard.at, heard.last_at, heard, heard)


def joined(stays: Iterable[Stay]) -> list[Stay]:
    """Stays of one tag at one bench, those that touch made one: the same whatever order they are given in."""
    result: list[Stay] = []
    for each in sorted(stays, key=lambda stay: (stay.from_ms, stay.to_ms, stay.first.id)):
        if not result or each.from_ms - result[-1].to_ms > JOIN_MS:
            result.append(each)
            continue
        old = result[-1]
        result[-1] = replace(
            old,
            to_ms=max(old.to_ms, each.to_ms),
            first=min(old.first, each.first, key=lambda heard: (heard.at, heard.id)),
            loudest=max(old.loudest, each.loudest, key=lambda heard: (heard.max_dbm, heard.count, -heard.at, heard.id)),
        )
    return result


@dataclass(frozen=True, slots=True)
class PickList:
    """A pick list that was open in [from_ms, to_ms); `id`: the fact that issued it."""

    id: str
    from_ms: int
    to_ms: int | None = None

    def open(self, at: int) -> bool:
        """True when it was open at this instant (UTC ms)."""
        return self.from_ms <= at and (self.to_ms is None or at < self.to_ms)


def pick_lists(facts: Iterable[Fact]) -> list[PickList]:
    """The pick lists of an order, from the facts of it that hold; one issued again while open is the same."""
    lists: list[PickList] = []
    for fact in sorted(facts, key=lambda fact: (fact.at, fact.kind in _CLOSERS, fact.id)):
        under_way = bool(lists) and lists[-1].to_ms is None
        if fact.kind == "pick.issued" and not under_way:
            lists.append(PickList(fact.id, fact.at))
        elif fact.kind in _CLOSERS and under_way:
            lists[-1] = replace(lists[-1], to_ms=fact.at)
    return lists


def origin(facts: Iterable[Fact]) -> str | None:
    """The site that an order is picked at, by the last of its facts that says so; None where none does."""
    found: str | None = None
    for fact in sorted(facts, key=lambda fact: (fact.at, fact.id)):
        told: Any = fact.body.get("changes") if fact.kind == "order.edited" else fact.body
        place: Any = told.get("from") if isinstance(told, dict) else None
        if fact.kind in ("order.requested", "order.submitted", "order.edited") and isinstance(place, dict):
            site: Any = place.get("site")
            found = site if isinstance(site, str) else found
    return found


def picks(stays: Sequence[Stay], lists: Sequence[PickList]) -> list[tuple[PickList, int, Stay]]:
    """For each list that asks for the unit the instant (UTC ms) and the stay by which it was picked.

    `stays`: those of the unit at benches of the order's site.
    """
    found: list[tuple[PickList, int, Stay]] = []
    for each in lists:
        asked = [part for stay in stays if (part := stay.within(each.from_ms, each.to_ms)) is not None]
        if asked:
            first = min(asked, key=lambda stay: (stay.from_ms, stay.bench, stay.epc))
            found.append((each, first.from_ms, first))
    return found


def sightings(stays: Iterable[Stay], lists: Sequence[PickList], since: int) -> dict[tuple[str, int], tuple[int, Stay]]:
    """(bench, ten minutes) → instant and stay at which the unit lay there with no list asking for it.

    `since`: UTC ms; the ten minutes that hold it are the first ones told. `lists`: those that the stays may answer.
    """
    found: dict[tuple[str, int], tuple[int, Stay]] = {}
    for stay in sorted(stays, key=lambda stay: (stay.from_ms, stay.epc)):
        for bucket in range(max(stay.from_ms, since) // SEEN_EVERY_MS, stay.to_ms // SEEN_EVERY_MS + 1):
            at = max(stay.from_ms, bucket * SEEN_EVERY_MS)
            if (stay.bench, bucket) not in found and not any(each.open(at) for each in lists):
                found[stay.bench, bucket] = (at, stay)
    return found
