"""The network goes and comes: records pile up on the device and arrive in order."""

import pytest

from milepost_device import wire
from milepost_hil.bench import sensors

pytestmark = [pytest.mark.feature("network"), pytest.mark.feature("gnss"), pytest.mark.feature("link")]


def times(backend):
    return [f.t + wire.EPOCH - sensors.DRIVE_START for f in backend.of(wire.Fix)]


@pytest.mark.parametrize("mode", ["blackhole", "reset"])
def test_what_piled_up_during_a_cut_arrives_in_order(board, device, gnss, backend_ack, mode):
    device("tracker").first_acknowledged()
    sensors.drive(gnss, 0, 5)
    backend_ack.wait(lambda: len(times(backend_ack)) >= 3)
    board.link.cut(mode)
    before = len(times(backend_ack))
    sensors.drive(gnss, 5, 30)
    assert len(times(backend_ack)) <= before + 2, "the cut does not cut"
    board.link.restore()
    sensors.drive(gnss, 35, 5)
    backend_ack.wait(lambda: max(times(backend_ack), default=0) >= 38, 40)
    backend_ack.wait(lambda: set(range(1, 39)) <= set(times(backend_ack)))
    got = times(backend_ack)
    assert got == sorted(got)
    assert len(got) == len(set(got))
    backend_ack.assert_complete()


def test_a_broker_that_dies_in_the_middle_costs_nothing(board, device, gnss, broker, backend_ack):
    device("tracker").first_acknowledged()
    sensors.drive(gnss, 0, 5)
    broker.crash()
    sensors.drive(gnss, 5, 15)
    backend_ack.wait(lambda: set(range(1, 19)) <= set(times(backend_ack)), 40)
    got = times(backend_ack)
    assert len(got) == len(set(got))
    backend_ack.assert_complete()
