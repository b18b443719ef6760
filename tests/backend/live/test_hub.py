"""The hub takes spool items as they came from devices and shows vehicles, doors and orders."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from milepost.db import Database
from milepost.fleet import devices
from milepost.fleet import service as fleet
from milepost.ingest.decode import readings
from milepost.ingest.model import SpoolItem
from milepost.live.hub import LiveHub
from milepost.live.state import Limits
from milepost.live.targets import FleetTargets
from milepost_device import wire

T0 = 1_790_000_000_000


class Table:
    """Targets from a dict; what a device reports from elsewhere has no target."""

    def __init__(self, **targets: tuple[str, str]) -> None:
        self.targets = targets

    def target_at(self, device: str, at: int) -> tuple[str, str] | None:
        return self.targets.get(device)

    def target_of(self, device: str, first: int, last: int) -> tuple[str, str] | None:
        return self.target_at(device, last)

    def limits_of(self, device: str, moving: bool = False) -> Limits:
        return Limits()


def time_of(at: int) -> dict[str, int]:
    return {"t": at // 1000 - wire.EPOCH, "ms": at % 1000, "clock": wire.CLOCK_GNSS}


def fix(at: int, lat: float = 31.2, lon: float = 121.4, speed: float = 12.0) -> wire.Fix:
    return wire.Fix(
        **time_of(at), lat_e6=round(lat * 1e6), lon_e6=round(lon * 1e6), alt_m=5, speed_dmps=round(speed * 10),
        course_2deg=45, sats=9, hdop_d=9, source=0,
    )  # fmt: skip


_next = 0


def item(*records: object, device: str = "t1", received: int = T0) -> SpoolItem:
    global _next  # noqa: PLW0603  (spool ids only grow)
    _next += 1
    writer = wire.BatchWriter()
    writer.begin(1, _next * 100, 1, 1, 1000)
    for record in records:
        assert writer.add(record)
    return SpoolItem(_next, device, "up", received, bytes(writer.finish()))


def state(online: bool, device: str = "t1", at: int = T0) -> SpoolItem:
    global _next  # noqa: PLW0603
    _next += 1
    return SpoolItem(_next, device, "state", at, b'{"online":%s}' % (b"true" if online else b"false"))


@pytest.fixture
def hub() -> LiveHub:
    return LiveHub(Table(t1=("vehicle", "v1"), r1=("door", "d1")), clock=lambda: T0 + 1000)


def test_a_batch_moves_the_vehicle_and_the_position_follows(hub: LiveHub) -> None:
    taken = item(fix(T0 - 2000), fix(T0 - 1000, lat=31.2001))
    hub.handle([taken])
    hub.tick()
    assert hub.full().v == [["v1", 121.4, 31.2001, 90, 12.0, "moving", "live", T0 - 1000]]
    assert hub.position() == taken.id


def test_the_same_batch_again_changes_nothing(hub: LiveHub) -> None:
    taken = item(fix(T0 - 1000))
    hub.handle([taken])
    hub.tick()
    before = hub.seq
    hub.handle([taken])
    hub.tick()
    assert hub.seq == before


def test_a_fix_that_the_quality_check_refuses_makes_no_jump(hub: LiveHub) -> None:
    hub.handle([item(fix(T0 - 2000))])
    hub.handle([item(fix(T0 - 1000, lat=48.1, lon=11.5))])  # Munich, a second later
    hub.tick()
    assert hub.full().v[0][1:3] == [121.4, 31.2]


def test_ignition_makes_idling(hub: LiveHub) -> None:
    event = wire.Event(**time_of(T0 - 3000), code=wire.EV_IGNITION, args={"on": 1})
    hub.handle([item(event, fix(T0 - 2000, speed=0))])
    hub.tick()
    assert hub.full().v[0][5] == "idling"


def test_a_last_will_shows_offline_and_the_next_fix_live(hub: LiveHub) -> None:
    hub.handle([item(fix(T0 - 2000)), state(False, at=T0 - 1500)])
    hub.tick()
    assert hub.full().v[0][6] == "offline"
    hub.handle([item(fix(T0 - 1000, lat=31.2001))])
    hub.tick()
    assert hub.full().v[0][6] == "live"


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"{}", b"\xff\xfe", b"null"])
def test_a_state_that_is_no_state_is_passed_over(hub: LiveHub, payload: bytes) -> None:
    hub.handle([SpoolItem(9_000, "t1", "state", T0, payload)])
    assert hub.position() == 9_000


def test_garbage_is_passed_over(hub: LiveHub) -> None:
    hub.handle([SpoolItem(9_001, "t1", "up", T0, b"M\x01garbage")])
    hub.tick()
    assert hub.full().v == []


def test_reads_at_a_door_are_events_each_of_them(hub: LiveHub) -> None:
    tags = [
        wire.Tag(**time_of(T0 - n), epc=bytes.fromhex("3034F8000000000000001131"), pc=0x3000, antenna=1, rssi_max=-51,
                 rssi_first=-60, rssi_last=-58, slope=None, phase=None, channel=None, span_ms=200, count=4)
        for n in (400, 300, 200)
    ]  # fmt: skip
    hub.handle([item(*tags, device="r1")])
    hub.tick()
    assert [(e["kind"], e["door"], e["rssi_dbm"]) for e in hub.full().e] == [("tag", "d1", -51)] * 3


def test_a_device_that_is_mounted_nowhere_is_not_shown(hub: LiveHub) -> None:
    hub.handle([item(fix(T0), device="other")])
    hub.tick()
    assert hub.full().v == []


def test_it_begins_with_the_latest_fixes_of_the_store(hub: LiveHub) -> None:
    hub.load(readings(item(fix(T0 - 500))))
    hub.tick()
    assert len(hub.full().v) == 1


def test_all_who_are_level_share_one_encoding(hub: LiveHub) -> None:
    start = hub.seq
    hub.handle([item(fix(T0 - 1000))])
    hub.tick()
    first, second = hub.encoded(start), hub.encoded(start)
    assert first[1] is second[1]
    assert hub.encoded(start, only=frozenset())[1] != first[1]


def test_notify_reaches_a_viewer_of_another_thread(hub: LiveHub) -> None:
    async def watch() -> bool:
        viewer = hub.join(asyncio.get_running_loop())
        hub.notify("alert", {"cause": "short"}, vehicle="v1")
        await asyncio.to_thread(hub.tick)
        await asyncio.wait_for(viewer.wake.wait(), 2)
        hub.leave(viewer)
        return viewer.wake.is_set()

    # In a thread of its own: a browser test of the same run may keep a loop in this one.
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(asyncio.run, watch()).result(10)
    assert hub.full().e[-1]["cause"] == "short"


class Accounts:
    """A broker's accounts that nobody asks for here."""

    def put(self, device_id: str, password: str) -> None: ...

    def remove(self, device_id: str) -> None: ...


