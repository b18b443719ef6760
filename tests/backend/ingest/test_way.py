"""From a device through the real broker into the spool, to the sinks, and back as an acknowledgement."""

import json
import time
from collections.abc import Callable, Iterator

import pytest

from milepost.db import Database
from milepost.errors import Invalid
from milepost.fleet.outgoing import Outgoing
from milepost.ingest import dead_letters
from milepost.ingest.contact import StateSink
from milepost.ingest.decode import readings
from milepost.ingest.service import Ingest
from milepost.ingest.spool import Spool
from milepost.ingest.tables import device_contact
from milepost.periodic import Periodic
from milepost_device import wire

from .conftest import STREAM, T0, BrokerHouse, Remember, batch, drive, fix, until


def test_a_batch_is_stored_acknowledged_and_handed_on(house: BrokerHouse, ingest_of: Callable[..., Ingest]) -> None:
    sink = Remember()
    ingest_of(sink)
    device = house.device("truck-1")
    device.send(drive(1, 50))
    until(lambda: device.acknowledged(50))
    until(lambda: sink.items)
    found = readings(sink.items[0])
    assert [each.seq for each in found] == list(range(1, 51))
    assert found[0].device == "truck-1"
    assert found[0].body.lat == 31.23049
    device.close()


def test_every_batch_is_answered_also_one_that_brings_nothing_new(
    house: BrokerHouse, ingest_of: Callable[..., Ingest], spool: Spool
) -> None:
    ingest_of()
    device = house.device("truck-1")
    for _ in range(3):
        device.send(drive(1, 10))
        until(lambda: device.acknowledged(10))
        device.acks.clear()
    device.send(batch([], first=11, tail=11))  # nothing but a header
    until(lambda: device.acknowledged(10))
    assert spool.coverage("truck-1", STREAM).duplicates == 20
    assert len(spool.after(0)) == 1
    device.close()


def test_a_hole_holds_the_watermark_until_it_is_filled_or_excused(
    house: BrokerHouse, ingest_of: Callable[..., Ingest]
) -> None:
    ingest_of()
    device = house.device("truck-1")
    device.send(drive(1, 10))
    device.send(drive(21, 10))
    until(lambda: device.acks[-1:] == [(STREAM, 10)])
    device.send(drive(11, 10))
    until(lambda: device.acknowledged(30))
    gap = wire.Event(t=T0 + 50, code=wire.EV_GAP, args={"first_seq": 31, "last_seq": 40})
    device.send(batch([fix(41), gap], first=41))
    until(lambda: device.acknowledged(42))
    device.send(drive(101, 5, tail=101))
    until(lambda: device.acknowledged(105))
    device.close()


def test_batches_that_waited_in_the_broker_arrive_when_ingest_comes_back(
    house: BrokerHouse, ingest_of: Callable[..., Ingest], spool: Spool
) -> None:
    ingest_of().stop()
    device = house.device("truck-1")
    for n in range(20):
        device.send(drive(n * 10 + 1, 10))
    sink = Remember()
    ingest_of(sink)
    until(lambda: device.acknowledged(200))
    until(lambda: len(sink.items) == 20)
    device.close()


def test_the_state_of_a_device_can_be_read(
    house: BrokerHouse, ingest_of: Callable[..., Ingest], spool: Spool, db: Database
) -> None:
    came: list[str] = []
    ingest_of(StateSink(db, spool, came.append))
    device = house.device("reader-1")
    device.send(
        json.dumps({"online": True, "fw": "1.2.0", "cfg": 3, "reset": "power", "boot": 9, "stream": STREAM}).encode(),
        "state",
        retain=True,
    )
    device.send(drive(1, 10))

    def contact() -> dict:
        with db.read() as conn:
            return dict(conn.execute(device_contact.select()).mappings().first() or {})

    until(lambda: contact().get("acknowledged") == 10 and contact().get("online"))
    row = contact()
    assert (row["fw"], row["cfg_version"], row["reset_reason"], row["boot"]) == ("1.2.0", 3, "power", 9)
    assert row["last_record_at"] == (wire.EPOCH + T0 + 10) * 1000
    assert came == ["reader-1"]
    device.send(b'{"online": false}', "state", retain=True)
    until(lambda: contact()["online"] is False)
    assert contact()["fw"] == "1.2.0"  # the last will says only that it is gone
    device.close()


@pytest.fixture
def told_by(ingest_of: Callable[..., Ingest], spool: Spool, db: Database) -> Iterator[Callable[[], Ingest]]:
    """`told_by()`: a running ingest whose devices are told what is due to them, as the service does it."""
    rounds: list[Periodic] = []

    def make() -> Ingest:
        made: list[Ingest] = []
        outgoing = Outgoing(db, lambda *message: made[0].publish(*message))  # noqa: PLW0108  (made below)
        made.append(ingest_of(StateSink(db, spool, outgoing.came_online)))
        rounds.append(Periodic("outgoing", 0.05, outgoing.round))
        rounds[-1].start()
        return made[0]

    yield make
    for each in rounds:
        each.stop()


