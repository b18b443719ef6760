"""Orders made of an order: decomposed into several (LI-7), appended to (OD-3, EX-3), copied (LI-5)."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from milepost.access.model import SYSTEM, Principal
from milepost.errors import Forbidden, Invalid
from milepost.evidence.model import Fact
from milepost.orders import guards, service
from milepost.orders.authority import author_role, roles_over
from milepost.orders.spelling import INVERSE
from milepost.orders.transitions import DERIVED_ROLES, DERIVED_STATES, STEPS, illegal
from milepost.orders.vocabulary import KINDS
from milepost.orders.write import Asked, append, told
from milepost.times import now_ms

Row = dict[str, Any]
# What a further order takes over from the first; lines and dates are its own.
_KEPT = ("type", "customer", "class", "channel", "online", "from", "to", "contact", "pickup")


def split(conn: Connection, me: Principal, ref: str, asked: Asked) -> Row:
    """Decompose an order that is not locked yet: each part takes its goods out of it into an order of its own.

    `asked.fields["parts"]`: [{lines: [{line, qty}], to?, dates?}]. The parts stand where the order stood, ASSIGNED at
    most: each is accepted by itself. Returns {order, parts}. Raises Invalid for goods that the order has not, and
    what `service.command` raises.
    """
    row, roles = _start(conn, me, ref, "split", asked)
    case = service.case_of(conn, row, roles, me, asked.fields, now_ms())
    guards.check(STEPS["edit"], case)
    if case.projection["units"]:
        raise illegal("split", row["state"], roles, "its units are listed already; split it before that")
    request = json.loads(row["request"])
    lines = [dict(line) for line in request.get("lines") or ()]
    parts = [_taken(lines, part, n) for n, part in enumerate(asked.fields["parts"], 1)]
    rest = [line for line in lines if line["qty"] > 0]
    if not rest:
        raise Invalid("parts: nothing would be left in the order itself; leave one part out")
    made = []
    for part, goods in zip(asked.fields["parts"], parts, strict=True):
        more = {name: part[name] for name in ("to", "dates") if part.get(name)}
        made.append(_make(conn, me, row, {**_kept(request), **more, "lines": goods}, "split", asked))
    now = now_ms()
    changes = {"order": row["id"], "changes": {"lines": rest}, "override_by": asked.fields.get("override_by")}
    append(conn, [told(me, _author(me, row, "order.edited"), "order.edited", changes, now, now, asked)])
    seen = [service.get(conn, SYSTEM, order_id, seen_by=me) for order_id in (row["id"], *made)]
    return {"order": seen[0], "parts": seen[1:]}


def extend(conn: Connection, me: Principal, ref: str, asked: Asked) -> Row:
    """A supplementary order: further goods for the same customer and addresses, linked to the first. Returns it."""
    row, _ = _start(conn, me, ref, "append", asked)
    request = json.loads(row["request"])
    more = {name: asked.fields[name] for name in ("lines", "to", "dates") if asked.fields.get(name)}
    made = _make(conn, me, row, {**_kept(request), **more}, "supplementary", asked)
    return service.get(conn, SYSTEM, made, seen_by=me)


def copy(conn: Connection, me: Principal, ref: str, asked: Asked) -> Row:
    """A new request with the same content; it has no bond with the first. Returns it."""
    row, _ = _start(conn, me, ref, "copy", asked)
    request = json.loads(row["request"])
    fields = {**_kept(request), "lines": request.get("lines") or []}
    return service.create(conn, me, Asked(fields, key=asked.key, source=asked.source))


def _start(conn: Connection, me: Principal, ref: str, name: str, asked: Asked) -> tuple[Row, frozenset[str]]:
    row = service.locked(conn, me, ref)
    roles = roles_over(me, row)
    if roles.isdisjoint(DERIVED_ROLES[name]):
        need = ", ".join(sorted(DERIVED_ROLES[name] - {"admin"}))
        raise Forbidden(f"{name}: this needs one of the roles {need} over this order")
    service.check_version(row, name, asked)
    if row["state"] not in DERIVED_STATES[name]:
        raise illegal(name, row["state"], roles)
    return row, roles


def _kept(request: Mapping[str, Any]) -> Row:
    return {name: request[name] for name in _KEPT if request.get(name) is not None} | {"dates": {}}


def _taken(lines: list[Row], part: Mapping[str, Any], n: int) -> list[Row]:
    """Take a part's goods out of `lines`. Raises Invalid for a line that is not there or holds less."""
    goods = []
    for wish in part["lines"]:
        line = next((line for i, line in enumerate(lines, 1) if str(line.get("line", i)) == wish["line"]), None)
        if line is None:
            raise Invalid(f"parts: part {n}: the order has no line {wish['line']!r}")
        if wish["qty"] > line["qty"]:
            raise Invalid(f"parts: part {n}: line {wish['line']} has {line['qty']} left, not {wish['qty']}")
        line["qty"] = _whole(line["qty"] - wish["qty"])
        goods.append({**line, "qty": _whole(wish["qty"])})
    return goods


def _whole(qty: float) -> float:
    return int(qty) if qty == int(qty) else qty


def _make(conn: Connection, me: Principal, row: Row, fields: Row, relation: str, asked: Asked) -> str:
    """A further order, submitted to the branch of the first if that one has been, and linked both ways."""
    made = service.create(conn, me, Asked(fields, source=asked.source))["id"]
    submitted = row["state"] != "requested"
    if submitted:
        service.command(conn, me, made, "submit", Asked({"branch": row["branch"]} if row["branch"] else {}))
    now = now_ms()
    facts: list[Fact] = [
        told(me, _author(me, row, "order.linked"), "order.linked", {"order": a, "other": b, "relation": r}, now, now,
             Asked(source=asked.source))
        for a, b, r in ((row["id"], made, relation), (made, row["id"], INVERSE[relation]))
    ]  # fmt: skip
    append(conn, facts)
    return made


def _author(me: Principal, row: Row, kind: str) -> str:
    role = author_role(KINDS[kind], roles_over(me, row), "person")
    if role is None:
        raise Forbidden(f"{kind}: this needs one of the roles {', '.join(sorted(KINDS[kind].authors))}")
    return role
