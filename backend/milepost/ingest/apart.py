"""A sink whose work is done by a process of its own: its runner stays here, and waits for it without the interpreter.

Everything that a runner decides (positions, pauses, dead letters) it decides as for any sink. What the other process
raises is raised here; when it ends, whatever ended it, the hand-over at hand has failed: its next try starts another,
which asks the store how far the sink has got. `apart_child.py` is the other side.
"""

import logging
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from milepost.ingest.model import Sink, SpoolItem

_CHILD = "from milepost.ingest.apart_child import main; main()"
_END_S = 5.0  # what has been asked to end and takes longer is killed: it is as safe as a power cut
_LAST_WORDS_S = 1.0
_BUFFER_BYTES = 1 << 20  # a whole hand-over lies there while the other process is still busy
_log = logging.getLogger(__name__)


class SinkProcessEnded(ChildProcessError):
    """The process of a sink is gone. Made again, the call starts another."""


class SinkApart:
    """Stands for a sink in another process. One thread at a time asks; `start` and `stop` may come from any other."""

    def __init__(self, name: str, make: Callable[[], Sink], figures: Sequence[str] = ()) -> None:
        """`make` makes the sink there: something that can be pickled, with everything it needs (files and connections
        are opened there). `figures`: attributes of the sink that only grow and can be added
        (`figure`)."""
        self.name = name
        self.starts = 0
        self._made = make, tuple(figures)
        self._asking = threading.Lock()
        self._changing = threading.Lock()
        self._child: _Child | None = None
        self._ended = False
        # What processes have counted that are gone, and what the present one has.
        self._counted: tuple[dict[str, Any], dict[str, Any]] = {}, {}

    def start(self) -> None:
        """Let the process begin to load, and wait for nothing."""
        self._running()

    def stop(self) -> None:
        """End the process in good order, or by force when it does not come back from what it does."""
        with self._changing:
            self._ended = True
            child, self._child = self._child, None
        if child is None:
            return
        if self._asking.acquire(timeout=_END_S):
            try:
                child.end()
            finally:
                self._asking.release()
        else:  # whoever waits for its answer sees its end, and takes leave of it
            child.process.kill()
            child.process.wait()

    @property
    def threads(self) -> list[threading.Thread]:
        """None: what has ended is started again by the next hand-over."""
        return []

    @property
    def pid(self) -> int | None:
        """Number of the process, None while there is none."""
        child = self._child
        return None if child is None else child.process.pid

    def figure(self, name: str) -> Any:
        """What all processes together have counted under that name, as of the last answer; None before the first."""
        before, now = (each.get(name) for each in self._counted)
        if before is None or now is None:
            return before if now is None else now
        return before + now

    # --- the sink ---

    def position(self) -> int:
        """The last spool id whose effect is durable."""
        return self._ask("position")

    def tick(self) -> None:
        """What the sink does once a second, if it does."""
        self._ask("tick")

    def handle(self, items: Sequence[SpoolItem]) -> None:
        """Take all of them or raise what the sink raises; SinkProcessEnded when its process ends meanwhile."""
        self._ask("handle", [(each.id, each.device, each.channel, each.received_ms, each.payload) for each in items])

    # --- the process ---

    def _ask(self, *question: Any) -> Any:
        with self._asking:
            child = self._running()
            try:
                child.there.send(question)
                good, answer, now = child.there.recv()
            except (EOFError, OSError) as error:
                raise SinkProcessEnded(self._bury(child)) from error
            self._counted = self._counted[0], now
        if good:
            return answer
        raise answer

    def _running(self) -> "_Child":
        with self._changing:
            if self._ended:
                raise SinkProcessEnded(f"the process of sink {self.name} has been stopped")
            if self._child is None:
                self._child = _Child(self._made)
                self.starts += 1
            return self._child

    def _bury(self, child: "_Child") -> str:
        """Take leave of a process that is gone, or does not speak any more; returns how it ended."""
        with self._changing:
            if self._child is child:
                self._child = None
            self._counted = {name: each for name in self._made[1] if (each := self.figure(name)) is not None}, {}
        code = child.bury(_LAST_WORDS_S)  # it hangs up a little before it is gone
        how = f"was ended by signal {-code}" if code < 0 else f"ended with {code}, the log above says why"
        return f"the process {child.process.pid} of sink {self.name} {how}; the next try starts another"


class _Child:
    """One process, and our end of the line to it. The other end closes with ours, however we end."""

    def __init__(self, made: tuple[Callable[[], Sink], tuple[str, ...]]) -> None:
        here, there = socket.socketpair()
        for end in (here, there):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
        with there:
            # A process group of its own: Ctrl-C is for the service, which ends this one in its turn.
            self.process = subprocess.Popen(
                [sys.executable, "-c", _CHILD, str(there.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(there.fileno(),),
                process_group=0,
            )
        self.there = Connection(here.detach())
        try:
            self.there.send(sys.path)
            self.there.send(made)
        except OSError:  # it is gone already: whoever asks it will see
            _log.debug("process %d ended while it was starting", self.process.pid)

    def end(self) -> None:
        """Ask it to end, and wait a little. Between two questions."""
        with suppress(OSError):
            self.there.send(None)
        self.bury(_END_S)

    def bury(self, wait_s: float) -> int:
        """Wait for its end, and bring it about when it does not come; returns how it ended, as subprocess has it."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(wait_s)
        self.process.kill()
        code = self.process.wait()
        self.there.close()
        return code
