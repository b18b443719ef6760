"""Several parts together: the service in its process, its broker, real firmware on virtual boards."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from milepost_hil.virtual import VirtualBoard
from milepost_tools.demo.client import Client

from .device import flash
from .house import House


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A running service; a test that kills it or its broker leaves it running again."""
    running = House(tmp_path_factory.mktemp("chain"))
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def engineer(house: House) -> Client:
    """Somebody who may see and do everything with devices."""
    return house.hire("engineer", "engineer", "dispatcher")


@pytest.fixture
def board_of(house: House, engineer: Client, tmp_path: Path) -> Iterator[Callable[..., VirtualBoard]]:
    """`board_of("02...", role="tracker", **config)`: a registered, flashed board without power."""
    boards: list[VirtualBoard] = []

    def build(device: str, role: str = "tracker", **config: Any) -> VirtualBoard:
        boards.append(flash(house, engineer, tmp_path / device, device, role=role, config=config))
        return boards[-1]

    yield build
    for board in boards:
        board.stop()
