"""From a tracker's fixes to facts in the log: order, repetition, lateness, bindings (DESIGN §2.3, §2.4)."""

import random
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from milepost.evidence import repository
from milepost.fleet import service as fleet

from .conftest import T0, Device, scratch
from .test_geofence import at_m


@pytest.fixture
def tracker() -> Device:
    return Device("gps-a")


def drive(tracker: Device, start: int, *legs: tuple[int, float, float], seed: int = 0) -> list:
    """Fixes at 1 Hz: each leg is (seconds, from, to) in metres east of the yard's middle."""
    noise = random.Random(seed)
    fixes = []
    at = start
    for seconds, begin, end in legs:
        for second in range(seconds):
            x = begin + (end - begin) * second / seconds + noise.uniform(-2, 2)
            fixes.append(tracker.fix(at, *at_m(x, noise.uniform(-2, 2)), abs(end - begin) / seconds))
            at += 1000
    return fixes


def told(yard) -> list[tuple[str, int]]:
    return [(fact.kind, round((fact.at - T0) / 1000)) for fact in yard.of_vehicle()]


HOME_AND_AWAY = ((20, -600, -400), (40, -400, 0), (90, 0, 0), (40, 0, 400), (20, 400, 600))
WANTED = [("vehicle.entered", 45), ("vehicle.stopped", 60), ("vehicle.left", 165)]


def test_a_visit_becomes_three_facts_with_their_track(yard, tracker):
    yard.feed(*drive(tracker, T0, *HOME_AND_AWAY))
    assert [kind for kind, _ in told(yard)] == [kind for kind, _ in WANTED]
    for (_, at), (_, wanted) in zip(told(yard), WANTED, strict=True):
        assert at == pytest.approx(wanted, abs=1.5)
    for fact in yard.of_vehicle():
        assert (fact.grade, fact.source, fact.rule, fact.clock) == ("B", "gnss", "geofence/2", "gnss")
        assert fact.subjects == {"vehicle": yard.vehicles["truck-a"], "site": yard.site}
        assert 2 <= len(fact.snapshot["track"]) <= 40
        assert all(each.startswith("gps-a/7/") for each in fact.inputs)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_order_and_repetition_of_batches_gives_the_same_facts(db, data):
    """Promised while the readings lie within the open window: here a stay of 100 s, its batches in any order."""
    fixes = drive(Device("gps-a"), T0, (10, -300, -180), (8, -180, -60), (20, -60, -60))
    batches = [fixes[start : start + 6] for start in range(0, len(fixes), 6)]
    shuffled = data.draw(st.permutations(batches))
    shuffled += data.draw(st.lists(st.sampled_from(batches), max_size=4))
    outcomes = []
    for deliveries in (batches, shuffled):
        with scratch(db) as yard:
            for batch in deliveries:
                yard.feed(*batch)
            outcomes.append([(fact.kind, fact.at, fact.inputs) for fact in yard.of_vehicle()])
    assert outcomes[0] == outcomes[1]
    assert [kind for kind, *_ in outcomes[0]] == ["vehicle.entered"]


def test_a_late_batch_corrects_what_was_told_without_it_and_both_stay_in_the_log(yard, tracker):
    """The two fixes around the crossing come late: the interpolation over their gap was too coarse."""
    fixes = drive(tracker, T0, (10, -300, -180), (8, -180, -60), (20, -60, -60))
    yard.feed(*fixes[:11], *fixes[14:])
    (coarse,) = yard.of_vehicle()
    yard.feed(*fixes[11:14])
    (fine,) = yard.of_vehicle()
    assert coarse.kind == fine.kind == "vehicle.entered"
    assert coarse.id != fine.id
    retraction = next(fact for fact in yard.told if fact.kind == "fact.retracted")
    assert retraction.body["target"] == coarse.id
    assert retraction.subjects == coarse.subjects


def test_a_repeated_batch_tells_nothing(yard, tracker):
    fixes = drive(tracker, T0, *HOME_AND_AWAY)
    yard.feed(*fixes)
    assert yard.feed(*fixes) == []


def test_fixes_one_by_one_or_all_at_once_give_the_same(db, tracker):
    fixes = drive(tracker, T0, *HOME_AND_AWAY)
    outcomes = []
    for deliveries in ([fixes], [[fix] for fix in fixes]):
        with scratch(db) as yard:
            for delivery in deliveries:
                yard.feed(*delivery)
            outcomes.append([(fact.kind, fact.at, fact.inputs, fact.grade) for fact in yard.of_vehicle()])
    assert outcomes[0] == outcomes[1]


def test_quarantined_fixes_are_not_believed(yard, tracker):
    fixes = drive(tracker, T0, (120, 0, 0))
    places = [(0.0, 0.0), at_m(40_000), at_m(60_000)]
    wild = [tracker.fix(T0 + 60_200 + 200 * n, *place) for n, place in enumerate(places)]
    yard.feed(*sorted([*fixes, *wild], key=lambda each: each.at))
    assert [kind for kind, _ in told(yard)] == ["vehicle.stopped"]


def test_a_fix_without_satellites_is_not_believed(yard, tracker):
    fixes = drive(tracker, T0, (120, 400, 400))
    inside = [tracker.fix(T0 + 60_200 + 200 * n, *at_m(280)) for n in range(3)]  # within the noise of a jump
    ghosts = [replace(fix, body=replace(fix.body, lon=at_m(140)[1], sats=0)) for fix in inside]
    yard.feed(*sorted([*fixes, *ghosts], key=lambda each: each.at))
    with yard.db.read() as conn:
        assert repository.passes(conn, yard.vehicles["truck-a"], T0, T0 + 120_000) == []


def test_driving_through_is_kept_as_a_pass_and_is_no_fact(yard, tracker):
    yard.feed(*drive(tracker, T0, (60, -600, 600)))
    assert yard.of_vehicle() == []
    with yard.db.read() as conn:
        (row,) = repository.passes(conn, yard.vehicles["truck-a"], T0, T0 + 60_000)
    assert (row["left_at"] - row["entered_at"]) / 1000 == pytest.approx(15, abs=0.6)


def test_a_tracker_that_changes_trucks_speaks_for_each_in_its_time(yard, tracker):
    """Bindings are looked up at event time, also for records that come after the change."""
    fixes = drive(tracker, T0, *HOME_AND_AWAY)
    with yard.db.tx() as conn:
        from milepost.fleet import repository as rows  # noqa: PLC0415

        (bound,) = rows.bindings(conn, device_id="gps-a")
        fleet.unbind(conn, bound["id"], T0 + 140_000)
        fleet.bind(conn, "gps-a", "vehicle", yard.vehicles["truck-b"], T0 + 140_000)
    yard.feed(*fixes)
    assert [kind for kind, _ in told(yard)] == ["vehicle.entered", "vehicle.stopped"]
    assert [fact.kind for fact in yard.of_vehicle("truck-b")] == ["vehicle.left"]


def test_records_of_an_unmounted_device_are_nobodys(yard):
    with yard.db.tx() as conn:
        from .conftest import Accounts  # noqa: PLC0415

        fleet.register_device(conn, device_id="loose", role="tracker", name="l", accounts=Accounts())
    assert yard.feed(*drive(Device("loose"), T0, *HOME_AND_AWAY)) == []
