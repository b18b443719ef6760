"""Terminals on the line: who is let in, what is answered, and that nothing is answered before it is on disk."""

import time

import pytest

from milepost.ingest.foreign import identities
from milepost.ingest.foreign.intake import Intake
from milepost.ingest.foreign.jt808 import answers, server, session
from milepost.ingest.foreign.jt808.decode import LOCATION, LOCATION_BATCH
from milepost.ingest.foreign.jt808.frames import Message, build
from milepost.ingest.reading import FixBody, HealthBody
from milepost.ingest.spool import Spool
from milepost.settings import Settings

from .conftest import House, until
from .terminal import answered, batch, location, result

T = 1_772_424_306_000  # 2026-03-02T04:05:06Z
T01 = ("7e00020000010000000001007f7d017e", "7e00020000010000000001007c7d027e", "7e000200000100000000010001037e")
T04 = (
    "7e0704006f01000000000100280003010022000000000000000301dc89c0073d8aa4000c016d00572603021205300104000004d200220000"
    "00000000000301dc8a24073d8b08000c016d00572603021205200104000004d10022000000000000000301dc8a88073d8b6c000c016d0057"
    "2603021205100104000004d0fa7e"
)


@pytest.mark.parametrize("byte_by_byte", [False, True], ids=["at once", "byte by byte"])
def test_T01_heartbeats_whose_checksum_is_escaped_are_answered(house: House, byte_by_byte: bool) -> None:
    house.know("jt808", "010000000001", "truck-1")
    terminal = house.terminal("010000000001", known=False)
    terminal.raw(bytes.fromhex("".join(T01)), byte_by_byte=byte_by_byte)
    assert [answered(terminal.hear()) for _ in T01] == [(127, 2, 0), (124, 2, 0), (1, 2, 0)]
    assert house.letters() == []


@pytest.mark.parametrize("byte_by_byte", [False, True], ids=["at once", "byte by byte"])
def test_T04_a_blind_area_batch_sent_twice_gives_three_late_fixes_once(house: House, byte_by_byte: bool) -> None:
    terminal = house.terminal("010000000001")
    for _ in range(2):
        terminal.raw(bytes.fromhex(T04), byte_by_byte=byte_by_byte)
        assert answered(terminal.hear()) == (0x28, LOCATION_BATCH, 0)
    fixes = {(each.stream, each.seq): each for each in house.readings("fix")}
    assert len(house.readings("fix")) == 6
    found = [(each.at, each.body.lat, each.body.lon) for each in fixes.values() if isinstance(each.body, FixBody)]
    assert found == [(T + 24_000, 31.2304, 121.4737), (T + 14_000, 31.2305, 121.4738), (T + 4_000, 31.2306, 121.4739)]
    odometers = {(each.stream, each.seq): each.body.values["odometer_m"] for each in house.readings("health")
                 if isinstance(each.body, HealthBody)}  # fmt: skip
    assert list(odometers.values()) == [123_400, 123_300, 123_200]
    assert all(each.received_at - each.at > 60_000 for each in fixes.values())
    assert house.letters() == []


