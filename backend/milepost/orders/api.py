"""HTTP of the orders: ask, one address per step, read, evidence (DESIGN: HTTP)."""

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query
from fastapi import Path as InPath
from pydantic import AfterValidator

from milepost.access.deps import Me, Reader, database
from milepost.access.once import once
from milepost.db import Database
from milepost.orders import carry, derive, history_api, import_api, service
from milepost.orders.answers import FactOut, OrderOut, Page, SplitOut, TripStep
from milepost.orders.bodies import BODIES, TRIP_BODIES, Append, Command, Plain, Request, Split
from milepost.orders.fields import storable
from milepost.orders.listing import SORTS, Filter
from milepost.orders.service import Asked
from milepost.orders.transitions import STEPS, TRIP_STEPS
from milepost.times import parse_rfc3339

router = APIRouter(prefix="/api/v1", tags=["orders"])
Db = Annotated[Database, Depends(database)]
Ref = Annotated[str, InPath(description="id or number of the order", max_length=64)]
Key = Annotated[
    str | None,
    Header(alias="Idempotency-Key", max_length=128, pattern=r"^[\x21-\x7e]+$", description="one per command"),
]
Version = Annotated[
    int | None,
    Header(alias="If-Match", ge=0, le=2**31, description="`version` of the order you saw; refused if it has changed"),
]


def _plain(text: str | None) -> str | None:
    return None if text is None else storable(text)


_STORABLE = AfterValidator(_plain)


@router.post("/orders", status_code=201)
def create_order(body: Request, db: Db, me: Me, key: Key = None) -> OrderOut:
    """Take in a request for an order (stage 1, 申购)."""
    fields = body.fields()
    number = fields.pop("number", None)
    asked = Asked(fields, body.at, key, body.source)
    with db.tx() as conn:
        answer = once(
            conn, me, key, "POST /orders", body.model_dump(mode="json"),
            lambda: service.create(conn, me, asked, number),
        )  # fmt: skip
    return OrderOut(**answer)


