"""The short way to read a usual batch says what the codec of the wire says, or nothing."""

import struct
from binascii import crc32
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost.ingest import decode, usual
from milepost.ingest.model import SpoolItem
from milepost_device import wire

from .conftest import STREAM, T0

RECEIVED = (wire.EPOCH + T0) * 1000 + 50
VALUES = ("alt_m", "speed_dmps", "course_2deg", "sats", "hdop_d")


def packed(records: Sequence[wire.Record], first: int = 1) -> bytes:
    writer = wire.BatchWriter(1 << 16)
    writer.begin(STREAM, first, 1, 1, 0)
    assert all(writer.add(each) for each in records)
    return bytes(writer.finish())


def by_codec(payload: bytes, monkeypatch: pytest.MonkeyPatch) -> tuple[list, bool]:
    with monkeypatch.context() as patch:
        patch.setattr(usual, "fixes", lambda *_: None)
        looked = decode._looked_at(SpoolItem(1, "truck-1", "up", RECEIVED, payload))
    return list(looked.readings), looked.plain


def same(payload: bytes) -> bool:
    """Whether the short way was taken; fails where it says anything else than the codec."""
    short = usual.fixes("truck-1", payload, RECEIVED)
    if short is not None:
        with pytest.MonkeyPatch.context() as patch:
            assert (list(short), True) == by_codec(payload, patch)
        north, east = (
            max((abs(b - a) for a, b in pairwise(column)), default=0) for column in (short.lat_e6, short.lon_e6)
        )
        assert short.steps == (all(a < b for a, b in pairwise(short.at)), north + east)
    return short is not None


@st.composite
def drives(draw: st.DrawFn) -> list[wire.Fix]:
    """Fixes that mostly follow from one another, as a receiver gives them, with everything that may be odd."""
    odd = draw(st.booleans())
    lat, lon = draw(st.integers(-90_000_000, 90_000_000)), draw(st.integers(-180_000_000, 180_000_000))
    t, speed = T0 + draw(st.integers(0, 1_000)), draw(st.integers(0, 300))
    found = []
    for _ in range(draw(st.integers(0, 8))):
        t += draw(st.sampled_from([1, 1, 1, 2, 30, 61, 4_000, 0, -5]))
        lat = min(90_000_000, max(-90_000_000, lat + draw(st.sampled_from([0, 80, -77, 300, -40_000, 2_000_000]))))
        lon = min(180_000_000, max(-180_000_000, lon + draw(st.sampled_from([0, 0, 81, -75, 40_000, -3_000_000]))))
        speed = min(20_000, max(0, speed + draw(st.sampled_from([0, 1, -9, 8, 100, -4_000, 19_000]))))
        fix = wire.Fix(
            t=t, ms=draw(st.sampled_from([0, 0, 0, 100, 999])), lat_e6=lat, lon_e6=lon,
            alt_m=draw(st.sampled_from([12, 13, 20, -400, 9_000])), speed_dmps=speed,
            course_2deg=draw(st.integers(0, 179)), sats=draw(st.sampled_from([0, 9, 10, 40])),
            hdop_d=draw(st.sampled_from([9, 10, 999])),
        )  # fmt: skip
        if odd:
            for name in draw(st.sets(st.sampled_from(VALUES))):
                setattr(fix, name, None)
            if draw(st.integers(0, 9)) == 0:
                fix.lat_e6 = fix.lon_e6 = None
            fix.clock = draw(st.sampled_from([wire.CLOCK_GNSS] * 8 + [wire.CLOCK_RTC]))
            fix.source = draw(st.sampled_from([0] * 8 + [2]))
            fix.extra = draw(st.sampled_from([b""] * 9 + [b"\x01\x05"]))
        found.append(fix)
    return found


@given(drives())
def test_any_drive_gives_what_the_codec_gives(fixes: list[wire.Fix]) -> None:
    same(packed(fixes))


