"""Writes that are on their way while the next lines are made: nothing is lost, doubled, or left behind."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from milepost.db import Database
from milepost.ingest.positions import position_of
from milepost.telemetry import influx_flight
from milepost.telemetry.influx import InfluxTelemetry
from milepost.telemetry.influx_flight import Flight
from milepost.telemetry.influx_setup import set_up
from milepost.telemetry.influx_sql import HOUR_MS, among, ranges_of
from milepost.telemetry.influx_wanted import by_stream, news_of, noted, nth, reading_of, reason_of
from milepost.telemetry.influx_write import InfluxAway, InfluxMisconfigured, Outcome
from milepost.telemetry.lines import lines_of
from milepost.telemetry.model import Entry, EventBody, FixBody, Judged, Reading, Run, count_of, one_by_one
from milepost.times import now_ms
from milepost_tools.bench.influxd import ADMIN, Influxd

from ...ingest.runs import run_of

T0 = 1_777_799_988_000


def fix(seq: int, at: int | None = None, device: str = "truck-1", stream: int = 1) -> Reading:
    moment = T0 + seq * 1000 if at is None else at
    return Reading(device, stream, seq, "fix", moment, "gnss", moment, FixBody(31.0, 121.0, 4, 9.0, 90.0, 9, 0.9))


class Server:
    """Stands for the writer: takes lines, and says of each request what a test wants."""

    def __init__(self, answer: Callable[[Sequence[str]], Outcome] = lambda _: Outcome()) -> None:
        self.requests: list[Sequence[str]] = []
        self.taken: list[str] = []
        self.now = self.most = 0
        self._answer = answer
        self._lock = threading.Lock()

    def write(self, bucket: str, lines: Sequence[str]) -> Outcome:
        with self._lock:
            self.requests.append(lines)
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            outcome = self._answer(lines)
        finally:
            with self._lock:
                self.now -= 1
        with self._lock:
            self.taken += lines
        return outcome


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(influx_flight, "LINES_AT_ONCE", 10)
    monkeypatch.setattr(influx_flight, "_STEP", 3)


def flight(server: Server) -> Flight:
    return Flight(server)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("before", "fixes", "behind"), [(0, 1, 0), (0, 10, 0), (3, 95, 4), (25, 0, 0), (0, 0, 31), (4, 6, 1)]
)
def test_every_line_is_sent_once(small: None, before: int, fixes: int, behind: int) -> None:
    server = Server()
    some = [fix(n) for n in range(1, fixes + 1)]
    first, last = [f"a v={n}i 1" for n in range(before)], [f"z v={n}i 1" for n in range(behind)]
    made = flight(server)
    landed = made.send("raw", first, some, last)
    made.close()
    assert Counter(server.taken) == Counter([*first, *lines_of(some), *last])
    assert all(len(each) <= 10 for each in server.requests)
    assert (landed.refused, landed.expired) == ([], 0)


def test_the_next_lines_are_made_while_a_write_is_on_its_way(small: None, monkeypatch: pytest.MonkeyPatch) -> None:
    made_later = threading.Event()
    made = 0

    def make(some: Sequence[Reading]) -> list[str]:
        nonlocal made
        made += len(some)
        if made > 20:
            made_later.set()
        return lines_of(some)

    monkeypatch.setattr(influx_flight, "lines_of", make)

    def answer(lines: Sequence[str]) -> Outcome:
        assert made_later.wait(10), "the first request is answered only once lines of the third are made"
        return Outcome()

    server = Server(answer)
    way = flight(server)
    way.send("raw", [], [fix(n) for n in range(1, 101)], [])
    way.close()
    assert len(server.taken) == 100


def test_a_slow_server_holds_the_maker_of_lines(small: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much there is to write, no more than two requests are on their way and one is ready."""
    made, ahead = 0, 0

    def make(some: Sequence[Reading]) -> list[str]:
        nonlocal made, ahead
        made += len(some)
        ahead = max(ahead, made - len(server.taken))
        return lines_of(some)

    monkeypatch.setattr(influx_flight, "lines_of", make)
    server = Server(lambda _: time.sleep(0.01) or Outcome())
    way = flight(server)
    way.send("raw", [], [fix(n) for n in range(1, 301)], [])
    way.close()
    assert server.most == 2
    assert ahead <= 10 * 5  # two on their way, one ready, one being made, one just taken


