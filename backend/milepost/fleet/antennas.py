"""Where the antennas of a dock door look: the hall side or the truck side. A door has as many readers as it needs."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from milepost.access.model import SYSTEM
from milepost.access.scope import readable
from milepost.errors import Invalid
from milepost.fleet import repository
from milepost.fleet.service import get
from milepost.fleet.tables import door, door_antenna

ROLES = ("inner", "outer")
MOST = 64  # at one door
Row = dict[str, Any]


def set_antennas(conn: Connection, door_id: str, antennas: Sequence[Mapping[str, Any]]) -> None:
    """Say how the antennas of a door hang, in place of what was said before.

    Each is {antenna: number on its reader, 0 to 255; role: inner (hall side) or outer (truck side); device: the
    reader's id, or None for whatever reader is mounted there}. Raises NotFound for the door or a reader, Invalid.
    """
    get(conn, "door", door_id)
    if len(antennas) > MOST:
        raise Invalid(f"{len(antennas)} antennas at one door; at most {MOST}")
    rows: dict[tuple[str, int], Row] = {}
    for each in antennas:
        number, role, device = each.get("antenna"), each.get("role"), each.get("device") or ""
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= 255:
            raise Invalid(f"antenna {number!r}: a whole number from 0 to 255, as the reader counts its ports")
        if role not in ROLES:
            raise Invalid(f"antenna {number}: role {role!r} must be inner (hall side) or outer (truck side)")
        if device and repository.find_device(conn, device) is None:
            raise Invalid(f"antenna {number}: no device {device!r}; register it first (POST /api/v1/devices)")
        if (device, number) in rows:
            raise Invalid(f"antenna {number} of reader {device or '(any)'} is named twice")
        rows[device, number] = {"door_id": door_id, "device_id": device, "number": number, "role": role}
    conn.execute(delete(door_antenna).where(door_antenna.c.door_id == door_id))
    if rows:
        conn.execute(insert(door_antenna), list(rows.values()))


def of_doors(conn: Connection, doors: Iterable[str]) -> dict[str, list[Row]]:
    """Antennas by door, {device_id, number, role} in order; doors of which nothing was said are left out."""
    statement = select(door_antenna).where(door_antenna.c.door_id.in_(sorted(set(doors))))
    found: dict[str, list[Row]] = {}
    columns = (door_antenna.c.door_id, door_antenna.c.device_id, door_antenna.c.number)
    for row in conn.execute(statement.order_by(*columns)).mappings():
        found.setdefault(row["door_id"], []).append(dict(row))
    return found


def looking_both_ways(conn: Connection, site_id: str) -> set[str]:
    """The doors of a site with antennas on both sides: the correlator judges them (decision 31)."""
    return of_sites_both_ways(conn, [site_id]).get(site_id, set())


def of_sites_both_ways(conn: Connection, sites: Iterable[str]) -> dict[str, set[str]]:
    """By site its doors with antennas on both sides; sites without any are left out."""
    wanted = sorted(sites)
    if not wanted:
        return {}
    statement = (
        readable(SYSTEM, door, door.c.site_id, door_antenna.c.door_id, door_antenna.c.role)
        .join(door_antenna, door_antenna.c.door_id == door.c.id)
        .where(door.c.site_id.in_(wanted))
        .distinct()
    )
    roles: dict[tuple[str, str], set[str]] = {}
    for row in conn.execute(statement):
        roles.setdefault((row.site_id, row.door_id), set()).add(row.role)
    found: dict[str, set[str]] = {}
    for (site, each), told in roles.items():
        if told == set(ROLES):
            found.setdefault(site, set()).add(each)
    return found


def as_json(rows: Iterable[Row]) -> list[Row]:
    """Antennas as `set_antennas` takes them."""
    return [{"device": row["device_id"] or None, "antenna": row["number"], "role": row["role"]} for row in rows]


def role_of(rows: Iterable[Row], device: str, number: int) -> str | None:
    """Where an antenna of a reader looks: what was said of this reader goes before what was said of any."""
    found = {row["device_id"]: row["role"] for row in rows if row["number"] == number}
    return found.get(device, found.get(""))
