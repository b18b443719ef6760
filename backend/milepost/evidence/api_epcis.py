"""HTTP of EPCIS 2.0: capture of partners' events, the query over theirs and ours, an order as a document."""

import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Depends, Header, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection
from starlette.datastructures import QueryParams

from milepost.access.deps import Me, Reader, Tx, require
from milepost.access.model import Principal
from milepost.access.scope import readable
from milepost.errors import Conflict, Invalid, NotFound
from milepost.evidence import carried, log
from milepost.evidence.epcis import capture as capturing
from milepost.evidence.epcis import service, store
from milepost.evidence.epcis.events import document, query_document
from milepost.evidence.epcis.names import names_of
from milepost.evidence.epcis.query import Filter, wanted
from milepost.orders import repository as order_rows
from milepost.orders import service as orders
from milepost.orders.projector import calendar
from milepost.orders.tables import order
from milepost.plan import service as plan
from milepost.times import now_ms, parse_rfc3339, to_rfc3339

router = APIRouter(prefix="/epcis")
Partner = Annotated[Principal, Depends(require("carrier", "customer", "dispatcher", "desk"))]
Behaviour = Annotated[
    Literal["rollback", "proceed"],
    Header(alias="GS1-Capture-Error-Behaviour", description="rollback: all or nothing; proceed: keep what is right"),
]
Document = Annotated[dict[str, Any], Body(description="an EPCISDocument of EPCIS 2.0, or one event with its @context")]
Texts = str | None
_TIMES = ("GE_eventTime", "LT_eventTime", "GE_recordTime", "LT_recordTime")


class JobOut(BaseModel):
    """A capture job, by the names of EPCIS 2.0."""

    captureID: str
    createdAt: str
    finishedAt: str
    running: bool
    success: bool
    captureErrorBehaviour: str
    captured: int = Field(description="events kept")
    known: int = Field(description="events told before, word for word: they change nothing")
    errors: list[dict[str, str]] = Field(description="where and what was wrong")


class EventQuery(BaseModel):
    """Parameters of the simple event query. Several values: repeat the parameter, or write | between them."""

    model_config = ConfigDict(extra="forbid")

    eventType: Texts = None
    GE_eventTime: str | None = Field(None, description="RFC 3339, inclusive")
    LT_eventTime: str | None = Field(None, description="RFC 3339, exclusive")
    GE_recordTime: str | None = Field(None, description="RFC 3339, inclusive")
    LT_recordTime: str | None = Field(None, description="RFC 3339, exclusive")
    EQ_action: Texts = None
    EQ_bizStep: Texts = None
    EQ_disposition: Texts = None
    EQ_persistentDisposition_set: Texts = None
    EQ_persistentDisposition_unset: Texts = None
    EQ_readPoint: Texts = None
    EQ_bizLocation: Texts = None
    EQ_transformationID: Texts = None
    EQ_eventID: Texts = None
    EQ_bizTransaction_po: Texts = None
    EQ_bizTransaction_bol: Texts = None
    EQ_bizTransaction_desadv: Texts = None
    EQ_bizTransaction_inv: Texts = None
    EQ_bizTransaction_recadv: Texts = None
    EQ_bizTransaction_rma: Texts = None
    EQ_source_owning_party: Texts = None
    EQ_source_possessing_party: Texts = None
    EQ_source_location: Texts = None
    EQ_destination_owning_party: Texts = None
    EQ_destination_possessing_party: Texts = None
    EQ_destination_location: Texts = None
    MATCH_epc: Texts = Field(None, description="in any writing: URI, Digital Link, or the hex digits of the tag")
    MATCH_parentID: Texts = None
    MATCH_inputEPC: Texts = None
    MATCH_outputEPC: Texts = None
    MATCH_anyEPC: Texts = None
    EXISTS_errorDeclaration: bool | None = None
    EQ_errorReason: Texts = None
    EQ_correctiveEventID: Texts = None
    orderBy: Literal["eventTime", "recordTime"] = "recordTime"
    orderDirection: Literal["ASC", "DESC"] = "ASC"
    perPage: int = Field(30, ge=1, le=1000)
    nextPageToken: str | None = Field(None, max_length=200)


@router.post("/capture", status_code=202)
def capture(body: Document, conn: Tx, me: Partner, response: Response, behaviour: Behaviour = "rollback") -> JobOut:
    """Take in a partner's events. They are checked and kept before the answer; the job says what became of them."""
    done = _capture(conn, me, body, behaviour)
    response.headers["Location"] = f"/api/v1/epcis/capture/{done.job['id']}"
    return _job(done.job)


