"""The frames of JT/T 808: whatever the line does, the same messages come out, and nothing else does harm."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from milepost.ingest.foreign.jt808.decode import ADAPTER, parse_payload, whole
from milepost.ingest.foreign.jt808.frames import MAX_FRAME_BYTES, Message, Scanner, build, parse, terminal_of
from milepost.ingest.foreign.jt808.location import bcd_time, location
from milepost.ingest.foreign.model import Unreadable
from milepost.ingest.model import SpoolItem

from .terminal import batch
from .terminal import location as body_of

T = 1_772_424_306_000  # 2026-03-02T04:05:06Z

messages = st.builds(
    Message,
    kind=st.integers(0, 0xFFFF),
    terminal=st.integers(0, 10**20 - 1).map(lambda number: terminal_of(str(number))),
    serial=st.integers(0, 0xFFFF),
    body=st.binary(max_size=1023),
    version=st.just(1),
) | st.builds(
    Message,
    kind=st.integers(0, 0xFFFF),
    terminal=st.integers(0, 10**12 - 1).map(lambda number: terminal_of(str(number))),
    serial=st.integers(0, 0xFFFF),
    body=st.binary(max_size=200),
    parts=st.just(3),
    part=st.integers(1, 3),
)


@given(st.lists(messages, min_size=1, max_size=5), st.data())
def test_any_message_survives_any_tearing_of_the_line(sent: list[Message], data: st.DataObject) -> None:
    stream = b"".join(map(build, sent))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    scanner = Scanner()
    pieces = [stream[low:high] for low, high in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert [parse(frame) for piece in pieces for frame in scanner.push(piece)] == sent
    assert scanner.dropped == 0


def test_neither_flag_nor_escape_occurs_inside_a_frame() -> None:
    frame = build(Message(0x0002, "010000000001", 127, b"\x7e\x7d\x7d\x01\x7e"))
    assert frame.count(b"\x7e") == 2
    assert parse(frame[1:-1]).body == b"\x7e\x7d\x7d\x01\x7e"


def test_T01_the_escape_covers_the_checksum() -> None:
    heard = [whole(bytes.fromhex(each)) for each in ("7e00020000010000000001007f7d017e",
                                                      "7e00020000010000000001007c7d027e",
                                                      "7e000200000100000000010001037e")]  # fmt: skip
    assert [(each.kind, each.terminal, each.serial) for each in heard] == [
        (2, "010000000001", 127),
        (2, "010000000001", 124),
        (2, "010000000001", 1),
    ]


@given(st.binary(max_size=3000))
def test_any_bytes_are_held_bounded_and_never_fail(noise: bytes) -> None:
    scanner = Scanner()
    for frame in scanner.push(noise):
        assert len(frame) <= MAX_FRAME_BYTES
        try:
            parse(frame)
        except Unreadable as error:
            assert error.reason
    assert len(scanner._held) <= MAX_FRAME_BYTES


@given(st.binary(max_size=400))
def test_any_payload_and_any_body_decode_or_say_why_not(noise: bytes) -> None:
    for payload in (noise, b"\x7e" + noise + b"\x7e", build(Message(0x0200, "1", 1, noise))[:],
                    build(Message(0x0704, "1", 1, noise)), build(Message(0x0201, "1", 1, noise))):  # fmt: skip
        item = SpoolItem(1, "d", "jt808", T, payload)
        found = ADAPTER.decode(item)
        assert all(1 <= each.seq < 1 << 30 for each in found)
        assert found or ADAPTER.unreadable(item) is not None


def test_a_frame_without_end_is_let_go_and_the_next_one_is_heard() -> None:
    scanner = Scanner()
    good = build(Message(2, "010000000001", 5, b""))
    assert list(scanner.push(b"\x7e" + b"\x55" * 5000)) == []
    assert not scanner.waiting
    assert [parse(each).serial for each in scanner.push(good)] == [5]
    assert scanner.dropped == 5000


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda frame: frame[:-1] + bytes([frame[-1] ^ 1]), "crc"),
        (lambda frame: frame[:10], "short"),
        (lambda frame: b"\x7d\x05" + frame, "escape"),
    ],
)
def test_a_damaged_frame_says_what_is_wrong(damage, reason: str) -> None:
    frame = build(Message(2, "010000000001", 3, b"abc"))[1:-1]
    with pytest.raises(Unreadable) as caught:
        parse(damage(frame))
    assert caught.value.reason == reason


def test_an_encrypted_body_and_a_wrong_length_are_refused() -> None:
    def sealed(plain: bytes) -> bytes:
        total = 0
        for byte in plain:
            total ^= byte
        return plain + bytes([total])

    head = bytes.fromhex("010000000001") + b"\x00\x03"
    with pytest.raises(Unreadable, match="switch encryption off"):
        parse(sealed(b"\x02\x00\x04\x03" + head + b"abc"))
    with pytest.raises(Unreadable, match="says 4 bytes of body, 3 came"):
        parse(sealed(b"\x02\x00\x00\x04" + head + b"abc"))


def test_a_terminal_keeps_its_number_when_its_firmware_moves_to_2019() -> None:
    old = parse(build(Message(2, "013912345678", 1, b""))[1:-1])
    new = parse(build(Message(2, "013912345678", 1, b"", version=1))[1:-1])
    assert old.terminal == new.terminal == "013912345678"
    assert terminal_of("13912345678") == "013912345678"


def test_signs_units_and_extras_of_a_location() -> None:
    extras = {0x01: (1234).to_bytes(4), 0x02: (455).to_bytes(2), 0x03: (720).to_bytes(2), 0x30: b"\x1a",
              0x31: b"\x09", 0xEB: b"\x00\x0c"}  # fmt: skip
    found = location(body_of(T, -31.2304, -121.4737, speed_mps=20, alarm=0b10000010, extras=extras))
    assert (found.at, found.lat, found.lon, found.valid) == (T, -31.2304, -121.4737, True)
    assert found.speed_mps == pytest.approx(20)
    assert (found.course_deg, found.alt_m, found.sats, found.ignition) == (90, 12, 9, True)
    assert found.health == {"status_bits": 15, "odometer_m": 123_400, "fuel_dl": 455, "recorder_speed_mmps": 20_000,
                            "network_signal": 26, "sats": 9}  # fmt: skip
    assert found.extras == {"eb": "000c"}
    assert found.alarm == {"names": ["overspeed", "supply_low"]}


def test_a_location_without_a_fix_is_no_satellites_and_without_a_place_an_event() -> None:
    def kinds(body: bytes) -> list[tuple[str, object]]:
        payload = build(Message(0x0200, "1", 1, body))
        return [(each.kind, getattr(each.body, "sats", getattr(each.body, "code", None)))
                for each in ADAPTER.decode(SpoolItem(1, "d", "jt808", T, payload))]  # fmt: skip

    assert kinds(body_of(T, 31.2, 121.4, valid=False, extras={0x31: b"\x07"}))[0] == ("fix", 0)
    assert kinds(body_of(T, 0, 0, valid=False))[0] == ("event", "fix_without_position")


def test_times_are_utc_plus_8_and_may_be_wrong() -> None:
    body = body_of(T, 31.2, 121.4)
    assert bcd_time(T).hex() == "260302120506"
    assert location(body[:22] + bytes(6) + body[28:]).at is None
    with pytest.raises(Unreadable, match="no time"):
        location(body[:22] + bytes.fromhex("261302120506"))
    with pytest.raises(Unreadable, match="latitude"):
        location(body[:8] + (91_000_000).to_bytes(4) + body[12:])
    late = ADAPTER.unreadable(SpoolItem(1, "d", "jt808", T, build(Message(0x0200, "1", 1, body_of(T - 10**12, 1, 1)))))
    assert late is not None
    assert late[0] == "time"


def test_a_batch_gives_what_is_good_in_it_and_names_the_rest() -> None:
    good = body_of(T, 31.2, 121.4)
    parsed = parse_payload(build(Message(0x0704, "1", 1, batch([good, good[:20], good]))))
    assert len(parsed.positions) == 2
    assert parsed.wrong == ("item 2 of 3: a location of 20 bytes; 28 are the least",)
    cut = parse_payload(build(Message(0x0704, "1", 1, batch([good, good])[:-5])))
    assert (len(cut.positions), cut.wrong) == (1, ("item 2 of 2 is cut off",))
