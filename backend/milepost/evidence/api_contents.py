"""HTTP of contents: what lies in a handling unit, and what it lies in, at any time."""

from bisect import bisect_right
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Query
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from milepost.access.deps import Me, Reader, Tx, require
from milepost.access.model import Principal
from milepost.access.once import once
from milepost.errors import NotFound
from milepost.evidence import carried, contents
from milepost.evidence.model import Author
from milepost.ids import new_id
from milepost.orders import repository as order_rows
from milepost.orders import service as orders
from milepost.plan import service as plan
from milepost.times import now_ms, parse_rfc3339, to_rfc3339

router = APIRouter()
Keeper = Annotated[Principal, Depends(require("keeper"))]
Key = Annotated[str | None, Header(alias="Idempotency-Key", max_length=128)]
_THING = "unit:<id>, an EPC as hex digits, urn:epc:id:…, or a GS1 Digital Link"
_PAGE, _MOST = 1_000, 5_000
Thing = Annotated[str, Field(min_length=1, max_length=255, description=_THING)]


class NewPacking(BaseModel):
    parent: Thing
    children: list[Thing] = Field(default_factory=list, max_length=1000, description="none with delete: all of them")
    action: Literal["add", "delete"]
    at: str | None = Field(None, description="RFC 3339; default: now")


class ContentsOut(BaseModel):
    """Units of ours are told as unit:<id>, other things by their Digital Link or URI."""

    thing: str
    at: str
    within: list[str] = Field(description="what it lies in, the nearest first")
    children: list[str] = Field(description="those of `below` that lie directly in it")
    below: list[str] = Field(description="what lies in it, at any depth, by name: one page")
    total: int = Field(description="how many things lie in it, at any depth")
    next: str | None = Field(description="`after` of the next page; null at the end")


@router.get("/contents")
def get_contents(
    conn: Reader,
    me: Me,
    of: Annotated[str, Query(min_length=1, max_length=255, description=_THING)],
    at: Annotated[str | None, Query(description="RFC 3339; default: now")] = None,
    after: Annotated[str, Query(max_length=300, description="`next` of the page before")] = "",
    limit: Annotated[int, Query(ge=1, le=_MOST)] = _PAGE,
) -> ContentsOut:
    """What lies in a thing and what it lies in, at an instant. Name the instant to page through one and the same."""
    instant = now_ms() if at is None else parse_rfc3339(at, "at")
    return _told(conn, me, contents.name_of(of), instant, after, limit)


@router.post("/contents", status_code=201)
def pack(body: NewPacking, conn: Tx, me: Keeper, key: Key = None) -> ContentsOut:
    """Put things into another, or take them out; the answer is how it stands then."""
    now = now_ms()
    at = now if body.at is None else parse_rfc3339(body.at, "at")
    parent = contents.name_of(body.parent)
    children = [contents.name_of(child) for child in body.children]
    for name in (parent, *children):
        _visible(conn, me, contents.Names(conn).unit(name, at))

    def do() -> dict[str, object]:
        told = f"{me.id}/{key}" if key else new_id()
        contents.pack(conn, parent=parent, children=children, action=body.action, at=at, by=Author("keeper", me.id),
                      source="scan", key=told, now=now)  # fmt: skip
        facts = carried.again(conn, [parent, *children], now)
        if facts:
            orders.on_facts(conn, facts)
        return _told(conn, me, parent, at).model_dump()

    return ContentsOut.model_validate(once(conn, me, key, "POST /contents", body.model_dump(), do))


def _told(conn: Connection, me: Principal, name: str, at: int, after: str = "", limit: int = _PAGE) -> ContentsOut:
    here, own = contents.contents(conn, name, at)
    _visible(conn, me, own)
    every = here.below(own)
    first = bisect_right(every, after)
    shown = every[first : first + limit]
    return ContentsOut(
        thing=own,
        at=to_rfc3339(at) or "",
        within=here.above(own),
        children=[each for each in shown if here.parent(each) == own],
        below=shown,
        total=len(every),
        next=shown[-1] if first + limit < len(every) else None,
    )


def _visible(conn: Connection, me: Principal, name: str) -> None:
    """Raise NotFound for a unit of an order that `me` may not see. Things that are no units of ours tell of nobody."""
    if not name.startswith("unit:"):
        return
    unit = plan.get_unit(conn, name.removeprefix("unit:"))
    if me.sees_all or order_rows.find(conn, me, unit.order_id) is not None:
        return
    raise NotFound(f"no unit {unit.id!r}")
