"""The history of each order: what came, who said so, what it changed. Hash-chained, in the transaction of the change.

Entries wait until the transaction ends and are chained then: the lock on the end of the chain is the last one that a
transaction takes and is held for no longer than its commit, so that writers of different orders neither fork the
chain nor block each other.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, event, insert, select, text

from milepost.access.model import SYSTEM, Principal
from milepost.access.scope import readable
from milepost.access.tables import person
from milepost.cursors import cursor_at, open_cursor
from milepost.errors import Invalid, NotFound
from milepost.evidence.model import Fact, canonical
from milepost.orders import projector, repository
from milepost.orders.chain import GENESIS, Entry, Head, chained
from milepost.orders.projector import Change
from milepost.orders.tables import audit_head, order_audit
from milepost.times import now_ms, to_rfc3339

ALL = "*"
_CHUNK = 400  # ids per statement; SQLite takes 999 parameters at least
# Told as before → after where they differ.
_SHOWN = ("state", "stage", "current", "outcome", "branch", "customer", "waybill", "trip", "vehicle", "site", "carrier")
_KEEP_HEAD = "INSERT INTO audit_head (id, n, hash) VALUES (:id, :n, :hash) ON CONFLICT (id) DO "
_waiting: WeakKeyDictionary[Connection, list[Entry]] = WeakKeyDictionary()
_savepoints: WeakKeyDictionary[Connection, list[int]] = WeakKeyDictionary()


def install() -> None:
    """Keep the history of every order from every refold on (twice is once)."""
    projector.subscribe(on_changes, first=True)  # what comes of a change is told after the change


def on_changes(conn: Connection, changes: Iterable[Change]) -> None:
    """One entry for what each refold brought: facts that bear on the order, a state that changed."""
    for change in changes:
        _enter(conn, change)


def _enter(conn: Connection, change: Change) -> None:
    world = {(fact.id, fact.rev) for fact in change.world}
    facts = [fact for fact in change.facts if (fact.id, fact.rev) in world]
    if not facts and not change.changed:
        return
    new = change.before["version"] == 0
    before = {name: None if new else change.before[name] for name in _SHOWN}
    after = {name: getattr(change.state, name) for name in _SHOWN}
    body: dict[str, Any] = {
        "facts": [_told(fact) for fact in facts],
        "changed": {name: [before[name], after[name]] for name in _SHOWN if before[name] != after[name]},
    }
    if change.changed:
        body["projection"] = digest(change.state.as_dict())
    refused = bool(facts) and all(fact.kind == "command.refused" for fact in facts)
    note(conn, change.order_id, "refused" if refused else "facts" if facts else "time", body, change.at)


def record(conn: Connection, facts: Iterable[Fact]) -> None:
    """Tell of facts about orders that were appended without a refold, because no state depends on them."""
    for fact in facts:
        if order_id := fact.subjects.get("order"):
            note(conn, order_id, "facts", {"facts": [_told(fact)], "changed": {}}, fact.received_at)


def note(conn: Connection, order_id: str, kind: str, body: Mapping[str, Any], at: int | None = None) -> None:
    """Add an entry to an order's history when this transaction commits.

    `kind`: facts, refused, time (it changed by itself), rejudged (a clock), at most 16 characters; `body`: plain
    JSON (`facts`, `changed` and `projection` mean what `on_changes` writes); `at`: UTC ms, default now.
    """
    entry = Entry(0, order_id, 0, now_ms() if at is None else at, kind, _text(body), GENESIS, GENESIS)
    _waiting.setdefault(conn, []).append(entry)


def page(conn: Connection, who: Principal, ref: str, *, cursor: str | None = None, limit: int = 100) -> dict[str, Any]:
    """A page of an order's history, oldest first: {items, next}. Raises NotFound, Invalid for a foreign cursor."""
    row = repository.find(conn, who, ref)
    if row is None:
        raise NotFound(f"no order {ref!r}; GET /api/v1/orders lists those you may see")
    opened = open_cursor("h1", cursor) or "0"
    if not (opened.isascii() and opened.isdigit() and len(opened) < 10):
        raise Invalid("cursor: not one of ours; take `next` of the page before, or leave it out")
    statement = readable(SYSTEM, order_audit).where(order_audit.c.order_id == row["id"], order_audit.c.n > int(opened))
    found = [dict(each) for each in conn.execute(statement.order_by(order_audit.c.n).limit(limit + 1)).mappings()]
    items = [_shown(each) for each in found[:limit]]
    ids = {fact["by"]["id"] for item in items for fact in item["facts"]}
    names = {row.id: row.name for row in conn.execute(select(person.c.id, person.c.name).where(person.c.id.in_(ids)))}
    for item in items:
        for fact in item["facts"]:
            fact["by"]["name"] = names.get(fact["by"]["id"])
    return {"items": items, "next": cursor_at("h1", str(found[limit - 1]["n"])) if len(found) > limit else None}


