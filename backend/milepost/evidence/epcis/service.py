"""The query over both records, in pages: facts told as events, and events that partners told."""

import base64
import heapq
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, and_, false, or_, select, union

from milepost.access.model import SYSTEM, Principal
from milepost.access.scope import readable
from milepost.errors import Invalid
from milepost.evidence import contents, log
from milepost.evidence.epcis import assets, export, own
from milepost.evidence.epcis.query import Filter
from milepost.evidence.epcis.tables import epcis_event, epcis_event_thing
from milepost.evidence.model import Fact
from milepost.evidence.tables import fact, fact_subject
from milepost.fleet.tables import site, vehicle
from milepost.plan.tables import trip_expected, unit
from milepost.times import to_rfc3339

_BATCH = 200
_SCANNED = 5_000  # rows looked at for one page; then the page ends, and the next begins there
_TOLD = tuple(export.KINDS | export.CORRECTIONS)


@dataclass(frozen=True, slots=True)
class Sight:
    """Whose eyes: `orders` selects the ids of the orders they may see, out of the scoped table `table`."""

    who: Principal
    orders: Select[Any]
    table: Table


@dataclass(frozen=True, slots=True)
class Page:
    """Events of one page, and the token of the next; None at the end."""

    events: list[dict[str, Any]]
    next: str | None


# Where a page stopped: value of the ordering column, record (0 facts, 1 captured), row, number of the event in it.
Place = tuple[int, int, int, int]


def query(
    conn: Connection, sight: Sight, asked: Filter, names: export.Names, *, order_by: str = "recordTime",
    descending: bool = False, per_page: int = 30, token: str | None = None,
) -> Page:  # fmt: skip
    """One page of the events that somebody may see. `order_by`: recordTime or eventTime; `per_page`: 1 to 1000.

    Raises Invalid for a token that is none of this query's.
    """
    after = _place(token, f"{order_by}/{descending}")
    rows = heapq.merge(
        _facts(conn, sight, asked, order_by, descending, after),
        _captured(conn, sight, asked, order_by, descending, after),
        key=lambda row: row[0],
        reverse=descending,
    )
    found: list[dict[str, Any]] = []
    last: Place | None = after
    for scanned, (key, row) in enumerate(rows):
        told = _told(conn, row, names)
        for number, event in enumerate(told):
            here = (*key, number)
            if after is not None and here[:3] == after[:3] and number <= after[3]:
                continue
            last = here
            if asked.meets(event):
                found.append(event)
                if len(found) == per_page:
                    return Page(found, _token(last, f"{order_by}/{descending}"))
        last = (*key, max(len(told) - 1, 0)) if last is None or last[:3] != key else last
        if scanned >= _SCANNED:
            return Page(found, _token(last, f"{order_by}/{descending}"))
    return Page(found, None)


def of_facts(conn: Connection, facts: Iterable[Fact], names: export.Names) -> list[dict[str, Any]]:
    """These facts as events, by time of the fact and id; each with what corrects it."""
    every = sorted(facts, key=lambda row: (row.at, row.received_at or row.at, row.id, row.rev))
    return [event for row in every for event in export.events(row, _known(conn, row), names)]


def _told(conn: Connection, row: Fact | dict[str, Any], names: export.Names) -> list[dict[str, Any]]:
    if isinstance(row, Fact):
        return export.events(row, _known(conn, row), names)
    return [{**json.loads(row["event"]), "recordTime": to_rfc3339(row["recorded_at"])}]


def _known(conn: Connection, row: Fact) -> list[Fact]:
    """What a fact amends or revises; most do neither."""
    if row.kind in export.CORRECTIONS:
        return log.by_ids(conn, [str(row.body.get("target", ""))])
    return log.by_ids(conn, [row.id]) if row.rev else []


Row = tuple[tuple[int, int, int], Any]


def _facts(
    conn: Connection, sight: Sight, asked: Filter, order_by: str, descending: bool, after: Place | None
) -> Iterator[Row]:
    column = fact.c.at if order_by == "eventTime" else fact.c.received_at
    where = [fact.c.kind.in_(_TOLD), *_times(asked, fact.c.at, fact.c.received_at)]
    if not sight.who.sees_all:
        where.append(fact.c.seq.in_(_seen_facts(sight)))
    if "EQ_eventID" in asked.equal:
        where.append(own.of_events(asked.equal["EQ_eventID"]))
    named = asked.things()
    if named is not None:
        where.append(fact.c.seq.in_(_facts_naming(conn, named)))
    statement = readable(SYSTEM, fact, fact.c.seq, fact.c.id, fact.c.rev, column.label("by"),
                         also=(unit, vehicle, site, sight.table))  # fmt: skip
    for rows in _pages(conn, statement.where(*where), column, fact.c.seq, descending, after, 0):
        facts = {(each.id, each.rev): each for each in log.by_ids(conn, [row.id for row in rows])}
        for row in rows:
            yield (row.by, 0, row.seq), facts[row.id, row.rev]


