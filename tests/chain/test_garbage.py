"""What may come over the wires of a device and what may be published: bad input spoils nothing beside it."""

import html
import random
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from milepost.times import now_ms
from milepost_device import wire
from milepost_hil.bench.sensors import ReaderModule, tag_notice
from milepost_hil.virtual import VirtualBoard
from milepost_tools.demo.client import Client, at
from milepost_tools.served import until

from .device import Drive, as_told, epoch, told
from .house import House, events, put, readings, seqs
from .mqtt import STREAM, Party, batch, with_version

_EPCS = [bytes.fromhex(f"3036451fd40c0e40000001{n:02x}") for n in range(1, 5)]
_MARKUP = "<img src=x onerror=alert(1)>"
_NOW_T = now_ms() // 1000 - wire.EPOCH


def _noise(rng: random.Random, size: int) -> bytes:
    """Bytes of a loose wire, with the signs that start and end frames more often than chance has them."""
    return bytes(
        rng.choice(b"$*\r\n\xbb\x7e\x02\x22") if rng.random() < 0.3 else rng.randrange(256) for _ in range(size)
    )


def _sane(board: VirtualBoard) -> None:
    """The firmware has met no exception."""
    said = board.console
    assert b"Traceback" not in said and b"crashed" not in said and said.count(b"rst:0x") == 1, said[-1500:]


