"""Use cases of the orders: ask, take a step, read. Each runs in the transaction it is given."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from milepost.access.model import SYSTEM, Principal
from milepost.cursors import cursor_at, open_cursor
from milepost.errors import Conflict, DuplicateKey, Forbidden, Invalid, NotFound
from milepost.evidence import log
from milepost.evidence.model import Author, Fact, canonical, fact_id
from milepost.ids import new_id
from milepost.masterdata import service as masterdata
from milepost.orders import guards, repository, transitions
from milepost.orders.authority import author_role, roles_over
from milepost.orders.projector import CALENDAR, on_facts, refold, subscribe, wake
from milepost.orders.view import detail, evidence, summary
from milepost.orders.vocabulary import KINDS, SUBJECT_KEYS, validate
from milepost.plan import service as plan
from milepost.times import now_ms, parse_rfc3339, to_rfc3339

__all__ = [
    "Asked",
    "command",
    "create",
    "evidence_of",
    "get",
    "listing",
    "on_facts",
    "once",
    "record_facts",
    "record_refusal",
    "subscribe",
    "trip_command",
    "wake",
]
_AHEAD_MS = 2 * 60_000  # F3.5: clocks of people's devices may run ahead so much
_BACK_MS = 31 * 86_400_000
_MAX_REFUSED_BODY = 2000
_AT_RECEIPT = ("requested", "submit")  # their time is the server's receipt (ORDERS.md §1.2)


@dataclass(frozen=True, slots=True)
class Asked:
    """One command as it came in. `at` and `key` are as the client gave them; `version` is what it had seen."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    at: str | None = None
    key: str | None = None
    source: str = "person"
    version: int | None = None


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
    fields = masterdata.intake(conn, fields, now, _own_branch(me))
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
    repository.add(conn, row)
    fact = _fact(me, role, "order.requested", {"order": order_id, **fields}, now, now, asked)
    _append(conn, [fact])
    return get(conn, SYSTEM, order_id, seen_by=me)


def command(conn: Connection, me: Principal, ref: str, name: str, asked: Asked) -> dict[str, Any]:
    """Take one step of the table (`transitions.STEPS`) with an order; returns the order after it.

    Raises NotFound (also for orders outside the person's scopes), Forbidden, IllegalStep with what is allowed,
    Conflict when the order changed since `asked.version`, Invalid for fields.
    """
    row = _locked(conn, me, ref)
    projection = json.loads(row["projection"])
    roles = roles_over(me, row)
    step = transitions.check(name, row["state"], roles)
    if asked.version is not None and asked.version != row["version"]:
        raise Conflict(
            f"{name}: the order has changed since version {asked.version}; read it again",
            changed={"version": row["version"], "state": row["state"], "by": json.loads(row["changed_by"] or "{}")},
        )
    fields = dict(asked.fields)
    guards.check(step, row["state"], projection, roles, fields)
    now = now_ms()
    at = now if name in _AT_RECEIPT else _at(asked.at, now)
    if name == "submit":
        fields = masterdata.intake(conn, {**json.loads(row["request"]), **fields}, now, _own_branch(me))
        _complete(fields)
        repository.set_request(conn, row["id"], json.dumps(fields, ensure_ascii=False))
    elif name == "edit":
        fields["changes"] = masterdata.intake(conn, fields["changes"], now)
    role = author_role(KINDS[step.kind], roles, asked.source)
    if role is None:
        raise Forbidden(f"{name}: this needs one of the roles {', '.join(sorted(step.roles - {'admin'}))}")
    facts = [
        _fact(me, role, kind, {"order": row["id"], **each}, at, now, asked, "scan" if kind == "unit.bound" else None)
        for kind, each in _spelled(conn, name, step.kind, row, fields, at)
    ]
    _append(conn, facts)
    return get(conn, SYSTEM, row["id"], seen_by=me)


def trip_command(conn: Connection, me: Principal, trip_id: str, name: str, asked: Asked) -> dict[str, Any]:
    """A step that concerns a whole trip (`transitions.TRIP_STEPS`): the driver signs, the keeper counts.

    Returns {trip, fact, orders: [{id, number, state}]}. Raises NotFound, Forbidden, IllegalStep.
    """
    trip = plan.get_trip(conn, trip_id, me)
    kind = transitions.TRIP_STEPS[name]
    role = author_role(KINDS[kind], me.roles, asked.source)
    if role is None:
        raise Forbidden(f"{name}: this needs one of the roles {', '.join(sorted(KINDS[kind].authors))}")
    expected = sorted(set(plan.expected_units(conn, trip.id).values()))
    rows = [r for order_id in repository.known(conn, expected) if (r := repository.find(conn, SYSTEM, order_id))]
    guards.check_trip(name, trip, rows)
    now = now_ms()
    fact = _fact(me, role, kind, {"trip": trip.id, **asked.fields}, _at(asked.at, now), now, asked)
    _append(conn, [fact])
    after = [repository.find(conn, SYSTEM, row["id"]) for row in rows]
    orders = [{"id": row["id"], "number": row["number"], "state": row["state"]} for row in after if row]
    return {"trip": trip.id, "fact": fact.id, "orders": orders}


