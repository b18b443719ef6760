"""SQL of dock sessions, passages, stays at benches, passes through fences and states of detectors."""

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, or_, select, update

from milepost.access.model import SYSTEM
from milepost.access.scope import readable
from milepost.evidence.tables import bench_stay, detector_state, dock_session, fence_pass, passage, travel, vehicle_tag
from milepost.fleet.tables import door, site
from milepost.plan.tables import unit_epc

Row = dict[str, Any]
_LONGEST_MS = 86_400_000  # sessions of doors that began so long before are read one by one
_CHUNK = 100  # sessions per statement; SQLite takes 999 parameters at least


def session(conn: Connection, session_id: str) -> Row | None:
    """One dock session."""
    row = conn.execute(select(dock_session).where(dock_session.c.id == session_id)).mappings().first()
    return dict(row) if row else None


def session_at(conn: Connection, door_id: str, at_ms: int) -> Row | None:
    """The session of a door whose half-open interval holds an event time."""
    statement = select(dock_session).where(
        dock_session.c.door_id == door_id,
        dock_session.c.from_ms <= at_ms,
        or_(dock_session.c.to_ms.is_(None), dock_session.c.to_ms > at_ms),
    )
    row = conn.execute(statement.limit(1)).mappings().first()
    return dict(row) if row else None


def sessions(conn: Connection, **equal: Any) -> list[Row]:
    """Sessions by door_id, vehicle_id or trip_id, oldest first."""
    statement = select(dock_session).order_by(dock_session.c.from_ms, dock_session.c.id)
    for name, value in equal.items():
        statement = statement.where(dock_session.c[name] == value)
    return [dict(row) for row in conn.execute(statement).mappings()]


def open_sessions(conn: Connection) -> list[Row]:
    """Every session that goes on, oldest first."""
    statement = select(dock_session).where(dock_session.c.to_ms.is_(None))
    return [dict(row) for row in conn.execute(statement.order_by(dock_session.c.from_ms)).mappings()]


def sessions_of_doors(conn: Connection, doors: Iterable[str], since: int) -> list[Row]:
    """Sessions of these doors that ended after an instant or are open, oldest first.

    A door has one session at a time: of those that began long before the instant only its last one can reach behind
    it. So what is read does not grow with the years.
    """
    ids, edge = sorted(doors), since - _LONGEST_MS
    before = select(dock_session.c.id).where(
        dock_session.c.door_id == door.c.id, dock_session.c.from_ms < edge, _happened()
    )
    last = before.order_by(dock_session.c.from_ms.desc()).limit(1).scalar_subquery()
    long = conn.execute(readable(SYSTEM, door, last).where(door.c.id.in_(ids))).scalars()
    statement = select(dock_session).where(
        or_(
            and_(dock_session.c.door_id.in_(ids), dock_session.c.from_ms >= edge),
            dock_session.c.id.in_([each for each in long if each]),
        ),
        or_(dock_session.c.to_ms.is_(None), dock_session.c.to_ms > since),
    )
    statement = statement.order_by(dock_session.c.from_ms, dock_session.c.id)
    return [dict(row) for row in conn.execute(statement).mappings()]


def sessions_by_id(conn: Connection, ids: Iterable[str]) -> list[Row]:
    """Sessions by id."""
    wanted = sorted(ids)
    if not wanted:
        return []
    statement = select(dock_session).where(dock_session.c.id.in_(wanted))
    return [dict(row) for row in conn.execute(statement).mappings()]


def _happened() -> ColumnElement[bool]:
    """Of a session: it was not taken back (an empty interval)."""
    return or_(dock_session.c.to_ms.is_(None), dock_session.c.to_ms > dock_session.c.from_ms)


def add_session(conn: Connection, row: Row) -> None:
    """Insert a session."""
    conn.execute(insert(dock_session).values(row))


def lock_session(conn: Connection, session_id: str) -> None:
    """Let nobody else change a session, or open an incident of it, before this transaction ends."""
    conn.execute(select(dock_session.c.id).where(dock_session.c.id == session_id).with_for_update())


def change_session(conn: Connection, session_id: str, **values: Any) -> None:
    """Close or correct a session. One that never was becomes an empty interval; rows are not deleted."""
    conn.execute(update(dock_session).where(dock_session.c.id == session_id).values(values))


def doors_of_site(conn: Connection, site_id: str) -> list[str]:
    """The doors of a site; until the transaction ends nobody else brings their sessions in line."""
    conn.execute(readable(SYSTEM, site, site.c.id).where(site.c.id == site_id).with_for_update())
    statement = readable(SYSTEM, door, door.c.id).where(door.c.site_id == site_id).order_by(door.c.id)
    return list(conn.execute(statement).scalars())


def vehicle_tags(conn: Connection, epc: str) -> list[Row]:
    """The vehicles that ever carried a tag (EPC in its normal form), oldest first."""
    statement = select(vehicle_tag).where(vehicle_tag.c.epc == epc).order_by(vehicle_tag.c.from_ms)
    return [dict(row) for row in conn.execute(statement).mappings()]


