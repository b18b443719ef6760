"""The inbox for people: see what is open, take it on, hand it over, put it off, resolve what no fact can."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection

from milepost.access import service as access
from milepost.access.model import SYSTEM, Principal
from milepost.alerts import repository
from milepost.alerts.follow import on_changes, on_clocks
from milepost.alerts.model import STATES, can
from milepost.alerts.repository import Filter
from milepost.alerts.rules import rule_of_item
from milepost.alerts.view import shown, state_of
from milepost.clocks import service as clocks
from milepost.cursors import cursor_at, open_cursor
from milepost.errors import Conflict, Forbidden, IllegalStep, Invalid, NotFound
from milepost.evidence.model import Author, Fact, fact_id
from milepost.ids import new_id
from milepost.notify import service as notify
from milepost.notify.names import fill
from milepost.notify.repository import names_of
from milepost.notify.rules import URGENCIES
from milepost.orders import repository as orders
from milepost.orders.authority import author_role, covers, roles_over
from milepost.orders.service import record_facts, subscribe
from milepost.orders.vocabulary import KINDS
from milepost.times import now_ms, to_rfc3339

__all__ = ["STAFF", "STATES", "Filter", "counts", "get", "install", "listing", "resolve", "take_on"]
# Who may act on items of the inbox (the administrator may too).
STAFF = (
    "dispatcher", "desk", "call_centre", "branch_manager", "regional_manager", "keeper", "claims", "finance",
    "engineer",
)  # fmt: skip
_MAX_SNOOZE_MS = 31 * 86_400_000
_KIND = {"acknowledged": "inbox.acked", "assigned": "inbox.assigned", "snoozed": "inbox.snoozed"}
_COMMAND = {"acknowledged": "acknowledge", "assigned": "assign", "snoozed": "snooze"}
Row = dict[str, Any]


def install() -> None:
    """Let every change of an order, and of its clocks, reach the inbox in its own transaction (twice is once)."""
    subscribe(on_changes)
    clocks.subscribe(on_clocks)


def listing(
    conn: Connection,
    who: Principal,
    wanted: Filter | None = None,
    *,
    sort: str = "newest",
    cursor: str | None = None,
    limit: int = 50,
) -> dict[str, Any]:
    """A page of the inbox: {items, next}. `sort`: newest, or urgency (within it the newest first).

    Raises Invalid for a cursor that is none of ours, or of another order.
    """
    now = now_ms()
    by_urgency = sort == "urgency"
    kind = "a2" if by_urgency else "a1"
    rows = repository.page(
        conn, who, wanted or Filter(), now, by_urgency=by_urgency, after=_after(open_cursor(kind, cursor), by_urgency),
        limit=limit + 1,
    )  # fmt: skip
    following = None
    if len(rows) > limit:
        last = rows[limit - 1]
        following = cursor_at(kind, f"{last['rank']}.{last['id']}" if by_urgency else last["id"])
    return {"items": shown(conn, rows[:limit], now), "next": following}


def counts(conn: Connection, who: Principal, wanted: Filter | None = None) -> dict[str, int]:
    """The numbers on the filters: {active, mine, no_owner, now, shift, wait, snoozed}; those but `snoozed` count what
    is unresolved and not asleep. `wanted`: only its kind, ex and branch narrow them."""
    names: list[str] = ["active", "mine", "no_owner", *URGENCIES, "snoozed"]
    found = dict.fromkeys(names, 0)
    for row in repository.counts(conn, who, wanted or Filter(), now_ms()):
        if row["state"] == "snoozed":
            found["snoozed"] += row["n"]
            continue
        found["active"] += row["n"]
        found[URGENCIES[row["rank"]]] += row["n"]
        found["mine"] += row["n"] if row["owner"] == who.id else 0
        found["no_owner"] += row["n"] if row["owner"] is None else 0
    return found


def get(conn: Connection, who: Principal, alert_id: str) -> dict[str, Any]:
    """One item. Raises NotFound."""
    return shown(conn, [_found(repository.find(conn, who, alert_id), alert_id)], now_ms())[0]


def row_of(conn: Connection, who: Principal, alert_id: str) -> Row:
    """The row of one item. Raises NotFound."""
    return _found(repository.find(conn, who, alert_id), alert_id)


def of_causes(conn: Connection, who: Principal, causes: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The unresolved items of these causes that `who` may see, by cause."""
    rows = repository.of_causes(conn, who, causes)
    return {item["cause"]: item for item in shown(conn, rows, now_ms())}