def record_facts(conn: Connection, who: Principal, facts: Sequence[Fact]) -> list[Fact]:
    """Append facts of a person made elsewhere (a planned trip, an expected list) and refold what they touch.

    Raises Invalid when a fact is not of the vocabulary, NotFound when it names an order `who` may not see.
    """
    for fact in facts:
        validate(fact)
        order_id = fact.subjects.get("order")
        if order_id is not None and repository.find(conn, who, order_id) is None:
            raise NotFound(_missing(order_id))
    return _append(conn, facts)


def record_refusal(
    conn: Connection, me: Principal, ref: str, name: str, asked: Asked, problem: Mapping[str, Any]
) -> None:
    """Keep that a command was refused (ORDERS.md §1.10); runs in a transaction after the refused one."""
    row = repository.find(conn, me, ref)
    if row is None:
        return
    now = now_ms()
    body = dict(asked.fields)
    if len(canonical(body)) > _MAX_REFUSED_BODY:
        body = {"left_out": "larger than 2000 bytes"}
    code = problem.get("ex") or problem.get("code")
    fields = {"order": row["id"], "command": name, "body": body, "code": code, "person": me.id}
    service = Principal("service", "service")
    fact = _fact(
        service, "service", "command.refused", fields, now, now, Asked(key=asked.key and f"{me.id}/{asked.key}")
    )
    _append(conn, [fact])


def get(conn: Connection, who: Principal, ref: str, seen_by: Principal | None = None) -> dict[str, Any]:
    """One order by id or number, whole, with the commands `who` may give. Raises NotFound."""
    row = repository.find(conn, who, ref)
    if row is None:
        raise NotFound(_missing(ref))
    return detail(conn, row, roles_over(seen_by or who, row))


