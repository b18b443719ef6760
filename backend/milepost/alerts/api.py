"""HTTP of the inbox."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query
from pydantic import BaseModel, Field

from milepost.access.deps import Me, Reader, Tx, require
from milepost.access.model import Principal
from milepost.alerts import service
from milepost.orders.bodies import Instant, Short, Strict
from milepost.times import parse_rfc3339

router = APIRouter(prefix="/api/v1", tags=["alerts"])

Staff = Annotated[
    Principal,
    Depends(
        require(
            "dispatcher", "desk", "call_centre", "branch_manager", "regional_manager", "keeper", "claims", "engineer"
        )
    ),
]
Key = Annotated[str | None, Header(alias="Idempotency-Key", max_length=128)]


class AlertOut(BaseModel):
    """One item: an exception of an order that nobody has settled yet."""

    id: str
    order_id: str
    order_number: str
    kind: str
    cause: str
    ex: str | None
    urgent: bool
    state: str
    opened_at: str
    raised_at: str
    closed_at: str | None
    acked_by: str | None
    acked_at: str | None
    assigned_to: str | None
    snoozed_until: str | None
    branch: str | None
    site: str | None
    data: dict[str, Any]
    facts: list[str]


class AlertPage(BaseModel):
    items: list[AlertOut]
    next: str | None = Field(description="cursor of the next page, null on the last")


class Assign(Strict):
    to: Short = Field(description="id of the person")


class Snooze(Strict):
    until: Instant


@router.get("/alerts")
def list_alerts(
    conn: Reader,
    me: Me,
    state: Literal["open", "acknowledged", "assigned", "snoozed", "resolved"] | None = None,
    order: Annotated[str | None, Query(max_length=64, description="id or number")] = None,
    cursor: Annotated[str | None, Query(max_length=120)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> AlertPage:
    """The inbox, newest first; without `state` all that is not resolved."""
    return AlertPage(**service.listing(conn, me, state=state, order=order, cursor=cursor, limit=limit))


@router.post("/alerts/{alert_id}/acknowledge")
def acknowledge(alert_id: str, conn: Tx, me: Staff, key: Key = None) -> AlertOut:
    """I have seen it."""
    return AlertOut(**service.take_on(conn, me, alert_id, "acknowledged", key=key))


@router.post("/alerts/{alert_id}/assign")
def assign(alert_id: str, body: Assign, conn: Tx, me: Staff, key: Key = None) -> AlertOut:
    """Somebody shall see to it."""
    return AlertOut(**service.take_on(conn, me, alert_id, "assigned", to=body.to, key=key))


@router.post("/alerts/{alert_id}/snooze")
def snooze(alert_id: str, body: Snooze, conn: Tx, me: Staff, key: Key = None) -> AlertOut:
    """Not before then."""
    until = parse_rfc3339(body.until, "until")
    return AlertOut(**service.take_on(conn, me, alert_id, "snoozed", until_ms=until, key=key))