def head_of(conn: Connection, chain: str = ALL) -> Head | None:
    """The stored end of the chain over all, or of an order's (by id)."""
    row = conn.execute(select(audit_head).where(audit_head.c.id == chain)).mappings().first()
    return Head(row["n"], row["hash"]) if row else None


def fact_row(fact: Fact) -> dict[str, Any]:
    """The columns of the log that a fact fills, as they are stored."""
    return {
        "id": fact.id, "rev": fact.rev, "kind": fact.kind, "at": fact.at, "recorded_at": fact.recorded_at,
        "received_at": fact.received_at, "clock": fact.clock, "by_role": fact.by.role, "by_id": fact.by.id,
        "by_branch": fact.by.branch, "source": fact.source, "subjects": canonical(fact.subjects).decode(),
        "body": canonical(fact.body).decode(), "confidence": float(fact.confidence), "grade": fact.grade,
        "inputs": canonical(list(fact.inputs)).decode(),
        "snapshot": None if fact.snapshot is None else canonical(fact.snapshot).decode(), "rule": fact.rule,
    }  # fmt: skip


def digest(value: Any) -> str:
    """SHA-256 over a value's JSON with sorted keys, in hex; what the log can hold is never refused here."""
    return hashlib.sha256(_text(value).encode("utf-8", "surrogatepass")).hexdigest()


def _told(fact: Fact) -> dict[str, Any]:
    by = {"role": fact.by.role, "id": fact.by.id, "branch": fact.by.branch}
    told = {"id": fact.id, "rev": fact.rev, "kind": fact.kind, "at": fact.at, "by": by, "source": fact.source}
    return told | {"digest": digest(fact_row(fact))}


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=dict)


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    body = json.loads(row["body"])
    facts = [{**fact, "at": to_rfc3339(fact["at"]), "by": dict(fact["by"])} for fact in body.get("facts", ())]
    changed = [{"field": name, "before": a, "after": b} for name, (a, b) in sorted(body.get("changed", {}).items())]
    data = {name: value for name, value in body.items() if name not in ("facts", "changed", "projection")}
    return {
        "n": row["n"], "at": to_rfc3339(row["at"]), "kind": row["kind"], "facts": facts, "changed": changed,
        "data": data, "hash": row["hash"],
    }  # fmt: skip


@event.listens_for(Engine, "commit")
def _chain(conn: Connection) -> None:  # pyright: ignore[reportUnusedFunction]
    """Chain what waits on this connection, before its transaction commits."""
    entries = _waiting.pop(conn, None)
    _savepoints.pop(conn, None)
    if not entries:
        return
    conn.execute(text(_KEEP_HEAD + "NOTHING"), {"id": ALL, "n": 0, "hash": GENESIS})
    locked = select(audit_head.c.n, audit_head.c.hash).where(audit_head.c.id == ALL).with_for_update()
    head = Head(*conn.execute(locked).one())
    orders = _ends_of(conn, sorted({entry.order for entry in entries}))
    sealed = list(chained(entries, head, orders))
    rows = [
        {
            "seq": each.seq, "order_id": each.order, "n": each.n, "at": each.at, "kind": each.kind, "body": each.body,
            "prev": each.prev, "prev_order": each.prev_order, "hash": each.hash,
        }
        for each in sealed
    ]  # fmt: skip
    conn.execute(insert(order_audit), rows)
    ends = orders | {ALL: Head(sealed[-1].seq, sealed[-1].hash)}
    kept = text(_KEEP_HEAD + "UPDATE SET n = excluded.n, hash = excluded.hash")
    conn.execute(kept, [{"id": chain, "n": end.n, "hash": end.hash} for chain, end in sorted(ends.items())])


def _ends_of(conn: Connection, order_ids: Sequence[str]) -> dict[str, Head]:
    """The stored ends of the chains of these orders, where they have one."""
    found: dict[str, Head] = {}
    for start in range(0, len(order_ids), _CHUNK):
        statement = select(audit_head).where(audit_head.c.id.in_(order_ids[start : start + _CHUNK]))
        found |= {row.id: Head(row.n, row.hash) for row in conn.execute(statement)}
    return found


@event.listens_for(Engine, "rollback")
def _forget(conn: Connection) -> None:  # pyright: ignore[reportUnusedFunction]
    _waiting.pop(conn, None)
    _savepoints.pop(conn, None)


@event.listens_for(Engine, "savepoint")
def _mark(conn: Connection, _name: str | None) -> None:  # pyright: ignore[reportUnusedFunction]
    _savepoints.setdefault(conn, []).append(len(_waiting.get(conn, ())))


@event.listens_for(Engine, "release_savepoint")
def _unmark(conn: Connection, _name: str, _context: None) -> None:  # pyright: ignore[reportUnusedFunction]
    _savepoints[conn].pop()


@event.listens_for(Engine, "rollback_savepoint")
def _back(conn: Connection, _name: str, _context: None) -> None:  # pyright: ignore[reportUnusedFunction]
    """What a savepoint undoes is not told either."""
    del _waiting.get(conn, [])[_savepoints[conn].pop() :]
