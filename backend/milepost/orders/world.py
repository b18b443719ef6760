"""Everything one order's state depends on: its own facts, its units', its trips', their vehicles' in time."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from math import hypot
from typing import Any

from sqlalchemy import Connection, and_, or_, select

from milepost.access.model import SYSTEM
from milepost.access.scope import readable
from milepost.evidence import log
from milepost.evidence.geometry import fence_of
from milepost.evidence.model import Author, Fact
from milepost.evidence.tables import fact as fact_table
from milepost.evidence.tables import fact_subject
from milepost.fleet.tables import site as site_table
from milepost.masterdata import service as masterdata
from milepost.orders.fold.values import fields
from milepost.orders.tables import order_link
from milepost.orders.vocabulary import KINDS, field_of

DEFINITIONS = ("site.defined", "branch.defined")  # made here from the registers; in no log
FOREVER = 2**53  # an open end, UTC ms
_HOUR = 3_600_000
# Around a vehicle's time on a trip: it may enter the yard before, and be seen at the consignee after.
_MARGIN = 12 * _HOUR
_DAY = 24 * _HOUR
_PLANNED_AHEAD = 14 * _DAY
_WINDOWS = 100  # vehicles per statement, each with its time
_IDS = 400  # ids per statement; SQLite takes 999 parameters at least
# What decides how much of an order lies aboard, until the trip has left.
_MOVES = ("unit.loaded", "unit.passed_back", "unit.unloaded", "fact.retracted", "fact.corrected")
_LISTS = ("order.units", "load.overridden", "fact.retracted", "fact.corrected")
_PIECES = ("pickup.done", "goods.handed_in", "waybill.issued")  # of an order without units
_OF_LOADS = frozenset((*_LISTS, *_PIECES))
_OF_VEHICLE = (*(k for k in KINDS if k.startswith("vehicle.")), "fact.retracted", "fact.corrected")


@dataclass(frozen=True, slots=True)
class Link:
    """A subject whose facts touch an order while they happen in [from_ms, to_ms] (UTC ms)."""

    kind: str
    id: str
    from_ms: int = 0
    to_ms: int = FOREVER


World = tuple[list[Fact], list[Link]]


def load(conn: Connection, order_id: str) -> World:
    """The facts that may bear on an order, and the links by which later facts are found to touch it."""
    return load_all(conn, [order_id])[order_id]


def load_all(conn: Connection, order_ids: Collection[str]) -> dict[str, World]:
    """The same of several orders by id, with no more statements than for one."""
    own = _told_of(conn, "order", {order_id: {order_id} for order_id in order_ids})
    units = {order_id: _units_in(facts) for order_id, facts in own.items()}
    of_units = _told_of(conn, "unit", units)
    trips = {order_id: {f.subjects["trip"] for f in facts if "trip" in f.subjects} for order_id, facts in own.items()}
    of_trips = _told_of(conn, "trip", trips)
    # What was cancelled is planned no more, but goods aboard travel on until they are off.
    filed = {order_id: _a_day_after("order.archived", facts) for order_id, facts in own.items()}
    spans = {order_id: _spans_of_units(of_units[order_id], filed[order_id]) for order_id in own}
    ahead = {order_id: [(v, start - _PLANNED_AHEAD, end) for v, start, end in spans[order_id]] for order_id in own}
    # The trips of vehicles that units were read on: what those trips expect decides.
    strangers = _of_vehicles(conn, ahead, ("trip.vehicle",))
    more = {
        order_id: {f.subjects["trip"] for f in facts if "trip" in f.subjects} - trips[order_id]
        for order_id, facts in strangers.items()
    }
    of_more = _told_of(conn, "trip", more)
    windows: dict[str, dict[str, tuple[int, int]]] = {}
    for order_id in own:
        of_trips[order_id] += of_more[order_id]
        planned = min(filed[order_id], _a_day_after("order.cancelled", own[order_id]))
        windows[order_id] = _merge([*spans[order_id], *_spans_of_trips(of_trips[order_id], planned)])
    of_vehicles = _of_vehicles(
        conn, {order_id: [(v, a, b) for v, (a, b) in found.items()] for order_id, found in windows.items()}, _OF_VEHICLE
    )
    facts = {
        order_id: list(
            {(f.id, f.rev): f for of in (own, of_units, of_trips, of_vehicles) for f in of[order_id]}.values()
        )
        for order_id in own
    }
    sites, branches = _sites(conn, facts), _branches(conn, facts)
    return {
        order_id: (
            [*facts[order_id], *sites[order_id], *branches[order_id]],
            [
                *(Link("unit", unit) for unit in sorted(units[order_id])),
                *(Link("trip", trip) for trip in sorted(trips[order_id] | more[order_id])),
                *(Link("vehicle", vehicle, a, b) for vehicle, (a, b) in sorted(windows[order_id].items())),
            ],
        )
        for order_id in own
    }


def _told_of(conn: Connection, kind: str, wanted: Mapping[str, Collection[str]]) -> dict[str, list[Fact]]:
    """By order: the facts about its subjects of one kind, by time and id."""
    holders: dict[str, list[str]] = {}
    for order_id, subjects in wanted.items():
        for subject in subjects:
            holders.setdefault(subject, []).append(order_id)
    found: dict[str, list[Fact]] = {order_id: [] for order_id in wanted}
    for fact in log.of_subjects(conn, [(kind, subject) for subject in sorted(holders)]):
        for order_id in holders[fact.subjects[kind]]:
            found[order_id].append(fact)
    return found


def _units_in(facts: Iterable[Fact]) -> set[str]:
    return {u["unit"] for f in facts if f.kind == "order.units" for u in f.body.get("units") or () if _named(u)}


def _a_day_after(kind: str, facts: Iterable[Fact]) -> int:
    return max((fact.at + _DAY for fact in facts if fact.kind == kind), default=FOREVER)


Memory = dict[str, list[Fact]]  # trip → facts of all its orders' goods, for the time of one transaction


def companions(conn: Connection, worlds: Mapping[str, World], memory: Memory) -> dict[str, list[Fact]]:
    """By order: what other orders' goods did on those of its trips whose load the driver has signed for.

    He counts the whole load (fold/counts.py), so each order's state rests on what lies aboard of the others. These
    facts bear on nothing else of the order: they stand in no history and on no page of it.
    """
    shared: dict[str, list[str]] = {}
    asked: dict[str, set[str]] = {}
    for order_id, (facts, _) in worlds.items():
        signed = {fact.subjects["trip"] for fact in facts if fact.kind == "load.signed" and "trip" in fact.subjects}
        for trip in sorted(signed):
            lists = (f for f in facts if f.kind == "trip.expected" and f.subjects["trip"] == trip)
            listed = {f.subjects.get("order", "") for f in lists}
            if listed <= {order_id}:
                continue
            shared.setdefault(order_id, []).append(trip)
            if trip not in memory:
                asked[trip] = listed
    memory |= _goods(conn, asked)
    found: dict[str, list[Fact]] = {}
    for order_id, (facts, _) in worlds.items():
        known = {(fact.id, fact.rev) for fact in facts}
        beside = (f for trip in shared.get(order_id, ()) for f in memory[trip] if (f.id, f.rev) not in known)
        found[order_id] = list({(f.id, f.rev): f for f in beside}.values())
    return found


def _goods(conn: Connection, asked: Mapping[str, Collection[str]]) -> Memory:
    """By trip: the facts of its orders by which it is known what lies aboard."""
    every = {order for orders in asked.values() for order in orders}
    said = _grouped("order", log.of_subjects(conn, [("order", order) for order in sorted(every)], kinds=_LISTS))
    units = {order: _units_in(said.get(order, ())) for order in every}
    named = sorted({unit for of_order in units.values() for unit in of_order})
    moved = _grouped("unit", log.of_subjects(conn, [("unit", unit) for unit in named], kinds=_MOVES))
    loose = {order for order in every if all(fact.kind != "order.units" for fact in said.get(order, ()))}
    pieces = _grouped("order", log.of_subjects(conn, [("order", order) for order in sorted(loose)], kinds=_PIECES))
    return {
        trip: [
            fact
            for order in sorted(orders)
            for facts in (
                said.get(order, ()),
                *(moved.get(unit, ()) for unit in sorted(units[order])),
                pieces.get(order, ()),
            )
            for fact in facts
        ]
        for trip, orders in asked.items()
    }


def _grouped(kind: str, facts: Iterable[Fact]) -> dict[str, list[Fact]]:
    found: dict[str, list[Fact]] = {}
    for fact in facts:
        found.setdefault(fact.subjects[kind], []).append(fact)
    return found


def _named(item: object) -> bool:
    return isinstance(item, dict) and isinstance(item.get("unit"), str)


def _spans_of_units(facts: Iterable[Fact], end: int) -> list[tuple[str, int, int]]:
    """(vehicle, from, to) from the units' own facts: from the first load on, until all are off again."""
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    aboard: dict[str, set[str]] = {}
    for fact in facts:
        vehicle, unit = fact.subjects.get("vehicle"), fact.subjects.get("unit")
        if vehicle is None or unit is None:
            continue
        first[vehicle] = min(fact.at, first.get(vehicle, fact.at))
        last[vehicle] = max(fact.at, last.get(vehicle, fact.at))
        if fact.kind == "unit.loaded":
            aboard.setdefault(vehicle, set()).add(unit)
        elif fact.kind in ("unit.unloaded", "unit.passed_back"):
            aboard.setdefault(vehicle, set()).discard(unit)
    return [(v, first[v] - _MARGIN, end if aboard.get(v) else last[v] + _MARGIN) for v in first]


