"""The network goes and comes: records pile up on the device and arrive in order."""

import pytest

pytestmark = [pytest.mark.feature("network"), pytest.mark.feature("gnss"), pytest.mark.feature("link")]


@pytest.mark.parametrize("mode", ["blackhole", "reset"])
def test_what_piled_up_during_a_cut_arrives_in_order(board, device, journey, backend_ack, mode):
    device("tracker").first_acknowledged()
    journey.drive(0, 5)
    backend_ack.wait(lambda: len(journey.seconds(backend_ack)) >= 3)
    board.link.cut(mode)
    before = len(journey.seconds(backend_ack))
    journey.drive(5, 30)
    assert len(journey.seconds(backend_ack)) <= before + 2, "the cut does not cut"
    board.link.restore()
    journey.drive(35, 5)
    backend_ack.wait(lambda: max(journey.seconds(backend_ack), default=0) >= 38, 40)
    backend_ack.wait(lambda: set(range(1, 39)) <= set(journey.seconds(backend_ack)))
    got = journey.seconds(backend_ack)
    assert got == sorted(got)
    assert len(got) == len(set(got))
    backend_ack.assert_complete()


def test_a_broker_that_dies_in_the_middle_costs_nothing(board, device, journey, broker, backend_ack):
    device("tracker").first_acknowledged()
    journey.drive(0, 5)
    broker.crash()
    journey.drive(5, 15)
    backend_ack.wait(lambda: set(range(1, 19)) <= set(journey.seconds(backend_ack)), 40)
    got = journey.seconds(backend_ack)
    assert len(got) == len(set(got))
    backend_ack.assert_complete()
