"""The history of a vehicle: its way over some days, stops, silences, fixes that were not believed."""

import json
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from milepost.access.deps import Me, Reader
from milepost.errors import Unavailable
from milepost.evidence.geometry import fence_of
from milepost.fleet import service as fleet
from milepost.fleet.track import spans_of_vehicle
from milepost.telemetry.instants import day_after, day_start
from milepost.telemetry.stops import Stop
from milepost.telemetry.tracks import track_of
from milepost.times import now_ms, to_rfc3339
from milepost.web import views, way_view
from milepost.web.i18n import translator
from milepost.web.moments import day_of
from milepost.web.render import language_of, page
from milepost.web.route import PageRoute
from milepost.web.topbar import bar

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_DRAWN = 1_500  # more than a screen has room for
_LISTED = 200  # rows of a table; the files have all
_SPANS = (("today", 0, 0), ("yesterday", 1, 1), ("week", 6, 0), ("month", 29, 0))


@router.get("/vehicles/{vehicle_id}/history", response_class=HTMLResponse)
def vehicle_history(vehicle_id: str, request: Request, me: Me, conn: Reader) -> HTMLResponse:
    """Days of the company's zone, both included; without any, today. What is no day counts as none."""
    row = fleet.get(conn, "vehicle", vehicle_id, me)
    language, zone = language_of(request), ZoneInfo(request.app.state.settings.time_zone)
    store = getattr(request.app.state, "telemetry", None)
    if store is None:
        raise Unavailable(translator(language)("history.no_store"))
    today = datetime.fromtimestamp(now_ms() / 1000, zone).date()
    first, last = _days(request, today)
    from_ms, to_ms = day_start(first, zone), day_after(last, zone)
    track = track_of(store, spans_of_vehicle(conn, vehicle_id, from_ms, to_ms), _DRAWN)
    query = {"from": to_rfc3339(from_ms), "to": to_rfc3339(to_ms), "tz": zone.key}
    files = f"/api/v1/vehicles/{vehicle_id}/track?"
    return page(
        request,
        me,
        "vehicle_history.html",
        section="live",
        vehicle=row,
        first=first.isoformat(),
        last=last.isoformat(),
        spans=[(name, *((today - timedelta(days=back)).isoformat() for back in (start, end)))
               for name, start, end in _SPANS],
        track=track,
        picture=way_view.picture(track),
        stops=_named(track.stops, views.sites_by_id(conn, me), language)[:_LISTED],
        gaps=track.gaps[:_LISTED],
        bad=track.quarantined[:_LISTED],
        listed=_LISTED,
        thin_file=files + urlencode(query | {"max_points": _DRAWN}),
        whole_file=files + urlencode(query | {"max_points": 10_000_000, "format": "csv"}),
        **bar(conn, me),
    )  # fmt: skip


def _days(request: Request, today: date) -> tuple[date, date]:
    """The days asked for, in order; one that is missing is the other one, both missing is today."""
    given = [day_of(request.query_params.get(name, "")) for name in ("from", "to")]
    known = sorted(day for day in given if day is not None and day.year >= 1971 and day.year < 9999)
    return (known[0], known[-1]) if known else (today, today)


def _named(stops: tuple[Stop, ...], sites: dict[str, views.Row], language: str) -> list[dict[str, Any]]:
    """Stops with the site in whose fence they lie, of those that the person sees."""
    fences = [fence_of(key, json.loads(site["shape"]), site["dwell_s"]) for key, site in sites.items()]
    found = []
    for stop in stops:
        inside = [fence.site for fence in fences if fence.distance_m((stop.lat, stop.lon)) <= 0]
        site = views.site_name(sites[inside[0]], language) if inside else None
        found.append({"stop": stop, "site": site, "ms": stop.to_ms - stop.from_ms})
    return found
