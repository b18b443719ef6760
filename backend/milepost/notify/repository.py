"""SQL of the outbox."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    delete,
    false,
    func,
    insert,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.exc import IntegrityError

from milepost.access.model import SYSTEM, Principal
from milepost.access.scope import readable
from milepost.access.tables import person, person_grant
from milepost.notify.tables import message, message_read, message_template

Row = dict[str, Any]
# Built once: every change of every order asks this.
_KNOWN = readable(SYSTEM, message, message.c.notice_id).where(message.c.order_id.in_(bindparam("ids", expanding=True)))


def known_notices(conn: Connection, order_ids: Iterable[str]) -> set[str]:
    """Ids of the notices of these orders that are in the outbox already."""
    return set(conn.execute(_KNOWN, {"ids": list(order_ids)}).scalars())


def add(conn: Connection, rows: list[Row]) -> None:
    """Put messages into the outbox."""
    if rows:
        conn.execute(insert(message), rows)


def page(
    conn: Connection, me: Principal, *, unread: bool | None, order: str | None, before: str | None, limit: int
) -> list[Row]:
    """In-app messages addressed to somebody, newest first, with `my_read_at`."""
    statement = _mine(me, (*message.c, message_read.c.at.label("my_read_at")))
    statement = statement.order_by(message.c.id.desc()).limit(limit)
    if unread is not None:
        statement = statement.where(message_read.c.at.is_(None) if unread else message_read.c.at.is_not(None))
    if order is not None:
        statement = statement.where((message.c.order_id == order) | (message.c.order_number == order))
    if before is not None:
        statement = statement.where(message.c.id < before)
    return [dict(row) for row in conn.execute(statement).mappings()]


def find(conn: Connection, me: Principal, message_id: str) -> Row | None:
    """One in-app message addressed to somebody."""
    statement = _mine(me, (*message.c, message_read.c.at.label("my_read_at"))).where(message.c.id == message_id)
    row = conn.execute(statement).mappings().first()
    return dict(row) if row else None


def unread(conn: Connection, me: Principal) -> dict[str, int]:
    """How many unread messages somebody has, by urgency."""
    statement = _mine(me, (message.c.urgency, func.count().label("n"))).where(message_read.c.at.is_(None))
    return {row["urgency"]: row["n"] for row in conn.execute(statement.group_by(message.c.urgency)).mappings()}


def unread_ids(conn: Connection, me: Principal, up_to: str | None, limit: int) -> list[str]:
    """Ids of unread messages, those up to the id `up_to`."""
    statement = _mine(me, (message.c.id,)).where(message_read.c.at.is_(None)).order_by(message.c.id).limit(limit)
    if up_to is not None:
        statement = statement.where(message.c.id <= up_to)
    return list(conn.execute(statement).scalars())


def mark_read(conn: Connection, me: Principal, ids: Iterable[str], now: int) -> None:
    """Note that somebody has read these; the first reader is kept with the message."""
    for message_id in ids:
        try:
            with conn.begin_nested():
                conn.execute(insert(message_read).values(message_id=message_id, person_id=me.id, at=now))
        except IntegrityError:  # read in another window just now
            continue
        first = update(message).where(message.c.id == message_id, message.c.read_at.is_(None))
        conn.execute(first.values(read_at=now, read_by=me.id, state="read"))


def of_orders(conn: Connection, order_ids: Iterable[str]) -> list[Row]:
    """Every in-app message about these orders, oldest first: who was told."""
    statement = readable(SYSTEM, message).where(message.c.order_id.in_(sorted(set(order_ids))))
    statement = statement.where(message.c.channel == "inapp").order_by(message.c.id)
    return [dict(row) for row in conn.execute(statement).mappings()]


def of_causes(conn: Connection, causes: Iterable[str]) -> list[Row]:
    """Every in-app message about these causes of no order, oldest first: who was told."""
    statement = _of_no_order(causes).where(message.c.channel == "inapp").order_by(message.c.id)
    return [dict(row) for row in conn.execute(statement).mappings()]


def known_of_causes(conn: Connection, causes: Iterable[str]) -> set[str]:
    """Ids of the notices about these causes of no order that are in the outbox already."""
    return set(conn.execute(_of_no_order(causes, message.c.notice_id)).scalars())


def _of_no_order(causes: Iterable[str], *columns: ColumnElement[Any]) -> Any:
    where = (message.c.order_id.is_(None), message.c.cause.in_(sorted(set(causes))))
    return readable(SYSTEM, message, *columns).where(*where)


def people(conn: Connection) -> list[Row]:
    """Open accounts with their grants: {id, name, role, scope_kind, scope_id}, one row per grant."""
    columns = (person.c.id, person.c.name, person_grant.c.role, person_grant.c.scope_kind, person_grant.c.scope_id)
    statement = select(*columns).join(person_grant, person_grant.c.person_id == person.c.id).where(~person.c.disabled)
    return [dict(row) for row in conn.execute(statement.order_by(person.c.name, person.c.id)).mappings()]


def names_of(conn: Connection, ids: Iterable[str]) -> dict[str, str]:
    """Names of people."""
    statement = select(person.c.id, person.c.name).where(person.c.id.in_(sorted(set(ids))))
    return {row.id: row.name for row in conn.execute(statement)}


def any_due(conn: Connection, now: int) -> bool:
    """True when a message waits for its turn."""
    return conn.execute(_due(now, message.c.id).limit(1)).first() is not None


def unsent(conn: Connection) -> dict[str, int]:
    """How many messages are queued, and how many were set aside as failed."""
    states = message.c.state.in_(("queued", "failed"))
    statement = readable(SYSTEM, message, message.c.state, func.count().label("n")).where(states)
    rows = conn.execute(statement.group_by(message.c.state)).mappings()
    return {"queued": 0, "failed": 0} | {row["state"]: row["n"] for row in rows}


def lease(conn: Connection, now: int, until: int, worker: str, limit: int) -> list[Row]:
    """Take messages whose turn has come; no other worker gets them before `until`. Counts the attempt."""
    rows = [dict(row) for row in conn.execute(_due(now).limit(limit).with_for_update(skip_locked=True)).mappings()]
    ids = [row["id"] for row in rows]
    taken = {"leased_by": worker, "next_at": until, "attempts": message.c.attempts + 1}
    conn.execute(update(message).where(message.c.id.in_(ids)).values(taken))
    return [{**row, "attempts": row["attempts"] + 1, "leased_by": worker} for row in rows]


def settle(conn: Connection, row: Mapping[str, Any], values: Row) -> bool:
    """Write what became of an attempt; False when another worker has taken the message over meanwhile."""
    where = (message.c.id == row["id"], message.c.leased_by == row["leased_by"])
    return conn.execute(update(message).where(*where).values({"leased_by": None, **values})).rowcount == 1


def set_aside(conn: Connection, before: str | None, limit: int) -> list[Row]:
    """Messages that could not be sent, newest first."""
    statement = readable(SYSTEM, message).where(message.c.state == "failed").order_by(message.c.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(message.c.id < before)
    return [dict(row) for row in conn.execute(statement).mappings()]


def try_again(conn: Connection, message_id: str, now: int) -> bool:
    """Put a message that was set aside back in the queue; False when there is none."""
    where = (message.c.id == message_id, message.c.state == "failed")
    values = {"state": "queued", "attempts": 0, "next_at": now, "error": None}
    return conn.execute(update(message).where(*where).values(values)).rowcount == 1


def own_templates(conn: Connection) -> dict[tuple[str, str], Row]:
    """The texts that this installation has changed, by (name, language)."""
    return {(row["name"], row["language"]): dict(row) for row in conn.execute(select(message_template)).mappings()}


def put_template(conn: Connection, name: str, language: str, text: str, me: Principal, now: int) -> None:
    """Set a text of this installation."""
    drop_template(conn, name, language)
    values = {"name": name, "language": language, "text": text, "updated_at": now, "updated_by": me.id}
    conn.execute(insert(message_template).values(values))


def drop_template(conn: Connection, name: str, language: str) -> None:
    """Go back to the text of the house."""
    where = (message_template.c.name == name, message_template.c.language == language)
    conn.execute(delete(message_template).where(*where))


def _due(now: int, *columns: ColumnElement[Any]) -> Any:
    statement = readable(SYSTEM, message, *columns).where(message.c.state == "queued", message.c.next_at <= now)
    return statement.order_by(message.c.next_at, message.c.id)


def _mine(me: Principal, columns: Iterable[Any]) -> Any:
    """In-app messages to a role that somebody holds over that scope, or to them by name."""
    by_role: list[ColumnElement[bool]] = []
    for grant in sorted(me.grants):
        here = true() if grant.scope_kind == "company" else message.c[grant.scope_kind] == grant.scope_id
        by_role.append(and_(message.c.to_role == grant.role, here))
    named = message.c.person_id == me.id
    addressed = or_(named, and_(message.c.person_id.is_(None), or_(*by_role) if by_role else false()))
    read = and_(message_read.c.message_id == message.c.id, message_read.c.person_id == me.id)
    statement = readable(me, message, *columns).outerjoin(message_read, read)
    return statement.where(message.c.channel == "inapp", addressed)


def loads(row: Row) -> dict[str, Any]:
    """The fields of a message."""
    return json.loads(row["data"])
