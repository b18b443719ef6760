"""The oracle's diary of one order: what became of it, fact by fact, told by one walk from the first to the last.

It knows the desk (who has the order, what was decided) and the goods (which unit is where). Written from
docs/facts.md and docs/clocks.md; the fold of the service is not read here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from milepost.evidence.model import Fact
from milepost.orders.vocabulary import RANK
from milepost_tools.bench.clocks.oracle_facts import MINUTE, day_of, instant, opened

POSTPONE_MAX_DAYS = 3
WAIT = 30 * MINUTE
_STEPS = ("", "requested", "submitted", "assigned", "accepted", "confirmed")
_OUTCOMES = {"order.signed": "signed", "order.signed_abnormal": "signed_abnormal", "order.refused": "refused"}


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
    vehicle: str | None = None
    outcome: str | None = None
    handed_out: bool = False
    waiting_since: int | None = None
    came_in: Fact | None = None  # first evidence of the present stay at a hub or terminal
    at_terminal: Fact | None = None  # the same, at a terminal
    counts: bool = True


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
        return level in _STEPS[: _STEPS.index(state) + 1]

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


def write(facts: Sequence[Fact], order: str, until: int) -> Diary:
    """The diary of an order over facts that are already chosen, corrected and sorted."""
    diary = Diary(order, facts)
    names = [u["unit"] for f in diary.about("order.units") for u in f.body["units"]] or [f"{order}#"]
    diary.units = {name: Unit(name) for name in names}
    for fact in facts:
        _wake(diary, (fact.at, RANK[fact.kind]))
        _desk(diary, fact)
        _papers(diary, fact)
        _goods(diary, fact)
    _wake(diary, (until, len(RANK)))
    return diary


def _wake(diary: Diary, now: tuple[int, int]) -> None:
    """At one instant the waking stands where a postponement would stand."""
    if diary.wake_at is None or diary.desk != "postponed" or (diary.wake_at, RANK["order.postponed"]) > now:
        return
    diary.desk = diary.before
    diary.tell(None, "woken", at=diary.wake_at, data=diary.wake_for)
    diary.wake_at = None


def _desk(diary: Diary, fact: Fact) -> None:
    if fact.subjects.get("order") != diary.order:
        return
    dead = diary.desk == "cancelled" or diary.closed
    match fact.kind:
        case "order.requested" if not diary.desk:
            diary.desk = "requested"
        case "order.submitted" if diary.no_further_than("requested"):
            _reach(diary, fact, "submitted")
            if fact.body.get("branch"):
                _arrive(diary, fact, fact.body["branch"])
        case "order.assigned" if not dead:
            _assign(diary, fact)
        case "order.accepted" if diary.desk != "cancelled":
            _accept(diary, fact, fact.body["branch"])
            diary.branch = fact.body["branch"]
        case "order.rerouted" if not dead:
            diary.tell(fact, "rerouted")
            _arrive(diary, fact, fact.body["to_branch"])
        case "order.confirmed" if diary.desk != "cancelled":
            _accept(diary, fact, diary.branch)
            _reach(diary, fact, "confirmed")
        case "order.postponed" if not dead:
            _postpone(diary, fact)
        case "order.cancelled" if not diary.closed:
            diary.desk = "cancelled"
            diary.tell(fact, "cancelled")
        case _:
            pass


def _reach(diary: Diary, fact: Fact, state: str) -> None:
    """A step forward; it ends a postponement. Nothing for an order that has come as far already."""
    if diary.no_further_than(_STEPS[_STEPS.index(state) - 1]):
        diary.desk = state
        diary.tell(fact, state)


def _assign(diary: Diary, fact: Fact) -> None:
    """Coming to the branch where it is already is nothing new."""
    branch = fact.body["branch"]
    if diary.no_further_than("submitted"):
        _reach(diary, fact, "submitted")
        _arrive(diary, fact, branch)
    elif diary.desk != "postponed" and branch != diary.branch:
        _arrive(diary, fact, branch)
    diary.branch = branch


def _arrive(diary: Diary, fact: Fact, branch: str | None) -> None:
    diary.desk, diary.branch = "assigned", branch
    if diary.arrived is None:
        diary.arrived = fact.at
    diary.tell(fact, "assigned", data=branch)


def _accept(diary: Diary, fact: Fact, branch: str | None) -> None:
    """Accepted, with what this infers below it."""
    _reach(diary, fact, "submitted")
    if diary.no_further_than("submitted"):
        _arrive(diary, fact, branch)
    _reach(diary, fact, "accepted")


def _postpone(diary: Diary, fact: Fact) -> None:
    to = date.fromisoformat(fact.body["to"])
    if diary.d0 is not None and to > diary.d0 + timedelta(days=POSTPONE_MAX_DAYS):
        diary.tell(fact, "declined", data=to)
        return
    if diary.desk != "postponed":
        diary.before = diary.desk
    diary.desk = "postponed"
    diary.wake_at, diary.wake_for = instant(to, 8), fact
    diary.tell(fact, "postponed", data=to)


def _papers(diary: Diary, fact: Fact) -> None:
    if fact.subjects.get("order") != diary.order:
        return
    match fact.kind:
        case "pickup.done":
            diary.tell(fact, "picked_up", data=_stop_of_visit(diary, fact))
        case "goods.handed_in":
            diary.tell(fact, "handed_in")
        case "order.readied":
            diary.tell(fact, "ready")
        case "unit.picked":
            _picked(diary, fact)
        case "waybill.issued":
            diary.tell(fact, "waybilled")
        case "receipt.returned" if fact.body["qualified"] and fact.by.role != "device" and fact.source == "person":
            diary.tell(fact, "receipt_returned")
        case _:
            pass


def _stop_of_visit(diary: Diary, done: Fact) -> Fact | None:
    """The stop at the shipper of a vehicle that the order is listed for, if it has not left since."""
    submitted = diary.submitted
    shipper = submitted.body["from"].get("site") if submitted else None
    found: Fact | None = None
    for fact in diary.facts:
        if (fact.at, RANK[fact.kind]) >= (done.at, RANK[done.kind]) and not (
            fact.kind == "vehicle.stopped" and fact.at == done.at
        ):
            continue
        if fact.subjects.get("site") != shipper or not _listed(diary, fact):
            continue
        if fact.kind == "vehicle.stopped" and found is None:
            found = fact
        if fact.kind == "vehicle.left" and found is not None and fact.subjects["vehicle"] == found.subjects["vehicle"]:
            found = None
    return found


def _listed(diary: Diary, fact: Fact) -> bool:
    trip = trip_of(diary, fact.subjects.get("vehicle"), fact.at)
    return trip is not None and any(f.subjects["trip"] == trip for f in diary.about("trip.expected"))


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


def _picked(diary: Diary, fact: Fact) -> None:
    """Ready by picking: every unit, or the whole quantity of every line, is there."""
    done = [f for f in diary.about("unit.picked") if (f.at, f.id) <= (fact.at, fact.id)]
    units = [n for n in diary.units if not n.endswith("#")]
    submitted = diary.submitted
    lines = submitted.body["lines"] if submitted else []
    by_unit = bool(units) and {f.subjects.get("unit") for f in done} >= set(units)
    by_line = bool(lines) and all(
        sum(f.body.get("qty", 0) for f in done if f.body.get("line") == line["line"]) >= line["qty"] for line in lines
    )
    if (by_unit or by_line) and not diary.all("ready"):
        diary.tell(fact, "ready")


def _role(diary: Diary, site: str) -> str | None:
    return next((f.body["role"] for f in diary.facts if f.kind == "site.defined" and f.subjects["site"] == site), None)


def _terminal(diary: Diary, site: str) -> bool:
    routed = [f for f in diary.about("order.routed") if f.body.get("terminal")]
    return site == routed[-1].body["terminal"] if routed else _role(diary, site) == "terminal"


def _goods(diary: Diary, fact: Fact) -> None:
    units = diary.units.values()
    vehicle, site = fact.subjects.get("vehicle"), fact.subjects.get("site", "")
    aboard = [u for u in units if u.vehicle is not None and u.vehicle == vehicle]
    match fact.kind:
        case "unit.loaded" if (unit := diary.units.get(fact.subjects["unit"])) is not None:
            unit.vehicle, unit.handed_out = vehicle, False
            diary.tell(fact, "loaded", unit=unit.name)
        case "load.checked" if "#" in next(iter(diary.units)):
            _check_load(diary, fact)
        case "unit.passed_back" if (unit := diary.units.get(fact.subjects["unit"])) is not None:
            unit.vehicle = None
        case "unit.unloaded" if (unit := diary.units.get(fact.subjects["unit"])) is not None:
            unit.vehicle = None
            _come_in(diary, unit, fact, site)
        case "vehicle.left":
            trip = kind_of_trip(diary, trip_of(diary, vehicle, fact.at))
            for unit in aboard:
                unit.waiting_since = None
                if trip != "pickup":
                    unit.came_in = unit.at_terminal = None
                    diary.tell(fact, "departed", unit=unit.name, data=trip)
        case "vehicle.entered":
            trip = kind_of_trip(diary, trip_of(diary, vehicle, fact.at))
            for unit in aboard if trip != "pickup" else []:
                _come_in(diary, unit, fact, site)
        case "vehicle.stopped" if (submitted := diary.submitted) and site == submitted.body["to"].get("site"):
            for unit in aboard:
                unit.waiting_since = fact.at
                if not unit.outcome:
                    diary.tell(fact, "at_consignee", unit=unit.name)
        case _:
            _outcome(diary, fact)


def _check_load(diary: Diary, fact: Fact) -> None:
    trip = fact.subjects["trip"]
    if not any(f.subjects["trip"] == trip for f in diary.about("trip.expected")):
        return
    bound = [f for f in diary.facts if f.kind == "trip.vehicle" and f.subjects["trip"] == trip]
    bound = [f for f in bound if f.body["from"] <= fact.at and (f.body.get("to") is None or fact.at < f.body["to"])]
    for unit in diary.units.values() if bound else []:
        unit.vehicle, unit.handed_out = bound[-1].subjects["vehicle"], False
        diary.tell(fact, "loaded", unit=unit.name)


def _come_in(diary: Diary, unit: Unit, fact: Fact, site: str) -> None:
    terminal = _terminal(diary, site)
    if not terminal and _role(diary, site) != "hub":
        return
    unit.came_in = unit.came_in or fact
    if terminal:
        unit.at_terminal = unit.at_terminal or fact
    diary.tell(fact, "at_terminal" if terminal else "at_hub", unit=unit.name)


def _outcome(diary: Diary, fact: Fact) -> None:
    """Hand-out, sign-off, failure, loss."""
    order = diary.order
    if fact.subjects.get("order") != order or fact.kind == "order.units":
        return
    named = fact.body.get("units") or [u.name for u in diary.counting]
    units = [diary.units[n] for n in named if n in diary.units]
    match fact.kind:
        case "handout.done":
            for unit in units:
                unit.handed_out = True
                diary.tell(fact, "handed_out", unit=unit.name)
        case "order.signed" | "order.signed_abnormal" | "order.refused":
            for unit in units:
                if unit.outcome in (None, "refused"):
                    unit.outcome = _OUTCOMES[fact.kind]
                    diary.tell(fact, unit.outcome, unit=unit.name)
        case "delivery.failed":
            _fail(diary, fact)
        case "contact.logged" if fact.body.get("can_receive_at") is not None:
            since = [u.waiting_since for u in diary.counting if u.waiting_since is not None]
            if since and fact.body["can_receive_at"] > max(since) + WAIT:
                _fail(diary, fact)
        case "load.overridden":
            for unit in units:
                unit.counts = False
                diary.tell(fact, "released", unit=unit.name, data="short")
        case "disposition.decided" if fact.body["decision"] == "lost":
            for unit in units:
                unit.counts = False
                diary.tell(fact, "released", unit=unit.name, data="lost")
        case _:
            pass


def _fail(diary: Diary, fact: Fact) -> None:
    for unit in diary.counting:
        if unit.outcome is None:
            unit.waiting_since = None
            diary.tell(fact, "delivery_failed", unit=unit.name)
