"""What the dock doors ask, as items of the inbox: what is known of each, and whether something has answered it.

Which questions there are follows from facts, passages and what people said (`evidence/dockside/questions`);
`door_watch` brings the items in line with them. The alarms of wrong and of two trucks are exceptions of their order
(`follow`).
"""

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection

from milepost.access.model import SYSTEM
from milepost.access.scope import readable
from milepost.alerts import devices as incidents
from milepost.alerts.devices import Trouble
from milepost.alerts.tables import alert
from milepost.evidence import repository
from milepost.evidence.dockside import questions, said
from milepost.evidence.dockside.questions import Question
from milepost.fleet import repository as fleet
from milepost.notify.rules_doors import DOOR_RULES
from milepost.orders.tables import order
from milepost.plan import repository as plan_rows
from milepost.plan import service as plan

RULES = frozenset(rule.id for rule in DOOR_RULES)
_MOST_NAMED = 12
Row = dict[str, Any]


def standing(conn: Connection) -> dict[str, Row]:
    """The unresolved items of doors by cause."""
    return {name: row for name, row in incidents.standing(conn).items() if row["rule"] in RULES}


def begin(conn: Connection, question: Question, about: Row, now: int) -> None:
    """Open the item of a question. `about`: of `about_of`; `now`: UTC ms."""
    # Safe against another process that opens it too: the row of the session, or of the door, is the lock.
    if question.session is not None:
        repository.lock_session(conn, question.session)
    else:
        fleet.lock(conn, "door", question.door)
    site = fleet.find(conn, "site", about["place"] or "") or {}
    number = None
    if question.kind == questions.UNIT:
        number = next((name for name, _ in _labels(conn, question.units).values()), None)
    trouble = Trouble(
        f"door_{question.kind}", question.subject, question.at_ms, about, branch=site.get("branch"),
        site=about["place"], number=number,
    )  # fmt: skip
    incidents.begin(conn, trouble, now)


def open_of_session(conn: Connection, session: Row, units: Iterable[str]) -> list[Question]:
    """What a session (its row) asks and nobody has answered, by a fact or by a word; `units`: that it may be about."""
    asked = [each for basis in questions.bases(conn, [session]).values()
             for each in questions.of_session(conn, basis, units)]  # fmt: skip
    word = words_of_people(conn, [cause(each) for each in asked])
    return [each for each in asked if word.get(cause(each), -1) < each.at_ms]


def settled(conn: Connection, row: Row) -> bool:
    """True when nothing of what a session's item stands for is asked any more; else it says what still is."""
    about = json.loads(row["data"])
    session = repository.session(conn, about["session"])
    units = {*about["unit_ids"], *(plan.expected_units(conn, session["trip_id"]) if session else ())}
    asked = [] if session is None else open_of_session(conn, session, units)
    found = next((each for each in asked if cause(each) == row["cause"]), None)
    if found is not None:
        incidents.amend(conn, row, about_of(conn, found, session))
    return found is None


def words_of_people(conn: Connection, causes: Iterable[str]) -> dict[str, int]:
    """By cause up to when (UTC ms) a person's word stands for what was asked before."""
    wanted = sorted(causes)
    if not wanted:
        return {}
    statement = readable(SYSTEM, alert, alert.c.cause, alert.c.closed_at).where(
        alert.c.cause.in_(wanted), alert.c.state == "resolved", alert.c.resolved_by.is_not(None)
    )
    return {row.cause: row.closed_at for row in conn.execute(statement.order_by(alert.c.closed_at))}


def cause(question: Question) -> str:
    """What tells this question's item from all others."""
    return f"door_{question.kind}:{question.subject}"


def about_of(conn: Connection, question: Question, session: Row | None) -> Row:
    """What is known of a question: names for the texts, ids for whoever answers it. `session`: its row."""
    door = fleet.find(conn, "door", question.door) or {}
    site = fleet.find(conn, "site", door.get("site_id", "")) or {}
    about: Row = {
        "place": door.get("site_id"),
        "door": door.get("number"),
        "door_id": question.door,
        "session": question.session,
        "holder": f"{site.get('code', '')} · {door.get('number', '')}",
        "start": question.at_ms,
        "since": question.since_ms,
        "at": question.at_ms,
        "qty": question.times,
        "epcs": list(question.epcs),
        "unit_ids": list(question.units),
        "unit_id": question.units[0] if question.kind == questions.UNIT else None,
        "reason": said.all_of(question.reasons),
        "confidence": question.confidence,
    }
    if session is not None:
        about |= {"plate": session["vehicle_id"], "vehicle": session["vehicle_id"], "trip": session["trip_id"],
                  "trip_id": session["trip_id"], "direction": session["direction"]}  # fmt: skip
    if question.units:
        labels = _labels(conn, question.units)
        about["units"] = [labels.get(unit, ("", "–"))[1] for unit in question.units[:_MOST_NAMED]]
    elif question.epcs:
        about["units"] = [f"…{epc[-8:]}" for epc in question.epcs[:_MOST_NAMED]]
    return about


def _labels(conn: Connection, units: Iterable[str]) -> dict[str, tuple[str, str]]:
    """By unit the number of its order, and what stands on its label."""
    wanted = sorted(set(units))
    rows = [row for unit in wanted for row in plan_rows.units(conn, id=unit)]
    statement = readable(SYSTEM, order, order.c.id, order.c.number).where(
        order.c.id.in_(sorted({row["order_id"] for row in rows}))
    )
    numbers = {row.id: row.number for row in conn.execute(statement)}
    return {row["id"]: (numbers.get(row["order_id"], "–"), f"{numbers.get(row['order_id'], '–')} #{row['no']}")
            for row in rows}  # fmt: skip
