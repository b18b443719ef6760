"""Watches vehicles on their trips: who stands too long away from every stop, or leaves the way (EX-31).

Judged from positions by event time, over and over: one that comes late and shows that the truck did not stand, or never
left its way, ends the incident. A tracker that is silent proves nothing new; that is an incident of its own.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from milepost.alerts import devices as incidents
from milepost.alerts.devices import Trouble
from milepost.db import Database
from milepost.evidence import journey, usual
from milepost.evidence.watch import LONG_STOP_MS, Off, long_stop, off_every_way
from milepost.fleet import repository as fleet
from milepost.fleet.track import readings_of_vehicle
from milepost.live import announce
from milepost.plan import repository as plan_rows
from milepost.plan import service as plan
from milepost.telemetry.legs import Fix
from milepost.telemetry.model import TelemetryStore
from milepost.times import now_ms

EVERY_S = 15.0
FRESH_MS = 1_200_000  # a parked tracker reports every few minutes; who is silent for longer opens nothing
LOOK_MS = 900_000  # of the way behind it
RULES = ("long_stop", "off_route")
_MOST_FIXES = 2_000
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """What is wrong with a vehicle: by rule since when (UTC ms), and fields of the texts."""

    rule: str
    vehicle: str
    since: int
    about: Row
    branch: str | None


class RoadWatch:
    """Brings the incidents of the road in line with what is known. One process does it at a time."""

    def __init__(self, db: Database, store: TelemetryStore) -> None:
        self._db = db
        self._store = store
        self._ways = usual.Ways(store)

    def round(self, now: int | None = None) -> None:
        """Look at every vehicle on a trip once. `now`: UTC ms."""
        at = now_ms() if now is None else now
        with self._db.read() as conn:
            seen = {}
            for row in plan_rows.on_trips(conn, at):
                for each in self._judge(conn, row, at):
                    seen[f"{each.rule}:{each.vehicle}"] = each
            standing = {row["cause"]: row for row in incidents.standing(conn).values() if row["rule"] in RULES}
        for cause, each in seen.items():
            if cause in standing and not incidents.differs(standing[cause], each.about):
                continue  # nothing to write: a transaction would hold up everybody else's
            with self._db.tx() as conn:
                if cause in standing:
                    incidents.amend(conn, standing[cause], each.about)
                    continue
                fleet.lock(conn, "vehicle", each.vehicle)
                trouble = Trouble(each.rule, each.vehicle, each.since, each.about, branch=each.branch)
                if incidents.begin(conn, trouble, at):
                    _tell(conn, each.rule, each.vehicle, "open", at)
        for cause in standing.keys() - seen.keys():
            with self._db.tx() as conn:
                incidents.end(conn, standing[cause], at, "over")
                rule, _, vehicle = cause.partition(":")
                _tell(conn, rule, vehicle, "closed", at)

    def _judge(self, conn: Connection, row: Row, now: int) -> list[Seen]:
        vehicle, trip = row["vehicle_id"], plan.get_trip(conn, row["trip_id"])
        known = journey.of_vehicle(conn, vehicle, now)
        if known is None:
            return []
        plate = (fleet.find(conn, "vehicle", vehicle) or {}).get("plate")
        about = {"plate": vehicle, "trip": trip.id, "holder": plate}
        found: list[Seen] = []
        stops = [fleet.find(conn, "site", stop["site_id"]) or {} for stop in trip.stops]
        planned = [(journey.site_place(site), journey.site_reach_m(site)) for site in stops]
        if known.leg is not None and long_stop(known.leg, min(now, known.last.at + FRESH_MS), planned, LONG_STOP_MS):
            found.append(Seen("long_stop", vehicle, known.leg.from_ms, about, trip.branch))
        off = self._off(conn, trip, row, known.last.at, now)
        if off is not None:
            over = round(off.farthest_m / 1000, 1)
            found.append(Seen("off_route", vehicle, off.from_ms, {**about, "over": over}, trip.branch))
        return found

    def _off(self, conn: Connection, trip: plan.Trip, row: Row, last_at: int, now: int) -> Off | None:
        """That the vehicle is off every way by which the house has driven between the two sites."""
        pair = journey.between(conn, trip, row["vehicle_id"], row["from_ms"])
        if pair is None:
            return None
        ways = self._ways.of(conn, pair[0], pair[1], now)
        if not ways:
            return None
        start = max(pair[2], last_at - LOOK_MS)
        fixes: list[Fix] = [
            (each.at, each.body.lat, each.body.lon, each.body.speed_mps)
            for each in readings_of_vehicle(conn, self._store, row["vehicle_id"], start, last_at + 1, _MOST_FIXES)
        ]
        found = off_every_way(fixes, ways)
        return found[-1] if found and found[-1].to_ms is None else None


def of_vehicles(conn: Connection) -> dict[str, list[Row]]:
    """What stands open of the road, by vehicle; the oldest first."""
    found: dict[str, list[Row]] = {}
    for cause, row in incidents.standing(conn).items():
        if row["rule"] in RULES:
            found.setdefault(cause.partition(":")[2], []).append(row)
    return found


def _tell(conn: Connection, rule: str, vehicle: str, state: str, at: int) -> None:
    announce.announce(conn, [("alert", {"cause": rule, "ex": "EX-31", "state": state, "at": at}, vehicle)])
