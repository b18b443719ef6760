"""What the office asks of a device: configuration, commands, and both over a broker that forgets."""

import json
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

from milepost_hil.virtual import VirtualBoard
from milepost_tools.demo.client import Client
from milepost_tools.served import until

from .device import Drive, as_told, hear_out, once, settle, told
from .house import House, events, put, readings
from .mqtt import service_party

# Only the interval makes a record.
_BY_TIME = {
    "min_distance_m": 0,
    "min_course_deg": 0,
    "min_speed_delta_kmh": 0,
    "arrive_after_s": 3600,
    "stationary_interval_s": 86400,
    "batch_wait_ms": 100,
    "ack_stall_s": 2,
    "health_interval_s": 86400,
}


def _command(person: Client, device: str, verb: str) -> str:
    return person.post(f"/devices/{device}/commands", verb=verb)["id"]


def _answered(person: Client, device: str, ident: str, timeout_s: float = 30.0) -> dict[str, Any]:
    """The command when it is done, failed or expired."""

    def look() -> dict[str, Any] | None:
        found = next(each for each in person.get(f"/devices/{device}/commands") if each["id"] == ident)
        return found if found["state"] not in ("queued", "sent") else None

    return until(look, timeout_s, lambda: person.get(f"/devices/{device}/commands"))


def _applied(person: Client, device: str, version: int) -> dict[str, Any]:
    """What the device itself answered about this version of its configuration."""

    def look() -> dict[str, Any] | None:
        said = person.get(f"/devices/{device}")["applied"]
        return said if said and said["version"] == version and said["at"] else None

    return until(look, 30, lambda: person.get(f"/devices/{device}"))


def _reported_pace_s(person: Client, board: VirtualBoard, count: int) -> float:
    """Mean seconds between the next `count` fixes."""
    before = len(readings(person, board.mac, "fix"))
    until(lambda: len(readings(person, board.mac, "fix")) > before + count, 40)
    moments = [_seconds(item["at"]) for item in readings(person, board.mac, "fix")[before : before + count + 1]]
    return (moments[-1] - moments[0]) / count