def _spans_of_trips(facts: Iterable[Fact], planned: int) -> Iterable[tuple[str, int, int]]:
    """(vehicle, from, to) from what the trips were given; `planned`: when the order leaves the plans, UTC ms."""
    for fact in facts:
        if fact.kind == "trip.vehicle" and (vehicle := field_of(fact, "vehicle")):
            start, to = fact.body.get("from", fact.at), fact.body.get("to")
            yield str(vehicle), start - _MARGIN, min(planned, FOREVER if to is None else to + _MARGIN)


def _of_vehicles(
    conn: Connection, spans: Mapping[str, Collection[tuple[str, int, int]]], kinds: tuple[str, ...]
) -> dict[str, list[Fact]]:
    """By order: the facts of these kinds, in every rev, that happened to its vehicles while they were its own."""
    widest = _merge(span for of_order in spans.values() for span in of_order)
    told: dict[str, list[tuple[int, str]]] = {}
    vehicles = sorted(widest)
    for start in range(0, len(vehicles), _WINDOWS):
        during = (
            and_(fact_subject.c.subject_id == each, fact_subject.c.at >= a, fact_subject.c.at <= b)
            for each in vehicles[start : start + _WINDOWS]
            for a, b in (widest[each],)
        )
        columns = (fact_table.c.id, fact_subject.c.subject_id, fact_subject.c.at)
        statement = readable(SYSTEM, fact_table, *columns).join(
            fact_subject, fact_subject.c.fact_seq == fact_table.c.seq
        )
        statement = statement.where(fact_subject.c.kind == "vehicle", or_(*during), fact_table.c.kind.in_(kinds))
        for row in conn.execute(statement):
            told.setdefault(row.subject_id, []).append((row.at, row.id))
    ids = {
        order_id: {known for vehicle, a, b in of_order for at, known in told.get(vehicle, ()) if a <= at <= b}
        for order_id, of_order in spans.items()
    }
    facts = log.by_ids(conn, {each for of_order in ids.values() for each in of_order})
    return {order_id: [fact for fact in facts if fact.id in of_order] for order_id, of_order in ids.items()}


