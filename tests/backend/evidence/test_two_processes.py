"""Two processes run detectors over the same devices and orders at once, on one PostgreSQL: as if one had done it."""

import random
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import DBAPIError

from milepost.db import Database, is_passing
from milepost.evidence import log
from milepost.evidence.model import Author, Fact, fact_id
from milepost.evidence.service import standing
from milepost.evidence.sink import DetectorSink
from milepost.evidence.states import States
from milepost.evidence.tables import fact as fact_table
from milepost.fleet import devices
from milepost.fleet import service as fleet
from milepost.ingest.sinks import SinkRunner
from milepost.ingest.spool import Message, Spool
from milepost.times import now_ms
from milepost_device import wire

_LAT, _LON, _M = 31.2, 121.4, 1 / 111_195
_FIXES = 240
PG = pytest.mark.parametrize("db", ["postgresql"], indirect=True)


def drive(start_ms: int) -> list[wire.Fix]:
    """A fix a second: 40 s towards the yard, 20 s in its middle, 40 s on, and back again."""
    found = []
    for n in range(_FIXES):
        sweep, second = divmod(n, 100)
        north = (-600 + 15 * (min(second, 40) + max(0, second - 60))) * (-1 if sweep % 2 else 1)
        at = start_ms + n * 1000
        speed = 0 if 40 <= second < 60 else 150
        found.append(
            wire.Fix(
                t=at // 1000 - wire.EPOCH, ms=at % 1000, clock=wire.CLOCK_GNSS, lat_e6=round((_LAT + north * _M) * 1e6),
                lon_e6=round(_LON * 1e6), alt_m=5, speed_dmps=speed, course_2deg=0, sats=9, hdop_d=9, source=0,
            )
        )  # fmt: skip
    return found


def batches(device: str, fixes: list[wire.Fix]) -> list[Message]:
    found = []
    for first in range(0, len(fixes), 8):
        writer = wire.BatchWriter(4096)
        writer.begin(77, first + 1, 1, 1, 1000)
        for each in fixes[first : first + 8]:
            assert writer.add(each)
        found.append(Message(device, "up", now_ms(), bytes(writer.finish())))
    return found


def enter(db: Database, count: int, since: int) -> list[str]:
    """A yard and so many mounted trackers; returns their vehicles."""
    vehicles = []
    with db.tx() as conn:
        fleet.add_site(
            conn, code="Y", name_zh="场", name_en="Yard", kind="origin", dwell_s=60, time_zone="Asia/Shanghai",
            shape={"type": "circle", "lat": _LAT, "lon": _LON, "radius_m": 300}, branch=None, customer=None,
        )  # fmt: skip
        for n in range(count):
            devices.enter_device(conn, device_id=f"d{n}", role="tracker", name=f"d{n}")
            vehicles.append(
                fleet.add_vehicle(conn, plate=f"沪A0000{n}", kind="truck", country="CN", branch=None, carrier=None)
            )
            fleet.bind(conn, f"d{n}", "vehicle", vehicles[-1], since, None, by="test")
    return vehicles


@PG
def test_two_spools_that_hold_parts_of_the_same_devices_give_the_facts_of_one(db: Database, tmp_path: Path) -> None:
    """A worker dies; its spool is emptied by one process while another takes the devices on, and much is in both."""
    start = now_ms() - _FIXES * 1000
    vehicles = enter(db, 4, start - 1000)
    one, other = Spool(tmp_path / "a.db"), Spool(tmp_path / "b.db")
    chance = random.Random(7)
    for n in range(4):
        for message in batches(f"d{n}", drive(start)):
            where = chance.choice(([one], [other], [one, other]))
            for spool in where:
                spool.append([message])
    runners = [SinkRunner(DetectorSink(db, lambda _c, _f: None, None, spool.key), spool) for spool in (one, other)]
    for runner in runners:
        runner.start()
    for runner, spool in zip(runners, (one, other), strict=True):
        deadline = time.monotonic() + 60
        while runner.position < spool.last_id() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert runner.position == spool.last_id(), runner.error
        runner.stop()
    with db.read() as conn:
        assert [
            [(fact.kind.removeprefix("vehicle."), round((fact.at - start) / 1000)) for fact in _standing(conn, vehicle)]
            for vehicle in vehicles
        ] == [[("entered", 20), ("left", 80), ("entered", 120), ("left", 180)]] * 4
        twice = select(fact_table.c.id).group_by(fact_table.c.id, fact_table.c.rev).having(func.count() > 1)
        assert conn.execute(twice).all() == []
    for spool in (one, other):
        spool.close()


