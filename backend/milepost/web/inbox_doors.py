"""What an item of the inbox knows of a door, and what a person can say about it with one press."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import Connection

from milepost.access.model import Principal
from milepost.alerts import answers
from milepost.alerts.model import NOT_OURS
from milepost.errors import NotFound
from milepost.evidence import repository as evidence_rows
from milepost.evidence import service as evidence
from milepost.fleet import repository as fleet_rows
from milepost.orders import service as orders
from milepost.plan import service as plan
from milepost.web import scanned, views

Row = dict[str, Any]
Translate = Callable[..., str]


def about(conn: Connection, me: Principal, item: Mapping[str, Any], language: str, t: Translate) -> Row | None:
    """Of an item about a door or a truck's alarm: {known, says, pieces, late}; None for any other.

    `known`: label and text of what is known, with a link or None; `says`: the answers open to `me` as buttons;
    `pieces`: the units of the list that it may have been, where one has to be named; `late`: nobody can answer it now.
    """
    data, asked = item["data"], item["answers"]
    if not asked and not data.get("door_id"):
        return None
    pieces = _pieces(conn, data) if asked and item["kind"] in answers.NAMED else []
    says = [each for each in _says(conn, item, t) if _may(conn, me, _unit(data), each["answer"])]
    if item["kind"] in answers.NAMED and not pieces:
        says = [each for each in says if each["answer"] == NOT_OURS]
    return {"known": _known(conn, data, language, t) if data.get("door_id") else [], "says": says, "pieces": pieces,
            "late": bool(asked) and not says, "outside": item["kind"] == "door_outside" and bool(asked)}  # fmt: skip


def says_of(conn: Connection, me: Principal, item: Mapping[str, Any], t: Translate) -> list[Row]:
    """The answers about a unit that need nothing but a press: {answer, vehicle, text}."""
    if item["kind"] in answers.NAMED:
        return []
    return [each for each in _says(conn, item, t) if _may(conn, me, _unit(item["data"]), each["answer"])]


def _unit(data: Mapping[str, Any]) -> str | None:
    return data.get("unit") or data.get("unit_id")


def _says(conn: Connection, item: Mapping[str, Any], t: Translate) -> list[Row]:
    made: list[Row] = []
    for answer in item["answers"]:
        if item["kind"] == "two_trucks":
            plates = [(each, (fleet_rows.find(conn, "vehicle", each) or {}).get("plate", each))
                      for each in item["data"]["vehicles"]]  # fmt: skip
            made += [{"answer": answer, "vehicle": each, "text": t("inbox.say.on", plate=p)} for each, p in plates]
            continue
        named = f"inbox.say.{answer}.{item['kind']}"
        made.append({"answer": answer, "vehicle": "", "text": t(named if named in _OWN else f"inbox.say.{answer}")})
    return made


# Kinds of item that have words of their own for an answer.
_OWN = frozenset({"inbox.say.not_aboard.wrong_truck", "inbox.say.aboard.door_tag", "inbox.say.off.door_tag",
                  "inbox.say.aboard.door_no_tag", "inbox.say.off.door_no_tag", "inbox.say.not_ours.door_no_tag",
                  "inbox.say.not_ours.door_outside"})  # fmt: skip


def _may(conn: Connection, me: Principal, unit: str | None, answer: str) -> bool:
    """False where the unit's order does not take it now, or not from this person."""
    if unit is None or answer not in answers.COMMANDS:
        return True
    try:
        allowed = orders.get(conn, me, plan.get_unit(conn, unit).order_id)["allowed"]
    except NotFound:
        return False
    return any(command in allowed for command in answers.COMMANDS[answer])


def _known(conn: Connection, data: Mapping[str, Any], language: str, t: Translate) -> list[Row]:
    site = fleet_rows.find(conn, "site", data["place"] or "")
    where = t("fleet.door", site=views.site_name(site, language), n=data["door"])
    known = [_line("inbox.known.door", where, f"/doors/{data['door_id']}", t)]
    if data.get("session"):
        plate = (fleet_rows.find(conn, "vehicle", data["vehicle"]) or {}).get("plate", "–")
        trip = plan.get_trip(conn, data["trip_id"])
        way = t(f"dock.way.{data['direction']}")
        known.append(_line("inbox.known.session", f"{plate} · {way}", f"/doors/{data['door_id']}/sessions", t))
        known.append(_line("inbox.known.trip", trip.number, f"/trips/{trip.id}/load", t))
    if (unit := _unit(data)) and (label := scanned.label_of(conn, unit)) is not None:
        known.append(_line("inbox.known.unit", label[1], f"/orders/{label[0]}", t))
    if data.get("epcs"):
        known.append(_line("inbox.known.epc", " · ".join(_short(data["epcs"])), None, t))
    if data.get("reason") and data["reason"].get(language):
        known.append(_line("inbox.known.why", data["reason"][language], None, t))
    if data.get("confidence") is not None:
        known.append(_line("inbox.known.sure", f"{data['confidence']:.2f}", None, t))
    return known


def _line(key: str, text: str, link: str | None, t: Translate) -> Row:
    return {"label": t(key), "text": text, "link": link}


def _short(epcs: Iterable[str], most: int = 4) -> list[str]:
    every = list(epcs)
    return [*every[:most], *([f"+{len(every) - most}"] if len(every) > most else [])]


def _pieces(conn: Connection, data: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Units of the trip's list that are not done yet: (id, label)."""
    session = evidence_rows.session(conn, data["session"])
    if session is None:
        return []
    done = set(evidence.tally(conn, session)["done"])
    left = [each for each in plan.expected_units(conn, session["trip_id"]) if each not in done]
    named = [(unit, scanned.label_of(conn, unit)) for unit in left]
    return sorted(((unit, label[1]) for unit, label in named if label is not None), key=lambda each: each[1])
