"""What a move through a door rests on, and the fact that it becomes."""

import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from milepost.evidence.dock.model import RULE
from milepost.evidence.dockside import portions
from milepost.evidence.dockside.moves import ASK, BACK, FORWARD, OUTSIDE, Move
from milepost.evidence.dockside.portions import Window
from milepost.evidence.model import Author, Fact, fact_id, grade

COUNTS = 0.95  # below this chance two sensors have not proven it (dock/words.py: counted at the close)
BEFORE_MS, BEHIND_MS, NEAR_MS = 10_000, 3_000, 3_000
_MOST_WINDOWS, _MOST_GATES = 24, 16
_NAMESPACE = uuid.UUID("b5a0f3d2-6e7c-5b61-8a1d-4a6f5d0c2e17")
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Session:
    """What a move needs of its session: who stands there, for which trip, which way goods go."""

    id: str
    vehicle: str
    trip: str
    loads: bool


@dataclass(frozen=True, slots=True)
class Ground:
    """The readings behind a move. `device`: the reader that heard it loudest; `level_dbm`: how loud, or None."""

    device: str
    level_dbm: float | None
    received_ms: int
    clock: str
    inputs: tuple[str, ...]
    snapshot: Row


def ground(conn: Connection, door: str, epcs: Iterable[str], at_ms: int, reasons: Iterable[str]) -> Ground:
    """Look up what was read of these tags around an instant (UTC ms), and what the gates did."""
    wanted = set(epcs)
    found = portions.of_door(conn, door, at_ms - BEFORE_MS, at_ms + BEHIND_MS)
    heard: list[Window] = []
    gates: list[tuple[int, str, bool, str]] = []
    received, clock = at_ms, "ntp"
    for portion in found:
        own = [each for each in portion.windows
               if each.epc in wanted and at_ms - BEFORE_MS <= each.last_at and each.at < at_ms + BEHIND_MS]  # fmt: skip
        beams = [(each.at, each.gate, each.interrupted, each.id) for each in portion.gates
                 if abs(each.at - at_ms) <= NEAR_MS + 1_000]  # fmt: skip
        heard += own
        gates += beams
        if (own or beams) and portion.received_ms > received:
            received, clock = portion.received_ms, portion.clock
    loudest = max(heard, key=lambda each: (each.max_dbm, -each.at, each.id), default=None)
    trace = sorted(heard, key=lambda each: (-each.max_dbm, each.at, each.id))[:_MOST_WINDOWS]
    trace.sort(key=lambda each: (each.at, each.id))
    gates = sorted(gates)[:_MOST_GATES]
    near = [each.id for each in trace if each.at <= at_ms + NEAR_MS and each.last_at >= at_ms - NEAR_MS]
    snapshot: Row = {
        "rssi": [[each.at, each.last_at, each.first_dbm, each.max_dbm, each.last_dbm, each.count] for each in trace],
        "antennas": [f"{each.id.partition('/')[0]}/{each.antenna}" for each in trace],
        "gates": [[at, gate, interrupted] for at, gate, interrupted, _ in gates],
        "reasons": list(reasons)[:6],
    }
    return Ground(
        device="" if loudest is None else loudest.id.partition("/")[0],
        level_dbm=None if loudest is None else loudest.max_dbm,
        received_ms=received,
        clock=clock,
        inputs=(*(each[3] for each in gates), *near),
        snapshot=snapshot,
    )


def fact_of(move: Move, session: Session | None, site: str, gated: bool) -> Fact:
    """The fact of a unit's move, without the readings behind it.

    session: None outside of every one; gated: the light gates saw something there.
    """
    assert move.unit is not None
    sources = ["rfid", "gate"] if gated else ["rfid"]
    # Two sensors prove it only where the correlator would count it; a question is nobody's proof.
    sure = not move.doubtful and move.kind in (FORWARD, BACK) and move.confidence >= COUNTS
    given = grade(sources, move.confidence) if sure else "C"
    body: Row = {"epc": move.epcs[0] if move.epcs else None, "sources": sources}
    subjects = {"unit": move.unit, "site": site, "door": move.door}
    if session is not None:
        body |= {"session": session.id, "trip": session.trip}
    if move.kind in (FORWARD, BACK) and session is not None:
        kind = _kind(session.loads, move.kind == FORWARD)
        subjects["vehicle"] = session.vehicle
        if move.doubtful:
            body["review"] = True
    else:
        kind = "unit.seen"
        body["why"] = _WHY[move.kind]
        if move.kind == ASK:
            body["review"] = True
        elif move.kind == OUTSIDE:
            body["direction"] = "out"
    return Fact(
        id=fact_id(kind, subjects, (f"{move.door}/{move.at_ms}/{move.kind}",)),
        kind=kind,
        at=move.at_ms,
        by=Author("device", "dock"),
        source="rfid",
        subjects=subjects,
        body=body,
        confidence=move.confidence,
        grade=given,
        rule=RULE,
    )


_WHY = {
    ASK: "may have passed: a person should look",
    OUTSIDE: "crossed the door outside any session",
}


def _kind(loads: bool, forward: bool) -> str:
    if loads:
        return "unit.loaded" if forward else "unit.passed_back"
    return "unit.unloaded" if forward else "unit.loaded"


def passage_of(move: Move, loads: bool, based: Ground) -> Row:
    """The row of a move in the list of a door's passages."""
    evidence = {
        "rule": RULE,
        "who": _who(move),
        "epcs": list(move.epcs),
        "confidence": move.confidence,
        "received_at": based.received_ms,
        "clock": based.clock,
        "gates": bool(based.snapshot["gates"]),
        "inputs": list(based.inputs),
        "snapshot": based.snapshot,
    }
    return {
        "id": passage_id(move, loads),
        "device_id": based.device,
        "door_id": move.door,
        "epc": move.epcs[0] if move.epcs else "",
        "at": move.at_ms,
        "direction": "out" if _leads_out(move, loads) else "in",
        "level_dbm": -999.0 if based.level_dbm is None else based.level_dbm,
        "evidence": json.dumps(evidence, separators=(",", ":")),
        "withdrawn": 0,
    }


def passage_id(move: Move, loads: bool) -> str:
    """The same move is always the same row."""
    return str(uuid.uuid5(_NAMESPACE, f"{move.door}/{_who(move)}/{move.at_ms}/{_leads_out(move, loads)}"))


def _who(move: Move) -> str:
    return move.unit or (move.epcs[0] if move.epcs else "")


def _leads_out(move: Move, loads: bool) -> bool:
    """Whether it leads to the truck; `loads`: whether its session does."""
    return loads == (move.kind != BACK)


def is_ours(passage: Row) -> bool:
    """True for a passage that the correlator found, not the rule of the single antenna."""
    return json.loads(passage["evidence"]).get("rule") == RULE
