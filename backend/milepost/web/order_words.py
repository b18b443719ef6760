"""Parts of an order in words: where from and to, how much it is. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

from milepost.web.formats import quantity_text


def place_words(detail: Mapping[str, Any], sites: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """From and to: {name, address, phone}; the site's name before the person's, the address where there is no name."""
    found: dict[str, dict[str, str]] = {}
    for end in ("from", "to"):
        place = detail.get(end) or {}
        name = sites.get(place.get("site") or "", "") or place.get("name") or ""
        address = place.get("address") or ""
        found[end] = {"name": name or address or "–", "address": address if name else "",
                      "phone": place.get("phone") or ""}  # fmt: skip
    return found


def line_name(line: Mapping[str, Any]) -> str:
    """How people call a line of goods: its name, else its number in the register, else its place in the order."""
    return str(line.get("name") or line.get("item") or line.get("sku") or line.get("goods") or line["line"])


def load_text(order: Mapping[str, Any], t: Callable[..., str]) -> str:
    """`5 pieces · 120 kg`; of what was ordered while no unit is listed."""
    units = [unit for unit in order["units"] if unit["counts"]]
    pieces = sum(unit["pieces"] for unit in units) or sum(line["ordered"] or 0 for line in order["lines"])
    weights = [unit["kg"] for unit in units if unit["kg"] is not None]
    parts = [t("desk.pieces", n=quantity_text(pieces))] if pieces else []
    if weights:
        parts.append(f"{sum(weights):g} kg")
    return " · ".join(parts) or "–"
