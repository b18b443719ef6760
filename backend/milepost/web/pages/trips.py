"""Trips: the list of a day, one with its load, a new one; its expected list, vehicle, the driver's signature."""

from datetime import date
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool

from milepost.access.deps import Reader, database, require
from milepost.access.model import Principal
from milepost.errors import Forbidden, MilepostError
from milepost.ids import new_id
from milepost.masterdata import service as masterdata
from milepost.orders import carry
from milepost.orders import service as orders
from milepost.orders.bodies import TRIP_BODIES
from milepost.plan import api as plan_api
from milepost.plan import service as plan
from milepost.times import now_ms
from milepost.web import eta_view, formats, orders_view, trip_acts, trip_forms, trip_list, trip_load, views
from milepost.web.forms import offers
from milepost.web.forms.reading import Texts, Wrong, first
from milepost.web.i18n import translator
from milepost.web.pages.loading import show_load
from milepost.web.pages.order_acts import key_of
from milepost.web.render import language_of, page
from milepost.web.route import PageRoute
from milepost.web.topbar import bar
from milepost.web.trip_acts import Back, Staff
from milepost.web.trip_posts import TripAct, form_routes

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Dispatcher = Annotated[Principal, Depends(require("dispatcher"))]
_CANDIDATES = 40
_READY_FOR = ("confirmed", "picking", "ready", "pickup_due", "picked_up", "waybilled", "at_hub", "at_terminal")


@router.get("/trips", response_class=HTMLResponse)
def trips(
    request: Request, me: Staff, conn: Reader, vehicle: str = "", state: str = "", site: str = "",
    q: str = "",
) -> Response:  # fmt: skip
    """Trips of a day (default: today; `all`: of any day); the filter is the address."""
    language, now, zone = language_of(request), now_ms(), trip_acts.zone_of(request)
    today = trip_list.today(now, zone)
    # The form says `all` ahead of its empty date, so that another filter leaves the days alone.
    day = next((each for each in reversed(request.query_params.getlist("day")) if each), "")
    chosen = None if day == "all" else _day(day) or today
    wanted = trip_list.Filter(
        day=chosen,
        vehicle=vehicle.strip()[:20].replace("\0", ""),
        state=state if state in trip_list.STATES else "",
        site=site[:64],
        q=q.strip()[:40].replace("\0", ""),
    )
    rows, cut = trip_list.listing(conn, me, wanted, now, zone)
    sites = sorted(views.sites_by_id(conn, me).values(), key=lambda row: row["code"])
    return page(
        request, me, "trips.html", section="trips", rows=rows, cut=cut, wanted=wanted,
        today=today.isoformat(), states=trip_list.STATES, sites=trip_list.site_names(conn, language),
        site_choices=[(row["id"], f"{row['code']} · {views.site_name(row, language)}") for row in sites],
        may_plan=me.has("dispatcher"), **bar(conn, me),
    )  # fmt: skip


@router.get("/trips/new", response_class=HTMLResponse)
def new_trip(request: Request, me: Dispatcher, conn: Reader) -> Response:
    """The empty form of a trip."""
    return _new(request, me, conn, None, trip_forms.ROWS)


@router.post("/trips/new", response_class=HTMLResponse)
async def plan_trip(request: Request, me: Dispatcher) -> Response:
    """Plan the trip, with its vehicle when one is named; with faults the form comes back as it was typed."""
    given = await request.form()
    return await run_in_threadpool(_plan, request, me, given)


def _plan(request: Request, me: Principal, given: Texts) -> Response:
    db, zone, key = database(request), trip_acts.zone_of(request), key_of(given)
    rows = trip_forms.rows_of(given)
    back: Back | None = None
    if first(given, "more"):
        back = Back("trip-plan", given)
    else:
        try:
            with db.read() as conn:
                ids = _offers(request, conn, me).ids
            body, vehicle = trip_forms.planned(given, zone, ids)
            with db.tx() as conn:
                made = plan_api.create_trip(body, conn, me, key)
                if vehicle is not None:
                    plan_api.set_vehicle(made.id, vehicle, conn, me, f"{key}-v" if key else None)
            told = trip_list.ref({"id": made.id, "number": made.number})
            return RedirectResponse(f"/trips/{quote(told, safe='')}?done=trip-plan", status_code=303)
        except Wrong as wrong:
            back = Back("trip-plan", given, wrong=wrong)
        except MilepostError as error:
            back = Back("trip-plan", given, error=error)
    with db.read() as conn:
        return _new(request, me, conn, back, rows + (trip_forms.ROWS if first(given, "more") else 0))


