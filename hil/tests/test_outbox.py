"""What the device has accepted survives resets and power cuts: none lost, none doubled."""

import time

import pytest

from milepost_device import wire

pytestmark = [pytest.mark.feature("network"), pytest.mark.feature("gnss"), pytest.mark.feature("link")]


def settle():
    """Gives the device a moment to write its last reading to flash (it holds none back longer than 1 s)."""
    time.sleep(1.2)


def test_readings_taken_without_a_backend_arrive_after_a_reset(board, device, journey, backend_ack):
    app = device("tracker")
    app.first_acknowledged()
    backend_ack.acking = False
    journey.drive(0, 15)
    settle()
    board.reset()
    backend_ack.acking = True
    app.started()
    backend_ack.wait(lambda: set(range(1, 14)) <= set(journey.seconds(backend_ack)))
    got = journey.seconds(backend_ack)
    assert len(got) == len(set(got)), "a reading became two records"
    backend_ack.assert_complete()


@pytest.mark.feature("power")
def test_readings_survive_power_cuts_at_any_moment(board, device, journey, backend_ack):
    """Three cuts in the middle of a drive; each reading the outbox had on flash arrives exactly once."""
    app = device("tracker")
    app.first_acknowledged()
    board.link.cut("blackhole")
    n = 0
    for round_ in range(3):
        journey.drive(n, 12)
        n += 12
        if round_ == 1:
            settle()
        board.power_off()
        board.power_on()
        app.started()
    board.link.restore()
    journey.drive(n, 3)
    backend_ack.wait(lambda: max(journey.seconds(backend_ack), default=0) >= n + 1, 40)
    got = journey.seconds(backend_ack)
    assert len(got) == len(set(got)), "a reading became two records"
    assert set(range(13, 23)) <= set(got), "readings of the round that had settled are lost"
    backend_ack.assert_complete()
    boots = [e for e in backend_ack.of(wire.Event) if e.code == wire.EV_BOOT]
    assert len(boots) >= 4
    assert len(backend_ack.streams) == 1, "the outbox was formatted anew"
