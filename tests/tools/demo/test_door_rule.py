"""The demo's door is loud and orderly enough that the service's first rule reads it without error.

The demo proves the path of the data, not the rule at its limits; those are the dock bench's subject.
"""

import pytest

from milepost.evidence import passages
from milepost_tools.demo.places import RSSI_FLOOR_DBM
from milepost_tools.demo.scenario import staged_m
from milepost_tools.demo.world import EMPTY_FORKLIFT_MPS, FORKLIFT_MPS
from milepost_tools.sim.door import ROUND_MS, Door, Passage
from milepost_tools.sim.epc import sscc96

_WINDOW_MS = 300
_TICK_MS = 5


class Recorder:
    """A door in made-up time, with what the firmware would record of it."""

    def __init__(self, seed: int) -> None:
        self.door = Door(seed)
        self.now_ms = 1_000_000
        self.gates: list[passages.Gate] = []
        self.reads: list[passages.Read] = []
        self._open: dict[bytes, list[int]] = {}
        self._level: dict[str, bool] = {}

    def run(self, ms: int) -> None:
        for _ in range(ms // _TICK_MS):
            self.now_ms += _TICK_MS
            for gate in ("inner", "outer"):
                blocked = self.door.blocked(gate, self.now_ms)
                if self._level.get(gate, False) != blocked:
                    self._level[gate] = blocked
                    self.gates.append(passages.Gate(self.now_ms, f"g{self.now_ms}{gate}", gate, blocked))
            if self.now_ms % ROUND_MS < _TICK_MS and (read := self.door.round(self.now_ms)):
                self._read(*read)
            self._close(self.now_ms - _WINDOW_MS)

    def _read(self, epc: bytes, dbm: int) -> None:
        first, _, start, top, _, count = self._open.get(epc, [self.now_ms, 0, dbm, dbm, dbm, 0])
        self._open[epc] = [first, self.now_ms, start, max(top, dbm), dbm, count + 1]

    def _close(self, until_ms: int) -> None:
        for epc in [epc for epc, window in self._open.items() if window[0] <= until_ms]:
            first, last, start, top, final, count = self._open.pop(epc)
            self.reads.append(passages.Read(first, last, f"t{first}{epc.hex()}", epc.hex(), top, start, final, count))

    def carry(self, epc: bytes, inwards: bool) -> None:
        passage = Passage(epc, self.now_ms + 100, inwards, FORKLIFT_MPS)
        self.door.staged.pop(epc, None)
        self.door.aboard.pop(epc, None)
        self.door.passages = [passage]
        if inwards:
            self.door.passages.append(Passage(None, passage.end_ms + 400, not inwards, EMPTY_FORKLIFT_MPS))
        self.run(passage.end_ms - self.now_ms)
        (self.door.aboard if inwards else self.door.staged)[epc] = 4.5
        self.run(self.door.passages[-1].end_ms - self.now_ms)


@pytest.mark.parametrize("seed", range(6))
def test_every_pallet_passes_once_the_way_it_was_carried(seed: int) -> None:
    at = Recorder(seed)
    pallets = [sscc96("6950000", 0, seed * 100 + number) for number in range(6)]
    for number, epc in enumerate(pallets):
        at.door.staged[epc] = staged_m(number // 3, number % 3)
    at.run(10_000)
    wrong = pallets[5]
    at.carry(wrong, True)
    at.carry(wrong, False)
    for epc in pallets:
        at.carry(epc, True)
    at.run(7_000)
    found = passages.passages("d", at.gates, at.reads, floor_dbm=RSSI_FLOOR_DBM, newest=at.now_ms)
    carried = [(wrong, "out"), (wrong, "in"), *((epc, "out") for epc in pallets)]
    assert [(bytes.fromhex(each.epc), each.direction) for each in found] == carried
