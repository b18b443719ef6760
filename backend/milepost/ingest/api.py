"""HTTP: messages that could not be used, and how ingest is doing."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field

from milepost.access.deps import require, running
from milepost.access.model import Principal
from milepost.ingest import dead_letters
from milepost.ingest.service import Ingest
from milepost.times import to_rfc3339

router = APIRouter(prefix="/api/v1", tags=["ingest"])
_Engineer = Annotated[Principal, Depends(require("engineer", "dispatcher"))]


def _ingest(request: Request) -> Ingest:
    return running(request, "ingest")


_TheIngest = Annotated[Ingest, Depends(_ingest)]


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
    ingest: _TheIngest,
    device: str | None = None,
    state: Annotated[str | None, Query(pattern="^(open|rerun)$")] = None,
    before: int | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Letters:
    """Messages that could not be used, newest first."""
    found = dead_letters.listed(ingest.spool.connection(), device=device, state=state, before=before, limit=limit)
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
def dead_letter_payload(letter_id: int, _me: _Engineer, ingest: _TheIngest) -> Response:
    """The bytes of one, as they came."""
    return Response(
        dead_letters.payload_of(ingest.spool.connection(), letter_id),
        media_type="application/octet-stream",
        headers={"Content-Disposition": f'attachment; filename="dead-letter-{letter_id}.bin"'},
    )


@router.post("/dead-letters/{letter_id}/rerun", status_code=202)
def rerun_dead_letter(letter_id: int, _me: _Engineer, ingest: _TheIngest) -> dict[str, int]:
    """Send one through ingest again, after an update that can read it. 409 while it still cannot be read."""
    ingest.rerun(letter_id)
    return {"id": letter_id}


@router.get("/ingest")
def ingest_status(_me: _Engineer, ingest: _TheIngest) -> dict:
    """How far each sink is behind, and what is wrong with the broker or the disk."""
    return ingest.status()