def _new(request: Request, me: Principal, conn: Connection, back: Back | None, rows: int) -> Response:
    language = language_of(request)
    t, zone = translator(language), trip_acts.zone_of(request)
    choices = _choices(request, conn, me)
    rows = min(rows, trip_forms.MOST_ROWS)
    start = {"number": trip_forms.free_number(conn, trip_list.today(now_ms(), zone))}
    form = trip_acts.described("trip-plan", trip_forms.plan_inputs(rows), choices, t, start=start, back=back)
    status = 200 if back is None or not (back.wrong or back.error) else back.status
    return page(
        request, me, "trip_new.html", status=status, section="trips", form=form, rows=rows, key=new_id(),
        problem=trip_acts.told(back, t), can_more=rows < trip_forms.MOST_ROWS,
        **bar(conn, me),
    )  # fmt: skip


@router.get("/trips/{ref}", response_class=HTMLResponse)
def trip_page(ref: str, request: Request, me: Staff, conn: Reader, done: str = "", warned: str = "") -> Response:
    """One trip: stops, vehicle, load by order, what can be done with it."""
    return show(request, me, conn, ref, done=trip_acts.done(done, warned, translator(language_of(request))))


def show(
    request: Request, me: Principal, conn: Connection, ref: str, *, done: str = "", back: Back | None = None
) -> Response:
    """The page of a trip; with a form that came back, open and filled in. Raises NotFound."""
    language, now = language_of(request), now_ms()
    t = translator(language)
    found = trip_list.find(conn, me, ref, t)
    row = trip_list.one(conn, found, now)
    load = trip_load.load_of(conn, me, found, row["vehicles"])
    choices = _choices(request, conn, me)
    branch = masterdata.branch(conn, row["branch"]) if row["branch"] else None
    planner = me.has("dispatcher") and row["state"] != "done"
    aboard = [unit["id"] for each in load["orders"] for unit in each["units"] if unit["on_truck"]]
    driver_id = (row["on"] or {}).get("driver_id") or ""
    start = {"driver": driver_id, "from": ""}
    return page(
        request, me, "trip.html", section="trips", status=back.status if back else 200,
        trip=row, load=load, sites=trip_list.site_names(conn, language),
        branch=offers.branch_name(branch, language) if branch else row["branch"],
        carrier=orders_view.customers(conn, [row["carrier"]]).get(row["carrier"], row["carrier"]),
        held=trip_load.held(conn, row["vehicles"]) if row["state"] != "done" else [],
        etas=eta_view.of_trip(request, conn, found, t, now) if row["state"] != "done" else {},
        planner=planner, aboard=len(aboard), candidates=_candidates(conn, me) if planner else [],
        vehicle_form=trip_acts.described("trip-vehicle", trip_forms.VEHICLE, choices, t, start=start, back=back),
        expect=_typed(back, t), sign=trip_forms.sign_form(t, load, back) if me.has("driver") else None,
        cautions=trip_forms.cautions(load, t), typed=back.given.getlist("cautions") if back else [],
        key=new_id(), done=done, problem=trip_acts.told(back, t), back=f"/trips/{quote(row['ref'], safe='')}",
        **bar(conn, me),
    )  # fmt: skip


def _expected(request: Request, me: Principal, found: plan.Trip, given: Texts) -> list[Any]:
    db, key = database(request), key_of(given)
    remove = first(given, "do") == "remove"
    with db.read() as conn:
        rows = trip_forms.named_orders(conn, me, given)
    with db.tx() as conn:
        for n, (order_id, units) in enumerate(rows):
            body = plan_api.NewExpected.model_validate({"order": order_id, "units": units, "remove": remove})
            plan_api.set_expected(found.id, body, conn, me, f"{key}-{n}" if key else None)
    return []


