"""HTTP of evidence: facts of a subject, dock sessions, what happens at a door."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from milepost.access.deps import Me, Reader, Tx, require
from milepost.access.model import Principal
from milepost.access.once import once
from milepost.errors import Invalid, NotFound
from milepost.evidence import (
    api_contents,
    api_epc,
    api_epcis,
    api_travel,
    log,
    repository,
    service,
    sessions,
    trailers,
    view,
)
from milepost.evidence.model import Author, Fact
from milepost.fleet import service as fleet
from milepost.orders import service as orders
from milepost.plan import service as plan
from milepost.times import now_ms, parse_rfc3339, to_rfc3339

router = APIRouter(prefix="/api/v1", tags=["evidence"])
for part in (api_epc, api_contents, api_epcis, api_travel):
    router.include_router(part.router)
Keeper = Annotated[Principal, Depends(require("keeper"))]
Key = Annotated[str | None, Header(alias="Idempotency-Key", max_length=128)]


class NewSession(BaseModel):
    vehicle: str
    trip: str
    direction: str = Field("load", description="load or unload")
    from_: str | None = Field(None, alias="from", description="RFC 3339; default: now")
    to: str | None = Field(None, description="RFC 3339; default: it goes on")


class Correction(BaseModel):
    """What was wrong of a session; what is left out stays as it is."""

    door: str | None = None
    vehicle: str | None = None
    trip: str | None = None
    direction: str | None = Field(None, description="load or unload")
    from_: str | None = Field(None, alias="from", description="RFC 3339")
    to: str | None = Field(None, description="RFC 3339")


class VehicleTag(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    epc: str = Field(description="hex digits of a GIAI-96 or GIAI-202", max_length=200)
    from_: str | None = Field(None, alias="from", description="RFC 3339; default: now")
    to: str | None = Field(None, description="RFC 3339; default: it stays on")


class Ending(BaseModel):
    at: str | None = Field(None, description="RFC 3339; default: now")


class FactOut(BaseModel):
    id: str
    rev: int
    kind: str
    at: str
    recorded_at: str
    received_at: str
    clock: str
    by: dict[str, str | None]
    source: str
    subjects: dict[str, str]
    body: dict[str, Any]
    confidence: float
    grade: str | None
    inputs: list[str]
    snapshot: dict[str, Any] | None
    rule: str | None
    retracted: bool


@router.get("/evidence")
def list_evidence(
    conn: Reader,
    me: Me,
    subject: Annotated[str, Query(description="kind:id with kind order, unit, vehicle, door, site or trip")],
    kind: Annotated[str | None, Query(description="only this kind of fact")] = None,
    limit: Annotated[int, Query(ge=1, le=2000, description="the newest so many")] = 500,
) -> list[FactOut]:
    """Facts of a subject with grade, rule, inputs and snapshot, by time."""
    subject_kind, _, subject_id = subject.partition(":")
    subjects = _visible(conn, me, subject_kind, subject_id)
    facts = log.of_subjects(conn, subjects)
    hold = {(fact.id, fact.rev) for fact in service.standing(facts)}
    if kind is not None:
        facts = [fact for fact in facts if fact.kind == kind]
    return [fact_out(fact, retracted=(fact.id, fact.rev) not in hold and fact.kind != "fact.retracted")
            for fact in facts[-limit:]]  # fmt: skip


@router.post("/doors/{door_id}/sessions", status_code=201)
def open_session(door_id: str, body: NewSession, conn: Tx, me: Keeper, key: Key = None) -> dict[str, Any]:
    """A vehicle is docked for a trip: what crosses the door from now on goes onto it, or comes off it."""
    fleet.get(conn, "door", door_id, me)

    def do() -> dict[str, Any]:
        start = now_ms() if body.from_ is None else parse_rfc3339(body.from_, "from")
        row, facts = sessions.open_session(
            conn,
            door=door_id,
            vehicle=body.vehicle,
            trip=body.trip,
            direction=body.direction,
            from_ms=start,
            to_ms=None if body.to is None else parse_rfc3339(body.to, "to"),
            by=me.id,
        )
        _tell_orders(conn, facts)
        return view.session_view(conn, row)

    return once(conn, me, key, f"POST /doors/{door_id}/sessions", body.model_dump(), do)


@router.get("/sessions/{session_id}")
def get_session(session_id: str, conn: Reader, me: Me) -> dict[str, Any]:
    """A session with its list."""
    return view.session_view(conn, _session(conn, session_id, me))


@router.post("/sessions/{session_id}/close")
def close_session(session_id: str, body: Ending, conn: Tx, me: Keeper, key: Key = None) -> dict[str, Any]:
    """The vehicle leaves the door; what is short or over against the expected list becomes a fact."""
    _session(conn, session_id, me)

    def do() -> dict[str, Any]:
        at = now_ms() if body.at is None else parse_rfc3339(body.at, "at")
        row, facts = sessions.close_session(conn, session_id, at, Author("keeper", me.id))
        _tell_orders(conn, facts)
        return {**view.session_view(conn, row), **{name: facts[-1].body[name] for name in ("short", "over")}}

    return once(conn, me, key, f"POST /sessions/{session_id}/close", body.model_dump(), do)


@router.post("/sessions/{session_id}/correct")
def correct_session(session_id: str, body: Correction, conn: Tx, me: Keeper, key: Key = None) -> dict[str, Any]:
    """Another door, vehicle, trip, way or time of a session: reads of its time follow, as corrections."""
    _session(conn, session_id, me)
    given = body.model_dump(exclude_none=True)
    if not given:
        raise Invalid("name what was wrong: door, vehicle, trip, direction, from or to")
    if body.door is not None:
        fleet.get(conn, "door", body.door, me)

    def do() -> dict[str, Any]:
        columns = {"door": "door_id", "vehicle": "vehicle_id", "trip": "trip_id", "direction": "direction"}
        changes: dict[str, Any] = {columns[name]: value for name, value in given.items() if name in columns}
        for name in ("from", "to"):
            text = body.from_ if name == "from" else body.to
            if text is not None:
                changes[f"{name}_ms"] = parse_rfc3339(text, name)
        row, facts = sessions.correct_session(conn, session_id, me.id, **changes)
        _tell_orders(conn, facts)
        return view.session_view(conn, row)

    return once(conn, me, key, f"POST /sessions/{session_id}/correct", body.model_dump(), do)


@router.get("/doors/{door_id}")
def get_door(door_id: str, conn: Reader, me: Me) -> dict[str, Any]:
    """A door: its session with the expected list and what is done, the last passages, what is appointed."""
    return view.door_view(conn, fleet.get(conn, "door", door_id, me))


@router.post("/vehicles/{vehicle_id}/tags", status_code=201)
def bind_tag(
    vehicle_id: str, body: VehicleTag, conn: Tx, me: Annotated[Principal, Depends(require("dispatcher", "engineer"))]
) -> VehicleTag:
    """The tag (GIAI) of a vehicle or trailer: a reader at a door that hears it knows who has docked."""
    fleet.get(conn, "vehicle", vehicle_id, me)
    start = now_ms() if body.from_ is None else parse_rfc3339(body.from_, "from")
    end = None if body.to is None else parse_rfc3339(body.to, "to")
    epc = trailers.bind_tag(conn, vehicle_id, body.epc, start, end)
    return VehicleTag.model_validate({"epc": epc, "from": to_rfc3339(start), "to": to_rfc3339(end)})


@router.get("/vehicles/{vehicle_id}/passes")
def list_passes(
    vehicle_id: str,
    conn: Reader,
    me: Me,
    from_: Annotated[str, Query(alias="from", description="RFC 3339")],
    to: Annotated[str, Query(description="RFC 3339, exclusive")],
) -> list[dict[str, Any]]:
    """Fences that a vehicle drove through or by without arriving."""
    fleet.get(conn, "vehicle", vehicle_id, me)
    rows = repository.passes(conn, vehicle_id, parse_rfc3339(from_, "from"), parse_rfc3339(to, "to"))
    return [
        {"site": row["site_id"], "entered": to_rfc3339(row["entered_at"]), "left": to_rfc3339(row["left_at"])}
        for row in rows
    ]


def fact_out(fact: Fact, *, retracted: bool = False) -> FactOut:
    """A fact as JSON."""
    return FactOut(
        id=fact.id,
        rev=fact.rev,
        kind=fact.kind,
        at=to_rfc3339(fact.at) or "",
        recorded_at=to_rfc3339(fact.recorded_at) or "",
        received_at=to_rfc3339(fact.received_at) or "",
        clock=fact.clock,
        by={"role": fact.by.role, "id": fact.by.id, "branch": fact.by.branch},
        source=fact.source,
        subjects=dict(fact.subjects),
        body=dict(fact.body),
        confidence=fact.confidence,
        grade=fact.grade,
        inputs=list(fact.inputs),
        snapshot=None if fact.snapshot is None else dict(fact.snapshot),
        rule=fact.rule,
        retracted=retracted,
    )


def _visible(conn: Connection, me: Principal, kind: str, subject_id: str) -> list[tuple[str, str]]:
    """The subjects whose facts make up the answer, once `me` may see what was asked for. Raises NotFound."""
    if kind in ("vehicle", "door", "site"):
        fleet.get(conn, kind, subject_id, me)
    elif kind == "trip":
        plan.get_trip(conn, subject_id, me)
    elif kind == "unit":
        plan.get_unit(conn, subject_id, me)
    elif kind == "order":
        subject_id = orders.get(conn, me, subject_id)["id"]  # its number will do as well
        return [("order", subject_id), *(("unit", unit.id) for unit in plan.units_of_order(conn, subject_id))]
    else:
        raise Invalid(f"subject {kind!r}: write order:, unit:, vehicle:, door:, site: or trip: and an id")
    return [(kind, subject_id)]


def _session(conn: Connection, session_id: str, me: Principal) -> dict[str, Any]:
    row = repository.session(conn, session_id)
    if row is None:
        raise NotFound(f"no session {session_id!r}; GET /api/v1/doors/{{id}} shows a door's current one")
    fleet.get(conn, "door", row["door_id"], me)
    return row


def _tell_orders(conn: Connection, facts: list[Fact]) -> None:
    """Facts that a person's act brought about move the orders in the same transaction."""
    if facts:
        orders.on_facts(conn, facts)