@pytest.mark.parametrize("at", [0, 1, 4, 9])
@pytest.mark.parametrize("error", [InfluxAway, InfluxMisconfigured])
def test_after_a_failure_nothing_is_on_its_way_and_the_same_call_writes_all(
    small: None, at: int, error: type[OSError]
) -> None:
    broken = [True]

    def answer(lines: Sequence[str]) -> Outcome:
        time.sleep(0.002)
        if broken[0] and any(f" {(T0 + (at * 10 + 1) * 1000) * 1_000_000 + at * 10 + 1}" in each for each in lines):
            raise error("not now")
        return Outcome()

    server = Server(answer)
    some = [fix(n) for n in range(1, 101)]
    way = flight(server)
    with pytest.raises(error):
        way.send("raw", [], some, [])
    assert server.now == 0
    sent = len(server.requests)
    time.sleep(0.02)
    assert len(server.requests) == sent  # what had not begun never begins
    broken[0] = False
    way.send("raw", [], some, [])
    way.close()
    assert set(server.taken) == set(lines_of(some))


@pytest.mark.parametrize("sizes", [[1], [9, 10, 11], [25], [3, 3, 3, 3]])
def test_runs_are_cut_into_requests_like_single_fixes(small: None, sizes: list[int]) -> None:
    server = Server()
    way = flight(server)
    some, first = [], 1
    for size in sizes:
        some += [run("truck-1", 1, first, 0, [1000 * n for n in range(first, first + size)]), fix(first + size)]
        first += size + 1
    way.send("raw", ["a v=1i"], some, ["z"])
    way.close()
    assert server.taken == ["a v=1i", *lines_of(list(one_by_one(some))), "z"] or server.most > 1
    assert Counter(server.taken) == Counter(["a v=1i", *lines_of(list(one_by_one(some))), "z"])
    assert max(map(len, server.requests)) <= 10


