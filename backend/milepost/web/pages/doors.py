"""Dock doors: the list, and the page that stands on a tablet beside each door."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import Connection

from milepost.access.deps import Me, Reader, Tx, require
from milepost.access.model import SYSTEM, Principal
from milepost.access.scope import readable
from milepost.alerts import service as alerts
from milepost.errors import NotFound
from milepost.evidence import repository as evidence_rows
from milepost.evidence import sessions
from milepost.evidence.model import Author
from milepost.evidence.view import door_view
from milepost.fleet import service as fleet
from milepost.fleet.tables import door, site, vehicle
from milepost.notify.repository import names_of
from milepost.orders import service as orders
from milepost.orders.tables import order
from milepost.times import now_ms, parse_rfc3339
from milepost.web import inbox_doors, trip_load, views
from milepost.web.door_disputes import disputes
from milepost.web.i18n import translator
from milepost.web.render import language_of, page
from milepost.web.route import PageRoute
from milepost.web.topbar import bar

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Keeper = Annotated[Principal, Depends(require("keeper"))]
_LOG = 6


@router.get("/doors", response_class=HTMLResponse)
def door_list(request: Request, me: Me, conn: Reader) -> HTMLResponse:
    """Every door the person sees, with who stands at it."""
    language = language_of(request)
    statement = (
        readable(me, door, door.c.id, door.c.number, site.c.name_zh, site.c.name_en, site.c.code, also=[site])
        .join(site, site.c.id == door.c.site_id)
        .order_by(site.c.code, door.c.number)
    )
    rows = [dict(row) for row in conn.execute(statement).mappings()]
    plates = {v["id"]: v["plate"] for v in views.vehicles_seen(conn, SYSTEM)}
    for row in rows:
        row["site"] = views.site_name(row, language)
        current = [s for s in evidence_rows.sessions(conn, door_id=row["id"]) if s["to_ms"] is None]
        row["session"] = current[-1] if current else None
        row["plate"] = plates.get(current[-1]["vehicle_id"]) if current else None
    return page(request, me, "doors.html", section="doors", rows=rows, **bar(conn, me))


@router.get("/doors/{door_id}", response_class=HTMLResponse)
def door_page(door_id: str, request: Request, me: Me, conn: Reader, seen: str = "") -> HTMLResponse:
    """The door's tablet."""
    return page(request, me, "door.html", section="doors", **_now(conn, me, door_id, request, seen))


@router.get("/doors/{door_id}/now", response_class=HTMLResponse)
def door_now(door_id: str, request: Request, me: Me, conn: Reader, seen: str = "") -> HTMLResponse:
    """What the tablet shows at this moment, as a piece of page."""
    return page(request, me, "door_now.html", **_now(conn, me, door_id, request, seen))


@router.post("/doors/{door_id}/start")
def start(door_id: str, conn: Tx, me: Keeper, choice: Annotated[str, Form()]) -> Response:
    """A truck is docked for its trip: `choice` is `trip/vehicle`."""
    fleet.get(conn, "door", door_id, me)
    trip_id, _, vehicle_id = choice.partition("/")
    _, facts = sessions.open_session(
        conn, door=door_id, vehicle=vehicle_id, trip=trip_id, direction="load", from_ms=now_ms(), by=me.id
    )
    orders.on_facts(conn, facts)
    return RedirectResponse(f"/doors/{door_id}", status_code=303)


@router.post("/doors/{door_id}/close")
def close(door_id: str, conn: Tx, me: Keeper, session: Annotated[str, Form()]) -> Response:
    """Loading is over; what is short or over becomes a fact."""
    fleet.get(conn, "door", door_id, me)
    found = evidence_rows.session(conn, session)
    if found is None or found["door_id"] != door_id:
        raise NotFound("no such session at this door; reload the page")
    _, facts = sessions.close_session(conn, session, now_ms(), Author("keeper", me.id))
    orders.on_facts(conn, facts)
    return RedirectResponse(f"/doors/{door_id}", status_code=303)


