"""Picking (T8, T9): the keeper's queue, and the pick list of one order on the screen, by scanner and on paper."""

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from milepost.access.deps import Reader, database, require
from milepost.access.model import SYSTEM, Principal
from milepost.access.scope import readable
from milepost.clocks.tables import clock
from milepost.errors import MilepostError, NotFound
from milepost.ids import new_id
from milepost.orders import carry
from milepost.orders import service as orders
from milepost.orders.bodies import BODIES, Command
from milepost.orders.model import LEVEL
from milepost.orders.tables import order
from milepost.times import now_ms
from milepost.web import clock_view, orders_view, qr, scanned, trip_acts, trip_load, views
from milepost.web.forms import refusals
from milepost.web.forms.reading import Texts, Wrong, first
from milepost.web.i18n import translator
from milepost.web.order_words import place_words
from milepost.web.pages.order_acts import key_of
from milepost.web.render import language_of, page
from milepost.web.route import PageRoute
from milepost.web.topbar import bar
from milepost.web.trip_acts import Back

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Store = Annotated[
    Principal, Depends(require("keeper", "desk", "dispatcher", "branch_manager", "regional_manager", "auditor"))
]
QUEUE = ("picking", "confirmed")
_MOST = 200
_DID = ("picked", "again", "wrong", "unknown")
Row = dict[str, Any]


@router.get("/picking", response_class=HTMLResponse)
def queue(request: Request, me: Store, conn: Reader, site: str = "") -> Response:
    """Orders that wait for their goods, what is due first on top, priority before all of the same hour."""
    language, now, zone = language_of(request), now_ms(), trip_acts.zone_of(request)
    t = translator(language)
    statement = readable(me, order).where(order.c.type == "goods", order.c.state.in_(QUEUE))
    if site:
        statement = statement.where(order.c.site == site[:64])
    found = conn.execute(statement.order_by(order.c.id).limit(_MOST + 1)).mappings().all()
    rows = orders_view.with_customers(conn, [orders_view.view(dict(row), t) for row in found[:_MOST]])
    due = _due(conn, me, [row["id"] for row in rows])
    for row in rows:
        own = due.get(row["id"])
        row["count"] = clock_view.countdown(own, now, zone, t) if own else None
        row["priority"] = row["customer_class"] in trip_load.PRIORITY_CLASSES
        row["progress"] = progress(row)
    rows.sort(key=lambda row: (_hour(due.get(row["id"])), not row["priority"], row["number"]))
    sites = views.sites_by_id(conn, me)
    return page(
        request, me, "picking.html", section="picking", rows=rows, cut=len(found) > _MOST, site=site,
        sites={key: views.site_name(row, language) for key, row in views.sites_by_id(conn, SYSTEM).items()},
        site_choices=sorted((row["code"], key, views.site_name(row, language)) for key, row in sites.items()),
        **bar(conn, me),
    )  # fmt: skip


@router.get("/orders/{number}/pick", response_class=HTMLResponse)
def pick_page(
    number: str, request: Request, me: Store, conn: Reader, did: str = "", u: str = "", done: str = ""
) -> Response:
    """The pick list of one order; `did` and `u`: what became of the last scan."""
    t = translator(language_of(request))
    return _show(request, me, conn, number, scan=(did, u), done=refusals.done(done, "", t))


@router.post("/orders/{number}/pick", response_class=HTMLResponse)
async def pick(number: str, request: Request, me: Store) -> Response:
    """Issue the list, tick pieces, count a line, report a shortage, make ready: the button says which."""
    given = await request.form()
    return await run_in_threadpool(_pick, request, me, number, given)


def progress(row: Row) -> tuple[float, float]:
    """(picked, ordered): units where they are listed, else quantities of the lines."""
    units = [unit for unit in row["units"] if unit["counts"]]
    if units:
        return sum(_picked(unit) for unit in units), len(units)
    return sum(min(line["picked"] or 0, line["ordered"] or 0) for line in row["lines"]), sum(
        line["ordered"] or 0 for line in row["lines"]
    )


def _picked(unit: Row) -> bool:
    return LEVEL.get(unit["state"], 0) >= LEVEL["ready"]


def _show(
    request: Request,
    me: Principal,
    conn: Connection,
    number: str,
    *,
    scan: tuple[str, str] = ("", ""),
    done: str = "",
    back: Back | None = None,
) -> Response:
    language, now, zone = language_of(request), now_ms(), trip_acts.zone_of(request)
    t = translator(language)
    row = orders_view.by_number(conn, me, number, t)
    if row is None:
        raise NotFound(t("order.gone"))
    detail = orders.get(conn, me, row["id"])
    sites = {key: views.site_name(site, language) for key, site in views.sites_by_id(conn, SYSTEM).items()}
    own = _due(conn, me, [row["id"]]).get(row["id"])
    address = f"{str(request.base_url).rstrip('/')}/orders/{quote(row['number'], safe='')}/pick"
    lines = [{**line, "units": [unit for unit in row["units"] if _of_line(unit, line, row)],
              "left": max(0, (line["ordered"] or 0) - (line["picked"] or 0) - (line["short"] or 0))}
             for line in row["lines"]]  # fmt: skip
    placed = {unit["id"] for line in lines for unit in line["units"]}
    return page(
        request, me, "pick.html", section="picking", status=back.status if back else 200,
        order=row, detail=detail, lines=lines, loose=[unit for unit in row["units"] if unit["id"] not in placed],
        picked=_picked, progress=progress(row), places=place_words(detail, sites), sites=sites,
        count=clock_view.countdown(own, now, zone, t) if own else None,
        priority=row["customer_class"] in trip_load.PRIORITY_CLASSES,
        may={name for name in ("pick-list", "picked", "line-short", "ready") if name in detail["allowed"]},
        last=_last(conn, scan, row), key=new_id(), done=done, typed=_typed(back), faults=_faults(back, t),
        problem=_problem(back, detail, t), code=qr.code(address), address=address,
        **bar(conn, me),
    )  # fmt: skip


