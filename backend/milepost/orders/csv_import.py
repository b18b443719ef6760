"""Vehicles, sites, doors and the units of orders from CSV files: all of a file, or nothing of it.

A vehicle, site or door that is known already keeps what it has and gets the GS1 name of its line; units are told by the
command `units` of their order, as if somebody had typed them.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection

from milepost.access.model import Principal
from milepost.errors import MilepostError, NotFound
from milepost.evidence.epc import EpcError, decode, encode, parse_uri
from milepost.evidence.epcis import assets
from milepost.fleet import repository as fleet_rows
from milepost.fleet import service as fleet
from milepost.fleet.api import NewDoor, NewSite, NewVehicle
from milepost.fleet.model import plate_key
from milepost.numbers import FORM
from milepost.orders import service
from milepost.orders.bodies_road import UnitList
from milepost.orders.csv_table import Fault, Faulty, Line, lines_of
from milepost.orders.write import Asked
from milepost.plan.service import normal_epc

# Heads of a file: those that must be there, and those that may.
HEADS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "vehicles": (("plate",), ("kind", "country", "branch", "carrier", "giai")),
    "sites": (
        ("code",),
        (
            "name",
            "name_zh",
            "name_en",
            "kind",
            "lat",
            "lon",
            "radius_m",
            "dwell_s",
            "time_zone",
            "branch",
            "customer",
            "sgln",
        ),
    ),
    "doors": (("site", "door"), ("gates", "sgln")),
    "units": (("order", "epcs"), ("line", "pieces", "kg")),
}
# Who may bring which; units are checked order by order.
ROLES = {
    "vehicles": ("dispatcher", "engineer"),
    "sites": ("dispatcher", "engineer"),
    "doors": ("dispatcher", "engineer"),
    "units": ("keeper", "dispatcher", "desk", "branch_manager"),
}
_YES, _NO = ("yes", "true", "1", "是"), ("no", "false", "0", "否")
_SITE = ("name_zh", "name_en", "lat", "lon", "radius_m")
_KIND = "consignee"  # of a new site whose line says nothing: of those there are most


@dataclass(slots=True)
class Done:
    """What became of a file: rows in it, things entered, things that were there and got something new."""

    rows: int = 0
    made: int = 0
    changed: int = 0


def take_in(conn: Connection, me: Principal, kind: str, data: bytes, key: str | None) -> Done:
    """Take in a file. `kind`: one of HEADS; `key`: what makes the commands of units once (an Idempotency-Key).

    Raises Faulty naming each line that is wrong; the transaction of `conn` is then to be rolled back.
    """
    lines = lines_of(data, *HEADS[kind])
    done = Done(rows=len(lines))
    if kind == "units":
        _units(conn, me, lines, key, done)
        return done
    enter = {"vehicles": _vehicle, "sites": _site, "doors": _door}[kind]
    _each(lines, lambda line: enter(conn, line, done))
    return done


def tag_of(text: str) -> str:
    """The hex digits of a tag from hex digits or a tag URI. Raises EpcError with the reason.

    A pure identity does not say what stands on the tag: its filter value and its length are missing.
    """
    if text.startswith("urn:epc:tag:"):
        return encode(parse_uri(text))
    if ":" in text:
        raise EpcError("uri", f"{text[:80]!r} does not say which tag; write its hex digits or urn:epc:tag:…")
    digits = normal_epc(text)
    try:
        decode(digits)
    except EpcError as error:
        if error.reason != "header":  # a tag whose scheme we do not read is known by its digits
            raise
    return digits


def _each(lines: Iterable[Line], do: Callable[[Line], object]) -> None:
    faults: list[Fault] = []
    for line in lines:
        try:
            do(line)
        except MilepostError as error:
            faults.append(Fault(line.number, error.message))
        except ValidationError as error:
            faults += [Fault(line.number, f"{each['loc'][-1]}: {each['msg']}") for each in error.errors()]
        except (EpcError, ValueError) as error:
            faults.append(Fault(line.number, str(error)))
    if faults:
        raise Faulty(faults)


def _vehicle(conn: Connection, line: Line, done: Done) -> None:
    cells = line.cells
    known = fleet_rows.by_field(conn, "vehicle", plate_key=plate_key(cells["plate"]))
    given = NewVehicle.model_validate(cells)
    row_id = known["id"] if known else fleet.add_vehicle(conn, **given.model_dump(exclude={"giai"}))
    _name(conn, "vehicle", row_id, cells.get("giai"), done, made=known is None)


def _site(conn: Connection, line: Line, done: Done) -> None:
    cells = dict(line.cells)
    if (name := cells.pop("name", None)) is not None:
        cells = {"name_zh": name, "name_en": name} | cells
    known = fleet_rows.by_field(conn, "site", code=cells["code"])
    if known is None:
        missing = [name for name in _SITE if name not in cells]
        if missing:
            raise ValueError(f"a new site needs {', '.join(missing)}")
        shape = {"type": "circle"} | {name: line.figure(name) for name in ("lat", "lon", "radius_m")}
        given = NewSite.model_validate({"kind": _KIND, **cells, "shape": shape})
        row_id = fleet.add_site(conn, **given.model_dump(exclude={"sgln"}))
    else:
        row_id = known["id"]
    _name(conn, "site", row_id, cells.get("sgln"), done, made=known is None)


def _door(conn: Connection, line: Line, done: Done) -> None:
    cells = line.cells
    site = fleet_rows.by_field(conn, "site", code=cells["site"])
    if site is None:
        raise NotFound(f"no site {cells['site']!r}; enter it first")
    known = fleet_rows.by_field(conn, "door", site_id=site["id"], number=cells["door"])
    gates = {"gates": _yes(cells["gates"])} if "gates" in cells else {}
    given = NewDoor.model_validate({"site": site["id"], "number": cells["door"], **gates})
    row_id = known["id"] if known else fleet.add_door(conn, site_id=site["id"], number=given.number, gates=given.gates)
    _name(conn, "door", row_id, cells.get("sgln"), done, made=known is None)


def _name(conn: Connection, kind: str, row_id: str, text: str | None, done: Done, *, made: bool) -> None:
    if text:
        assets.set_name(conn, kind, row_id, text)
    done.made += made
    done.changed += bool(text) and not made


def _units(conn: Connection, me: Principal, lines: list[Line], key: str | None, done: Done) -> None:
    by_order: dict[str, list[dict[str, Any]]] = {}
    first: dict[str, int] = {}

    def unit(line: Line) -> None:
        cells = line.cells
        made: dict[str, Any] = {"epcs": [tag_of(text) for text in cells["epcs"].split()]}
        made |= {name: line.figure(name) for name in ("line", "pieces", "kg") if name in cells}
        UnitList.model_validate({"units": [made]}, context=FORM)
        by_order.setdefault(cells["order"], []).append(made)
        first.setdefault(cells["order"], line.number)

    _each(lines, unit)

    def tell(line: Line) -> None:
        order = line.cells["order"]
        if first[order] != line.number:
            return
        body = UnitList.model_validate({"units": by_order[order]}, context=FORM)
        asked = Asked(body.fields(), body.at, f"{key}-{order}" if key else None, body.source)
        service.command(conn, me, order, "units", asked)
        done.made += len(by_order[order])

    _each(lines, tell)


def _yes(text: str) -> bool:
    if text.lower() in (*_YES, *_NO):
        return text.lower() in _YES
    raise ValueError(f"gates: {text!r}; write yes or no")
