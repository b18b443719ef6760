"""What is decided for a run of fixes at once is what would be decided fix by fix."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from milepost.ingest.model import SpoolItem
from milepost.telemetry import sink as sink_module
from milepost.telemetry.model import Entry, EventBody, FixBody, Judged, Reading, one_by_one
from milepost.telemetry.quality import judge, surely_all_good, surely_good_run
from milepost.telemetry.sink import TelemetrySink

from ..ingest.runs import run_of

T0 = 1_777_800_000_000
NAN = float("nan")
STEPS = st.lists(
    st.tuples(
        st.sampled_from([1, 1, 1, 0, -3, 40, 400_000]),  # seconds
        st.sampled_from([1e-4, 1e-4, 0.0, -2e-3, 0.02, 0.7, NAN, 60.0]),  # degrees north
        st.sampled_from([0.0, 1e-4, -0.4, NAN, 150.0]),  # east
        st.sampled_from([9, 9, 0, None]),  # satellites
        st.sampled_from([0, 0, 1, 2, 3]),  # source
        st.sampled_from([0, 0, 0, -400_000, 400_000, -9_000_000_000_000]),  # received so many ms after it was recorded
    ),
    max_size=8,
)


RUNS = st.tuples(
    st.lists(
        st.tuples(
            st.sampled_from([1, 1, 1, 0, -3, 40]), st.sampled_from([1e-4, 1e-4, 0.0, -2e-3, 0.02]),
            st.sampled_from([0.0, 1e-4, -0.4]), st.sampled_from([9, 9, 9, 9, 0, None]), st.just(0),
        ),
        min_size=1, max_size=8,
    ),
    st.sampled_from([0, 0, 0, 10_000, -400_000, -9_000_000_000_000]),
).map(lambda drawn: [(*each, drawn[1]) for each in drawn[0]])  # fmt: skip


def line_of(steps: list[Any], lat: float = 31.0, lon: float = 121.0) -> list[Reading]:
    at, received_at, found = T0, None, []
    for seq, (seconds, north, east, sats, source, delay_ms) in enumerate(steps, 1):
        at += seconds * 1000
        received_at = T0 + delay_ms if received_at is None or delay_ms else received_at
        body = FixBody(round(lat + north * seq, 6), round(lon + east * seq, 6), None, 9.0, None, sats, None, source)
        found.append(Reading("truck-1", 7, seq, "fix", at, "gnss", received_at, body))
    return found


@settings(max_examples=200)
@given(STEPS, st.booleans(), st.sampled_from([(31.0, 121.0), (0.0, 0.0), (89.9, 179.9)]))
def test_a_line_that_is_surely_all_good_has_nothing_bad_in_it(
    steps: list[Any], first: bool, place: tuple[float, float]
) -> None:
    line = line_of(steps, *place)
    before, rest = (line[0], line[1:]) if first and line else (None, line)
    if surely_all_good(before, rest):
        for n, cur in enumerate(rest):
            assert judge(before, cur, rest[n + 1] if n + 1 < len(rest) else None) is None
            before = cur


@settings(max_examples=200)
@given(RUNS, st.booleans(), st.sampled_from([(31.0, 121.0), (0.0, 0.0), (89.9, 179.9), (-0.0008, -0.0008)]))
def test_a_run_that_is_surely_good_has_nothing_bad_in_it(
    steps: list[Any], first: bool, place: tuple[float, float]
) -> None:
    line = line_of(steps, *place)
    before, rest = (line[0], line[1:]) if first else (None, line)
    run = run_of(rest)
    if run is not None and surely_good_run(before, run):
        assert surely_all_good(before, rest)
        for n, cur in enumerate(rest):
            assert judge(before, cur, rest[n + 1] if n + 1 < len(rest) else None) is None
            before = cur


@pytest.mark.parametrize(
    "odd",
    [
        {"lat": 91.0}, {"lon": 181.0}, {"lat": NAN}, {"lat": 0.0005, "lon": 0.0005}, {"sats": 0}, {"lat": 31.9},
        {"received_at": T0 - 400_000}, {"at": 1_500_000_000_000},
    ],
)  # fmt: skip
def test_each_thing_that_can_be_wrong_is_seen(odd: dict[str, Any]) -> None:
    values = {"at": T0, "received_at": T0, "lat": 31.0, "lon": 121.0, "sats": 9, **odd}
    body = FixBody(values["lat"], values["lon"], None, 9.0, None, values["sats"])
    cur = Reading("truck-1", 7, 2, "fix", values["at"], "gnss", values["received_at"], body)
    near = 1.0 / 3600 if "lat" in odd and odd["lat"] == 0.0005 else 0.0
    before = Reading("truck-1", 7, 1, "fix", T0 - 1000, "gnss", T0, FixBody(31.0 if not near else 0.002, 121.0))
    assert not surely_all_good(before, [cur])
    assert surely_all_good(None, [before])


@pytest.mark.parametrize(
    "odd",
    [
        {"sats": 0}, {"lat": 0.0005, "lon": 0.0005}, {"lat": 31.9}, {"lon": 121.01}, {"received_at": T0 - 400_000},
        {"at": 1_500_000_000_000}, {"at": T0 - 1000}, {"at": T0 - 2000},
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("place", ["alone", "first", "last"])
def test_each_thing_that_can_be_wrong_is_seen_in_a_run(odd: dict[str, Any], place: str) -> None:
    """By itself behind a good fix, and at either end of a run."""
    near = "lat" in odd and odd["lat"] == 0.0005
    values = {"at": T0, "received_at": T0, "lat": 0.001 if near else 31.0, "lon": 0.0 if near else 121.0, "sats": 9}
    before = Reading("truck-1", 7, 1, "fix", T0 - 1000, "gnss", T0, FixBody(values["lat"], values["lon"], sats=9))

    def fix(seq: int, when: int, **odd: Any) -> Reading:
        each = values | {"at": when} | odd
        body = FixBody(each["lat"], each["lon"], None, 9.0, None, each["sats"])
        return Reading("truck-1", 7, seq, "fix", each["at"], "gnss", each["received_at"], body)

    line = {
        "alone": [fix(2, T0, **odd)],
        "first": [fix(2, T0, **odd), fix(3, T0 + 1000)],
        "last": [fix(2, T0 - 500), fix(3, T0, **odd)],
    }[place]
    run = run_of(line)
    assert run is not None
    goes_back = odd.get("at") in (T0 - 1000, T0 - 2000)
    if not goes_back or place == "last":  # beside the fix before it the order is for the sink to see
        assert not surely_good_run(before, run)


def test_a_drive_is_surely_all_good() -> None:
    line = line_of([(1, 1e-4, 1e-4, 9, 0, 0)] * 60)
    run = run_of(line)
    assert surely_all_good(None, line)
    assert run is not None and surely_good_run(None, run) and surely_good_run(line[0], run)


class Store:
    """Keeps what it is given; knows of nothing stored before."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, int, int], Judged] = {}

    def generation(self) -> int:
        return 0

    def write(self, readings: list[Entry], position: int, spool: str = "") -> None:
        for each in one_by_one(readings):
            judged = each if isinstance(each, Judged) else Judged(each)
            self.held[judged.reading.device, judged.reading.stream, judged.reading.seq] = judged

    def _fixes(self) -> list[Judged]:
        fixes = [each for each in self.held.values() if each.reading.kind == "fix"]
        return sorted(fixes, key=lambda each: (each.reading.at, each.reading.stream, each.reading.seq))

    def around(self, device: str, from_ms: int, to_ms: int, count: int) -> tuple[list[Judged], list[Judged]]:
        found = self._fixes()
        before = [each for each in found if each.reading.at < from_ms][-count:]
        return before, [each for each in found if each.reading.at > to_ms][:count]

    def judged(
        self, device: str, from_ms: int, to_ms: int, *, kind: str, after: str = ""
    ) -> tuple[list[Judged], str | None]:
        return [each for each in self._fixes() if from_ms <= each.reading.at < to_ms], None


