"""HTTP of devices: register, configure, command, and how they are."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field
from sqlalchemy import Connection, select

from milepost.access.deps import Reader, Tx, require
from milepost.access.model import Principal
from milepost.fleet import devices, model, repository
from milepost.ingest.tables import device_contact
from milepost.times import now_ms, parse_rfc3339, to_rfc3339

router = APIRouter(tags=["devices"])
Engineer = Annotated[Principal, Depends(require("engineer"))]
Crew = Annotated[Principal, Depends(require("engineer", "dispatcher", "keeper", "auditor"))]


class NewDevice(BaseModel):
    id: str = Field(description="1 to 12 of a-z, 0-9, -; by default the MAC in hex")
    role: str = Field(description="tracker or reader")
    name: str = Field(min_length=1, max_length=80)


class NewCredentials(BaseModel):
    id: str
    part: str
    password: str = Field(description="of the broker account; shown this once")


class Target(BaseModel):
    kind: str
    id: str


class Device(BaseModel):
    id: str
    role: str
    part: str
    name: str
    created: str
    target: Target | None = Field(description="what it is mounted on now")
    config: dict[str, Any] = Field(description="desired configuration with its version")
    applied: dict[str, Any] | None = Field(description="what the device last answered about its configuration")
    contact: dict[str, Any] | None = Field(description="online, firmware, last record, acknowledged seq")


class NewCommand(BaseModel):
    verb: str = Field(description="locate or reboot")
    args: dict[str, Any] = {}
    not_after: str | None = Field(None, description="RFC 3339; default: in 5 minutes")


class Command(BaseModel):
    id: str
    device: str
    verb: str
    args: dict[str, Any]
    not_after: str
    state: str = Field(description="queued, sent, done, failed or expired")
    sent: str | None
    sent_count: int
    done: str | None
    result: dict[str, Any] | None


@router.post("/devices", status_code=201)
def create_device(body: NewDevice, request: Request, conn: Tx, _: Engineer) -> NewCredentials:
    """Register a device; its broker account exists when this answers."""
    made = devices.register_device(conn, device_id=body.id, role=body.role, name=body.name, accounts=_accounts(request))
    return NewCredentials(id=made.device, part=made.part, password=made.password)


@router.get("/devices")
def list_devices(conn: Reader, _: Crew) -> list[Device]:
    """Every device in service."""
    return [_device(conn, row) for row in repository.devices(conn)]


@router.get("/devices/{device_id}")
def get_device(device_id: str, conn: Reader, _: Crew) -> Device:
    """One device."""
    return _device(conn, devices.known(conn, device_id))


@router.delete("/devices/{device_id}", status_code=204)
def remove_device(device_id: str, request: Request, conn: Tx, _: Engineer) -> None:
    """Take a device out of service."""
    devices.remove_device(conn, device_id, _accounts(request))


@router.post("/devices/{device_id}/password")
def rotate_password(device_id: str, request: Request, conn: Tx, _: Engineer) -> NewCredentials:
    """A new password; the old one ends now."""
    made = devices.rotate_password(conn, device_id, _accounts(request))
    return NewCredentials(id=made.device, part=made.part, password=made.password)


@router.put("/devices/{device_id}/config")
def put_config(device_id: str, body: dict[str, Any], conn: Tx, _: Engineer) -> dict[str, Any]:
    """Desired configuration under a new version; the device answers with an event once it applies it."""
    return devices.set_config(conn, device_id, body)


@router.get("/devices/{device_id}/config")
def get_config(device_id: str, conn: Reader, _: Crew) -> dict[str, Any]:
    """Desired configuration with its version."""
    return _desired(devices.known(conn, device_id))


@router.post("/devices/{device_id}/commands", status_code=201)
def create_command(device_id: str, body: NewCommand, conn: Tx, me: Engineer) -> Command:
    """Queue a command; it is repeated until the device answers or its time is over."""
    until = parse_rfc3339(body.not_after, "not_after") if body.not_after else now_ms() + 300_000
    return _command(devices.command(conn, device_id, body.verb, body.args, until, by=me.id))


@router.get("/devices/{device_id}/commands")
def list_commands(device_id: str, conn: Reader, _: Crew) -> list[Command]:
    """Commands of a device, newest first."""
    devices.known(conn, device_id)
    return [_command(row) for row in reversed(repository.commands(conn, device_id=device_id))]


def _accounts(request: Request) -> devices.Accounts | None:
    return getattr(request.app.state, "accounts", None)


def _device(conn: Connection, row: repository.Row) -> Device:
    bound = repository.binding_at(conn, row["id"], now_ms())
    contact = _contact(conn, row["id"])
    applied = model.applied(row, contact["cfg_version"] if contact else None)
    return Device(
        id=row["id"],
        role=row["role"],
        part=row["part"],
        name=row["name"],
        created=to_rfc3339(row["created_at"]) or "",
        target=Target(kind=bound["target_kind"], id=bound["target_id"]) if bound else None,
        config=_desired(row),
        applied=applied and {**applied, "at": to_rfc3339(applied["at"])},
        contact=contact,
    )


def _desired(row: repository.Row) -> dict[str, Any]:
    return {"version": row["config_version"], **json.loads(row["config"])}


def _contact(conn: Connection, device_id: str) -> dict[str, Any] | None:
    """What ingest knows of the device's connection."""
    row = conn.execute(select(device_contact).where(device_contact.c.device == device_id)).mappings().first()
    if row is None:
        return None
    times = {name: to_rfc3339(row[name]) for name in ("last_record_at", "last_received_at")}
    return {**{name: row[name] for name in ("online", "fw", "cfg_version", "reset_reason", "boot", "stream",
                                            "acknowledged")}, **times}  # fmt: skip


def _command(row: repository.Row) -> Command:
    return Command(
        id=row["id"],
        device=row["device_id"],
        verb=row["verb"],
        args=json.loads(row["args"]),
        not_after=to_rfc3339(row["not_after"]) or "",
        state=row["state"],
        sent=to_rfc3339(row["sent_at"]),
        sent_count=row["sent_count"],
        done=to_rfc3339(row["done_at"]),
        result=json.loads(row["result"]) if row["result"] else None,
    )
