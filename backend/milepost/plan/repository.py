"""SQL of the plan. `who` is whose scopes a read keeps to; the service itself reads as SYSTEM."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Table, delete, insert, or_, select, update

from milepost.access.model import SYSTEM, Principal
from milepost.access.scope import readable
from milepost.plan.tables import appointment, trip, trip_expected, trip_stop, trip_vehicle, unit, unit_epc

Row = dict[str, Any]


def add(conn: Connection, table: Table, rows: Row | Sequence[Row]) -> None:
    """Insert one row or several."""
    if rows:
        conn.execute(insert(table), rows)


def units(conn: Connection, who: Principal = SYSTEM, **equal: Any) -> list[Row]:
    """Units by id or order_id, in their order's numbering."""
    statement = readable(who, unit).order_by(unit.c.order_id, unit.c.no)
    for name, value in equal.items():
        statement = statement.where(unit.c[name] == value)
    return [dict(row) for row in conn.execute(statement).mappings()]


def epcs(conn: Connection, unit_ids: Iterable[str]) -> list[Row]:
    """Every EPC ever bound to these units, oldest first."""
    statement = select(unit_epc).where(unit_epc.c.unit_id.in_(list(unit_ids))).order_by(unit_epc.c.from_ms)
    return [dict(row) for row in conn.execute(statement).mappings()]


def epc_at(conn: Connection, epc: str, at_ms: int) -> Row | None:
    """The unit that carried an EPC at an event time."""
    statement = (
        readable(SYSTEM, unit)
        .join(unit_epc, unit_epc.c.unit_id == unit.c.id)
        .where(unit_epc.c.epc == epc, unit_epc.c.from_ms <= at_ms)
        .where(or_(unit_epc.c.to_ms.is_(None), unit_epc.c.to_ms > at_ms))
    )
    row = conn.execute(statement.limit(1)).mappings().first()
    return dict(row) if row else None


def epc_overlapping(conn: Connection, epc: str, from_ms: int, to_ms: int | None) -> Row | None:
    """A binding of this EPC that overlaps [from_ms, to_ms)."""
    statement = select(unit_epc).where(
        unit_epc.c.epc == epc, or_(unit_epc.c.to_ms.is_(None), unit_epc.c.to_ms > from_ms)
    )
    if to_ms is not None:
        statement = statement.where(unit_epc.c.from_ms < to_ms)
    row = conn.execute(statement.limit(1)).mappings().first()
    return dict(row) if row else None


def end_epc(conn: Connection, unit_id: str, epc: str, at_ms: int) -> bool:
    """Close the open binding of an EPC; False when there was none."""
    where = (unit_epc.c.unit_id == unit_id, unit_epc.c.epc == epc, unit_epc.c.to_ms.is_(None))
    changed = conn.execute(update(unit_epc).where(*where, unit_epc.c.from_ms < at_ms).values(to_ms=at_ms))
    return changed.rowcount > 0


def trips(
    conn: Connection, who: Principal = SYSTEM, *, after: str | None = None, limit: int = 500, **equal: Any
) -> list[Row]:
    """Trips by id or number, oldest first."""
    statement = readable(who, trip).order_by(trip.c.id).limit(limit)
    for name, value in equal.items():
        statement = statement.where(trip.c[name] == value)
    if after is not None:
        statement = statement.where(trip.c.id > after)
    return [dict(row) for row in conn.execute(statement).mappings()]


def stops(conn: Connection, trip_id: str) -> list[Row]:
    """Stops of a trip in their order."""
    statement = select(trip_stop).where(trip_stop.c.trip_id == trip_id).order_by(trip_stop.c.seq)
    return [dict(row) for row in conn.execute(statement).mappings()]


def vehicle_intervals(conn: Connection, **equal: Any) -> list[Row]:
    """Intervals of vehicles on trips by trip_id or vehicle_id, oldest first."""
    statement = select(trip_vehicle).order_by(trip_vehicle.c.from_ms, trip_vehicle.c.id)
    for name, value in equal.items():
        statement = statement.where(trip_vehicle.c[name] == value)
    return [dict(row) for row in conn.execute(statement).mappings()]


def on_trips(conn: Connection, at_ms: int) -> list[Row]:
    """The vehicle of every trip that has one at an instant, by vehicle; of several the trip it joined last."""
    statement = select(trip_vehicle).where(
        trip_vehicle.c.from_ms <= at_ms, or_(trip_vehicle.c.to_ms.is_(None), trip_vehicle.c.to_ms > at_ms)
    )
    rows = conn.execute(statement.order_by(trip_vehicle.c.from_ms, trip_vehicle.c.id)).mappings()
    return list({row["vehicle_id"]: dict(row) for row in rows}.values())


def end_interval(conn: Connection, interval_id: str, at_ms: int) -> None:
    """Close the interval of a vehicle on a trip."""
    conn.execute(update(trip_vehicle).where(trip_vehicle.c.id == interval_id).values(to_ms=at_ms))


def set_trip_vehicle(conn: Connection, trip_id: str, vehicle_id: str) -> None:
    """Note the vehicle assigned last."""
    conn.execute(update(trip).where(trip.c.id == trip_id).values(vehicle_id=vehicle_id))


def expected(conn: Connection, trip_id: str) -> list[Row]:
    """The expected list of a trip as it was written: unit_id is empty for a whole order."""
    statement = select(trip_expected).where(trip_expected.c.trip_id == trip_id)
    statement = statement.order_by(trip_expected.c.order_id, trip_expected.c.unit_id)
    return [dict(row) for row in conn.execute(statement).mappings()]


def drop_expected(conn: Connection, trip_id: str, order_id: str) -> None:
    """Take an order off the expected list."""
    where = (trip_expected.c.trip_id == trip_id, trip_expected.c.order_id == order_id)
    conn.execute(delete(trip_expected).where(*where))


def appointments_between(conn: Connection, after_ms: int, until_ms: int) -> list[Row]:
    """Appointments that begin or end in (after_ms, until_ms]."""
    statement = select(appointment).where(
        or_(appointment.c.from_ms.between(after_ms + 1, until_ms), appointment.c.to_ms.between(after_ms + 1, until_ms))
    )
    return [dict(row) for row in conn.execute(statement).mappings()]


def appointments(conn: Connection, **equal: Any) -> list[Row]:
    """Appointments by door_id or trip_id, earliest first."""
    statement = select(appointment).order_by(appointment.c.from_ms, appointment.c.id)
    for name, value in equal.items():
        statement = statement.where(appointment.c[name] == value)
    return [dict(row) for row in conn.execute(statement).mappings()]
