"""A sink in a process of its own is a sink like any other, and its process is nobody's worry (decision 32)."""

import importlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from milepost.ingest import apart as module
from milepost.ingest import dead_letters
from milepost.ingest.apart import SinkApart, SinkProcessEnded
from milepost.ingest.apart_child import portable
from milepost.ingest.model import SpoolItem
from milepost.ingest.sinks import SinkRunner
from milepost.ingest.spool import Spool, put_items

from .conftest import Remember, until

FOLDER = Path(__file__).parent


@pytest.fixture
def sinks(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module with the sink, under the name by which the other process finds it."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("apart_sinks")


@pytest.fixture
def book(sinks: Any, tmp_path: Path) -> Iterator[SinkApart]:
    made = SinkApart("book", partial(sinks.Book, tmp_path), ("taken", "devices"))
    yield made
    pid = made.pid
    made.stop()
    assert pid is None or not Path(f"/proc/{pid}").exists(), "neither running nor a zombie"


def item(number: int, payload: bytes = b"", device: str = "truck-1") -> SpoolItem:
    return SpoolItem(number, device, "up", 1, payload)


def gone(pid: int) -> bool:
    """A zombie is gone too: whose child it is, takes it away."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def test_it_is_the_sink_it_stands_for(book: SinkApart, tmp_path: Path, sinks: Any) -> None:
    assert book.position() == 0
    book.handle([item(1), item(2, b"\x00" * 300_000, "truck-2")])
    book.tick()
    assert (book.position(), sinks.written(tmp_path)) == (2, [1, 2])
    assert (tmp_path / "ticked").exists()
    assert book.pid not in (None, os.getpid())


@pytest.mark.parametrize(
    ("payload", "kind", "text"),
    [
        (b"poison", ValueError, "cannot read what truck-1 sent"),
        (b"away", ConnectionRefusedError, "[Errno 111] nobody there"),
        (b"strange", LookupError, "Strange: odd 7"),
    ],
)
def test_what_the_sink_raises_is_raised_here(book: SinkApart, payload: bytes, kind: type, text: str) -> None:
    with pytest.raises(kind) as caught:
        book.handle([item(1, payload)])
    assert (type(caught.value), str(caught.value)) == (kind, text)
    assert "in _obey" in caught.value.__notes__[0], "the log shows where it happened"
    book.handle([item(2)])
    assert (book.position(), book.starts) == (2, 1)


def test_any_error_can_travel() -> None:
    try:
        b"\xff".decode("utf-8")
    except UnicodeDecodeError as error:
        assert type(portable(error)) is UnicodeDecodeError

    class Local(KeyError):
        """Of no module that another process could import."""

    assert type(portable(Local("x"))) is KeyError
    assert type(portable(type("Own", (Exception,), {})("x"))) is Exception


def test_a_poison_message_goes_to_the_dead_letters_as_ever(
    book: SinkApart, spool: Spool, tmp_path: Path, sinks: Any
) -> None:
    with spool.tx() as conn:
        last = put_items(conn, [("truck-1", "up", 1, each) for each in (b"", b"poison", b"")])
    spool.announce(last)
    runner = SinkRunner(book, spool)
    runner.start()
    until(lambda: runner.position == last)
    runner.stop()
    assert last is not None
    assert sinks.written(tmp_path) == [last - 2, last - 1, last]
    (letter,) = dead_letters.listed(spool.connection())
    assert (letter.reason, letter.detail) == ("sink", "sink book: ValueError: cannot read what truck-1 sent")


def test_a_process_that_is_killed_has_not_taken_what_it_had_in_hand(
    book: SinkApart, spool: Spool, tmp_path: Path, sinks: Any
) -> None:
    with spool.tx() as conn:
        put_items(conn, [("truck-1", "up", 1, b"")] * 3)
    runner = SinkRunner(book, spool)
    spool.announce(spool.last_id())
    runner.start()
    until(lambda: runner.position == spool.last_id())
    with spool.tx() as conn:
        put_items(conn, [("truck-2", "up", 1, b""), ("truck-2", "up", 1, b"die once")])
    spool.announce(spool.last_id())
    until(lambda: runner.position == spool.last_id())
    ids = [each.id for each in spool.after(0)]
    assert (sinks.written(tmp_path), book.starts, runner.failures) == (ids, 2, 1)
    assert book.pid is not None
    os.kill(book.pid, signal.SIGKILL)  # while it has nothing to do
    until(lambda: book.starts == 3 and runner.error is None)
    with spool.tx() as conn:
        put_items(conn, [("truck-3", "up", 1, b"")])
    spool.announce(spool.last_id())
    until(lambda: runner.position == spool.last_id())
    runner.stop()
    assert sinks.written(tmp_path) == [*ids, spool.last_id()]
    assert not dead_letters.listed(spool.connection()), "its end is no fault of a message"
    # What was counted by those that are gone counts on.
    assert (book.figure("taken"), book.figure("devices")) == (6, Counter({"truck-1": 3, "truck-2": 2, "truck-3": 1}))


def test_the_end_of_its_process_is_told_with_its_cause(book: SinkApart, sinks: Any) -> None:
    with pytest.raises(SinkProcessEnded, match="of sink book was ended by signal 9; the next try starts another"):
        book.handle([item(1, b"die once")])
    wrong = SinkApart("wrong", sinks.no_book)
    try:
        with pytest.raises(SinkProcessEnded, match="ended with 1, the log above says why"):
            wrong.position()
    finally:
        wrong.stop()


def test_signals_for_the_service_do_not_reach_it(book: SinkApart) -> None:
    book.handle([item(1)])
    assert book.pid is not None
    assert os.getpgid(book.pid) != os.getpgid(0), "Ctrl-C goes to the group of the service"
    for number in (signal.SIGTERM, signal.SIGINT):  # as systemd sends it to every process of a unit
        os.kill(book.pid, number)
    book.handle([item(2)])
    assert (book.position(), book.starts) == (2, 1)


def test_one_that_does_not_come_back_is_killed_in_the_end(
    book: SinkApart, spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_END_S", 0.2)
    with spool.tx() as conn:
        put_items(conn, [("truck-1", "up", 1, b"slow")])
    runner = SinkRunner(book, spool)
    spool.announce(spool.last_id())
    runner.start()
    until((tmp_path / "slow").exists)
    pid = book.pid
    assert pid is not None
    book.stop()
    assert gone(pid)
    until(lambda: "has been stopped" in (runner.error or ""))  # and no other is started
    runner.stop()
    assert (book.pid, book.starts) == (None, 1)


def test_it_gives_way_to_nobody_here_and_takes_much_at_once(
    book: SinkApart, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "give_way", lambda _most_s: pytest.fail("it takes nothing of this interpreter"))
    with spool.tx() as conn:
        put_items(conn, [("truck-1", "up", 1, bytes(1_000))] * 1_200)
    runner, beside = SinkRunner(book, spool), SinkRunner(Remember(), spool)
    spool.announce(spool.last_id())
    runner.start()
    until(lambda: runner.position == spool.last_id())
    runner.stop()
    assert runner.took_s.count == 1
    assert beside._most[1] < 1_200_000 < runner._most[1]


_PARENT = """
import sys
from functools import partial
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import apart_sinks
from milepost.ingest.apart import SinkApart
from milepost.ingest.model import SpoolItem
book = SinkApart("book", partial(apart_sinks.Book, Path(sys.argv[2])))
book.position()
print(book.pid, flush=True)
book.handle([SpoolItem(1, "truck-1", "up", 1, sys.argv[3].encode())])
sys.stdin.read()
"""


@pytest.mark.parametrize("payload", ["slow", ""], ids=["busy", "idle"])
def test_it_ends_with_the_process_that_started_it(tmp_path: Path, payload: str) -> None:
    words = [sys.executable, "-c", _PARENT, str(FOLDER), str(tmp_path), payload]
    parent = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert parent.stdin is not None
    assert parent.stdout is not None
    try:
        pid = int(parent.stdout.readline())
        until((tmp_path / ("slow" if payload else "book")).exists)
        assert not gone(pid)
    finally:
        parent.kill()
        parent.wait()
        parent.stdin.close()
        parent.stdout.close()
    began = time.monotonic()
    until(lambda: gone(pid), 5)
    assert time.monotonic() - began < 2


def test_it_loads_nothing_of_the_pages(sinks: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its memory and its start are those of what it does."""
    words = "import milepost.telemetry.apart, milepost.telemetry.influx, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True).stdout.split()
    assert not {"fastapi", "starlette", "jinja2", "paho", "alembic", "uvicorn"} & set(loaded)