def _merge(spans: Iterable[tuple[str, int, int]]) -> dict[str, tuple[int, int]]:
    windows: dict[str, tuple[int, int]] = {}
    for vehicle, start, end in spans:
        a, b = windows.get(vehicle, (start, end))
        windows[vehicle] = (min(a, start), max(b, end))
    return windows


def _sites(conn: Connection, worlds: Mapping[str, Collection[Fact]]) -> dict[str, list[Fact]]:
    """By order: what the fleet knows of the sites that its facts name, as facts of the beginning of time."""
    named = {order_id: {site for fact in facts for site in _sites_named(fact)} for order_id, facts in worlds.items()}
    ids = sorted({site for of_order in named.values() for site in of_order})
    made: dict[str, Fact] = {}
    for start in range(0, len(ids), _IDS):
        columns = (site_table.c.id, site_table.c.kind, site_table.c.shape)
        part = ids[start : start + _IDS]
        for row in conn.execute(readable(SYSTEM, site_table, *columns).where(site_table.c.id.in_(part))):
            made[row.id] = Fact(
                id=f"site/{row.id}",
                kind="site.defined",
                at=0,
                by=Author("admin", "fleet"),
                subjects={"site": row.id},
                body={"role": row.kind, **_round(row.id, json.loads(row.shape))},
            )
    return {order_id: [made[s] for s in sorted(of_order) if s in made] for order_id, of_order in named.items()}


