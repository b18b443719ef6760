"""Which clocks still ask somebody for something, and for what: what the desk puts in front of people. Pure."""

from collections.abc import Mapping

from milepost.clocks.model import BREACHED, ClockState
from milepost.orders.model import STATES, OrderState

# What ends each clock, as the key of a thing to do.
TO_DO: Mapping[str, str] = {
    "N-01": "accept",
    "N-02": "assign",
    "N-04": "postpone",
    "N-05": "reroute",
    "N-07": "accept",
    "N-09": "print",
    "N-10": "accept",
    "N-11": "waybill",
    "N-12": "cancel_reason",
    "N-15": "remark",
    "N-17": "accept",
    "N-19": "accept",
    "N-20": "pickup",
    "N-21": "rebook",
    "N-22": "pickup",
    "N-23": "pickup",
    "N-25": "pickup",
    "N-26": "rebook",
    "N-27": "rebook",
    "N-28": "warn",
    "N-30": "track",
    "N-31": "sign_entry",
    "N-32": "sign_entry",
    "N-33": "handout",
    "N-34": "deliver",
    "N-35": "deliver",
    "N-38": "contact",
    "N-40": "receipt",
    "N-44": "waybill",
    "N-50": "locate",
    "N-53": "complaint",
    "N-54": "complaint",
    "N-55": "complaint",
    "N-57": "complaint",
    "N-58": "claim",
    "N-59": "claim",
    "N-60": "claim",
    "N-61": "complaint",
    "N-79": "pick",
}
# They remind of what N-01 asks for already.
_REMINDERS = ("N-07", "N-17", "N-19")
# A late clock that was then set aside takes no end any more; in these states what it asks for can still be done.
_AT_THE_DESK = ("requested", "submitted", "assigned")
_BEFORE_PICKUP = (*_AT_THE_DESK, "accepted", "confirmed", "picking", "pickup_due")
_BEFORE_WAYBILL = (*_BEFORE_PICKUP, "ready", "picked_up")
_WHILE: Mapping[str, tuple[str, ...]] = {
    "accept": _AT_THE_DESK,
    "assign": _AT_THE_DESK,
    "print": _BEFORE_WAYBILL,
    "waybill": _BEFORE_WAYBILL,
    "remark": _BEFORE_WAYBILL,
    "pickup": _BEFORE_PICKUP,
    "rebook": _BEFORE_PICKUP,
    "pick": ("confirmed", "picking"),
    "handout": ("at_hub", "at_terminal"),
    "deliver": ("at_terminal", "out_for_delivery", "at_consignee"),
    "receipt": ("signed", "signed_abnormal", "receipt_due"),
    "cancel_reason": ("cancelled",),
    # Their hour is over once they are late.
    "warn": (),
    "track": (),
    "contact": (),
    "sign_entry": (),
    # These do not hang on the state of the order.
    "complaint": STATES,
    "claim": STATES,
    "locate": STATES,
}
# Duties of the branch that an order is at; when it moves on, they do not go with it.
_OF_THE_DESK = ("N-01", "N-09", "N-10", "N-11", "N-15", "N-79")
# Clocks that count working days: a new calendar may move them.
BY_WORKING_DAYS = ("N-53", "N-54", "N-55", "N-57", "N-58", "N-59", "N-60", "N-61")
_URGENCY = {"obligation": 0, "conditional": 1, "target": 2, "reminder": 3, "limit": 4}


def waiting(clock: ClockState, order: OrderState) -> bool:
    """True while somebody still has to act because of this clock (EO-22): it runs, or is late and can yet be ended.

    A limit asks for nothing: it only says until when one may.
    """
    if clock.klass == "limit" or clock.clock in _REMINDERS:
        return False
    if clock.verdict == "open":
        return True
    if clock.end is not None or clock.verdict not in BREACHED:
        return False
    if clock.clock in _OF_THE_DESK and clock.owner != order.branch:
        return False
    return order.state in _WHILE[TO_DO[clock.clock]]


def urgency(clock: ClockState) -> int:
    """Rank among clocks of one order that are due at the same instant; the least comes first."""
    return _URGENCY[clock.klass]
