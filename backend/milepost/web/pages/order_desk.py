"""The order desk (EO-10, EO-22): what is due first stands on top, the late before all; one order beside the list."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from milepost.access.deps import Reader, require
from milepost.access.model import Principal
from milepost.clocks import service as clocks
from milepost.clocks.todo import TO_DO
from milepost.masterdata import service as masterdata
from milepost.masterdata.model import CHANNELS
from milepost.times import now_ms
from milepost.web import clock_view, orders_view
from milepost.web.forms import offers, refusals
from milepost.web.i18n import translator
from milepost.web.order_side import side_of
from milepost.web.render import language_of, page
from milepost.web.route import PageRoute
from milepost.web.topbar import bar

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Desk = Annotated[
    Principal, Depends(require("desk", "call_centre", "branch_manager", "regional_manager", "dispatcher", "auditor"))
]
_MOST = 300
_REFRESH_S = 60
_BAR_PX, _GAP_PX, _HIGH_PX, _FOOT_PX = 16, 6, 24, 12


@router.get("/desk", response_class=HTMLResponse)
def desk(
    request: Request, me: Desk, conn: Reader, region: str = "", branch: str = "", channel: str = "", clock: str = "",
    order: str = "", done: str = "", warned: str = "", refresh: str = "",
) -> Response:  # fmt: skip
    """The desk; filters, the chosen order and whether it refreshes by itself are the address."""
    language, now = language_of(request), now_ms()
    t, zone = translator(language), ZoneInfo(request.app.state.settings.time_zone)
    clock = clock if clock in TO_DO else ""
    given = {"region": region or None, "branch": branch or None, "channel": channel or None}
    rows = clocks.desk(conn, me, **given, clock=clock or None, limit=_MOST, language=language)
    today = datetime.fromtimestamp(now / 1000, zone).date()
    figures = clocks.figures(conn, me, today, **given)
    branches = masterdata.branches(conn, active_only=False)
    names = {row["id"]: offers.branch_name(row, language) for row in branches}
    side = side_of(request, conn, me, order) if order else None
    return page(
        request,
        me,
        "order_desk.html",
        section="desk",
        groups=_groups(orders_view.with_customers(conn, rows), now, zone, t),
        total=len(rows),
        cut=len(rows) == _MOST,
        figures=figures,
        bars=_bars(figures["hours"]),
        names=names,
        channel_text=lambda code: offers.channel_text(code, language),
        wanted={"region": region, "branch": branch, "channel": channel, "clock": clock},
        regions=_regions(conn),
        channels={word.code: offers.in_language(word, language) for word in CHANNELS},
        clock_names={name: clock_view.name_of(name, t) for name in TO_DO},
        side=side,
        chosen=side["order"]["number"] if side else "",
        gone=bool(order) and side is None,
        done=refusals.done(done, warned, t),
        refresh=_REFRESH_S if refresh == "1" else 0,
        may_make=me.has("customer", "desk", "call_centre"),
        **bar(conn, me),
    )


def _groups(rows: Sequence[dict[str, Any]], now: int, zone: ZoneInfo, t: Any) -> list[tuple[str, list[dict[str, Any]]]]:
    """Rows by when they are due, each with its countdown; within a group the first due first."""
    made: dict[str, list[dict[str, Any]]] = {name: [] for name in clock_view.GROUPS}
    for row in rows:
        shown = {**row, "count": clock_view.countdown(row, now, zone, t), "name": clock_view.name_of(row["clock"], t)}
        made[shown["count"]["group"]].append(shown)
    for group in made.values():
        group.sort(key=lambda row: (row["due"] is None, row["due"] or 0, row["number"]))
    return [(name, group) for name, group in made.items() if group]


def _regions(conn: Any) -> list[str]:
    """Regions and big regions, each once."""
    found = [name for row in masterdata.regions(conn) for name in (row["big_region"], row["region"])]
    return list(dict.fromkeys(found))


def _bars(hours: Sequence[Mapping[str, int]]) -> dict[str, Any] | None:
    """Received and accepted per hour as a small chart, from the first busy hour to the last; None without any."""
    busy = [row["hour"] for row in hours if row["received"] or row["accepted"]]
    if not busy:
        return None
    first, last = min(busy), max(busy)
    most = max(max(row["received"], row["accepted"]) for row in hours)
    bars = []
    for n, row in enumerate(hours[first : last + 1]):
        received, accepted = (row[name] * _HIGH_PX / most for name in ("received", "accepted"))
        bars.append({"x": n * (_BAR_PX + _GAP_PX), "hour": row["hour"], "received": row["received"],
                     "accepted": row["accepted"], "h": round(received, 1), "a": round(accepted, 1)})  # fmt: skip
    return {"bars": bars, "width": len(bars) * (_BAR_PX + _GAP_PX), "height": _HIGH_PX + _FOOT_PX, "base": _HIGH_PX,
            "bar": _BAR_PX}  # fmt: skip
