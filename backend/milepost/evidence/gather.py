"""What is known of a site and its doors: who stood there, who was expected at which door, whose tag was heard."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from milepost.evidence import log, repository, service
from milepost.evidence.docking import Heard, Slot, Stand
from milepost.evidence.model import Fact
from milepost.evidence.trailers import docked_by_tag
from milepost.fleet import repository as fleet_rows
from milepost.plan import repository as plan_rows
from milepost.plan import service as plan

LOOK_MS = 3 * 86_400_000  # who came earlier and still stands there has no session to be found any more
_VISITS = ("vehicle.entered", "vehicle.stopped", "vehicle.left", "fact.retracted")


@dataclass(frozen=True, slots=True)
class Visit:
    """A vehicle at the site: since when and until when (UTC ms), and the facts that say so."""

    vehicle: str
    from_ms: int
    to_ms: int | None
    proof: str
    end_proof: str | None


@dataclass(frozen=True, slots=True)
class Known:
    """Everything that `docking` wants to know. `read`: doors that have a reader; `begin_ms`: since when it is whole."""

    begin_ms: int
    stands: list[Stand]
    slots: list[Slot]
    heard: list[Heard]
    read: list[str]
    visits: list[Visit]

    def gone(self, vehicle: str, at_ms: int) -> tuple[int, str] | None:
        """When a vehicle that was there at `at_ms` left, and by which fact; None: it stands there still."""
        for visit in self.visits:
            if visit.vehicle == vehicle and visit.to_ms is not None and visit.end_proof and visit.to_ms > at_ms:
                return visit.to_ms, visit.end_proof
        return None


def of_site(conn: Connection, site: str, doors: list[str], since: int, now: int) -> Known:
    """Gather what concerns a site from some time before `since` on."""
    rows = [row for row in repository.sessions_of_doors(conn, doors, since - LOOK_MS) if row["to_ms"] is None]
    begin = min([since, *(row["from_ms"] for row in rows)]) - LOOK_MS
    facts = log.of_subjects(conn, [("site", site)], since=begin, kinds=_VISITS)
    visits = visits_of(service.standing(facts))
    slots = [
        Slot(row["id"], door, row["trip_id"], row["from_ms"], row["to_ms"])
        for door in doors
        for row in plan_rows.appointments(conn, door_id=door)
        if row["to_ms"] > begin and row["from_ms"] <= now
    ]
    stands = [stand for visit in visits for stand in _stands(conn, site, visit, visits)]
    stands += [stand for slot in slots if (stand := _by_the_book(conn, site, slot, now)) is not None]
    read = [door for door in doors if _readers(conn, door, since)]
    return Known(begin, stands, slots, docked_by_tag(conn, doors), read, visits)


def visits_of(facts: list[Fact]) -> list[Visit]:
    """Stays of vehicles at one site, from its standing facts by time. Pure.

    What begins without an entry, because it stood there when it was first heard, begins with its stop.
    """
    inside: dict[str, Fact] = {}
    found: list[Visit] = []
    for fact in facts:
        vehicle = fact.subjects["vehicle"]
        if fact.kind != "vehicle.left":
            inside.setdefault(vehicle, fact)
        elif vehicle in inside:
            first = inside.pop(vehicle)
            found.append(Visit(vehicle, first.at, fact.at, first.id, fact.id))
    found += [Visit(vehicle, first.at, None, first.id, None) for vehicle, first in inside.items()]
    return sorted(found, key=lambda each: (each.from_ms, each.vehicle))


def sites_due(conn: Connection, last: int, now: int) -> list[str]:
    """Sites with an appointment that begins or ends in (last, now]."""
    doors = {row["door_id"] for row in plan_rows.appointments_between(conn, last, now)}
    found = {(fleet_rows.find(conn, "door", door) or {}).get("site_id") for door in doors}
    return sorted(site for site in found if site is not None)


def _stands(conn: Connection, site: str, visit: Visit, visits: list[Visit]) -> list[Stand]:
    """The trips that a vehicle was on while it stood there, each from when it was put on it."""
    found = []
    for row in plan_rows.vehicle_intervals(conn, vehicle_id=visit.vehicle):
        start = max(visit.from_ms, row["from_ms"])
        ends = [each for each in (visit.to_ms, row["to_ms"]) if each is not None]
        end = min(ends) if ends else None
        if end is not None and end <= start:
            continue
        trip = plan.get_trip(conn, row["trip_id"])
        earlier = sum(
            1 for each in visits
            if each.vehicle == visit.vehicle and each.from_ms < visit.from_ms and (each.to_ms or 0) > row["from_ms"]
        )  # fmt: skip
        direction = _direction(conn, trip, site, earlier)
        if direction is not None:
            found.append(Stand(visit.vehicle, trip.id, direction, start, end, visit.proof))
    return found


def _direction(conn: Connection, trip: plan.Trip, site: str, earlier: int) -> str | None:
    """What is done at the stop: loading at a trip's first, unloading at the others. `earlier`: its visits before."""
    places = [n for n, stop in enumerate(trip.stops) if stop["site_id"] == site]
    if not places:
        return None
    place = places[min(earlier, len(places) - 1)]
    if len(trip.stops) == 1:
        kind = (fleet_rows.find(conn, "site", site) or {}).get("kind")
        return "unload" if kind == "consignee" else "load"
    return "load" if place == 0 else "unload"


def _by_the_book(conn: Connection, site: str, slot: Slot, now: int) -> Stand | None:
    """A truck without a tracker is taken to keep its appointment."""
    trip = plan.get_trip(conn, slot.trip)
    on = [
        row for row in plan_rows.vehicle_intervals(conn, trip_id=slot.trip)
        if row["from_ms"] < slot.to_ms and (row["to_ms"] is None or row["to_ms"] > slot.from_ms)
    ]  # fmt: skip
    direction = _direction(conn, trip, site, 0)
    if not on or direction is None:
        return None
    vehicle, start = on[-1]["vehicle_id"], max(slot.from_ms, on[-1]["from_ms"])
    for row in fleet_rows.bindings(conn, target_kind="vehicle", target_id=vehicle):
        if row["from_ms"] < slot.to_ms and (row["to_ms"] is None or row["to_ms"] > start):
            return None  # it can tell itself where it stands
    if start > now:
        return None
    end = slot.to_ms if slot.to_ms <= now else None
    return Stand(vehicle, trip.id, direction, start, end, slot.id, slot.id)


def _readers(conn: Connection, door: str, since: int) -> list[dict[str, Any]]:
    rows = fleet_rows.bindings(conn, target_kind="door", target_id=door)
    return [row for row in rows if row["to_ms"] is None or row["to_ms"] > since]
