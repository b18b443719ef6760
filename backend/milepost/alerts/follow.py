"""The inbox follows the facts: a cause opens one item, its end resolves it, a cause that opens again is a new item."""

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, insert, update

from milepost.access.model import SYSTEM
from milepost.access.scope import readable
from milepost.alerts.tables import alert
from milepost.clocks.service import ClockChange
from milepost.evidence.model import Fact
from milepost.ids import new_id
from milepost.notify.model import Opening, openings
from milepost.notify.rules import URGENCIES, due_at
from milepost.orders import projector
from milepost.orders.projector import Change
from milepost.orders.vocabulary import RANK

Row = dict[str, Any]
Ends = Mapping[str, tuple[int, str | None]]
# Built once: every change of every order asks and writes these.
_OF_ORDERS = readable(SYSTEM, alert).where(alert.c.order_id.in_(bindparam("ids", expanding=True))).order_by(alert.c.id)
_OF_CLOCKS, _OF_EXCEPTIONS = _OF_ORDERS.where(alert.c.clock.is_not(None)), _OF_ORDERS.where(alert.c.clock.is_(None))
_ADD = insert(alert)
_NAMESPACE = uuid.UUID("0b7d6a52-9a0f-5c0e-8a27-3a4f1d0f8c11")


@dataclass(frozen=True, slots=True)
class Causes:
    """What the inbox shall show of one order.

    `given`: all openings of one source, of its exceptions or its late clocks, open and closed; `now`: UTC ms at which
    new items are raised; `world`, `news`: the facts of the order, to name the one that closed a cause; `ends`: by
    opening, when and by which fact a clock ended that is late no longer.
    """

    order_id: str
    number: str
    branch: str | None
    site: str | None
    now: int
    given: Sequence[Opening]
    world: Sequence[Fact] = ()
    news: Sequence[Fact] = ()
    ends: Ends = field(default_factory=dict[str, tuple[int, str | None]])


def on_changes(conn: Connection, changes: Iterable[Change]) -> None:
    """Bring the items of orders' exceptions in line with their fold."""
    told = [
        Causes(
            each.order_id, each.number, each.state.branch, each.state.site, each.at,
            openings(each.state, (), each.at), each.world, each.facts,
        )
        for each in changes
        if each.changed
    ]  # fmt: skip
    follow(conn, told, clocks=False)


def on_clocks(conn: Connection, changes: Iterable[ClockChange]) -> None:
    """Bring the items of orders' late clocks in line with their clocks."""
    told = [
        Causes(
            each.order_id, each.number, each.state.branch, each.state.site, each.at,
            [opening for opening in openings(each.state, each.clocks, each.at) if opening.clock is not None],
            ends=_ends(each),
        )
        for each in changes
    ]  # fmt: skip
    follow(conn, told, clocks=True)


def _ends(change: ClockChange) -> Ends:
    """By opening: what ended a clock, for a verdict that became another one."""
    return {
        _hash(f"clock:{clock.clock}/{clock.start_fact}/{clock.subject}", change.order_id): (
            min(clock.end, change.at), clock.end_fact,
        )
        for clock in change.clocks
        if clock.end is not None
    }  # fmt: skip


def follow(conn: Connection, orders: Sequence[Causes], *, clocks: bool) -> None:
    """One unresolved item per open cause of each order, none for the others; of exceptions, or of `clocks`."""
    if not orders:
        return
    there: dict[str, dict[str, Row]] = {each.order_id: {} for each in orders}
    for row in conn.execute(_OF_CLOCKS if clocks else _OF_EXCEPTIONS, {"ids": list(there)}).mappings():
        there[row["order_id"]][row["opening"]] = dict(row)
    new = [row for each in orders for row in _follow(conn, each, there[each.order_id])]
    if new:
        conn.execute(_ADD, new)


def _follow(conn: Connection, causes: Causes, latest: Mapping[str, Row]) -> Iterable[Row]:
    """Bring the items of one order in line; yields those to be added. `latest`: its items by opening."""
    order_id, now = causes.order_id, causes.now
    wanted = {_hash(each.key, order_id): each for each in causes.given if each.rule.item}
    standing = {key: row for key, row in latest.items() if row["state"] != "resolved"}
    orphans = {row["cause"]: row for key, row in standing.items() if key not in wanted}
    place = {"branch": causes.branch, "site": causes.site}
    new_ids = {fact.id for fact in causes.news}
    for key, each in wanted.items():
        row = latest.get(key)
        if each.closed_at is not None:
            if row is not None and row["state"] != "resolved":
                closed_by = each.closed_by or closer(causes.world, each.closed_at, new_ids)
                _resolve(conn, row, each.closed_at, closed_by, place)
            continue
        told = _told(each) | place
        if row is None and (moved := orphans.pop(each.cause[:200], None)) is not None:
            # Late evidence shows that the same trouble began with another fact: it stays one item.
            standing.pop(moved["opening"])
            _write(conn, moved, told | {"opening": key})
        elif row is None or (row["state"] == "resolved" and row["resolved_by"] is None):
            yield _opened(order_id, causes.number, key, each, told, now)
        elif row["state"] != "resolved":
            _write(conn, row, told)
    for key, row in standing.items():
        if key not in wanted:
            # No end among the facts: it was withdrawn by a late or a retracted fact.
            closed_at, closed_by = causes.ends.get(key, (now, None))
            _resolve(conn, row, closed_at, closed_by, place)


def closer(facts: Iterable[Fact], closed_at: int, news: Iterable[str] = ()) -> str | None:
    """The fact that closed a cause at an instant (UTC ms): the fold closes it in the turn of a fact of that very
    instant. Of several the newest known counts, then the one that comes last in the order of the fold."""
    new = set(news)
    there = [fact for fact in facts if fact.at == closed_at and fact.kind in RANK]
    return max(there, key=lambda fact: (fact.id in new, RANK[fact.kind], fact.id)).id if there else None


def _hash(key: str, order_id: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, f"{order_id}/{key}"))


def _told(each: Opening) -> Row:
    return {
        "data": json.dumps(dict(each.data), ensure_ascii=False),
        "facts": json.dumps(list(each.facts)),
        "opened_at": each.opened_at,
    }


def _opened(order_id: str, number: str, key: str, each: Opening, told: Row, now: int) -> Row:
    rank = URGENCIES.index(each.rule.urgency)
    return {
        "id": new_id(),
        "order_id": order_id,
        "order_number": number,
        "kind": each.kind[:40],
        "cause": each.cause[:200],
        "opening": key,
        "rule": each.rule.id,
        "ex": each.ex or each.rule.ex,
        "clock": each.clock,
        "rank": rank,
        "urgent": rank == 0,
        "state": "open",
        "version": 1,
        "raised_at": now,
        "due_at": due_at(each.rule, each.opened_at, projector.calendar()),
        **told,
    }


def _write(conn: Connection, row: Row, values: Row) -> None:
    """Keep what is new; a person's step that rests on the version is not disturbed by it."""
    changed = {name: value for name, value in values.items() if row[name] != value}
    if changed:
        conn.execute(update(alert).where(alert.c.id == row["id"]).values(changed))


def _resolve(conn: Connection, row: Row, closed_at: int, closed_by: str | None, place: Row) -> None:
    values = {"state": "resolved", "closed_at": closed_at, "resolved_fact": closed_by, "snoozed_until": None, **place}
    conn.execute(update(alert).where(alert.c.id == row["id"]).values(version=row["version"] + 1, **values))
