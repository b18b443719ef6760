"""Watches that a door is read while a truck stands there: an incident in the inbox while it is not (issue of a keeper).

Opened by what the records of the reader do not cover (`evidence/hearing`), ended by facts: records that came after all,
a list of which everything is done, or the end of the session.
"""

from typing import Any

from sqlalchemy import Connection

from milepost.alerts import devices as incidents
from milepost.alerts.devices import Trouble
from milepost.db import Database
from milepost.evidence import hearing, repository, service
from milepost.fleet import repository as fleet
from milepost.plan import service as plan
from milepost.times import now_ms

EVERY_S = 5.0
RULE = "session_degraded"
Row = dict[str, Any]


class DockWatch:
    """Brings the incidents in line with the sessions. Any number of processes may call `round`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def round(self, now: int | None = None) -> None:
        """Look at every session once. `now`: UTC ms."""
        at = now_ms() if now is None else now
        with self._db.read() as conn:
            open_now = {row["id"]: row for row in repository.open_sessions(conn)}
            unread = {key: holes for key, row in open_now.items() if (holes := _holes(conn, row, at))}
            standing = {row["cause"]: row for row in incidents.standing(conn).values() if row["rule"] == RULE}
        for key, holes in unread.items():
            if f"{RULE}:{key}" not in standing:
                with self._db.tx() as conn:
                    incidents.begin(conn, _trouble(conn, open_now[key], holes[0][0]), at)
        for cause, row in standing.items():
            if cause.removeprefix(f"{RULE}:") not in unread:
                with self._db.tx() as conn:
                    incidents.end(conn, row, at, "over")


def _holes(conn: Connection, session: Row, now: int) -> list[hearing.Hole]:
    holes = hearing.of_session(conn, session, now)
    if not holes:
        return []
    listed = plan.expected_units(conn, session["trip_id"])
    done = set(service.tally(conn, session)["done"])
    return [] if listed and listed.keys() <= done else holes


def _trouble(conn: Connection, session: Row, since: int) -> Trouble:
    """Safe against another process that opens it too: the row of the session is the lock."""
    repository.lock_session(conn, session["id"])
    door = fleet.find(conn, "door", session["door_id"]) or {}
    site = fleet.find(conn, "site", door.get("site_id", "")) or {}
    about = {
        "place": door.get("site_id"),
        "door": door.get("number"),
        "plate": session["vehicle_id"],
        "trip": session["trip_id"],
        "holder": f"{site.get('code', '')} · {door.get('number', '')}",
    }
    return Trouble(RULE, session["id"], since, about, branch=site.get("branch"), site=door.get("site_id"))
