"""Normal events of an order that somebody is told of, read from its chronicle. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from milepost.evidence.model import Fact
from milepost.notify.rules_events import EVENTS
from milepost.orders.fold import Moment
from milepost.orders.model import OrderState

_GROUPED = {"departed": "dispatched", "at_consignee": "arrived", "signed": "signed"}
_URGENT = frozenset({"no_branch", "new_order"})
_EX = {"no_branch": "EX-6", "postponed_by_customer": "EX-14"}


@dataclass(frozen=True, slots=True)
class Told:
    """One event: its name in `EVENTS`, the key of its notices, when, the branch then, the fields of its text."""

    name: str
    key: str
    at: int
    branch: str | None
    data: dict[str, Any]

    @property
    def told(self) -> tuple[tuple[str, str], ...]:
        """The recipients, (role, scope)."""
        return EVENTS[self.name].told

    @property
    def urgency(self) -> str:
        """How soon it must be read."""
        return "now" if self.name in _URGENT else "wait"

    @property
    def ex(self) -> str | None:
        """The row of section C it belongs to."""
        return _EX.get(self.name)


def events_of(state: OrderState, chronicle: Sequence[Moment], until: int) -> Iterator[Told]:
    """The events of an order up to `until` (UTC ms). Units that move by one fact are one event; a unit leaves once,
    and after each departure the first arrival counts, however many reads follow it."""
    branch: str | None = None
    submitted: dict[str, Any] = {}
    groups: dict[tuple[str, str], _Group] = {}
    left: set[str | None] = set()
    on_the_road = True
    without_effect = _without_effect(state)
    for moment in chronicle:
        fact = moment.fact
        if moment.at > until or fact is None:
            continue
        if moment.what in ("assigned", "rerouted") and isinstance(moment.data, str):
            branch = moment.data
        if fact.kind == "order.submitted" and not moment.what:
            submitted = dict(fact.body)
        if (name := _GROUPED.get(moment.what)) is not None:
            if name == "dispatched":
                on_the_road = True
                if moment.unit in left:
                    continue
                left.add(moment.unit)
            elif name == "arrived":
                if not on_the_road:
                    continue
                on_the_road = False
            groups.setdefault((name, fact.id), _Group(moment.at, branch, fact, [])).units.append(moment.unit or "")
        elif fact.id not in without_effect and (single := _single(moment, fact)) is not None:
            name, data = single
            if name == "confirmed":
                data |= _date(submitted, "ship", "ship")
            yield Told(name, f"{name}/{fact.id}", moment.at, branch, data)
    for (name, fact_id), group in groups.items():
        data = _of_units(name, group.fact, group.units, submitted)
        yield Told(name, f"{name}/{fact_id}", group.at, group.branch, data)


class _Group(NamedTuple):
    at: int
    branch: str | None
    fact: Fact
    units: list[str]


def _without_effect(state: OrderState) -> set[str]:
    return {f for trouble in state.exceptions if trouble["kind"] == "contradicts_outcome" for f in trouble["facts"]}


def _single(moment: Moment, fact: Fact) -> tuple[str, dict[str, Any]] | None:
    """(event, fields) of a moment that concerns the order as a whole, or None."""
    by_customer = fact.by.role == "customer"
    body = fact.body
    match moment.what:
        case "submitted" if fact.kind == "order.submitted" and not body.get("branch"):
            return "no_branch", {}
        case "assigned" if fact.kind in ("order.submitted", "order.assigned"):
            return "new_order", {}
        case "confirmed" if fact.kind == "order.confirmed":
            return "confirmed", {}
        case "postponed":
            asked = by_customer or body.get("asked_by") == "customer"
            return ("postponed_by_customer" if asked else "postponed"), {"to": str(moment.data)}
        case "cancelled":
            return "cancelled", _given(body, "reason")
        case "":
            return _said(fact, by_customer)
        case _:
            return None


def _said(fact: Fact, by_customer: bool) -> tuple[str, dict[str, Any]] | None:
    if fact.kind == "order.edited":
        changes = fact.body.get("changes")
        named = sorted(changes) if isinstance(changes, dict) else []
        return ("changed_by_customer" if by_customer else "changed"), ({"changes": named} if named else {})
    return None


def _of_units(name: str, fact: Fact, units: list[str], submitted: dict[str, Any]) -> dict[str, Any]:
    data = _given(fact.body, "signer", "pieces", "cause")
    real = [unit for unit in units if not unit.endswith("#")]
    if name == "dispatched":
        data |= {"units": len(real)} if real else {}
        data |= _date(submitted, "required", "expected")
    if (vehicle := fact.subjects.get("vehicle")) is not None:
        data["plate"] = vehicle
    return data


def _date(submitted: dict[str, Any], name: str, field_name: str) -> dict[str, Any]:
    """One of the dates agreed with the customer (OT-2), as a field."""
    dates = submitted.get("dates")
    day = dates.get(name) if isinstance(dates, dict) else None
    return {field_name: day} if isinstance(day, str) else {}


def _given(body: Any, *names: str) -> dict[str, Any]:
    return {name: body[name] for name in names if isinstance(body.get(name), str | int)}