def _captured(
    conn: Connection, sight: Sight, asked: Filter, order_by: str, descending: bool, after: Place | None
) -> Iterator[Row]:
    column = epcis_event.c.at if order_by == "eventTime" else epcis_event.c.recorded_at
    where = _times(asked, epcis_event.c.at, epcis_event.c.recorded_at)
    if not sight.who.sees_all:
        where.append(epcis_event.c.captured_by == sight.who.id)
    if "EQ_eventID" in asked.equal:
        where.append(epcis_event.c.event_id.in_(sorted(asked.equal["EQ_eventID"])))
    named = asked.things()
    if named is not None:
        thing = epcis_event_thing.c
        where.append(epcis_event.c.seq.in_(select(thing.event_seq).where(thing.thing.in_(sorted(named)))))
    statement = select(epcis_event, column.label("by")).where(*where)
    for rows in _pages(conn, statement, column, epcis_event.c.seq, descending, after, 1):
        for row in rows:
            yield (row.by, 1, row.seq), dict(row._mapping)


def _pages(
    conn: Connection, statement: Select[Any], column: ColumnElement[int], seq: ColumnElement[int], descending: bool,
    after: Place | None, record: int,
) -> Iterator[Sequence[Any]]:  # fmt: skip
    """Rows in the order of (column, seq), a batch at a time, from where the page before stopped, inclusive."""
    statement = statement.order_by(column.desc() if descending else column, seq.desc() if descending else seq)
    place = None
    if after is not None:
        # Of equal times the facts come first (last, downwards): the other record begins at the same instant or behind.
        edge = after[2] if after[1] == record else None
        statement = statement.where(_from(column, seq, after[0], edge, after[1], record, descending))
    while True:
        part = statement if place is None else statement.where(_beyond(column, seq, place, descending))
        rows = conn.execute(part.limit(_BATCH)).all()
        if rows:
            yield rows
        if len(rows) < _BATCH:
            return
        place = (rows[-1].by, rows[-1].seq)


def _from(
    column: ColumnElement[int], seq: ColumnElement[int], value: int, edge: int | None, stopped: int, record: int,
    descending: bool,
) -> ColumnElement[bool]:  # fmt: skip
    beyond = column < value if descending else column > value
    if edge is not None:
        return or_(beyond, and_(column == value, seq <= edge if descending else seq >= edge))
    passed = record > stopped if descending else record < stopped
    return beyond if passed else or_(beyond, column == value)


def _beyond(
    column: ColumnElement[int], seq: ColumnElement[int], place: tuple[int, int], descending: bool
) -> ColumnElement[bool]:
    value, last = place
    if descending:
        return or_(column < value, and_(column == value, seq < last))
    return or_(column > value, and_(column == value, seq > last))


def _times(asked: Filter, at: ColumnElement[int], recorded: ColumnElement[int]) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = []
    for column, start, end in (
        (at, asked.from_ms, asked.to_ms),
        (recorded, asked.recorded_from_ms, asked.recorded_to_ms),
    ):
        where += [column >= start] if start is not None else []
        where += [column < end] if end is not None else []
    return where


def _seen_facts(sight: Sight) -> Select[Any]:
    """Rows of the facts about what somebody may see: their orders, units, vehicles and sites."""
    subject = fact_subject.c
    seen = (
        and_(subject.kind == "order", subject.subject_id.in_(sight.orders)),
        and_(subject.kind == "unit", subject.subject_id.in_(readable(sight.who, unit, unit.c.id))),
        and_(
            subject.kind == "unit",
            subject.subject_id.in_(readable(SYSTEM, unit, unit.c.id).where(unit.c.order_id.in_(sight.orders))),
        ),
        and_(subject.kind == "vehicle", subject.subject_id.in_(readable(sight.who, vehicle, vehicle.c.id))),
        and_(subject.kind == "site", subject.subject_id.in_(readable(sight.who, site, site.c.id))),
    )
    return select(subject.fact_seq).where(or_(*seen))


def _facts_naming(conn: Connection, named: Iterable[str]) -> Any:
    """Rows of the facts about these things: units by the tags they ever had, vehicles and units by their URN."""
    every = contents.Names(conn).all_of(named)
    ids = [name.removeprefix("unit:") for name in every if name.startswith("unit:")]
    ids += [name.removeprefix("urn:uuid:") for name in every if name.startswith("urn:uuid:")]
    ids += assets.vehicles_of(conn, every)
    subject = fact_subject.c
    if not ids:
        return select(subject.fact_seq).where(false())
    direct = select(subject.fact_seq).where(subject.kind.in_(("unit", "vehicle")), subject.subject_id.in_(ids))
    # An order's signature names its units, a session's end those that were short or over: by order and by trip.
    orders = readable(SYSTEM, unit, unit.c.order_id).where(unit.c.id.in_(ids))
    signed = select(subject.fact_seq).where(subject.kind == "order", subject.subject_id.in_(orders))
    trips = select(trip_expected.c.trip_id).where(trip_expected.c.order_id.in_(orders))
    closed = select(subject.fact_seq).where(subject.kind == "trip", subject.subject_id.in_(trips))
    return union(direct, signed, closed)


def _place(token: str | None, order: str) -> Place | None:
    if token is None:
        return None
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode("ascii")
        given, *numbers = text.split(":")
        value, record, row, number = (int(each) for each in numbers)
    except ValueError:
        given, value, record, row, number = "", 0, 0, 0, 0
    if given != order:
        raise Invalid("nextPageToken: not one of this query's; take it from the page before, with the same order")
    return value, record, row, number


def _token(place: Place | None, order: str) -> str | None:
    if place is None:
        return None
    text = ":".join([order, *(str(each) for each in place)])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
