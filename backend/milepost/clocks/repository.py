"""SQL of the clocks."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, bindparam, case, delete, func, insert, or_, select, update

from milepost.access.model import SYSTEM, Principal
from milepost.access.scope import readable
from milepost.clocks.model import ClockState
from milepost.clocks.tables import breach, calendar_version, clock, clock_audit, policy_version
from milepost.masterdata.tables import branch
from milepost.orders.tables import order

Row = dict[str, Any]
Key = tuple[str, str, str]  # clock, start fact, subject: within one order
_KEY = ("order_id", "clock", "start_fact", "subject")
# Built once: this is what every refold of every order asks and writes.
_THESE = bindparam("ids", expanding=True)
_OF_ORDERS = readable(SYSTEM, clock).where(clock.c.order_id.in_(_THESE))
_BREACHES = readable(SYSTEM, breach).where(breach.c.order_id.in_(_THESE)).order_by(breach.c.occurrence)
_CHANGE = (
    update(clock)
    .where(*(clock.c[name] == bindparam(f"is_{name}") for name in _KEY))
    .values({name: bindparam(name) for name in clock.c.keys() if name not in _KEY})  # noqa: SIM118
)


def key_of(row: Mapping[Any, Any]) -> Key:
    """What tells a clock from the others of its order."""
    return row["clock"], row["start_fact"], row["subject"]


def clock_of(row: Mapping[str, Any]) -> ClockState:
    """A clock as it is stored."""
    return ClockState(**json.loads(row["state"]))


def of_orders(conn: Connection, ids: Sequence[str]) -> dict[str, dict[Key, Row]]:
    """Every clock of these orders as it is stored, by order."""
    found: dict[str, dict[Key, Row]] = {order_id: {} for order_id in ids}
    for row in conn.execute(_OF_ORDERS, {"ids": list(ids)}).mappings():
        found[row["order_id"]][key_of(row)] = dict(row)
    return found


def add(conn: Connection, rows: Sequence[Row]) -> None:
    """Insert clocks."""
    if rows:
        conn.execute(insert(clock), rows)


def change(conn: Connection, rows: Sequence[Row]) -> None:
    """Write clocks over their rows."""
    if rows:
        conn.execute(_CHANGE, [{f"is_{name}" if name in _KEY else name: value for name, value in row.items()}
                               for row in rows])  # fmt: skip


def drop(conn: Connection, order_id: str, key: Key) -> None:
    """Forget a clock whose start is no longer true."""
    conn.execute(delete(clock).where(*_is(clock, order_id, key)))


def breaches(conn: Connection, ids: Sequence[str]) -> dict[str, dict[Key, list[Row]]]:
    """What was told of the clocks of these orders, by order, the oldest first."""
    found: dict[str, dict[Key, list[Row]]] = {order_id: {} for order_id in ids}
    for row in conn.execute(_BREACHES, {"ids": list(ids)}).mappings() if ids else ():
        found[row["order_id"]].setdefault(key_of(row), []).append(dict(row))
    return found


def add_breaches(conn: Connection, rows: Sequence[Row]) -> None:
    """Write down which clocks broke; a second time for the same occurrence is refused by the table."""
    if rows:
        conn.execute(insert(breach), rows)


def set_withdrawn(conn: Connection, order_id: str, key: Key, at: int) -> None:
    """Later evidence showed that the breach that stood was none."""
    standing = breach.c.withdrawn_at.is_(None)
    conn.execute(update(breach).where(*_is(breach, order_id, key), standing).values(withdrawn_at=at))


def restore(conn: Connection, seq: int) -> None:
    """A withdrawn breach is one after all."""
    conn.execute(update(breach).where(breach.c.seq == seq).values(withdrawn_at=None))


def add_audit(conn: Connection, row: Row) -> None:
    """Keep what a clock was judged before and after."""
    conn.execute(insert(clock_audit).values(row))


def audit_of(conn: Connection, order_id: str) -> list[Row]:
    """What was judged anew of an order, the newest first."""
    statement = readable(SYSTEM, clock_audit).where(clock_audit.c.order_id == order_id)
    return [dict(row) for row in conn.execute(statement.order_by(clock_audit.c.seq.desc())).mappings()]


def due_orders(conn: Connection, now: int, limit: int) -> list[str]:
    """Orders of which a clock runs out or that wake by themselves, at most `limit` of each, the longest due first.

    The rows are taken as the index gives them, several of an order too: grouping them would read every clock there is.
    """
    clocks = readable(SYSTEM, clock, clock.c.order_id).where(clock.c.next_at <= now)
    clocks = clocks.order_by(clock.c.next_at).limit(limit)
    own = readable(SYSTEM, order, order.c.id).where(order.c.next_due <= now).order_by(order.c.next_due).limit(limit)
    return list(dict.fromkeys([*conn.execute(clocks).scalars(), *conn.execute(own).scalars()]))


def overdue_since(conn: Connection, now: int) -> int | None:
    """When the longest overdue clock or order became due, UTC ms; None where nothing is due."""
    clocks = readable(SYSTEM, clock, clock.c.next_at).where(clock.c.next_at <= now).order_by(clock.c.next_at).limit(1)
    own = readable(SYSTEM, order, order.c.next_due).where(order.c.next_due <= now).order_by(order.c.next_due).limit(1)
    return min((*conn.execute(clocks).scalars(), *conn.execute(own).scalars()), default=None)


def still_due(conn: Connection, ids: Sequence[str], now: int) -> list[str]:
    """Those of these orders of which something is due."""
    clocks = readable(SYSTEM, clock, clock.c.order_id).where(clock.c.order_id.in_(ids), clock.c.next_at <= now)
    own = readable(SYSTEM, order, order.c.id).where(order.c.id.in_(ids), order.c.next_due <= now)
    return sorted({*conn.execute(clocks).scalars(), *conn.execute(own).scalars()})


def lease(conn: Connection, ids: Sequence[str]) -> list[str]:
    """Those of these orders that no other worker holds, locked until the transaction ends.

    On PostgreSQL the row locks are the lease and other workers skip them; on SQLite whoever writes is alone. Either
    way a worker that dies lets go of what it had not committed.
    """
    statement = readable(SYSTEM, order, order.c.id).where(order.c.id.in_(ids)).order_by(order.c.id)
    held = set(conn.execute(statement.with_for_update(skip_locked=True)).scalars())
    return [order_id for order_id in ids if order_id in held]


def put_off(conn: Connection, ids: Sequence[str], now: int, until: int) -> None:
    """Look at what is due of these orders again at `until`, not before."""
    conn.execute(update(clock).where(clock.c.order_id.in_(ids), clock.c.next_at <= now).values(next_at=until))
    conn.execute(update(order).where(order.c.id.in_(ids), order.c.next_due <= now).values(next_due=until))


def look_again(conn: Connection, now: int, clocks: Iterable[str] | None) -> int:
    """Have the running clocks (of these kinds, or all) looked at by the next round; returns how many there are."""
    statement = update(clock).where(clock.c.verdict == "open")
    if clocks is not None:
        statement = statement.where(clock.c.clock.in_(list(clocks)))
    return conn.execute(statement.values(next_at=now)).rowcount


def pressing(conn: Connection, who: Principal, equal: Mapping[str, Any], branches: Sequence[str] | None,
             limit: int) -> list[Row]:  # fmt: skip
    """One row per order that somebody has to act upon, with the clock that presses most and the order's own columns:
    the longest late first, then by what is due next; paused ones at the end.

    `equal`: columns of the clock and their values (with `clock`: the orders where such a one waits); `branches`: keep
    orders at one of these.
    """
    columns = (order.c.number, order.c.version, order.c.state.label("order_state"), order.c.projection,
               order.c.request)  # fmt: skip
    statement = readable(who, clock, *clock.c, *columns, also=[order]).join(order, order.c.id == clock.c.order_id)
    statement = statement.where(clock.c.place.is_not(None) if "clock" in equal else clock.c.place == 0)
    for name, value in equal.items():
        statement = statement.where(clock.c[name] == value)
    if branches is not None:
        statement = statement.where(clock.c.branch.in_(branches))
    statement = statement.order_by(clock.c.late_from.asc().nulls_last(), clock.c.order_id, clock.c.place).limit(limit)
    found: dict[str, Row] = {}
    for row in conn.execute(statement).mappings():
        found.setdefault(row["order_id"], dict(row))
    return list(found.values())


def waiting_counts(conn: Connection, who: Principal, ids: Sequence[str]) -> dict[str, int]:
    """How many clocks of each of these orders ask somebody to act."""
    statement = readable(who, clock, clock.c.order_id, func.count().label("n"))
    statement = statement.where(clock.c.order_id.in_(ids), clock.c.place.is_not(None)).group_by(clock.c.order_id)
    return {row.order_id: row.n for row in conn.execute(statement)}


def started(conn: Connection, who: Principal, clocks: Sequence[str], from_ms: int, to_ms: int,
            equal: Mapping[str, Any], branches: Sequence[str] | None) -> list[Row]:  # fmt: skip
    """Clocks of these kinds that started in [from_ms, to_ms), or that ended then."""
    within = ((clock.c.start >= from_ms) & (clock.c.start < to_ms), (clock.c.end >= from_ms) & (clock.c.end < to_ms))
    names = ("order_id", "clock", "start_fact", "subject", "start", "end", "verdict", "owner", "branch")
    statement = readable(who, clock, *(clock.c[name] for name in names))
    statement = statement.where(clock.c.clock.in_(clocks), or_(*within))
    for name, value in equal.items():
        statement = statement.where(clock.c[name] == value)
    if branches is not None:
        statement = statement.where(clock.c.branch.in_(branches))
    return [dict(row) for row in conn.execute(statement).mappings()]


def standing(conn: Connection, who: Principal, equal: Mapping[str, Any],
             branches: Sequence[str] | None) -> tuple[int, int]:  # fmt: skip
    """How many orders wait for somebody, and how many of them with a clock that is late."""
    late = func.count(case((clock.c.verdict.in_(("late", "excused")), 1)))
    statement = readable(who, clock, func.count().label("waiting"), late.label("late")).where(clock.c.place == 0)
    for name, value in equal.items():
        statement = statement.where(clock.c[name] == value)
    if branches is not None:
        statement = statement.where(clock.c.branch.in_(branches))
    row = conn.execute(statement).one()
    return row.waiting, row.late


def received(conn: Connection, who: Principal, from_ms: int, to_ms: int, equal: Mapping[str, Any],
             branches: Sequence[str] | None) -> list[int]:  # fmt: skip
    """When the orders of [from_ms, to_ms) came in that have clocks like these."""
    statement = readable(who, order, order.c.id, order.c.created_at, also=[clock])
    statement = statement.join(clock, clock.c.order_id == order.c.id).distinct()
    statement = statement.where(order.c.created_at >= from_ms, order.c.created_at < to_ms)
    for name, value in equal.items():
        statement = statement.where(clock.c[name] == value)
    if branches is not None:
        statement = statement.where(clock.c.branch.in_(branches))
    return [row.created_at for row in conn.execute(statement)]


def stamp(conn: Connection) -> tuple[Any, ...]:
    """(id of the newest policy, of the newest calendar, number of branches, their last change): differs whenever what
    the clocks go by may have."""
    policy = select(policy_version.c.id).order_by(policy_version.c.seq.desc()).limit(1).scalar_subquery()
    calendar = select(calendar_version.c.id).order_by(calendar_version.c.seq.desc()).limit(1).scalar_subquery()
    number = select(func.count()).select_from(branch).scalar_subquery()
    changed = select(func.max(branch.c.updated_at)).scalar_subquery()
    return tuple(conn.execute(select(policy, calendar, number, changed)).one())


def policies(conn: Connection) -> list[Row]:
    """Every version, in the order in which they were made."""
    return [dict(row) for row in conn.execute(select(policy_version).order_by(policy_version.c.seq)).mappings()]


def add_policy(conn: Connection, row: Row) -> None:
    """Add a version."""
    conn.execute(insert(policy_version).values(row))


def calendars(conn: Connection, until: str | None = None) -> list[Row]:
    """Every version, in the order in which they were made; `until`: up to the one with this id."""
    statement = select(calendar_version).order_by(calendar_version.c.seq)
    if until is not None:
        last = select(calendar_version.c.seq).where(calendar_version.c.id == until).scalar_subquery()
        statement = statement.where(calendar_version.c.seq <= last)
    return [dict(row) for row in conn.execute(statement).mappings()]


def add_calendar(conn: Connection, row: Row) -> None:
    """Add a version."""
    conn.execute(insert(calendar_version).values(row))


def _is(table: Table, order_id: str, key: Key) -> tuple[ColumnElement[bool], ...]:
    name, start_fact, subject = key
    columns = table.c
    return (columns.order_id == order_id, columns.clock == name, columns.start_fact == start_fact,
            columns.subject == subject)  # fmt: skip
