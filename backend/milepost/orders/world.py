"""Everything one order's state depends on: its own facts, its units', its trips', their vehicles' in time."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from math import hypot
from typing import Any

from sqlalchemy import Connection, and_, select

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


def load(conn: Connection, order_id: str) -> tuple[list[Fact], list[Link]]:
    """The facts that may bear on an order, and the links by which later facts are found to touch it."""
    own = log.of_subjects(conn, [("order", order_id)])
    units = {u["unit"] for f in own if f.kind == "order.units" for u in f.body.get("units") or () if _named(u)}
    of_units = log.of_subjects(conn, [("unit", unit) for unit in sorted(units)])
    trips = {f.subjects["trip"] for f in own if "trip" in f.subjects}
    of_trips = log.of_subjects(conn, [("trip", trip) for trip in sorted(trips)])
    # What was cancelled is planned no more, but goods aboard travel on until they are off.
    filed = max((f.at + _DAY for f in own if f.kind == "order.archived"), default=FOREVER)
    planned = min(filed, max((f.at + _DAY for f in own if f.kind == "order.cancelled"), default=FOREVER))

    spans = _spans_of_units(of_units, filed)
    strangers = _trip_vehicles(conn, spans)
    more = {f.subjects["trip"] for f in strangers if "trip" in f.subjects} - trips
    of_trips += log.of_subjects(conn, [("trip", trip) for trip in sorted(more)])
    for fact in of_trips:
        if fact.kind == "trip.vehicle" and (vehicle := field_of(fact, "vehicle")):
            start, to = fact.body.get("from", fact.at), fact.body.get("to")
            spans.append((str(vehicle), start - _MARGIN, min(planned, FOREVER if to is None else to + _MARGIN)))
    windows = _merge(spans)
    of_vehicles = _vehicle_facts(conn, windows)

    facts = {(f.id, f.rev): f for f in (*own, *of_units, *of_trips, *of_vehicles)}
    links = [Link("unit", unit) for unit in sorted(units)]
    links += [Link("trip", trip) for trip in sorted(trips | more)]
    links += [Link("vehicle", vehicle, a, b) for vehicle, (a, b) in sorted(windows.items())]
    return [*facts.values(), *_sites(conn, facts.values()), *_branches(conn, facts.values())], links


Memory = dict[str, list[Fact]]  # trip → facts of all its orders' goods, for the time of one transaction


def companions(conn: Connection, order_id: str, facts: Iterable[Fact], memory: Memory) -> list[Fact]:
    """What the other orders' goods did on the trips of this one whose load the driver has signed for.

    He counts the whole load (fold/counts.py), so each order's state rests on what lies aboard of the others. These
    facts bear on nothing else of the order: they stand in no history and on no page of it.
    """
    facts = list(facts)
    signed = {fact.subjects["trip"] for fact in facts if fact.kind == "load.signed" and "trip" in fact.subjects}
    found: Memory = {}
    for trip in sorted(signed):
        listed = {
            f.subjects.get("order", "") for f in facts if f.kind == "trip.expected" and f.subjects["trip"] == trip
        }
        if listed <= {order_id}:
            continue
        if trip not in memory:
            memory[trip] = _goods(conn, listed)
        found[trip] = memory[trip]
    known = {(fact.id, fact.rev) for fact in facts}
    return list(
        {(f.id, f.rev): f for of_trip in found.values() for f in of_trip if (f.id, f.rev) not in known}.values()
    )


def _goods(conn: Connection, orders: Iterable[str]) -> list[Fact]:
    """The facts of these orders by which it is known what lies aboard."""
    said = log.of_subjects(conn, [("order", order) for order in sorted(orders)], kinds=_LISTS)
    listed = {fact.subjects["order"] for fact in said if fact.kind == "order.units"}
    units = {u["unit"] for f in said if f.kind == "order.units" for u in f.body.get("units") or () if _named(u)}
    moved = log.of_subjects(conn, [("unit", unit) for unit in sorted(units)], kinds=_MOVES)
    loose = [("order", order) for order in sorted(set(orders) - listed)]
    return [*said, *moved, *log.of_subjects(conn, loose, kinds=_PIECES)]


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


def _trip_vehicles(conn: Connection, spans: list[tuple[str, int, int]]) -> list[Fact]:
    """The `trip.vehicle` facts of vehicles that units were read on: what those trips expect decides."""
    ids: set[str] = set()
    for vehicle, start, end in spans:
        ids |= _ids(conn, vehicle, start - _PLANNED_AHEAD, end, ("trip.vehicle",))
    return log.by_ids(conn, ids)


def _vehicle_facts(conn: Connection, windows: dict[str, tuple[int, int]]) -> list[Fact]:
    ids: set[str] = set()
    for vehicle, (start, end) in windows.items():
        ids |= _ids(conn, vehicle, start, end, _OF_VEHICLE)
    return log.by_ids(conn, ids)


def _ids(conn: Connection, vehicle: str, start: int, end: int, kinds: tuple[str, ...]) -> set[str]:
    statement = (
        readable(SYSTEM, fact_table, fact_table.c.id)
        .join(fact_subject, fact_subject.c.fact_seq == fact_table.c.seq)
        .where(fact_subject.c.kind == "vehicle", fact_subject.c.subject_id == vehicle)
        .where(fact_subject.c.at >= start, fact_subject.c.at <= end, fact_table.c.kind.in_(kinds))
    )
    return set(conn.execute(statement).scalars())


def _merge(spans: list[tuple[str, int, int]]) -> dict[str, tuple[int, int]]:
    windows: dict[str, tuple[int, int]] = {}
    for vehicle, start, end in spans:
        a, b = windows.get(vehicle, (start, end))
        windows[vehicle] = (min(a, start), max(b, end))
    return windows


def _sites(conn: Connection, facts: Iterable[Fact]) -> list[Fact]:
    """What the fleet knows of the sites that these facts name, as facts of the beginning of time."""
    ids = sorted({site for fact in facts for site in _sites_named(fact)})
    if not ids:
        return []
    columns = (site_table.c.id, site_table.c.kind, site_table.c.shape)
    rows = conn.execute(readable(SYSTEM, site_table, *columns).where(site_table.c.id.in_(ids)))
    return [
        Fact(
            id=f"site/{row.id}",
            kind="site.defined",
            at=0,
            by=Author("admin", "fleet"),
            subjects={"site": row.id},
            body={"role": row.kind, **_round(row.id, json.loads(row.shape))},
        )
        for row in rows
    ]


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


def _branches(conn: Connection, facts: Iterable[Fact]) -> list[Fact]:
    """What the register says of the branches that these facts name, as facts of the beginning of time."""
    ids = {str(f.body[name]) for f in facts for name in ("branch", "to_branch") if f.body.get(name)}
    if not ids:
        return []
    return [
        Fact(
            id=f"branch/{row['id']}",
            kind="branch.defined",
            at=0,
            by=Author("admin", "masterdata"),
            subjects={},
            body={"branch": row["id"], **{name: row[name] for name in ("region", "big_region", "calendar")}},
        )
        for row in masterdata.branches_named(conn, ids)
    ]


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
