"""From registers to what is shown: state, stages, tally, lines, units, deliveries (ORDERS.md §1.8, §3)."""

from typing import Any

from milepost.orders.fold.close import outcome_of
from milepost.orders.fold.counters import counters
from milepost.orders.fold.grades import Mark
from milepost.orders.fold.presence import check
from milepost.orders.fold.registers import Order, Trouble, Unit, World
from milepost.orders.model import LEVEL, SIGNED, STAGE_OF, STAGES, OrderState, d0

_UNIT_STAGES = ("picked", "loaded", "in_transit", "arrived", "signed")
_TALLIED: tuple[str, ...] = ("units", "pieces", *_UNIT_STAGES)
_BLANKS: tuple[dict[str, Any], ...] = tuple(
    {
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
        "facts": None,
    }
    for number, key in enumerate(STAGES, 1)
)
_AWAY = ("in_transit", "out_for_delivery", "at_hub", "at_terminal", "at_consignee")


def project(w: World, order: Order) -> OrderState:
    """The state of one order as plain values."""
    due = check(w, order)
    counting = order.counting()
    units = order.all_units()
    states = {unit.id: order.state_of(unit) for unit in units}
    outcome = outcome_of(order) if order.desk == "confirmed" else None
    state = _state(order, [states[unit.id] for unit in counting], outcome)
    stages, current = _stages(order, counting)
    trip, vehicle = _carried(w, order, counting)
    if order.desk == "postponed" and order.wake_at is not None:
        due = order.wake_at if due is None else min(due, order.wake_at)
    arrival = order.first_assigned
    return OrderState(
        id=order.id,
        state=state,
        stage=STAGE_OF[state],
        current=current,
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
        units=[_unit(unit, states[unit.id]) for unit in units if not unit.pseudo],
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
        next_due=due,
    )


def _carried(w: World, order: Order, counting: list[Unit]) -> tuple[str | None, str | None]:
    """The trip and the vehicle that the order is on, or was last."""
    trip = vehicle = None
    for unit in counting:
        if trip is None:
            trip = unit.trip
        if vehicle is None and unit.aboard is not None and unit.moves:
            vehicle = unit.aboard
    if trip is None and order.trips:
        trip = next(iter(order.trips))
    if vehicle is None and trip is not None and trip in w.trips:
        vehicle = next((v for start, _, v in reversed(w.trips[trip].vehicles) if start <= w.until), None)
    return trip, vehicle


def _state(order: Order, states: list[str], outcome: str | None) -> str:
    if order.desk != "confirmed":
        return "requested" if order.desk == "new" else order.desk
    if order.archived:
        return "archived"
    least = states[0] if len(states) == 1 else min(states, key=LEVEL.__getitem__)
    if outcome in SIGNED and least in SIGNED:
        return "receipt_returned" if order.receipt else "receipt_due"
    if least == "open":
        return "pickup_due" if order.type == "consignment" else "confirmed"
    return least


def _stages(order: Order, counting: list[Unit]) -> tuple[list[dict[str, Any]], str | None]:
    """The nine mileposts, and the key of the lowest that is not done.

    One is done when every counting unit has reached it, as sure as the least sure of them.
    """
    shown: list[dict[str, Any]] = []
    current: str | None = None
    alone = counting[0].marks if len(counting) == 1 else None
    for blank in _BLANKS:
        stage = blank.copy()
        shown.append(stage)
        key = stage["key"]
        own = order.marks.get(key)
        if key not in _UNIT_STAGES:
            _reached(stage, own)
            if key == "filed" and not order.archived:
                stage["done"] = False
        elif alone is not None:
            _reached(stage, alone.get(key, own if key == "picked" else None))
        else:
            _reached_by_units(stage, counting, own if key == "picked" else None)
        if key == "in_transit":
            _departed(stage, counting)
        if current is None and not stage["done"]:
            current = key
    return shown, current