def _pick(request: Request, me: Principal, number: str, given: Texts) -> Response:
    db, t = database(request), translator(language_of(request))
    with db.read() as conn:
        row = orders_view.by_number(conn, me, number, t)
        if row is None:
            raise NotFound(t("order.gone"))
        unit = scanned.unit_of(conn, first(given, "code"), [row["id"]]) if first(given, "do") == "scan" else None
    did, _, line = first(given, "do").partition(":")
    name = {"issue": "pick-list", "line": "picked", "short": "line-short", "ready": "ready"}.get(did, "picked")
    try:
        if did == "scan":
            if unit is None:
                return _to(row, f"did=unknown&u={quote(first(given, 'code')[:60], safe='')}")
            if unit.order_id != row["id"]:
                return _to(row, f"did=wrong&u={unit.id}")
            if any(each["id"] == unit.id and _picked(each) for each in row["units"]):
                return _to(row, f"did=again&u={unit.id}")
        bodies = _bodies(did, line, row, unit.id if unit else "", given)
        carry.on_orders(db, me, name, [(row["id"], body) for body in bodies], key_of(given))
    except Wrong as wrong:
        back = Back(name, given, wrong=wrong)
    except MilepostError as error:
        back = Back(name, given, error=error)
    else:
        return _to(row, f"did=picked&u={unit.id}" if unit else f"done={name}")
    with db.read() as conn:
        return _show(request, me, conn, number, back=back)


def _bodies(did: str, line: str, row: Row, unit: str, given: Texts) -> list[Command]:
    """What the pressed button asks for. Raises Wrong for what is missing or no number."""
    match did:
        case "issue":
            return [trip_acts.read(BODIES["pick-list"], list=f"P-{row['number']}"[:80])]
        case "scan":
            return [trip_acts.read(BODIES["picked"], unit=unit, source="scan")]
        case "line" | "short":
            qty = first(given, f"qty.{line}").replace(",", "")
            if not qty:
                raise Wrong([(f"qty.{line}", "missing", {})])
            try:
                return [trip_acts.read(BODIES["picked" if did == "line" else "line-short"], line=line, qty=float(qty))]
            except (ValueError, Wrong):
                raise Wrong([(f"qty.{line}", "number", {})]) from None
        case "ready":
            if not first(given, "reason"):
                raise Wrong([("reason", "missing", {})])
            return [trip_acts.read(BODIES["ready"], reason=first(given, "reason"))]
        case _:
            known = {each["id"] for each in row["units"]}
            units = [str(each) for each in given.getlist("unit") if each in known]
            if not units:
                raise Wrong([("unit", "missing", {})])
            return [trip_acts.read(BODIES["picked"], unit=each) for each in units]


def _to(row: Row, query: str) -> Response:
    return RedirectResponse(f"/orders/{quote(row['number'], safe='')}/pick?{query}", status_code=303)


def _due(conn: Connection, me: Principal, ids: list[str]) -> dict[str, Row]:
    """The clock of the picking (N-79) of each of these orders, as far as it runs."""
    names = ("order_id", "clock", "verdict", "start", "due", "late_from", "end", "owner")
    statement = readable(me, clock, *(clock.c[name] for name in names))
    statement = statement.where(clock.c.order_id.in_(ids), clock.c.clock == "N-79", clock.c.end.is_(None))
    return {row["order_id"]: dict(row) for row in conn.execute(statement).mappings()}


def _hour(own: Row | None) -> int:
    return own["due"] // 3_600_000 if own and own["due"] is not None else 2**62


def _of_line(unit: Row, line: Row, row: Row) -> bool:
    return str(unit["line"]) == str(line["line"]) or (unit["line"] is None and len(row["lines"]) == 1)


def _last(conn: Connection, scan: tuple[str, str], row: Row) -> Row | None:
    did, what = scan
    if did not in _DID or not what:
        return None
    if did == "unknown":
        return {"did": did, "label": what[:60]}
    labelled = scanned.label_of(conn, what)
    return {"did": did, "label": labelled[1]} if labelled else None


def _typed(back: Back | None) -> dict[str, Any]:
    if back is None:
        return {"units": [], "values": {}}
    keys = [key for key in getattr(back.given, "keys", list)() if key.startswith("qty.") or key == "reason"]
    return {"units": back.given.getlist("unit"), "values": {key: first(back.given, key) for key in keys}}


def _faults(back: Back | None, t: Any) -> dict[str, str]:
    if back is None or back.wrong is None:
        return {}
    return {where: t(f"fault.{kind}", **values) for where, kind, values in back.wrong.faults}


def _problem(back: Back | None, detail: Row, t: Any) -> Row | None:
    if back is None or back.error is None:
        return None
    return refusals.told(back.name, back.error, detail, t, str)
