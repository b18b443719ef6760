"""HTTP: where vehicles are and were, within a person's scope, whatever device was on them at each time."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from milepost.access.deps import Me, Reader
from milepost.fleet import service as fleet
from milepost.fleet.track import every_span_of_vehicle, spans_of_vehicle
from milepost.live.api import hub_of
from milepost.live.positions import PositionTexts
from milepost.live.sight import vehicles_of
from milepost.telemetry import asof, tracks
from milepost.telemetry.asof import Known
from milepost.telemetry.edge import (
    TRACK_ANSWERS,
    Format,
    MaxPoints,
    Span,
    Store,
    TzName,
    reached,
    track_answer,
)
from milepost.telemetry.fix_pages import page_of
from milepost.telemetry.instants import instant, written_one, zone_of
from milepost.telemetry.track_text import stop_plain

router = APIRouter(prefix="/api/v1", tags=["history"])
_TEXTS = PositionTexts()


class Position(BaseModel):
    vehicle: str
    device: str | None = Field(description="that saw it there")
    at: str
    lat: float
    lon: float
    speed_mps: float | None
    course_deg: int | None
    contact: str = Field(description="live, stale or offline")
    motion: str = Field(description="moving, idling or stopped")


class Positions(BaseModel):
    items: list[Position]
    next: str | None = Field(description="pass as `after` for the next page")


class FixItem(BaseModel):
    id: str = Field(description="device/stream/seq")
    at: str
    lat: float | None
    lon: float | None
    alt_m: float | None
    speed_mps: float | None
    course_deg: float | None
    sats: int | None
    hdop: float | None
    clock: str
    received_at: str
    quality: str | None = Field(description="reason of quarantine; null is good")


class FixPage(BaseModel):
    items: list[FixItem]
    next: str | None = Field(description="pass as `after` for the next page")


class StopBody(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    from_: str = Field(alias="from")
    to: str
    duration_s: int
    lat: float
    lon: float
    lasting: bool = Field(description="the span or the data end here: nobody saw it leave")


class Stops(BaseModel):
    vehicle: str
    items: list[StopBody]


class Beside(BaseModel):
    at: str
    lat: float
    lon: float
    clock: str
    source: str = Field(description="device/stream/seq; the device alone where one position a minute is left")


class WhereaboutsBody(BaseModel):
    vehicle: str
    at: str
    reason: str = Field(description="fix, interpolated, gap, stale, before_first or unknown")
    lat: float | None
    lon: float | None
    radius_m: float | None = Field(description="so far from there it may have been")
    speed_mps: float | None
    since: str | None = Field(description="stale: time of the last fix; gap: its beginning")
    before: Beside | None = Field(description="the last good fix until then")
    after: Beside | None = Field(description="the first good fix after it")
    mounted: list[str] = Field(description="devices that were on the vehicle at that time")


@router.get("/positions", response_model=Positions)
def positions(
    request: Request,
    conn: Reader,
    me: Me,
    after: Annotated[str, Query(max_length=64)] = "",
    limit: Annotated[int, Query(ge=1, le=50_000)] = 10_000,
) -> Response:
    """The last known position of every vehicle you may see, from memory, by id of the vehicle."""
    placed = hub_of(request).placed(vehicles_of(conn, me))
    # Ten thousand rows through a model would take longer than all the rest.
    return Response(_TEXTS.page(placed, after, limit), media_type="application/json")


@router.get("/vehicles/{vehicle_id}/track", response_class=Response, responses=TRACK_ANSWERS)
def vehicle_track(
    vehicle_id: str,
    conn: Reader,
    me: Me,
    store: Store,
    span: Span,
    max_points: MaxPoints = 2_000,
    format: Format = "geojson",
) -> StreamingResponse:
    """The way of a vehicle over any span: lines of good fixes, points for the quarantined ones, gaps, stops."""
    row = fleet.get(conn, "vehicle", vehicle_id, me)
    spans = spans_of_vehicle(conn, vehicle_id, span.from_ms, span.to_ms)
    with reached():
        found = tracks.track_of(store, spans, max_points)
    return track_answer(found, span, format, f"track-{row['id']}", {"vehicle": vehicle_id})


@router.get("/vehicles/{vehicle_id}/stops")
def vehicle_stops(vehicle_id: str, conn: Reader, me: Me, store: Store, span: Span) -> Stops:
    """Where a vehicle stood for at least 3 minutes."""
    fleet.get(conn, "vehicle", vehicle_id, me)
    spans = spans_of_vehicle(conn, vehicle_id, span.from_ms, span.to_ms)
    with reached():
        found = tracks.stops_of(store, spans)
    return Stops(vehicle=vehicle_id, items=[StopBody(**stop_plain(each, span.zone)) for each in found])


@router.get("/vehicles/{vehicle_id}/fixes")
def vehicle_fixes(
    vehicle_id: str,
    conn: Reader,
    me: Me,
    store: Store,
    span: Span,
    after: Annotated[str, Query(max_length=80)] = "",
    limit: Annotated[int, Query(ge=1, le=20_000)] = 1_000,
) -> FixPage:
    """Every fix of a vehicle as it was received, good or not, by time, with its quality."""
    fleet.get(conn, "vehicle", vehicle_id, me)
    spans = spans_of_vehicle(conn, vehicle_id, span.from_ms, span.to_ms)
    with reached():
        page, cursor = page_of(store, spans, after, limit)
    return FixPage(items=[FixItem(**each) for each in page(span.zone)], next=cursor)


@router.get("/vehicles/{vehicle_id}/position")
def vehicle_position(
    vehicle_id: str,
    conn: Reader,
    me: Me,
    store: Store,
    at: Annotated[str, Query(description="RFC 3339, or a day of `tz`: its first moment")],
    tz: TzName = None,
) -> WhereaboutsBody:
    """Where a vehicle was at an instant, and how sure that is. What no fix says is not made up."""
    fleet.get(conn, "vehicle", vehicle_id, me)
    zone = zone_of(tz)
    at_ms = instant(at, "at", zone)
    spans = every_span_of_vehicle(conn, vehicle_id)
    with reached():
        found = asof.look(store, spans, at_ms)

    def beside(known: Known | None) -> Beside | None:
        if known is None:
            return None
        return Beside(at=written_one(known.at, zone) or "", lat=round(known.body.lat, 6),
                      lon=round(known.body.lon, 6), clock=known.clock, source=known.source)  # fmt: skip

    def rounded(value: float | None, places: int) -> float | None:
        return None if value is None else round(value, places)

    return WhereaboutsBody(
        vehicle=vehicle_id,
        at=written_one(at_ms, zone) or "",
        reason=found.reason,
        lat=rounded(found.lat, 6),
        lon=rounded(found.lon, 6),
        radius_m=rounded(found.radius_m, 1),
        speed_mps=rounded(found.speed_mps, 1),
        since=written_one(found.before.at, zone) if found.before and found.reason in ("stale", "gap") else None,
        before=beside(found.before),
        after=beside(found.after),
        mounted=sorted({device for device, start, end in spans if start <= at_ms < end}),
    )