def test_a_device_that_comes_online_is_told_the_time_once(house: BrokerHouse, told_by: Callable[[], Ingest]) -> None:
    told_by()
    device = house.device("reader-1")
    device.send(b'{"online": true}', "state", retain=True)
    until(lambda: device.commands)
    time.sleep(0.4)
    (message,) = device.commands
    command = json.loads(message)
    assert command["verb"] == "time"
    assert abs(command["args"]["unix_ms"] - time.time() * 1000) < 5_000
    assert command["not_after"] > time.time()
    device.send(b'{"online": false}', "state", retain=True)
    device.send(b'{"online": true}', "state", retain=True)
    until(lambda: len(device.commands) == 2)
    device.close()


def test_a_restart_tells_the_time_to_who_is_online_by_the_retained_state_and_to_nobody_else(
    house: BrokerHouse, told_by: Callable[[], Ingest]
) -> None:
    here, gone = house.device("reader-1"), house.device("reader-2")
    here.send(b'{"online": true}', "state", retain=True)
    gone.send(b'{"online": false}', "state", retain=True)
    told_by()
    until(lambda: here.commands)
    time.sleep(0.4)
    assert (len(here.commands), gone.commands) == (1, [])
    here.close()
    gone.close()


def test_of_a_backlog_of_states_only_the_last_one_counts(
    house: BrokerHouse, told_by: Callable[[], Ingest], ingest_of: Callable[..., Ingest]
) -> None:
    """While nobody ingested, both came and went; one of them is back."""
    ingest_of().stop()
    back, gone = house.device("reader-1"), house.device("reader-2")
    for _ in range(3):
        for device in (back, gone):
            device.send(b'{"online": true}', "state")
            device.send(b'{"online": false}', "state")
    back.send(b'{"online": true}', "state")
    told_by()
    until(lambda: back.commands)
    time.sleep(0.4)
    assert all(json.loads(each)["verb"] == "time" for each in back.commands)
    assert len(back.commands) <= 2  # two where the backlog came in two groups
    assert len(gone.commands) <= 1
    back.close()
    gone.close()


def test_configuration_is_retained_and_commands_are_not(house: BrokerHouse, ingest_of: Callable[..., Ingest]) -> None:
    ingest = ingest_of()
    house.accounts.put("truck-1", "device-password")
    ingest.publish("truck-1", "cfg", b'{"version": 4}', retain=True)
    ingest.publish("truck-1", "cmd", b'{"verb": "reboot"}')
    time.sleep(0.5)
    device = house.device("truck-1")
    until(lambda: device.commands)
    ingest.publish("truck-1", "cmd", b'{"verb": "locate"}')
    until(lambda: len(device.commands) == 2)
    assert device.commands == [b'{"version": 4}', b'{"verb": "locate"}']
    device.close()


@pytest.mark.parametrize(("device", "leaf"), [("a/b", "cmd"), ("+", "cmd"), ("", "cfg"), ("truck-1", "up")])
def test_only_cfg_and_cmd_of_a_device_can_be_written(
    house: BrokerHouse, ingest_of: Callable[..., Ingest], device: str, leaf: str
) -> None:
    with pytest.raises(Invalid):
        ingest_of().publish(device, leaf, b"")


def test_two_workers_share_the_parts_and_serve_every_device(house: BrokerHouse, settings, tmp_path) -> None:
    spools = [Spool(tmp_path / f"spool-{n}.db") for n in range(2)]
    workers = [
        Ingest(settings.model_copy(update={"ingest_parts": parts}), spool, [], house.place)
        for parts, spool in zip(("0-7", "8-f"), spools, strict=True)
    ]
    for worker in workers:
        worker.start()
    assert all(worker.wait_ready() for worker in workers)
    devices = [house.device(f"truck-{n}") for n in range(6)]
    assert {"low" if wire.part_of(each.name) < "8" else "high" for each in devices} == {"low", "high"}
    for device in devices:
        device.send(drive(1, 5))
    until(lambda: all(device.acknowledged(5) for device in devices))
    # Either may write to any device, also to one of the other's part.
    workers[0].publish(devices[0].name, "cmd", b"{}")
    workers[1].publish(devices[0].name, "cmd", b"{}")
    until(lambda: len(devices[0].commands) == 2)
    for each in (*devices, *workers, *spools):
        each.stop() if isinstance(each, Ingest) else each.close()


def test_a_state_that_is_no_json_goes_to_the_dead_letters(
    house: BrokerHouse, ingest_of: Callable[..., Ingest], spool: Spool
) -> None:
    ingest_of()
    device = house.device("truck-1")
    for payload in (b"\xff\xfe", b"[1]", b'{"x": "' + b"y" * 9_000 + b'"}', b"[" * 5_000):
        device.send(payload, "state")
    until(lambda: len(dead_letters.listed(spool.connection())) == 4)
    assert {each.reason for each in dead_letters.listed(spool.connection())} == {"state"}
    device.close()