def add_vehicle_tag(conn: Connection, row: Row) -> None:
    """Note that a vehicle carries a tag."""
    conn.execute(insert(vehicle_tag).values(row))


def passages(
    conn: Connection, door_id: str, from_ms: int, to_ms: int | None = None, epcs: Iterable[str] | None = None
) -> list[Row]:
    """Passages of a door in [from_ms, to_ms), withdrawn ones left out, by time; `epcs` keeps only these tags."""
    statement = select(passage).where(passage.c.door_id == door_id, passage.c.at >= from_ms, passage.c.withdrawn == 0)
    if to_ms is not None:
        statement = statement.where(passage.c.at < to_ms)
    if epcs is not None:
        statement = statement.where(passage.c.epc.in_(list(epcs)))
    return [dict(row) for row in conn.execute(statement.order_by(passage.c.at, passage.c.id)).mappings()]


def passages_of_nobody(conn: Connection, sessions: Iterable[Row]) -> dict[str, list[Row]]:
    """By session (rows of them) the passages at its door and in its time of tags that no unit ever carried, by time."""
    asked = list(sessions)
    carried = select(unit_epc.c.epc).where(unit_epc.c.epc == passage.c.epc).exists()
    found: dict[str, list[Row]] = {}
    for start in range(0, len(asked), _CHUNK):
        part = asked[start : start + _CHUNK]
        spans = [
            and_(
                passage.c.door_id == each["door_id"],
                passage.c.at >= each["from_ms"],
                *(() if each["to_ms"] is None else (passage.c.at < each["to_ms"],)),
            )
            for each in part
        ]
        statement = select(passage).where(or_(*spans), passage.c.withdrawn == 0, ~carried)
        for row in conn.execute(statement.order_by(passage.c.at, passage.c.id)).mappings():
            for each in part:
                over = each["to_ms"] is not None and each["to_ms"] <= row["at"]
                if each["door_id"] == row["door_id"] and each["from_ms"] <= row["at"] and not over:
                    found.setdefault(each["id"], []).append(dict(row))
    return found


def last_passages(conn: Connection, door_id: str, limit: int) -> list[Row]:
    """The newest passages of a door, newest first."""
    statement = select(passage).where(passage.c.door_id == door_id, passage.c.withdrawn == 0)
    statement = statement.order_by(passage.c.at.desc(), passage.c.id).limit(limit)
    return [dict(row) for row in conn.execute(statement).mappings()]


def passages_by_id(conn: Connection, ids: Iterable[str]) -> dict[str, Row]:
    """Passages by id, withdrawn or not."""
    statement = select(passage).where(passage.c.id.in_(list(ids)))
    return {row["id"]: dict(row) for row in conn.execute(statement).mappings()}


def rivals(conn: Connection, epc: str, door_id: str, from_ms: int, to_ms: int) -> list[Row]:
    """Passages of the same tag at other doors in [from_ms, to_ms]."""
    statement = select(passage).where(
        passage.c.epc == epc,
        passage.c.door_id != door_id,
        passage.c.at >= from_ms,
        passage.c.at <= to_ms,
        passage.c.withdrawn == 0,
    )
    return [dict(row) for row in conn.execute(statement).mappings()]


def put_passage(conn: Connection, row: Row, known: bool) -> None:
    """Insert a passage, or bring a known one up to date."""
    if known:
        conn.execute(update(passage).where(passage.c.id == row["id"]).values(row))
    else:
        conn.execute(insert(passage).values(row))


def withdraw_passage(conn: Connection, passage_id: str) -> None:
    """Late readings have shown that this did not pass."""
    conn.execute(update(passage).where(passage.c.id == passage_id).values(withdrawn=1))


def stays(conn: Connection, epcs: Iterable[str]) -> list[Row]:
    """Stays of these tags at picking benches, by tag and time."""
    statement = select(bench_stay).where(bench_stay.c.epc.in_(sorted(epcs)))
    statement = statement.order_by(bench_stay.c.epc, bench_stay.c.from_ms, bench_stay.c.bench_id)
    return [{**row, "kept": json.loads(row["kept"])} for row in conn.execute(statement).mappings()]


def replace_stays(
    conn: Connection, bench_id: str, epc: str, gone: Iterable[int], new: Iterable[tuple[int, int, Row]]
) -> None:
    """Put stays of a tag at a bench, as (from, to, what is kept), in the place of those that began at `gone`."""
    where = (bench_stay.c.bench_id == bench_id, bench_stay.c.epc == epc)
    if starts := list(gone):
        conn.execute(delete(bench_stay).where(*where, bench_stay.c.from_ms.in_(starts)))
    rows = [
        {"bench_id": bench_id, "epc": epc, "from_ms": start, "to_ms": end,
         "kept": json.dumps(kept, separators=(",", ":"))}
        for start, end, kept in new
    ]  # fmt: skip
    if rows:
        conn.execute(insert(bench_stay), rows)