def _standing(conn: Connection, vehicle: str) -> list[Fact]:
    return standing(log.of_subjects(conn, [("vehicle", vehicle)]))


@PG
def test_nothing_that_one_process_remembers_of_a_device_is_lost_to_another(db: Database) -> None:
    """Forty times two processes add their number to the same states, each in a transaction of its own."""
    names = [f"d{n}" for n in range(6)]
    with db.tx() as conn:
        states = States(conn, "count", names)
        for name in names:
            states.put(name, [])
        states.keep()

    def work(who: int) -> None:
        for n in range(40):
            with db.tx() as conn:
                states = States(conn, "count", names[:: 1 if who else -1])
                for name in names:
                    states.put(name, [*(states.get(name) or []), [who, n]])
                states.keep()

    threads = [threading.Thread(target=work, args=(who,)) for who in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with db.read() as conn:
        states = States(conn, "count", names)
        assert {len(states.get(name) or []) for name in names} == {80}


@PG
def test_the_same_fact_from_two_processes_at_once_is_one_fact(db: Database) -> None:
    """The second waits for the first, is told that it is there, and finds nothing to do when it tries again."""
    subjects = {"vehicle": "v1", "site": "s1"}
    fact = Fact(
        id=fact_id("vehicle.entered", subjects, ("x",)), kind="vehicle.entered", at=1, recorded_at=1, received_at=1,
        by=Author("device", "d1"), source="gnss", subjects=subjects, body={}, inputs=("x",),
    )  # fmt: skip
    begun, tries = threading.Event(), 0

    def second() -> None:
        nonlocal tries
        begun.wait()
        while True:
            tries += 1
            try:
                with db.tx() as conn:
                    assert log.append(conn, [fact]) == []
                return
            except DBAPIError:
                assert tries < 5

    thread = threading.Thread(target=second)
    thread.start()
    with db.tx() as conn:
        assert log.append(conn, [fact]) == [fact]
        begun.set()
        time.sleep(0.3)
    thread.join(10)
    with db.read() as conn:
        assert conn.execute(select(func.count()).select_from(fact_table)).scalar_one() == 1


def test_two_that_wait_for_each_other_are_told_to_try_again(postgres_url: str) -> None:
    db = Database(postgres_url)
    try:
        with db.tx() as conn:
            conn.exec_driver_sql("CREATE TABLE pair (id int PRIMARY KEY, n int)")
            conn.exec_driver_sql("INSERT INTO pair VALUES (1, 0), (2, 0)")
        meet = threading.Barrier(2)
        said: list[bool] = []

        def both(first: int, then: int) -> None:
            try:
                with db.tx() as conn:
                    conn.exec_driver_sql(f"UPDATE pair SET n = n + 1 WHERE id = {first}")
                    meet.wait(5)
                    conn.exec_driver_sql(f"UPDATE pair SET n = n + 1 WHERE id = {then}")
            except DBAPIError as error:
                said.append(is_passing(error))

        threads = [threading.Thread(target=both, args=ids) for ids in ((1, 2), (2, 1))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert said == [True]
        with pytest.raises(DBAPIError) as caught, db.tx() as conn:
            conn.exec_driver_sql("SELECT no_such_column FROM pair")
        assert not is_passing(caught.value), "a defect is no passing trouble"
    finally:
        db.close()


def test_several_processes_that_start_at_once_migrate_once(postgres_url: str) -> None:
    databases = [Database(postgres_url) for _ in range(3)]
    failed: list[BaseException] = []

    def go(db: Database) -> None:
        try:
            db.migrate()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=go, args=(each,)) for each in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in databases:
        each.close()
    assert failed == []
