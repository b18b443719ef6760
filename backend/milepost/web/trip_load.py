"""What a trip should carry and what it carries: per order and unit, with what is missing, wrong and unknown."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from milepost.access.model import SYSTEM, Principal
from milepost.access.scope import readable
from milepost.evidence import log
from milepost.evidence import repository as evidence_rows
from milepost.evidence.model import Author, Fact
from milepost.evidence.service import standing
from milepost.fleet import repository as fleet_rows
from milepost.masterdata import service as masterdata
from milepost.notify.repository import names_of
from milepost.orders.held import claimed_twice
from milepost.orders.model import LEVEL
from milepost.orders.tables import order
from milepost.plan import repository as plan_rows
from milepost.plan import service as plan
from milepost.plan.tables import trip_expected
from milepost.times import now_ms
from milepost.web.formats import called
from milepost.web.orders_view import customers

Row = dict[str, Any]
# PC-3: goods of these customers are loaded first, and apart only with the consent of the branch of origin.
PRIORITY_CLASSES = ("project",)
_MOST_UNKNOWN = 20
_MOST_NAMED = 12
_MOST_TROUBLED = 500


def load_of(conn: Connection, me: Principal, trip: plan.Trip, intervals: Sequence[Row]) -> Row:
    """The loading of one trip.

    `intervals`: its vehicles in time. Returns {orders, done, total, missing, wrong, unknown, review}: `orders` in the
    order in which they are loaded (priority first), each with its `units`; `wrong` are units aboard that this trip
    does not expect, `unknown` tags that no unit carries. Whoever sees the trip sees the labels of what it carries;
    only the orders in their scope are `known` and may be opened.
    """
    listed = plan_rows.expected(conn, trip.id)
    wanted = _wanted(listed)
    rows = _orders(conn, wanted)
    known = _known(conn, me, rows)
    consents = _consents(conn, rows)
    shown = [_order(row, wanted[key], trip.id, consents.get(key, []), key in known) for key, row in rows.items()]
    shown.sort(key=lambda each: (not each["priority"], each["number"]))
    names = customers(conn, (each["customer"] for each in shown))
    for each in shown:
        each["customer"] = names.get(each["customer"], each["customer"])
    wrong = _wrong(conn, trip.id, intervals, wanted)
    return {
        "orders": shown,
        "wrong": wrong,
        "unknown": _unknown(conn, trip.id),
        **_sums(shown),
    }


def tallies(conn: Connection, vehicles: Mapping[str, str | None]) -> dict[str, Row]:
    """For a list: of each trip {done, total, missing: [labels], over: [labels], orders: [numbers]}.

    `vehicles`: by trip the one that is on it now, None when there is none.
    """
    lists: dict[str, list[Row]] = {key: [] for key in vehicles}
    strays = _strays(conn, {each for each in vehicles.values() if each is not None})
    statement = select(trip_expected).where(trip_expected.c.trip_id.in_(list(lists)))
    for row in conn.execute(statement.order_by(trip_expected.c.order_id)).mappings():
        lists[row["trip_id"]].append(dict(row))
    rows = _orders(conn, {row["order_id"] for listed in lists.values() for row in listed})
    made: dict[str, Row] = {}
    for key, listed in lists.items():
        wanted = _wanted(listed)
        shown = [_order(rows[each], units, key, [], True) for each, units in wanted.items() if each in rows]
        over = [each["label"] for row in shown for each in row["astray"]]
        over += strays.get(vehicles[key] or "", [])
        made[key] = {**_sums(shown), "over": over, "orders": [row["number"] for row in shown]}
    return made


def _strays(conn: Connection, vehicles: set[str]) -> dict[str, list[str]]:
    """By vehicle the units that lie on it and belong elsewhere, as the fold has judged."""
    statement = readable(SYSTEM, order, order.c.number, order.c.projection).where(order.c.open_exceptions > 0)
    found: dict[str, list[str]] = {}
    for row in conn.execute(statement.order_by(order.c.updated_at.desc()).limit(_MOST_TROUBLED)):
        for unit in json.loads(row.projection).get("units", ()) if vehicles else ():
            if unit["wrong_truck"] and unit["vehicle"] in vehicles:
                found.setdefault(unit["vehicle"], []).append(label(row.number, unit["no"]))
    return found


def held(conn: Connection, intervals: Sequence[Row]) -> list[Row]:
    """Units that a vehicle of the trip and another one both claim: {label, plates, since}."""
    on = {row["vehicle_id"] for row in intervals if row["to_ms"] is None}
    return [
        {"label": label(each["number"], each["no"]), "since": each["since"],
         "plates": [_plate(conn, vehicle) or vehicle for vehicle in each["vehicles"]]}
        for each in claimed_twice(conn, on)
    ]  # fmt: skip


def belongs(conn: Connection, unit_id: str, order_id: str) -> Row | None:
    """Trip, door and truck that expect a unit, as far as they are known: {trip, door, plate}; None for no trip."""
    on_list = select(trip_expected.c.trip_id).where(trip_expected.c.order_id == order_id).distinct()
    trips = conn.execute(on_list).scalars().all()
    trip_id = next((each for each in trips if unit_id in plan.expected_units(conn, each)), None)
    if trip_id is None:
        return None
    trip = plan.get_trip(conn, trip_id)
    for each in evidence_rows.sessions(conn, trip_id=trip_id):
        if each["to_ms"] is None:
            door = fleet_rows.find(conn, "door", each["door_id"]) or {}
            return {"trip": trip.number, "door": door.get("number"), "plate": _plate(conn, each["vehicle_id"])}
    on = on_it(plan_rows.vehicle_intervals(conn, trip_id=trip_id), now_ms())
    return {"trip": trip.number, "door": None, "plate": _plate(conn, on["vehicle_id"]) if on else None}


def on_it(intervals: Sequence[Row], at: int) -> Row | None:
    """The vehicle's interval that holds at an instant (UTC ms); before the first one that one, so that it can load."""
    for row in intervals:
        if row["from_ms"] <= at and (row["to_ms"] is None or at < row["to_ms"]):
            return row
    return next((row for row in intervals if row["from_ms"] > at), None)