def _sites_named(fact: Fact) -> Iterable[str]:
    """The sites a fact is about, and those that an order goes from, over and to."""
    places = (fact.body.get("from"), fact.body.get("to"), fields(fact.body.get("changes")).get("to"))
    named = [fact.subjects.get("site"), fact.body.get("terminal"), *(fields(place).get("site") for place in places)]
    return (site for site in named if isinstance(site, str))


def _round(site: str, shape: dict[str, Any]) -> dict[str, float]:
    """A site's fence as a circle: enough to judge whether a phone was there (EX-42)."""
    fence = fence_of(site, shape, 0)
    radius_m = fence.radius_m or max(hypot(x, y) for x, y in fence.corners)
    return {"lat": fence.lat, "lng": fence.lon, "radius_m": radius_m}


def _branches(conn: Connection, worlds: Mapping[str, Collection[Fact]]) -> dict[str, list[Fact]]:
    """By order: what the register says of the branches that its facts name, as facts of the beginning of time."""
    named = {
        order_id: {str(f.body[name]) for f in facts for name in ("branch", "to_branch") if f.body.get(name)}
        for order_id, facts in worlds.items()
    }
    ids = {branch for of_order in named.values() for branch in of_order}
    made = {
        row["id"]: Fact(
            id=f"branch/{row['id']}",
            kind="branch.defined",
            at=0,
            by=Author("admin", "masterdata"),
            subjects={},
            body={"branch": row["id"], **{name: row[name] for name in ("region", "big_region", "calendar")}},
        )
        for row in (masterdata.branches_named(conn, ids) if ids else ())
    }
    return {order_id: [made[b] for b in sorted(of_order) if b in made] for order_id, of_order in named.items()}


def touched(conn: Connection, facts: Iterable[Fact]) -> set[str]:
    """Ids of the orders that these facts may change (ORDERS.md: late facts recompute only what they touch)."""
    found: set[str] = set()
    loads: set[str] = set()
    asked: dict[tuple[str, str], list[int]] = {}
    bare: set[tuple[str, str]] = set()
    for fact in facts:
        for kind, subject in fact.subjects.items():
            if kind == "order":
                found.add(subject)
                if fact.kind in _OF_LOADS:
                    loads.add(subject)
            elif kind in ("unit", "trip", "vehicle"):
                asked.setdefault((kind, subject), []).append(fact.at)
                if kind == "unit" and fact.kind == "unit.unloaded" and "vehicle" not in fact.subjects:
                    bare.add((kind, subject))
    for (kind, subject), times in sorted(asked.items()):
        statement = select(order_link.c.order_id).where(
            order_link.c.kind == kind,
            order_link.c.subject_id == subject,
            order_link.c.from_ms <= max(times),
            order_link.c.to_ms >= min(times),
        )
        linked = set(conn.execute(statement).scalars())
        found |= linked
        if (kind, subject) in bare:
            loads |= linked
    return found | _beside(conn, loads)


def _beside(conn: Connection, orders: Iterable[str]) -> set[str]:
    """The orders that share a trip with these: what lies aboard of one is held against the count of all."""
    own, other = order_link.alias(), order_link.alias()
    statement = (
        select(other.c.order_id)
        .join_from(own, other, and_(other.c.kind == "trip", other.c.subject_id == own.c.subject_id))
        .where(own.c.kind == "trip", own.c.order_id.in_(sorted(orders)))
    )
    return set(conn.execute(statement).scalars()) if orders else set()
