"""What comes later than the open window is put right from the telemetry store (DESIGN §2.4)."""

import pytest

from milepost.evidence import replay
from milepost.evidence.sink import DetectorSink
from milepost.fleet import repository as rows
from milepost.fleet import service as fleet
from milepost.telemetry.sqlite import SqliteTelemetry

from .conftest import T0, Device
from .test_vehicles import HOME_AND_AWAY, drive


@pytest.fixture
def past(yard, tmp_path):
    """The yard's detectors with a telemetry store behind them; `deliver` feeds both, as ingest does."""
    store = SqliteTelemetry(tmp_path / "telemetry.db")
    yard.sink = DetectorSink(yard.db, lambda _conn, facts: yard.told.extend(facts), store)

    def deliver(*fixes) -> None:
        store.write(fixes, 1)
        yard.feed(*fixes)

    yard.deliver = deliver
    yield yard
    store.close()


def held(yard) -> list:
    return [(fact.kind, fact.at, fact.inputs) for fact in yard.of_vehicle()]


def test_a_batch_that_is_hours_late_ends_as_if_it_had_come_in_time(past):
    fixes = drive(Device("gps-a"), T0, *HOME_AND_AWAY, (800, 600, 9000))
    visit = fixes[30:180]  # with the crossings and the stop
    past.deliver(*fixes[:30], *fixes[180:])
    assert [kind for kind, *_ in held(past)] == []
    past.deliver(*visit)
    assert held(past) == []  # too old for the open window
    past.sink.tick()
    got = [(kind, round((at - T0) / 1000)) for kind, at, _ in held(past)]
    assert got == [("vehicle.entered", 45), ("vehicle.stopped", 60), ("vehicle.left", 165)]
    before = held(past)
    past.sink.tick()  # nothing is due any more
    assert held(past) == before


def test_a_late_batch_within_a_known_visit_moves_its_crossing_and_keeps_both_values(past):
    fixes = drive(Device("gps-a"), T0, *HOME_AND_AWAY, (800, 600, 9000))
    past.deliver(*fixes[:44], *fixes[48:])
    (coarse, *_) = past.of_vehicle()
    past.deliver(*fixes[44:48])
    past.sink.tick()
    (fine, *rest) = past.of_vehicle()
    assert (coarse.kind, fine.kind) == ("vehicle.entered", "vehicle.entered")
    assert coarse.id != fine.id
    assert [fact.kind for fact in rest] == ["vehicle.stopped", "vehicle.left"]
    assert coarse.id in {fact.body.get("target") for fact in past.told if fact.kind == "fact.retracted"}


def test_a_binding_made_afterwards_gives_the_vehicle_its_past(past):
    with past.db.tx() as conn:
        (bound,) = rows.bindings(conn, device_id="gps-a")
        fleet.unbind(conn, bound["id"], T0 - 1)
    past.deliver(*drive(Device("gps-a"), T0, *HOME_AND_AWAY))
    assert held(past) == []
    with past.db.tx() as conn:
        fleet.bind(conn, "gps-a", "vehicle", past.vehicles["truck-a"], T0)
        replay.ask(conn, past.vehicles["truck-a"], T0)
    past.sink.tick()
    assert [kind for kind, *_ in held(past)] == ["vehicle.entered", "vehicle.stopped", "vehicle.left"]


def test_facts_whose_raw_data_is_gone_stand(past, tmp_path):
    fixes = drive(Device("gps-a"), T0, *HOME_AND_AWAY, (800, 600, 9000))
    past.deliver(*fixes)
    before = held(past)
    assert len(before) == 3
    empty = SqliteTelemetry(tmp_path / "empty.db")
    empty.write([], 1)
    past.sink = DetectorSink(past.db, lambda _conn, facts: past.told.extend(facts), empty)
    with past.db.tx() as conn:
        replay.ask(conn, past.vehicles["truck-a"], T0)
    past.sink.tick()
    assert held(past) == before
    empty.close()
