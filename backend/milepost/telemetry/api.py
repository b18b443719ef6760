"""HTTP: the history of one device. Histories of vehicles, within a person's scope, are in `history_api`."""

import math
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, Field

from milepost.access.deps import require
from milepost.access.model import Principal
from milepost.errors import Forbidden
from milepost.telemetry import history_api
from milepost.telemetry.edge import TRACK_ANSWERS, Format, MaxPoints, ShortSpan, Span, Store, reached, track_answer
from milepost.telemetry.model import Judged, reading_id
from milepost.telemetry.tracks import track_of
from milepost.times import to_rfc3339

router = APIRouter()
_devices = APIRouter(prefix="/api/v1/devices/{device}", tags=["telemetry"])


def _may(me: Annotated[Principal, Depends(require("dispatcher", "engineer", "auditor"))]) -> Principal:
    """A device carries no scope, so only who sees the whole company reads by device."""
    if not me.sees_all:
        raise Forbidden("device histories are for people of the whole company; ask for the vehicle's track instead")
    return me


_Me = Annotated[Principal, Depends(_may)]


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


@_devices.get("/track", response_class=Response, responses=TRACK_ANSWERS)
def track(
    device: str, _me: _Me, store: Store, span: Span, max_points: MaxPoints = 2_000, format: Format = "geojson"
) -> StreamingResponse:
    """The way of a device over any span: lines of good fixes, points for the quarantined ones, gaps, stops."""
    with reached():
        found = track_of(store, [(device, span.from_ms, span.to_ms)], max_points)
    return track_answer(found, span, format, f"track-{device}", {"device": device})


@_devices.get("/readings")
def readings(
    device: str,
    _me: _Me,
    store: Store,
    span: ShortSpan,
    kind: Annotated[str | None, Query(pattern="^(fix|tag|gate|event|health)$")] = None,
    after: Annotated[str, Query(max_length=80)] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> Readings:
    """Everything a device recorded, by time, with its quality."""
    with reached():
        page, cursor = store.judged(device, span.from_ms, span.to_ms, kind=kind, limit=limit, after=after)
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


router.include_router(_devices)
router.include_router(history_api.router)
