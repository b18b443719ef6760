"""Help near a truck that broke down or stands too long: workshops, how far, whom to phone (EX-27)."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from milepost.access.model import Principal
from milepost.evidence import journey
from milepost.evidence.api_travel import help_near
from milepost.live import roads

BREAKDOWN = "EX-27"
_MOST = 3
Row = dict[str, Any]


def near(conn: Connection, me: Principal, vehicle_id: str, now: int) -> list[Row] | None:
    """The nearest workshops that `me` may see; None for a truck that was never seen."""
    known = journey.of_vehicle(conn, vehicle_id, now)
    if known is None:
        return None
    return [each.model_dump() for each in help_near(conn, me, (known.last.lat, known.last.lon), _MOST)]


def of_truck(conn: Connection, me: Principal, vehicle_id: str, aboard: list[Row], now: int) -> list[Row] | None:
    """Help for a truck that needs it, by what is open of it and of the orders aboard; None for one in order."""
    broken = any(each["ex"] == BREAKDOWN for row in aboard for each in row["open"])
    if broken or any(row["rule"] == "long_stop" for row in roads.of_vehicles(conn).get(vehicle_id, [])):
        return near(conn, me, vehicle_id, now)
    return None


def of_item(conn: Connection, me: Principal, item: Mapping[str, Any], order: Row | None, now: int) -> list[Row] | None:
    """Help for what an open item of the inbox is about; None where nobody needs any."""
    vehicle = None
    if item["kind"] == "long_stop":
        vehicle = item["data"].get("plate")
    elif item["ex"] == BREAKDOWN:
        vehicle = item["data"].get("vehicle") or (order or {}).get("vehicle")
    return None if vehicle is None or item["state"] == "resolved" else near(conn, me, vehicle, now)