def label(number: str, no: Any) -> str:
    """How people call a unit: `SO-1 #3`."""
    return f"{number} #{no}"


def _wanted(listed: Iterable[Row]) -> dict[str, set[str] | None]:
    """Order → its units on the list; None for all it has."""
    wanted: dict[str, set[str] | None] = {}
    for row in listed:
        if row["unit_id"] == "":
            wanted[row["order_id"]] = None
        elif (units := wanted.setdefault(row["order_id"], set())) is not None:
            units.add(row["unit_id"])
    return wanted


def _orders(conn: Connection, ids: Iterable[str]) -> dict[str, Row]:
    columns = (order.c.id, order.c.number, order.c.version, order.c.request, order.c.projection)
    statement = readable(SYSTEM, order, *columns).where(order.c.id.in_(list(ids))).order_by(order.c.number)
    return {row["id"]: {**row, "projection": json.loads(row["projection"])}
            for row in conn.execute(statement).mappings()}  # fmt: skip


def _known(conn: Connection, me: Principal, ids: Iterable[str]) -> set[str]:
    return set(conn.execute(readable(me, order, order.c.id).where(order.c.id.in_(list(ids)))).scalars())


def _consents(conn: Connection, ids: Iterable[str]) -> dict[str, list[Row]]:
    """What branches of origin have agreed to load apart, by order: {at, by: {zh, en}, units, reason}."""
    given = [fact for fact in standing(log.of_subjects(conn, [("order", key) for key in ids]))
             if fact.kind == "split.consented"]  # fmt: skip
    branches = {row["id"]: row for row in masterdata.branches_named(conn, {f.by.branch for f in given if f.by.branch})}
    people = names_of(conn, {fact.by.id for fact in given})
    found: dict[str, list[Row]] = {}
    for fact in given:
        row = {"at": fact.at, "by": _consenting(fact.by, branches, people), "units": fact.body.get("units") or [],
               "reason": fact.body.get("reason", "")}  # fmt: skip
        found.setdefault(fact.subjects["order"], []).append(row)
    return found


