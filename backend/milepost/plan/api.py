"""HTTP of trips, their vehicles, expected lists and door appointments. Each command also writes its fact."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from milepost.access.deps import Me, Reader, Tx, require
from milepost.access.model import Principal
from milepost.access.once import once
from milepost.evidence import docks
from milepost.evidence.model import Author, Fact, fact_id, grade
from milepost.fleet import service as fleet
from milepost.ids import new_id
from milepost.orders import service as orders
from milepost.plan import repository, service
from milepost.times import now_ms, parse_rfc3339, to_rfc3339

router = APIRouter(prefix="/api/v1", tags=["plan"])
Dispatcher = Annotated[Principal, Depends(require("dispatcher"))]
Key = Annotated[str | None, Header(alias="Idempotency-Key", max_length=128)]


class NewStop(BaseModel):
    site: str
    planned_from: str | None = Field(None, description="RFC 3339")
    planned_to: str | None = Field(None, description="RFC 3339")


class NewTrip(BaseModel):
    number: str = Field(min_length=1, max_length=40)
    kind: str = Field(description="pickup, line, delivery or direct")
    stops: list[NewStop] = Field(min_length=1, max_length=100)
    branch: str | None = Field(None, max_length=32)
    carrier: str | None = Field(None, max_length=36)
    at: str | None = Field(None, description="RFC 3339; default: now")


class NewVehicle(BaseModel):
    vehicle: str
    driver: str | None = None
    from_: str | None = Field(None, alias="from", description="RFC 3339; default: now")
    to: str | None = Field(None, description="RFC 3339; default: until the trip ends")
    at: str | None = Field(None, description="RFC 3339; default: now")


class NewExpected(BaseModel):
    order: str
    units: list[str] | None = Field(None, description="unit ids; default: all units of the order", max_length=5000)
    remove: bool = False
    at: str | None = Field(None, description="RFC 3339; default: now")


class NewAppointment(BaseModel):
    trip: str
    from_: str = Field(alias="from", description="RFC 3339")
    to: str = Field(description="RFC 3339")


class Stop(BaseModel):
    seq: int
    site: str
    planned_from: str | None
    planned_to: str | None


class End(BaseModel):
    at: str | None = Field(None, description="RFC 3339; default: now")


class TripVehicle(BaseModel):
    vehicle: str
    driver: str | None
    from_: str | None = Field(serialization_alias="from")
    to: str | None


class Expected(BaseModel):
    order: str
    unit: str


class TripOut(BaseModel):
    id: str
    number: str
    kind: str
    branch: str | None
    carrier: str | None
    stops: list[Stop]
    vehicles: list[TripVehicle]
    orders: list[str] = Field(description="orders of which something is expected")
    expected: list[Expected]


@router.post("/trips", status_code=201)
def create_trip(body: NewTrip, conn: Tx, me: Dispatcher, key: Key = None) -> TripOut:
    """Plan a trip with its stops."""

    def do() -> TripOut:
        stops = [
            {"site": stop.site, "planned_from": _ms(stop.planned_from), "planned_to": _ms(stop.planned_to)}
            for stop in body.stops
        ]
        trip = service.plan_trip(
            conn, number=body.number, kind=body.kind, stops=stops, branch=body.branch, carrier=body.carrier
        )
        told = {"kind": trip.kind, "number": trip.number, "stops": stops}
        _record(conn, me, "trip.planned", {"trip": trip.id}, told, at=body.at, key=key)
        return _trip(conn, trip)

    return _once(conn, me, key, "POST /trips", body, do)


@router.get("/trips")
def list_trips(
    conn: Reader,
    me: Me,
    after: Annotated[str | None, Query(description="id of the last trip of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[TripOut]:
    """Trips you may see, oldest first."""
    rows = repository.trips(conn, me, after=after, limit=limit)
    return [_trip(conn, service.get_trip(conn, row["id"])) for row in rows]


@router.get("/trips/{trip_id}")
def get_trip(trip_id: str, conn: Reader, me: Me) -> TripOut:
    """One trip with its vehicles and its expected list."""
    return _trip(conn, service.get_trip(conn, trip_id, me))


@router.post("/trips/{trip_id}/vehicle")
def set_vehicle(trip_id: str, body: NewVehicle, conn: Tx, me: Dispatcher, key: Key = None) -> TripOut:
    """Put a vehicle and a driver on a trip; the vehicle before it leaves the trip at that instant."""
    trip = service.get_trip(conn, trip_id, me)

    def do() -> TripOut:
        start = now_ms() if body.from_ is None else parse_rfc3339(body.from_, "from")
        end = _ms(body.to)
        service.set_vehicle(conn, trip_id, body.vehicle, from_ms=start, to_ms=end, driver_id=body.driver)
        told: dict[str, Any] = {"from": start, **({} if end is None else {"to": end})}
        subjects = {"trip": trip_id, "vehicle": body.vehicle}
        _record(conn, me, "trip.vehicle", subjects, told, at=body.at or body.from_, key=key)
        _dock(conn, trip, start)
        return _trip(conn, trip)

    return _once(conn, me, key, f"POST /trips/{trip_id}/vehicle", body, do)


@router.post("/trips/{trip_id}/vehicle/end")
def end_vehicle(trip_id: str, body: End, conn: Tx, me: Dispatcher, key: Key = None) -> TripOut:
    """The trip is over for its vehicle, which is free for the next one."""
    trip = service.get_trip(conn, trip_id, me)

    def do() -> TripOut:
        end = now_ms() if body.at is None else parse_rfc3339(body.at, "at")
        vehicle, start = service.end_vehicle(conn, trip_id, end)
        # The same interval told again with its end: the fold lets the later telling of one start hold.
        told = {"from": start, "to": end}
        _record(conn, me, "trip.vehicle", {"trip": trip_id, "vehicle": vehicle}, told, at=body.at, key=key)
        _dock(conn, trip, end)
        return _trip(conn, trip)

    return _once(conn, me, key, f"POST /trips/{trip_id}/vehicle/end", body, do)


@router.post("/trips/{trip_id}/expected")
def set_expected(trip_id: str, body: NewExpected, conn: Tx, me: Dispatcher, key: Key = None) -> TripOut:
    """Put an order, or some of its units, on a trip's expected list, or take them off."""
    trip = service.get_trip(conn, trip_id, me)

    def do() -> TripOut:
        units = service.expect(conn, trip_id, body.order, body.units, remove=body.remove)
        told: dict[str, Any] = {} if units is None else {"units": units}
        if body.remove:
            told["remove"] = True
        _record(conn, me, "trip.expected", {"trip": trip_id, "order": body.order}, told, at=body.at, key=key)
        return _trip(conn, trip)

    return _once(conn, me, key, f"POST /trips/{trip_id}/expected", body, do)


