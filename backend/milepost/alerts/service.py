"""The inbox follows the fold: an exception opens one item, its end resolves it; people take items on."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, insert, update

from milepost.access.model import SYSTEM, Principal
from milepost.access.scope import readable
from milepost.alerts.tables import alert
from milepost.cursors import cursor_at, open_cursor
from milepost.errors import IllegalStep, NotFound
from milepost.evidence.model import Author, Fact, fact_id
from milepost.ids import new_id
from milepost.orders.projector import Change
from milepost.orders.service import record_facts, subscribe
from milepost.orders.vocabulary import KINDS
from milepost.times import now_ms, to_rfc3339

STATES = ("open", "acknowledged", "assigned", "snoozed", "resolved")
# What a dispatcher must act upon before the truck is gone, or because it is.
URGENT = frozenset(
    {"wrong_truck", "two_trucks", "departed_incomplete", "unsigned_load", "left_without_outcome",
     "signed_without_presence", "short", "over", "load_count"}
)  # fmt: skip
Row = dict[str, Any]


def install() -> None:
    """Let every change of an order reach the inbox in its own transaction."""
    subscribe(on_change)


def on_change(conn: Connection, change: Change) -> None:
    """Bring the inbox in line with an order that has changed."""
    if not change.changed:
        return
    place = {"order_number": change.number, "branch": change.state.branch, "site": change.state.site}
    reconcile(conn, change.order_id, change.state.exceptions, now=change.at, **place)


def reconcile(
    conn: Connection,
    order_id: str,
    exceptions: Iterable[Mapping[str, Any]],
    *,
    now: int,
    order_number: str,
    branch: str | None = None,
    site: str | None = None,
) -> None:
    """One unresolved item per open exception of the order, none for the others.

    `exceptions`: those of the fold, open and closed; `now`: UTC ms at which it is raised.
    """
    given = list(exceptions)
    wanted = {each["cause"]: each for each in given if each["closed_at"] is None}
    ends = {each["cause"]: each["closed_at"] for each in given if each["closed_at"] is not None}
    statement = readable(SYSTEM, alert).where(alert.c.order_id == order_id, alert.c.state != "resolved")
    standing = {row["cause"]: row for row in conn.execute(statement).mappings()}
    for cause, row in standing.items():
        if cause not in wanted:
            # No end among the facts: the exception was withdrawn by a late or a retracted fact.
            _set(conn, row["id"], state="resolved", closed_at=ends.get(cause, now), branch=branch, site=site)
    for cause, each in wanted.items():
        told = {
            "data": json.dumps(each["data"], ensure_ascii=False),
            "facts": json.dumps(each["facts"]),
            "opened_at": each["opened_at"],
            "branch": branch,
            "site": site,
        }
        if cause in standing:
            _set(conn, standing[cause]["id"], **told)
            continue
        values = {
            "id": new_id(),
            "order_id": order_id,
            "order_number": order_number,
            "kind": each["kind"],
            "cause": cause[:160],
            "ex": each["ex"],
            "urgent": each["kind"] in URGENT,
            "state": "open",
            "raised_at": now,
            **told,
        }
        conn.execute(insert(alert).values(values))


def listing(
    conn: Connection,
    who: Principal,
    *,
    state: str | None = None,
    order: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> dict[str, Any]:
    """A page of the inbox, newest first: {items, next}. `state`: one of STATES, or None for all unresolved.

    Raises Invalid for a cursor that is none of ours.
    """
    statement = readable(who, alert).order_by(alert.c.id.desc()).limit(limit + 1)
    statement = statement.where(alert.c.state != "resolved" if state is None else alert.c.state == state)
    if order is not None:
        statement = statement.where((alert.c.order_id == order) | (alert.c.order_number == order))
    if (before := open_cursor("a1", cursor)) is not None:
        statement = statement.where(alert.c.id < before)
    rows = [dict(row) for row in conn.execute(statement).mappings()]
    more = rows[limit - 1]["id"] if len(rows) > limit else None
    return {"items": [shown(row) for row in rows[:limit]], "next": None if more is None else cursor_at("a1", more)}


def take_on(
    conn: Connection,
    me: Principal,
    alert_id: str,
    step: str,
    *,
    to: str | None = None,
    until_ms: int | None = None,
    key: str | None = None,
) -> dict[str, Any]:
    """Acknowledge, assign or snooze an item; a fact of the person is written (inbox.*).

    `step`: acknowledged, assigned (`to`: whom) or snoozed (`until_ms`). Raises NotFound, IllegalStep when resolved.
    """
    row = conn.execute(readable(me, alert).where(alert.c.id == alert_id)).mappings().first()
    if row is None:
        raise NotFound(f"no alert {alert_id!r}; GET /api/v1/alerts lists those you may see")
    if row["state"] == "resolved":
        raise IllegalStep("this alert is resolved; the facts closed it", [], state="resolved")
    now = now_ms()
    changes: Row = {"state": step}
    if step == "acknowledged":
        changes |= {"acked_by": me.id, "acked_at": now}
    elif step == "assigned":
        changes |= {"assigned_to": to}
    else:
        changes |= {"snoozed_until": until_ms}
    _set(conn, alert_id, **changes)
    told = to if step == "assigned" else to_rfc3339(until_ms) if step == "snoozed" else None
    _record(conn, me, dict(row), step, told, now, key)
    fresh = conn.execute(readable(me, alert).where(alert.c.id == alert_id)).mappings().one()
    return shown(dict(fresh))


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """An item as the API shows it; a snooze that is over counts as open."""
    state = row["state"]
    if state == "snoozed" and row["snoozed_until"] is not None and row["snoozed_until"] <= now_ms():
        state = "open"
    times = ("opened_at", "raised_at", "closed_at", "acked_at", "snoozed_until")
    plain = ("id", "order_id", "order_number", "kind", "cause", "ex", "urgent", "acked_by", "assigned_to", "branch",
             "site")  # fmt: skip
    return {
        **{name: row[name] for name in plain},
        **{name: to_rfc3339(row[name]) for name in times},
        "state": state,
        "data": json.loads(row["data"]),
        "facts": json.loads(row["facts"]),
    }


def _record(
    conn: Connection, me: Principal, row: Mapping[str, Any], step: str, to: str | None, now: int, key: str | None
) -> None:
    kind = {"acknowledged": "inbox.acked", "assigned": "inbox.assigned", "snoozed": "inbox.snoozed"}[step]
    subjects = {"order": row["order_id"]}
    inputs = (f"{me.id}/{key or new_id()}",)
    body = {"exception": row["cause"], **({"to": to} if to else {})}
    role = next((role for role in sorted(me.roles) if KINDS[kind].may_author(role, "person")), "admin")
    fact = Fact(
        id=fact_id(kind, subjects, inputs),
        kind=kind,
        at=now,
        by=Author(role, me.id),
        subjects=subjects,
        body=body,
        grade="B",
        inputs=inputs,
    )
    record_facts(conn, SYSTEM, [fact])


def _set(conn: Connection, alert_id: str, **values: Any) -> None:
    conn.execute(update(alert).where(alert.c.id == alert_id).values(values))
