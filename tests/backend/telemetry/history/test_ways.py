"""A way as columns: gathered from parts, cut into pieces, turned round the earth; and how much memory that takes."""

import sqlite3
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost.telemetry import chunks, ways
from milepost.telemetry.rows import ROW, TRACK, UNKNOWN, Gathered
from milepost.telemetry.sqlite import SqliteTelemetry
from milepost.telemetry.tracks import track_of
from milepost.telemetry.ways import GAP_MS, Way, gaps, pieces, unwrapped

from .conftest import T0

_HOUR_S = 3_600


def way_of(at: list[int], lon: list[float]) -> Way:
    n = len(at)
    unknown = np.full(n, np.nan, np.float32)
    return Way(np.array(at, np.int64), np.zeros(n), np.array(lon), unknown, unknown, np.full(n, 3, np.uint8),
               np.zeros(n, np.uint16), ("d",))  # fmt: skip


_parts = st.lists(
    st.lists(
        st.tuples(st.integers(0, 9), st.one_of(st.just(UNKNOWN), st.integers(-(10**8), 10**8)), st.floats(0, 90)),
        max_size=8,
    ).map(lambda part: sorted(part, key=lambda fix: fix[0])),
    max_size=6,
)


@given(_parts, st.integers(-1, 10), st.integers(-1, 10))
def test_parts_in_any_order_are_gathered_by_time_and_cut_to_the_span(
    parts: list[list[tuple[int, int, float]]], from_ms: int, to_ms: int
) -> None:
    found = Gathered(sum(map(len, parts)) + 3)  # more were expected than came
    for part in parts:
        rows = np.zeros(len(part), ROW)
        for row, (at, lat_e6, mps) in zip(rows, part, strict=True):
            row["at"], row["lat_e6"], row["lon_e6"], row["speed_mps"], row["clock"] = at, lat_e6, -7_000_001, mps, 2
        found.add({name: rows[name] for name in TRACK})
    fixes = found.within(from_ms, to_ms)
    inside = [fix for part in parts for fix in part if from_ms <= fix[0] < to_ms]
    inside.sort(key=lambda fix: fix[0])  # stable: of the same time in the order they came
    assert fixes.at.tolist() == [at for at, _, _ in inside]
    np.testing.assert_array_equal(fixes.lat, [np.nan if e6 == UNKNOWN else e6 / 1e6 for _, e6, _ in inside])
    np.testing.assert_array_equal(fixes.speed_mps, np.array([mps for _, _, mps in inside], np.float32))
    assert set(fixes.lon.tolist()) <= {-7.000001}
    assert set(fixes.clock.tolist()) <= {2}


@given(
    st.lists(st.tuples(st.sampled_from([1_000, GAP_MS, GAP_MS + 1]), st.floats(-180, 180)), max_size=40),
    st.sampled_from([1, 2, 7, 32_768]),
)
def test_a_way_is_cut_at_silences_and_at_the_antimeridian_wherever_a_block_ends(
    steps: list[tuple[int, float]], block: int
) -> None:
    at = (T0 + np.cumsum([step for step, _ in steps], dtype=np.int64)).tolist()
    lon = [degrees for _, degrees in steps]
    silent = [i for i in range(1, len(at)) if at[i] - at[i - 1] > GAP_MS]
    across = [i for i in range(1, len(at)) if abs(lon[i] - lon[i - 1]) > 180]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ways, "_BLOCK", block)
        assert gaps(way_of(at, lon)) == [(at[i - 1], at[i]) for i in silent]
        found = pieces(way_of(at, lon))
        turned = unwrapped(np.array(lon))
    assert [first for first, _ in found[1:]] == sorted({*silent, *across})
    assert [end for _, end in found] == ([*sorted({*silent, *across}), len(at)] if at else [])
    assert np.all(np.abs(np.diff(turned)) <= 180 + 1e-9)
    np.testing.assert_allclose((turned - lon + 180) % 360, 180)


def days_at_1_hz(path: Path, hours: int, spans: int) -> SqliteTelemetry:
    """A store with a truck that drove through some hours, folded, and changed its tracker `spans` - 1 times."""
    store = SqliteTelemetry(path)
    with sqlite3.connect(path) as conn:
        conn.executemany("INSERT INTO device VALUES (?, ?)", [(n, f"gps-{n}") for n in range(spans)])
        for hour in range(hours):
            second = np.arange(_HOUR_S) + hour * _HOUR_S
            rows = np.zeros(_HOUR_S, ROW)
            rows["at"], rows["seq"] = (T0 // 3_600_000 * 3_600 + second) * 1000, second + 1
            rows["lat_e6"], rows["lon_e6"] = 100 * second, 5_000_000 * np.sin(second / 5_000)
            rows["speed_mps"], rows["clock"] = 11.5, 3
            values = hour * spans // hours, int(rows["at"][0]) // 3_600_000, _HOUR_S, chunks.fold(rows)
            conn.execute("INSERT INTO piece (device, hour, brought, body) VALUES (?, ?, ?, ?)", values)
    conn.close()
    return store


@pytest.mark.parametrize("spans", [1, 2])
def test_a_long_track_takes_little_more_memory_than_its_columns(tmp_path: Path, spans: int) -> None:
    """36 bytes a fix stay, 8 say which are drawn. Every further whole column is a fifth more, and touching its memory
    takes as long as decoding it: a month at 1 Hz once took 160 bytes a fix."""
    hours = 72
    store = days_at_1_hz(tmp_path / "telemetry.db", hours, spans)
    asked = [(f"gps-{n}", 0, 1 << 50) for n in range(spans)]
    tracemalloc.start()
    try:
        found = track_of(store, asked, 2_000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        store.close()
    assert len(found.way) == hours * _HOUR_S
    assert 100 < found.shown <= 2_000
    assert peak / len(found.way) < 60
