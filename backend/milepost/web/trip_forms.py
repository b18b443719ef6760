"""Forms of trips: what they ask, and how what was typed becomes the bodies that the API takes."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field
from sqlalchemy import Connection, func, select

from milepost.access.model import SYSTEM, Principal
from milepost.access.scope import readable
from milepost.orders.bodies import TRIP_BODIES, Command, Instant, Strict
from milepost.orders.fields import Id
from milepost.orders.tables import order
from milepost.plan import repository as plan_rows
from milepost.plan import service as plan
from milepost.plan.api import NewStop, NewTrip, NewVehicle
from milepost.plan.tables import trip, trip_expected
from milepost.web.forms.describe import Input, inputs_of
from milepost.web.forms.offers import Offers
from milepost.web.forms.reading import Texts, Wrong, body_of, first
from milepost.web.forms.view import form_of
from milepost.web.trip_acts import Back, Translate

Row = dict[str, Any]
ROWS, MOST_ROWS = 4, 40
_STOP = ("site", "planned_from", "planned_to")
# `SO-1`, `SO-1 #2 #3`, `SO-1: 2 3`: an order, or some of its units.
_SOME = re.compile(r"\s*[:#]\s*|\s+#?\s*")


class _Plan(Strict):
    number: str = Field(min_length=1, max_length=40)
    kind: Literal["pickup", "line", "delivery", "direct"]
    branch: Id | None = None
    carrier: str | None = Field(None, max_length=36)
    vehicle: Id | None = None
    driver: Id | None = None
    from_: Instant | None = Field(None, alias="from")


class _Stop(Strict):
    site: Id
    planned_from: Instant | None = None
    planned_to: Instant | None = None


class _Vehicle(Strict):
    vehicle: Id
    driver: Id | None = None
    from_: Instant | None = Field(None, alias="from")


_PLAN = (
    Input("number", ("number",), "text", True, longest=40),
    Input("kind", ("kind",), "choice", True, choices=plan.TRIP_KINDS),
    Input("branch", ("branch",), "branch", False),
    Input("carrier", ("carrier",), "text", False, longest=36),
    Input("vehicle", ("vehicle",), "vehicle", False),
    Input("driver", ("driver",), "driver", False),
    Input("from", ("from",), "time", False),
)
VEHICLE = (
    Input("vehicle", ("vehicle",), "vehicle", True),
    Input("driver", ("driver",), "driver", False),
    Input("from", ("from",), "time", False),
)


def plan_inputs(rows: int) -> tuple[Input, ...]:
    """Inputs of a new trip with so many rows of stops."""
    return (*_PLAN, *(each for n in range(rows) for each in _stop_inputs(n)))


def rows_of(given: Texts) -> int:
    """How many rows of stops a form had."""
    return next((n for n in range(MOST_ROWS) if not given.getlist(f"stops.{n}.planned_from")), MOST_ROWS) or ROWS


def planned(given: Texts, zone: ZoneInfo, ids: Mapping[str, Mapping[str, str]]) -> tuple[NewTrip, NewVehicle | None]:
    """The trip of a form, and the vehicle for it when one is named. Raises Wrong."""
    faults: list[Any] = []
    said: _Plan | None = None
    try:
        said = body_of(_Plan, _PLAN, given, zone, ids)
    except Wrong as wrong:
        faults += wrong.faults
    stops = []
    for n in range(rows_of(given)):
        if not any(first(given, f"stops.{n}.{name}") for name in _STOP):
            continue
        try:
            stop = body_of(_Stop, _stop_inputs(n), given, zone, ids)
            stops.append(NewStop(site=stop.site, planned_from=stop.planned_from, planned_to=stop.planned_to))
        except Wrong as wrong:
            faults += [(where if where.startswith("stops.") else f"stops.{n}.{where}", kind, values)
                       for where, kind, values in wrong.faults]  # fmt: skip
    if not stops and not faults:
        faults.append(("stops.0.site", "missing", {}))
    if said is not None and said.vehicle is None and said.driver is not None:
        faults.append(("vehicle", "missing", {}))
    if faults or said is None:
        raise Wrong(faults)
    body = NewTrip.model_validate({**said.model_dump(include={"number", "kind", "branch", "carrier"}), "stops": stops})
    return body, None if said.vehicle is None else _on(said.vehicle, said.driver, said.from_)


def vehicle_of(given: Texts, zone: ZoneInfo, ids: Mapping[str, Mapping[str, str]]) -> NewVehicle:
    """The vehicle that takes a trip over. Raises Wrong."""
    said = body_of(_Vehicle, VEHICLE, given, zone, ids)
    return _on(said.vehicle, said.driver, said.from_)


def named_orders(conn: Connection, me: Principal, given: Texts) -> list[tuple[str, list[str] | None]]:
    """(order id, its units or None for all) of a form: ticked ones, and one order a row with units behind it.

    Raises Wrong naming the row that says nothing we know.
    """
    rows = [str(each) for each in given.getlist("order")] + first(given, "orders").splitlines()
    made: dict[str, list[str] | None] = {}
    faults: list[tuple[str, str, dict[str, Any]]] = []
    for text in (row.strip()[:200] for row in rows if row.strip()):
        number, *nos = [part for part in _SOME.split(text) if part]
        found = _order(conn, me, text) or _order(conn, me, number)
        if found is None:
            faults.append(("orders", "unknown", {"text": text[:40]}))
            continue
        if _order(conn, me, text) is not None or not nos:
            made[found] = None
            continue
        units = {str(row["no"]): row["id"] for row in plan_rows.units(conn, order_id=found)}
        strange = [no for no in nos if no not in units]
        faults += [("orders", "unit", {"text": f"{number} #{no}"}) for no in strange]
        if not strange and (found not in made or made[found] is not None):
            made[found] = [*(made.get(found) or []), *(units[no] for no in nos)]
    if not made and not faults:
        faults.append(("orders", "missing", {}))
    if faults:
        raise Wrong(faults)
    return list(made.items())


def listed(conn: Connection, ids: Iterable[str]) -> set[str]:
    """Those of these orders that some trip expects."""
    statement = select(trip_expected.c.order_id).where(trip_expected.c.order_id.in_(list(ids))).distinct()
    return set(conn.execute(statement).scalars())


def free_number(conn: Connection, day: date) -> str:
    """The next number for a trip of this day: `T-261126-07`."""
    prefix = f"T-{day:%y%m%d}-"
    used = conn.execute(readable(SYSTEM, trip, func.max(trip.c.number)).where(trip.c.number.like(f"{prefix}__")))
    last = used.scalar_one() or ""
    return f"{prefix}{int(last[-2:]) + 1 if last[-2:].isdigit() else 1:02d}"


def cautions(load: Row, t: Translate) -> list[str]:
    """What the driver is to be told (OT-8), in words, each once."""
    made = [t(f"trip.caution.{kind}", n=row["number"], text=text) for row in load["orders"]
            for kind, text in row["cautions"]]  # fmt: skip
    made += [t("trip.caution.priority", n=row["number"]) for row in load["orders"] if row["priority"]]
    return list(dict.fromkeys(made))


def sign_form(t: Translate, load: Row, back: Back | None) -> Row:
    """The driver's form: how many pieces he takes over. Nothing is filled in for him."""
    mine = back if back and back.name == "load-sign" else None
    form = form_of(
        "load-sign", TRIP_BODIES["load-sign"], t, Offers(), given=mine.given if mine else None,
        wrong=mine.wrong if mine else None,
    )  # fmt: skip
    # Cautions are ticked one by one beside this form; more of them are typed below each other.
    more = [each | {"name": "more", "value": first(mine.given, "more") if mine else ""} if each["name"] == "cautions"
            else each for each in form["inputs"]]  # fmt: skip
    return form | {"inputs": more, "asked": False, "open": mine is not None}


def signed(given: Texts) -> Command:
    """The driver's signature. Raises Wrong."""
    model = TRIP_BODIES["load-sign"]
    told = [str(each) for each in given.getlist("cautions") if str(each).strip()]
    told += [row.strip() for row in first(given, "more").splitlines() if row.strip()]
    inputs = [each for each in inputs_of("load-sign", model) if each.name != "cautions"]
    body = body_of(model, inputs, given, ZoneInfo("UTC"))
    return model.model_validate({**body.model_dump(exclude_none=True), "cautions": told[:50]})


def _stop_inputs(n: int) -> Sequence[Input]:
    return (
        Input(f"stops.{n}.site", ("site",), "site", n == 0),
        Input(f"stops.{n}.planned_from", ("planned_from",), "time", False),
        Input(f"stops.{n}.planned_to", ("planned_to",), "time", False),
    )


def _on(vehicle: str, driver: str | None, start: str | None) -> NewVehicle:
    return NewVehicle.model_validate({"vehicle": vehicle, "driver": driver, "from": start})


def _order(conn: Connection, me: Principal, ref: str) -> str | None:
    statement = readable(me, order, order.c.id).where((order.c.number == ref) | (order.c.id == ref))
    return conn.execute(statement).scalar_one_or_none()
