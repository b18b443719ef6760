"""Vehicles, drivers, sites, doors, benches, and what is mounted where: bindings in time (DESIGN §2.3)."""

import json
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Connection

from milepost.access.model import SYSTEM, Principal
from milepost.errors import Conflict, Invalid, NotFound
from milepost.fleet import repository
from milepost.fleet.devices import (
    apply_event,
    command,
    due_commands,
    mark_sent,
    register_device,
    remove_device,
    rotate_password,
    set_config,
)
from milepost.fleet.model import SITE_KINDS, VEHICLE_KINDS, parse_shape, plate_key
from milepost.fleet.repository import Row
from milepost.fleet.tables import bench, binding, door, driver, site, vehicle
from milepost.ids import new_id
from milepost.times import now_ms, to_rfc3339

__all__ = [
    "add_bench",
    "add_door",
    "add_driver",
    "add_site",
    "add_vehicle",
    "apply_event",
    "bind",
    "command",
    "due_commands",
    "get",
    "mark_sent",
    "register_device",
    "remove_device",
    "rotate_password",
    "set_config",
    "target_at",
    "unbind",
]
TARGETS = ("vehicle", "door", "bench")


def get(conn: Connection, kind: str, row_id: str, who: Principal = SYSTEM) -> Row:
    """One vehicle, driver, site, door or bench. Raises NotFound, also for what `who` may not see."""
    row = repository.find(conn, kind, row_id, who)
    if row is None:
        many = "benches" if kind == "bench" else f"{kind}s"
        raise NotFound(f"no {kind} {row_id!r}; GET /api/v1/{many} lists those you may see")
    return row


def add_vehicle(
    conn: Connection,
    *,
    plate: str,
    kind: str = "truck",
    country: str = "CN",
    branch: str | None = None,
    carrier: str | None = None,
    now: int | None = None,
) -> str:
    """Enter a vehicle and return its id. Plates are unique in their search form (cases W03).

    Raises Invalid, or Conflict naming the vehicle that has this plate.
    """
    key = plate_key(plate)
    if not 2 <= len(key) <= 20 or not key.isalnum():
        raise Invalid(f"plate {plate!r}: 2 to 20 letters and digits")
    _one_of(kind, VEHICLE_KINDS, "kind")
    other = repository.by_field(conn, "vehicle", plate_key=key)
    if other:
        raise Conflict(f"plate {plate!r} is on vehicle {other['id']} already", changed="plate")
    vehicle_id = new_id()
    values = {
        "id": vehicle_id,
        "plate": plate.strip(),
        "plate_key": key,
        "country": country,
        "kind": kind,
        "branch": branch,
        "carrier": carrier,
        "created_at": now_ms() if now is None else now,
    }
    repository.add(conn, vehicle, values)
    return vehicle_id


def add_driver(
    conn: Connection,
    *,
    name: str,
    phone: str | None = None,
    person_id: str | None = None,
    branch: str | None = None,
    carrier: str | None = None,
) -> str:
    """Enter a driver and return the id."""
    driver_id = new_id()
    values = {
        "id": driver_id,
        "name": name,
        "phone": phone,
        "person_id": person_id,
        "branch": branch,
        "carrier": carrier,
        "created_at": now_ms(),
    }
    repository.add(conn, driver, values)
    return driver_id


def add_site(
    conn: Connection,
    *,
    code: str,
    name_zh: str,
    name_en: str,
    kind: str,
    shape: Any,
    dwell_s: int = 60,
    time_zone: str = "Asia/Shanghai",
    branch: str | None = None,
    customer: str | None = None,
) -> str:
    """Enter a site with its fence and return the id.

    `shape`: see model.parse_shape; `dwell_s`: seconds of standing (0 to 86 400) after which a vehicle counts as
    stopped there. Raises Invalid, or Conflict when the code is taken.
    """
    _one_of(kind, SITE_KINDS, "kind")
    if not 0 <= dwell_s <= 86_400:
        raise Invalid(f"dwell_s {dwell_s}: 0 to 86400 seconds")
    try:
        ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise Invalid(f"time_zone {time_zone!r}: not an IANA zone like Asia/Shanghai") from None
    if repository.by_field(conn, "site", code=code):
        raise Conflict(f"site code {code!r} is taken", changed="code")
    site_id = new_id()
    values = {
        "id": site_id,
        "code": code,
        "name_zh": name_zh,
        "name_en": name_en,
        "kind": kind,
        "branch": branch,
        "customer": customer,
        "shape": json.dumps(parse_shape(shape)),
        "dwell_s": dwell_s,
        "time_zone": time_zone,
        "created_at": now_ms(),
    }
    repository.add(conn, site, values)
    return site_id


