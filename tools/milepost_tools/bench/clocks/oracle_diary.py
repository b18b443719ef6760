"""The oracle's diary of one order: what became of it, fact by fact, told by one walk from the first to the last.

It knows the desk (who has the order, what was decided) and the goods (which unit is where). Written from
docs/facts.md and docs/clocks.md; the fold of the service is not read here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from milepost.evidence.model import Fact
from milepost_tools.bench.clocks.oracle_facts import day_of, opened

STEPS = ("", "requested", "submitted", "assigned", "accepted", "confirmed")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the diary. `fact` is None only for a waking."""

    at: int
    what: str
    fact: Fact | None
    unit: str = ""
    data: Any = None


@dataclass(slots=True)
class Unit:
    """Where one unit is."""

    name: str
    state: str = "open"
    vehicles: set[str] = field(default_factory=set[str])  # goods without tags may lie on several
    frozen: bool = False  # seen on two trucks: nobody knows until it is unloaded
    astray: bool = False  # aboard a truck whose list does not name it
    moved: bool = False  # it has left where it was first loaded
    lies: str = ""  # where it was seen or said to be last; an outcome or a failure alone tells no place
    stopped_at: int | None = None
    counts: bool = True

    @property
    def outcome(self) -> str | None:
        """How its delivery ended, if it did."""
        return self.state if self.state in ("signed", "signed_abnormal", "refused") else None


@dataclass(slots=True)
class Diary:
    """What is known of the order, and its entries in the order of the walk."""

    order: str
    facts: Sequence[Fact]
    entries: list[Entry] = field(default_factory=list[Entry])
    desk: str = ""
    before: str = ""  # where a postponed order returns to
    branch: str | None = None
    arrived: int | None = None
    wake_at: int | None = None
    wake_for: Fact | None = None
    units: dict[str, Unit] = field(default_factory=dict[str, Unit])

    def all(self, *what: str) -> list[Entry]:
        """Entries of some kinds."""
        return [e for e in self.entries if e.what in what]

    def about(self, *kinds: str) -> list[Fact]:
        """The order's own facts of some kinds."""
        return [f for f in self.facts if f.kind in kinds and f.subjects.get("order") == self.order]

    @property
    def submitted(self) -> Fact | None:
        """Its submission, if we have it."""
        return next(iter(self.about("order.submitted")), None)

    @property
    def type(self) -> str | None:
        """Goods or consignment, as the request or the submission says."""
        return next((f.body["type"] for f in self.about("order.submitted", "order.requested")), None)

    def no_further_than(self, state: str) -> bool:
        """True when the desk has come no further than `state`; a postponed order stands where it was."""
        level = self.before if self.desk == "postponed" else self.desk
        return level in STEPS[: STEPS.index(state) + 1]

    @property
    def d0(self) -> date | None:
        """The business day (C7)."""
        return None if self.arrived is None else day_of(opened(self.arrived))

    @property
    def counting(self) -> list[Unit]:
        """Units that count."""
        return [u for u in self.units.values() if u.counts]

    @property
    def closed(self) -> bool:
        """Every counting unit has its outcome."""
        return bool(self.counting) and all(u.outcome for u in self.counting)

    def tell(self, fact: Fact | None, what: str, at: int | None = None, unit: str = "", data: Any = None) -> None:
        """Write a line."""
        self.entries.append(Entry(fact.at if at is None and fact else at or 0, what, fact, unit, data))


def trip_of(diary: Diary, vehicle: str | None, at: int) -> str | None:
    """The trip a vehicle was bound to at an instant; the latest binding holds."""
    found = None
    for fact in diary.facts:
        if fact.kind == "trip.vehicle" and fact.subjects["vehicle"] == vehicle:
            to = fact.body.get("to")
            if fact.body["from"] <= at and (to is None or at < to):
                found = fact.subjects["trip"]
    return found


def kind_of_trip(diary: Diary, trip: str | None) -> str | None:
    """What a trip is for."""
    return next((f.body["kind"] for f in diary.facts if f.kind == "trip.planned" and f.subjects["trip"] == trip), None)


def is_hub(diary: Diary, site: str) -> bool:
    """True for the hubs of the order's route, and for any site that is one."""
    return role_of(diary, site) == "hub" or any(site in f.body.get("hubs", ()) for f in diary.about("order.routed"))


def is_destination(diary: Diary, site: str) -> bool:
    """True where the order goes to; as long as its submission is not known, at any consignee's site."""
    submitted = diary.submitted
    return site == submitted.body["to"].get("site") if submitted else role_of(diary, site) == "consignee"


def role_of(diary: Diary, site: str) -> str | None:
    """What a site is for."""
    return next((f.body["role"] for f in diary.facts if f.kind == "site.defined" and f.subjects["site"] == site), None)


def is_terminal(diary: Diary, site: str) -> bool:
    """True for the terminal of the order's route, or any terminal where none is named."""
    routed = [f for f in diary.about("order.routed") if f.body.get("terminal")]
    return site == routed[-1].body["terminal"] if routed else role_of(diary, site) == "terminal"
