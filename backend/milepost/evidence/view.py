"""What a door page shows: the session, the expected list with what is aboard, the last passages."""

import json
from typing import Any

from sqlalchemy import Connection

from milepost.evidence import hearing, late, repository, service
from milepost.evidence.docking import how
from milepost.evidence.dockside.difference import ASKED
from milepost.fleet import antennas
from milepost.fleet import repository as fleet_rows
from milepost.plan import repository as plan_rows
from milepost.plan import service as plan
from milepost.times import now_ms, to_rfc3339


def door_view(conn: Connection, door: dict[str, Any], *, last: int = 20) -> dict[str, Any]:
    """Everything about a door at this moment; `door`: its row, already checked against the reader's scopes."""
    now = now_ms()
    rows = [row for row in repository.sessions(conn, door_id=door["id"]) if row["to_ms"] != row["from_ms"]]
    open_rows = [row for row in rows if row["from_ms"] <= now and (row["to_ms"] is None or row["to_ms"] > now)]
    site = fleet_rows.find(conn, "site", door["site_id"]) or {}
    reader = [
        row["device_id"]
        for row in fleet_rows.bindings(conn, target_kind="door", target_id=door["id"])
        if row["to_ms"] is None or row["to_ms"] > now
    ]
    return {
        "id": door["id"],
        "number": door["number"],
        "sgln": door["sgln"],
        "gates": bool(door["gates"]),
        "site": {name: site.get(name) for name in ("id", "code", "name_zh", "name_en")},
        "devices": reader,
        "session": session_view(conn, open_rows[-1]) if open_rows else None,
        "passages": [_passage(conn, row) for row in repository.last_passages(conn, door["id"], last)],
        "appointments": [
            {
                "id": row["id"],
                "trip": row["trip_id"],
                "from": to_rfc3339(row["from_ms"]),
                "to": to_rfc3339(row["to_ms"]),
            }
            for row in plan_rows.appointments(conn, door_id=door["id"])
            if row["to_ms"] > now
        ],
        "strays": _strays(conn, reader, door["id"]),
        "antennas": antennas.as_json(antennas.of_doors(conn, [door["id"]]).get(door["id"], ())),
        "asked": asked(conn, door["id"]),
    }


def asked(conn: Connection, door_id: str) -> list[dict[str, Any]]:
    """What went through a door without a tag of its own, newest last: {at, session, why}; a person should scan it."""
    lines = repository.peek_state(conn, ASKED, door_id) or []
    return [{**line, "at": to_rfc3339(line["at"])} for line in lines]


def session_view(conn: Connection, row: dict[str, Any]) -> dict[str, Any]:
    """A dock session with its list: every expected unit and whether it is done, and what does not belong."""
    count = service.tally(conn, row)
    done = set(count["done"])
    vehicle = fleet_rows.find(conn, "vehicle", row["vehicle_id"]) or {}
    trip = plan.get_trip(conn, row["trip_id"])
    expected = plan.expected_units(conn, row["trip_id"])
    units = [plan.get_unit(conn, unit_id) for unit_id in [*sorted(expected), *count["over"]]]
    rows = [{"unit": unit.id, "order": unit.order_id, "no": unit.no, "done": unit.id in done} for unit in units]
    return {
        "id": row["id"],
        "door": row["door_id"],
        "direction": row["direction"],
        "from": to_rfc3339(row["from_ms"]),
        "to": to_rfc3339(row["to_ms"]),
        "vehicle": {"id": row["vehicle_id"], "plate": vehicle.get("plate")},
        "trip": {"id": trip.id, "number": trip.number},
        "expected": [each for each in rows if each["unit"] in expected],
        "over": [each for each in rows if each["unit"] not in expected],
        "done": len(done & expected.keys()),
        "total": len(expected),
        "opened": {"how": how(row["opened_by"]), "by": row["opened_by"]},
        "degraded": _degraded(conn, row),
    }


def _degraded(conn: Connection, row: dict[str, Any]) -> dict[str, Any] | None:
    """When nobody read at the door, and what reads that came afterwards say beside the scans; None when all is well."""
    holes = hearing.of_session(conn, row, now_ms())
    reads = [
        {**each, "at": to_rfc3339(each["at"]), "received": to_rfc3339(each["received"])}
        for each in late.came_late(conn, row)
    ]
    if not holes and not reads:
        return None
    spans = [{"from": to_rfc3339(start), "to": to_rfc3339(end)} for start, end in holes]
    return {"now": bool(holes), "holes": spans, "late": reads}


def _passage(conn: Connection, row: dict[str, Any]) -> dict[str, Any]:
    unit = plan.unit_of_epc(conn, row["epc"], row["at"])
    session = repository.session_at(conn, row["door_id"], row["at"])
    return {
        "id": row["id"],
        "at": to_rfc3339(row["at"]),
        "epc": row["epc"],
        "direction": row["direction"],
        "level_dbm": row["level_dbm"],
        "confidence": json.loads(row["evidence"])["confidence"],
        "unit": unit.id if unit else None,
        "order": unit.order_id if unit else None,
        "session": session["id"] if session else None,
    }


def _strays(conn: Connection, devices: list[str], door_id: str) -> int:
    states = (repository.load_state(conn, "door", f"{device}@{door_id}") for device in devices)
    return sum(state.get("strays", 0) for state in states if state)