def add_door(
    conn: Connection,
    *,
    site_id: str,
    number: str,
    sgln: str | None = None,
    gates: bool = True,
    rssi_floor_dbm: float = -60.0,
) -> str:
    """Enter a dock door of a site and return its id.

    `gates`: it has an inner and an outer light gate; `rssi_floor_dbm`: the peak level (-100 to 0) from which on a
    tag counts as passing here. Raises NotFound for the site, Conflict for a number used twice.
    """
    get(conn, "site", site_id)
    _floor(rssi_floor_dbm)
    if repository.by_field(conn, "door", site_id=site_id, number=number):
        raise Conflict(f"this site has a door {number!r} already", changed="number")
    door_id = new_id()
    values = {
        "id": door_id,
        "site_id": site_id,
        "number": number,
        "sgln": sgln,
        "gates": gates,
        "rssi_floor_dbm": rssi_floor_dbm,
    }
    repository.add(conn, door, values)
    return door_id


def add_bench(conn: Connection, *, site_id: str, number: str, rssi_floor_dbm: float = -50.0) -> str:
    """Enter a picking bench of a site and return its id (T9).

    `rssi_floor_dbm`: the level (-100 to 0) from which on a tag counts as lying on it; what is stored beside it must
    stay below. Raises NotFound for the site, Invalid, Conflict for a number used twice.
    """
    get(conn, "site", site_id)
    _floor(rssi_floor_dbm)
    if repository.by_field(conn, "bench", site_id=site_id, number=number):
        raise Conflict(f"this site has a bench {number!r} already", changed="number")
    bench_id = new_id()
    values = {"id": bench_id, "site_id": site_id, "number": number, "rssi_floor_dbm": rssi_floor_dbm}
    repository.add(conn, bench, values)
    return bench_id


def bind(
    conn: Connection,
    device: str,
    target_kind: str,
    target_id: str,
    from_ms: int,
    to_ms: int | None = None,
    *,
    by: str = SYSTEM.id,
) -> str:
    """Say that a device is on a vehicle, at a door or at a bench in [from_ms, to_ms), open end None; returns the id.

    Raises NotFound, Invalid for an empty interval, Conflict naming the binding it would overlap.
    """
    _one_of(target_kind, TARGETS, "target_kind")
    found = repository.find_device(conn, device)
    if found is None or found["removed_at"] is not None:
        raise NotFound(f"no device {device!r}; register it first (POST /api/v1/devices)")
    get(conn, target_kind, target_id)
    if to_ms is not None and to_ms <= from_ms:
        raise Invalid("the binding ends before it begins")
    old = repository.overlapping(conn, device, from_ms, to_ms)
    if old:
        span = f"{to_rfc3339(old['from_ms'])} to {to_rfc3339(old['to_ms']) or 'now'}"
        raise Conflict(
            f"{device} is on {old['target_kind']} {old['target_id']} from {span}; end that binding first",
            changed={"binding": old["id"], "target_kind": old["target_kind"], "target_id": old["target_id"]},
        )
    binding_id = new_id()
    values = {
        "id": binding_id,
        "device_id": device,
        "target_kind": target_kind,
        "target_id": target_id,
        "from_ms": from_ms,
        "to_ms": to_ms,
        "created_at": now_ms(),
        "created_by": by,
    }
    repository.add(conn, binding, values)
    return binding_id


def unbind(conn: Connection, binding_id: str, at_ms: int) -> Row:
    """End a binding at `at_ms` and return it. Raises NotFound, or Invalid when it would end before it began
    or later than it already ended."""
    row = repository.find_binding(conn, binding_id)
    if row is None:
        raise NotFound(f"no binding {binding_id!r}; GET /api/v1/bindings?device= lists them")
    if at_ms <= row["from_ms"]:
        raise Invalid(f"the binding began at {to_rfc3339(row['from_ms'])}; it must end later")
    if row["to_ms"] is not None and at_ms > row["to_ms"]:
        raise Invalid(f"the binding ended at {to_rfc3339(row['to_ms'])}; it can only be shortened")
    repository.end_binding(conn, binding_id, at_ms)
    return {**row, "to_ms": at_ms}


def target_at(conn: Connection, device_id: str, at_ms: int) -> tuple[str, str] | None:
    """What a device was on at an event time: (one of TARGETS, id), or None."""
    row = repository.binding_at(conn, device_id, at_ms)
    return (row["target_kind"], row["target_id"]) if row else None


def _floor(rssi_floor_dbm: float) -> None:
    if not -100 <= rssi_floor_dbm <= 0:
        raise Invalid(f"rssi_floor_dbm {rssi_floor_dbm}: -100 to 0 dBm")


def _one_of(value: str, allowed: tuple[str, ...], name: str) -> None:
    if value not in allowed:
        raise Invalid(f"{name} {value!r}: one of {', '.join(allowed)}")
