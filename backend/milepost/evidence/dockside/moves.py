"""From the correlator's decisions on units to what holds of each: moves through the door, questions, sightings. Pure.

Decisions follow one another and take each other back; what holds is told as facts. Both come out of the same readings,
so a run over more readings gives the difference (docs/correlate.md).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from milepost.evidence.dock.model import LOADED, PASSED_BACK, REVIEW, STRAY, UNLOADED, Decision, Id

FORWARD, BACK = "forward", "back"  # with its session, against it
ASK = "ask"  # a person should look; nothing moved as far as is known
OUTSIDE = "outside"  # crossed outwards while nobody was docked
STRAYED = "strayed"  # heard, not gone through
_SAME_S = 2.0  # a way back lies later than the way that it undoes


@dataclass(frozen=True, slots=True)
class Move:
    """What holds of a unit (or of a tag that no unit carries: `unit` None) at a door.

    at_ms: the passage; said_ms: when the readings up to then allowed the word; doubtful: told although the correlator
    asks a person (another list, two trucks), so that the alarm is out at once.
    """

    kind: str
    unit: str | None
    epcs: tuple[str, ...]
    door: str
    session: str | None
    at_ms: int
    said_ms: int
    confidence: float
    doubtful: bool
    reasons: tuple[str, ...]


def moves(decisions: Iterable[Decision], listed: Callable[[str, str], bool]) -> list[Move]:
    """What holds after these decisions, in the order in which they were said; by unit, door and time.

    listed: whether a unit (first) is on the list of a session (second). A unit of another list that is asked about
    went along as far as anybody can tell: it is a doubtful move, from which the alarm of a wrong truck follows. One
    that was counted into two trucks is a move into both, from which the alarm of two trucks follows.
    """
    holds: dict[tuple[str, Id | None, tuple[Id, ...]], list[Move]] = {}
    two: dict[Id, float] = {}  # by unit, when it was asked about as counted into two trucks
    for each in decisions:
        if each.unit is None and not each.epcs:
            continue
        key = (str(each.session or each.door), each.unit, () if each.unit is not None else each.epcs)
        own = holds.setdefault(key, [])
        _take(own, each, _meaning(own, each, listed, two))
    found = [move for own in holds.values() for move in own]
    bound = {(move.unit, move.door, move.at_ms) for move in found if move.session is not None and move.unit}
    found = [move for move in found if move.kind != OUTSIDE or (move.unit, move.door, move.at_ms) not in bound]
    return sorted(found, key=lambda each: (each.unit or "", each.epcs, each.door, each.at_ms, each.kind))


def _meaning(own: list[Move], each: Decision, listed: Callable[[str, str], bool], two: dict[Id, float]) -> str | None:
    """The kind of move that a decision makes, None when it leaves what holds as it is."""
    if each.decision in (LOADED, UNLOADED):
        return FORWARD
    if each.decision == PASSED_BACK:
        return BACK
    if each.decision == STRAY:
        return STRAYED
    if each.session is None:
        return OUTSIDE
    if each.unit is None:
        return FORWARD
    if not listed(str(each.unit), str(each.session)):
        return FORWARD
    if own and own[-1].kind == FORWARD:  # a count is taken back in words: this one is disputed with another truck
        two[each.unit] = each.at_s
        return None
    return FORWARD if two.get(each.unit) == each.at_s else ASK


def _take(own: list[Move], each: Decision, kind: str | None) -> None:
    if kind is None:
        own[-1] = replace(own[-1], doubtful=True)
        return
    if own and own[-1].kind in (ASK, STRAYED, OUTSIDE):
        own.pop()
    last = own[-1] if own and own[-1].kind == FORWARD else None
    move = _move(kind, each)
    if kind == BACK:
        if last is None:
            return  # a question that is answered
        if move.at_ms <= last.at_ms + _SAME_S * 1000:
            own.pop()
            return
    elif kind == FORWARD:
        while own and (own[-1].kind == FORWARD or own[-1].at_ms >= move.at_ms):
            own.pop()  # told again, or what was taken for a way back was none
    elif kind == STRAYED and own:
        return
    own.append(move)


def _move(kind: str, each: Decision) -> Move:
    at_s = each.at_s if each.passed_s is None else each.passed_s
    return Move(
        kind=kind,
        unit=None if each.unit is None else str(each.unit),
        epcs=tuple(str(epc) for epc in each.epcs),
        door=str(each.door),
        session=None if each.session is None else str(each.session),
        at_ms=round(at_s * 1000),
        said_ms=round(each.at_s * 1000),
        confidence=round(each.confidence, 4),
        doubtful=each.decision == REVIEW,
        reasons=each.reasons,
    )
