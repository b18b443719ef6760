"""The correlator at the live doors: what a site's readers sent becomes facts, as differences (decision 31).

The correlator's state lives in memory beside the name of the last judging that was committed. Where that is not the
one in the database (after a restart, a rolled back transaction, another process), or where something came late or was
told otherwise, it is made anew from the portions kept. So the facts follow from what was sent and told, and not from
how or when.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from milepost.db import Database
from milepost.evidence import repository
from milepost.evidence.dockside import portions
from milepost.evidence.dockside.difference import Difference
from milepost.evidence.dockside.hall import Hall
from milepost.evidence.dockside.portions import Portion
from milepost.evidence.dockside.told import owners, told
from milepost.evidence.model import Fact
from milepost.fleet import antennas
from milepost.ids import new_id

DETECTOR = "dock"
LOOK_MS = 41 * 60_000  # so long before a session its first passages may lie, and what the measures look at before them
GRACE_MS = 2 * 3_600_000  # so long after a session late readings are still judged
MOST_MS = 24 * 3_600_000  # nothing older is, whatever session is open
SURE_MS = 660_000  # so long after the first reading kept, nothing before it is missed
FIRST_MS, LAST_MS = 3_000, 28_000  # after the last reading the first word is out, and the last look over
CLOSED_MS = 3_000  # after its end a session has been judged
LAG_MS = 1_000  # readings are under way so long; without new ones the clock goes on
WAIT_MS, MOST_WAIT_MS = 500.0, 3_000.0  # readers of a site are waited for so long, more where one is always behind
AWAY_MS = 10_000  # one that is silent for longer is not
EASE = 0.999
PAUSE, SHORT_S = 10, 0.5  # what takes longer to make anew waits so many times as long before it is made again
STEP_MS, TOLD_MS = 250, 1_000  # judged no more often, asked what was told no more often
FORGET_EVERY_MS = 600_000
_MOST_SITES = 64
State = dict[str, Any]
# until: judged up to then; newest: of the readings; marks: instants at which more follows; begin: readings before it
# are forgotten; oldest: of those kept; forgot: when this was looked at. UTC ms.
_NEW: State = {"version": "", "until": 0, "newest": 0, "marks": [], "oldest": None, "begin": 0, "forgot": 0}


@dataclass(slots=True)
class _Kept:
    """A site in memory. version: of the judging it stands at; cursor: id of the last portion fed; sure: by reader up to
    when all of it is in; wait_ms: how long readers that are behind are waited for; told_ms: when it was told last."""

    version: str
    hall: Hall
    cursor: int = 0
    sure: dict[str, int] = field(default_factory=dict[str, int])
    wait_ms: float = WAIT_MS
    told_ms: int = 0

    @property
    def newest(self) -> int:
        return max(self.sure.values(), default=0)

    def frontier(self) -> int:
        """Up to when everything is in, as far as readers keep up."""
        newest = self.newest
        slowest = min((each for each in self.sure.values() if each >= newest - AWAY_MS), default=newest)
        return max(slowest, round(newest - self.wait_ms))

    def take(self, fresh: list[Portion], owned: Mapping[str, str], unknown: set[str]) -> bool:
        """Feed portions; True when one speaks of what was judged already."""
        self.hall.own(owned, unknown)
        behind_ms = self.hall.feed(fresh)
        for each in fresh:
            self.sure[each.device] = max(self.sure.get(each.device, 0), each.sure_ms)
            self.cursor = max(self.cursor, each.id)
        if 0 < behind_ms <= MOST_WAIT_MS:
            self.wait_ms = min(MOST_WAIT_MS, self.wait_ms + behind_ms)
        else:
            self.wait_ms = max(WAIT_MS, self.wait_ms * EASE)
        return behind_ms > 0


class Judge:
    """Judges sites. One instance in a worker's sink; any number of them agree by the database."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        # When a site was made anew last (monotonic s), and how long that took.
        self._made: dict[str, tuple[float, float]] = {}

    def tick(self, db: Database, now: int, on_facts: Callable[[Connection, list[Fact]], object]) -> None:
        """Judge the sites at which something follows from the clock alone (`now`, UTC ms), came late, or was told
        otherwise. What is made anew is made before the transaction, which holds up everybody else who writes."""
        with db.read() as conn:
            due = _due(conn, now)
        for site in due:
            with db.read() as conn:
                made = self._anew(conn, site)
            with db.tx() as conn:
                facts = self.judge(conn, site, now, by_clock=True, made=made)
                if facts:
                    on_facts(conn, facts)

    def _anew(self, conn: Connection, site: str) -> _Kept | None:
        """A site made anew, where that is due."""
        state: State = repository.peek_state(conn, DETECTOR, site) or dict(_NEW)
        again = repository.peek_state(conn, portions.AGAIN, site)
        kept = self._kept.get(site)
        if kept is None or kept.version != state["version"]:
            return _made(conn, site, state)
        if again is None:
            return None
        at_s, took_s = self._made.get(site, (0.0, 0.0))
        if took_s > SHORT_S and time.monotonic() < at_s + PAUSE * took_s:
            return None  # a reader that sends what it kept for an hour does so in many portions
        begun_s = time.monotonic()
        told_now = told(conn, site, _since(state))
        if not (again["late"] or not kept.hall.can_follow(told_now) or owners(conn, kept.hall.nobodys())):
            return None
        made = _made(conn, site, state)
        self._made[site] = (time.monotonic(), time.monotonic() - begun_s)
        return made

    def judge(
        self, conn: Connection, site: str, now: int, *, by_clock: bool = False, made: _Kept | None = None
    ) -> list[Fact]:
        """Judge what has come of a site since it was judged last; returns the facts appended.

        `now`: UTC ms; `by_clock`: readings are waited for no longer; `made`: the site, made anew. What comes behind
        what was judged, or is told of it, is noted, and the next tick makes the site anew.
        """
        repository.doors_of_site(conn, site)
        state: State = repository.load_state(conn, DETECTOR, site) or dict(_NEW)
        again = repository.load_state(conn, portions.AGAIN, site)
        kept, whole = made or self._kept.pop(site, None), made is not None
        if kept is None or (not whole and kept.version != state["version"]):
            kept, whole = _made(conn, site, state), True
        hall = kept.hall
        fresh = portions.of_site(conn, site, kept.cursor)
        newest = max([kept.newest, *(each.sure_ms for each in fresh)])
        if not whole and not by_clock and again is None and newest // STEP_MS == kept.newest // STEP_MS:
            self._kept[site] = kept
            return []
        firsts = [each.first_ms for each in fresh]
        state["oldest"] = min([hall.oldest_ms, *firsts] if hall.oldest_ms is not None else firsts, default=None)
        behind = False
        if by_clock or again is not None or newest - kept.told_ms >= TOLD_MS:
            now_told = told(conn, site, _since(state))
            behind = not hall.can_follow(now_told)
            if not behind:
                hall.follow(now_told)
            kept.told_ms = newest
        unknown = {epc for epc in portions.epcs(fresh) if not hall.knows(epc)}
        behind = kept.take(fresh, owners(conn, unknown), unknown) or behind
        if behind:
            portions.judge_again(conn, site, now, late=True)
        elif again is not None and by_clock and (whole or not again["late"]):
            repository.drop_state(conn, portions.AGAIN, site)
        clock = [now - LAG_MS - round(kept.wait_ms - WAIT_MS)] if by_clock else []
        until: int = max([state["until"], kept.frontier(), *clock])
        before_ms = hall.until_s * 1000
        said = hall.advance(until / 1000)
        floor = state["begin"] + SURE_MS if state["begin"] else 0
        looking = antennas.looking_both_ways(conn, site)
        facts = Difference(conn, site, hall, looking, floor, now).tell(said, before_ms, whole)
        ends = [round(each.to_s * 1000) for each in hall.told.sessions.values() if each.to_s is not None]
        marks = (hall.newest_ms + LAST_MS, *(end + CLOSED_MS for end in ends))
        state |= {"version": new_id(), "until": until, "newest": hall.newest_ms,
                  "marks": sorted({at for at in marks if at > until})}  # fmt: skip
        if hall.newest_ms - state["forgot"] > FORGET_EVERY_MS:
            _forget(conn, site, state, hall)
        repository.save_state(conn, DETECTOR, site, state)
        kept.version = state["version"]
        self._kept[site] = kept
        if len(self._kept) > _MOST_SITES:
            self._kept.popitem(last=False)
        return facts


