"""What lies in what, and when: handling units with their contents. Pure.

Things are told by names: `unit:<id>`, or the identity of an EPC that is no unit of ours. Packings may come late and
in any order; contents at an instant are a fold over those up to it, sorted by (time, taken out before put in, id).
A thing lies in one other at most: putting it elsewhere takes it out. A packing that would make a ring is passed over.
"""

from collections.abc import Iterable
from dataclasses import dataclass

ADD, DELETE = "add", "delete"
_DEEP = 20  # more levels than goods are ever packed in


@dataclass(frozen=True, slots=True)
class Packing:
    """Children put into a parent, or taken out, at an instant (UTC ms); a DELETE without children takes out all."""

    id: str
    at: int
    parent: str
    action: str
    children: tuple[str, ...] = ()

    @property
    def order(self) -> tuple[int, bool, str]:
        """Place in the fold."""
        return (self.at, self.action == ADD, self.id)


class Contents:
    """Where everything lies at one instant."""

    def __init__(self, packings: Iterable[Packing] = ()) -> None:
        self._place: dict[str, tuple[str, Packing]] = {}
        self._in: dict[str, dict[str, None]] = {}
        self.passed_over: set[tuple[str, str]] = set()  # packing and child that would have made a ring
        for each in sorted({row.id: row for row in packings}.values(), key=lambda row: row.order):
            self._apply(each)

    def _apply(self, each: Packing) -> None:
        if each.action == ADD:
            above = {each.parent, *self.above(each.parent)}
            for child in each.children:
                if child in above:
                    self.passed_over.add((each.id, child))
                else:
                    self._take(child)
                    self._place[child] = (each.parent, each)
                    self._in.setdefault(each.parent, {})[child] = None
            return
        for child in each.children or tuple(self._in.get(each.parent, ())):
            if self.parent(child) == each.parent:
                self._take(child)

    def _take(self, child: str) -> None:
        old = self._place.pop(child, None)
        if old is not None:
            self._in[old[0]].pop(child, None)

    def parent(self, child: str) -> str | None:
        """What a thing lies in, or None."""
        found = self._place.get(child)
        return found[0] if found else None

    def above(self, child: str) -> list[str]:
        """Everything a thing lies in, the nearest first."""
        found: list[str] = []
        while (up := self.parent(child)) is not None and up not in found and len(found) < _DEEP:
            found.append(up)
            child = up
        return found

    def children(self, parent: str) -> list[str]:
        """What lies directly in a thing, sorted."""
        return sorted(self._in.get(parent, ()))

    def below(self, parent: str) -> list[str]:
        """Everything that lies in a thing, at any depth, sorted."""
        found: dict[str, None] = {}
        waiting = self.children(parent)
        while waiting:
            each = waiting.pop()
            if each not in found:
                found[each] = None
                waiting += self.children(each)
        return sorted(found)


def contents_at(packings: Iterable[Packing], at: int) -> Contents:
    """Where everything lies at an instant (UTC ms): packings at that instant count."""
    return Contents(row for row in packings if row.at <= at)


def ring(known: Iterable[Packing], new: Packing) -> str | None:
    """The thing that would lie in itself because of `new`, at its time or later; None where none would.

    What was put aside already among the packings known is not held against the new one.
    """
    before = list(known)
    made = Contents([*before, new]).passed_over - Contents(before).passed_over
    return min((child for _, child in made), default=None)
