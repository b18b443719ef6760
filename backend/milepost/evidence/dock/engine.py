"""The correlator: reads and gate edges in, decisions out, by event time and without looking ahead.

`feed` takes lines in any portions, `advance` judges everything that was due up to an instant. The same lines give the
same decisions however they are portioned, as long as an instant is advanced over only when its lines are in; a file is
one portion.
"""

import heapq
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from milepost.evidence.dock import empty
from milepost.evidence.dock.case import APART_S, CLOSE_INDEX, Around, Case, Seen, close_vector
from milepost.evidence.dock.files import Edge, Read
from milepost.evidence.dock.look import INDEX, Look, Place
from milepost.evidence.dock.model import OUT, REVIEW, Decision, Id, Order, Session, Verdict, epc_key, id_key
from milepost.evidence.dock.moments import AHEAD, Moment, moments
from milepost.evidence.dock.roster import Roster
from milepost.evidence.dock.scoring import Scorer, shipped
from milepost.evidence.dock.store import BIN_S, KEEP_S, DoorLog
from milepost.evidence.dock.words import CROSSED, Limits, Speaker

LATE_S = 25.0
CLOSE_S = 2.0  # the close waits until the last passage could be looked at
UNBOUND_S = 1_800.0  # how long a passage waits for a session to open
MEMORY_S = 600.0
FAINT = 0.01
ALONG_S = 2.5  # a strange tag this near to a unit's passage rides on it
_OPEN, _FIRST, _EMPTY, _LATE, _CLOSE = range(5)

Trace = Callable[[str, float, Case, Session | None, Id, int, list[float], Moment], None]


@dataclass(slots=True)
class _Door:
    """A door at work: its log, and what of its past the next look needs."""

    id: Id
    log: DoorLog = field(default_factory=DoorLog)
    next_bin: int | None = None
    peaks: list[int] = field(default_factory=list)
    recent: deque[Moment] = field(default_factory=deque)
    seen: dict[int, int] = field(default_factory=dict)
    loose: dict[int, Case] = field(default_factory=dict)  # outside every session
    lengths: empty.Lengths = field(default_factory=empty.Lengths)
    freed_s: float = float("-inf")
    freed: dict[int, float] = field(default_factory=dict)

    def remember(self, moment: Moment) -> None:
        """Keep a moment for ten minutes."""
        self.recent.append(moment)
        insort(self.peaks, moment.level_cdb)
        self.seen[moment.subject] = self.seen.get(moment.subject, 0) + 1

    def forget(self, before_bin: int) -> None:
        """Drop moments older than that."""
        while self.recent and self.recent[0].bin < before_bin:
            old = self.recent.popleft()
            del self.peaks[bisect_left(self.peaks, old.level_cdb)]
            self.seen[old.subject] -= 1
            if not self.seen[old.subject]:
                del self.seen[old.subject]


