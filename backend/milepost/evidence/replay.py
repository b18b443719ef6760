"""Back over the past of a vehicle: for a fix older than the open window, or a binding made afterwards.

The same rule runs again over the fixes in the telemetry store. Only facts whose readings are still there are
corrected: what has outlived its raw data stands for ever (DESIGN §3, Evidence).
"""

from collections.abc import Callable

from sqlalchemy import Connection

from milepost.db import Database
from milepost.evidence import docks, geofence, log, repository, service, travel, vehicles
from milepost.evidence.geofence import State
from milepost.evidence.geometry import FenceIndex
from milepost.evidence.model import Fact, fact_id
from milepost.fleet.track import readings_of_vehicle, spans_of_vehicle
from milepost.telemetry.model import TelemetryStore, reading_id
from milepost.times import now_ms

DETECTOR = "replay"
CONTEXT_MS = 7_200_000  # so far before the late fix the rule begins at least, and where its last stop began
CERTAIN_MS = CONTEXT_MS // 2  # whatever ended so long before the late fix was certain before it
MOST_FIXES = 100_000  # a day at 1 Hz; what reaches further back is left as it is
_DAY_MS = 86_400_000
_FOREVER = 2**53


def ask(conn: Connection, vehicle: str, from_ms: int) -> None:
    """Note that the past of a vehicle must be judged again from an event time on; done by the sink's next tick."""
    known = repository.load_state(conn, DETECTOR, vehicle)
    repository.save_state(conn, DETECTOR, vehicle, from_ms if known is None else min(known, from_ms))


def run(
    db: Database,
    store: TelemetryStore,
    vehicle: str,
    fences: FenceIndex,
    on_facts: Callable[[Connection, list[Fact]], object],
) -> bool:
    """Judge the past of a vehicle again. False when it moved on meanwhile: the next call tries again."""
    with db.read() as conn:
        asked_ms = from_ms = repository.load_state(conn, DETECTOR, vehicle)
        if from_ms is None:
            return True
        edge = _edge(conn, vehicle)
        end = _FOREVER if edge is None else edge + 1
        past = travel.Past(conn, store, vehicle, from_ms, end)
        begin = max(min(from_ms - CONTEXT_MS, past.begin_ms), from_ms - _DAY_MS)
        readings = readings_of_vehicle(conn, store, vehicle, begin, end, MOST_FIXES)
        refused = [
            reading_id(each.reading)
            for device, start, stop in spans_of_vehicle(conn, vehicle, begin, end)
            for each in store.quarantined(device, start, stop, MOST_FIXES)
        ]
    points = [vehicles.point_of(reading) for reading in readings]
    state, seen = geofence.run(State(), points, fences)
    # A late fix also decides whether the one before it is believed.
    from_ms = max((point.at for point in points if point.at < from_ms), default=from_ms)
    new = [each for each in seen if each.seen_at >= from_ms]
    before = {vehicles.key_of(vehicle, each) for each in seen if each.seen_at < from_ms}
    wanted = [vehicles.fact_of(vehicle, each, _near(points, each)) for each in new if each.kind != "passed"]
    there = {*refused, *(point.id for point in points)}
    with db.tx() as conn:
        if _edge(conn, vehicle) != edge or repository.load_state(conn, DETECTOR, vehicle) != asked_ms:
            return False
        others = before | _in_window(conn, vehicle)
        known = [
            fact
            for fact in log.of_subjects(conn, [("vehicle", vehicle)], since=begin - _DAY_MS)
            if fact.kind == "fact.retracted" or _concerns(fact, from_ms, there, others)
        ]
        why = "fixes or a binding that came later show another way"
        told = service.correct(conn, wanted, known, why=why, now=now_ms())
        if points and len(points) < MOST_FIXES:
            _passes(conn, vehicle, new, others, from_ms, (points[0].at, points[-1].at))
            told += vehicles.rebase(conn, vehicle, state, past, fences, now_ms())
        told += docks.by_positions(conn, told, now_ms())
        repository.drop_state(conn, DETECTOR, vehicle)
        if told:
            on_facts(conn, told)
    return True


def _edge(conn: Connection, vehicle: str) -> int | None:
    """The last instant before the open window; None when the detectors have not seen the vehicle yet."""
    stored = repository.load_state(conn, vehicles.DETECTOR, vehicle)
    if stored is None:
        return None
    if stored["base"]["last"] is not None:
        return stored["base"]["last"]["at"]
    return stored["points"][0][0] - 1 if stored["points"] else None


def _passes(
    conn: Connection,
    vehicle: str,
    seen: list[geofence.Sighting],
    others: set[str],
    from_ms: int,
    span: tuple[int, int],
) -> None:
    """Bring the passes through fences in line with what became certain from `from_ms` on: those of no reading go.

    `others`: keys of those that were certain before, or that the open window answers for; `span`: of the readings. A
    pass becomes certain some time after its end.
    """
    wanted = {row["id"]: row for each in seen if each.kind == "passed" for row in [vehicles.pass_row(vehicle, each)]}
    for row in repository.passes(conn, vehicle, *span):
        if from_ms - CERTAIN_MS <= row["left_at"] <= span[1] and row["id"] not in wanted and row["id"] not in others:
            repository.drop_pass(conn, row["id"])
    for row in wanted.values():
        repository.add_pass(conn, row)


def _concerns(fact: Fact, from_ms: int, there: set[str], others: set[str]) -> bool:
    """True for a fact of this rule that the readings at hand could show again. `others`: keys of those that were
    certain before, or that the open window answers for. When it became certain is as of when it was told: since then
    fixes in between may have come."""
    certain = fact.body.get("certain_at")
    if certain is None or certain < from_ms or not there.issuperset(fact.inputs):
        return False
    return fact_id(fact.kind, fact.subjects, fact.inputs) not in others


def _in_window(conn: Connection, vehicle: str) -> set[str]:
    stored = repository.load_state(conn, vehicles.DETECTOR, vehicle)
    return set(stored["told"]) if stored else set()


def _near(points: list[geofence.Point], sighting: geofence.Sighting) -> list[geofence.Point]:
    return [point for point in points if sighting.at - 120_000 <= point.at <= sighting.seen_at]
