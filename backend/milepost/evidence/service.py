"""What the passages of a door mean for units and vehicles.

The detector says *a tag crossed this door outwards*; the session open at that instant says onto which vehicle; the
plan says which unit the tag was on. All three are looked up at event time, and looked up again whenever one of them
comes late, so the same readings, sessions and bindings give the same facts in any order.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from milepost.evidence import hearing, log, repository
from milepost.evidence.docking import how
from milepost.evidence.dockside import crossed, portions
from milepost.evidence.model import Author, Fact, fact_id, grade
from milepost.evidence.passages import RIVAL_DB, RULE
from milepost.fleet import antennas
from milepost.fleet import service as fleet
from milepost.plan import repository as plan_rows
from milepost.plan import service as plan
from milepost.times import now_ms

RIVAL_MS = 15_000
MOVES = ("unit.loaded", "unit.unloaded", "unit.passed_back")
_MOVED_OR_NOT = (*MOVES, "fact.retracted")
_OUTSIDE = "crossed the door outside any session"


def tally(conn: Connection, session: dict[str, Any]) -> dict[str, list[str]]:
    """What a session has moved against the trip's expected list: {done, short, over}, unit ids in order.

    Loading counts what has come aboard the vehicle since it joined the trip (from whatever door, or scanned by a
    keeper); goods of an earlier trip were delivered, though no reader need have seen them leave. Unloading is short
    of what should have come off only at the last stop of the trip: before that nobody knows what stays aboard.
    """
    joined = plan_rows.vehicle_intervals(conn, trip_id=session["trip_id"], vehicle_id=session["vehicle_id"])
    since = min([session["from_ms"], *(row["from_ms"] for row in joined)])
    expected = plan.expected_units(conn, session["trip_id"])
    end = session["to_ms"]
    aboard: set[str] = set()
    came_off: set[str] = set()
    for fact in standing(log.of_subjects(conn, [("vehicle", session["vehicle_id"])], since=since)):
        if fact.kind not in MOVES or (end is not None and fact.at >= end):
            continue
        unit = fact.subjects["unit"]
        if fact.kind == "unit.loaded":
            aboard.add(unit)
            came_off.discard(unit)
        else:
            aboard.discard(unit)
            if fact.kind == "unit.unloaded" and fact.at >= session["from_ms"]:
                came_off.add(unit)
    done = aboard if session["direction"] == "load" else came_off
    over = done - expected.keys()
    if session["direction"] == "unload":
        site = fleet.get(conn, "door", session["door_id"])["site_id"]
        stops = plan.get_trip(conn, session["trip_id"]).stops
        short = expected.keys() - done if stops[-1]["site_id"] == site else set()
    else:
        short = expected.keys() - done
    return {"done": sorted(done), "short": sorted(short), "over": sorted(over)}


def resettle(conn: Connection, door_id: str, from_ms: int, to_ms: int | None = None) -> list[Fact]:
    """Judge the passages of a door in [from_ms, to_ms) again, after a session or a binding came late or was corrected.

    Returns the facts appended: what no session of that instant bears any more is withdrawn.
    """
    site = fleet.get(conn, "door", door_id)["site_id"]
    if antennas.looking_both_ways(conn, site):
        portions.judge_again(conn, site, now_ms())
    told = settle(conn, repository.passages(conn, door_id, from_ms, to_ms))
    known = log.of_subjects(conn, [("door", door_id)], since=from_ms, kinds=(*_MOVED_OR_NOT, "unit.seen"))
    gone = []
    for fact in standing(known):
        if fact.by.role != "device" or fact.rule == crossed.RULE or (to_ms is not None and fact.at >= to_ms):
            continue
        bound = repository.session_at(conn, door_id, fact.at) is not None
        if (fact.kind in MOVES and not bound) or (fact.body.get("why") == _OUTSIDE and bound):
            gone.append(fact)
    return told + correct(conn, [], gone, why="a session that was opened or corrected later", now=now_ms())


def settle(conn: Connection, rows: Sequence[dict[str, Any]]) -> list[Fact]:
    """Bring the facts of the units that these passages moved up to date. Returns the facts appended."""
    todo: dict[tuple[str, str], tuple[dict[str, Any], plan.Unit]] = {}
    alone: list[Fact] = []
    for row in rows:
        if crossed.is_ours(row):
            continue  # what the correlator found it binds itself (`judge`)
        unit = plan.unit_of_epc(conn, row["epc"], row["at"])
        if unit is None:  # a stray or a tag of somebody else: counted at the door, never an exception by itself
            continue
        session = repository.session_at(conn, row["door_id"], row["at"])
        if session is None:
            if not row["withdrawn"]:
                alone.append(_seen(conn, row, unit))
            continue
        todo[session["id"], unit.id] = (session, unit)
    appended = _told_once(conn, alone)
    for session, unit in todo.values():
        appended += _settle_unit(conn, session, unit)
    for session in {session["id"]: session for session, _ in todo.values() if session["to_ms"] is not None}.values():
        appended += tell_closed(conn, session)  # what came late may be what it lacked
    return appended


def tell_closed(conn: Connection, session: dict[str, Any]) -> list[Fact]:
    """Bring what was said at the end of a session, short and over against the list, up to date.

    One that nobody closed by hand is silent unless something of its list went through the door: that a truck stood in
    the yard proves nothing about a door. Returns the facts appended.
    """
    same = [
        fact
        for fact in log.of_subjects(conn, [("trip", session["trip_id"])], kinds=("session.closed", "fact.retracted"))
        if fact.kind == "fact.retracted" or fact.inputs == (session["id"],)
    ]
    ids = {fact.id for fact in same if fact.kind == "session.closed"}
    known = [fact for fact in same if fact.id in ids or fact.body.get("target") in ids]
    wanted = []
    end = session["to_ms"]
    if end is not None and end > session["from_ms"]:
        count = tally(conn, session)
        by_hand = how(session["closed_by"]) == "hand"
        if by_hand or count["done"]:
            wanted.append(_closed(session, count, by_hand, bool(hearing.of_session(conn, session, end))))
    return correct(conn, wanted, known, why="the session was corrected", now=now_ms())


def _closed(session: dict[str, Any], count: dict[str, list[str]], by_hand: bool, degraded: bool) -> Fact:
    subjects = {"trip": session["trip_id"], "door": session["door_id"], "vehicle": session["vehicle_id"]}
    return Fact(
        id=fact_id("session.closed", subjects, (session["id"],)),
        kind="session.closed",
        at=session["to_ms"],
        recorded_at=now_ms(),
        by=Author("keeper", session["closed_by"]) if by_hand else Author("device", "docking"),
        source="person" if by_hand else "gnss",
        subjects=subjects,
        body={"session": session["id"], "direction": session["direction"], "short": count["short"],
              "over": count["over"], **({"degraded": True} if degraded else {})},
        grade=grade({"person" if by_hand else "gnss"}, 1.0 if by_hand else 0.9),
        inputs=(session["id"],),
    )  # fmt: skip


def _told_once(conn: Connection, facts: Sequence[Fact]) -> list[Fact]:
    """Append facts that nothing corrects; one that was withdrawn and holds after all is a fact of its own."""
    if not facts:
        return []
    units = sorted({("unit", fact.subjects["unit"]) for fact in facts})
    known = log.of_subjects(conn, units, since=min(fact.at for fact in facts), kinds=("unit.seen", "fact.retracted"))
    ids = {fact.id for fact in facts}
    return correct(
        conn, facts, [fact for fact in known if fact.kind == "fact.retracted" or fact.id in ids], why="", now=now_ms()
    )


def standing(facts: Iterable[Fact]) -> list[Fact]:
    """Facts that hold: of each id the greatest rev, retracted ones left out, by time and id."""
    best: dict[str, Fact] = {}
    for fact in facts:
        if fact.id not in best or fact.rev > best[fact.id].rev:
            best[fact.id] = fact
    gone = {fact.body.get("target") for fact in best.values() if fact.kind == "fact.retracted"}
    kept = [fact for fact in best.values() if fact.id not in gone and fact.kind != "fact.retracted"]
    return sorted(kept, key=lambda fact: (fact.at, fact.id))


def correct(conn: Connection, wanted: Iterable[Fact], known: Iterable[Fact], *, why: str, now: int) -> list[Fact]:
    """Append what is wanted and not told yet, retract what was told and is not wanted; both stay in the log.

    `known`: every fact of the subjects concerned, with retractions; of those standing only what a wanted fact could
    replace may be in it. Returns the facts appended.
    """
    known = list(known)
    hold = {fact.id: fact for fact in standing(known)}
    retractions = {fact.body["target"]: fact.id for fact in known if fact.kind == "fact.retracted"}
    new: list[Fact] = []
    kept: set[str] = set()
    for fact in wanted:
        while fact.id in retractions:  # told, withdrawn and true after all: a fact of its own
            again = retractions[fact.id]
            fact = replace(fact, id=fact_id(fact.kind, fact.subjects, (fact.id, again)))  # noqa: PLW2901
        kept.add(fact.id)
        old = hold.get(fact.id)
        if old is None:
            new.append(fact)
        elif (old.at, old.grade, dict(old.body)) != (fact.at, fact.grade, dict(fact.body)):
            new.append(replace(fact, rev=old.rev + 1))
    for old in hold.values():
        if old.id not in kept:
            new.append(_retraction(old, why, now))
    return log.append(conn, new)


def _retraction(old: Fact, why: str, now: int) -> Fact:
    return Fact(
        id=fact_id("fact.retracted", old.subjects, (old.id, str(old.rev))),
        kind="fact.retracted",
        at=old.at,
        recorded_at=now,
        received_at=now,
        clock=old.clock,
        by=old.by,
        source=old.source,
        subjects=old.subjects,
        body={"target": old.id, "why": why},
        confidence=old.confidence,
        grade=old.grade,
        inputs=(old.id,),
        rule=old.rule,
    )


def _settle_unit(conn: Connection, session: dict[str, Any], unit: plan.Unit) -> list[Fact]:
    door, start, end = session["door_id"], session["from_ms"], session["to_ms"]
    own: dict[str, dict[str, Any]] = {}
    for row in repository.passages(conn, door, start, end):
        if crossed.is_ours(row):
            continue
        found = plan.unit_of_epc(conn, row["epc"], row["at"])
        if found is not None and found.id == unit.id:
            evidence = json.loads(row["evidence"])
            best = own.get(evidence["crossing"])
            if best is None or row["level_dbm"] > best["level_dbm"]:  # two tags of a unit are one passage
                own[evidence["crossing"]] = {**row, **evidence}
    site = fleet.get(conn, "door", door)["site_id"]
    wanted = []
    gone = False  # moved the way the session goes
    for row in sorted(own.values(), key=lambda each: (each["at"], each["id"])):
        rival = _rival(conn, row)
        if rival is not None and rival["level_dbm"] >= row["level_dbm"] + RIVAL_DB:
            continue  # the neighbour heard it much louder: it went through there
        forward = row["direction"] == ("out" if session["direction"] == "load" else "in")
        if forward == gone and (forward or session["direction"] == "unload"):
            continue  # heard again on the same side
        kind = _kind(session["direction"], forward)
        gone = forward
        wanted.append(_moved(kind, row, session, site, unit.id, rival))
    known = [
        fact
        for fact in log.of_subjects(conn, [("unit", unit.id)])
        if fact.kind in (*MOVES, "fact.retracted")
        and fact.by.role == "device"
        and fact.rule != crossed.RULE
        and fact.subjects.get("door") == door
        and start <= fact.at
        and (end is None or fact.at < end)
    ]
    return correct(conn, wanted, known, why="later evidence shows another passage", now=now_ms())


def _kind(direction: str, forward: bool) -> str:
    if direction == "load":
        return "unit.loaded" if forward else "unit.passed_back"
    return "unit.unloaded" if forward else "unit.loaded"


def _rival(conn: Connection, row: dict[str, Any]) -> dict[str, Any] | None:
    found = repository.rivals(conn, row["epc"], row["door_id"], row["at"] - RIVAL_MS, row["at"] + RIVAL_MS)
    near = [each for each in found if each["level_dbm"] > row["level_dbm"] - RIVAL_DB]
    return max(near, key=lambda each: (each["level_dbm"], each["id"]), default=None)


def _moved(
    kind: str, row: dict[str, Any], session: dict[str, Any], site: str, unit: str, rival: dict[str, Any] | None
) -> Fact:
    subjects = {"unit": unit, "vehicle": session["vehicle_id"], "site": site, "door": session["door_id"]}
    sources = ["rfid", "gate"] if row["gates"] else ["rfid"]
    # Two doors equally sure: nobody should be graded as if there were no doubt.
    confidence = min(row["confidence"], 0.5) if rival else row["confidence"]
    body: dict[str, Any] = {
        "session": session["id"],
        "trip": session["trip_id"],
        "epc": row["epc"],
        "sources": sources,
        **({"rival_door": rival["door_id"]} if rival else {}),
    }
    return Fact(
        id=fact_id(kind, subjects, (row["crossing"],)),
        kind=kind,
        at=row["at"],
        received_at=row["received_at"],
        clock=row["clock"],
        by=Author("device", row["device_id"]),
        source="rfid",
        subjects=subjects,
        body=body,
        confidence=confidence,
        grade=grade(["rfid"] if rival else sources, confidence),
        inputs=tuple(row["inputs"]),
        snapshot=row["snapshot"],
        rule=RULE,
    )


def _seen(conn: Connection, row: dict[str, Any], unit: plan.Unit) -> Fact:
    evidence = json.loads(row["evidence"])
    site = fleet.get(conn, "door", row["door_id"])["site_id"]
    subjects = {"unit": unit.id, "site": site, "door": row["door_id"]}
    return Fact(
        id=fact_id("unit.seen", subjects, (evidence["crossing"],)),
        kind="unit.seen",
        at=row["at"],
        received_at=evidence["received_at"],
        clock=evidence["clock"],
        by=Author("device", row["device_id"]),
        source="rfid",
        subjects=subjects,
        body={"epc": row["epc"], "direction": row["direction"], "why": _OUTSIDE},
        confidence=evidence["confidence"],
        grade=grade({"rfid"}, evidence["confidence"]),
        inputs=tuple(evidence["inputs"]),
        snapshot=evidence["snapshot"],
        rule=RULE,
    )
