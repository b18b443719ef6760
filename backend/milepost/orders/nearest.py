"""Which branch should get an order: those nearest to where it is picked up, and what waits there (EO-4, T2)."""

import json
from collections.abc import Mapping
from typing import Any

from shapely.geometry import Polygon
from sqlalchemy import Connection, func

from milepost.access.model import SYSTEM, Principal
from milepost.access.scope import readable
from milepost.errors import NotFound
from milepost.fleet import repository as fleet
from milepost.masterdata import service as masterdata
from milepost.orders import repository
from milepost.orders.tables import order

_WAITING = ("assigned",)


def suggest(conn: Connection, who: Principal, ref: str, limit: int = 10) -> list[dict[str, Any]]:
    """Active branches by distance from the pickup address of an order: {branch, distance_m, waiting}.

    Branches whose place is not known come last, without distance; so do all when the order's own is not known.
    `waiting`: orders that stand there unaccepted. Raises NotFound for an order that `who` may not see.
    """
    row = repository.find(conn, who, ref)
    if row is None:
        raise NotFound(f"no order {ref!r}; GET /api/v1/orders lists those you may see")
    place = place_of(conn, json.loads(row["request"]).get("from") or {})
    near = masterdata.nearest(conn, *place, limit) if place else []
    chosen = {branch["id"] for branch, _ in near}
    rest = [branch for branch in masterdata.branches(conn) if branch["id"] not in chosen]
    listed = [(branch, round(metres)) for branch, metres in near] + [(branch, None) for branch in rest]
    waiting = _waiting(conn, [branch["id"] for branch, _ in listed[:limit]])
    return [
        {"branch": branch, "distance_m": metres, "waiting": waiting.get(branch["id"], 0)}
        for branch, metres in listed[:limit]
    ]


def place_of(conn: Connection, place: Mapping[str, Any]) -> tuple[float, float] | None:
    """Latitude and longitude (degrees) of a place of an order: its own, else those of the site it names."""
    if place.get("lat") is not None and place.get("lng") is not None:
        return place["lat"], place["lng"]
    site = fleet.find(conn, "site", place["site"]) if place.get("site") else None
    if site is None:
        return None
    shape = json.loads(site["shape"])
    if shape["type"] == "circle":
        return shape["lat"], shape["lon"]
    middle = Polygon(shape["points"]).centroid
    return middle.x, middle.y


def _waiting(conn: Connection, branches: list[str]) -> dict[str, int]:
    number: Any = func.count().label("waiting")
    counted = (
        readable(SYSTEM, order, order.c.branch, number)
        .where(order.c.branch.in_(branches), order.c.state.in_(_WAITING))
        .group_by(order.c.branch)
    )
    return {row["branch"]: row["waiting"] for row in conn.execute(counted).mappings()}
