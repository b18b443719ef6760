"""What the board shows beside positions: trips, stops, orders aboard, what needs a person. Reads only."""

import json
from collections import defaultdict
from typing import Any

from sqlalchemy import Connection, or_, select

from milepost.access.model import SYSTEM, Principal
from milepost.access.scope import readable
from milepost.evidence.tables import fact, fact_subject
from milepost.fleet.repository import bindings
from milepost.fleet.tables import driver, site, vehicle
from milepost.plan.tables import trip, trip_expected, trip_stop, trip_vehicle

Row = dict[str, Any]


def sites_by_id(conn: Connection, me: Principal) -> dict[str, Row]:
    """Sites the person sees."""
    return {row["id"]: dict(row) for row in conn.execute(readable(me, site)).mappings()}


def site_name(row: Row | None, language: str) -> str:
    """A site's name in the page's language; `–` for one that is not the person's to see."""
    return "–" if row is None else row[f"name_{language}"]


def trips_now(conn: Connection, me: Principal, now: int, vehicle_id: str | None = None) -> dict[str, Row]:
    """The trip each vehicle is on, by vehicle id: {id, number, kind, vehicle_id, driver_id, from_ms, stops}."""
    statement = readable(
        me,
        trip,
        trip.c.id,
        trip.c.number,
        trip.c.kind,
        trip_vehicle.c.vehicle_id,
        trip_vehicle.c.driver_id,
        trip_vehicle.c.from_ms,
    ).join(trip_vehicle, trip_vehicle.c.trip_id == trip.c.id)
    statement = statement.where(
        trip_vehicle.c.from_ms <= now, or_(trip_vehicle.c.to_ms.is_(None), trip_vehicle.c.to_ms > now)
    )
    if vehicle_id is not None:
        statement = statement.where(trip_vehicle.c.vehicle_id == vehicle_id)
    found = {
        row["vehicle_id"]: {**row, "stops": []}
        for row in conn.execute(statement.order_by(trip_vehicle.c.from_ms)).mappings()
    }
    by_trip = {row["id"]: row for row in found.values()}
    stops = select(trip_stop).where(trip_stop.c.trip_id.in_(by_trip)).order_by(trip_stop.c.trip_id, trip_stop.c.seq)
    for stop in conn.execute(stops).mappings():
        by_trip[stop["trip_id"]]["stops"].append(dict(stop))
    _mark_visits(conn, found)
    return found


def _mark_visits(conn: Connection, trips: dict[str, Row]) -> None:
    """Say for each stop when the vehicle was there, from its facts since the trip began."""
    if not trips:
        return
    since = min(row["from_ms"] for row in trips.values())
    seen = _visits(conn, list(trips), since)
    for vehicle_id, row in trips.items():
        next_found = False
        for stop in row["stops"]:
            been = seen.get((vehicle_id, stop["site_id"]), {})
            stop["arrived"] = been.get("vehicle.stopped") or been.get("vehicle.entered")
            stop["left"] = been.get("vehicle.left")
            stop["next"] = not next_found and stop["left"] is None
            next_found = next_found or stop["next"]


def _visits(conn: Connection, vehicle_ids: list[str], since: int) -> dict[tuple[str, str], dict[str, int]]:
    """(vehicle, site) → newest time of each of vehicle.entered, .stopped, .left."""
    statement = (
        readable(SYSTEM, fact, fact.c.id, fact.c.kind, fact.c.at, fact.c.subjects, fact.c.body)
        .join(fact_subject, fact_subject.c.fact_seq == fact.c.seq)
        .where(
            fact_subject.c.kind == "vehicle",
            fact_subject.c.subject_id.in_(vehicle_ids),
            fact_subject.c.at >= since,
            fact.c.kind.in_(("vehicle.entered", "vehicle.stopped", "vehicle.left", "fact.retracted")),
        )
        .order_by(fact.c.at)
    )
    rows = list(conn.execute(statement).mappings())
    withdrawn = {json.loads(row["body"]).get("target") for row in rows if row["kind"] == "fact.retracted"}
    seen: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for row in rows:
        subjects = json.loads(row["subjects"])
        if row["id"] in withdrawn or "site" not in subjects:
            continue
        been = seen[subjects["vehicle"], subjects["site"]]
        if row["kind"] == "vehicle.entered":
            been.clear()  # a new visit
        been[row["kind"]] = row["at"]
    return seen


def orders_of_trips(conn: Connection, trip_ids: set[str]) -> dict[str, list[str]]:
    """Ids of the orders on each trip's loading list."""
    found: dict[str, list[str]] = defaultdict(list)
    statement = select(trip_expected.c.trip_id, trip_expected.c.order_id).distinct()
    for trip_id, order_id in conn.execute(statement.where(trip_expected.c.trip_id.in_(trip_ids))):
        found[trip_id].append(order_id)
    return found


def vehicles_seen(conn: Connection, me: Principal) -> list[Row]:
    """Vehicles the person sees, by plate."""
    return [dict(row) for row in conn.execute(readable(me, vehicle).order_by(vehicle.c.plate_key)).mappings()]


def driver_names(conn: Connection, me: Principal) -> dict[str, str]:
    """Names of drivers the person sees."""
    return {row.id: row.name for row in conn.execute(readable(me, driver, driver.c.id, driver.c.name))}


def last_reads(conn: Connection, kind: str, subject_id: str, limit: int = 9) -> list[Row]:
    """The newest unit facts of a vehicle or a door: {kind, at, unit, antenna, level_dbm, reads, confidence}.

    The caller has checked that the person may see the subject.
    """
    statement = (
        readable(SYSTEM, fact, fact.c.kind, fact.c.at, fact.c.subjects, fact.c.body, fact.c.snapshot, fact.c.confidence)
        .join(fact_subject, fact_subject.c.fact_seq == fact.c.seq)
        .where(fact_subject.c.kind == kind, fact_subject.c.subject_id == subject_id, fact.c.kind.like("unit.%"))
        .order_by(fact_subject.c.at.desc())
        .limit(limit)
    )
    rows = [dict(row) for row in conn.execute(statement).mappings()]
    for row in rows:
        row["subjects"], row["body"] = json.loads(row["subjects"]), json.loads(row["body"])
        row["snapshot"] = json.loads(row["snapshot"] or "{}")
    return rows


def devices_of(conn: Connection, kind: str, target_id: str, now: int) -> list[str]:
    """Devices mounted on a vehicle or a door now."""
    rows = bindings(conn, target_kind=kind, target_id=target_id)
    return [row["device_id"] for row in rows if row["from_ms"] <= now and (row["to_ms"] is None or now < row["to_ms"])]