def take_on(
    conn: Connection,
    me: Principal,
    alert_id: str,
    step: str,
    *,
    to: str | None = None,
    until_ms: int | None = None,
    version: int | None = None,
    key: str | None = None,
) -> dict[str, Any]:
    """Acknowledge (I take it), assign (`to`: person) or snooze (`until_ms`: UTC ms) an item. About an order, a fact of
    the person is written (inbox.*); one about a device or a door belongs to no order's log and keeps the step itself.

    `step`: acknowledged, assigned or snoozed; `version`: of the item one has seen. Raises NotFound, IllegalStep when
    resolved, Conflict with what changed when somebody else has taken a step since or holds the item, Invalid for a
    person who may not act here or a time that is past, Forbidden.
    """
    row, order = _held(conn, me, alert_id, version)
    now = now_ms()
    _check(row, _COMMAND[step], now)
    changes: Row = {"state": step, "changed_by": me.id, "snoozed_until": None}
    told = None
    if step == "acknowledged":
        if row["owner"] not in (None, me.id):
            raise changed(conn, row, "somebody else has it; assign it to yourself to take it over")
        changes |= {"acked_by": me.id, "acked_at": now, "owner": me.id}
    elif step == "assigned":
        told = _assignee(conn, row, order, to)
        changes |= {"assigned_to": to, "owner": to}
    else:
        told = _awake(until_ms, now)
        changes |= {"snoozed_until": until_ms}
    repository.change(conn, alert_id, changes)
    extra = {"to": told} if told else {}
    if order is None:
        _check_scope(me, row)
        return get(conn, me, alert_id)
    _record(conn, me, order, _KIND[step], {"exception": row["cause"], **extra}, now, key)
    if step == "assigned" and to is not None and to != me.id:
        _tell(conn, me, to, row, order)
    return get(conn, me, alert_id)


def resolve(
    conn: Connection, me: Principal, alert_id: str, word: str, *, version: int | None = None, key: str | None = None
) -> dict[str, Any]:
    """Resolve an item that no fact can, with a word why (EO-13, X-22); `exception.closed` is written where it is about
    an order, and the item keeps the word.

    Raises NotFound, Conflict, Forbidden; IllegalStep when it is resolved, or when facts alone resolve it: then the
    message says which.
    """
    row, order = _held(conn, me, alert_id, version)
    now = now_ms()
    _check(row, "resolve", now)
    fact = None
    if order is None:
        _check_scope(me, row)
    else:
        ex, cause = _name(row)
        fact = _record(conn, me, order, "exception.closed", {"ex": ex, "cause": cause, "reason": word}, now, key).id
    close_by(conn, me, alert_id, now, fact, word)
    return get(conn, me, alert_id)


def close_by(conn: Connection, me: Principal, alert_id: str, at: int, fact: str | None, word: str | None) -> None:
    """Note that a person has settled an item (`at`: UTC ms), by a fact of theirs or by a word."""
    values: Row = {"state": "resolved", "closed_at": at, "resolved_by": me.id, "resolved_fact": fact,
                   "resolution": word, "changed_by": me.id, "snoozed_until": None}  # fmt: skip
    repository.change(conn, alert_id, values)


def held(conn: Connection, me: Principal, alert_id: str, version: int | None) -> Row:
    """An unresolved item, kept from changing until this transaction ends. Raises NotFound, Conflict, IllegalStep,
    and Forbidden for one of a door whose site is none of theirs."""
    row, order = _held(conn, me, alert_id, version)
    _check(row, "answer", now_ms())
    if order is None:
        _check_scope(me, row)
    return row


def changed(conn: Connection, row: Row, why: str) -> Conflict:
    """The error that an item (its row) is not what somebody has seen, with what it is now."""
    people = names_of(conn, {each for each in (row["owner"], row["changed_by"]) if each})
    now = {name: row[name] for name in ("version", "state", "owner")}
    now["owner_name"] = people.get(row["owner"] or "")
    now["by"] = people.get(row["changed_by"] or "", row["changed_by"])
    return Conflict(f"this alert is {row['state']}: {why}", changed=now)


def _after(text: str | None, by_urgency: bool) -> tuple[int, str] | None:
    if text is None:
        return None
    if not by_urgency:
        return (0, text)
    rank, _, last = text.partition(".")
    if not rank.isdigit() or len(rank) > 1:
        raise Invalid("cursor: not one of ours; take `next` of the page before, or leave it out")
    return (int(rank), last)