def _reached(stage: dict[str, Any], mark: Mark | None) -> None:
    """A milepost that one mark decides."""
    if mark is None:
        stage["facts"] = []
        return
    fact = mark.fact
    stage["done"], stage["at"], stage["recorded_at"] = True, fact.at, fact.recorded_at
    stage["grade"], stage["source"], stage["inferred"] = mark.grade, fact.source, mark.inferred
    stage["facts"] = list(mark.facts)


def _reached_by_units(stage: dict[str, Any], counting: list[Unit], own: Mark | None) -> None:
    """A milepost that all units must reach; its time stands once they have, until then how many (`partial`)."""
    key = stage["key"]
    marks = [mark for unit in counting if (mark := unit.marks.get(key, own)) is not None]
    stage["facts"] = list(dict.fromkeys(fact for mark in marks for fact in mark.facts))
    if not marks:
        return
    last = max(marks, key=_when)
    stage["grade"], stage["source"] = max(mark.grade for mark in marks), last.fact.source
    if len(marks) == len(counting):
        stage["done"], stage["at"], stage["recorded_at"] = True, last.fact.at, last.fact.recorded_at
        stage["inferred"] = any(mark.inferred for mark in marks)
    else:
        stage["partial"] = {"done": len(marks), "total": len(counting)}


def _departed(stage: dict[str, Any], counting: list[Unit]) -> None:
    """What is on the road shows its departure, though the stage is done only on arrival."""
    left = [unit.marks["departed"] for unit in counting if "departed" in unit.marks]
    if not left:
        return
    last = left[0] if len(left) == 1 else max(left, key=_when)
    stage["since"] = last.fact.at
    if not stage["facts"]:
        stage["grade"], stage["source"] = max(mark.grade for mark in left), last.fact.source
    stage["facts"] = list(dict.fromkeys([*(fact for mark in left for fact in mark.facts), *stage["facts"]]))


def _when(mark: Mark) -> int:
    return mark.fact.at


def _tally(order: Order, units: list[Unit]) -> dict[str, int]:
    tally: dict[str, int] = dict.fromkeys(_TALLIED, 0)
    if not order.units:
        tally["pieces"] = order.pieces or 0
        return tally
    tally["units"] = len(units)
    picked = "picked" in order.marks
    for unit in units:
        tally["pieces"] += unit.pieces
        marks = unit.marks
        for key in _UNIT_STAGES:
            if key in marks or (picked and key == "picked"):
                tally[key] += 1
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


def _unit(unit: Unit, state: str) -> dict[str, Any]:
    return {
        "id": unit.id,
        "no": unit.no,
        "line": unit.line,
        "pieces": unit.pieces,
        "kg": unit.kg,
        "epcs": list(unit.epcs),
        "state": state,
        "at": max(map(_when, unit.marks.values()), default=None),
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
    for (trip, attempt), units in sorted(groups.items()) if len(groups) > 1 else groups.items():
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
    if not order.open and not order.closed:
        return []
    found = [*order.closed, *(trouble for of_kind in order.open.values() for trouble in of_kind.values())]
    if len(found) > 1:
        found.sort(key=lambda t: (t.opened_at, t.kind, t.key, t.closed_at is None, t.closed_at or 0))
    return found


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
    if not (order.holds or order.open or w.silent):
        return []
    flags = {f"hold:{hold}" for hold in order.holds}
    if "short" in order.open or "line_short" in order.open:
        flags.add("short")
    if "raised" in order.open and any(key.startswith(("EX-26:", "EX-36:")) for key in order.open["raised"]):
        flags.add("delayed")
    if w.silent and any(unit.moves and unit.aboard in w.silent and unit.close is None for unit in counting):
        flags.add("stale_position")
    return sorted(flags)


def _site(order: Order, counting: list[Unit], states: dict[str, str]) -> str | None:
    """Where the order is handled now: whose keepers must see it."""
    least = counting[0] if len(counting) == 1 else min(counting, key=lambda unit: LEVEL[states[unit.id]])
    if states[least.id] in ("at_hub", "at_terminal"):
        return least.site or order.terminal or order.from_site
    return order.to_site or order.from_site if states[least.id] in _AWAY else order.from_site
