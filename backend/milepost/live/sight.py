"""Which vehicles a person sees on the board."""

from sqlalchemy import Connection

from milepost.access.model import Principal
from milepost.access.scope import readable
from milepost.fleet.tables import vehicle


def vehicles_of(conn: Connection, me: Principal) -> frozenset[str] | None:
    """Ids of the vehicles within the person's scopes; None when that is all of them."""
    if me.sees_all:
        return None
    return frozenset(conn.scalars(readable(me, vehicle, vehicle.c.id)))
