"""Which facts a command writes: mostly one; some say first what they rest on, some touch the plan or another order."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from milepost.access.model import Principal
from milepost.errors import Conflict, Invalid, NotFound
from milepost.evidence import log
from milepost.ids import new_id
from milepost.orders import repository
from milepost.orders.view import evidence
from milepost.plan import service as plan

# An EPC comes from the tag that was written and read back (T12), a sight from a reader: a scan, whoever sends it.
SCANNED = frozenset({"unit.bound", "unit.unbound", "unit.seen"})
_CASES = {"complaint-lodge": ("complaint", "C"), "claim-lodge": ("claim", "L")}
# How an order that is linked speaks of the one that it was linked from.
INVERSE = {
    "supplementary": "supplementary_of",
    "split": "split_of",
    "replacement": "replacement_of",
    "supplementary_of": "supplementary",
    "split_of": "split",
    "replacement_of": "replacement",
}
Spelled = tuple[str, dict[str, Any]]


def spelled(
    conn: Connection, me: Principal, name: str, kind: str, row: Mapping[str, Any], fields: dict[str, Any], at: int
) -> list[Spelled]:
    """The facts (kind, fields) of a command, in their order; all but those that name another are of this order.

    Raises Invalid, NotFound or Conflict for what the fields name and is not there, or not this order's.
    """
    before: list[Spelled] = []
    if talk := fields.pop("contact", None) if name in ("accept", "cancel") else None:
        before.append(("contact.logged", talk))
    if name == "accept":
        fields.setdefault("branch", row["branch"])
    elif name == "units":
        return _units(conn, row, fields, at)
    elif name == "waybill":
        _claim(conn, row, fields["waybill"])
    elif name == "link":
        return _link(conn, me, row, fields)
    elif name in _CASES:
        case, letter = _CASES[name]
        fields.setdefault(case, f"{letter}-{new_id()[-12:]}")
    elif name.startswith("location-") and row["waybill"]:
        fields["waybill"] = row["waybill"]
    _units_named(conn, name, row, fields, at)
    if name in ("retract", "correct"):
        fields.update(_target(conn, row, fields["target"]))
    return [*before, (kind, fields)]


def _units_named(conn: Connection, name: str, row: Mapping[str, Any], fields: dict[str, Any], at: int) -> None:
    if fields.get("unit") and name != "raise":
        _own_unit(conn, row, fields["unit"])
    for unit in fields.get("units") or ():
        _own_unit(conn, row, unit)
    if name == "bind-unit":
        fields["epc"] = plan.bind_epc(conn, fields["unit"], fields["epc"], at)
    elif name == "unbind-unit":
        plan.unbind_epc(conn, fields["unit"], fields["epc"], at)
        fields["epc"] = plan.normal_epc(fields["epc"])


def _units(conn: Connection, row: Mapping[str, Any], fields: dict[str, Any], at: int) -> list[Spelled]:
    """Units are planned, listed, and bound to their EPCs."""
    items = fields["units"]
    made = plan.add_units(conn, row["id"], items, customer=row["customer"], branch=row["branch"], at_ms=at)
    listed, bound = [], []
    for unit, item in zip(made, items, strict=True):
        told = {"unit": unit.id, "no": str(item.get("no") or unit.no), "pieces": unit.pieces}
        told |= {k: item[k] for k in ("line", "kg", "sku") if item.get(k) is not None}
        listed.append(told)
        bound += [("unit.bound", {"unit": unit.id, "epc": epc}) for epc in unit.epcs]
    return [("order.units", {"units": listed}), *bound]


def _claim(conn: Connection, row: Mapping[str, Any], waybill: str) -> None:
    """A waybill number belongs to one order (EO-15)."""
    other = repository.claim_waybill(conn, waybill, row["id"])
    if other is not None:
        raise Conflict(
            f"waybill {waybill!r} is that of order {other['number']}; take another number",
            changed={"waybill": waybill, "order": other["number"]},
        )


def _link(conn: Connection, me: Principal, row: Mapping[str, Any], fields: dict[str, Any]) -> list[Spelled]:
    """Both orders learn of each other (LI-7, OD-3)."""
    other = repository.find(conn, me, fields["other"])
    if other is None:
        raise NotFound(f"other: no order {fields['other']!r}; GET /api/v1/orders lists those you may see")
    if other["id"] == row["id"]:
        raise Invalid("other: an order is not linked to itself")
    relation = fields["relation"]
    back = INVERSE.get(relation, relation)
    return [
        ("order.linked", {**fields, "other": other["id"]}),
        ("order.linked", {"order": other["id"], "other": row["id"], "relation": back}),
    ]


def _own_unit(conn: Connection, row: Mapping[str, Any], unit_id: str) -> None:
    if plan.get_unit(conn, unit_id).order_id != row["id"]:
        raise Invalid(f"unit {unit_id!r} is not of order {row['number']}")


def _target(conn: Connection, row: Mapping[str, Any], target: str) -> dict[str, str]:
    """The subjects of the fact to retract or correct, which must be one of this order's."""
    found = log.by_ids(conn, [target])
    if not found or all(entry["id"] != target for entry in evidence(conn, row)):
        raise Invalid(
            f"target: fact {target!r} is none of this order's; GET /orders/{row['number']}/evidence lists them"
        )
    if found[-1].kind in ("fact.retracted", "fact.corrected"):
        raise Invalid("target: a retraction or a correction cannot itself be retracted or corrected")
    return {kind: subject for kind, subject in found[-1].subjects.items() if kind != "order"}


def complete(fields: dict[str, Any]) -> None:
    """T1's guard: lines, dates, both addresses, contact; what nobody said gets its usual value."""
    missing = [n for n in ("lines", "from", "to", "contact") if not fields.get(n)]
    missing += [n for n in ("dates",) if fields.get(n) is None]
    if missing:
        raise Invalid(f"submit: still missing: {', '.join(missing)}; send them with this command")
    for name, default in (("class", "standard"), ("channel", "web"), ("pickup", "none")):
        fields[name] = fields.get(name) or default
    fields["online"] = bool(fields.get("online"))
    if fields["pickup"] == "appointment" and not fields["dates"].get("pickup"):
        raise Invalid("dates.pickup: an appointment needs its time; or ask for pickup asap")
