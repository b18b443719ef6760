"""M100 frames go in at the UART, tag records come out of the broker; the gates beside them."""

import random
import time

import pytest

from milepost_device import wire
from milepost_hil.bench import sensors

pytestmark = [pytest.mark.feature("network"), pytest.mark.feature("rfid")]

EPC = [bytes.fromhex(f"30395DFA8123456789ABCD{i:02X}") for i in range(8)]


@pytest.fixture
def module(rfid):
    running = sensors.ReaderModule(rfid)
    yield running
    running.close()


def counted(backend):
    """EPC -> how many reads its records stand for."""
    seen = {}
    for tag in backend.of(wire.Tag):
        seen[tag.epc] = seen.get(tag.epc, 0) + tag.count
    return seen


def test_the_module_is_set_up_before_it_polls(board, device, module, backend_ack):
    device("reader", power_cdbm=2000, region=1).started()
    backend_ack.wait(lambda: 0x27 in module.commands)
    order = [module.commands.index(c) for c in (0x03, 0x07, 0xB6, 0x0E, 0x27)]
    assert order == sorted(order)


def test_reads_become_tag_records_with_their_count_and_strength(board, device, module, backend_ack):
    device("reader", tag_window_ms=300).started()
    backend_ack.wait(lambda: 0x27 in module.commands)
    for i in range(10):
        for n, epc in enumerate(EPC[:4]):
            module.sees(epc, -70 + i + n)
        time.sleep(0.02)
    backend_ack.wait(lambda: counted(backend_ack) == dict.fromkeys(EPC[:4], 10))
    strongest = {epc: max(t.rssi_max for t in backend_ack.of(wire.Tag) if t.epc == epc) for epc in EPC[:4]}
    assert strongest == {epc: -70 + 9 + n for n, epc in enumerate(EPC[:4])}
    backend_ack.assert_complete()


@pytest.mark.parametrize("seed", range(3))
def test_garbage_and_torn_frames_make_no_ghost_tag(board, device, module, rfid, backend_ack, seed):
    device("reader", tag_window_ms=100).started()
    backend_ack.wait(lambda: 0x27 in module.commands)
    noise = random.Random(seed)
    for _ in range(30):
        good = sensors.tag_notice(EPC[7], -40)
        broken = bytearray(good)
        broken[noise.randrange(5, len(good) - 3)] ^= 1 << noise.randrange(8)
        rfid.write(noise.randbytes(noise.randrange(1, 60)))
        rfid.write(bytes(broken))
        rfid.write(good[: noise.randrange(1, len(good))])
        time.sleep(0.01)
    time.sleep(0.3)
    for _ in range(3):
        module.sees(EPC[0], -50)
        time.sleep(0.15)
    backend_ack.wait(lambda: counted(backend_ack).get(EPC[0], 0) >= 2)
    assert set(counted(backend_ack)) <= {EPC[0]}
    assert b"Traceback" not in board.console.text


@pytest.mark.feature("gates")
def test_a_gate_is_recorded_on_both_edges(board, device, module, backend_ack):
    for gate in ("inner", "outer"):
        board.set_gate(gate, interrupted=False)
    device("reader").first_acknowledged()
    held_ms = []  # a host under load is slower than it was asked to be
    for gate in ("inner", "outer"):
        board.set_gate(gate, interrupted=True)
        begun = time.monotonic()
        time.sleep(0.15)
        board.set_gate(gate, interrupted=False)
        held_ms.append((time.monotonic() - begun) * 1000)
        time.sleep(0.15)
    backend_ack.wait(lambda: len(backend_ack.of(wire.Gate)) >= 4)
    got = [(g.gate, g.state) for g in backend_ack.of(wire.Gate)]
    assert got == [(wire.GATE_INNER, 1), (wire.GATE_INNER, 0), (wire.GATE_OUTER, 1), (wire.GATE_OUTER, 0)]
    told = [g.span_ms for g in backend_ack.of(wire.Gate) if g.state == 0]
    assert all(100 <= ms <= held + 250 for ms, held in zip(told, held_ms, strict=True))