def listing(
    conn: Connection,
    who: Principal,
    *,
    state: str | None = None,
    stage: int | None = None,
    branch: str | None = None,
    q: str | None = None,
    trip: str | None = None,
    vehicle: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> dict[str, Any]:
    """A page of orders, newest first: {items, next}. `cursor`: the `next` of the page before (opaque).

    Raises Invalid for a cursor that is none of ours.
    """
    rows = repository.page(
        conn, who, state=state, stage=stage, branch=branch, q=q, trip=trip, vehicle=vehicle,
        before=open_cursor("o1", cursor), limit=limit + 1,
    )  # fmt: skip
    more = len(rows) > limit
    last = rows[limit - 1]["id"] if more else None
    return {"items": [summary(row) for row in rows[:limit]], "next": None if last is None else cursor_at("o1", last)}


def evidence_of(conn: Connection, who: Principal, ref: str) -> list[dict[str, Any]]:
    """The facts behind an order, newest first, with the names of what they speak of. Raises NotFound."""
    row = repository.find(conn, who, ref)
    if row is None:
        raise NotFound(_missing(ref))
    return evidence(conn, row)


def once(
    conn: Connection, me: Principal, key: str | None, what: str, body: Any, do: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """Do a command once per Idempotency-Key of a person: the same body again gets the same answer.

    `what`: method and path. Raises DuplicateKey when the key was used with another body or for another command.
    """
    if key is None:
        return do()
    digest = hashlib.sha256(canonical([what, body])).hexdigest()
    old = repository.find_key(conn, me.id, key)
    if old is not None:
        if old["body_hash"] != digest:
            raise DuplicateKey(f"Idempotency-Key {key!r} was used for another command; take a new one for each command")
        return json.loads(old["answer"])
    answer = do()
    try:
        repository.add_key(conn, me.id, key, digest, json.dumps(answer, ensure_ascii=False), now_ms())
    except IntegrityError:
        raise Conflict("the same command is being carried out just now; ask again", changed="key") from None
    return answer


def _append(conn: Connection, facts: Iterable[Fact]) -> list[Fact]:
    added = log.append(conn, facts)
    on_facts(conn, added)
    return added


def _locked(conn: Connection, me: Principal, ref: str) -> dict[str, Any]:
    row = repository.find(conn, me, ref, lock=True)
    if row is None:
        raise NotFound(_missing(ref))
    if row["next_due"] is not None and row["next_due"] <= now_ms() and refold(conn, row["id"], ()):
        row = repository.find(conn, me, ref) or row
    return row


def _missing(ref: str) -> str:
    return f"no order {ref!r}; GET /api/v1/orders lists those you may see"


def _fact(
    me: Principal,
    role: str,
    kind: str,
    fields: Mapping[str, Any],
    at: int,
    now: int,
    asked: Asked,
    source: str | None = None,
) -> Fact:
    subjects = {name: value for name, value in fields.items() if name in SUBJECT_KEYS and value is not None}
    body = {name: value for name, value in fields.items() if name not in subjects and value is not None}
    # The key is the person's: two people who count their commands from 1 write two facts.
    inputs = (f"{me.id}/{asked.key}" if asked.key else new_id(),)
    fact = Fact(
        id=fact_id(kind, subjects, inputs),
        kind=kind,
        at=at,
        recorded_at=now,
        received_at=now,
        by=Author(role, me.id, _own_branch(me)),
        source=source or asked.source,
        subjects=subjects,
        body=body,
        grade="B",
        inputs=inputs,
    )
    validate(fact)
    return fact


def _own_branch(me: Principal) -> str | None:
    branches = me.scope_ids("branch")
    return next(iter(branches)) if len(branches) == 1 else None


def _spelled(
    conn: Connection, name: str, kind: str, row: Mapping[str, Any], fields: dict[str, Any], at: int
) -> list[tuple[str, dict[str, Any]]]:
    """The facts a command writes: one, but for units, which are also planned and bound to their EPCs.

    An EPC comes from the tag that was written and read back (T12): its binding is a scan, whoever sent it.
    """
    if name == "units":
        return _units(conn, row, fields, at)
    if name in ("bind-unit", "unbind-unit"):
        _own_unit(conn, row, fields["unit"])
        if name == "bind-unit":
            fields["epc"] = plan.bind_epc(conn, fields["unit"], fields["epc"], at)
        else:
            plan.unbind_epc(conn, fields["unit"], fields["epc"], at)
            fields["epc"] = plan.normal_epc(fields["epc"])
    elif fields.get("unit") and name != "raise":
        _own_unit(conn, row, fields["unit"])
    if name in ("retract", "correct"):
        fields.update(_target(conn, row, fields["target"]))
    return [(kind, fields)]


def _units(
    conn: Connection, row: Mapping[str, Any], fields: dict[str, Any], at: int
) -> list[tuple[str, dict[str, Any]]]:
    items = fields["units"]
    made = plan.add_units(conn, row["id"], items, customer=row["customer"], branch=row["branch"], at_ms=at)
    listed, bound = [], []
    for unit, item in zip(made, items, strict=True):
        told = {"unit": unit.id, "no": str(item.get("no") or unit.no), "pieces": unit.pieces}
        told |= {k: item[k] for k in ("line", "kg", "sku") if item.get(k) is not None}
        listed.append(told)
        bound += [("unit.bound", {"unit": unit.id, "epc": epc}) for epc in unit.epcs]
    return [("order.units", {"units": listed}), *bound]


def _own_unit(conn: Connection, row: Mapping[str, Any], unit_id: str) -> None:
    if plan.get_unit(conn, unit_id).order_id != row["id"]:
        raise Invalid(f"unit {unit_id!r} is not of order {row['number']}")


def _target(conn: Connection, row: Mapping[str, Any], target: str) -> dict[str, str]:
    """The subjects of the fact to retract or correct, which must be one of this order's."""
    found = log.by_ids(conn, [target])
    if not found or all(entry["id"] != target for entry in evidence(conn, row)):
        raise Invalid(
            f"target: fact {target!r} is none of this order's; GET /orders/{row['number']}/evidence lists them"
        )
    if found[-1].kind in ("fact.retracted", "fact.corrected"):
        raise Invalid("target: a retraction or a correction cannot itself be retracted or corrected")
    return {kind: subject for kind, subject in found[-1].subjects.items() if kind != "order"}


def _complete(fields: dict[str, Any]) -> None:
    """T1's guard: lines, dates, both addresses, contact."""
    missing = [n for n in ("lines", "from", "to", "contact") if not fields.get(n)]
    missing += [n for n in ("dates",) if fields.get(n) is None]
    if missing:
        raise Invalid(f"submit: still missing: {', '.join(missing)}; send them with this command")
    for name, default in (("class", "standard"), ("channel", "web"), ("pickup", "none")):
        fields[name] = fields.get(name) or default
    fields["online"] = bool(fields.get("online"))


def _at(text: str | None, now: int) -> int:
    if text is None:
        return now
    at = parse_rfc3339(text, "at")
    if at > now + _AHEAD_MS:
        raise Invalid(f"at: {to_rfc3339(at)} lies in the future; check the clock of the device that says so")
    if at < now - _BACK_MS:
        raise Invalid(f"at: {to_rfc3339(at)} is more than 31 days ago; write a correction instead")
    return at


def _number(conn: Connection, now: int) -> str:
    day = CALENDAR.local(now).strftime("%y%m%d")
    return f"SO-{day}-{repository.next_number(conn, day):04d}"
