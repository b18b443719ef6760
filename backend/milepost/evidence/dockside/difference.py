"""The difference between what a site's hall holds and what was told of it: facts, passages, questions at the doors."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from sqlalchemy import Connection

from milepost.evidence import log, repository, service, sighting
from milepost.evidence.dock.model import OUT, RULE, Decision
from milepost.evidence.dockside import crossed
from milepost.evidence.dockside.crossed import Ground
from milepost.evidence.dockside.hall import Hall
from milepost.evidence.dockside.moves import BACK, FORWARD, OUTSIDE, STRAYED, Move, moves
from milepost.evidence.dockside.portions import Window
from milepost.evidence.model import Fact
from milepost.evidence.passages import MEMORY_MS

ASKED = "dock-asked"
_MOST_ASKED = 20
_FACTS = (*service.MOVES, "unit.seen", "fact.retracted")


class Difference:
    """Brings the facts and passages of a site in line with what its hall holds."""

    def __init__(self, conn: Connection, site: str, hall: Hall, judged: set[str], floor: int, now: int) -> None:
        self._conn, self._site, self._hall, self._judged = conn, site, hall, judged
        self._floor, self._now = floor, now
        self._grounds: dict[tuple[str, str | None, int], Ground] = {}

    def tell(self, said: list[Decision], before_ms: float, whole: bool) -> list[Fact]:
        """Tell what is new: of the units spoken of in `said`, or of all of them (`whole`)."""
        quiet = self._hall.until_s * 1000 - sighting.QUIET_MS
        heard = {key: window for key, window in self._hall.heard.items() if window.at <= quiet}
        if whole:
            decisions = self._hall.said
            units = {str(each.unit) for each in decisions if each.unit is not None} | {key[0] for key in heard}
        else:
            units = {str(each.unit) for each in said if each.unit is not None}
            units |= {key[0] for key, window in heard.items() if window.at > before_ms - sighting.QUIET_MS}
            names = {each.epcs for each in said if each.unit is None}
            decisions = [each for each in self._hall.said if str(each.unit) in units or each.epcs in names]
        if not (units or decisions or whole):
            return []
        holds = [each for each in moves(decisions, self._hall.listed)
                 if each.door in self._judged and each.at_ms >= self._floor]  # fmt: skip
        known = self._known(units, whole)
        if whole:
            units |= {fact.subjects["unit"] for fact in known}
        by_unit: dict[str, list[Move]] = {}
        for each in holds:
            if each.unit is not None:
                by_unit.setdefault(each.unit, []).append(each)
        sounds: dict[str, list[tuple[str, Window]]] = {}
        for (unit, door, _), window in sorted(heard.items()):
            if unit in units and door in self._judged and window.at >= self._floor:
                sounds.setdefault(unit, []).append((door, window))
        wanted: list[Fact] = []
        for unit in sorted(units):
            own = by_unit.get(unit, [])
            wanted += [self._fact(each) for each in own if each.kind != STRAYED]
            wanted += [sighting.fact_of(unit, self._site, door, window, RULE) for door, window in sounds.get(unit, ())
                       if not _explained(door, window, own, self._loads)]  # fmt: skip
        hold = {fact.id: fact for fact in service.standing(known)}
        full = [self._based(each) if _is_new(each, hold) else each for each in wanted]
        why = "later evidence shows another passage"
        facts = service.correct(self._conn, full, known, why=why, now=self._now)
        self._passages(holds, units, whole)
        self._asked(said if not whole else self._hall.said, whole)
        for session in self._closed(facts):
            facts += service.tell_closed(self._conn, session)
        return facts

    def _known(self, units: set[str], whole: bool) -> list[Fact]:
        subjects = (
            [("door", door) for door in sorted(self._judged)] if whole else [("unit", each) for each in sorted(units)]
        )
        found = log.of_subjects(self._conn, subjects, since=self._floor, kinds=_FACTS)
        return [fact for fact in found if fact.rule == RULE and fact.subjects.get("door") in self._judged]

    def _loads(self, session: str | None) -> bool:
        known = None if session is None else self._hall.told.sessions.get(session)
        return known is None or known.direction == OUT

    def _session(self, name: str | None) -> crossed.Session | None:
        known = None if name is None else self._hall.told.sessions.get(name)
        if known is None or name is None:
            return None
        return crossed.Session(name, str(known.vehicle), str(known.trip), known.direction == OUT)

    def _fact(self, move: Move) -> Fact:
        return crossed.fact_of(move, self._session(move.session), self._site, self._hall.gated(move.door, move.at_ms))

    def _ground(self, door: str, unit: str | None, epcs: Iterable[str], at_ms: int, reasons: Iterable[str]) -> Ground:
        key = (door, unit or ",".join(epcs), at_ms)
        if key not in self._grounds:
            names = self._hall.epcs(unit) if unit is not None else epcs
            self._grounds[key] = crossed.ground(self._conn, door, names, at_ms, reasons)
        return self._grounds[key]

    def _based(self, fact: Fact) -> Fact:
        """A fact with the readings behind it."""
        reasons: tuple[str, ...] = ()
        for each in self._hall.said:
            if each.unit == fact.subjects["unit"] and round((each.passed_s or each.at_s) * 1000) == fact.at:
                reasons = each.reasons
        based = self._ground(fact.subjects["door"], fact.subjects["unit"], (), fact.at, reasons)
        received = max(based.received_ms, fact.at)
        if fact.inputs:  # a sighting: its one window says it all
            return replace(fact, received_at=received, clock=based.clock)
        by = replace(fact.by, id=based.device) if based.device else fact.by
        return replace(
            fact, by=by, received_at=received, clock=based.clock, inputs=based.inputs, snapshot=based.snapshot
        )

    def _passages(self, holds: list[Move], units: set[str], whole: bool) -> None:
        through = [each for each in holds if each.kind in (FORWARD, BACK, OUTSIDE) and each.epcs]
        wanted = {crossed.passage_id(each, self._loads(each.session)): each for each in through}
        epcs = None if whole else {each.epcs[0] for each in through} | {
            epc for unit in units for epc in self._hall.epcs(unit)}  # fmt: skip
        known: dict[str, crossed.Row] = {}
        for door in sorted(self._judged):
            rows = repository.passages(self._conn, door, self._floor, None, epcs)
            known |= {row["id"]: row for row in rows if crossed.is_ours(row)}
        for key in sorted(known.keys() - wanted.keys()):
            repository.withdraw_passage(self._conn, key)
        new = sorted(wanted.keys() - known.keys())
        gone = repository.passages_by_id(self._conn, new)
        for key in new:
            move = wanted[key]
            based = self._ground(move.door, move.unit, move.epcs, move.at_ms, move.reasons)
            row = crossed.passage_of(move, self._loads(move.session), based)
            repository.put_passage(self._conn, row, key in gone)

    def _asked(self, said: Iterable[Decision], whole: bool) -> None:
        """Note at the doors what went through without a tag; judged anew, it is not asked what does not hold."""
        if whole:
            for door in sorted(self._judged):
                lines = repository.load_state(self._conn, ASKED, door) or []
                if old := [line for line in lines if line["at"] < self._floor]:
                    repository.save_state(self._conn, ASKED, door, old)
                elif lines:
                    repository.drop_state(self._conn, ASKED, door)
        for each in said:
            if each.unit is not None or each.epcs or str(each.door) not in self._judged:
                continue
            door = str(each.door)
            line = {"at": round((each.passed_s or each.at_s) * 1000), "session": each.session, "why": each.reasons[0]}
            lines = repository.load_state(self._conn, ASKED, door) or []
            if line not in lines:
                kept = sorted([*lines, line], key=lambda one: one["at"])[-_MOST_ASKED:]
                repository.save_state(self._conn, ASKED, door, kept)

    def _closed(self, facts: Iterable[Fact]) -> list[crossed.Row]:
        """Sessions that are over and of which something was told or withdrawn just now."""
        touched = {str(fact.body["session"]) for fact in facts if fact.body.get("session")}
        gone = {str(fact.body["target"]) for fact in facts if fact.kind == "fact.retracted"}
        if gone:
            touched |= {str(fact.body["session"]) for fact in log.by_ids(self._conn, gone) if fact.body.get("session")}
        rows = (repository.session(self._conn, each) for each in sorted(touched))
        return [row for row in rows if row is not None and row["to_ms"] is not None]


def _is_new(fact: Fact, hold: dict[str, Fact]) -> bool:
    old = hold.get(fact.id)
    return old is None or (old.at, old.grade, dict(old.body)) != (fact.at, fact.grade, dict(fact.body))


def _explained(door: str, window: Window, own: Iterable[Move], loads: Callable[[str | None], bool]) -> bool:
    """True when a move says more than that the tag was heard, or when the last one of the hour before led out: then it
    is heard from inside the truck."""
    last: Move | None = None
    for move in own:
        if move.door != door:
            continue
        if move.kind != STRAYED and window.at - sighting.NEAR_MS <= move.at_ms <= window.last_at + sighting.AHEAD_MS:
            return True
        if move.kind in (FORWARD, BACK, OUTSIDE) and window.at - MEMORY_MS <= move.at_ms <= window.at:
            last = move if last is None or move.at_ms > last.at_ms else last
    return last is not None and loads(last.session) == (last.kind != BACK)
