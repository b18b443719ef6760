"""The oracle's walk through the facts of an order: where each unit is (docs/facts.md)."""

from milepost.evidence.model import Fact
from milepost_tools.bench.clocks.oracle_diary import (
    Diary,
    Unit,
    is_destination,
    is_hub,
    is_terminal,
    kind_of_trip,
    trip_of,
)
from milepost_tools.bench.clocks.oracle_facts import MINUTE, place

WAIT = 30 * MINUTE
_OUTCOMES = {"order.signed": "signed", "order.signed_abnormal": "signed_abnormal", "order.refused": "refused"}
_ON_THE_WAY = ("loaded", "in_transit", "at_hub", "at_terminal")


def move(diary: Diary, fact: Fact) -> None:
    """What a fact does to the goods."""
    vehicle, site = fact.subjects.get("vehicle"), fact.subjects.get("site", "")
    unit = diary.units.get(fact.subjects.get("unit", ""))
    aboard = [u for u in diary.units.values() if vehicle in u.vehicles and not (u.frozen or u.astray)]
    match fact.kind:
        case "unit.loaded" if unit is not None:
            _load(diary, fact, unit, vehicle)
        case "load.checked":
            _check_load(diary, fact)
        case "unit.unloaded" if unit is not None:
            unit.vehicles, unit.frozen, unit.astray = set(), False, False
            _come_in(diary, fact, unit, site)
        case "vehicle.left":
            for each in aboard:
                _leave(diary, fact, each, site)
        case "vehicle.entered" if kind_of_trip(diary, trip_of(diary, vehicle, fact.at)) != "pickup":
            for each in aboard:
                if each.state in _ON_THE_WAY and not (each.state == "at_terminal" and is_hub(diary, site)):
                    _come_in(diary, fact, each, site)
        case "vehicle.stopped" if is_destination(diary, site):
            for each in aboard:
                _stop(diary, fact, each)
        case _:
            _tell(diary, fact)


def _load(diary: Diary, fact: Fact, unit: Unit, vehicle: str | None) -> None:
    if unit.vehicles - {vehicle} and "#" not in unit.name:
        unit.frozen = True
    if unit.frozen or vehicle is None:
        return
    again = vehicle in unit.vehicles
    unit.vehicles.add(vehicle)
    unit.astray = not _on_its_list(diary, fact, vehicle)
    if unit.astray or not unit.counts:
        return
    unit.lies = unit.lies or "loaded"
    if not unit.moved:
        unit.state = "loaded" if unit.state == "open" else unit.state
        diary.tell(fact, "loaded", unit=unit.name)
    elif not again:
        diary.tell(fact, "reloaded", unit=unit.name)


def _on_its_list(diary: Diary, fact: Fact, vehicle: str | None) -> bool:
    """False where a list speaks of the order or of the vehicle's trip, and they are not on the same."""
    lists = [f for f in diary.facts if f.kind == "trip.expected" and f.at <= fact.at]
    ours = {f.subjects["trip"] for f in lists if f.subjects["order"] == diary.order}
    trip = trip_of(diary, vehicle, fact.at)
    return trip in ours if ours or any(f.subjects["trip"] == trip for f in lists) else True


def _check_load(diary: Diary, fact: Fact) -> None:
    """The keeper counts what has no tags onto the truck of a trip that lists the order."""
    trip = fact.subjects["trip"]
    unit = diary.units.get(f"{diary.order}#")
    if unit is None or not any(f.subjects["trip"] == trip for f in diary.about("trip.expected")):
        return
    bound = [f for f in diary.facts if f.kind == "trip.vehicle" and f.subjects["trip"] == trip]
    bound = [f for f in bound if f.body["from"] <= fact.at and (f.body.get("to") is None or fact.at < f.body["to"])]
    if unit.state == "at_terminal":
        unit.vehicles.clear()
    if bound:
        _load(diary, fact, unit, bound[-1].subjects["vehicle"])


def _leave(diary: Diary, fact: Fact, unit: Unit, site: str) -> None:
    trip = kind_of_trip(diary, trip_of(diary, fact.subjects["vehicle"], fact.at))
    if is_destination(diary, site):
        diary.tell(fact, "left", unit=unit.name)
    agreed = unit.state in ("delivery_failed", "refused") and _agreed_anew(diary, fact, unit)
    if trip == "pickup" or not unit.counts or not (unit.state in _ON_THE_WAY or agreed):
        return
    out = agreed or (trip == "delivery" and is_terminal(diary, site))
    unit.state, unit.moved = "out" if out else "in_transit", True
    unit.lies = unit.state
    diary.tell(fact, "departed", unit=unit.name, data="out" if out or trip == "delivery" else "line")


