"""The live board: the page, what its scripts fetch, the panel of a vehicle."""

import json
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import Connection
from starlette.responses import JSONResponse, Response

from milepost.access.deps import Me, Reader
from milepost.access.model import Principal
from milepost.alerts.rules import rule_of_item
from milepost.errors import NotFound
from milepost.fleet import service as fleet
from milepost.fleet.track import readings_of_vehicle
from milepost.live import roads
from milepost.live.api import hub_of
from milepost.notify.templates import LANGUAGES
from milepost.times import now_ms
from milepost.web import help_view, orders_view, views
from milepost.web.assets import assets
from milepost.web.i18n import translator
from milepost.web.render import language_of, page
from milepost.web.route import PageRoute
from milepost.web.topbar import bar

router = APIRouter(route_class=PageRoute, include_in_schema=False)

_START = {"lat": 31.23, "lng": 121.47, "zoom": 9}  # where the map opens before anything has a position
_TRAIL_MS = 2 * 3_600_000
_TRAIL_POINTS = 2_000
_GAP_MS = 120_000  # a longer silence is drawn dashed: nobody saw the vehicle there


@router.get("/live", response_class=HTMLResponse)
def live(request: Request, me: Me, conn: Reader) -> HTMLResponse:
    """The board."""
    sites = views.sites_by_id(conn, me).values()
    centres = [_centre(json.loads(site["shape"])) for site in sites]
    start = _START
    if centres:
        start = _START | {
            "lat": sum(lat for lat, _ in centres) / len(centres),
            "lng": sum(lng for _, lng in centres) / len(centres),
        }
    config = {
        "start": start,
        "tiles": getattr(request.app.state, "tiles", None),
        "land": assets().url("data/land.json"),
        "zone": request.app.state.settings.time_zone,
    }
    return page(request, me, "live.html", section="live", config=config, **bar(conn, me))


@router.get("/live/meta.json")
def meta(request: Request, me: Me, conn: Reader) -> Response:
    """What the board knows about vehicles beside their positions, and the sites."""
    language, now = language_of(request), now_ms()
    hub = hub_of(request)
    t = translator(language)
    sites = views.sites_by_id(conn, me)
    trips = views.trips_now(conn, me, now)
    listed = views.orders_of_trips(conn, {row["id"] for row in trips.values()})
    orders = {row["id"]: row for row in orders_view.by_ids(conn, me, {o for ids in listed.values() for o in ids}, t)}
    drivers = views.driver_names(conn, me)
    troubles = _troubles(conn, me, t, language)
    vehicles = []
    for row in views.vehicles_seen(conn, me):
        trip = trips.get(row["id"])
        aboard = [orders[order] for order in listed[trip["id"]] if order in orders] if trip else []
        stop = next((stop for stop in trip["stops"] if stop["next"]), None) if trip else None
        stops = [views.site_name(sites.get(each["site_id"]), language) for each in trip["stops"]] if trip else []
        limits = hub.limits(row["id"])
        words = [*(order["number"] for order in aboard), *stops, drivers.get(trip["driver_id"], "") if trip else ""]
        vehicles.append(
            {
                "id": row["id"],
                "plate": row["plate"],
                "orders": len(aboard),
                "next": views.site_name(sites.get(stop["site_id"]), language) if stop else "",
                "due": stop["planned_from"] if stop and not stop["arrived"] else None,
                "why": troubles[row["id"]][0]["what"] if row["id"] in troubles else "",
                "words": " ".join(words),
                "stale_ms": limits.stale_ms,
                "offline_ms": limits.offline_ms,
            }
        )
    places = [
        {"id": s["id"], "name": views.site_name(s, language), "kind": s["kind"], "shape": json.loads(s["shape"])}
        for s in sites.values()
    ]
    return JSONResponse({"vehicles": vehicles, "sites": places}, headers={"Cache-Control": "no-store"})


