"""SQL of the reports."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, insert, or_, select

from milepost.access.model import SYSTEM, Principal
from milepost.access.scope import readable
from milepost.clocks.tables import clock
from milepost.reports.model import Clock, Deeds, Figure
from milepost.reports.proposals import Decision
from milepost.reports.tables import proposal_decision, report_order

_COUNTED = ("order_id", "clock", "owner", "verdict", "start", "due", "end")  # of a clock, as far as figures look at it
_WHOLE = (*_COUNTED, "excusable", "start_fact", "subject", "late_from")
_DAY_MS = 86_400_000
# Built once: every refold of every order asks this.
_OF_ORDERS = readable(SYSTEM, report_order, report_order.c.order_id, report_order.c.branch, report_order.c.deeds).where(
    report_order.c.order_id.in_(bindparam("ids", expanding=True))
)
_LONGEST_MS = 400 * _DAY_MS  # no promise runs longer than its policy may say, 366 days


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which orders a report is about: days YYYY-MM-DD inclusive, branches, channel, customer class; None is any."""

    from_day: str | None = None
    to_day: str | None = None
    branches: frozenset[str] | None = None
    channel: str | None = None
    klass: str | None = None


def save(conn: Connection, orders: Sequence[Deeds]) -> None:
    """Keep what each order brings; nothing is written of one where nothing changed."""
    if not orders:
        return
    old: dict[str, set[tuple[str, str]]] = {}
    for row in conn.execute(_OF_ORDERS, {"ids": [deeds.order for deeds in orders]}):
        old.setdefault(row.order_id, set()).add((row.branch, row.deeds))
    rows: list[dict[str, Any]] = []
    for deeds in orders:
        said = json.dumps(deeds.as_dict(), ensure_ascii=False, separators=(",", ":"))
        if old.get(deeds.order) != {(branch, said) for branch in deeds.branches or ("",)}:
            rows += _rows(deeds, said)
    if rows:
        conn.execute(delete(report_order).where(report_order.c.order_id.in_({row["order_id"] for row in rows})))
        conn.execute(insert(report_order), rows)


def _rows(deeds: Deeds, said: str) -> list[dict[str, Any]]:
    times = [slip["at"] for slip in deeds.slips]
    times += [point["at"] for complaint in deeds.complaints for point in complaint["points"]]
    return [
        {
            "order_id": deeds.order, "branch": branch, "main": branch == (deeds.branch or ""),
            "channel": deeds.channel, "klass": deeds.klass, "day": deeds.day,
            "care_from": min(times, default=None), "care_to": max(times, default=None), "deeds": said,
        }
        for branch in deeds.branches or ("",)
    ]  # fmt: skip


def figures(conn: Connection, who: Principal, wanted: Wanted, clocks: Sequence[str]) -> list[Figure]:
    """What `kpi` counts: the orders that `who` may see, each once, with its clocks of these kinds."""
    mine = _wanted(readable(who, report_order, report_order.c.order_id), who, wanted)
    rows = conn.execute(
        _wanted(readable(who, report_order, report_order.c.order_id, report_order.c.deeds), who, wanted)
    )
    deeds = {row.order_id: row.deeds for row in rows}
    # Whoever may see an order in the reports may see its clocks.
    statement = readable(SYSTEM, clock, *(clock.c[name] for name in _COUNTED), also=[report_order])
    statement = statement.where(clock.c.clock.in_(clocks), clock.c.order_id.in_(mine))
    return _joined(deeds, conn.execute(statement).all())


def figures_of_month(conn: Connection, from_ms: int, to_ms: int, clocks: Collection[str]) -> list[Figure]:
    """Every order that proposals of [from_ms, to_ms) may rest on: its promises of these kinds fell due then, or
    complaints and slips came."""
    due = readable(SYSTEM, clock, clock.c.order_id, also=[report_order]).where(
        clock.c.clock.in_(sorted(clocks)),
        clock.c.start >= from_ms - _LONGEST_MS,
        clock.c.start < to_ms,
        clock.c.late_from >= from_ms,
        clock.c.late_from < to_ms,
    )
    cared = readable(SYSTEM, report_order, report_order.c.order_id, also=[clock]).where(
        report_order.c.main, report_order.c.care_to >= from_ms, report_order.c.care_from < to_ms
    )
    statement = readable(SYSTEM, report_order, report_order.c.order_id, report_order.c.deeds, also=[clock]).where(
        report_order.c.main, or_(report_order.c.order_id.in_(due), report_order.c.order_id.in_(cared))
    )
    deeds = {row.order_id: row.deeds for row in conn.execute(statement)}
    found = readable(SYSTEM, clock, *(clock.c[name] for name in _WHOLE), also=[report_order]).where(
        clock.c.clock.in_(sorted(clocks)), or_(clock.c.order_id.in_(due), clock.c.order_id.in_(cared))
    )
    return _joined(deeds, conn.execute(found).all())


def decisions(conn: Connection, proposals: Collection[str]) -> dict[str, Decision]:
    """What was decided about these proposals."""
    found: dict[str, Decision] = {}
    ids = sorted(proposals)
    for start in range(0, len(ids), 400):
        rows = select(proposal_decision).where(proposal_decision.c.proposal.in_(ids[start : start + 400]))
        found |= {row.proposal: Decision(row.verdict, row.by_id, row.at) for row in conn.execute(rows)}
    return found


def decide(conn: Connection, row: dict[str, Any]) -> None:
    """Keep a decision. Raises IntegrityError when somebody else has just decided."""
    conn.execute(insert(proposal_decision).values(row))


def _wanted(statement: Select[Any], who: Principal, wanted: Wanted) -> Select[Any]:
    columns = report_order.c
    if wanted.branches is None and who.sees_all:
        statement = statement.where(columns.main)
    elif wanted.branches is not None:
        statement = statement.where(columns.branch.in_(sorted(wanted.branches)))
    if wanted.from_day is not None:
        statement = statement.where(columns.day >= wanted.from_day)
    if wanted.to_day is not None:
        statement = statement.where(columns.day <= wanted.to_day)
    if wanted.channel is not None:
        statement = statement.where(columns.channel == wanted.channel)
    if wanted.klass is not None:
        statement = statement.where(columns.klass == wanted.klass)
    return statement


def _joined(deeds: dict[str, str], rows: Sequence[Any]) -> list[Figure]:
    of_order: dict[str, list[Clock]] = {order: [] for order in deeds}
    for row in rows:
        if (clocks := of_order.get(row.order_id)) is not None:
            clocks.append(row)
    said = json.loads(f"[{','.join(deeds.values())}]")  # at once: a call for each costs more than its parsing
    return [Figure(Deeds.of_dict(each), clocks) for each, clocks in zip(said, of_order.values(), strict=True)]
