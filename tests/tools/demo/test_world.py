"""The world in real time: what it writes to UARTs and pins while people act in it."""

import time
from collections.abc import Iterator

import pytest

from milepost_tools.demo.world import GATE_PINS, World
from milepost_tools.sim import town
from milepost_tools.sim.drive import Route
from milepost_tools.sim.geo import distance_m
from milepost_tools.sim.m100 import frame

EPC = bytes(range(12))


class Wire:
    """Records what the far end sends; holds what the board would have sent."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self.to_send = bytearray()

    def write(self, data: bytes) -> int:
        self.heard += data
        return len(data)

    def read(self, max_bytes: int = 4096) -> bytes:
        data = bytes(self.to_send[:max_bytes])
        del self.to_send[:max_bytes]
        return data


@pytest.fixture
def world() -> Iterator[World]:
    world = World(7)
    yield world
    world.stop()


def test_each_tracker_hears_its_own_truck_once_a_second(world: World) -> None:
    wires = [Wire(), Wire()]
    world.wire_tracker(0, wires[0])
    world.wire_tracker(1, wires[1])
    world.start()
    time.sleep(2.2)
    world.stop()
    fields = [[line.split(b",") for line in bytes(wire.heard).split(b"\r\n") if b"RMC" in line] for wire in wires]
    assert len(fields[0]) in (2, 3)
    for number, lines in enumerate(fields):
        minutes = lines[0][5]
        lon = int(minutes[:3]) + float(minutes[3:]) / 60
        east_m = (lon - town.GROUND.lon_deg) / (town.GROUND.degrees((1.0, 0.0))[1] - town.GROUND.lon_deg)
        assert abs(east_m - town.BAYS[number][0]) < 5
    seconds = [int(line[1][4:6]) for line in fields[0]]
    assert (seconds[1] - seconds[0]) % 60 == 1


def test_a_carried_pallet_breaks_the_gates_in_order_and_is_read(world: World) -> None:
    wire, pins = Wire(), []
    world.wire_reader(wire, lambda pin, level: pins.append((pin, level)))
    wire.to_send += frame(0, 0x27, b"\x22\xff\xff")
    world.stage(EPC, 4.0)
    world.start()
    started = time.time_ns() // 1_000_000
    start_ms, end_ms = world.carry(EPC, inwards=True)
    assert started <= start_ms < end_ms <= time.time_ns() // 1_000_000
    inner, outer = GATE_PINS["inner"], GATE_PINS["outer"]
    assert pins[:2] == [(inner, 1), (outer, 1)]
    breaks = [pin for pin, level in pins if level == 0]
    # The pallet inwards, then the empty forklift back.
    assert breaks == [inner, outer, outer, inner]
    assert pins[-1][1] == 1
    assert bytes(wire.heard).count(EPC) > 10
    assert EPC in world.door.aboard
    assert EPC not in world.door.staged


def test_a_truck_goes_where_it_is_sent(world: World) -> None:
    world.start()
    bay = town.BAYS[1]
    world.go(1, Route([bay, (bay[0] + 4.0, bay[1])]))
    world.wait_standing(1, 20)
    assert distance_m(world.trucks[1].at, (bay[0] + 4.0, bay[1])) < 0.01


def test_waiting_too_long_says_for_what(world: World) -> None:
    world.start()
    world.go(0, town.to_dock(0))
    with pytest.raises(TimeoutError, match="truck 1 still drives"):
        world.wait_standing(0, 0.2)


def test_stopping_the_world_frees_who_waits(world: World) -> None:
    world.start()
    world.go(0, town.to_dock(0))
    world.stop()
    with pytest.raises(InterruptedError):
        world.wait_standing(0, 5)