@pytest.mark.parametrize(
    "later_ms",
    [(1000, 1000), (0, 1000), (1000, 0), (1000, 1000, 0), (0, 0), (900, 1000), (-400, 900), (1000, 100, 100, -100)],
)
@pytest.mark.parametrize("step", [(80, 60), (-80, 60), (80, -60), (-80, -60), (0, 9), (0, 0)])
def test_the_steps_of_a_drive_are_known_as_it_is_read(later_ms: tuple[int, ...], step: tuple[int, int]) -> None:
    ms, lat, lon, fixes = 500, 31_000_000, 121_000_000, []
    for n, later in enumerate((0, *later_ms)):
        ms, lat, lon = ms + later, lat + n * step[0], lon + n * step[1]
        fixes.append(wire.Fix(t=T0 + ms // 1000, ms=ms % 1000, lat_e6=lat, lon_e6=lon, alt_m=4, speed_dmps=9,
                              course_2deg=1, sats=9, hdop_d=9))  # fmt: skip
    assert same(packed(fixes))


@given(drives(), st.data())
def test_any_damage_gives_what_the_codec_gives(fixes: list[wire.Fix], data: st.DataObject) -> None:
    payload = bytearray(packed(fixes))[:-4]
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(2, len(payload) - 1))
        payload[at] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        payload += data.draw(st.binary(max_size=6))
    else:
        del payload[data.draw(st.integers(26, len(payload) + 26)) :]
    same(bytes(payload) + struct.pack("<I", crc32(payload)))


@given(st.integers(0, 60), st.binary(max_size=400))
def test_any_bytes_give_what_the_codec_gives(count: int, body: bytes) -> None:
    payload = struct.pack("<BBHIIIHI", 0x4D, 1, count, STREAM, 1, 1, 1, 0) + body
    same(payload + struct.pack("<I", crc32(payload)))


def drive(count: int = 20) -> list[wire.Fix]:
    return [
        wire.Fix(t=T0 + n, lat_e6=31_000_000 + 80 * n, lon_e6=121_000_000 - n * n, alt_m=12 + n % 2,
                 speed_dmps=110 + n % 5, course_2deg=178 + n // 9 if n < 18 else 0, sats=9 + n % 2, hdop_d=9)
        for n in range(count)
    ]  # fmt: skip


def test_a_drive_takes_the_short_way() -> None:
    assert same(packed(drive()))
    assert same(packed(drive(1)))
    assert same(packed([]))


@pytest.mark.parametrize(
    "odd",
    [
        wire.Health(t=T0, values=[(1, 3)]),
        wire.Event(t=T0, code=wire.EV_BOOT),
        wire.Fix(t=3, clock=wire.CLOCK_NONE, lat_e6=1, lon_e6=1),
        wire.Fix(t=T0 + 20, clock=wire.CLOCK_NTP, lat_e6=31_000_000, lon_e6=121_000_000),
        wire.Fix(t=T0 + 20, source=2, lat_e6=31_000_000, lon_e6=121_000_000),
        wire.Fix(t=T0 + 20),
        wire.Fix(t=T0 + 20, lat_e6=31_000_000, lon_e6=121_000_000, extra=b"\x01\x05"),
    ],
    ids=["health", "event", "no clock", "another clock", "source", "no place", "appended"],
)
def test_what_is_not_usual_is_left_to_the_codec(odd: wire.Record) -> None:
    assert not same(packed([*drive(), odd, *drive()]))


@pytest.mark.parametrize("names", [("lat_e6", "lon_e6"), *((each,) for each in VALUES)], ids=str)
def test_a_value_that_is_lost_on_the_way_is_left_to_the_codec(names: tuple[str, ...]) -> None:
    lost = drive()
    for name in names:
        setattr(lost[5], name, None)  # all else is known, as before
    assert not same(packed(lost))


@pytest.mark.parametrize("crawl", range(3, 8))  # a step is stretched by the speed from a mean of 5 dm/s on
def test_a_crawl_is_stretched_as_the_codec_stretches_it(crawl: int) -> None:
    fixes = [
        wire.Fix(t=T0 + n, lat_e6=31_000_000 + 7 * n * n, lon_e6=121_000_000 - 900 * n, speed_dmps=crawl + n // 2)
        for n in range(6)
    ]
    assert same(packed(fixes))


def test_a_torn_batch_and_one_of_another_version_are_left_to_the_codec() -> None:
    payload = packed(drive())
    assert usual.fixes("truck-1", payload[:-1], RECEIVED) is None
    other = bytes([payload[0], 2]) + payload[2:-4]
    assert usual.fixes("truck-1", other + struct.pack("<I", crc32(other)), RECEIVED) is None
