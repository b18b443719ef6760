"""What the API shows of an order: the stored projection with times in RFC 3339, and the evidence with names."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Table

from milepost.access.model import SYSTEM
from milepost.access.scope import readable
from milepost.access.tables import person as person_table
from milepost.evidence.model import Fact
from milepost.fleet.tables import door as door_table
from milepost.fleet.tables import site as site_table
from milepost.fleet.tables import vehicle as vehicle_table
from milepost.orders import projector, world
from milepost.orders.guards import Case, open_commands
from milepost.orders.vocabulary import RANK
from milepost.plan.tables import trip as trip_table
from milepost.times import now_ms, to_rfc3339

_TIMES = ("at", "since", "recorded_at", "opened_at", "closed_at", "next_due", "placed_at", "returned_at")


def detail(conn: Connection, row: Mapping[str, Any], roles: frozenset[str]) -> dict[str, Any]:
    """The whole order. `roles`: those of the asker over it, for the commands allowed."""
    projection = json.loads(row["projection"])
    request = json.loads(row["request"])
    names = _names(conn, {("trip", row["trip"]), ("vehicle", row["vehicle"])})
    shown = {
        "id": row["id"],
        "number": row["number"],
        **_timed(projection),
        "from": request.get("from"),
        "to": request.get("to"),
        "contact": request.get("contact"),
        "dates": request.get("dates"),
        "payment_term": request.get("payment_term"),
        "currency": request.get("currency"),
        "pickup": request.get("pickup"),
        "remark": request.get("remark"),
        "acts": {name: to_rfc3339(at) for name, at in projection.get("acts", {}).items()},
        "trip_number": names.get(("trip", row["trip"])),
        "plate": names.get(("vehicle", row["vehicle"])),
        "created_at": to_rfc3339(row["created_at"]),
        "updated_at": to_rfc3339(row["updated_at"]),
        "version": row["version"],
        "allowed": open_commands(_case(conn, row, projection, roles)),
    }
    return shown


def _case(conn: Connection, row: Mapping[str, Any], projection: Mapping[str, Any], roles: frozenset[str]) -> Case:
    """What is allowed is asked now, of the order as it is stored."""
    now = now_ms()
    limits = projector.limits(conn).limits(projection.get("channel"), projection.get("customer_class"), now)
    return Case(row["state"], projection, roles, now, limits=limits, calendar=projector.calendar())


def summary(row: Mapping[str, Any]) -> dict[str, Any]:
    """An order in a list."""
    projection = json.loads(row["projection"])
    shown = ("n", "key", "done", "grade", "inferred", "partial")
    stages = [
        {**{name: s[name] for name in shown}, "at": to_rfc3339(s["at"]), "since": to_rfc3339(s["since"])}
        for s in projection.get("stages", ())
    ]
    names = ("id", "number", "type", "waybill", "customer", "channel", "customer_class", "phone", "ship_on", "branch",
             "site", "carrier", "vehicle", "trip", "state", "stage", "current", "outcome", "open_exceptions",
             "version")  # fmt: skip
    times = {"created_at": to_rfc3339(row["created_at"]), "updated_at": to_rfc3339(row["updated_at"])}
    tally = projection.get("tally", {})
    return {**{name: row[name] for name in names}, **times, "tally": tally, "stages": stages,
            "flags": projection.get("flags", [])}  # fmt: skip


def evidence(conn: Connection, row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every fact that bears on an order, newest first: its own, those of its units and trips, and of their vehicles
    those that a stage or an exception rests on."""
    projection = json.loads(row["projection"])
    facts, links = world.load(conn, row["id"])
    stage_of: dict[str, list[str]] = {}
    for stage in projection.get("stages", ()):
        for fact_id in stage["facts"]:
            stage_of.setdefault(fact_id, []).append(stage["key"])
    cited = set(stage_of) | {f for e in projection.get("exceptions", ()) for f in e["facts"]}
    units = {link.id for link in links if link.kind == "unit"}
    newest: dict[str, Fact] = {}
    for fact in facts:
        if fact.kind not in world.DEFINITIONS and (fact.id not in newest or fact.rev > newest[fact.id].rev):
            newest[fact.id] = fact
    shown = [fact for fact in newest.values() if fact.id in cited or _bears(fact, row["id"], row["trip"], units)]
    shown.sort(key=lambda fact: (fact.at, RANK.get(fact.kind, 0), fact.id), reverse=True)
    named = {(k, s) for fact in shown for k, s in fact.subjects.items()} | {("person", fact.by.id) for fact in shown}
    names = _names(conn, named)
    numbers = {unit["id"]: f"#{unit['no']}" for unit in projection.get("units", ())}
    names |= {("unit", unit): text for unit, text in numbers.items()} | {("order", row["id"]): row["number"]}
    return [_fact(fact, names, stage_of.get(fact.id, [])) for fact in shown]


def _bears(fact: Fact, order_id: str, trip: str | None, units: set[str]) -> bool:
    subjects = fact.subjects
    if "order" in subjects:
        return subjects["order"] == order_id
    if "unit" in subjects:
        return subjects["unit"] in units
    return trip is not None and subjects.get("trip") == trip


def _fact(fact: Fact, names: Mapping[tuple[str, str], str], stages: list[str]) -> dict[str, Any]:
    return {
        "id": fact.id,
        "rev": fact.rev,
        "kind": fact.kind,
        "at": to_rfc3339(fact.at),
        "recorded_at": to_rfc3339(fact.recorded_at),
        "received_at": to_rfc3339(fact.received_at),
        "clock": fact.clock,
        "by": {
            "role": fact.by.role,
            "id": fact.by.id,
            "name": names.get(("person", fact.by.id)),
            "branch": fact.by.branch,
        },
        "source": fact.source,
        "subjects": [
            {"kind": kind, "id": subject, "text": names.get((kind, subject), subject)}
            for kind, subject in fact.subjects.items()
        ],
        "body": dict(fact.body),
        "confidence": fact.confidence,
        "grade": fact.grade,
        "inputs": list(fact.inputs),
        "snapshot": fact.snapshot,
        "rule": fact.rule,
        "stages": stages,
    }


def _names(conn: Connection, subjects: Iterable[tuple[str, str | None]]) -> dict[tuple[str, str], str]:
    """How people call these vehicles, sites, doors and trips."""
    wanted: dict[str, set[str]] = {}
    for kind, subject in subjects:
        if subject is not None:
            wanted.setdefault(kind, set()).add(subject)
    found: dict[tuple[str, str], str] = {}
    for kind, table, column in (
        ("vehicle", vehicle_table, "plate"),
        ("site", site_table, "name_zh"),
        ("door", door_table, "number"),
        ("trip", trip_table, "number"),
        ("person", person_table, "name"),
    ):
        found |= _column(conn, kind, table, column, wanted.get(kind, set()))
    return found


def _column(conn: Connection, kind: str, table: Table, column: str, ids: set[str]) -> dict[tuple[str, str], str]:
    if not ids:
        return {}
    statement = readable(SYSTEM, table, table.c.id, table.c[column]).where(table.c.id.in_(sorted(ids)))
    return {(kind, row["id"]): row[column] for row in conn.execute(statement).mappings()}


def _timed(value: Any) -> Any:
    """The projection with its UTC ms as RFC 3339."""
    if isinstance(value, dict):
        return {
            name: to_rfc3339(each) if name in _TIMES and isinstance(each, int) else _timed(each)
            for name, each in value.items()
        }
    return [_timed(each) for each in value] if isinstance(value, list) else value
