"""What is known of a site besides readings: antennas, sessions, lists, and whose a tag is."""

from collections.abc import Iterable

from sqlalchemy import Connection

from milepost.access.model import SYSTEM
from milepost.evidence import repository
from milepost.evidence.dock.model import IN, OUT, Order, Session, Unit
from milepost.evidence.dockside.hall import Told
from milepost.evidence.dockside.portions import SIDES
from milepost.fleet import antennas
from milepost.fleet import repository as fleet_rows
from milepost.plan import repository as plan_rows
from milepost.plan import service as plan
from milepost.plan.packing_rows import bindings


def told(conn: Connection, site: str, since: int) -> Told:
    """Everything about the doors of a site and the sessions that were not over at an instant (UTC ms)."""
    doors = [row["id"] for row in fleet_rows.listing(conn, "door", SYSTEM, site_id=site)]
    roles: dict[str, tuple[tuple[str, int], ...]] = {}
    for door, rows in antennas.of_doors(conn, doors).items():
        devices = {row["device_id"] for row in fleet_rows.bindings(conn, target_kind="door", target_id=door)}
        devices |= {row["device_id"] for row in rows if row["device_id"]}
        found = ((f"{device}/{number}", antennas.role_of(rows, device, number))
                 for device in sorted(devices) for number in sorted({row["number"] for row in rows}))  # fmt: skip
        roles[door] = tuple((name, SIDES[role]) for name, role in found if role is not None)
    rows = [row for row in repository.sessions_of_doors(conn, doors, since) if row["to_ms"] != row["from_ms"]]
    sessions = {
        row["id"]: Session(
            row["id"], row["door_id"], row["vehicle_id"], row["trip_id"], row["from_ms"] / 1000,
            None if row["to_ms"] is None else row["to_ms"] / 1000, OUT if row["direction"] == "load" else IN,
            roles.get(row["door_id"], ()),
        )
        for row in rows
    }  # fmt: skip
    lists: dict[str, Order] = {}
    for trip in sorted({row["trip_id"] for row in rows}):
        expected = plan.expected_units(conn, trip)
        tags: dict[str, list[str]] = {}
        for row in plan_rows.epcs(conn, expected):
            if row["to_ms"] is None or row["to_ms"] > since:
                tags.setdefault(row["unit_id"], []).append(row["epc"])
        units = tuple(Unit(unit, trip, trip, tuple(sorted(set(own)))) for unit, own in sorted(tags.items()))
        lists[trip] = Order(trip, trip, units)
    return Told(roles, sessions, lists)


def owners(conn: Connection, epcs: Iterable[str]) -> dict[str, str]:
    """The unit that carried each EPC last."""
    found: dict[str, tuple[int, str]] = {}
    for row in bindings(conn, epcs=sorted(epcs)):
        found[row["epc"]] = max(found.get(row["epc"], (-1, "")), (row["from_ms"], row["unit_id"]))
    return {epc: unit for epc, (_, unit) in found.items()}
