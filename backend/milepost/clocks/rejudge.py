"""Which verdicts were changed by facts that came in late (docs/clocks.md: `rejudged`)."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from milepost.clocks.case import received
from milepost.clocks.model import ClockState
from milepost.evidence.model import Fact
from milepost.orders.fold.values import fields, objects
from milepost.orders.vocabulary import field_of

_AMENDS = ("fact.retracted", "fact.corrected")
_SUBJECTS = ("order", "unit", "trip", "vehicle")
_ENQUIRIES = ("location.requested", "location.answered")


class Worlds:
    """All facts of a set by what they speak of, to find those that bear on one order.

    What an order's goods share with others (trips, vehicles) is indexed without the others' own facts, so that finding
    one order's world takes no longer because thousands travel with it.
    """

    def __init__(self, facts: Iterable[Fact]) -> None:
        self._by: dict[tuple[str, str], list[Fact]] = {}
        self._common: list[Fact] = []
        self._amends: dict[str, list[Fact]] = {}
        every = list(facts)
        for fact in every:
            if fact.kind in _AMENDS:
                self._amends.setdefault(str(fact.body.get("target")), []).append(fact)
        lists: dict[str, list[Fact]] = {}
        for fact in every:
            if fact.kind in _AMENDS:
                continue
            keys = (*_SUBJECTS, "waybill") if fact.kind in _ENQUIRIES else _SUBJECTS
            names = [(key, name) for key in keys for name in self._said(fact, key)]
            if fact.kind == "trip.expected":
                for trip in self._said(fact, "trip"):
                    lists.setdefault(trip, []).append(fact)
            if not names:
                self._common.append(fact)
            for name in names:
                if name[0] == "order" or not _of_another(name[0], fact):
                    self._by.setdefault(name, []).append(fact)
        for trip, listed in lists.items():
            self._by.setdefault(("trip", trip), []).extend(self._since_when(listed))

    def around(self, order: str) -> list[Fact]:
        """The facts of an order, of its units, of their trips and vehicles, and what concerns everybody."""
        own = self._of("order", [order])
        units = [u["unit"] for f in own if f.kind == "order.units" for u in objects(f.body.get("units")) if "unit" in u]
        of_units = self._of("unit", units)
        trips = _named([*own, *of_units], "trip")
        vehicles = _named([*of_units, *self._of("trip", trips)], "vehicle")
        of_vehicles = self._of("vehicle", vehicles)
        of_trips = self._of("trip", dict.fromkeys([*trips, *_named(of_vehicles, "trip")]))
        bills = [bill for f in own if f.kind == "waybill.issued" for bill in self._said(f, "waybill")]
        asked = self._of("waybill", dict.fromkeys(bills))
        found = {id(f): f for f in (*self._common, *own, *of_units, *of_trips, *of_vehicles, *asked)}
        amends = {id(a): a for f in found.values() for a in self._amends.get(f.id, ())} if self._amends else {}
        return [*found.values(), *amends.values()]

    def _said(self, fact: Fact, name: str) -> set[str]:
        """What a fact says in one field, as it was told and as it was corrected."""
        said = [field_of(fact, name), *(fields(a.body.get("fields")).get(name) for a in self._amends.get(fact.id, ()))]
        return {value for value in said if isinstance(value, str)}

    def _of(self, kind: str, names: Iterable[str]) -> list[Fact]:
        return [fact for name in names for fact in self._by.get((kind, name), ())]

    def _since_when(self, listed: list[Fact]) -> list[Fact]:
        """Of the lists of a trip, those that tell since when anything stood on it: a unit that is not listed is on the
        wrong vehicle only if something is (`wrong_truck`)."""
        taken_off = {f.subjects.get("order") for f in listed if f.body.get("remove")}
        plain: list[Fact] = []
        kept: list[Fact] = []
        for fact in listed:
            moved = fact.rev or fact.id in self._amends or fact.subjects.get("order") in taken_off
            (kept if moved else plain).append(fact)
        plain.sort(key=lambda f: (f.at, received(f)))
        first = _earliest(plain)
        orders = {f.subjects.get("order") for f in first}
        return [*kept, *first, *_earliest([f for f in plain if f.subjects.get("order") not in orders])]


def _of_another(key: str, fact: Fact) -> bool:
    """True when a fact about a trip or a vehicle is about the goods of one order, or one unit, and is found by that."""
    if key == "trip":
        return fact.kind == "trip.expected"
    return key == "vehicle" and "unit" in fact.subjects


def _earliest(facts: Iterable[Fact]) -> list[Fact]:
    """Of facts sorted by their time: each that was known sooner than all before it."""
    found: list[Fact] = []
    for fact in facts:
        if not found or received(fact) < received(found[-1]):
            found.append(fact)
    return found


def _named(facts: Iterable[Fact], subject: str) -> list[str]:
    return list(dict.fromkeys(f.subjects[subject] for f in facts if subject in f.subjects))


def rejudged(
    clocks: Sequence[ClockState],
    world: Iterable[Fact],
    until: int,
    judge_at: Callable[[list[Fact], int], list[ClockState]],
) -> list[ClockState]:
    """The clocks, marked where what was known at their `late_from` gave another verdict.

    `world`: the facts that bear on the order. `judge_at(facts, until)` judges it from the facts known at an instant
    (UTC ms). It is asked only where a fact came in after that instant which could have mattered at it.
    """
    facts = list(world)
    late = [(f.at, received(f), bool(f.rev) or f.kind in _AMENDS) for f in facts if received(f) > f.at or f.rev
            or f.kind in _AMENDS]  # fmt: skip
    if not late:
        return list(clocks)
    known: dict[int, dict[str, str]] = {}
    marked: list[ClockState] = []
    for clock in clocks:
        at = clock.late_from
        if at is not None and at <= until and any(came > at and (anyway or was <= at) for was, came, anyway in late):
            if at not in known:
                known[at] = {then.key: _same(then) for then in judge_at(facts, at)}
            if known[at].get(clock.key, _same(clock)) != _same(clock):
                clock = replace(clock, rejudged=True)  # noqa: PLW2901
        marked.append(clock)
    return marked


def _same(clock: ClockState) -> str:
    """Verdicts that differ only by what happened afterwards: an exemption, the act of a limit that had lapsed."""
    if clock.verdict == "excused" or (clock.klass == "limit" and clock.verdict == "lapsed"):
        return "late"
    return clock.verdict
