"""The service of a bench, as people run it: `milepost serve` and its broker, each in a process of its own."""

import contextlib
import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from milepost.broker import EmbeddedBroker
from milepost.db import Database
from milepost.fleet.accounts import NatsFile
from milepost_tools.bench.ingest import fleet
from milepost_tools.bench.ingest.sender import Place
from milepost_tools.demo.client import ApiError, Client, at

_USER, _PASSWORD = "mp-ingest", "bench-password"
_START_S = 60


class House:
    """`start` and `kill` the service as often as you like; broker and data stay."""

    def __init__(
        self,
        folder: Path,
        database_url: str | None = None,
        ack_wait_s: int = 10,
        settings: dict[str, str] | None = None,
    ) -> None:
        """`database_url`: of orders and fleet; default: SQLite in the data folder. `settings`: more MILEPOST_* ones."""
        self._settings = settings or {}
        self.data = folder / "service"
        self.data.mkdir(parents=True)
        self.database_url = database_url or f"sqlite:///{self.data / 'milepost.db'}"
        self.broker = EmbeddedBroker(folder, ack_wait_s=ack_wait_s)
        accounts = NatsFile(self.broker.users_file, self.broker.reload)
        accounts.service(_USER, _PASSWORD)
        host, port = self.broker.start()
        self.place = Place(host, port, _USER, _PASSWORD)
        self.url = ""
        self._log = folder / "serve.log"
        self._process: subprocess.Popen[str] | None = None
        self._client: Client | None = None

    def register(self, trucks: int) -> None:
        """Make the schema, and the fleet in it."""
        db = Database(self.database_url)
        try:
            db.migrate()
            fleet.register(db, trucks)
        finally:
            db.close()

    def start(self) -> None:
        """Start the service; returns when it serves. Raises RuntimeError with its log."""
        words = [
            sys.executable, "-c", "from milepost.cli import main; main()", "serve", "--data", str(self.data),
            "--port", "0", "--database", self.database_url,
            "--broker", f"mqtt://{self.place.host}:{self.place.port}", "--json",
        ]  # fmt: skip
        environment = {key: value for key, value in os.environ.items() if not key.startswith("MILEPOST_")}
        environment |= {"MILEPOST_BROKER_USER": _USER, "MILEPOST_BROKER_PASSWORD": _PASSWORD, **self._settings}
        with self._log.open("a") as errors:
            self._process = subprocess.Popen(
                words, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
            )  # fmt: skip
        lines: list[str] = []
        out = self._process.stdout
        assert out is not None
        reader = threading.Thread(target=lambda: lines.append(out.readline()), daemon=True)
        reader.start()
        reader.join(_START_S)
        try:
            self.url = json.loads(lines[0])["url"]
        except (IndexError, ValueError):
            self.kill()
            raise RuntimeError(f"the service did not start:\n{self.log()[-2000:]}") from None
        self._client = Client(at(self.url), fleet.LOGIN, fleet.PASSWORD)

    def kill(self) -> None:
        """End the service as the kernel's out-of-memory killer would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)

    def end(self) -> None:
        """End the service in good order; the broker stays."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()

    def stop(self) -> None:
        """End everything."""
        self.end()
        self.broker.stop()

    def log(self) -> str:
        """What the service wrote to its standard error."""
        return self._log.read_text() if self._log.exists() else ""

    def lags(self) -> dict[str, int]:
        """How many spool items each sink has not had yet. Raises RuntimeError when the service has ended, ApiError or
        httpx.HTTPError when it cannot say (its database is away)."""
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError(f"the service is not running:\n{self.log()[-2000:]}")
        if self._client is None:
            self._client = Client(at(self.url), fleet.LOGIN, fleet.PASSWORD)
        return {sink: each["lag"] for sink, each in self._client.get("/ingest")["sinks"].items()}

    def drained(self, timeout_s: float) -> None:
        """Wait until every sink has everything. Raises TimeoutError."""
        until(self._is_drained, timeout_s, lambda: f"sinks behind: {self.lags()}")

    def _is_drained(self) -> bool:
        try:
            return not any(self.lags().values())
        except (ApiError, httpx.HTTPError):
            self._client = None
            return False

    def cpu_s(self) -> float:
        """CPU seconds of the service so far, all threads."""
        assert self._process is not None
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def until(condition: Callable[[], bool], timeout_s: float, what: Callable[[], object], pause_s: float = 0.1) -> None:
    """Wait for it. Raises TimeoutError with what `what()` says then."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            said = "?"
            with contextlib.suppress(Exception):
                said = str(what())
            raise TimeoutError(f"not within {timeout_s:g} s: {said}")
        time.sleep(pause_s)


def own_cpu_s() -> float:
    """CPU seconds of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
