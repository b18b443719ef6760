"""Records without a clock get their place; what cannot be read goes to the dead letters."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost.ingest import dead_letters
from milepost.ingest.decode import encode_placed, readings
from milepost.ingest.model import SpoolItem
from milepost.ingest.placing import WAIT_MS, ClockStep, Held, by_age, by_step
from milepost.ingest.screen import Screen
from milepost.ingest.spool import Message, Spool
from milepost.telemetry.model import Reading
from milepost_device import wire

from .conftest import STREAM, T0, batch

NOW = (wire.EPOCH + T0) * 1000


def gate(boot: int, uptime_ms: int) -> wire.Gate:
    return wire.Gate(t=boot, ms=uptime_ms, clock=wire.CLOCK_NONE, gate=0, state=1)


def step(boot: int, uptime_ms: int, second: int = 0) -> wire.Event:
    args = {"boot": boot, "uptime_ms": uptime_ms}
    return wire.Event(t=T0 + second, clock=wire.CLOCK_NTP, code=wire.EV_CLOCK_STEP, args=args)


class House:
    """A spool, its screen, and a clock to turn."""

    def __init__(self, spool: Spool) -> None:
        self.spool = spool
        self.now = NOW
        self.screen = Screen(spool, lambda: self.now)

    def send(self, records: Sequence, first: int, boot: int = 1, uptime: int = 0) -> None:
        self.spool.append([Message("reader-1", "up", self.now, batch(records, first, 1, STREAM, boot, uptime))])
        self.run()

    def run(self) -> None:
        while items := self.spool.after(self.screen.position()):
            self.screen.handle(items)
        self.screen.tick()

    def placed(self) -> dict[int, Reading]:
        return {each.seq: each for item in self.spool.after(0, 10_000) for each in readings(item)}


@pytest.fixture
def house(spool: Spool) -> House:
    return House(spool)


def test_records_before_the_clock_are_placed_by_its_step(house: House) -> None:
    house.send([gate(4, 1_000), gate(4, 2_500)], first=1, boot=4)
    assert house.placed() == {}
    house.send([step(4, 10_000)], first=3, boot=4)
    placed = house.placed()
    assert [placed[seq].at - NOW for seq in (1, 2)] == [-9_000, -7_500]
    assert {placed[seq].clock for seq in (1, 2)} == {"ntp"}
    house.send([gate(4, 3_000)], first=4, boot=4)  # late, but of the same boot
    assert house.placed()[4].at - NOW == -7_000


def test_the_step_of_another_boot_places_nothing(house: House) -> None:
    house.send([gate(4, 1_000)], first=1, boot=4)
    house.send([step(5, 1_000)], first=2, boot=5)
    assert set(house.placed()) == {2}


def test_without_a_step_they_stand_at_receipt_less_age_after_ten_minutes_and_say_so(house: House) -> None:
    house.send([gate(4, 60_000), gate(4, 90_000)], first=1, boot=4, uptime=100_000)
    house.now += WAIT_MS - 1
    house.run()
    assert house.placed() == {}
    house.now += 1
    house.run()
    placed = house.placed()
    assert [placed[seq].at - NOW for seq in (1, 2)] == [-40_000, -10_000]
    assert {each.clock for each in placed.values()} == {"none"}
    assert {each.received_at for each in placed.values()} == {NOW}


def test_records_of_an_earlier_boot_stand_before_the_boot_that_sent_them(house: House) -> None:
    house.send([gate(3, 5_000), gate(3, 8_000), gate(4, 1_000)], first=1, boot=4, uptime=20_000)
    house.now += WAIT_MS
    house.run()
    placed = house.placed()
    assert [placed[seq].at - NOW for seq in (1, 2, 3)] == [-23_000, -20_000, -19_000]


def test_waiting_records_and_steps_outlive_a_restart(tmp_path: Path) -> None:
    first = House(Spool(tmp_path / "s.db"))
    first.send([gate(4, 1_000)], first=1, boot=4)
    first.send([step(5, 500)], first=2, boot=5)
    first.spool.close()
    second = House(Spool(tmp_path / "s.db"))
    second.send([step(4, 10_000), gate(5, 700)], first=3, boot=5)
    placed = second.placed()
    assert (placed[1].at - NOW, placed[4].at - NOW) == (-9_000, 200)
    second.spool.close()


def test_each_is_placed_once_however_often_its_batch_comes(house: House) -> None:
    for _ in range(3):
        house.send([gate(4, 1_000), gate(4, 2_000)], first=1, boot=4)
    for _ in range(3):
        house.send([step(4, 10_000)], first=3, boot=4)
    every = [each.seq for item in house.spool.after(0) for each in readings(item)]
    assert sorted(every) == [1, 2, 3]


def test_a_day_without_a_clock_comes_back_in_pieces(house: House) -> None:
    for n in range(30):
        house.send([gate(4, n * 50_000 + i * 1000) for i in range(50)], first=n * 50 + 1, boot=4)
    house.send([step(4, 2_000_000)], first=1501, boot=4)
    assert sorted(house.placed()) == list(range(1, 1502))
    assert max(len(item.payload) for item in house.spool.after(0, 10_000)) < 20_000


def test_a_batch_that_cannot_be_read_is_a_dead_letter_and_runs_again_once_it_can(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.send([wire.Unknown(77, b"new"), wire.Gate(t=T0, gate=0, state=1)], first=1)
    (letter,) = dead_letters.listed(house.spool.connection())
    assert (letter.reason, letter.state) == ("kind", "open")
    assert set(house.placed()) == {2}


def test_the_position_moves_with_the_effect(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.send([gate(4, 1_000)], first=1, boot=4)
    before = house.screen.position()
    monkeypatch.setattr("milepost.ingest.screen.put_items", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        house.send([step(4, 10_000)], first=2, boot=4)
    assert house.screen.position() == before
    monkeypatch.undo()
    house.run()
    assert set(house.placed()) == {1, 2}


@given(st.integers(0, 2**30 - 1), st.integers(-(2**29) + 1, 2**29 - 1))
def test_a_step_places_any_uptime_also_over_the_wrap(uptime: int, apart: int) -> None:
    clock = ClockStep(1, NOW, uptime, "gnss")
    assert by_step(clock, (uptime + apart) % 2**30) == NOW + apart


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 10**8)), min_size=1, max_size=20))
def test_estimates_keep_the_order_of_a_boot_and_never_lie_after_receipt(entries: list) -> None:
    for boot in {boot for boot, _ in entries}:
        held = [Held(1, n, b, uptime, 3, 10**8, NOW, b"") for n, (b, uptime) in enumerate(entries) if b == boot]
        times = by_age(held)
        assert all(at <= NOW for at in times)
        by_uptime = sorted(zip((each.uptime_ms for each in held), times, strict=True))
        assert [at for _, at in by_uptime] == sorted(times)


@given(st.binary(max_size=300))
def test_any_bytes_give_no_exception_but_readings_or_none(payload: bytes) -> None:
    if payload[:2] == b"P1":
        return  # ours: written by the screen only, a device's payload never gets this far
    assert readings(SpoolItem(1, "d", "up", 1, payload)) == []


@given(st.integers(1, 2**30 - 1), st.integers(0, 2**41), st.sampled_from(["none", "ntp", "gnss"]))
def test_placed_records_come_back_whole(seq: int, at: int, clock: str) -> None:
    record = wire.Gate(t=3, ms=17, clock=wire.CLOCK_NONE, gate=1, state=0, span_ms=9)
    payload = encode_placed([(5, seq, at, clock, NOW, wire.encode_record(record))])
    (found,) = readings(SpoolItem(1, "reader-1", "up", 1, payload))
    assert (found.stream, found.seq, found.at, found.clock, found.received_at) == (5, seq, at, clock, NOW)
    assert (found.body.gate, found.body.interrupted, found.body.span_ms) == ("outer", False, 9)  # pyright: ignore
