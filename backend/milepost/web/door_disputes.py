"""Why the count at a door is disputed, and what settles it, in words that fit on a phone (EX-22, T14)."""

import json
from typing import Any

from sqlalchemy import Connection

from milepost.access.model import SYSTEM
from milepost.access.scope import readable
from milepost.alerts import doors
from milepost.evidence import log
from milepost.evidence import repository as evidence_rows
from milepost.evidence.dockside import questions
from milepost.evidence.service import MOVES, standing
from milepost.fleet.tables import door, vehicle
from milepost.orders.tables import order
from milepost.web.trip_acts import Translate
from milepost.web.trip_load import belongs, label

Row = dict[str, Any]
_KINDS = ("two_trucks", "load_count")


def disputes(conn: Connection, session: Row, from_ms: int, t: Translate) -> list[Row]:
    """What contradicts itself about a session's units: {unit, label, why, act, cause}; `unit` None where it is about
    them all, `cause` that of its item in the inbox where it has one. A wrong truck stands first.

    `session`: as `evidence.view.session_view` shows it, its units numbered; `from_ms`: when it began (UTC ms).
    """
    units = {each["unit"]: each for each in (*session["expected"], *session["over"])}
    found = _wrong(conn, session, t) + _of_orders(conn, session, units, t)
    named = {each["unit"] for each in found}
    kinds = (*MOVES, "unit.seen", "fact.retracted")
    hold = standing(log.of_subjects(conn, [("door", session["door"])], since=from_ms, kinds=kinds))
    rivals = {
        fact.subjects["unit"]: fact.body["rival_door"]
        for fact in hold
        if fact.body.get("rival_door") and fact.subjects["unit"] in units
    }
    numbers = _texts(conn, door, door.c.number, rivals.values())
    for unit, other in rivals.items():
        if unit not in named:
            why = t("door.dispute.two_doors", n=numbers.get(other, "–"))
            found.append(_row(units[unit], why, t("door.dispute.two_doors.act")))
            named.add(unit)
    found += _asked(conn, session, {key: each for key, each in units.items() if key not in named}, t)
    return found


def _wrong(conn: Connection, session: Row, t: Translate) -> list[Row]:
    """Units that lie on this truck and belong elsewhere: first of all, with where they belong."""
    if session["direction"] != "load":
        return []
    found = []
    for unit in session["over"]:
        place = belongs(conn, unit["unit"], unit["order"]) or {}
        if place.get("door"):
            where = t("door.dispute.wrong.door", n=place["door"])
        elif place.get("plate"):
            where = t("door.dispute.wrong.truck", plate=place["plate"])
        else:
            where = t("door.dispute.wrong.nowhere")
        row = _row(unit, t("door.dispute.wrong", where=where), t("door.dispute.wrong.act"))
        found.append({**row, "cause": f"wrong_truck:{unit['unit']}"})
    return found


def _asked(conn: Connection, session: Row, units: dict[str, Row], t: Translate) -> list[Row]:
    """What the door asks about the session and nobody has answered; `units`: by id, those not in dispute otherwise."""
    known = evidence_rows.session(conn, session["id"])
    asked = doors.open_of_session(conn, known, units) if known else []
    sure = [each for each in asked if each.kind != questions.UNIT]
    unsure = [each for each in asked if each.kind == questions.UNIT]
    found: list[Row] = []
    for each in sorted(unsure, key=lambda one: (units[one.units[0]]["number"], units[one.units[0]]["no"])):
        row = _row(units[each.units[0]], t("door.dispute.unsure"), t("door.dispute.unsure.act"))
        found.append({**row, "cause": doors.cause(each)})
    for each in sorted(sure, key=lambda one: one.kind == questions.UNREAD):
        stranger = each.kind == questions.TAG
        name = "door.dispute.stranger" if stranger else "door.dispute.no_tag"
        why = t(name, epc=each.epcs[0][-8:]) if stranger else t(name, n=each.times)
        found.append({"unit": None, "label": "", "why": why, "act": t(f"{name}.act"), "cause": doors.cause(each)})
    return found


def _of_orders(conn: Connection, session: Row, units: dict[str, Row], t: Translate) -> list[Row]:
    wanted = {each["order"] for each in units.values()}
    statement = readable(SYSTEM, order, order.c.projection).where(
        order.c.id.in_(sorted(wanted)), order.c.open_exceptions > 0
    )
    open_ones = [
        each
        for (projection,) in conn.execute(statement.order_by(order.c.number))
        for each in json.loads(projection)["exceptions"]
        if each["closed_at"] is None and each["kind"] in _KINDS
    ]
    claims = [each["data"] for each in open_ones if each["kind"] == "two_trucks" and each["data"]["unit"] in units]
    plates = _texts(conn, vehicle, vehicle.c.plate, (each for data in claims for each in data["vehicles"]))
    found = []
    for data in claims:
        named = " · ".join(plates.get(each, "–") for each in data["vehicles"])
        why = t("door.dispute.two_trucks", plates=named)
        row = _row(units[data["unit"]], why, t("door.dispute.two_trucks.act"))
        found.append({**row, "cause": f"two_trucks:{data['unit']}"})
    counted = [
        each["data"] for each in open_ones if each["kind"] == "load_count" and each["key"] == session["trip"]["id"]
    ]
    for data in counted[:1]:  # each order of the trip has it
        why = t("door.dispute.load_count", signed=data.get("signed", "–"), aboard=data.get("aboard", "–"))
        found.append({"unit": None, "label": "", "why": why, "act": t("door.dispute.load_count.act")})
    return found


def _row(unit: Row, why: str, act: str) -> Row:
    return {"unit": unit["unit"], "label": label(unit["number"], unit["no"]), "why": why, "act": act}


def _texts(conn: Connection, table: Any, column: Any, ids: Any) -> dict[str, str]:
    statement = readable(SYSTEM, table, table.c.id, column.label("text")).where(table.c.id.in_(sorted(set(ids))))
    return {row.id: row.text for row in conn.execute(statement)}
