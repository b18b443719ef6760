"""HTTP for phones: OsmAnd, Traccar Client and OwnTracks. Answered 200 only once a position is on disk."""

import base64
import binascii
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

from milepost.access.deps import running
from milepost.errors import Invalid, TooLarge
from milepost.ingest.foreign import osmand, owntracks
from milepost.ingest.foreign.intake import Intake
from milepost.ingest.foreign.model import Unreadable

router = APIRouter(prefix="/api/v1", tags=["other devices"])


def _intake(request: Request) -> Intake:
    return running(request, "foreign")


_TheIntake = Annotated[Intake, Depends(_intake)]
_Token = Annotated[str | None, Query(max_length=64, description="the device's secret; or HTTP basic, or a bearer")]
_Id = Annotated[str | None, Query(max_length=64, description="which device; `deviceid` means the same")]
_Text = Annotated[str | None, Query(max_length=64)]
_BODY = {"required": False, "content": {"application/json": {"schema": {"type": ["object", "array"]}}}}
_FORM = {
    "required": False,
    "content": {
        "application/json": {"schema": {"type": "object"}},
        "application/x-www-form-urlencoded": {"schema": {"type": "object"}},
    },
}


class Taken(BaseModel):
    stored: int = Field(description="positions that are on disk now")


@router.get("/osmand")
def osmand_get(
    request: Request,
    intake: _TheIntake,
    token: _Token = None,
    id: _Id = None,
    deviceid: _Id = None,
    lat: _Text = None,
    lon: _Text = None,
    timestamp: Annotated[str | None, Query(max_length=64, description="s, ms, ISO 8601; without a zone UTC")] = None,
    speed: Annotated[str | None, Query(max_length=64, description="knots, unless speed_unit says otherwise")] = None,
    speed_unit: Annotated[str | None, Query(max_length=64, description="kn, mps or kmh")] = None,
    bearing: _Text = None,
    altitude: _Text = None,
    hdop: _Text = None,
    accuracy: _Text = None,
    batt: _Text = None,
) -> Taken:
    """One position of OsmAnd or Traccar Client in the query. A field that is no number is left out."""
    return _osmand(request, intake, _query(request.url.query), token)


@router.post("/osmand", openapi_extra={"requestBody": _FORM})
async def osmand_post(request: Request, intake: _TheIntake, token: _Token = None) -> Taken:
    """One position as a form, as JSON of Traccar Client, or in the query."""
    body = await request.body()
    if len(body) > osmand.MAX_BYTES:
        raise TooLarge(f"more than {osmand.MAX_BYTES} bytes; send one position at a time")
    if body.lstrip()[:1] == b"{":
        payload = osmand.json_payload(body)
    else:
        text = "&".join(each for each in (request.url.query, body.decode("utf-8", "replace")) if each)
        payload = _query(text)
        token = token or dict(osmand.pairs(text)).get("token")
    return await run_in_threadpool(_osmand, request, intake, payload, token)


@router.post("/owntracks", openapi_extra={"requestBody": _BODY})
async def owntracks_post(
    request: Request,
    intake: _TheIntake,
    token: _Token = None,
    u: Annotated[str | None, Query(max_length=32, description="user; or header X-Limit-U, or HTTP basic")] = None,
    d: Annotated[str | None, Query(max_length=32, description="device; or header X-Limit-D")] = None,
) -> list[Any]:
    """What OwnTracks publishes in HTTP mode. The answer is empty: this service sends no friends and no commands."""
    body = await request.body()
    if len(body) > owntracks.MAX_BYTES:
        raise TooLarge(f"more than {owntracks.MAX_BYTES} bytes; send fewer positions at a time")
    user, secrets = _credentials(request, token)
    user = u or request.headers.get("x-limit-u") or user
    identifier = owntracks.identifier_of(user, d or request.headers.get("x-limit-d"), body)
    if body.strip():  # an empty one says that a friend was deleted in the app
        await run_in_threadpool(intake.take, owntracks.ADAPTER, identifier, secrets, body)
    return []


def _osmand(request: Request, intake: Intake, payload: bytes, token: str | None) -> Taken:
    _, secrets = _credentials(request, token)
    return Taken(stored=intake.take(osmand.ADAPTER, osmand.identifier_of(payload), secrets, payload))


def _query(text: str) -> bytes:
    try:
        return osmand.query_payload(text)
    except Unreadable as error:
        raise Invalid(error.detail) from None


def _credentials(request: Request, token: str | None) -> tuple[str | None, list[str]]:
    """The user of HTTP basic, and every secret that the request carries."""
    secrets = [token] if token else []
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer" and value.strip():
        secrets.append(value.strip())
    if kind.lower() == "basic":
        try:
            user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, ValueError):
            return None, secrets
        return user or None, [*secrets, password] if password else secrets
    return None, secrets
