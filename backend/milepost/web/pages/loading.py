"""The loading check of a trip (T13, T14, G-28): ordered against aboard, each piece named; by scanner, hand or count."""

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from milepost.access.deps import Reader, database, require
from milepost.access.model import Principal
from milepost.errors import Invalid, MilepostError
from milepost.evidence import repository as evidence_rows
from milepost.fleet import repository as fleet_rows
from milepost.ids import new_id
from milepost.orders import carry
from milepost.orders.bodies import BODIES, TRIP_BODIES, Command
from milepost.plan import service as plan
from milepost.times import now_ms
from milepost.web import scanned, trip_acts, trip_forms, trip_list, trip_load
from milepost.web.forms.reading import Texts, Wrong, first
from milepost.web.i18n import translator
from milepost.web.pages.order_acts import key_of
from milepost.web.render import language_of, page
from milepost.web.route import PageRoute
from milepost.web.topbar import bar
from milepost.web.trip_acts import Back, Staff
from milepost.web.trip_posts import TripAct, form_routes

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Worker = Annotated[Principal, Depends(require("keeper", "dispatcher", "branch_manager", "driver"))]


@router.get("/trips/{ref}/load", response_class=HTMLResponse)
def load_page(
    ref: str, request: Request, me: Staff, conn: Reader, site: str = "", did: str = "", u: str = "", done: str = "",
    warned: str = "",
) -> Response:  # fmt: skip
    """The loading check; `did` and `u`: what became of the last scan, and of which unit."""
    t = translator(language_of(request))
    said = trip_acts.done(done, warned, t)
    return show_load(request, me, conn, ref, site=site, scan=(did, u), done=said)


def show_load(
    request: Request,
    me: Principal,
    conn: Connection,
    ref: str,
    *,
    site: str = "",
    scan: tuple[str, str] = ("", ""),
    done: str = "",
    back: Back | None = None,
) -> Response:
    """The page of the loading check; with a form that came back. Raises NotFound."""
    language, now = language_of(request), now_ms()
    t = translator(language)
    found = trip_list.find(conn, me, ref, t)
    row = trip_list.one(conn, found, now)
    load = trip_load.load_of(conn, me, found, row["vehicles"])
    names = trip_list.site_names(conn, language)
    session = next((each for each in evidence_rows.sessions(conn, trip_id=found.id) if each["to_ms"] is None), None)
    door = fleet_rows.find(conn, "door", session["door_id"]) if session else None
    here = site if site in {stop["site_id"] for stop in row["stops"]} else _site(row, door)
    sign = trip_forms.sign_form(t, load, back) if me.has("driver") else None
    mine = back.name if back else ""
    return page(
        request, me, "trip_load.html", section="trips", status=back.status if back else 200,
        trip=row, load=load, loads_at=here, sites=names, door=door, last=_last(conn, scan, t),
        keeper=me.has("keeper"), releases=me.has("keeper", "dispatcher"), manager=me.has("branch_manager"),
        missing=[(each, unit) for each in load["orders"] for unit in each["units"] if unit["stand"] == "missing"],
        sign=sign, cautions=trip_forms.cautions(load, t), typed=back.given.getlist("cautions") if back else [],
        returned={"name": mine, "units": back.given.getlist("unit") if back else [],
                  "reason": first(back.given, "reason") if back else "", "faults": _faults(back, t)},
        key=new_id(), done=done, problem=trip_acts.told(back, t), address=f"/trips/{quote(row['ref'], safe='')}",
        **bar(conn, me),
    )  # fmt: skip


@router.post("/trips/{ref}/scan", response_class=HTMLResponse)
async def scan(ref: str, request: Request, me: Worker) -> Response:
    """One piece by scanner or by hand: put aboard, or taken off again."""
    given = await request.form()
    return await run_in_threadpool(_scan, request, me, ref, given)


def _scan(request: Request, me: Principal, ref: str, given: Texts) -> Response:
    db, t = database(request), translator(language_of(request))
    off = first(given, "do") == "off"
    name = "pass-back" if off else "load"
    try:
        with db.read() as conn:
            found = trip_list.find(conn, me, ref, t)
            row = trip_list.one(conn, found, now_ms())
            unit = scanned.unit_of(conn, first(given, "code"), plan.expected_orders(conn, found.id))
            if unit is None:
                return _seen(found, given, "unknown", first(given, "code")[:60])
            stand, order_id = _stand(conn, me, found, row, unit)
        if stand == "wrong" or (stand == "again" and not off):
            return _seen(found, given, stand, unit.id)
        site = first(given, "site") or (row["stops"][0]["site_id"] if row["stops"] else "")
        if not row["on"]:
            raise Invalid(t("trip.no_vehicle.load"))
        body = trip_acts.read(BODIES[name], unit=unit.id, vehicle=row["on"]["vehicle_id"], site=site, source="scan")
        carry.on_orders(db, me, name, [(order_id, body)], key_of(given))
        return _seen(found, given, "off" if off else "aboard", unit.id)
    except MilepostError as error:
        with db.read() as conn:
            return show_load(request, me, conn, ref, site=first(given, "site"), back=Back(name, given, error=error))


