"""Orders as the pages show them: roads, cards, tallies, what is wrong. Reads only, within the person's scopes."""

import json
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, or_

from milepost.access.model import SYSTEM, Principal
from milepost.access.scope import readable
from milepost.masterdata import repository as masterdata
from milepost.orders import projector
from milepost.orders.model import too_late
from milepost.orders.tables import order
from milepost.plan.tables import unit
from milepost.web.texts import TEXTS

Row = dict[str, Any]
Translate = Callable[..., str]

# Signs of where a fact comes from.
_SIGNS = {"rfid": "sensor", "gnss": "sensor", "gate": "sensor", "phone": "sensor", "scan": "scan", "partner": "partner"}
_MOST_TROUBLED = 500
# Troubles that concern the truck itself: they put the ring of alarm around it.
_OF_THE_TRUCK = (
    "wrong_truck",
    "two_trucks",
    "unsigned_load",
    "departed_incomplete",
    "left_without_outcome",
    "seen_elsewhere",
    "misdropped",
    "left_on_vehicle",
    "signed_but_seen",
)


def sign_of(source: str | None) -> str:
    """sensor, scan, person or partner."""
    return _SIGNS.get(source or "", "person")


def word(t: Translate, prefix: str, name: str | None) -> str:
    """The text of a name from elsewhere; an unknown name speaks for itself."""
    key = f"{prefix}.{name}"
    return t(key) if key in TEXTS else (name or "–")


def road(stages: list[Row], t: Translate) -> Row:
    """The nine stones: `cells` with their looks and `words` for who cannot see them. Pure.

    look is done, inferred, now or next; `part` (0, 10, … 90) marks a stone that only some units have reached; `gap` a
    leg that nobody saw, because the stone before it is only inferred.
    """
    cells: list[Row] = []
    current = next((stage["n"] for stage in stages if not stage["done"]), None)
    for stage in stages:
        done, inferred = stage["done"], stage["inferred"]
        look = ("inferred" if inferred else "done") if done else "now" if stage["n"] == current else "next"
        part = stage.get("partial")
        cells.append(
            {
                **stage,
                "look": look,
                "late": False,
                "gap": bool(cells and cells[-1]["inferred"] and not inferred),
                "part": None if part is None else min(90, part["done"] * 10 // max(1, part["total"]) * 10),
                "sign": sign_of(stage.get("source")),
                "name": t(f"stage.{stage['key']}"),
            }
        )
    reached = sum(1 for cell in cells if cell["done"])
    here = t(f"stage.{stages[current - 1]['key']}") if current else t("ostate.archived")
    return {"cells": cells, "words": f"{reached}/{len(cells)} · {here}", "done": reached}


def view(row: Row, t: Translate) -> Row:
    """One row of the orders with its projection unpacked and its road."""
    projection = json.loads(row["projection"])
    tally = projection["tally"]
    total = tally["units"] or tally["pieces"]
    exceptions = projection["exceptions"]
    return {
        **projection,
        "number": row["number"],
        "updated_at": row["updated_at"],
        "road": road(projection["stages"], t),
        "tally": tally,
        "tally_text": f"{tally['loaded']}/{total}" if total else "–",
        "open": [trouble for trouble in exceptions if trouble["closed_at"] is None],
    }


def by_ids(conn: Connection, me: Principal, ids: Iterable[str], t: Translate) -> list[Row]:
    """Orders by id, those the person may see, by number."""
    statement = readable(me, order).where(order.c.id.in_(list(ids))).order_by(order.c.number)
    return with_customers(conn, [view(dict(row), t) for row in conn.execute(statement).mappings()])


def by_number(conn: Connection, me: Principal, number: str, t: Translate) -> Row | None:
    """One order by its number or id, or None."""
    statement = readable(me, order).where(or_(order.c.number == number, order.c.id == number))
    row = conn.execute(statement).mappings().first()
    return None if row is None else with_customers(conn, [view(dict(row), t)])[0]


def with_customers(conn: Connection, rows: list[Row]) -> list[Row]:
    """The same orders, each with what its customer is called in the register (`customer_name`), else its id."""
    names = customers(conn, (row["customer"] for row in rows))
    for row in rows:
        row["customer_name"] = names.get(row["customer"], row["customer"])
    return rows


def customers(conn: Connection, ids: Iterable[str | None]) -> dict[str, str]:
    """What the register calls these companies, by id; whoever sees an order may know whose it is."""
    wanted = {each for each in ids if each}
    return {key: row["name"] for key, row in masterdata.known(conn, SYSTEM, "customer", wanted).items()}


def linked(conn: Connection, me: Principal, row: Row, t: Translate) -> list[Row]:
    """The orders that belong to this one and that the person may see: {number, relation, at}, in the order told."""
    ids = {each["other"] for each in row["links"]}
    if not ids:
        return []
    statement = readable(me, order, order.c.id, order.c.number).where(order.c.id.in_(sorted(ids)))
    numbers = {found["id"]: found["number"] for found in conn.execute(statement).mappings()}
    return [
        {"number": numbers[each["other"]], "relation": word(t, "relation", each["relation"]), "at": each["at"]}
        for each in row["links"]
        if each["other"] in numbers
    ]


def last_day(conn: Connection, row: Row, now: int) -> bool:
    """True when no day is left to which an order may be postponed (N-04). `now`: UTC ms."""
    if row["d0"] is None:
        return False
    limits = projector.limits(conn).limits(row["channel"], row["customer_class"], now)
    tomorrow = projector.calendar().local(now).date() + timedelta(days=1)
    return too_late(tomorrow, date.fromisoformat(row["d0"]), limits.postpone_max_days)


def card(row: Row) -> Row:
    """The few words of an order in the board's panel."""
    return {
        "number": row["number"],
        "customer": row["customer_name"] or "",
        "state": row["state"],
        "road": row["road"],
        "tally": row["tally_text"],
    }


def unit_names(conn: Connection, me: Principal, unit_ids: Iterable[str]) -> dict[str, str]:
    """`SO-1 · 3` for those of these units whose orders the person may see: also a stranger on the wrong truck."""
    statement = (
        readable(me, unit, unit.c.id, unit.c.no, order.c.number, also=[order])
        .join(order, order.c.id == unit.c.order_id)
        .where(unit.c.id.in_(set(unit_ids)))
    )
    return {row.id: f"{row.number} · {row.no}" for row in conn.execute(statement)}


def needs(row: Row, t: Translate) -> list[Row]:
    """What is wrong with an order now: {what, order, since}."""
    return [
        {"what": word(t, "ex", trouble["kind"]), "order": row["number"], "since": trouble["opened_at"]}
        for trouble in row["open"]
    ]


def troubles_of_vehicles(conn: Connection, me: Principal, t: Translate) -> dict[str, list[Row]]:
    """What is open about trucks, by vehicle id: {what, order, since}. It concerns the truck that the exception names
    (a unit on the wrong truck concerns that truck), else the one the order is on."""
    found: dict[str, list[Row]] = {}
    statement = readable(me, order).where(order.c.open_exceptions > 0).order_by(order.c.updated_at.desc())
    for each in conn.execute(statement.limit(_MOST_TROUBLED)).mappings():
        row = view(dict(each), t)
        for trouble, need in zip(row["open"], needs(row, t), strict=True):
            vehicle_id = trouble["data"].get("vehicle") or row["vehicle"]
            if trouble["kind"] in _OF_THE_TRUCK and vehicle_id:
                found.setdefault(vehicle_id, []).append(need)
    return found
