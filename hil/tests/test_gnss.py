"""NMEA goes in at the UART, fixes come out of the broker; garbage on the wire costs nothing but itself."""

import random

import pytest

from milepost_device import wire
from milepost_hil.bench import sensors

pytestmark = [pytest.mark.feature("network"), pytest.mark.feature("gnss")]


def test_sentences_become_fixes_at_the_broker(board, device, journey, backend_ack):
    device("tracker").started()
    said = journey.drive(0, 20)
    backend_ack.wait(lambda: len(journey.fixes(backend_ack)) >= 18)
    got = journey.fixes(backend_ack)
    assert set(got) <= set(said), "a fix that no sentence said"
    assert got == sorted(set(got))
    assert all(f.clock == wire.CLOCK_GNSS for f in backend_ack.of(wire.Fix))
    backend_ack.assert_complete()


@pytest.mark.parametrize("seed", range(3))
def test_garbage_half_lines_and_torn_sentences_bring_no_fix_and_stop_none(
    board, device, gnss, journey, backend_ack, seed
):
    device("tracker").started()
    noise = random.Random(seed)
    said = journey.drive(0, 5)
    for _ in range(20):
        whole = sensors.fix(journey.start_s + 500, 10_000_000, 10_000_000)
        cut = noise.randrange(1, 60)
        gnss.write(noise.randbytes(noise.randrange(1, 400)).replace(b"\n", b""))
        gnss.write(whole[:cut] + b"\r\n")
        gnss.write(whole.replace(b"1000.000000,N", b"1001.000000,N"))  # wrong checksums
    gnss.write(b"$" + b"G" * 3000)
    gnss.write(b"\r\n")
    said += journey.drive(5, 10)
    backend_ack.wait(lambda: len(set(journey.fixes(backend_ack)) & set(said[5:])) >= 8)
    assert set(journey.fixes(backend_ack)) <= set(said)
    assert all(f.lat_e6 > 11_000_000 for f in backend_ack.of(wire.Fix))
    assert b"Traceback" not in board.console.text


def test_silence_does_not_stop_the_device(board, device, journey, backend_ack):
    """Nothing on the UART: the boot event still arrives."""
    device("tracker").first_acknowledged()
    assert journey.fixes(backend_ack) == []
