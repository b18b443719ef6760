"""From registers to what is shown: state, stages, tally, lines, units, deliveries (ORDERS.md §1.8, §3)."""

from typing import Any

from milepost.orders.fold.close import outcome_of
from milepost.orders.fold.counters import counters
from milepost.orders.fold.grades import Mark
from milepost.orders.fold.presence import check
from milepost.orders.fold.registers import Order, Trouble, Unit, World
from milepost.orders.model import LEVEL, SIGNED, STAGE_OF, STAGES, OrderState, d0

_UNIT_STAGES = ("picked", "loaded", "in_transit", "arrived", "signed")
_AWAY = ("in_transit", "out_for_delivery", "at_hub", "at_terminal", "at_consignee")


def project(w: World, order: Order) -> OrderState:
    """The state of one order as plain values."""
    due = check(w, order)
    counting = order.counting()
    units = order.all_units()
    states = {unit.id: order.state_of(unit) for unit in units}
    outcome = outcome_of(order) if order.desk == "confirmed" else None
    state = _state(order, [states[unit.id] for unit in counting], outcome)
    stages = [_stage(order, number, key, counting) for number, key in enumerate(STAGES, 1)]
    trip = next((u.trip for u in counting if u.trip), next(iter(order.trips), None))
    vehicle = next((u.aboard for u in counting if u.moves), None)
    if vehicle is None and trip in w.trips:
        vehicle = next((v for start, _, v in reversed(w.trips[trip].vehicles) if start <= w.until), None)
    wakes = [t for t in (order.wake_at if order.desk == "postponed" else None, due) if t is not None]
    arrival = order.first_assigned
    return OrderState(
        id=order.id,
        state=state,
        stage=STAGE_OF[state],
        current=next((s["key"] for s in stages if not s["done"]), None),
        outcome=outcome,
        type=order.type,
        customer=order.customer,
        channel=order.channel,
        customer_class=order.klass,
        branch=order.branch,
        waybill=order.waybill,
        d0=None if arrival is None else d0(arrival, w.limits(order, arrival), w.calendar).isoformat(),
        mode=order.mode,
        trip=trip,
        vehicle=vehicle,
        site=_site(order, counting, states),
        from_site=order.from_site,
        to_site=order.to_site,
        carrier=order.carrier,
        stages=stages,
        tally=_tally(order, units),
        lines=_lines(order, units),
        units=[_unit(order, unit, states[unit.id]) for unit in units if not unit.pseudo],
        deliveries=_deliveries(w, counting),
        exceptions=[_trouble(t) for t in _troubles(order)],
        flags=_flags(w, order, counting),
        disposition=order.disposition,
        open_claims=sorted(order.claims),
        asked=order.asked,
        counters=counters(w, order, counting),
        acts=order.acts,
        links=order.links,
        slip=order.slip,
        payment=order.payment,
        next_due=min(wakes) if wakes else None,
    )


def _state(order: Order, states: list[str], outcome: str | None) -> str:
    if order.desk != "confirmed":
        return "requested" if order.desk == "new" else order.desk
    if order.archived:
        return "archived"
    least = min(states, key=LEVEL.__getitem__)
    if outcome is not None and all(state in SIGNED for state in states):
        return "receipt_returned" if order.receipt else "receipt_due"
    if least == "open":
        return "pickup_due" if order.type == "consignment" else "confirmed"
    return least


def _stage(order: Order, number: int, key: str, counting: list[Unit]) -> dict[str, Any]:
    """One milepost: done when every counting unit has reached it, as sure as the least sure of them."""
    result: dict[str, Any] = {
        "n": number,
        "key": key,
        "done": False,
        "at": None,
        "since": None,
        "recorded_at": None,
        "grade": None,
        "source": None,
        "inferred": False,
        "partial": None,
        "facts": [],
    }
    if key not in _UNIT_STAGES:
        mark = order.marks.get(key)
        if mark is not None:
            _show(result, [mark])
            result["done"] = order.archived if key == "filed" else True
        return result
    own = order.marks.get(key) if key == "picked" else None
    marks = [mark for unit in counting if (mark := unit.marks.get(key, own)) is not None]
    done = len(marks) == len(counting)
    if marks:
        _show(result, marks)
    if key == "in_transit":
        # What is on the road shows its departure, though the stage is done only on arrival.
        left = [unit.marks["departed"] for unit in counting if "departed" in unit.marks]
        if left:
            result["since"] = max(mark.at for mark in left)
            facts = dict.fromkeys(f for mark in left for f in mark.facts)
            result["facts"] = list(dict.fromkeys([*facts, *result["facts"]]))
            if not marks:
                last = max(left, key=lambda mark: mark.at)
                result |= {"grade": max(m.grade for m in left), "source": last.source}
    result["done"] = done
    if not done:
        result["at"] = result["recorded_at"] = None
        result["inferred"] = False
    if 0 < len(marks) < len(counting):
        result["partial"] = {"done": len(marks), "total": len(counting)}
    return result


def _show(result: dict[str, Any], marks: list[Mark]) -> None:
    last = marks[0]
    if len(marks) == 1:
        result["grade"], result["inferred"], result["facts"] = last.grade, last.inferred, list(last.facts)
    else:
        last = max(marks, key=lambda mark: mark.at)
        result["grade"] = max(mark.grade for mark in marks)
        result["inferred"] = any(mark.inferred for mark in marks)
        result["facts"] = list(dict.fromkeys(fact for mark in marks for fact in mark.facts))
    result["at"], result["recorded_at"], result["source"] = last.at, last.recorded_at, last.source


