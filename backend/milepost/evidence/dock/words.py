"""From chances to words: what is said at the first look, later, and when a session closes. Pure.

A word is out two seconds after the passage and is corrected at most once by what follows, at the latest at the close
(T17); only a unit on the session's list is ever counted: one that is on another list, or on none, is a matter for a
person at once (notes of the wrong truck).
"""

from dataclasses import dataclass

from milepost.evidence.dock import plain
from milepost.evidence.dock.case import Case, Seen
from milepost.evidence.dock.empty import Through
from milepost.evidence.dock.look import INDEX
from milepost.evidence.dock.model import LOADED, OUT, PASSED_BACK, REVIEW, STRAY, UNLOADED, Decision, Session
from milepost.evidence.dock.roster import Roster


@dataclass(frozen=True, slots=True)
class Limits:
    """Chances from which on something is said.

    first: counted at the first look; ask: asked about at the first look; sure: told again with the greater certainty;
    count: counted at the close; drop: below it a unit has not crossed; back: taken to have come back; foreign: of a
    unit that does not belong here; stranger: of a tag on no list. rival_db: so much louder elsewhere, the first look
    stays silent here.
    """

    first: float = 0.6
    ask: float = 0.45
    sure: float = 0.985
    count: float = 0.95
    drop: float = 0.05
    back: float = 0.7
    foreign: float = 0.6
    stranger: float = 0.9
    rival_db: float = 6.0


CROSSED = (LOADED, UNLOADED)


class Speaker:
    """Says the words of cases. out: where decisions go."""

    def __init__(self, roster: Roster, limits: Limits) -> None:
        self.roster, self.limits = roster, limits
        self.out: list[Decision] = []

    def first(self, case: Case, session: Session | None, door: int | str, seen: Seen, at_s: float) -> None:
        """After the first look at a moment."""
        if self.roster.unit(case.subject) is None:
            return
        limits, chance = self.limits, seen.first
        if case.word is not None and case.word != PASSED_BACK and seen.back >= limits.back and seen.back > chance:
            self._say(case, session, door, PASSED_BACK, seen.back, at_s, seen)
            return
        if case.word in (*CROSSED, REVIEW) and not (case.word == REVIEW and chance >= limits.first):
            return
        if seen.vector[INDEX["rival"]] <= -limits.rival_db and chance < limits.sure:
            return  # the other door heard it better: its word first
        if session is None or not self.roster.is_listed(case.subject, session.trip):
            if seen.alarm >= limits.foreign and case.word is None:
                self._say(case, session, door, REVIEW, seen.alarm, at_s, seen, *self._foreign(case, session, at_s))
        elif chance >= limits.first:
            self._say(case, session, door, _across(session), chance, at_s, seen)
        elif chance >= limits.ask and case.word is None:
            self._say(case, session, door, REVIEW, chance, at_s, seen)

    def late(self, case: Case, session: Session | None, door: int | str, seen: Seen, at_s: float) -> None:
        """25 s after a moment: a question may be answered, a doubtful word made certain."""
        if session is None or not self.roster.is_listed(case.subject, session.trip):
            return
        unsaid = case.word in (REVIEW, None) or (case.word in CROSSED and case.said < 0.97)
        if unsaid and seen.late >= self.limits.sure:
            self._say(case, session, door, _across(session), seen.late, at_s, seen)

    def opened(self, case: Case, session: Session, door: int | str, at_s: float) -> None:
        """A session opened behind a passage that belongs to it: reads bind by event time."""
        best, chance = case.best(), case.belief()
        if best is not None and chance >= self.limits.count:
            self._say(case, session, door, _across(session), chance, at_s, best, "passed before the session opened")

    def close(self, case: Case, session: Session, door: int | str, chance: float, at_s: float) -> None:
        """The last word of a session on a subject."""
        best = case.best()
        if best is None:
            return
        limits = self.limits
        unit = self.roster.unit(case.subject)
        if chance >= limits.count and case.turned_back():
            chance = limits.first  # a rule above the trees: what was seen to come back is for a person
        if unit is None:
            if chance >= limits.stranger and case.word is None:
                self._say(case, session, door, REVIEW, chance, at_s, best, "a tag that is on no list went along")
        elif not self.roster.is_listed(case.subject, session.trip):
            if chance >= limits.foreign:
                if case.word != REVIEW:
                    self._say(case, session, door, REVIEW, chance, at_s, best, *self._foreign(case, session, at_s))
            else:
                self._not_across(case, session, door, chance, at_s, best)
        elif chance >= limits.count:
            if case.word not in CROSSED or (case.said < 0.97 and chance > case.said):
                self._say(case, session, door, _across(session), chance, at_s, best)
        elif chance >= limits.drop:
            if case.word in CROSSED:  # a count can be undone only by saying so
                self._say(case, session, door, PASSED_BACK, 1 - chance, at_s, best, "taken back to be asked about")
            if case.word != REVIEW:
                self._say(case, session, door, REVIEW, chance, at_s, best)
        else:
            self._not_across(case, session, door, chance, at_s, best)

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

    def _not_across(
        self, case: Case, session: Session, door: int | str, chance: float, at_s: float, best: Seen
    ) -> None:
        if case.word in (*CROSSED, REVIEW):
            self._say(case, session, door, PASSED_BACK, 1 - chance, at_s, best)
        elif case.word is None:
            self._say(case, session, door, STRAY, 1 - chance, at_s, best)

    def _foreign(self, case: Case, session: Session | None, at_s: float) -> tuple[str, ...]:
        if session is None:
            return ("outside every session",)
        own = self.roster.own_session_elsewhere(case.subject, session.door, at_s)
        if own is not None:
            return (f"wrong truck: it is on the list of session {own.session} at door {own.door}",)
        return ("not on the list of this session",)

    def _say(
        self, case: Case, session: Session | None, door: int | str, word: str, confidence: float, at_s: float,
        seen: Seen, *why: str,
    ) -> None:  # fmt: skip
        unit = self.roster.unit(case.subject)
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
