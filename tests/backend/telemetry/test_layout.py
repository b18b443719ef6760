"""Telemetry files of other versions: the first layout is brought up to date, a newer one is refused."""

import math
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from milepost.telemetry import sqlite_layout
from milepost.telemetry.model import EventBody, FixBody, Judged, Reading
from milepost.telemetry.sqlite import SqliteTelemetry
from milepost.telemetry.sqlite_layout import NewerLayout

T0 = 1_777_798_800_000
# As the first version made it.
FIRST = """
CREATE TABLE device (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE fix (
    device INTEGER NOT NULL, stream INTEGER NOT NULL, seq INTEGER NOT NULL,
    at INTEGER NOT NULL, clock INTEGER NOT NULL, received_at INTEGER NOT NULL, quality TEXT,
    lat_e6 INTEGER, lon_e6 INTEGER, alt_m REAL, speed_mps REAL, course_deg REAL, sats INTEGER, hdop REAL,
    source INTEGER NOT NULL,
    PRIMARY KEY (device, stream, seq)) WITHOUT ROWID;
CREATE INDEX fix_time ON fix (device, at);
CREATE TABLE record (
    device INTEGER NOT NULL, stream INTEGER NOT NULL, seq INTEGER NOT NULL,
    at INTEGER NOT NULL, clock INTEGER NOT NULL, received_at INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (device, stream, seq)) WITHOUT ROWID;
CREATE INDEX record_time ON record (device, at);
CREATE TABLE sink_position (name TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO device VALUES (3, 'truck-1'), (5, 'truck-2');
INSERT INTO sink_position VALUES ('telemetry', 4711);
"""


@pytest.fixture
def first(tmp_path: Path) -> Path:
    """A file of the first layout: 100 fixes each of two trucks, one in quarantine, one without a place; an event."""
    path = tmp_path / "telemetry.db"
    conn = sqlite3.connect(path)
    conn.executescript(FIRST)
    for device in (3, 5):
        for seq in range(1, 101):
            quality, lat = ("spike", 0) if seq == 7 else (None, 31_200_000 + seq)
            lat = None if seq == 9 else lat
            conn.execute(
                "INSERT INTO fix VALUES (?, 1, ?, ?, 3, ?, ?, ?, 121400000, 4.5, 13.4, 90.0, 11, NULL, 1)",
                (
                    device,
                    seq,
                    T0 + seq * 60_000,
                    T0 + seq * 60_000 + 900,
                    quality or ("range" if seq == 9 else None),
                    lat,
                ),
            )
    conn.execute(
        "INSERT INTO record VALUES (3, 1, 101, ?, 3, ?, 'event', ?)", (T0, T0, '{"code":"ignition","args":{"on":1}}')
    )
    conn.commit()
    conn.close()
    return path


def everything(store: SqliteTelemetry, device: str) -> list[Judged]:
    return store.judged(device, 0, 1 << 50)[0]


def test_a_file_of_the_first_layout_holds_all_it_held(first: Path) -> None:
    store = SqliteTelemetry(first)
    found = everything(store, "truck-1")
    assert [each.reading.seq for each in found] == [101, *range(1, 101)]
    by_seq = {each.reading.seq: each for each in found}
    at = T0 + 60_000
    assert by_seq[1] == Judged(
        Reading("truck-1", 1, 1, "fix", at, "gnss", at + 900, FixBody(31.200001, 121.4, 4.5, 13.4, 90.0, 11, None, 1))
    )
    assert by_seq[7].reason == "spike"
    assert by_seq[9].reason == "range" and math.isnan(by_seq[9].reading.body.lat)  # pyright: ignore
    assert by_seq[101].reading.body == EventBody("ignition", {"on": 1})
    assert len(everything(store, "truck-2")) == 100
    assert (store.counts("truck-1", 1).stored, store.counts("truck-2", 1).stored) == (101, 100)
    assert store.position() == 4711  # what the sink has had, it is not given again
    assert store.latest()["truck-2"].seq == 100
    store.close()
    assert _tables(first) >= {"piece"} and "fix" not in _tables(first)


def test_a_move_that_broke_off_is_taken_up_where_it_was(first: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_layout, "_AT_ONCE", 30)
    real, calls = SqliteTelemetry.write, []

    def write(self: SqliteTelemetry, *args: object) -> None:
        calls.append(1)
        if len(calls) == 3:
            raise OSError("the power is gone")
        real(self, *args)  # pyright: ignore

    monkeypatch.setattr(SqliteTelemetry, "write", write)
    with pytest.raises(OSError, match="power"):
        SqliteTelemetry(first)
    monkeypatch.setattr(SqliteTelemetry, "write", real)
    store = SqliteTelemetry(first)
    assert [each.reading.seq for each in everything(store, "truck-2")] == list(range(1, 101))
    assert len(everything(store, "truck-1")) == 101
    store.close()


def test_two_processes_that_start_at_once_move_it_once(first: Path) -> None:
    with ThreadPoolExecutor(2) as both:  # each with connections of its own, as processes have
        one, two = both.map(SqliteTelemetry, (first, first))
    assert len(everything(one, "truck-1")) == len(everything(two, "truck-1")) == 101
    assert one.counts("truck-2", 1).stored == 100
    one.close()
    two.close()


def test_a_file_of_a_newer_version_is_refused_and_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "telemetry.db"
    SqliteTelemetry(path).close()
    conn = sqlite3.connect(path)
    conn.execute(f"PRAGMA user_version = {sqlite_layout.LAYOUT + 1}")
    conn.close()
    with pytest.raises(NewerLayout, match="install the version that wrote it"):
        SqliteTelemetry(path)
    conn = sqlite3.connect(path)
    assert conn.execute("PRAGMA user_version").fetchone()[0] == sqlite_layout.LAYOUT + 1


def _tables(path: Path) -> set[str]:
    conn = sqlite3.connect(path)
    found = {name for (name,) in conn.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    conn.close()
    return found