def _stand(conn: Connection, me: Principal, found: plan.Trip, row: dict[str, Any], unit: plan.Unit) -> tuple[str, str]:
    """(wrong: not on this trip's list; again: aboard already; open, its order)."""
    load = trip_load.load_of(conn, me, found, row["vehicles"])
    for each in load["orders"]:
        for known in each["units"]:
            if known["id"] == unit.id:
                return ("again" if known["on_truck"] else "open"), each["id"]
    return "wrong", unit.order_id


def _seen(found: plan.Trip, given: Texts, did: str, unit: str) -> Response:
    ref = quote(trip_list.ref({"id": found.id, "number": found.number}), safe="")
    site = quote(first(given, "site"), safe="")
    address = f"/trips/{ref}/load?did={did}&u={quote(unit, safe='')}" + (f"&site={site}" if site else "")
    return RedirectResponse(address, status_code=303)


def _counted(request: Request, me: Principal, found: plan.Trip, given: Texts) -> list[Any]:
    body = trip_acts.read(TRIP_BODIES["load-check"], pieces=first(given, "pieces"), order=first(given, "order"))
    return carry.on_trip(database(request), me, found.id, "load-check", body, key_of(given))["warnings"]


def _released(request: Request, me: Principal, found: plan.Trip, given: Texts) -> list[Any]:
    return _apart(request, me, "load-override", given, trip=found.id)


def _consented(request: Request, me: Principal, found: plan.Trip, given: Texts) -> list[Any]:
    return _apart(request, me, "split-consented", given)


def _apart(request: Request, me: Principal, name: str, given: Texts, **more: str) -> list[Any]:
    """Units that do not come along, by order: ticked as `order/unit`."""
    by_order: dict[str, list[str]] = {}
    for text in given.getlist("unit"):
        order_id, _, unit = str(text).partition("/")
        by_order.setdefault(order_id, []).append(unit)
    faults: list[tuple[str, str, dict[str, Any]]] = []
    if not by_order:
        faults.append(("unit", "missing", {}))
    if not first(given, "reason"):
        faults.append(("reason", "missing", {}))
    if faults:
        raise Wrong(faults)
    bodies: dict[str, Command] = {}
    for order_id, units in by_order.items():
        bodies[order_id] = trip_acts.read(BODIES[name], units=units, reason=first(given, "reason"), **more)
    made = carry.on_orders(database(request), me, name, sorted(bodies.items()), key_of(given))
    return [warned for each in made for warned in each["warnings"]]


_ACTS = {
    "check": TripAct("load-check", Worker, _counted, "Goods without tags, counted by the keeper.", at_door=True),
    "release": TripAct(
        "load-override", Worker, _released, "The trip goes without these units, for a reason.", at_door=True
    ),
    "consent": TripAct(
        "split-consented", Worker, _consented, "The branch of origin lets these units go apart (PC-3).", at_door=True
    ),
}
form_routes(router, _ACTS, show_load, show_load)


def _last(conn: Connection, scan: tuple[str, str], t: Any) -> dict[str, Any] | None:
    """The last scan in words: {did, label, belongs}."""
    did, what = scan
    if did not in ("aboard", "off", "again", "wrong", "unknown") or not what:
        return None
    if did == "unknown":
        return {"did": did, "label": what[:60], "belongs": None}
    labelled = scanned.label_of(conn, what)
    if labelled is None:
        return None
    order_id, label = labelled
    return {"did": did, "label": label, "belongs": trip_load.belongs(conn, what, order_id) if did == "wrong" else None}


def _site(row: dict[str, Any], door: dict[str, Any] | None) -> str:
    """Where is being loaded: the door's site, else the first stop that the truck has not left."""
    stops = [stop["site_id"] for stop in row["stops"]]
    if door and door["site_id"] in stops:
        return door["site_id"]
    ahead = [stop["site_id"] for stop in row["stops"] if stop["left"] is None]
    return (ahead or stops or [""])[0]


def _faults(back: Back | None, t: Any) -> list[str]:
    if back is None or back.wrong is None:
        return []
    made = []
    for where, kind, values in back.wrong.faults:
        text = t(f"fault.{kind}", **values) if values else t(f"fault.{kind}")
        made.append(f"{t(f'field.load.{where}')}: {text}" if where in ("unit", "reason", "pieces") else text)
    return made
