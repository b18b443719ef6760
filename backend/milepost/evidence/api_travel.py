"""HTTP of journeys: trips and stops of a vehicle, when a trip reaches its stops, who and what help is near."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from milepost.access.deps import Me, Reader
from milepost.access.model import Principal
from milepost.errors import Invalid, NotFound
from milepost.evidence import journey, repository
from milepost.evidence.routing import Place, Router, router_of
from milepost.evidence.watch import long_stop
from milepost.fleet import repository as fleet_rows
from milepost.fleet import service as fleet
from milepost.live.api import hub_of
from milepost.live.sight import vehicles_of
from milepost.masterdata import repository as masterdata_rows
from milepost.plan import service as plan
from milepost.telemetry.legs import Leg, metres
from milepost.times import now_ms, parse_rfc3339, to_rfc3339

router = APIRouter()
_MOST_DAYS = 400
_MOST_LEGS = 5_000
Lat = Annotated[float, Query(ge=-90, le=90)]
Lon = Annotated[float, Query(ge=-180, le=180)]
Few = Annotated[int, Query(ge=1, le=100)]


class LegOut(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    id: str | None = Field(description="null: it goes on")
    kind: str = Field(description="trip, stop or unseen")
    from_: str = Field(alias="from")
    to: str = Field(description="of one that goes on: its last fix")
    lat: float
    lon: float
    to_lat: float
    to_lon: float
    distance_m: float
    gaps: int = Field(description="silences of more than 5 minutes")
    gap_s: int
    ended_by: str | None = Field(description="stop, departure, silence or contact; null: it goes on")
    rev: int = Field(description="how often fixes that came late have changed it")


class Legs(BaseModel):
    vehicle: str
    items: list[LegOut]
    more: bool = Field(description="there are more: ask from the end of the last one on")
    long_stop: bool = Field(description="it stands for more than 45 minutes at no stop of its trip (EX-31)")


class ArrivalOut(BaseModel):
    site: str
    at: str
    earliest: str
    latest: str
    distance_m: float
    confidence: str = Field(description="high, medium or low")
    reasons: list[str] = Field(description="own_history, router, guess, standing, stale_position")


class Eta(BaseModel):
    trip: str
    vehicle: str | None = Field(description="null: none is on it yet")
    items: list[ArrivalOut] = Field(description="the stops still to come; none before the vehicle was seen")


class NearVehicle(BaseModel):
    vehicle: str
    distance_m: float
    lat: float
    lon: float
    at: str
    motion: str
    contact: str


class Help(BaseModel):
    site: str
    name_zh: str
    name_en: str
    distance_m: float
    lat: float
    lon: float
    contact: str | None
    phone: str | None


def router_in(request: Request) -> Router:
    """The router that the settings name, made once."""
    state = request.app.state
    if getattr(state, "router", None) is None:
        state.router = router_of(getattr(state.settings, "router_url", None))
    return state.router


@router.get("/vehicles/{vehicle_id}/trips", tags=["evidence"])
def vehicle_trips(
    vehicle_id: str,
    conn: Reader,
    me: Me,
    from_: Annotated[str, Query(alias="from", description="RFC 3339")],
    to: Annotated[str, Query(description="RFC 3339, exclusive")],
) -> Legs:
    """Trips, stops and unseen stretches of a vehicle that lie in part in the span, and what it is doing now."""
    fleet.get(conn, "vehicle", vehicle_id, me)
    start, end, now = parse_rfc3339(from_, "from"), parse_rfc3339(to, "to"), now_ms()
    if not start < end <= start + _MOST_DAYS * 86_400_000:
        raise Invalid(f"to: later than `from`, and at most {_MOST_DAYS} days")
    rows = repository.travels(conn, vehicle_id, start, end, _MOST_LEGS + 1)
    items = [_row(row) for row in rows[:_MOST_LEGS]]
    known = journey.of_vehicle(conn, vehicle_id, now)
    leg = known.leg if known else None
    if leg and len(rows) <= _MOST_LEGS and leg.from_ms < end and leg.to_ms >= start:
        items.append(_open(leg))
    trip = plan.trip_of_vehicle(conn, vehicle_id, now)
    stops = [fleet.get(conn, "site", stop["site_id"]) for stop in trip.stops] if trip else []
    planned = [(journey.site_place(site), journey.site_reach_m(site)) for site in stops]
    too_long = trip is not None and long_stop(leg, now, planned)
    return Legs(vehicle=vehicle_id, items=items, more=len(rows) > _MOST_LEGS, long_stop=too_long)


def _open(leg: Leg) -> LegOut:
    whole = {name: getattr(leg, name) for name in Leg.__slots__}
    for name, places in (("lat", 6), ("lon", 6), ("to_lat", 6), ("to_lon", 6), ("distance_m", 1)):
        whole[name] = round(whole[name], places)
    return _row({"id": None, "rev": 0, **whole})


def _row(row: dict[str, Any]) -> LegOut:
    plain = {name: row[name] for name in LegOut.model_fields if name in row}
    span = {"from": to_rfc3339(row["from_ms"]), "to": to_rfc3339(row["to_ms"]), "gap_s": row["gap_ms"] // 1000}
    return LegOut.model_validate({**plain, **span})


@router.get("/trips/{trip_id}/eta", tags=["evidence"])
def trip_eta(trip_id: str, conn: Reader, me: Me, roads: Annotated[Router, Depends(router_in)]) -> Eta:
    """When a trip will reach the stops still to come, as an interval with its reasons."""
    trip = plan.get_trip(conn, trip_id, me)
    vehicle, found = journey.eta(conn, trip, roads, now_ms())
    return Eta(
        trip=trip.id,
        vehicle=vehicle,
        items=[
            ArrivalOut(site=each.site, at=to_rfc3339(each.at) or "", earliest=to_rfc3339(each.earliest) or "",
                       latest=to_rfc3339(each.latest) or "", distance_m=each.distance_m, confidence=each.confidence,
                       reasons=list(each.reasons))
            for each in found
        ],
    )  # fmt: skip


@router.get("/nearest/vehicles", tags=["evidence"])
def nearest_vehicles(request: Request, conn: Reader, me: Me, lat: Lat, lon: Lon, limit: Few = 10) -> list[NearVehicle]:
    """The vehicles nearest to a place by where they were last seen, as the crow flies."""
    rows = [row for row, _ in hub_of(request).placed(vehicles_of(conn, me))]
    far = sorted((round(metres(lat, lon, row[2], row[1]), 1), row[0], row) for row in rows)[:limit]
    return [
        NearVehicle(vehicle=row[0], distance_m=distance_m, lat=row[2], lon=row[1], at=to_rfc3339(row[7]) or "",
                    motion=row[5], contact=row[6])
        for distance_m, _, row in far
    ]  # fmt: skip


@router.get("/vehicles/{vehicle_id}/help", tags=["evidence"])
def nearest_help(vehicle_id: str, conn: Reader, me: Me, limit: Few = 5) -> list[Help]:
    """The repair shops (sites of kind `repair`) nearest to where a vehicle was last seen, and whom to phone (EX-27)."""
    fleet.get(conn, "vehicle", vehicle_id, me)
    known = journey.of_vehicle(conn, vehicle_id, now_ms())
    if known is None:
        raise NotFound("the vehicle was never seen: ask the driver where it stands, then GET /api/v1/nearest/vehicles")
    return help_near(conn, me, (known.last.lat, known.last.lon), limit)


def help_near(conn: Connection, me: Principal, here: Place, limit: int) -> list[Help]:
    """The repair shops that `me` may see, nearest first, as the crow flies."""
    shops = [row for row in fleet_rows.listing(conn, "site", me, limit=10_000) if row["kind"] == "repair"]
    near = journey.nearest(here, shops, limit)
    firms = masterdata_rows.known(conn, me, "customer", {row["customer"] for row, _ in near if row["customer"]})
    found = []
    for row, distance_m in near:
        place, firm = journey.site_place(row), firms.get(row["customer"] or "", {})
        found.append(
            Help(site=row["id"], name_zh=row["name_zh"], name_en=row["name_en"], distance_m=round(distance_m, 1),
                 lat=round(place[0], 6), lon=round(place[1], 6), contact=firm.get("contact"), phone=firm.get("phone"))
        )  # fmt: skip
    return found
