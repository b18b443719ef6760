"""The figures N-41…N-46a: for all, and by branch, region, channel, class, month or product."""

from datetime import date, datetime
from typing import Annotated, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from milepost.access.deps import Reader, require
from milepost.access.model import Principal
from milepost.errors import Invalid
from milepost.masterdata import service as masterdata
from milepost.masterdata.model import CHANNELS, CLASSES
from milepost.reports import service as reports
from milepost.reports.kpi import GROUPS
from milepost.reports.service import Asked
from milepost.reports.texts import text
from milepost.times import now_ms
from milepost.web import orders_view, report_view
from milepost.web.forms import offers
from milepost.web.i18n import translator
from milepost.web.moments import day_of
from milepost.web.render import language_of, page
from milepost.web.route import PageRoute
from milepost.web.topbar import bar

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Staff = Annotated[Principal, Depends(require(*reports.STAFF))]


@router.get("/reports", response_class=HTMLResponse)
def figures(
    request: Request, me: Staff, conn: Reader, by: str = "branch", then: str = "", branch: str = "", region: str = "",
    channel: str = "",
) -> Response:  # fmt: skip
    """What was kept of what was promised; the span, the filters and the grouping are the address."""
    language = language_of(request)
    t, zone = translator(language), ZoneInfo(request.app.state.settings.time_zone)
    today = datetime.fromtimestamp(now_ms() / 1000, zone).date()
    query = request.query_params
    given = _days(query.get("from"), query.get("to"), today)
    klass = query.get("class", "")
    group_by = reports.groups(name for name in (by, then) if name in GROUPS)
    limits: dict[str, Any] = {"from_day": given[0], "to_day": given[1], "branch": branch or None,
                              "region": region or None, "channel": channel or None, "klass": klass or None}  # fmt: skip
    if any("\x00" in value for value in (branch, region, channel, klass)):
        raise Invalid(t("report.no_such"))
    whole = reports.figures(conn, me, Asked(**limits))[0]
    rows = reports.figures(conn, me, Asked(group_by, **limits)) if group_by else []
    branches = masterdata.branches(conn, active_only=False)
    names = {row["id"]: offers.branch_name(row, language) for row in branches}
    mine = [row for row in branches if me.sees_all or row["id"] in me.scope_ids("branch")]
    spoken = {
        "branch": lambda value: names.get(value or "", value or t("report.no_branch")),
        "channel": lambda value: offers.channel_text(value, language),
        "class": lambda value: offers.class_text(value, language),
    }
    asked = {"from": given[0] and given[0].isoformat(), "to": given[1] and given[1].isoformat(), "branch": branch,
             "region": region, "channel": channel, "class": klass}  # fmt: skip
    return page(
        request,
        me,
        "reports.html",
        section="reports",
        whole=whole,
        pairs=report_view.ratios(whole, language),
        counts=[(name, text(f"count.{name}", language)) for name in report_view.COUNTS],
        heads=[(group, len(names_)) for group, names_ in report_view.PAIRS],
        titles=[(name, text(f"ratio.{name}", language), name in report_view.HONEST)
                for name in report_view.RATIO_NAMES],
        rows=[{**row, "words": report_view.group_words(row, group_by, spoken),
               "cells": report_view.cells(row, language)} for row in rows],
        group_by=group_by,
        group_titles=[text(f"group.{name}", language) for name in group_by],
        group_choices=[(name, text(f"group.{name}", language)) for name in GROUPS],
        troubles=[{"name": orders_view.word(t, "ex", kind), **count} for kind, count in whole["exceptions"].items()],
        wanted=asked,
        spans={name: tuple(day.isoformat() for day in span) for name, span in report_view.spans(today).items()},
        branch_choices=[(row["id"], offers.branch_name(row, language)) for row in mine],
        regions=[(name, name) for name in sorted({row["region"] for row in mine})],
        channels=[(word.code, offers.in_language(word, language)) for word in CHANNELS],
        classes=[(word.code, offers.in_language(word, language)) for word in CLASSES],
        export=_export({**asked, "lang": language}, group_by),
        leads=me.has(*reports.LEADERS),
        **bar(conn, me),
    )  # fmt: skip


def _days(first: str | None, last: str | None, today: date) -> tuple[date | None, date | None]:
    """The span asked for; without any, this month so far. What is no day counts as none."""
    if first is None and last is None:
        return today.replace(day=1), today
    return day_of(first or ""), day_of(last or "")


def _export(asked: dict[str, Any], group_by: tuple[str, ...]) -> str:
    """The query of the same figures as a file."""
    return urlencode([(name, value) for name, value in asked.items() if value] + [("group", name) for name in group_by])
