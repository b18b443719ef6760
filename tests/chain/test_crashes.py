"""Backend and broker die while a tracker streams: nothing is lost, nothing comes twice."""

from collections.abc import Callable

from milepost_hil.virtual import VirtualBoard
from milepost_tools.demo.client import Client

from .device import Drive, as_told, once, settle, told
from .house import House, readings, until


def test_a_killed_backend_comes_back_and_misses_nothing(
    house: House, engineer: Client, board_of: Callable[..., VirtualBoard]
) -> None:
    board = board_of("02c000000001").start()
    with Drive(board) as drive:
        until(lambda: readings(engineer, board.mac, "fix"), 30)
        house.kill()
        drive.wait(len(drive.said) + 15)
        house.start()
        before = len(readings(engineer, board.mac, "fix"))
        until(lambda: len(readings(engineer, board.mac, "fix")) > before, 30)
    made, items = settle(house, engineer, board)
    once(house, board.mac, made, items)
    heard = as_told(drive.said)
    assert told(items) == heard[heard.index(told(items)[0]) :]  # all of it, in order, from when the board ran


def test_a_broker_killed_mid_batch_costs_nothing(
    house: House, engineer: Client, board_of: Callable[..., VirtualBoard]
) -> None:
    board = board_of("02c000000002", batch_wait_ms=0).start()  # a batch every fix: one is always under way
    with Drive(board, every_s=0.05) as drive:
        until(lambda: readings(engineer, board.mac, "fix"), 30)
        for _ in range(3):
            house.kill_broker()
            before = len(readings(engineer, board.mac, "fix"))
            until(lambda: len(readings(engineer, board.mac, "fix")) > before, 40)  # noqa: B023
    made, items = settle(house, engineer, board)
    once(house, board.mac, made, items)
    heard = as_told(drive.said)
    assert told(items) == heard[heard.index(told(items)[0]) :]
