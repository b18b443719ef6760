"""HTTP: messages that could not be used, how complete the records of devices are, and how ingest is doing."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, Field

from milepost.access.deps import Reader, require
from milepost.access.model import Principal
from milepost.cursors import cursor_at, open_cursor
from milepost.errors import Forbidden, Invalid
from milepost.ingest import dead_letters, lease
from milepost.ingest.completeness import HOUR_MS, Count
from milepost.ingest.completeness_account import Account, account_of, worst_first
from milepost.ingest.service import Ingest
from milepost.ingest.spools import Spools
from milepost.telemetry.edge import ShortSpan
from milepost.telemetry.instants import written_one
from milepost.times import now_ms, parse_rfc3339, to_rfc3339

router = APIRouter(prefix="/api/v1", tags=["ingest"])
_Engineer = Annotated[Principal, Depends(require("engineer", "dispatcher"))]
_HOLES = 500


def _whole_company(me: Annotated[Principal, Depends(require("engineer", "dispatcher", "auditor"))]) -> Principal:
    """A device carries no scope, so only who sees the whole company reads by device."""
    if not me.sees_all:
        raise Forbidden("the account of devices is for people of the whole company; ask one of them")
    return me


_All = Annotated[Principal, Depends(_whole_company)]
_Verdict = Literal["complete", "incomplete", "unknown"]

_Worker = Annotated[
    str | None, Query(pattern=r"^[a-z0-9-]{0,24}$", description="whose spool; default: this process's own")
]


@contextmanager
def _letters(request: Request, worker: str | None) -> Iterator[sqlite3.Connection]:
    """The spool that a question is about: our own where we ingest, else the file of a worker on this host."""
    own: Ingest | None = getattr(request.app.state, "ingest", None)
    if own is not None and worker in (None, request.app.state.settings.worker):
        yield own.spool.connection()
        return
    with _spools(request).connection(worker) as conn:
        yield conn


def _spools(request: Request) -> Spools:
    return Spools(request.app.state.settings.data_dir)


class Letter(BaseModel):
    id: int
    device: str = Field(description="from the topic it came on")
    channel: str = Field(description="up or state")
    reason: str = Field(description="short, magic, crc, version, truncated, range, trailing, kind, state or sink")
    detail: str
    at: str | None
    last_at: str | None
    times: int = Field(description="how often exactly this message came")
    size: int = Field(description="bytes")
    state: str = Field(description="open, or rerun")


class Letters(BaseModel):
    items: list[Letter]
    next: int | None = Field(description="pass as `before` for the next page")


class Counts(BaseModel):
    """Records by what became of them."""

    received: int
    missing: int = Field(description="the device no longer holds them, and they never came")
    dropped: int = Field(description="the device says it lost them")
    late: int = Field(description="of those received: more than 60 s after they were made")
    unreadable: int = Field(description="arrived whole, and not understood; they lie in the dead letters")
    pending: int = Field(description="the device still holds them: they may come")
    verdict: _Verdict = Field(
        description="incomplete: some are missing or dropped; unknown: that cannot be said, or not yet"
    )


class HourOut(Counts):
    hour: str | None = Field(description="its beginning")


class HoleOut(BaseModel):
    """Some numbers of a stream that are not here in a form that can be used."""

    stream: int
    first: int
    last: int
    what: Literal["missing", "dropped", "unreadable", "pending"]
    hour: str | None = Field(description="the hour that they are counted in")


class Completeness(BaseModel):
    """Docs: decision 26 says how holes are attributed to hours."""

    device: str
    numbered: bool = Field(
        description="false: its records carry no numbers (docs/adapters.md), so what is missing cannot be proven"
    )
    until: str | None = Field(description="time of the newest record: the verdict speaks of what was made before")
    total: Counts
    hours: list[HourOut]
    holes: list[HoleOut] = Field(description=f"the newest, at most {_HOLES}")


class DeviceHour(Counts):
    device: str
    numbered: bool


class WorstFirst(BaseModel):
    hour: str | None
    items: list[DeviceHour]
    next: str | None = Field(description="cursor of the next page, null on the last")


def _plain(count: Count, verdict: str) -> dict[str, Any]:
    names = ("received", "missing", "dropped", "late", "unreadable", "pending")
    return {name: getattr(count, name) for name in names} | {"verdict": verdict}


@router.get("/devices/{device}/completeness")
def completeness(device: Annotated[str, Path(max_length=12)], _me: _All, conn: Reader, span: ShortSpan) -> Completeness:
    """Which records of a device have arrived, by the hour (of UTC) in which they were made."""
    account = account_of(conn, device, span.from_ms, span.to_ms)
    newest = sorted(account.holes, key=lambda each: (each.hour, each.stream, each.first))[-_HOLES:]
    return Completeness(
        device=device,
        numbered=account.numbered,
        until=written_one(account.until, span.zone),
        total=Counts(**_plain(account.total, account.verdict)),
        hours=[
            HourOut(hour=written_one(hour, span.zone), **_plain(each, each.verdict))
            for hour, each in sorted(account.hours.items())
        ],
        holes=[
            HoleOut(
                stream=each.stream,
                first=each.first,
                last=each.last,
                what=each.what,  # pyright: ignore[reportArgumentType]
                hour=written_one(each.hour, span.zone),
            )
            for each in newest
        ],
    )


@router.get("/completeness")
def completeness_of_all(
    _me: _All,
    conn: Reader,
    hour: Annotated[
        str | None, Query(max_length=40, description="RFC 3339, any instant of it; default: the last whole hour")
    ] = None,
    cursor: Annotated[str | None, Query(max_length=120)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> WorstFirst:
    """Every device that made records in an hour, or should have: those that lack most come first."""
    at = parse_rfc3339(hour, "hour") if hour else now_ms() - HOUR_MS
    start = at // HOUR_MS * HOUR_MS
    skip = _offset(open_cursor("ch", cursor))
    found = worst_first(conn, start)
    return WorstFirst(
        hour=to_rfc3339(start),
        items=[_device_hour(each) for each in found[skip : skip + limit]],
        next=cursor_at("ch", str(skip + limit)) if len(found) > skip + limit else None,
    )


def _offset(text: str | None) -> int:
    if text is None:
        return 0
    if not text.isdigit() or len(text) > 9:
        raise Invalid("cursor: not one of ours; take `next` of the page before, or leave it out")
    return int(text)


def _device_hour(account: Account) -> DeviceHour:
    [count] = account.hours.values()
    return DeviceHour(device=account.device, numbered=account.numbered, **_plain(count, count.verdict))


@router.get("/dead-letters")
def list_dead_letters(
    _me: _Engineer,
    request: Request,
    worker: _Worker = None,
    device: str | None = None,
    state: Annotated[str | None, Query(pattern="^(open|rerun)$")] = None,
    before: int | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Letters:
    """Messages that could not be used, newest first."""
    with _letters(request, worker) as conn:
        found = dead_letters.listed(conn, device=device, state=state, before=before, limit=limit)
    items = [
        Letter(
            id=each.id,
            device=each.device,
            channel=each.channel,
            reason=each.reason,
            detail=each.detail,
            at=to_rfc3339(each.at),
            last_at=to_rfc3339(each.last_at),
            times=each.times,
            size=each.size,
            state=each.state,
        )
        for each in found
    ]
    return Letters(items=items, next=found[-1].id if len(found) == limit else None)


@router.get("/dead-letters/{letter_id}/payload", response_class=Response)
def dead_letter_payload(letter_id: int, _me: _Engineer, request: Request, worker: _Worker = None) -> Response:
    """The bytes of one, as they came."""
    with _letters(request, worker) as conn:
        payload = dead_letters.payload_of(conn, letter_id)
    return Response(
        payload,
        media_type="application/octet-stream",
        headers={"Content-Disposition": f'attachment; filename="dead-letter-{letter_id}.bin"'},
    )


@router.post("/dead-letters/{letter_id}/rerun", status_code=202)
def rerun_dead_letter(letter_id: int, _me: _Engineer, request: Request, worker: _Worker = None) -> dict[str, int]:
    """Send one through ingest again, after an update that can read it. 409 while it still cannot be read."""
    own: Ingest | None = getattr(request.app.state, "ingest", None)
    if own is not None and worker in (None, request.app.state.settings.worker):
        own.rerun(letter_id)
    else:
        _spools(request).rerun(worker, letter_id)
    return {"id": letter_id}


@router.get("/ingest")
def ingest_status(_me: _Engineer, request: Request, conn: Reader) -> dict:
    """How far each sink is behind, and what is wrong with the broker or the disk.

    In a process that ingests nothing: which worker holds which parts (`workers`), those nobody holds (`unheld`), and
    the workers whose spool files lie here (`spools`: where their dead letters are).
    """
    own: Ingest | None = getattr(request.app.state, "ingest", None)
    if own is not None:
        return own.status()
    now = lease.database_ms(conn)
    rows = lease.holders(conn)
    held = [row for row in rows if row.until_ms > now and row.holder]
    names = sorted({row.worker for row in held})
    return {
        "workers": {name: [row.name for row in held if row.worker == name] for name in names},
        "unheld": [row.name for row in rows if row not in held],
        "spools": _spools(request).workers(),
    }
