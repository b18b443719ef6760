"""The correlator: reads and gate edges in, decisions out, by event time and without looking ahead.

`feed` takes lines in any portions, `advance` judges everything that was due up to an instant. The same lines give the
same decisions however they are portioned, as long as an instant is advanced over only when its lines are in; a file is
one portion. Sessions and lists may be told while it runs; state is bounded by `prune`, and made anew by telling
sessions and lists and feeding the last eleven minutes again.
"""

import heapq
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace

from milepost.errors import Invalid
from milepost.evidence.dock.case import APART_S, Around, Case, Seen, close_vector
from milepost.evidence.dock.files import Edge, Read
from milepost.evidence.dock.looks import ALONG_S, CLOSE, EMPTY, FIRST, LATE_S, OPEN, STRANGE, TWICE, Looks, Trace
from milepost.evidence.dock.model import OUT, REVIEW, Decision, Id, Order, Session, Verdict
from milepost.evidence.dock.roster import Roster
from milepost.evidence.dock.scoring import Scorer, shipped
from milepost.evidence.dock.store import KEEP_S
from milepost.evidence.dock.words import CROSSED, Limits

CLOSE_S = 3.0  # the close waits until the last passage could be looked at
UNBOUND_S = 1_800.0  # how long a passage waits for a session to open
_EQUAL_CDB = 300  # doors that heard it within this were equally near


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
        self.looks = Looks(self.roster, shipped() if scorer is None else scorer, limits or Limits(), trace)
        self._verdicts: list[Verdict] = []
        self._closed_cases: dict[Id, tuple[float, dict[int, Case]]] = {}
        self._ids: list[Id] = []  # sessions as the queue calls them
        self._current: dict[Id, int] = {}
        self._now_s = float("-inf")
        for session in self.roster.sessions:
            self.looks.door(session.door)
            self._schedule(session)

    def feed(self, reads: Iterable[Read], edges: Iterable[Edge] = ()) -> None:
        """Take lines, in any order and as often as they come."""
        self.looks.feed(reads, edges)

    def advance(self, until_s: float) -> list[Decision]:
        """Judge everything due up to an instant; lines before it that come later no longer change it."""
        for door in self.looks.doors.values():
            door.log.settle()
        for door in self.looks.doors.values():
            self.looks.find(door, until_s)
        while self.looks.queue and self.looks.queue[0][0] <= until_s:
            at_s, rank, (word, number, text), subject, bin_ = heapq.heappop(self.looks.queue)
            door = self.looks.doors[text if word else number]
            if rank in (OPEN, CLOSE):
                session = self.roster.by_id[self._ids[subject]]
                if self._current[session.session] == subject:  # else it was told anew since
                    (self._opened if rank == OPEN else self._closed)(session, at_s)
            elif rank == FIRST:
                self.looks.first(door, subject, bin_, at_s)
            elif rank == STRANGE:
                self.looks.strange(door, at_s)
            elif rank == EMPTY:
                self.looks.freed(door, door.freed.pop(bin_), at_s)
            else:
                self.looks.late(door, subject, bin_, at_s, until_s)
        self._now_s = max(self._now_s, until_s)
        return self.looks.spoken()

    def finish(self) -> list[Decision]:
        """Judge what is left, when nothing more will come; sessions still open end with the data."""
        end_s = self.looks.newest_s
        said = self.advance(end_s + LATE_S + 2.0 if end_s > float("-inf") else 0.0)
        for session in self.roster.sessions:
            if session.to_s is None or session.to_s + CLOSE_S > end_s + LATE_S + 2.0:
                closing = max(session.from_s, end_s if session.to_s is None else session.to_s) + CLOSE_S
                if session.session not in self.looks.cases:  # it begins behind the data
                    self._opened(session, closing)
                self._closed(session, closing)
        self.looks.queue.clear()
        return said + self.looks.spoken()

    def verdicts(self) -> list[Verdict]:
        """The sums of the sessions closed so far, each told once."""
        told, self._verdicts = self._verdicts, []
        return told

    def prune(self, now_s: float) -> None:
        """Forget readings that no look will ask for again; call it now and then in a live service."""
        for door in self.looks.doors.values():
            door.log.prune(now_s - KEEP_S)
            for subject, case in list(door.loose.items()):
                case.seen = [each for each in case.seen if each.at_s >= now_s - UNBOUND_S]
                if not case.seen:
                    del door.loose[subject]
        for session, (closed_s, _) in list(self._closed_cases.items()):
            if closed_s < now_s - UNBOUND_S:
                del self._closed_cases[session]

    # -- told while it runs

    def open_session(self, session: Session) -> None:
        """Take a session that begins, began long ago, or is told anew: what passed binds by event time.

        What was counted for it as it was told before is taken back in words, and judged again by the next `advance`.
        """
        known = self.roster.by_id.get(session.session)
        if known is not None:
            self._withdraw(known)
        told = dict(self.roster.sides(session.door))
        self.roster.put_session(session)
        door, sides = self.looks.door(session.door), self.roster.sides(session.door)
        if sides != told:
            door.log.resided(sides)
            self.looks.measured_again(door)
        self._schedule(session)

    def close_session(self, session_id: Id, to_s: float) -> None:
        """End a session at an instant, also one that is past; what passed behind it no longer belongs to it.

        Raises Invalid for a session that was never opened, or an end that does not lie behind its beginning.
        """
        known = self.roster.by_id.get(session_id)
        if known is None:
            raise Invalid(f"session {session_id!r} was never opened; open it first")
        if to_s <= known.from_s:
            raise Invalid(f"session {session_id!r} cannot end at {to_s}: it began at {known.from_s}")
        cases = self.looks.cases.get(session_id)
        if cases is None or any(each.at_s >= to_s for case in cases.values() for each in case.seen):
            self.open_session(replace(known, to_s=to_s))
            return
        session = replace(known, to_s=to_s)
        self.roster.put_session(session)
        self._schedule(session, opened=True)

    def set_units(self, order: Order) -> None:
        """Take an order with its units, new or told anew; open sessions of its trip judge what they saw again."""
        for old, new in self.roster.put_order(order):
            self.looks.same[old] = new
            for door in self.looks.doors.values():
                door.log.renamed(old, new)
                door.seen[new] = door.seen.get(new, 0) + door.seen.pop(old, 0)
                door.recent = deque(replace(each, subject=self.looks.called(each.subject)) for each in door.recent)
            for cases in (*self.looks.cases.values(), *(door.loose for door in self.looks.doors.values())):
                cases.pop(old, None)
            for door in self.looks.doors.values():
                self.looks.found_again(door, new, self._now_s)
        for session in self.roster.sessions:
            if session.trip == order.trip:
                self._listed_anew(session)

    def _listed_anew(self, session: Session) -> None:
        at_s = max(self._now_s, session.from_s)
        for subject, case in sorted(self.looks.cases.get(session.session, {}).items()):
            listed = self.roster.is_listed(subject, session.trip)
            if case.word is not None and all(each.place.listed == listed for each in case.seen):
                continue
            case.seen = [self.looks.judged_again(each, listed, session) for each in case.seen]
            if listed:
                self.looks.speaker.opened(case, session, session.door, at_s)
            else:
                self.looks.speaker.withdrawn(case, session, at_s, "it is no longer on the list")

    def _withdraw(self, session: Session) -> None:
        """Let go what a session held, as if it had never been opened."""
        door = self.looks.door(session.door)
        cases = self.looks.cases.pop(session.session, None)
        if cases is None:
            _, cases = self._closed_cases.pop(session.session, (0.0, {}))
        for subject, case in sorted(cases.items()):
            self.looks.speaker.withdrawn(case, session, max(self._now_s, session.from_s), "its session was told anew")
            loose = door.loose.setdefault(subject, Case(subject))
            loose.seen = sorted((*loose.seen, *case.seen), key=lambda each: each.at_s)

    def _schedule(self, session: Session, opened: bool = False) -> None:
        number = self._current[session.session] = len(self._ids)
        self._ids.append(session.session)
        if not opened:
            self.looks.push(max(session.from_s, self._now_s), OPEN, session.door, number, 0)
        if session.to_s is not None:
            self.looks.push(max(session.to_s + CLOSE_S, self._now_s), CLOSE, session.door, number, 0)

    # -- sessions

    def _opened(self, session: Session, at_s: float) -> None:
        """Take over what passed before it was known that the session is open."""
        door = self.looks.door(session.door)
        cases = self.looks.cases.setdefault(session.session, {})
        earlier = [each.to_s for each in self.roster.by_door[session.door] if each.to_s and each.to_s <= session.from_s]
        since_s = max([session.from_s - UNBOUND_S, *earlier])
        until_s = float("inf") if session.to_s is None else session.to_s
        begun_s = session.from_s if self.roster.has_list(session.trip) else since_s
        whose = {subject: self.roster.is_listed(subject, session.trip) for subject in door.loose}
        for subject, loose in sorted(door.loose.items(), key=lambda each: (not whose[each[0]], each[0])):
            listed = whose[subject]
            from_s = since_s if listed else begun_s
            kept = [each for each in loose.seen if from_s <= each.at_s < until_s]
            if not kept:
                continue
            kept = [self.looks.judged_again(each, listed, session) for each in kept]
            case = cases[subject] = Case(subject, kept, loose.word, loose.said, loose.word_at_s)
            if listed:
                self.looks.speaker.opened(case, session, door.id, at_s)
                best = case.best()
                if case.word in CROSSED and best is not None:  # so loading had begun, and others may have gone along
                    begun_s = min(begun_s, best.at_s)
        behind = {
            subject: [each for each in loose.seen if each.at_s >= until_s] for subject, loose in door.loose.items()
        }
        door.loose = {subject: Case(subject, seen) for subject, seen in behind.items() if seen}

    def _closed(self, session: Session, at_s: float) -> None:
        door = self.looks.doors[session.door]
        cases = self.looks.cases.get(session.session, {})
        listed = self.roster.listed.get(session.trip, []) if session.trip is not None else []
        beliefs = {subject: case.belief() for subject, case in cases.items()}
        done = sum(beliefs.get(subject, 0.0) for subject in listed) / max(1, len(listed))
        near = 0 if session.direction == OUT else 1
        verdict = Verdict(session.session, session.trip)
        carried: list[float] = []
        strange: list[tuple[Case, Seen, float]] = []
        crowd = sorted((each.at_s, case.subject, each.alarm) for case in cases.values() for each in case.seen)
        for subject, case in sorted(cases.items(), key=lambda each: (self.roster.unit(each[0]) is None, each[0])):
            best = case.best()
            if best is None:
                continue
            unit = self.roster.unit(subject)
            if unit is None and self.looks.trace is None and not self._untold(case, best, carried):
                continue
            rivals = self._rivals(session, subject)
            around = Around(
                rivals=[each for _, each in rivals],
                listed=self.roster.is_listed(subject, session.trip) or (unit is None and best.place.no_list),
                listed_elsewhere=self.roster.own_session_elsewhere(subject, session.door, at_s) is not None,
                known=unit is not None,
                done=done,
                size=len(listed),
                near=near,
                antennas=self.roster.antennas(session.door),
                left_s=at_s - session.from_s,
                company=_company(crowd, subject, best.at_s),
                unexplained=self.looks.unexplained.get(session.session, ()),
            )
            others = [each.log for each in self.looks.doors.values() if each is not door]
            vector = close_vector(case, door.log, others, at_s, around)
            if self.looks.trace is not None:
                self.looks.trace("close", at_s, case, session, door.id, session.direction, vector, best.moment)
            if unit is None:
                strange.append((case, best, self.looks.scorer.close(vector)))
                continue
            contested = next((other for other, each in rivals if _as_sure(each, best)), None) if around.listed else None
            self.looks.speaker.close(case, session, door.id, self.looks.scorer.close(vector), at_s, contested)
            if case.word in (*CROSSED, REVIEW):
                carried.append(best.at_s)
            self._sum_up(verdict, case, around.listed)
        self.looks.speaker.strangers_at_close(strange, session, door.id, at_s)
        told = {*verdict.matched, *verdict.review}
        verdict.short = [
            unit.unit for unit in map(self.roster.unit, listed) if unit is not None and unit.unit not in told
        ]
        self._verdicts.append(verdict)
        self.looks.unexplained.pop(session.session, None)
        self._closed_cases[session.session] = (at_s, self.looks.cases.pop(session.session, {}))

    def _untold(self, case: Case, best: Seen, carried: Sequence[float]) -> bool:
        """True for a tag on no list that may have gone along by itself and was not told of yet. carried: when the units
        of which something is said at the close went."""
        return (
            case.word is None
            and best.alarm >= self.looks.speaker.limits.stranger
            and case.passages() <= TWICE
            and not any(abs(best.at_s - each) < ALONG_S for each in carried)
        )

    def _sum_up(self, verdict: Verdict, case: Case, listed: bool) -> None:
        unit = self.roster.unit(case.subject)
        assert unit is not None  # tags on no list are told apart
        if listed and case.word in CROSSED:
            verdict.matched.append(unit.unit)
        elif case.word == REVIEW:
            (verdict.review if listed else verdict.over).append(unit.unit)

    def _rivals(self, session: Session, subject: int) -> list[tuple[Id, Seen]]:
        """The subject's moments at other doors during the session."""
        found: list[tuple[Id, Seen]] = []
        for other in self.roster.sessions:
            if other.door != session.door and other.session in self.looks.cases:
                case = self.looks.cases[other.session].get(subject)
                found += [(other.door, each) for each in case.seen] if case else []
        for door in self.looks.doors.values():
            if door.id != session.door and subject in door.loose:
                found += [(door.id, each) for each in door.loose[subject].seen]
        return [(door, each) for door, each in found if each.at_s >= session.from_s - APART_S]


def _as_sure(rival: Seen, best: Seen) -> bool:
    """True when another door saw the same passage and is as sure of it as if the unit were on its list."""
    same = abs(rival.at_s - best.at_s) < APART_S
    return (
        same
        and best.late > 0.5
        and rival.alarm >= max(0.8, best.late)
        and rival.moment.level_cdb > best.moment.level_cdb - _EQUAL_CDB
    )


def _company(crowd: list[tuple[float, int, float]], subject: int, at_s: float) -> float:
    """How likely another subject crossed at the same time, at most."""
    first = bisect_left(crowd, (at_s - ALONG_S,))
    best = 0.0
    for each_s, other, alarm in crowd[first:]:
        if each_s > at_s + ALONG_S:
            break
        if other != subject:
            best = max(best, alarm)
    return best
