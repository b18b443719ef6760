"""What every telemetry store promises. Another store joins by a name in `STORES`."""

import math
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from milepost.errors import Invalid
from milepost.telemetry.model import (
    CLOCKS,
    EventBody,
    FixBody,
    GateBody,
    HealthBody,
    Judged,
    Reading,
    TagBody,
    TelemetryStore,
)
from milepost.telemetry.sqlite import SqliteTelemetry
from milepost.times import now_ms

T0 = 1_777_800_000_000
STORES = ("sqlite", "influx")


@pytest.fixture(params=STORES)
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., TelemetryStore]]:
    """Opens the same store, each time as after a restart."""
    opened: list = []

    def open_sqlite(**options) -> TelemetryStore:
        return SqliteTelemetry(tmp_path / "telemetry.db", **options)

    opener = request.getfixturevalue("open_influx") if request.param == "influx" else open_sqlite

    def make(**options) -> TelemetryStore:
        opened.append(opener(**options))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


@pytest.fixture
def store(reopen: Callable[[], TelemetryStore]) -> TelemetryStore:
    return reopen()


def fix(seq: int, at: int | None = None, device: str = "truck-1", stream: int = 1, **body: object) -> Reading:
    values = {"lat": 31.2304, "lon": 121.4737, "alt_m": 4.0, "speed_mps": 13.4, "course_deg": 90.0, "sats": 9, **body}
    moment = T0 + seq * 1000 if at is None else at
    return Reading(device, stream, seq, "fix", moment, "gnss", T0 + 999, FixBody(**values))  # pyright: ignore


def other(seq: int, kind: str, body: object, at: int | None = None) -> Reading:
    return Reading("truck-1", 1, seq, kind, T0 + seq * 1000 if at is None else at, "ntp", T0 + 999, body)  # pyright: ignore


BODIES = {
    "tag": TagBody("303436514C5D34AA", 0x3000, 2, -43, -60, -50, -1.5, 3.14, None, T0 + 5_500, 7),
    "gate": GateBody("inner", True, 250),
    "event": EventBody("gap", {"first_seq": 1, "last_seq": 9, "说明": "x"}),
    "health": HealthBody({"1": 3700, "2": -40}),
}


def test_everything_comes_back_as_it_went_in(store: TelemetryStore) -> None:
    readings = [fix(1), fix(2, alt_m=None, speed_mps=None, course_deg=None, sats=None, hdop=0.9, source=2)]
    readings += [other(n, kind, body) for n, (kind, body) in enumerate(BODIES.items(), 3)]
    store.write(readings, 1)
    found, _ = store.judged("truck-1", T0, T0 + 60_000)
    assert [each.reading for each in found] == readings
    for kind in BODIES:
        assert [each.reading.kind for each in store.judged("truck-1", T0, T0 + 60_000, kind=kind)[0]] == [kind]


def test_a_repeat_overwrites_and_is_not_counted_twice(store: TelemetryStore) -> None:
    store.write([fix(1), fix(2), other(3, "gate", BODIES["gate"])], 1)
    store.write([fix(2), fix(1, speed_mps=5.0), other(3, "gate", BODIES["gate"])], 2)
    counts = store.counts("truck-1", 1)
    assert (counts.stored, counts.first_seq, counts.last_seq) == (3, 1, 3)
    assert [each.body.speed_mps for each in store.track("truck-1", T0, T0 + 9_000)] == [5.0, 13.4]


def test_the_position_is_stored_with_the_readings_and_never_goes_back(reopen: Callable[[], TelemetryStore]) -> None:
    first = reopen()
    assert first.position() == 0
    first.write([fix(1)], 41)
    first.write([], 42)
    first.write([], 17)
    assert reopen().position() == 42


def test_a_failed_write_leaves_nothing(store: TelemetryStore) -> None:
    store.write([fix(1)], 1)
    with pytest.raises(ValueError, match="JSON"):
        store.write([fix(2), other(3, "event", EventBody("x", {"n": math.nan}))], 2)
    assert store.counts("truck-1", 1).stored == 1
    assert store.position() == 1