def _consenting(by: Author, branches: Mapping[str, Row], people: Mapping[str, str]) -> dict[str, str]:
    """Who let goods go apart, in both languages: the branch by its name, else the person."""
    branch = branches.get(by.branch or "")
    if branch is not None:
        return {language: branch[f"name_{language}"] for language in ("zh", "en")}
    return {language: called(people.get(by.id, "–"), language) for language in ("zh", "en")}


def _order(row: Row, listed: set[str] | None, trip_id: str, consents: list[Row], known: bool) -> Row:
    said = row["projection"]
    priority = said.get("customer_class") in PRIORITY_CLASSES
    shown: Row = {
        "id": row["id"],
        "number": row["number"],
        "version": row["version"],
        "known": known,
        "state": said["state"],
        "customer": said.get("customer"),
        "priority": priority,
        "no_split": priority,
        "consents": consents,
        "pieces": said["tally"]["pieces"],
        "cautions": _cautions(row),
        "astray": [],
    }
    mine = [unit for unit in said["units"] if listed is None or unit["id"] in listed]
    agreed = {unit for each in consents for unit in each["units"]}
    shown["units"] = [_unit(unit, row["number"], trip_id, agreed) for unit in mine]
    if not said["units"]:
        shown["untagged"] = _untagged(said, trip_id)
    else:
        here = {unit["vehicle"] for unit in mine if unit["trip"] == trip_id and unit["vehicle"]}
        others = [unit for unit in said["units"] if unit not in mine and unit["vehicle"] in here]
        shown["untagged"] = None
        shown["astray"] = [{"label": label(row["number"], unit["no"]), "id": unit["id"]} for unit in others]
    counting = [unit for unit in shown["units"] if unit["stand"] != "released"]
    shown["done"] = sum(unit["stand"] in ("done", "review") for unit in counting)
    shown["total"] = len(counting)
    if shown["untagged"] is not None:
        shown["done"], shown["total"] = int(shown["untagged"]["done"]), 1
    return shown


def _unit(unit: Mapping[str, Any], number: str, trip_id: str, agreed: set[str]) -> Row:
    ours = unit["trip"] == trip_id and not unit["wrong_truck"]
    aboard = ours and (unit["vehicle"] is not None or LEVEL.get(unit["state"], 0) >= LEVEL["loaded"])
    stand = "released" if not unit["counts"] else "missing"
    if aboard:
        stand = "review" if unit["frozen"] else "done"
    return {
        "id": unit["id"],
        "no": unit["no"],
        "label": label(number, unit["no"]),
        "pieces": unit["pieces"],
        "kg": unit["kg"],
        "tail": unit["epcs"][-1][-4:] if unit["epcs"] else "",
        "stand": stand,
        "on_truck": ours and unit["vehicle"] is not None,
        "at": unit["at"] if aboard else None,
        "consented": unit["id"] in agreed,
    }


def _untagged(said: Mapping[str, Any], trip_id: str) -> Row:
    """Goods without tags, which the keeper counts: {pieces, done, counted}."""
    loaded = next(stage for stage in said["stages"] if stage["key"] == "loaded")
    short = next((each for each in said["exceptions"] if each["kind"] == "short" and each["closed_at"] is None
                  and each["data"].get("trip") == trip_id), None)  # fmt: skip
    done = loaded["done"] and said.get("trip") == trip_id
    counted = said["tally"]["pieces"] if done else short["data"].get("loaded") if short else None
    return {"pieces": said["tally"]["pieces"], "done": done, "counted": counted,
            "at": loaded["at"] if done else None}  # fmt: skip


def _cautions(row: Row) -> list[tuple[str, str]]:
    """What the driver is to be told of an order (OT-8): (kind, words). Remarks are the customer's own words."""
    said, asked = row["projection"], json.loads(row["request"])
    found: list[tuple[str, str]] = []
    counters = said.get("counters") or {}
    if counters.get("escorts") == 2:
        found.append(("escorts", f"{counters['max_piece_kg']:g}"))
    words = [(asked.get("contact") or {}).get("remark"), *(line.get("remark") for line in said["lines"])]
    found += [("words", str(text)) for text in dict.fromkeys(words) if text]
    return found


