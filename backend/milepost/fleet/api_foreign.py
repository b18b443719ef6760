"""HTTP for the identities of other people's devices: which identifier stands for which device, and who is unknown."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from milepost.access.deps import Reader, Tx, require
from milepost.access.model import Principal
from milepost.fleet import devices
from milepost.fleet.adopt import adopt as let_in
from milepost.ingest.foreign import ADAPTERS, identities
from milepost.ingest.foreign.intake import Intake
from milepost.times import now_ms, to_rfc3339

router = APIRouter(prefix="/api/v1", tags=["other devices"])
_Engineer = Annotated[Principal, Depends(require("engineer"))]
_Crew = Annotated[Principal, Depends(require("engineer", "dispatcher", "auditor"))]
_Protocol = Field(max_length=16, description="jt808, osmand or owntracks")
_Identifier = Field(min_length=1, max_length=64, description="terminal number, OsmAnd id, or user/device of OwnTracks")


class Protocol(BaseModel):
    protocol: str
    title: str
    numbered: bool = Field(description="whether its records carry numbers by which completeness can be proven")
    acknowledged: bool = Field(description="whether a device keeps a record until this service has it on disk")
    clock: str = Field(description="quality of the time it sends")
    secret: str = Field(description="how a device proves who it is")


class Foreign(BaseModel):
    protocols: list[Protocol]
    running: dict[str, Any] | None = Field(description="port and connections; null where this process lets none in")


class NewIdentity(BaseModel):
    protocol: str = _Protocol
    identifier: str = _Identifier
    secret: str | None = Field(None, max_length=64, description="default: one is made, or given at registration")
    open: bool = Field(False, description="accept without a secret; only in a network of your own")


class IdentityBody(BaseModel):
    protocol: str
    identifier: str
    device: str
    open: bool
    registered_at: str | None = Field(description="when the terminal last registered")
    hardware: str | None = Field(description="maker, model and terminal id that registered")
    has_secret: bool
    numbered: bool = Field(description="false: what is missing of this device cannot be proven")


class Identities(BaseModel):
    items: list[IdentityBody]
    missed_hint: int = Field(
        description="messages whose serial numbers were left out since the service started; a hint, never a proof"
    )


class MadeIdentity(BaseModel):
    protocol: str
    identifier: str
    device: str
    secret: str | None = Field(description="shown this once; null where the device brings or is given its own")


class CallerBody(BaseModel):
    protocol: str
    identifier: str
    first_at: str | None
    last_at: str | None
    times: int
    said: str = Field(description="what it told about itself")
    device: str | None = Field(description="the device id it would get by default")


class Adoption(NewIdentity):
    device: str | None = Field(None, max_length=12, description="default: the identifier, where it has that form")
    name: str | None = Field(None, min_length=1, max_length=80, description="of a device that does not exist yet")


@router.get("/foreign")
def protocols(request: Request, _: _Crew) -> Foreign:
    """Which protocols of other makers are understood, and what each can promise."""
    intake = _intake(request)
    return Foreign(
        protocols=[
            Protocol(
                protocol=each.channel,
                title=each.title,
                numbered=each.promises.numbered,
                acknowledged=each.promises.acknowledged,
                clock=each.promises.clock,
                secret=each.promises.secret,
            )
            for each in ADAPTERS
        ],
        running=None if intake is None else intake.status(),
    )


@router.get("/foreign/callers")
def list_callers(conn: Reader, _: _Crew) -> list[CallerBody]:
    """Devices that called without being known, the latest first; at most 500 a protocol."""
    return [
        CallerBody(
            protocol=each.protocol,
            identifier=each.identifier,
            first_at=to_rfc3339(each.first_at),
            last_at=to_rfc3339(each.last_at),
            times=each.times,
            said=each.said,
            device=identities.default_device(each.identifier),
        )
        for each in identities.callers(conn)
    ]


@router.post("/foreign/adopt", status_code=201)
def adopt(body: Adoption, conn: Tx, me: _Engineer) -> MadeIdentity:
    """Let an identifier stand for a device in one step; the device is entered when it does not exist."""
    device, secret = let_in(
        conn, body.protocol, body.identifier, device=body.device, name=body.name, secret=body.secret, open=body.open,
        by=me.id, now=now_ms(),
    )  # fmt: skip
    identifier = identities.canonical(body.protocol, body.identifier)
    return MadeIdentity(protocol=body.protocol, identifier=identifier, device=device, secret=secret)


@router.get("/devices/{device_id}/identities")
def list_identities(device_id: str, request: Request, conn: Reader, _: _Crew) -> Identities:
    """The identifiers of other protocols that stand for a device."""
    devices.known(conn, device_id)
    intake = _intake(request)
    promises = {each.channel: each.promises for each in ADAPTERS}
    return Identities(
        items=[
            IdentityBody(
                protocol=each.protocol,
                identifier=each.identifier,
                device=each.device,
                open=each.open,
                registered_at=to_rfc3339(each.registered_at),
                hardware=each.hardware,
                has_secret=each.secret_hash is not None,
                numbered=each.protocol in promises and promises[each.protocol].numbered,
            )
            for each in identities.of_device(conn, device_id)
        ],
        missed_hint=0 if intake is None else intake.missed(device_id),
    )


@router.post("/devices/{device_id}/identities", status_code=201)
def add_identity(device_id: str, body: NewIdentity, conn: Tx, me: _Engineer) -> MadeIdentity:
    """Let an identifier stand for a device from now on."""
    devices.known(conn, device_id)
    return _add(conn, device_id, body, me)


@router.delete("/devices/{device_id}/identities", status_code=204)
def remove_identity(
    device_id: str,
    protocol: Annotated[str, Query(max_length=16)],
    identifier: Annotated[str, Query(min_length=1, max_length=64)],
    conn: Tx,
    _: _Engineer,
) -> None:
    """Let an identifier stand for nothing any more; what it has recorded stays. Known everywhere within seconds."""
    identities.remove(conn, device_id, protocol, identifier)


def _add(conn: Connection, device: str, body: NewIdentity, me: Principal) -> MadeIdentity:
    secret = identities.add(
        conn,
        protocol=body.protocol,
        identifier=body.identifier,
        device=device,
        secret=body.secret,
        open=body.open,
        by=me.id,
        now=now_ms(),
    )
    identifier = identities.canonical(body.protocol, body.identifier)
    return MadeIdentity(protocol=body.protocol, identifier=identifier, device=device, secret=secret)


def _intake(request: Request) -> Intake | None:
    return getattr(request.app.state, "foreign", None)
