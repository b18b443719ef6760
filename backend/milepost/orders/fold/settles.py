"""What makes an exception idle beside the facts that answer it themselves: the order went on all the same, or ended
(REQUIREMENTS C, the column of what happens next)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from milepost.orders.model import LEVEL, OUTCOMES

if TYPE_CHECKING:  # the registers call this module
    from milepost.orders.fold.registers import Order

_SHIPS = ("picked_up", "handed_in", "waybilled", "departed", "handed_out")

# What happened (a word of the chronicle, else the kind of a fact) → the exceptions of the fold that it settles, as
# "kind" or "kind:key".
_OF_FOLD: Mapping[str, tuple[str, ...]] = {
    "postponed": ("postponed_too_far",),  # to a day within the limit: one beyond it has no effect
    **dict.fromkeys(_SHIPS, ("postponed_too_far", "pickup_too_far")),
    "cancelled": (
        "postponed_too_far", "pickup_too_far", "hold", "rerouted", "line_short",
        "step_skipped:contact", "step_skipped:note", "step_skipped:weighing",
    ),
}  # fmt: skip
# The same for the rows of section C that somebody raised.
_RAISED: Mapping[str, tuple[str, ...]] = {
    "order.edited": ("EX-2",),
    "assigned": ("EX-6",),
    "rerouted": ("EX-7",),
    "accepted": ("EX-6", "EX-8"),
    "postponed": ("EX-14",),
    "cancelled": ("EX-5", "EX-6", "EX-7", "EX-8", "EX-9", "EX-11", "EX-14", "EX-15", "EX-16", "EX-24"),
    "price.agreed": ("EX-16",),
    "ready": ("EX-19",),
    "split.consented": ("EX-23",),
    "pickup.agreed": ("EX-24",),
    "location.answered": ("EX-25",),
    "track.entered": ("EX-30",),
    "delivery.agreed": ("EX-35",),
    "receipt_returned": ("EX-43", "EX-44"),
    **dict.fromkeys(_SHIPS, ("EX-14", "EX-15", "EX-24")),
}
# Once all that counts has arrived: late or not is over. Once all of it has an outcome: so are the road and the door.
_ON_ARRIVAL = ("EX-26", "EX-27", "EX-28", "EX-31", "EX-36")
_ON_OUTCOME = (*_ON_ARRIVAL, "EX-30", "EX-35", "EX-37", "EX-39")
_IDLE_ON_OUTCOME = ("cancel_requested", "load_count", "unsigned_load")
_MAKES_GOOD = ("EX-1", "EX-3", "EX-12", "EX-17")
_MISSING = ("short", "departed_incomplete")
_MOVED = frozenset({"at_hub", "at_terminal", "at_consignee", "handed_out", *OUTCOMES})


def settle_by(order: "Order", what: str, at: int) -> None:
    """Close what this makes idle. `what`: a word of the chronicle, else the kind of a fact; `at`: UTC ms."""
    for name in _OF_FOLD.get(what, ()):
        kind, _, key = name.partition(":")
        order.settle(kind, at, key or None)
    if what in _RAISED:
        _answered(order, _RAISED[what], at)
    if what in _MOVED:
        _on_the_way(order, what, at)


def made_good(order: "Order", at: int) -> None:
    """Another order brings what was missing, or was wanted too late (OD-3)."""
    _answered(order, _MAKES_GOOD, at)


def _answered(order: "Order", rows: tuple[str, ...], at: int) -> None:
    if "raised" not in order.open:
        return
    for key, trouble in list(order.open["raised"].items()):
        if trouble.ex in rows:
            order.settle("raised", at, key)


def _aboard(state: str | None) -> bool:
    return state is not None and LEVEL[state] >= LEVEL["loaded"]


def _on_the_way(order: "Order", what: str, at: int) -> None:
    for kind in _MISSING:
        if kind not in order.open:
            continue
        for key, trouble in list(order.open[kind].items()):
            left = [order.units[unit] for unit in trouble.data.get("missing", ()) if unit in order.units]
            # Its place on the road was passed by another way than the dock door.
            if left and all(u.close or u.released or _aboard(u.phys) for u in left):
                order.settle(kind, at, key)
    units = order.counting()
    if all(unit.close in OUTCOMES for unit in units):
        _answered(order, _ON_OUTCOME, at)
        for kind in _IDLE_ON_OUTCOME:
            order.settle(kind, at)
    elif what == "at_consignee" and all(unit.close or unit.phys == "at_consignee" for unit in units):
        _answered(order, _ON_ARRIVAL, at)
