"""SQL of the fleet. `who` is whose scopes a read keeps to; the service itself reads as SYSTEM."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Table, and_, insert, or_, select, update

from milepost.access.model import SYSTEM, Principal
from milepost.access.scope import readable
from milepost.fleet.tables import bench, binding, device, device_command, door, driver, site, vehicle

Row = dict[str, Any]
_SCOPED = {"vehicle": vehicle, "driver": driver, "site": site, "door": door, "bench": bench}


def find(conn: Connection, kind: str, row_id: str, who: Principal = SYSTEM) -> Row | None:
    """One vehicle, driver, site, door or bench by id, if `who` may see it."""
    table = _SCOPED[kind]
    row = conn.execute(readable(who, table).where(table.c.id == row_id)).mappings().first()
    return dict(row) if row else None


def lock(conn: Connection, kind: str, row_id: str) -> None:
    """Make others who lock the same row wait for the end of this transaction."""
    table = _SCOPED[kind]
    conn.execute(readable(SYSTEM, table, table.c.id).where(table.c.id == row_id).with_for_update())


def listing(
    conn: Connection, kind: str, who: Principal, *, after: str | None = None, limit: int = 500, **equal: Any
) -> list[Row]:
    """Vehicles, drivers, sites, doors or benches that `who` may see, by id (that is: by age), after a given id."""
    table = _SCOPED[kind]
    statement = readable(who, table).order_by(table.c.id).limit(limit)
    for name, value in equal.items():
        statement = statement.where(table.c[name] == value)
    if after is not None:
        statement = statement.where(table.c.id > after)
    return [dict(row) for row in conn.execute(statement).mappings()]


def by_field(conn: Connection, kind: str, who: Principal = SYSTEM, **equal: Any) -> Row | None:
    """One row by a unique field, for example `plate_key=` or `code=`."""
    found = listing(conn, kind, who, limit=1, **equal)
    return found[0] if found else None


def add(conn: Connection, table: Table, values: Row) -> None:
    """Insert one row."""
    conn.execute(insert(table).values(values))


def change(conn: Connection, kind: str, row_id: str, **values: Any) -> None:
    """Set fields of a vehicle, driver, site, door or bench."""
    table = _SCOPED[kind]
    conn.execute(update(table).where(table.c.id == row_id).values(values))


def devices(conn: Connection) -> list[Row]:
    """Every device that was not removed."""
    statement = select(device).where(device.c.removed_at.is_(None)).order_by(device.c.id)
    return [dict(row) for row in conn.execute(statement).mappings()]


def configured(conn: Connection) -> Sequence[tuple[str, str, str]]:
    """(id, role, configuration as JSON) of every device that was not removed."""
    statement = select(device.c.id, device.c.role, device.c.config).where(device.c.removed_at.is_(None))
    return [tuple(row) for row in conn.execute(statement)]


def find_device(conn: Connection, device_id: str) -> Row | None:
    """One device, removed or not."""
    row = conn.execute(select(device).where(device.c.id == device_id)).mappings().first()
    return dict(row) if row else None


def change_device(conn: Connection, device_id: str, **values: Any) -> None:
    """Set fields of a device."""
    conn.execute(update(device).where(device.c.id == device_id).values(values))


def overlapping(conn: Connection, device_id: str, from_ms: int, to_ms: int | None) -> Row | None:
    """The first binding of a device that overlaps [from_ms, to_ms)."""
    statement = select(binding).where(
        binding.c.device_id == device_id, or_(binding.c.to_ms.is_(None), binding.c.to_ms > from_ms)
    )
    if to_ms is not None:
        statement = statement.where(binding.c.from_ms < to_ms)
    row = conn.execute(statement.order_by(binding.c.from_ms).limit(1)).mappings().first()
    return dict(row) if row else None


def bindings(conn: Connection, **equal: Any) -> list[Row]:
    """Bindings by device_id, or by target_kind and target_id, oldest first."""
    statement = select(binding).order_by(binding.c.from_ms, binding.c.id)
    for name, value in equal.items():
        statement = statement.where(binding.c[name] == value)
    return [dict(row) for row in conn.execute(statement).mappings()]


def binding_spans(conn: Connection) -> Sequence[tuple[str, int, int | None, str, str]]:
    """(device, from, to, target kind, target id) of every binding, oldest first: ten thousand for a board at once."""
    c = binding.c
    statement = select(c.device_id, c.from_ms, c.to_ms, c.target_kind, c.target_id).order_by(c.from_ms, c.id)
    return [tuple(row) for row in conn.execute(statement)]


def bindings_of(conn: Connection, device_ids: Iterable[str]) -> dict[str, list[Row]]:
    """The bindings of some devices, oldest first."""
    found: dict[str, list[Row]] = {}
    statement = select(binding).where(binding.c.device_id.in_(list(device_ids)))
    for row in conn.execute(statement.order_by(binding.c.from_ms, binding.c.id)).mappings():
        found.setdefault(row["device_id"], []).append(dict(row))
    return found


def find_binding(conn: Connection, binding_id: str) -> Row | None:
    """One binding."""
    row = conn.execute(select(binding).where(binding.c.id == binding_id)).mappings().first()
    return dict(row) if row else None


def end_binding(conn: Connection, binding_id: str, to_ms: int) -> None:
    """Close a binding."""
    conn.execute(update(binding).where(binding.c.id == binding_id).values(to_ms=to_ms))


def binding_at(conn: Connection, device_id: str, at_ms: int) -> Row | None:
    """The binding of a device whose half-open interval holds `at_ms`."""
    statement = select(binding).where(
        binding.c.device_id == device_id,
        binding.c.from_ms <= at_ms,
        or_(binding.c.to_ms.is_(None), binding.c.to_ms > at_ms),
    )
    row = conn.execute(statement.limit(1)).mappings().first()
    return dict(row) if row else None


def commands(conn: Connection, states: Sequence[str] | None = None, **equal: Any) -> list[Row]:
    """Commands by device_id or id, and by state, oldest first."""
    statement = select(device_command).order_by(device_command.c.id)
    for name, value in equal.items():
        statement = statement.where(device_command.c[name] == value)
    if states is not None:
        statement = statement.where(device_command.c.state.in_(states))
    return [dict(row) for row in conn.execute(statement).mappings()]


def change_command(conn: Connection, command_id: str, open_states: Sequence[str], **values: Any) -> bool:
    """Set fields of a command if it is still in one of `open_states`; False when it was not."""
    where = and_(device_command.c.id == command_id, device_command.c.state.in_(open_states))
    return conn.execute(update(device_command).where(where).values(values)).rowcount == 1
