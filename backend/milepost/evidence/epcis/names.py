"""What partners call our units, vehicles, doors and sites: GS1 identities where there are, stable URNs else."""

import json
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from milepost.errors import NotFound
from milepost.evidence.epc import EpcError, decode
from milepost.evidence.epcis import assets
from milepost.evidence.epcis.export import Names
from milepost.evidence.geometry import fence_of
from milepost.fleet import repository as fleet
from milepost.plan import packing_rows
from milepost.plan import service as plan

_RANK = {"sscc": 0, "grai": 1, "sgtin": 2}  # of several tags of a unit, the one that names it


def names_of(conn: Connection, offset_min: Callable[[int], int]) -> Names:
    """The names of everything, looked up as they are needed and once. `offset_min`: where no site says."""

    @cache
    def unit_row(unit_id: str) -> plan.Unit | None:
        try:
            return plan.get_unit(conn, unit_id)
        except NotFound:
            return None

    @cache
    def tags(unit_id: str) -> list[dict[str, Any]]:
        return packing_rows.bindings(conn, units=[unit_id])

    @cache
    def site_row(site_id: str) -> dict[str, Any] | None:
        return fleet.find(conn, "site", site_id)

    def unit(unit_id: str, at: int) -> str:
        carried = [row["epc"] for row in tags(unit_id) if row["from_ms"] <= at and (row["to_ms"] or at + 1) > at]
        uris = [found for epc in carried if (found := _uri(epc))]
        return min(uris, default=(9, f"urn:uuid:{unit_id}"))[1]

    def vehicle(vehicle_id: str, at: int) -> str:
        """Its GIAI from the register, else that of the tag which it carried then."""
        if named := assets.names(conn, "vehicle", [vehicle_id]).get(vehicle_id):
            return named
        uris = [found for row in tags_on(vehicle_id)
                if row["from_ms"] <= at and (row["to_ms"] or at + 1) > at and (found := _uri(row["epc"]))]  # fmt: skip
        return min(uris, default=(9, f"urn:uuid:{vehicle_id}"))[1]

    @cache
    def tags_on(vehicle_id: str) -> list[dict[str, Any]]:
        return assets.carried_by(conn, vehicle_id)

    @cache
    def sgln(site_id: str) -> str | None:
        return assets.names(conn, "site", [site_id]).get(site_id)

    def door(door_id: str) -> str:
        row = fleet.find(conn, "door", door_id)
        return row["sgln"] if row and row["sgln"] else f"urn:uuid:{door_id}"

    def place(site_id: str) -> str | None:
        row = site_row(site_id)
        if row is None:
            return None
        if named := sgln(site_id):
            return named
        middle = fence_of(site_id, json.loads(row["shape"]), row["dwell_s"])
        return f"geo:{middle.lat:.6f},{middle.lon:.6f}"

    def offset(at: int, site_id: str | None) -> int:
        row = site_row(site_id) if site_id else None
        return offset_min(at) if row is None else offset_in(row["time_zone"], at)

    return Names(
        unit=unit,
        vehicle=cache(vehicle),
        door=cache(door),
        site=lambda site_id: sgln(site_id) or f"urn:uuid:{site_id}",
        place=cache(place),
        order_of=lambda unit_id: found.order_id if (found := unit_row(unit_id)) else None,
        units_of=cache(lambda order_id: [row.id for row in plan.units_of_order(conn, order_id)]),
        offset=offset,
    )


def offset_in(zone: str, at: int) -> int:
    """Whole minutes east of UTC in a zone at an instant (UTC ms)."""
    seconds = min(max(at // 1000, -62_135_500_000), 253_402_200_000)
    found = datetime.fromtimestamp(seconds, ZoneInfo(zone)).utcoffset()
    return 0 if found is None else int(found.total_seconds() // 60)


def _uri(epc: str) -> tuple[int, str] | None:
    try:
        found = decode(epc)
    except EpcError:
        return None
    return _RANK.get(found.scheme, 3), found.uri