def _seconds(rfc3339: str) -> float:
    whole, fraction = rfc3339.rstrip("Z").split(".")
    return time.mktime(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float("0." + fraction)


def test_a_configuration_changes_the_pace_and_a_bad_one_changes_nothing(
    house: House, engineer: Client, board_of: Callable[..., VirtualBoard]
) -> None:
    board = board_of("02c000000031").start()
    with Drive(board, every_s=0.1):
        until(lambda: readings(engineer, board.mac, "fix"), 30)
        assert _reported_pace_s(engineer, board, 5) < 0.5

        version = put(engineer, f"/devices/{board.mac}/config", {**_BY_TIME, "report_interval_s": 1})["version"]
        said = _applied(engineer, board.mac, version)
        assert said["ok"] is True and said["reason"] is None
        assert events(engineer, board.mac, "config")[-1] == {"version": version, "ok": 1}
        assert 0.7 < _reported_pace_s(engineer, board, 3) < 1.6

        bad = put(engineer, f"/devices/{board.mac}/config", {**_BY_TIME, "report_interval_s": 0})["version"]
        assert bad == version + 1
        said = _applied(engineer, board.mac, bad)
        assert said["ok"] is False
        assert said["reason"] == "report_interval_s: integer 1..3600 is needed"
        with closing(house.browser("engineer")) as browser:
            assert said["reason"] in browser.get("/fleet").text
        assert 0.7 < _reported_pace_s(engineer, board, 3) < 1.6

        board.reset()  # and the one in force is the one that was stored
        until(lambda: len(events(engineer, board.mac, "boot")) == 2, 30)
        assert engineer.get(f"/devices/{board.mac}")["contact"]["cfg_version"] == version
        assert 0.7 < _reported_pace_s(engineer, board, 3) < 1.6


def test_locate_gives_a_fresh_fix(engineer: Client, board_of: Callable[..., VirtualBoard]) -> None:
    board = board_of("02c000000032", **_BY_TIME, report_interval_s=3600).start()
    with Drive(board, every_s=0.1) as drive:
        until(lambda: readings(engineer, board.mac, "fix"), 30)  # the first one; the next is due in an hour
        asked = len(drive.said)
        done = _answered(engineer, board.mac, _command(engineer, board.mac, "locate"))
    assert done["state"] == "done" and done["sent_count"] == 1
    until(lambda: len(readings(engineer, board.mac, "fix")) >= 2, 10)  # the store may be a moment behind the event
    fixes = readings(engineer, board.mac, "fix")
    assert len(fixes) == 2
    assert told(fixes)[1] in as_told(drive.said)[asked - 1 :]
    assert fixes[1]["id"].endswith(f"/{done['result']['seq']}")
    assert (done["result"]["lat_e6"], done["result"]["lon_e6"]) == told(fixes)[1][1:]


def test_locate_without_a_receiver_fails_and_says_so(engineer: Client, board_of: Callable[..., VirtualBoard]) -> None:
    board = board_of("02c000000033").start()
    until(lambda: events(engineer, board.mac, "boot"), 30, lambda: board.console[-500:])
    done = _answered(engineer, board.mac, _command(engineer, board.mac, "locate"))
    assert done["state"] == "failed"
    assert done["result"]["reason"] == "no position within 5 s"


def test_a_reboot_happens_once_however_often_it_is_asked(
    house: House, engineer: Client, board_of: Callable[..., VirtualBoard]
) -> None:
    board = board_of("02c000000034").start()
    until(lambda: events(engineer, board.mac, "boot"), 30, lambda: board.console[-500:])
    before = engineer.get(f"/devices/{board.mac}")["contact"]["boot"]
    ident = _command(engineer, board.mac, "reboot")
    until(lambda: engineer.get(f"/devices/{board.mac}/commands")[0]["sent"], 10)
    party = service_party(house)
    again = json.dumps({"id": ident, "verb": "reboot", "args": {}, "not_after": int(time.time()) + 60}).encode()
    try:
        for _ in range(3):
            party.publish(board.mac, "cmd", again)
        done = _answered(engineer, board.mac, ident)
        assert done["state"] == "done" and done["result"]["ok"] == 1
        until(lambda: engineer.get(f"/devices/{board.mac}")["contact"]["boot"] == before + 1, 30)
        until(lambda: len(events(engineer, board.mac, "boot")) == 2, 30)
        for _ in range(3):
            party.publish(board.mac, "cmd", again)
        until(lambda: {"id": ident, "ok": 1, "repeated": 1} in events(engineer, board.mac, "command"), 30)
    finally:
        party.close()
    made, items = settle(house, engineer, board)
    once(house, board.mac, made, items)
    boots = [item["body"]["args"] for item in items if item["body"].get("code") == "boot"]
    assert [each["boot"] for each in boots[:2]] == [before, before + 1]
    assert boots[1]["reset"] == "reset"
    assert len(boots) == board.console.count(b"rst:0x")


def test_M03_a_broker_that_forgot_every_session(
    house: House, engineer: Client, board_of: Callable[..., VirtualBoard]
) -> None:
    board = board_of("02c000000035").start()
    asleep = board_of("02c000000036").start()
    until(lambda: events(engineer, asleep.mac, "boot"), 30)
    asleep.power_cut()
    version = put(engineer, f"/devices/{asleep.mac}/config", {"report_interval_s": 7})["version"]
    with Drive(board) as drive:
        until(lambda: readings(engineer, board.mac, "fix"), 30)
        # What comes while ingest stands still is acknowledged by the broker and then forgotten: the device must not
        # take the broker's word for it (M01).
        house.kill_broker(forget=True, meanwhile=lambda: drive.wait(len(drive.said) + 15))
        began = time.monotonic()
        done = _answered(engineer, board.mac, _command(engineer, board.mac, "locate"), 30)
        assert done["state"] == "done"
        assert time.monotonic() - began <= 30
    hear_out(engineer, board, drive)
    made, items = settle(house, engineer, board)
    once(house, board.mac, made, items)
    heard = as_told(drive.said)
    assert told(items) == heard[heard.index(told(items)[0]) :]
    asleep.start()  # the broker has forgotten what it retained for it, too
    assert _applied(engineer, asleep.mac, version)["ok"] is True
