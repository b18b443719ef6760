"""What was appended to the log since the last look, as far as the questions of the doors hang on it."""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, or_

from milepost.access.model import SYSTEM
from milepost.access.scope import readable
from milepost.evidence.dock.model import RULE
from milepost.evidence.tables import fact
from milepost.sequence import Cursor

_AT_ONCE = 2_000  # facts of one look; the rest comes with the next
_UNDER_WAY = 200  # so many facts may be under way when the first look is taken
Subject = tuple[str, str]  # kind and id


@dataclass(frozen=True, slots=True)
class Candidate:
    """A unit that a door asked about; `session`: None while nobody was docked. `at_ms`: the passage, UTC."""

    door: str
    session: str | None
    unit: str
    at_ms: int


class FreshFacts:
    """Reads on in the log of facts. Of transactions that commit out of turn none is missed."""

    def __init__(self) -> None:
        self._cursor: Cursor | None = None

    def look(self, conn: Connection, since: int, now: int) -> tuple[list[Candidate], set[Subject]]:
        """The units asked about, and the subjects of whatever is new. The first time: of what happened since an
        instant. `since`, `now`: UTC ms. Whether a question still stands is for `questions` to say."""
        found: list[Candidate] = []
        if self._cursor is None:
            newest = conn.execute(readable(SYSTEM, fact, func.max(fact.c.seq))).scalar() or 0
            self._cursor = Cursor(max(0, newest - _UNDER_WAY))
            asking = or_(fact.c.body.like('%"review"%'), fact.c.body.like('%"direction"%'))
            statement = readable(SYSTEM, fact, fact.c.at, fact.c.kind, fact.c.rule, fact.c.subjects, fact.c.body).where(
                fact.c.at >= since, fact.c.kind == "unit.seen", fact.c.rule == RULE, asking
            )
            found += _candidates(conn.execute(statement).mappings())
        cursor = self._cursor
        columns = (fact.c.seq, fact.c.at, fact.c.kind, fact.c.rule, fact.c.subjects, fact.c.body)
        where = fact.c.seq > cursor.last
        if gaps := list(cursor.gaps):
            where = or_(where, fact.c.seq.in_(gaps))
        statement = readable(SYSTEM, fact, *columns).where(where).order_by(fact.c.seq).limit(_AT_ONCE)
        rows = {row["seq"]: row for row in conn.execute(statement).mappings()}
        fresh = [rows[seq] for seq in cursor.take(rows, now)]
        found += _candidates(fresh)
        return found, {subject for row in fresh for subject in json.loads(row["subjects"]).items()}


def _candidates(rows: Any) -> list[Candidate]:
    found: list[Candidate] = []
    for row in rows:
        if row["kind"] != "unit.seen" or row["rule"] != RULE:
            continue
        body = json.loads(row["body"])
        if body.get("review") or body.get("direction") == "out":
            subjects = json.loads(row["subjects"])
            found.append(Candidate(subjects["door"], body.get("session"), subjects["unit"], row["at"]))
    return found