@settings(max_examples=50, deadline=None)
@given(st.sets(st.integers(0, 56)), st.integers(0, 5))
def test_each_refused_line_is_named_by_its_number(bad: set[int], before: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(influx_flight, "LINES_AT_ONCE", 10)
        patch.setattr(influx_flight, "_STEP", 3)
        some, first, last = (
            [fix(n) for n in range(1, 51 - before + 1)],
            [f"a v={n}i" for n in range(before)],
            ["z", "y"],
        )
        every = [*first, *lines_of(some), *last]
        wrong = {every[n] for n in bad if n < len(every)}
        server = Server(lambda lines: Outcome([(n, "bad") for n, each in enumerate(lines) if each in wrong], 1))
        way = flight(server)
        landed = way.send("raw", first, some, last)
        way.close()
        assert {(n, line) for n, line, _ in landed.refused} == {(every.index(line), line) for line in wrong}
        assert landed.expired == len(server.requests)


# --- what a write is about ---


def run(device: str, stream: int, first: int, at: int, steps: list[int]) -> Run:
    at = T0 + at * 1_000_000
    line = [replace(fix(first + n, at + step, device, stream), received_at=T0 + 7) for n, step in enumerate(steps)]
    return run_of(line) or Run(device, stream, first, [], [], [], [], [], [], [], [], [])


DEVICES, STREAMS = st.sampled_from(["a", "b"]), st.sampled_from([1, 2])
READINGS = st.lists(
    st.builds(
        run, DEVICES, STREAMS, st.integers(1, 9), st.integers(0, 9),
        st.lists(st.integers(-5, 5), max_size=3) | st.just([0, 1_000_000, 2_000_000, 3_000_000]),
    )
    | st.builds(
        lambda device, stream, seq, at, kind, reason: (
            Judged(fix(seq, T0 + at * 1_000_000, device, stream), reason) if reason
            else fix(seq, T0 + at * 1_000_000, device, stream) if kind == "fix"
            else Reading(device, stream, seq, kind, T0 + at * 1_000_000, "gnss", T0, EventBody("boot", {}))
        ),
        DEVICES, STREAMS, st.integers(1, 9), st.integers(0, 9),
        st.sampled_from(["fix", "fix", "event"]), st.sampled_from([None, None, "spike"]),
    ),
    max_size=25,
)  # fmt: skip


@given(READINGS)
def test_of_one_record_the_last_word_counts(readings: list[Entry]) -> None:
    last = {}
    for each in one_by_one(readings):
        reading = reading_of(each)
        last[reading.device, reading.stream, reading.seq] = each
    wanted = by_stream(readings)
    assert {(*stream, seq): each for stream, some in wanted.items() for seq, each in some.items()} == last
    assert sum(map(len, wanted.values())) == len(last)
    for stream, some in wanted.items():
        assert some.ranges == ranges_of(sorted(seq for *its, seq in last if tuple(its) == stream))


@given(READINGS, st.data())
def test_one_record_can_be_taken_out(readings: list[Entry], data: st.DataObject) -> None:
    for some in by_stream(readings).values():
        if some:
            before = dict(some)
            seq = data.draw(st.sampled_from(sorted(some)))
            some.drop(seq)
            del before[seq]
            assert dict(some) == before


@given(READINGS)
def test_each_reading_has_its_number(readings: list[Entry]) -> None:
    plain = [reading_of(each) for each in one_by_one(readings)]
    assert [nth(readings, n) for n in range(count_of(readings))] == plain
    with pytest.raises(IndexError):
        nth(readings, len(plain))


@given(READINGS)
def test_the_note_names_every_record_and_its_time(readings: list[Entry]) -> None:
    wanted = by_stream(readings)
    named = Counter()
    for device, kind, stream, first_at, last_at, ranges in noted(wanted):
        for seq in among(ranges, range(1, 20)):
            reading = reading_of(wanted[device, stream][seq])
            assert (reading.kind, first_at <= reading.at <= last_at) == (kind, True)
            named[device, stream, seq] += 1
    assert named == Counter((*stream, seq) for stream, some in wanted.items() for seq in some)


@given(READINGS)
def test_the_news_are_those_of_the_readings_one_by_one(readings: list[Entry]) -> None:
    for some in filter(None, by_stream(readings).values()):
        news = news_of(some)
        fixes = [each for each in some.values() if reading_of(each).kind == "fix"]
        good = [reading_of(each) for each in fixes if reason_of(each) is None]
        assert news.ranges == ranges_of(sorted(some))
        assert news.last_at == max(reading_of(each).at for each in some.values())
        assert news.hours == {reading_of(each).at // HOUR_MS * HOUR_MS for each in fixes}
        assert news.newest == max(good, key=lambda each: (each.at, each.stream, each.seq), default=None)


# --- with the server ---


@pytest.fixture
def opened(influxd: Influxd, db: Database, request: pytest.FixtureRequest) -> Callable[[], InfluxTelemetry]:
    url = influxd.url(f"f-{request.node.name}")
    made = set_up(url, ADMIN, raw_days=30, minute_days=400)
    return lambda: InfluxTelemetry(url, made.write_token, made.read_token, db)


def test_a_process_that_ends_while_writes_are_on_their_way_leaves_nothing_doubled(
    opened: Callable[[], InfluxTelemetry], db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third of five requests never arrives: the position stays, the next process writes and counts each once."""
    monkeypatch.setattr(influx_flight, "LINES_AT_ONCE", 20)
    monkeypatch.setattr(influx_flight, "_STEP", 20)
    first = opened()
    begin = now_ms() - 200_000
    some = [fix(n, begin + n * 1000) for n in range(1, 101)]
    write, requests = first._writer.write, []

    def dies(bucket: str, lines: Sequence[str]) -> Outcome:
        requests.append(lines)
        if len(requests) == 3:
            raise KeyError("the process ends here")
        return write(bucket, lines)

    monkeypatch.setattr(first._writer, "write", dies)
    with pytest.raises(KeyError):
        first.write(some, 7, "s")
    first.close()
    second = opened()
    assert second.position("s") == 0
    with db.read() as conn:
        assert position_of(conn, "telemetry", "s") == 0
    stored = second.counts("truck-1", 1).stored
    assert 0 < stored < 100  # what had arrived is in the books before anything is written again
    second.write(some, 7, "s")
    found, _ = second.judged("truck-1", 0, 1 << 50)
    assert [each.reading.seq for each in found] == list(range(1, 101))
    assert (second.position("s"), second.counts("truck-1", 1).stored) == (7, 100)
    assert second.latest()["truck-1"].seq == 100
    second.close()


def test_other_records_go_first_and_all_are_counted(opened: Callable[[], InfluxTelemetry]) -> None:
    store = opened()
    begin = now_ms() - 20_000_000
    some: list[Reading] = [fix(n, begin + n * 1000) for n in range(1, 12_001)]
    for n in (50, 6_000, 12_000):
        some[n - 1] = Reading("truck-1", 1, n, "event", begin + n * 1000, "gnss", begin, EventBody("boot", {}))
    store.write(some, 3)
    assert (store.written, store.counts("truck-1", 1).stored, store.position()) == (12_000, 12_000, 3)
    assert len(store.fixes("truck-1", 0, 1 << 50).at) == 11_997
    assert [each.reading.seq for each in store.judged("truck-1", 0, 1 << 50, kind="event")[0]] == [50, 6_000, 12_000]
    store.close()
