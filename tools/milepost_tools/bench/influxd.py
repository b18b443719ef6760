"""A real influxd as a process of its own, for benches and tests: started, killed, set up."""

import socket
import subprocess
import time
from pathlib import Path

import httpx

ADMIN = "admin-token-of-a-throw-away-server"
ORG = "acme"
_BUILD = Path(__file__).parents[3] / "tests" / "influxd" / "build.sh"
_START_S = 30


class NoInfluxd(RuntimeError):
    """There is no influxd on this machine; the message says what to do."""


def find_influxd() -> Path:
    """The influxd of this machine: $MILEPOST_INFLUXD, PATH, or the one that tests/influxd/build.sh built before.

    Raises NoInfluxd.
    """
    found = subprocess.run(["bash", str(_BUILD), "--find"], capture_output=True, text=True, check=False)
    if found.returncode:
        raise NoInfluxd(found.stderr.strip())
    return Path(found.stdout.strip())


class Influxd:
    """One server with its data in `folder`, on a port that it keeps over restarts."""

    def __init__(self, folder: Path, program: Path | None = None) -> None:
        self.folder = folder
        self._program = program or find_influxd()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.base_url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen | None = None

    def url(self, bucket: str) -> str:
        """What `telemetry_url` has to be for a bucket."""
        return f"influx://127.0.0.1:{self.port}/{ORG}?bucket={bucket}"

    def start(self) -> None:
        """Start it and wait until it answers. Raises RuntimeError with its last words when it does not."""
        self.folder.mkdir(parents=True, exist_ok=True)
        log = (self.folder / "log").open("ab")
        places = [f"--{name}-path={self.folder / name}" for name in ("bolt", "sqlite", "engine")]
        self._process = subprocess.Popen(
            [
                self._program, *places, f"--http-bind-address=127.0.0.1:{self.port}", "--reporting-disabled",
                "--log-level=warn", "--session-length=60",
            ],
            stdout=log, stderr=log,
        )  # fmt: skip
        log.close()
        deadline = time.monotonic() + _START_S
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.base_url}/health", timeout=1).status_code == 200:
                    return
            except httpx.HTTPError:
                time.sleep(0.05)
        raise RuntimeError(f"influxd did not start: {(self.folder / 'log').read_text('utf-8', 'replace')[-500:]}")

    def onboard(self) -> None:
        """Give a new server its first user, the organisation, and the token ADMIN."""
        first = {"username": "admin", "password": "only-for-tests", "org": ORG, "bucket": "unused", "token": ADMIN}
        httpx.post(f"{self.base_url}/api/v2/setup", json=first, timeout=20).raise_for_status()

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """kill -9, as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """End it in good order."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