@router.get("/capture/{capture_id}")
def get_capture(capture_id: str, conn: Reader, me: Me) -> JobOut:
    """What became of a capture."""
    job = store.job(conn, capture_id)
    if job is None or (job["created_by"] != me.id and not me.sees_all):
        raise NotFound(f"no capture {capture_id!r}")
    return _job(job)


@router.post("/events", status_code=201)
def add_event(body: Document, conn: Tx, me: Partner, response: Response) -> dict[str, str]:
    """Take in one event; the answer names it. An event that is known is a conflict, unless it declares an error."""
    if body.get("type") == "EPCISDocument":
        raise Invalid("body: one event; POST /api/v1/epcis/capture takes documents")
    done = _capture(conn, me, body, capturing.ROLLBACK)
    if done.known:
        raise Conflict(f"event {done.known[0]} is known", changed={"eventID": done.known[0]})
    response.headers["Location"] = f"/api/v1/epcis/events?EQ_eventID={done.ids[0]}"
    return {"eventID": done.ids[0]}


@router.get("/events")
def query_events(
    conn: Reader, me: Me, asked: Annotated[EventQuery, Query()], request: Request, response: Response
) -> dict[str, Any]:
    """Events you may see, ours and those you captured, as an EPCISQueryDocument; the next page is in Link."""
    page = service.query(
        conn,
        service.Sight(me, readable(me, order, order.c.id), order),
        _filter(asked, request.query_params),
        names_of(conn, _offset_min),
        order_by=asked.orderBy,
        descending=asked.orderDirection == "DESC",
        per_page=asked.perPage,
        token=asked.nextPageToken,
    )
    found = query_document(page.events, to_rfc3339(now_ms()) or "")
    if page.next is not None:
        url = request.url.include_query_params(nextPageToken=page.next)
        response.headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
        found["milepost:nextPageToken"] = page.next
    return found


@router.get("/orders/{ref}")
def order_document(ref: str, conn: Reader, me: Me) -> dict[str, Any]:
    """Everything that is known of an order and its goods, as an EPCISDocument."""
    order_id = orders.get(conn, me, ref)["id"]
    subjects = [("order", order_id), *(("unit", unit.id) for unit in plan.units_of_order(conn, order_id))]
    events = service.of_facts(conn, log.of_subjects(conn, subjects), names_of(conn, _offset_min))
    return document(events, to_rfc3339(now_ms()) or "")


def _capture(conn: Connection, me: Principal, body: Any, behaviour: str) -> capturing.Captured:
    now = now_ms()
    seen: dict[str, bool] = {}

    def may_touch(order_id: str) -> bool:
        if order_id not in seen:
            seen[order_id] = me.sees_all or order_rows.find(conn, me, order_id) is not None
        return seen[order_id]

    done = capturing.capture(conn, body, by=me.id, behaviour=behaviour, now=now, may_touch=may_touch)
    told = [*log.append(conn, done.facts), *carried.again(conn, done.repacked, now)]
    if told:
        orders.on_facts(conn, told)
    return done


def _filter(asked: EventQuery, given: QueryParams) -> Filter:
    others = (*_TIMES, "EXISTS_errorDeclaration", "orderBy", "orderDirection", "perPage", "nextPageToken")
    texts: dict[str, list[str]] = {}
    for name, text in given.multi_items():
        if name not in others:
            texts.setdefault(name, []).extend(part for part in text.split("|") if part)
    times = {name: parse_rfc3339(text, name) if (text := getattr(asked, name)) is not None else None for name in _TIMES}
    return wanted(texts, times, asked.EXISTS_errorDeclaration)


def _job(row: dict[str, Any]) -> JobOut:
    at = to_rfc3339(row["created_at"]) or ""
    return JobOut(
        captureID=row["id"],
        createdAt=at,
        finishedAt=at,
        running=False,
        success=bool(row["success"]),
        captureErrorBehaviour=row["behaviour"],
        captured=row["captured"],
        known=row["known"],
        errors=[{name: str(text) for name, text in each.items()} for each in json.loads(row["errors"])],
    )


def _offset_min(at: int) -> int:
    """Minutes east of UTC where no site says so: the company's own."""
    found = calendar().local(at).utcoffset()
    return 0 if found is None else int(found.total_seconds() // 60)