@router.get("/orders")
def list_orders(
    conn: Reader,
    me: Me,
    state: Annotated[
        str | None, Query(max_length=400, description="one or several states, with commas"), _STORABLE
    ] = None,
    stage: Annotated[int | None, Query(ge=1, le=9)] = None,
    type: Annotated[Literal["goods", "consignment"] | None, Query()] = None,
    branch: Annotated[str | None, Query(max_length=64), _STORABLE] = None,
    channel: Annotated[str | None, Query(max_length=80), _STORABLE] = None,
    customer_class: Annotated[str | None, Query(alias="class", max_length=80), _STORABLE] = None,
    customer: Annotated[str | None, Query(max_length=64), _STORABLE] = None,
    q: Annotated[
        str | None,
        Query(max_length=64, description="part of a number, waybill, name, phone, address or goods, aliases too"),
        _STORABLE,
    ] = None,
    trip: Annotated[str | None, Query(max_length=64), _STORABLE] = None,
    vehicle: Annotated[str | None, Query(max_length=64), _STORABLE] = None,
    created_from: Annotated[str | None, Query(max_length=40, description="RFC 3339, included"), _STORABLE] = None,
    created_to: Annotated[str | None, Query(max_length=40, description="RFC 3339, excluded"), _STORABLE] = None,
    ship_from: Annotated[date | None, Query(description="day, included")] = None,
    ship_to: Annotated[date | None, Query(description="day, included")] = None,
    exceptions: Annotated[bool | None, Query(description="with open exceptions, or without")] = None,
    sort: Annotated[str, Query(max_length=20, description=f"{', '.join(SORTS)}; - before it: downwards")] = "-created",
    cursor: Annotated[str | None, Query(max_length=900), _STORABLE] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Page:
    """Orders you may see, newest first."""
    given = Filter(
        states=[each.strip() for each in state.split(",") if each.strip()] if state else (),
        stage=stage, type=type, branch=branch, channel=channel, customer_class=customer_class, customer=customer,
        q=q, trip=trip, vehicle=vehicle,
        created_from=None if created_from is None else parse_rfc3339(created_from, "created_from"),
        created_to=None if created_to is None else parse_rfc3339(created_to, "created_to"),
        ship_from=ship_from, ship_to=ship_to, exceptions=exceptions,
    )  # fmt: skip
    return Page(**service.listing(conn, me, given, sort=sort, cursor=cursor, limit=limit))


@router.get("/orders/{ref}")
def get_order(ref: Ref, conn: Reader, me: Me) -> OrderOut:
    """One order with its nine stages, units, exceptions, and the commands you may give now."""
    return OrderOut(**service.get(conn, me, ref))


@router.get("/orders/{ref}/evidence")
@router.get("/orders/{ref}/facts")
def get_evidence(ref: Ref, conn: Reader, me: Me) -> list[FactOut]:
    """The facts behind an order, newest first: who or what says so, how sure it is, on which readings it rests."""
    return [FactOut(**fact) for fact in service.evidence_of(conn, me, ref)]


router.include_router(history_api.router)
router.include_router(import_api.router)


def _step(name: str, body_type: type[Command]) -> Callable[..., Any]:
    def step(ref: Ref, body: body_type, db: Db, me: Me, key: Key = None, version: Version = None) -> OrderOut:  # type: ignore[valid-type]
        return OrderOut(**carry.on_order(db, me, ref, name, body, key, version))

    return step


def _trip_step(name: str, body_type: type[Command]) -> Callable[..., Any]:
    def step(trip: Annotated[str, InPath(max_length=64)], body: body_type, db: Db, me: Me, key: Key = None) -> TripStep:  # type: ignore[valid-type]
        return TripStep(**carry.on_trip(db, me, trip, name, body, key))

    return step


@router.post("/orders/{ref}/split", status_code=201)
def split_order(ref: Ref, body: Split, db: Db, me: Me, key: Key = None, version: Version = None) -> SplitOut:
    """Decompose an order into several, before it is locked (LI-7)."""
    return SplitOut(**carry.on_order(db, me, ref, "split", body, key, version, derive.split))


def _derived(name: str, body_type: type[Command], make: Callable[..., dict[str, Any]]) -> Callable[..., Any]:
    def step(ref: Ref, body: body_type, db: Db, me: Me, key: Key = None, version: Version = None) -> OrderOut:  # type: ignore[valid-type]
        return OrderOut(**carry.on_order(db, me, ref, name, body, key, version, make))

    return step


for _name, _body, _make, _says in (
    ("append", Append, derive.extend, "A supplementary order for the same customer, linked to this one (OD-3)."),
    ("copy", Plain, derive.copy, "A new request with the same content (LI-5)."),
):
    router.add_api_route(
        f"/orders/{{ref}}/{_name}",
        _derived(_name, _body, _make),
        methods=["POST"],
        status_code=201,
        name=f"order_{_name}",
        operation_id=f"order_{_name}",
        summary=f"{_name.capitalize()} an order",
        description=_says,
    )
for _name, _body in BODIES.items():
    _t = STEPS[_name].t
    router.add_api_route(
        f"/orders/{{ref}}/{_name}",
        _step(_name, _body),
        methods=["POST"],
        name=f"order_{_name}",
        operation_id=f"order_{_name.replace('-', '_')}",
        summary=f"{_name.replace('-', ' ').capitalize()}" + (f" ({_t})" if _t else ""),
        description=f"Writes `{STEPS[_name].kind}`. Legal in: {', '.join(sorted(STEPS[_name].states))}.",
    )
for _name, _body in TRIP_BODIES.items():
    router.add_api_route(
        f"/trips/{{trip}}/{_name}",
        _trip_step(_name, _body),
        methods=["POST"],
        name=f"trip_{_name}",
        operation_id=f"trip_{_name.replace('-', '_')}",
        summary=f"{_name.replace('-', ' ').capitalize()} of a trip",
        description=f"Writes `{TRIP_STEPS[_name]}`.",
    )
