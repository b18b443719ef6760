"""The M100 / R200 reader protocol under MicroPython: the vendors' frames, damage, and no ghost tags."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from milepost_device.wire import crc16_gen2

Feed = Callable[[list[list[bytes]]], list[dict[str, Any]]]

# The vendors' own examples, and the default query after the erratum named there.
VENDOR_COMMANDS = {
    "hardware version": "bb0003000100047e",
    "firmware version": "bb0003000101057e",
    "maker": "bb0003000102067e",
    "single poll": "bb00220000227e",
    "multi poll": "bb0027000322ffff4a7e",
    "multi poll 10000": "bb00270003222710837e",
    "stop": "bb00280000287e",
    "26 dBm": "bb00b600020a28ea7e",
    "20 dBm": "bb00b6000207d08f7e",
    "get power": "bb00b70000b77e",
    "region EU": "bb00070001030b7e",
    "session 1": "bb000e00021120417e",
    "default query": "bb000e00021020407e",
    "stop R200": "aa0028000028dd",
}
VENDOR_REPLIES = {
    "bb01280001002a7e": [0x28, "00"],
    "bb01b6000100b87e": [0xB6, "00"],
    "bb01b7000207d0917e": [0xB7, "07d0"],
}
VENDOR_TAG = bytes.fromhex("bb02220011c9340030751feb705c5904e3d50d703a76ef7e")


def frame(kind: int, command: int, params: bytes, head: int = 0xBB) -> bytes:
    body = bytes([kind, command, *len(params).to_bytes(2, "big")]) + params
    return bytes([head]) + body + bytes([sum(body) & 255, 0x7E if head == 0xBB else 0xDD])


def tag(epc: bytes, rssi: int = -43, head: int = 0xBB, command: int = 0x22) -> bytes:
    pc_epc = (len(epc) // 2 << 11).to_bytes(2, "big") + epc
    params = bytes([rssi & 255]) + pc_epc + crc16_gen2(pc_epc).to_bytes(2, "big")
    return frame(2, command, params, head)


EPC = bytes.fromhex("3036451fd40c0e4000000007")


@pytest.fixture
def feed(device_run: Callable, tmp_path: Path) -> Feed:
    """Feed each list of pieces to a parser of its own; a piece b"" is silence."""

    def run(cases: list[list[bytes]]) -> list[dict[str, Any]]:
        file = tmp_path / "cases"
        file.write_text("\n".join(",".join(piece.hex() for piece in pieces) for pieces in cases))
        return [json.loads(text) for text in device_run("m100_feed.py", [str(file)])]

    return run


def test_the_commands_are_the_vendors_frames(device_run: Callable):
    frames, refused = [json.loads(text) for text in device_run("m100_commands.py")]
    assert frames == VENDOR_COMMANDS
    assert all(refused)


def test_the_vendors_replies_and_tag(feed: Feed):
    data = b"".join(bytes.fromhex(text) for text in VENDOR_REPLIES)
    (told,) = feed([[data + VENDOR_TAG]])
    assert told["replies"] == list(VENDOR_REPLIES.values())
    assert told["tags"] == [["30751feb705c5904e3d50d70", 0x3400, -55]]
    assert (told["bad_frames"], told["bad_crc"], told["skipped"]) == (0, 0, 0)


def test_R08_rssi_is_signed_and_a_right_frame_sum_is_not_enough(feed: Feed):
    good = bytes.fromhex("bb02220011d530003036451fd40c0e4000000007abe1c57e")
    ghost = bytes.fromhex("bb02220011a030003036451fd40c0e4000000106abe1907e")  # two EPC bytes changed by +1, -1
    (told,) = feed([[good + ghost]])
    assert told["tags"] == [["3036451fd40c0e4000000007", 0x3000, -43]]
    assert (told["count"], told["bad_crc"]) == (1, 1)


def test_the_epc_is_as_long_as_its_pc_says(feed: Feed):
    epcs = [bytes(range(1, size + 1)) for size in (2, 12, 16, 26, 62)]
    (told,) = feed([[tag(epc) for epc in epcs]])
    assert [epc for epc, _, _ in told["tags"]] == [epc.hex() for epc in epcs]
    wrong = (6 << 11).to_bytes(2, "big") + EPC + b"\x00\x00"  # six words announced, seven sent
    (told,) = feed([[frame(2, 0x22, b"\xd5" + wrong + crc16_gen2(wrong).to_bytes(2, "big")), tag(EPC)]])
    assert (told["count"], told["bad_crc"]) == (1, 1)


def test_an_end_byte_inside_does_not_end_the_frame(feed: Feed):
    (told,) = feed([[tag(b"\x7e\xdd\xbb\xaa" * 3)]])
    assert [epc for epc, _, _ in told["tags"]] == ["7eddbbaa" * 3]


def test_both_dialects_and_both_poll_commands_are_understood(feed: Feed):
    m100, r200, multi = feed([[tag(EPC)], [tag(EPC, head=0xAA)], [tag(EPC, command=0x27)]])
    assert (m100["count"], m100["head"]) == (1, 0xBB)
    assert (r200["count"], r200["head"]) == (1, 0xAA)
    assert multi["count"] == 1


def test_errors_are_counted_and_the_idle_flood_is_quiet(feed: Feed):
    idle = frame(1, 0xFF, b"\x15")
    bad_command = frame(1, 0xFF, b"\x17")
    (told,) = feed([[idle * 500 + bad_command + idle]])
    assert told["no_tag"] == 501
    assert (told["errors"], told["replies"]) == (1, [[0xFF, "17"]])


def test_any_cut_of_the_bytes_gives_the_same(feed: Feed):
    data = b"\x00\xbb\x02" + tag(EPC) + frame(1, 0x03, b"\x01M100 V1.00") + frame(1, 0xFF, b"\x15") + tag(EPC[::-1])
    whole, *cut = feed(
        [[data]]
        + [[data[:at], data[at:]] for at in range(1, len(data))]
        + [[data[i : i + 1] for i in range(len(data))]]
    )
    assert (whole["count"], whole["no_tag"], len(whole["replies"])) == (2, 1, 1)
    assert all(told == whole for told in cut)


def test_a_torn_frame_does_not_take_the_next_one_with_it(feed: Feed):
    torn = tag(EPC)
    for told in feed([[torn[:at] + tag(EPC[::-1]) * 2, b""] for at in range(len(torn))]):
        assert [epc for epc, _, _ in told["tags"]] == [EPC[::-1].hex()] * 2


def test_garbage_of_any_kind_hides_no_frame(feed: Feed):
    rng = random.Random(7)
    cases = []
    for _ in range(300):
        junk = bytes(rng.choice(b"\xbb\xaa\x01\x02\x22\x00\x11\x7e\xff") for _ in range(rng.randrange(60)))
        cases.append([junk, tag(EPC), b""])
    assert [told["tags"][-1:] for told in feed(cases)] == [[[EPC.hex(), 0x3000, -43]]] * 300


def test_a_wrong_sum_or_end_is_no_frame(feed: Feed):
    reply = bytearray(frame(1, 0x03, b"\x01M100 V1.00"))
    wrong_sum, wrong_end = bytes(reply), bytes(reply[:-1]) + b"\xdd"
    wrong_sum = wrong_sum[:-2] + bytes([wrong_sum[-2] ^ 1]) + wrong_sum[-1:]
    for told in feed([[wrong_sum + tag(EPC)], [wrong_end + tag(EPC)]]):
        assert (told["replies"], told["count"], told["bad_frames"]) == ([], 1, 1)


def test_a_good_frame_inside_a_false_one_is_found(feed: Feed):
    """Noise can look like a tag notice with a right sum; its CRC betrays it, and what it covers is read."""
    (told,) = feed([[frame(2, 0x22, b"\xd5\x30\x00" + tag(EPC) + b"\x00\x00"), b""]])
    assert ([epc for epc, _, _ in told["tags"]], told["bad_crc"]) == ([EPC.hex()], 1)


def test_a_frame_that_never_ends_is_given_up_in_silence(feed: Feed):
    promised = bytes.fromhex("bb022200b0") + b"\x01"
    waiting, silent = feed([[promised + tag(EPC)], [promised + tag(EPC), b""]])
    assert waiting["count"] == 0
    assert silent["count"] == 1


def test_more_than_a_buffer_at_once(feed: Feed):
    (told,) = feed([[tag(EPC) * 100]])
    assert told["count"] == 100


def test_corrupted_frames_make_no_ghost_tag(feed: Feed):
    """20,000 tag frames with one to three bytes changed and the frame sum made right again."""
    rng = random.Random(11)
    pieces = []
    for _ in range(20_000):
        body = bytearray(tag(EPC, rng.randrange(-90, -30)))
        for _ in range(rng.randint(1, 3)):
            body[rng.randrange(6, 22)] ^= rng.randrange(1, 256)
        body[-2] = sum(body[1:-2]) & 255
        pieces.append(bytes(body))
    changed = sum(1 for piece in pieces if piece[6:22] != tag(EPC)[6:22])
    (told,) = feed([[b"".join(pieces)]])
    assert changed > 19_000
    assert [epc for epc, _, _ in told["tags"] if epc != EPC.hex()] == []
    assert told["count"] == len(pieces) - changed
