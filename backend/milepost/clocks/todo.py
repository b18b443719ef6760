"""Which clocks still ask somebody for something, and for what: what the desk puts in front of people. Pure."""

from collections.abc import Mapping

from milepost.clocks.model import ClockState
from milepost.orders.model import OrderState

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
_REMINDERS = ("N-07", "N-17")
# Once late, nothing that anybody does can mend these: their hour or day is over.
_OVER_WHEN_LATE = ("N-21", "N-28", "N-30", "N-31", "N-32", "N-38")
# Duties of the branch that an order is at; when it moves on, they do not go with it.
_OF_THE_DESK = ("N-01", "N-09", "N-10", "N-11", "N-15", "N-79")
_AFTER_CANCELLING = ("N-12", "N-50")
# Clocks that count working days: a new calendar may move them.
BY_WORKING_DAYS = ("N-53", "N-54", "N-55", "N-57", "N-58", "N-59", "N-60", "N-61")
_URGENCY = {"obligation": 0, "conditional": 1, "target": 2, "limit": 3, "reminder": 4}


def waiting(clock: ClockState, order: OrderState) -> bool:
    """True while somebody still has to act because of this clock (EO-22): it runs, or is late and can yet be ended.

    A limit asks for nothing: it only says until when one may.
    """
    if clock.end is not None or clock.verdict not in ("open", "late", "excused"):
        return False
    if clock.klass == "limit" or clock.clock in _REMINDERS:
        return False
    if clock.verdict != "open" and clock.clock in _OVER_WHEN_LATE:
        return False
    if order.state == "archived":
        return clock.clock in BY_WORKING_DAYS or clock.clock == "N-50"
    if order.state == "cancelled":
        return clock.clock in _AFTER_CANCELLING or clock.clock in BY_WORKING_DAYS
    return not (clock.clock in _OF_THE_DESK and clock.owner != order.branch)


def urgency(clock: ClockState) -> int:
    """Rank among clocks of one order that are due at the same instant; the least comes first."""
    return _URGENCY[clock.klass]
