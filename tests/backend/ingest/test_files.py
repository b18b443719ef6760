"""A spool file has one user at a time; one whose worker is gone is emptied by others, and given back on its return."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from milepost.errors import Conflict, NotFound, Unavailable
from milepost.ingest import dead_letters
from milepost.ingest.drain import Drainer
from milepost.ingest.files import Claim, spool_files, spool_path
from milepost.ingest.model import SpoolItem
from milepost.ingest.spool import Message, Spool
from milepost.ingest.spools import Spools
from milepost_device import wire

T = 1_790_000_000_000


def batch(first: int, clock: int = wire.CLOCK_GNSS) -> bytes:
    writer = wire.BatchWriter()
    writer.begin(7, first, 1, 1, 1000)
    when = T // 1000 - wire.EPOCH if clock else 1  # without a clock: the boot
    assert writer.add(wire.Event(t=when, ms=0, clock=clock, code=wire.EV_LOG, args={}))
    return bytes(writer.finish())


def fill(path: Path, count: int) -> str:
    """A worker writes some batches and is gone; returns the key of its file."""
    spool = Spool(path)
    spool.append([Message("dev1", "up", T + n, batch(n)) for n in range(1, count + 1)])
    spool.close()
    return spool.key


class Memory:
    """A sink whose position and effects survive like those in a database: by the key of the spool."""

    name = "memory"
    took: dict[str, list[int]]

    def __init__(self, spool: Spool, took: dict[str, list[int]], slow: float = 0.0) -> None:
        self._key, self.took, self._slow = spool.key, took, slow

    def position(self) -> int:
        return max(self.took.get(self._key, []), default=0)

    def handle(self, items: Sequence[SpoolItem]) -> None:
        time.sleep(self._slow * len(items))
        self.took.setdefault(self._key, []).extend(item.id for item in items)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the file of worker a."""
    code = (
        "import sys, pathlib; from milepost.ingest.files import Claim, spool_path;"
        f"claim = Claim(spool_path(pathlib.Path({str(tmp_path)!r}), 'a')).own();"
        "print('mine', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1, text=True)
    assert process.stdout is not None and process.stdout.readline() == "mine\n"
    yield process
    process.kill()
    process.wait(10)


def test_two_processes_never_use_one_file_and_a_killed_one_leaves_it(
    tmp_path: Path, elsewhere: subprocess.Popen[str]
) -> None:
    claim = Claim(spool_path(tmp_path, "a"))
    assert not claim.borrow()
    assert claim.wanted(), "its worker has it, or waits for it"
    with pytest.raises(Conflict, match="give each worker a name of its own"):
        claim.own()
    elsewhere.kill()
    elsewhere.wait(10)
    assert claim.borrow()


def test_files_are_known_by_their_workers(tmp_path: Path) -> None:
    for name in ("", "a", "b-2"):
        fill(spool_path(tmp_path, name), 1)
    assert list(spool_files(tmp_path)) == ["", "a", "b-2"]


def test_a_dead_workers_spool_is_emptied_from_where_its_sinks_stood(tmp_path: Path) -> None:
    key = fill(spool_path(tmp_path, "a"), 300)
    fill(spool_path(tmp_path, "b"), 5)  # our own: its process reads it itself
    first = Spool(spool_path(tmp_path, "a"))
    ids = [item.id for item in first.after(0, 1000)]
    first.close()
    took = {key: ids[:100]}
    Drainer(tmp_path, "b", lambda spool: [Memory(spool, took)]).look()
    assert took == {key: ids}


def test_a_living_workers_spool_is_left_alone(tmp_path: Path, elsewhere: subprocess.Popen[str]) -> None:
    fill(spool_path(tmp_path, "a"), 3)
    took: dict[str, list[int]] = {}
    drainer = Drainer(tmp_path, "b", lambda spool: [Memory(spool, took)])
    drainer.look()
    assert took == {}
    elsewhere.kill()
    elsewhere.wait(10)
    drainer.look()
    assert [len(ids) for ids in took.values()] == [3]


def test_its_own_worker_gets_the_file_back_within_a_moment_whatever_the_sinks_do(tmp_path: Path) -> None:
    path = spool_path(tmp_path, "a")
    key = fill(path, 8000)
    took: dict[str, list[int]] = {}
    drainer = Drainer(tmp_path, "b", lambda spool: [Memory(spool, took, slow=0.001)])
    thread = threading.Thread(target=drainer.look)
    thread.start()
    while not took:
        time.sleep(0.01)
    began = time.monotonic()
    Claim(path).own()
    assert time.monotonic() - began < 5
    thread.join()
    assert 0 < len(took[key]) < 8000
    assert took[key] == sorted(set(took[key])), "each once, in order"


def test_an_emptied_file_is_not_opened_again_until_it_changes(tmp_path: Path) -> None:
    fill(spool_path(tmp_path, "a"), 3)
    opened: list[str] = []
    took: dict[str, list[int]] = {}

    def sinks(spool: Spool) -> list[Memory]:
        opened.append(spool.key)
        return [Memory(spool, took)]

    drainer = Drainer(tmp_path, "b", sinks)
    drainer.look()
    drainer.look()
    assert len(opened) == 1
    spool = Spool(spool_path(tmp_path, "a"))
    spool.append([Message("dev1", "up", T, batch(99))])
    spool.close()
    drainer.look()
    assert len(opened) == 2 and [len(ids) for ids in took.values()] == [4]


def test_what_waits_for_a_clock_keeps_the_file_open_until_it_has_its_place(tmp_path: Path) -> None:
    path = spool_path(tmp_path, "a")
    spool = Spool(path)
    now = time.time_ns() // 1_000_000
    spool.append([Message("dev1", "up", now, batch(1, wire.CLOCK_NONE))])
    spool.close()
    took: dict[str, list[int]] = {}
    drainer = Drainer(tmp_path, "b", lambda spool: [Memory(spool, took)])
    thread = threading.Thread(target=drainer.look)
    thread.start()
    time.sleep(1.0)
    assert thread.is_alive(), "its record may still be placed by a clock step"
    drainer.stop()
    thread.join(10)
    assert not thread.is_alive()


def test_a_process_that_ingests_nothing_reads_and_reruns_the_dead_letters_of_its_host(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no spool lies in"), Spools(tmp_path).connection(None):
        pass
    spool = Spool(spool_path(tmp_path, "a"))
    with spool.tx() as conn:
        dead_letters.bury(conn, device="dev1", channel="up", at=T, payload=batch(5), reason="sink", detail="x")
    spools = Spools(tmp_path)
    with spools.connection(None) as conn:
        (letter,) = dead_letters.listed(conn)
    with spools.connection("a") as conn:
        assert dead_letters.listed(conn) == [letter]
    before = spool.last_id()
    spools.rerun("a", letter.id)
    assert [item.payload for item in spool.after(before)] == [batch(5)]
    fill(spool_path(tmp_path, "b"), 1)
    with pytest.raises(NotFound, match="say whose spool"), spools.connection(None):
        pass
    spool.close()