def test_a_reading_belongs_to_where_its_device_was_when_it_was_made(db: Database, monkeypatch) -> None:
    with db.tx() as conn:
        devices.register_device(conn, device_id="t1", role="tracker", name="t1", accounts=Accounts())
        first, second = (fleet.add_vehicle(conn, plate=plate) for plate in ("沪A12345", "沪A12346"))
        binding = fleet.bind(conn, "t1", "vehicle", first, T0 - 10_000)
    targets = FleetTargets(db)
    monkeypatch.setattr("milepost.live.targets._CHECK_S", 0.0)
    assert targets.target_at("t1", T0) == ("vehicle", first)
    with db.tx() as conn:
        fleet.unbind(conn, binding, T0)
        fleet.bind(conn, "t1", "vehicle", second, T0)
    assert targets.target_at("t1", T0 - 1) == ("vehicle", first)
    assert targets.target_at("t1", T0) == ("vehicle", second)
    assert targets.target_at("t1", T0 - 20_000) is None


def test_limits_follow_the_configuration_wanted_for_the_device(db: Database, monkeypatch) -> None:
    monkeypatch.setattr("milepost.live.targets._CHECK_S", 0.0)
    targets = FleetTargets(db)
    with db.tx() as conn:
        devices.register_device(conn, device_id="t1", role="tracker", name="t1", accounts=Accounts())
        devices.set_config(conn, "t1", {"report_interval_s": 5, "stationary_interval_s": 600})
    targets.target_at("t1", T0)
    assert targets.limits_of("t1") == Limits.of_interval(600)
    # A truck that falls silent on the road is missed by the interval of the road.
    assert targets.limits_of("t1", moving=True) == Limits.of_interval(5)
