"""What somebody typed or scanned into one field: a tag, a unit's id, or the number on its label. Reads only."""

import re
from collections.abc import Sequence

from sqlalchemy import Connection

from milepost.access.model import SYSTEM
from milepost.access.scope import readable
from milepost.errors import Invalid, NotFound
from milepost.orders.tables import order
from milepost.plan import repository as plan_rows
from milepost.plan import service as plan
from milepost.times import now_ms
from milepost.web.trip_load import label

# `SO-1 #3`, `SO-1·3`, `SO-1/3`, `#3`, `3`
_LABEL = re.compile(r"(?:(?P<order>\S.*?)\s*[#·/:\s]\s*#?|#?)(?P<no>\d{1,5})")


def unit_of(conn: Connection, text: str, orders: Sequence[str]) -> plan.Unit | None:
    """The unit that a text names, or None.

    A number alone is looked for in `orders` (ids); it means a unit only where one of them has it. Whoever holds the
    piece in their hands may know what it is, so this looks beyond their scopes.
    """
    text = text.strip()
    if not text:
        return None
    try:
        found = plan.unit_of_epc(conn, plan.normal_epc(text), now_ms())
    except Invalid:
        found = None
    if found is not None:
        return found
    try:
        return plan.get_unit(conn, text)
    except NotFound:
        pass
    match = _LABEL.fullmatch(text)
    if match is None:
        return None
    if match["order"]:
        statement = readable(SYSTEM, order, order.c.id).where(order.c.number == match["order"])
        within = list(conn.execute(statement).scalars())
    else:
        within = list(orders)
    units = [row for key in within for row in plan_rows.units(conn, order_id=key) if row["no"] == int(match["no"])]
    return plan.get_unit(conn, units[0]["id"]) if len(units) == 1 else None


def label_of(conn: Connection, unit_id: str) -> tuple[str, str] | None:
    """(order id, `SO-1 #3`) of a unit, or None for one that there is not."""
    rows = plan_rows.units(conn, id=unit_id)
    if not rows:
        return None
    number = conn.execute(readable(SYSTEM, order, order.c.number).where(order.c.id == rows[0]["order_id"])).scalar()
    return rows[0]["order_id"], label(number or "–", rows[0]["no"])
