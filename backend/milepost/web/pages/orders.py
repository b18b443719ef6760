"""The list of orders: filters one can read aloud, nine cells each, the clock that presses most; many at once."""

from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import Connection

from milepost.access.deps import Me, Reader
from milepost.access.model import Principal
from milepost.errors import Forbidden
from milepost.masterdata import service as masterdata
from milepost.masterdata.model import CHANNELS, CLASSES
from milepost.orders.model import STAGES, STATES
from milepost.times import now_ms
from milepost.web import clock_view, order_list
from milepost.web.forms import offers
from milepost.web.i18n import translator
from milepost.web.order_list import SHOWS, SORTS, Filter
from milepost.web.order_side import side_of
from milepost.web.render import language_of, page
from milepost.web.route import PageRoute
from milepost.web.topbar import bar

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_PAGE = 50
_BULK = 500


@router.get("/orders", response_class=HTMLResponse)
def order_list_page(request: Request, me: Me, conn: Reader, after: str = "", order: str = "") -> Response:
    """Orders within the person's scopes; filter, sorting and selection are the address."""
    wanted = filter_of(request)
    language, now = language_of(request), now_ms()
    t = translator(language)
    rows, more = order_list.listing(conn, me, wanted, now, t, after=after, limit=_PAGE)
    return page(
        request,
        me,
        "orders.html",
        section="orders",
        rows=_told(rows, request, now, t),
        more=more,
        side=side_of(request, conn, me, order) if order else None,
        may_bulk=_may_bulk(me),
        may_make=me.has("customer", "desk", "call_centre"),
        **_frame(request, conn, me, wanted, now),
    )


@router.get("/orders/bulk", response_class=HTMLResponse)
def bulk(request: Request, me: Me, conn: Reader, after: str = "", numbers: str = "") -> Response:
    """Orders in bulk, found by filters or by a list of numbers (OD-10). Raises Forbidden for who has no such role."""
    if not _may_bulk(me):
        raise Forbidden("the list in bulk is for administrators and auditors; /orders lists what you may see")
    asked = list(dict.fromkeys(numbers.replace(",", " ").replace(";", " ").split()))[:_BULK]
    wanted = filter_of(request, show="all", numbers=asked)
    language, now = language_of(request), now_ms()
    t = translator(language)
    rows, more = order_list.listing(conn, me, wanted, now, t, after=after, limit=_BULK)
    return page(
        request,
        me,
        "orders_bulk.html",
        section="orders",
        rows=_told(rows, request, now, t),
        more=more,
        numbers=numbers,
        missing=order_list.missing(conn, me, asked),
        **_frame(request, conn, me, wanted, now),
    )


def filter_of(request: Request, show: str = "open", numbers: list[str] | None = None) -> Filter:
    """The filter that an address holds; what it does not know counts as not given."""
    asked = {name: value.strip() for name, value in request.query_params.items()}
    sort = asked.get("sort", "")
    state = asked.get("state", "")
    # Looking for something means looking everywhere.
    default = "all" if asked.get("q") or state else show
    found = asked.get("show", "")
    return Filter(
        show=found if found in (*SHOWS, *STAGES) else default,
        state=state if state in STATES else "",
        branch=asked.get("branch", "")[:64],
        channel=asked.get("channel", "")[:80],
        klass=asked.get("class", "")[:80],
        customer=asked.get("customer", "")[:64],
        type=asked.get("type", "") if asked.get("type") in ("goods", "consignment") else "",
        q=asked.get("q", "")[:80].replace("\0", ""),
        numbers=tuple(numbers or ()),
        sort=sort if sort in SORTS else "changed",
    )


def _may_bulk(me: Principal) -> bool:
    return me.has("auditor")


def _frame(request: Request, conn: Connection, me: Principal, wanted: Filter, now: int) -> dict[str, Any]:
    """What the list and the bulk list share: the filter, what there is to choose, the counts."""
    language = language_of(request)
    t = translator(language)
    branches = masterdata.branches(conn, active_only=False)
    names = {row["id"]: offers.branch_name(row, language) for row in branches}
    return {
        "wanted": wanted,
        "counts": order_list.counts(conn, me, now),
        "stages": STAGES,
        "states_named": [(name, t(f"ostate.{name}")) for name in STATES],
        "sorts": SORTS,
        "branches": names,
        "channels": {word.code: offers.in_language(word, language) for word in CHANNELS},
        "classes": {word.code: offers.in_language(word, language) for word in CLASSES},
        "channel_text": lambda code: offers.channel_text(code, language),
        **bar(conn, me),
    }


def _told(rows: list[dict[str, Any]], request: Request, now: int, t: Any) -> list[dict[str, Any]]:
    zone = ZoneInfo(request.app.state.settings.time_zone)
    for row in rows:
        pressing = row["pressing"]
        if pressing is not None:
            row["count"] = clock_view.countdown(pressing, now, zone, t)
            row["clock_name"] = clock_view.name_of(pressing["clock"], t)
        else:
            row["count"] = None
        clock_view.with_promises(row["road"], [pressing] if pressing else [], now)
    return rows