def _now(conn: Connection, me: Principal, door_id: str, request: Request, seen: str) -> dict[str, Any]:
    language = language_of(request)
    shown = door_view(conn, fleet.get(conn, "door", door_id, me), last=60)
    session = shown["session"]
    for passage in shown["passages"]:
        passage["at"] = parse_rfc3339(passage["at"])
    units = [*session["expected"], *session["over"]] if session else []
    known = {unit["order"] for unit in units} | {p["order"] for p in shown["passages"] if p["order"]}
    # The keeper handles every unit that comes by, so the numbers on its label are shown whoever owns the order.
    labels = readable(SYSTEM, order, order.c.id, order.c.number).where(order.c.id.in_(known))
    numbers = {row.id: row.number for row in conn.execute(labels)}
    last_out = {p["unit"]: p for p in reversed(shown["passages"]) if p["unit"]}
    for unit in units:
        unit["number"] = numbers.get(unit["order"], "–")
        unit["passage"] = last_out.get(unit["unit"])
    names = {unit["unit"]: f"{unit['number']} · {unit['no']}" for unit in units}
    for passage in shown["passages"]:
        passage["name"] = names.get(passage["unit"]) or numbers.get(passage["order"]) or passage["epc"][-8:]
        passage["wrong"] = any(unit["unit"] == passage["unit"] for unit in session["over"]) if session else False
    wrong = None
    if session and session["direction"] == "load":
        fresh = [unit for unit in session["over"] if unit["passage"] and unit["passage"]["id"] != seen]
        wrong = max(fresh, key=lambda unit: unit["passage"]["at"], default=None)
    plate = session["vehicle"]["plate"] if session else None
    told: list[dict[str, Any]] = []
    if session:
        t = translator(language)
        told = disputes(conn, session, parse_rfc3339(session["from"]), t)
        items = alerts.of_causes(conn, me, [each["cause"] for each in told if each.get("cause")])
        for each in told:
            each["item"] = items.get(each.get("cause", ""))
            each["says"] = inbox_doors.says_of(conn, me, each["item"], t) if each["item"] else []
        named = {each["unit"] for each in told if not each.get("cause", "").startswith("wrong_truck:")}
        for unit in units:
            unit["disputed"] = unit["unit"] in named
        by_hand = session["opened"]["how"] == "hand"
        session["opened"]["name"] = _name(conn, session["opened"]["by"]) if by_hand else ""
        for each in (*session["degraded"]["holes"], *session["degraded"]["late"]) if session["degraded"] else ():
            each.update({name: parse_rfc3339(each[name]) for name in ("from", "to", "at") if each.get(name)})
    return {
        "door": shown,
        "site_name": views.site_name(shown["site"], language),
        "session": session,
        "plate": plate,
        "from_ms": parse_rfc3339(session["from"]) if session else None,
        "log": shown["passages"][:_LOG],
        "wrong": wrong,
        "disputes": told,
        "belongs": trip_load.belongs(conn, wrong["unit"], wrong["order"]) if wrong else None,
        "choices": [] if session else _choices(conn, me),
        "keeper": me.has("keeper"),
        "may_act": me.has(*alerts.STAFF),
        "seen": seen,
    }


def _name(conn: Connection, person: str) -> str:
    return names_of(conn, {person}).get(person, person)


def _choices(conn: Connection, me: Principal) -> list[dict[str, Any]]:
    """Trips with a truck and something to load, for the form that starts a session."""
    now = now_ms()
    found = views.trips_now(conn, SYSTEM, now)
    expected = views.orders_of_trips(conn, {row["id"] for row in found.values()})
    busy = {row["vehicle_id"] for row in evidence_rows.sessions(conn) if row["to_ms"] is None}
    plates = {
        row.id: row.plate
        for row in conn.execute(readable(SYSTEM, vehicle, vehicle.c.id, vehicle.c.plate).where(vehicle.c.id.in_(found)))
    }
    return sorted(
        (
            {"value": f"{row['id']}/{vehicle_id}", "number": row["number"], "plate": plates[vehicle_id],
             "orders": len(expected[row["id"]])}
            for vehicle_id, row in found.items()
            if expected[row["id"]] and vehicle_id not in busy
        ),
        key=lambda choice: choice["plate"],
    )  # fmt: skip
