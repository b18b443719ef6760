"""Backend and broker die while a tracker streams: nothing is lost, nothing comes twice."""

import socket
from collections.abc import Callable

import pytest

from milepost_hil.virtual import VirtualBoard
from milepost_tools.demo.client import Client
from milepost_tools.served import until

from .device import Drive, acknowledged, as_told, hear_out, once, settle, told
from .house import House, readings, seqs


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
    hear_out(engineer, board, drive)
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
    hear_out(engineer, board, drive)
    made, items = settle(house, engineer, board)
    once(house, board.mac, made, items)
    heard = as_told(drive.said)
    assert told(items) == heard[heard.index(told(items)[0]) :]


def test_a_service_with_an_empty_database_takes_the_stream_up_where_the_device_stands(
    house: House, engineer: Client, board_of: Callable[..., VirtualBoard]
) -> None:
    """The device has let go of what was acknowledged; the watermark starts at its tail, not at a hole for ever."""
    board = board_of("02c000000003").start()
    with Drive(board, every_s=0.05) as drive:
        until(lambda: len(readings(engineer, board.mac, "fix")) > 70, 40)  # enough for the flash to note the ack
        house.kill()
        for name in ("spool.db", "telemetry.db"):
            for path in house.data.glob(f"{name}*"):
                path.unlink()
        drive.wait(len(drive.said) + 10)
        in_the_dark = len(drive.said)
        house.start()
        until(lambda: as_told(drive.said[-1:])[0] in told(readings(engineer, board.mac)), 30)
    first = min(int(item["id"].rsplit("/", 1)[1]) for item in readings(engineer, board.mac))
    assert first > 1
    made, items = settle(house, engineer, board, first)
    assert seqs(items, made.stream) == list(range(first, made.head + 1))
    assert as_told(drive.said[in_the_dark - 10 :]) == told(items)[-(len(drive.said) - in_the_dark + 10) :]
    assert acknowledged(engineer, board.mac) == made.head


def test_a_service_never_moves_its_broker_to_another_port(house: House) -> None:
    """Every device has the port in its identity."""
    house.kill()
    with pytest.raises(ConnectionRefusedError):
        until(lambda: socket.create_connection(house.broker).close(), 10)  # its broker goes with it
    with socket.create_server(house.broker), pytest.raises(RuntimeError, match=f"port {house.broker[1]} .* is taken"):
        house.start()
    house.start()
