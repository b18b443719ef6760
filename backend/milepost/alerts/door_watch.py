"""The watch of what dock doors ask: one item of the inbox for each question, as long as nothing has answered it.

A round reads what is new in the log and at the doors, and asks again only about sessions that it touches; the others
are looked at once a minute, a few in each round.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from milepost.alerts import devices as incidents
from milepost.alerts import doors
from milepost.db import Database
from milepost.evidence import repository
from milepost.evidence.dockside import questions
from milepost.evidence.dockside.fresh import Candidate, FreshFacts, Subject
from milepost.evidence.dockside.questions import Basis, Question
from milepost.times import now_ms

EVERY_S = 2.0
GRACE_MS = 2 * 3_600_000  # so long after a session late readings are judged, and may ask something
LOOK_MS = 12 * 3_600_000  # older questions about units that have no item get none
AGAIN_MS = 60_000  # what no fact tells of, a tag given to a unit or a list changed, is seen so late
_A_ROUND = 20  # one in so many is looked at again without a reason, in each round
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Place:
    """A session (`basis`), or a door while nobody is docked there since an instant (UTC ms), and the units that it may
    have asked about."""

    door: str
    basis: Basis | None
    since: int
    units: frozenset[str]

    @property
    def session(self) -> Row | None:
        """The row of the session."""
        return None if self.basis is None else self.basis.session

    def touched(self, subjects: set[Subject]) -> bool:
        """Whether what it asks may hang on facts with these subjects."""
        if self.basis is not None and ("vehicle", self.basis.session["vehicle_id"]) in subjects:
            return True
        return any(("unit", unit) in subjects for unit in self.units)


@dataclass(frozen=True, slots=True)
class _Kept:
    """What a place asked when it was looked at (`at`: UTC ms), by cause, with what was known of it."""

    place: _Place
    at: int
    asked: dict[str, tuple[Question, Row]]


class QuestionWatch:
    """Brings the items in line with what is asked. Any number of processes may call `round`."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._facts = FreshFacts()
        self._fresh: set[Subject] = set()  # of facts that no round has dealt with
        self._units: dict[Candidate, None] = {}
        self._kept: dict[str, _Kept] = {}  # by session or door

    def round(self, now: int | None = None) -> None:
        """Look once. `now`: UTC ms."""
        at = now_ms() if now is None else now
        with self._db.read() as conn:
            found, subjects = self._facts.look(conn, at - LOOK_MS, at)
            self._fresh |= subjects
            self._units = dict.fromkeys(each for each in (*self._units, *found) if each.at_ms >= at - LOOK_MS)
            items = doors.standing(conn)
            self._look(conn, _places(conn, self._units, items.values(), at), at)
            self._fresh = set()
            asked = {name: each for kept in self._kept.values() for name, each in kept.asked.items()}
            word = doors.words_of_people(conn, asked.keys() - items.keys())
        for name, (question, about) in asked.items():
            if name not in items and word.get(name, -1) < question.at_ms:
                with self._db.tx() as conn:
                    doors.begin(conn, question, about, at)
            elif name in items and incidents.differs(items[name], about):
                with self._db.tx() as conn:
                    incidents.amend(conn, items[name], about)
        for name in sorted(items.keys() - asked.keys()):
            with self._db.tx() as conn:
                incidents.end(conn, items[name], at, "answered")

    def _look(self, conn: Connection, places: dict[str, _Place], at: int) -> None:
        """Ask again where something may be asked otherwise now."""
        waiting = sorted((each.at, key) for key, each in self._kept.items() if each.at <= at - AGAIN_MS)
        again = {key for _, key in waiting[: 1 + len(places) // _A_ROUND]}
        kept: dict[str, _Kept] = {}
        for key, place in places.items():
            old = self._kept.get(key)
            if old is not None and old.place == place and key not in again and not place.touched(self._fresh):
                kept[key] = old
                continue
            known = old.asked if old is not None and key not in again and old.place.session == place.session else {}
            kept[key] = _Kept(place, at, _asked(conn, place, known))
        self._kept = kept


def _asked(conn: Connection, place: _Place, known: dict[str, tuple[Question, Row]]) -> dict[str, tuple[Question, Row]]:
    """What is asked at a place, by cause; `known`: what was asked there before, of which only changes are looked up."""
    if place.basis is None:
        found = questions.of_door(conn, place.door, place.since, place.units)
    else:
        found = questions.of_session(conn, place.basis, place.units)
    asked: dict[str, tuple[Question, Row]] = {}
    for each in found:
        name = doors.cause(each)
        same = name in known and known[name][0] == each
        asked[name] = known[name] if same else (each, doors.about_of(conn, each, place.session))
    return asked


def _places(conn: Connection, units: Iterable[Candidate], items: Iterable[Row], now: int) -> dict[str, _Place]:
    """Every session of doors at work, every door that goods left while nobody was docked, and those that an item still
    stands for."""
    judged = questions.judged_doors(conn)
    of_session: dict[str, set[str]] = {}
    of_door: dict[str, set[str]] = {}
    since: dict[str, int] = {}
    for each in units:
        if each.session is not None:
            of_session.setdefault(each.session, set()).add(each.unit)
        elif each.door in judged:
            of_door.setdefault(each.door, set()).add(each.unit)
            since[each.door] = min(each.at_ms, since.get(each.door, now))
    named: set[str] = set()
    for row in items:
        about = json.loads(row["data"])
        if about["session"] is None:
            of_door.setdefault(about["door_id"], set()).update(about["unit_ids"])
            since[about["door_id"]] = min(about.get("since", row["opened_at"]), since.get(about["door_id"], now))
        else:
            of_session.setdefault(about["session"], set()).update(about["unit_ids"])
            named.add(about["session"])
    rows = {row["id"]: row for row in repository.sessions_of_doors(conn, judged, now - GRACE_MS)} if judged else {}
    rows |= {row["id"]: row for row in repository.sessions_by_id(conn, named - rows.keys())}
    found = {key: _Place(basis.session["door_id"], basis, 0, frozenset(of_session.get(key, ())))
             for key, basis in questions.bases(conn, rows.values()).items()}  # fmt: skip
    return found | {key: _Place(key, None, since[key], frozenset(own)) for key, own in of_door.items()}