def _agreed_anew(diary: Diary, fact: Fact, unit: Unit) -> bool:
    """A new appointment since its delivery failed."""
    ended = next(e for e in reversed(diary.all("delivery_failed", "refused")) if e.unit == unit.name)
    assert ended.fact is not None
    return any(place(ended.fact) < place(f) < place(fact) for f in diary.about("delivery.agreed"))


def _come_in(diary: Diary, fact: Fact, unit: Unit, site: str) -> None:
    terminal = is_terminal(diary, site)
    if not terminal and not is_hub(diary, site):
        return
    place = "at_terminal" if terminal else "at_hub"
    if unit.state in ("open", *_ON_THE_WAY, "out"):
        unit.state = place
    unit.moved, unit.lies = True, place
    if unit.counts and unit.outcome is None and unit.state != "handed_out":
        diary.tell(fact, place, unit=unit.name)


def _stop(diary: Diary, fact: Fact, unit: Unit) -> None:
    if not unit.counts or unit.state not in (*_ON_THE_WAY, "out", "at_consignee"):
        return
    unit.state, unit.stopped_at, unit.lies = "at_consignee", fact.at, "at_consignee"
    diary.tell(fact, "stopped", unit=unit.name)


def concerned(diary: Diary) -> list[Unit]:
    """Whom an outcome concerns that names no unit: what is at the consignee, else all ever loaded, else all."""
    unsettled = [u for u in diary.counting if u.state not in ("signed", "signed_abnormal")]
    loaded = [u for u in unsettled if u.lies and not u.frozen]
    return [u for u in loaded if u.lies == "at_consignee"] or loaded or unsettled


def _tell(diary: Diary, fact: Fact) -> None:
    """What people say of the goods: hand-out, sign-off, failure, loss."""
    if fact.subjects.get("order") != diary.order:
        return
    match fact.kind:
        case "handout.done":
            for unit in diary.counting:
                if unit.outcome is None:
                    unit.state, unit.lies, unit.vehicles = "handed_out", "handed_out", set()
                    diary.tell(fact, "handed_out", unit=unit.name)
        case "order.signed" | "order.signed_abnormal" | "order.refused":
            for unit in _named(diary, fact) or concerned(diary):
                # Whoever signs or refuses goods stands before them; only at a terminal or a carrier they lie elsewhere.
                if unit.lies not in ("at_terminal", "handed_out"):
                    unit.lies = "at_consignee"
                unit.state = _OUTCOMES[fact.kind]
                diary.tell(fact, unit.state, unit=unit.name)
        case "delivery.agreed":
            for unit in diary.counting:  # what lies at the terminal again waits there for its next attempt
                if unit.state == "delivery_failed" and unit.moved and not unit.vehicles:
                    unit.state = "at_terminal"
        case "delivery.failed":
            _fail(diary, fact, concerned(diary))
        case "contact.logged" if fact.body.get("can_receive_at") is not None:
            waiting = [u for u in diary.counting if u.state == "at_consignee" and u.stopped_at is not None]
            since = max((u.stopped_at or 0 for u in waiting), default=0)
            if waiting and fact.body["can_receive_at"] > since + WAIT:
                _fail(diary, fact, waiting)
        case "load.overridden":
            closed = (*_OUTCOMES.values(), "delivery_failed")
            left = [u for u in _named(diary, fact) if not u.vehicles and u.state not in closed]
            _release(diary, fact, left, "short")
        case "disposition.decided" if fact.body["decision"] == "lost":
            if not fact.body.get("units"):
                diary.tell(fact, "lost")
            _release(diary, fact, _named(diary, fact) or list(diary.units.values()), "lost")
        case _:
            pass


def _named(diary: Diary, fact: Fact) -> list[Unit]:
    return [diary.units[name] for name in fact.body.get("units") or [] if name in diary.units]


def _release(diary: Diary, fact: Fact, units: list[Unit], why: str) -> None:
    for unit in units:
        unit.counts = False
        diary.tell(fact, "released", unit=unit.name, data=why)


def _fail(diary: Diary, fact: Fact, units: list[Unit]) -> None:
    for unit in units:
        if unit.outcome is None and unit.state != "delivery_failed":
            unit.state, unit.stopped_at = "delivery_failed", None
            diary.tell(fact, "delivery_failed", unit=unit.name)
