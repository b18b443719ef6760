"""NMEA goes in at the UART, fixes come out of the broker; garbage on the wire costs nothing but itself."""

import random
import time

import pytest
from milepost_device import wire

from milepost_hil.bench import sensors

pytestmark = [pytest.mark.feature("network"), pytest.mark.feature("gnss")]

START = 1772600000  # 2026-03-04 04:53:20 UTC
LAT, LON = 41_700_000, 123_400_000


def drive(gnss, count, first=0):
    """A truck that goes east by 1e-3 degrees a second; returns what was said as (t, lat_e6, lon_e6)."""
    said = []
    for i in range(first, first + count):
        lat, lon = LAT + i, LON + 1000 * i
        gnss.write(sensors.fix(START + i, lat, lon, speed_kn=100.0))
        said.append((START + i - wire.EPOCH, lat, lon))
        time.sleep(0.05)
    return said


def fixes(backend):
    return [(f.t, f.lat_e6, f.lon_e6) for f in backend.of(wire.Fix)]


def test_sentences_become_fixes_at_the_broker(board, device, gnss, backend_ack):
    device("tracker").started()
    said = drive(gnss, 20)
    backend_ack.wait(lambda: len(fixes(backend_ack)) >= 18)
    got = fixes(backend_ack)
    assert set(got) <= set(said), "a fix that no sentence said"
    assert got == sorted(got)
    assert all(f.clock == wire.CLOCK_GNSS for f in backend_ack.of(wire.Fix))
    backend_ack.assert_complete()


@pytest.mark.parametrize("seed", range(3))
def test_garbage_half_lines_and_torn_sentences_bring_no_fix_and_stop_none(board, device, gnss, backend_ack, seed):
    device("tracker").started()
    noise = random.Random(seed)
    said = drive(gnss, 5)
    for _ in range(20):
        whole = sensors.fix(START + 1000, 10_000_000, 10_000_000)
        cut = noise.randrange(1, 60)
        gnss.write(noise.randbytes(noise.randrange(1, 400)).replace(b"\n", b""))
        gnss.write(whole[:cut] + b"\r\n")
        gnss.write(whole.replace(b"A,10", b"A,11"))  # a wrong checksum
    gnss.write(b"$" + b"G" * 3000)
    gnss.write(b"\r\n")
    said += drive(gnss, 10, first=5)
    backend_ack.wait(lambda: len(set(fixes(backend_ack)) & set(said[5:])) >= 8)
    assert set(fixes(backend_ack)) <= set(said)
    assert b"Traceback" not in board.console.text


def test_silence_does_not_stop_the_device(board, device, gnss, backend_ack):
    """Nothing on the UART: the boot event still arrives."""
    device("tracker").first_acknowledged()
    assert fixes(backend_ack) == []
