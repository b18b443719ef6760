"""The telemetry sink: judges in context, whatever the pieces in which a drive arrives."""

import random
from pathlib import Path

import pytest

from milepost.ingest.model import SpoolItem
from milepost.telemetry.sink import TelemetrySink
from milepost.telemetry.sqlite import SqliteTelemetry
from milepost_device import wire

T0 = 200_000_000


def item(number: int, seqs: range, spikes: set[int]) -> SpoolItem:
    writer = wire.BatchWriter(60_000)
    writer.begin(7, seqs[0], 1, 1, 0)
    for seq in seqs:
        lat = 31_230_400 + 90 * seq + (90_000 if seq in spikes else 0)
        assert writer.add(wire.Fix(t=T0 + seq, lat_e6=lat, lon_e6=121_473_700, speed_dmps=100, sats=9))
    return SpoolItem(number, "truck-1", "up", (wire.EPOCH + T0 + 5_000) * 1000, bytes(writer.finish()))


def stored(folder: Path, groups: list[list[SpoolItem]]) -> list[tuple[int, str | None]]:
    store = SqliteTelemetry(folder)
    sink = TelemetrySink(store)
    for group in groups:
        sink.handle(group)
    found, _ = store.judged("truck-1", 0, 1 << 50)
    store.close()
    return [(each.reading.seq, each.reason) for each in found]


def test_a_spike_is_found_at_the_end_of_one_batch_and_judged_again_with_the_next(tmp_path: Path) -> None:
    groups = [[item(1, range(1, 11), {10})], [item(2, range(11, 21), set())]]
    found = dict(stored(tmp_path / "t.db", groups))
    assert found[10] == "spike"
    assert [seq for seq, reason in found.items() if reason] == [10]


def test_a_real_move_is_believed_once_two_fixes_agree(tmp_path: Path) -> None:
    later = set(range(10, 31))  # from 10 on everything lies 10 km further: a ferry, a tunnel, a transport
    groups = [[item(n, range(n, n + 1), later)] for n in range(1, 31)]
    assert [seq for seq, reason in stored(tmp_path / "t.db", groups) if reason] == []


@pytest.mark.parametrize("seed", range(8))
def test_any_pieces_in_any_order_with_repeats_end_in_the_same_store(tmp_path: Path, seed: int) -> None:
    spikes = {5, 40, 77}
    items = [item(n, range(n * 10 + 1, n * 10 + 11), spikes) for n in range(10)]
    expected = stored(tmp_path / "in-order.db", [items])
    assert [seq for seq, reason in expected if reason == "spike"] == sorted(spikes)
    rng = random.Random(seed)
    mixed = items + rng.sample(items, 4)
    rng.shuffle(mixed)
    groups: list[list[SpoolItem]] = []
    while mixed:
        size = rng.randint(1, 4)
        groups.append(mixed[:size])
        mixed = mixed[size:]
    assert stored(tmp_path / "mixed.db", groups) == expected
