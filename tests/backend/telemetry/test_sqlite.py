"""The SQLite store over time and through faults: folding, ageing, kills, a full disk, damage, other processes."""

import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from milepost.telemetry import chunks, sqlite_upkeep
from milepost.telemetry.model import EventBody, FixBody, Judged, Reading
from milepost.telemetry.sqlite import SqliteTelemetry

T0 = 1_777_798_800_000  # 2026-05-03T09:00:00Z
HOUR_MS, DAY_MS = 3_600_000, 86_400_000


def fix(seq: int, at: int | None = None, device: str = "truck-1", **body: object) -> Reading:
    values = {
        "lat": (31_200_000 + 10 * seq) / 1e6,
        "lon": 121.4,
        "alt_m": 4.0,
        "speed_mps": 13.4,
        "course_deg": 90.0,
        **body,
    }
    moment = T0 + seq * 1000 if at is None else at
    return Reading(device, 1, seq, "fix", moment, "gnss", moment + 900, FixBody(**values))  # pyright: ignore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "telemetry.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteTelemetry]:
    made = SqliteTelemetry(path, raw_days=30, minute_days=400)
    yield made
    made.close()


def everything(store: SqliteTelemetry, device: str = "truck-1") -> list[Judged]:
    return store.judged(device, -(1 << 50), 1 << 50)[0]


def pieces(path: Path) -> list[tuple[int, bytes]]:
    conn = sqlite3.connect(path)
    found = conn.execute("SELECT hour, body FROM piece ORDER BY hour, id").fetchall()
    conn.close()
    return found


# --- folding ---


