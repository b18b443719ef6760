"""What the live doors ask people: the decisions to be looked at that nothing has answered yet.

A question is no row of its own. It follows from the facts, the passages and what people said since, so it ends by
itself when a later decision or a person answers it (docs/correlate.md).
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, or_, select

from milepost.access.model import SYSTEM
from milepost.access.scope import readable
from milepost.evidence import log, repository, service
from milepost.evidence.dockside import crossed, judge
from milepost.evidence.dockside.difference import ASKED
from milepost.evidence.model import Fact
from milepost.evidence.tables import detector_state, dock_session
from milepost.evidence.tables import fact as fact_table
from milepost.fleet import antennas
from milepost.plan import service as plan

UNIT, TAG, UNREAD, OUTSIDE = "unit", "tag", "no_tag", "outside"
JUDGED = judge.DETECTOR  # sites of which the correlator has judged something
_LATER_KINDS = (*service.MOVES, "unit.seen", "fact.retracted")
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """Something that a person should look at.

    kind: `unit` (of the list: did it pass?), `tag` (of nobody, went along), `no_tag` (something went through unread),
    `outside` (units left while nobody was docked); session: None for the last; since_ms, at_ms: the first and the last
    passage it speaks of; times: how many passages; confidence: of the decision, None where there is none of its own.
    """

    kind: str
    door: str
    session: str | None
    since_ms: int
    at_ms: int
    units: tuple[str, ...] = ()
    epcs: tuple[str, ...] = ()
    times: int = 1
    confidence: float | None = None
    reasons: tuple[str, ...] = ()
    fact: str | None = None

    @property
    def subject(self) -> str:
        """What tells this question from the others of its kind."""
        what = {UNIT: self.units[:1], TAG: self.epcs[:1]}.get(self.kind, ())
        return "/".join((self.session or self.door, *what))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A unit that a door asked about; `session`: None while nobody was docked. `at_ms`: the passage."""

    door: str
    session: str | None
    unit: str
    at_ms: int


def sites(conn: Connection) -> dict[str, set[str]]:
    """By site the doors that the correlator judges, where it has judged something."""
    found = {site: antennas.looking_both_ways(conn, site) for site in repository.targets(conn, JUDGED)}
    return {site: doors for site, doors in found.items() if doors}


def version(conn: Connection) -> tuple[Any, ...]:
    """Something that differs whenever what is asked may differ: facts, what was judged, and who is docked."""
    newest = conn.execute(select(func.max(fact_table.c.seq))).scalar()
    judged = conn.execute(
        select(detector_state.c.detector, detector_state.c.target, detector_state.c.state)
        .where(detector_state.c.detector.in_((JUDGED, ASKED))).order_by("detector", "target")
    ).all()  # fmt: skip
    docked = conn.execute(
        select(func.count(), func.sum(dock_session.c.to_ms), func.sum(dock_session.c.from_ms))
    ).first()
    return (newest, tuple(map(tuple, judged)), tuple(docked or ()))


def candidates(conn: Connection, after_seq: int, since: int) -> tuple[int, list[Candidate]]:
    """Questions about units among the facts behind `after_seq` that happened since an instant (UTC ms), and the seq up
    to which this looked. Whether they still stand is for `of_session` and `of_door` to say."""
    newest = conn.execute(select(func.max(fact_table.c.seq))).scalar() or 0
    columns = (fact_table.c.at, fact_table.c.subjects, fact_table.c.body)
    statement = readable(SYSTEM, fact_table, *columns).where(
        fact_table.c.seq > after_seq, fact_table.c.seq <= newest, fact_table.c.at >= since,
        fact_table.c.kind == "unit.seen", fact_table.c.rule == crossed.RULE,
        or_(fact_table.c.body.like('%"review"%'), fact_table.c.body.like('%"direction"%')),
    )  # fmt: skip
    found: list[Candidate] = []
    for row in conn.execute(statement):
        subjects, body = json.loads(row.subjects), json.loads(row.body)
        found.append(Candidate(subjects["door"], body.get("session"), subjects["unit"], row.at))
    return newest, found


def of_session(conn: Connection, session: Row, units: Iterable[str]) -> list[Question]:
    """What is asked about a dock session; `session`: its row, `units`: those that it may have been asked about."""
    if session["to_ms"] == session["from_ms"]:
        return []
    asked = [fact for unit in sorted(set(units)) if (fact := _asked(conn, session, unit)) is not None]
    unread = _unread_lines(conn, session)
    done: set[str] = set(service.tally(conn, session)["done"]) if asked or unread else set()
    found = [
        Question(
            UNIT, session["door_id"], session["id"], fact.at, fact.at, (fact.subjects["unit"],),
            tuple(each for each in (fact.body.get("epc"),) if each), 1, fact.confidence,
            tuple((fact.snapshot or {}).get("reasons", ())), fact.id,
        )
        for fact in asked
        if fact.subjects["unit"] not in done
    ]  # fmt: skip
    found += tags(conn, session)
    if unread:
        found += _unread(conn, session, unread, done)
    return sorted(found, key=lambda each: (each.at_ms, each.subject))


