"""When a truck will be where: the stops of a trip still to come, and the door of one order, with the reasons."""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import Request
from sqlalchemy import Connection

from milepost.evidence import journey
from milepost.evidence.api_travel import router_in
from milepost.plan import service as plan

Row = dict[str, Any]
Translate = Callable[..., str]
_ON_THE_WAY = ("loaded", "in_transit", "out_for_delivery")


def of_trip(request: Request, conn: Connection, trip: plan.Trip, t: Translate, now: int) -> dict[str, Row]:
    """By site of the stops still to come: {at, earliest, latest (UTC ms), km, trust, why (text)}; a site that comes
    twice by its next visit. Empty before the truck was seen, and once no stop is due."""
    found: dict[str, Row] = {}
    for each in journey.eta(conn, trip, router_in(request), now)[1]:
        row = {
            "at": each.at,
            "earliest": each.earliest,
            "latest": each.latest,
            "km": round(each.distance_m / 1000, 1),
            "trust": t(f"eta.{each.confidence}"),
            "sure": each.confidence,
            "why": "; ".join(t(f"eta.by.{reason}") for reason in each.reasons),
        }
        found.setdefault(each.site, row)
    return found


def of_order(
    request: Request, conn: Connection, order: Mapping[str, Any], to_site: str | None, t: Translate, now: int
) -> Row | None:
    """When an order will be at its consignee, as `of_trip`; None unless it is on a truck that goes there.

    Whoever may see the order may know this of its truck, and nothing of the truck's other stops.
    """
    if order["state"] not in _ON_THE_WAY or not order["trip"] or to_site is None:
        return None
    return of_trip(request, conn, plan.get_trip(conn, order["trip"]), t, now).get(to_site)