@router.post("/doors/{door_id}/appointments", status_code=201)
def create_appointment(
    door_id: str, body: NewAppointment, conn: Tx, _: Annotated[Principal, Depends(require("dispatcher", "keeper"))]
) -> dict[str, str]:
    """Give a trip a dock door for some time."""
    start, end = parse_rfc3339(body.from_, "from"), parse_rfc3339(body.to, "to")
    made = service.appoint(conn, door_id, body.trip, start, end)
    site = fleet.get(conn, "door", door_id)["site_id"]
    orders.on_facts(conn, docks.reconcile(conn, site, start, now_ms()))
    return {"id": made}


def _dock(conn: Connection, trip: service.Trip, since: int) -> None:
    """A vehicle that stands at a stop of its trip already may have docked."""
    for site in sorted({stop["site_id"] for stop in trip.stops}):
        orders.on_facts(conn, docks.reconcile(conn, site, since, now_ms()))


def _once(
    conn: Connection, me: Principal, key: str | None, what: str, body: BaseModel, do: Callable[[], TripOut]
) -> TripOut:
    """The same command under the same Idempotency-Key is done once and answered the same."""
    answer = once(conn, me, key, what, body.model_dump(by_alias=True), lambda: do().model_dump(by_alias=False))
    return TripOut(**answer)


def _record(
    conn: Connection, me: Principal, kind: str, subjects: dict[str, str], body: dict[str, Any], *,
    at: str | None, key: str | None,
) -> None:  # fmt: skip
    now = now_ms()
    inputs = (f"{me.id}/{key}" if key else new_id(),)
    fact = Fact(
        id=fact_id(kind, subjects, inputs),
        kind=kind,
        at=now if at is None else parse_rfc3339(at, "at"),
        recorded_at=now,
        received_at=now,
        by=Author("dispatcher" if me.has("dispatcher") else "admin", me.id),
        source="person",
        subjects=subjects,
        body=body,
        grade=grade({"person"}, 1.0),
        inputs=inputs,
    )
    orders.record_facts(conn, me, [fact])


def _trip(conn: Connection, trip: service.Trip) -> TripOut:
    return TripOut(
        id=trip.id,
        number=trip.number,
        kind=trip.kind,
        branch=trip.branch,
        carrier=trip.carrier,
        stops=[
            Stop(
                seq=stop["seq"],
                site=stop["site_id"],
                planned_from=to_rfc3339(stop["planned_from"]),
                planned_to=to_rfc3339(stop["planned_to"]),
            )
            for stop in trip.stops
        ],
        vehicles=[
            TripVehicle(
                vehicle=row["vehicle_id"],
                driver=row["driver_id"],
                from_=to_rfc3339(row["from_ms"]),
                to=to_rfc3339(row["to_ms"]),
            )
            for row in repository.vehicle_intervals(conn, trip_id=trip.id)
        ],
        orders=service.expected_orders(conn, trip.id),
        expected=[
            Expected(order=order_id, unit=unit_id)
            for unit_id, order_id in service.expected_units(conn, trip.id).items()
        ],
    )


def _ms(text: str | None) -> int | None:
    return None if text is None else parse_rfc3339(text)
