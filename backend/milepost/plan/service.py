"""Use cases of the plan: units and their EPCs, trips, who drives them, what they should carry."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from milepost.access.model import SYSTEM, Principal
from milepost.errors import Conflict, Invalid, NotFound
from milepost.fleet import service as fleet
from milepost.ids import new_id
from milepost.plan import repository
from milepost.plan.tables import appointment, trip, trip_expected, trip_stop, trip_vehicle, unit, unit_epc
from milepost.times import now_ms, to_rfc3339

TRIP_KINDS = ("pickup", "line", "delivery", "direct")
_EPC = re.compile(r"(?:[0-9A-F]{4}){1,31}")  # whole 16-bit words, as Gen2 stores them


@dataclass(frozen=True, slots=True)
class Unit:
    """A handling unit: what is moved as one piece and carries one or more tags."""

    id: str
    order_id: str
    no: int
    sku: str | None
    line: int | None
    pieces: int
    parent_id: str | None
    epcs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trip:
    """A trip; `stops` are rows {seq, site_id, planned_from, planned_to}."""

    id: str
    number: str
    kind: str
    branch: str | None
    carrier: str | None
    stops: tuple[dict[str, Any], ...] = ()


def add_units(
    conn: Connection,
    order_id: str,
    items: Sequence[dict[str, Any]],
    *,
    customer: str | None = None,
    branch: str | None = None,
    at_ms: int | None = None,
) -> list[Unit]:
    """Enter the handling units of an order; their numbers go on from those it has.

    Each item may hold `unit` (its id; default: a new one), sku, line, pieces (default 1), kg, parent (unit id) and
    epcs (hex, bound from `at_ms` on). Raises Invalid, or Conflict for an EPC that another unit carries.
    """
    at = now_ms() if at_ms is None else at_ms
    first = len(repository.units(conn, order_id=order_id)) + 1
    made = []
    for no, item in enumerate(items, first):
        pieces = item.get("pieces") or 1
        if not isinstance(pieces, int) or pieces < 1:
            raise Invalid(f"unit {no}: pieces {pieces!r} must be a whole number from 1 on")
        row = {
            "id": item.get("unit") or new_id(),
            "order_id": order_id,
            "no": no,
            "sku": item.get("sku"),
            "line": item.get("line"),
            "pieces": pieces,
            "kg": item.get("kg"),
            "parent_id": item.get("parent"),
            "customer": customer,
            "branch": branch,
            "created_at": at,
        }
        if repository.units(conn, id=row["id"]):
            raise Conflict(f"unit {row['id']} exists already", changed="unit")
        repository.add(conn, unit, row)
        for epc in item.get("epcs") or ():
            bind_epc(conn, row["id"], epc, at)
        made.append(_unit(row, [normal_epc(epc) for epc in item.get("epcs") or ()]))
    return made


def units_of_order(conn: Connection, order_id: str) -> list[Unit]:
    """Units of an order with the EPCs they carry now."""
    rows = repository.units(conn, order_id=order_id)
    carried: dict[str, list[str]] = {row["id"]: [] for row in rows}
    for bound in repository.epcs(conn, carried):
        if bound["to_ms"] is None:
            carried[bound["unit_id"]].append(bound["epc"])
    return [_unit(row, carried[row["id"]]) for row in rows]


def bind_epc(conn: Connection, unit_id: str, epc: str, from_ms: int, to_ms: int | None = None) -> str:
    """Say that a unit carries an EPC in [from_ms, to_ms). Returns the EPC in its normal form.

    Raises NotFound, Invalid, or Conflict naming the unit that carries it in this time.
    """
    epc = normal_epc(epc)
    if not repository.units(conn, id=unit_id):
        raise NotFound(f"no unit {unit_id!r}")
    if to_ms is not None and to_ms <= from_ms:
        raise Invalid("the EPC is taken off before it is put on")
    old = repository.epc_overlapping(conn, epc, from_ms, to_ms)
    if old:
        raise Conflict(
            f"EPC {epc} is on unit {old['unit_id']} since {to_rfc3339(old['from_ms'])}; take it off first",
            changed={"unit": old["unit_id"]},
        )
    row = {"id": new_id(), "unit_id": unit_id, "epc": epc, "from_ms": from_ms, "to_ms": to_ms}
    repository.add(conn, unit_epc, row)
    return epc


def unbind_epc(conn: Connection, unit_id: str, epc: str, at_ms: int) -> None:
    """Take an EPC off a unit. Raises NotFound when it does not carry it."""
    if not repository.end_epc(conn, unit_id, normal_epc(epc), at_ms):
        raise NotFound(f"unit {unit_id} does not carry {epc}")


def normal_epc(epc: str) -> str:
    """Hex in upper case without blanks. Raises Invalid unless it is 1 to 31 words of 16 bits."""
    text = re.sub(r"[\s:-]", "", epc).upper()
    if not _EPC.fullmatch(text):
        raise Invalid(f"EPC {epc!r}: hex digits, 4 to 124 of them in groups of 4")
    return text


def unit_of_epc(conn: Connection, epc: str, at_ms: int) -> Unit | None:
    """The unit that carried an EPC (normal form) at an event time, or None."""
    row = repository.epc_at(conn, epc, at_ms)
    return _unit(row, [epc]) if row else None


def get_unit(conn: Connection, unit_id: str, who: Principal = SYSTEM) -> Unit:
    """One unit. Raises NotFound, also for what `who` may not see."""
    rows = repository.units(conn, who, id=unit_id)
    if not rows:
        raise NotFound(f"no unit {unit_id!r}")
    carried = [row["epc"] for row in repository.epcs(conn, [unit_id]) if row["to_ms"] is None]
    return _unit(rows[0], carried)


def plan_trip(
    conn: Connection,
    *,
    number: str,
    kind: str,
    stops: Sequence[dict[str, Any]],
    branch: str | None = None,
    carrier: str | None = None,
) -> Trip:
    """Enter a trip. `stops`: {site, planned_from?, planned_to?} (UTC ms) in driving order, at least one.

    Raises Invalid, NotFound for a site, Conflict when the number is taken.
    """
    if kind not in TRIP_KINDS:
        raise Invalid(f"kind {kind!r}: one of {', '.join(TRIP_KINDS)}")
    if not stops:
        raise Invalid("a trip needs at least one stop")
    if repository.trips(conn, number=number):
        raise Conflict(f"trip number {number!r} is taken", changed="number")
    trip_id = new_id()
    rows = []
    for seq, stop in enumerate(stops, 1):
        fleet.get(conn, "site", stop["site"])
        start, end = stop.get("planned_from"), stop.get("planned_to")
        if start is not None and end is not None and end < start:
            raise Invalid(f"stop {seq}: planned_to lies before planned_from")
        rows.append({"trip_id": trip_id, "seq": seq, "site_id": stop["site"], "planned_from": start,
                     "planned_to": end})  # fmt: skip
    values = {"id": trip_id, "number": number, "kind": kind, "branch": branch, "carrier": carrier,
              "created_at": now_ms()}  # fmt: skip
    repository.add(conn, trip, values)
    repository.add(conn, trip_stop, rows)
    return get_trip(conn, trip_id)


def get_trip(conn: Connection, trip_id: str, who: Principal = SYSTEM) -> Trip:
    """One trip with its stops. Raises NotFound, also for what `who` may not see."""
    rows = repository.trips(conn, who, id=trip_id)
    if not rows:
        raise NotFound(f"no trip {trip_id!r}; GET /api/v1/trips lists those you may see")
    row = rows[0]
    stops = tuple(
        {name: value for name, value in stop.items() if name != "trip_id"} for stop in repository.stops(conn, trip_id)
    )
    return Trip(row["id"], row["number"], row["kind"], row["branch"], row["carrier"], stops)


def set_vehicle(
    conn: Connection,
    trip_id: str,
    vehicle_id: str,
    *,
    from_ms: int,
    to_ms: int | None = None,
    driver_id: str | None = None,
) -> None:
    """Put a vehicle on a trip in [from_ms, to_ms); the trip's open interval before it ends at `from_ms`.

    Raises NotFound, Invalid, or Conflict naming the trip that the vehicle is on in this time.
    """
    get_trip(conn, trip_id)
    fleet.get(conn, "vehicle", vehicle_id)
    if driver_id is not None:
        fleet.get(conn, "driver", driver_id)
    if to_ms is not None and to_ms <= from_ms:
        raise Invalid("the vehicle leaves the trip before it joins it")
    for old in repository.vehicle_intervals(conn, trip_id=trip_id):
        if _overlap(old, from_ms, to_ms):
            if old["to_ms"] is not None or old["from_ms"] >= from_ms:
                raise Conflict(
                    f"the trip has vehicle {old['vehicle_id']} from {to_rfc3339(old['from_ms'])} on",
                    changed={"vehicle": old["vehicle_id"]},
                )
            repository.end_interval(conn, old["id"], from_ms)
    for old in repository.vehicle_intervals(conn, vehicle_id=vehicle_id):
        if old["trip_id"] != trip_id and _overlap(old, from_ms, to_ms):
            raise Conflict(
                f"the vehicle is on trip {old['trip_id']} from {to_rfc3339(old['from_ms'])}; end that first",
                changed={"trip": old["trip_id"]},
            )
    row = {"id": new_id(), "trip_id": trip_id, "vehicle_id": vehicle_id, "driver_id": driver_id,
           "from_ms": from_ms, "to_ms": to_ms}  # fmt: skip
    repository.add(conn, trip_vehicle, row)
    repository.set_trip_vehicle(conn, trip_id, vehicle_id)


def end_vehicle(conn: Connection, trip_id: str, at_ms: int) -> tuple[str, int]:
    """The trip is over for its vehicle at `at_ms` (UTC ms): close the open interval.

    Returns the vehicle and the start of its interval. Raises NotFound, or Invalid when no vehicle is on the trip then.
    """
    get_trip(conn, trip_id)
    for old in repository.vehicle_intervals(conn, trip_id=trip_id):
        if old["to_ms"] is None and old["from_ms"] < at_ms:
            repository.end_interval(conn, old["id"], at_ms)
            return old["vehicle_id"], old["from_ms"]
    raise Invalid(f"no vehicle is on the trip at {to_rfc3339(at_ms)}; GET /api/v1/trips/{trip_id} shows who was when")


def trip_of_vehicle(conn: Connection, vehicle_id: str, at_ms: int) -> Trip | None:
    """The trip that a vehicle was on at an event time, or None."""
    for row in repository.vehicle_intervals(conn, vehicle_id=vehicle_id):
        if row["from_ms"] <= at_ms and (row["to_ms"] is None or at_ms < row["to_ms"]):
            return get_trip(conn, row["trip_id"])
    return None


def expect(
    conn: Connection, trip_id: str, order_id: str, units: Iterable[str] | None = None, *, remove: bool = False
) -> list[str] | None:
    """Put an order on a trip's expected list, or take it off: whole (`units` None), or some of its units.

    Returns the units named, None for the whole order. Raises NotFound, Invalid for units that are not of the order.
    """
    get_trip(conn, trip_id)
    own = {row["id"] for row in repository.units(conn, order_id=order_id)}
    named = None if units is None else set(units)
    strangers = sorted((named or set()) - own)
    if strangers or named == set():
        raise Invalid(f"units {', '.join(strangers)} are not of this order" if strangers else "units: name some")
    listed = {row["unit_id"] for row in repository.expected(conn, trip_id) if row["order_id"] == order_id}
    if remove:
        left = set() if named is None else (own if "" in listed else listed) - named
    else:
        left = {""} if named is None or "" in listed else listed | named
    repository.drop_expected(conn, trip_id, order_id)
    rows = [{"trip_id": trip_id, "order_id": order_id, "unit_id": unit_id} for unit_id in sorted(left)]
    repository.add(conn, trip_expected, rows)
    return None if named is None else sorted(named)


def expected_units(conn: Connection, trip_id: str) -> dict[str, str]:
    """The expected list of a trip: unit id to order id. Orders without units are in expected_orders only."""
    found: dict[str, str] = {}
    for row in repository.expected(conn, trip_id):
        units = [row["unit_id"]] if row["unit_id"] else _ids(repository.units(conn, order_id=row["order_id"]))
        found.update((unit_id, row["order_id"]) for unit_id in units)
    return dict(sorted(found.items()))


def expected_orders(conn: Connection, trip_id: str) -> list[str]:
    """Ids of the orders of which something is expected on a trip."""
    return sorted({row["order_id"] for row in repository.expected(conn, trip_id)})


def _ids(rows: Iterable[dict[str, Any]]) -> list[str]:
    return [row["id"] for row in rows]


def appoint(conn: Connection, door_id: str, trip_id: str, from_ms: int, to_ms: int) -> str:
    """Give a trip a door in [from_ms, to_ms). Raises NotFound, Invalid, Conflict naming the trip that has it."""
    fleet.get(conn, "door", door_id)
    get_trip(conn, trip_id)
    if to_ms <= from_ms:
        raise Invalid("the appointment ends before it begins")
    for old in repository.appointments(conn, door_id=door_id):
        if _overlap(old, from_ms, to_ms):
            raise Conflict(
                f"trip {old['trip_id']} has this door from {to_rfc3339(old['from_ms'])} to {to_rfc3339(old['to_ms'])}",
                changed={"trip": old["trip_id"]},
            )
    appointment_id = new_id()
    row = {"id": appointment_id, "door_id": door_id, "trip_id": trip_id, "from_ms": from_ms, "to_ms": to_ms}
    repository.add(conn, appointment, row)
    return appointment_id


def _overlap(row: dict[str, Any], from_ms: int, to_ms: int | None) -> bool:
    return (to_ms is None or row["from_ms"] < to_ms) and (row["to_ms"] is None or row["to_ms"] > from_ms)


def _unit(row: dict[str, Any], epcs: Iterable[str]) -> Unit:
    return Unit(
        id=row["id"],
        order_id=row["order_id"],
        no=row["no"],
        sku=row["sku"],
        line=row["line"],
        pieces=row["pieces"],
        parent_id=row["parent_id"],
        epcs=tuple(epcs),
    )
