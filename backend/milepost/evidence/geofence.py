"""The fence of a site and a vehicle: entered, left, stopped, or merely passed. Pure: fixes in, sightings out.

Rules (requirement F3, notes on geofences, cases F01 and F03):
- Side and time come from the true fence; the crossing is interpolated on the straight way between two fixes.
- Entering needs two fixes inside in a row; leaving needs two in a row more than 30 m outside, or one outside when
  the vehicle has arrived elsewhere: noise at the line does not flap, and nobody is in two yards at once.
- Being inside is an arrival only once the vehicle is slow there for a while: whoever drives through has passed.
- Standing for the site's dwell time is a stop; its time is when the standing began.
- A vehicle that stands is where it came to stand, whatever its receiver wanders and jumps (steady.py).
- The first fix ever seen of a vehicle lies where it lies: no crossing was observed, so none is told.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from milepost.evidence.geometry import Fence, FenceIndex, way_at_most_m
from milepost.evidence.line import Line
from milepost.evidence.steady import Point, Steady, steadied

__all__ = ["Point", "Sighting", "State", "run", "step", "track_around"]

RULE = "geofence/2"
EXIT_MARGIN_M = 30.0
SLOW_MPS = 2.5
ARRIVE_MS = 15_000  # slow for so long, or for the dwell time if that is shorter, is an arrival
STAND_MPS = 1.0  # a stop begins below this and ends above MOVE_MPS
MOVE_MPS = 2.0
STAND_M = 20.0  # without a speed: within so little of where it was first slow
MAX_GAP_MS = 300_000  # over a longer silence a crossing is not interpolated
MAX_PASS_GAP_MS = 120_000  # nor is a way straight enough to say that a fence was crossed
_PIECE = 64  # fixes that are looked at together: few enough that their box is small
_ORDER = {"left": 0, "entered": 1, "stopped": 2, "passed": 3}


@dataclass(frozen=True, slots=True)
class Sighting:
    """What the fence saw. `kind`: entered, left, stopped or passed; `at` UTC ms, `until` the end of a pass;
    `seen_at` the fix that made it certain; `gap_ms` the silence in which it happened, 0 when there was none;
    `fixes` those it rests on, which may be long past by then."""

    kind: str
    site: str
    at: int
    inputs: tuple[str, ...]
    seen_at: int
    fixes: tuple[Point, ...]
    until: int | None = None
    gap_ms: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """A change of sides between two fixes that is not certain yet."""

    at: int
    between: tuple[Point, Point]
    gap_ms: int
    fixes: int  # in a row that confirm it


@dataclass(frozen=True, slots=True)
class Stay:
    """A vehicle and one fence."""

    inside: bool
    turn: Turn | None = None
    entered: Turn | None = None  # how it came in; None when it was inside from the start
    arrived: bool = False
    slow: Point | None = None  # the fix since which it is slow
    stand: Point | None = None
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """A vehicle and all fences near it. `last`: its last fix; `way`: the last one the fences have seen, where the
    vehicle really was (steady.py)."""

    last: Point | None = None
    stays: dict[str, Stay] = field(default_factory=dict)
    way: Point | None = None
    steady: Steady = field(default_factory=Steady)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "last": None if self.last is None else self.last.as_json(),
            "stays": {site: asdict(stay) for site, stay in self.stays.items()},
            "way": None if self.way is None else self.way.as_json(),
            "steady": self.steady.as_json(),
        }

    @staticmethod
    def from_json(value: dict[str, Any]) -> "State":
        """The reverse of as_json."""
        stays = {site: _stay(stay) for site, stay in value["stays"].items()}
        last = None if value["last"] is None else Point(**value["last"])
        if "steady" not in value:  # of a version that did not know it
            return State(last, stays, last)
        way = None if value["way"] is None else Point(**value["way"])
        return State(last, stays, way, Steady.from_json(value["steady"]))


def run(state: State, points: Iterable[Point], fences: FenceIndex) -> tuple[State, list[Sighting]]:
    """Feed fixes in order of time; returns the state behind them and what was seen, in order."""
    line = points if isinstance(points, Line) else Line(points)
    if not line:
        return state, []
    steady = state.steady.copy()
    seen: list[Sighting] = []
    for begin in range(0, len(line), _PIECE):
        piece = line[begin : begin + _PIECE]
        placed = piece if steady.moves_on(piece.speed_mps) else Line(steadied(steady, piece))
        if placed and not state.stays and _is_away(state.way, placed, fences):
            state = State(way=placed[-1])
            continue
        for point in placed:
            state, new = _step(state, point, fences)
            seen += new
    return State(line[-1], state.stays, state.way, steady), seen


def _is_away(way: Point | None, piece: Line, fences: FenceIndex) -> bool:
    if way is None:
        return fences.away(piece.lat, piece.lon)
    return fences.away([way.lat, *piece.lat], [way.lon, *piece.lon])


def step(state: State, point: Point, fences: FenceIndex) -> tuple[State, list[Sighting]]:
    """Feed one fix that is later than all before it."""
    return run(state, (point,), fences)


def _step(state: State, point: Point, fences: FenceIndex) -> tuple[State, list[Sighting]]:
    here = (point.lat, point.lon)
    last = state.way
    start = here if last is None else (last.lat, last.lon)
    stays: dict[str, Stay] = {}
    seen: list[Sighting] = []
    sites = fences.near(start, here)
    if state.stays:
        sites |= {site for site in state.stays if site in fences.by_site}
    elif not sites:
        return State(way=point), seen
    distances = {site: fences.by_site[site].distance_m(here) for site in sites}
    if last is not None:
        # A fence farther away than the way is long was neither entered nor crossed.
        reach_m = way_at_most_m(start, here)
        sites = {site for site in sites if distances[site] <= reach_m or site in state.stays}
    # The fences it is inside of come first: having arrived in one proves that it has left the others.
    for site in sorted(sites, key=lambda each: (distances[each] > 0, each)):
        fence, distance = fences.by_site[site], distances[site]
        stay = state.stays.get(site, Stay(False))
        if last is None:
            stays[site] = Stay(distance <= 0, arrived=True)
        elif stay.inside:
            elsewhere = any(other.inside and other.arrived and distances[key] <= 0 for key, other in stays.items())
            stays[site] = _leaving(fence, stay, (last, point), distance, elsewhere, seen)
        else:
            stays[site] = _entering(fence, stay, (last, point), distance, seen)
        if stays[site].inside:
            stays[site] = _motion(fence, stays[site], point, seen)
    kept = {site: stay for site, stay in stays.items() if stay.inside or stay.turn}
    seen.sort(key=lambda each: (each.at, _ORDER[each.kind], each.site))
    return State(way=point, stays=kept), seen


def _entering(fence: Fence, stay: Stay, way: tuple[Point, Point], distance_m: float, seen: list[Sighting]) -> Stay:
    last, point = way
    if distance_m <= 0:
        turn = stay.turn or _turn(fence, last, point)
        turn = replace(turn, fixes=turn.fixes + 1)
        if turn.fixes >= 2:
            return Stay(True, entered=turn)
        return Stay(False, turn=turn)
    gap = point.at - last.at
    if stay.turn:  # one fix inside and out again: a pass, or a jump of the receiver; no arrival either way
        out = _turn(fence, last, point)
        seen.append(_pass(fence, stay.turn, out, point))
    elif gap <= MAX_PASS_GAP_MS:
        parts = fence.crossings((last.lat, last.lon), (point.lat, point.lon))
        if len(parts) >= 2:
            first, final = (last.at + round(part * gap) for part in (parts[0], parts[-1]))
            inputs = (last.id, point.id)
            seen.append(Sighting("passed", fence.site, first, inputs, point.at, way, until=final))
    return Stay(False)


def _leaving(
    fence: Fence, stay: Stay, way: tuple[Point, Point], distance_m: float, elsewhere: bool, seen: list[Sighting]
) -> Stay:
    last, point = way
    if distance_m <= 0:
        return replace(stay, turn=None)
    turn = stay.turn or _turn(fence, last, point)
    turn = replace(turn, fixes=turn.fixes + 1 if distance_m > EXIT_MARGIN_M else 0)
    if turn.fixes < 2 and not elsewhere:
        return replace(stay, turn=turn)
    if stay.arrived:
        seen.append(_crossing("left", fence, turn, point))
    elif stay.entered:
        seen.append(_pass(fence, stay.entered, turn, point))
    return Stay(False)


def _crossing(kind: str, fence: Fence, turn: Turn, point: Point) -> Sighting:
    inputs = tuple(each.id for each in turn.between)
    return Sighting(kind, fence.site, turn.at, inputs, point.at, turn.between, gap_ms=turn.gap_ms)


def _pass(fence: Fence, entry: Turn, way_out: Turn, point: Point) -> Sighting:
    fixes = tuple(dict.fromkeys((*entry.between, *way_out.between)))
    gap = max(entry.gap_ms, way_out.gap_ms)
    inputs = tuple(each.id for each in fixes)
    return Sighting("passed", fence.site, entry.at, inputs, point.at, fixes, way_out.at, gap)


def _motion(fence: Fence, stay: Stay, point: Point, seen: list[Sighting]) -> Stay:
    slow = _since(stay.slow, point, fence, begin_mps=SLOW_MPS, end_mps=SLOW_MPS)
    stand = _since(stay.stand, point, fence, begin_mps=STAND_MPS, end_mps=MOVE_MPS)
    stopped = stay.stopped and stand is not None and stay.stand is not None and stand.id == stay.stand.id
    arrived = stay.arrived
    if not arrived and slow and point.at - slow.at >= min(ARRIVE_MS, fence.dwell_ms):
        arrived = True
        if stay.entered:
            seen.append(_crossing("entered", fence, stay.entered, point))
    if arrived and stand and not stopped and point.at > stand.at and point.at - stand.at >= fence.dwell_ms:
        stopped = True
        seen.append(Sighting("stopped", fence.site, stand.at, (stand.id,), point.at, (stand,)))
    return replace(stay, slow=slow, stand=stand, stopped=stopped, arrived=arrived)


def _since(mark: Point | None, point: Point, fence: Fence, *, begin_mps: float, end_mps: float) -> Point | None:
    """Since which fix it has been so slow, or None. A receiver that says no speed is judged by the way from where it
    was first slow: between two fixes noise would look like driving, or driving like noise."""
    if point.speed_mps is not None:
        if point.speed_mps < begin_mps:
            return mark or point
        return mark if mark and point.speed_mps < end_mps else None
    if mark is None:
        return point
    (x, y), (a, b) = fence.plane((point.lat, point.lon)), fence.plane((mark.lat, mark.lon))
    return mark if math.hypot(x - a, y - b) <= STAND_M else point


def _turn(fence: Fence, last: Point, point: Point) -> Turn:
    """The change of sides between two fixes: where the straight way crosses the fence, or at the later fix when
    the silence between them was too long to say."""
    gap = point.at - last.at
    if gap > MAX_GAP_MS:
        return Turn(point.at, (last, point), gap, 0)
    parts = fence.crossings((last.lat, last.lon), (point.lat, point.lon))
    part = parts[-1] if parts else 1.0
    return Turn(last.at + round(part * gap), (last, point), 0, 0)


def track_around(points: Sequence[Point], sighting: Sighting, most: int = 40) -> dict[str, Any]:
    """The piece of track that a sighting rests on, as a snapshot: its own fixes and of the others at most `most`
    nearest to it, none later than what made it certain; each [UTC ms, lat, lon, m/s or null]."""
    known = list({each.id: each for each in (*sighting.fixes, *points) if each.at <= sighting.seen_at}.values())
    own = {each.id for each in sighting.fixes}
    nearest = sorted(known, key=lambda each: (each.id not in own, abs(each.at - sighting.at), each.at, each.id))
    rows = sorted((each.at, each.lat, each.lon, each.speed_mps, each.id) for each in nearest[:most])
    return {"track": [list(row[:4]) for row in rows]}


def _stay(value: dict[str, Any]) -> Stay:
    def point(part: dict[str, Any] | None) -> Point | None:
        return None if part is None else Point(**part)

    def turn(part: dict[str, Any] | None) -> Turn | None:
        if part is None:
            return None
        first, second = part["between"]
        return Turn(part["at"], (Point(**first), Point(**second)), part["gap_ms"], part["fixes"])

    return Stay(
        value["inside"],
        turn(value["turn"]),
        turn(value["entered"]),
        value["arrived"],
        point(value["slow"]),
        point(value["stand"]),
        value["stopped"],
    )
