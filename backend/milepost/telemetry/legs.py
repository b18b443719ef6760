"""Where a vehicle drove and where it stood: the one rule for the live lane, the history and the benches.

Pure: fixes in order of time in, legs out, with a state of a few hundred bytes between two calls. Of each slot of 10 s
only the first fix counts, beside those where the vehicle comes to rest, moves off or falls silent: the rule costs the
same at 1 Hz, and a day read from the store gives the same legs as the same day fix by fix. Trips, stops and unseen
stretches follow each other without a hole; the way of a trip is the sum of its steps.

- A stand is a minute or more within 75 m of one place, slower than 1 m/s; two fixes elsewhere end it, one does not.
- Stands within a yard (250 m, with little way between) are one stop: moving to the door is no trip.
- Three minutes of standing are a stop, unless the vehicle stood less than seven and crept before or after: a jam.
- Over a silence with less than a crawl's progress it stood (F05 b); with more, the trip goes on and has a gap (F05 c);
  after an hour of that the trip is over at its last fix (F05 a).
"""

from collections.abc import Iterable
from dataclasses import replace

from milepost.telemetry.leg_model import COURIER, TRUCK, Fix, Leg, Rule, Stand, State, Stay, metres
from milepost.telemetry.ways import GAP_MS

__all__ = ["COURIER", "TRUCK", "Fix", "Leg", "Rule", "State", "flush", "legs_of", "metres", "run"]


