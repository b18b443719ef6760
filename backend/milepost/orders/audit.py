"""The history held against itself and against what it tells of: the log of facts and the orders' rows."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection

from milepost.access.model import SYSTEM
from milepost.access.scope import readable
from milepost.errors import NotFound
from milepost.evidence.tables import fact as fact_table
from milepost.evidence.tables import fact_subject
from milepost.orders import repository
from milepost.orders.chain import OF_ORDER, WHOLE, Entry, Head, first_break
from milepost.orders.history import ALL, digest, head_of
from milepost.orders.tables import order, order_audit

_CHUNK = 400  # ids per statement; SQLite takes 999 parameters at least
Wrong = dict[str, Any]


def verify(conn: Connection, ref: str | None = None, kept: Head | None = None) -> dict[str, Any]:
    """Check the whole history, or that of one order (id or number).

    `kept`: an end of the chain over all that was written down elsewhere. Returns {ok, entries, orders, head: {n,
    hash}, broken}: `broken` is null or {n, what, detail, order, number}, the first thing that is wrong: an entry that
    was `changed`, is `missing`, `reordered`, `inserted`, `cut` off the end or `rewritten`; or, where the chain holds,
    a fact or an order's row that is not what the history tells (`fact_changed`, `fact_missing`, `fact_unrecorded`,
    `order_changed`, `order_missing`). Raises NotFound for an order that there is no trace of.
    """
    order_id = None if ref is None else _order_id(conn, ref)
    chain = ALL if order_id is None else order_id
    head = head_of(conn, chain)
    found = first_break(_reader(conn, order_id), head, WHOLE if order_id is None else OF_ORDER, kept)
    broken = asdict(found) if found else _first(_told(conn, order_id))
    if broken is not None:
        row = repository.find(conn, SYSTEM, broken["order"]) if broken["order"] else None
        broken["number"] = row["number"] if row else None
    counted = [(entry.seq, entry.order) for entry in _reader(conn, order_id)()]
    return {
        "ok": broken is None,
        "entries": len(counted),
        "orders": len({order_id for _, order_id in counted}),
        "head": asdict(head or Head()),
        "broken": broken,
    }


def _order_id(conn: Connection, ref: str) -> str:
    row = repository.find(conn, SYSTEM, ref)
    if row is not None:
        return row["id"]
    if head_of(conn, ref) is None or ref == ALL:
        raise NotFound(f"no order {ref!r} and no history of one; give its number or its id")
    return ref


def _reader(conn: Connection, order_id: str | None) -> Callable[[], Iterator[Entry]]:
    statement = readable(SYSTEM, order_audit)
    if order_id is None:
        statement = statement.order_by(order_audit.c.seq)
    else:
        statement = statement.where(order_audit.c.order_id == order_id).order_by(order_audit.c.n)

    def read() -> Iterator[Entry]:
        for row in conn.execute(statement.execution_options(yield_per=1000)).mappings():
            yield Entry(
                row["seq"], row["order_id"], row["n"], row["at"], row["kind"], row["body"], row["prev"],
                row["prev_order"], row["hash"],
            )  # fmt: skip

    return read


def _told(conn: Connection, order_id: str | None) -> Iterator[Wrong]:
    """Where the log or an order's row is not what a sound history says of it."""
    facts: dict[tuple[str, int], tuple[str, Entry]] = {}
    rows: dict[str, tuple[str, Entry]] = {}
    whole: dict[str, Entry] = {}  # orders whose history begins with their request
    for entry in _reader(conn, order_id)():
        body = json.loads(entry.body)
        for each in body.get("facts", ()):
            facts[each["id"], each["rev"]] = each["digest"], entry
            if entry.n == 1 and each["kind"] == "order.requested":
                whole[entry.order] = entry
        if "projection" in body:
            rows[entry.order] = body["projection"], entry
    yield from _facts(conn, facts)
    yield from _unrecorded(conn, facts, whole)
    yield from _orders(conn, rows)


def _facts(conn: Connection, told: Mapping[tuple[str, int], tuple[str, Entry]]) -> Iterator[Wrong]:
    stored: dict[tuple[str, int], str] = {}
    columns = [column for column in fact_table.c if column.name != "seq"]
    for part in _chunks(sorted({fact_id for fact_id, _ in told})):
        for row in conn.execute(readable(SYSTEM, fact_table, *columns).where(fact_table.c.id.in_(part))).mappings():
            stored[row["id"], row["rev"]] = digest({**row, "confidence": float(row["confidence"])})
    for (fact_id, rev), (was, entry) in told.items():
        now = stored.get((fact_id, rev))
        if now != was:
            what = "fact_missing" if now is None else "fact_changed"
            yield _wrong(entry, what, f"fact {fact_id} rev {rev} in the log is not what entry {entry.n} tells of it")


def _unrecorded(
    conn: Connection, told: Mapping[tuple[str, int], Any], whole: Mapping[str, Entry]
) -> Iterator[Wrong]:  # fmt: skip
    for part in _chunks(sorted(whole)):
        statement = (
            readable(SYSTEM, fact_table, fact_table.c.id, fact_table.c.rev, fact_subject.c.subject_id)
            .join(fact_subject, fact_subject.c.fact_seq == fact_table.c.seq)
            .where(fact_subject.c.kind == "order", fact_subject.c.subject_id.in_(part))
            .order_by(fact_table.c.seq)
        )
        for row in conn.execute(statement).mappings():
            if (row["id"], row["rev"]) not in told:
                detail = f"fact {row['id']} rev {row['rev']} stands in the log, and the history has not seen it come"
                yield _wrong(whole[row["subject_id"]], "fact_unrecorded", detail) | {"n": None}


def _orders(conn: Connection, told: Mapping[str, tuple[str, Entry]]) -> Iterator[Wrong]:
    stored: dict[str, str] = {}
    for part in _chunks(sorted(told)):
        for row in conn.execute(readable(SYSTEM, order, order.c.id, order.c.projection).where(order.c.id.in_(part))):
            stored[row.id] = digest(json.loads(row.projection))
    for order_id, (was, entry) in told.items():
        if order_id not in stored:
            yield _wrong(entry, "order_missing", "the order's row is gone")
        elif stored[order_id] != was:
            yield _wrong(entry, "order_changed", "the order's row is not what this entry left")


def _wrong(entry: Entry, what: str, detail: str) -> Wrong:
    return {"n": entry.n, "what": what, "detail": detail, "order": entry.order}


def _chunks(keys: list[str]) -> Iterable[list[str]]:
    return (keys[start : start + _CHUNK] for start in range(0, len(keys), _CHUNK))


def _first(wrongs: Iterator[Wrong]) -> Wrong | None:
    return next(wrongs, None)
