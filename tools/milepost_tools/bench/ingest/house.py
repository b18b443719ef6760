"""The service of a bench, as people run it: `milepost serve` and its broker, each in a process of its own."""

import contextlib
import resource
import subprocess
from pathlib import Path

import httpx

from milepost.broker import EmbeddedBroker
from milepost.db import Database
from milepost.fleet.accounts import NatsFile
from milepost_tools.bench.ingest import fleet
from milepost_tools.bench.ingest.sender import Place
from milepost_tools.demo.client import ApiError, Client, at
from milepost_tools.served import Served, until

_USER, _PASSWORD = "mp-ingest", "bench-password"


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
        self.data = folder / "service"
        self.data.mkdir(parents=True)
        self.database_url = database_url or f"sqlite:///{self.data / 'milepost.db'}"
        self.broker = EmbeddedBroker(folder, ack_wait_s=ack_wait_s)
        accounts = NatsFile(self.broker.users_file, self.broker.reload)
        accounts.service(_USER, _PASSWORD)
        host, port = self.broker.start()
        self.place = Place(host, port, _USER, _PASSWORD)
        self.url = ""
        words = ["serve", "--data", str(self.data), "--port", "0", "--database", self.database_url,
                 "--broker", f"mqtt://{host}:{port}"]  # fmt: skip
        given = {"MILEPOST_BROKER_USER": _USER, "MILEPOST_BROKER_PASSWORD": _PASSWORD, **(settings or {})}
        self._served = Served(words, folder / "serve.log", given)
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
        self._served.start()
        self.url = self._served.where["url"]
        self._client = Client(at(self.url), fleet.LOGIN, fleet.PASSWORD)

    def kill(self) -> None:
        """End the service as the kernel's out-of-memory killer would."""
        self._served.kill()

    def end(self) -> None:
        """End the service in good order; the broker stays."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._served.stop(30)

    def stop(self) -> None:
        """End everything."""
        self.end()
        self.broker.stop()

    def log(self) -> str:
        """What the service wrote to its standard error."""
        return self._served.log()

    def lags(self) -> dict[str, int]:
        """How many spool items each sink has not had yet. Raises RuntimeError when the service has ended, ApiError or
        httpx.HTTPError when it cannot say (its database is away)."""
        if not self._served.runs:
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

    @property
    def pid(self) -> int:
        """Number of the service, also of one that has ended."""
        return self._served.pid

    def cpu_s(self) -> float:
        """CPU seconds of the service so far, all threads."""
        return self._served.cpu_s()


def own_cpu_s() -> float:
    """CPU seconds of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
