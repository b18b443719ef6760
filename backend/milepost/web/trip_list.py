"""Trips as the pages show them: which there are on a day, how far each has come. Reads only, within scopes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from milepost.access.model import SYSTEM, Principal
from milepost.access.scope import readable
from milepost.errors import NotFound
from milepost.evidence import log
from milepost.evidence import repository as evidence_rows
from milepost.evidence.model import Fact
from milepost.evidence.service import standing
from milepost.fleet.model import plate_key
from milepost.fleet.tables import driver, vehicle
from milepost.plan import repository as plan_rows
from milepost.plan import service as plan
from milepost.plan.tables import trip, trip_stop, trip_vehicle
from milepost.web import trip_load, views

Row = dict[str, Any]
STATES = ("planned", "loading", "ready", "road", "done")
MOST = 200
_VISITS = ("vehicle.entered", "vehicle.stopped", "vehicle.left")


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list of trips shows; `day` None: whatever the day; texts are empty for any."""

    day: date | None = None
    vehicle: str = ""
    state: str = ""
    site: str = ""
    q: str = ""


def find(conn: Connection, me: Principal, ref: str, t: Callable[..., str]) -> plan.Trip:
    """A trip by its number or id. Raises NotFound, also for what the person may not see."""
    found = plan_rows.trips(conn, me, number=ref) or plan_rows.trips(conn, me, id=ref)
    if not found:
        raise NotFound(t("trip.gone"))
    return plan.get_trip(conn, found[0]["id"], me)


def ref(row: Mapping[str, Any]) -> str:
    """How an address names a trip: by its number, or by its id where a number would break the address."""
    return row["id"] if "/" in row["number"] or row["number"] in ("new", ".", "..") else row["number"]


def listing(conn: Connection, me: Principal, wanted: Filter, now: int, zone: ZoneInfo) -> tuple[list[Row], bool]:
    """(trips by when they begin, whether there are more than are shown)."""
    statement = readable(me, trip)
    for condition in _conditions(conn, wanted, now, zone):
        statement = statement.where(condition)
    rows = [dict(row) for row in conn.execute(statement.order_by(trip.c.id.desc()).limit(MOST + 1)).mappings()]
    cut = len(rows) > MOST
    shown = _filled(conn, rows[:MOST], now)
    shown = [row for row in shown if wanted.state in ("", row["state"])]
    shown.sort(key=lambda row: (STATES.index(row["state"]) == len(STATES) - 1, row["begins"], row["number"]))
    return shown, cut


def one(conn: Connection, found: plan.Trip, now: int) -> Row:
    """One trip as the list has it: vehicles, stops with when they were visited, state, signature."""
    row = {"id": found.id, "number": found.number, "kind": found.kind, "branch": found.branch,
           "carrier": found.carrier, "created_at": plan_rows.trips(conn, id=found.id)[0]["created_at"]}  # fmt: skip
    return _filled(conn, [row], now)[0]


def _conditions(conn: Connection, wanted: Filter, now: int, zone: ZoneInfo) -> list[ColumnElement[bool]]:
    made: list[ColumnElement[bool]] = []
    if wanted.q:
        return [trip.c.number.ilike(f"%{_plain(wanted.q)}%", escape="\\")]
    if wanted.day is not None:
        start, end = (_instant(wanted.day + timedelta(days=n), zone) for n in (0, 1))
        at_stop = select(trip_stop.c.trip_id).where(trip_stop.c.planned_from >= start, trip_stop.c.planned_from < end)
        begun = and_(trip_vehicle.c.from_ms >= start, trip_vehicle.c.from_ms < end)
        if start <= now < end:
            # Whatever is under way is of today, however long it has been.
            begun = or_(begun, and_(trip_vehicle.c.from_ms < end, trip_vehicle.c.to_ms.is_(None)))
        on_road = select(trip_vehicle.c.trip_id).where(begun)
        dated = select(trip_stop.c.trip_id).where(trip_stop.c.planned_from.is_not(None))
        made_then = and_(trip.c.created_at >= start, trip.c.created_at < end, trip.c.id.not_in(dated))
        made.append(or_(trip.c.id.in_(at_stop), trip.c.id.in_(on_road), made_then))
    if wanted.vehicle:
        plate = vehicle.c.plate_key.contains(plate_key(wanted.vehicle), autoescape=True)
        ids = conn.execute(readable(SYSTEM, vehicle, vehicle.c.id).where(plate)).scalars().all()
        made.append(trip.c.id.in_(select(trip_vehicle.c.trip_id).where(trip_vehicle.c.vehicle_id.in_(ids))))
    if wanted.site:
        made.append(trip.c.id.in_(select(trip_stop.c.trip_id).where(trip_stop.c.site_id == wanted.site)))
    return made


