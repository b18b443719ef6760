"""Judgements and tables are functions of the set of fixes: any order, any pieces, any repeats end in the same."""

import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from milepost.ingest.decode import readings
from milepost.ingest.model import SpoolItem
from milepost.telemetry.model import Judged, Reading
from milepost.telemetry.quality import judge
from milepost.telemetry.sink import TelemetrySink
from milepost.telemetry.sqlite import SqliteTelemetry
from milepost_device import wire

T0 = 200_000_000
RECEIVED_MS = (wire.EPOCH + T0 + 90_000) * 1000
STEP_E6 = 9  # about a metre


def item(number: int, fixes: list[wire.Fix], stream: int, first_seq: int, received_ms: int = RECEIVED_MS) -> SpoolItem:
    writer = wire.BatchWriter(60_000)
    writer.begin(stream, first_seq, 1, 1, 0)
    for fix in fixes:
        assert writer.add(fix)
    return SpoolItem(number, "truck-1", "up", received_ms, bytes(writer.finish()))


def by_the_rule(fixes: list[Reading]) -> list[Judged]:
    """The judgement as its definition says: over all fixes in order, each after the last good one."""
    line = sorted(fixes, key=lambda each: (each.at, each.stream, each.seq))
    good, found = None, []
    for place, cur in enumerate(line):
        reason = judge(good, cur, line[place + 1] if place + 1 < len(line) else None)
        good = cur if reason is None else good
        found.append(Judged(cur, reason))
    return found


def stored(store: SqliteTelemetry) -> list[Judged]:
    return store.judged("truck-1", 0, 1 << 50)[0]


# Places whose distances make every rule speak: here, noise, a spike, a jump, far away, no position.
_places = st.sampled_from([0, 0, 0, 20, 130, 240, 900, 5_000, 400_000, None])
_fix = st.tuples(st.integers(0, 40), _places, st.sampled_from([None, 2, 600]), st.sampled_from([9, 9, 0]))


def made(second: int, metres: int | None, speed_dmps: int | None, sats: int) -> wire.Fix:
    lat, lon = (0, 0) if metres is None else (31_000_000 + STEP_E6 * metres, 121_000_000)
    return wire.Fix(t=T0 + second, lat_e6=lat, lon_e6=lon, speed_dmps=speed_dmps, sats=sats)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(st.sampled_from([3, 8]), _fix), min_size=1, max_size=24),
    st.randoms(use_true_random=False),
)
def test_any_order_with_repeats_is_judged_as_the_whole_set(entries: list, rng: random.Random) -> None:
    items = [item(n, [made(*fix)], stream, n) for n, (stream, fix) in enumerate(entries, 1)]
    expected = by_the_rule([reading for each in items for reading in readings(each)])
    # Repeats are received later: of two copies the earlier receipt counts, whichever is stored first.
    repeats = [item(each.id, [made(*entries[each.id - 1][1])], entries[each.id - 1][0], each.id, RECEIVED_MS + 5_000)
               for each in rng.sample(items, rng.randint(0, len(items)))]  # fmt: skip
    mixed = items + repeats
    rng.shuffle(mixed)
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteTelemetry(Path(folder) / "telemetry.db")
        sink = TelemetrySink(store)
        while mixed:
            size = rng.randint(1, 5)
            sink.handle(mixed[:size])
            mixed = mixed[size:]
            if rng.random() < 0.2:
                store.maintain(RECEIVED_MS + 3 * 3_600_000)
            if rng.random() < 0.1:
                sink = TelemetrySink(store)  # a restart
        found = stored(store)
        assert found == expected
        good = [each.reading.seq for each in expected if each.reason is None]
        assert [each.seq for each in store.latest().values()] == good[-1:]
        assert store.size().fixes == len(expected)
        store.close()


def day(seed: int) -> list[SpoolItem]:
    """A day of a truck every 20 s: drives, stands, spikes, a tunnel, hours without a position."""
    rng = random.Random(seed)
    fixes: list[wire.Fix] = []
    north = east = 0.0
    for n in range(0, 86_400, 20):
        if n // 3600 % 3:
            north, east = north + rng.uniform(0, 400), east + rng.uniform(-200, 200)
        jump = 50_000 if rng.random() < 0.01 else 0
        lost = n // 3600 == 5
        fixes.append(
            wire.Fix(
                t=T0 + n,
                lat_e6=0 if lost else 31_000_000 + round(north + jump) * STEP_E6,
                lon_e6=0 if lost else 121_000_000 + round(east) * STEP_E6,
                speed_dmps=rng.choice([None, 3, 150]),
                sats=9,
            )
        )
    return [item(n + 1, fixes[n * 60 : n * 60 + 60], 7, n * 60 + 1) for n in range(len(fixes) // 60)]


def tables(store: SqliteTelemetry) -> dict[str, list]:
    conn = store._file.conn()
    return {
        "piece": conn.execute("SELECT device, hour, brought, body FROM piece ORDER BY device, hour").fetchall(),
        "state": conn.execute("SELECT * FROM state ORDER BY device").fetchall(),
        "record": conn.execute("SELECT * FROM record ORDER BY device, stream, seq").fetchall(),
        "minute": conn.execute("SELECT * FROM minute ORDER BY device, day").fetchall(),
        "unfolded": conn.execute("SELECT * FROM unfolded").fetchall(),
        "damaged": conn.execute("SELECT * FROM damaged").fetchall(),
    }


def run(folder: Path, items: list[SpoolItem], rng: random.Random | None, raw_days: int = 30) -> dict[str, list]:
    store = SqliteTelemetry(folder / "telemetry.db", raw_days=raw_days)
    sink = TelemetrySink(store)
    while items:
        size = rng.randint(1, 9) if rng else 1
        sink.handle(items[:size])
        items = items[size:]
        if rng and rng.random() < 0.1:
            store.maintain(RECEIVED_MS)
    for _ in range(2):
        store.maintain(RECEIVED_MS + 3 * 3_600_000)
    found = tables(store)
    store.close()
    return found


@pytest.mark.parametrize("order", ["newest first", "doubled", "shuffled"])
def test_a_backlog_of_a_day_in_any_order_makes_identical_tables(tmp_path: Path, order: str) -> None:
    items = day(1)
    expected = run(tmp_path / "in-order", items, None)
    assert sum(row[2] for row in expected["piece"]) == 4320
    rng = random.Random(order)
    mixed = items[::-1] if order == "newest first" else [each for each in items for _ in (1, 2)]
    if order == "shuffled":
        mixed = items + rng.sample(items, len(items) // 3)
        rng.shuffle(mixed)
    assert run(tmp_path / "mixed", mixed, rng) == expected
