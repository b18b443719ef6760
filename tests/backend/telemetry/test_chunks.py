"""Fixes as compressed columns: what comes out is what went in, and what is broken is noticed."""

import contextlib
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost.telemetry import chunks
from milepost.telemetry.model import FixBody, Judged, Reading
from milepost.telemetry.rows import ROW, judged_of, merged, pack, rows_of

T0 = 1_777_800_000_000
_small = st.integers(-(2**31) + 1, 2**31 - 1)
_floats = st.one_of(
    st.none(),
    st.floats(allow_nan=False, allow_infinity=False, width=64, min_value=-1e300, max_value=1e300),
    st.integers(-9000, 9000).map(lambda tenths: tenths / 10),
)
_bodies = st.builds(
    FixBody,
    lat=st.integers(-90_000_000, 90_000_000).map(lambda e6: e6 / 1e6),
    lon=st.integers(-180_000_000, 180_000_000).map(lambda e6: e6 / 1e6),
    alt_m=_floats,
    speed_mps=_floats,
    course_deg=_floats,
    sats=st.one_of(st.none(), _small),
    hdop=_floats,
    source=st.integers(0, 255),
)
_readings = st.builds(
    Reading,
    device=st.just("d"),
    stream=st.integers(1, 2**30 - 1),
    seq=st.integers(1, 2**30 - 1),
    kind=st.just("fix"),
    at=st.integers(-(2**40), 2**50),
    clock=st.sampled_from(("none", "rtc", "ntp", "gnss")),
    received_at=st.integers(0, 2**50),
    body=_bodies,
)
_lists = st.lists(st.builds(Judged, _readings, st.sampled_from((None, "spike", "range"))), min_size=1, max_size=40)
REASONS = [None, "spike", "range"]


def rows(judged: list[Judged]) -> np.ndarray:
    return rows_of(b"".join(pack(each.reading, REASONS.index(each.reason)) for each in judged))


def same(one: np.ndarray, other: np.ndarray) -> bool:
    return one.tobytes() == other.tobytes() or judged_of("d", one, REASONS) == judged_of("d", other, REASONS)


@given(_lists)
def test_any_fixes_come_back_from_columns_and_from_rows(judged: list[Judged]) -> None:
    made = rows(judged)
    assert judged_of("d", made, REASONS) == judged
    assert judged_of("d", chunks.unfold(chunks.fold(made)), REASONS) == judged
    assert judged_of("d", chunks.unfold(chunks.from_packed(made.tobytes())), REASONS) == judged


@given(_lists, st.lists(st.sampled_from(ROW.names or ()), min_size=1, unique=True))
def test_some_columns_are_the_same_as_those_of_all(judged: list[Judged], names: list[str]) -> None:
    body = chunks.fold(rows(judged))
    whole, some = chunks.unfold(body), chunks.columns_of(body, names)
    assert set(some) == set(names)
    for name in names:
        np.testing.assert_array_equal(some[name], whole[name])


def drive(seconds: int) -> np.ndarray:
    rng = np.random.default_rng(5)
    made = np.zeros(seconds, ROW)
    made["at"] = T0 + np.arange(seconds) * 1000
    made["received_at"] = T0 + (np.arange(seconds) // 60 + 1) * 60_000
    made["stream"], made["seq"], made["clock"] = 77, np.arange(seconds) + 1, 3
    made["lat_e6"] = 31_230_000 + np.cumsum(rng.normal(90, 20, seconds))
    made["lon_e6"] = 121_470_000 + np.cumsum(rng.normal(50, 20, seconds))
    made["speed_mps"] = np.rint(rng.normal(150, 10, seconds)) / 10
    made["course_deg"], made["hdop"], made["sats"], made["alt_m"] = 30.0, 0.9, 11, 6.0
    return made


def test_a_drive_at_1_hz_takes_less_than_six_bytes_a_fix() -> None:
    body = chunks.fold(drive(3600))
    assert len(body) < 6 * 3600
    assert same(chunks.unfold(body), drive(3600))


@pytest.mark.parametrize("form", ["columns", "rows"])
def test_every_changed_bit_is_noticed(form: str) -> None:
    made = drive(30)
    body = chunks.fold(made) if form == "columns" else chunks.from_packed(made.tobytes())
    for place in range(len(body)):
        broken = bytearray(body)
        broken[place] ^= 1 << (place % 8)
        with pytest.raises(chunks.Damaged):
            chunks.unfold(bytes(broken))


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_with_damaged(noise: bytes) -> None:
    with pytest.raises(chunks.Damaged):
        chunks.unfold(noise)


@given(st.binary(max_size=120), st.integers(0, 50))
def test_any_columns_under_a_good_checksum_are_decoded_or_refused(noise: bytes, number: int) -> None:
    body = chunks._sealed(1, number, noise)  # a decoder must stand what a checksum does not see
    with contextlib.suppress(chunks.Damaged):
        assert len(chunks.unfold(body)) == number


def test_I03_what_is_no_number_is_unknown() -> None:
    odd = FixBody(math.nan, math.inf, math.inf, math.nan, -math.inf, 2**63, 1e400, 0)
    (back,) = judged_of("d", rows([Judged(Reading("d", 1, 1, "fix", T0, "gnss", T0, odd))]), REASONS)
    body = back.reading.body
    assert isinstance(body, FixBody)
    assert math.isnan(body.lat)
    assert math.isnan(body.lon)
    assert (body.alt_m, body.speed_mps, body.course_deg, body.sats, body.hdop) == (None,) * 5


@given(st.lists(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9), st.integers(0, 99)), max_size=6), max_size=5))
def test_of_several_versions_the_last_part_wins(parts: list[list[tuple[int, int, int]]]) -> None:
    arrays, newest = [], {}
    for part in parts:
        unique = {seq: (at, speed) for seq, at, speed in part}
        newest.update(unique)
        readings = [
            Judged(Reading("d", 1, seq, "fix", at, "gnss", 0, FixBody(1.0, 2.0, speed_mps=float(speed))))
            for seq, (at, speed) in unique.items()
        ]
        arrays.append(rows(readings))
    found = merged(arrays)
    expected = sorted((at, seq, float(speed)) for seq, (at, speed) in newest.items())
    assert [(int(row["at"]), int(row["seq"]), float(row["speed_mps"])) for row in found] == expected
