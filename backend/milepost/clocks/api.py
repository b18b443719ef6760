"""HTTP of the clocks: of an order, of the desk; policies and calendars."""

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query
from pydantic import Field

from milepost.access.deps import Me, Reader, Tx, require
from milepost.access.model import Principal
from milepost.access.once import once
from milepost.clocks import editing, service
from milepost.clocks.answers import (
    AuditOut,
    CalendarOut,
    CalendarVersion,
    ClockOut,
    Day,
    DeskRow,
    EffectiveOut,
    Figures,
    PolicyOut,
)
from milepost.orders.fields import Id, Instant, Short, Strict, Text
from milepost.times import now_ms, parse_rfc3339, to_rfc3339

router = APIRouter(prefix="/api/v1", tags=["clocks"])

_STAFF = ("dispatcher", "desk", "call_centre", "branch_manager", "regional_manager", "keeper", "claims", "finance",
          "engineer", "auditor")  # fmt: skip
Staff = Annotated[Principal, Depends(require(*_STAFF))]
Admin = Annotated[Principal, Depends(require("admin"))]
Ref = Annotated[str, Path(description="id or number of the order", max_length=64)]
Name = Annotated[str, Path(description="name of the calendar", pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Filter = Annotated[str | None, Query(max_length=80)]
Key = Annotated[str | None, Header(alias="Idempotency-Key", max_length=128, pattern=r"^[\x21-\x7e]+$")]
_TIMES = ("start", "due", "late_from", "end", "breached_at", "from", "to", "at", "created_at")


class NewPolicy(Strict):
    """Values that hold from an instant on."""

    from_: Instant | None = Field(None, alias="from", description="RFC 3339, not in the past; default: now")
    channel: Short | None = Field(None, description="only orders of this channel; default: all")
    class_: Short | None = Field(None, alias="class", description="only customers of this class; default: all")
    values: dict[Short, str | int | float | bool] = Field(
        min_length=1, max_length=200, description="GET /policies/effective lists the keys and what each takes"
    )
    why: Text


class NewCalendar(Strict):
    """The days of a calendar, whole."""

    seeded: bool = Field(True, description="begin with the public holidays and make-up days that are known")
    holidays: list[date] = Field(default_factory=list[date], max_length=2000, description="more days off")
    workdays: list[date] = Field(default_factory=list[date], max_length=2000, description="more days worked")
    hours: list[Annotated[str, Field(max_length=11)]] = Field(
        default_factory=list[str], max_length=8, description="08:30/17:30; default: as they were seeded"
    )
    why: Text
    version: Id | None = Field(None, description="the version you saw; refused if it has changed since")


@router.get("/orders/{ref}/clocks")
def get_clocks(ref: Ref, conn: Reader, me: Me) -> list[ClockOut]:
    """Every clock of an order with its explanation: those that want something first, the most pressing before."""
    return [ClockOut(**_clock(each)) for each in service.of_order(conn, me, ref)]


@router.get("/orders/{ref}/clocks/audit")
def get_clocks_audit(ref: Ref, conn: Reader, me: Staff) -> list[AuditOut]:
    """What was judged anew, newest first: by late evidence, by a correction, by another calendar."""
    return [
        AuditOut(**{**_timed(each), "before": _clock(each["before"]), "after": each["after"] and _clock(each["after"])})
        for each in service.audit_of(conn, me, ref)
    ]


@router.get("/desk")
def get_desk(
    conn: Reader,
    me: Staff,
    branch: Filter = None,
    region: Annotated[str | None, Query(max_length=80, description="region or big region")] = None,
    channel: Filter = None,
    customer_class: Filter = None,
    clock: Annotated[str | None, Query(max_length=8, description="orders where this one waits, as N-01")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> list[DeskRow]:
    """Orders that somebody has to act upon: the longest late first, then by what runs out next."""
    rows = service.desk(
        conn, me, branch=branch, region=region, channel=channel, customer_class=customer_class, clock=clock, limit=limit
    )
    return [DeskRow(**_timed(row)) for row in rows]


@router.get("/desk/figures")
def get_figures(
    conn: Reader,
    me: Staff,
    day: Annotated[date | None, Query(description="local day; default: today")] = None,
    branch: Filter = None,
    region: Annotated[str | None, Query(max_length=80, description="region or big region")] = None,
    channel: Filter = None,
    customer_class: Filter = None,
) -> Figures:
    """The figures of a local day."""
    on = service.local_day(conn, now_ms()) if day is None else day
    found = service.figures(conn, me, on, branch=branch, region=region, channel=channel, customer_class=customer_class)
    return Figures(**_timed(found))


@router.get("/policies")
def list_policies(conn: Reader, _: Staff) -> list[PolicyOut]:
    """Every version, the newest first."""
    return [PolicyOut(**_timed(row)) for row in editing.policies(conn)]


@router.post("/policies", status_code=201)
def add_policy(body: NewPolicy, conn: Tx, me: Admin, key: Key = None) -> PolicyOut:
    """Put values in force. Clocks that have started keep the version of their start."""

    def add() -> dict[str, Any]:
        start = None if body.from_ is None else parse_rfc3339(body.from_, "from")
        row = editing.add_policy(
            conn, me, body.values, body.why, from_ms=start, channel=body.channel, klass=body.class_
        )
        return _timed(row)

    return PolicyOut(**_once(conn, me, key, "POST /policies", body, add))


@router.get("/policies/effective")
def get_effective(
    conn: Reader,
    _: Staff,
    channel: Filter = None,
    class_: Annotated[str | None, Query(alias="class", max_length=80)] = None,
    at: Annotated[str | None, Query(max_length=40, description="RFC 3339; default: now")] = None,
) -> EffectiveOut:
    """Every key with the value that holds for a channel and a customer class at an instant."""
    when = None if at is None else parse_rfc3339(at, "at")
    return EffectiveOut(**_timed(editing.effective(conn, channel, class_, when)))


@router.get("/calendars")
def list_calendars(conn: Reader, _: Staff) -> list[CalendarOut]:
    """Every business calendar as it stands."""
    return [CalendarOut(**_timed(row)) for row in editing.calendars(conn)]


@router.get("/calendars/{name}")
def get_calendar(name: Name, conn: Reader, _: Staff) -> CalendarOut:
    """One calendar as it stands."""
    return CalendarOut(**_timed(editing.calendar(conn, name)))


@router.put("/calendars/{name}")
def put_calendar(name: Name, body: NewCalendar, conn: Tx, me: Admin, key: Key = None) -> CalendarOut:
    """Make or change a calendar. Running clocks that count its days are judged anew, and say so."""
    days: dict[str, Any] = {
        "seeded": body.seeded,
        "holidays": sorted({day.isoformat() for day in body.holidays}),
        "workdays": sorted({day.isoformat() for day in body.workdays}),
    }
    if body.hours:
        days["hours"] = body.hours

    def put() -> dict[str, Any]:
        return _timed(editing.put_calendar(conn, me, name, days, body.why, body.version))

    return CalendarOut(**_once(conn, me, key, f"PUT /calendars/{name}", body, put))


@router.get("/calendars/{name}/versions")
def list_calendar_versions(name: Name, conn: Reader, _: Staff) -> list[CalendarVersion]:
    """What was ever said of a calendar, the newest first."""
    editing.calendar(conn, name)
    return [CalendarVersion(**_timed(row)) for row in editing.calendar_versions(conn, name)]


@router.get("/calendars/{name}/days")
def get_days(
    name: Name,
    conn: Reader,
    _: Staff,
    first: Annotated[date, Query(alias="from")],
    last: Annotated[date, Query(alias="to")],
) -> list[Day]:
    """Each day of a span: worked or off."""
    return [Day(**day) for day in editing.days_of(conn, name, first, last)]


def _once(
    conn: Any, me: Principal, key: str | None, what: str, body: Strict, do: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    return once(conn, me, key, what, body.model_dump(mode="json"), do)


def _clock(values: dict[str, Any]) -> dict[str, Any]:
    why = values["why"]
    return {**_timed(values), "why": {**why, **_timed({"from": why["from"]})} if "from" in why else why}


def _timed(values: dict[str, Any]) -> dict[str, Any]:
    """The plain values with their UTC ms as RFC 3339."""
    return values | {name: to_rfc3339(values[name]) for name in _TIMES if isinstance(values.get(name), int)}
