"""The list of orders for the desk: filters, sorts, pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, or_

from milepost.access.model import SYSTEM, Principal
from milepost.access.scope import readable
from milepost.cursors import cursor_at, open_cursor
from milepost.errors import Invalid
from milepost.masterdata import service as masterdata
from milepost.orders.model import STATES
from milepost.orders.tables import order
from milepost.orders.view import summary

# Name of a sort -> the column; "-" before it turns it round. Newest first is the default.
SORTS: dict[str, ColumnElement[Any]] = {
    "created": order.c.id,  # ids grow with time
    "updated": order.c.updated_at,
    "number": order.c.number,
    "ship": func.coalesce(order.c.ship_on, ""),
    "customer": func.coalesce(order.c.customer, ""),
    "state": order.c.stage,
}
_NUMBERS = ("updated", "state")
_MOST_SKUS = 20
_PAGE = 200


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list is narrowed to; None: everything.

    `states`: names of states; `q`: part of a number, waybill, name, phone, address or goods (an alias too);
    `created_from`/`created_to`: UTC ms, half-open; `ship_from`/`ship_to`: days, both included; `exceptions`: with
    (True) or without (False) open ones; `ex`: an open exception of this row of section C.
    """

    states: Sequence[str] = ()
    stage: int | None = None
    type: str | None = None
    branch: str | None = None
    channel: str | None = None
    customer_class: str | None = None
    customer: str | None = None
    q: str | None = None
    trip: str | None = None
    vehicle: str | None = None
    created_from: int | None = None
    created_to: int | None = None
    ship_from: date | None = None
    ship_to: date | None = None
    exceptions: bool | None = None


def listing(
    conn: Connection,
    who: Principal,
    given: Filter,
    *,
    sort: str = "-created",
    cursor: str | None = None,
    limit: int = 50,
) -> dict[str, Any]:
    """A page of the orders that `who` may see: {items, next}. `cursor`: the `next` of the page before (opaque).

    Raises Invalid for an unknown state or sort, and for a cursor that is none of ours or of another sort.
    """
    name = sort.removeprefix("-")
    if name not in SORTS:
        raise Invalid(f"sort: {sort!r}; use one of {', '.join(SORTS)}, with - before it for the other way round")
    if wrong := [state for state in given.states if state not in STATES]:
        raise Invalid(f"state: {', '.join(wrong)}: no state of an order; use {', '.join(STATES)}")
    down = sort.startswith("-")
    column = SORTS[name]
    statement = readable(who, order).where(*conditions(conn, given)).limit(limit + 1)
    statement = statement.add_columns(column.label("sorted_by"))
    for each in dict.fromkeys((column, order.c.id)):
        statement = statement.order_by(each.desc() if down else each.asc())
    kind = f"o2{sort}"
    if (behind := open_cursor(kind, cursor)) is not None:
        statement = statement.where(_behind(name, down, *_split(behind, name)))
    rows = [dict(row) for row in conn.execute(statement).mappings()]
    last = rows[limit - 1] if len(rows) > limit else None
    after = None if last is None else cursor_at(kind, f"{last['id']}|{_ascii(last['sorted_by'])}")
    return {"items": [summary(row) for row in rows[:limit]], "next": after}


def _behind(name: str, down: bool, last_id: str, value: Any) -> ColumnElement[bool]:
    column = SORTS[name]
    if name == "created":
        return order.c.id < last_id if down else order.c.id > last_id
    further = column < value if down else column > value
    same = order.c.id < last_id if down else order.c.id > last_id
    return or_(further, and_(column == value, same))


def _ascii(value: Any) -> str:
    """A value of the sort as it travels in a cursor."""
    return str(value).encode("unicode_escape").decode("ascii")


def _split(behind: str, name: str) -> tuple[str, Any]:
    last_id, bar, value = behind.partition("|")
    try:
        told = value.encode("ascii").decode("unicode_escape")
        if bar:
            return last_id, int(told) if name in _NUMBERS else told
    except ValueError:
        pass
    raise Invalid("cursor: not one of ours; take `next` of the page before, or leave it out")


def conditions(conn: Connection, given: Filter) -> list[ColumnElement[bool]]:
    """A filter as conditions on the table of the orders, for lists that join it with more."""
    equal = {
        "stage": given.stage,
        "type": given.type,
        "branch": given.branch,
        "channel": given.channel,
        "customer_class": given.customer_class,
        "customer": given.customer,
        "trip": given.trip,
        "vehicle": given.vehicle,
    }
    found: list[ColumnElement[bool]] = [order.c[name] == value for name, value in equal.items() if value is not None]
    if given.states:
        found.append(order.c.state.in_(list(given.states)))
    if given.created_from is not None:
        found.append(order.c.created_at >= given.created_from)
    if given.created_to is not None:
        found.append(order.c.created_at < given.created_to)
    if given.ship_from is not None:
        found.append(order.c.ship_on >= given.ship_from.isoformat())
    if given.ship_to is not None:
        found.append(order.c.ship_on <= given.ship_to.isoformat())
    if given.exceptions is not None:
        found.append(order.c.open_exceptions > 0 if given.exceptions else order.c.open_exceptions == 0)
    if given.q and given.q.strip():
        found.append(_matches(conn, given.q.strip().lower()))
    return found


def _matches(conn: Connection, q: str) -> ColumnElement[bool]:
    """Text as people say it; goods also by the names that they go by in the region (OT-16)."""
    goods = masterdata.listing(conn, SYSTEM, "goods", q=q, limit=_MOST_SKUS)["items"]
    words = dict.fromkeys([q, *(row["sku"].lower() for row in goods)])
    return or_(*(order.c.search.contains(word, autoescape=True) for word in words))
