"""SQL of the orders."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from milepost.access.model import SYSTEM, Principal
from milepost.access.scope import readable
from milepost.orders.model import OrderState
from milepost.orders.tables import order, order_day, order_link, waybill_number
from milepost.orders.world import Link

Row = dict[str, Any]
_MOST_TEXT = 4000
# Built once: every refold of every order asks these.
_THESE = bindparam("ids", expanding=True)
_LOCKED = readable(SYSTEM, order).where(order.c.id.in_(_THESE)).order_by(order.c.id).with_for_update()
_LINKS = select(order_link).where(order_link.c.order_id.in_(_THESE))


def add(conn: Connection, row: Row) -> bool:
    """Insert one order; False when its number was taken meanwhile."""
    try:
        with conn.begin_nested():
            conn.execute(insert(order).values(row))
    except IntegrityError:
        return False
    return True


def projection(row: Mapping[str, Any]) -> dict[str, Any]:
    """The stored projection of an order's row."""
    return json.loads(row["projection"])


def locked(conn: Connection, ids: Sequence[str]) -> dict[str, Row]:
    """Those of these orders that there are, by id; others cannot change them until this transaction ends
    (PostgreSQL)."""
    return {row["id"]: dict(row) for row in conn.execute(_LOCKED, {"ids": list(ids)}).mappings()}


def find(conn: Connection, who: Principal, ref: str, *, lock: bool = False) -> Row | None:
    """One order by id or number, if `who` may see it; `lock` keeps others from changing it (PostgreSQL)."""
    statement = readable(who, order).where(or_(order.c.id == ref, order.c.number == ref))
    if lock:
        statement = statement.with_for_update()
    row = conn.execute(statement).mappings().first()
    return dict(row) if row else None


def known(conn: Connection, ids: Iterable[str]) -> list[str]:
    """Those of these ids that are orders, in a fixed order (so that two workers lock in the same one)."""
    statement = readable(SYSTEM, order, order.c.id).where(order.c.id.in_(list(ids))).order_by(order.c.id)
    return list(conn.execute(statement).scalars())


def save(conn: Connection, row: Row, state: OrderState, projection: str, now: int, changed_by: Row) -> None:
    """Write the projection of the fold over the order's row; `request` is what is wanted now, edits included."""
    is_open = sum(1 for trouble in state.exceptions if trouble["closed_at"] is None)
    values = {
        "version": row["version"] + 1,
        "updated_at": now,
        "changed_by": json.dumps(changed_by),
        "type": state.type,
        "channel": _short(state.channel),
        "customer_class": _short(state.customer_class),
        "phone": _short(_part(state.asked, "contact", "phone")),
        "ship_on": _short(_part(state.asked, "dates", "ship"), 10),
        "search": _search(row["number"], state),
        "waybill": state.waybill,
        "customer": state.customer,
        "branch": state.branch,
        "site": state.site,
        "carrier": state.carrier,
        "vehicle": state.vehicle,
        "trip": state.trip,
        "state": state.state,
        "stage": state.stage,
        "current": state.current,
        "outcome": state.outcome,
        "open_exceptions": is_open,
        "next_due": state.next_due,
        "projection": projection,
        "request": json.dumps(state.asked, ensure_ascii=False),
    }
    conn.execute(update(order).where(order.c.id == row["id"]).values(values))


def claim_waybill(conn: Connection, waybill: str, order_id: str) -> Row | None:
    """Take a waybill number for an order; returns the other order that has it, or None when it is ours now.

    A number whose order has lost it again (its waybill was retracted or corrected) is free.
    """
    statement = readable(SYSTEM, order).where(order.c.waybill == waybill, order.c.id != order_id)
    if (other := conn.execute(statement.limit(1)).mappings().first()) is not None:
        return dict(other)
    values = {"waybill": waybill, "order_id": order_id}
    try:
        with conn.begin_nested():
            conn.execute(insert(waybill_number).values(values))
    except IntegrityError:
        # Somebody claimed it; with the claim's row locked, look whether their order still bears it.
        held = select(waybill_number.c.order_id).where(waybill_number.c.waybill == waybill).with_for_update()
        holder = conn.execute(held).scalar_one()
        row = find(conn, SYSTEM, holder)
        if holder != order_id and row is not None and row["waybill"] == waybill:
            return row
        conn.execute(update(waybill_number).where(waybill_number.c.waybill == waybill).values(order_id=order_id))
    return None


def _part(asked: Mapping[str, Any], name: str, key: str) -> Any:
    found = asked.get(name)
    return found.get(key) if isinstance(found, dict) else None


def _short(value: Any, length: int = 80) -> str | None:
    """Text that fits its column; facts of files may hold anything."""
    return value[:length] if isinstance(value, str) else None


def _search(number: str, state: OrderState) -> str:
    """What people know an order by: its numbers, who and where it concerns, what it carries."""
    asked = state.asked
    words: list[Any] = [number, state.waybill, state.customer]
    for name in ("contact", "from", "to"):
        words += [_part(asked, name, key) for key in ("name", "phone", "address")]
    for line in state.lines:
        words += [line.get(key) for key in ("sku", "item", "name")]
    told = dict.fromkeys(word.lower() for word in words if isinstance(word, str) and word)
    return "\n".join(told)[:_MOST_TEXT]


def set_due(conn: Connection, order_id: str, next_due: int | None) -> None:
    """Note when the order changes by itself next."""
    conn.execute(update(order).where(order.c.id == order_id).values(next_due=next_due))


def set_links(conn: Connection, links: Mapping[str, Iterable[Link]]) -> None:
    """Replace what each of these orders (by id) hangs together with."""
    old: dict[str, dict[tuple[str, str], tuple[int, int]]] = {order_id: {} for order_id in links}
    for row in conn.execute(_LINKS, {"ids": list(links)}):
        old[row.order_id][row.kind, row.subject_id] = row.from_ms, row.to_ms
    wanted = {
        order_id: {(link.kind, link.id): (link.from_ms, link.to_ms) for link in of} for order_id, of in links.items()
    }
    differ = [order_id for order_id in links if old[order_id] != wanted[order_id]]
    if not differ:
        return
    conn.execute(delete(order_link).where(order_link.c.order_id.in_(differ)))
    rows = [
        {"order_id": order_id, "kind": kind, "subject_id": subject, "from_ms": a, "to_ms": b}
        for order_id in differ
        for (kind, subject), (a, b) in sorted(wanted[order_id].items())
    ]
    if rows:
        conn.execute(insert(order_link), rows)


def next_number(conn: Connection, day: str) -> int:
    """The next order number of a day (YYMMDD), from 1."""
    count_on = update(order_day).where(order_day.c.day == day).values(last=order_day.c.last + 1)
    if not conn.execute(count_on).rowcount:
        try:
            with conn.begin_nested():
                conn.execute(insert(order_day).values(day=day, last=1))
            return 1
        except IntegrityError:  # somebody else had the day's first order just now (PostgreSQL)
            conn.execute(count_on)
    return conn.execute(select(order_day.c.last).where(order_day.c.day == day)).scalar_one()
