"""Dock sessions as people open, close and correct them; what was concluded (`docks`) gives way.

Reads bind to sessions by event time: one that is opened or corrected later takes the passages of its time, and gives
back what is not its own.
"""

from typing import Any

from sqlalchemy import Connection

from milepost.errors import Conflict, Invalid, NotFound
from milepost.evidence import docks, repository, service
from milepost.evidence.model import Author, Fact
from milepost.fleet import service as fleet
from milepost.ids import new_id
from milepost.plan import service as plan
from milepost.times import now_ms, to_rfc3339

DIRECTIONS = ("load", "unload")
Row = dict[str, Any]


def open_session(
    conn: Connection,
    *,
    door: str,
    vehicle: str,
    trip: str,
    direction: str,
    from_ms: int,
    by: str,
    to_ms: int | None = None,
) -> tuple[Row, list[Fact]]:
    """Say by hand that a vehicle stands at a door for a trip, in [from_ms, to_ms) (UTC ms, may lie in the past).

    What was concluded about the door or the vehicle gives way. Returns the session and the facts that passages have
    become by it. Raises NotFound, Invalid, or Conflict naming the session that a person opened.
    """
    row: Row = {
        "id": new_id(),
        "door_id": door,
        "vehicle_id": vehicle,
        "trip_id": trip,
        "direction": direction,
        "from_ms": from_ms,
        "to_ms": to_ms,
        "opened_by": by,
        "closed_by": None if to_ms is None else by,
    }
    _check(conn, row)
    repository.add_session(conn, row)
    return row, _follow(conn, row, from_ms)


def close_session(conn: Connection, session_id: str, at_ms: int, by: Author) -> tuple[Row, list[Fact]]:
    """Close a session at `at_ms` and say what is short and what is over against the expected list.

    Returns the session and the facts appended, the last of them `session.closed`. Raises NotFound, Conflict when it is
    closed already, Invalid when it would end before it began.
    """
    row = _known(conn, session_id)
    if row["to_ms"] is not None:
        raise Conflict(f"the session was closed at {to_rfc3339(row['to_ms'])}; correct it instead", changed="to")
    if at_ms <= row["from_ms"]:
        raise Invalid(f"the session began at {to_rfc3339(row['from_ms'])}; it must end later")
    row |= {"to_ms": at_ms, "closed_by": by.id}
    repository.change_session(conn, session_id, to_ms=at_ms, closed_by=by.id)
    told = service.resettle(conn, row["door_id"], row["from_ms"])
    told += service.tell_closed(conn, row)
    return row, sorted(told, key=lambda fact: fact.kind == "session.closed")


def correct_session(conn: Connection, session_id: str, by: str, **changes: Any) -> tuple[Row, list[Fact]]:
    """Say by hand what was wrong of a session: any of door_id, vehicle_id, trip_id, direction, from_ms, to_ms.

    From then on it is the person's. Returns the session and the facts by which passages were corrected. Raises
    NotFound, Invalid, or Conflict naming another session that a person opened.
    """
    old = _known(conn, session_id)
    row = {**old, **changes, "opened_by": by}
    if row["to_ms"] is not None:
        row["closed_by"] = by
    _check(conn, row)
    if fleet.get(conn, "door", row["door_id"])["site_id"] != fleet.get(conn, "door", old["door_id"])["site_id"]:
        raise Invalid("the door belongs to another site; close this session and open one there")
    repository.change_session(conn, session_id, **{name: row[name] for name in row if name != "id"})
    begin = min(old["from_ms"], row["from_ms"])
    told = service.resettle(conn, old["door_id"], begin)
    told += _follow(conn, row, begin)
    for each in [row] if old["trip_id"] == row["trip_id"] else [{**old, "to_ms": old["from_ms"]}, row]:
        told += service.tell_closed(conn, each)
    return row, told


def _check(conn: Connection, row: Row) -> None:
    if row["direction"] not in DIRECTIONS:
        raise Invalid(f"direction {row['direction']!r}: one of {', '.join(DIRECTIONS)}")
    if row["to_ms"] is not None and row["to_ms"] <= row["from_ms"]:
        raise Invalid(f"the session begins at {to_rfc3339(row['from_ms'])}; it must end later")
    fleet.get(conn, "door", row["door_id"])
    fleet.get(conn, "vehicle", row["vehicle_id"])
    plan.get_trip(conn, row["trip_id"])
    for equal in ({"door_id": row["door_id"]}, {"vehicle_id": row["vehicle_id"]}):
        for old in repository.sessions(conn, **equal):
            apart = (row["to_ms"] is not None and row["to_ms"] <= old["from_ms"]) or (
                old["to_ms"] is not None and old["to_ms"] <= row["from_ms"]
            )
            if old["id"] != row["id"] and not docks.concluded(old) and not apart:
                raise Conflict(
                    f"session {old['id']} (door {old['door_id']}, vehicle {old['vehicle_id']}) runs from "
                    f"{to_rfc3339(old['from_ms'])}; close it first, or correct it",
                    changed={"session": old["id"], "vehicle": old["vehicle_id"]},
                )


def _follow(conn: Connection, row: Row, since: int) -> list[Fact]:
    """What a person said of a door moves what was concluded there, and then the passages of its time."""
    site = fleet.get(conn, "door", row["door_id"])["site_id"]
    told = docks.reconcile(conn, site, since, now_ms())
    return told + service.resettle(conn, row["door_id"], since)


def _known(conn: Connection, session_id: str) -> Row:
    row = repository.session(conn, session_id)
    if row is None:
        raise NotFound(f"no session {session_id!r}; GET /api/v1/doors/{{id}} shows a door's current one")
    return row
