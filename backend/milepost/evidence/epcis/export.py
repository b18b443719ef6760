"""Our facts as EPCIS 2.0 events. Pure: a fact and the names of what it speaks of in, events out.

Which fact becomes which event stands in docs/epcis.md. The id of an event is made of the fact's id and rev, so the
same fact is the same event for ever, whoever asks and whenever. A correction is told in the way of the standard: the
event that was wrong again, word for word, with an error declaration that names the events in its place.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from milepost.evidence.epcis.events import own_id
from milepost.evidence.model import Fact

Event = dict[str, Any]
CORRECTIONS = frozenset({"fact.retracted", "fact.corrected"})
DID_NOT_OCCUR, INCORRECT = "did_not_occur", "incorrect_data"


@dataclass(frozen=True, slots=True)
class Names:
    """What partners call our things. Each function takes an id; instants are UTC ms.

    `unit(id, at)`, `vehicle(id, at)`, `door`, `site` give URIs; `place` the URI under which a site reads without a
    door, or None; `order_of` the order of a unit; `units_of` the units of an order; `offset(at, site)` minutes east of
    UTC at the place.
    """

    unit: Callable[[str, int], str]
    vehicle: Callable[[str, int], str]
    door: Callable[[str], str]
    site: Callable[[str], str]
    place: Callable[[str], str | None]
    order_of: Callable[[str], str | None]
    units_of: Callable[[str], list[str]]
    offset: Callable[[int, str | None], int]


def events(fact: Fact, known: Iterable[Fact], names: Names) -> list[Event]:
    """The events that a fact adds to the record. `known`: every rev of it, and of the fact that it amends."""
    every = {(row.id, row.rev): row for row in known} | {(fact.id, fact.rev): fact}
    if fact.kind in CORRECTIONS:
        return _amended(fact, every, names)
    if fact.kind not in KINDS or fact.source == "partner":
        return []
    told = _plain(fact, names)
    before = max((row.rev for row in every.values() if row.id == fact.id and row.rev < fact.rev), default=None)
    if before is None:
        return told
    wrong = _plain(every[fact.id, before], names)
    return [*_declared(wrong, fact, INCORRECT, told, names), *told]


def _amended(fact: Fact, every: Mapping[tuple[str, int], Fact], names: Names) -> list[Event]:
    target = max(
        (row for row in every.values() if row.id == fact.body.get("target") and row.kind in KINDS),
        key=lambda row: row.rev,
        default=None,
    )
    if target is None or target.source == "partner":
        return []
    wrong = _plain(target, names)
    if fact.kind == "fact.retracted":
        return _declared(wrong, fact, DID_NOT_OCCUR, [], names)
    right = _plain(_with(target, fact.body.get("fields")), names, own=fact.id)
    return [*_declared(wrong, fact, INCORRECT, right, names), *right]


def _with(target: Fact, changes: Any) -> Fact:
    """The target as a person's correction makes it (ORDERS.md §1.4)."""
    given: dict[str, Any] = dict(changes) if isinstance(changes, Mapping) else {}
    at = given.pop("at", target.at)
    subjects = {name: str(given.pop(name)) if name in given else value for name, value in target.subjects.items()}
    return replace(
        target, at=at if isinstance(at, int) else target.at, subjects=subjects, body={**target.body, **given}
    )


def _declared(wrong: list[Event], by: Fact, reason: str, right: list[Event], names: Names) -> list[Event]:
    declaration: Event = {"declarationTime": _time(by.received_at or by.at, 0), "reason": reason}
    if right:
        declaration["correctiveEventIDs"] = [row["eventID"] for row in right]
    recorded = _time(by.received_at or by.at, 0)
    return [{**row, "recordTime": recorded, "errorDeclaration": declaration} for row in wrong]


def _plain(fact: Fact, names: Names, own: str | None = None) -> list[Event]:
    """The events of one rev of a fact, as if nothing had ever been corrected. `own`: the id of a correction."""
    made = _HOW[fact.kind](fact, names)
    return [
        {
            "type": row.pop("type"),
            "eventID": own_id(own or fact.id, str(fact.rev), str(number)),
            "eventTime": _time(fact.at, names.offset(fact.at, fact.subjects.get("site"))),
            "eventTimeZoneOffset": _offset(names.offset(fact.at, fact.subjects.get("site"))),
            "recordTime": _time(fact.received_at or fact.at, 0),
            **row,
            **_extension(fact),
        }
        for number, row in enumerate(made)
    ]


def _extension(fact: Fact) -> Event:
    told = {"evidence": fact.id, "confidence": fact.confidence, "grade": fact.grade, "source": fact.source,
            "rule": fact.rule, "inferred": fact.body.get("inferred")}  # fmt: skip
    return {f"milepost:{name}": value for name, value in told.items() if value is not None}


def _places(fact: Fact, names: Names) -> Event:
    """Where: the door is a read point of its site; without one the site is both."""
    site, door = fact.subjects.get("site"), fact.subjects.get("door") or fact.body.get("door")
    if door is not None:
        found: Event = {"readPoint": {"id": names.door(str(door))}}
    elif site is not None:
        found = {"readPoint": {"id": names.place(site) or names.site(site)}}
    else:
        return {}
    return found | ({"bizLocation": {"id": names.site(site)}} if site is not None else {})