def _vehicle(request: Request, me: Principal, found: plan.Trip, given: Texts) -> list[Any]:
    db, key = database(request), key_of(given)
    with db.read() as conn:
        ids = _offers(request, conn, me).ids
        row = trip_list.one(conn, found, now_ms())
        load = trip_load.load_of(conn, me, found, row["vehicles"])
    body = trip_forms.vehicle_of(given, trip_acts.zone_of(request), ids)
    units = [unit["id"] for each in load["orders"] for unit in each["units"] if unit["on_truck"]]

    def change(conn: Connection) -> object:
        return plan_api.set_vehicle(found.id, body, conn, me, key)

    if not first(given, "transfer") or not units or not row["on"]:
        with db.tx() as conn:
            change(conn)
        return []
    moved = trip_acts.read(TRIP_BODIES["transfer"], **{"from": row["on"]["vehicle_id"], "to": body.vehicle},
                           units=units, at=body.from_)  # fmt: skip
    answer = carry.on_trip(db, me, found.id, "transfer", moved, f"{key}-t" if key else None, before=change)
    return answer["warnings"]


def _end(request: Request, me: Principal, found: plan.Trip, given: Texts) -> list[Any]:
    with database(request).tx() as conn:
        plan_api.end_vehicle(found.id, plan_api.End.model_validate({}), conn, me, key_of(given))
    return []


def _sign(request: Request, me: Principal, found: plan.Trip, given: Texts) -> list[Any]:
    if not me.has("driver"):
        raise Forbidden(translator(language_of(request))("trip.sign.driver"))
    body = trip_forms.signed(given)
    return carry.on_trip(database(request), me, found.id, "load-sign", body, key_of(given))["warnings"]


_ACTS = {
    "expected": TripAct(
        "trip-expected", Dispatcher, _expected, "Put orders, or some of their units, on the list, or take them off."
    ),
    "vehicle": TripAct(
        "trip-vehicle", Dispatcher, _vehicle,
        "Another vehicle or driver takes the trip over, with what lies aboard when that goes over too (EX-27).",
    ),
    "end": TripAct("trip-end", Dispatcher, _end, "The trip is over; its vehicle is free."),
    "sign": TripAct(
        "load-sign", Staff, _sign, "The driver signs for the load, with the cautions that he was told (OT-8)."
    ),
}  # fmt: skip
form_routes(router, _ACTS, show, show_load)


def _candidates(conn: Connection, me: Principal) -> list[dict[str, Any]]:
    """Orders that could come along, priority first (PC-3): those of no trip's list."""
    found = orders.listing(conn, me, orders.Filter(states=_READY_FOR), sort="-created", cursor=None, limit=200)
    listed = trip_forms.listed(conn, {row["id"] for row in found["items"]})
    free = [row for row in found["items"] if row["id"] not in listed]
    free.sort(key=lambda row: row["customer_class"] not in trip_load.PRIORITY_CLASSES)
    return orders_view.with_customers(conn, free[:_CANDIDATES])


def _offers(request: Request, conn: Connection, me: Principal) -> offers.Offers:
    language = language_of(request)
    return offers.everywhere(conn, me, language, translator(language))


def _choices(request: Request, conn: Connection, me: Principal) -> dict[str, list[tuple[str, str]]]:
    language = language_of(request)
    named = {key: formats.called(name, language) for key, name in views.driver_names(conn, me).items()}
    drivers = sorted(named.items(), key=lambda row: row[1])
    return _offers(request, conn, me).choices | {"driver": drivers}


def _typed(back: Back | None, t: Any) -> dict[str, Any]:
    """What the form of the list shows: as it was typed, with what was wrong."""
    if back is None or back.name != "trip-expected":
        return {"open": False, "orders": "", "picked": [], "faults": []}
    faults = [t(f"fault.{kind}", **values) for _, kind, values in (back.wrong.faults if back.wrong else ())]
    return {"open": True, "orders": first(back.given, "orders"), "picked": back.given.getlist("order"),
            "faults": faults}  # fmt: skip


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
