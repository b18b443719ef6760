"""The spool: durable groups, ids that only grow, sinks that go their own way."""

import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from milepost.ingest import dead_letters
from milepost.ingest.model import SpoolItem, device_of, parse_parts
from milepost.ingest.sinks import SinkRunner
from milepost.ingest.spool import Message, Spool, put_items
from milepost_device.wire import part_of

from .conftest import STREAM, Remember, drive, until


def up(first: int = 1, count: int = 5, device: str = "truck-1", tail: int = 1) -> Message:
    return Message(device, "up", 1_777_800_000_000, drive(first, count, tail))


def test_a_group_is_all_or_nothing(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    spool.append([up(1)])
    monkeypatch.setattr("milepost.ingest.spool.put_items", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        spool.append([up(6), up(11)])
    monkeypatch.undo()
    assert spool.coverage("truck-1", STREAM).watermark == 5
    # The rolled-back group must not have left its mark in the memory of the streams either.
    assert spool.append([up(6)]) == {("truck-1", STREAM): 10}
    assert len(spool.after(0)) == 2


def test_a_group_with_a_stream_several_times_answers_once_with_the_last_mark(spool: Spool) -> None:
    assert spool.append([up(1), up(6), up(1, device="truck-2"), up(11)]) == {
        ("truck-1", STREAM): 15,
        ("truck-2", STREAM): 5,
    }


def test_what_is_known_of_a_stream_outlives_a_restart(tmp_path: Path) -> None:
    first = Spool(tmp_path / "s.db")
    first.append([up(1), up(11)])
    first.close()
    second = Spool(tmp_path / "s.db")
    assert second.append([up(6)]) == {("truck-1", STREAM): 15}
    assert second.append([up(6)]) == {("truck-1", STREAM): 15}
    assert len(second.after(0)) == 3
    second.close()


def test_ids_grow_over_restarts_and_over_a_lost_file(tmp_path: Path) -> None:
    seen = []
    for name in ("a", "a", "b"):  # a restart, then a fresh file
        spool = Spool(tmp_path / f"{name}.db")
        spool.append([up(1 + 5 * len(seen))])
        seen.append(spool.after(0)[-1].id)
        spool.close()
    assert seen == sorted(set(seen))


def test_truncation_keeps_what_a_sink_has_not_had_and_the_newest(spool: Spool) -> None:
    for n in range(20):
        spool.append([up(n * 5 + 1)])
    ids = [item.id for item in spool.after(0)]
    assert spool.truncate(ids[9], keep=0) == 10
    assert [item.id for item in spool.after(0)] == ids[10:]
    assert spool.truncate(ids[19], keep=4) == 6
    assert [item.id for item in spool.after(0)] == ids[16:]
    spool.append([up(1_000)])
    assert spool.after(0)[-1].id > ids[-1]


def test_the_journal_is_synced_at_every_commit(spool: Spool) -> None:
    conn = spool.connection()
    assert conn.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert conn.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


class Broken(Remember):
    """A sink whose database is away for its first tries."""

    def __init__(self, failures: int) -> None:
        super().__init__("broken")
        self.failures = failures

    def handle(self, items: Sequence[SpoolItem]) -> None:
        if self.failures:
            self.failures -= 1
            raise ConnectionError("database is away")
        super().handle(items)


class Allergic(Remember):
    """A sink whose code fails at the batch that begins at seq 6."""

    def handle(self, items: Sequence[SpoolItem]) -> None:
        if any(item.payload == drive(6, 5) for item in items):
            raise KeyError("six")
        super().handle(items)


@pytest.fixture
def run(spool: Spool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("milepost.ingest.sinks._FIRST_PAUSE_S", 0.01)
    runners: list[SinkRunner] = []

    def start(sink: Remember) -> SinkRunner:
        runners.append(SinkRunner(sink, spool))
        runners[-1].start()
        return runners[-1]

    yield start
    for each in runners:
        each.stop()


def test_a_broken_sink_holds_nobody_and_gets_everything_once_it_works(spool: Spool, run) -> None:
    broken, well = Broken(3), Remember()
    run(broken)
    run(well)
    for n in range(10):
        spool.append([up(n * 5 + 1)])
    until(lambda: len(well.items) == 10)
    until(lambda: len(broken.items) == 10)
    assert [item.id for item in broken.items] == [item.id for item in well.items]
    assert dead_letters.listed(spool.connection()) == []


def test_a_poison_message_is_set_aside_and_stops_no_sink(spool: Spool, run) -> None:
    sink = Allergic()
    for n in range(10):
        spool.append([up(n * 5 + 1)])
    run(sink)
    until(lambda: len(sink.items) == 10)
    assert [len(item.payload) == 0 for item in sink.items].index(True) == 1
    (letter,) = dead_letters.listed(spool.connection())
    assert (letter.reason, letter.device) == ("sink", "truck-1")
    assert "KeyError" in letter.detail


def test_a_sink_begins_behind_its_own_position(spool: Spool, run) -> None:
    for n in range(4):
        spool.append([up(n * 5 + 1)])
    sink = Remember()
    sink.items = spool.after(0)[:2]
    run(sink)
    until(lambda: len(sink.items) == 4)
    assert [item.id for item in sink.items] == [item.id for item in spool.after(0)]


def test_many_threads_read_while_one_writes(spool: Spool) -> None:
    seen: list[int] = []
    errors: list[Exception] = []

    def read() -> None:
        try:
            position = 0
            while position < last[0]:
                for item in spool.after(position):
                    position = item.id
            seen.append(len(spool.after(0, 1_000)))
        except Exception as error:
            errors.append(error)

    last = [1 << 60]
    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for n in range(100):
        spool.append([up(n * 5 + 1)])
    last[0] = spool.after(0, 1_000)[-1].id
    for thread in threads:
        thread.join(10)
    assert (seen, errors) == ([100] * 3, [])


def test_the_same_bad_message_is_kept_once_and_counted(spool: Spool) -> None:
    bad = Message("truck-1", "up", 5, b"rubbish")
    for at in (5, 6, 7):
        spool.append([Message("truck-1", "up", at, b"rubbish")])
    spool.append([bad, Message("truck-2", "up", 5, b"rubbish")])
    letters = dead_letters.listed(spool.connection(), device="truck-1")
    assert [(each.times, each.at, each.reason) for each in letters] == [(4, 5, "short")]


def test_a_flood_of_rubbish_is_bounded_but_acknowledged_batches_stay(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "_KEPT_OF_THESE", 10)
    with spool.tx() as conn:
        dead_letters.bury(
            conn, device="truck-1", channel="up", at=1, payload=b"acknowledged", reason="version", detail=""
        )
    spool.append([Message("truck-1", "up", n, b"rubbish %d" % n) for n in range(40)])
    letters = dead_letters.listed(spool.connection())
    assert len(letters) == 11
    assert letters[-1].reason == "version"
    assert letters[0].at == 39


def test_devices_come_from_topics_in_their_own_part_only() -> None:
    part = part_of("truck-1")
    assert device_of(f"mp/v1/{part}/truck-1/up") == "truck-1"
    other = "0" if part != "0" else "1"
    for name in (f"mp/v1/{other}/truck-1/up", f"mp/v1/{part}/Truck-1/up", f"mp/v1/{part}/truck-1", "", "a/b/c/d/e"):
        assert device_of(name) is None


@pytest.mark.parametrize(
    ("text", "parts"), [("0-f", "0123456789abcdef"), ("0-7,a", "01234567a"), ("F", "f"), ("3, 1", "13")]
)
def test_parts_are_ranges_of_hex_digits(text: str, parts: str) -> None:
    assert parse_parts(text) == parts


@pytest.mark.parametrize("text", ["", "g", "7-3", "0--3", "10", ",", "0-"])
def test_other_parts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="ingest parts"):
        parse_parts(text)


def test_an_append_that_fails_says_so(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s.db")
    spool.connection().execute("DROP TABLE item")
    with pytest.raises(sqlite3.Error):
        spool.append([up(1)])
    spool.close()


@given(st.lists(st.sampled_from(["put", "rolled back", "opened anew", "cut", "cut to nothing"]), max_size=12))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_waits_behind_a_position_is_counted_right_without_counting(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    path = tmp_path_factory.mktemp("spool") / "spool.db"
    spool = Spool(path)
    positions = {0}
    for step in steps:
        newest = spool.last_id()
        if step == "put":
            with spool.tx() as conn:
                put_items(conn, [("truck-1", "up", 1, b"")] * 3)
        elif step == "rolled back":
            with pytest.raises(ZeroDivisionError), spool.tx() as conn:
                put_items(conn, [("truck-1", "up", 1, b"")])
                _ = 1 / 0
        elif step == "opened anew":
            spool.close()
            spool = Spool(path)
        else:
            spool.truncate(newest - 1 if step == "cut" else newest, 0)
        positions |= {newest, newest - 1, spool.last_id()}
        for position in positions:
            counted = spool.connection().execute("SELECT count(*) FROM item WHERE id > ?", (position,)).fetchone()[0]
            assert spool.backlog(position) == counted, (steps, position)
    spool.close()
