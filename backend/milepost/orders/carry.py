"""Commands carried out: one transaction, once per key, and what was refused is kept. For the API and the pages alike.

A refused command rolls its transaction back; that it was refused is written in a transaction of its own
(ORDERS.md §1.10).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection

from milepost.access.model import Principal
from milepost.access.once import once
from milepost.db import Database
from milepost.errors import Conflict, IllegalStep
from milepost.orders import service
from milepost.orders.fields import Command
from milepost.orders.service import Asked

Answer = dict[str, Any]
_T = TypeVar("_T")


def on_order(
    db: Database,
    me: Principal,
    ref: str,
    name: str,
    body: Command,
    key: str | None,
    version: int | None = None,
    do: Callable[[Connection, Principal, str, Asked], Answer] | None = None,
) -> Answer:
    """A command on an order; `do` where it is none of the table (a split, a copy).

    `key`: the Idempotency-Key; `version`: of the order as the person saw it. Raises what `service.command` raises.
    """
    asked = Asked(body.fields(), body.at, key, body.source, version)

    def step(conn: Connection) -> Answer:
        return service.command(conn, me, ref, name, asked) if do is None else do(conn, me, ref, asked)

    return kept(
        db,
        lambda conn: _once(conn, me, key, f"POST /orders/{ref}/{name}", body, step),
        lambda conn, problem: service.record_refusal(conn, me, ref, name, asked, problem),
    )


def on_orders(
    db: Database, me: Principal, name: str, acts: Sequence[tuple[str, Command]], key: str | None
) -> list[Answer]:
    """The same command several times, on one order or on several (id and body each): all of them, or none when one
    is refused. Raises what `service.command` raises."""
    last: list[tuple[str, Asked]] = []

    def steps(conn: Connection) -> list[Answer]:
        made: list[Answer] = []
        for n, (ref, body) in enumerate(acts):
            own = f"{key}-{n}" if key else None
            asked = Asked(body.fields(), body.at, own, body.source)
            last[:] = [(ref, asked)]
            what = f"POST /orders/{ref}/{name}"
            made.append(_once(conn, me, own, what, body, lambda c, r=ref, a=asked: service.command(c, me, r, name, a)))
        return made

    def refused(conn: Connection, problem: Mapping[str, Any]) -> None:
        for ref, asked in last:
            service.record_refusal(conn, me, ref, name, asked, problem)

    return kept(db, steps, refused)


def on_trip(
    db: Database,
    me: Principal,
    trip_id: str,
    name: str,
    body: Command,
    key: str | None,
    before: Callable[[Connection], object] | None = None,
) -> Answer:
    """A command on a trip; `before` is done ahead of it in the same transaction.

    Raises what `service.trip_command` raises.
    """
    asked = Asked(body.fields(), body.at, key, body.source)

    def step(conn: Connection) -> Answer:
        if before:
            before(conn)
        what = f"POST /trips/{trip_id}/{name}"
        return _once(conn, me, key, what, body, lambda c: service.trip_command(c, me, trip_id, name, asked))

    return kept(db, step, lambda conn, problem: service.record_trip_refusal(conn, me, trip_id, name, asked, problem))


def _once(
    conn: Connection, me: Principal, key: str | None, what: str, body: Command, do: Callable[[Connection], Answer]
) -> Answer:
    return once(conn, me, key, what, body.model_dump(mode="json"), lambda: do(conn))


def kept(db: Database, do: Callable[[Connection], _T], refused: Callable[[Connection, Mapping[str, Any]], None]) -> _T:
    """Do something in a transaction; that it was `refused` (the problem) is written in one of its own."""
    try:
        with db.tx() as conn:
            return do(conn)
    except (IllegalStep, Conflict) as error:
        with db.tx() as conn:
            refused(conn, error.problem())
        raise