@pytest.mark.parametrize("version", [0, 1])
def test_a_terminal_registers_proves_itself_and_reports(house: House, version: int) -> None:
    house.know("jt808", "013912345678", "truck-1")
    terminal = house.terminal(version=version, known=False)
    assert terminal.report(location(T, 31.2, 121.4)) == answers.FAILED
    assert terminal.authenticate("guess") == answers.FAILED
    terminal.register()
    assert len(terminal.code) == 16
    assert terminal.authenticate() == answers.OK
    assert terminal.report(location(T, 31.2, 121.4)) == answers.OK
    found = [(each.device, each.stream, each.seq) for each in house.readings("fix")]
    assert found == [("truck-1", 80, T // 1000 - 1_577_836_800)]  # the second of the fix since 2020
    states = [item.payload for item in house.spool.after(0) if item.channel == "state"]
    assert states == ([b'{"online": true, "fw": "v2.1"}'] if version else [b'{"online": true}'])


def test_only_the_hardware_that_came_first_may_register_again(house: House) -> None:
    first = house.terminal()
    thief = house.terminal(known=False)
    assert thief.register("OTHER").body[2] == answers.TAKEN
    assert thief.code == ""
    code = first.code
    assert first.register().body[2] == answers.OK
    assert first.code != code
    assert first.report(location(T, 31.2, 121.4)) == answers.FAILED  # the old proof ended with the old code
    assert first.authenticate() == answers.OK


def test_a_code_given_by_hand_is_not_handed_out(house: House) -> None:
    house.know("jt808", "013912345678", "truck-1", secret="printed-inside")
    terminal = house.terminal(known=False)
    assert terminal.register().body[2] == answers.TAKEN
    assert terminal.authenticate("printed-inside") == answers.OK


def test_an_open_terminal_needs_no_code(house: House) -> None:
    house.know("jt808", "013912345678", "truck-1", open=True)
    assert house.terminal(known=False).report(location(T, 31.2, 121.4)) == answers.OK


def test_a_stranger_is_refused_listed_and_cut_off(house: House) -> None:
    terminal = house.terminal(known=False)
    assert terminal.register("BOX7", plate="粤B00001").body[2] == answers.UNKNOWN
    for _ in range(5):
        assert terminal.report(location(T, 31.2, 121.4)) == answers.FAILED
    with pytest.raises((EOFError, OSError)):
        terminal.hear()
    house.intake.directory.refresh()
    with house.db.read() as conn:
        (caller,) = identities.callers(conn)
    assert (caller.protocol, caller.identifier, caller.times) == ("jt808", "013912345678", 6)
    assert house.readings() == []


def test_guesses_at_an_auth_code_are_bounded_over_all_connections(house: House) -> None:
    terminal = house.terminal()
    for _ in range(3):
        other = house.terminal(known=False)
        for _ in range(4):
            assert other.authenticate("wrong") == answers.FAILED
    last = house.terminal(known=False)
    assert last.authenticate(terminal.code) == answers.FAILED  # right, but the tries of this minute are used up


def test_nothing_is_answered_before_it_is_on_disk(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = house.terminal()
    whole = Spool.append

    def slow(self: Spool, group):
        time.sleep(0.4)
        return whole(self, group)

    monkeypatch.setattr(Spool, "append", slow)
    terminal.socket.sendall(terminal.frame(LOCATION, location(T, 31.2, 121.4)))
    with pytest.raises(TimeoutError):
        terminal.hear(0.2)
    assert house.readings("fix") == []
    assert answered(terminal.hear())[2] == answers.OK
    assert len(house.readings("fix")) == 1


def test_on_a_full_disk_the_terminal_keeps_its_report(house: House) -> None:
    terminal = house.terminal()
    house.full = "no space"
    with pytest.raises((EOFError, OSError)):
        terminal.report(location(T, 31.2, 121.4))
    house.full = None
    again = house.terminal(known=False)
    assert again.authenticate(terminal.code) == answers.OK
    assert again.report(location(T, 31.2, 121.4)) == answers.OK


def test_a_split_batch_is_put_together_whatever_the_order_and_missing_pieces_are_asked_for(house: House) -> None:
    terminal = house.terminal()
    body = batch([location(T + 10_000 * n, 31.2, 121.4 + n / 1000, extras={0x01: bytes(4)}) for n in range(60)])
    pieces = [body[at : at + 1000] for at in range(0, len(body), 1000)]
    assert len(pieces) == 3
    frames = [terminal.frame(LOCATION_BATCH, piece, parts=3, part=n) for n, piece in enumerate(pieces, 1)]
    serials = [terminal.serial - 2, terminal.serial - 1, terminal.serial]
    terminal.raw(frames[0] + frames[2])
    asked = terminal.hear()
    assert (asked.kind, asked.body) == (answers.RESEND, serials[0].to_bytes(2) + b"\x01\x00\x02")
    assert house.readings("fix") == []
    terminal.raw(frames[1])
    assert [answered(terminal.hear()) for _ in range(3)] == [(serial, LOCATION_BATCH, 0) for serial in serials]
    assert [each.at for each in house.readings("fix")] == [T + 10_000 * n for n in range(60)]
    assert house.letters() == []


def test_a_bad_frame_is_kept_unanswered_and_the_next_is_heard(house: House) -> None:
    terminal = house.terminal()
    good = terminal.frame(LOCATION, location(T, 31.2, 121.4))
    bad = good[:-2] + bytes([good[-2] ^ 1]) + good[-1:]
    terminal.raw(bad + good)
    assert answered(terminal.hear()) == (terminal.serial, LOCATION, 0)
    assert house.letters() == [("jt808", "crc", "open")]


def test_a_good_frame_with_nonsense_in_it_is_answered_and_buried(house: House) -> None:
    terminal = house.terminal()
    assert terminal.report(b"\0" * 9) == answers.OK  # it is safe here; sending it again would change nothing
    assert house.letters() == [("jt808", "truncated", "open")]


def test_what_is_not_understood_is_said_to_be_so(house: House) -> None:
    terminal = house.terminal()
    assert result(terminal.send(0x0801, b"picture")) == answers.UNSUPPORTED
    assert terminal.send(session.TIME).kind == answers.TIME
    terminal.socket.sendall(terminal.frame(session.ANSWER, b"\0\1\x81\x03\0"))
    assert answered(terminal.send(session.HEARTBEAT))[1:] == (session.HEARTBEAT, 0)


def test_serials_left_out_are_a_hint_and_repeats_are_none(house: House) -> None:
    terminal = house.terminal()
    terminal.report(location(T, 31.2, 121.4))
    terminal.serial += 3
    terminal.report(location(T + 1000, 31.2, 121.4))
    terminal.serial -= 1
    terminal.report(location(T + 1000, 31.2, 121.4))
    terminal.serial += 5_000  # nobody loses so many: it has begun anew
    terminal.report(location(T + 2000, 31.2, 121.4))
    terminal.serial = 0
    terminal.report(location(T + 3000, 31.2, 121.4))
    assert house.intake.missed("013912345678") == 3


def test_a_line_that_ends_takes_its_terminal_offline_unless_it_has_a_newer_one(house: House) -> None:
    def states() -> list[bytes]:
        return [item.payload for item in house.spool.after(0) if item.channel == "state"]

    old = house.terminal()
    new = house.terminal(known=False)
    assert new.authenticate(old.code) == 0
    old.close()
    until(lambda: house.intake.status()["jt808_connections"] == 1)
    assert new.report(location(T, 31.2, 121.4)) == 0
    assert states() == [b'{"online": true}', b'{"online": true}']
    new.close()
    until(lambda: states()[-1] == b'{"online": false}')
    assert states() == [b'{"online": true}', b'{"online": true}', b'{"online": false}']


def test_logging_out_ends_the_proof(house: House) -> None:
    terminal = house.terminal()
    assert result(terminal.send(session.LOGOUT)) == answers.OK
    assert terminal.report(location(T, 31.2, 121.4)) == answers.FAILED


def test_a_gateway_speaks_for_terminals_that_each_prove_themselves(house: House) -> None:
    gateway = house.terminal()
    house.know("jt808", "013900000002", "truck-2", open=True)
    gateway.socket.sendall(build(Message(LOCATION, "013900000002", 1, location(T, 31.2, 121.4))))
    assert answered(gateway.hear())[2] == answers.OK
    gateway.report(location(T, 31.3, 121.4))
    assert sorted(each.device for each in house.readings("fix")) == ["013912345678", "truck-2"]


def test_whoever_trickles_or_proves_nothing_is_cut_off(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_FRAME_S", 0.5)
    trickler = house.terminal()
    began = time.monotonic()
    with pytest.raises(OSError):
        for _ in range(200):
            trickler.raw(b"\x7e\x02" if time.monotonic() == began else b"\x02")
            time.sleep(0.05)
    assert time.monotonic() - began < 5
    monkeypatch.setattr(server, "_PROVE_S", 0.3)
    silent = house.terminal(known=False)
    with pytest.raises((EOFError, OSError)):
        silent.hear(5)


def test_many_terminals_share_their_syncs(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    terminals = [house.terminal(f"0139000000{n:02d}") for n in range(20)]
    groups: list[int] = []
    whole = Spool.append

    def counted(self: Spool, group):
        groups.append(len(group))
        return whole(self, group)

    monkeypatch.setattr(Spool, "append", counted)
    for each in terminals:
        each.socket.sendall(each.frame(LOCATION, location(T, 31.2, 121.4)))
    assert [answered(each.hear())[2] for each in terminals] == [0] * 20
    assert sum(groups) == 20
    assert len(groups) <= 10


def test_a_taken_port_is_said_at_the_start(house: House, settings: Settings) -> None:
    second = Intake(settings.model_copy(update={"jt808_port": house.port}), house.spool, house.db)
    with pytest.raises(OSError, match="cannot listen"):
        second.start()
    second.stop()
