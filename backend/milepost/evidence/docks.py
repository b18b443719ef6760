"""Dock sessions that nobody opened by hand, kept in line with what is known of a site: positions, appointments, tags.

`docking` says which sessions follow; here the difference is written, and the passages of a door follow it.
"""

import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection

from milepost.db import Database
from milepost.evidence import gather, repository, service, trailers
from milepost.evidence.docking import Docked, Fixed, docked, how
from milepost.evidence.model import Fact
from milepost.fleet import service as fleet
from milepost.telemetry.model import Reading
from milepost.times import now_ms

_DAY_MS = 86_400_000
_HOLE_MS = 3_600_000  # a record that ends a hole may come so long after a session
_SESSION = uuid.UUID("7f0c3a52-6a3d-5c4f-9d17-4a5f1f2f6c90")
Row = dict[str, Any]


class Docks:
    """What begins or ends by the clock alone: the appointments of trucks that cannot tell where they stand."""

    def __init__(self, db: Database, on_facts: Callable[[Connection, list[Fact]], object]) -> None:
        self._db = db
        self._on_facts = on_facts
        self._until_ms = now_ms() - _DAY_MS  # appointments up to then are settled

    def tick(self) -> None:
        """Settle those that began or ended since the last call; doing so twice, or in two processes, is once."""
        now = now_ms()
        with self._db.read() as conn:
            sites = gather.sites_due(conn, self._until_ms, now)
        for site in sites:
            with self._db.tx() as conn:
                facts = reconcile(conn, site, self._until_ms, now)
                if facts:
                    self._on_facts(conn, facts)
        self._until_ms = now


def by_tags(conn: Connection, door: str, readings: Sequence[Reading], now: int) -> list[Fact]:
    """What the tags of vehicles among a door's new readings say about who stands there."""
    since = trailers.hear(conn, door, readings)
    return [] if since is None else reconcile(conn, fleet.get(conn, "door", door)["site_id"], since, now)


def heard(conn: Connection, door: str, late_from: int | None) -> list[Fact]:
    """What was said at the end of a door's sessions, once records fill a hole in the hearing of its reader, or show one
    (UTC ms; None: they show nothing of the past)."""
    if late_from is None:
        return []
    told: list[Fact] = []
    for row in repository.sessions_of_doors(conn, [door], late_from - _HOLE_MS):
        if row["to_ms"] is not None:
            told += service.tell_closed(conn, row)
    return told


def by_positions(conn: Connection, facts: Iterable[Fact], now: int) -> list[Fact]:
    """What follows for the docks of the sites where vehicles came, went, or did not after all."""
    since: dict[str, int] = {}
    for fact in facts:
        site = fact.subjects.get("site")
        if site is not None and "vehicle" in fact.subjects and "unit" not in fact.subjects:
            since[site] = min(fact.at, since.get(site, fact.at))
    told: list[Fact] = []
    for site, start in sorted(since.items()):
        told += reconcile(conn, site, start, now)
    return told


def reconcile(conn: Connection, site: str, since: int, now: int) -> list[Fact]:
    """Bring the sessions of a site that nobody opened by hand in line with positions, appointments and trailer tags.

    `since`: event time from which on something is known otherwise; `now`: what lies ahead has not begun. Returns the
    facts by which passages were corrected and sessions ended.
    """
    doors = repository.doors_of_site(conn, site)
    if not doors:
        return []
    known = gather.of_site(conn, site, doors, since, now)
    rows = repository.sessions_of_doors(conn, doors, known.begin_ms)
    told = _left_open(conn, rows, known)
    own = {row["id"]: row for row in rows if concluded(row)}
    fixed = [_fixed(row) for row in rows if row["id"] not in own and row["to_ms"] != row["from_ms"]]
    found = docked(known.stands, known.slots, known.heard, fixed, known.read)
    wanted = {row["id"]: row for row in _rows(found, known)}
    spans: list[tuple[str, int]] = []
    for key in sorted(own.keys() | wanted.keys()):
        old, new = own.get(key), wanted.get(key)
        if old == new or (old is not None and new is None and old["to_ms"] == old["from_ms"]):
            continue
        if new is None:
            assert old is not None
            new = {**old, "to_ms": old["from_ms"], "closed_by": old["opened_by"]}
        if old is None and repository.session(conn, key) is None:
            repository.add_session(conn, new)
        elif old is None:
            repository.change_session(conn, key, **{name: value for name, value in new.items() if name != "id"})
        else:
            repository.change_session(conn, key, **{name: new[name] for name in new if new[name] != old[name]})
        spans += [(each["door_id"], each["from_ms"]) for each in (old, new) if each is not None]
        wanted[key] = new
    for door in sorted({door for door, _ in spans}):
        told += service.resettle(conn, door, min(start for each, start in spans if each == door))
    for key, row in sorted(wanted.items()):
        if row != own.get(key):
            told += service.tell_closed(conn, row)
    return told


def concluded(row: Row) -> bool:
    """True for a session that nobody opened or closed by hand."""
    return how(row["opened_by"]) != "hand" and (row["closed_by"] is None or how(row["closed_by"]) != "hand")


def _left_open(conn: Connection, rows: list[Row], known: gather.Known) -> list[Fact]:
    """Whoever forgot to close a session is relieved of it by the vehicle's leaving; that it never left undoes this."""
    told: list[Fact] = []
    for row in rows:
        if concluded(row) or (row["closed_by"] is not None and how(row["closed_by"]) == "hand"):
            continue
        end = known.gone(row["vehicle_id"], row["from_ms"])
        at, proof = (None, None) if end is None else (end[0], f"position:{end[1]}")
        if (row["to_ms"], row["closed_by"]) != (at, proof):
            row |= {"to_ms": at, "closed_by": proof}
            repository.change_session(conn, row["id"], to_ms=at, closed_by=proof)
            told += service.resettle(conn, row["door_id"], row["from_ms"])
            told += service.tell_closed(conn, row)
    return told


def _fixed(row: Row) -> Fixed:
    return Fixed(row["vehicle_id"], row["door_id"], row["from_ms"], row["to_ms"])


def _rows(found: Iterable[Docked], known: gather.Known) -> list[Row]:
    """The rows of concluded sessions; the id of each says which of its trip at this door it is, and stays its own."""
    rows: list[Row] = []
    count: dict[tuple[str, str, str], int] = {}
    for each in found:
        key = (each.trip, each.vehicle, each.door)
        count[key] = count.get(key, 0) + 1
        end = known.gone(each.vehicle, each.from_ms)
        closed_by = each.by if end is None or end[0] != each.to_ms else f"position:{end[1]}"
        rows.append(
            {
                "id": str(uuid.uuid5(_SESSION, "/".join((*key, str(count[key]))))),
                "door_id": each.door,
                "vehicle_id": each.vehicle,
                "trip_id": each.trip,
                "direction": each.direction,
                "from_ms": each.from_ms,
                "to_ms": each.to_ms,
                "opened_by": each.by,
                "closed_by": None if each.to_ms is None else closed_by,
            }
        )
    return rows
