"""What is due to be told about one order, and why: pure, from its state, its clocks and its chronicle.

A cause opens, and each opening is told once to each recipient: the id of a notice is a uuid5 over the opening, the
template and the recipient (role and kind of scope), so that telling the same story again tells nothing twice.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from milepost.clocks.model import ClockState
from milepost.evidence.model import canonical
from milepost.notify.events import events_of
from milepost.notify.rules import OUTSIDE, RULES, Rule, rule_of
from milepost.orders.fold import Moment
from milepost.orders.model import OrderState

_NAMESPACE = uuid.UUID("2f1d7c1a-6b6e-5f0b-8f55-5d6a2f0e9c4d")
_BROKEN = ("late", "excused")
# Late clocks that outlive the order's end: a cancellation still owes its reason, a signature its receipt.
_AFTER_CANCEL = frozenset({"N-12", "N-40"})
_AFTER_OUTCOME = frozenset({"N-12", "N-31", "N-32", "N-40"})
_COMPLAINTS = frozenset({"N-53", "N-54", "N-55", "N-57", "N-58", "N-59", "N-60", "N-61"})
_MANY_AT_ONCE = _COMPLAINTS | {"N-30", "N-31", "N-32", "N-50"}  # a later start does not replace an earlier one


@dataclass(frozen=True, slots=True)
class Opening:
    """One time that a cause of trouble opened. Times are UTC ms; `closed_at` None while it is open.

    `cause` names the trouble (`wrong_truck:u1`, `clock:N-01:<start fact>`), `key` this opening of it; `data` is as the
    fold keeps it.
    """

    order: str
    cause: str
    key: str
    kind: str
    rule: Rule
    ex: str | None
    clock: str | None
    opened_at: int
    closed_at: int | None
    closed_by: str | None
    owner: str | None
    facts: tuple[str, ...]
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing that one recipient is to be told. `at`: since when (UTC ms); `over`: its cause is settled since.

    `data` holds the fields of the template as ids and numbers, in no language.
    """

    id: str
    order: str | None
    cause: str
    ex: str | None
    clock: str | None
    template: str
    to_role: str
    to_scope_kind: str
    to_scope_id: str
    urgency: str
    data: Mapping[str, Any]
    at: int
    over: bool = False

    def as_dict(self) -> dict[str, Any]:
        """All of it as plain JSON values."""
        return asdict(self) | {"data": dict(self.data)}


def openings(state: OrderState, clocks: Iterable[ClockState], until: int) -> list[Opening]:
    """Every opening of every cause of an order up to `until` (UTC ms), by time and key."""
    found = [*_of_exceptions(state, until), *_of_clocks(state, list(clocks), until)]
    return sorted(found, key=lambda each: (each.opened_at, each.key))


def notices(
    state: OrderState, clocks: Sequence[ClockState], until: int, chronicle: Sequence[Moment] = ()
) -> list[Notice]:
    """What is due to be told about an order by `until` (UTC ms), by time and id.

    `clocks`: of this order; those not late bring nothing. `chronicle`: of its story; without it normal events (goods
    sent, arrived, changed …) are left out and the branch is the present one.
    """
    found: list[Notice] = []
    for opening in openings(state, clocks, until):
        branch = _branch_at(chronicle, opening.opened_at, state.branch)
        found += _told(state, opening, branch)
    for event in events_of(state, chronicle, until):
        for role, scope in event.told:
            place = _place(state, scope, event.branch, None, event.data)
            if place is not None:
                template = f"event.{event.name}"
                data = _common(state, event.branch) | event.data
                key = notice_id(state.id, event.key, template, role, scope)
                notice = Notice(key, state.id, f"event:{event.name}", event.ex, None, template, role, *place,
                                event.urgency, data, event.at)  # fmt: skip
                found.append(notice)
    return sorted(found, key=lambda each: (each.at, each.id))


def notice_id(order: str | None, opening: str, template: str, role: str, scope: str) -> str:
    """The id of a notice: the same opening told to the same recipient is the same notice."""
    return str(uuid.uuid5(_NAMESPACE, canonical([order, opening, template, role, scope]).decode()))


def _told(state: OrderState, opening: Opening, branch: str | None) -> Iterable[Notice]:
    rule = opening.rule
    data = {**_common(state, branch), **fields_of(opening.data, opening.ex)}
    for to in rule.told:
        place = _place(state, to.scope, branch, opening.owner, data)
        if place is None:
            continue
        audience = to.role if to.role in OUTSIDE else "staff"
        template = f"{rule.id}.{audience}"
        yield Notice(
            notice_id(state.id, opening.key, template, to.role, to.scope), state.id, opening.cause, opening.ex,
            opening.clock, template, to.role, *place, rule.urgency, data, opening.opened_at,
            opening.closed_at is not None,
        )  # fmt: skip


