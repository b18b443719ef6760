"""A virtual board per test, and its prompt through mpremote's own transport."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from mpremote.transport_serial import SerialTransport

from milepost_hil import image
from milepost_hil.virtual import VirtualBoard, interpreter
from milepost_hil.virtual.child import BoardUnavailable

Run = Callable[[VirtualBoard, str], str]


@contextmanager
def prompt(board: VirtualBoard) -> Iterator[SerialTransport]:
    """The raw REPL of a board, entered without a reset."""
    transport = SerialTransport(board.port, timeout=10)
    try:
        transport.enter_raw_repl(soft_reset=False)
        yield transport
        transport.exit_raw_repl()
        transport.read_until(1, b">>> ")
    finally:
        transport.close()


@pytest.fixture
def run() -> Run:
    """run(board, code) executes code in the board's raw REPL and returns what it printed."""

    def execute(board: VirtualBoard, code: str) -> str:
        with prompt(board) as transport:
            return transport.exec(code).decode().replace("\r\n", "\n")

    return execute


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., VirtualBoard]]:
    """make({"main.py": source}, name) gives a powered board with these files and takes it away afterwards."""
    try:
        interpreter()
    except BoardUnavailable as e:
        pytest.skip(str(e))
    boards: list[VirtualBoard] = []

    def build(files: dict[str, str] | None = None, name: str = "board", *, start: bool = True) -> VirtualBoard:
        folder = tmp_path / name
        if files is not None:
            image.write_files(folder, {k: v.encode() for k, v in files.items()})
        board = VirtualBoard(folder)
        boards.append(board)
        return board.start() if start else board

    yield build
    for board in boards:
        board.stop()
