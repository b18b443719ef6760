"""Steps that concern a whole trip: the driver signs for its load, the keeper counts, goods change trucks."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from milepost.access.model import SYSTEM, Principal
from milepost.errors import Forbidden, Invalid
from milepost.orders import guards, held, repository, warnings
from milepost.orders.authority import author_role, roles_over
from milepost.orders.transitions import TRIP_STEPS
from milepost.orders.vocabulary import KINDS
from milepost.orders.write import Asked, append, told, when
from milepost.plan import repository as plan_rows
from milepost.plan import service as plan
from milepost.times import now_ms

Row = dict[str, Any]


def command(conn: Connection, me: Principal, trip_id: str, name: str, asked: Asked) -> Row:
    """Take one of `transitions.TRIP_STEPS`; returns {trip, fact, orders: [{id, number, state}], warnings}.

    A role counts only where its scope holds the trip or one of its orders. Raises NotFound, Forbidden, IllegalStep,
    Invalid for units or orders that are not the trip's.
    """
    trip = plan.get_trip(conn, trip_id, me)
    rows = _orders(conn, trip.id)
    kind = TRIP_STEPS[name]
    role = author_role(KINDS[kind], _roles(conn, me, trip, rows), asked.source)
    if role is None:
        need = ", ".join(sorted(KINDS[kind].authors | {"admin"}))
        raise Forbidden(f"{name}: this needs one of the roles {need} over trip {trip.number}")
    on = [each["vehicle_id"] for each in plan_rows.vehicle_intervals(conn, trip_id=trip.id) if each["to_ms"] is None]
    guards.check_trip(name, trip, rows, held.claimed_twice(conn, on) if name == "load-sign" else ())
    fields = dict(asked.fields)
    _own(conn, trip, rows, fields)
    now = now_ms()
    at = when(asked.at, now)
    warned = _warned(conn, trip, name, fields, at)
    fact = told(me, role, kind, {"trip": trip.id, **fields}, at, now, asked)
    append(conn, [fact])
    after = [repository.find(conn, SYSTEM, row["id"]) for row in rows]
    orders = [{"id": row["id"], "number": row["number"], "state": row["state"]} for row in after if row]
    return {"trip": trip.id, "fact": fact.id, "orders": orders, "warnings": warned}


def orders_of(conn: Connection, me: Principal, trip_id: str) -> list[str]:
    """Ids of the orders that a trip expects and `me` may see. Raises NotFound for a trip that `me` may not see."""
    trip = plan.get_trip(conn, trip_id, me)
    return [row["id"] for row in _orders(conn, trip.id) if repository.find(conn, me, row["id"])]


def _orders(conn: Connection, trip_id: str) -> list[Row]:
    expected = sorted({*plan.expected_units(conn, trip_id).values(), *plan.expected_orders(conn, trip_id)})
    return [row for order in repository.known(conn, expected) if (row := repository.find(conn, SYSTEM, order))]


def _roles(conn: Connection, me: Principal, trip: plan.Trip, rows: list[Row]) -> frozenset[str]:
    scope: list[Mapping[str, Any]] = [{"branch": trip.branch, "carrier": trip.carrier}, *rows]
    scope += [{"vehicle": each["vehicle_id"]} for each in plan_rows.vehicle_intervals(conn, trip_id=trip.id)]
    return frozenset().union(*(roles_over(me, each) for each in scope))


def _own(conn: Connection, trip: plan.Trip, rows: list[Row], fields: Mapping[str, Any]) -> None:
    if (order := fields.get("order")) is not None and all(row["id"] != order for row in rows):
        raise Invalid(f"order: {order!r} is not on the list of trip {trip.number}")
    expected = plan.expected_units(conn, trip.id)
    if wrong := [unit for unit in fields.get("units") or () if unit not in expected]:
        raise Invalid(f"units: {', '.join(wrong[:10])}: not on the list of trip {trip.number}")


def _warned(conn: Connection, trip: plan.Trip, name: str, fields: Mapping[str, Any], at: int) -> list[Row]:
    if name != "load-sign":
        return []
    aboard = 0
    for unit, order in plan.expected_units(conn, trip.id).items():
        row = repository.find(conn, SYSTEM, order)
        units = repository.projection(row)["units"] if row else []
        aboard += sum(u["pieces"] for u in units if u["id"] == unit and u["trip"] == trip.id and u["vehicle"])
    return [dict(each) for each in warnings.of_count(fields["pieces"], aboard)] if aboard else []
