"""The inbox follows the facts: a cause opens one item, its end resolves it, a cause that opens again is a new item."""

import json
import uuid
from collections.abc import Iterable, Mapping
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
_OF_ORDER = readable(SYSTEM, alert).where(alert.c.order_id == bindparam("is_order")).order_by(alert.c.id)
_OF_CLOCKS, _OF_EXCEPTIONS = _OF_ORDER.where(alert.c.clock.is_not(None)), _OF_ORDER.where(alert.c.clock.is_(None))
_ADD = insert(alert)
_NAMESPACE = uuid.UUID("0b7d6a52-9a0f-5c0e-8a27-3a4f1d0f8c11")


def on_change(conn: Connection, change: Change) -> None:
    """Bring the items of an order's exceptions in line with its fold."""
    if not change.changed:
        return
    given = openings(change.state, (), change.at)
    follow(
        conn, change.order_id, given, clocks=False, number=change.number, branch=change.state.branch,
        site=change.state.site, now=change.at, world=change.world, news=change.facts,
    )  # fmt: skip


def on_clocks(conn: Connection, change: ClockChange) -> None:
    """Bring the items of an order's late clocks in line with its clocks."""
    given = [each for each in openings(change.state, change.clocks, change.at) if each.clock is not None]
    ends: dict[str, tuple[int, str | None]] = {}
    for clock in change.clocks:  # a verdict that became another one: what ended it closes the item
        if clock.end is not None:
            ends[_hash(f"clock:{clock.clock}/{clock.start_fact}/{clock.subject}", change.order_id)] = (
                min(clock.end, change.at), clock.end_fact,
            )  # fmt: skip
    follow(
        conn, change.order_id, given, clocks=True, number=change.number, branch=change.state.branch,
        site=change.state.site, now=change.at, ends=ends,
    )  # fmt: skip


def follow(
    conn: Connection,
    order_id: str,
    given: Iterable[Opening],
    *,
    clocks: bool,
    number: str,
    branch: str | None,
    site: str | None,
    now: int,
    world: Iterable[Fact] = (),
    news: Iterable[Fact] = (),
    ends: Ends | None = None,
) -> None:
    """One unresolved item per open cause of the order, none for the others.

    `given`: all openings of one source, of its exceptions or (`clocks`) its late clocks, open and closed; `now`: UTC
    ms at which new items are raised; `world`, `news`: the facts of the order, to name the one that closed a cause;
    `ends`: by opening, when and by which fact a clock ended that is late no longer.
    """
    wanted = {_hash(each.key, order_id): each for each in given if each.rule.item}
    there = conn.execute(_OF_CLOCKS if clocks else _OF_EXCEPTIONS, {"is_order": order_id}).mappings()
    latest: dict[str, Row] = {row["opening"]: dict(row) for row in there}
    standing = {key: row for key, row in latest.items() if row["state"] != "resolved"}
    orphans = {row["cause"]: row for key, row in standing.items() if key not in wanted}
    place = {"branch": branch, "site": site}
    facts = list(world)
    new_ids = {fact.id for fact in news}
    for key, each in wanted.items():
        row = latest.get(key)
        if each.closed_at is not None:
            if row is not None and row["state"] != "resolved":
                closed_by = each.closed_by or closer(facts, each.closed_at, new_ids)
                _resolve(conn, row, each.closed_at, closed_by, place)
            continue
        told = _told(each) | place
        if row is None and (moved := orphans.pop(each.cause[:200], None)) is not None:
            # Late evidence shows that the same trouble began with another fact: it stays one item.
            standing.pop(moved["opening"])
            _write(conn, moved, told | {"opening": key})
        elif row is None or (row["state"] == "resolved" and row["resolved_by"] is None):
            _open(conn, order_id, number, key, each, told, now)
        elif row["state"] != "resolved":
            _write(conn, row, told)
    for key, row in standing.items():
        if key not in wanted:
            # No end among the facts: it was withdrawn by a late or a retracted fact.
            closed_at, closed_by = (ends or {}).get(key, (now, None))
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


def _open(conn: Connection, order_id: str, number: str, key: str, each: Opening, told: Row, now: int) -> None:
    rank = URGENCIES.index(each.rule.urgency)
    values = {
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
    conn.execute(_ADD, values)


def _write(conn: Connection, row: Row, values: Row) -> None:
    """Keep what is new; a person's step that rests on the version is not disturbed by it."""
    changed = {name: value for name, value in values.items() if row[name] != value}
    if changed:
        conn.execute(update(alert).where(alert.c.id == row["id"]).values(changed))


def _resolve(conn: Connection, row: Row, closed_at: int, closed_by: str | None, place: Row) -> None:
    values = {"state": "resolved", "closed_at": closed_at, "resolved_fact": closed_by, "snoozed_until": None, **place}
    conn.execute(update(alert).where(alert.c.id == row["id"]).values(version=row["version"] + 1, **values))
