"""A chain of hashes over the entries of the history: what makes it, and what is wrong where it breaks. Pure.

Every entry carries the hash of the one before it, twice: of the whole history, and of its own order's. Whoever
changes, cuts out, adds or moves an entry breaks a link; who rewrites everything behind it as well ends with another
head, which is why the head is worth keeping elsewhere.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from milepost.evidence.model import canonical

GENESIS = "0" * 64
What = Literal["changed", "missing", "reordered", "inserted", "cut", "rewritten"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: `seq` counts over the whole history, `n` within the order; `body` is canonical JSON text."""

    seq: int
    order: str
    n: int
    at: int
    kind: str
    body: str
    prev: str
    prev_order: str
    hash: str = ""

    def hashed(self) -> str:
        """SHA-256 over everything but the hash itself, in hex."""
        told = [self.seq, self.order, self.n, self.at, self.kind, self.body, self.prev, self.prev_order]
        return hashlib.sha256(canonical(told)).hexdigest()

    def sealed(self) -> "Entry":
        """The entry with its hash."""
        return replace(self, hash=self.hashed())


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain ends: the number and the hash of its last entry."""

    n: int = 0
    hash: str = GENESIS


@dataclass(frozen=True, slots=True)
class Break:
    """The first place at which a chain does not hold. `n`: which entry of the chain; `detail`: for a person."""

    n: int
    what: What
    detail: str
    order: str | None = None


@dataclass(frozen=True, slots=True)
class _View:
    """Which of the two chains is looked at."""

    place: Literal["seq", "n"]
    link: Literal["prev", "prev_order"]

    def n(self, entry: Entry) -> int:
        return getattr(entry, self.place)

    def before(self, entry: Entry) -> str:
        return getattr(entry, self.link)

    def moved(self, entry: Entry, n: int) -> Entry:
        return replace(entry, seq=n) if self.place == "seq" else replace(entry, n=n)


WHOLE = _View("seq", "prev")
OF_ORDER = _View("n", "prev_order")


def first_break(
    entries: Callable[[], Iterable[Entry]], head: Head | None, view: _View = WHOLE, kept: Head | None = None
) -> Break | None:
    """The first break of a chain, None when it holds.

    `entries`: gives them in the order of the chain, as often as it is asked; `head`: the stored end of it, None when
    even that is missing; `kept`: an end that was written down elsewhere some time ago.
    """
    last = Head()
    orders: dict[str, Head] = {}
    for entry in entries():
        if head is not None and view.n(entry) > head.n:
            return Break(head.n + 1, "inserted", f"the chain ended at {head.n}; this was put behind it", entry.order)
        wrong = _link(entries, entry, last, view) or (_order_link(entry, orders) if view is WHOLE else None)
        if wrong is not None:
            return wrong
        last = Head(view.n(entry), entry.hash)
        if kept is not None and last.n == kept.n and last.hash != kept.hash:
            return _broken(entry, view, "rewritten", "it is not the entry whose hash was kept elsewhere")
    return _end(last, head, kept)


def _link(entries: Callable[[], Iterable[Entry]], entry: Entry, last: Head, view: _View) -> Break | None:
    """What is wrong between an entry and the chain before it."""
    n = view.n(entry)
    if n != last.n + 1:
        return Break(last.n + 1, "missing", f"after {last.n} comes {n}", entry.order)
    if entry.hashed() != entry.hash:
        return _displaced(entries(), entry, view) or _broken(entry, view, "changed", "it does not fit its own hash")
    if view.before(entry) == last.hash:
        return None
    if n > 1 and not _has(entries(), view.before(entry)):
        return Break(n - 1, "changed", f"entry {n} was written after another one than stands there", entry.order)
    return _broken(entry, view, "reordered", "it was written after another entry")


def _displaced(entries: Iterable[Entry], entry: Entry, view: _View) -> Break | None:
    """An entry that fits its hash under another number: it was moved there, or others were put in or cut out."""
    n = view.n(entry)
    most, predecessor = n, False
    for each in entries:
        most = max(most, view.n(each))
        predecessor = predecessor or each.hash == view.before(entry)
    # What was cut out may have been as much again as is there; beyond that it counts as changed.
    for distance in range(1, 2 * most + 2):
        for was in (n - distance, n + distance):
            if was < 1 or view.moved(entry, was).hashed() != entry.hash:
                continue
            if was < n:
                return Break(was, "inserted", f"entry {n} was written as {was}: {n - was} were put in before it",
                             entry.order)  # fmt: skip
            if predecessor:
                return _broken(entry, view, "reordered", f"it was written as entry {was}")
            return Break(n, "missing", f"entry {n} was written as {was}; {was - n} before it are gone", entry.order)
    return None


def _order_link(entry: Entry, orders: dict[str, Head]) -> Break | None:
    """The same entry within its order; `orders` is counted on."""
    before = orders.get(entry.order, Head())
    if entry.n != before.n + 1 or entry.prev_order != before.hash:
        return _broken(entry, WHOLE, "changed", f"within its order it does not follow entry {before.n}")
    orders[entry.order] = Head(entry.n, entry.hash)
    return None


def _end(last: Head, head: Head | None, kept: Head | None) -> Break | None:
    if kept is not None and last.n < kept.n:
        return Break(last.n + 1, "cut", f"the chain ends at {last.n}; one that reached {kept.n} was kept elsewhere")
    if head is None:
        return None if last.n == 0 else Break(last.n, "changed", "the stored end of the chain is gone")
    if last.n < head.n:
        return Break(last.n + 1, "cut", f"the chain ends at {last.n}, and had reached {head.n}")
    return None if last.hash == head.hash else Break(last.n, "changed", "it is not the last entry that was written")


def _broken(entry: Entry, view: _View, what: What, detail: str) -> Break:
    return Break(view.n(entry), what, detail, entry.order)


def _has(entries: Iterable[Entry], sought: str) -> bool:
    return any(each.hash == sought for each in entries)


def chained(entries: Iterable[Entry], head: Head, orders: dict[str, Head]) -> Iterator[Entry]:
    """Entries put behind the ends of their chains, with numbers, links and hashes; `orders` is counted on."""
    for entry in entries:
        before = orders.get(entry.order, Head())
        linked = replace(entry, seq=head.n + 1, n=before.n + 1, prev=head.hash, prev_order=before.hash).sealed()
        head = Head(linked.seq, linked.hash)
        orders[entry.order] = Head(linked.n, linked.hash)
        yield linked