def test_tracks_are_by_time_whatever_order_they_came_in_and_half_open(store: TelemetryStore) -> None:
    store.write([fix(3), fix(1)], 1)
    store.write([fix(2)], 2)
    assert [each.seq for each in store.track("truck-1", T0, T0 + 60_000)] == [1, 2, 3]
    assert [each.seq for each in store.track("truck-1", T0 + 1_000, T0 + 3_000)] == [1, 2]
    assert [each.seq for each in store.track("truck-1", T0, T0 + 60_000, limit=2)] == [1, 2]
    assert store.track("truck-2", T0, T0 + 60_000) == []


def test_quarantined_fixes_are_visible_and_on_no_track(store: TelemetryStore) -> None:
    store.write([Judged(fix(1)), Judged(fix(2, lat=0.0, lon=0.0), "null_island")], 1)
    assert [each.seq for each in store.track("truck-1", T0, T0 + 60_000)] == [1]
    assert [each.reason for each in store.judged("truck-1", T0, T0 + 60_000)[0]] == [None, "null_island"]
    assert store.latest()["truck-1"].seq == 1
    store.write([Judged(fix(2), None)], 2)  # judged again
    assert store.latest(["truck-1", "nobody"])["truck-1"].seq == 2


def test_latest_is_the_newest_by_its_own_time_not_by_receipt(store: TelemetryStore) -> None:
    store.write([fix(9)], 1)
    store.write([fix(4), fix(1, device="truck-2")], 2)
    assert {device: each.seq for device, each in store.latest().items()} == {"truck-1": 9, "truck-2": 1}


def test_neighbours_of_a_stretch(store: TelemetryStore) -> None:
    store.write([fix(n) for n in range(1, 10)], 1)
    before, behind = store.around("truck-1", T0 + 4_000, T0 + 6_000, 2)
    assert [each.reading.seq for each in before] == [2, 3]
    assert [each.reading.seq for each in behind] == [7, 8]


def test_I03_numbers_that_are_none_never_come_back(store: TelemetryStore) -> None:
    store.write([fix(1, speed_mps=math.nan, alt_m=math.inf, hdop=-math.inf)], 1)
    (found,) = store.track("truck-1", T0, T0 + 60_000)
    assert (found.body.speed_mps, found.body.alt_m, found.body.hdop) == (None, None, None)


def test_I01_whole_and_broken_numbers_of_one_field_live_together(store: TelemetryStore) -> None:
    store.write([fix(1, speed_mps=0), fix(2, speed_mps=13.5), fix(3, speed_mps=0)], 1)
    assert [each.body.speed_mps for each in store.track("truck-1", T0, T0 + 60_000)] == [0, 13.5, 0]


@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 9), st.booleans()), max_size=40), st.integers(1, 7))
def test_pages_hold_everything_once_in_order(reopen, entries: list, limit: int) -> None:
    store = reopen()
    device = f"d{abs(hash(tuple(entries))) % 10**9}-{limit}"[:12]
    known: dict[int, tuple[int, str]] = {}
    some: list[Reading] = []
    for seq, second, is_fix in entries:
        if seq in known and known[seq][1] != ("fix" if is_fix else "gate"):
            continue  # a seq never changes its kind
        at = T0 + second * 1000
        known[seq] = (at, "fix" if is_fix else "gate")
        reading = (
            fix(seq, at, device)
            if is_fix
            else Reading(device, 1, seq, "gate", at, "gnss", T0, GateBody("outer", False, 0))
        )
        some.append(reading)
        if len(some) == 8:
            store.write(some, 1)
            some = []
    store.write(some, 1)
    seen: list[tuple[int, int]] = []
    cursor: str | None = ""
    while cursor is not None:
        page, cursor = store.judged(device, T0, T0 + 60_000, limit=limit, after=cursor)
        assert len(page) <= limit
        seen += [(each.reading.at, each.reading.seq) for each in page]
    assert seen == sorted((at, seq) for seq, (at, _) in known.items())


