"""SQL of the inbox."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, update

from milepost.access.model import SYSTEM, Principal
from milepost.access.scope import readable
from milepost.alerts.tables import alert
from milepost.orders.tables import order

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which items to show. `state`: one of `service.STATES`, `active` (unresolved and not asleep), or None for all
    that are unresolved; `since`: raised from then on, `closed_since`: closed from then on (UTC ms)."""

    state: str | None = None
    mine: bool = False
    no_owner: bool = False
    urgency: int | None = None
    kind: str | None = None
    ex: str | None = None
    branch: str | None = None
    since: int | None = None
    order: str | None = None
    device: str | None = None
    closed_since: int | None = None


def state_at(now: int) -> ColumnElement[str]:
    """The state of an item at an instant (UTC ms): a snooze that is over is open again, by itself."""
    awake = and_(alert.c.state == "snoozed", alert.c.snoozed_until <= now)
    return case((awake, "open"), else_=alert.c.state)


def page(
    conn: Connection, who: Principal, wanted: Filter, now: int, *, by_urgency: bool, after: tuple[int, str] | None,
    limit: int,
) -> list[Row]:  # fmt: skip
    """Items that `who` may see: newest first, or by urgency and then newest first. `after`: (rank, id)."""
    statement = readable(who, alert)
    for condition in _conditions(who, wanted, now):
        statement = statement.where(condition)
    if by_urgency:
        statement = statement.order_by(alert.c.rank, alert.c.id.desc())
        if after is not None:
            rank, last = after
            further = (alert.c.rank > rank) | ((alert.c.rank == rank) & (alert.c.id < last))
            statement = statement.where(further)
    else:
        statement = statement.order_by(alert.c.id.desc())
        if after is not None:
            statement = statement.where(alert.c.id < after[1])
    return [dict(row) for row in conn.execute(statement.limit(limit)).mappings()]


def counts(conn: Connection, who: Principal, wanted: Filter, now: int) -> list[Row]:
    """How many items there are by {state, owner, rank}, unresolved or closed since `wanted.since`."""
    state = state_at(now).label("state")
    columns = (state, alert.c.owner, alert.c.rank, func.count().label("n"))
    statement = readable(who, alert, *columns).where(alert.c.state != "resolved")
    for condition in _conditions(who, Filter(kind=wanted.kind, ex=wanted.ex, branch=wanted.branch), now):
        statement = statement.where(condition)
    return [dict(row) for row in conn.execute(statement.group_by(state, alert.c.owner, alert.c.rank)).mappings()]


def find(conn: Connection, who: Principal, alert_id: str, *, lock: bool = False) -> Row | None:
    """One item, if `who` may see it; `lock` keeps others from changing it (PostgreSQL)."""
    statement = readable(who, alert).where(alert.c.id == alert_id)
    if lock:
        statement = statement.with_for_update()
    row = conn.execute(statement).mappings().first()
    return dict(row) if row else None


def of_causes(conn: Connection, who: Principal, causes: Iterable[str]) -> list[Row]:
    """Unresolved items of these causes that `who` may see."""
    statement = readable(who, alert).where(alert.c.cause.in_(sorted(set(causes))), alert.c.state != "resolved")
    return [dict(row) for row in conn.execute(statement.order_by(alert.c.id)).mappings()]


def abouts(conn: Connection, order_ids: Iterable[str]) -> dict[str, Row]:
    """What the texts say of these orders beside the trouble: number, waybill, vehicle, … as fields of templates."""
    names = {
        "order": order.c.number,
        "waybill": order.c.waybill,
        "customer": order.c.customer,
        "plate": order.c.vehicle,
        "trip": order.c.trip,
        "carrier": order.c.carrier,
        "branch": order.c.branch,
    }
    columns = [column.label(name) for name, column in names.items()]
    statement = readable(SYSTEM, order, order.c.id, *columns).where(order.c.id.in_(sorted(set(order_ids))))
    found = {row["id"]: dict(row) for row in conn.execute(statement).mappings()}
    return {each: {name: row[name] for name in names if row[name] is not None} for each, row in found.items()}


def change(conn: Connection, alert_id: str, values: Row) -> None:
    """Write a step of a person: the version counts on."""
    conn.execute(update(alert).where(alert.c.id == alert_id).values({**values, "version": alert.c.version + 1}))


def _conditions(who: Principal, wanted: Filter, now: int) -> list[ColumnElement[bool]]:
    state = state_at(now)
    found: list[ColumnElement[bool]] = []
    if wanted.state is None:
        found.append(alert.c.state != "resolved")
    elif wanted.state == "active":
        found.append(state.not_in(("resolved", "snoozed")))
    else:
        found.append(state == wanted.state)
    if wanted.mine:
        found.append(alert.c.owner == who.id)
    if wanted.no_owner:
        found.append(alert.c.owner.is_(None))
    for column, value in ((alert.c.rank, wanted.urgency), (alert.c.kind, wanted.kind), (alert.c.ex, wanted.ex),
                          (alert.c.branch, wanted.branch)):  # fmt: skip
        if value is not None:
            found.append(column == value)
    if wanted.since is not None:
        found.append(alert.c.raised_at >= wanted.since)
    if wanted.closed_since is not None:
        found.append(alert.c.closed_at >= wanted.closed_since)
    if wanted.device is not None:
        found.append(alert.c.device == wanted.device)
    if wanted.order is not None:
        found.append((alert.c.order_id == wanted.order) | (alert.c.order_number == wanted.order))
    return found
