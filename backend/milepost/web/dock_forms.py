"""The forms of dock sessions: what they ask, and how what was typed becomes the bodies that the API takes."""

from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from milepost.access.model import SYSTEM
from milepost.access.scope import readable
from milepost.errors import Conflict, MilepostError
from milepost.evidence import repository as evidence_rows
from milepost.evidence.api import Correction, Ending, NewSession
from milepost.evidence.sessions import DIRECTIONS
from milepost.fleet import repository as fleet_rows
from milepost.fleet.tables import door
from milepost.plan.tables import trip
from milepost.times import parse_rfc3339
from milepost.web import views
from milepost.web.forms.describe import Input
from milepost.web.forms.reading import Texts, Wrong, body_of, first, local_text
from milepost.web.trip_acts import Translate

Row = dict[str, Any]
Choices = dict[str, list[tuple[str, str]]]
OPEN, CORRECT, CLOSE = "dock-open", "dock-correct", "dock-close"
_MOST_TRIPS = 80
_WHO = (
    Input("vehicle", ("vehicle",), "vehicle", True),
    Input("trip", ("trip",), "trip", True),
    Input("direction", ("direction",), "choice", True, choices=DIRECTIONS),
)
OPEN_INPUTS = (*_WHO, Input("from", ("from",), "time", False), Input("to", ("to",), "time", False))
CLOSE_INPUTS = (Input("at", ("at",), "time", False),)


def correct_inputs(session: Row) -> tuple[Input, ...]:
    """What may be wrong of a session; one that has ended keeps an end."""
    ended = session["to_ms"] is not None
    return (
        Input("door", ("door",), "door", True),
        *_WHO,
        Input("from", ("from",), "time", True),
        Input("to", ("to",), "time", ended),
    )


def choices_of(conn: Connection, site_id: str, trips: set[str]) -> Choices:
    """What there is to choose from at the doors of a site, whoever's it is: who keeps a door handles every truck that
    comes to it. `trips`: those to be offered beside the newest ones.
    """
    doors = readable(SYSTEM, door, door.c.id, door.c.number).where(door.c.site_id == site_id).order_by(door.c.number)
    newest = readable(SYSTEM, trip, trip.c.id, trip.c.number).order_by(trip.c.id.desc())
    found = {row.id: row.number for row in conn.execute(newest.limit(_MOST_TRIPS))}
    named = readable(SYSTEM, trip, trip.c.id, trip.c.number).where(trip.c.id.in_(sorted(trips - set(found))))
    found |= {row.id: row.number for row in conn.execute(named)}
    return {
        "door": [(row.id, row.number) for row in conn.execute(doors)],
        "vehicle": [(row["id"], row["plate"]) for row in views.vehicles_seen(conn, SYSTEM)],
        "trip": list(found.items()),
    }


def started(session: Row, zone: ZoneInfo) -> dict[str, str]:
    """The values with which the form that corrects a session begins."""
    return {
        "door": session["door_id"],
        "vehicle": session["vehicle_id"],
        "trip": session["trip_id"],
        "direction": session["direction"],
        "from": local_text(session["from_ms"], zone),
        "to": local_text(session["to_ms"], zone),
    }


def opened(given: Texts, zone: ZoneInfo, choices: Choices) -> NewSession:
    """The session that a form opens. Raises Wrong."""
    body = body_of(NewSession, OPEN_INPUTS, given, zone, _ids(choices))
    _in_order(body.from_, body.to)
    return body


def corrected(given: Texts, session: Row, zone: ZoneInfo, choices: Choices) -> Correction:
    """What a form corrects of a session: only what differs from it, so that seconds that no form shows are kept.

    Raises Wrong.
    """
    inputs = correct_inputs(session)
    body = body_of(Correction, inputs, given, zone, _ids(choices))
    missing = [each.name for each in inputs if each.needed and not first(given, each.name)]
    if missing:
        raise Wrong([(name, "missing", {}) for name in missing])
    _in_order(body.from_, body.to)
    before = started(session, zone)
    typed = body.model_dump(by_alias=True, exclude_none=True)
    changed = {name: value for name, value in typed.items() if first(given, name) != before[name]}
    if not changed:
        raise Wrong([("", "dock_same", {})])
    return Correction.model_validate(changed)


def closed(given: Texts, session: Row, zone: ZoneInfo) -> Ending:
    """When a form closes a session. Raises Wrong."""
    body = body_of(Ending, CLOSE_INPUTS, given, zone)
    if body.at is not None and parse_rfc3339(body.at, "at") <= session["from_ms"]:
        raise Wrong([("at", "before", {})])
    return body


def in_words(conn: Connection, error: MilepostError, t: Translate, clock: Any) -> str:
    """Why a form of a session was refused: the session that stands in the way by door, plate and times."""
    known = error.extra.get("changed") if isinstance(error, Conflict) else None
    if isinstance(known, dict) and (row := evidence_rows.session(conn, str(known.get("session")))):
        at_door = fleet_rows.find(conn, "door", row["door_id"]) or {}
        truck = fleet_rows.find(conn, "vehicle", row["vehicle_id"]) or {}
        end = t("dock.now") if row["to_ms"] is None else clock(row["to_ms"])
        return t("dock.refused.meets", n=at_door.get("number", "–"), plate=truck.get("plate", "–"),
                 a=clock(row["from_ms"]), b=end)  # fmt: skip
    if isinstance(error, Conflict) and known == "to":
        return t("dock.refused.closed")
    return error.message


def _in_order(start: str | None, end: str | None) -> None:
    if start is not None and end is not None and parse_rfc3339(end, "to") <= parse_rfc3339(start, "from"):
        raise Wrong([("to", "before", {})])


def _ids(choices: Choices) -> dict[str, dict[str, str]]:
    return {kind: {value: value for value, _ in found} for kind, found in choices.items()}
