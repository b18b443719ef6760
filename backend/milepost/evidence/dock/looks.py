"""The looks at the doors: reads and gate edges in, moments found, measured and judged by event time. No sessions' ends.

`Looks` holds what is known; `milepost.evidence.dock.engine` opens and closes the sessions around it.
"""

import heapq
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import numpy as np

from milepost.evidence.dock import empty
from milepost.evidence.dock.beams import gated
from milepost.evidence.dock.case import Case, Seen
from milepost.evidence.dock.doors import Door
from milepost.evidence.dock.files import Edge, Read
from milepost.evidence.dock.look import INDEX, Place, Sight, sights
from milepost.evidence.dock.measure import measure
from milepost.evidence.dock.model import OUT, Decision, Id, Session, epc_key, id_key
from milepost.evidence.dock.moments import AGAIN_S, AHEAD, Moment, moments
from milepost.evidence.dock.roster import Roster
from milepost.evidence.dock.scoring import Scorer
from milepost.evidence.dock.store import BIN_S, DoorLog
from milepost.evidence.dock.words import CROSSED, Limits, Speaker

LATE_S = 25.0
MEMORY_S = 600.0
FAINT = 0.01
BLIND_BINS = 4  # so near to the begin of the readings nobody knows who stood there before
AGAIN_BINS = round(AGAIN_S / BIN_S)
SAME_BINS = 3  # a peak so near behind what the gates named is of the same passage
CERTAIN = 0.95  # from such passages a door learns what is usual
ALONG_S = 2.5  # a strange tag this near to a unit's passage rides on it
TWICE = 2  # what came up more often lately, or at the close passed more often, goes to and fro: a forklift's own tag
OPEN, FIRST, EMPTY, LATE, STRANGE, CLOSE = range(6)

Trace = Callable[[str, float, Case, Session | None, Id, int, np.ndarray, Moment], None]


