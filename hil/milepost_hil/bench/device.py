"""The firmware on a board under test, with its identity at a real broker, and what its sensors say."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from milepost.broker import EmbeddedBroker
from milepost.fleet.accounts import NatsFile
from milepost_hil import image
from milepost_hil.bench.boards import Board

# a test does not want to wait: short batches, an early second attempt
_QUICK = {"version": 1, "batch_wait_ms": 200, "ack_stall_s": 2, "health_interval_s": 3600}


class Broker:
    """The embedded broker with accounts as in production."""

    def __init__(self, folder: Path) -> None:
        self._broker = EmbeddedBroker(folder)
        self._broker.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.accounts = NatsFile(self._broker.users_file, self._broker.reload)
        self.user = "hil"
        self.password = secrets.token_urlsafe(12)
        self.accounts.service(self.user, self.password)
        self.host, self.port = self._broker.start()

    def stop(self) -> None:
        self._broker.stop()

    def crash(self) -> None:
        """Kills the broker; it comes back on the same port by itself."""
        self._broker.kill()


@dataclass(frozen=True, slots=True)
class Device:
    """The installed application."""

    board: Board
    role: str

    def started(self, timeout_s: float = 20.0) -> None:
        """Waits until the application says that it runs."""
        self.board.expect(
            rb"milepost [^\r\n:]*: " + self.role.encode() + b" " + self.board.device_id.encode(), timeout_s
        )

    def first_acknowledged(self, timeout_s: float = 30.0) -> None:
        """Waits for the console line of the first acknowledgement."""
        self.board.expect(rb"milepost: first record acknowledged", timeout_s)


def install(board: Board, broker: Broker, *, role: str, password: str, config: Mapping[str, object]) -> Device:
    """Puts firmware, identity and configuration on the board and starts it."""
    host, port = board.link.address(broker.host, broker.port)
    identity = {
        "device": board.device_id,
        "broker": {"host": host, "port": port, "user": board.device_id, "password": password, "tls": False, "ca": None},
        "wifi": dict(board.wifi),
        "role": role,
    }
    files = image.application(image.firmware_folder())
    files["/identity.json"] = json.dumps(identity).encode()
    files["/config.json"] = json.dumps({**_QUICK, **config}).encode()
    board.install(files)
    return Device(board, role)
