"""HTTP of the inbox."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query
from fastapi import Path as InPath
from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from milepost.access.deps import Me, Reader, Tx, database, require
from milepost.access.model import Principal
from milepost.access.once import once
from milepost.alerts import answers, service
from milepost.alerts.repository import Filter
from milepost.db import Database
from milepost.notify.api import NO_NUL, Text
from milepost.notify.rules import URGENCIES
from milepost.orders.fields import Instant, Short, Strict, storable
from milepost.times import parse_rfc3339

router = APIRouter(prefix="/api/v1", tags=["alerts"])

Db = Annotated[Database, Depends(database)]
Staff = Annotated[Principal, Depends(require(*service.STAFF))]
Key = Annotated[
    str | None,
    Header(alias="Idempotency-Key", max_length=128, pattern=r"^[\x21-\x7e]+$", description="one per command"),
]
Version = Annotated[
    int | None,
    Header(alias="If-Match", ge=0, le=2**31, description="`version` of the item you saw; refused if it has changed"),
]
AlertId = Annotated[str, InPath(max_length=64, pattern=NO_NUL)]
Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), AfterValidator(storable)]
State = Literal["open", "acknowledged", "assigned", "snoozed", "resolved"]
Urgency = Literal["now", "shift", "wait"]
Said = Literal["aboard", "not_aboard", "off", "not_off", "not_ours"]


class PersonRef(BaseModel):
    id: str
    name: str


class Task(Text):
    role: str = Field(description="whose task it is")


class Told(BaseModel):
    """Somebody who was told."""

    role: str
    scope_kind: str
    scope_id: str
    people: list[PersonRef] = Field(description="who holds that role over that scope today")
    at: str
    state: str
    read_at: str | None
    read_by: str | None


class Resolved(BaseModel):
    """How it ended: `by` a person with a word, or (null) by the facts."""

    by: PersonRef | None
    fact: str | None
    word: str | None


class AlertOut(BaseModel):
    """One item: a cause of trouble of an order, a promise that is broken, or an incident of a device or a host."""

    id: str
    order_id: str | None = Field(description="null when it is about a device or a host")
    order_number: str | None
    device: str | None = Field(description="the device it is about")
    kind: str
    cause: str
    ex: str | None = Field(description="row of the catalogue of exceptions")
    clock: str | None
    stage: int
    urgency: Urgency = Field(description="now, this shift, can wait")
    urgent: bool
    state: State
    version: int
    title: Text
    detail: Text
    task: Task
    next: Text
    told: list[Told]
    owner: PersonRef | None
    can: list[Literal["acknowledge", "assign", "snooze", "resolve"]]
    answers: list[Said] = Field(description="what you can say about what went through a door; see POST …/answer")
    resolved: Resolved | None
    opened_at: str
    raised_at: str
    due_at: str | None = Field(description="when the task is due, where the catalogue says so")
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


class Counts(BaseModel):
    """The numbers on the filters. All but `snoozed` count what is unresolved and not asleep."""

    active: int
    mine: int
    no_owner: int
    now: int
    shift: int
    wait: int
    snoozed: int


class Assign(Strict):
    to: Short = Field(description="id of the person; they must hold a role over the order")


class Snooze(Strict):
    until: Instant


class Resolve(Strict):
    word: Word = Field(description="why it is resolved; it stands in the order's history")


class Answer(Strict):
    """What you see, of something that went through a door or lies on a truck."""

    answer: Said = Field(description="it went aboard or did not, came off or did not, or is none of this trip")
    unit: Short | None = Field(
        None, description="which unit it was, where the item does not say; one of the trip's list"
    )
    vehicle: Short | None = Field(None, description="on which of two trucks it lies")
    word: Word | None = Field(None, description="why it is not ours")


@router.get("/alerts")
def list_alerts(
    conn: Reader,
    me: Me,
    state: Annotated[
        Literal["active", "open", "acknowledged", "assigned", "snoozed", "resolved"] | None,
        Query(description="active: unresolved and not asleep; default: all that is unresolved"),
    ] = None,
    mine: Annotated[bool, Query(description="only those I have")] = False,
    no_owner: Annotated[bool, Query(description="only those nobody has")] = False,
    urgency: Annotated[Urgency | None, Query()] = None,
    kind: Annotated[str | None, Query(max_length=40, pattern=NO_NUL)] = None,
    ex: Annotated[str | None, Query(max_length=40, pattern=NO_NUL)] = None,
    branch: Annotated[str | None, Query(max_length=64, pattern=NO_NUL)] = None,
    since: Annotated[str | None, Query(max_length=40, description="RFC 3339: raised from then on")] = None,
    order: Annotated[str | None, Query(max_length=64, pattern=NO_NUL, description="id or number")] = None,
    device: Annotated[str | None, Query(max_length=12, pattern=NO_NUL)] = None,
    sort: Annotated[Literal["newest", "urgency"], Query()] = "newest",
    cursor: Annotated[str | None, Query(max_length=120)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> AlertPage:
    """The inbox."""
    wanted = Filter(
        state, mine, no_owner, None if urgency is None else URGENCIES.index(urgency), kind, ex, branch,
        None if since is None else parse_rfc3339(since, "since"), order, device,
    )  # fmt: skip
    return AlertPage(**service.listing(conn, me, wanted, sort=sort, cursor=cursor, limit=limit))


@router.get("/alerts/counts")
def count_alerts(
    conn: Reader,
    me: Me,
    kind: Annotated[str | None, Query(max_length=40, pattern=NO_NUL)] = None,
    ex: Annotated[str | None, Query(max_length=40, pattern=NO_NUL)] = None,
    branch: Annotated[str | None, Query(max_length=64, pattern=NO_NUL)] = None,
) -> Counts:
    """How many items each filter holds."""
    return Counts(**service.counts(conn, me, Filter(kind=kind, ex=ex, branch=branch)))


@router.get("/alerts/{alert_id}")
def get_alert(alert_id: AlertId, conn: Reader, me: Me) -> AlertOut:
    """One item."""
    return AlertOut(**service.get(conn, me, alert_id))


@router.post("/alerts/{alert_id}/acknowledge")
def acknowledge(alert_id: AlertId, conn: Tx, me: Staff, key: Key = None, version: Version = None) -> AlertOut:
    """I take it."""

    def do() -> dict[str, Any]:
        return service.take_on(conn, me, alert_id, "acknowledged", version=version, key=key)

    return AlertOut(**once(conn, me, key, f"POST /alerts/{alert_id}/acknowledge", {}, do))


@router.post("/alerts/{alert_id}/assign")
def assign(alert_id: AlertId, body: Assign, conn: Tx, me: Staff, key: Key = None, version: Version = None) -> AlertOut:
    """Somebody shall see to it; they are told."""

    def do() -> dict[str, Any]:
        return service.take_on(conn, me, alert_id, "assigned", to=body.to, version=version, key=key)

    return AlertOut(**once(conn, me, key, f"POST /alerts/{alert_id}/assign", body.model_dump(mode="json"), do))


@router.post("/alerts/{alert_id}/snooze")
def snooze(alert_id: AlertId, body: Snooze, conn: Tx, me: Staff, key: Key = None, version: Version = None) -> AlertOut:
    """Not before then; it comes back by itself."""
    until = parse_rfc3339(body.until, "until")

    def do() -> dict[str, Any]:
        return service.take_on(conn, me, alert_id, "snoozed", until_ms=until, version=version, key=key)

    return AlertOut(**once(conn, me, key, f"POST /alerts/{alert_id}/snooze", body.model_dump(mode="json"), do))


@router.post("/alerts/{alert_id}/resolve")
def resolve(
    alert_id: AlertId, body: Resolve, conn: Tx, me: Staff, key: Key = None, version: Version = None
) -> AlertOut:
    """It is dealt with, where no fact can say so."""

    def do() -> dict[str, Any]:
        return service.resolve(conn, me, alert_id, body.word, version=version, key=key)

    return AlertOut(**once(conn, me, key, f"POST /alerts/{alert_id}/resolve", body.model_dump(mode="json"), do))


@router.post("/alerts/{alert_id}/answer")
def answer(alert_id: AlertId, body: Answer, db: Db, me: Staff, key: Key = None, version: Version = None) -> AlertOut:
    """Say what you see: the loading, passing back, unloading or sight is recorded on the unit's order as by its own
    commands, for the instant of the passage; `not_ours` resolves the item with a word."""
    said = answers.Said(body.answer, body.unit, body.vehicle, body.word)
    return AlertOut(**answers.answer(db, me, alert_id, said, version=version, key=key))