class Looks:
    """What is known of the doors and what was seen there. cases: by session and subject."""

    def __init__(self, roster: Roster, scorer: Scorer, limits: Limits, trace: Trace | None) -> None:
        self.roster, self.scorer, self.trace = roster, scorer, trace
        self.speaker = Speaker(roster, limits)
        self.doors: dict[Id, Door] = {}
        self.cases: dict[Id, dict[int, Case]] = {}
        self.unexplained: dict[Id, list[tuple[float, float]]] = {}  # passages that no tag went with, by session
        self.same: dict[int, int] = {}  # subjects that turned out to be another
        self.queue: list[tuple[float, int, tuple[int, int, str], int, int]] = []  # when, what, door, subject, bin
        self._due: dict[tuple[Id, int, int], tuple[Moment, Sight]] = {}  # before their first look
        self._later: dict[Id, dict[tuple[int, int], tuple[Moment, Sight | None, Session | None]]] = {}
        self._strange: dict[tuple[Id, float], list[tuple[Case, Seen]]] = {}  # tags on no list that may have crossed
        self.newest_s = float("-inf")

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
                place = sides[door, antenna] = (self.door(door).log, *self.roster.antenna(door, antenna))
            log, side, number = place
            subject = known[epc.upper() if isinstance(epc, str) else epc]
            log.add(t, subject, side, level, number)
        for t, door, side, state in edges:
            self.door(door).log.add_edge(t, side, state)
        newest = max((row[0] for row in rows), default=self.newest_s)
        self.newest_s = max(self.newest_s, newest)

    def door(self, door: Id) -> Door:
        """The door of an id, a new one when it was never heard of."""
        if door not in self.doors:
            self.doors[door] = Door(door)
        return self.doors[door]

    def push(self, at_s: float, rank: int, door: Id, subject: int, bin_: int) -> None:
        """Have something done at an instant."""
        heapq.heappush(self.queue, (at_s, rank, id_key(door), subject, bin_))

    def spoken(self) -> list[Decision]:
        """What was said since it was asked last."""
        said, self.speaker.out = self.speaker.out, []
        return said

    def find(self, door: Door, until_s: float) -> None:
        """Queue the moments of a door that are ready at until_s, and what came through its gates."""
        for side in (0, 1):
            for end_s in empty.ends(door.log.blocked[side], door.freed_s, until_s - empty.AFTER_S):
                key = round(end_s * 1000) * 2 + side
                door.freed[key] = end_s
                self.push(end_s + empty.AFTER_S, EMPTY, door.id, 0, key)
        door.freed_s = max(door.freed_s, until_s - empty.AFTER_S)
        last = int(until_s // BIN_S) - AHEAD
        if door.next_bin is None and len(door.log.t):
            door.next_bin = door.begin_bin = door.log.tags.first_bin
        if door.next_bin is None or last <= door.next_bin:
            return
        found = self._moments(door, door.next_bin, last)
        for moment, sight in zip(found, self._sights(door, found, [each.ready_s for each in found]), strict=True):
            which = moment.bin * 2 + moment.again
            self._due[door.id, moment.subject, which] = (moment, sight)
            self.push(moment.ready_s, FIRST, door.id, moment.subject, which)
        door.next_bin = last

    def _moments(self, door: Door, first_bin: int, last_bin: int) -> list[Moment]:
        """What the gates name, what they named a second ago, and the peaks that are not of the same passage."""
        rivals = [each.log for each in self.doors.values() if each is not door]
        named = gated(door.log, rivals, first_bin - max(SAME_BINS, AGAIN_BINS), last_bin)
        taken = {(each.subject, each.bin + n) for each in named for n in range(SAME_BINS + 1)}
        peaks = moments(door.log, rivals, first_bin, last_bin)
        return [
            *(each for each in named if each.bin >= first_bin),
            *(replace(each, again=True) for each in named if first_bin <= each.bin + AGAIN_BINS < last_bin),
            *(each for each in peaks if (each.subject, each.bin) not in taken),
        ]

    # -- looks

    def _sights(self, door: Door, found: list[Moment], at_s: list[float]) -> list[Sight]:
        """The measures of moments of a door, each up to its instant."""
        if not found:
            return []
        rivals = [each.log for each in self.doors.values() if each is not door]
        subject, bin_ = (np.array([getattr(each, name) for each in found], np.int64) for name in ("subject", "bin"))
        return sights(measure(door.log, rivals, subject, bin_, np.array(at_s)))

    def _place(self, door: Door, moment: Moment, session: Session | None) -> Place:
        roster, subject = self.roster, moment.subject
        unit = roster.unit(subject)
        return Place(
            listed=session is not None and roster.is_listed(subject, session.trip),
            listed_elsewhere=roster.own_session_elsewhere(subject, door.id, moment.at_s) is not None,
            known=unit is not None,
            session=session is not None,
            no_list=session is not None and not self.roster.has_list(session.trip),
            direction=OUT if session is None else session.direction,
            antennas=roster.antennas(door.id),
            among=door.among(moment.level_cdb),
            seen=door.seen.get(subject, 0),
            tags=1 if unit is None else len(unit.epcs),
            usual={direction: usual.now for direction, usual in door.usual.items()},
            gated=moment.gated,
        )

    def first(self, door: Door, subject: int, which: int, at_s: float) -> None:
        """The first look at a moment, or the second one a second later. which: as `find` numbers them."""
        moment, sight = self._due.pop((door.id, subject, which))
        moment = replace(moment, subject=self.called(subject))
        session = self.roster.session_at(door.id, moment.at_s)
        if moment.again and session is not None and session.session not in self.cases:
            return  # closed meanwhile
        case = self.case(door, session, moment.subject)
        known = next((each for each in case.seen if each.moment.bin == moment.bin), None) if moment.again else None
        later = self._later.setdefault(door.id, {})
        if moment.again and known is None and (moment.subject, moment.bin) in later:
            return  # bound to a session meanwhile that opened behind it
        if known is None:
            door.forget(moment.bin - int(MEMORY_S / BIN_S))
        place = self._place(door, moment, session) if known is None else known.place
        if not moment.again:
            door.remember(moment)
        seen = self.seen(moment, sight, place)
        seen.blind = moment.bin < door.begin_bin + BLIND_BINS
        if self.trace is not None:
            for direction in (place.direction, -place.direction):
                vector = sight.vector(direction, place)
                self.trace("first", at_s, case, session, door.id, direction, vector, moment)
        if known is None and case.seen and max(seen.first, seen.back, seen.alarm) < FAINT:
            return
        if seen.first >= CERTAIN and (known is None or known.first < CERTAIN):
            door.usual[place.direction].add(sight, place.direction)
        if known is not None:
            case.seen[case.seen.index(known)] = seen
        else:
            case.seen.append(seen)
            later[moment.subject, moment.bin] = (moment, None, session)
            self.push(moment.at_s + LATE_S, LATE, door.id, moment.subject, moment.bin)
        self.speaker.first(case, session, door.id, seen, at_s)
        if place.no_list:
            self._maybe_strange(door, case, session, seen, at_s)

    def _maybe_strange(self, door: Door, case: Case, session: Session | None, seen: Seen, at_s: float) -> None:
        """Keep a tag on no list until all of its passage were looked at."""
        if session is None or seen.blind or self.roster.unit(case.subject) is not None or seen.alarm < FAINT:
            return
        if (door.id, at_s) not in self._strange:
            self.push(at_s, STRANGE, door.id, 0, seen.moment.bin)
        self._strange.setdefault((door.id, at_s), []).append((case, seen))

    def strange(self, door: Door, at_s: float) -> None:
        """After the looks at an instant: tags on no list that went along, and no unit with them."""
        for session, group in self._by_session(door, self._strange.pop((door.id, at_s), [])):
            listed = self.roster.has_list(session.trip)
            if not (listed and self._carried(session, [seen.at_s for _, seen in group])):
                self.speaker.strangers(group, session, door.id, at_s, listed)

    def _by_session(self, door: Door, group: list[tuple[Case, Seen]]) -> list[tuple[Session, list[tuple[Case, Seen]]]]:
        found: dict[Id, tuple[Session, list[tuple[Case, Seen]]]] = {}
        for case, seen in group:
            session = self.roster.session_at(door.id, seen.at_s)
            if session is not None:
                found.setdefault(session.session, (session, []))[1].append((case, seen))
        return list(found.values())

    def _carried(self, session: Session, at_s: list[float]) -> bool:
        """True when a unit may have crossed with it."""
        units = [
            case
            for subject, case in self.cases.get(session.session, {}).items()
            if self.roster.unit(subject) is not None
        ]
        likely = [
            each.at_s for case in units for each in case.seen if max(each.first, each.alarm) >= self.speaker.limits.ask
        ]
        return any(abs(each - one) < ALONG_S for each in likely for one in at_s)

    def seen(self, moment: Moment, sight: Sight, place: Place) -> Seen:
        """A moment as the first look judges it."""
        vector = sight.vector(place.direction, place)
        first = self.scorer.first(vector)
        back = self.scorer.first(sight.vector(-place.direction, place))
        alarm = first
        if not place.listed:
            alarm = self.scorer.first(as_if_listed(vector, INDEX))
        return Seen(moment, sight, place, vector, first, first, back, back, alarm, self.scorer.stays(first))

    def judged_again(self, seen: Seen, listed: bool, session: Session) -> Seen:
        """A moment as it is judged once its session, or whose it is, was told behind it."""
        place = replace(
            seen.place, listed=listed, listed_elsewhere=seen.place.listed_elsewhere and not listed,
            known=self.roster.unit(self.called(seen.moment.subject)) is not None, session=True,
            no_list=not self.roster.has_list(session.trip), direction=session.direction,
            antennas=self.roster.antennas(session.door),
        )  # fmt: skip
        again = self.seen(seen.moment, seen.sight, place)
        again.blind = seen.blind
        if seen.settled:
            against = seen.sight.vector(-session.direction, place)
            again.late, again.back, again.settled = self.scorer.late(again.vector), self.scorer.late(against), True
        return again

    def measured_again(self, door: Door) -> None:
        """Measure what passed outside every session anew, because the sides of the antennas were told since."""
        door.log.settle()
        since_s = float(door.log.t[0]) if len(door.log.t) else float("inf")
        every = [seen for _, case in sorted(door.loose.items()) for seen in case.seen if seen.at_s - 12.0 >= since_s]
        until_s = [each.at_s + LATE_S if each.settled else each.moment.ready_s for each in every]
        for seen, sight in zip(every, self._sights(door, [each.moment for each in every], until_s), strict=True):
            seen.sight = sight

    def found_again(self, door: Door, subject: int, until_s: float) -> None:
        """Look again for the moments of a subject in what is kept, because it was told since whose tag it is."""
        if door.next_bin is None:
            return
        every = self._moments(door, door.log.tags.first_bin, door.next_bin)
        found = [each for each in every if each.subject == subject]
        ends = [each.at_s + LATE_S if each.at_s + LATE_S <= until_s else each.ready_s for each in found]
        for moment, end_s, sight in zip(found, ends, self._sights(door, found, ends), strict=True):
            session = self.roster.session_at(door.id, moment.at_s)
            case = self.case(door, session, subject)
            case.seen = [each for each in case.seen if each.moment.bin != moment.bin]
            seen = self.seen(moment, sight, self._place(door, moment, session))
            seen.settled, seen.blind = end_s > moment.ready_s, moment.bin < door.begin_bin + BLIND_BINS
            case.seen.append(self.judged_again(seen, seen.place.listed, session) if session else seen)

    def called(self, subject: int) -> int:
        """What a subject is called now."""
        while subject in self.same:
            subject = self.same[subject]
        return subject

    def late(self, door: Door, subject: int, bin_: int, at_s: float, until_s: float) -> None:
        """The second look at a moment. until_s: all is in up to then; what is due till then is measured at once."""
        later = self._later[door.id]
        moment, sight, session = later[subject, bin_]
        if sight is None:  # measured together with all that are due soon
            soon = [
                (replace(each, subject=self.called(each.subject)), key, one)
                for key, (each, known, one) in later.items()
                if known is None and each.at_s + LATE_S <= until_s
            ]
            found = self._sights(door, [each for each, _, _ in soon], [each.at_s + LATE_S for each, _, _ in soon])
            for (each, key, one), seen in zip(soon, found, strict=True):
                later[key] = (each, seen, one)
            sight = later[subject, bin_][1]
        assert sight is not None
        del later[subject, bin_]
        if session is not None and session.session not in self.cases:
            return  # closed meanwhile
        case = self.case(door, session, self.called(subject))
        for seen in case.seen:
            if seen.moment.bin == bin_:
                seen.sight, seen.settled = sight, True
                with_, against = (sight.vector(each * seen.place.direction, seen.place) for each in (1, -1))
                if self.trace is not None:
                    self.trace("late", at_s, case, session, door.id, seen.place.direction, with_, moment)
                    self.trace("late", at_s, case, session, door.id, -seen.place.direction, against, moment)
                seen.late, seen.back, seen.vector = self.scorer.late(with_), self.scorer.late(against), with_
                if not seen.place.listed:
                    seen.alarm = self.scorer.late(as_if_listed(with_, INDEX))
                self.speaker.late(case, session, door.id, seen, at_s)
                if seen.place.no_list or seen.place.seen <= TWICE:
                    self._maybe_strange(door, case, session, seen, at_s)

    def freed(self, door: Door, end_s: float, at_s: float) -> None:
        """Something left a gate: was it through, and did a tag go with it?"""
        session = self.roster.session_at(door.id, end_s)
        if session is None:
            return
        near, far = (0, 1) if session.direction == OUT else (1, 0)
        passage = empty.through(door.log.blocked[near], door.log.blocked[far], end_s)
        if passage is None:
            return
        cases = self.cases.get(session.session, {}).values()
        around = (passage.begin_s - 2.5, passage.end_s + 2.0)
        chance = max(
            (one.alarm for each in cases for one in each.seen if around[0] <= one.at_s <= around[1]), default=0.0
        )
        if chance >= 0.5:
            door.lengths.add(passage)
            return
        self.unexplained.setdefault(session.session, []).append((passage.begin_s, passage.end_s))
        listed = self.roster.listed.get(session.trip, []) if session.trip is not None else []
        counted = sum(each.word in CROSSED and self.roster.is_listed(each.subject, session.trip) for each in cases)
        remarkable = door.lengths.remarkable(passage)
        if chance < 0.02 and counted < len(listed) and remarkable:
            self.speaker.unidentified(session, passage, at_s)

    def case(self, door: Door, session: Session | None, subject: int) -> Case:
        """The case of a subject in a session or outside every one."""
        cases = door.loose if session is None else self.cases.setdefault(session.session, {})
        if subject not in cases:
            cases[subject] = Case(subject)
        return cases[subject]


def as_if_listed(vector: np.ndarray, index: Mapping[str, int]) -> np.ndarray:
    """The measures as they would be of a unit that belongs here. Wrong trucks are so rare that a list drowns them: the
    question for an alarm is what the passage itself looks like."""
    changed = np.array(vector)
    for name, value in (
        ("listed", 1.0),
        ("listed_elsewhere", 0.0),
        ("known", 1.0),
        ("session", 1.0),
        ("with_session", 1.0),
    ):
        if name in index:
            changed[index[name]] = value
    return changed
