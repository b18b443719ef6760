"""Business calendars: a year at a glance, days off and make-up days added and taken away, with a reason."""

import re
from calendar import Calendar
from datetime import date, datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from milepost.access.deps import Reader, database
from milepost.access.model import Principal
from milepost.access.once import once
from milepost.clocks import editing
from milepost.errors import Invalid, MilepostError, NotFound
from milepost.masterdata import service as masterdata
from milepost.notify.repository import names_of
from milepost.times import now_ms
from milepost.web.forms import offers
from milepost.web.forms.reading import Texts, first
from milepost.web.i18n import translator
from milepost.web.moments import day_of
from milepost.web.pages.order_acts import key_of
from milepost.web.pages.settings.index import Admin, show, told
from milepost.web.render import language_of
from milepost.web.route import PageRoute

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
AS = ("off", "worked", "seeded")
Row = dict[str, Any]


@router.get("/settings/calendars", response_class=HTMLResponse)
def calendars(request: Request, me: Admin, conn: Reader) -> Response:
    """Every calendar with the branches that keep it."""
    return _list(request, me, conn, None, None)


@router.post("/settings/calendars", response_class=HTMLResponse)
async def make(request: Request, me: Admin) -> Response:
    """A new calendar, with the holidays that are known."""
    given = await request.form()
    return await run_in_threadpool(_make, request, me, given)


@router.get("/settings/calendars/{name}", response_class=HTMLResponse)
def calendar(
    name: str, request: Request, me: Admin, conn: Reader, year: str = "", day: str = "", done: str = ""
) -> Response:
    """One calendar, a year of it."""
    return _show(request, me, conn, name, year, day, bool(done), None, None)


@router.post("/settings/calendars/{name}/days", response_class=HTMLResponse)
async def change(name: str, request: Request, me: Admin) -> Response:
    """Let a day be off, worked, or again as the known holidays say."""
    given = await request.form()
    return await run_in_threadpool(_change, request, me, name, given)


def _make(request: Request, me: Principal, given: Texts) -> Response:
    t = translator(language_of(request))
    name, why = first(given, "name"), first(given, "why")
    try:
        if not _NAME.fullmatch(name):
            raise Invalid(t("calendar.name.needed"))
        _reason(why, t)
        with database(request).tx() as conn:
            if any(row["name"] == name for row in editing.calendars(conn)):
                raise Invalid(t("calendar.name.taken"))
            days = {"seeded": True, "holidays": [], "workdays": []}
            _once(conn, me, given, name, {"why": why}, lambda: editing.put_calendar(conn, me, name, days, why))
    except MilepostError as error:
        with database(request).read() as conn:
            return _list(request, me, conn, error, given)
    return RedirectResponse(f"/settings/calendars/{quote(name)}?done=1", status_code=303)


def _change(request: Request, me: Principal, name: str, given: Texts) -> Response:
    t = translator(language_of(request))
    day, how, why = day_of(first(given, "day")), first(given, "as"), first(given, "why")
    try:
        if day is None:
            raise Invalid(t("calendar.day.needed"))
        if how not in AS:
            raise Invalid(t("calendar.as.needed"))
        _reason(why, t)
        with database(request).tx() as conn:
            row = _calendar(conn, name, t)
            text = day.isoformat()
            days = {kind: [each for each in row[kind] if each != text] for kind in ("holidays", "workdays")}
            if how != "seeded":
                kind = "holidays" if how == "off" else "workdays"
                days[kind] = sorted([*days[kind], text])
            whole: Row = {"seeded": row["seeded"], **days} | ({"hours": row["hours"]} if row["hours"] else {})
            seen = first(given, "seen") or None
            body = {"day": text, "as": how, "why": why, "version": seen}
            _once(conn, me, given, name, body, lambda: editing.put_calendar(conn, me, name, whole, why, seen))
    except NotFound:
        raise
    except MilepostError as error:
        with database(request).read() as conn:
            return _show(request, me, conn, name, first(given, "day")[:4], "", False, error, given)
    return RedirectResponse(f"/settings/calendars/{quote(name)}?year={day.year}&done=1", status_code=303)


def _once(conn: Connection, me: Principal, given: Texts, name: str, body: Row, do: Any) -> None:
    once(conn, me, key_of(given), f"PUT /calendars/{name}", body, do)


def _reason(why: str, t: Any) -> None:
    if not why or len(why) > 1000 or "\x00" in why:
        raise Invalid(t("policy.why.needed"))


def _calendar(conn: Connection, name: str, t: Any) -> Row:
    try:
        return editing.calendar(conn, name)
    except NotFound:
        raise NotFound(t("calendar.gone")) from None


def _list(
    request: Request, me: Principal, conn: Connection, error: MilepostError | None, given: Texts | None
) -> Response:
    language = language_of(request)
    names = {row["id"]: offers.branch_name(row, language) for row in masterdata.branches(conn, active_only=False)}
    return show(
        request, me, conn, "calendars.html", "calendars", status=error.status if error else 200,
        rows=editing.calendars(conn), names=names, problem=told(request, error),
        typed=(lambda name: first(given, name)) if given is not None else (lambda name: ""),
    )  # fmt: skip


def _show(
    request: Request, me: Principal, conn: Connection, name: str, year: str, day: str, done: bool,
    error: MilepostError | None, given: Texts | None,
) -> Response:  # fmt: skip
    language = language_of(request)
    t, zone = translator(language), ZoneInfo(request.app.state.settings.time_zone)
    row = _calendar(conn, name, t)
    today = datetime.fromtimestamp(now_ms() / 1000, zone).date()
    shown = int(year) if year.isdigit() and 1970 < int(year) < 9000 else today.year
    names = {each["id"]: offers.branch_name(each, language) for each in masterdata.branches(conn, active_only=False)}
    versions = editing.calendar_versions(conn, name)
    people = names_of(conn, {each["author"] for each in versions})
    chosen = day_of(day)
    return show(
        request, me, conn, "calendar.html", "calendars", status=error.status if error else 200,
        row=row, year=shown, months=_months(conn, row, shown), names=names, done=done, today=today.isoformat(),
        day=chosen.isoformat() if chosen else "", problem=told(request, error),
        versions=[{**each, "author": people.get(each["author"], each["author"])} for each in versions],
        typed=(lambda field: first(given, field)) if given is not None else (lambda field: ""),
    )  # fmt: skip


def _months(conn: Connection, row: Row, year: int) -> list[list[list[Row | None]]]:
    """Twelve months of weeks, Monday first; None where the week reaches into another month."""
    found = editing.days_of(conn, row["name"], date(year, 1, 1), date(year, 12, 31))
    worked = {each["date"]: each["workday"] for each in found}
    own = {**dict.fromkeys(row["holidays"], "off"), **dict.fromkeys(row["workdays"], "worked")}

    def cell(day: date, month: int) -> Row | None:
        if day.month != month:
            return None
        text = day.isoformat()
        plain = day.weekday() < 5
        return {"date": text, "n": day.day, "worked": worked[text], "own": own.get(text),
                "special": worked[text] != plain}  # fmt: skip

    weeks = Calendar()
    return [
        [[cell(day, month) for day in week] for week in weeks.monthdatescalendar(year, month)] for month in range(1, 13)
    ]
