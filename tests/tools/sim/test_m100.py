"""The simulated reader module speaks the `BB … 7E` dialect (frames: the vendors' M100/R200 papers)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost_device.wire import crc16_gen2
from milepost_tools.sim.m100 import NO_TAG, Module, frame, tag_frame

EPC = bytes.fromhex("3154257BF4499602D2000000")
VERSION = bytes.fromhex("BB000300010004 7E")
MULTI_POLL = bytes.fromhex("BB00270003222710837E")
STOP = bytes.fromhex("BB00280000287E")
POWER_26 = bytes.fromhex("BB00B600020A28EA7E")


def hear(data: bytes, module: Module | None = None) -> bytes:
    return (module or Module()).feed(data, lambda: (EPC, -55))


def test_vendor_examples_are_obeyed() -> None:
    assert hear(VERSION)[:5] == bytes.fromhex("BB01030010")
    assert b"M100" in hear(VERSION)
    assert hear(STOP) == bytes.fromhex("BB01280001002A7E")
    assert hear(POWER_26) == frame(1, 0xB6, b"\x00")
    assert hear(bytes.fromhex("BB000E00021120417E")) == frame(1, 0x0E, b"\x00")
    assert hear(bytes.fromhex("BB00B70000B77E"))[:5] == bytes.fromhex("BB01B70002")


def test_a_tag_carries_level_length_and_gen2_crc() -> None:
    seen = tag_frame(EPC, -55)
    assert seen[:5] == bytes.fromhex("BB02220011")
    assert seen[5] == 0xC9
    assert seen[6:8] == bytes.fromhex("3000")
    assert seen[8:20] == EPC
    assert int.from_bytes(seen[20:22], "big") == crc16_gen2(seen[6:20])
    assert seen[22] == sum(seen[1:22]) & 0xFF
    assert len(seen) == 24


def test_no_tag_is_the_error_15() -> None:
    assert bytes.fromhex("BB01FF000115167E") == NO_TAG


def test_a_multi_poll_makes_so_many_rounds_and_stop_ends_it() -> None:
    module = Module()
    assert module.poll(5, lambda: (EPC, -50)) == b""
    assert hear(MULTI_POLL, module) == b""
    assert module.rounds_left == 10_000
    assert module.poll(2, lambda: (EPC, -50)) == tag_frame(EPC, -50) * 2
    assert module.poll(1, lambda: None) == NO_TAG
    assert module.rounds_left == 9_997
    hear(STOP, module)
    assert module.poll(5, lambda: (EPC, -50)) == b""


@given(st.binary(max_size=300), st.lists(st.integers(1, 7), max_size=20))
def test_any_noise_before_a_command_is_skipped(noise: bytes, cuts: list[int]) -> None:
    module = Module()
    # Without heads: those may claim what follows, see the next test.
    stream = noise.replace(b"\xbb", b"") + POWER_26
    answers = b""
    while stream:
        size = cuts.pop() if cuts else len(stream)
        answers += module.feed(stream[:size], lambda: None)
        stream = stream[size:]
    assert answers == frame(1, 0xB6, b"\x00")
    assert module.power_cdbm == 2600


def test_a_false_head_costs_no_more_than_its_length() -> None:
    module = Module()
    module.feed(b"\xbb\x00\x22\x00\x02", lambda: None)
    assert module.feed(POWER_26 + POWER_26, lambda: None).count(frame(1, 0xB6, b"\x00")) >= 1


@pytest.mark.parametrize("bad", ["BB00B600020A28EB7E", "BB00B600020A28EA7D", "BB01B600020A28EA7E"])
def test_a_command_with_a_wrong_sum_end_or_type_is_ignored(bad: str) -> None:
    assert hear(bytes.fromhex(bad)) == b""


@pytest.mark.parametrize(("command", "given", "code"), [(0x99, b"", 0x17), (0x07, b"\x63", 0x0E)])
def test_what_it_does_not_know_it_says(command: int, given: bytes, code: int) -> None:
    assert hear(frame(0, command, given)) == frame(1, 0xFF, bytes((code,)))


@pytest.mark.parametrize("epc", [b"", b"123", bytes(64)])
def test_an_impossible_epc_is_refused(epc: bytes) -> None:
    with pytest.raises(ValueError, match="EPC"):
        tag_frame(epc, -50)
