"""Which verdicts were changed by facts that came in late (docs/clocks.md: `rejudged`)."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from milepost.clocks.case import received
from milepost.clocks.model import ClockState
from milepost.evidence.model import Fact
from milepost.orders.fold.values import fields, objects

_AMENDS = ("fact.retracted", "fact.corrected")
_SUBJECTS = ("order", "unit", "trip", "vehicle")


class Worlds:
    """All facts of a set by what they speak of, to find those that bear on one order."""

    def __init__(self, facts: Iterable[Fact]) -> None:
        self._by: dict[tuple[str, str], list[Fact]] = {}
        self._common: list[Fact] = []
        moved: dict[str, str] = {}  # fact -> the order that a correction gives it
        every = list(facts)
        for fact in every:
            if fact.kind in _AMENDS:
                if isinstance(order := fields(fact.body.get("fields")).get("order"), str):
                    moved[str(fact.body.get("target"))] = order
                self._common.append(fact)
            elif fact.kind in ("site.defined", "branch.defined") or not any(key in fact.subjects for key in _SUBJECTS):
                self._common.append(fact)
        for fact in every:
            for key in _SUBJECTS:
                if key in fact.subjects:
                    self._by.setdefault((key, fact.subjects[key]), []).append(fact)
            if fact.id in moved:
                self._by.setdefault(("order", moved[fact.id]), []).append(fact)

    def around(self, order: str) -> list[Fact]:
        """The facts of an order, of its units, of their trips and vehicles, and what concerns everybody."""
        own = self._of("order", [order])
        units = [u["unit"] for f in own if f.kind == "order.units" for u in objects(f.body.get("units")) if "unit" in u]
        of_units = self._of("unit", units)
        trips = _named([*own, *of_units], "trip")
        vehicles = _named([*of_units, *self._of("trip", trips)], "vehicle")
        of_vehicles = self._of("vehicle", vehicles)
        of_trips = self._of("trip", dict.fromkeys([*trips, *_named(of_vehicles, "trip")]))
        mine = [f for f in of_vehicles if "unit" not in f.subjects]
        return list({id(f): f for f in (*self._common, *own, *of_units, *of_trips, *mine)}.values())

    def _of(self, kind: str, names: Iterable[str]) -> list[Fact]:
        return [fact for name in names for fact in self._by.get((kind, name), ())]


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
