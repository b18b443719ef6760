"""From chances to words: what is said at the first look, later, and when a session closes. Pure.

A word is out two seconds after the passage and is corrected at most once by what follows, at the latest at the close
(T17); only a unit on the session's list is ever counted: one that is on another list, or on none, is a matter for a
person at once (notes of the wrong truck).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from milepost.evidence.dock import plain
from milepost.evidence.dock.case import Case, Seen
from milepost.evidence.dock.empty import Through
from milepost.evidence.dock.look import INDEX
from milepost.evidence.dock.model import (
    LOADED,
    OUT,
    PASSED_BACK,
    REVIEW,
    STRAY,
    UNLOADED,
    Decision,
    Id,
    Session,
    id_key,
)
from milepost.evidence.dock.roster import Roster


@dataclass(frozen=True, slots=True)
class Limits:
    """Chances from which on something is said.

    first: counted at the first look, where light gates saw something pass; ask: asked about at the first look there;
    unlit: the same where they did not; sure: a question answered by the later look; gone: a question taken back by the
    later look; count: counted at the close, or left so; weak: the same at doors with few antennas, where a person would
    be asked too often; drop: below it a unit has not crossed, and is shown as short when it is listed; back: taken to
    have come back; foreign: of a unit that does not belong to the session here, at a moment that light gates named;
    unseen: the same at another moment, or where no session is open; over: of such a unit at the close; doubt: below it
    such an alarm is taken back at the close; meant: of a tag on no list where the trip has none; alone: of one that
    went along with no unit, 25 s later; stranger: of one at the close. rival_db: so much louder elsewhere, the first
    look is silent.
    """

    first: float = 0.6
    ask: float = 0.2
    unlit: float = 0.6
    gone: float = 0.05
    sure: float = 0.97
    count: float = 0.95
    weak: float = 0.93
    drop: float = 0.6
    back: float = 0.6
    foreign: float = 0.75
    unseen: float = 0.975
    over: float = 0.6
    doubt: float = 0.2
    meant: float = 0.6
    stranger: float = 0.5
    alone: float = 0.985
    rival_db: float = 6.0


CROSSED = (LOADED, UNLOADED)
_FEW_ANTENNAS = 3
_SOME = 3  # fewer units of another trip are wrong trucks, not a wrong session
SAME_PASSAGE_S = 2.5  # tags on no list so near to each other went through together
_SAME_GOODS_S = 12 * 3600.0  # later than that a unit may have been brought back unseen


class Speaker:
    """Says the words of cases. out: where decisions go."""

    def __init__(self, roster: Roster, limits: Limits) -> None:
        self.roster, self.limits = roster, limits
        self.out: list[Decision] = []
        self._aboard: dict[int, tuple[Case, Session]] = {}  # where a unit was counted in last
        self._strange: dict[tuple[Id, Id], set[int]] = {}  # units of another trip that came through, by session

    def first(self, case: Case, session: Session | None, door: Id, seen: Seen, at_s: float) -> None:
        """After the first look at a moment."""
        if self.roster.unit(case.subject) is None or seen.blind or case.frozen:
            return
        limits, chance = self.limits, seen.first
        if case.word is not None and case.word != PASSED_BACK and seen.back >= limits.back and seen.back > chance:
            self._say(case, session, door, PASSED_BACK, seen.back, at_s, seen)
            return
        if case.word in CROSSED or (case.word == REVIEW and chance < limits.first):
            return
        if seen.vector[INDEX["rival"]] <= -limits.rival_db and chance < limits.sure:
            return  # the other door heard it better: its word first
        if session is None or not self.roster.is_listed(case.subject, session.trip):
            if seen.moment.lit:
                self._alarm(case, session, door, seen, at_s)
        elif seen.moment.lit and chance >= limits.first:
            self._say(case, session, door, _across(session), seen.stays, at_s, seen)
        elif case.word is None and chance >= (limits.ask if seen.moment.lit else limits.unlit):
            self._say(case, session, door, REVIEW, chance, at_s, seen)

    def _alarm(self, case: Case, session: Session | None, door: Id, seen: Seen, at_s: float) -> None:
        """A unit went along that does not belong here."""
        known = self.roster.unit(case.subject) is not None
        named = session is not None and seen.moment.gated
        enough = self.limits.foreign if named else self.limits.unseen
        if known and case.word is None and seen.alarm >= enough:
            self._say(case, session, door, REVIEW, seen.alarm, at_s, seen, *self._foreign(case, session, at_s))

    def late(self, case: Case, session: Session | None, door: Id, seen: Seen, at_s: float) -> None:
        """25 s after a moment: a question may be answered, a doubtful word made certain, a count taken back."""
        if case.frozen or seen.blind:
            return
        if session is None or not self.roster.is_listed(case.subject, session.trip):
            self._alarm(case, session, door, seen, at_s)
            return
        if case.word in (REVIEW, None) and seen.late >= self.limits.sure:
            self._say(case, session, door, _across(session), seen.late, at_s, seen)
        elif case.word == REVIEW and max(seen.late, case.belief()) < self.limits.gone:
            self._say(case, session, door, PASSED_BACK, 1 - seen.late, at_s, seen)
        elif case.word in CROSSED and seen.back >= self.limits.sure:
            self._say(case, session, door, PASSED_BACK, seen.back, at_s, seen)

    def opened(self, case: Case, session: Session, door: Id, at_s: float) -> None:
        """A session opened behind a passage that belongs to it: reads bind by event time."""
        best, chance = case.best(), case.belief()
        if best is not None and case.word not in CROSSED and chance >= self.limits.count:
            self._say(case, session, door, _across(session), chance, at_s, best, "passed before the session opened")

    def withdrawn(self, case: Case, session: Session, at_s: float, why: str) -> None:
        """What was counted no longer holds, because a session or a list was told anew."""
        best = case.best()
        if best is not None and case.word in CROSSED:
            self._say(case, session, session.door, PASSED_BACK, 1.0, at_s, best, why)

    def close(
        self, case: Case, session: Session, door: Id, chance: float, at_s: float, contested: Id | None = None
    ) -> None:
        """The last word of a session on a subject. contested: another door that is as sure of it."""
        best = case.best()
        if best is None or case.frozen:
            return
        limits = self.limits
        if best.blind or case.turned_back(limits.back):
            chance = min(
                chance, limits.drop
            )  # above the trees: what has no past, or was seen to come back, is asked about
        why: tuple[str, ...] = ()
        if contested is not None and chance >= limits.drop:
            chance, why = min(chance, limits.drop), (f"door {contested} is as sure of it",)
        if not self.roster.is_listed(case.subject, session.trip):
            if chance >= (limits.doubt if case.word == REVIEW else limits.over):
                if case.word != REVIEW:
                    self._say(case, session, door, REVIEW, chance, at_s, best, *self._foreign(case, session, at_s))
            else:
                self._not_across(case, session, door, chance, at_s, best)
        elif chance >= self._enough(session.door):
            if case.word not in CROSSED:
                self._say(case, session, door, _across(session), chance, at_s, best)
        elif chance >= limits.drop:
            if case.word in CROSSED:  # a count can be undone only by saying so
                self._say(case, session, door, PASSED_BACK, 1 - chance, at_s, best, "taken back to be asked about")
            if case.word != REVIEW:
                self._say(case, session, door, REVIEW, chance, at_s, best, *why)
        else:
            self._not_across(case, session, door, chance, at_s, best)

    def _enough(self, door: Id) -> float:
        """The chance from which on a unit counts at the close: doubt is usual at doors with few antennas."""
        few = sum(self.roster.antennas(door)) <= _FEW_ANTENNAS
        return self.limits.weak if few else self.limits.count

    def strangers(
        self, group: Sequence[tuple[Case, Seen]], session: Session, door: Id, at_s: float, listed: bool
    ) -> None:
        """After a look at a passage of tags on no list. listed: the session's trip has a list of its own."""
        enough = self.limits.alone if listed else self.limits.meant
        self._strangers([(case, seen, seen.alarm) for case, seen in group if seen.alarm >= enough], session, door, at_s)

    def strangers_at_close(
        self, group: Sequence[tuple[Case, Seen, float]], session: Session, door: Id, at_s: float
    ) -> None:
        """At the close: those that were not told of yet, with the chance of each; one line for each passage."""
        sure = sorted(
            (each for each in group if each[2] >= self.limits.stranger and each[0].word is None),
            key=lambda each: (each[1].at_s, each[0].subject),
        )
        passage: list[tuple[Case, Seen, float]] = []
        for each in sure:
            if passage and each[1].at_s - passage[0][1].at_s > SAME_PASSAGE_S:
                self._strangers(passage, session, door, at_s)
                passage = []
            passage.append(each)
        self._strangers(passage, session, door, at_s)

    def _strangers(self, group: Sequence[tuple[Case, Seen, float]], session: Session, door: Id, at_s: float) -> None:
        new = [each for each in group if each[0].word is None]
        if not new:
            return
        case, seen, chance = max(new, key=lambda each: (each[2], -each[0].subject))
        many = "tags that are on no list went along" if len(new) > 1 else "a tag that is on no list went along"
        self._say(case, session, door, REVIEW, chance, at_s, seen, many)
        self.out[-1].epcs = tuple(epc for each, _, _ in new for epc in self.roster.epcs(each.subject))
        for each, _, one in new:
            each.word, each.said, each.word_at_s = REVIEW, one, at_s

    def unidentified(self, session: Session, passage: Through, at_s: float) -> None:
        """Something as long as a load went through the gates and no tag was read with it."""
        why = (
            f"gates interrupted for {passage.long_s:.1f} s in the session's direction, no tag went along: scan by hand"
        )
        self.out.append(
            Decision(
                None, (), session.door, session.session, session.trip, REVIEW, at_s, 0.9, False, (why,), passage.end_s
            )
        )

    def _not_across(self, case: Case, session: Session, door: Id, chance: float, at_s: float, best: Seen) -> None:
        if case.word in (*CROSSED, REVIEW):
            self._say(case, session, door, PASSED_BACK, 1 - chance, at_s, best)
        elif case.word is None:
            self._say(case, session, door, STRAY, 1 - chance, at_s, best)

    def _foreign(self, case: Case, session: Session | None, at_s: float) -> tuple[str, ...]:
        if session is None:
            return ("outside every session",)
        own = self.roster.own_session_elsewhere(case.subject, session.door, at_s)
        why = "not on the list of this session"
        if own is not None:
            why = f"wrong truck: it is on the list of session {own.session} at door {own.door}"
        for trip in sorted(self.roster.trips.get(case.subject, ()), key=id_key):
            came = self._strange.setdefault((session.session, trip), set())
            came.add(case.subject)
            listed = len(self.roster.listed[trip])
            if len(came) >= max(_SOME, (listed + 1) // 2):
                return (f"{len(came)} of {listed} units of trip {trip} came through here: session or clock wrong?", why)
        return (why,)

    def _two_trucks(self, case: Case, session: Session, at_s: float, seen: Seen) -> tuple[str, ...]:
        """Why a unit is not counted in although it went in: it is in another truck already. That one is asked too."""
        other, there = self._aboard.get(case.subject, (case, session))
        if other is case or other.word != LOADED or at_s - other.word_at_s > _SAME_GOODS_S:
            return ()
        other.frozen = case.frozen = True
        why = "counted into two trucks and not seen coming out: session {0.session} at door {0.door} has it too"
        self._say(other, there, there.door, REVIEW, seen.late, at_s, seen, why.format(session))
        return (why.format(there),)

    def _say(
        self, case: Case, session: Session | None, door: Id, word: str, confidence: float, at_s: float,
        seen: Seen, *why: str,
    ) -> None:  # fmt: skip
        unit = self.roster.unit(case.subject)
        if word == LOADED and session is not None:
            twice = self._two_trucks(case, session, at_s, seen)
            word, why = (REVIEW, (*twice, *why)) if twice else (word, why)
            self._aboard[case.subject] = (case, session)
        elif word == UNLOADED:
            self._aboard.pop(case.subject, None)
        self.out.append(
            Decision(
                unit=None if unit is None else unit.unit,
                epcs=self.roster.epcs(case.subject),
                door=door,
                session=None if session is None else session.session,
                trip=None if session is None else session.trip,
                decision=word,
                at_s=at_s,
                confidence=confidence,
                inferred=False,
                reasons=(*why, *plain.reasons(seen.vector)),
                passed_s=seen.at_s,
            )
        )
        case.word, case.said, case.word_at_s = word, confidence, at_s


def _across(session: Session) -> str:
    return LOADED if session.direction == OUT else UNLOADED
