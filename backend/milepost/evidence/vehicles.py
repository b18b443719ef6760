"""From the fixes of a vehicle to its facts: the geofence rule with memory, correction and snapshots.

The last 40 fixes of a vehicle stay open (600 while a record of the device is missing): a fix that comes late among
them is put in its place and the rule runs again over them; what changes by it is retracted and told anew. A fix that
is older still only counts as late here; `replay` goes back to the telemetry store for it.
"""

import uuid
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from operator import lt
from typing import Any, TypeGuard

from sqlalchemy import Connection

from milepost.evidence import geofence, log, repository, service, travel
from milepost.evidence.geofence import Point, Sighting, State, track_around
from milepost.evidence.geometry import FenceIndex
from milepost.evidence.line import Line
from milepost.evidence.model import CERTAIN, Author, Fact, fact_id, grade
from milepost.evidence.states import States
from milepost.evidence.window import merged
from milepost.ingest.foreign import is_numbered
from milepost.telemetry.model import FixBody, Reading, Run, reading_id
from milepost.telemetry.quality import judge, surely_all_good, surely_good, surely_good_run

DETECTOR = "geofence"
KEEP = 40
KEEP_WAITING = 600
SURE_GAP_MS = 60_000
_DAY_MS = 86_400_000
_CLOCKS = ("none", "rtc", "ntp", "gnss")  # the worst first
_PASS = uuid.UUID("0b8a8f0e-4c55-5d8c-9a43-1c1a5e9f7b21")


def point_of(reading: Reading) -> Point:
    """A fix reading as the rule takes it."""
    return _point(reading, reading_id(reading))


def _point(reading: Reading, key: str) -> Point:
    body: Any = reading.body
    lat, lon = round(body.lat, 6), round(body.lon, 6)  # as every store keeps them, so that the past shows the same
    return Point(reading.at, key, lat, lon, body.speed_mps, reading.clock, reading.received_at)


def observe(
    conn: Connection,
    states: States,
    vehicle: str,
    readings: Sequence[Reading],
    fences: FenceIndex,
    *,
    waiting: bool,
    now: int,
) -> tuple[list[Fact], int | None]:
    """Take new fixes of a vehicle (each once, in any order) and append what they show.

    `states`: of this detector, the vehicle's among them. `waiting`: a record of its device is missing and may still
    come. Returns the facts appended, and the time of the oldest fix that came too late for the open window, or None.
    """
    stored = states.get(vehicle) or {}
    base = State.from_json(stored["base"]) if stored else State()
    old = [Point(*row) for row in stored.get("points", ())]
    told: dict[str, int] = dict(stored.get("told", ()))
    edge = base.last.at if base.last else None
    new: Sequence[Point] | Run
    if _is_usual(readings, edge):
        new, given, late = readings, {}, []
    else:
        given = {reading_id(reading): reading for reading in _in_order(readings)}
        if not all(map(is_numbered, {reading.stream for reading in given.values()})):
            # Nobody remembers what other people's devices have sent: of one second, what came last counts.
            old = [point for point in old if point.id not in given]
        late = [] if edge is None else [reading.at for reading in given.values() if reading.at <= edge]
        new = _points(given, edge if late else None)
    points, first = _in_line(old, new)
    bad = _bad(points, base.last, given, stored.get("bad"), first)
    # What leaves the window comes first, and is the base from then on.
    cut = max(0, len(points) - (KEEP_WAITING if waiting else KEEP))
    good = Line(point for point in points if point.id not in bad) if bad else points
    left = cut - sum(point.id in bad for point in points[:cut]) if bad else cut
    leaving, window = good[:left], good[left:]
    base, seen = geofence.run(base, leaving, fences)
    seen += geofence.run(base, window, fences)[1]
    around = list(good) if seen else []
    facts = [fact_of(vehicle, sighting, around) for sighting in seen if sighting.kind != "passed"]
    passes = {pass_id(vehicle, sighting): sighting for sighting in seen if sighting.kind == "passed"}
    appended = _tell(conn, vehicle, facts, told, stored.get("times", {}), now=now)
    _tell_passes(conn, vehicle, passes, told)
    told = {key_of(vehicle, sighting): sighting.seen_at for sighting in seen}
    last = base.last.at if base.last else -1
    state = {
        "base": base.as_json(),
        "legs": travel.observe(conn, vehicle, stored.get("legs"), leaving, window),
        "points": [_row(point) for point in points[cut:]],
        "bad": sorted(bad.intersection(point.id for point in points[cut:])) if bad else [],
        "told": {key: at for key, at in told.items() if at > last},
        # When they happened: where a vehicle stood becomes clearer, and with it when it crossed the line.
        "times": {fact.id: fact.at for fact in facts if told[fact.id] > last},
        "late": stored.get("late", 0) + bool(late),
    }
    states.put(vehicle, state)
    return appended, min(late, default=None)