def _place(
    state: OrderState, scope: str, branch: str | None, owner: str | None, data: Mapping[str, Any]
) -> tuple[str, str] | None:
    """(kind, id) of a recipient's scope; None when there is nobody of that kind to tell."""
    if scope == "company" or (scope == "owner" and owner == "call_centre"):
        return ("company", "")
    if scope in ("branch", "owner"):
        here = owner if scope == "owner" else branch
        return ("branch", here) if here else ("company", "")  # no branch has it yet: whoever sees the whole company
    found = {
        "site": data.get("place") or state.site,
        "vehicle": data.get("plate") or state.vehicle,
        "customer": state.customer,
        "carrier": state.carrier,
    }[scope]
    return None if found is None else (scope, str(found))


def _common(state: OrderState, branch: str | None) -> dict[str, Any]:
    given = {
        "order": state.id,
        "waybill": state.waybill,
        "customer": state.customer,
        "branch": branch,
        "carrier": state.carrier,
        "plate": state.vehicle,
        "trip": state.trip,
    }
    return {name: value for name, value in given.items() if value is not None}


def _of_exceptions(state: OrderState, until: int) -> Iterable[Opening]:
    seen: dict[tuple[str, str], int] = {}
    for trouble in state.exceptions:
        if trouble["opened_at"] > until:
            continue
        first = trouble["facts"][0] if trouble["facts"] else ""
        again = seen[trouble["cause"], first] = seen.get((trouble["cause"], first), -1) + 1
        yield Opening(
            order=state.id,
            cause=trouble["cause"],
            key=f"{trouble['cause']}/{first}" + (f"/{again}" if again else ""),
            kind=trouble["kind"],
            rule=rule_of(trouble["kind"], trouble["ex"]),
            ex=trouble["ex"],
            clock=None,
            opened_at=trouble["opened_at"],
            closed_at=trouble["closed_at"],
            closed_by=trouble.get("closed_by"),
            owner=None,
            facts=tuple(trouble["facts"]),
            data=trouble["data"],
        )


def fields_of(data: Mapping[str, Any], ex: str | None) -> dict[str, Any]:
    """The fields of templates out of what the fold, or a clock, keeps of a cause."""
    fields = {name: value for name, value in data.items() if name not in ("unit", "no", "nos", "missing", "stage")}
    if (nos := data.get("nos") or ([data["no"]] if data.get("no") else None)) is not None:
        fields["units"] = [f"#{no}" for no in nos]
    elif isinstance(data.get("unit"), str):
        fields["units"] = [data["unit"]]
    for name, field_name in (("vehicle", "plate"), ("vehicles", "plates"), ("site", "place")):
        if name in fields:
            fields[field_name] = fields.pop(name)
    return fields | ({"ex": ex} if ex else {})


def _of_clocks(state: OrderState, clocks: list[ClockState], until: int) -> Iterable[Opening]:
    for clock in clocks:
        rule = RULES.get(clock.clock)
        if rule is None or clock.verdict not in _BROKEN or clock.breached_at is None or clock.breached_at > until:
            continue
        closed_at, closed_by = _end(state, clock, clocks)
        tail = f":{clock.subject}" if clock.subject else ""
        data = {"due": clock.due, "start": clock.start, "day": clock.subject if clock.clock == "N-30" else None}
        yield Opening(
            order=state.id,
            cause=f"clock:{clock.clock}:{clock.start_fact}{tail}",
            key=f"clock:{clock.clock}/{clock.start_fact}/{clock.subject}",
            kind=f"late:{clock.clock}",
            rule=rule,
            ex=rule.ex,
            clock=clock.clock,
            opened_at=clock.breached_at,
            closed_at=closed_at,
            closed_by=closed_by,
            owner=clock.owner,
            facts=(clock.start_fact,),
            data={name: value for name, value in data.items() if value is not None},
        )


def _end(state: OrderState, clock: ClockState, clocks: list[ClockState]) -> tuple[int | None, str | None]:
    """When a broken promise stops asking for anything: it was kept late, excused, replaced, or the order is over."""
    breached = clock.breached_at or 0
    if clock.end is not None:
        return max(clock.end, breached), clock.end_fact
    if clock.verdict == "excused":
        return breached, None
    if clock.clock not in _MANY_AT_ONCE:
        later = [c for c in clocks if c.clock == clock.clock and c.start > clock.start]
        if later:
            following = min(later, key=lambda c: (c.start, c.start_fact))
            return max(following.start, breached), following.start_fact
    outlives = clock.clock in _COMPLAINTS
    if state.state == "cancelled" and not outlives and clock.clock not in _AFTER_CANCEL:
        return breached, None
    if state.state == "archived" or (state.outcome and not outlives and clock.clock not in _AFTER_OUTCOME):
        at = next((s["at"] for s in state.stages if s["key"] == "signed" and s["at"] is not None), breached)
        return max(at, breached), None
    return None, None


def _branch_at(chronicle: Sequence[Moment], at: int, present: str | None) -> str | None:
    """The branch an order was at: of the last move up to then, else of the first one."""
    moves = [(m.at, m.data) for m in chronicle if m.what in ("assigned", "rerouted") and isinstance(m.data, str)]
    if not moves:
        return present
    earlier = [branch for moved, branch in moves if moved <= at]
    return earlier[-1] if earlier else None
