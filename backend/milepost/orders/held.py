"""What holds a truck back: units that it and another truck both claim (EX-22; notes on RFID, section 5)."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection

from milepost.access.model import SYSTEM
from milepost.access.scope import readable
from milepost.orders import repository
from milepost.orders.tables import order

Row = dict[str, Any]
_MOST = 500


def claimed_twice(conn: Connection, vehicles: Iterable[str]) -> list[Row]:
    """Units that one of these vehicles and another one both claim: {order, number, unit, no, vehicles, since}.

    Whichever list they are on: the truck that should not have it is held as the one that should.
    """
    wanted = set(vehicles)
    found: list[Row] = []
    statement = readable(SYSTEM, order).where(order.c.open_exceptions > 0).order_by(order.c.updated_at.desc())
    for each in conn.execute(statement.limit(_MOST)).mappings() if wanted else ():
        row = dict(each)
        for trouble in repository.projection(row)["exceptions"]:
            if trouble["kind"] != "two_trucks" or trouble["closed_at"] is not None:
                continue
            data = trouble["data"]
            if wanted & set(data["vehicles"]):
                found.append({"order": row["id"], "number": row["number"], "unit": data["unit"], "no": data["no"],
                              "vehicles": list(data["vehicles"]), "since": trouble["opened_at"]})  # fmt: skip
    return sorted(found, key=lambda each: (each["number"], each["no"]))
