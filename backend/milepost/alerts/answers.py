"""What a person says about a question of a door, or an alarm of a truck: a command on the unit's order, or a word.

No other way than that of the order's page: the same commands, guards and facts (`orders/carry`). What is said holds for
the instant of the passage that it is about, so that a later passage still counts.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection

from milepost.access.model import SYSTEM, Principal
from milepost.access.once import once
from milepost.alerts import doors, service
from milepost.alerts.model import ABOARD, NOT_ABOARD, NOT_OFF, NOT_OURS, OFF, answers
from milepost.db import Database
from milepost.errors import Invalid, NotFound
from milepost.evidence import log
from milepost.evidence import repository as evidence_rows
from milepost.evidence import service as evidence
from milepost.evidence.dockside.questions import ANSWER_MS
from milepost.fleet import repository as fleet_rows
from milepost.orders import carry
from milepost.orders import repository as orders_rows
from milepost.orders import service as orders
from milepost.orders.bodies import BODIES, Command
from milepost.orders.service import Asked
from milepost.orders.transitions import STEPS
from milepost.plan import service as plan
from milepost.times import now_ms, to_rfc3339

# What an answer does on the unit's order. Past loading nothing is passed back: it was seen at a hub, and did not go.
COMMANDS = {ABOARD: ("load",), NOT_ABOARD: ("pass-back", "seen"), OFF: ("unload",), NOT_OFF: ("seen",)}
NAMED = ("door_tag", "door_no_tag")  # kinds of item of which somebody has to say which unit it was
_BARE_WORD = "not ours"
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Said:
    """An answer. `unit`: which piece it was, where the question does not know; `vehicle`: on which of two trucks;
    `word`: why, for what is not ours."""

    answer: str
    unit: str | None = None
    vehicle: str | None = None
    word: str | None = None


def answer(
    db: Database, me: Principal, alert_id: str, said: Said, *, version: int | None = None, key: str | None = None
) -> Row:
    """Record what a person says; returns the item after it. Once per key, whatever has happened since.

    Raises NotFound, Invalid for an answer that the item does not take or a unit that it is not about, IllegalStep where
    it is resolved or the order is not at that step, Conflict with what changed, Forbidden. Nothing is recorded then,
    except on the order that it was refused.
    """
    tried: list[tuple[str, str, Asked]] = []

    def do(conn: Connection) -> Row:
        row = service.row_of(conn, me, alert_id)
        takes = answers(row["kind"], json.loads(row["data"]))
        if said.answer not in takes:
            raise Invalid(
                f"answer: {said.answer!r} says nothing about this item; it takes {', '.join(takes) or 'none'}"
            )
        row = service.held(conn, me, alert_id, version)
        if said.answer == NOT_OURS:
            return service.resolve(conn, me, alert_id, (said.word or _BARE_WORD).strip(), version=version, key=key)
        order_id, name, body = _step(conn, row, said)
        asked = Asked(body.fields(), body.at, key, body.source)
        tried.append((order_id, name, asked))
        orders.command(conn, me, order_id, name, asked)
        _after(conn, me, row)
        return service.get(conn, me, alert_id)

    def refused(conn: Connection, problem: Mapping[str, Any]) -> None:
        for order_id, name, asked in tried:
            orders.record_refusal(conn, me, order_id, name, asked, problem)

    what = f"POST /alerts/{alert_id}/answer"
    return carry.kept(db, lambda conn: once(conn, me, key, what, asdict(said), lambda: do(conn)), refused)


def _step(conn: Connection, row: Row, said: Said) -> tuple[str, str, Command]:
    """(order, command, body) of an answer about a unit. Raises Invalid, NotFound, Conflict."""
    data = json.loads(row["data"])
    known = data.get("unit") or data.get("unit_id")
    unit = known or said.unit
    if not unit:
        raise Invalid("unit: say which piece it was; the trip's list names them")
    if said.unit not in (None, unit):
        raise Invalid(f"unit: this item is about {unit!r}, not about {said.unit!r}; leave it out")
    if said.vehicle is not None and row["kind"] != "two_trucks":
        raise Invalid("vehicle: only of two trucks it is to be said on which; leave it out")
    if row["order_id"] is None:
        vehicle, site, door, at = data["vehicle"], data["place"], data["door_id"], data["at"] + ANSWER_MS
        _check_session(conn, row, data, None if known else unit)
    else:
        vehicle, site, door, at = *_where(conn, row, data, said), now_ms()
    order_id = plan.get_unit(conn, unit).order_id
    state = (orders_rows.find(conn, SYSTEM, order_id) or {}).get("state")
    names = COMMANDS[said.answer]
    name = next((each for each in names if state in STEPS[each].states), names[-1])
    fields: Row = {"unit": unit, "site": site, "at": to_rfc3339(at)}
    if name != "seen":
        fields |= {"vehicle": vehicle, **({"door": door} if door else {})}
    return order_id, name, BODIES[name].model_validate(fields)


def _check_session(conn: Connection, row: Row, data: Row, named: str | None) -> None:
    """That the session is as the item says, and the unit that somebody names is one of its list that is still due.
    Raises Conflict, Invalid."""
    session = evidence_rows.session(conn, data["session"])
    names = {"vehicle_id": "vehicle", "trip_id": "trip_id", "direction": "direction"}
    if (
        session is None
        or session["to_ms"] == session["from_ms"]  # it never was
        or any(session[name] != data[known] for name, known in names.items())
    ):
        raise service.changed(conn, row, "its dock session was corrected just now; look at it again")
    if named is None:
        return
    if named not in plan.expected_units(conn, data["trip_id"]):
        raise Invalid(f"unit: {named!r} is not on the list of this trip; put its order on the list first")
    if named in evidence.tally(conn, session)["done"]:
        raise Invalid(f"unit: {named!r} is counted already; say which other piece it was, or that it is not ours")


def _where(conn: Connection, row: Row, data: Row, said: Said) -> tuple[str, str, str | None]:
    """(vehicle, site, door) that an answer about a truck's alarm speaks of. Raises Invalid."""
    if row["kind"] == "two_trucks":
        if said.vehicle is None or said.vehicle not in data["vehicles"]:
            raise Invalid("vehicle: say on which of the two trucks it lies")
        moves = log.of_subjects(conn, [("unit", data["unit"])], kinds=(*evidence.MOVES, "fact.retracted"))
        found = [fact for fact in evidence.standing(moves)
                 if fact.kind == "unit.loaded" and fact.subjects.get("vehicle") == said.vehicle]  # fmt: skip
        if not found:
            raise NotFound("it was not read onto that truck; scan it there")
        return said.vehicle, found[-1].subjects["site"], found[-1].subjects.get("door")
    door = fleet_rows.find(conn, "door", data["door"]) if data.get("door") else None
    return data["vehicle"], data["site"], None if door is None else door["id"]


def _after(conn: Connection, me: Principal, row: Row) -> None:
    """Bring the item, and what was said at the end of its session, in line with the answer."""
    if row["order_id"] is not None:
        return  # the fold of the order does it
    now = now_ms()
    data = json.loads(row["data"])
    session = evidence_rows.session(conn, data["session"])
    if session is not None and session["to_ms"] is not None:
        orders.on_facts(conn, evidence.tell_closed(conn, session))
    # Which piece a tag of nobody was on is known now, and the tag stays nobody's: the word itself settles it.
    if row["kind"] == "door_tag" or doors.settled(conn, row):
        service.close_by(conn, me, row["id"], now, None, None)
