"""What the process of the telemetry sink does differently: it takes hand-overs in parts."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from milepost.ingest.model import SpoolItem
from milepost.telemetry.apart import InParts
from milepost.telemetry.model import Entry, Judged
from milepost.telemetry.sink import TelemetrySink
from milepost.telemetry.sqlite import SqliteTelemetry

from ..ingest.conftest import drive


class Failing(SqliteTelemetry):
    """Fails at the write with one number."""

    def __init__(self, path: Path, at: int = 0) -> None:
        super().__init__(path)
        self.fails_at, self.positions = at, list[int]()

    def write(self, readings: Sequence[Entry], position: int, spool: str = "") -> None:
        if len(self.positions) + 1 == self.fails_at:
            self.fails_at = 0
            raise OSError("away for a moment")
        super().write(readings, position, spool)
        self.positions.append(position)


@pytest.fixture
def items() -> list[SpoolItem]:
    """Thirty messages of three trucks, in turns."""
    return [SpoolItem(n + 1, f"truck-{n % 3}", "up", 1_800_000_000_000, drive(n // 3 * 20 + 1, 20)) for n in range(30)]


def stored(store: SqliteTelemetry) -> list[Judged]:
    return [each for n in range(3) for each in store.judged(f"truck-{n}", 0, 1 << 50)[0]]


def test_a_hand_over_in_parts_stores_what_it_would_as_a_whole(items: list[SpoolItem], tmp_path: Path) -> None:
    whole, parts = Failing(tmp_path / "whole.db"), Failing(tmp_path / "parts.db")
    TelemetrySink(whole).handle(items)
    sink = InParts(parts, "", part_bytes=7 * len(items[0].payload))
    sink.handle(items)
    assert stored(parts) == stored(whole)
    assert (whole.positions, sink.position(), sink.written) == ([30], 30, 600)
    assert len(parts.positions) == 5
    assert parts.positions == sorted(parts.positions)
    whole.close()
    parts.close()


def test_a_part_that_fails_leaves_the_position_behind_the_last_one_that_did_not(
    items: list[SpoolItem], tmp_path: Path
) -> None:
    store = Failing(tmp_path / "telemetry.db", at=3)
    sink = InParts(store, "", part_bytes=7 * len(items[0].payload))
    with pytest.raises(OSError, match="away for a moment"):
        sink.handle(items)
    stood = sink.position()
    assert stood == store.positions[-1] == store.positions[1]
    sink.handle([each for each in items if each.id > stood])  # as its runner does
    assert sink.position() == 30
    assert [each.reading.seq for each in stored(store)] == list(range(1, 201)) * 3
    store.close()