GOOD = (1, 1e-4, 1e-4, 9, 0, 0)


@settings(max_examples=100, deadline=None)
@example([(9, 3, 0), *[(1, 0, 0)] * 13], {}, 0, 7)  # a tail out of messages of one fix
@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 12), st.sampled_from([0, 0, 0, 0, 1, 7])), max_size=9),
    st.dictionaries(st.integers(0, 60), STEPS, max_size=4),
    st.integers(0, 2),
    st.sampled_from([2, 7]),
)
def test_any_messages_end_in_the_same_store_with_and_without_shortcuts(
    sizes: list[tuple[int, int, int]], odd: dict[int, list[Any]], events: int, at_once: int
) -> None:
    """Repeats, steps back in time, other kinds of records among the fixes, long messages and short ones."""
    steps = [GOOD] * 60
    for place, some in odd.items():
        steps[place : place + len(some)] = some
    readings = line_of(steps)
    for n in range(1, events + 1):
        readings[-7 * n] = Reading("truck-1", 7, 500 + n, "event", T0, "gnss", T0, EventBody("boot", {}))
    messages, begin = [], 0
    for short, long, back in sizes:
        messages.append(readings[begin : begin + short + long])
        begin = max(0, begin + short + long - back)  # some are sent again
    items = [SpoolItem(n, "truck-1", "up", T0, b"%d" % n) for n in range(len(messages))]

    def stored(careful: bool) -> tuple[dict[Any, Judged], list[Any]]:
        store = Store()
        tails = []
        with pytest.MonkeyPatch.context() as patch:
            read = _plain if careful else _usual
            patch.setattr(sink_module, "readings", lambda item: read(messages[item.id]))
            sink = TelemetrySink(store)  # pyright: ignore[reportArgumentType]
            for n in range(0, len(items), at_once):
                sink.handle(items[n : n + at_once])
                tails.append({device: (tail.anchor, list(tail.fixes)) for device, tail in sink._tails.items()})
        return store.held, tails

    assert stored(careful=False) == stored(careful=True)


