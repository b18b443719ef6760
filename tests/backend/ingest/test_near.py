"""In a backlog sinks stay near each other, so that a message is decoded once; who stands still holds nobody."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from milepost.ingest import decode, sinks
from milepost.ingest.decode import count_of, readings
from milepost.ingest.model import SpoolItem
from milepost.ingest.sinks import SinkRunner
from milepost.ingest.spool import Message, Spool
from milepost_device import wire

from .conftest import T0, batch, until

BATCHES, FIXES = 5_000, 60


class Reader:
    """A sink that decodes what it is given, as slowly as it is told."""

    def __init__(self, name: str, pause: Callable[[], object] = lambda: None) -> None:
        self.name, self._pause, self._position = name, pause, 0

    def position(self) -> int:
        return self._position

    def handle(self, items: Sequence[SpoolItem]) -> None:
        for item in items:
            assert len(readings(item)) == FIXES
        self._pause()
        self._position = items[-1].id


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    made = Spool(tmp_path / "spool.db")
    payload = batch([wire.Fix(t=T0 + n, lat_e6=31_000_000, lon_e6=n) for n in range(FIXES)])
    made.append([Message(f"truck-{n}", "up", T0, payload) for n in range(BATCHES)])
    yield made
    made.close()


def run(spool: Spool, *readers: Reader) -> list[SinkRunner]:
    runners = [SinkRunner(each, spool) for each in readers]
    for each in runners:
        each.others = [other for other in runners if other is not each]
        each.start()
    return runners


def test_a_backlog_is_decoded_once_for_a_fast_and_a_slow_sink(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: Counter[int] = Counter()
    look = decode._looked_at
    monkeypatch.setattr(decode, "_recent", decode._Recent(200_000))  # less than the backlog
    monkeypatch.setattr(decode, "_looked_at", lambda item: looks.update([item.id]) or look(item))
    runners = run(spool, Reader("fast"), Reader("slow", lambda: time.sleep(0.4)))
    try:
        until(lambda: all(each.taken == BATCHES for each in runners), 60)
    finally:
        for each in runners:
            each.stop()
    assert looks.total() == BATCHES


def test_a_sink_that_stands_still_holds_the_others_for_a_moment_at_most(spool: Spool) -> None:
    over = threading.Event()
    first = threading.Event()

    def stuck() -> None:
        if first.is_set():
            over.wait(60)
        first.set()

    fast, slow = run(spool, Reader("fast"), Reader("stuck", stuck))
    try:
        until(lambda: fast.taken == BATCHES, 20)
        assert slow.taken < BATCHES
    finally:
        over.set()
        fast.stop()
        slow.stop()


def test_nobody_waits_for_one_that_fails_or_is_out_of_reach(tmp_path: Path) -> None:
    runner = SinkRunner(Reader("it"), Spool(tmp_path / "spool.db"))
    now = runner.moved_at = time.monotonic()
    runner.position = 10_000
    lead, reach = sinks._LEAD // 50, sinks._REACH // 50  # items that take up as much as fifty records
    assert [runner.is_near_behind(10_000 + each, 50, now) for each in (-1, 0, lead, lead + 1, reach, reach + 1)] == [
        False, False, False, True, True, False,
    ]  # fmt: skip
    assert not runner.is_near_behind(11_000, 2, now)  # of small messages more fit into the memory
    assert not runner.is_near_behind(11_000, 50, now + 2)
    runner.failing_since = now
    assert not runner.is_near_behind(11_000, 50, now)


def test_the_records_of_an_item_are_counted_by_its_header() -> None:
    fixes: list[wire.Record] = [wire.Fix(t=T0 + n) for n in range(300)]
    assert count_of(SpoolItem(1, "truck-1", "up", 0, batch(fixes))) == 300
    assert count_of(SpoolItem(1, "truck-1", "up", 0, b"")) == 1
    assert count_of(SpoolItem(1, "truck-1", "up", 0, b"P1[]")) == 1
    assert count_of(SpoolItem(1, "truck-1", "state", 0, b"M\x00\xff\xff")) == 1
