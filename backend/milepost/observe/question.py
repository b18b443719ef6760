"""Asks what may be slow to answer, again and again, so that whoever looks at the process never waits for it."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

_log = logging.getLogger(__name__)
_NOT_YET = "not asked yet"
Answer = TypeVar("Answer")


class Question(Generic[Answer]):
    """One question, put every few seconds in a thread of its own; the last answer stays until the next."""

    def __init__(self, name: str, ask: Callable[[], Answer], every_s: float, hangs_s: float) -> None:
        """`ask` raises when the answer is bad; `hangs_s`: after so long no answer is a bad one."""
        self.name = name
        self.answer: Answer | None = None
        self._ask = ask
        self._every_s = every_s
        self._hangs_s = hangs_s
        self._error: str | None = _NOT_YET
        self._began: float | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"ask-{name}", daemon=True)

    def start(self) -> None:
        """Ask now, and go on."""
        self._thread.start()

    def stop(self) -> None:
        """End; a question that hangs is left to itself."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(1)

    @property
    def threads(self) -> list[threading.Thread]:
        """What must be alive while this runs."""
        return [self._thread]

    @property
    def trouble(self) -> str | None:
        """What is wrong, or None after a good answer."""
        began = self._began
        if began is not None and (took := time.monotonic() - began) > self._hangs_s:
            return f"no answer for {took:.0f} s"
        return self._error

    def _run(self) -> None:
        while True:
            self._began = time.monotonic()
            try:
                self.answer = self._ask()
                error = None
            except Exception as found:
                error = f"{type(found).__name__}: {_first_line(found)}"
            self._note(error)
            self._error, self._began = error, None
            if self._stop.wait(self._every_s):
                return

    def _note(self, error: str | None) -> None:
        """Tell once that it turned bad, and once that it is over."""
        if error is not None and self._error in (None, _NOT_YET):
            _log.warning("%s: %s", self.name, error)
        elif error is None and self._error not in (None, _NOT_YET):
            _log.info("%s is well again", self.name)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:300]
