"""What is counted of an order, for fees, escorts and blame (N-06, N-36, N-37, N-39; X-5)."""

from typing import Any

from milepost.orders.fold.registers import Order, Unit, World

_TRIED = ("out_for_delivery", "at_consignee")


def counters(w: World, order: Order, units: list[Unit]) -> dict[str, Any]:
    """The counters of an order over its counting `units`, as plain values."""
    limits = w.limits(order, w.until)
    attempts = max([unit.attempt if _tried(unit) else unit.attempt - 1 for unit in units])
    heaviest = order.max_piece_kg
    # Who carries it upstairs: asked only where somebody weighed it and nobody said that it stays below (DL-2).
    escorts = None if heaviest is None or order.upstairs is False else 2 if heaviest >= limits.escort_kg else 1
    return {
        "reroutes": order.reroutes,
        "edits": order.edits,
        "liability": order.first_accepted or None if order.edits > limits.edit_max else None,
        "attempts": attempts,
        "charged_attempts": max(0, attempts - limits.free_attempts),
        "escorts": escorts,
        "max_piece_kg": heaviest,
        "weighed_kg": order.weighed_kg,
    }


def _tried(unit: Unit) -> bool:
    """True when the present attempt to deliver the unit has begun."""
    return unit.close is not None or unit.phys in _TRIED
