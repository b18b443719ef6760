"""HTTP of an order's history."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from milepost.access.deps import Me, Reader
from milepost.orders import history

router = APIRouter()


class HistoryAuthor(BaseModel):
    role: str
    id: str
    branch: str | None
    name: str | None = Field(description="of a person with an account")


class HistoryFact(BaseModel):
    id: str
    rev: int
    kind: str
    at: str = Field(description="when it happened; the entry's own time is when it became known")
    by: HistoryAuthor
    source: str
    digest: str = Field(description="SHA-256 of the fact as it stands in the log")


class Difference(BaseModel):
    field: str
    before: str | int | None
    after: str | int | None


class HistoryEntry(BaseModel):
    """One entry of the chain: what came, who said so, what it changed."""

    n: int
    at: str
    kind: str = Field(description="facts, refused, time (it changed by itself), rejudged (a clock)")
    facts: list[HistoryFact]
    changed: list[Difference]
    data: dict[str, Any] = Field(description="of a clock that was judged anew: before and after")
    hash: str


class HistoryPage(BaseModel):
    items: list[HistoryEntry]
    next: str | None = Field(description="cursor of the next page, null on the last")


@router.get("/orders/{ref}/history")
def get_history(
    ref: Annotated[str, Path(description="id or number of the order", max_length=64)],
    conn: Reader,
    me: Me,
    cursor: Annotated[str | None, Query(max_length=120)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> HistoryPage:
    """The history of an order, oldest first; `milepost audit verify` checks its chain."""
    return HistoryPage(**history.page(conn, me, ref, cursor=cursor, limit=limit))