def _plain(message: list[Reading]) -> Sequence[Reading]:
    return list(message)


def _usual(message: list[Reading]) -> Sequence[Reading]:
    return run_of(message) or list(message)


@pytest.mark.parametrize("later_s", [0, 600])
def test_records_that_come_again_at_another_time_are_no_new_ones(monkeypatch: pytest.MonkeyPatch, later_s: int) -> None:
    line = line_of([GOOD] * 30)
    again = [replace(each, at=each.at + later_s * 1000, received_at=T0 + 900_000) for each in line[8:]]
    messages = [line[:10], again]

    def stored(read: Callable[[list[Reading]], Sequence[Reading]]) -> tuple[Any, Any]:
        monkeypatch.setattr(sink_module, "readings", lambda item: read(messages[item.id]))
        store = Store()
        sink = TelemetrySink(store)  # pyright: ignore[reportArgumentType]
        for n in range(2):
            sink.handle([SpoolItem(n, "truck-1", "up", T0, b"")])
        return store.held, sink._tails["truck-1"].fixes

    assert stored(_usual) == stored(_plain)
    assert len(stored(_usual)[0]) == 30


def test_messages_that_come_in_another_order_leave_the_newest_fixes_as_the_tail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = line_of([GOOD] * 30)
    messages = [line[:10], line[20:], line[10:20]]
    monkeypatch.setattr(sink_module, "readings", lambda item: _usual(messages[item.id]))
    store = Store()
    sink = TelemetrySink(store)  # pyright: ignore[reportArgumentType]
    items = [SpoolItem(n, "truck-1", "up", T0, b"") for n in range(3)]
    sink.handle(items[:1])
    sink.handle(items[1:])
    assert [each.reading.seq for each in sink._tails["truck-1"].fixes] == [27, 28, 29, 30]
