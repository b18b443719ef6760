"""A company of the bench: a database, orders whose clocks run out when they shall, workers that can be killed."""

import json
from collections.abc import Iterable
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from typing import Any

from sqlalchemy import ColumnElement, Table, func, insert, select

from milepost.access.model import SYSTEM
from milepost.clocks import repository as clock_rows
from milepost.db import Database, metadata
from milepost.evidence import log
from milepost.evidence.model import Author, Fact, fact_id
from milepost.ids import new_id
from milepost.orders import projector, repository
from milepost.schema import load_tables
from milepost.times import now_ms
from milepost_tools.bench.clocks.worker import TOLD, main, put_together

LIMIT_MS = 10 * 60_000
# The limits of an order that nobody accepts.
_KEYS = ("accept.limit", "accept.remind", "accept.escalate", "sanction.accept.region")
BREAKS = ("N-01", "N-07", "N-17")  # all three run out with the ten minutes
_BLOCK = 100


def found(url: str) -> Database:
    """A database with every table, and a company that takes orders around the clock."""
    load_tables()
    db = Database(url)
    metadata.create_all(db.engine)
    put_together(db)
    with db.tx() as conn:
        conn.exec_driver_sql(f"CREATE TABLE {TOLD} (order_id VARCHAR(36), clock VARCHAR(8), at BIGINT)")
        _policy(conn, None, {"accept.window": "00:00/24:00"})
        # Orders of this channel are there, and nothing of theirs runs out while the bench lasts.
        _policy(conn, "quiet", dict.fromkeys(_KEYS, "P2D"))
    return db


def submit(db: Database, channel: str, due_at: Iterable[int]) -> list[str]:
    """Orders whose ten minutes are over at these instants (UTC ms), folded and judged as the service does it."""
    made: list[str] = []
    times = list(due_at)
    for start in range(0, len(times), _BLOCK):
        with db.tx() as conn:
            for due in times[start : start + _BLOCK]:
                order_id = new_id()
                at = due - LIMIT_MS
                row = {"id": order_id, "number": order_id[-32:], "created_at": at, "request": "{}", "updated_at": at,
                       "state": "requested", "stage": 1, "projection": "{}"}  # fmt: skip
                repository.add(conn, row)
                projector.on_facts(conn, log.append(conn, [_submitted(order_id, channel, at)]))
                made.append(order_id)
    return made


def entering_ms(db: Database, orders: int) -> int:
    """How long it will take about to enter so many orders, with something to spare; a few are entered to see it."""
    few = min(20, orders)
    began = now_ms()
    submit(db, "quiet", [began + LIMIT_MS] * few)
    return round(1.3 * (now_ms() - began) / few * orders)


def multiply(db: Database, order_id: str, times: int) -> None:
    """So many more orders like this one, with their facts and clocks, written straight into the tables: the weight of a
    large company that nobody moves while the bench lasts. They differ in nothing but their ids."""
    tables = [metadata.tables[name] for name in ("orders", "fact", "fact_subject", "clock")]
    with db.tx() as conn:
        own = {table: [dict(row) for row in conn.execute(select(table).where(_of(table, order_id))).mappings()]
               for table in tables}  # fmt: skip
        seq = conn.execute(select(func.max(metadata.tables["fact"].c.seq))).scalar_one()
        ids = [order_id, own[tables[0]][0]["number"], *(row["id"] for row in own[tables[1]])]
        for table in tables:
            rows = [_renamed(row, ids, n, seq) for n in range(1, times + 1) for row in own[table]]
            conn.execute(insert(table), rows)


def _of(table: Table, order_id: str) -> ColumnElement[bool]:
    """The rows of an order that has a single fact."""
    subject = metadata.tables["fact_subject"]
    seqs = select(subject.c.fact_seq).where(subject.c.subject_id == order_id)
    match table.name:
        case "orders":
            return table.c.id == order_id
        case "fact":
            return table.c.seq.in_(seqs)
        case "fact_subject":
            return table.c.fact_seq.in_(seqs)
        case _:
            return table.c.order_id == order_id


def _renamed(row: dict[str, Any], ids: list[str], n: int, seq: int) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in row.items():
        if name in ("seq", "fact_seq"):
            value = seq + n  # noqa: PLW2901
        elif isinstance(value, str):
            for each in ids:
                value = value.replace(each, f"{each[:-6]}{n:06x}")  # noqa: PLW2901
        values[name] = value
    return values


def accept(db: Database, order_id: str, at: int) -> None:
    """The branch accepts an order at an instant (UTC ms), which is now."""
    fact = Fact(
        id=fact_id("order.accepted", {"order": order_id}, ("bench",)),
        kind="order.accepted",
        at=at,
        by=Author("desk", "bench", "b1"),
        subjects={"order": order_id},
        body={"branch": "b1"},
    )
    with db.tx() as conn:
        projector.on_facts(conn, log.append(conn, [fact]))


def worker(url: str) -> BaseProcess:
    """A process that wakes what is due, as the service's round does it, until it is killed.

    A fork of this one, which has read all modules: it works from its first moment on, and dies at any.
    """
    process = get_context("fork").Process(target=main, args=(url,), daemon=True)
    process.start()
    return process


def end(process: BaseProcess) -> None:
    """kill -9."""
    process.kill()
    process.join()


def open_deadlines(db: Database) -> int:
    """How many clocks run."""
    with db.read() as conn:
        return conn.exec_driver_sql("SELECT count(*) FROM clock WHERE next_at IS NOT NULL").scalar_one()


def left(db: Database, now: int) -> bool:
    """True while something is due."""
    with db.read() as conn:
        return bool(clock_rows.due_orders(conn, now, 1))


def _policy(conn, channel: str | None, values: dict[str, str]) -> None:
    row = {"id": new_id(), "from_ms": 0, "channel": channel, "klass": None, "values": json.dumps(values),
           "why": "bench", "author": SYSTEM.id, "created_at": 0}  # fmt: skip
    clock_rows.add_policy(conn, row)


def _submitted(order_id: str, channel: str, at: int) -> Fact:
    body = {
        "type": "consignment", "customer": "c1", "class": "standard", "channel": channel, "online": False,
        "lines": [{"line": "1", "qty": 1}], "from": {"site": "yard"}, "to": {"site": "shop"},
        "contact": {"name": "somebody"}, "dates": {}, "pickup": "none", "branch": "b1",
    }  # fmt: skip
    subjects = {"order": order_id}
    return Fact(
        id=fact_id("order.submitted", subjects, ("bench",)),
        kind="order.submitted",
        at=at,
        by=Author("customer", "bench"),
        subjects=subjects,
        body=body,
    )