def _sums(orders: Sequence[Row]) -> Row:
    units = [unit for row in orders for unit in row["units"]]
    return {
        "done": sum(row["done"] for row in orders),
        "total": sum(row["total"] for row in orders),
        "missing": _named(orders, "missing"),
        "review": _named(orders, "review"),
        "released": _named(orders, "released"),
        "released_n": sum(unit["stand"] == "released" for unit in units),
    }


def _named(orders: Sequence[Row], stand: str) -> list[str]:
    """Units that stand so, by order: `SO-1 #2 #3`; goods without tags by their order alone."""
    found = []
    for row in orders:
        nos = [f"#{unit['no']}" for unit in row["units"] if unit["stand"] == stand]
        if nos:
            more = f" +{len(nos) - _MOST_NAMED}" if len(nos) > _MOST_NAMED else ""
            found.append(f"{row['number']} {' '.join(nos[:_MOST_NAMED])}{more}")
        elif stand == "missing" and row["untagged"] is not None and not row["untagged"]["done"]:
            found.append(row["number"])
    return found


def _wrong(
    conn: Connection, trip_id: str, intervals: Sequence[Row], wanted: Mapping[str, set[str] | None]
) -> list[Row]:
    """Units that lie on this trip's vehicle and are not on its list, named, with where they belong."""
    if not intervals:
        return []
    since = min(row["from_ms"] for row in intervals)
    vehicles = {row["vehicle_id"] for row in intervals}
    moved = standing(log.of_subjects(conn, [("vehicle", each) for each in vehicles], since=since))
    seen = {fact.subjects["unit"]: fact for fact in moved if fact.kind == "unit.loaded" and _during(fact, intervals)}
    units = [unit for key in sorted(seen) for unit in plan_rows.units(conn, id=key)]
    rows = _orders(conn, {unit["order_id"] for unit in units})
    found: list[Row] = []
    for unit in units:
        row = rows.get(unit["order_id"])
        listed = wanted.get(unit["order_id"], set())
        if row is None or listed is None or unit["id"] in listed:
            continue
        said = next((each for each in row["projection"]["units"] if each["id"] == unit["id"]), None)
        if said is None or said["vehicle"] not in vehicles or (said["trip"] not in (None, trip_id)
                                                               and not said["wrong_truck"]):  # fmt: skip
            continue
        place = belongs(conn, unit["id"], unit["order_id"])
        found.append({"id": unit["id"], "order": row["number"], "label": label(row["number"], said["no"]),
                      "at": seen[unit["id"]].at, "belongs": place})  # fmt: skip
    return found


def _during(fact: Fact, intervals: Sequence[Row]) -> bool:
    vehicle = fact.subjects.get("vehicle")
    return any(
        row["vehicle_id"] == vehicle and row["from_ms"] <= fact.at and (row["to_ms"] is None or fact.at < row["to_ms"])
        for row in intervals
    )


def _unknown(conn: Connection, trip_id: str) -> list[Row]:
    """Tags that went aboard at a door for this trip and that no unit carries: each once, by where it went last."""
    last: dict[str, Row] = {}
    for session in evidence_rows.sessions(conn, trip_id=trip_id):
        if session["direction"] != "load":
            continue
        for passage in evidence_rows.passages(conn, session["door_id"], session["from_ms"], session["to_ms"]):
            last[passage["epc"]] = passage
    gone = [row for row in last.values() if row["direction"] == "out"
            and plan.unit_of_epc(conn, row["epc"], row["at"]) is None]  # fmt: skip
    return [{"epc": row["epc"], "at": row["at"]} for row in gone[:_MOST_UNKNOWN]]


def _plate(conn: Connection, vehicle_id: str) -> str | None:
    return (fleet_rows.find(conn, "vehicle", vehicle_id) or {}).get("plate")