def of_door(conn: Connection, door: str, since: int, units: Iterable[str]) -> list[Question]:
    """What is asked about a door while nobody was docked there, since an instant (UTC ms): one question, or none.
    `units`: those that it may have been asked about."""
    left: list[Fact] = []
    for unit in sorted(set(units)):
        known = service.standing(log.of_subjects(conn, [("unit", unit)], since=since, kinds=_LATER_KINDS))
        left += [fact for fact in known if fact.rule == crossed.RULE and fact.subjects.get("door") == door
                 and fact.body.get("direction") == "out" and not fact.body.get("session")
                 and not _answered(known, fact)]  # fmt: skip
    if not left:
        return []
    left.sort(key=lambda fact: (fact.at, fact.id))
    last = left[-1]
    return [
        Question(
            OUTSIDE, door, None, left[0].at, last.at, tuple(dict.fromkeys(fact.subjects["unit"] for fact in left)),
            tuple(dict.fromkeys(str(fact.body["epc"]) for fact in left if fact.body.get("epc"))), len(left),
            min(fact.confidence for fact in left), tuple((last.snapshot or {}).get("reasons", ())), last.id,
        )
    ]  # fmt: skip


def _asked(conn: Connection, session: Row, unit: str) -> Fact | None:
    """The last question of a session about a unit that nothing has answered since."""
    known = service.standing(log.of_subjects(conn, [("unit", unit)], since=session["from_ms"], kinds=_LATER_KINDS))
    asked = [fact for fact in known if fact.kind == "unit.seen" and fact.body.get("review")
             and fact.body.get("session") == session["id"]]  # fmt: skip
    return asked[-1] if asked and not _answered(known, asked[-1]) else None


def _answered(known: Iterable[Fact], question: Fact) -> bool:
    """True when the unit moved since as far as anybody knows, or a person says that they saw it."""
    return any(
        fact.at > question.at and (fact.kind in service.MOVES or fact.by.role != "device") for fact in known
    )  # fmt: skip


def tags(conn: Connection, session: Row) -> list[Question]:
    """Tags of nobody that went the way of a session (its row) and did not come back."""
    last = {row["epc"]: row for row in repository.passages_of_nobody(conn, session)}
    way = "out" if session["direction"] == "load" else "in"
    found: list[Question] = []
    for epc, row in last.items():
        evidence = json.loads(row["evidence"])
        if not epc or row["direction"] != way or not crossed.is_ours(row) or evidence["who"] != epc:
            continue
        found.append(
            Question(
                TAG, session["door_id"], session["id"], row["at"], row["at"], (),
                tuple(evidence.get("epcs") or (epc,)), 1, evidence["confidence"],
                tuple(evidence["snapshot"].get("reasons", ())),
            )
        )  # fmt: skip
    return found


def _unread_lines(conn: Connection, session: Row) -> list[Row]:
    lines: list[Row] = repository.peek_state(conn, ASKED, session["door_id"]) or []
    return [line for line in lines if line["session"] == session["id"]]


def _unread(conn: Connection, session: Row, lines: list[Row], done: Iterable[str]) -> list[Question]:
    """Passages without a tag that no scan behind them explains; none once the list is complete."""
    if plan.expected_units(conn, session["trip_id"]).keys() <= set(done):
        return []
    kind = "unit.loaded" if session["direction"] == "load" else "unit.unloaded"
    known = log.of_subjects(
        conn, [("vehicle", session["vehicle_id"])], since=lines[0]["at"], kinds=(kind, "fact.retracted")
    )
    scans = sorted(fact.at for fact in service.standing(known) if fact.by.role != "device")
    left: list[Row] = []
    for line in reversed(lines):  # a scan answers the last passage before it that none has answered yet
        behind = next((at for at in scans if at >= line["at"]), None)
        if behind is None:
            left.append(line)
        else:
            scans.remove(behind)
    if not left:
        return []
    times = sorted(line["at"] for line in left)
    return [
        Question(
            UNREAD, session["door_id"], session["id"], times[0], times[-1], (), (), len(times), None,
            (str(left[0]["why"]),),
        )
    ]  # fmt: skip
