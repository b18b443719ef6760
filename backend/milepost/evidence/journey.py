"""The journey of a vehicle as it stands: where it is, what it does, which stops are due, how long such ways took."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from milepost.evidence import log, repository, service, travel, vehicles
from milepost.evidence.eta import Arrival, Due, arrivals
from milepost.evidence.routing import Guess, NoRoute, Place, Router
from milepost.evidence.steady import Point
from milepost.fleet import service as fleet
from milepost.plan import repository as plan_rows
from milepost.plan import service as plan
from milepost.telemetry.legs import Leg, metres

HISTORY_MS = 90 * 86_400_000
LONGEST_MS = 3 * 86_400_000  # between two sites; longer is another journey
_VISITS = ("vehicle.entered", "vehicle.left", "fact.retracted")


@dataclass(frozen=True, slots=True)
class Now:
    """A vehicle as its last fix says: where, and its open leg."""

    last: Point
    leg: Leg | None


def of_vehicle(conn: Connection, vehicle: str, now_ms: int) -> Now | None:
    """What a vehicle is doing; None when nothing was ever seen of it."""
    stored = repository.peek_state(conn, vehicles.DETECTOR, vehicle)
    if stored is None:
        return None
    window = [Point(*row) for row in stored["points"] if row[1] not in stored.get("bad", ())]
    base = stored["base"]["last"]
    last = window[-1] if window else Point(**base) if base else None
    return None if last is None else Now(last, travel.current(stored.get("legs"), window, now_ms))


def eta(conn: Connection, trip: plan.Trip, router: Router, now_ms: int) -> tuple[str | None, list[Arrival]]:
    """The vehicle of a trip and its arrivals at the stops that are due; nothing without a vehicle that was seen."""
    intervals = [row for row in plan_rows.vehicle_intervals(conn, trip_id=trip.id) if row["from_ms"] <= now_ms]
    if not intervals:
        return None, []
    vehicle, joined = intervals[-1]["vehicle_id"], intervals[0]["from_ms"]
    now = of_vehicle(conn, vehicle, now_ms)
    if now is None:
        return vehicle, []
    visits = service.standing(log.of_subjects(conn, [("vehicle", vehicle)], since=joined, kinds=_VISITS))
    places = {stop["site_id"]: site_place(fleet.get(conn, "site", stop["site_id"])) for stop in trip.stops}
    left = due_stops([stop["site_id"] for stop in trip.stops], [(fact.kind, fact.subjects["site"]) for fact in visits])
    due = [Due(site, places[site]) for site in left]
    if not due:
        return vehicle, []
    came_from = next((fact.subjects["site"] for fact in reversed(visits) if fact.kind == "vehicle.left"), None)
    if came_from and came_from not in places:
        places[came_from] = site_place(fleet.get(conn, "site", came_from))
    here = (now.last.lat, now.last.lon)
    stretches, sure = _route(router, [here, *(each.place for each in due)])
    pairs = list(zip([came_from, *left], left, strict=False))
    history = {(one, other): runs(conn, one, other, now_ms) for one, other in pairs if one is not None and one != other}
    standing = now.leg is not None and now.leg.kind == "stop"
    return vehicle, arrivals(
        here, now.last.at, now_ms, due, stretches, came_from=came_from, history=history, places=places, sure=sure,
        standing=standing,
    )  # fmt: skip


def runs(conn: Connection, one: str, other: str, now_ms: int) -> list[int]:
    """How long vehicles took from leaving one site to entering another, in ms, over the last 90 days."""
    return [end - start for _, start, end in drives(conn, one, other, now_ms)]


def drives(conn: Connection, one: str, other: str, now_ms: int) -> list[tuple[str, int, int]]:
    """The journeys of the last 90 days from one site to another: vehicle, when it left, when it entered (UTC ms)."""
    since = now_ms - HISTORY_MS
    facts = service.standing(
        log.of_subjects(conn, [("site", one), ("site", other)], until=now_ms, since=since, kinds=_VISITS)
    )
    began: dict[str, int] = {}
    found: list[tuple[str, int, int]] = []
    for fact in facts:
        vehicle, site = fact.subjects["vehicle"], fact.subjects["site"]
        if fact.kind == "vehicle.left" and site == one:
            began[vehicle] = fact.at
        elif fact.kind == "vehicle.entered":
            start = began.pop(vehicle, None)
            if site == other and start is not None and fact.at - start <= LONGEST_MS:
                found.append((vehicle, start, fact.at))
    return found


def between(conn: Connection, trip: plan.Trip, vehicle: str, joined: int) -> tuple[str, str, int] | None:
    """The site that a vehicle on a trip has left last, the stop it is bound for, and when it left (UTC ms).

    None while it stands at a site, before it left one, and once no stop is due.
    """
    visits = service.standing(log.of_subjects(conn, [("vehicle", vehicle)], since=joined, kinds=_VISITS))
    if not visits or visits[-1].kind != "vehicle.left":
        return None
    left = due_stops([stop["site_id"] for stop in trip.stops], [(fact.kind, fact.subjects["site"]) for fact in visits])
    return (visits[-1].subjects["site"], left[0], visits[-1].at) if left else None


def nearest(here: Place, sites: Iterable[dict[str, Any]], limit: int) -> list[tuple[dict[str, Any], float]]:
    """The sites nearest to a place with their distance in metres as the crow flies (EX-27)."""
    far = [(row, metres(*here, *site_place(row))) for row in sites]
    return sorted(far, key=lambda each: (each[1], each[0]["id"]))[:limit]


def site_place(row: dict[str, Any]) -> Place:
    """The middle of a site's fence. `row`: as the fleet keeps it."""
    shape = json.loads(row["shape"]) if isinstance(row["shape"], str) else row["shape"]
    if shape["type"] == "circle":
        return shape["lat"], shape["lon"]
    points: Sequence[Sequence[float]] = shape["points"]
    return sum(point[0] for point in points) / len(points), sum(point[1] for point in points) / len(points)


def site_reach_m(row: dict[str, Any]) -> float:
    """How far a site's fence reaches from its middle, metres."""
    shape = json.loads(row["shape"]) if isinstance(row["shape"], str) else row["shape"]
    if shape["type"] == "circle":
        return shape["radius_m"]
    middle = site_place(row)
    return max(metres(*middle, point[0], point[1]) for point in shape["points"])


def due_stops(stops: Sequence[str], visits: Iterable[tuple[str, str]]) -> list[str]:
    """The stops behind the last one that was reached, in driving order; a site may come twice. Pure.

    `visits`: (kind, site) of arrivals and departures by time. A departure without its arrival, as where a trip begins,
    counts as a visit too.
    """
    done, inside = 0, None
    for kind, site in visits:
        if (kind == "vehicle.entered" or inside != site) and site in stops[done:]:
            done = stops.index(site, done) + 1
        inside = site if kind == "vehicle.entered" else None
    return list(stops[done:])


def _route(router: Router, places: Sequence[Place]) -> tuple[list[Any], bool]:
    try:
        return router.route(places), router.sure
    except NoRoute:
        return Guess().route(places), False
