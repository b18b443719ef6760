"""What the fold remembers while it walks through the facts: orders, units, trips, vehicles."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from milepost.evidence.model import Fact
from milepost.orders.fold.grades import Mark
from milepost.orders.fold.settles import settle_by
from milepost.orders.model import LEVEL, Calendar, Limits, Policy

DESK_LEVEL = {"new": 0, "requested": 1, "submitted": 2, "assigned": 3, "accepted": 4, "confirmed": 5}


class Moment(NamedTuple):
    """One line of an order's chronicle: a fact that names the order (`what` is empty), or what a fact did to it.

    `fact` is None only for what comes by itself (`woken`); `unit` where it concerns one unit; `data` as noted.
    """

    at: int
    what: str
    fact: Fact | None
    unit: str | None = None
    data: Any = None


# A moment before it has its names: only who reads the chronicle pays for them.
Noted = tuple[int, str, Fact | None, str | None, Any]


@dataclass(slots=True)
class Unit:
    """One handling unit, or the pieces of an order that has none (`pseudo`)."""

    id: str
    order: str | None = None
    no: str = ""
    pieces: int = 1
    kg: float | None = None
    line: str | None = None
    pseudo: bool = False
    epcs: dict[str, None] = field(default_factory=dict)
    phys: str | None = None  # own physical state once it is beyond the order's papers
    aboard: str | None = None  # vehicle
    loaded_by: Fact | None = None  # the load that put it there
    departed: bool = False  # that vehicle has left with it
    trip: str | None = None
    site: str | None = None
    last_vehicle: str | None = None
    wrong: bool = False
    frozen: tuple[str, str] | None = None  # the two vehicles that both claim it
    released: str | None = None  # short, split or lost: counts no longer
    close: str | None = None  # delivery_failed, refused, signed, signed_abnormal
    close_at: int = 0
    attempt: int = 1
    marks: dict[str, Mark] = field(default_factory=dict)
    past_trips: set[str] = field(default_factory=set)

    @property
    def moves(self) -> bool:
        """True when a fact about its vehicle is a fact about it."""
        return self.aboard is not None and not self.wrong and self.frozen is None


@dataclass(slots=True)
class Trouble:
    """One exception: opened by facts, closed by facts."""

    kind: str
    key: str
    ex: str | None
    opened_at: int
    facts: list[str]
    data: dict[str, Any]
    closed_at: int | None = None


@dataclass(slots=True)
class Order:
    """One order: its desk register, its papers (the units' common ground), its close register."""

    id: str
    own: bool = False  # some fact beyond an expected list speaks of it
    type: str | None = None
    customer: str | None = None
    channel: str | None = None
    klass: str | None = None
    branch: str | None = None
    first_assigned: int | None = None
    first_accepted: str | None = None  # the branch that accepted first, "" if it has no name
    reroutes: int = 0
    edits: int = 0  # re-routings and staff edits after the first acceptance
    desk: str = "new"
    resume: str = "confirmed"  # where POSTPONED wakes
    wake_at: int | None = None
    lines: list[dict[str, Any]] = field(default_factory=list)
    pieces: int | None = None
    taken: int | None = None  # pieces taken over from the shipper
    from_site: str | None = None
    to_site: str | None = None
    mode: str | None = None
    terminal: str | None = None
    hubs: tuple[str, ...] = ()
    carrier: str | None = None
    papers: str | None = None  # picking, ready, picked_up, waybilled
    waybill: str | None = None
    weighed_kg: float | None = None
    max_piece_kg: float | None = None
    upstairs: bool | None = None
    ready_told: bool = False
    consented: set[str] = field(default_factory=set)  # units whose split the origin branch allowed (PC-3)
    asked: dict[str, Any] = field(default_factory=dict)
    acts: dict[str, int] = field(default_factory=dict)
    cancel_asked: dict[str, str] = field(default_factory=dict)  # who asked for the cancellation, in which role
    links: list[dict[str, Any]] = field(default_factory=list)
    slip: dict[str, Any] | None = None
    payment: str | None = None
    agreed_at: int | None = None
    disposition: str | None = None
    receipt: bool = False
    archived: bool = False
    signs: list[tuple[Fact, tuple[str, ...]]] = field(default_factory=list)
    holds: dict[str, None] = field(default_factory=dict)
    claims: dict[str, None] = field(default_factory=dict)  # open complaints and claims
    picked_qty: dict[str, float] = field(default_factory=dict)
    short_qty: dict[str, float] = field(default_factory=dict)
    units: dict[str, Unit] = field(default_factory=dict)
    pseudo: Unit | None = None
    trips: dict[str, None] = field(default_factory=dict)
    marks: dict[str, Mark] = field(default_factory=dict)
    open: dict[str, dict[str, Trouble]] = field(default_factory=dict)  # kind -> key -> exception
    closed: list[Trouble] = field(default_factory=list)
    noted: list[Noted] = field(default_factory=list)  # the chronicle, in the order of the walk

    def note(self, what: str, fact: Fact, unit: str | None = None, data: Any = None) -> None:
        """Write down what a fact did; the clocks read it."""
        self.noted.append((fact.at, what, fact, unit, data))
        if self.open:
            settle_by(self, what or fact.kind, fact.at)

    def chronicle(self) -> list[Moment]:
        """What was written down so far."""
        return list(map(Moment._make, self.noted))

    def all_units(self) -> list[Unit]:
        """Its units, or the one pseudo-unit that stands for its pieces."""
        if self.units:
            return list(self.units.values())
        if self.pseudo is None:
            self.pseudo = Unit(self.id + "#", self.id, pseudo=True)
        return [self.pseudo]

    def counting(self) -> list[Unit]:
        """The units that count: not released short, split off or lost."""
        if not self.units:
            return self.all_units()
        return [unit for unit in self.units.values() if unit.released is None] or list(self.units.values())

    def state_of(self, unit: Unit) -> str:
        """State of one unit: its outcome, else where it is, else what the papers say."""
        if unit.close is not None:
            return unit.close
        if unit.phys is not None:
            return unit.phys
        papers = self.papers or "open"
        if "picked" in unit.marks and LEVEL[papers] < LEVEL["ready"]:
            return "ready"
        return papers

    def trouble(self, kind: str, key: str, fact: Fact, ex: str | None = None, **data: Any) -> None:
        """Open an exception, or add this fact to the open one."""
        of_kind = self.open.setdefault(kind, {})
        known = of_kind.get(key)
        if known is None:
            of_kind[key] = Trouble(kind, key, ex, fact.at, [fact.id], data)
        else:
            if fact.id not in known.facts:
                known.facts.append(fact.id)
            known.data.update(data)

    def settle(self, kind: str, at: int, key: str | None = None) -> None:
        """Close the open exceptions of a kind (one key, or all)."""
        of_kind = self.open.get(kind)
        if of_kind is None or (key is not None and key not in of_kind):
            return
        for trouble in list(of_kind.values()) if key is None else [of_kind[key]]:
            trouble.closed_at = at
            self.closed.append(trouble)
            del of_kind[trouble.key]
        if not of_kind:
            del self.open[kind]


@dataclass(slots=True)
class Trip:
    """One trip: its kind, its vehicles in time, what it expects, who signed for its load."""

    id: str
    kind: str = "direct"
    stops: list[Any] = field(default_factory=list)
    vehicles: list[tuple[int, int | None, str]] = field(default_factory=list)  # half-open, UTC ms
    expected: dict[str, set[str] | None] = field(default_factory=dict)  # order -> units, None = all of it
    signed_at: int | None = None
    signed: Fact | None = None

    def expects(self, unit: Unit) -> bool:
        """True when the unit stands on the trip's list."""
        if unit.order is None or unit.order not in self.expected:
            return False
        wanted = self.expected[unit.order]
        return wanted is None or unit.id in wanted

    def drives(self, vehicle: str, at: int) -> bool:
        """True when `vehicle` is the trip's at this instant."""
        return any(v == vehicle and a <= at and (b is None or at < b) for a, b, v in self.vehicles)


@dataclass(slots=True)
class Visit:
    """A vehicle at a site."""

    site: str
    entered: int  # or first heard of there; UTC ms
    stop: Fact | None = None  # the first one
    last_stop: int = 0  # UTC ms
    left: int | None = None


@dataclass(slots=True)
class Dispute:
    """The driver's count of a load while it differs from what is aboard (fold/counts.py)."""

    said: Any
    orders: list[str]  # of the trip when he signed
    pieces: dict[str, int]  # aboard, by unit
    aboard: int


@dataclass(slots=True)
class World:
    """Everything at once."""

    policy: Limits
    calendar: Calendar
    until: int
    orders: dict[str, Order] = field(default_factory=dict)
    units: dict[str, Unit] = field(default_factory=dict)
    trips: dict[str, Trip] = field(default_factory=dict)
    driven: dict[str, list[Trip]] = field(default_factory=dict)  # vehicle -> trips it is ever on
    sites: dict[str, str] = field(default_factory=dict)
    fences: dict[str, tuple[float, float, float]] = field(default_factory=dict)  # site -> lat °, lng °, radius m
    aboard: dict[str, dict[str, Unit]] = field(default_factory=dict)
    visits: dict[str, list[Visit]] = field(default_factory=dict)
    silent: dict[str, int] = field(default_factory=dict)
    disputes: dict[str, Dispute] = field(default_factory=dict)  # by trip
    wakes: list[tuple[int, str, str]] = field(default_factory=list)  # heap: time, cause id, order

    def order(self, order_id: str) -> Order:
        """The order, made on first sight."""
        found = self.orders.get(order_id)
        if found is None:
            found = self.orders[order_id] = Order(order_id)
        return found

    def unit(self, unit_id: str) -> Unit:
        """The unit, made on first sight (its order may become known later)."""
        found = self.units.get(unit_id)
        if found is None:
            found = self.units[unit_id] = Unit(unit_id)
        return found

    def trip(self, trip_id: str) -> Trip:
        """The trip, made on first sight."""
        found = self.trips.get(trip_id)
        if found is None:
            found = self.trips[trip_id] = Trip(trip_id)
        return found

    def trips_of(self, vehicle: str, at: int) -> list[Trip]:
        """The trips a vehicle is on at an instant."""
        return [trip for trip in self.driven.get(vehicle, ()) if trip.drives(vehicle, at)]

    def trips_for(self, order: Order) -> list[Trip]:
        """The trips that expect, or once expected, something of an order."""
        return [self.trips[trip] for trip in order.trips if trip in self.trips]

    def limits(self, order: Order, at: int) -> Policy:
        """The limits that hold for an order at an instant (UTC ms): those of its channel and customer class."""
        return self.policy.limits(order.channel, order.klass, at)

    def role(self, site: str | None, order: Order) -> str:
        """What a site is to an order: origin, hub, terminal, consignee, elsewhere."""
        if site is None:
            return "elsewhere"
        if site == order.to_site:
            return "consignee"
        if site == order.from_site:
            return "origin"
        if site == order.terminal:
            return "terminal"
        if site in order.hubs:
            return "hub"
        role = self.sites.get(site, "elsewhere")
        if role == "consignee" and order.to_site is not None:
            return "elsewhere"
        return "origin" if role == "shipper" else role