def _is_usual(readings: Sequence[Reading], edge: int | None) -> TypeGuard[Run]:
    """Whether they are a run of fixes later than `edge` (UTC ms), each good by itself: nearly all are."""
    if not isinstance(readings, Run) or not readings or not is_numbered(readings.stream):
        return False
    return (edge is None or readings.at[0] > edge) and surely_good_run(None, readings)


def _in_line(old: list[Point], new: Sequence[Point] | Run) -> tuple[Line, int]:
    """All of them in order, and the place of the first new one."""
    if isinstance(new, Run):
        if not old or old[-1].at < new.at[0]:  # nearly always
            return Line(old, new), len(old)
        new = list(Line((), new))
    if new and all(map(lt, times := [point.at for point in (*old[-1:], *new)], times[1:])):
        return Line(old + list(new)), len(old)
    first = bisect_right(old, min(map(_place, new)), key=_place) if new else len(old)
    return Line(merged(old, new, key=_place)), first


def _points(given: Mapping[str, Reading], edge: int | None) -> list[Point]:
    """The fixes that are good by themselves, and later than `edge` (UTC ms; None: all are)."""
    if edge is None and surely_all_good(None, given.values()):
        return [_point(reading, key) for key, reading in given.items()]
    return [
        _point(reading, key)
        for key, reading in given.items()
        if (edge is None or reading.at > edge) and judge(None, reading) is None
    ]


def fact_of(vehicle: str, sighting: Sighting, points: Sequence[Point]) -> Fact:
    """The fact that a sighting is; `points`: the fixes around it."""
    certain = next((point for point in points if point.at == sighting.seen_at), None)
    span = sighting.fixes[-1].at - sighting.fixes[0].at
    clocks = {point.clock for point in sighting.fixes}
    worst = min(clocks, key=_CLOCKS.index)
    by_clock = {"none": 0.95, "rtc": 0.95}.get(worst, CERTAIN)
    confidence = min(by_clock, 0.99 if sighting.gap_ms or span > SURE_GAP_MS else CERTAIN)
    subjects = {"vehicle": vehicle, "site": sighting.site}
    kind = f"vehicle.{sighting.kind}"
    return Fact(
        id=fact_id(kind, subjects, sighting.inputs),
        kind=kind,
        at=sighting.at,
        received_at=max(certain.received_at, sighting.at) if certain else sighting.seen_at,
        clock=worst,
        by=Author("device", sighting.inputs[-1].split("/")[0]),
        source="gnss",
        subjects=subjects,
        body={"certain_at": sighting.seen_at, **({"gap_ms": sighting.gap_ms} if sighting.gap_ms else {})},
        confidence=confidence,
        grade=grade({"gnss"}, confidence),
        inputs=sighting.inputs,
        snapshot=track_around(points, sighting),
        rule=geofence.RULE,
    )


def pass_id(vehicle: str, sighting: Sighting) -> str:
    """Id of a pass through a fence, by what it rests on."""
    return str(uuid.uuid5(_PASS, "/".join((vehicle, sighting.site, *sighting.inputs))))


def pass_row(vehicle: str, sighting: Sighting) -> dict[str, Any]:
    """The row of a pass."""
    return {
        "id": pass_id(vehicle, sighting),
        "vehicle_id": vehicle,
        "site_id": sighting.site,
        "entered_at": sighting.at,
        "left_at": sighting.until,
    }


def rebase(conn: Connection, vehicle: str, base: State, past: travel.Past, fences: FenceIndex, now: int) -> list[Fact]:
    """Let the open window of a vehicle begin behind states that were worked out anew, and tell what it shows then:
    the next fix, which would do so too, may never come. Returns the facts appended."""
    stored = repository.load_state(conn, DETECTOR, vehicle) or {"points": [], "told": {}, "late": 0}
    # Where nothing had left the window yet, the state may reach into it: what it has passed is judged and told.
    last = base.last.at if base.last else -1
    state = {
        "base": base.as_json(),
        "legs": past.correct(conn, stored.get("legs")),
        "points": [row for row in stored["points"] if row[0] > last],
        "told": {key: at for key, at in stored["told"].items() if at > last},
        "times": stored.get("times", {}),
        "late": stored["late"],
    }  # without `bad`: judged from another fix on, the whole window is judged again
    repository.save_state(conn, DETECTOR, vehicle, state)
    states = States(conn, DETECTOR, [vehicle])
    told, _ = observe(conn, states, vehicle, (), fences, waiting=True, now=now)  # waiting: nothing leaves the window
    states.keep()
    return told