def run(state: State, fixes: Iterable[Fix], rule: Rule = TRUCK) -> tuple[State, list[Leg]]:
    """Feed good fixes in order of time, all later than those before; returns the state behind them and the legs that
    are over by them, in order."""
    machine = _Machine(state.copy(), rule)
    before = state.before
    behind_ms = (state.slot + 1) * rule.slot_ms  # of the slot that has its fix
    slot_ms, quiet_ms, standing_mps = rule.slot_ms, rule.quiet_ms, rule.standing_mps
    slow = before is not None and (before[3] is None or before[3] < standing_mps)
    for fix in fixes:
        was, slow = slow, fix[3] is None or fix[3] < standing_mps
        if fix[0] >= behind_ms or slow != was:
            behind_ms = (fix[0] // slot_ms + 1) * slot_ms
            if before is not None and (slow != was or fix[0] - before[0] > quiet_ms):
                machine.feed_once(before)
            machine.feed(fix)
        before = fix
    machine.state.slot, machine.state.before = behind_ms // slot_ms - 1, before
    return machine.state, machine.legs


def flush(state: State, now_ms: int | None = None, rule: Rule = TRUCK) -> list[Leg]:
    """The legs behind the last one that is over, as they stand now, in order; the last one goes on.

    `now_ms` (UTC): when nothing was heard for an hour until then, an open trip ended at its last fix. The state is not
    changed: later fixes may decide otherwise.
    """
    machine = _Machine(state.copy(), rule)
    if state.before is not None:
        machine.feed_once(state.before)
    quiet = now_ms is not None and state.last is not None and now_ms - machine.last_at > rule.unseen_ms
    machine.close("silence" if quiet else None)
    return machine.legs


def legs_of(fixes: Iterable[Fix], rule: Rule = TRUCK) -> list[Leg]:
    """All legs of a finished track."""
    state, over = run(State(), fixes, rule)
    return over + flush(state, None, rule)


class _Machine:
    """The rule at work on one state, which it changes."""

    def __init__(self, state: State, rule: Rule) -> None:
        self.state = state
        self.rule = rule
        self.legs: list[Leg] = []
        self._recent_ms = sum(ms for ms, _ in state.recent)

    @property
    def last_at(self) -> int:
        """When the last fix that counted was, UTC ms; 0 before the first."""
        return self.state.last[0] if self.state.last else 0

    def feed_once(self, fix: Fix) -> None:
        """One fix that may have counted already."""
        if fix[0] > self.last_at:
            self.feed(fix)

    def feed(self, fix: Fix) -> None:
        """One fix of a slot not seen before."""
        state, rule, last = self.state, self.rule, self.state.last
        if last is None:
            state.begin = fix[:3]
            state.vertex = fix[:3]
        elif fix[0] - last[0] > GAP_MS:
            if self._silence(last, fix):
                return
        elif (
            state.stand is None and fix[0] - last[0] > rule.quiet_ms and metres(*last[1:3], *fix[1:3]) <= rule.radius_m
        ):
            state.stand = Stand(last[0], fix[0], last[1], last[2])
            self._standing(state.stand)
        state.last = fix
        self._take(fix)

    def _take(self, fix: Fix) -> None:
        state, rule = self.state, self.rule
        at, lat, lon, speed = fix
        slow = speed is None or speed < rule.standing_mps
        stand = state.stand
        if stand is None:
            if slow:
                state.stand = Stand(at, at, lat, lon)
            else:
                self._step(at, lat, lon)
            return
        near_m = rule.blind_radius_m if speed is None else rule.radius_m
        if slow and metres(stand.lat, stand.lon, lat, lon) <= near_m:
            state.out = None
            stand.last = at
            if stand.n < 30:  # then the place is known, and a slow crawl must not drag it along
                stand.n += 1
                stand.lat += (lat - stand.lat) / stand.n
                stand.lon += ((lon - stand.lon + 180.0) % 360.0 - 180.0) / stand.n
            if at - stand.first >= rule.stand_ms:
                self._standing(stand)
        elif state.out is None:
            state.out = fix
        else:
            first = state.out
            self._leave(first)
            self._take(first)
            self._take(fix)

    def _silence(self, last: Fix, fix: Fix) -> bool:
        """Judge a silence of more than 5 minutes. True when the fix is dealt with."""
        state, rule = self.state, self.rule
        stand, gap = state.stand, fix[0] - last[0]
        from_lat, from_lon = (stand.lat, stand.lon) if stand else last[1:3]
        way = metres(from_lat, from_lon, fix[1], fix[2])
        if way * 1000 < rule.rest_mps * gap:
            if stand is None:
                state.stand = stand = Stand(last[0], last[0], last[1], last[2])
            state.out = None
            stand.last = fix[0]
            self._standing(stand)
            if way > rule.radius_m:  # it is elsewhere since, nobody knows when it went
                self._end_stand()
            return False
        if gap > rule.unseen_ms:
            self.close("silence")
            self.legs.append(
                Leg("unseen", last[0], fix[0], last[1], last[2], fix[1], fix[2], way, 1, gap, ended_by="contact")
            )
            begun = State(state.slot, fix, fix, fix[:3], vertex=fix[:3])
            self.state, self._recent_ms = begun, 0
            self._take(fix)
            return True
        out = state.out
        self._leave(out or fix)
        if out:
            self._step(*out[:3])
        if state.stay:
            state.stay.since_gaps += 1
            state.stay.since_gap_ms += gap
        else:
            state.gaps += 1
            state.gap_ms += gap
        return False

    def _end_stand(self) -> None:
        state = self.state
        stand, state.stand = state.stand, None
        if stand is None:
            return
        if stand.joined:
            state.vertex = (stand.last, stand.lat, stand.lon)
        else:  # a traffic light
            self._step(stand.first, stand.lat, stand.lon)
            if stand.last > stand.first:
                self._step(stand.last, stand.lat, stand.lon)
        state.out = None

    def _leave(self, out: Fix | None) -> None:
        """The stand is over, and the first fix elsewhere tells when: a parked tracker is silent for minutes, and
        wakes when it drives."""
        state, rule = self.state, self.rule
        stand = state.stand
        if stand and out and out[0] - stand.last > 2 * rule.slot_ms:
            way = metres(stand.lat, stand.lon, out[1], out[2])
            stand.last = max(stand.last, out[0] - round(1000 * way / rule.depart_mps))
            if stand.last - stand.first >= rule.stand_ms:
                self._standing(stand)
        self._end_stand()

    def _standing(self, stand: Stand) -> None:
        """A stand has lasted long enough to matter: it opens a stay, or belongs to the one before."""
        state = self.state
        stay = state.stay
        if not stand.joined:
            stand.joined = True
            if stay is not None and not self._same_yard(stay, stand):
                self._decide()
                stay = None
            self._step(stand.first, stand.lat, stand.lon)
            stay = state.stay  # the step may have decided it
            if stay is None:
                before_mps = _mps(sum(ms for ms, _ in state.recent), sum(m for _, m in state.recent))
                state.stay = stay = Stay(
                    stand.first, stand.last, stand.lat, stand.lon, 0, before_mps, (stand.lat, stand.lon)
                )
            else:
                stay.inner_m += stay.since_m
                stay.since_m = stay.after_m = 0.0
                stay.after_ms = 0
        assert stay is not None
        stay.last = stand.last
        if stand.last - stand.first >= stay.longest_ms:
            stay.longest_ms = stand.last - stand.first
            stay.lat, stay.lon = stand.lat, stand.lon

    def _same_yard(self, stay: Stay, stand: Stand) -> bool:
        state, rule = self.state, self.rule
        if stand.first - stay.last > rule.yard_ms or state.vertex is None or stay.since_gaps:
            return False
        way = stay.since_m + metres(state.vertex[1], state.vertex[2], stand.lat, stand.lon)
        return way <= rule.yard_way_m and metres(*stay.home, stand.lat, stand.lon) <= rule.yard_m

    def _step(self, at: int, lat: float, lon: float) -> None:
        """The way goes on to here."""
        state, rule = self.state, self.rule
        assert state.vertex is not None
        ms, way = at - state.vertex[0], metres(state.vertex[1], state.vertex[2], lat, lon)
        if way < rule.step_m:  # noise would add up; what is way comes with a later step
            way, (_, lat, lon) = 0.0, state.vertex
        state.vertex = (at, lat, lon)
        state.recent.append((ms, way))
        self._recent_ms += ms
        while len(state.recent) > 1 and self._recent_ms - state.recent[0][0] >= rule.jam_window_ms:
            self._recent_ms -= state.recent.pop(0)[0]
        stay = state.stay
        if stay is None:
            state.way_m += way
            return
        stay.since_m += way
        if stay.after_ms < rule.jam_window_ms:
            stay.after_ms += ms
            stay.after_m += way
        gone = stay.since_m > rule.yard_way_m or at - stay.last > rule.yard_ms
        known = stay.after_ms >= rule.jam_window_ms or not self._doubtful(stay)
        if gone and known:
            self._decide()

    def _doubtful(self, stay: Stay) -> bool:
        """True when it depends on the way behind whether this was a jam."""
        return self.rule.least_ms <= stay.longest_ms < self.rule.jam_ms

    def _decide(self) -> None:
        """The stay is over: a stop, or part of the trip."""
        state, rule = self.state, self.rule
        stay, state.stay = state.stay, None
        assert stay is not None and state.begin is not None
        if stay.longest_ms < rule.least_ms or (self._doubtful(stay) and self._jam(stay)):
            state.way_m += stay.inner_m + stay.since_m
            state.gaps += stay.since_gaps
            state.gap_ms += stay.since_gap_ms
            return
        self._end_trip(stay.first, stay.lat, stay.lon, "stop")
        self.legs.append(
            Leg("stop", stay.first, stay.last, stay.lat, stay.lon, stay.lat, stay.lon, ended_by="departure")
        )
        state.begin = (stay.last, stay.lat, stay.lon)
        state.way_m, state.gaps, state.gap_ms = stay.since_m, stay.since_gaps, stay.since_gap_ms

    def _jam(self, stay: Stay) -> bool:
        return min(stay.before_mps, _mps(stay.after_ms, stay.after_m)) < self.rule.jam_mps

    def _end_trip(self, at: int, lat: float, lon: float, by: str | None) -> None:
        state = self.state
        assert state.begin is not None
        begin, from_lat, from_lon = state.begin
        if at > begin:
            self.legs.append(
                Leg("trip", begin, at, from_lat, from_lon, lat, lon, state.way_m, state.gaps, state.gap_ms, by)
            )

    def close(self, by: str | None) -> None:
        """Bring out what is open: nothing more comes (`by`: silence), or this is only a look at it (None)."""
        state = self.state
        if state.last is None:
            return
        stand = state.stand if state.stand and state.stand.joined else None
        if stand:  # a single fix elsewhere at the end is noise
            stand.last = state.last[0]
            self._standing(stand)
            state.vertex = (stand.last, stand.lat, stand.lon)
        else:
            out = state.out
            self._leave(out)
            if out:
                self._step(*out[:3])
        if state.stay:
            self._decide()
        final = self.legs[-1] if self.legs else None
        if stand and final and final.kind == "stop" and final.to_ms == stand.last:
            self.legs[-1] = replace(final, ended_by=by)
        elif state.begin and state.vertex:
            at = max(state.vertex[0], state.begin[0])
            self._end_trip(at, state.vertex[1], state.vertex[2], by)


def _mps(ms: int, way_m: float) -> float:
    """Speed over a piece of way; 99 where it is too short to say."""
    return way_m * 1000 / ms if ms >= 30_000 else 99.0