def test_a_made_up_cursor_is_refused(store: TelemetryStore) -> None:
    with pytest.raises(Invalid):
        store.judged("truck-1", T0, T0 + 1, after="x")
    with pytest.raises(Invalid):
        store.judged("truck-1", T0, T0 + 1, kind="nonsense")


def test_columns_hold_the_good_fixes_of_a_span_and_what_is_unknown_is_nan(
    reopen: Callable[..., TelemetryStore],
) -> None:
    store = reopen(raw_days=3650)
    bare = FixBody(31.5, 121.5)
    store.write([fix(3), Judged(fix(2), "spike"), fix(4, lat=-31.25, lon=-0.5, speed_mps=0.0)], 1)
    store.write([Reading("truck-1", 1, 1, "fix", T0 + 1_000, "rtc", T0, bare), fix(9), fix(5, device="truck-2")], 2)
    found = store.fixes("truck-1", T0 + 1_000, T0 + 9_000)
    assert (found.at - T0).tolist() == [1_000, 3_000, 4_000]
    assert (found.lat.tolist(), found.lon.tolist()) == ([31.5, 31.2304, -31.25], [121.5, 121.4737, -0.5])
    assert found.speed_mps[1:].tolist() == pytest.approx([13.4, 0.0])
    assert found.course_deg[1:].tolist() == [90.0, 90.0]
    assert math.isnan(found.speed_mps[0])
    assert math.isnan(found.course_deg[0])
    assert [CLOCKS[number] for number in found.clock] == ["rtc", "gnss", "gnss"]
    assert len(store.fixes("nobody", T0, T0 + 9_000).at) == 0


@pytest.mark.parametrize("seed", [0, 1])
def test_any_order_with_repeats_and_upkeep_between_ends_in_the_same(
    reopen: Callable[..., TelemetryStore], seed: int
) -> None:
    store = reopen(raw_days=3650)
    rng = random.Random(seed)
    fixes = [fix(n) for n in range(1, 121)]
    mixed = fixes + rng.sample(fixes, 40)
    rng.shuffle(mixed)
    for start in range(0, len(mixed), 40):
        store.write(mixed[start : start + 40], start)
        store.maintain(T0 + 10 * 3_600_000)
    assert store.track("truck-1", T0, T0 + 600_000) == fixes
    assert (store.fixes("truck-1", T0, T0 + 600_000).at - T0).tolist() == [n * 1000 for n in range(1, 121)]
    assert store.counts("truck-1", 1).stored == 120
    assert store.latest() == {"truck-1": fixes[-1]}


def test_what_has_expired_is_left_as_one_fix_a_minute(reopen: Callable[..., TelemetryStore]) -> None:
    store = reopen(raw_days=1, minute_days=3650)
    store.write([Judged(fix(1), "spike"), *(fix(n) for n in range(2, 200))], 1)
    for _ in range(2):
        store.maintain(now_ms())
    found = store.fixes("truck-1", T0, T0 + 600_000)
    assert [at // 60_000 for at in found.at.tolist()] == [T0 // 60_000 + minute for minute in range(4)]
    assert store.latest()["truck-1"].seq == 199


def test_devices_are_those_that_have_something_and_the_size_counts_raw_fixes(store: TelemetryStore) -> None:
    assert (store.devices(), store.size().fixes) == ([], 0)
    store.write([fix(1, device="truck-2"), fix(2, device="truck-2"), Judged(fix(1), "spike")], 1)
    store.write([fix(2, device="truck-2"), Reading("door-1", 1, 1, "gate", T0, "gnss", T0, BODIES["gate"])], 2)  # pyright: ignore
    assert store.devices() == ["door-1", "truck-1", "truck-2"]
    assert store.size().fixes == 3
    assert store.size().bytes >= 0


def test_positions_of_several_spools_stand_beside_each_other(store: TelemetryStore) -> None:
    store.write([], 7, "one")
    store.write([], 3, "other")
    assert (store.position("one"), store.position("other"), store.position()) == (7, 3, 0)