def add_pass(conn: Connection, row: Row) -> None:
    """Note that a vehicle drove through a fence without arriving."""
    if conn.execute(select(fence_pass.c.id).where(fence_pass.c.id == row["id"])).first() is None:
        conn.execute(insert(fence_pass).values(row))


def drop_pass(conn: Connection, pass_id: str) -> None:
    """Late fixes have shown that it did not."""
    conn.execute(delete(fence_pass).where(fence_pass.c.id == pass_id))


def passes(conn: Connection, vehicle_id: str, from_ms: int, to_ms: int) -> list[Row]:
    """Passes of a vehicle that began in [from_ms, to_ms), by time."""
    statement = select(fence_pass).where(
        fence_pass.c.vehicle_id == vehicle_id, fence_pass.c.entered_at >= from_ms, fence_pass.c.entered_at < to_ms
    )
    return [dict(row) for row in conn.execute(statement.order_by(fence_pass.c.entered_at)).mappings()]


def put_travel(conn: Connection, row: Row) -> None:
    """Tell a leg; one that was withdrawn holds again."""
    known = conn.execute(select(travel.c.withdrawn).where(travel.c.id == row["id"])).scalar()
    if known is None:
        conn.execute(insert(travel).values(row))
    elif known:
        conn.execute(update(travel).where(travel.c.id == row["id"]).values(withdrawn=0, rev=travel.c.rev + 1))


def withdraw_travel(conn: Connection, ids: Iterable[str]) -> None:
    """Fixes that came later have shown that these legs were not so."""
    where = (travel.c.id.in_(list(ids)), travel.c.withdrawn == 0)
    conn.execute(update(travel).where(*where).values(withdrawn=1, rev=travel.c.rev + 1))


def travels(conn: Connection, vehicle_id: str, from_ms: int, to_ms: int, limit: int = 10_000) -> list[Row]:
    """Legs of a vehicle that hold and lie in part in [from_ms, to_ms), by time."""
    statement = select(travel).where(
        travel.c.vehicle_id == vehicle_id, travel.c.from_ms < to_ms, travel.c.to_ms > from_ms, travel.c.withdrawn == 0
    )
    statement = statement.order_by(travel.c.from_ms, travel.c.to_ms, travel.c.id).limit(limit)
    return [dict(row) for row in conn.execute(statement).mappings()]


def last_stop(conn: Connection, vehicle_id: str, before_ms: int) -> Row | None:
    """The last stop of a vehicle that was over before an instant."""
    statement = select(travel).where(
        travel.c.vehicle_id == vehicle_id, travel.c.kind == "stop", travel.c.to_ms < before_ms, travel.c.withdrawn == 0
    )
    row = conn.execute(statement.order_by(travel.c.to_ms.desc()).limit(1)).mappings().first()
    return dict(row) if row else None


def load_state(conn: Connection, detector: str, target: str) -> Any | None:
    """The state of a detector for one target, or None; nobody else changes it before this transaction ends."""
    where = (detector_state.c.detector == detector, detector_state.c.target == target)
    text = conn.execute(select(detector_state.c.state).where(*where).with_for_update()).scalar()
    return None if text is None else json.loads(text)


def peek_state(conn: Connection, detector: str, target: str) -> Any | None:
    """The state of a detector for one target, or None, for who only looks."""
    where = (detector_state.c.detector == detector, detector_state.c.target == target)
    text = conn.execute(select(detector_state.c.state).where(*where)).scalar()
    return None if text is None else json.loads(text)


def states(conn: Connection, detector: str) -> dict[str, Any]:
    """Every state of a detector by target, for who only looks."""
    statement = select(detector_state.c.target, detector_state.c.state).where(detector_state.c.detector == detector)
    return {row.target: json.loads(row.state) for row in conn.execute(statement)}


def save_state(conn: Connection, detector: str, target: str, state: Any) -> None:
    """Keep the state of a detector."""
    where = (detector_state.c.detector == detector, detector_state.c.target == target)
    text = json.dumps(state, separators=(",", ":"))
    if conn.execute(update(detector_state).where(*where).values(state=text)).rowcount == 0:
        conn.execute(insert(detector_state).values(detector=detector, target=target, state=text))


def targets(conn: Connection, detector: str) -> list[str]:
    """Targets that a detector keeps a state for."""
    where = detector_state.c.detector == detector
    return list(conn.execute(select(detector_state.c.target).where(where).order_by(detector_state.c.target)).scalars())


def drop_state(conn: Connection, detector: str, target: str) -> None:
    """Forget the state of a detector for one target."""
    conn.execute(delete(detector_state).where(detector_state.c.detector == detector, detector_state.c.target == target))


def sites_version(conn: Connection) -> tuple[int, str]:
    """Changes whenever a site is entered."""
    count = func.count().label("number")
    newest = func.coalesce(func.max(site.c.id), "").label("newest")
    row = conn.execute(readable(SYSTEM, site, count, newest)).one()
    return row.number, row.newest


def sites(conn: Connection) -> list[Row]:
    """All sites."""
    return [{**row, "shape": json.loads(row["shape"])} for row in conn.execute(readable(SYSTEM, site)).mappings()]
