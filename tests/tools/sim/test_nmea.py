"""The simulated receiver's sentences, read back by the firmware's own parser."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost_tools.sim import nmea
from milepost_tools.sim.geo import Ground
from milepost_tools.sim.gnss import Receiver, Seen

_any_seen = st.builds(
    Seen,
    lat_deg=st.floats(-89.99, 89.99),
    lon_deg=st.floats(-179.99, 179.99),
    alt_m=st.floats(-100, 5000),
    speed_mps=st.floats(0, 60),
    course_deg=st.none() | st.floats(0, 359.99),
    sats=st.integers(4, 24),
    hdop=st.floats(0.5, 9.9),
)
_NOON_MS = 1_780_000_000_000


def test_a_known_sentence_has_its_known_checksum() -> None:
    # The example every receiver manual prints.
    body = "GPGLL,4916.45,N,12311.12,W,225444,A"
    assert nmea.sentence(body) == b"$GPGLL,4916.45,N,12311.12,W,225444,A*31\r\n"


@given(_any_seen, st.integers(0, 4_000_000_000_000))
def test_any_epoch_is_two_whole_sentences(seen: Seen, utc_ms: int) -> None:
    lines = nmea.epoch(utc_ms, seen).split(b"\r\n")
    assert len(lines) == 3
    assert lines[2] == b""
    for line, name in zip(lines[:2], (b"$GNRMC,", b"$GNGGA,"), strict=True):
        assert line.startswith(name)
        assert len(line) <= 80  # NMEA 0183: 82 characters with CR LF
        body, _, check = line[1:].partition(b"*")
        computed = 0
        for byte in body:
            computed ^= byte
        assert int(check, 16) == computed


@given(st.floats(-89.9999999, 89.9999999))
def test_minutes_never_reach_sixty(lat_deg: float) -> None:
    seen = Seen(lat_deg, 0.0, 0.0, 0.0, None, 10, 1.0)
    field = nmea.epoch(_NOON_MS, seen).split(b",")[3]
    assert float(field[2:]) < 60
    assert int(field[:2]) + float(field[2:]) / 60 == pytest.approx(abs(lat_deg), abs=1e-7)


def test_without_a_fix_the_receiver_says_so() -> None:
    rmc, gga, _ = nmea.epoch(_NOON_MS, None).split(b"\r\n")
    assert rmc.split(b",")[2] == b"V"
    assert gga.split(b",")[6] == b"0"


def test_a_standing_receiver_wanders_by_metres_not_by_streets() -> None:
    ground = Ground(31.0, 121.0)
    receiver = Receiver(ground, seed=3)
    seen = [receiver.see((0.0, 0.0), 0.0, 90.0) for _ in range(600)]
    north_m = [(epoch.lat_deg - 31.0) * 110_574 for epoch in seen]
    assert max(map(abs, north_m)) < 8
    assert max(north_m) - min(north_m) > 0.5
    assert all(epoch.course_deg is None and epoch.speed_mps < 0.3 for epoch in seen)