def test_folding_changes_nothing_that_can_be_asked(store: SqliteTelemetry, path: Path) -> None:
    rng = random.Random(4)
    fixes = [Judged(fix(n, sats=rng.choice([None, 9])), rng.choice([None, None, "spike"])) for n in range(1, 7201)]
    for start in range(0, 7200, 60):
        store.write(fixes[start : start + 60], start)
    asked = (T0 + 1_000_500, T0 + 5_000_500)

    def answers() -> list:
        columns = store.fixes("truck-1", *asked)
        return [
            everything(store),
            store.track("truck-1", *asked),
            store.quarantined("truck-1", *asked),
            store.around("truck-1", *asked, 5),
            store.latest(),
            store.counts("truck-1", 1),
            store.size().fixes,
            [getattr(columns, name).tolist() for name in columns.__dataclass_fields__],
        ]

    before, bytes_before = answers(), store.size().bytes
    assert len(pieces(path)) > 100
    store.maintain(T0 + 6 * HOUR_MS)
    assert [hour for hour, _ in pieces(path)] == sorted({each.reading.at // HOUR_MS for each in fixes})
    assert all(chunks.is_folded(body) or chunks.count(body) == 1 for _, body in pieces(path))
    assert answers() == before
    assert store.size().bytes < bytes_before / 4


def test_late_fixes_of_a_folded_hour_join_it_at_the_next_folding(store: SqliteTelemetry, path: Path) -> None:
    store.write([fix(n) for n in range(1, 100, 2)], 1)
    store.maintain(T0 + DAY_MS)
    store.write([fix(n) for n in range(2, 100, 2)], 2)
    assert [each.reading.seq for each in everything(store)] == list(range(1, 100))
    store.maintain(T0 + DAY_MS)
    assert len(pieces(path)) == 1
    assert [each.reading.seq for each in everything(store)] == list(range(1, 100))


def test_a_newer_version_wins_before_and_after_folding(store: SqliteTelemetry) -> None:
    store.write([fix(1), fix(2)], 1)
    store.maintain(T0 + DAY_MS)
    store.write([Judged(fix(1, speed_mps=5.0), "spike")], 2)
    for _ in range(2):
        found = everything(store)
        assert [(each.reading.body.speed_mps, each.reason) for each in found] == [(5.0, "spike"), (13.4, None)]  # pyright: ignore
        assert (store.counts("truck-1", 1).stored, store.size().fixes) == (2, 2)
        store.maintain(T0 + DAY_MS)


@pytest.mark.parametrize("folded", [False, True])
def test_a_reading_with_another_time_leaves_its_old_place(store: SqliteTelemetry, folded: bool) -> None:
    store.write([fix(1), fix(2), fix(3)], 1)
    if folded:
        store.maintain(T0 + DAY_MS)
    store.write([fix(3, at=T0 - 5 * HOUR_MS)], 2)
    assert [each.reading.seq for each in everything(store)] == [3, 1, 2]
    assert store.latest()["truck-1"].seq == 2
    assert (store.counts("truck-1", 1).stored, store.size().fixes) == (3, 3)


def test_live_fixes_one_by_one_do_not_pile_up(store: SqliteTelemetry, path: Path) -> None:
    for n in range(1, 301):
        store.write([fix(n)], n)
        if n % 60 == 0:
            store.maintain(T0 + n * 1000)
    assert len(pieces(path)) <= 5
    assert [each.reading.seq for each in everything(store)] == list(range(1, 301))


def test_an_older_big_piece_does_not_win_over_a_newer_small_one(store: SqliteTelemetry) -> None:
    store.write([fix(1, speed_mps=1.0)], 1)
    store.write([fix(n, speed_mps=2.0) for n in range(1, 41)], 2)
    for n in range(41, 100):
        store.write([fix(n)], n)
    store.write([fix(2, speed_mps=3.0)], 100)
    store.maintain(T0 + 100_000)
    assert [each.reading.body.speed_mps for each in everything(store)][:3] == [2.0, 3.0, 2.0]  # pyright: ignore


# --- by age ---


def test_raw_fixes_age_into_one_a_minute_and_these_end_too(path: Path) -> None:
    store = SqliteTelemetry(path, raw_days=2, minute_days=10)
    store.write([Judged(fix(1), "spike"), *(fix(n) for n in range(2, 7201))], 1)
    event = Reading("truck-1", 1, 7201, "event", T0, "gnss", T0, EventBody("boot", {}))
    store.write([event], 2)
    store.maintain(T0 + 4 * HOUR_MS)
    assert len(store.fixes("truck-1", 0, 1 << 50).at) == 7199
    store.maintain(T0 + 2 * DAY_MS + HOUR_MS)  # the first hour has expired, with the event
    assert store.counts("truck-1", 1).stored == 7200 - 3599
    assert [each.reading.kind for each in everything(store)] == ["fix"] * 3601
    columns = store.fixes("truck-1", 0, 1 << 50)
    assert (columns.at[:3] - T0).tolist() == [2_000, 60_000, 120_000]
    assert len(columns.at) == 60 + 3601
    store.maintain(T0 + 3 * DAY_MS)
    assert everything(store) == []
    assert (store.size().fixes, store.counts("truck-1", 1).stored) == (0, 0)
    minutes = store.fixes("truck-1", 0, 1 << 50)
    assert len(minutes.at) == 121
    assert minutes.speed_mps[0] == pytest.approx(13.4)
    assert store.latest()["truck-1"].seq == 7200  # where the vehicle was last stays known
    store.maintain(T0 + 12 * DAY_MS)
    assert len(store.fixes("truck-1", 0, 1 << 50).at) == 0
    store.close()


def test_the_minutes_that_are_kept_do_not_depend_on_the_order_of_arrival(tmp_path: Path) -> None:
    fixes = [fix(n) for n in range(1, 900)]
    now = T0 + 40 * DAY_MS
    found = []
    for seed in range(3):
        store = SqliteTelemetry(tmp_path / f"{seed}.db")
        mixed = fixes.copy()
        if seed:
            random.Random(seed).shuffle(mixed)
        for start in range(0, len(mixed), 100):
            store.write(mixed[start : start + 100], start)
            if seed:
                store.maintain(now)
        store.maintain(now)
        found.append(store.fixes("truck-1", 0, 1 << 50).at.tolist())
        assert store.size().fixes == 0
        store.close()
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 15


def test_space_is_given_back(store: SqliteTelemetry) -> None:
    for start in range(0, 3600, 120):
        store.write([fix(n, device=f"truck-{d}") for d in range(12) for n in range(start + 1, start + 121)], start)
    before = store.size().bytes
    store.maintain(T0 + DAY_MS)
    assert store.size().bytes < before / 5
    assert store.size().bytes / store.size().fixes <= 45


# --- faults ---


def test_a_damaged_piece_is_set_aside_and_hides_nothing_else(
    store: SqliteTelemetry, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for hour in range(3):
        store.write([fix(hour * 3600 + n) for n in range(1, 11)], hour)
    store.maintain(T0 + DAY_MS)
    conn = sqlite3.connect(path)
    ((piece, body),) = conn.execute("SELECT id, body FROM piece ORDER BY hour LIMIT 1 OFFSET 1").fetchall()
    broken = bytes([*body[:40], body[40] ^ 4, *body[41:]])
    conn.execute("UPDATE piece SET body = ? WHERE id = ?", (broken, piece))
    conn.commit()
    assert [each.reading.seq for each in everything(store)] == [*range(1, 11), *range(7201, 7211)]
    assert "is damaged and set aside: the checksum does not fit" in caplog.text
    ((kept, why),) = conn.execute("SELECT body, why FROM damaged").fetchall()
    assert (kept, why) == (broken, "the checksum does not fit")
    conn.close()
    store.write([fix(3601)], 9)  # the device sends it again
    assert 3601 in [each.reading.seq for each in everything(store)]
    store.maintain(T0 + DAY_MS)
    assert len(everything(store)) == 21


def test_a_full_disk_refuses_the_write_and_harms_nothing(store: SqliteTelemetry) -> None:
    store.write([fix(n) for n in range(1, 61)], 1)
    with store._file.writer() as conn:
        pages = conn.execute("PRAGMA page_count").fetchone()[0]
        conn.execute(f"PRAGMA max_page_count={pages + 2}")
    big = [fix(n) for n in range(61, 2000)]
    with pytest.raises(OSError, match="full"):
        store.write(big, 2)
    assert (store.position(), store.counts("truck-1", 1).stored, len(everything(store))) == (1, 60, 60)
    store.maintain(T0 + DAY_MS)  # folding needs less than it frees
    with store._file.writer() as conn:
        conn.execute("PRAGMA max_page_count=1073741823")
    store.write(big, 2)
    assert (store.position(), store.counts("truck-1", 1).stored, len(everything(store))) == (2, 1999, 1999)


_KILLED = """
import os, pathlib, signal, sys, threading, time
from milepost.telemetry import sqlite_upkeep
from milepost.telemetry.sqlite import SqliteTelemetry
store = SqliteTelemetry(pathlib.Path(sys.argv[1]), raw_days=int(sys.argv[3]))
left = [int(sys.argv[2])]
def deadly(conn, *rest, kept=sqlite_upkeep.Upkeep._pieces):
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    return kept(conn, *rest)
sqlite_upkeep.Upkeep._pieces = deadly
sqlite_upkeep._HOURS_A_TRANSACTION = 3
store.maintain(int(sys.argv[4]))
"""


@pytest.mark.parametrize("raw_days", [400, 30])
def test_a_kill_in_the_middle_of_upkeep_loses_and_doubles_nothing(path: Path, raw_days: int) -> None:
    store = SqliteTelemetry(path, raw_days=raw_days)
    fixes = [fix(n, at=T0 + n * 120_000) for n in range(1, 401)]
    for start in range(0, 400, 10):
        store.write(fixes[start : start + 10], start + 10)
    now = T0 + 60 * DAY_MS
    for after in (2, 5, 9):
        ended = subprocess.run(
            [sys.executable, "-c", _KILLED, str(path), str(after), str(raw_days), str(now)], check=False, timeout=60
        )
        assert ended.returncode == -9
        columns = store.fixes("truck-1", 0, 1 << 50)  # raw ones and minutes together
        assert columns.at.tolist() == [each.at for each in fixes]
    if raw_days == 400:
        assert [each.reading for each in everything(store)] == fixes
    assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone() == ("ok",)
    store.maintain(now)
    assert store.fixes("truck-1", 0, 1 << 50).at.tolist() == [each.at for each in fixes]
    assert store.size().fixes == (400 if raw_days == 400 else 0)
    store.close()


def test_what_another_process_writes_is_noticed(store: SqliteTelemetry, path: Path) -> None:
    store.write([fix(1), fix(2)], 1)
    generation = store.generation()
    store.write([fix(3)], 2)
    assert store.generation() == generation  # nobody else
    other = SqliteTelemetry(path)
    other.write([fix(4), Judged(fix(3), "spike")], 1, "theirs")
    assert store.generation() != generation
    store.write([fix(4, at=T0), fix(5), Reading("truck-2", 1, 1, "fix", T0, "gnss", T0, FixBody(1.0, 2.0))], 3)
    for each in (store, other):
        assert [one.reading.seq for one in everything(each)] == [4, 1, 2, 3, 5]
        assert (each.counts("truck-1", 1).stored, each.latest()["truck-1"].seq, each.size().fixes) == (5, 5, 6)
        assert each.devices() == ["truck-1", "truck-2"]
        assert (each.position(), each.position("theirs")) == (3, 1)
    other.close()


def test_upkeep_is_bounded_and_goes_on_at_the_next_call(
    store: SqliteTelemetry, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_upkeep, "_HOURS_A_CALL", 4)
    for hour in range(10):
        for start in (0, 10):
            store.write(
                [fix(n, at=T0 + hour * HOUR_MS + n) for n in range(hour * 20 + start, hour * 20 + start + 10)], 1
            )
    left = []
    for _ in range(3):
        store.maintain(T0 + DAY_MS)
        left.append(sum(not chunks.is_folded(body) for _, body in pieces(path)))
    assert left == [12, 4, 0]


def test_the_newest_fix_is_looked_up_when_it_is_quarantined_afterwards(store: SqliteTelemetry) -> None:
    store.write([fix(1), fix(2), fix(3)], 1)
    store.maintain(T0 + DAY_MS)
    store.write([Judged(fix(3), "spike")], 2)
    assert store.latest()["truck-1"] == fix(2)
    store.write([Judged(fix(2), "spike"), Judged(fix(1), "spike")], 3)
    assert store.latest() == {}
    store.write([fix(3)], 4)
    assert store.latest(["truck-1"]) == {"truck-1": fix(3)}


def test_a_repeat_keeps_the_first_receipt_of_a_record(store: SqliteTelemetry) -> None:
    event = Reading("truck-1", 1, 1, "event", T0, "gnss", T0 + 10, EventBody("boot", {}))
    for copy in (event, replace(event, received_at=T0 + 99), replace(event, received_at=T0 + 5)):
        store.write([copy], 1)
    assert [each.reading.received_at for each in everything(store)] == [T0 + 5]


def test_who_comes_to_read_does_not_wait_for_a_writer_that_was_stopped(path: Path) -> None:
    """A process that was frozen in the middle of a write holds the writers' lock for as long as it stands still."""
    first = SqliteTelemetry(path)
    first.write([Judged(fix(n)) for n in range(10)], 10)
    stopped = sqlite3.connect(path, isolation_level=None)
    stopped.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    second = SqliteTelemetry(path)
    with ThreadPoolExecutor(1) as other:  # a thread with a connection of its own
        assert other.submit(second.latest).result()["truck-1"].seq == 9
    assert time.monotonic() - began < 5  # the lock is waited for ten seconds
    stopped.execute("ROLLBACK")
    stopped.close()
    second.close()
    first.close()


def test_a_new_file_gives_its_pages_back_bit_by_bit(path: Path) -> None:
    SqliteTelemetry(path).close()
    conn = sqlite3.connect(path)
    assert conn.execute("PRAGMA auto_vacuum").fetchone()[0] == 2
    conn.close()
