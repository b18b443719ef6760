"""The GS1 names of vehicles (GIAI) and of places (SGLN): what partners call them in events (GS1 TDS 1.13, CBV 2.0).

A name is kept as it is told in events: a pure identity URI, or a Digital Link where only that is known, because a link
does not say where the company prefix ends. Beside it stands its identity, which is one for all writings.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from milepost.access.model import SYSTEM
from milepost.access.scope import readable
from milepost.errors import Conflict, Invalid
from milepost.evidence.epc import EpcError, check_uri, identity, read, tags_of
from milepost.evidence.epcis.tables import gs1_name
from milepost.evidence.tables import vehicle_tag
from milepost.fleet import repository as fleet_rows
from milepost.fleet import service as fleet
from milepost.fleet.tables import door

SCHEMES = {"vehicle": "giai", "site": "sgln", "door": "sgln"}
_LINK = {"giai": "https://id.gs1.org/8004/", "sgln": "https://id.gs1.org/414/"}
EXAMPLES = {
    "vehicle": "urn:epc:id:giai:9521141.12345",
    "site": "urn:epc:id:sgln:9521141.12345.0",
    "door": "urn:epc:id:sgln:9521141.12345.7",
}


def normal(kind: str, text: str) -> str:
    """The name of a vehicle, site or door as it is kept, from any writing: hex digits of a tag, URI, Digital Link.

    Raises Invalid saying what is wrong with it.
    """
    scheme, given = SCHEMES[kind], text.strip()
    example = f"; write it like {EXAMPLES[kind]}, as a GS1 Digital Link, or as the hex digits of the tag"
    try:
        if given.startswith(("http://", "https://")):
            check_uri(given)
            told = identity(given)
            if not told.startswith(_LINK[scheme]) or not tags_of(told):
                raise Invalid(f"{given[:80]!r} is no {scheme.upper()}{example}")
            return told
        found = read(given if ":" in given else given.upper())
    except EpcError as error:
        raise Invalid(f"{scheme}: {error}{example}", reason=error.reason) from None
    if found.scheme != scheme:
        raise Invalid(f"{given[:80]!r} is a {found.scheme}; a {kind} has a {scheme.upper()}{example}")
    return found.uri


def set_name(conn: Connection, kind: str, target: str, text: str | None) -> str | None:
    """Say what a vehicle, site or door is called; None or an empty text takes the name away. Returns it as it is kept.

    Raises NotFound, Invalid, Conflict naming what is called so already.
    """
    fleet.get(conn, kind, target)
    uri = normal(kind, text) if text and text.strip() else None
    other = (
        None if uri is None else next((each for each in ids_of(conn, kind, [identity(uri)]) if each != target), None)
    )
    if other is not None:
        raise Conflict(f"{kind} {other} is called {uri} already", changed={kind: other})
    if kind == "door":
        fleet_rows.change(conn, "door", target, sgln=uri)
        return uri
    mine = (gs1_name.c.kind == kind) & (gs1_name.c.target_id == target)
    if uri is None:
        conn.execute(delete(gs1_name).where(mine))
        return None
    values = {"uri": uri, "identity": identity(uri)}
    if conn.execute(update(gs1_name).where(mine).values(values)).rowcount == 0:
        conn.execute(insert(gs1_name).values(kind=kind, target_id=target, **values))
    return uri


def names(conn: Connection, kind: str, ids: Iterable[str]) -> dict[str, str]:
    """What those of these vehicles or sites are called that have a name, by id."""
    statement = select(gs1_name.c.target_id, gs1_name.c.uri).where(
        gs1_name.c.kind == kind, gs1_name.c.target_id.in_(sorted(set(ids)))
    )
    return {row.target_id: row.uri for row in conn.execute(statement)}


def ids_of(conn: Connection, kind: str, identities: Iterable[str]) -> list[str]:
    """The vehicles, sites or doors that are called so. `identities`: see `epc.identity`."""
    wanted = sorted(set(identities))
    if kind == "door":
        return [row["id"] for row in _doors(conn) if identity(row["sgln"]) in wanted]
    statement = select(gs1_name.c.target_id).where(gs1_name.c.kind == kind, gs1_name.c.identity.in_(wanted))
    return list(conn.execute(statement).scalars())


def carried_by(conn: Connection, vehicle: str) -> list[dict[str, Any]]:
    """The tags that a vehicle ever carried: {epc, from_ms, to_ms}, half-open, the oldest first."""
    statement = select(vehicle_tag).where(vehicle_tag.c.vehicle_id == vehicle).order_by(vehicle_tag.c.from_ms)
    return [dict(row) for row in conn.execute(statement).mappings()]


def vehicles_of(conn: Connection, identities: Iterable[str]) -> list[str]:
    """The vehicles that are called so by the register, or that ever carried such a tag."""
    wanted = [each for each in identities if each.startswith(_LINK["giai"])]
    tags = sorted({tag for each in wanted for tag in tags_of(each)})
    carrying = select(vehicle_tag.c.vehicle_id).where(vehicle_tag.c.epc.in_(tags)).distinct()
    return [*ids_of(conn, "vehicle", wanted), *conn.execute(carrying).scalars()]


def _doors(conn: Connection) -> list[dict[str, Any]]:
    statement = readable(SYSTEM, door, door.c.id, door.c.sgln).where(door.c.sgln.is_not(None))
    return [dict(row) for row in conn.execute(statement).mappings()]
