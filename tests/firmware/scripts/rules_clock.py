"""Clock, ticks, epochs, SNTP."""

import random
import time

import rules

from milepost_device import wire
from milepost_device.clock import Clock, seconds_since_2020, sntp_time, uptime_step

MASK = 0x3FFFFFFF  # an ESP32's ticks


class Ticks:
    def __init__(self, now):
        self.now = now

    def __call__(self):
        return self.now & MASK


def test_D01_both_epochs_give_the_same_time():
    # 2024-01-28 15:30 UTC: 1706455800 on a port that counts from 1970, 759771000 on one that counts from 2000
    assert seconds_since_2020(1706455800, 1970) == seconds_since_2020(759771000, 2000) == 1706455800 - wire.EPOCH
    epoch = time.gmtime(0)[0]
    here = seconds_since_2020(time.mktime((2024, 1, 28, 15, 30, 0, 0, 0)), epoch)
    assert here == 1706455800 - wire.EPOCH


def test_step_over_the_wrap_of_the_ticks():
    assert uptime_step(5, MASK - 4, MASK) == 10
    assert uptime_step(0, 0, MASK) == 0
    for _ in range(1000):
        start = random.getrandbits(30)
        step = random.getrandbits(29)
        assert uptime_step((start + step) & MASK, start, MASK) == step


def test_uptime_goes_on_over_the_wrap():
    ticks = Ticks(MASK - 1500)
    clock = Clock(3, ticks, MASK)
    total = 0
    for step in (1, 999, 1000, 1, 250000000, 500000000, 600000000):
        ticks.now += step
        total += step
        assert clock.uptime_ms == total
        assert clock.uptime_s == total // 1000


def test_without_true_time_records_carry_boot_and_uptime():
    ticks = Ticks(100)
    clock = Clock(7, ticks, MASK)
    ticks.now += 12345
    clock.stamp(345)
    assert (clock.t, clock.ms, clock.clock) == (7, 12000, wire.CLOCK_NONE)
    clock.stamp(99999)
    assert clock.ms == 0


def test_without_true_time_uptime_wraps_after_12_days_and_still_fits_the_wire():
    ticks = Ticks(0)
    clock = Clock(7, ticks, MASK)
    for _ in range(3):
        ticks.now += 500000000
        clock.stamp()
    assert clock.ms == 1500000000 - (1 << 30)
    wire.encode_record(wire.Event(t=clock.t, ms=clock.ms, clock=clock.clock, code=wire.EV_BOOT))


def test_set_time_runs_on_and_looks_back():
    for _ in range(500):
        ticks = Ticks(random.getrandbits(30))
        clock = Clock(1, ticks, MASK)
        ticks.now += random.getrandbits(20)
        assert clock.set(200000000, 999, wire.CLOCK_GNSS)
        step = random.getrandbits(24)
        ago = random.getrandbits(16)
        ticks.now += step
        clock.stamp(ago)
        total = 200000000 * 1000 + 999 + step - ago
        assert (clock.t, clock.ms) == (total // 1000, total % 1000)
        assert clock.clock == wire.CLOCK_GNSS


def test_only_a_first_time_or_a_step_is_news():
    ticks = Ticks(0)
    clock = Clock(1, ticks, MASK)
    assert clock.set(1000, 0, wire.CLOCK_NTP)
    ticks.now += 1000
    assert not clock.set(1001, 300, wire.CLOCK_NTP)
    assert clock.set(1004, 0, wire.CLOCK_NTP)
    assert clock.set(2, 0, wire.CLOCK_NTP)
    assert not clock.set(3, 0, wire.CLOCK_GNSS)
    assert clock.quality == wire.CLOCK_GNSS


def test_a_worse_source_does_not_move_the_clock():
    clock = Clock(1, Ticks(0), MASK)
    clock.set(1000, 0, wire.CLOCK_GNSS)
    assert not clock.set(5000, 0, wire.CLOCK_NTP)
    assert not clock.set(5000, 0, wire.CLOCK_NONE)
    clock.stamp()
    assert clock.t == 1000


def test_sntp_answers():
    good = bytearray(48)
    good[0] = 0x24
    good[1] = 2
    good[40:48] = (3786825600 + 7).to_bytes(4, "big") + b"\x80\x00\x00\x00"
    assert sntp_time(good) == (7, 500)
    era = bytearray(good)
    era[40:44] = (5).to_bytes(4, "big")  # February 2036, era 1
    assert sntp_time(era) == ((1 << 32) + 5 - 3786825600, 500)
    for change in ((0, 0x23), (0, 0xE4), (1, 0), (1, 16)):
        bad = bytearray(good)
        bad[change[0]] = change[1]
        try:
            sntp_time(bad)
        except ValueError:
            continue
        raise AssertionError(change)
    try:
        sntp_time(good[:47])
        raise AssertionError
    except ValueError:
        pass


rules.main(globals())