class Correlator:
    """Decides what crossed the doors of a site.

    sessions, orders: what was meant to happen; scorer: by default the trained model shipped with this package; trace:
    called with every vector that is scored, for training.
    """

    def __init__(
        self, sessions: Iterable[Session], orders: Iterable[Order], *, scorer: Scorer | None = None,
        limits: Limits | None = None, trace: Trace | None = None,
    ) -> None:  # fmt: skip
        self.roster = Roster(sessions, orders)
        self.scorer = shipped() if scorer is None else scorer
        self.speaker = Speaker(self.roster, limits or Limits())
        self._trace = trace
        self._doors: dict[Id, _Door] = {}
        self._heard_at: dict[int, set[Id]] = {}
        self._cases: dict[Id, dict[int, Case]] = {}
        self._queue: list[tuple[float, int, tuple[int, int, str], int, int]] = []  # when, what, door, subject, bin
        self._due: dict[tuple[Id, int, int], tuple[Moment, Session | None]] = {}
        self._verdicts: list[Verdict] = []
        self.newest_s = float("-inf")
        for number, session in enumerate(self.roster.sessions):
            self._door(session.door)
            self._push(session.from_s, _OPEN, session.door, number, 0)
            if session.to_s is not None:
                self._push(session.to_s + CLOSE_S, _CLOSE, session.door, number, 0)

    def feed(self, reads: Iterable[Read], edges: Iterable[Edge] = ()) -> None:
        """Take lines, in any order and as often as they come."""
        rows = list(reads)
        known = self.roster.subject_of
        strange: dict[Id, tuple[float, Id]] = {}
        for t, _, _, epc, _ in rows:
            key = epc_key(epc)
            if key not in known and (key not in strange or (t, str(epc)) < (strange[key][0], str(strange[key][1]))):
                strange[key] = (t, epc)
        firsts = sorted(strange.values(), key=lambda each: (each[0], id_key(epc_key(each[1]))))
        self.roster.add_strangers([epc for _, epc in firsts])
        sides: dict[tuple[Id, Id], tuple[DoorLog, int, int]] = {}
        for t, door, antenna, epc, level in rows:
            place = sides.get((door, antenna))
            if place is None:
                place = sides[door, antenna] = (self._door(door).log, *self.roster.antenna(door, antenna))
            log, side, number = place
            subject = known[epc.upper() if isinstance(epc, str) else epc]
            log.add(t, subject, side, number, level)
            heard = self._heard_at.get(subject)
            if heard is None:
                self._heard_at[subject] = {door}
            else:
                heard.add(door)
        for t, door, side, state in edges:
            self._door(door).log.add_edge(t, side, state)
        newest = max((row[0] for row in rows), default=self.newest_s)
        self.newest_s = max(self.newest_s, newest)

    def advance(self, until_s: float) -> list[Decision]:
        """Judge everything due up to an instant; lines before it that come later no longer change it."""
        for door in self._doors.values():
            door.log.settle()
        for door in self._doors.values():
            self._find(door, until_s)
        while self._queue and self._queue[0][0] <= until_s:
            at_s, rank, (word, number, text), subject, bin_ = heapq.heappop(self._queue)
            door = self._doors[text if word else number]
            if rank == _OPEN:
                self._opened(self.roster.sessions[subject], at_s)
            elif rank == _CLOSE:
                self._closed(self.roster.sessions[subject], at_s)
            elif rank == _FIRST:
                self._first(door, subject, bin_, at_s)
            elif rank == _EMPTY:
                self._freed(door, door.freed.pop(bin_), at_s)
            else:
                self._late(door, subject, bin_, at_s)
        return self._spoken()

    def finish(self) -> list[Decision]:
        """Judge what is left, when nothing more will come; sessions still open end with the data."""
        end_s = self.newest_s
        said = self.advance(end_s + LATE_S + 2.0 if end_s > float("-inf") else 0.0)
        for session in self.roster.sessions:
            if session.to_s is None or session.to_s + CLOSE_S > end_s + LATE_S + 2.0:
                closing = max(session.from_s, end_s if session.to_s is None else session.to_s) + CLOSE_S
                self._closed(session, closing)
        self._queue.clear()
        return said + self._spoken()

    def verdicts(self) -> list[Verdict]:
        """The sums of the sessions closed so far, each told once."""
        told, self._verdicts = self._verdicts, []
        return told

    def prune(self, now_s: float) -> None:
        """Forget readings that no look will ask for again; call it now and then in a live service."""
        for door in self._doors.values():
            door.log.prune(now_s - KEEP_S)

    # -- what is due

    def _door(self, door: Id) -> _Door:
        if door not in self._doors:
            self._doors[door] = _Door(door)
        return self._doors[door]

    def _push(self, at_s: float, rank: int, door: Id, subject: int, bin_: int) -> None:
        heapq.heappush(self._queue, (at_s, rank, id_key(door), subject, bin_))

    def _spoken(self) -> list[Decision]:
        said, self.speaker.out = self.speaker.out, []
        return said

    def _find(self, door: _Door, until_s: float) -> None:
        """Queue the moments of a door that are ready at until_s, and what came through its gates."""
        for side in (0, 1):
            for end_s in empty.ends(door.log.blocked[side], door.freed_s, until_s - empty.AFTER_S):
                key = round(end_s * 1000) * 2 + side
                door.freed[key] = end_s
                self._push(end_s + empty.AFTER_S, _EMPTY, door.id, 0, key)
        door.freed_s = max(door.freed_s, until_s - empty.AFTER_S)
        last = int(until_s // BIN_S) - AHEAD
        if door.next_bin is None:
            door.next_bin = int(door.log.bin_at.min()) if len(door.log.bin_at) else None
        if door.next_bin is None or last <= door.next_bin:
            return
        rivals = [each.log for each in self._doors.values() if each is not door]
        for moment in moments(door.log, rivals, door.next_bin, last):
            self._due[door.id, moment.subject, moment.bin] = (moment, None)
            self._push(moment.ready_s, _FIRST, door.id, moment.subject, moment.bin)
        door.next_bin = last

    # -- looks

    def _look(self, door: _Door, moment: Moment, session: Session | None, at_s: float) -> Look:
        roster, subject = self.roster, moment.subject
        heard = sorted(self._heard_at[subject], key=id_key)
        rivals = [self._doors[each].log for each in heard if each != door.id]
        unit = roster.unit(subject)
        place = Place(
            listed=session is not None and roster.is_listed(subject, session.trip),
            listed_elsewhere=roster.own_session_elsewhere(subject, door.id, moment.at_s) is not None,
            known=unit is not None,
            session=session is not None,
            direction=OUT if session is None else session.direction,
            antennas=roster.antennas(door.id),
            peaks_cdb=door.peaks,
            seen=door.seen.get(subject, 0),
            tags=1 if unit is None else len(unit.epcs),
        )
        return Look(door.log, rivals, moment, at_s, place)

    def _first(self, door: _Door, subject: int, bin_: int, at_s: float) -> None:
        moment, _ = self._due.pop((door.id, subject, bin_))
        session = self.roster.session_at(door.id, moment.at_s)
        direction = OUT if session is None else session.direction
        door.forget(bin_ - int(MEMORY_S / BIN_S))
        look = self._look(door, moment, session, at_s)
        with_, against = look.vector(direction), look.vector(-direction)
        seen = Seen(moment, self.scorer.first(with_), 0.0, self.scorer.first(against), with_)
        seen.late, seen.back_first, seen.alarm = seen.first, seen.back, seen.first
        if look.place.known and session is not None and not look.place.listed:
            seen.alarm = self.scorer.first(as_if_listed(with_, INDEX))
        door.remember(moment)
        case = self._case(door, session, subject)
        if self._trace is not None:
            self._trace("first", at_s, case, session, door.id, direction, with_, moment)
            self._trace("first", at_s, case, session, door.id, -direction, against, moment)
        if case.seen and max(seen.first, seen.back, seen.alarm) < FAINT:
            return
        case.seen.append(seen)
        self._due[door.id, subject, bin_] = (moment, session)
        self._push(moment.at_s + LATE_S, _LATE, door.id, subject, bin_)
        self.speaker.first(case, session, door.id, seen, at_s)

    def _late(self, door: _Door, subject: int, bin_: int, at_s: float) -> None:
        moment, session = self._due.pop((door.id, subject, bin_))
        if session is not None and session.session not in self._cases:
            return  # closed meanwhile
        direction = OUT if session is None else session.direction
        look = self._look(door, moment, session, at_s)
        with_, against = look.vector(direction), look.vector(-direction)
        case = self._case(door, session, subject)
        if self._trace is not None:
            self._trace("late", at_s, case, session, door.id, direction, with_, moment)
            self._trace("late", at_s, case, session, door.id, -direction, against, moment)
        for seen in case.seen:
            if seen.moment is moment:
                seen.late, seen.back, seen.vector = self.scorer.late(with_), self.scorer.late(against), with_
                self.speaker.late(case, session, door.id, seen, at_s)

    def _freed(self, door: _Door, end_s: float, at_s: float) -> None:
        """Something left a gate: was it through, and did a tag go with it?"""
        session = self.roster.session_at(door.id, end_s)
        if session is None:
            return
        near, far = (0, 1) if session.direction == OUT else (1, 0)
        passage = empty.through(door.log.blocked[near], door.log.blocked[far], end_s)
        if passage is None:
            return
        cases = self._cases.get(session.session, {}).values()
        around = (passage.begin_s - 2.5, passage.end_s + 2.0)
        chance = max(
            (one.alarm for each in cases for one in each.seen if around[0] <= one.at_s <= around[1]), default=0.0
        )
        if chance >= 0.5:
            door.lengths.add(passage)
            return
        listed = self.roster.listed.get(session.trip, []) if session.trip is not None else []
        counted = sum(each.word in CROSSED and self.roster.is_listed(each.subject, session.trip) for each in cases)
        if chance < 0.05 and counted < len(listed) and door.lengths.as_long(passage):
            self.speaker.unidentified(session, passage, at_s)

    def _case(self, door: _Door, session: Session | None, subject: int) -> Case:
        cases = door.loose if session is None else self._cases.setdefault(session.session, {})
        if subject not in cases:
            cases[subject] = Case(subject)
        return cases[subject]

    # -- sessions

    def _opened(self, session: Session, at_s: float) -> None:
        """Take over what passed before the session was opened."""
        door = self._doors[session.door]
        cases = self._cases.setdefault(session.session, {})
        earlier = [each.to_s for each in self.roster.by_door[session.door] if each.to_s and each.to_s <= session.from_s]
        since = max([session.from_s - UNBOUND_S, *earlier])
        for subject, loose in sorted(door.loose.items()):
            kept = [each for each in loose.seen if each.at_s >= since]
            if kept and self.roster.is_listed(subject, session.trip):
                case = cases[subject] = Case(subject, kept, loose.word)
                if session.direction == OUT:
                    self.speaker.opened(case, session, door.id, at_s)
        door.loose = {}

    def _closed(self, session: Session, at_s: float) -> None:
        door = self._doors[session.door]
        cases = self._cases.get(session.session, {})
        listed = self.roster.listed.get(session.trip, []) if session.trip is not None else []
        beliefs = {subject: case.belief() for subject, case in cases.items()}
        done = sum(beliefs.get(subject, 0.0) for subject in listed) / max(1, len(listed))
        near = 0 if session.direction == OUT else 1
        verdict = Verdict(session.session, session.trip)
        carried: list[float] = []
        for subject, case in sorted(cases.items()):  # units first, strange tags behind them
            best = case.best()
            if best is None:
                continue
            unit = self.roster.unit(subject)
            if unit is not None and case.belief() > 0.5:
                carried.append(best.at_s)
            rides = len(case.seen) > 2 or any(abs(best.at_s - each) < ALONG_S for each in carried)
            if unit is None and rides and self._trace is None:
                continue
            around = Around(
                rivals=self._rivals(session, subject),
                listed=self.roster.is_listed(subject, session.trip),
                listed_elsewhere=self.roster.own_session_elsewhere(subject, session.door, at_s) is not None,
                known=unit is not None,
                done=done,
                size=len(listed),
                near=near,
                antennas=self.roster.antennas(session.door),
                left_s=at_s - session.from_s,
            )
            others = [self._doors[each].log for each in self._heard_at[subject] if each != door.id]
            vector = close_vector(case, door.log, others, at_s, around)
            if self._trace is not None:
                self._trace("close", at_s, case, session, door.id, session.direction, vector, best.moment)
            if around.known and not around.listed and case.word == REVIEW:
                vector = as_if_listed(vector, CLOSE_INDEX)
            self.speaker.close(case, session, door.id, self.scorer.close(vector), at_s)
            self._sum_up(verdict, case, around.listed)
        told = {*verdict.matched, *verdict.review}
        verdict.short = [self.roster.units[n].unit for n in listed if self.roster.units[n].unit not in told]
        self._verdicts.append(verdict)
        self._cases.pop(session.session, None)

    def _sum_up(self, verdict: Verdict, case: Case, listed: bool) -> None:
        unit = self.roster.unit(case.subject)
        if unit is None:
            return
        if listed and case.word in CROSSED:
            verdict.matched.append(unit.unit)
        elif case.word == REVIEW:
            (verdict.review if listed else verdict.over).append(unit.unit)

    def _rivals(self, session: Session, subject: int) -> list[Seen]:
        """The subject's moments at other doors during the session."""
        found: list[Seen] = []
        for other in self.roster.sessions:
            if other.door != session.door and other.session in self._cases:
                case = self._cases[other.session].get(subject)
                found += case.seen if case else []
        for door in self._doors.values():
            if door.id != session.door and subject in door.loose:
                found += door.loose[subject].seen
        return [each for each in found if each.at_s >= session.from_s - APART_S]


def as_if_listed(vector: list[float], index: Mapping[str, int]) -> list[float]:
    """The measures as they would be of a unit that belongs here. Wrong trucks are so rare that a list drowns them: the
    question for an alarm is what the passage itself looks like."""
    changed = list(vector)
    changed[index["listed"]], changed[index["listed_elsewhere"]] = 1.0, 0.0
    return changed
