"""HTTP: messages that could not be used, and how ingest is doing."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field

from milepost.access.deps import Reader, require
from milepost.access.model import Principal
from milepost.ingest import dead_letters, lease
from milepost.ingest.service import Ingest
from milepost.ingest.spools import Spools
from milepost.times import to_rfc3339

router = APIRouter(prefix="/api/v1", tags=["ingest"])
_Engineer = Annotated[Principal, Depends(require("engineer", "dispatcher"))]


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