def _due(conn: Connection, now: int) -> list[str]:
    found = set(repository.targets(conn, portions.AGAIN))
    for site in repository.targets(conn, DETECTOR):
        state: State = repository.peek_state(conn, DETECTOR, site) or _NEW
        until, sure = state["until"], now - LAG_MS
        if until < min(state["newest"] + FIRST_MS, sure) or any(until < at <= sure for at in state["marks"]):
            found.add(site)
    return sorted(found)


def _since(state: State) -> int:
    """From when on sessions matter."""
    return max(state["begin"], (state["oldest"] or 0) - LOOK_MS)


def _made(conn: Connection, site: str, state: State) -> _Kept:
    """A site made anew from all that is kept of it, up to where it was judged."""
    every = portions.of_site(conn, site)
    oldest = min((each.first_ms for each in every), default=None)
    codes = portions.epcs(every)
    hall = Hall(told(conn, site, _since({**state, "oldest": oldest})), owners(conn, codes))
    kept = _Kept("", hall)
    kept.take(every, {}, codes)
    kept.told_ms = kept.newest
    if every:
        hall.advance(state["until"] / 1000)
    return kept


def _forget(conn: Connection, site: str, state: State, hall: Hall) -> None:
    """Let go the portions that nothing open, or closed lately, can ask for again."""
    newest = begin = state["newest"]
    for session in hall.told.sessions.values():
        if session.to_s is None or session.to_s * 1000 > newest - GRACE_MS:
            begin = min(begin, round(session.from_s * 1000))
    begin = max(begin - LOOK_MS, newest - MOST_MS)
    state["forgot"] = newest
    if portions.forget(conn, site, begin):
        state["begin"] = state["oldest"] = max(state["begin"], begin)
        hall.forget(begin)
