"""A device loses its power, or its network: what it had accepted arrives, once and in order."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from milepost_hil.virtual import VirtualBoard
from milepost_tools.demo.client import Client
from milepost_tools.served import until

from .device import Drive, as_told, flash, hear_out, once, settle, told
from .house import House, readings

_SEED = 20
_CUTS = 12


@pytest.mark.long
@pytest.mark.usefixtures("dark")
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
                time.sleep(rng.uniform(0.0, 2.5))  # the moment is what is random here
            else:
                board.cut_at(rng.randint(1, 50), torn_bytes=rng.randint(0, 40))
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


@dataclass
class Dark:
    """A board that drives on while its uplink is dead."""

    board: VirtualBoard
    drive: Drive
    cut_at: int  # fixes told before
    since_s: float


@pytest.fixture(scope="module")
def dark(house: House, engineer: Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dark]:
    """The cut lasts 20 s: it begins before the other test of this module, which needs about as long."""
    board = flash(house, engineer, tmp_path_factory.mktemp("dark"), "02c000000012").start()
    with Drive(board, every_s=0.1) as drive:
        until(lambda: readings(engineer, board.mac, "fix"), 30)
        board.link.cut("blackhole")
        yield Dark(board, drive, len(drive.said), time.monotonic())
    board.stop()


def test_a_link_cut_of_20_s_loses_nothing_and_keeps_the_order(house: House, engineer: Client, dark: Dark) -> None:
    board, drive = dark.board, dark.drive
    until(lambda: time.monotonic() - dark.since_s >= 20, 25)
    assert len(readings(engineer, board.mac, "fix")) < dark.cut_at + 2
    assert len(drive.said) > dark.cut_at + 100
    board.link.restore()
    last_in_the_dark = as_told(drive.said[-1:])[0]
    until(lambda: last_in_the_dark in told(readings(engineer, board.mac)), 60)
    drive.end()
    hear_out(engineer, board, drive)
    made, items = settle(house, engineer, board)
    once(house, board.mac, made, items)
    heard = as_told(drive.said)
    assert told(items) == heard[heard.index(told(items)[0]) :]
    numbers = [int(item["id"].rsplit("/", 1)[1]) for item in items if item["kind"] == "fix"]
    assert numbers == sorted(numbers)
