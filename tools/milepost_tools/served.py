"""A program of ours in a process of its own, for benches and tests: started, killed, frozen, ended, started again."""

import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class Served:
    """`milepost WORDS --json`, which says in its first line where it is; what it says besides goes into `log`."""

    def __init__(
        self,
        words: Sequence[str],
        log: Path,
        settings: Mapping[str, str] | None = None,
        *,
        start_s: float = 60,
        with_thread: bool = False,
    ) -> None:
        """`settings`: the MILEPOST_* it sees, no others; `start_s`: how long it may take to say where it is;
        `with_thread`: it dies when the thread that starts it ends, so that nothing is left of a run that was killed.
        """
        # By this interpreter, whatever is installed under the name.
        self._words = [sys.executable, "-c", "from milepost.cli import main; main()", *words, "--json"]
        self._log = log
        self._environment = {key: value for key, value in os.environ.items() if not key.startswith("MILEPOST_")}
        self._environment |= settings or {}
        self._start_s = start_s
        self._with_thread = with_thread
        self._process: subprocess.Popen[str] | None = None
        self.where: dict[str, Any] = {}

    def start(self) -> None:
        """Start it and return when it has said where it is. Raises RuntimeError with its log."""
        self.launch()
        self.ready()

    def launch(self) -> None:
        """Start it and wait for nothing."""
        with self._log.open("a") as errors:
            self._process = subprocess.Popen(
                self._words,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=self._environment,
                preexec_fn=_die_with_parent if self._with_thread else None,  # noqa: PLW1509  (only one prctl)
            )

    def ready(self) -> None:
        """Wait until it has said where it is. Raises RuntimeError with its log."""
        out = self._process.stdout if self._process is not None else None
        assert out is not None
        lines: list[str] = []
        reader = threading.Thread(target=_read_line, args=(out, lines), daemon=True)
        reader.start()
        reader.join(self._start_s)
        try:
            self.where = json.loads(lines[0])
        except (IndexError, ValueError):
            self.kill()
            raise RuntimeError(f"milepost {self._words[3]} did not start:\n{self.log()[-3000:]}") from None

    @property
    def pid(self) -> int:
        """Its number, also of one that has ended. It was started before."""
        assert self._process is not None
        return self._process.pid

    @property
    def runs(self) -> bool:
        """True while it is there."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """End it as the kernel's out-of-memory killer would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)

    def freeze(self) -> None:
        """Stand still, keeping files, connections and locks, until `thaw`."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on."""
        os.kill(self.pid, signal.SIGCONT)

    def terminate(self) -> None:
        """Ask it to end, as an operator would."""
        if self._process is not None and self.runs:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()

    def stop(self, timeout_s: float = 40) -> None:
        """End it as an operator would. Raises subprocess.TimeoutExpired for one that does not; it is killed then."""
        self.terminate()
        if self._process is not None:
            try:
                self._process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.kill()
                raise

    def log(self) -> str:
        """What it wrote to its standard error, over all starts."""
        return self._log.read_text() if self._log.exists() else ""

    def cpu_s(self) -> float:
        """CPU seconds so far, all threads."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def until(
    condition: Callable[[], Any], timeout_s: float = 30.0, what: Callable[[], object] = lambda: "", pause_s: float = 0.1
) -> Any:
    """Wait for a true value and return it. Raises TimeoutError with what `what()` says then."""
    deadline = time.monotonic() + timeout_s
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout_s:g} s: {_said(what)}")
        time.sleep(pause_s)
    return found


def _said(what: Callable[[], object]) -> str:
    try:
        return str(what())
    except Exception as error:  # it is asked because something is wrong
        return f"? ({type(error).__name__})"


def _read_line(out: IO[str], lines: list[str]) -> None:
    lines.append(out.readline())


def _die_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
