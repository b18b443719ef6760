"""Use cases of the orders: ask, take a step, read. Each runs in the transaction it is given."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from milepost.access.model import SYSTEM, Principal
from milepost.errors import Conflict, Forbidden, NotFound
from milepost.evidence.model import Fact, canonical
from milepost.ids import new_id
from milepost.masterdata import service as masterdata
from milepost.orders import guards, projector, repository, transitions, trips, warnings
from milepost.orders.authority import author_role, roles_over
from milepost.orders.guards import Case
from milepost.orders.listing import Filter, listing
from milepost.orders.projector import calendar, on_facts, refold, subscribe
from milepost.orders.spelling import SCANNED, complete, spelled
from milepost.orders.view import detail, evidence
from milepost.orders.vocabulary import KINDS, validate
from milepost.orders.write import Asked, append, own_branch, told, when
from milepost.times import now_ms

__all__ = [
    "Asked",
    "Filter",
    "case_of",
    "check_version",
    "command",
    "create",
    "evidence_of",
    "get",
    "listing",
    "locked",
    "on_facts",
    "record_facts",
    "record_refusal",
    "record_trip_refusal",
    "subscribe",
    "trip_command",
]
_MAX_REFUSED_BODY = 2000
_AT_RECEIPT = ("requested", "submit")  # their time is the server's receipt (ORDERS.md §1.2)
_SERVICE = Principal("service", "service")
trip_command = trips.command


def create(conn: Connection, me: Principal, asked: Asked, number: str | None = None) -> dict[str, Any]:
    """Take a request in (state REQUESTED) and return the order.

    `asked.fields`: those of `order.submitted` as far as they are known. Raises Forbidden for a customer who is not
    theirs, Conflict when the number is taken.
    """
    now = now_ms()
    role = author_role(KINDS["order.requested"], me.roles, asked.source)
    if role is None:
        raise Forbidden("POST /orders: this needs one of the roles customer, desk, call_centre")
    fields = dict(asked.fields)
    if not me.sees_all and role == "customer" and fields["customer"] not in me.scope_ids("customer"):
        raise Forbidden("customer: you may order for your own company only")
    if number is not None and repository.find(conn, SYSTEM, number):
        raise Conflict(f"order number {number!r} is taken; choose another or leave it out", changed="number")
    fields = masterdata.intake(conn, fields, now, own_branch(me))
    order_id = new_id()
    row = {
        "id": order_id,
        "number": number or _number(conn, now),
        "created_at": now,
        "request": json.dumps(fields, ensure_ascii=False),
        "updated_at": now,
        "customer": fields["customer"],
        "type": fields["type"],
        "state": "requested",
        "stage": 1,
        "current": "requested",
        "projection": "{}",
    }
    if not repository.add(conn, row):
        raise Conflict(f"order number {row['number']!r} was taken just now; choose another", changed="number")
    append(conn, [told(me, role, "order.requested", {"order": order_id, **fields}, now, now, asked)])
    return get(conn, SYSTEM, order_id, seen_by=me)


def command(conn: Connection, me: Principal, ref: str, name: str, asked: Asked) -> dict[str, Any]:
    """Take one step of the table (`transitions.STEPS`) with an order; returns the order after it, with warnings.

    Raises NotFound (also for orders outside the person's scopes), Forbidden, IllegalStep with what is allowed,
    Conflict when the order changed since `asked.version`, Invalid for fields.
    """
    row = locked(conn, me, ref)
    roles = roles_over(me, row)
    now = now_ms()
    at = now if name in _AT_RECEIPT else when(asked.at, now)
    fields = dict(asked.fields)
    case = case_of(conn, row, roles, me, fields, at)
    check_version(row, name, asked)
    step = transitions.check(name, row["state"], roles, guards.open_commands(case))
    guards.check(step, case)
    warned = warnings.of_command(name, case)
    if name == "submit":
        fields = masterdata.intake(conn, {**json.loads(row["request"]), **fields}, now, own_branch(me))
        complete(fields)
    elif name == "edit":
        fields["changes"] = masterdata.intake(conn, fields["changes"], now)
    role = author_role(KINDS[step.kind], roles, "scan" if step.kind in SCANNED else asked.source)
    if role is None:
        # Its scope is right, its tool is not: a driver at the door reads with a scanner.
        raise Forbidden(f"{name}: a {', '.join(sorted(roles & step.roles))} does this with a scanner (source: scan)")
    facts = [
        told(me, role, kind, {"order": row["id"], **each}, at, now, asked, "scan" if kind in SCANNED else None)
        for kind, each in spelled(conn, me, name, step.kind, row, fields, at)
    ]
    append(conn, facts)
    return {**get(conn, SYSTEM, row["id"], seen_by=me), "warnings": warned}


def case_of(
    conn: Connection, row: Mapping[str, Any], roles: frozenset[str], me: Principal, fields: Mapping[str, Any], at: int
) -> Case:
    """What a guard looks at, for a command upon this row."""
    projection = repository.projection(row)
    limits = projector.limits(conn).limits(projection.get("channel"), projection.get("customer_class"), at)
    return Case(row["state"], projection, roles, at, me.id, fields, limits, calendar())


def check_version(row: Mapping[str, Any], name: str, asked: Asked) -> None:
    """Raise Conflict when the order is no longer what the client had seen: one wins, the other is told."""
    if asked.version is not None and asked.version != row["version"]:
        raise Conflict(
            f"{name}: the order has changed since version {asked.version}; read it again",
            changed={"version": row["version"], "state": row["state"], "by": json.loads(row["changed_by"] or "{}")},
        )


def record_facts(conn: Connection, who: Principal, facts: Sequence[Fact]) -> list[Fact]:
    """Append facts of a person made elsewhere (a planned trip, an expected list) and refold what they touch.

    Raises Invalid when a fact is not of the vocabulary, NotFound when it names an order `who` may not see.
    """
    for fact in facts:
        validate(fact)
        order_id = fact.subjects.get("order")
        if order_id is not None and repository.find(conn, who, order_id) is None:
            raise NotFound(_missing(order_id))
    return append(conn, facts)


def record_refusal(
    conn: Connection, me: Principal, ref: str, name: str, asked: Asked, problem: Mapping[str, Any]
) -> None:
    """Keep that a command was refused (ORDERS.md §1.10); runs in a transaction after the refused one."""
    row = repository.find(conn, me, ref)
    if row is None:
        return
    _refused(conn, me, row["id"], name, asked, problem)


def record_trip_refusal(
    conn: Connection, me: Principal, trip_id: str, name: str, asked: Asked, problem: Mapping[str, Any]
) -> None:
    """The same for a command on a trip: each of its orders that `me` may see keeps it."""
    for order_id in trips.orders_of(conn, me, trip_id):
        _refused(conn, me, order_id, name, asked, problem)


def _refused(
    conn: Connection, me: Principal, order_id: str, name: str, asked: Asked, problem: Mapping[str, Any]
) -> None:
    now = now_ms()
    body = dict(asked.fields)
    if len(canonical(body)) > _MAX_REFUSED_BODY:
        body = {"left_out": "larger than 2000 bytes"}
    code = problem.get("ex") or problem.get("code")
    fields = {"order": order_id, "command": name, "body": body, "code": code, "person": me.id}
    key = asked.key and f"{me.id}/{asked.key}"
    append(conn, [told(_SERVICE, "service", "command.refused", fields, now, now, Asked(key=key))])


def get(conn: Connection, who: Principal, ref: str, seen_by: Principal | None = None) -> dict[str, Any]:
    """One order by id or number, whole, with the commands `who` may give. Raises NotFound."""
    row = repository.find(conn, who, ref)
    if row is None:
        raise NotFound(_missing(ref))
    return detail(conn, row, roles_over(seen_by or who, row))


def evidence_of(conn: Connection, who: Principal, ref: str) -> list[dict[str, Any]]:
    """The facts behind an order, newest first, with the names of what they speak of. Raises NotFound."""
    row = repository.find(conn, who, ref)
    if row is None:
        raise NotFound(_missing(ref))
    return evidence(conn, row)


def locked(conn: Connection, me: Principal, ref: str) -> dict[str, Any]:
    """The row of an order that `me` may see, kept from changing meanwhile, woken if it was time. Raises NotFound."""
    row = repository.find(conn, me, ref, lock=True)
    if row is None:
        raise NotFound(_missing(ref))
    if row["next_due"] is not None and row["next_due"] <= now_ms() and refold(conn, row["id"], ()):
        row = repository.find(conn, me, ref) or row
    return row


def _missing(ref: str) -> str:
    return f"no order {ref!r}; GET /api/v1/orders lists those you may see"


def _number(conn: Connection, now: int) -> str:
    day = calendar().local(now).strftime("%y%m%d")
    return f"SO-{day}-{repository.next_number(conn, day):04d}"