def _papers(fact: Fact, orders: Iterable[str | None], *more: tuple[str, str | None]) -> Event:
    """The order as its purchase order, the trip as its bill of lading, and what else is told."""
    rows = [("po", order) for order in dict.fromkeys(orders) if order]
    trip = fact.subjects.get("trip") or fact.body.get("trip")
    rows += [("bol", str(trip))] if trip else []
    rows += [(kind, value) for kind, value in more if value]
    listed = [{"type": kind, "bizTransaction": f"urn:uuid:{value}"} for kind, value in rows]
    return {"bizTransactionList": listed} if listed else {}


def _object(epcs: list[str], step: str, **more: Any) -> Event:
    return {"type": "ObjectEvent", "epcList": epcs, "action": "OBSERVE", "bizStep": step, **more}


def _of_unit(fact: Fact, names: Names) -> tuple[str, Event]:
    unit = fact.subjects["unit"]
    return names.unit(unit, fact.at), _places(fact, names) | _papers(fact, [names.order_of(unit)])


def _picked(fact: Fact, names: Names) -> list[Event]:
    if "unit" not in fact.subjects:  # a line picked by quantity: goods without names of their own
        order = fact.subjects.get("order")
        return [_object([], "picking", disposition="in_progress", **_places(fact, names), **_papers(fact, [order]))]
    uri, rest = _of_unit(fact, names)
    return [_object([uri], "picking", disposition="in_progress", **rest)]


def _moved(action: str, step: str) -> Callable[[Fact, Names], list[Event]]:
    def how(fact: Fact, names: Names) -> list[Event]:
        uri, rest = _of_unit(fact, names)
        vehicle = fact.subjects.get("vehicle")
        if vehicle is None:  # nobody knows out of what
            return [_object([uri], step, disposition="in_progress", **rest)]
        return [
            {"type": "AggregationEvent", "parentID": names.vehicle(vehicle, fact.at), "childEPCs": [uri],
             "action": action, "bizStep": step, "disposition": "in_progress", **rest}
        ]  # fmt: skip

    return how


def _seen(fact: Fact, names: Names) -> list[Event]:
    uri, rest = _of_unit(fact, names)
    return [_object([uri], "entering_exiting" if fact.body.get("direction") else "storing", **rest)]


def _driven(step: str, disposition: str) -> Callable[[Fact, Names], list[Event]]:
    def how(fact: Fact, names: Names) -> list[Event]:
        uri = names.vehicle(fact.subjects["vehicle"], fact.at)
        return [_object([uri], step, disposition=disposition, **_places(fact, names), **_papers(fact, []))]

    return how


def _closed(fact: Fact, names: Names) -> list[Event]:
    """What a session was short of, what it had too much, or that it was complete."""
    step = "loading" if fact.body.get("direction", "load") == "load" else "unloading"
    made = []
    for listed, word in ((fact.body.get("short"), "mismatch_quantity"), (fact.body.get("over"), "mismatch_instance")):
        units = [str(unit) for unit in listed or ()]
        if units:
            papers = _papers(fact, [names.order_of(unit) for unit in units])
            uris = [names.unit(unit, fact.at) for unit in units]
            made.append(_object(uris, step, persistentDisposition={"set": [word]}, **_places(fact, names), **papers))
    if not made and "vehicle" in fact.subjects:
        uri = names.vehicle(fact.subjects["vehicle"], fact.at)
        made = [
            _object([uri], step, persistentDisposition={"set": ["completeness_verified"]}, **_places(fact, names),
                    **_papers(fact, []))
        ]  # fmt: skip
    return made


def _signed(step: str, disposition: str, word: str | None) -> Callable[[Fact, Names], list[Event]]:
    def how(fact: Fact, names: Names) -> list[Event]:
        order = fact.subjects.get("order")
        units = [str(unit) for unit in fact.body.get("units") or (names.units_of(order) if order else ())]
        uris = [names.unit(unit, fact.at) for unit in units]
        damaged = fact.body.get("damaged")
        more: Event = {"disposition": "damaged" if damaged else disposition}
        lacks = fact.body.get("short")
        if word is not None and (word != "mismatch_quantity" or lacks):
            more["persistentDisposition"] = {"set": [word]}
        return [_object(uris, step, **more, **_places(fact, names), **_papers(fact, [order], ("recadv", order)))]

    return how


def _returned(fact: Fact, names: Names) -> list[Event]:
    order = fact.subjects.get("order")
    uris = [names.unit(str(unit), fact.at) for unit in fact.body.get("units") or ()]
    papers = _papers(fact, [order], ("rma", order))
    return [_object(uris, "receiving", disposition="returned", **_places(fact, names), **papers)]


_HOW: dict[str, Callable[[Fact, Names], list[Event]]] = {
    "unit.picked": _picked,
    "unit.loaded": _moved("ADD", "loading"),
    "unit.unloaded": _moved("DELETE", "unloading"),
    "unit.passed_back": _moved("DELETE", "void_shipping"),
    "unit.seen": _seen,
    "vehicle.left": _driven("departing", "in_transit"),
    "vehicle.entered": _driven("arriving", "in_transit"),
    "vehicle.stopped": _driven("arriving", "in_progress"),
    "session.closed": _closed,
    "order.signed": _signed("accepting", "in_progress", "completeness_verified"),
    "order.signed_abnormal": _signed("receiving", "in_progress", "mismatch_quantity"),
    "order.refused": _signed("inspecting", "returned", None),
    "return.received": _returned,
}
KINDS = frozenset(_HOW)


def _time(ms: int, offset_min: int) -> str:
    zone = timezone(timedelta(minutes=offset_min)) if offset_min else UTC
    text = (
        (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=ms))
        .astimezone(zone)
        .isoformat(timespec="milliseconds")
    )
    return text.replace("+00:00", "Z") if offset_min == 0 else text


def _offset(minutes: int) -> str:
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
