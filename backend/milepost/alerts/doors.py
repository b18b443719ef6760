"""What the dock doors ask, in the inbox: one item for each question, as long as nothing has answered it.

Which questions there are follows from facts, passages and what people said (`evidence/dockside/questions`); here the
items are brought in line with them. The alarms of wrong and of two trucks are exceptions of their order (`follow`).
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
from milepost.db import Database
from milepost.evidence import repository
from milepost.evidence.dockside import questions, said
from milepost.evidence.dockside.questions import Candidate, Question
from milepost.fleet import repository as fleet
from milepost.notify.rules_doors import DOOR_RULES
from milepost.orders.tables import order
from milepost.plan import repository as plan_rows
from milepost.times import now_ms

EVERY_S = 2.0
GRACE_MS = 2 * 3_600_000  # so long after a session late readings are judged, and may ask something
LOOK_MS = 12 * 3_600_000  # older questions about units that have no item get none
RULES = frozenset(rule.id for rule in DOOR_RULES)
_MOST_NAMED = 12
_AGAIN_MS = 60_000
Row = dict[str, Any]


class QuestionWatch:
    """Brings the items in line with what is asked. Any number of processes may call `round`."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._seen: tuple[Any, ...] = ()
        self._at = 0
        self._seq = 0  # facts up to here were looked through
        self._units: dict[Candidate, None] = {}

    def round(self, now: int | None = None) -> None:
        """Look once; not at all where nothing has changed. `now`: UTC ms."""
        at = now_ms() if now is None else now
        with self._db.read() as conn:
            version = questions.version(conn)
            if version == self._seen and at - self._at < _AGAIN_MS:
                return
            seq, found = questions.candidates(conn, self._seq, at - LOOK_MS)
            kept = [each for each in self._units if each.at_ms >= at - LOOK_MS]
            self._units = dict.fromkeys([*kept, *found])
            new, changed, answered = _changes(conn, self._units, at)
        for each in new:
            with self._db.tx() as conn:
                _begin(conn, each, at)
        for row, about in changed:
            with self._db.tx() as conn:
                incidents.amend(conn, row, about)
        for row in answered:
            with self._db.tx() as conn:
                incidents.end(conn, row, at, "answered")
        self._seen, self._at, self._seq = version, at, seq


def settled(conn: Connection, row: Row) -> bool:
    """True when nothing of what an item stands for is asked any more; else it says what still is."""
    about = json.loads(row["data"])
    if about.get("session") is None:
        asked = questions.of_door(conn, about["door_id"], row["opened_at"], about["unit_ids"])
    else:
        session = repository.session(conn, about["session"])
        asked = [] if session is None else questions.of_session(conn, session, about["unit_ids"])
    found = next((each for each in asked if cause(each) == row["cause"]), None)
    if found is not None:
        incidents.amend(conn, row, about_of(conn, found))
    return found is None


def cause(question: Question) -> str:
    """What tells this question's item from all others."""
    return f"door_{question.kind}:{question.subject}"


def about_of(conn: Connection, question: Question) -> Row:
    """What is known of a question: names for the texts, ids for whoever answers it."""
    door = fleet.find(conn, "door", question.door) or {}
    site = fleet.find(conn, "site", door.get("site_id", "")) or {}
    session = None if question.session is None else repository.session(conn, question.session)
    about: Row = {
        "place": door.get("site_id"),
        "door": door.get("number"),
        "door_id": question.door,
        "session": question.session,
        "holder": f"{site.get('code', '')} · {door.get('number', '')}",
        "start": question.at_ms,
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
    labels = _labels(conn, question.units)
    if question.units:
        about["units"] = [labels.get(unit, ("", "–"))[1] for unit in question.units[:_MOST_NAMED]]
    elif question.epcs:
        about["units"] = [f"…{epc[-8:]}" for epc in question.epcs[:_MOST_NAMED]]
    return about


def _changes(
    conn: Connection, units: Iterable[Candidate], now: int
) -> tuple[list[Question], list[tuple[Row, Row]], list[Row]]:
    """(questions without an item, items of which something else is known now, items that are answered)."""
    standing = {row["cause"]: row for row in incidents.standing(conn).values() if row["rule"] in RULES}
    asked = {cause(each): each for each in _asked(conn, units, standing.values(), now)}
    word = _settled_by_people(conn, asked.keys() - standing.keys())
    new = [each for name, each in asked.items() if name not in standing and word.get(name, -1) < each.at_ms]
    told = [(standing[name], about_of(conn, each)) for name, each in asked.items() if name in standing]
    over = [row for name, row in sorted(standing.items()) if name not in asked]
    return new, [(row, about) for row, about in told if incidents.differs(row, about)], over


def _asked(conn: Connection, units: Iterable[Candidate], standing: Iterable[Row], now: int) -> list[Question]:
    """Every question of doors at work, and of those that an item still stands for."""
    doors = {door for found in questions.sites(conn).values() for door in found}
    sessions = {row["id"]: row for row in repository.sessions_of_doors(conn, doors, now - GRACE_MS)} if doors else {}
    of_session: dict[str, set[str]] = {}
    of_door: dict[str, set[str]] = {}
    since: dict[str, int] = {}
    for each in units:
        if each.session is not None:
            of_session.setdefault(each.session, set()).add(each.unit)
        elif each.door in doors:
            of_door.setdefault(each.door, set()).add(each.unit)
            since[each.door] = min(each.at_ms, since.get(each.door, now))
    for row in standing:
        about = json.loads(row["data"])
        if about.get("session") is None:
            of_door.setdefault(about["door_id"], set()).update(about["unit_ids"])
            since[about["door_id"]] = min(row["opened_at"], since.get(about["door_id"], now))
            continue
        of_session.setdefault(about["session"], set()).update(about["unit_ids"])
        if about["session"] not in sessions and (found := repository.session(conn, about["session"])) is not None:
            sessions[found["id"]] = found
    asked = [each for key, row in sessions.items() for each in questions.of_session(conn, row, of_session.get(key, ()))]
    return asked + [
        each for door, own in sorted(of_door.items()) for each in questions.of_door(conn, door, since[door], own)
    ]


def _begin(conn: Connection, question: Question, now: int) -> None:
    about = about_of(conn, question)
    # Safe against another process that opens it too: the row of the session, or of the door, is the lock.
    if question.session is not None:
        repository.lock_session(conn, question.session)
    else:
        fleet.lock(conn, "door", question.door)
    site = fleet.find(conn, "site", about["place"] or "") or {}
    number = next((name for name, _ in _labels(conn, question.units[:1]).values()), None)
    trouble = Trouble(
        f"door_{question.kind}", question.subject, question.at_ms, about, branch=site.get("branch"),
        site=about["place"], number=number if question.kind == questions.UNIT else None,
    )  # fmt: skip
    incidents.begin(conn, trouble, now)


def _settled_by_people(conn: Connection, causes: Iterable[str]) -> dict[str, int]:
    """By cause up to when (UTC ms) a person's word stands for what was asked before."""
    statement = readable(SYSTEM, alert, alert.c.cause, alert.c.closed_at).where(
        alert.c.cause.in_(sorted(causes)), alert.c.state == "resolved", alert.c.resolved_by.is_not(None)
    )
    return {row.cause: row.closed_at for row in conn.execute(statement.order_by(alert.c.closed_at))}


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