def key_of(vehicle: str, sighting: Sighting) -> str:
    """Id of the fact or of the pass that a sighting is."""
    if sighting.kind == "passed":
        return pass_id(vehicle, sighting)
    return fact_id(f"vehicle.{sighting.kind}", {"vehicle": vehicle, "site": sighting.site}, sighting.inputs)


def _tell(
    conn: Connection, vehicle: str, facts: list[Fact], told: dict[str, int], times: dict[str, int], *, now: int
) -> list[Fact]:
    """Append what is new or happened at another time, and retract what the same readings no longer show."""
    wanted = {fact.id: fact for fact in facts}
    new = {key for key, fact in wanted.items() if key not in told or times.get(key, fact.at) != fact.at}
    gone = {fact.id: fact for fact in log.by_ids(conn, told.keys() - wanted.keys())}
    if not new and not gone:
        return []
    oldest = min(fact.at for fact in [*gone.values(), *(wanted[each] for each in new)])
    earlier = log.of_subjects(conn, [("vehicle", vehicle)], since=oldest - _DAY_MS)
    retractions = [fact for fact in earlier if fact.kind == "fact.retracted"]
    first = [*gone.values(), *log.by_ids(conn, new)]
    known = [*first, *_told_again(conn, first, retractions), *retractions]
    why = "a fix that came later shows another way"
    return service.correct(conn, [wanted[each] for each in sorted(new)], known, why=why, now=now)


def _told_again(conn: Connection, facts: Iterable[Fact], retractions: Iterable[Fact]) -> list[Fact]:
    """What became of facts that were withdrawn and then held after all: each a fact of its own (service.correct)."""
    by = {fact.body["target"]: fact.id for fact in retractions}
    found: list[Fact] = []
    ids = {fact_id(fact.kind, fact.subjects, (fact.id, by[fact.id])) for fact in facts if fact.id in by}
    while ids:
        again = log.by_ids(conn, ids)
        found += again
        ids = {fact_id(fact.kind, fact.subjects, (fact.id, by[fact.id])) for fact in again if fact.id in by}
    return found


def _tell_passes(conn: Connection, vehicle: str, passes: dict[str, Sighting], told: dict[str, int]) -> None:
    for key, sighting in passes.items():
        if key not in told:
            repository.add_pass(conn, pass_row(vehicle, sighting))
    for key in told.keys() - passes.keys():
        repository.drop_pass(conn, key)  # a fact's id finds nothing here


def _bad(
    points: Line, before: Point | None, given: Mapping[str, Reading], known: Iterable[str] | None, first: int
) -> set[str]:
    """Ids of the fixes that the quality check refuses, each judged against the good one before and the one behind it.

    `known`: those found the last time (None: judge all); `first`: place of the first new point. A judgement looks one
    fix ahead and at what is good behind, so those of all points before the last old one stand.
    """
    begin = 0 if known is None else max(0, first - 1)
    bad = {point.id for point in points[:begin]}.intersection(known) if known else set()
    good = next((point for point in reversed(points[:begin]) if point.id not in bad), before)
    if surely_good(good, points[begin:].seams()):  # none is bad by itself, or it would not be among the points
        return bad
    previous = _as_reading(good) if good else None
    judged = list(points[begin:])
    readings = [given.get(point.id) or _as_reading(point) for point in judged]
    for place, reading in enumerate(readings):
        behind = readings[place + 1] if place + 1 < len(readings) else None
        if judge(previous, reading, behind) is None:
            previous = reading
        else:
            bad.add(judged[place].id)
    return bad


def _place(point: Point) -> tuple[int, str]:
    return point.at, point.id


def _row(point: Point) -> list[Any]:
    return [point.at, point.id, point.lat, point.lon, point.speed_mps, point.clock, point.received_at]


def _as_reading(point: Point) -> Reading:
    device, stream, seq = point.id.split("/")
    body = FixBody(point.lat, point.lon, speed_mps=point.speed_mps)
    return Reading(device, int(stream), int(seq), "fix", point.at, point.clock, point.received_at, body)


def _in_order(readings: Iterable[Reading]) -> list[Reading]:
    found = list(readings)
    times = [reading.at for reading in found]
    if all(map(lt, times, times[1:])):  # nearly always: they come as the device recorded them
        return found
    return sorted(found, key=_order)


def _order(reading: Reading) -> tuple[Any, ...]:
    return (reading.at, reading.device, reading.stream, reading.seq)
