"""Back over the past of a vehicle: for a fix older than the open window, or a binding made afterwards.

The same rule runs again over the fixes in the telemetry store. Only facts whose readings are still there are
corrected: what has outlived its raw data stands for ever (DESIGN §3, Evidence).
"""

from collections.abc import Callable

from sqlalchemy import Connection

from milepost.db import Database
from milepost.evidence import geofence, log, repository, service, vehicles
from milepost.evidence.geofence import State
from milepost.evidence.geometry import FenceIndex
from milepost.evidence.model import Fact
from milepost.fleet.track import readings_of_vehicle
from milepost.telemetry.model import TelemetryStore
from milepost.times import now_ms

DETECTOR = "replay"
CONTEXT_MS = 7_200_000  # so far before the late fix the rule begins, to know where the vehicle stood
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
        from_ms = repository.load_state(conn, DETECTOR, vehicle)
        if from_ms is None:
            return True
        edge = _edge(conn, vehicle)
        begin, end = from_ms - CONTEXT_MS, _FOREVER if edge is None else edge + 1
        readings = readings_of_vehicle(conn, store, vehicle, begin, end, MOST_FIXES)
    points = [vehicles.point_of(reading) for reading in readings]
    state, seen = geofence.run(State(), points, fences)
    new = [each for each in seen if each.seen_at >= from_ms]
    wanted = [vehicles.fact_of(vehicle, each, _near(points, each)) for each in new if each.kind != "passed"]
    there = {point.id for point in points}
    with db.tx() as conn:
        if _edge(conn, vehicle) != edge or repository.load_state(conn, DETECTOR, vehicle) != from_ms:
            return False
        known = [
            fact
            for fact in log.of_subjects(conn, [("vehicle", vehicle)], since=begin - _DAY_MS)
            if fact.kind == "fact.retracted" or _concerns(fact, from_ms, end, there)
        ]
        why = "fixes or a binding that came later show another way"
        told = service.correct(conn, wanted, known, why=why, now=now_ms())
        for each in new:
            if each.kind == "passed":
                repository.add_pass(conn, vehicles.pass_row(vehicle, each))
        if points and len(points) < MOST_FIXES:
            told += vehicles.rebase(conn, vehicle, state, fences, now_ms())
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


def _concerns(fact: Fact, from_ms: int, end: int, there: set[str]) -> bool:
    """True for a fact of this rule that the readings at hand could show again."""
    certain = fact.body.get("certain_at")
    return certain is not None and from_ms <= certain < end and there.issuperset(fact.inputs)


def _near(points: list[geofence.Point], sighting: geofence.Sighting) -> list[geofence.Point]:
    return [point for point in points if sighting.at - 120_000 <= point.at <= sighting.seen_at]