def _tally(order: Order, units: list[Unit]) -> dict[str, int]:
    pieces = order.pieces or 0
    tally = {"units": len(order.units), "pieces": sum(u.pieces for u in units) if order.units else pieces}
    if not order.units:
        return tally | dict.fromkeys(_UNIT_STAGES, 0)
    for key in _UNIT_STAGES:
        tally[key] = sum(1 for u in units if key in u.marks or (key == "picked" and key in order.marks))
    return tally


def _lines(order: Order, units: list[Unit]) -> list[dict[str, Any]]:
    """Ordered, picked, loaded, delivered per line (OD-2); a unit without a line counts for a sole line."""
    lines: list[dict[str, Any]] = []
    for n, line in enumerate(order.lines, 1):
        key = str(line.get("line", n))
        of_line = [u for u in units if u.line == key or (u.line is None and len(order.lines) == 1)]
        shown = {**line, "line": key, "ordered": line.get("qty")}
        shown.pop("qty", None)
        shown["short"] = order.short_qty.get(key, 0)
        shown["picked"] = order.picked_qty.get(key) or _pieces(order, of_line, "picked", line)
        shown["loaded"] = _pieces(order, of_line, "loaded", line)
        shown["delivered"] = _pieces(order, [u for u in of_line if u.close != "refused"], "signed", line)
        lines.append(shown)
    return lines


def _pieces(order: Order, units: list[Unit], key: str, line: dict[str, Any]) -> Any:
    total: Any = 0
    for unit in units:
        if key in unit.marks or (key == "picked" and key in order.marks):
            total += (line.get("qty") or 0) if unit.pseudo else unit.pieces
    return total


def _unit(order: Order, unit: Unit, state: str) -> dict[str, Any]:
    return {
        "id": unit.id,
        "no": unit.no,
        "line": unit.line,
        "pieces": unit.pieces,
        "kg": unit.kg,
        "epcs": list(unit.epcs),
        "state": state,
        "at": max((mark.at for mark in unit.marks.values()), default=None),
        "vehicle": unit.aboard,
        "trip": unit.trip,
        "site": None if unit.phys in ("in_transit", "out_for_delivery") else unit.site,
        "counts": unit.released is None,
        "released": unit.released,
        "wrong_truck": unit.wrong,
        "frozen": unit.frozen is not None,
        "attempt": unit.attempt,
    }


def _deliveries(w: World, counting: list[Unit]) -> list[dict[str, Any]]:
    """Deliveries (order, trip, attempt) with their outcome (ORDERS.md §3); fetching goods is none."""
    groups: dict[tuple[str, int], list[Unit]] = {}
    for unit in counting:
        trip = unit.trip
        if trip is not None and trip in w.trips and w.trips[trip].kind == "pickup":
            trip = None
        if trip is not None or unit.close is not None:
            groups.setdefault((trip or "", unit.attempt), []).append(unit)
    shown: list[dict[str, Any]] = []
    for (trip, attempt), units in sorted(groups.items()):
        closes = [unit.close for unit in units]
        whole = None not in closes
        worst = next((c for c in ("delivery_failed", "refused", "signed_abnormal", "signed") if c in closes), None)
        shown.append(
            {
                "trip": trip or None,
                "attempt": attempt,
                "units": len(units),
                "outcome": worst if whole else None,
                "at": max(unit.close_at for unit in units) if whole else None,
            }
        )
    return shown


def _troubles(order: Order) -> list[Trouble]:
    found = [*order.closed, *order.open.values()]
    return sorted(found, key=lambda t: (t.opened_at, t.kind, t.key, t.closed_at is None, t.closed_at or 0))


def _trouble(trouble: Trouble) -> dict[str, Any]:
    return {
        "kind": trouble.kind,
        "ex": trouble.ex,
        "key": trouble.key,
        "cause": f"{trouble.kind}:{trouble.key}",
        "opened_at": trouble.opened_at,
        "closed_at": trouble.closed_at,
        "facts": trouble.facts,
        "data": {key: value for key, value in trouble.data.items() if value is not None},
    }


def _flags(w: World, order: Order, counting: list[Unit]) -> list[str]:
    flags = {f"hold:{hold}" for hold in order.holds}
    open_kinds = {kind for kind, _ in order.open}
    if open_kinds & {"short", "line_short"}:
        flags.add("short")
    for (kind, key), _ in order.open.items():
        if kind == "raised" and key.startswith(("EX-26:", "EX-36:")):
            flags.add("delayed")
    if any(unit.moves and unit.aboard in w.silent and unit.close is None for unit in counting):
        flags.add("stale_position")
    return sorted(flags)


def _site(order: Order, counting: list[Unit], states: dict[str, str]) -> str | None:
    """Where the order is handled now: whose keepers must see it."""
    least = min(counting, key=lambda unit: LEVEL[states[unit.id]])
    if states[least.id] in ("at_hub", "at_terminal"):
        return least.site or order.terminal or order.from_site
    return order.to_site or order.from_site if states[least.id] in _AWAY else order.from_site
