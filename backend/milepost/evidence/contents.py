"""Contents of handling units at an event time: packings (plan) told by whatever name a thing has.

A unit may be named by its id, by any tag that it carried at that time, or by a URI of such a tag; all are one thing.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from milepost.errors import Conflict, Invalid
from milepost.evidence.epc import EpcError, check_uri, identity, read, tags_of
from milepost.evidence.model import Author, canonical
from milepost.plan import packing_rows as rows
from milepost.plan import service as plan
from milepost.plan.packing import ADD, DELETE, Contents, Packing, contents_at, ring

_NAMESPACE = uuid.UUID("a4c2b7de-3b1b-5d55-8a77-3f0f2f6a7c10")


class Names:
    """What things are called, looked up once: which unit a tag was on at an event time, which tags a unit had."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self._of_identity: dict[str, list[tuple[int, int | None, str]]] = {}

    def learn(self, names: Iterable[str]) -> None:
        """Look up what is not known yet, all at once."""
        fresh = [name for name in set(names) if not name.startswith("unit:") and name not in self._of_identity]
        tags = {tag: name for name in fresh for tag in tags_of(name)}
        self._of_identity.update({name: [] for name in fresh})
        for row in rows.bindings(self._conn, epcs=tags):
            self._of_identity[tags[row["epc"]]].append((row["from_ms"], row["to_ms"], row["unit_id"]))

    def unit(self, name: str, at: int) -> str:
        """The name of the unit that had this tag at an instant; the name itself where none had."""
        self.learn([name])
        for start, end, unit in self._of_identity.get(name, ()):
            if start <= at and (end is None or at < end):
                return f"unit:{unit}"
        return name

    def all_of(self, names: Iterable[str]) -> set[str]:
        """The same things by every name that they ever had."""
        given = set(names)
        self.learn(given)
        units = {name.removeprefix("unit:") for name in given if name.startswith("unit:")}
        units |= {unit for name in given for _, _, unit in self._of_identity.get(name, ())}
        tags = {identity(row["epc"]) for row in rows.bindings(self._conn, units=units)}
        return given | {f"unit:{unit}" for unit in units} | tags

    def told(self, packing: Packing) -> Packing:
        """A packing in the names of units, as far as there are such."""
        self.learn([packing.parent, *packing.children])
        children = tuple(self.unit(child, packing.at) for child in packing.children)
        return replace(packing, parent=self.unit(packing.parent, packing.at), children=children)


def name_of(text: str) -> str:
    """The name under which packings keep a thing: `unit:<id>` stays, an EPC in any writing becomes its identity.

    Raises Invalid for an EPC that is none.
    """
    if text.startswith("unit:"):
        return text
    try:
        if ":" in text:
            check_uri(text)
        else:
            read(text)
    except EpcError as error:
        if error.reason != "header":
            raise Invalid(f"{text[:80]!r}: {error}", reason=error.reason) from None
    return identity(text if ":" in text else text.upper())


def packings_of(conn: Connection, name: str, *, names: Names | None = None, withdrawn: bool = False) -> list[Packing]:
    """Every packing that bears on where `name` lies and what lies in it, in the names of units.

    Downwards and upwards, to whatever depth: a pallet, its cases, what else the cases ever lay in.
    """
    known = names or Names(conn)
    asked: set[str] = set()
    found: dict[str, Packing] = {}
    waiting = {name}
    while waiting:
        every = known.all_of(waiting) - asked
        asked |= every
        fresh = [row for row in rows.touching(conn, every, withdrawn=withdrawn) if row.id not in found]
        known.learn(text for row in fresh for text in (row.parent, *row.children))
        found.update((row.id, known.told(row)) for row in fresh)
        waiting = {text for row in fresh for text in (row.parent, *row.children)} - asked
    return list(found.values())


def contents(conn: Connection, name: str, at: int) -> tuple[Contents, str]:
    """Where everything lies at an instant (UTC ms) that has to do with a thing; and the thing as it is told there."""
    known = Names(conn)
    own = known.unit(name, at)
    return contents_at(packings_of(conn, own, names=known), at), own


def pack(
    conn: Connection,
    *,
    parent: str,
    children: Sequence[str],
    action: str,
    at: int,
    by: Author,
    source: str,
    key: str,
    now: int,
) -> Packing | None:
    """Put children into a parent, or take them out (`action` add or delete; a delete without children: all of them).

    `parent` and `children` are names (`name_of`); `key`: what makes it this one (a command's key, an event's id).
    Returns None when it was told before. Raises Invalid without children, NotFound for a unit, Conflict for a ring.
    """
    if action not in (ADD, DELETE):
        raise Invalid(f"action {action!r}: {ADD} or {DELETE}")
    if action == ADD and not children:
        raise Invalid("children: empty means all of them, which only a delete may say")
    for name in (parent, *children):
        if name.startswith("unit:"):
            plan.get_unit(conn, name.removeprefix("unit:"))
    made = Packing(packing_id(key), at, parent, action, tuple(sorted(set(children))))
    if action == ADD:
        known = Names(conn)
        other = packings_of(conn, known.unit(parent, at), names=known)
        child = ring(other, known.told(made))
        if child is not None:
            raise Conflict(f"{child} would come to lie in itself; take it out first", changed={"thing": child})
    if not rows.add(conn, made, recorded_at=now, source=source, by=(by.role, by.id)):
        return None
    return made


def packing_id(key: str) -> str:
    """The id of the packing that a command or an event tells of."""
    return str(uuid.uuid5(_NAMESPACE, canonical([key]).decode()))
