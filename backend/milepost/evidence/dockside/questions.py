"""What the live doors ask people: the decisions to be looked at that nothing has answered yet.

A question is no row of its own. It follows from the facts, the passages and what people said since, so it ends by
itself when a later decision or a person answers it (docs/correlate.md).
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from milepost.evidence import log, repository, service
from milepost.evidence.dock.model import RULE
from milepost.evidence.dockside import crossed, judge
from milepost.evidence.dockside.difference import ASKED
from milepost.evidence.model import Fact
from milepost.fleet import antennas
from milepost.plan import service as plan

UNIT, TAG, UNREAD, OUTSIDE = "unit", "tag", "no_tag", "outside"
ANSWER_MS = 1  # what a person answers holds from so long behind the passage, so that a later passage still counts
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

    @property
    def subject(self) -> str:
        """What tells this question from the others of its kind."""
        what = {UNIT: self.units[:1], TAG: self.epcs[:1]}.get(self.kind, ())
        return "/".join((self.session or self.door, *what))


@dataclass(frozen=True, slots=True)
class Basis:
    """What the questions of a session follow from, besides the facts of its units and of its vehicle.

    session: its row; unread: what went through its door without a tag, in order; strangers: its passages of tags that
    no unit ever carried, by time.
    """

    session: Row
    unread: tuple[Row, ...]
    strangers: tuple[Row, ...]


def judged_doors(conn: Connection) -> set[str]:
    """The doors that the correlator judges, of the sites where it has judged something."""
    found = antennas.of_sites_both_ways(conn, repository.targets(conn, judge.DETECTOR))
    return {door for doors in found.values() for door in doors}


def bases(conn: Connection, sessions: Iterable[Row]) -> dict[str, Basis]:
    """By session what is to be asked of these (rows); one that never was asks nothing and is left out."""
    rows = [row for row in sessions if row["to_ms"] != row["from_ms"]]
    if not rows:
        return {}
    lines = repository.states(conn, ASKED)
    strangers = repository.passages_of_nobody(conn, rows)
    return {
        row["id"]: Basis(
            row,
            tuple(line for line in lines.get(row["door_id"], ()) if line["session"] == row["id"]),
            tuple(strangers.get(row["id"], ())),
        )
        for row in rows
    }


def of_session(conn: Connection, basis: Basis, units: Iterable[str]) -> list[Question]:
    """What is asked about a dock session; `units`: those that it may have been asked about."""
    session = basis.session
    known = _known(conn, sorted(set(units)), session["from_ms"])
    every = {unit: own for unit, facts in known.items() if (own := _of(session, facts))}
    asked = [own[-1] for unit, own in every.items() if not _answered(known[unit], own[-1])]
    done: set[str] = set(service.tally(conn, session)["done"]) if asked or basis.unread else set()
    found = [
        Question(
            UNIT, session["door_id"], session["id"], fact.at, fact.at, (fact.subjects["unit"],),
            tuple(each for each in (fact.body.get("epc"),) if each), 1, fact.confidence,
            tuple((fact.snapshot or {}).get("reasons", ())),
        )
        for fact in asked
        if fact.subjects["unit"] not in done
    ]  # fmt: skip
    found += _strangers(basis)
    if basis.unread:
        answers = {(fact.subjects["unit"], fact.at + ANSWER_MS) for own in every.values() for fact in own}
        found += _unread(conn, basis, done, answers)
    return sorted(found, key=lambda each: (each.at_ms, each.subject))


def of_door(conn: Connection, door: str, since: int, units: Iterable[str]) -> list[Question]:
    """What is asked about a door while nobody was docked there, since an instant (UTC ms): one question, or none.
    `units`: those that it may have been asked about."""
    left: list[Fact] = []
    for known in _known(conn, sorted(set(units)), since).values():
        left += [fact for fact in known if fact.rule == RULE and fact.subjects.get("door") == door
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
            min(fact.confidence for fact in left), tuple((last.snapshot or {}).get("reasons", ())),
        )
    ]  # fmt: skip


def _known(conn: Connection, units: Sequence[str], since: int) -> dict[str, list[Fact]]:
    """By unit the facts that hold of where it is, since an instant (UTC ms)."""
    facts = log.of_subjects(conn, [("unit", unit) for unit in units], since=since, kinds=_LATER_KINDS) if units else []
    by_unit: dict[str, list[Fact]] = {}
    for fact in service.standing(facts):
        by_unit.setdefault(fact.subjects["unit"], []).append(fact)
    return by_unit


def _of(session: Row, known: Iterable[Fact]) -> list[Fact]:
    """The questions of a session among the facts of a unit."""
    return [fact for fact in known if fact.kind == "unit.seen" and fact.body.get("review")
            and fact.body.get("session") == session["id"]]  # fmt: skip


def _answered(known: Iterable[Fact], question: Fact) -> bool:
    """True when the unit moved since as far as anybody knows, or a person says that they saw it."""
    return any(
        fact.at > question.at and (fact.kind in service.MOVES or fact.by.role != "device") for fact in known
    )  # fmt: skip


def _strangers(basis: Basis) -> list[Question]:
    """Tags of nobody that went the way of the session and did not come back."""
    session = basis.session
    way = "out" if session["direction"] == "load" else "in"
    found: list[Question] = []
    for epc, row in {row["epc"]: row for row in basis.strangers}.items():
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


def _unread(conn: Connection, basis: Basis, done: set[str], answers: set[tuple[str, int]]) -> list[Question]:
    """Passages without a tag that no scan behind them explains; none once the list is complete.

    answers: unit and instant of what people said to questions about units, whose tags were read: no such scan.
    """
    session, lines = basis.session, basis.unread
    if plan.expected_units(conn, session["trip_id"]).keys() <= done:
        return []
    kind = "unit.loaded" if session["direction"] == "load" else "unit.unloaded"
    known = log.of_subjects(
        conn, [("vehicle", session["vehicle_id"])], since=lines[0]["at"], kinds=(kind, "fact.retracted")
    )
    scans = sorted(fact.at for fact in service.standing(known)
                   if fact.by.role != "device" and (fact.subjects["unit"], fact.at) not in answers)  # fmt: skip
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
