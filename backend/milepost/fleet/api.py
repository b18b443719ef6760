"""HTTP of vehicles, drivers, sites, doors, benches and bindings; devices are in api_devices."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from milepost.access.deps import Me, Reader, Tx, require
from milepost.access.model import Principal
from milepost.evidence import replay
from milepost.evidence.epcis import assets
from milepost.fleet import antennas, api_devices, repository, service
from milepost.fleet.model import plate_warning
from milepost.times import now_ms, parse_rfc3339, to_rfc3339

router = APIRouter(prefix="/api/v1", tags=["fleet"])
Planner = Annotated[Principal, Depends(require("dispatcher", "engineer"))]
After = Annotated[str | None, Query(description="id of the last row of the page before")]
Limit = Annotated[int, Query(ge=1, le=1000)]
_WRITINGS = "a pure identity URI, a GS1 Digital Link, or the hex digits of a tag; null takes it away"
_GIAI = f"GS1 asset identifier, by which partners know the vehicle: {_WRITINGS}"
_SGLN = f"GS1 location number with its extension, by which partners know the place: {_WRITINGS}"


class Created(BaseModel):
    id: str
    warnings: list[str] = []


class NewVehicle(BaseModel):
    plate: str = Field(min_length=2, max_length=20)
    kind: str = "truck"
    country: str = Field("CN", pattern="^[A-Z]{2}$")
    branch: str | None = Field(None, max_length=32)
    carrier: str | None = Field(None, max_length=36)
    giai: str | None = Field(None, description=_GIAI, max_length=200)


class Vehicle(NewVehicle):
    id: str


class VehicleChanges(BaseModel):
    giai: str | None = Field(description=_GIAI, max_length=200)


class NewDriver(BaseModel):
    name: str = Field(min_length=1, max_length=80)
    phone: str | None = Field(None, max_length=32)
    person_id: str | None = Field(None, max_length=36)
    branch: str | None = Field(None, max_length=32)
    carrier: str | None = Field(None, max_length=36)


class Driver(NewDriver):
    id: str


class NewSite(BaseModel):
    code: str = Field(min_length=1, max_length=32)
    name_zh: str = Field(min_length=1, max_length=80)
    name_en: str = Field(min_length=1, max_length=80)
    kind: str = Field(description="shipper, origin, hub, terminal or consignee")
    shape: dict[str, Any] = Field(
        description='{"type":"circle","lat","lon","radius_m"} or {"type":"polygon","points":[[lat,lon],…]}'
    )
    dwell_s: int = Field(60, description="seconds of standing after which a vehicle counts as stopped here")
    time_zone: str = "Asia/Shanghai"
    branch: str | None = Field(None, max_length=32)
    customer: str | None = Field(None, max_length=36)
    sgln: str | None = Field(None, description=_SGLN, max_length=200)


class Site(NewSite):
    id: str


class PlaceChanges(BaseModel):
    sgln: str | None = Field(description=_SGLN, max_length=200)


class Antenna(BaseModel):
    """Where an antenna of a door's readers looks."""

    antenna: int = Field(ge=0, le=255, description="its number on the reader, as tag records carry it")
    role: str = Field(description="inner (hall side) or outer (truck side)")
    device: str | None = Field(None, description="the reader; left out: whatever reader is mounted at the door")


class Antennas(BaseModel):
    antennas: list[Antenna] = Field(max_length=64)


class NewDoor(BaseModel):
    site: str
    number: str = Field(min_length=1, max_length=16)
    sgln: str | None = Field(None, description=_SGLN, max_length=200)
    gates: bool = Field(True, description="the door has an inner and an outer light gate")
    rssi_floor_dbm: float = Field(-60.0, description="peak level from which on a tag counts as passing")
    antennas: list[Antenna] = Field(
        default_factory=list[Antenna], max_length=64,
        description="with antennas on both sides the door is judged by the correlator, else by its gates and one level",
    )  # fmt: skip


class Door(NewDoor):
    id: str


class NewBench(BaseModel):
    site: str
    number: str = Field(min_length=1, max_length=16)
    rssi_floor_dbm: float = Field(-50.0, description="level from which on a tag counts as lying on the bench")


class Bench(NewBench):
    id: str


