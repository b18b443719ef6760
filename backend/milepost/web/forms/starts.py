"""What an untouched form begins with, from what the order already says; and what a form of changes really changes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from milepost.access.model import Principal
from milepost.times import now_ms
from milepost.web.forms import parts
from milepost.web.forms.describe import line_columns
from milepost.web.forms.view import ROWS

Row = Mapping[str, Any]


def of(command: str, order: Row, detail: Row, me: Principal) -> dict[str, str]:
    """Flat name → text. Nothing legal is filled in beforehand: no signer, no reason, no verdict."""
    match command:
        case "submit":
            return _asked(order, detail, "")
        case "edit":
            return _asked(order, detail, "changes.")
        case "assign" | "accept" | "note-printed" | "handed-in":
            return {"branch": order["branch"] or "", "paper": order["number"], "pieces": _pieces(order)}
        case "pickup-done" | "waybill":
            return {"pieces": _pieces(order), "kg": _kg(order)}
        case "sign":
            return {"pieces": _pieces(order)}
        case "price":
            return {"by": me.name}
        case "contact":
            return {"with": str((detail.get("contact") or {}).get("name") or "")}
        case "pick-list":
            return {"list": f"P-{order['number']}"}
        case "load" | "pass-back" | "unload":
            return {"vehicle": detail.get("plate") or ""}
        case "release":
            held = [flag[5:] for flag in order["flags"] if flag.startswith("hold:")]
            return {"hold": held[0]} if len(held) == 1 else {}
        case "raise":
            return {"stage": order["current"] or ""}
        case "split":
            return parts.start(order["lines"])
        case "route":
            return {"mode": order["mode"] or ""}
        case _:
            return {}


def new_order(zone: ZoneInfo) -> dict[str, str]:
    """What the form of a new order begins with: it is ordered today."""
    return {"dates.order": datetime.fromtimestamp(now_ms() / 1000, zone).date().isoformat()}


def folded(order: Row) -> str:
    """The part of a form that need not be filled in any more: the talk with the customer, once it stands in the log."""
    return "contact" if "contacted" in order["acts"] else ""


def rows_needed(start: Mapping[str, str]) -> int:
    """How many rows of goods a form needs so that every line it begins with has its row, and one is free."""
    filled = {int(part) for name in start if ".lines." in f".{name}" for part in name.split(".") if part.isdigit()}
    return max(ROWS, len(filled) + 1)


def changed_only(changes: dict[str, Any], start: Mapping[str, str]) -> dict[str, Any]:
    """The parts of an edit that differ from what the order says: a form sends all it shows, an edit is what changes.

    `changes`: from a body; `start`: what the form began with.
    """
    before = {name.removeprefix("changes."): text for name, text in start.items()}
    kept: dict[str, Any] = {}
    for part, value in changes.items():
        if value is None:
            continue
        flat = _flat(part, value)
        old = {name: text for name, text in before.items() if name == part or name.startswith(f"{part}.")}
        if _same(flat, old):
            continue
        kept[part] = value
    return kept


def _asked(order: Row, detail: Row, prefix: str) -> dict[str, str]:
    start: dict[str, str] = {}
    for part in ("from", "to", "contact", "dates"):
        if prefix and part in ("from", "dates"):
            continue
        start |= {f"{prefix}{part}.{name}": _text(value) for name, value in (detail.get(part) or {}).items()
                  if name not in ("lat", "lng")}  # fmt: skip
    for n, line in enumerate(order["lines"]):
        for column in line_columns():
            value = line.get("ordered") if column.name == "qty" else line.get(column.name)
            if value is not None:
                start[f"{prefix}lines.{n}.{column.name}"] = _text(value)
    if not prefix:
        start |= {name: _text(order.get(key)) for name, key in (("class", "customer_class"), ("channel", "channel"))
                  if order.get(key)}  # fmt: skip
    return start


def _flat(name: str, value: Any) -> dict[str, str]:
    if isinstance(value, Mapping):
        return {
            k: v for key, each in value.items() if each is not None for k, v in _flat(f"{name}.{key}", each).items()
        }
    if isinstance(value, list):
        return {k: v for n, each in enumerate(value) for k, v in _flat(f"{name}.{n}", each).items()}
    return {name: _text(value)}


def _same(new: Mapping[str, str], old: Mapping[str, str]) -> bool:
    return {k: v for k, v in new.items() if v} == {k: v for k, v in old.items() if v}


def _pieces(order: Row) -> str:
    return str(order["tally"]["pieces"] or "")


def _kg(order: Row) -> str:
    weights = [unit["kg"] for unit in order["units"]]
    return _text(sum(weights)) if weights and all(weight is not None for weight in weights) else ""


def _text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)