def _found(row: Row | None, alert_id: str) -> Row:
    if row is None:
        raise NotFound(f"no alert {alert_id!r}; GET /api/v1/alerts lists those you may see")
    return row


def _held(conn: Connection, me: Principal, alert_id: str, version: int | None) -> tuple[Row, Row | None]:
    """The item and the order it is about, both locked: the order first, as a refold does."""
    seen = _found(repository.find(conn, me, alert_id), alert_id)
    order = None if seen["order_id"] is None else orders.find(conn, SYSTEM, seen["order_id"], lock=True)
    row = _found(repository.find(conn, me, alert_id, lock=True), alert_id)
    assert order is not None or row["order_id"] is None  # the item goes with its order
    if version is not None and version != row["version"]:
        raise changed(conn, row, f"it has changed since version {version}; read it again")
    return row, order


def _check(row: Row, command: str, now: int) -> None:
    rule = rule_of_item(row)
    state = state_of(row, now)
    may = list(can(state, rule.by_facts))
    if state == "resolved":
        by = row["resolved_by"]
        how = f"{by} resolved it" if by else "the facts closed it"
        raise IllegalStep(f"this alert is resolved; {how}", may, state=state, by=by, fact=row["resolved_fact"])
    if command == "resolve" and command not in may:
        raise IllegalStep(f"facts resolve this alert: {rule.task[1]}", may, state=state)


def _assignee(conn: Connection, row: Row, order: Row | None, to: str | None) -> str:
    """The person, if they may act over the scope of what the item is about."""
    person = next((p for p in access.people(conn) if p["id"] == to), None)
    if person is None or person["disabled"]:
        raise Invalid(f"to: no open account {to!r}; GET /api/v1/people lists them")
    if not any(grant.role in (*STAFF, "admin") and covers(grant, order or row) for grant in person["grants"]):
        raise Invalid(f"to: {person['name']} may not act on {_about(row)}; choose somebody of its branch or site")
    return person["id"]


def _about(row: Row) -> str:
    if row["order_id"] is not None:
        return f"order {row['order_number']}"
    return (
        f"device {row['device']}" if row["device"] is not None else json.loads(row["data"]).get("holder", row["cause"])
    )


def _check_scope(me: Principal, row: Row) -> None:
    if not roles_over(me, row) & {*STAFF, "admin"}:
        raise Forbidden(f"this needs a role over {_about(row)}; ask an administrator for it")


def _awake(until_ms: int | None, now: int) -> str | None:
    if until_ms is None or until_ms <= now:
        raise Invalid("until: lies in the past; say when it shall come back")
    if until_ms > now + _MAX_SNOOZE_MS:
        raise Invalid("until: more than 31 days ahead; nothing sleeps so long")
    return to_rfc3339(until_ms)


def _name(row: Row) -> tuple[str, str]:
    """(ex, cause) by which `exception.closed` names an item: a raised one by its EX, others by kind and key."""
    _, _, key = row["cause"].partition(":")
    if row["clock"] is not None or row["kind"] == "raised":
        ex, _, cause = key.partition(":")
        return ex, cause
    return row["kind"], key


def _record(
    conn: Connection, me: Principal, order: Row, kind: str, body: Mapping[str, Any], now: int, key: str | None
) -> Fact:
    role = author_role(KINDS[kind], roles_over(me, order), "person")
    if role is None:
        raise Forbidden(f"this needs a role over order {order['number']}; ask an administrator for it")
    subjects = {"order": order["id"]}
    inputs = (f"{me.id}/{key or new_id()}",)
    branches = me.scope_ids("branch")
    fact = Fact(
        id=fact_id(kind, subjects, inputs),
        kind=kind,
        at=now,
        by=Author(role, me.id, next(iter(branches)) if len(branches) == 1 else None),
        subjects=subjects,
        body=body,
        grade="B",
        inputs=inputs,
    )
    record_facts(conn, SYSTEM, [fact])
    return fact


def _tell(conn: Connection, me: Principal, to: str, row: Row, order: Row) -> None:
    rule = rule_of_item(row)
    [fields] = fill(conn, [{**json.loads(row["data"])}])
    data = {
        **{name: value for name, value in fields.items() if name in ("cause", "due", "eta")},
        "by": me.name,
        "title": {"zh": rule.title[0], "en": rule.title[1]},
        "task": {"zh": rule.task[0], "en": rule.task[1]},
    }
    occasion = f"{row['id']}/{row['version']}"
    notify.tell_person(conn, to, "inbox.assigned", row["cause"], order, data, urgency=rule.urgency, occasion=occasion)