def test_a_tracker_reads_on_through_garbage_on_both_uarts(
    engineer: Client, board_of: Callable[..., VirtualBoard]
) -> None:
    rng = random.Random(4)
    board = board_of("02c000000021").start()
    board.wait_for(b"milepost 0", 30)
    start_ms = now_ms() - 60_000
    whole = [(start_ms + n * 200, 31_230_400 + n * 20, 121_473_700) for n in range(100)]
    for number, fix in enumerate(whole):
        good = epoch(*fix)
        board.uart(1).write(good)
        board.uart(2).write(_noise(rng, 60) + tag_notice(_EPCS[0], -40)[:9])
        ghost = epoch(fix[0] + 100, 0, 0).splitlines(keepends=True)[number % 2]  # a place where nobody was
        board.uart(1).write(
            [_noise(rng, 120), ghost[: rng.randrange(8, 60)], ghost.replace(b"*", b"1*"), ghost[20:]][number // 2 % 4]
        )
        time.sleep(0.01)
    board.uart(1).write(b"\r\n")
    with Drive(board, every_s=0.05) as drive:
        drive.wait(10)
    expected = as_told(whole) + as_told(drive.said)
    until(
        lambda: len(readings(engineer, board.mac, "fix")) >= len(expected), 30,
        lambda: sorted(set(expected) - set(told(readings(engineer, board.mac)))),
    )  # fmt: skip
    assert told(readings(engineer, board.mac)) == expected
    assert not readings(engineer, board.mac, "tag")
    _sane(board)


def test_a_reader_makes_no_ghost_of_garbage(engineer: Client, board_of: Callable[..., VirtualBoard]) -> None:
    """Torn frames, wrong sums, and case R08: a right frame sum around an EPC whose own CRC is wrong."""
    rng = random.Random(5)
    board = board_of("02c000000022", role="reader", tag_window_ms=50).start()
    module = ReaderModule(board.uart(2))
    try:
        until(lambda: 0x27 in module.commands, 30, lambda: board.console[-500:])
        for _ in range(40):
            ghost = bytearray(tag_notice(_EPCS[3], -50))
            ghost[10] += 1
            ghost[11] -= 1
            wrong_sum = bytearray(tag_notice(_EPCS[3], -50))
            wrong_sum[9] ^= 0x10
            whole = tag_notice(_EPCS[3], -50)
            for bad in (bytes(ghost), bytes(wrong_sum), whole[: rng.randrange(1, len(whole) - 1)], _noise(rng, 80)):
                board.uart(2).write(bad)
            board.uart(1).write(_noise(rng, 80) + epoch(now_ms(), 0, 0)[:40])
            module.sees(_EPCS[rng.randrange(3)], -43)
            time.sleep(0.02)
        time.sleep(0.3)  # the module falls silent: what was torn is over
        for epc in _EPCS[:3]:
            module.sees(epc, -44)
        wanted = {epc.hex().upper() for epc in _EPCS[:3]}
        until(
            lambda: wanted <= {i["body"]["epc"] for i in readings(engineer, board.mac, "tag")
                               if i["body"]["rssi_last_dbm"] == -44},
            30, lambda: board.console[-500:],
        )  # fmt: skip
    finally:
        module.close()
    tags = readings(engineer, board.mac, "tag")
    assert {tag["body"]["epc"] for tag in tags} == wanted
    assert {tag["body"]["rssi_max_dbm"] for tag in tags} <= {-43, -44}
    assert not readings(engineer, board.mac, "fix")
    _sane(board)


def test_G01_a_receiver_one_rollover_behind(engineer: Client, board_of: Callable[..., VirtualBoard]) -> None:
    board = board_of("02c000000023").start()
    board.wait_for(b"milepost 0", 30)
    start_ms = now_ms() // 86_400_000 * 86_400_000 - 86_400_000 + 14_706_000  # yesterday 04:05:06
    fixes = [(start_ms + n * 1000, 31_230_400 + n * 20, 121_473_700) for n in range(5)]
    for at_ms, lat, lon in fixes:
        board.uart(1).write(epoch(at_ms - 7168 * 86_400_000, lat, lon))
    until(lambda: len(readings(engineer, board.mac, "fix")) >= 5, 30, lambda: board.console[-500:])
    stored = readings(engineer, board.mac, "fix")
    assert told(stored) == as_told(fixes)
    assert {item["clock"] for item in stored} == {"rtc"}  # repaired: not what the receiver said
    assert {item["quality"] for item in stored} == {None}


@pytest.fixture(scope="module")
def party(house: House, engineer: Client) -> Iterator[Party]:
    """A program with the credentials of the registered device `stranger-1`."""
    made = engineer.post("/devices", id="stranger-1", role="tracker", name=_MARKUP)
    client = Party(house, "stranger-1", made["password"])
    yield client
    client.close()


def _fix(second: int) -> wire.Fix:
    return wire.Fix(
        t=_NOW_T - 600 + second, ms=0, clock=wire.CLOCK_GNSS, lat_e6=31_230_400 + second, lon_e6=121_473_700
    )


def test_what_cannot_be_read_lies_in_the_dead_letters_and_the_stream_goes_on(
    house: House, engineer: Client, party: Party, board_of: Callable[..., VirtualBoard]
) -> None:
    victim = board_of("02c000000024").start()
    with Drive(victim) as drive:
        until(lambda: readings(engineer, victim.mac, "fix"), 30)
        unknown_kind = batch(1, _fix(1), wire.Unknown(77, b"later"), _fix(3))
        unknown_version = with_version(batch(4, _fix(4)), 9)
        good = batch(5, *map(_fix, range(5, 15)))
        junk = b"\0" + random.Random(3).randbytes(299_999)
        party.up(unknown_kind)
        party.up(unknown_version)
        party.up(good[:-1] + bytes([good[-1] ^ 1]))
        party.up(good[: len(good) // 2])
        party.up(junk)
        party.publish(victim.mac, "up", batch(1_000, _fix(50)))
        party.publish(victim.mac, "state", b'{"online": false, "fw": "stolen"}')
        party.up(good)
        until(lambda: (STREAM, 14) in party.acks, 20, lambda: party.acks)
        until(lambda: len(readings(engineer, "stranger-1")) >= 12, 20)
        count = len(drive.said)
        drive.wait(count + 10)
    until(lambda: told(readings(engineer, victim.mac))[-1:] == as_told(drive.said)[-1:], 30)

    # 2 is the record nobody knows, 4 the batch of another version: received, so never asked for again
    assert party.acks[-1] == (STREAM, 14)
    assert seqs(readings(engineer, "stranger-1"), STREAM) == [1, 3, *range(5, 15)]
    letters = engineer.get("/dead-letters", device="stranger-1")["items"]
    assert sorted((letter["reason"], letter["size"]) for letter in letters) == sorted(
        [
            ("kind", len(unknown_kind)),
            ("version", len(unknown_version)),
            ("crc", len(good)),
            ("crc", len(good) // 2),
            ("magic", len(junk)),
        ]
    )
    for letter in letters:
        assert letter["detail"] and letter["times"] == 1 and letter["state"] == "open"
    assert not engineer.get("/dead-letters", device=victim.mac)["items"]
    assert not seqs(readings(engineer, victim.mac), STREAM)
    contact = engineer.get(f"/devices/{victim.mac}")["contact"]
    assert contact["online"] is True and contact["fw"] != "stolen"

    with closing(house.browser("engineer")) as browser:
        page = browser.get("/dead-letters").text
    for letter in letters:
        assert f"<b>{letter['reason']}</b> {html.escape(letter['detail'])}" in page.replace("&#34;", "&quot;")
        assert f"{letter['size']} B" in page
    with at(house.url) as nobody:
        assert nobody.get("/dead-letters").status_code != 200


_NO_STATES = [
    b"[" * 5000,
    b"[]",
    b"\xff\xfe",
    b"{",
    b'{"online": ' + b"[" * 5000,
    b'{"fw": "' + b"x" * 9000 + b'"}',
    b"9" * 5000,
]
_ODD_STATES = [b"{}", b'{"online": "yes", "fw": 5}', b'{"online": true, "boot": 1e999, "cfg": 99999999999999999999}']


def test_no_state_message_of_one_device_stops_the_others(
    house: House, engineer: Client, board_of: Callable[..., VirtualBoard]
) -> None:
    made = engineer.post("/devices", id="stranger-2", role="tracker", name="stranger")
    party = Party(house, "stranger-2", made["password"])
    try:
        for body in _NO_STATES + _ODD_STATES:
            party.publish("stranger-2", "state", body)
        party.state(online=True, fw="last")
        until(lambda: (engineer.get("/devices/stranger-2")["contact"] or {}).get("fw") == "last", 20, house.log)
    finally:
        party.close()
    letters = engineer.get("/dead-letters", device="stranger-2")["items"]
    assert sorted(letter["size"] for letter in letters if letter["reason"] == "state") == sorted(map(len, _NO_STATES))
    board = board_of("02c000000025").start()
    until(lambda: events(engineer, board.mac, "boot"), 30, house.log)
    assert engineer.get("/ingest")["failure"] is None


def test_W01_what_a_device_says_is_text_on_the_pages(house: House, engineer: Client, party: Party) -> None:
    """The firmware's name, the reason of a refused configuration, the device's own name."""
    version = put(engineer, "/devices/stranger-1/config", {})["version"]
    script = "</script><script>alert(1)</script>"
    refused = wire.Event(
        t=_NOW_T, ms=0, clock=wire.CLOCK_GNSS, code=wire.EV_CONFIG, args={"version": version, "ok": 0, "reason": script}
    )
    party.state(online=True, fw=_MARKUP, cfg=0, boot=1)
    party.up(batch(15, refused))
    until(lambda: (engineer.get("/devices/stranger-1")["applied"] or {}).get("reason") == script, 20)
    until(lambda: engineer.get("/devices/stranger-1")["contact"]["fw"] == _MARKUP, 20)
    with closing(house.browser("engineer")) as browser:
        for language in ("zh", "en"):
            page = browser.get("/fleet", params={"lang": language}).text
            assert _MARKUP not in page and script not in page
            assert page.count(html.escape(_MARKUP)) >= 2
            assert html.escape(script) in page
    assert events(engineer, "stranger-1", "config")[-1]["reason"] == script
