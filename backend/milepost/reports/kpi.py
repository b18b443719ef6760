"""The figures N-41…N-46a and what stands beside them (REQUIREMENTS B4; X-7, X-13, X-21). Pure.

Each ratio is the sum of what single orders bring: (numerator, denominator). An order counts its clocks of every
branch; a branch counts its own; a region those of its branches.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal

from milepost.reports.model import CALL_CENTRE, JUDGED, Clock, Deeds, Figure, Place, Places

Group = Literal["branch", "region", "big_region", "channel", "class", "period", "product"]
GROUPS: tuple[Group, ...] = ("branch", "region", "big_region", "channel", "class", "period", "product")
_PLACES = frozenset({"branch", "region", "big_region"})
# Ratios and the rule each stands for, in the order in which they are shown.
RATIOS = {
    "timely": "N-41",
    "timely_received": "X-21",
    "assigned": "N-02",
    "entry": "N-42",
    "entry_in_time": "N-12",
    "success": "N-43",
    "success_agreed": "X-7",
    "pickup_target": "N-46a",
    "pickup": "N-46a",
    "delivery": "N-34",
    "signoff": "N-31",
    "receipt": "N-40",
    "tracking": "N-30",
}
_CLOCKS_OF = {
    "assigned": ("N-02",),
    "entry_in_time": ("N-12",),
    "pickup_target": ("N-20",),
    "pickup": ("N-22", "N-23", "N-25"),
    "delivery": ("N-34", "N-35"),
    "signoff": ("N-31", "N-32"),
    "receipt": ("N-40",),
    "tracking": ("N-30",),
}
_RATIO_OF = {clock: name for name, clocks in _CLOCKS_OF.items() for clock in clocks}
CLOCKS = ("N-01", "N-44", *_RATIO_OF)  # what `kpi` looks at
EXPRESS = "express"
EXPRESS_TARGET = 0.99  # N-46, policy target.ontime.express; for the report only
Mine = Callable[[str | None], bool]


def percent(numerator: int, denominator: int) -> Decimal | None:
    """Per cent to 2 decimals, half up; None when there is nothing to divide (REQUIREMENTS B4)."""
    if denominator == 0:
        return None
    return (Decimal(numerator * 100) / Decimal(denominator)).quantize(Decimal("0.01"), ROUND_HALF_UP)


def kpi(
    figures: Iterable[Figure],
    group_by: Sequence[Group] = (),
    places: Places | None = None,
    express_target: float = EXPRESS_TARGET,
    only: Container[str | None] | None = None,
) -> list[dict[str, Any]]:
    """One entry per group, sorted: {group, orders, received, accepted, cancelled, ratios, exceptions, complaints}.

    `group_by`: none for all in one, or any combination of GROUPS. `places`: where each branch belongs;
    `express_target`: share (0…1) that the product `express` is held against (N-46). `only`: count for these branches,
    as if there were no others.
    A ratio is {rule, numerator, denominator, percent}; percent is null when there is nothing to divide.
    """
    sums: dict[tuple[str | None, ...], _Sum] = {}
    if not group_by:
        sums[()] = _Sum()
    for figure in figures:
        for key, mine in _groups(figure, group_by, places or {}, only):
            found = sums.get(key)
            if found is None:
                found = sums[key] = _Sum()
            found.add(figure, mine)
    rows: list[dict[str, Any]] = []
    for key in sorted(sums, key=lambda key: tuple((each is None, each or "") for each in key)):
        group = dict(zip(group_by, key, strict=True))
        row = {"group": group, **sums[key].shown()}
        if group.get("product") == EXPRESS:
            value = row["ratios"]["delivery"]["percent"]
            target = round(express_target * 100, 2)
            row["ratios"]["delivery"] |= {"target": target, "reached": None if value is None else value >= target}
        rows.append(row)
    return rows


class _Sum:
    """The counts of one group."""

    def __init__(self) -> None:
        self.ratios = {name: [0, 0] for name in RATIOS}
        self.counts = {"orders": 0, "received": 0, "accepted": 0, "cancelled": 0, "complaints": 0}
        self.exceptions: dict[str, list[int]] = {}

    def add(self, figure: Figure, mine: Mine) -> None:
        """Count one order, with the clocks of `mine`."""
        deeds = figure.deeds
        own = mine(deeds.branch)
        acceptance = []
        success = None
        ratios = self.ratios
        for clock in figure.clocks:
            name = clock.clock
            if name == "N-44":
                success = clock
            elif not (own if clock.owner == CALL_CENTRE else mine(clock.owner)):
                continue
            elif name == "N-01":
                acceptance.append(clock)
            elif (ratio := _RATIO_OF.get(name)) is not None and clock.verdict in JUDGED:
                ratios[ratio][0] += clock.verdict == "met"
                ratios[ratio][1] += 1
        self.counts["orders"] += 1
        judged = [clock for clock in acceptance if clock.verdict != "void"]
        if deeds.submitted_at is not None and (own or judged):
            self.counts["received"] += 1
            accepted = any(clock.end is not None and clock.verdict in JUDGED for clock in judged)
            timely = accepted and all(clock.verdict == "met" for clock in judged)
            self.counts["accepted"] += accepted
            _count(ratios["timely"], timely, accepted)
            _count(ratios["timely_received"], timely, True)
        if own:
            if deeds.cancelled:
                self.counts["cancelled"] += 1
                _count(ratios["entry"], deeds.reason_at is not None, True)
            if success is not None:
                accepted = any(c.end is not None and c.verdict in JUDGED for c in figure.clocks if c.clock == "N-01")
                _count(ratios["success"], accepted and success.verdict == "met", True)
                _count(ratios["success_agreed"], accepted and _within_agreed(success, deeds), True)
            self.counts["complaints"] += len(deeds.complaints)
            for kind, (opened, still) in deeds.exceptions.items():
                counts = self.exceptions.setdefault(kind, [0, 0])
                counts[0] += opened
                counts[1] += still

    def shown(self) -> dict[str, Any]:
        """As plain JSON values."""
        ratios: dict[str, Any] = {}
        for name, (numerator, denominator) in self.ratios.items():
            value = percent(numerator, denominator)
            ratios[name] = {
                "rule": RATIOS[name],
                "numerator": numerator,
                "denominator": denominator,
                "percent": None if value is None else float(value),
            }
        exceptions = {kind: {"opened": n, "open": still} for kind, (n, still) in sorted(self.exceptions.items())}
        return {**self.counts, "ratios": ratios, "exceptions": exceptions}


def _count(ratio: list[int], numerator: bool, denominator: bool) -> None:
    ratio[0] += numerator
    ratio[1] += denominator


def _within_agreed(success: Clock, deeds: Deeds) -> bool:
    """X-7: postponed orders have their 24 hours from the agreed ship date."""
    if success.verdict == "met":
        return True
    if deeds.ship_from is None or success.end is None or success.due is None or success.verdict != "late":
        return False
    return success.end <= deeds.ship_from + (success.due - success.start)


def _groups(
    figure: Figure, group_by: Sequence[Group], places: Places, only: Container[str | None] | None
) -> Iterator[tuple[tuple[str | None, ...], Mine]]:
    """The groups an order counts in; by place it is every place that it ever belonged to."""
    deeds = figure.deeds
    if _PLACES.isdisjoint(group_by):
        yield (
            tuple(_value(name, deeds, None, places) for name in group_by),
            _anybody if only is None else only.__contains__,
        )
        return
    of_branch = {}
    owners = {clock.owner for clock in figure.clocks if clock.owner not in (None, CALL_CENTRE)}
    for branch in (deeds.branch, *sorted(owners - {deeds.branch})):
        if only is not None and branch not in only:
            continue
        of_branch[branch] = tuple(_value(name, deeds, branch, places) for name in group_by)
    for key in dict.fromkeys(of_branch.values()):
        yield key, lambda branch, key=key: of_branch.get(branch) == key


def _anybody(branch: str | None) -> bool:
    return True


def _value(name: Group, deeds: Deeds, branch: str | None, places: Places) -> str | None:
    if name == "branch":
        return branch
    if name in _PLACES:
        return getattr(places.get(branch or "", Place()), name)
    return deeds.klass if name == "class" else getattr(deeds, name)
