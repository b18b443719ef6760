"""pytest plugin: the same tests on a virtual board (default) and on the board on the table.

    pytest hil/tests                                   # virtual
    pytest hil/tests --board /dev/ttyUSB0              # what needs only the console
    pytest hil/tests --board /dev/ttyUSB0 --gnss-port /dev/ttyUSB1 --rfid-port /dev/ttyUSB2 \\
        --bench-address 192.168.1.10 --wifi SSID:PASSWORD

Nothing of a board is imported before a test asks for one: the plugin is loaded by every pytest run.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from milepost_hil.bench.backend import AckBackend
    from milepost_hil.bench.boards import Board
    from milepost_hil.bench.device import Broker, Device
    from milepost_hil.bench.sensors import Journey

_CONSOLE_LINES = 200


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("milepost", "Milepost boards")
    group.addoption("--board", default="virtual", help="virtual, a serial port, or a pyserial URL (rfc2217://...)")
    group.addoption("--gnss-port", default=None, help="serial port wired to the board's GNSS UART")
    group.addoption("--rfid-port", default=None, help="serial port wired to the board's reader UART")
    group.addoption("--bench-address", default=None, help="address of this machine as a real board reaches it")
    group.addoption("--wifi", default=None, help="SSID:PASSWORD for a real board")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "feature(name): the board must have this feature")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips what this bench cannot do, with the reason."""
    wanted = [mark.args[0] for mark in item.iter_markers("feature")]
    if not wanted:
        return
    config = item.config
    if config.getoption("--board") == "virtual":
        return
    from milepost_hil.bench.boards import serial_features  # noqa: PLC0415

    able = serial_features(
        config.getoption("--gnss-port"),
        config.getoption("--rfid-port"),
        config.getoption("--bench-address"),
        config.getoption("--wifi"),
    )
    for name in wanted:
        if name not in able:
            pytest.skip(f"board {config.getoption('--board')} on this bench has no {name} (docs/hil.md, wiring)")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Adds the console log to the report of a failed test."""
    outcome: Any = yield
    report = outcome.get_result()
    console = getattr(getattr(item, "funcargs", {}).get("board"), "console", None)
    if report.failed and console is not None:
        text = console.decode(errors="replace") if isinstance(console, bytes) else console.stamped()
        report.sections.append(("board console", "\n".join(text.splitlines()[-_CONSOLE_LINES:])))


@pytest.fixture
def board(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Board]:
    """The board under test. A virtual one is fresh; a real one is as the last test left it."""
    from milepost_hil.bench.boards import BenchSerialBoard, BenchVirtualBoard  # noqa: PLC0415
    from milepost_hil.virtual import BoardUnavailable, interpreter  # noqa: PLC0415

    option = request.config.getoption
    if option("--board") == "virtual":
        try:
            interpreter()
        except BoardUnavailable as e:
            pytest.skip(str(e))
        made: Board = BenchVirtualBoard(tmp_path / "board")
    else:
        ssid, _, password = (option("--wifi") or "").partition(":")
        made = BenchSerialBoard(
            str(option("--board")),
            gnss_port=option("--gnss-port"),
            rfid_port=option("--rfid-port"),
            bench_address=option("--bench-address"),
            wifi={"ssid": ssid, "password": password} if ssid else None,
        )
    yield made
    made.close()


@pytest.fixture
def gnss(board: Board) -> Any:
    """The far end of the board's GNSS UART; use with feature("gnss")."""
    return board.gnss


@pytest.fixture
def journey(gnss: Any) -> Journey:
    """A drive told at the GNSS UART; use with feature("gnss")."""
    from milepost_hil.bench.sensors import Journey  # noqa: PLC0415

    return Journey(gnss)


@pytest.fixture
def rfid(board: Board) -> Any:
    """The far end of the board's reader UART; use with feature("rfid")."""
    return board.rfid


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A real broker (nats-server) with the rights a production broker gives."""
    from milepost_hil.bench.device import Broker  # noqa: PLC0415

    running = Broker(tmp_path_factory.mktemp("broker"))
    yield running
    running.stop()


@pytest.fixture
def backend_ack(broker: Broker, board: Board) -> Iterator[AckBackend]:
    """A backend that acknowledges what the board under test sends, and keeps it decoded."""
    from milepost_hil.bench.backend import AckBackend  # noqa: PLC0415

    listener = AckBackend(broker.host, broker.port, broker.user, broker.password, board.device_id)
    yield listener
    listener.close()


@pytest.fixture
def device(board: Board, broker: Broker) -> Callable[..., Device]:
    """device(role, **config) installs the firmware with an identity for this broker and starts it."""
    from milepost_hil.bench.device import install  # noqa: PLC0415

    def make(role: str = "tracker", **config: object) -> Device:
        password = secrets.token_urlsafe(12)
        broker.accounts.put(board.device_id, password)
        return install(board, broker, role=role, password=password, config=config)

    return make
