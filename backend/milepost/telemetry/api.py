"""HTTP: the history of one device. Histories of vehicles, within a person's scope, belong to fleet."""

import math
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from milepost.access.deps import require, running
from milepost.access.model import Principal
from milepost.errors import Forbidden, Invalid
from milepost.telemetry import history
from milepost.telemetry.model import Judged, TelemetryStore, reading_id
from milepost.times import now_ms, parse_rfc3339, to_rfc3339

router = APIRouter(prefix="/api/v1/devices/{device}", tags=["telemetry"])
_DAY_MS = 86_400_000
_LONGEST_MS = 31 * _DAY_MS


def _store(request: Request) -> TelemetryStore:
    return running(request, "telemetry")


def _may(me: Annotated[Principal, Depends(require("dispatcher", "engineer", "auditor"))]) -> Principal:
    """A device carries no scope, so only who sees the whole company reads by device."""
    if not me.sees_all:
        raise Forbidden("device histories are for people of the whole company; ask for the vehicle's track instead")
    return me


def _span(
    from_: Annotated[str | None, Query(alias="from", description="RFC 3339; default: 24 h before `to`")] = None,
    to: Annotated[str | None, Query(description="RFC 3339, not included; default: now")] = None,
) -> tuple[int, int]:
    to_ms = parse_rfc3339(to, "to") if to else now_ms()
    from_ms = parse_rfc3339(from_, "from") if from_ else to_ms - _DAY_MS
    if not from_ms < to_ms <= from_ms + _LONGEST_MS:
        raise Invalid("from must lie before to, and the two at most 31 days apart")
    return from_ms, to_ms


_Store = Annotated[TelemetryStore, Depends(_store)]
_Me = Annotated[Principal, Depends(_may)]
_Span = Annotated[tuple[int, int], Depends(_span)]


class HourBody(BaseModel):
    hour: str | None = Field(description="its beginning")
    received: int
    missing: int = Field(description="holes in the numbering that nothing explains (yet)")
    dropped: int = Field(description="records that the device says it lost")
    late: int = Field(description="received more than 60 s after they were made")


class Completeness(BaseModel):
    device: str
    hours: list[HourBody]


class ReadingBody(BaseModel):
    id: str
    kind: str
    at: str | None
    received_at: str | None
    clock: str
    quality: str | None = Field(description="reason of quarantine; null is good")
    body: dict[str, Any]


class Readings(BaseModel):
    items: list[ReadingBody]
    next: str | None = Field(description="pass as `after` for the next page")


@router.get("/track")
def track(
    device: str, _me: _Me, store: _Store, span: _Span, max_points: Annotated[int, Query(ge=2, le=100_000)] = 2_000
) -> dict[str, Any]:
    """The way of a device as GeoJSON: lines of good fixes, points for the quarantined ones, gaps."""
    return history.track_geojson(store, [(device, *span)], max_points)


@router.get("/completeness")
def completeness(device: str, _me: _Me, store: _Store, span: _Span) -> Completeness:
    """What arrived of a device, hour by hour."""
    hours = history.completeness(store, device, *span)
    return Completeness(
        device=device,
        hours=[
            HourBody(
                hour=to_rfc3339(each.start_ms),
                received=each.received,
                missing=each.missing,
                dropped=each.dropped,
                late=each.late,
            )
            for each in hours
        ],
    )


@router.get("/readings")
def readings(
    device: str,
    _me: _Me,
    store: _Store,
    span: _Span,
    kind: Annotated[str | None, Query(pattern="^(fix|tag|gate|event|health)$")] = None,
    after: Annotated[str, Query(max_length=80)] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> Readings:
    """Everything a device recorded, by time, with its quality."""
    page, cursor = store.judged(device, *span, kind=kind, limit=limit, after=after)
    return Readings(items=[_body(each) for each in page], next=cursor)


def _body(judged: Judged) -> ReadingBody:
    reading = judged.reading
    return ReadingBody(
        id=reading_id(reading),
        kind=reading.kind,
        at=to_rfc3339(reading.at),
        received_at=to_rfc3339(reading.received_at),
        clock=reading.clock,
        quality=judged.reason,
        body={
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in asdict(reading.body).items()
        },
    )
