"""What is kept beside InfluxDB: records that move in time, the last known place, the minutes."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost.db import Database
from milepost.telemetry import influx_sql
from milepost.telemetry.influx import InfluxTelemetry
from milepost.telemetry.model import FixBody, GateBody, Judged, Reading

T0 = 1_777_799_988_000 // 3_600_000 * 3_600_000
HOUR_MS, DAY_MS = 3_600_000, 86_400_000


def fix(seq: int, at: int, lat: float = 31.0, **body) -> Reading:
    values = {"lat": lat, "lon": 121.0, "speed_mps": 13.4, **body}
    return Reading("truck-1", 1, seq, "fix", at, "gnss", at + 1_000, FixBody(**values))


@pytest.fixture
def store(open_influx: Callable[..., InfluxTelemetry]):
    made = open_influx()
    yield made
    made.close()


def seqs(store: InfluxTelemetry) -> list[tuple[int, int]]:
    return [(each.reading.seq, each.reading.at) for each in store.judged("truck-1", 0, 1 << 50)[0]]


def test_a_record_placed_anew_leaves_its_former_place(store: InfluxTelemetry) -> None:
    store.write([fix(1, T0), fix(2, T0 + 1_000), fix(3, T0 + 2_000)], 1)
    store.write([fix(2, T0 + DAY_MS)], 2)  # far away
    store.write([fix(3, T0 + 2_001)], 3)  # beside
    assert seqs(store) == [(1, T0), (3, T0 + 2_001), (2, T0 + DAY_MS)]
    assert store.counts("truck-1", 1).stored == 3
    assert store.latest()["truck-1"].seq == 2
    store.write([fix(2, T0 + 1_000)], 4)  # and back again
    assert seqs(store) == [(1, T0), (2, T0 + 1_000), (3, T0 + 2_001)]
    assert store.latest()["truck-1"].seq == 3
    assert list(store.fixes("truck-1", 0, 1 << 50).at) == [T0, T0 + 1_000, T0 + 2_001]


def test_seqs_a_million_apart_in_one_millisecond_are_two_records(store: InfluxTelemetry) -> None:
    store.write([fix(1, T0), fix(1_000_001, T0), fix(2_000_001, T0)], 1)
    store.write([Reading("truck-1", 2, 1, "fix", T0, "gnss", T0, FixBody(30.0, 120.0))], 2)
    found, _ = store.judged("truck-1", T0, T0 + 1)
    keys = [(each.reading.stream, each.reading.seq) for each in found]
    assert keys == [(1, 1), (1, 1_000_001), (1, 2_000_001), (2, 1)]


def test_a_value_that_is_not_known_any_more_does_not_come_back(store: InfluxTelemetry) -> None:
    store.write([fix(1, T0, alt_m=7.0, sats=9)], 1)
    store.write([fix(1, T0, speed_mps=None)], 2)
    (found,) = store.track("truck-1", T0, T0 + 1)
    assert isinstance(found.body, FixBody)
    assert (found.body.alt_m, found.body.sats, found.body.speed_mps) == (None, None, None)


def test_the_last_known_place_falls_back_when_it_is_quarantined_afterwards(store: InfluxTelemetry) -> None:
    store.write([fix(1, T0), fix(2, T0 + 1_000)], 1)
    store.write([Judged(fix(2, T0 + 1_000), "spike")], 2)
    assert store.latest()["truck-1"].seq == 1
    store.write([Judged(fix(1, T0), "spike")], 3)
    assert store.latest() == {}


def test_one_position_a_minute_the_first_good_one(store: InfluxTelemetry, open_influx: Callable) -> None:
    store.write([fix(n, T0 + 20_000 + n * 10_000, lat=30 + n / 1000) for n in range(30)], 1)
    store.write([Judged(fix(40, T0 + 61_000, lat=0.0), "spike"), Judged(fix(41, T0 + 19_000, lat=0.0), "spike")], 2)
    store.maintain(T0 + 2 * HOUR_MS)
    late = open_influx(clock=lambda: T0 + 31 * DAY_MS)
    store.maintain(T0 + HOUR_MS + 30 * DAY_MS)
    found = late.fixes("truck-1", T0, T0 + HOUR_MS)
    firsts = [20_000, 60_000, 120_000, 180_000, 240_000, 300_000]
    assert list(found.at - T0) == firsts
    assert [round((lat - 30) * 1000) for lat in found.lat] == [(at - 20_000) // 10_000 for at in firsts]
    assert set(found.clock) == {3}
    assert found.speed_mps[0] == pytest.approx(13.4)
    late.close()


def test_late_data_and_later_judgements_make_the_minutes_anew(store: InfluxTelemetry, open_influx: Callable) -> None:
    store.write([fix(1, T0 + 30_000), fix(2, T0 + 90_000)], 1)
    store.maintain(T0 + 2 * HOUR_MS)
    store.write([fix(3, T0 + 10_000), Judged(fix(2, T0 + 90_000), "spike")], 2)
    store.maintain(T0 + 2 * HOUR_MS)
    store.maintain(T0 + 2 * HOUR_MS)
    late = open_influx(clock=lambda: T0 + 31 * DAY_MS)
    store.maintain(T0 + HOUR_MS + 30 * DAY_MS)
    assert list(late.fixes("truck-1", T0, T0 + HOUR_MS).at - T0) == [10_000]
    late.close()


def test_minutes_stay_when_their_hour_is_touched_after_the_fixes_expired(
    store: InfluxTelemetry, open_influx: Callable
) -> None:
    store.write([fix(n, T0 + n * 60_000) for n in range(5)], 1)
    store.maintain(T0 + 2 * HOUR_MS)
    store.maintain(T0 + HOUR_MS + 30 * DAY_MS)
    store.write([fix(9, T0 + 600_000)], 2)  # very late, and a moment before it would be refused
    store.maintain(T0 + 2 * HOUR_MS + 30 * DAY_MS)
    late = open_influx(clock=lambda: T0 + 31 * DAY_MS)
    assert list(late.fixes("truck-1", T0, T0 + HOUR_MS).at - T0) == [*range(0, 300_000, 60_000), 600_000]
    late.close()


def test_the_hour_that_is_running_is_not_thinned_yet(store: InfluxTelemetry, open_influx: Callable) -> None:
    store.write([fix(1, T0)], 1)
    store.maintain(T0 + HOUR_MS)
    assert store._reader.series(store.place.minute_bucket, "SELECT bits FROM minute") == [[]]
    late = open_influx(clock=lambda: T0 + 31 * DAY_MS)
    late.maintain(T0 + 2 * HOUR_MS)
    store.maintain(T0 + HOUR_MS + 30 * DAY_MS)
    assert len(late.fixes("truck-1", T0, T0 + HOUR_MS).at) == 1
    late.close()


def test_an_hour_touched_while_it_is_thinned_stays_due(db: Database) -> None:
    with db.tx() as conn:
        influx_sql.touch(conn, [("truck-1", T0), ("truck-2", T0)])
        due = influx_sql.due_hours(conn, T0 + 1, 10)
        influx_sql.touch(conn, [("truck-1", T0)])
        influx_sql.thinned(conn, due)
        assert [each[:2] for each in influx_sql.due_hours(conn, T0 + 1, 10)] == [("truck-1", T0)]


def test_where_raw_fixes_begin_the_minutes_end(store: InfluxTelemetry, open_influx: Callable) -> None:
    store.write([fix(n, T0 + n * 10_000) for n in range(1, 721)], 1)  # two hours
    store.maintain(T0 + 4 * HOUR_MS)
    late = open_influx(clock=lambda: T0 + HOUR_MS + 30 * DAY_MS)
    store.maintain(T0 + HOUR_MS + 30 * DAY_MS)
    at = late.fixes("truck-1", T0, T0 + 3 * HOUR_MS).at - T0
    assert list(at[:2]) == [10_000, 60_000]
    assert sum(at < HOUR_MS) == 60
    assert sum(at >= HOUR_MS) == 361
    assert (at[1:] > at[:-1]).all()
    late.close()


def test_other_kinds_of_one_millisecond_are_paged_in_order(store: InfluxTelemetry) -> None:
    store.write(
        [
            fix(n, T0) if n % 2 else Reading("truck-1", 1, n, "gate", T0, "ntp", T0, GateBody("inner", True, 0))
            for n in range(1, 8)
        ],
        1,
    )
    seen, cursor = [], ""
    while cursor is not None:
        page, cursor = store.judged("truck-1", T0, T0 + 1, limit=2, after=cursor)
        seen += [each.reading.seq for each in page]
    assert seen == list(range(1, 8))


@given(st.lists(st.sets(st.integers(1, 60), max_size=20), max_size=8))
def test_ranges_are_the_set_of_what_came(pieces: list[set[int]]) -> None:
    ranges: influx_sql.Ranges = []
    for piece in pieces:
        ranges = influx_sql.united(ranges, influx_sql.ranges_of(sorted(piece)))
    came = set().union(*pieces)
    assert {seq for first, last in ranges for seq in range(first, last + 1)} == came
    assert all(one[1] + 1 < other[0] for one, other in pairwise(ranges))
    assert influx_sql.among(ranges, list(range(1, 61))) == sorted(came)


@pytest.mark.parametrize("db", ["sqlite", "postgresql"], indirect=True)
def test_the_books_on_both_databases(db: Database) -> None:
    with db.tx() as conn:
        streams = {("truck-1", 1): [[1, 2], [5, 5]], ("truck-2", 1 << 29): [[7, 7]]}
        influx_sql.enter_ranges(conn, streams, dict.fromkeys(streams, T0))
        influx_sql.enter_ranges(conn, {("truck-1", 1): [[3, 3]]}, {("truck-1", 1): T0 - 5})
        influx_sql.enter_latest(conn, {"truck-1": fix(5, T0)}, {})
        influx_sql.enter_latest(conn, {"truck-1": fix(3, T0 - 1)}, {})
        influx_sql.set_aside(conn, [(fix(9, T0), "fix v=x 1", "why")] * 2, T0)
    with db.read() as conn:
        assert influx_sql.counts(conn, "truck-1", 1).stored == 4
        assert (influx_sql.last_at(conn, "truck-1"), influx_sql.last_at(conn, "nobody")) == (T0, None)
        assert influx_sql.devices(conn) == ["truck-1", "truck-2"]
        assert influx_sql.latest(conn)["truck-1"] == fix(5, T0)
        assert influx_sql.refused_count(conn) == 1
    with db.tx() as conn:
        influx_sql.accepted(conn, influx_sql.refused(conn, None))
        influx_sql.enter_latest(conn, {}, {"truck-1": None})
        assert (influx_sql.refused(conn, 5), influx_sql.latest(conn)) == ([], {})
        assert influx_sql.counts(conn, "truck-1", 1).last_seq == 9
