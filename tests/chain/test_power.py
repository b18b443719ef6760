"""A device loses its power, or its network: what it had accepted arrives, once and in order."""

import random
import time
from collections.abc import Callable

from milepost_hil.virtual import VirtualBoard
from milepost_tools.demo.client import Client

from .device import Drive, as_told, once, settle, told
from .house import House, readings, until

_SEED = 20
_CUTS = 12


def test_power_cut_at_any_moment_loses_nothing_accepted(
    house: House, engineer: Client, board_of: Callable[..., VirtualBoard]
) -> None:
    """Twelve cuts, in the boot, between two instructions, or in the middle of a flash operation, torn."""
    rng = random.Random(_SEED)
    board = board_of("02c000000011", batch_wait_ms=50)
    with Drive(board, every_s=0.04) as drive:
        for number in range(_CUTS):
            board.start()
            if number % 3 == 0:
                time.sleep(rng.uniform(0.0, 3.0))  # the moment is what is random here
            else:
                board.cut_at(rng.randint(1, 60), torn_bytes=rng.randint(0, 40))
                until(lambda: not board.powered, 30, lambda: board.console[-500:])
            board.power_cut()
        board.start()
        before = len(drive.said)
        drive.wait(before + 25)
    made, items = settle(house, engineer, board)
    boots = board.console.count(b"(POWERON_RESET)")
    assert boots > _CUTS, boots
    once(house, board.mac, made, items)
    fixes = told(items)
    assert set(fixes) <= set(as_told(drive.said)), "a fix that nobody told"
    assert len(fixes) > 50
    assert fixes == sorted(fixes)
    assert not [item for item in items if item["body"].get("code") == "gap"]


def test_a_link_cut_of_20_s_loses_nothing_and_keeps_the_order(
    house: House, engineer: Client, board_of: Callable[..., VirtualBoard]
) -> None:
    board = board_of("02c000000012")
    board.start()
    with Drive(board, every_s=0.1) as drive:
        until(lambda: readings(engineer, board.mac, "fix"), 30)
        board.link.cut("blackhole")
        cut_at = len(drive.said)
        time.sleep(20)
        stored = len(readings(engineer, board.mac, "fix"))
        assert stored < cut_at + 2
        told_in_the_dark = len(drive.said) - cut_at
        board.link.restore()
        until(lambda: len(readings(engineer, board.mac, "fix")) >= stored + told_in_the_dark, 60)
    made, items = settle(house, engineer, board)
    once(house, board.mac, made, items)
    heard = as_told(drive.said)
    assert told(items) == heard[heard.index(told(items)[0]) :]
    numbers = [int(item["id"].rsplit("/", 1)[1]) for item in items if item["kind"] == "fix"]
    assert numbers == sorted(numbers)
    late = [item for item in items if item["kind"] == "fix"][cut_at + 5 : cut_at + 20]
    assert late and all(item["received_at"] > item["at"] for item in late)
