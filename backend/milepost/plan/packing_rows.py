"""SQL of packings, and of units by the tags they carry."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Select, insert, or_, select, update

from milepost.access.model import SYSTEM
from milepost.access.scope import readable
from milepost.plan.packing import ADD, Packing
from milepost.plan.tables import packing, packing_child, unit, unit_epc

_CHUNK = 400  # names per statement; SQLite takes 999 parameters at least


def add(conn: Connection, row: Packing, *, recorded_at: int, source: str, by: tuple[str, str]) -> bool:
    """Append a packing; False when it is there already. `by`: role and id of who says so."""
    if conn.execute(select(packing.c.id).where(packing.c.id == row.id)).first() is not None:
        return False
    values = {"id": row.id, "at": row.at, "recorded_at": recorded_at, "parent": row.parent, "action": row.action,
              "source": source, "by_role": by[0], "by_id": by[1]}  # fmt: skip
    conn.execute(insert(packing).values(values))
    children = [{"packing_id": row.id, "child": child} for child in dict.fromkeys(row.children)]
    if children:
        conn.execute(insert(packing_child), children)
    return True


def withdraw(conn: Connection, packing_id: str) -> None:
    """Let a packing count no more: an error declaration says that it did not happen so."""
    conn.execute(update(packing).where(packing.c.id == packing_id).values(withdrawn=1))


def touching(conn: Connection, names: Iterable[str], *, withdrawn: bool = False) -> list[Packing]:
    """Packings that name one of these as parent or child, and the plan's own: units entered with a parent.

    `withdrawn`: those taken back as well.
    """
    found: dict[str, Packing] = {}
    for part in _parts(names):
        ids = select(packing_child.c.packing_id).where(packing_child.c.child.in_(part))
        where = or_(packing.c.parent.in_(part), packing.c.id.in_(ids))
        statement = select(packing).where(where)
        if not withdrawn:
            statement = statement.where(packing.c.withdrawn == 0)
        rows = {row["id"]: dict(row) for row in conn.execute(statement).mappings()}
        children: dict[str, list[str]] = {row_id: [] for row_id in rows}
        for ids_part in _parts(rows):
            for row in conn.execute(select(packing_child).where(packing_child.c.packing_id.in_(ids_part))):
                children[row.packing_id].append(row.child)
        for row_id, row in rows.items():
            found[row_id] = Packing(row_id, row["at"], row["parent"], row["action"], tuple(sorted(children[row_id])))
        ids_of_units = [name.removeprefix("unit:") for name in part if name.startswith("unit:")]
        for row in conn.execute(_entered_with_parent(ids_of_units)).mappings():
            name = f"plan/{row['id']}"
            found[name] = Packing(name, row["created_at"], f"unit:{row['parent_id']}", ADD, (f"unit:{row['id']}",))
    return list(found.values())


def bindings(conn: Connection, *, epcs: Iterable[str] = (), units: Iterable[str] = ()) -> list[dict[str, Any]]:
    """Bindings of these EPCs (hex), or of these units, whenever they held."""
    found: dict[str, dict[str, Any]] = {}
    for column, values in ((unit_epc.c.epc, epcs), (unit_epc.c.unit_id, units)):
        for part in _parts(values):
            for row in conn.execute(select(unit_epc).where(column.in_(part))).mappings():
                found[row["id"]] = dict(row)
    return list(found.values())


def _entered_with_parent(ids: Sequence[str]) -> Select[Any]:
    where = or_(unit.c.id.in_(ids), unit.c.parent_id.in_(ids))
    columns = (unit.c.id, unit.c.parent_id, unit.c.created_at)
    return readable(SYSTEM, unit, *columns).where(unit.c.parent_id.is_not(None), where)


def _parts(names: Iterable[str]) -> list[list[str]]:
    every = sorted(set(names))
    return [every[start : start + _CHUNK] for start in range(0, len(every), _CHUNK)]