@router.get("/live/vehicles/{vehicle_id}/trail.json")
def trail(vehicle_id: str, request: Request, me: Me, conn: Reader) -> Response:
    """The last two hours of a vehicle as [t, lng, lat], thinned to what a screen can show."""
    fleet.get(conn, "vehicle", vehicle_id, me)
    store, now = getattr(request.app.state, "telemetry", None), now_ms()
    fixes = [] if store is None else readings_of_vehicle(conn, store, vehicle_id, now - _TRAIL_MS, now + 1, 20_000)
    step = max(1, len(fixes) // _TRAIL_POINTS)
    kept = [fix for i, fix in enumerate(fixes) if _keep(fixes, i, step)]
    points = [[fix.at, round(fix.body.lon, 6), round(fix.body.lat, 6)] for fix in kept]
    return JSONResponse({"points": points, "gap_ms": _GAP_MS}, headers={"Cache-Control": "no-store"})


@router.get("/live/orders/{number}", response_class=HTMLResponse)
def order_panel(number: str, request: Request, me: Me, conn: Reader) -> HTMLResponse:
    """The panel of one order, as a piece of page."""
    t = translator(language_of(request))
    row = orders_view.by_number(conn, me, number, t)
    if row is None:
        raise NotFound(t("order.gone"))
    return page(request, me, "order_panel.html", order=row, needs=orders_view.needs(row, t))


@router.get("/live/vehicles/{vehicle_id}", response_class=HTMLResponse)
def vehicle_panel(vehicle_id: str, request: Request, me: Me, conn: Reader) -> HTMLResponse:
    """The panel of one vehicle, as a piece of page."""
    row = fleet.get(conn, "vehicle", vehicle_id, me)
    language, now = language_of(request), now_ms()
    sites = views.sites_by_id(conn, me)
    trip = views.trips_now(conn, me, now, vehicle_id).get(vehicle_id)
    order_ids = views.orders_of_trips(conn, {trip["id"]})[trip["id"]] if trip else []
    if trip:
        for stop in trip["stops"]:
            stop["name"] = views.site_name(sites.get(stop["site_id"]), language)
    devices = views.devices_of(conn, "vehicle", vehicle_id, now)
    store = getattr(request.app.state, "telemetry", None)
    latest = store.latest(devices) if store is not None and devices else {}
    t = translator(language)
    orders = orders_view.by_ids(conn, me, order_ids, t)
    limits = hub_of(request).limits(vehicle_id)
    reads = views.last_reads(conn, "vehicle", vehicle_id)
    return page(
        request,
        me,
        "vehicle_panel.html",
        vehicle=row,
        trip=trip,
        driver=views.driver_names(conn, me).get(trip["driver_id"]) if trip else None,
        cards=[orders_view.card(row) for row in orders],
        needs=_needs(orders, _troubles(conn, me, t, language).get(vehicle_id, []), t),
        help=help_view.of_truck(conn, me, vehicle_id, orders, now),
        reads=reads,
        devices=devices,
        fix=max(latest.values(), key=lambda reading: reading.at, default=None),
        limits=limits,
        unit_names=orders_view.unit_names(conn, me, [read["subjects"]["unit"] for read in reads]),
    )


def _troubles(conn: Connection, me: Principal, t: Any, language: str) -> dict[str, list[dict[str, Any]]]:
    """What is open about trucks, by vehicle: on the road first, then what the orders say of them."""
    found = {
        vehicle_id: [
            {"what": rule_of_item(row).title[LANGUAGES.index(language)], "order": None, "since": row["opened_at"]}
            for row in rows
        ]
        for vehicle_id, rows in roads.of_vehicles(conn).items()
    }
    for vehicle_id, needs in orders_view.troubles_of_vehicles(conn, me, t).items():
        found.setdefault(vehicle_id, []).extend(needs)
    return found


def _needs(aboard: list[dict[str, Any]], own: list[dict[str, Any]], t: Any) -> list[dict[str, Any]]:
    """What is wrong with the truck first, then with the orders it carries; each thing once."""
    return own + [need for row in aboard for need in orders_view.needs(row, t) if need not in own]


def _keep(fixes: list[Any], i: int, step: int) -> bool:
    """Every `step`-th fix, and both sides of a gap, which must not look seen."""
    if i % step == 0 or i == len(fixes) - 1:
        return True
    return fixes[i].at - fixes[i - 1].at > _GAP_MS or fixes[i + 1].at - fixes[i].at > _GAP_MS


def _centre(shape: dict[str, Any]) -> tuple[float, float]:
    if shape["type"] == "circle":
        return shape["lat"], shape["lon"]
    points = shape["points"]
    return sum(lat for lat, _ in points) / len(points), sum(lon for _, lon in points) / len(points)
