"""Lists of orders: what a filter holds, in which order, and the clock that presses most. Reads only, within scopes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_

from milepost.access.model import Principal
from milepost.access.scope import readable
from milepost.clocks.tables import clock
from milepost.errors import Invalid
from milepost.orders import listing as orders
from milepost.orders.model import STAGES
from milepost.orders.tables import order
from milepost.web.orders_view import Row, Translate, view, with_customers

FINISHED = ("archived", "cancelled")
SHOWS = ("open", "late", "problem", "done", "all")
SORTS = ("changed", "due", "new", "number")
_LATE = ("late", "excused")
_PAUSED = 2**62  # where a clock that stands still comes in a list by what is due


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list shows. `show`: open, late, problem, done, all or the key of a stage; texts are empty for any."""

    show: str = "open"
    state: str = ""
    branch: str = ""
    channel: str = ""
    klass: str = ""
    customer: str = ""
    type: str = ""
    q: str = ""
    numbers: Sequence[str] = field(default_factory=tuple)
    sort: str = "changed"


def listing(
    conn: Connection, me: Principal, wanted: Filter, now: int, t: Translate, *, after: str = "", limit: int = 100
) -> tuple[list[Row], str]:
    """(rows, cursor of the next page or empty). Each row has its road and `pressing`, the clock that presses most.

    Raises Invalid for a cursor that is none of ours.
    """
    keys = _keys(wanted.sort)
    columns = [key for key, _ in keys]
    if wanted.sort == "due" or wanted.show == "late":
        # Orders for which nothing runs have no place in such a list.
        statement = readable(me, order, *order.c, columns[0].label("sort_key"), also=[clock])
        statement = statement.join(clock, and_(clock.c.order_id == order.c.id, clock.c.place == 0))
    else:
        statement = readable(me, order, *order.c, columns[0].label("sort_key"))
    for condition in _conditions(conn, wanted, now):
        statement = statement.where(condition)
    if after:
        statement = statement.where(_beyond(keys, _opened(after, wanted.sort)))
    statement = statement.order_by(*(key.desc() if down else key.asc() for key, down in keys)).limit(limit + 1)
    rows = [dict(row) for row in conn.execute(statement).mappings()]
    more = rows[limit - 1] if len(rows) > limit else None
    rows = rows[:limit]
    pressing = pressing_of(conn, me, [row["id"] for row in rows])
    made = [{**view(row, t), "created_at": row["created_at"], "pressing": pressing.get(row["id"])} for row in rows]
    return with_customers(conn, made), "" if more is None else f"{wanted.sort}.{more['sort_key']}.{more['id']}"


def pressing_of(conn: Connection, me: Principal, ids: Sequence[str]) -> dict[str, Row]:
    """Of each of these orders the clock that asks for something first."""
    if not ids:
        return {}
    names = ("order_id", "clock", "verdict", "start", "due", "late_from", "end", "owner")
    statement = readable(me, clock, *(clock.c[name] for name in names))
    statement = statement.where(clock.c.order_id.in_(ids), clock.c.place == 0)
    return {row["order_id"]: dict(row) for row in conn.execute(statement).mappings()}


def counts(conn: Connection, me: Principal, now: int) -> dict[str, int]:
    """How many orders each filter of the list holds."""
    with_trouble = func.sum(case((order.c.open_exceptions > 0, 1), else_=0))
    groups = (order.c.state, order.c.current)
    statement = readable(me, order, *groups, func.count().label("n"), with_trouble.label("troubled")).group_by(*groups)
    found: dict[str, int] = {"all": 0, "open": 0, "problem": 0, "done": 0}
    for row in conn.execute(statement):
        state, current, n, troubled = row.state, row.current, row.n, row.troubled
        found["all"] += n
        found["problem"] += troubled or 0
        found["done" if state in FINISHED else "open"] += n
        if state not in FINISHED and current:
            found[current] = found.get(current, 0) + n
    late = readable(me, clock, func.count()).where(clock.c.place == 0, _late_clock(now))
    found["late"] = conn.execute(late).scalar_one()
    return found


def missing(conn: Connection, me: Principal, numbers: Sequence[str]) -> list[str]:
    """Those of these order numbers that there are not, or that are not the person's to see."""
    statement = readable(me, order, order.c.number).where(order.c.number.in_(list(numbers)))
    found = set(conn.execute(statement).scalars())
    return [number for number in numbers if number not in found]


def _late_clock(now: int) -> ColumnElement[bool]:
    """The clock that presses most is late: also in the seconds before the service has written that down."""
    return or_(clock.c.verdict.in_(_LATE), clock.c.late_from <= now)


def _conditions(conn: Connection, wanted: Filter, now: int) -> list[ColumnElement[bool]]:
    given = orders.Filter(
        states=(wanted.state,) if wanted.state else (),
        type=wanted.type or None,
        branch=wanted.branch or None,
        channel=wanted.channel or None,
        customer_class=wanted.klass or None,
        customer=wanted.customer or None,
        q=wanted.q or None,
    )
    made = orders.conditions(conn, given)
    match wanted.show:
        case "open":
            made.append(order.c.state.not_in(FINISHED))
        case "problem":
            made.append(order.c.open_exceptions > 0)
        case "done":
            made.append(order.c.state.in_(FINISHED))
        case "late":
            made.append(_late_clock(now))
        case stage if stage in STAGES:
            made += [order.c.current == stage, order.c.state.not_in(FINISHED)]
        case _:
            pass
    if wanted.numbers:
        made.append(order.c.number.in_(list(wanted.numbers)))
    return made


def _keys(sort: str) -> list[tuple[ColumnElement[Any], bool]]:
    """What a list is sorted by, each with whether it falls; the id makes every place unique."""
    match sort:
        case "due":
            return [(func.coalesce(clock.c.late_from, _PAUSED), False), (order.c.id, False)]
        case "new":
            return [(order.c.created_at, True), (order.c.id, True)]
        case "number":
            return [(order.c.number, False), (order.c.id, False)]
        case _:
            return [(order.c.updated_at, True), (order.c.id, True)]


def _beyond(keys: list[tuple[ColumnElement[Any], bool]], place: tuple[Any, str]) -> ColumnElement[bool]:
    (first, down), (second, _) = keys
    value, last = place
    further = first < value if down else first > value
    return or_(further, and_(first == value, second < last if down else second > last))


def _opened(after: str, sort: str) -> tuple[Any, str]:
    kind, _, rest = after.partition(".")
    value, _, last = rest.rpartition(".")
    if kind != sort or not last or (sort != "number" and not value.isdigit()):
        raise Invalid("after: not a place in this list; begin again at its first page")
    return (value if sort == "number" else int(value)), last