class NewBinding(BaseModel):
    device: str
    target_kind: str = Field(description="vehicle, door or bench")
    target_id: str
    from_: str | None = Field(None, alias="from", description="RFC 3339; default: now")
    to: str | None = Field(None, description="RFC 3339; default: open")


class Binding(BaseModel):
    id: str
    device: str
    target_kind: str
    target_id: str
    from_: str = Field(serialization_alias="from")
    to: str | None


class Ending(BaseModel):
    at: str | None = Field(None, description="RFC 3339; default: now")


@router.post("/vehicles", status_code=201)
def create_vehicle(body: NewVehicle, conn: Tx, _: Planner) -> Created:
    """Enter a vehicle. A plate that looks wrong for its country is taken with a warning."""
    vehicle_id = service.add_vehicle(conn, **body.model_dump(exclude={"giai"}))
    if body.giai:
        assets.set_name(conn, "vehicle", vehicle_id, body.giai)
    warning = plate_warning(body.plate, body.country)
    return Created(id=vehicle_id, warnings=[warning] if warning else [])


@router.get("/vehicles")
def list_vehicles(conn: Reader, me: Me, after: After = None, limit: Limit = 500) -> list[Vehicle]:
    """Vehicles you may see."""
    rows = repository.listing(conn, "vehicle", me, after=after, limit=limit)
    named = assets.names(conn, "vehicle", [row["id"] for row in rows])
    return [Vehicle(**row, giai=named.get(row["id"])) for row in rows]


@router.get("/vehicles/{vehicle_id}")
def get_vehicle(vehicle_id: str, conn: Reader, me: Me) -> Vehicle:
    """One vehicle."""
    row = service.get(conn, "vehicle", vehicle_id, me)
    return Vehicle(**row, giai=assets.names(conn, "vehicle", [vehicle_id]).get(vehicle_id))


@router.patch("/vehicles/{vehicle_id}")
def change_vehicle(vehicle_id: str, body: VehicleChanges, conn: Tx, me: Planner) -> Vehicle:
    """Say by which GS1 asset identifier partners know a vehicle."""
    service.get(conn, "vehicle", vehicle_id, me)
    assets.set_name(conn, "vehicle", vehicle_id, body.giai)
    return get_vehicle(vehicle_id, conn, me)


@router.post("/drivers", status_code=201)
def create_driver(body: NewDriver, conn: Tx, _: Planner) -> Created:
    """Enter a driver."""
    return Created(id=service.add_driver(conn, **body.model_dump()))


@router.get("/drivers")
def list_drivers(conn: Reader, me: Me, after: After = None, limit: Limit = 500) -> list[Driver]:
    """Drivers you may see."""
    return [Driver(**row) for row in repository.listing(conn, "driver", me, after=after, limit=limit)]


@router.post("/sites", status_code=201)
def create_site(body: NewSite, conn: Tx, _: Planner) -> Created:
    """Enter a site with its fence."""
    site_id = service.add_site(conn, **body.model_dump(exclude={"sgln"}))
    if body.sgln:
        assets.set_name(conn, "site", site_id, body.sgln)
    return Created(id=site_id)


@router.get("/sites")
def list_sites(conn: Reader, me: Me, after: After = None, limit: Limit = 500) -> list[Site]:
    """Sites you may see."""
    rows = repository.listing(conn, "site", me, after=after, limit=limit)
    named = assets.names(conn, "site", [row["id"] for row in rows])
    return [_site(row, named.get(row["id"])) for row in rows]


@router.get("/sites/{site_id}")
def get_site(site_id: str, conn: Reader, me: Me) -> Site:
    """One site."""
    return _site(service.get(conn, "site", site_id, me), assets.names(conn, "site", [site_id]).get(site_id))


@router.patch("/sites/{site_id}")
def change_site(site_id: str, body: PlaceChanges, conn: Tx, me: Planner) -> Site:
    """Say by which GS1 location number partners know a site."""
    service.get(conn, "site", site_id, me)
    assets.set_name(conn, "site", site_id, body.sgln)
    return get_site(site_id, conn, me)


@router.post("/doors", status_code=201)
def create_door(body: NewDoor, conn: Tx, _: Planner) -> Created:
    """Enter a dock door."""
    values = body.model_dump(exclude={"sgln", "antennas"})
    door_id = service.add_door(conn, site_id=values.pop("site"), **values)
    if body.antennas:
        antennas.set_antennas(conn, door_id, [each.model_dump() for each in body.antennas])
    if body.sgln:
        assets.set_name(conn, "door", door_id, body.sgln)
    return Created(id=door_id)