def _filled(conn: Connection, rows: Sequence[Row], now: int) -> list[Row]:
    ids = [row["id"] for row in rows]
    intervals = _grouped(conn, trip_vehicle, ids, trip_vehicle.c.from_ms)
    stops = _grouped(conn, trip_stop, ids, trip_stop.c.seq)
    plates = _names(
        conn, vehicle, vehicle.c.plate, {each["vehicle_id"] for rows in intervals.values() for each in rows}
    )
    drivers = _names(conn, driver, driver.c.name, {each["driver_id"] for rows in intervals.values() for each in rows})
    facts = _facts(conn, ids, intervals)
    docked = {row["trip_id"] for row in evidence_rows.sessions(conn, to_ms=None)}
    now_on = {key: trip_load.on_it(intervals.get(key, []), now) for key in ids}
    counts = trip_load.tallies(conn, {key: row["vehicle_id"] if row else None for key, row in now_on.items()})
    made = []
    for row in rows:
        on = [{**each, "plate": plates.get(each["vehicle_id"], "–"), "driver": drivers.get(each["driver_id"])}
              for each in intervals.get(row["id"], [])]  # fmt: skip
        visited = _visited(stops.get(row["id"], []), on, facts)
        signed = [fact for fact in facts if fact.kind == "load.signed" and fact.subjects.get("trip") == row["id"]]
        tally = counts[row["id"]]
        shown = {
            **row,
            "ref": ref(row),
            "vehicles": on,
            "on": trip_load.on_it(on, now) or (on[-1] if on else None),
            "stops": visited,
            "tally": tally,
            "signed": signed[-1] if signed else None,
            "docked": row["id"] in docked,
            "begins": min([stop["planned_from"] for stop in visited if stop["planned_from"] is not None]
                          or [each["from_ms"] for each in on] or [row["created_at"]]),
        }  # fmt: skip
        made.append(shown | {"state": _state(shown)})
    return made


def _state(row: Row) -> str:
    """How far a trip has come: planned, loading, ready (the driver has signed), road, done."""
    left = any(stop["left"] is not None for stop in row["stops"])
    over = bool(row["vehicles"]) and all(each["to_ms"] is not None for each in row["vehicles"])
    if left or row["signed"]:
        if over or (left and row["stops"][-1]["left"] is not None and len(row["stops"]) > 1):
            return "done"
        return "road" if left else "ready"
    if over:
        return "done"
    return "loading" if row["docked"] or row["tally"]["done"] else "planned"


def _visited(stops: Sequence[Row], on: Sequence[Row], facts: Sequence[Fact]) -> list[Row]:
    """Each stop with when the trip's vehicle came and left."""
    seen: dict[str, dict[str, int]] = {}
    for fact in facts:
        if fact.kind not in _VISITS or "site" not in fact.subjects:
            continue
        ours = any(each["vehicle_id"] == fact.subjects.get("vehicle") and each["from_ms"] <= fact.at
                   and (each["to_ms"] is None or fact.at < each["to_ms"]) for each in on)  # fmt: skip
        if not ours:
            continue
        been = seen.setdefault(fact.subjects["site"], {})
        if fact.kind == "vehicle.entered":
            been.clear()  # a new visit
        been[fact.kind] = fact.at
    made = []
    for stop in stops:
        been = seen.get(stop["site_id"], {})
        made.append({**stop, "arrived": been.get("vehicle.stopped") or been.get("vehicle.entered"),
                     "left": been.get("vehicle.left")})  # fmt: skip
    return made


def _facts(conn: Connection, ids: Sequence[str], intervals: Mapping[str, Sequence[Row]]) -> list[Fact]:
    """Signatures of these trips, and where their vehicles were since the first of them began."""
    rows = [each for rows in intervals.values() for each in rows]
    found = standing(log.of_subjects(conn, [("trip", key) for key in ids]))
    if rows:
        since = min(each["from_ms"] for each in rows)
        vehicles = sorted({each["vehicle_id"] for each in rows})
        found += standing(log.of_subjects(conn, [("vehicle", key) for key in vehicles], since=since))
    return found


def _grouped(conn: Connection, table: Any, ids: Sequence[str], by: Any) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in conn.execute(select(table).where(table.c.trip_id.in_(ids)).order_by(by)).mappings():
        found.setdefault(row["trip_id"], []).append(dict(row))
    return found


def _names(conn: Connection, table: Any, column: Any, ids: set[Any]) -> dict[str, str]:
    """Plates and drivers of trips the person sees, whoever owns the truck."""
    statement = readable(SYSTEM, table, table.c.id, column.label("name"))
    return {row.id: row.name for row in conn.execute(statement.where(table.c.id.in_(ids - {None})))}


def site_names(conn: Connection, language: str) -> dict[str, str]:
    """Names of all sites: a trip goes where it goes, also beyond the person's own."""
    return {key: views.site_name(row, language) for key, row in views.sites_by_id(conn, SYSTEM).items()}


def today(now: int, zone: ZoneInfo) -> date:
    """The local day of an instant."""
    return datetime.fromtimestamp(now / 1000, zone).date()


def _instant(day: date, zone: ZoneInfo) -> int:
    return int(datetime.combine(day, time(), zone).timestamp() * 1000)


def _plain(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