@router.patch("/doors/{door_id}")
def change_door(door_id: str, body: PlaceChanges, conn: Tx, me: Planner) -> Door:
    """Say by which GS1 location number, with its extension, partners know a dock door."""
    service.get(conn, "door", door_id, me)
    assets.set_name(conn, "door", door_id, body.sgln)
    return _door(service.get(conn, "door", door_id, me), antennas.of_doors(conn, [door_id]))


@router.put("/doors/{door_id}/antennas")
def set_antennas(door_id: str, body: Antennas, conn: Tx, me: Planner) -> Door:
    """Say where the antennas of a door look, in place of what was said before.

    With antennas on both sides the correlator judges the door from then on.
    """
    row = service.get(conn, "door", door_id, me)
    antennas.set_antennas(conn, door_id, [each.model_dump() for each in body.antennas])
    return _door(row, antennas.of_doors(conn, [door_id]))


@router.get("/doors")
def list_doors(conn: Reader, me: Me, after: After = None, limit: Limit = 500) -> list[Door]:
    """Dock doors you may see. What happens at one: GET /api/v1/doors/{id}."""
    rows = repository.listing(conn, "door", me, after=after, limit=limit)
    named = antennas.of_doors(conn, (row["id"] for row in rows))
    return [_door(row, named) for row in rows]


def _door(row: dict[str, Any], named: dict[str, list[dict[str, Any]]]) -> Door:
    own = [Antenna(**each) for each in antennas.as_json(named.get(row["id"], ()))]
    return Door(site=row["site_id"], antennas=own, **row)


@router.post("/benches", status_code=201)
def create_bench(body: NewBench, conn: Tx, _: Planner) -> Created:
    """Enter a picking bench: units read there are picked, if a pick list asks for them (T9)."""
    values = body.model_dump()
    return Created(id=service.add_bench(conn, site_id=values.pop("site"), **values))


@router.get("/benches")
def list_benches(conn: Reader, me: Me, after: After = None, limit: Limit = 500) -> list[Bench]:
    """Picking benches you may see."""
    return [
        Bench(site=row["site_id"], **row) for row in repository.listing(conn, "bench", me, after=after, limit=limit)
    ]


@router.post("/bindings", status_code=201)
def create_binding(body: NewBinding, conn: Tx, me: Planner) -> Created:
    """Mount a device on a vehicle, at a door or at a bench, from now or from an earlier time on."""
    start = parse_rfc3339(body.from_, "from") if body.from_ else now_ms()
    end = parse_rfc3339(body.to, "to") if body.to else None
    binding_id = service.bind(conn, body.device, body.target_kind, body.target_id, start, end, by=me.id)
    if body.target_kind == "vehicle" and start < now_ms():  # its fixes since then are this vehicle's now
        replay.ask(conn, body.target_id, start)
    return Created(id=binding_id)


@router.get("/bindings")
def list_bindings(conn: Reader, _: Planner, device: str | None = None, target_id: str | None = None) -> list[Binding]:
    """Bindings by device or by what it was mounted on."""
    equal = {"device_id": device, "target_id": target_id}
    rows = repository.bindings(conn, **{name: value for name, value in equal.items() if value is not None})
    return [_binding(row) for row in rows]


@router.post("/bindings/{binding_id}/end")
def end_binding(binding_id: str, body: Ending, conn: Tx, _: Planner) -> Binding:
    """Unmount."""
    at = parse_rfc3339(body.at, "at") if body.at else now_ms()
    return _binding(service.unbind(conn, binding_id, at))


def _site(row: repository.Row, sgln: str | None) -> Site:
    return Site(**{**row, "shape": json.loads(row["shape"]), "sgln": sgln})


def _binding(row: repository.Row) -> Binding:
    return Binding(
        id=row["id"],
        device=row["device_id"],
        target_kind=row["target_kind"],
        target_id=row["target_id"],
        from_=to_rfc3339(row["from_ms"]) or "",
        to=to_rfc3339(row["to_ms"]),
    )


router.include_router(api_devices.router)
